"""One formula, three arithmetics: floats for the search, Arb intervals for the proof, symbols for the identity.

>>> softplus(0.0)
0.6931471805599453
"""

import math


def exp(x):
    return _call(x, "exp", math.exp)


def log(x):
    return _call(x, "log", math.log)


def log1p(x):
    return log(1 + x) if _symbolic(x) else _call(x, "log1p", math.log1p)


def expm1(x):
    return exp(x) - 1 if _symbolic(x) else _call(x, "expm1", math.expm1)


def sqrt(x):
    return _call(x, "sqrt", math.sqrt)


def asinh(x):
    return _call(x, "asinh", math.asinh)


def cosh(x):
    return _call(x, "cosh", math.cosh)


def tanh(x):
    return _call(x, "tanh", math.tanh)


def softplus(x):
    """sp(x) = log(1 + e^x)."""
    if _symbolic(x):
        return log(1 + exp(x))
    return _call(x, "softplus", lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))))


def sigmoid(x):
    """σ(x) = 1/(1 + e^-x)."""
    if _symbolic(x):
        return 1 / (1 + exp(-x))
    return _call(x, "sigmoid", lambda z: 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z))


def least(first, *others):
    """min of several numbers or intervals."""
    for other in others:
        first = first.min(other) if hasattr(first, "min") else min(first, other)
    return first


def positive_part(x):
    """max(x, 0)."""
    if _symbolic(x):
        return (x + abs(x)) / 2
    return _call(x, "positive_part", lambda z: max(z, 0.0))


def _symbolic(x):
    return hasattr(x, "free_symbols")


def _call(x, name, on_floats):
    if _symbolic(x):
        import sympy

        return getattr(sympy, name)(x)
    method = getattr(x, name, None)
    return method() if method else on_floats(x)
