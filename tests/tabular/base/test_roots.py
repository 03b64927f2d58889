"""Bracketed roots: exact ones, infinite values, a wrong bracket, and how much work they are."""

import numpy as np
import pytest
from scipy.special import lambertw

from tabular.base import roots


def counted(function):
    calls = []

    def counting(x):
        calls.append(1)
        return function(x)

    return counting, calls


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_inverse_of_a_steep_and_of_a_flat_function(scale):
    wanted = np.linspace(-5, 5, 101) * scale
    function, calls = counted(lambda x: np.arcsinh(x / scale) ** 3 - np.arcsinh(wanted / scale) ** 3)
    found = roots.increasing(function, np.full(101, -1e6 * scale), np.full(101, 1e6 * scale))
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-5 * scale)  # a triple root at 0
    assert len(calls) < 260  # four times 64 halvings


def test_infinite_values_are_only_signs():
    wanted = np.array([-700.0, 0.3, 1e3])
    found = roots.increasing(lambda x: np.where(x < wanted, -np.inf, np.inf), np.full(3, -1e4), np.full(3, 1e4))
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_an_end_with_the_wrong_sign_is_the_answer():
    found = roots.increasing(lambda x: x - np.array([5.0, -5.0]), np.zeros(2), np.ones(2))
    assert found.tolist() == [1.0, 0.0]


def test_a_root_at_an_end_is_that_end():
    assert roots.increasing(lambda x: x, np.zeros(1), np.ones(1)).tolist() == [0.0]
    assert roots.increasing(lambda x: x - 1, np.zeros(1), np.ones(1)).tolist() == [1.0]


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.0, 0.0)])
def test_a_step_of_newtons_may_end_at_an_end(ends):
    """A straight line's root is the second point asked about, at either end."""
    asked = []
    found = roots.decreasing(lambda x, _: (asked.append(x) or -x, -np.ones(1)), *np.array([ends]).T)
    assert (found.tolist(), len(asked)) == ([0.0], 2)


def test_smooth_functions_are_asked_less_and_answer_as_well():
    """x e^x = c by Lambert's W, at one step less; a slope that jumps near the root keeps all its steps."""
    c = np.geomspace(1e-6, 1e6, 400)

    def solved(smooth):
        asked = []

        def value(x, index):
            asked.append(len(index))
            return np.log(c[index]) - np.log(x) - x, -1 / x - 1

        return roots.decreasing(value, np.zeros(400), wanted * 3 + 1, smooth=smooth), sum(asked)

    wanted = lambertw(c).real
    (slow, many), (fast, few) = solved(False), solved(True)
    assert slow == pytest.approx(wanted, rel=4e-16)
    assert fast == pytest.approx(wanted, rel=4e-16)
    assert few < many - 300


def test_a_slope_that_jumps_beside_the_root():
    """f = -(x - 1) above the kink and half as steep below it: steps from above land beyond it."""
    kink = 1 + np.geomspace(1e-15, 1e-3, 200)

    def bent(x, index):
        above = x > kink[index]
        curve = 1e-3 * (x - 1) ** 2
        f = np.where(above, -(x - kink[index]) - (kink[index] - 1) / 2, -(x - 1) / 2) - curve
        return f, np.where(above, -1.0, -0.5) - 2e-3 * (x - 1)

    errors = [
        np.abs(roots.decreasing(bent, np.zeros(200), np.full(200, 7.0), smooth=s) - 1).max() for s in (False, True)
    ]
    assert errors[0] < 5e-16
    assert errors[1] > 1e-12  # called smooth, it is not


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_three_points_of_an_inverse_parabola_lead_to_its_root_at_once(sign):
    """x = p + q y + r y^2 through y_c < y_a < 0 < y_b, or mirrored: at the share of the way from a to b, y is 0."""
    rng = np.random.default_rng(0)
    root, rise, bend = rng.normal(size=200), rng.uniform(0.5, 2, 200), rng.uniform(-0.03, 0.03, 200)
    y = sign * np.stack([-rng.uniform(0.1, 1, 200), rng.uniform(0.1, 2, 200), -rng.uniform(1.1, 3, 200)])
    a, b, c = root + rise * y + bend * y**2
    share = roots._interpolated(a, b, c, *y)
    assert (share != 0.5).mean() > 0.9
    np.testing.assert_allclose((a + share * (b - a))[share != 0.5], root[share != 0.5], atol=1e-12)


def test_a_smooth_increasing_function_takes_a_dozen_steps():
    wanted = np.linspace(0.1, 5, 50)
    function, calls = counted(lambda x: np.exp(x) - np.exp(wanted))
    found = roots.increasing(function, np.full(50, -1.0), np.full(50, 6.0))
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert len(calls) <= 13


def test_a_slope_that_jumps_beside_the_root_is_asked_again():
    """Newton's second step is tiny and lands beyond a kink: only smooth functions may skip the third."""
    root, kink = 1.0, 1.0 + 1e-9

    def bent(x, _):
        right = x >= kink
        f = np.where(right, -(x - kink) - 1e-12, -1e-3 * (x - root))
        return f, np.where(right, -1.0, -1e-3)

    found = roots.decreasing(bent, np.zeros(1), np.full(1, 3.0))
    assert abs(found[0] - root) <= 4 * np.spacing(1.0)


def test_a_step_after_a_bisection_is_not_taken_for_the_last():
    """From 1/2 Newton's step leads outside; from 3/4, 4e-6 from the root, it leaves 1e-10, whatever its own length."""
    root = 0.75 + 4e-6

    def value(x, _):
        return np.exp(20 * (root - 0.75)) - np.exp(20 * (x - 0.75)), -20 * np.exp(20 * (x - 0.75))

    (found,) = roots.decreasing(value, np.zeros(1), np.ones(1), smooth=True)
    assert found == pytest.approx(root, abs=1e-15)
