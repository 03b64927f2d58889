"""Bounds that many arguments share, each as the steps that carry it."""

from proofs_checks.kernel.arithmetic import derivative, exp, log, softplus
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Identity, Sign

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
