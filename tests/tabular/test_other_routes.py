"""Two routes to one answer: sizes choose between them, pieces are of some size, and each is made to serve.

What decides is moved, so that small instances go the way of large ones; the answers stay.
"""

import numpy as np
import pytest

from tabular import Preferences, Problem, cpo, dpo, losses
from tabular.choice import best_of_n, nash, plackett_luce
from tabular.choice.rankings import Rankings
from tabular.fits import (
    bradley_terry,
    convex,
    dense_cuts,
    laplacian,
    least_squares,
    logistic,
    newton,
    pair_graph,
    polyhedral,
    separation,
    tilted,
    tree_cuts,
)
from tabular.fits import plackett_luce as listwise
from tabular.fits.convex import Labels
from tabular.simplex import divergences, penalized_maxima, sft
from tests.tabular.fits.test_logistic import labels as linear_labels


def instances(beta=0.5, count=3):
    """Several prompts of several sizes, all labelled both ways, a chain labelled once among them."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        sizes, width = (4, 6, 3, 6), 6
        log_ref = np.where(np.arange(width) < np.array(sizes)[:, None], rng.normal(0, 2, (4, width)), -np.inf)
        problem = Problem.from_unnormalized(log_ref, beta, rng.normal(size=(4, width)))
        pairs = [(k, *rng.permutation(n)[:2].tolist()) for k, n in enumerate(sizes) for _ in range(2 * n)]
        pairs += [(k, y, w) for k, w, y in pairs if k != 2]
        yield problem, Preferences.from_pairs([(*pair, float(rng.choice([1, 2, 5, 0.25]))) for pair in pairs])


def solved(loss):
    loss = losses.typical(loss) if isinstance(loss, str) else loss

    def run():
        for one in instances():
            found = losses.solve(*one, loss)
            assert found.residual < 1e-7
            yield from (np.exp(found.log_policy), found.infimum, [status.value for status in found.statuses])

    return run


def connected(spread=0.0, tilt=0.0):
    """Graphs with cycles to spare, two components at once."""

    def fitted():
        for seed in range(3):
            rng = np.random.default_rng(seed)
            first = np.r_[np.arange(40), rng.integers(0, 40, 160)]
            second = (first + np.r_[np.ones(40, int), rng.integers(1, 39, 160)]) % 40
            winner, loser = np.r_[first, first + 40], np.r_[second, second + 40]
            log_weight = rng.uniform(-spread, 0, 400)
            yield np.repeat([0, 1], 40), winner, loser, log_weight, tilt * rng.normal(size=400)

    return fitted


def strengths(**of):
    def run():
        for component, *edges in connected(**of)():
            yield bradley_terry.fit(len(component), *edges).strength

    return run


def squares(**of):
    def run():
        for edges in connected(tilt=1.0, **of)():
            yield least_squares.solve(*edges)

    return run


def with_linear_term(linear):
    def run():
        for edges in connected(tilt=0.3)():
            strength, proved = tilted.solve(*edges, linear)
            yield from (strength, proved)

    return run


def steep():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        first, size = rng.permutation(6), 6
        winner = np.concatenate(
            [first + size * k for k in range(5)] + [rng.integers(0, 6, 8) + size * k for k in range(5)]
        )
        block = winner // size
        loser = block * size + (winner % size + rng.integers(1, 6, len(winner))) % size
        loser[:30] = np.concatenate([np.roll(first, -1) + size * k for k in range(5)])
        found = bradley_terry.fit(
            30, winner, loser, rng.uniform(-90, 0, len(winner)), 20 * rng.normal(size=len(winner))
        )
        assert found.residual < 1e-9
        yield found.strength


def hinges():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        winner = rng.integers(0, 8, 30)
        loser = (winner + rng.integers(1, 8, 30)) % 8
        weight = rng.choice([1.0, 2.0, 3.0], 30)
        face = polyhedral.solve(Labels(8, winner, loser, np.log(weight / 60), np.ones(30), weight))
        assert face.gap < 1e-9
        yield from (face.minimum, face.dimension)


def quartics():
    loss = losses.custom("quartic", lambda x: x**2 + x**4, lambda x: 2 * x + 4 * x**3)
    for edges in connected(tilt=1.0)():
        yield newton.solve(*edges, loss.scalar)


def logistic_fits():
    compared, weight = linear_labels(), np.full(4000, 1 / 4000)
    yield logistic.from_a_part(compared, weight).theta
    yield logistic.newton(compared.rows(), weight, np.eye(3))
    yield compared.sizes(weight)


def splits():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = rng.integers(-2, 3, (6, 3)).astype(float)
        yield separation.separate(rows).overlapping


def of_keys():
    rng = np.random.default_rng(0)
    for edges in connected()():
        pairs = pair_graph.PairGraph.of(80, *edges[1:3])
        yield from (pairs.low, pairs.high, pairs.pair, pairs.components())
        yield pairs.matrix(rng.exponential(size=400)).toarray()


def rankings():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(8)[: rng.integers(2, 9)].tolist() for _ in range(20)]
        found = plackett_luce.solve(
            Problem(np.full(8, -np.log(8)), 1.0), Rankings(orders, weight=rng.choice([1, 2], 20))
        )
        assert found.residual < 1e-9
        yield from (found.log_policy, found.infimum)


def draws():
    for problem, _ in instances():
        yield from (np.exp(best_of_n.policy(problem, n)) for n in (2, 5, 31, 2.5))
        yield np.exp(best_of_n.policy(problem, np.array([1.0, 4.0, 2.0, 9.0])))


def of_divergences():
    for problem, _ in instances():
        for kind in divergences.DIVERGENCES:
            found = divergences.optimum(problem, kind)
            yield from (np.exp(found.log_policy), found.multiplier)


def equilibria():
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random((7, 4, 4)), 1)
    yield nash.regularised(upper + np.tril(1 - upper.swapaxes(1, 2), -1) + np.eye(4) / 2, 0.05).log_policy


def maxima():
    for problem, preferences in instances():
        for gamma in (0.01, 0.2):
            found = cpo.penalized_optimum(problem, preferences, gamma)
            yield from (found.n_local, found.certified, *(row for row in found.local_by_prompt if row is not None))


def of_dpo():
    for one in instances():
        found = dpo.solve(*one)
        yield from (np.exp(found.log_policy), found.infimum)


#: {route: (what is moved, an instance, how near the answers are)}
ROUTES = {
    "fits of small blocks in cuts": ([(bradley_terry, "EVEN", -1.0)], of_dpo, 1e-9),
    "fits by gradients": ([(bradley_terry, "SMALL", 1)], strengths(), 1e-9),
    "fits by factors": ([(bradley_terry, "SMALL", 1), (laplacian, "_CRAWLING", 1)], strengths(), 1e-9),
    "cuts of paths": ([(tree_cuts, "LARGEST", 1)], steep, 1e-7),
    "cuts of paths walked in turn": ([(tree_cuts, "LARGEST", 1), (tree_cuts, "_FEW", 0)], steep, 1e-7),
    "cuts of a block at a time": ([(tree_cuts, "_ENTRIES", 1)], steep, 1e-9),
    "cuts from trees that are the heaviest": ([(dense_cuts, "HEAVIER", 0.5)], steep, 1e-7),
    "squares by gradients": ([(least_squares, "SMALL", 1)], squares(), 1e-9),
    "squares by gradients that crawl": (
        [(least_squares, "SMALL", 1), (least_squares, "_CRAWLING", 1)],
        squares(),
        1e-9,
    ),
    "squares by elimination": (
        [(least_squares, "SMALL", 99), (least_squares, "EVEN", -1.0)],
        squares(spread=2.0),
        1e-9,
    ),
    "cDPO by gradients": ([(tilted, "SMALL", 1)], with_linear_term(0.2), 1e-9),
    "rDPO by gradients": ([(tilted, "SMALL", 1)], with_linear_term(-0.01), 1e-9),
    "cDPO relabelled": ([(convex, "EVEN", -1.0)], solved("cdpo"), 1e-7),
    "rDPO relabelled": ([(convex, "EVEN", -1.0)], solved(losses.get("rdpo", eps=0.01)), 1e-7),
    "Newton on sparse graphs": ([(newton, "_DENSE", 1)], quartics, 1e-7),
    "hinges by a programme": ([(polyhedral, "_EXACT", 1), (polyhedral, "EVEN", -1.0)], hinges, 1e-9),
    "hinges in steps": ([(polyhedral, "_EXACT", 1)], hinges, 1e-9),
    "blocks of few labels": ([(logistic, "BLOCK", 7), (logistic, "FEW_ROWS", 3)], logistic_fits, 1e-10),
    "separation in floats": ([(separation, "EXACT", 0)], splits, 0),
    "keys that are sorted": ([(pair_graph, "_COUNTED", 0)], of_keys, 0),
    "rankings on sparse graphs": ([(listwise, "SMALL", 1), (listwise, "DENSE", 1)], rankings, 1e-8),
    "rankings by elimination in logs": ([(listwise, "EVEN", -1.0)], rankings, 1e-8),
    "best of few draws by logs": ([(best_of_n, "_FEW", 0)], draws, 1e-12),
    "best of n of a prompt at a time": ([(best_of_n, "_ROWS", 1)], draws, 1e-13),
    "divergences of a prompt at a time": ([(divergences, "_ROWS", 1)], of_divergences, 1e-10),
    "games two at a time": ([(nash, "_GAMES", 2)], equilibria, 1e-12),
    "equilibria from the reference": ([(nash, "_DIRECT", 0.0)], equilibria, 1e-10),
    "maxima of a curve at a time": ([(penalized_maxima, "_ENTRIES", 1)], maxima, 1e-9),
    "an SFT term on sparse graphs": ([(sft, "_DENSE", 0)], solved("dpo_sft"), 1e-7),
    "an SFT term in logs": ([(sft, "_STEEP", 0.0)], solved("dpo_sft"), 1e-8),
}


@pytest.mark.parametrize("route", ROUTES)
def test_another_route_ends_at_the_same_answer(route, monkeypatch):
    moved, run, near = ROUTES[route]
    usual = list(run())
    for module, name, value in moved:
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    other = list(run())
    assert len(usual) == len(other) > 0
    for one, two in zip(usual, other, strict=True):
        if isinstance(one, list):
            assert one == two
        else:
            np.testing.assert_allclose(two, one, rtol=near, atol=near)
