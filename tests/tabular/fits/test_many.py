"""Many fits on one factorisation, against a fit of each alone by other means."""

import numpy as np
import pytest

from tabular import Preferences, Problem, failure_modes
from tabular.failures import shared
from tabular.failures.infimum import infimum
from tabular.fits import bradley_terry, many
from tabular.fits.many import LEVEL, Block, _Copies, _Metric


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


def test_fits_are_told_where_labels_have_no_curvature_left():
    """Held 1500 nats the wrong way labels bend by less than the floats; the others prove most of the fits."""
    winner, loser, *_, block = block_of(30, 80, seed=30)
    a, b = winner[:12], loser[:12]
    fits = block.held(a, b, block.strength[a] - block.strength[b] - 1500.0)
    assert fits.fitted.mean() > 0.8
    again = block.held(a, b, block.strength[a] - block.strength[b] - 1500.0, fits.strength)
    np.testing.assert_allclose(again.cost, fits.cost, rtol=1e-14)


def test_gradients_that_leave_the_floats_end_there():
    """Held 3000 nats deep a last look for a nearer fit divides what is no more than rounding: no warning."""
    winner, loser, *_, block = block_of(17, 16, seed=38, offset=1.0)
    a, b = winner[:12], loser[:12]
    fits = block.held(a, b, block.strength[a] - block.strength[b] - 3000.0)
    assert np.isfinite(fits.strength).all()
    assert (fits.fitted & np.isfinite(fits.cost)).any()


def test_the_push_is_minus_the_slope_of_the_cost():
    winner, loser, *_, block = block_of(9, 30, seed=3, offset=1.0)
    a, b, h = winner[:9], loser[:9], 1e-4
    difference = block.strength[a] - block.strength[b] - 1.3
    slope = (block.held(a, b, difference + h).cost - block.held(a, b, difference - h).cost) / (2 * h)
    np.testing.assert_allclose(block.held(a, b, difference).push, -slope, rtol=1e-6)


def test_what_is_no_number_ends_and_is_no_fit():
    """A held difference or an offset that is none spoils its own copy alone."""
    block = Block(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 1.0]), np.zeros(2), np.log([3.0, 1.0]) / 2)
    for spare in (0.0, 1e-3, LEVEL):
        held = block.held(np.array([0, 0]), np.array([1, 1]), np.array([np.nan, 0.0]), spare=spare)
        assert not held.fitted[0]
        assert held.cost[1] == pytest.approx(4 * np.log(2))
    freely = block.freely(np.array([[0.0, np.nan], [0.0, 0.0]]), np.zeros((2, 2)))
    assert freely.fitted.tolist() == [True, False]


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


def test_what_a_copy_is_not_asked_about_is_not_known():
    """A fit, a loss that may be left to fall, and a loss alone: the second is neither, and asks for no proof."""
    *_, block = block_of(6, 12, seed=7)
    a, b = np.zeros(3, dtype=int), np.full(3, 3)
    best = block.held(a, b, np.full(3, block.strength[0] - block.strength[3] - 1.0))
    copies = _Copies(block, a, b, pull=np.zeros((6, 3)), drawn=block.inner)
    _, _, unbalanced, _, above = copies.checked(best.strength, np.array([0.0, 1e-3, LEVEL]))
    assert np.isfinite(unbalanced).tolist() == np.isfinite(above).tolist() == [True, False, True]


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


@pytest.mark.parametrize(("n", "n_labels", "moved"), [(5, 9, 1.0), (40, 120, 0.3), (120, 400, 0.1)])
def test_other_offsets_are_fits_of_their_own(n, n_labels, moved):
    winner, loser, log_weight, offset, block = block_of(n, n_labels, seed=n, offset=1.0)
    offsets = offset[:, None] + moved * np.random.default_rng(1).normal(size=(len(winner), 5))
    fits = block.freely(offsets, np.tile(block.strength[:, None], 5))
    assert fits.fitted.all()
    for k in range(5):
        alone = bradley_terry.fit(n, winner, loser, log_weight, offsets[:, k])
        np.testing.assert_allclose(fits.cost[k], alone.infimum, rtol=1e-12)
        np.testing.assert_allclose(np.diff(fits.strength[:, k]), np.diff(alone.strength), atol=1e-9)


