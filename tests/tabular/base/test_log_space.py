"""log_space against 50-digit arithmetic."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import logsumexp

from tabular.base.log_space import kl, log_sum_exp, normalised, softplus
from tests import strategies


@given(st.floats(-800, 800))
def test_softplus_against_fifty_digits(x):
    with mpmath.workdps(50):
        exact = float(mpmath.log1p(mpmath.exp(mpmath.mpf(x))))
    assert softplus(x) == pytest.approx(exact, rel=4e-16, abs=1e-320)


ENTRIES = st.floats(-1e4, 1e4) | st.sampled_from([-np.inf, -1.7e308, 0.0, -1e-18, 700.0])


@given(st.lists(ENTRIES, min_size=1, max_size=6))
@example([-np.inf, -np.inf])
@example([0.0, -40.0])  # the others add 4e-18 to a logarithm of 0
@example([1.0, 1.0, 1.0, 0.5])
def test_the_log_of_a_sum_against_fifty_digits_and_scipy(values):
    with mpmath.workdps(50):
        exact = float(mpmath.log(sum(mpmath.exp(mpmath.mpf(v)) for v in values))) if max(values) > -1e300 else None
    found = log_sum_exp(np.array(values))
    if exact is None:
        assert found == max(values) + np.log(values.count(max(values)))
    else:
        assert found == pytest.approx(exact, rel=4e-16, abs=4e-16 * abs(max(values)) + 1e-48)  # 50 digits of 1
    assert found == logsumexp(values)
    assert np.array_equal(log_sum_exp(np.c_[values, values], axis=0), [found, found])
    assert log_sum_exp(np.array([values]), keepdims=True).shape == (1, 1)


def exact_kl(log_p, log_q):
    """KL of the normalised rows in 80 digits, so that the rows' own rounding drops out."""
    with mpmath.workdps(80):
        p, q = ([mpmath.exp(mpmath.mpf(v)) for v in row] for row in (log_p, log_q))
        p, q = ([v / sum(row) for v in row] for row in (p, q))
        return float(sum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True)))


@given(strategies.log_policies(1, 4, spread=300.0), strategies.log_policies(1, 4, spread=300.0))
def test_kl_against_eighty_digits(log_p, log_q):
    assert kl(log_p, log_q)[0] == pytest.approx(exact_kl(log_p[0], log_q[0]), rel=1e-11, abs=1e-13)


@given(st.floats(-0.4, 0.4))
@example(1e-9)
@example(-1e-9)
@example(0.047)  # across the switch from the series to expm1
@example(0.051)
@example(0.053)
def test_kl_of_near_neighbours_keeps_its_digits(step):
    near = np.log1p(np.array([[2 * step, -2 * step]])) + np.log(0.5)
    half = np.full((1, 2), np.log(0.5))
    exact = float(-mpmath.log1p(-4 * mpmath.mpf(step) ** 2) / 2)
    assert kl(half, near)[0] == pytest.approx(exact, rel=1e-6, abs=1e-24)


@given(strategies.log_policies(2, 3), strategies.log_policies(2, 3))
def test_kl_is_a_divergence(log_p, log_q):
    assert (kl(log_p, log_q) >= 0).all()
    assert (kl(log_p, log_p) == 0).all()


def test_kl_at_the_border():
    log_p = np.array([[0.0, -np.inf]])
    half = np.log([[0.5, 0.5]])
    assert kl(log_p, half).tolist() == [pytest.approx(np.log(2))]
    assert kl(half, log_p).tolist() == [np.inf]
    assert kl(log_p, log_p).tolist() == [0]
    assert kl(np.array([[0.0, -2000.0]]), log_p).tolist() == [np.inf]  # e^-2000 is 0 as a number, not as a mass
    assert kl(np.array([[-1e4, 0.0]]), np.array([[0.0, -1e4]])).tolist() == [pytest.approx(1e4)]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 8])
def test_rows_as_columns_are_the_same_numbers(size):
    values = np.random.default_rng(size).normal(0, 5, (3000, size))
    values[1:, 0] = -np.inf if size > 1 else 0.0
    assert (normalised(values) == [normalised(row) for row in values]).all()
    assert normalised(values).flags.c_contiguous
