"""One formula in four arithmetics: floats, arrays, intervals and symbols say the same."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import arithmetic
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.symbolic import enclose

FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "sqrt": math.sqrt,
    "asinh": math.asinh,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "positive_part": lambda x: max(x, 0),
    "logit": lambda x: math.log(x) - math.log(1 - x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [Fraction(1, 8), Fraction(3, 4), Fraction(9, 4), Fraction(-1, 2)])
def test_a_function_is_one_function_in_every_arithmetic(name, x):
    f = getattr(arithmetic, name)
    if (name in ("log", "sqrt", "logit") and x < 0) or (name == "logit" and x > 1):
        return
    value = pytest.approx(FUNCTIONS[name](float(x)), rel=1e-14)
    assert f(float(x)) == value
    assert isinstance(f(float(x)), float)
    assert f(np.array([float(x)])).tolist() == [value]
    assert float(f(Interval.of(x)).lo) == value
    symbol = sympy.Symbol("s", real=True)
    assert float(enclose(f(symbol), {symbol: x}).lo) == value
    assert float(enclose(f(x), {}).lo) == value, "an exact number has an exact image"
    if x == 9 / 4 and name != "logit":
        assert f(2).is_number, "so has a whole number"


def test_what_is_tiny_keeps_its_digits():
    assert arithmetic.expm1(1e-20) == arithmetic.log1p(1e-20) == 1e-20
    assert arithmetic.expm1(np.array([1e-20])) == arithmetic.log1p(np.array([1e-20])) == 1e-20


def test_no_extreme_overflows():
    assert [arithmetic.softplus(x) for x in (-800.0, 800.0)] == [0, 800]
    assert [arithmetic.sigmoid(x) for x in (-800.0, -701.0, 800.0)] == [0, math.exp(-701), 1]
    assert arithmetic.softplus(np.array([-800.0, 800.0])).tolist() == [0, 800]
    assert arithmetic.sigmoid(np.array([-800.0, 800.0])).tolist() == [0, 1]
    assert [arithmetic.positive_part(x) for x in (-2.0, 3.0)] == [0, 3]
    assert arithmetic.positive_part(np.array([-2.0, 3.0])).tolist() == [0, 3]


def test_least_and_greatest_of_whatever_stands_there():
    x, overlapping = sympy.Symbol("x", real=True), (Interval.hull(0, 3), Interval.hull(1, 2))
    assert (arithmetic.least(3, 1, 2), arithmetic.greatest(1, 3, 2)) == (1, 3)
    assert arithmetic.least(np.array([1, 5]), 3, np.array([9, 2])).tolist() == [1, 2]
    assert arithmetic.least(4, np.array([1, 5])).tolist() == [1, 4]
    assert arithmetic.greatest(4, np.array([1, 5])).tolist() == [4, 5]
    assert repr(arithmetic.least(*overlapping)) == repr(arithmetic.least(*overlapping[::-1])) == "[0, 2]"
    assert repr(arithmetic.greatest(*overlapping)) == "[1, 3]"
    assert repr(arithmetic.least(2, Interval.hull(0, 3))) == repr(arithmetic.least(Interval.hull(0, 3), 2)) == "[0, 2]"
    assert arithmetic.least(x, 1) == arithmetic.least(1, x) == sympy.Min(x, 1)
    assert arithmetic.greatest(2, 3, x) == arithmetic.greatest(x, 3) == sympy.Max(3, x)


def test_a_sum_is_in_closed_form_or_term_by_term():
    n = sympy.Symbol("n", integer=True, positive=True)
    assert arithmetic.total(lambda k: k, 2, n).equals(n * (n + 1) / 2 - 1)
    assert arithmetic.total(lambda k: k, 2, Fraction(4)) == 9
    assert arithmetic.total(lambda k: k, 5, 4) == 0


def test_a_derivative_is_of_the_order_asked_for_and_knows_what_is_positive():
    x = sympy.Symbol("x", positive=True)
    assert arithmetic.derivative(lambda t: t**3, 2)(x) == 6 * x
    assert arithmetic.derivative(lambda t: sympy.sqrt(t**2))(x) == 1, "the root of a positive number's square"
    assert arithmetic.derivative(lambda t: t**3)(Fraction(2)) == 12
    assert arithmetic.derivative(lambda t: 7)(Fraction(2)) == 0
