"""Bracketed roots: exact ones, infinite values, a wrong bracket, and how much work they are."""

import numpy as np
import pytest

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
