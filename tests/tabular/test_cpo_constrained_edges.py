"""The constrained optimum where weights are worlds apart: multipliers against every forest of tight pairs, exactly."""

from itertools import combinations

import mpmath
import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, Status, cpo, rlhf


def exact_optimum(log_p, winner, loser, margin, digits):
    """``(log x, multipliers)`` by trying every forest of tight pairs in arithmetic of many digits."""
    with mpmath.workdps(digits):
        log_p, margin = [mpmath.mpf(float(x)) for x in log_p], [mpmath.mpf(float(x)) for x in margin]
        for size in range(len(winner) + 1):
            for active in combinations(range(len(winner)), size):
                level, tilt = _held(log_p, winner, loser, margin, active)
                if level is None or any(t < 0 for t in tilt):
                    continue
                slack = [level[w] - level[lo] - m for w, lo, m in zip(winner, loser, margin, strict=True)]
                if all(s >= 0 for i, s in enumerate(slack) if i not in active):
                    return level, tilt
    raise AssertionError("no forest is optimal")


def _held(log_p, winner, loser, margin, active):
    n = len(log_p)
    links = {
        y: [(i, loser[i] if winner[i] == y else winner[i]) for i in active if y in (winner[i], loser[i])]
        for y in range(n)
    }
    level, tilt, u = [None] * n, [mpmath.mpf(0)] * len(winner), {}
    for root in range(n):
        if root in u:
            continue
        u[root], tree = mpmath.mpf(0), [(root, None, None)]
        for y, via, _ in tree:
            for i, other in links[y]:
                if i == via:
                    continue
                if other in u:
                    return None, None  # no forest
                u[other] = u[y] + (margin[i] if other == winner[i] else -margin[i])
                tree.append((other, i, y))
        mass = sum(mpmath.exp(u[y]) for y, *_ in tree)
        mean = sum(mpmath.exp(u[y]) * (log_p[y] - u[y]) for y, *_ in tree) / mass
        received = {y: mpmath.exp(u[y]) * (mean + u[y] - log_p[y]) for y, *_ in tree}
        for y, i, before in reversed(tree):
            level[y] = mean + u[y]
            if i is not None:
                flow = received[y] if y == winner[i] else -received[y]
                tilt[i] = flow * (mpmath.exp(-u[winner[i]]) + mpmath.exp(-u[loser[i]]))
                received[before] += received[y]
    return level, tilt


def largest(residuals):
    return max(residuals.primal, residuals.dual, residuals.complementarity, residuals.stationarity, residuals.gap)


@pytest.mark.parametrize("m", [1.0, 10.0, 24.0, 36.0, 40.0, 100.0, 900.0])
def test_two_responses_tied_m_apart_owe_it_all_to_the_light_one(m):
    """Uniform pi*: the light response sinks by m, the heavy one by e^-m m, so the label over it carries exactly m."""
    problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 0)]), margin=np.array([-m, m]))
    np.testing.assert_allclose(found.tilt, [0, m], rtol=1e-13)
    assert largest(found.residuals) < 1e-15 * (1 + m)


@pytest.mark.parametrize("m", [1.0, 50.0, 300.0])
def test_levels_closer_than_their_rounding_still_part(m):
    """Response 0 lies e^-m m below the pool of the other two, so the label 2 over 0 holds without a multiplier."""
    problem = Problem.from_unnormalized(np.zeros(3), beta=1, reward=np.zeros(3))
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(1, 2), (2, 0)]), margin=np.array([m, -m]))
    np.testing.assert_allclose(found.tilt, [m, 0], rtol=1e-13)
    assert largest(found.residuals) < 1e-13


