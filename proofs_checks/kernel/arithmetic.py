"""One formula, four arithmetics: floats and arrays for a search, intervals for a proof, series for a derivative,
symbols for an identity.

A function here asks its argument what it is. An int or a Fraction is exact, and so is its image, a symbolic constant:
no float can slip into a proof as if it were exact.

>>> softplus(0.0), sqrt(2) ** 2 - 2
(0.6931471805599453, 0)
"""

import math
from fractions import Fraction

import numpy as np

__all__ = [
    "asinh",
    "cosh",
    "derivative",
    "exp",
    "expm1",
    "greatest",
    "least",
    "log",
    "log1p",
    "logit",
    "positive_part",
    "sigmoid",
    "sinh",
    "softplus",
    "sqrt",
    "tanh",
    "total",
]


def exp(x):
    return _call(x, "exp", math.exp, np.exp)


def log(x):
    return _call(x, "log", math.log, np.log)


def log1p(x):
    return log(1 + x) if _symbolic(x) else _call(x, "log1p", math.log1p, np.log1p)


def expm1(x):
    return exp(x) - 1 if _symbolic(x) else _call(x, "expm1", math.expm1, np.expm1)


def sqrt(x):
    return _call(x, "sqrt", math.sqrt, np.sqrt)


def asinh(x):
    return _call(x, "asinh", math.asinh, np.arcsinh)


def sinh(x):
    return _call(x, "sinh", math.sinh, np.sinh)


def cosh(x):
    return _call(x, "cosh", math.cosh, np.cosh)


def tanh(x):
    return _call(x, "tanh", math.tanh, np.tanh)


def softplus(x):
    """sp(x) = log(1 + e^x)."""
    return _call(x, "softplus", lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))), lambda z: np.logaddexp(0, z))


def sigmoid(x):
    """σ(x) = 1/(1 + e^-x)."""
    return _call(x, "sigmoid", lambda z: 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z), _expit)


def logit(x):
    """The inverse of σ."""
    return log(x) - log(1 - x)


def least(first, *others):
    """min of several numbers, arrays, intervals or symbols."""
    if any(_symbolic(x) for x in (first, *others)):
        import sympy

        return sympy.Min(first, *others)
    for other in others:
        if isinstance(first, np.ndarray) or isinstance(other, np.ndarray):
            first = np.minimum(first, other)
        elif hasattr(other, "enclosed_min"):
            first = other.enclosed_min(first)
        else:
            first = first.enclosed_min(other) if hasattr(first, "enclosed_min") else min(first, other)
    return first


def greatest(first, *others):
    """max of several numbers, arrays, intervals or symbols."""
    if any(_symbolic(x) for x in (first, *others)):
        import sympy

        return sympy.Max(first, *others)
    return -least(-first, *(-other for other in others))


def positive_part(x):
    """max(x, 0)."""
    return _call(x, "positive_part", lambda z: max(z, 0.0), lambda z: np.maximum(z, 0.0))


def total(term, first, last):
    """Σ term(k) for k = first, ..., last: in closed form where the end is a symbol, term by term where it is a number.

    >>> total(lambda k: Fraction(1, k * (k + 1)), 1, 3)
    Fraction(3, 4)
    """
    if _symbolic(last):
        import sympy

        k = sympy.Dummy("k", integer=True)
        return sympy.summation(term(k), (k, first, last))
    return sum((term(k) for k in range(first, int(last) + 1)), 0)


def derivative(f, order=1):
    """The function x -> f^(order)(x): by rules on symbols, through power series on exact numbers and intervals.

    >>> derivative(lambda x: x**3, 2)(Fraction(2))
    [12, 12]
    """

    def differentiated(x):
        if _symbolic(x):
            import sympy

            inside = {} if x.is_number or not x.is_positive else {"positive": True}
            at = sympy.Dummy(real=True, **inside)
            return sympy.diff(f(at), at, order).subs(at, x)
        from proofs_checks.kernel.series import Series

        at = Series.variable(x, order)
        return (0 * at + f(at)).derivative(order)

    return differentiated


def _expit(z):
    from scipy.special import expit

    return expit(z)


def _symbolic(x):
    return hasattr(x, "free_symbols")


def _call(x, name, on_floats, on_arrays):
    if _symbolic(x) or isinstance(x, int | Fraction):
        from proofs_checks.kernel import symbolic

        return symbolic.call(name, x)
    if isinstance(x, np.ndarray):
        return on_arrays(x)
    method = getattr(x, name, None)
    return method() if method else on_floats(x)