@pytest.mark.parametrize("held", [True, False])
def test_factors_of_a_copy_lead_where_its_gradients_lead(held):
    """Newton's direction minimises the quadratic among those that leave the difference: here by least squares."""
    winner, loser, *_, block = block_of(12, 40, seed=4, offset=1.0)
    a, b = (np.array([end[0] if held else 0]) for end in (winner, loser))
    pull = block.inverse[:, a] - block.inverse[:, b]
    pull = pull / (pull[a, [0]] - pull[b, [0]]) if held else np.zeros((12, 1))
    copies = _Copies(block, a, b, pull, block.inner)
    s = block.strength[:, None] + np.random.default_rng(0).normal(size=(12, 1))
    pushed, curvature, _ = copies.pushes(s)
    hessian = (block.fall @ (curvature * block.rise.toarray())) @ (directions := _directions(a[0], b[0], held))
    best = directions @ np.linalg.lstsq(directions.T @ hessian, directions.T @ pushed[:, 0])[0]
    for d in (copies._factored(pushed, curvature)[0], copies.newton(s, np.full(1, 1e-13))[0]):
        np.testing.assert_allclose(block.rise @ d[:, 0], block.rise @ best, atol=1e-10)


def _directions(a, b, held):
    """Those that move the two together, as columns."""
    moved = np.eye(12)
    moved[a, b] = moved[b, a] = float(held)
    return moved


def test_gradients_that_crawl_are_left_for_factors(monkeypatch):
    winner, loser, *_, block = block_of(30, 80, seed=2)
    a, b = winner[:10], loser[:10]
    difference = block.strength[a] - block.strength[b] - 12.0
    found = block.held(a, b, difference)
    monkeypatch.setattr(many, "_CRAWLING", 1)
    again = block.held(a, b, difference)
    assert again.fitted.all()
    np.testing.assert_allclose(again.cost, found.cost, rtol=1e-13)


@pytest.mark.parametrize("moved", [0.01, 0.05, 0.1])
def test_a_whole_step_lowers_the_loss_by_a_share_of_what_its_slope_promises(moved):
    """Of up to half a nat, from anywhere: by 1 - (e^R - R - 1) / R^2 of it, 0.4 at least. Longer ones are shortened."""
    *_, block = block_of(20, 60, seed=8, offset=2.0)
    start = block.strength[:, None] + moved * np.random.default_rng(8).normal(size=(20, 200))
    none = np.zeros(200, dtype=int)
    copies = _Copies(block, none, none, np.zeros_like(start), block.inner)
    after, loss, promised, reach = copies.step(start, np.full(200, 1e-8), np.zeros(200))
    direction, whole = copies.newton(start, np.full(200, 1e-8))[0], reach <= 0.5
    assert whole.any()
    np.testing.assert_allclose((after - start)[:, whole], direction[:, whole], atol=1e-12)
    assert np.all(np.abs(after - start - direction)[:, ~whole].max(axis=0) > 1e-3)
    lowered, r = loss - copies.pushes(after)[2], reach[whole]
    assert np.all(lowered[whole] >= promised[whole] * (1 - (np.expm1(r) - r) / r**2) - 1e-14)
    assert np.all(lowered > 0)


def test_the_softest_labels_of_a_node_that_is_torn_off_are_bought_with_half_of_what_rounding_allows():
    """A node above two even ones, by a win over each: what moves it is less than one tree's label can deliver.

    All that its height costs is sp(-h) of its own three labels: no sum of it and of what the other two cost.
    """
    winner, loser, offset = np.array([0, 1, 2, 2, 0]), np.array([1, 0, 0, 1, 2]), np.array([0, 0, 0, 0, -120.0])
    block, height, n = Block(winner, loser, np.ones(5), offset, np.zeros(3)), np.arange(30.0, 60.0), 30
    none, s = np.zeros(n, dtype=int), np.vstack([np.zeros((2, n)), height])
    copies = _Copies(block, none, none, np.zeros((3, n)), block.inner)
    cost, _, _, step, above = copies.checked(s, np.full(n, LEVEL))
    np.testing.assert_allclose(step[:20], 1.0, rtol=1e-8)
    least = 60.0 + np.log(2) / 2  # 2 sigma(-h) = sigma(h - 120)
    excess = [2 * np.log1p(np.exp(-h)) + np.log1p(np.exp(h - 120)) for h in (height, least)]
    rounding = 2 * np.finfo(float).eps * cost
    assert np.all(above >= excess[0] - excess[1])
    assert np.all(above[height >= 37] <= rounding[height >= 37])
    assert np.all(above[height <= 35] > rounding[height <= 35])