def test_a_multiplier_beyond_double_precision_is_refused_in_one_sentence():
    pairs, margin = [(2, 0), (1, 2), (1, 0), (0, 3), (2, 3)], np.array([-900.0, 900, -600, -300, 0])
    problem = Problem.from_unnormalized(np.zeros(4), beta=1, reward=[371, -82, -65, 25])
    _, tilt = exact_optimum(rlhf.optimal_policy(problem)[0], *zip(*pairs, strict=True), margin, digits=1500)
    assert mpmath.mpf(10) ** 393 < tilt[0] < mpmath.mpf(10) ** 394
    with pytest.raises(InputError, match="the multiplier of pair 0 exceeds double precision"):
        cpo.constrained_optimum(problem, Preferences.from_pairs(pairs), margin)


BEYOND = [  # more pairs than are enumerated, among responses that multipliers of e^1000 and more hold in place
    ([2, 2, 0], [0, 1, 1], [1000.75, -999.75, -2000.5], [-1200, 1200, -300]),
    ([0, 0, 1, 2, 2, 0], [2, 3, 2, 3, 1, 1], [999, -999, -1998, -999, 0, 1998], [-9e6, 6e6, 3e6, 9e6]),
    (
        [2, 0, 5, 4, 2, 1, 4],
        [0, 1, 2, 0, 0, 3, 1],
        [900, 0, -1200, 900, 900, -900, 600],
        [-3000, 9714, 4423, -1577, -4490, 20165],
    ),
    ([1, 4, 4, 2, 1, 5], [5, 5, 1, 0, 2, 3], [-711, -782, 707, -453, 1381, 475], [47, 209, -158, -691, 59.5, 392]),
    ([0, 1], [1, 2], [2229, -704], [-300, 300, -600, -600]),  # a chain
]


@pytest.mark.parametrize(("winner", "loser", "margin", "reward"), BEYOND)
def test_multipliers_that_leave_the_floats_on_the_way_are_refused_too(winner, loser, margin, reward):
    problem = Problem.from_unnormalized(np.zeros(len(reward)), beta=1, reward=reward)
    log_star = rlhf.optimal_policy(problem)[0]
    _, tilt = exact_optimum(log_star, winner, loser, np.array(margin, float), digits=3000)
    assert max(tilt) > mpmath.mpf(float(np.finfo(float).max))
    labels = Preferences(np.zeros(len(winner), dtype=int), winner, loser)
    with pytest.raises(InputError, match="exceeds double precision"):
        cpo.constrained_optimum(problem, labels, np.array(margin, float))


TOGETHER = [  # multipliers of e^108 and more that fall to 0 together to the last digit: which is let go first?
    (
        *([1, 1, 4, 3, 2, 2, 2], [0, 0, 3, 0, 3, 1, 3], [-100, -200, 100, 0, 300, 300, -100]),
        [0, -5677.047084262259, -4225.505891029509, -2706.553545331246, -5426.129677334258],
    ),
    (
        *([2, 0, 0, 2, 3, 0, 2, 2], [1, 1, 2, 3, 1, 3, 3, 3], [-100, -100, 300, 100, -300, -100, 300, 100]),
        [-5999995.680687879, 0, -20999961.949605543, -15000047.927420016],
    ),
]


@pytest.mark.parametrize(("winner", "loser", "margin", "reward"), TOGETHER)
def test_multipliers_that_fall_to_0_together_let_the_right_pairs_go(winner, loser, margin, reward):
    problem = Problem.from_unnormalized(np.zeros(len(reward)), beta=1, reward=reward)
    labels = Preferences(np.zeros(len(winner), dtype=int), winner, loser)
    found = cpo.constrained_optimum(problem, labels, np.array(margin, float))
    log_x, tilt = exact_optimum(rlhf.optimal_policy(problem)[0], winner, loser, np.array(margin, float), digits=2000)
    np.testing.assert_allclose(found.log_policy[0], [float(x - max(log_x)) for x in log_x], rtol=1e-13, atol=1e-9)
    np.testing.assert_allclose(found.tilt, [float(t) for t in tilt], rtol=1e-12)
    assert found.residuals.stationarity <= 1e-15 * max(map(abs, reward))


