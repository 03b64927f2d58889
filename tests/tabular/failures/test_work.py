"""How much named instances take: fits, steps and patterns are counted, and a search that wanders takes more of them."""

import numpy as np
import pytest

from tabular import Preferences, Problem, dpo, failure_modes, losses
from tabular.failures import deepening, grown, held, inversion, least_cost, least_gamma, pattern_search, pieces, ties
from tabular.failures.frontier import frontier
from tabular.failures.infimum import infimum
from tabular.failures.inversion import deepest
from tabular.failures.least_gamma import least_gammas
from tabular.failures.ties import Copies
from tabular.fits import laplacian, many


def counted(monkeypatch, owner, name, size):
    """The sizes of all calls of one function from here on."""
    seen, called = [], getattr(owner, name)

    def counting(*given, **words):
        seen.append(int(size(*given, **words)))
        return called(*given, **words)

    monkeypatch.setattr(owner, name, counting)
    return seen


def tangle(n, k, seed, beta=1.0, n_prompts=1):
    """Random labels of unequal weights among n responses of each prompt; beta times the reference is the same."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(n_prompts, n)) / beta, beta)
    winner = rng.integers(0, n, k)
    weight = np.exp(rng.normal(size=k))
    return problem, Preferences(rng.integers(0, n_prompts, k), winner, (winner + rng.integers(1, n, k)) % n, weight)


BETAS = pytest.mark.parametrize("beta", [1 / 64, 1.0, 64.0])


@BETAS
@pytest.mark.parametrize(
    ("n", "k", "gain", "rounds", "fits", "steps"),
    [
        (10, 70, 1e-9, 2, 142, 142),
        (10, 70, 1e-3, 4, 215, 215),
        (10, 70, 0.3, 5, 292, 445),
        (10, 70, 10.0, 4, 263, 436),
        (60, 150, 1e-3, 8, 84, 258),
        (60, 150, 0.3, 4, 46, 219),
    ],
)
def test_depths_inside_a_block_and_across_blocks(monkeypatch, beta, n, k, gain, rounds, fits, steps):
    """At any beta the same fits, and steps of Newton's method, lead to depths of the same beta delta.

    At the loss asked for. A few more are allowed: rounding, which processors do in their own ways, tells some earlier.
    """
    problem, labels = tangle(n, k, 1, beta)
    at = infimum(problem, labels)
    seen = counted(monkeypatch, deepening._Search, "step", lambda search: len(search.moving))
    newton = counted(monkeypatch, many._Copies, "newton", lambda copies, *_: len(copies.winner))
    pairs = np.arange(0, k, 1 if n < 20 else 3)
    found = deepest(problem, labels, at.value + gain, pairs, at)
    assert len(seen) <= rounds
    assert sum(seen) <= fits
    assert sum(newton) <= steps
    some = np.arange(0, k, 20) if n < 20 else ()
    losses = [dpo.loss(found.witness(pair), problem, labels) for pair in some]
    np.testing.assert_allclose(losses, at.value + gain, rtol=1e-9)


@BETAS
def test_climbs_of_single_pairs(monkeypatch, beta):
    """Fits, and the steps of Newton's method in these, which begin at those that are known."""
    problem, labels = tangle(5, 12, 2, beta)
    at = infimum(problem, labels)
    held = counted(monkeypatch, pieces.Pieces, "hold", lambda self, pairs, delta: len(pairs))
    newton = counted(monkeypatch, laplacian, "solve_even", lambda weight, flow: len(weight))
    for gain, rounds, fits, steps in ((1e-6, 19, 173, 420), (0.05, 8, 52, 155), (3.0, 6, 34, 8), (1e3, 2, 12, 3)):
        held.clear(), newton.clear()
        deepest(problem, labels, at.value + gain, at=at)
        assert len(held) <= rounds
        assert sum(held) <= fits
        assert sum(newton) <= steps


@pytest.mark.parametrize(
    ("n", "k", "beta", "calls", "fits", "steps"),
    [(7, 20, 1.0, 20, 73, 126), (7, 20, 16.0, 20, 70, 130), (40, 400, 1.0, 20, 142, 0)],
)
def test_gammas_along_a_curve(monkeypatch, n, k, beta, calls, fits, steps):
    problem, labels = tangle(n, k, 5, beta)
    at = infimum(problem, labels)
    seen = counted(monkeypatch, least_gamma._Curve, "fit", lambda self, copies, *_: len(copies))
    newton = counted(monkeypatch, laplacian, "solve_even", lambda weight, flow: len(weight))
    least_gammas(at, np.logaddexp(-problem.log_ref[0, labels.winner], -problem.log_ref[0, labels.loser]))
    assert len(seen) <= calls
    assert sum(seen) <= fits
    assert sum(newton) <= steps


@BETAS
def test_brackets_of_gammas_that_no_polynomial_closes_are_closed_from_both_sides(monkeypatch, beta):
    problem, labels = tangle(7, 20, 5, beta)
    at, log_ref = infimum(problem, labels), problem.log_ref[0]
    inverse = np.logaddexp(-log_ref[labels.winner], -log_ref[labels.loser])
    told = least_gammas(at, inverse)
    monkeypatch.setattr(least_gamma, "_CLOSE", 0.0)
    seen = counted(monkeypatch, least_gamma._Roots, "_fitted", lambda self, moving, *_: len(moving))
    np.testing.assert_allclose(least_gammas(at, inverse), told, rtol=1e-9)
    assert sum(seen) <= 25  # 31 to 70 by halving alone


