"""How much work named instances take: counts of what a solver repeats, the same on every machine.

Searches and descents correct their own mistakes: a step of the wrong length, a start from nowhere or a bound that is
too wide ends at the same answer, later. So what is repeated is counted, and may not become more by a tenth.
"""

from fractions import Fraction

import numpy as np
import pytest

from tabular import Preferences, Problem, Status, cpo, failure_modes, losses
from tabular.base import cones, roots
from tabular.base.log_space import normalised
from tabular.choice import best_of_n, nash, plackett_luce, self_play
from tabular.choice.rankings import Rankings
from tabular.fits import (
    bradley_terry,
    cuts,
    cutting_planes,
    dense_cuts,
    graded,
    laplacian,
    logistic,
    many,
    nonconvex,
    tree_cuts,
)
from tabular.fits import plackett_luce as listwise
from tabular.simplex import divergences, dpop, expected_costs, penalized_maxima, sft, wishes
from tests.benchmarks.test_small_inputs import small
from tests.tabular.fits.test_logistic import labels
from tests.tabular.fits.test_many import block_of


def graph(rng, size, m, spread=0.0, tilt=0.0):
    """A ring and m more labels: nodes, ends, log-weights and offsets."""
    order = rng.permutation(size)
    winner = np.r_[order, rng.integers(0, size, m)]
    loser = np.r_[np.roll(order, -1), (winner[size:] + rng.integers(1, size, m)) % size]
    return size, winner, loser, rng.uniform(-spread, 0, len(winner)), rng.uniform(-tilt, tilt, len(winner))


def fits(size, m, spread=0.0, tilt=0.0, count=4):
    def run():
        for seed in range(count):
            found = bradley_terry.fit(*graph(np.random.default_rng(seed), size, m, spread, tilt))
            assert found.residual < 1e-9

    return run


def problems(count, n=4, beta=0.5, contradicted=True):
    for seed in range(count):
        rng = np.random.default_rng(seed)
        problem = Problem.from_unnormalized(rng.normal(0, 2, n), beta, rng.normal(size=n))
        pairs = [(0, *rng.permutation(n)[:2].tolist(), float(rng.choice([1, 2, 5]))) for _ in range(n + 1)]
        pairs += [(0, y, w, 1.0) for _, w, y, _ in pairs] if contradicted else []
        yield problem, Preferences.from_pairs(pairs)


def solved(name, count=4, **more):
    def run():
        for problem, preferences in problems(count, **more):
            losses.solve(problem, preferences, losses.typical(name))

    return run


def far_apart():
    """DPOP on a reference of 60 nats, which once did not end, and at weights of e^10 and e^40, by steps of a nat."""
    for seed, status in ((777, Status.UNATTAINED), (190, Status.UNIQUE), (763, Status.UNATTAINED)):
        _, problem, preferences, _ = small(seed)
        assert losses.solve(problem, preferences, losses.typical("dpop")).status is status


def thresholds(seed, name):
    _, problem, preferences, _ = small(seed)
    return lambda: failure_modes.solve_loss_thresholds(problem, preferences, losses.typical(name))


def users():
    quartic = losses.custom("quartic", lambda x: np.exp(-x) + x**4 / 9, lambda x: 4 * x**3 / 9 - np.exp(-x))
    for problem, preferences in problems(4, 5):
        losses.solve(problem, preferences, quartic)


def kinks():
    bent = losses.custom(
        "bent",
        lambda x: np.maximum(1 - x, 0) + np.maximum(x - 3, 0) + x**2 / 50,
        lambda x: 1.0 * (x > 3) - (x < 1) + x / 25,
    )
    for problem, preferences in problems(5, 5):
        losses.solve(problem, preferences, bent)


def held(moved, spare=0.0):
    def run():
        *ends, _, _, block = block_of(20, 60, seed=6)
        a, b = (end[:10] for end in ends)
        block.held(a, b, block.strength[a] - block.strength[b] + moved, spare=spare)

    return run


