"""Local maxima of the penalised objective: none missed, by a scan of every curve; the conditions by linear algebra."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import lambertw

from tabular import Preferences, Problem, cpo, rlhf
from tabular.simplex.penalized_maxima import (
    _Curves,
    _Points,
    all_local_maxima,
    is_local_maximum,
    local_maxima,
    log_minus_w,
)
from tests import maxima_one_by_one


@pytest.mark.parametrize("seed", range(16))
def test_every_local_maximum_of_many_losers_is_found(seed):
    """Near the fold, against a scan of each curve at 5,001 depths for mass 1 crossed where the mass rises with nu."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 7))
    log_star = np.log(rng.dirichlet(np.ones(n)))
    excess = rng.normal(size=n)
    excess -= excess.mean()
    excess[0] = excess[1] if seed % 4 == 0 and excess[0] < 0 else excess[0]  # losers alike now and then
    excess[-1] -= excess.sum()
    c = excess * _largest_scale(log_star, excess) * (1 - 10 ** rng.uniform(-4, -0.3))
    found = local_maxima(log_star, c)
    assert len(found) == _scanned(log_star, c)
    for log_pi in found:
        pi = np.exp(log_pi)
        assert abs(pi.sum() - 1) < 1e-12
        assert np.ptp(log_pi - log_star - c / pi) < 1e-7
        assert is_local_maximum(log_pi, c)


def _largest_scale(log_star, excess):
    low, high = 1e-6, 10.0
    while high > low * (1 + 1e-6):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if local_maxima(log_star, middle * excess) else (low, middle)
    return low


def _largest_scales(log_star, c):
    low, high = np.full((2, len(c)), [[1e-7], [1e7]])
    while (high > low * (1 + 1e-6)).any():
        middle = np.sqrt(low * high)
        there = np.array([len(found) > 0 for found in all_local_maxima(log_star, middle[:, None] * c)[0]])
        low, high = np.where(there, middle, low), np.where(there, high, middle)
    return low


def _scanned(log_star, c, points=5_001):
    """How often mass 1 is crossed upwards, by scipy's Lambert W on every branch."""
    losing = np.flatnonzero(c < 0)
    ceiling = (log_star[losing] - np.log(-c[losing]) - 1).min()
    count = 0
    for lowered in [None, *losing]:
        others = log_star if lowered is None else np.delete(log_star, lowered)
        bottom = np.logaddexp.reduce(others) - 1
        if ceiling < bottom:
            continue
        nu = ceiling - np.linspace(0, np.sqrt(ceiling - bottom), points) ** 2
        mass = np.zeros(points)
        for y, (star, k) in enumerate(zip(log_star, c, strict=True)):
            argument = np.maximum(k * np.exp(nu - star), -np.exp(-1.0) * (1 - 1e-14))  # at -1/e it says nan
            mass += k / lambertw(argument, -1 if y == lowered else 0).real
        crossed = (mass[:-1] > 1) & (mass[1:] <= 1)  # depth grows as nu falls
        count += int(mass[0] <= 1) if lowered is None else np.count_nonzero(crossed)
    return count


def instances(rng, n_prompts, n):
    """Optima and pulls from far below the fold to beyond it; a third of them with a response that has no pull."""
    log_star = rng.normal(size=(n_prompts, n)) * rng.choice([0.5, 2.0, 5.0], size=(n_prompts, 1))
    log_star -= np.logaddexp.reduce(log_star, axis=1, keepdims=True)
    excess = rng.normal(size=(n_prompts, n))
    excess[::3, -1] = 0 if n > 2 else excess[::3, -1]
    pulled = excess != 0
    excess -= np.where(pulled, (excess.sum(axis=1) / pulled.sum(axis=1))[:, None], 0.0)
    return log_star, excess * 10 ** rng.uniform(-4, 0.5, size=(n_prompts, 1))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_many_prompts_together_are_each_one_curve_at_a_time(n):
    log_star, c = instances(np.random.default_rng(n), 60, n)
    near = _largest_scales(log_star, c) * (1 - 10.0 ** -(1 + np.arange(60) % 5))
    c[::2] *= near[::2, None]  # every other one near its fold, where curves with a lowered response have maxima
    maxima, certified = all_local_maxima(log_star, c)
    assert certified.all()
    assert {len(found) for found in maxima} == {0, 1}
    for star, pull, found in zip(log_star, c, maxima, strict=True):
        expected = maxima_one_by_one.local_maxima(star, pull)
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_fold_within_rounding_is_not_certified_and_its_neighbours_are():
    """Two responses, whose fold is known in closed form."""
    problem = Problem.from_unnormalized([-2.0, 0.0], 1.0, reward=[0.0, 0.0])
    star = rlhf.optimal_policy(problem)
    (high,) = cpo.gamma_window(problem, Preferences.from_pairs([(0, 1)]))[1]
    told = []
    for share in (1 - 1e-9, 1.0, 1 + 1e-9):
        maxima, certified = all_local_maxima(star, share * high * np.array([[1.0, -1.0]]))
        told.append((len(maxima[0]), bool(certified[0])))
    assert told[0] == (1, True)
    assert told[1][1] is False
    assert told[2] == (0, True)


