"""The least gamma that turns an inverted optimum, against a root search over fits of the whole problem."""

import numpy as np
import pytest
from scipy.optimize import brentq

from tabular import Preferences, Problem
from tabular.failures import least_gamma
from tabular.failures.infimum import Relation, infimum
from tabular.failures.least_gamma import STEEPEST, least_gammas


def instance(seed):
    rng = np.random.default_rng(seed)
    n, k, prompts = int(rng.integers(2, 8)), int(rng.integers(6, 25)), int(rng.integers(1, 4))
    log_ref = rng.choice([0.1, 1, 3]) * rng.normal(size=(prompts, n))
    problem = Problem.from_unnormalized(log_ref, beta=float(rng.choice([0.1, 1, 10])))
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    log_weight = rng.choice([0, 1, 5]) * rng.normal(size=k)
    return problem, Preferences(rng.integers(0, prompts, k), winner, loser, log_weight=log_weight)


def log_inverse(problem, labels):
    return np.logaddexp(-problem.log_ref[labels.prompt, labels.winner], -problem.log_ref[labels.prompt, labels.loser])


@pytest.mark.parametrize("seed", range(8))
def test_delta_turns_there_and_at_no_fit_of_a_scan_before(seed):
    problem, labels = instance(seed)
    at, inverse = infimum(problem, labels), log_inverse(problem, labels)
    gamma = least_gammas(at, inverse)
    inverted = (at.relation == Relation.SAME) & (at.delta <= 0)
    assert np.isnan(gamma[~inverted]).all()

    def delta(value, pair):
        return infimum(problem, labels, value * np.exp(inverse)).delta[pair]

    for pair in np.flatnonzero(inverted)[:3]:
        piece = at.parts.graph.component[at.parts.graph.winner] == at.parts.piece([pair])
        scan = np.geomspace(0.01, STEEPEST, 12) / np.exp(inverse[at.graph.label[piece]].max())
        found = [delta(value, pair) > 0 for value in scan]
        if np.isnan(gamma[pair]):
            assert not any(found)
            continue
        assert not any(found[: np.searchsorted(scan, gamma[pair])])
        low, high = gamma[pair] * (1 - 1e-4), gamma[pair] * (1 + 1e-4)
        assert brentq(delta, low, high, args=(pair,), xtol=1e-13 * gamma[pair]) == pytest.approx(gamma[pair], rel=1e-9)


def test_pairs_of_one_block_are_read_off_its_curve_as_if_each_were_alone():
    rng = np.random.default_rng(3)
    problem = Problem.from_unnormalized(rng.normal(size=9), beta=0.5)
    winner, loser = np.nonzero(~np.eye(9, dtype=bool))
    labels = Preferences(np.zeros(72, dtype=int), winner, loser, rng.uniform(0.5, 2, 72))
    at, inverse = infimum(problem, labels), log_inverse(problem, labels)
    gamma = least_gammas(at, inverse)
    turned = np.flatnonzero(np.isfinite(gamma))
    assert len(turned) >= 10
    for pair in turned:
        for factor, above in ((1 - 1e-9, False), (1 + 1e-9, True)):
            moved = infimum(problem, labels, gamma[pair] * factor * np.exp(inverse)).delta[pair]
            assert (moved > 0) == above


@pytest.mark.parametrize(("n", "k", "seed"), [(40, 200, 5), (20, 80, 4)])
def test_fits_that_share_factors_turn_at_the_gammas_of_fits_alone(monkeypatch, n, k, seed):
    """In the second a soft pair was once left 2e-9 off by a first step to two digits, short enough to be the last."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized((1 + seed % 3) * rng.normal(size=n), 1.0, rng.normal(size=n))
    winner = rng.integers(0, n, k)
    labels = Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n)
    shared, fit = [], least_gamma._Several.fit

    def counted(*given):
        fitted = fit(*given)
        shared.append(int(fitted.sum()))
        return fitted

    monkeypatch.setattr(least_gamma, "_MANY", 0)
    monkeypatch.setattr(least_gamma._Several, "fit", counted)
    at, inverse = infimum(problem, labels), log_inverse(problem, labels)
    together = least_gammas(at, inverse)
    assert sum(shared) > 2 * n
    monkeypatch.setattr(
        least_gamma._Several, "fit", lambda several, strength, start, margin: np.zeros(len(start), bool)
    )
    alone = least_gammas(at, inverse)
    assert np.isfinite(alone).sum() > n / 4
    np.testing.assert_allclose(together, alone, rtol=4e-12)


@pytest.mark.parametrize("degree", [0, 3, 5])
def test_of_polynomials_through_the_first_points_the_one_that_has_settled_is_taken(degree):
    """Of one degree as of any: values further off that are no part of it change nothing, and tell how far off it is."""
    rng = np.random.default_rng(degree)
    points = np.arange(12.0)[:, None] + rng.uniform(-0.3, 0.3, (12, 40))
    curves = [np.polynomial.Polynomial(rng.normal(size=degree + 1)) for _ in range(40)]
    values, at = np.column_stack([curve(x) for curve, x in zip(curves, points.T, strict=True)]), rng.uniform(0, 2, 40)
    settled = max(degree + 2, least_gamma._FEWEST)  # points, the last of which changes nothing
    values[settled:] += rng.normal(size=(12 - settled, 40))
    parts, off = least_gamma._through(points, values, at)
    wanted = np.array([curve(x) for curve, x in zip(curves, at, strict=True)])
    np.testing.assert_allclose((parts * values).sum(axis=0), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts.sum(axis=0), 1.0, rtol=1e-9)
    assert np.all(off < 1e-9)
    assert np.all(parts[settled:] == 0)


def test_points_at_one_height_have_no_polynomial():
    parts, off = least_gamma._through(np.zeros((12, 2)), np.arange(24.0).reshape(12, 2), 1.0)
    assert np.all(parts == 0)
    assert np.all(np.isinf(off))
