"""Computer algebra's reading of our functions against intervals, written out, by name, and by derivative."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.interval import Interval, Undefined
from proofs_checks.kernel.symbolic import (
    enclose,
    exactly,
    in_elementary_functions,
    numerically,
    pos,
    sign_by_rules,
    simplifies_to_zero,
    sp,
    σ,
)

X = sympy.Symbol("x", real=True)
POINTS = (Fraction(-6, 7), Fraction(-1, 5), Fraction(2, 7), Fraction(31, 9))
OWN = {
    "softplus": lambda x: (Interval.of(1) + Interval.of(x).exp()).log(),
    "sigmoid": lambda x: Interval.of(1) / (Interval.of(1) + Interval.of(-x).exp()),
    "positive_part": lambda x: Interval.of(max(x, 0)),
    "log1p": lambda x: Interval.of(1 + x).log(),
    "expm1": lambda x: Interval.of(x).exp() - Interval.of(1),
    "exp": lambda x: Interval.of(x).exp(),
}


def agree(a, b):
    gap = a - b
    return -Fraction(1, 10**9) < gap < Fraction(1, 10**9)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("x", POINTS)
def test_a_function_by_name_and_written_out_is_what_the_name_says(name, x):
    read = symbolic.call(name, X)
    assert agree(enclose(read, {X: x}), OWN[name](x))
    assert agree(enclose(in_elementary_functions(read), {X: x}), OWN[name](x))
    assert agree(enclose(symbolic.call(name, x), {}), OWN[name](x))


def test_computer_algebra_knows_the_signs_and_slopes_of_our_functions():
    for ours in (sp, σ):
        assert (ours(X).is_positive, ours(X).is_real) == (True, True)
        assert (ours(sympy.Symbol("z")).is_positive, ours(sympy.Symbol("z")).is_real) == (None, None)
    assert (pos(X).is_nonnegative, pos(sympy.Symbol("z")).is_nonnegative) == (True, None)
    assert sp(X).diff(X) == σ(X)
    assert σ(X).diff(X) == σ(X) * σ(-X)
    for ours in (sp, σ, pos):
        with pytest.raises(TypeError):
            ours(X, X)


a, b = sympy.symbols("a b", positive=True)


@pytest.mark.parametrize(
    ("expression", "weak", "decided"),
    [
        (sp(X) * sp(-X), False, True),  # as it stands: written out, no rule knows that log(1 + e^x) > 0
        (pos(X), True, True),
        (pos(X), False, False),
        (σ(X) * σ(-X), False, True),
        (a**2 + 2 * a * b + b**2, False, True),
        (X**2 - 2 * X * a + a**2, True, True),
        (X**2 - 2 * X * a + a**2, False, False),
        (1 / a - 1 / (a + b), False, True),
        (a - b, True, False),
        (-a, True, False),
    ],
)
def test_signs_by_rules(expression, weak, decided):
    assert sign_by_rules(expression, weak) is decided


@pytest.mark.parametrize(
    "expression",
    [
        (a + b) ** 3 - a**3 - 3 * a**2 * b - 3 * a * b**2 - b**3,
        σ(X) + σ(-X) - 1,
        sympy.cosh(X) ** 2 - sympy.sinh(X) ** 2 - 1,
        sympy.log(a**2 + a * b) - sympy.log(a) - sympy.log(a + b),
        sympy.Integral(2 * X, (X, 0, a)) - a**2,
        sympy.Integer(0),
    ],
)
def test_every_rule_of_rewriting_is_there(expression):
    assert simplifies_to_zero(expression)
    assert not simplifies_to_zero(expression + sympy.Rational(1, 10**6))


def test_each_node_of_an_expression_has_its_enclosure():
    y = sympy.Symbol("y", positive=True)
    expressions = {
        X * y + 3: Fraction(-2) * 3 + 3,
        y ** sympy.Integer(-2): Fraction(1, 9),
        sympy.sqrt(y): 3**0.5,
        y ** sympy.Rational(2, 3): 3 ** (2 / 3),
        y**X: 3.0**-2,
        sympy.E * y: 3 * 2.718281828459045,
        sympy.pi + X: 3.141592653589793 - 2,
        sympy.Min(X, y): -2,
        sympy.Max(X, y, 1): 3,
        sympy.Abs(X): 2,
        sympy.Rational(-5, 7) * y: Fraction(-15, 7),
        sp(X): 0.1269280110429725,
        sympy.tanh(X) + sympy.sinh(y) - sympy.cosh(X) * sympy.asinh(y): np.tanh(-2)
        + np.sinh(3)
        - np.cosh(2) * np.arcsinh(3),
    }
    for expression, value in expressions.items():
        found = enclose(expression, {X: Fraction(-2), y: 3})
        assert float(found.lo) == pytest.approx(float(value), abs=1e-9), expression
        assert float(found.hi - found.lo) < 1e-12


@pytest.mark.parametrize("unknown", [sympy.gamma(X + 9), sympy.EulerGamma * X, sympy.I, sympy.Function("f")(X)])
def test_what_has_no_enclosure_is_undefined(unknown):
    with pytest.raises(Undefined, match="no enclosure of"):
        enclose(unknown, {X: Fraction(1, 3)})
    assert symbolic.unknown(sympy.exp(1 + 2 * unknown) - X) in (unknown, *unknown.args)
    assert symbolic.unknown(unknown - unknown) is None


def test_what_has_an_enclosure_is_known():
    known = sp(X) * σ(X) + pos(X) / sympy.sqrt(X) - sympy.Min(X, 2) ** sympy.Max(X, sympy.pi) * sympy.Abs(X + sympy.E)
    assert symbolic.unknown(known + sympy.tanh(X) + sympy.Rational(1, 3)) is None


def test_exactly_is_for_rationals():
    third = Fraction(1, 3)
    assert exactly(X**2 + 1, {X: third, a: 0.5}) == Fraction(10, 9), "what does not occur may be anything"
    assert exactly(X / 2, {X: 3}) == Fraction(3, 2)
    assert exactly(sympy.exp(X), {X: third}) is None
    assert exactly(1 / X, {X: 0}) is None
    assert exactly(X, {X: Interval.of(third)}) is None
    assert exactly(X, {X: 0.5}) is None
    assert exactly(sympy.Max(sp(X), 1), {X: 1}) is None, "which computer algebra does not compare"


def test_an_expression_is_a_function_of_arrays():
    f = numerically(sp(X) + pos(a) + σ(X), (X, a))
    assert f(np.array([-800.0, 0.0, 800.0]), np.array([2.0, -1.0, 0.0])) == pytest.approx([2, np.log(2) + 0.5, 801])


def test_a_number_by_name_is_exact():
    assert symbolic.call("sqrt", Fraction(1, 4)) == sympy.Rational(1, 2)
    assert symbolic.call("exp", 1) == sympy.E
    assert symbolic.call("log1p", 2) == sympy.log(3)
    assert symbolic.call("expm1", 1) == sympy.E - 1


def test_rewriting_brings_identities_to_zero_and_not_their_near_misses():
    assert simplifies_to_zero(sp(X) - sp(-X) - X)
    assert not simplifies_to_zero(sp(X) + sp(-X) - X)
    assert simplifies_to_zero(sympy.diff(sp(X), X) - σ(X))
    assert simplifies_to_zero(sympy.diff(σ(X), X) - σ(X) * (1 - σ(X)))
    assert not simplifies_to_zero(sympy.diff(σ(X), X) - σ(X) * (1 + σ(X)))
    assert simplifies_to_zero(pos(X) - pos(-X) - X)


def test_fractions_of_exponentials_and_logs_need_no_search_among_all_rules(monkeypatch):
    monkeypatch.setattr(symbolic.sympy, "simplify", None)
    assert simplifies_to_zero(σ(X) + σ(-X) - 1)
    assert simplifies_to_zero(sp(X) - sp(-X) - X)
