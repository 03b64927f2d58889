"""Computer algebra's reading of our functions against intervals, written out, by name, and by derivative."""

from fractions import Fraction

import pytest
import sympy

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.symbolic import enclose, in_elementary_functions, pos, simplifies_to_zero, sp, σ

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


def test_rewriting_brings_identities_to_zero_and_not_their_near_misses():
    assert simplifies_to_zero(sp(X) - sp(-X) - X)
    assert not simplifies_to_zero(sp(X) + sp(-X) - X)
    assert simplifies_to_zero(sympy.diff(sp(X), X) - σ(X))
    assert simplifies_to_zero(sympy.diff(σ(X), X) - σ(X) * (1 - σ(X)))
    assert not simplifies_to_zero(sympy.diff(σ(X), X) - σ(X) * (1 + σ(X)))
    assert simplifies_to_zero(pos(X) - pos(-X) - X)
