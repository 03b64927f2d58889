"""Bounds that many arguments share, each as the steps that carry it."""

from proofs_checks.kernel.arithmetic import derivative, exp, log, softplus
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Identity, Sign

__all__ = ["ABOVE_LINEAR", "EXPM1_BELOW", "LOG_BELOW_LINEAR"]

#: log(1 + a) < a for a > 0: 0 at a = 0, and the slope of a − log(1 + a) is a/(1 + a). With a = e^y: sp(y) < e^y.
LOG_BELOW_LINEAR = (
    Identity(
        "slope of a − log(1 + a)",
        {"1/(1 + a)": lambda a: 1 / (1 + a)},
        lambda a: derivative(lambda b: b - log(1 + b))(a),
        lambda a: a / (1 + a),
        {"a": NONNEGATIVE},
    ),
    Sign("a/(1 + a) > 0", {"at a = 0 too": lambda a: (a - a) / (1 + a)}, lambda a: a / (1 + a), {"a": POSITIVE}),
)

#: sp(z) = z + sp(−z) > z: the loss of a label has no upper bound.
ABOVE_LINEAR = (
    Identity(
        "sp(z) = z + sp(−z)",
        {"z + e^(−z)": lambda z: z + exp(-z), "z − sp(−z)": lambda z: z - softplus(-z)},
        lambda z: softplus(z),
        lambda z: z + softplus(-z),
        {"z": REAL},
    ),
    Sign("sp(−z) > 0", {"log 2 less": lambda z: softplus(-z) - log(2)}, lambda z: softplus(-z), {"z": REAL}),
)

#: e^x − 1 < x e^x for x > 0: both 0 at x = 0, and the slope of the difference is x e^x.
EXPM1_BELOW = (
    Identity(
        "slope of ε e^ε − (e^ε − 1)",
        {"e^ε": lambda x: exp(x)},
        lambda x: derivative(lambda y: y * exp(y) - (exp(y) - 1))(x),
        lambda x: x * exp(x),
        {"x": NONNEGATIVE},
    ),
    Sign("ε e^ε > 0", {"ε (e^ε − 2)": lambda x: x * (exp(x) - 2)}, lambda x: x * exp(x), {"x": POSITIVE}),
)
