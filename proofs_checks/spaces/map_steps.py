"""Steps that many cells of the map share, and the symbols in which its claims are written."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Numbers
from proofs_checks.spaces import losses as formulas

__all__ = [
    "CDPO_TURNS",
    "COIN_TURNS",
    "HERE",
    "LINK_RISES",
    "POLICIES",
    "POLICIES_AND_MARGINS",
    "RDPO_TILT",
    "SIGMA_POSITIVE",
    "SIGMA_RISES",
    "SP_POSITIVE",
    "SP_RISES",
    "SQUARE_POSITIVE",
    "a",
    "at",
    "b",
    "c",
    "cited",
    "coin_of",
    "d",
    "k",
    "rises",
    "x",
    "β",
]

#: −log π_w, −log π_l, −log π_ref,w, −log π_ref,l; an amount; β.
a, b, c, d, k, β = sympy.symbols("a b c d k β", positive=True)
x = sympy.Symbol("x", real=True)

#: Policies and references of two of the responses, and β.
POLICIES = Numbers(
    {symbol: (Fraction(1, 4), 2) for symbol in (a, b, c, d, k, β)},
    "log π_w = −a, log π_l = −b, log π_ref,w = −c, log π_ref,l = −d, ",
)
#: The same with a margin x.
POLICIES_AND_MARGINS = Numbers(
    POLICIES.ranges | {x: (-8, 8)}, "log π_w = −a, log π_l = −b, log π_ref,w = −c, log π_ref,l = −d, a margin x, "
)


#: Where a loss is looked at unless something else is said.
HERE = (-a, -b, -c, -d, β)


def at(loss, w=-a, lo=-b, u=-c, v=-d, beta=β):
    """A loss of :data:`formulas.LOSSES` at these logarithms."""
    return formulas.LOSSES[loss](w, lo, u, v, beta)


def rises(name, f, slope, more):
    """f′ is the slope, and the slope is positive; ``more`` is a slope that is wrong."""
    return (
        Identity(f"the slope of {name}", {"another": more}, lambda x: derivative(f)(x), slope, {"x": REAL}),
        Sign(f"the slope of {name} is positive", {"less 2": lambda x: slope(x) - 2}, slope, {"x": REAL}),
    )


SP_RISES = rises("sp", lambda x: softplus(x), lambda x: sigmoid(x), lambda x: sigmoid(x) ** 2)
SIGMA_RISES = rises("σ", lambda x: sigmoid(x), lambda x: sigmoid(x) * sigmoid(-x), lambda x: sigmoid(x) ** 2)
LINK_RISES = {
    "fdpo_forward_kl": rises("φ", formulas.forward_kl, lambda x: exp(-x), lambda x: exp(x)),
    "fdpo_js": rises("φ", formulas.jensen_shannon, lambda x: sigmoid(-x), lambda x: sigmoid(x)),
    "fdpo_alpha": rises("φ", formulas.alpha, lambda x: exp(-x * formulas.ALPHA), lambda x: exp(-x)),
    "chi_po_unclipped": (
        Identity(
            "the slope of φ",
            {"e^r": lambda x: exp(x)},
            lambda x: derivative(formulas.chi)(x),
            lambda x: 1 + exp(x),
            {"x": REAL},
        ),
        Sign("the slope of φ is positive", {"less 2": lambda x: exp(x) - 1}, lambda x: 1 + exp(x), {"x": REAL}),
    ),
}
RDPO_TILT = Identity(
    "rDPO is sp(−x) − x/8",
    {"sp(−x) + x/8": lambda x: softplus(-x) + x / 8},
    formulas.corrected,
    lambda x: softplus(-x) - Fraction(1, 8) * x,
    {"x": REAL},
)
SP_POSITIVE = Sign("sp > 0", {"less 1/2": lambda x: softplus(x) - Fraction(1, 2)}, lambda x: softplus(x), {"x": REAL})
SIGMA_POSITIVE = Sign("σ > 0", {"less 1/10": lambda x: sigmoid(x) - Fraction(1, 10)}, lambda x: sigmoid(x), {"x": REAL})
SQUARE_POSITIVE = Sign("x² ≥ 0", {"less 1": lambda x: x**2 - 1}, lambda x: x**2, {"x": REAL}, weak=True)


def coin_of(q, x):
    """KL of σ(x) from the coin of log-odds log(1 + q)."""
    up, down = sigmoid(x), sigmoid(-x)
    return -up * (softplus(-x) + log((1 + q) / (2 + q))) - down * (softplus(x) + log(1 / (2 + q)))


def _smoothed(q, x):
    return (1 + q) / (2 + q) * softplus(-x) + 1 / (2 + q) * softplus(x)


#: With ε = 1/(2 + q), q > 0: ζ = log((1 − ε)/ε) = log(1 + q).
COIN_TURNS = (
    Identity(
        "the slope of EXO's g is σ(x)σ(−x)(x − ζ)",
        {"without ζ": lambda q, x: sigmoid(x) * sigmoid(-x) * x},
        lambda q, x: derivative(lambda z: coin_of(q, z))(x),
        lambda q, x: sigmoid(x) * sigmoid(-x) * (x - log(1 + q)),
        {"q": POSITIVE, "x": REAL},
    ),
    Sign(
        "σ(x)σ(−x) is positive",
        {"less 1/10": lambda x: sigmoid(x) * sigmoid(-x) - Fraction(1, 10)},
        lambda x: sigmoid(x) * sigmoid(-x),
        {"x": REAL},
    ),
    Identity(
        "it is 0 at ζ",
        {"1/100": lambda q: Fraction(1, 100) + 0 * q},
        lambda q: coin_of(q, log(1 + q)),
        lambda q: 0 * q,
        {"q": POSITIVE},
    ),
)
CDPO_TURNS = (
    Identity(
        "cDPO's slope is 0 at ζ",
        {"at ζ/2": (lambda q: derivative(lambda z: _smoothed(q, z))(log(1 + q) / 2), lambda q: 0 * q)},
        lambda q: derivative(lambda z: _smoothed(q, z))(log(1 + q)),
        lambda q: 0 * q,
        {"q": POSITIVE},
    ),
    Identity(
        "cDPO's second derivative is σ(x)σ(−x)",
        {"half of it": lambda q, x: sigmoid(x) * sigmoid(-x) / 2},
        lambda q, x: derivative(lambda z: _smoothed(q, z), 2)(x),
        lambda q, x: sigmoid(x) * sigmoid(-x),
        {"q": POSITIVE, "x": REAL},
    ),
    COIN_TURNS[1],
)


def cited(steps):
    """«name», «name» of steps."""
    return ", ".join(f"«{step.name}»" for step in steps)
