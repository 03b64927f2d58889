"""Many fits on one factorisation, against a fit of each alone by other means."""

import numpy as np
import pytest

from tabular import Preferences, Problem, failure_modes
from tabular.failures import shared
from tabular.failures.infimum import infimum
from tabular.fits import bradley_terry
from tabular.fits.many import LEVEL, Block, _Copies


def block_of(n, n_labels, seed, offset=0.0, spread=1.0):
    """A strongly connected random block with its fit: a cycle, and labels anyhow."""
    rng = np.random.default_rng(seed)
    winner = np.r_[np.arange(n), rng.integers(0, n, n_labels)]
    loser = np.r_[(np.arange(n) + 1) % n, (winner[n:] + rng.integers(1, n, n_labels)) % n]
    log_weight, offset = spread * rng.normal(size=len(winner)), offset * rng.normal(size=len(winner))
    fit = bradley_terry.fit(n, winner, loser, log_weight, offset)
    return winner, loser, log_weight, offset, Block(winner, loser, np.exp(log_weight), offset, fit.strength)


@pytest.mark.parametrize(("n", "n_labels", "offset"), [(2, 1, 0.0), (5, 9, 2.0), (30, 80, 1.0), (120, 400, 0.0)])
@pytest.mark.parametrize("moved", [-6.0, -0.5, 3.0])
def test_a_held_difference_is_the_fit_of_the_two_contracted(n, n_labels, offset, moved):
    winner, loser, log_weight, offsets, block = block_of(n, n_labels, seed=n, offset=offset)
    a, b = winner[:12], loser[:12]
    difference = block.strength[a] - block.strength[b] + moved
    fits = block.held(a, b, difference)
    assert fits.fitted.all()
    for k in range(len(a)):
        into = np.where(np.arange(n) == b[k], a[k], np.arange(n))  # b moves with a, below it by the difference
        below = np.where(np.arange(n) == b[k], difference[k], 0.0)
        ends = into[winner], into[loser]
        shifted = offsets + below[winner] - below[loser]
        free = ends[0] != ends[1]
        alone = bradley_terry.fit(n, *(end[free] for end in ends), log_weight[free], shifted[free])
        constant = np.exp(log_weight[~free]) @ np.logaddexp(0, shifted[~free])
        np.testing.assert_allclose(fits.cost[k], alone.infimum + constant, rtol=1e-12)
        s = alone.strength[into] - below
        np.testing.assert_allclose(np.diff(fits.strength[:, k]), np.diff(s), atol=1e-9)


def test_the_push_is_minus_the_slope_of_the_cost():
    winner, loser, *_, block = block_of(9, 30, seed=3, offset=1.0)
    a, b, h = winner[:9], loser[:9], 1e-4
    difference = block.strength[a] - block.strength[b] - 1.3
    slope = (block.held(a, b, difference + h).cost - block.held(a, b, difference - h).cost) / (2 * h)
    np.testing.assert_allclose(block.held(a, b, difference).push, -slope, rtol=1e-6)


def test_a_start_near_or_far_changes_nothing():
    winner, loser, *_, block = block_of(20, 60, seed=6)
    a, b = winner[:10], loser[:10]
    difference, start = block.strength[a] - block.strength[b] - 2.0, np.random.default_rng(0).normal(size=(20, 10))
    found, again = block.held(a, b, difference), block.held(a, b, difference, start)
    np.testing.assert_allclose(again.cost, found.cost, rtol=1e-13)
    np.testing.assert_allclose(again.strength[a, range(10)] - again.strength[b, range(10)], difference, atol=1e-12)


def test_a_copy_that_is_no_fit_is_not_called_one():
    *_, block = block_of(6, 12, seed=7)
    ends = np.array([0]), np.array([3])
    best = block.held(*ends, block.strength[ends[0]] - block.strength[ends[1]])
    for moved, fitted in ((0.0, True), (1e-7, False), (1e-3, False)):
        strength = best.strength + moved * np.arange(6)[:, None]
        copies = _Copies(block, *ends, pull=np.zeros((6, 1)), drawn=block.inner)
        _, _, unbalanced, _, _ = copies.checked(strength, np.zeros(1))
        assert (unbalanced <= 1).tolist() == [fitted]