@pytest.mark.parametrize(
    ("n", "k", "n_prompts", "one", "all_up_to"),
    [(6, 16, 1, (2, 3, 5), (2, 3, 6)), (6, 24, 4, (13, 21, 22), (13, 21, 22)), (8, 24, 1, (8, 83, 196), (8, 86, 200))],
)
def test_patterns_of_a_frontier(monkeypatch, n, k, n_prompts, one, all_up_to):
    """At one level, and at all up to it, which asks for more; 4140 partitions of 8 responses."""
    problem, labels = tangle(n, k, 3, n_prompts=n_prompts)
    at = infimum(problem, labels)
    fitted = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    for share, first, second in zip((0.1, 0.5, 0.9), one, all_up_to, strict=True):
        level = at.value + share * (np.log(2) - at.value)
        for lowest, most in ((level, first), (-np.inf, second)):
            fitted.clear()
            frontier(problem, labels, level, lowest=lowest)
            assert sum(fitted) <= most


def test_patterns_compared_at_once_are_no_more_than_memory_has_room_for(monkeypatch):
    """Of the merges of a layer the best are looked at; what the others may invert is left open."""
    problem, labels = tangle(8, 24, 3)
    level = (infimum(problem, labels).value + np.log(2)) / 2
    whole = frontier(problem, labels, level, lowest=-np.inf)
    monkeypatch.setattr(pattern_search, "_ENTRIES", 5 * 8)
    fitted = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    found = frontier(problem, labels, level, lowest=-np.inf)
    assert max(fitted) <= 5
    assert found.bounds(level).lower <= whole.bounds(level).lower <= found.bounds(level).upper


def test_batches_that_grow_and_bounds_that_rise(monkeypatch):
    problem, labels = tangle(12, 60, 4)
    at = infimum(problem, labels)
    level = (at.value + np.log(2)) / 2
    tied = counted(monkeypatch, grown._Growth, "_tied", lambda self, labels: len(labels))
    rises = counted(monkeypatch, least_cost, "_most", lambda *_: 1)
    bounds = frontier(problem, labels, level, 1, level).bounds(level)
    assert len(tied) <= 14
    assert sum(tied) <= 87
    assert len(rises) <= 98
    assert 0.1091 < bounds.lower <= bounds.upper < 0.1967
    growth = grown._Growth(at, 0, Copies(at.parts.graph, [0]), np.ones(60), level - at.value)
    tied.clear()
    assert len(list(growth.run(0.1, 1))) <= len(tied) == 1
    for share, most in ((0.02, 17), (0.1, 18)):  # it gives up after 8 labels in a row, of 24 that are too dear
        growth = grown._Growth(at, 0, Copies(at.parts.graph, [0]), np.ones(60), share * (np.log(2) - at.value))
        tied.clear()
        list(growth.run(0.5, 60))
        assert len(tied) <= most


@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo"])
def test_a_loss_is_held_at_each_pair_of_responses_once_and_only_where_the_pair_is_right(monkeypatch, name):
    """80 labels among 5 responses are 10 ties at most; of a pair that is wrong already the threshold is the infimum."""
    problem, labels = tangle(5, 80, 0)
    copies = counted(monkeypatch, held.Graph, "_hold", lambda graph, parts, *_: len(parts))
    found = failure_modes.solve_loss_thresholds(problem, labels, losses.typical(name))
    right = found.delta > 0
    ties = {frozenset(pair) for pair in zip(labels.winner[right].tolist(), labels.loser[right].tolist(), strict=True)}
    assert copies == [1, len(ties)]
    np.testing.assert_array_equal(found.value[~right], found.infimum)
    assert (found.value[right] > found.infimum).all()


@pytest.mark.parametrize("size", [1, 30])
def test_batches_are_no_larger_than_they_may_be_and_change_nothing(monkeypatch, size):
    """Labels fitted in one call, and entries of pairs held in a block together."""
    problem, labels = tangle(6, 45, 7, n_prompts=5)
    pairs, block = np.arange(70), tangle(10, 70, 1)
    at, about = infimum(*block), failure_modes.solve_thresholds(problem, labels)
    whole = about.value, deepest(problem, labels, 0.8).delta, deepest(*block, at.value + 0.3, pairs, at).delta
    loss = losses.get("cdpo", eps=0.1)
    more = failure_modes.thresholds(problem, labels, loss), frontier(problem, labels).steps
    monkeypatch.setattr(ties, "_BATCH", size)
    monkeypatch.setattr(held, "_BATCH", size)
    monkeypatch.setattr(inversion, "_ENTRIES", 10 * size)
    fits = counted(monkeypatch, Copies, "fit", lambda copies, *_, **__: len(copies.edge))
    ours = counted(monkeypatch, held.Graph, "_hold", lambda graph, parts, *_: graph.labels_of.size[parts].sum())
    depths = counted(monkeypatch, inversion, "deepened", lambda block, some, *_: len(some))
    parts = failure_modes.solve_thresholds(problem, labels)
    again = parts.value, deepest(problem, labels, 0.8).delta, deepest(*block, at.value + 0.3, pairs, at).delta
    np.testing.assert_allclose(np.concatenate(again), np.concatenate(whole), rtol=1e-10, atol=1e-10)
    largest = parts.at.graph.labels_of.size.max()
    assert max({*fits} - {45, 70}) < size + largest  # all labels where the loss is least, and the block, one piece
    assert len(fits) > 45 // (size + largest)
    assert (max(depths), sum(depths)) == (size, 70) if size == 1 else max(depths) <= size
    thresholds, steps = failure_modes.thresholds(problem, labels, loss), frontier(problem, labels).steps
    np.testing.assert_allclose(thresholds, more[0], rtol=1e-10)
    np.testing.assert_allclose(steps, more[1], rtol=1e-10)
    assert max(ours[1:]) < size + largest