def flows():
    """Labels of rDPO whose shares only a flow round cycles balances."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        size, winner, loser, *_ = graph(rng, 8, 16)
        pairs = cuts.Pairs.of(size, winner, loser)
        weight = rng.integers(1, 9, len(winner)).tolist()
        cuts.balance(size, pairs, np.log(weight), lambda weight=weight: weight, Fraction(1, 3))


def cones_of_integers():
    for seed in range(4):
        cones.largest_support(np.random.default_rng(seed).integers(-3, 4, (5, 9)))


def many_labels():
    compared = labels()
    logistic.from_a_part(compared, np.full(4000, 1 / 4000))


def few_labels():
    compared = labels(m=200, k=4)
    logistic.newton(compared.rows(), np.full(200, 1 / 200), np.eye(4))


def labels_apart():
    """A cycle, and e^-80 of it to the one response beside."""
    rows = np.array([[1.0, -1, 0], [0, 1, -1], [-1, 0, 1], [0, 0, 1], [0, 0, -1]])
    logistic.newton(rows, np.exp([0.0, 0, 0, -80, -80]) * [1, 1, 1, 2, 50], np.eye(3))


def settled():
    coin, rng = losses.get("exo_pair", eps=0.25).scalar, np.random.default_rng(0)
    for spread in (1.0, 20.0, 60.0):
        size, winner, loser, log_weight, _ = graph(rng, 6, 6, spread)
        graded.stationary(rng.normal(size=(1, size)), winner, loser, log_weight, np.zeros(len(winner)), coin)


def rankings(spread, ties=False):
    def run():
        for seed in range(4):
            rng = np.random.default_rng(seed)
            orders = [rng.permutation(6).tolist() for _ in range(12)]
            orders = [[tuple(order[:3]), *order[3:]] for order in orders] if ties else orders
            given = Rankings(orders, log_weight=rng.uniform(-spread, 0, 12))
            assert plackett_luce.solve(Problem(np.full(6, -np.log(6)), 1.0), given).residual < 1e-9

    return run


def games(rng, count, n):
    upper = np.triu(rng.random((count, n, n)), 1)
    return upper + np.tril(1 - upper.swapaxes(1, 2), -1) + np.eye(n) / 2


def equilibria(tau):
    rng = np.random.default_rng(0)
    return lambda: nash.regularised(games(rng, 20, 6), tau, np.log(rng.dirichlet(np.ones(6), 20)))


def steep_equilibria(spread):
    rng = np.random.default_rng(2)
    preference, log_ref = games(rng, 20, 8), spread * rng.normal(size=(20, 8))
    preference[10:] = np.round(preference[10:])
    preference[:, np.arange(8), np.arange(8)] = 0.5
    return lambda: nash.regularised(preference, 1e-6, normalised(log_ref))


def least_squares_of_self_play():
    rng = np.random.default_rng(0)
    self_play.sppo(games(rng, 20, 6), np.log(rng.dirichlet(np.ones(6), 20)), 5.0)


def tilts():
    rng = np.random.default_rng(0)
    problem = Problem(np.log(rng.dirichlet(np.ones(5), 30)), 1.0, rng.normal(size=(30, 5)))
    best_of_n.tilt_of_equal_kl(problem, best_of_n.kl_from_reference(problem, 5))


def limits():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = Problem.from_probabilities(rng.dirichlet(np.ones(6)), 0.3, rng.normal(size=6))
        cost = rng.normal(size=(3, 6))
        expected_costs.optimum(problem, cost, cost @ rng.dirichlet(np.ones(6)))


def ensembles():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = Problem.from_probabilities(rng.dirichlet(np.ones(6)), 0.3)
        expected_costs.robust_ensemble(problem, rng.normal(size=(4, 6)))


def optima(kind):
    rng = np.random.default_rng(0)
    problem = Problem(np.log(rng.dirichlet(np.ones(5), 40)), 0.3, rng.normal(size=(40, 5)))
    return lambda: divergences.optimum(problem, kind)


def maxima():
    for problem, preferences in problems(8, contradicted=False):
        cpo.penalized_optimum(problem, preferences, 0.02)
        cpo.penalized_optimum(problem, preferences, 0.2)


#: {what is done: (where a function is, its name, what calls it, how often at most)}
WORK = {
    "Newton steps of small blocks": (laplacian, "solve_even", fits(6, 8, 3.0), 34),
    "Newton steps of small blocks with offsets": (laplacian, "solve_even", fits(6, 8, 3.0, 3.0), 38),
    "steps in cuts of steep small blocks": (dense_cuts.DenseCuts, "direction", fits(6, 8, 60.0), 33),
    "steps in cuts with offsets": (dense_cuts.DenseCuts, "direction", fits(6, 8, 300.0, 100.0), 51),
    "steps in cuts of fits unrolled from flat ones": (dense_cuts.DenseCuts, "direction", thresholds(84, "ecpo"), 115),
    "steps in cuts of even labels whose ties move them far": (
        dense_cuts.DenseCuts,
        "direction",
        thresholds(145, "hypo"),
        73,
    ),
    "lengths of steps in cuts": (tree_cuts._Ray, "falls", fits(6, 8, 300.0, 100.0), 64),
    "steps in cuts of larger blocks": (tree_cuts._Cuts, "direction", fits(50, 60, 60.0, 10.0, 2), 59),
    "steps by gradients": (laplacian, "gradients", fits(60, 400), 20),
    "products with a vector inside gradients": (laplacian, "daxpy", fits(60, 400), 362),
    "factors of graphs that are nearly trees": (laplacian, "splu", fits(80, 10), 40),
    "systems of a user's loss": (laplacian, "solve_labels", users, 16),
    "programmes of a loss with kinks": (cutting_planes, "_least", kinks, 75),
    "passes over many labels": (logistic.Responses, "margins", many_labels, 10),
    "curvatures of a part": (logistic, "squares", many_labels, 7),
    "curvatures of few labels": (logistic, "squares", few_labels, 11),
    "squares by rows where weights are far apart": (logistic, "nearest", labels_apart, 10),
    "systems at every level of the weights": (laplacian, "solve_labels", settled, 34),
    "bounds of boxes of EXO": (nonconvex, "_lower", solved("exo_pair", 3, n=3), 109),
    "descents of EXO": (nonconvex, "_descended", solved("exo_pair", 3, n=3), 6),
    "bounds of boxes of DiscoPOP": (nonconvex, "_lower", solved("discopop", 2, n=3), 75),
    "steps of fits of rankings": (listwise, "_edges", rankings(0.0), 24),
    "steps of fits of rankings of steep weights": (listwise, "_edges", rankings(60.0), 41),
    "steps of fits of rankings with ties": (listwise, "_edges", rankings(3.0, ties=True), 61),
    "residuals of equilibria": (nash, "_residual", equilibria(0.3), 5),
    "residuals of equilibria at a low price": (nash, "_residual", equilibria(0.005), 48),
    "residuals of equilibria with steep references": (nash, "_residual", steep_equilibria(1e4), 74),
    "residuals of equilibria with references apart": (nash, "_residual", steep_equilibria(300.0), 74),
    "evaluations of least squares of self-play": (self_play, "wrightomega", least_squares_of_self_play, 17),
    "divergences on the way to a tilt": (best_of_n, "kl", tilts, 38),
    "dual values under limits": (expected_costs, "_log_sum", limits, 214),
    "models under limits": (expected_costs, "_quadratic", limits, 39),
    "systems of an ensemble": (np.linalg, "lstsq", ensembles, 14),
    "curvatures of rDPO": (laplacian, "solve_even", solved("rdpo"), 30),
    "Newton steps of SFT": (sft, "_step", solved("dpo_sft"), 19),
    "lengths of steps of SFT": (sft, "_moved", solved("dpo_sft"), 19),
    "steps of held differences": (many._Copies, "step", held(-3.0), 6),
    "steps of held differences far away": (many._Copies, "step", held(-60.0), 25),
    "gradients of held differences": (many._Metric, "scaled", held(-3.0), 33),
    "gradients of held differences far away": (many._Metric, "scaled", held(-60.0), 235),
    "strides of held differences": (many._Copies, "_stride", held(-60.0), 18),
    "steps of losses of held differences": (many._Copies, "step", held(-3.0, 1e-3), 3),
    "paths of flows": (cuts._Network, "_push_along", flows, 41),
    "levels of flows": (cuts._Network, "_levels", flows, 16),
    "pivots": (cones, "_pivoted", cones_of_integers, 63),
    "interpolations": (roots, "_interpolated", solved("nca_pair"), 135),
    "stationary measures of rankings": (laplacian, "stationary_log", rankings(60.0), 16),
    "curves of local maxima": (penalized_maxima._Points, "__init__", maxima, 143),
    "roots of Lambert's function": (penalized_maxima, "_phi", maxima, 797),
    "log-sums of forward-kl": (divergences.Alpha, "lowered", optima("forward-kl"), 7),
    "log-sums of hellinger": (divergences.Alpha, "lowered", optima("hellinger"), 7),
    "log-sums of chi-square": (divergences.Alpha, "lowered", optima("chi-square"), 12),
    "log-sums of jensen-shannon": (divergences.JensenShannon, "lowered", optima("jensen-shannon"), 7),
    "log-sums of chi-po": (divergences.ChiPO, "lowered", optima("chi-po"), 8),
    "wishes of sppo_hard": (wishes.Wishes, "terms", solved("sppo_hard"), 273),
    "pulls of NCA": (wishes.Logistic, "pull", solved("nca_pair"), 30),
    "pulls of BCO": (wishes.Logistic, "pull", solved("bco_pair"), 124),
    "pulls of KTO": (wishes.Bells, "pull", solved("kto"), 74),
    "Newton steps of DPOP": (dpop, "_newton", solved("dpop"), 113),
    "Newton steps of DPOP where weights or references are far apart": (dpop, "_newton", far_apart, 326),
    "values along the steps of DPOP": (dpop.Core, "value", solved("dpop"), 127),
}


def calls(monkeypatch, owner, name, run):
    """How often a function is called."""
    count, whole = 0, getattr(owner, name)

    def counted(*args, **kwargs):
        nonlocal count
        count += 1
        return whole(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, counted)
        run()
    return count


@pytest.mark.parametrize("what", WORK)
def test_named_instances_take_no_more_steps(what, monkeypatch):
    owner, name, run, most = WORK[what]
    found = calls(monkeypatch, owner, name, run)
    assert 0 < found <= 1.1 * most + 1