def test_the_least_entries_that_a_total_buys():
    terms = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 2.0], [1.0, 1.0, 2.0]])
    assert many._least(terms, np.array([2.0, 2.5, 9.0])).T.tolist() == [
        [False, True, True],
        [False, False, False],  # of equal ones all or none
        [True, True, True],
    ]


def test_who_is_torn_off_is_a_leaf_of_one_of_two_trees(monkeypatch):
    """Few nodes are inside both; where labels allow no more, a copy needs a tree of its own."""
    winner, loser, *_, block = block_of(60, 180, seed=2, spread=0.0)
    ends = [(winner[label], loser[label]) for label, _ in (block.tree, block.turned)]
    assert [len(up) for up, _ in ends] == [59, 59]
    inside = [np.bincount(np.concatenate(both), minlength=60) > 1 for both in ends]
    assert np.sum(inside[0] & inside[1]) <= 4 < np.sum(inside[1]) < np.sum(inside[0]) == 39
    own, by_own = [], _Copies._by_their_own_trees

    def counted(copies, some, *given):
        own.append(len(some))
        return by_own(copies, some, *given)

    monkeypatch.setattr(_Copies, "_by_their_own_trees", counted)
    a, b = winner[60:], loser[60:]
    fits = block.held(a, b, block.strength[a] - block.strength[b] - 40.0, spare=LEVEL)
    assert fits.told.all()
    assert sum(own) <= 30  # of 180; 106 by the first tree alone


def test_exponential_tails_are_not_walked_nat_by_nat(monkeypatch):
    """Held 80 nats deep, even labels above and below a node are left in tails that Newton moves 1 nat a step."""
    winner, loser, *_, block = block_of(60, 180, seed=2, spread=0.0)
    a, b = winner[60:90], loser[60:90]
    difference, steps, step = block.strength[a] - block.strength[b] - 80.0, [], _Copies.step

    def counted(copies, *given):
        steps.append(len(copies.winner))
        return step(copies, *given)

    monkeypatch.setattr(_Copies, "step", counted)
    found, taken = block.held(a, b, difference, spare=LEVEL), sum(steps)
    monkeypatch.setattr(many, "_LONG", np.inf)
    again = block.held(a, b, difference, spare=LEVEL)
    assert taken < 0.7 * (sum(steps) - taken)
    assert found.told.sum() >= again.told.sum()
    both = found.told & again.told
    assert both.any()
    np.testing.assert_allclose(found.cost[both], again.cost[both], rtol=1e-13)


def test_nodes_that_are_torn_off_are_measured_by_what_curvature_they_have_left(monkeypatch):
    """Held 20 nats deep: fewer gradients, of a copy each, than in the metric of the block's own Hessian."""
    winner, loser, *_, block = block_of(60, 200, seed=0)
    a, b = winner[:20], loser[:20]
    difference, gradients, scaled = block.strength[a] - block.strength[b] - 20.0, [], _Metric.scaled

    def counted(metric, residual):
        gradients.append(residual.shape[1])
        return scaled(metric, residual)

    monkeypatch.setattr(_Metric, "scaled", counted)
    found, taken = block.held(a, b, difference), sum(gradients)
    monkeypatch.setattr(many, "_STEEPEST", 1.0)  # no node has less than the block's
    again = block.held(a, b, difference)
    assert found.fitted.all()
    assert again.fitted.all()
    np.testing.assert_allclose(found.cost, again.cost, rtol=1e-13)
    assert taken < 0.85 * (sum(gradients) - taken)