@pytest.mark.parametrize("scale", [0.3, 3.0, 300.0])
def test_bounds_of_points_hold_in_sixty_digits(scale):
    """Log-policies, rates and masses of random depths, down to the branch point, lie between what is said of them."""
    rng = np.random.default_rng(int(10 * scale))
    log_star, c = instances(rng, 12, 4)
    log_star *= scale
    log_star -= np.logaddexp.reduce(log_star, axis=1, keepdims=True)
    lowered = np.array([rng.choice([-1, *np.flatnonzero(row < 0)]) for row in c])
    curves = _Curves.of(log_star, c, lowered)
    depth = curves.deepest * 10.0 ** rng.uniform(-9, 0, size=12)
    depth[0] = 0.0
    point = _Points(curves, np.arange(12), depth)
    for k in range(12):
        responses = zip(curves.level[k], c[k], curves.lowered[k], strict=True)
        pi, rate = zip(*(_exactly(*response, depth[k]) for response in responses), strict=True)
        assert all(low <= true <= high for low, true, high in zip(point.low[k], pi, point.high[k], strict=True))
        ends = zip(point.rate_low[k], rate, point.rate_high[k], strict=True)
        assert all(low <= true <= high for low, true, high in ends)
        assert point.mass_low[k] <= sum(pi) <= point.mass_high[k]
        assert (point.high[k] - point.low[k] <= 1e-10 * point.high[k] + 1e-300).all()


def _exactly(level, c, lower, depth):
    """Probability and rate of one response in 60 digits, from the numbers that the search starts from."""
    with mp.workdps(60):
        x = mp.mpf(float(level)) + mp.mpf(float(depth)) ** 2
        if c == 0:
            return mp.exp(x), mp.exp(x)
        star = x if c > 0 else x + mp.log(-mp.mpf(float(c))) + 1
        argument = mp.mpf(float(c)) * mp.exp(-star)
        w = mp.lambertw(argument, -1 if lower else 0).real if x else mp.mpf(-1)
        pi = mp.mpf(float(c)) / w
        return pi, (mp.inf if w == -1 else pi / (1 + w)) * (-1 if lower and w == -1 else 1)


@pytest.mark.parametrize("seed", range(200))
def test_the_second_order_condition_is_negative_definiteness_on_the_simplex(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    pi = rng.dirichlet(np.ones(n))
    c = rng.normal(size=n) * 10 ** rng.uniform(-2, 0.5)
    c -= c.mean()
    basis = np.linalg.svd(np.ones((1, n)))[2][1:].T  # orthonormal, sums 0
    hessian = -basis.T @ np.diag(1 / pi + c / pi**2) @ basis
    assert is_local_maximum(np.log(pi), c) == (np.linalg.eigvalsh(hessian).max() < 0)


def test_branches_of_lambert_w_match_sixty_digits():
    with mp.workdps(60):
        for eta in (1e-300, 1e-30, 1e-14, 1e-8, 0.001, 0.5, 2.0, 39.0, 699.0, 1e4):
            low, high = log_minus_w(np.array([eta, eta]), np.array([False, True]))
            for ours in (low, high):
                other = _newton_in_digits(mp.mpf(eta), mp.mpf(float(ours)))
                assert abs(mp.mpf(float(ours)) - other) <= 2e-15 * abs(other)


def test_rates_at_the_branch_point_are_infinite_of_their_branch_s_sign():
    """Two losers alike, both at the lowest branch point, one of them on branch -1."""
    curves = _Curves.of(np.log([[0.25, 0.25, 0.5]]), np.array([[-0.1, -0.1, 0.2]]), np.array([1]))
    point = _Points(curves, np.zeros(1, dtype=int), np.zeros(1))
    assert point.rate[0, :2].tolist() == point.rate_low[0, :2].tolist() == [np.inf, -np.inf]
    assert point.rate_high[0, :2].tolist() == [np.inf, -np.inf]


def _newton_in_digits(eta, start):
    """The root of e^L - 1 - L = eta next to a start, its digits doubling with every step."""
    root = start
    with mp.workdps(700):
        for _ in range(12):
            root -= (mp.expm1(root) - root - eta) / mp.expm1(root)
    return root


@pytest.mark.parametrize("far", [-30.0, -700.0, -800.0, -1e4])
def test_an_unlabelled_response_however_unlikely_changes_no_maximum(far):
    """Its pull is 0, over a probability that underflows: one on the lower branch of the loser was lost beside it."""
    problem = Problem.from_unnormalized([np.log(0.05), np.log(0.95), far], 1.0, [0.0, 0.0, 0.0])
    alone = Problem.from_unnormalized([np.log(0.05), np.log(0.95)], 1.0, [0.0, 0.0])
    found, wanted = (cpo.penalized_optimum(p, Preferences.from_pairs([(0, 1)]), 0.613) for p in (problem, alone))
    np.testing.assert_allclose(found.local[0, :2], wanted.local[0], atol=1e-11)
    assert found.n_local.tolist() == wanted.n_local.tolist() == [1]
    assert far < found.local[0, 2] < far + 1  # log pi less log pi* is one number where c is 0, here .56
    assert found.residual < 1e-12
