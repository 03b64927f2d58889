"""DPO with a KL penalty: below β = 1 the policy without the loser stays a local minimum, whatever the penalty costs."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Box, Exact, Identity, Sign
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Policies, Statement, Verdict
from proofs_checks.spaces.pair import measured, β

__all__ = ["STATEMENTS", "x", "y", "λ"]

λ, y = sympy.symbols("λ y", positive=True)
_SOURCE = "Song et al. 2406.01462 has the loss; the finding is ours"
_LOSER = exp(-y)
#: Loss and penalty of π_l = e^(−y) less those of π_l = 0, uniform reference.
_ABOVE_BOUNDARY = log(1 + exp(β * (-y - log(1 - exp(-y))))) - λ * (y * exp(-y) - (1 - exp(-y)) * log(1 - exp(-y)))
_LABEL = measured(
    "Two responses with uniform reference, one label w > l, β, λ > 0; E the excess of DPO + λ KL(π‖π_ref) at "
    "π_l = e^(−y) over its value at π_l = 0, y > log 2",
    (β, λ, y),
    {},
    y=(Fraction(7, 10), 30),
)
_CLEAR = relation(exp((1 - β) * y) * log(2), ">", λ * (1 + y))
_LATE = relation(λ * y * (1 - exp(-y)), ">", 1)


def _price(x, b):
    """The λ at which margin x is stationary, uniform reference."""
    return b * sigmoid(-b * x) / (x * sigmoid(x) * sigmoid(-x))


_TENTH = Fraction(1, 10)
x = sympy.Symbol("x", positive=True)
_MARGIN = Numbers({x: (Fraction(1, 100), 60)}, "Uniform reference, one label, β = 1/10; a margin ")
_CHORD = Identity(
    "log(1 + u) is concave",
    {"1/(1 + u)": lambda u: 1 / (1 + u)},
    lambda u: derivative(lambda v: log(1 + v), 2)(u),
    lambda u: -1 / (1 + u) ** 2,
    {"u": NONNEGATIVE},
)
_ENTROPY = (
    Identity(
        "slope of ε + (1 − ε) log(1 − ε) in ε = 1 − e^(−u)",
        {"−u": lambda u: -u},
        lambda u: derivative(lambda v: 1 - exp(-v) - v * exp(-v))(u),
        lambda u: u * exp(-u),
        {"u": NONNEGATIVE},
    ),
    Sign(
        "u e^(−u) ≥ 0",
        {"(u − 1)e^(−u)": lambda u: (u - 1) * exp(-u)},
        lambda u: u * exp(-u),
        {"u": NONNEGATIVE},
        weak=True,
    ),
)
_BELOW_LINEAR = (
    Identity(
        "slope of u − log(1 + u)",
        {"u": lambda u: u},
        lambda u: derivative(lambda v: v - log(1 + v))(u),
        lambda u: u / (1 + u),
        {"u": NONNEGATIVE},
    ),
    Sign(
        "u/(1 + u) ≥ 0",
        {"less 1/100": lambda u: u / (1 + u) - Fraction(1, 100)},
        lambda u: u / (1 + u),
        {"u": NONNEGATIVE},
        weak=True,
    ),
)
_SLOPE = Identity(
    "slope of loss + λ KL in the margin",
    {"without x": lambda x, b, k: -b * sigmoid(-b * x) + k * sigmoid(x) * sigmoid(-x)},
    lambda x, b, k: derivative(
        lambda z: softplus(-b * z) - k * sigmoid(z) * softplus(-z) - k * sigmoid(-z) * softplus(z)
    )(x),
    lambda x, b, k: -b * sigmoid(-b * x) + k * x * sigmoid(x) * sigmoid(-x),
    {"x": REAL, "b": POSITIVE, "k": POSITIVE},
)
_FAR = Sign(
    "σ(x)σ(−x) < e^(−x)",
    {"e^(−x)/2": lambda x: exp(-x) / 2 - sigmoid(x) * sigmoid(-x)},
    lambda x: exp(-x) - exp(-x) / (1 + exp(-x)) ** 2,
    {"x": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="song-hypo-boundary",
        title="DPO + λ KL: π_l = 0 is a strict local minimum for every λ iff β < 1",
        origin=Origin.OURS,
        source=_SOURCE,
        policies=Policies.ZEROS_ALLOWED,
        form=Form(
            _LABEL,
            (),
            claim={
                "β < 1: E > 0 from some y on": Implies(
                    All((relation(β, "<", 1), _CLEAR)), relation(_ABOVE_BOUNDARY, ">", 0, noise=1e-13)
                ),
                "β ≥ 1: E < 0 from some y on": Implies(
                    All((relation(β, ">=", 1), _LATE)), relation(_ABOVE_BOUNDARY, "<", 0, noise=1e-13)
                ),
            },
            wrong={
                "for every β": Implies(_CLEAR, relation(_ABOVE_BOUNDARY, "<=", 0)),
                "E < 0 from some y on for β ≥ 1/2": Implies(
                    All((relation(β, ">=", Fraction(1, 2)), _LATE)), relation(_ABOVE_BOUNDARY, "<", 0)
                ),
            },
        ),
        parts={
            "β < 1: E > 0 from some y on": Part(
                "With ε = e^(−y) ≤ 1/2 the loss gains log(1 + (ε/(1 − ε))^β) ≥ log(1 + ε^β) ≥ ε^β log 2, «log(1 + u) "
                "is concave» and above its chord on [0, 1]. The penalty saves λ(ε log 1/ε − (1 − ε) log(1 − ε)) ≤ "
                "λε(1 + y), as ε + (1 − ε) log(1 − ε) is 0 at ε = 0 and does not fall: «slope of ε + (1 − ε) log(1 − "
                "ε) in ε = 1 − e^(−u)», «u e^(−u) ≥ 0». So E > 0 where e^((1 − β)y) log 2 > λ(1 + y), for all large y.",
                (_CHORD, *_ENTROPY),
            ),
            "β ≥ 1: E < 0 from some y on": Part(
                "The loss gains log(1 + u) with u = (ε/(1 − ε))^β, at most u, «slope of u − log(1 + u)», «u/(1 + u) ≥ "
                "0»; and u ≤ ε/(1 − ε), as that is at most 1. The penalty saves λ(εy − (1 − ε) log(1 − ε)), at least "
                "λεy. So E < 0 where λy(1 − ε) > 1, for all large y.",
                _BELOW_LINEAR,
            ),
        },
        conclusion="At the usual β = 1/10 no penalty, however large, removes the degenerate minimum: near the boundary "
        "the loss falls like ε^β and the KL like ε log 1/ε.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="song-hypo-no-interior",
        title="At β = 1/10 no margin is stationary below λ = .2057",
        origin=Origin.OURS,
        source=_SOURCE,
        form=Form(
            _MARGIN,
            (),
            claim={"the λ that makes a margin stationary": relation(_price(x, _TENTH), ">", Fraction(2057, 10_000))},
            wrong={"more than .2058": relation(_price(x, _TENTH), ">", Fraction(2058, 10_000))},
        ),
        parts={
            "the λ that makes a margin stationary": Part(
                "«slope of loss + λ KL in the margin»: for x ≤ 0 it is negative, for x > 0 it is 0 iff λ = "
                "βσ(−βx)/(xσ(x)σ(−x)). «from 1/100 to 100» that is above .2057. Below, σσ ≤ 1/4 and σ(−βx) > 1/4 make "
                "it more than 10; beyond 100, «σ(x)σ(−x) < e^(−x)» and βσ(−βx) ≥ (1/20)e^(−x/10) make it more than "
                "e^(9x/10)/(20x).",
                (
                    _SLOPE,
                    Box(
                        "from 1/100 to 100",
                        {".2058": lambda x: _price(x, _TENTH) - Fraction(2058, 10_000)},
                        lambda x: _price(x, _TENTH) - Fraction(2057, 10_000),
                        {"x": (Fraction(1, 100), 100)},
                    ),
                    _FAR,
                ),
            )
        },
        second_routes=(
            Exact(
                "with λ = .2058 some margin is stationary: the price at 1.623",
                {"with λ = .2057": relation(_price(Fraction(1623, 1000), _TENTH), "<", Fraction(2057, 10_000))},
                relation(_price(Fraction(1623, 1000), _TENTH), "<", Fraction(2058, 10_000)),
            ),
        ),
        conclusion="Below that price of a nat the penalised loss has no other minimum than the degenerate policy.",
        expected=Verdict.CERTIFIED,
    ),
)