@pytest.mark.parametrize("fall", [1e-6, 60.0, 200.0])
def test_what_is_strained_keeps_its_difference_and_saves_loss(fall):
    """Less loss than the factors' own direction alone; the same where the fall is short, the end alone where long."""
    winner, loser, log_weight, offset, block = block_of(30, 80, seed=2)
    a, b = winner[:10], loser[:10]
    difference = block.strength[a] - block.strength[b] - fall
    strained = block.strained(a, b, difference)
    np.testing.assert_allclose(strained[a, range(10)] - strained[b, range(10)], difference, rtol=1e-12, atol=1e-12)
    pull = block.inverse[:, a] - block.inverse[:, b]
    straight = block.strength[:, None] - fall * pull / (pull[a, range(10)] - pull[b, range(10)])

    def loss(s):
        return np.exp(log_weight) @ np.logaddexp(0, offset[:, None] - s[winner] + s[loser])

    if fall < 1:
        np.testing.assert_allclose(strained, straight, atol=1e-9)
    else:
        assert np.all(loss(strained) < loss(straight))
        best = block.held(a, b, difference).cost
        assert np.all(loss(strained) >= best * (1 - 1e-12))
        assert np.median(loss(strained) / best) < 1.02


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


def test_a_whole_push_where_no_curvature_is_left_is_no_fit():
    """Two light labels 712 nats out, one of them inverted: the bound on lambda times K leaves the floats."""
    ends, none = (np.array([0, 1]), np.array([1, 0])), np.array([0])
    block = Block(*ends, np.full(2, 1e-6), np.zeros(2), np.zeros(2))
    copies = _Copies(block, none, none, np.zeros((2, 1)), block.inner, None, np.array([[712.0], [-712.0]]))
    unbalanced = copies.checked(np.zeros((2, 1)), np.zeros(1))[2]
    assert unbalanced.tolist() == [np.inf]


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


def test_a_piece_has_one_block_of_many_labels_or_none():
    """Three prompts: a block of many labels with a response below it, one of few, and again one of many."""
    rng, labels = np.random.default_rng(4), []
    for prompt, k in enumerate((70, 5, 70)):
        winner = np.r_[:5, rng.integers(0, 5, k)]
        labels += [(prompt, w, (w + d) % 5) for w, d in zip(winner, np.r_[[1] * 5, rng.integers(1, 5, k)], strict=True)]
    labels.append((0, 2, 5))
    problem = Problem.from_unnormalized(rng.normal(size=(3, 6)), 1.0)
    parts = infimum(problem, Preferences.from_pairs(labels)).parts
    pieces = [int(parts.graph.component[6 * prompt]) for prompt in range(3)]
    found = [parts.shared.only(piece) for piece in pieces]
    assert [block and block.piece for block in found] == [pieces[0], None, pieces[2]]
    assert [len(block.labels) for block in found[::2]] == [75, 75]


def test_labels_that_are_not_fitted_hold_nothing():
    """A block and a response below it: all but what factors hold of it is that of the block alone."""
    winner, loser, log_weight, offset, alone = block_of(12, 40, seed=4, offset=1.0)
    whole = Block(
        np.r_[winner, 3, 3, 5],
        np.r_[loser, 12, 12, 12],
        np.r_[np.exp(log_weight), 2.0, 7.0, 1.0],
        np.r_[offset, 0.0, 1.0, 0.0],
        np.r_[alone.strength, -1.0],
        np.arange(len(winner) + 3) < len(winner),
    )
    assert whole.cost == pytest.approx(alone.cost, rel=1e-15)
    a, b = winner[:12], loser[:12]
    np.testing.assert_allclose(whole.steepest(a, b), alone.steepest(a, b), rtol=1e-15)
    won = [np.exp(log_weight)[winner == y].sum() for y in a]
    lost = [np.exp(log_weight)[loser == y].sum() for y in b]
    np.testing.assert_allclose(alone.steepest(a, b), [won, lost], rtol=1e-15)
    difference = alone.strength[a] - alone.strength[b] - 1.3
    found, known = whole.held(a, b, difference), alone.held(a, b, difference)
    np.testing.assert_allclose(found.cost, known.cost, rtol=1e-13)
    np.testing.assert_allclose(found.push, known.push, rtol=1e-9)
