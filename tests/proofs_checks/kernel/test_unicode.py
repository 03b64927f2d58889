"""Expressions in words: what a reader sees of every node, in an order that reads well."""

import pytest
import sympy

from proofs_checks.kernel.arithmetic import exp, greatest, least, log, positive_part, sigmoid, sqrt
from proofs_checks.kernel.unicode import in_words

β = sympy.Symbol("β", positive=True)
x, y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (β - x * y, "β − x·y"),
        (-x - 1, "−x − 1"),
        (2 * x / (β * y), "2·x/(β·y)"),
        ((x - y) ** 2 * β, "β·(x − y)²"),
        (sqrt(β**2 + 1), "√(β² + 1)"),
        (sqrt(β), "√β"),
        (exp(-x), "e^(−x)"),
        (β**x, "β^(x)"),
        (abs(x), "|x|"),
        (least(x, y), "min(x, y)"),
        (greatest(x, y), "max(x, y)"),
        (positive_part(x), "max(0, x)"),
        (sigmoid(x) / 3, "σ(x)/3"),
        (sympy.Rational(-1, 2), "−1/2"),
        (-3 * x / 4, "−3·x/4"),
        (1 / (1 + exp(x)), "1/(e^x + 1)"),
        (1 / exp(x), "e^(−x)"),
        (exp(2 * x) * y, "y·e^(2·x)"),
        (sympy.E * x, "e·x"),
        (-β * x, "−β·x"),
        (-β / (x * y), "−β/(x·y)"),
        (β / (y + 1), "β/(y + 1)"),
        (x**-2, "x^(−2)"),
        (y / x**2, "y/x²"),
        (x / (y * sympy.sqrt(β)), "x/(√β·y)"),
        (1 / sympy.sqrt(2), "√2/2"),
        (sqrt(x * y), "√(x·y)"),
        (x**12, "x¹²"),
        ((x + y) ** 3, "(x + y)³"),
        (1 / (x * y), "1/(x·y)"),
        (1 / x, "1/x"),
        (x ** sympy.Rational(1, 3), "x^(1/3)"),
        (5 * sympy.Symbol("ab") * x * β * log(x), "5·β·x·ab·log(x)"),
        (y + x - β + 3, "x + y + 3 − β"),
        (3 - x, "3 − x"),
        (x * y - log(y) + sympy.Symbol("ab"), "ab + x·y − log(y)"),
        (sympy.Symbol("xy") * log(x), "xy·log(x)"),
        (x**2 * log(x), "log(x)·x²"),
        (y + log(x), "y + log(x)"),
        (sympy.sqrt(2) * x, "√2·x"),
        (2**x * sympy.Symbol("k"), "k·2^(x)"),
    ],
)
def test_expressions_in_words(expression, words):
    assert in_words(expression) == words
