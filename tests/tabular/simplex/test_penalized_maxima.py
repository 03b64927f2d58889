"""Local maxima of the penalised objective: none missed, by a scan of every curve; the conditions by linear algebra."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import lambertw

from tabular.simplex.penalized_maxima import is_local_maximum, local_maxima, log_minus_w


@pytest.mark.parametrize("seed", range(24))
def test_every_local_maximum_of_many_losers_is_found(seed):
    """Near the fold, against a scan of each curve at 20,001 depths for mass 1 crossed where the mass rises with nu."""
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


def _scanned(log_star, c, points=20_001):
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
        for zeta in (1.0, 1 + 1e-14, 1 + 1e-8, 1.001, 1.5, 3.0, 40.0, 700.0, 1e4):
            low = log_minus_w(np.array([zeta]), np.array([False]))[0]
            high = log_minus_w(np.array([zeta]), np.array([True]))[0]
            argument = -(mp.e ** -mp.mpf(zeta))
            for ours, branch in ((low, 0), (high, -1)):
                true = mp.log(-mp.lambertw(argument, branch).real)
                assert abs(mp.mpf(float(ours)) - true) <= 1e-14 * (1 + abs(true)) + 3e-9 * (zeta < 1 + 1e-10)
