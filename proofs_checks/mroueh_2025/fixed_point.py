"""GRPO with a reward of 0 or 1: the rounds in the logit of the success rate, and when they have a fixed point."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import asinh, cosh, derivative, exp, sinh, sqrt
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Implies, Rounds, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β

__all__ = ["STATEMENTS", "start", "x"]

x, start = named("x", "l")
_SOURCE = "Mroueh 2025, as read: whitened rewards without a smoothing constant"
_NEXT = start + 2 * cosh(x / 2) / β
#: Where x′ − x is least, and the largest l at which it is not positive there.
_LOWEST = 2 * asinh(β)
_HIGHEST = 2 * asinh(β) - 2 * sqrt(1 + 1 / β**2)
_ROUND = measured(
    "Rewards 0 and 1, β > 0; each round maximises E A − β KL(π‖π_ref), A the reward less its mean over its standard "
    "deviation under the last policy; x and x′ the logits of the success rate before and after it, l that of π_ref",
    (β, x, start),
    {},
    β=(Fraction(1, 20), 5),
    x=(-10, 10),
    l=(-10, 10),
)
_WHITENED = Identity(
    "difference of the whitened rewards, squared",
    {"1 − p": lambda u: 1 + exp(u)},
    lambda u: (1 + exp(u)) * (1 + exp(-u)),
    lambda u: 4 * cosh(u / 2) ** 2,
    {"u": REAL},
)
_SLOPE = Identity(
    "slope of (2/β) cosh(x/2) − x",
    {"without β": lambda u, b: sinh(u / 2) - 1},
    lambda u, b: derivative(lambda w: 2 * cosh(w / 2) / b - w)(u),
    lambda u, b: sinh(u / 2) / b - 1,
    {"u": REAL, "b": POSITIVE},
)
_CURVED = Sign(
    "its slope is positive",
    {"sinh": lambda u, b: sinh(u / 2) / (2 * b)},
    lambda u, b: cosh(u / 2) / (2 * b),
    {"u": REAL, "b": POSITIVE},
)
_LEAST = Identity(
    "the least value, at β = sinh y",
    {"2y": lambda y: 2 * cosh(y) / sinh(y) + 2 * y},
    lambda y: 2 * cosh(2 * y / 2) / sinh(y) - 2 * y,
    lambda y: 2 * cosh(y) / sinh(y) - 2 * y,
    {"y": POSITIVE},
)
_COTH = Identity(
    "√(1 + 1/sinh² y), squared",
    {"1 + 1/cosh²": lambda y: 1 + 1 / cosh(y) ** 2},
    lambda y: 1 + 1 / sinh(y) ** 2,
    lambda y: (cosh(y) / sinh(y)) ** 2,
    {"y": POSITIVE},
)


def _share(b):
    """The largest success rate of the reference with a fixed point."""
    b = sympy.Rational(b)
    return 1 / (1 + exp(-(2 * asinh(b) - 2 * sqrt(1 + 1 / b**2))))


STATEMENTS = (
    Statement(
        id="grpo-fixed-point",
        title="GRPO's rounds have a fixed success rate iff logit p_ref ≤ 2 asinh β − 2√(1 + 1/β²)",
        origin=Origin.OURS,
        source=f"{_SOURCE}; the rounds are its, the threshold is ours",
        form=Form(
            _ROUND,
            (),
            claim={
                "above it every round raises the rate": Implies(
                    relation(start, ">", _HIGHEST), relation(_NEXT, ">", x, noise=1e-12)
                ),
                "up to it a round lowers the rate 2 asinh β, or keeps it": Implies(
                    relation(start, "<=", _HIGHEST), relation(_NEXT.subs(x, _LOWEST), "<=", _LOWEST, noise=1e-9)
                ),
            },
            wrong={
                "every round raises the rate": relation(_NEXT, ">", x),
                "above 2 asinh β − 2.2√(1 + 1/β²)": Implies(
                    relation(start, ">", 2 * asinh(β) - Fraction(22, 10) * sqrt(1 + 1 / β**2)),
                    relation(_NEXT, ">", x),
                ),
                "with a standard deviation of 1": relation(start + 1 / β, "=", _NEXT),
            },
        ),
        parts={
            "above it every round raises the rate": Part(
                "The whitened rewards of success and failure differ by 1/√(p(1 − p)), p = σ(x), «difference of the "
                "whitened rewards, squared», so x′ = l + (2/β) cosh(x/2) ({rlhf-closed-form}). x′ − x − l is convex, "
                "«slope of (2/β) cosh(x/2) − x», «its slope is positive», least where sinh(x/2) = β: «the least "
                "value, at β = sinh y», and «√(1 + 1/sinh² y), squared». There x′ > x, so everywhere.",
                (_WHITENED, _SLOPE, _CURVED, _LEAST, _COTH),
            ),
            "up to it a round lowers the rate 2 asinh β, or keeps it": Part(
                "There x′ − x takes its least value, l + «the least value, at β = sinh y», with «√(1 + 1/sinh² y), "
                "squared». As x → ±∞ x′ − x → ∞, so there is a fixed point to both sides.",
                (_LEAST, _COTH),
            ),
        },
        second_routes=(
            Exact(
                "β = 1: the largest success rate of a reference with a fixed point",
                {"β = 2": Rounds(_share(2), "0.256226")},
                All((Rounds(_share(1), "0.256226"), Rounds(_share("1/2"), "0.0290371"), Rounds(_share(5), "0.929907"))),
            ),
        ),
        conclusion="At the usual β = 1/10 there is none for a reference that succeeds more than twice in 10⁹: success "
        "tends to 1, and the KL penalty holds nothing.",
        expected=Verdict.PROVED,
    ),
)
