"""Power series: values and derivatives of every function, to third order, against computer algebra and by hand."""

from fractions import Fraction

import pytest
import sympy

from proofs_checks.kernel import arithmetic as ar
from proofs_checks.kernel import symbolic
from proofs_checks.kernel.interval import Interval, Undefined
from proofs_checks.kernel.series import Series

X = sympy.Symbol("x", real=True)
FUNCTIONS = {
    "exp": lambda x: ar.exp(2 * x),
    "expm1": lambda x: ar.expm1(x * x),
    "log": lambda x: ar.log(3 + x),
    "log1p": lambda x: ar.log1p(x / 4),
    "sqrt": lambda x: ar.sqrt(x + 5),
    "sigmoid": lambda x: ar.sigmoid(x * x - x),
    "softplus": lambda x: ar.softplus(-3 * x),
    "asinh": lambda x: ar.asinh(2 * x),
    "sinh": lambda x: ar.sinh(x + 1),
    "cosh": lambda x: ar.cosh(x * x),
    "tanh": lambda x: ar.tanh(1 - x),
    "powers": lambda x: (x + 4) ** 3 - (x + 4) ** -2,
    "product": lambda x: x * ar.exp(-x) * (2 - x),
    "quotient": lambda x: (1 - x) / (2 + x * x),
    "reflected": lambda x: 7 / (6 + x) - (3 - x) + (x - 5),
}


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_meet_those_of_computer_algebra(name, order):
    by_rules = ar.derivative(FUNCTIONS[name], order)(X)
    for at in (Fraction(k, 5) for k in range(-9, 10, 3)):
        apart = ar.derivative(FUNCTIONS[name], order)(at) - symbolic.enclose(by_rules, {X: at})
        assert apart.lo <= 0 <= apart.hi
        assert float(apart.hi - apart.lo) < 1e-10


def test_derivatives_by_hand():
    assert ar.derivative(lambda x: x**4, 3)(Fraction(1, 2)) == 12
    assert ar.derivative(lambda x: 1 / x, 2)(Interval.of(2)) == Fraction(1, 4)
    assert ar.derivative(lambda x: 5, 1)(Fraction(3)) == 0


def test_a_derivative_inside_another_is_refused_rather_than_confused():
    """∂²/∂a∂b e^(ab) at a = 1, b = 2 is 3e², which one series in one variable does not see."""
    with pytest.raises(Undefined, match="second variable"):
        ar.derivative(lambda a: ar.derivative(lambda b: ar.exp(a * b))(Fraction(2)))(Fraction(1))


def test_a_derivative_at_a_number_is_not_taken_of_a_constant():
    """At 0 a symbol that is known to be 0 would make the function one."""
    g = sympy.Symbol("g", positive=True)
    assert ar.derivative(lambda s: ar.exp(g * s))(0 * g) == g


def test_a_series_keeps_its_order():
    assert len(Series.variable(1, 3).exp().c) == 4
    assert len((1 / Series.variable(1, 2)).c) == 3


def test_sums_term_by_term_meet_the_closed_form():
    n = sympy.Symbol("n", integer=True, positive=True)
    closed = ar.total(lambda k: k * k, 1, n)
    assert all(closed.subs(n, m) == ar.total(lambda k: k * k, 1, m) for m in range(1, 6))
    assert ar.total(lambda k: k, 3, 2) == 0


def test_series_of_two_lengths_are_not_added():
    longer = Series.variable(1, 3)
    with pytest.raises(ValueError, match="is shorter"):
        longer + Series(longer.c[:2], longer.variable_of)


def test_of_order_zero_there_is_the_value_alone():
    assert len(Series.variable(2, 0).c) == 1
    assert ar.derivative(lambda x: x**3, 0)(Fraction(2)) == 8


def test_the_coefficients_are_those_of_taylor():
    """1/(1 − t) has ones, √(1 + t) has 1, 1/2, −1/8, 1/16."""
    t = Series.variable(0, 3)
    assert [float(c.lo) for c in (1 / (1 - t)).c] == [1, 1, 1, 1]
    assert [float(c.lo) for c in (1 + t).sqrt().c] == [1, 0.5, -0.125, 0.0625]
    assert [float(c.lo) for c in ((1 + t) ** -2).c] == [1, -2, 3, -4]
    assert [float(c.lo) for c in (t**0).c] == [1, 0, 0, 0]