@pytest.mark.parametrize("depth", [2.0, 20.0, 60.0])
def test_a_loss_is_told_where_it_is_the_fits_and_only_there(depth):
    winner, loser, *_, block = block_of(20, 60, seed=6)
    a, b = winner[:10], loser[:10]
    difference = block.strength[a] - block.strength[b] - depth
    best, found = block.held(a, b, difference), block.held(a, b, difference, spare=LEVEL)
    sure = best.fitted & found.told
    assert sure.any()
    np.testing.assert_allclose(found.cost[sure], best.cost[sure], rtol=2e-15)
    near = block.held(a, b, difference, spare=1e-3)
    assert np.all(near.cost >= best.cost * (1 - 1e-14))
    assert np.all(near.cost <= best.cost + 1e-2)
    assert not near.told.any()
    copies = _Copies(block, a, b, pull=np.zeros((20, 10)), drawn=block.inner)
    moved = found.strength + 1e-6 * np.arange(20)[:, None]
    moved[a, range(10)] = moved[b, range(10)] + difference
    cost, *_, above = copies.checked(moved, np.full(10, LEVEL))
    assert np.all((cost - best.cost <= above * (1 + 1e-9))[best.fitted])
    assert np.all(above[sure] > 1e-15)


def test_weights_far_apart_are_not_taken():
    assert block_of(6, 12, seed=8)[-1].even
    assert not block_of(6, 12, seed=8, spread=20.0)[-1].even


@pytest.mark.parametrize("beta", [1e-4, 1e4])
@pytest.mark.parametrize("share", [1e-6, 0.9, 40.0])
@pytest.mark.parametrize("seed", [0, 2])
def test_thresholds_and_depths_are_those_of_copies_fitted_alone(monkeypatch, beta, share, seed):
    rng = np.random.default_rng(seed)
    n, k = (8, 60) if seed else (14, 90)
    problem = Problem.from_unnormalized(rng.normal(size=n) / beta, beta)
    winner = rng.integers(0, n, k)
    weight = rng.integers(1, 9, k) if seed == 2 else None
    labels = Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n, weight=weight)
    at = infimum(problem, labels)
    level = at.value + share / k

    def found():
        thresholds, depths = (
            failure_modes.solve_thresholds(problem, labels),
            failure_modes.deepest(problem, labels, level),
        )
        return thresholds.excess, thresholds.multiplier / beta, depths.delta * beta, depths.rows()

    assert any(True for _ in at.parts.shared.groups(np.arange(k)))  # or nothing is compared
    together = found()
    monkeypatch.setattr(shared, "_MANY", 10**9)
    alone = found()
    for ours, theirs, digits in zip(
        together, alone, (1e-13, 1e-13, 1e-7 if share < 1e-3 else 1e-10, None), strict=True
    ):
        if digits:
            np.testing.assert_allclose(ours, theirs, atol=digits, rtol=1e-10)
        else:
            np.testing.assert_allclose(np.exp(ours), np.exp(theirs), atol=1e-6)


def test_a_push_in_the_wrong_place_is_no_fit():
    """A node whose only labels are inverted by 12 nats, moved by 1e-6: its step is that, its push next to nothing."""
    winner, loser = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    offset = np.array([24.0, 0.0, 24.0, 0.0])
    fit = bradley_terry.fit(3, winner, loser, np.zeros(4), offset)
    block = Block(winner, loser, np.ones(4), offset, fit.strength)
    fits = block.held(np.array([0]), np.array([1]), fit.strength[:1] - fit.strength[1:2])
    copies = _Copies(block, np.array([0]), np.array([1]), np.zeros((3, 1)), block.inner)
    assert fits.fitted.all()
    assert (copies.checked(fits.strength, np.zeros(1))[2] <= 1).all()
    moved = fits.strength + np.array([[0.0], [0.0], [1e-6]])
    assert not (copies.checked(moved, np.zeros(1))[2] <= 1).any()


def test_pairs_across_blocks_join_what_lies_between_them():
    """A block, a response below it and two above, in a row: thresholds and depths against copies fitted alone."""
    rng = np.random.default_rng(9)
    n, k = 14, 90
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    above = np.array([(n, 0), (n, 3), (n + 1, n), (n + 1, 5), (n + 1, 2)])
    below = np.array([(y, n + 2) for y in (1, 4, 7, 9)])
    apart = np.r_[above, below, [[n + 1, n + 2]]]
    problem = Problem.from_unnormalized(rng.normal(size=n + 4), 0.7)
    labels = Preferences(np.zeros(k + 10, int), np.r_[winner, apart[:, 0]], np.r_[loser, apart[:, 1]])
    at = infimum(problem, labels)
    across = np.arange(k, k + 10)
    (index, piece), *_ = [group for group in at.parts.shared.groups(across) if group[1].joins]
    assert len(index) == 10
    alone, *_ = at.parts.hold(across, np.zeros(10))
    held = piece.held(across, np.zeros(10))
    np.testing.assert_allclose(held.cost - piece.fit.cost, alone.cost - at.parts.cost[piece.piece], atol=1e-14)
    assert piece.attained(across).tolist() == alone.attained.tolist() == [False] * 9 + [True]
    level = at.value + 0.05
    deltas = failure_modes.deepest(problem, labels, level, across).delta
    cost = at.parts.hold(across, deltas)[0].cost
    np.testing.assert_allclose(cost - at.parts.cost[piece.piece], 0.05, rtol=1e-10)