def test_heavy_responses_that_a_light_one_ties_share_its_multiplier_and_lose_none_of_it():
    """0, 2 and 3 stand e^30 above 5: rounding hides how 0 and 3 share its 30 nats, but 30 nats they are."""
    labels = Preferences.from_pairs([(1, 3), (0, 5), (2, 5), (3, 5), (2, 5), (0, 2)])
    problem = Problem.from_unnormalized([-60.0, -30, 0, -30, 0, -30], beta=1, reward=np.zeros(6))
    found = cpo.constrained_optimum(problem, labels, [-30, 30, 0, 30, -30, 0])
    assert largest(found.residuals) < 1e-13
    assert found.tilt[1] + found.tilt[3] == pytest.approx(30, rel=1e-12)
    assert found.tilt[[2, 4]].tolist() == [0, 0]


def test_levels_and_margins_of_whole_steps_are_optimal_by_every_residual():
    """On a grid of 30 nats many pools have light members between heavy ones that are level to the last digit."""
    rng, n, k = np.random.default_rng(0), 6, 6
    for _ in range(3):
        level, margin = 30.0 * rng.integers(-1, 2, (1000, n)), 30.0 * rng.integers(-1, 2, (1000, k))
        first = rng.integers(0, n, (1000, k))
        ends = np.sort([first, (first + rng.integers(1, n, (1000, k))) % n], axis=0)
        labels = Preferences(np.repeat(np.arange(1000), k), *ends.reshape(2, -1))
        problem = Problem.from_unnormalized(level, 1.0, np.zeros((1000, n)))
        assert largest(cpo.constrained_optimum(problem, labels, margin.ravel()).residuals) < 1e-12


def test_a_heavy_member_of_log_probability_0_is_not_asked_what_a_light_one_owes():
    """pi* is 1 to the last digit: that it sinks by 541 e^-600 does not show, that the other sinks by 541 does."""
    problem = Problem.from_unnormalized([0.0, -58.6], beta=1, reward=[0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 0)]), margin=np.array([600.0, -600]))
    np.testing.assert_allclose(found.tilt, [541.4, 0], rtol=1e-13)
    assert largest(found.residuals) < 1e-12


def test_a_light_member_of_a_tie_that_huge_multipliers_hold_is_not_asked_what_is_left():
    """1 and 3 keep their ratio; only at 3, e^50 heavier, does it show that the label 3 over 1 carries e^56."""
    winner, loser, margin = [1, 2, 3, 2, 1, 0, 1], [3, 0, 1, 0, 2, 1, 0], [-50, 0, 50, -50, -200, 150, -200]
    problem = Problem.from_unnormalized([-129.0, -491.0, 0.0, -720.0], 1e4, reward=[200, 300, 100, 200])
    labels = Preferences(np.zeros(7, dtype=int), winner, loser)
    found = cpo.constrained_optimum(problem, labels, np.array(margin, float))
    _, tilt = exact_optimum(rlhf.optimal_policy(problem)[0], winner, loser, np.array(margin, float), digits=900)
    np.testing.assert_allclose(found.tilt, [float(t) for t in tilt], rtol=1e-12)
    assert largest(found.residuals) < 1e-12


def test_a_multiplier_that_only_beta_takes_beyond_double_precision_is_refused_too():
    """Its tilt, in nats, is e^702 and a little; times beta it would be a warning and inf."""
    problem = Problem.from_unnormalized([-2.6, -2.7, -0.33, -2.0], 1e4, reward=[1, -1, 2, 4])
    labels = Preferences([0, 0], [0, 3], [1, 0])
    with pytest.raises(InputError, match="the multiplier of pair 0 exceeds double precision"):
        cpo.constrained_optimum(problem, labels, np.array([-704.9, 802.7]))
    assert cpo.constrained_optimum(problem, labels, np.array([-680.0, 782.0])).multipliers[0] > 1e290


@pytest.mark.parametrize("margin", [1.7e308, [1.7e308, -1.7e308, 1.7e308]])
def test_margins_that_do_not_add_up_are_refused(margin):
    problem = Problem.from_unnormalized(np.zeros(3), beta=1, reward=np.zeros(3))
    with pytest.raises(InputError, match="margins of a path of labels must add up within double precision"):
        cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 2), (2, 0)]), margin)


