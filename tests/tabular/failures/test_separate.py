"""Flip thresholds of single pairs, all 31 losses: against a grid of policies, and against the general thresholds."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, failure_modes, losses
from tabular.base.log_space import softplus
from tabular.failures.separate import flips

NAMES = [name for name in losses.names() if not losses.typical(name).batch]
REFERENCES = [(-9.0, -7.0), (-7.0, -9.0), (-3.0, -3.0), (-0.9, -6.0), (-5.0, -1.2), (-0.02, -8.0), (-7.0, -0.1)]
#: where the simplex may bind elsewhere than at a tie the threshold is a bound from below
BOUNDS = {"sppo_hard", "squared_po"}


def special(name):
    counts = {"n_w": 3.0, "n_l": 5.0}
    needed = losses.parameters(name)
    return losses.get(name, **losses.typical(name).params | {k: v for k, v in counts.items() if k in needed})


def grid():
    """Log-probabilities of both responses on a fine grid, ties among them, that leave something for a third."""
    level = np.r_[np.linspace(-60, -12, 49), np.linspace(-11.9, -0.05, 120), np.log(0.5), -np.logspace(2, 6, 15)]
    a, b = (part.ravel() for part in np.meshgrid(level, level, indexing="ij"))
    inside = np.logaddexp(a, b) <= 1e-15
    return a[inside], b[inside]


A, B = grid()


def closest(loss, w, y, beta, inverted):
    """The least loss of the grid, and about it: boards of policies, each half as wide as the last that held the least.

    One number for each reference. Coordinates are b - a, at least 0, and b where the pair has to be inverted; else a
    and b.
    """

    def least(a, b):
        value = np.broadcast_to(loss(a, b, w, y, beta), (len(w), a.shape[-1]))
        best = np.argmin(np.where(np.isnan(value), np.inf, value), axis=1)[:, None]
        return best, np.take_along_axis(value, best, axis=1)

    w, y = w[:, None], y[:, None]
    a, b = (A[A <= B], B[A <= B]) if inverted else (A, B)
    best, found = least(a, b)
    first, second = (b - a if inverted else a)[best], b[best]
    width = 1 + 0.3 * np.maximum(np.abs(first), np.abs(second))
    one, other = (part.ravel() for part in np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)))
    for _ in range(60):
        to = np.maximum(first + width * one, 0.0) if inverted else np.minimum(first + width * one, -1e-9)
        b = np.minimum(second + width * other, -softplus(-to) if inverted else np.log(-np.expm1(to)))
        best, here = least(b - to if inverted else to, b)
        lower = here < found - 1e-13 * np.abs(found)
        first = np.where(lower, np.take_along_axis(to, best, axis=1), first)
        second = np.where(lower, np.take_along_axis(b, best, axis=1), second)
        found, width = np.minimum(here, found), np.where(lower, width, width / 2)
    return found[:, 0]


@pytest.mark.parametrize("beta", [0.3, 2.0])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [losses.typical, special])
def test_they_are_the_least_losses_of_policies_with_the_pair_wrong_and_of_all(name, beta, make):
    loss, (w, y) = make(name), np.array(REFERENCES).T
    if make is special and loss.params == losses.typical(name).params:
        return
    found = flips(loss, w, y, beta)
    for value, inverted in ((found.threshold, True), (found.least, False)):
        reached, finite = closest(loss, w, y, beta, inverted), np.isfinite(value)
        assert (reached[~finite] < -40 * beta).all()
        reached, value = reached[finite], value[finite]
        assert (value <= reached + 1e-9 * (1 + np.abs(reached))).all()
        assert name in BOUNDS or (reached <= value + (1e-6 if inverted else 1e-3) * (1 + np.abs(value))).all()
    finite = np.isfinite(found.least)
    assert (found.price[finite] == found.threshold[finite] - found.least[finite]).all()
    assert (found.price[~finite] == 0).all()


@pytest.mark.parametrize("name", ["dpo", "cdpo", "rdpo", "ipo", "hinge", "slic", "hypo", "odpo", "ecpo"])
def test_agrees_with_the_general_thresholds(name):
    loss = losses.typical(name)
    for beta in (1e-3, 0.5, 7.0):
        for w, y in REFERENCES:
            problem = Problem(np.array([[w, y, np.log1p(-np.exp(w) - np.exp(y))]]), beta)
            general = failure_modes.thresholds(problem, Preferences.from_pairs([(0, 1)]), loss=loss)
            np.testing.assert_allclose(flips(loss, [w], [y], beta).threshold, general, rtol=1e-9, atol=1e-12)


def test_dpo_is_its_formula_at_every_scale():
    gap = np.array([-1e4, -30.0, 0.0, 2.0, 1e4])
    for beta in (1e-4, 1.0, 1e4):
        found = flips(losses.get("dpo"), -1e4 - np.maximum(-gap, 0), -1e4 - np.maximum(gap, 0), beta)
        np.testing.assert_allclose(found.threshold, softplus(beta * gap), rtol=1e-12)
        assert found.least.tolist() == [0.0] * 5
    for name in NAMES:
        extreme = flips(losses.typical(name), -1e4 - np.maximum(-gap, 0), -1e4 - np.maximum(gap, 0), 10.0)
        assert not np.isnan(extreme.threshold).any(), name
        assert not np.isnan(extreme.price).any(), name
        assert (extreme.price >= 0).all(), name


def test_a_local_minimum_counts():
    """DiscoPOP's, at -2.3714 tau: a pair tied beyond it need not climb down to -delta_ref."""
    loss = losses.get("discopop", tau=0.05)
    found = flips(loss, [-2.0], [-2.05], 1.0).threshold[0]  # x* = -0.05, right of the dip, left of the hill
    assert found == pytest.approx(float(loss(-0.11857, 0.0, 0.0, 0.0, 1.0)), abs=1e-8)
    assert found < float(loss(-0.05, 0.0, 0.0, 0.0, 1.0))


def test_losses_without_a_threshold_of_a_pair():
    for loss in (losses.get("aot"), losses.get("aot_unpaired")):
        with pytest.raises(InputError, match="no pair has a flip threshold of its own"):
            flips(loss, [-1.0], [-2.0], 1.0)


@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, "much", None, [0.1, 0.2]])
@pytest.mark.parametrize("name", ["dpo", "ipo", "kto"])
def test_a_beta_that_is_none_is_refused(name, beta):
    with pytest.raises(InputError, match="beta is "):
        flips(losses.typical(name), [-9.0], [-7.0], beta)
