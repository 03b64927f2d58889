"""Bounds on boxes, against points inside them; certified minima, against descents of scipy."""

import numpy as np
import pytest
from scipy.optimize import minimize

from tabular import losses
from tabular.fits import graded, leaps, nonconvex

SCALARS = {name: losses.typical(name).scalar for name in ("exo_pair", "discopop")}
#: Levels of four responses, of differences from the last one, and of those of neighbours along a path.
STAR, PATH = np.eye(4, 3), np.triu(np.ones((4, 3)))


def labels(seed, size=4, m=40, spread=0.0, tilt=1.0):
    """A cycle and random labels among few responses: many of one ordered pair, with its one margin."""
    rng = np.random.default_rng(seed)
    winner = np.r_[np.arange(size), rng.integers(0, size, m)]
    loser = np.r_[(np.arange(size) + 1) % size, (winner[size:] + rng.integers(1, size, m)) % size]
    level = rng.normal(0, tilt, size)
    return size, winner, loser, rng.uniform(-spread, 0, len(winner)), level[winner] - level[loser]


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("width", [1e-4, 0.01, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("sides", [STAR, PATH], ids=["star", "path"])
def test_bounds_on_boxes_hold_at_their_points(name, width, sides):
    rng, steep = np.random.default_rng(0), 0
    size, winner, loser, log_weight, offset = labels(3, m=8)
    total = nonconvex._Sum(size, winner, loser, log_weight, offset, SCALARS[name])
    centres, half = rng.normal(0, 2 + width, (200, 3)), width * rng.uniform(0.5, 1, (200, 3))
    x = total.margins(centres @ sides.T)
    bound, _ = nonconvex._lower(total, sides, x, half, *total.scalar.jet(x))
    for centre, side, low in zip(centres, half, bound, strict=True):
        inside = centre + side * np.concatenate([rng.uniform(-1, 1, (200, 3)), rng.choice([-1, 1], (50, 3))])
        points = inside @ sides.T
        if low == np.inf:
            steep += 1
            slopes = total.gradient(points) @ sides
            assert ((slopes > 0).all(axis=0) | (slopes < 0).all(axis=0)).any()
        else:
            assert low <= total.value(points).min() + 1e-12
    assert steep > 0 or width >= 1


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("sides", [STAR, PATH], ids=["star", "path"])
@pytest.mark.parametrize(("off", "half"), [(0.0, 1.0), (1.0, 0.01)], ids=["wide", "far"])
def test_strong_convexity_is_told_where_it_holds_all_over_the_boxes_that_are_left(name, sides, off, half):
    """One box about the best point and one beside it: as they grow, or go away, it ends to be told before it ends."""
    rng, told, held = np.random.default_rng(0), [], []
    total = nonconvex._Sum(*labels(3), SCALARS[name])
    best = nonconvex._descended(total, np.zeros((1, 4)))[0]
    for size in np.geomspace(1e-4, 10, 26):
        centre = np.linalg.solve(sides[:3] - sides[3], best[:3] - best[3]) + off * size * np.array([[0.0], [1.0]])
        told.append(
            nonconvex._strongly_convex(total, sides, best, centre @ sides.T, np.full(centre.shape, half * size))
        )
        inside = (centre[:, None] + half * size * rng.uniform(-1, 1, (2, 100, 3))).reshape(-1, 3) @ sides.T
        held.append(min(np.linalg.eigvalsh(total.hessian(s)[:3, :3])[0] for s in inside) > 0)
    assert told == sorted(told, reverse=True)
    assert 5 < sum(told) < sum(held) < 26


def test_boxes_lie_along_the_heavy_labels(monkeypatch):
    """Of a path of labels, each e^-6 as heavy as the one before; along differences from one end nothing is proved."""
    winner, loser = np.array([0, 1, 1, 2, 2, 3, 3, 0]), np.array([1, 0, 2, 1, 3, 2, 0, 3])
    weight = np.repeat([0.0, -6.0, -12.0, -30.0], 2) - np.tile([0.0, 0.4], 4)
    case = 4, winner, loser, weight, np.zeros(8), SCALARS["discopop"]
    total = nonconvex._Sum(*case)
    heavy = total.incidence[[0, 2]] @ nonconvex._sides(total, np.zeros(4))
    assert (np.abs(heavy).sum(axis=1) == 1).all()
    found = nonconvex.solve_block(*case)
    monkeypatch.setattr(nonconvex, "_sides", lambda *_: STAR)
    lost = nonconvex.solve_block(*case)
    assert found.unique
    assert not lost.certified
    assert lost.boxes > 20 * found.boxes
    assert found.value == pytest.approx(lost.value, rel=1e-12)


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("seed", range(4))
def test_four_responses_with_many_labels_are_certified_and_below_every_descent(name, seed):
    case = labels(seed, m=60)
    found = nonconvex.solve_block(*case, SCALARS[name])
    total = nonconvex._Sum(case[0], *case[1:3], case[3], case[4], SCALARS[name])
    rng = np.random.default_rng(seed)
    starts = rng.normal(0, 3, (30, 4))
    least = min(minimize(total.value, s, jac=total.gradient, method="BFGS").fun for s in starts)
    assert found.certified
    assert found.lower <= found.value <= found.lower + 1e-8
    assert found.value <= least + 1e-12 * least
    assert total.value(found.minimisers[0]) == pytest.approx(found.value, rel=1e-12)


@pytest.mark.parametrize("name", SCALARS)
def test_labels_given_in_parts_are_one_label(name):
    size, winner, loser, log_weight, offset = labels(2, m=6)
    parts = np.log(np.random.default_rng(0).dirichlet(np.ones(5), len(winner)))
    often = (np.repeat(column, 5) for column in (winner, loser))
    weight = (log_weight[:, None] + parts).ravel()
    once = nonconvex.solve_block(size, winner, loser, log_weight, offset, SCALARS[name])
    again = nonconvex.solve_block(size, *often, weight, np.repeat(offset, 5), SCALARS[name])
    assert (again.certified, again.unique) == (once.certified, once.unique)
    assert again.value == pytest.approx(once.value, rel=1e-12)
    assert again.minimisers[0] == pytest.approx(once.minimisers[0], abs=1e-7)


def test_third_derivatives_of_discopop_are_bounded_where_its_parts_vanish_and_overflow():
    scalar = SCALARS["discopop"]
    low = np.array([-800.0, -30.0, -3.0, -0.2, -0.05, 0.0, 0.05, 0.2, 3.0, 30.0, 800.0])
    for width in (1e-3, 0.05, 0.5, 10.0):
        bound = scalar.third_between(low, low + width)
        assert (bound >= 0).all()
        x = low[:, None] + width * np.linspace(0.01, 0.99, 99)
        step = 1e-5
        third = (scalar.curvature(x + step) - scalar.curvature(x - step)) / (2 * step)
        assert (np.abs(third).max(axis=1) <= bound + 1e-4 * (1 + np.abs(third).max(axis=1))).all()


def test_thousands_of_nats_are_walked_in_few_steps(monkeypatch):
    """A light pair of labels that starts 3000 nats off: the loss is straight there, and steps grow while it is."""
    solved = []
    elimination = graded.laplacian.solve_labels
    monkeypatch.setattr(graded.laplacian, "solve_labels", lambda *args: solved.append(1) or elimination(*args))
    ends = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    case = np.array([0.0, -1.0, -15.0, -17.0]), np.zeros(4), SCALARS["discopop"]
    near, far = (graded.stationary(np.array([start]), *ends, *case)[0] for start in ([0.0, 0.0, 0.0], [0.0, 0.0, 3e3]))
    slope = np.exp(case[0]) * case[2].slope(far[ends[0]] - far[ends[1]])
    assert len(solved) < 150
    np.testing.assert_allclose(slope[[0, 2]], slope[[1, 3]], rtol=1e-9)
    assert near[0] - near[1] == pytest.approx(far[0] - far[1], abs=1e-9)


def test_levels_far_from_0_and_labels_without_curvature_leave_no_pull_out_of_balance():
    """From 1e13 nats off, one label of three in its straight part: an exponentially flat one must not hold it back."""
    ends, log_weight = (np.array([0, 1, 2]), np.array([1, 2, 0])), np.array([-8.857, -40.278, -69.193])
    start = np.array([[1.9e13, 4.8e12, -2.38e13]])
    s = graded.stationary(start, *ends, log_weight, np.zeros(3), SCALARS["discopop"])[0]
    pull = np.exp(log_weight) * SCALARS["discopop"].slope(s[ends[0]] - s[ends[1]])
    np.testing.assert_allclose(pull, pull.mean(), rtol=1e-11)


def test_responses_that_exponentially_small_pulls_move_are_waited_for():
    """Each step there is one nat, no loss tells of it, and thirty are needed."""
    ends = np.array([0, 1, 2]), np.array([1, 2, 0])
    log_weight, start = np.array([0.0, -1.0, -200.0]), np.array([[0.0, -80.0, -220.0]])
    s = graded.stationary(start, *ends, log_weight, np.zeros(3), SCALARS["discopop"])[0]
    pull = np.exp(log_weight) * SCALARS["discopop"].slope(s[ends[0]] - s[ends[1]])
    np.testing.assert_allclose(pull, pull.mean(), rtol=1e-11)


def test_points_on_their_way_to_one_valley_end_in_one_point():
    size, *case = labels(1, m=6)
    points = np.random.default_rng(0).normal(size=(12, size))
    together = graded.stationary(points, *case, SCALARS["discopop"])
    alone = np.concatenate([graded.stationary(point[None], *case, SCALARS["discopop"]) for point in points])
    total = nonconvex._Sum(size, *case, SCALARS["discopop"])
    assert total.value(together).min() <= total.value(alone).min() + 1e-12
    for point in together:
        assert np.abs(total.gradient(point)).max() < 1e-12
    assert len(np.unique(together, axis=0)) < len(points)


@pytest.mark.parametrize("seed", range(4))
def test_leaps_lower_every_point_and_order_them(seed):
    size, winner, loser, log_weight, offset = labels(seed, size=9, m=20)
    scalar, points = SCALARS["discopop"], np.random.default_rng(seed).normal(0, 3, (8, size))
    total = nonconvex._Sum(size, winner, loser, log_weight, offset, scalar)
    before, moved = points.copy(), leaps.leapt(points, winner, loser, np.exp(log_weight), offset, scalar)
    after = total.value(moved)
    assert (points == before).all()
    assert (np.diff(after) >= 0).all()
    assert (after <= np.sort(total.value(points))).all()
    assert after[0] < total.value(points).min()


@pytest.mark.parametrize("name", [*SCALARS, "chi_po"])
@pytest.mark.parametrize("seed", range(3))
def test_larger_blocks_are_below_descents_of_scipy(name, seed):
    case, scalar = labels(seed, size=8, m=12), losses.typical(name).scalar
    total = nonconvex._Sum(*case, scalar)
    starts = np.random.default_rng(seed).normal(0, 3, (30, 8))
    least = min(minimize(total.value, s, jac=total.gradient, method="L-BFGS-B").fun for s in starts)
    found = nonconvex.solve_block(*case, scalar)
    assert not found.certified
    assert found.value <= least * (1 + 1e-9)


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("spread", [0.0, 10.0, 30.0])
def test_neighbouring_levels_of_minimisers_lie_no_further_apart_than_the_first_box_allows(name, spread):
    for seed in range(4):
        size, winner, loser, log_weight, offset = labels(seed, m=4, spread=spread, tilt=10.0)
        total = nonconvex._Sum(size, winner, loser, log_weight, offset, SCALARS[name])
        found = nonconvex.solve_block(size, winner, loser, log_weight, offset, SCALARS[name])
        half = nonconvex._first_box(total)[0]
        assert (np.abs(found.minimisers[0][:-1] - found.minimisers[0][-1]) <= half).all()
        rng = np.random.default_rng(seed)
        ends = nonconvex._descended(total, rng.normal(0, 2 * half[0], (10, size)))
        assert total.value(ends).min() >= found.value - 1e-15 * total.weight.sum()


def test_light_labels_that_alone_hold_a_response_leave_a_bound():
    """Nothing within 1e-10 of the weight tells where the response is: looking at more boxes would not."""
    ends = np.array([0, 1]), np.array([1, 0])
    found = nonconvex.solve_block(2, *ends, np.array([0.0, -60.0]), np.zeros(2), SCALARS["discopop"])
    assert not found.certified
    assert -np.inf < found.lower <= found.value <= found.lower + 1e-9
    assert found.boxes < 100


def test_newton_ends_what_is_curved_beside_what_is_flat():
    """Response 3 loses by more than the clip: nothing depends on it."""
    scalar = losses.get("chi_po", r_max=1.0).scalar
    ends = np.array([0, 1, 2, 0, 0]), np.array([1, 2, 0, 2, 3])
    total = nonconvex._Sum(4, *ends, np.log([0.5, 0.2, 0.3, 0.1, 0.3]), np.zeros(5), scalar)
    s = nonconvex._quasi_newton(total, np.array([0.0, 0.0, 0.1, -9.0]))
    assert s[0] - s[3] > 2
    assert np.abs(total.gradient(s)).max() < 1e-15