def random_case(rng):
    n, k, scale = rng.integers(2, 5), rng.integers(1, 6), rng.choice([1.0, 50.0, 300.0])
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    margin = rng.integers(-3, 4, k) * scale if rng.random() < 0.6 else scale * rng.normal(size=k)
    reward = rng.choice([0.0, 1.0, 100.0]) * rng.integers(-4, 5, n)
    return Problem.from_unnormalized(np.zeros(n), beta=1, reward=reward), winner, loser, margin


@pytest.mark.parametrize("seed", range(40))
def test_margins_of_hundreds_of_nats_against_every_forest(seed):
    problem, winner, loser, margin = random_case(np.random.default_rng(seed))
    labels = Preferences(np.zeros(len(winner), dtype=int), winner, loser)
    found = cpo.constrained_optimum(problem, labels, margin)
    if found.status is not Status.UNIQUE or np.isinf(found.log_policy).any():
        return
    digits = int(60 + 2 * np.abs(margin).sum())
    log_star = rlhf.optimal_policy(problem)[0]
    log_x, _ = exact_optimum(log_star, winner.tolist(), loser.tolist(), margin, digits)
    assert largest(found.residuals) < 1e-12 * (1 + np.abs(margin).max())
    with mpmath.workdps(digits):
        total = mpmath.log(sum(mpmath.exp(x) for x in log_x))
        wanted = [float(x - total) for x in log_x]
        np.testing.assert_allclose(found.log_policy[0], wanted, rtol=1e-12, atol=1e-12)
        moved = [x - mpmath.mpf(float(a)) for x, a in zip(log_x, log_star, strict=True)]
        pull = [1 + abs(x) for x in log_x]
        for w, lo, m, t in zip(winner, loser, margin, found.tilt, strict=True):
            up, down = t / (1 + mpmath.exp(m)), t / (1 + mpmath.exp(-m))
            moved[w], moved[lo] = moved[w] - up, moved[lo] + down
            pull[w], pull[lo] = pull[w] + up, pull[lo] + down
        assert max(abs(x) / p for x, p in zip(moved, pull, strict=True)) < 1e-12  # any multipliers that explain x do


def constrained(reward, ref, pairs, margins):
    problem = Problem.from_unnormalized(ref, beta=1, reward=reward)
    return cpo.constrained_optimum(problem, Preferences.from_pairs(pairs), margins)


def test_a_share_of_a_huge_multiplier_whose_factor_is_no_float():
    """sigma(-713) of a multiplier of e^706 is 1e-3: with a factor of 0 the residual said that it was missing."""
    found = constrained(
        [12.5, 5.2, -10.7, 11.6, 15.5, 28.4, 49.8],
        [-1.96, -1.29, -3.2, -1.64, -1.64, -3.18, -2.16],
        [(0, 6), (3, 4), (1, 4), (2, 6), (2, 4), (0, 2), (3, 5)],
        [-1060.0, 1410.0, 1417.0, -713.0, 359.0, 703.0, 1413.0],
    )
    assert mpmath.mpf(float(found.tilt[3])) * mpmath.exp(-713) > 1e-3  # from response 6, nearly all of the policy
    assert largest(found.residuals) < 1e-12


def test_multipliers_whose_sum_is_no_float():
    """Those of a response that is pulled both ways by 1.6e308; and one of 1e308 e^-994, which was said to be 0."""
    found = constrained([2.14, -0.98, -0.04, -0.68], [-1.72, -1.9, -2.81, -0.49], [(2, 3), (1, 2)], [-704.0, 994.0])
    assert found.tilt.min() > 1e308
    assert np.isfinite(found.tilt).all()
    assert np.log(found.multipliers[1]) - np.log(found.tilt[1]) == pytest.approx(-994.0, rel=1e-12)
    assert largest(found.residuals) < 1e-12
