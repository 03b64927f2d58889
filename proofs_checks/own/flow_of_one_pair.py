"""Gradient flow of one pair in tabular softmax logits, in closed form.

The loss sp(−u), u = βh − Ψ with a fixed margin Ψ, pulls the two logits apart by 2βσ(−u); so u + e^u grows by 2β² in a
unit of time, a clock on which every time can be read.
"""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import Ψ, measured, β, δ_ref
from tabular import flow

__all__ = ["NOISE", "PULLS", "STATEMENTS", "margin_at", "s", "t", "δ_later", "δ_t"]

_MORE = Fraction(101, 100)
NOISE = 1e-7  # of the library's trajectory, in nats of u + e^u, which is up to e^10 here

t, s = sympy.symbols("t s", positive=True)
δ_t, δ_later = named("δ(t)", "δ(t + s)")
_u = β * (δ_t - δ_ref) - Ψ


def margin_at(t, δ_ref, β, Ψ):
    """The library's δ at a time of the flow."""
    return flow.margin_at(float(t), float(δ_ref), float(β), float(Ψ))


_FLOW = measured(
    "One pair, tabular softmax logits, gradient flow from π_ref of the loss sp(−(β(δ − δ_ref) − Ψ)), β > 0, any δ_ref "
    "and fixed Ψ; times t, s > 0",
    (β, δ_ref, Ψ, t, s),
    {δ_t: margin_at, δ_later: lambda t, s, δ_ref, β, Ψ: margin_at(float(t) + float(s), δ_ref, β, Ψ)},
)

PULLS = Identity(
    "dδ/dt = 2βσ(−u)",
    {
        "βσ(−u)": lambda β, z, v, r, Ψ: β * sigmoid(Ψ - β * (z - v - r)),
        "2σ(−u)": lambda β, z, v, r, Ψ: 2 * sigmoid(Ψ - β * (z - v - r)),
    },
    lambda β, z, v, r, Ψ: (
        derivative(lambda y: softplus(Ψ - β * (z - y - r)))(v) - derivative(lambda y: softplus(Ψ - β * (y - v - r)))(z)
    ),
    lambda β, z, v, r, Ψ: 2 * β * sigmoid(Ψ - β * (z - v - r)),
    {"β": POSITIVE, "z": REAL, "v": REAL, "r": REAL, "Ψ": REAL},
)
_CLOCK = Identity(
    "d(u + e^u)/dt = 2β²",
    {"2β": lambda β, u: 2 * β, "β²": lambda β, u: β**2},
    lambda β, u: derivative(lambda x: x + exp(x))(u) * β * (2 * β * sigmoid(-u)),
    lambda β, u: 2 * β**2,
    {"β": POSITIVE, "u": REAL},
)
_SPEED = Sign(
    "2βσ(−u) > 0",
    {"2β(σ(−u) − 1/50)": lambda β, u: 2 * β * (sigmoid(-u) - Fraction(1, 50))},
    lambda β, u: 2 * β * sigmoid(-u),
    {"β": POSITIVE, "u": REAL},
)
STATEMENTS = (
    Statement(
        id="flow-trajectory",
        title="Gradient flow of one pair in closed form",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _FLOW,
            (),
            claim={
                "the trajectory": relation(_u + exp(_u), "=", 2 * β**2 * t + exp(-Ψ) - Ψ, NOISE),
            },
            wrong={
                "1.01 times as fast": relation(_u + exp(_u), "=", 2 * _MORE * β**2 * t + exp(-Ψ) - Ψ, NOISE),
                "from Ψ": relation(_u + exp(_u), "=", 2 * β**2 * t + exp(-Ψ), NOISE),
            },
            effort=OBJECTS,
        ),
        parts={
            "the trajectory": Part(
                "With logits z of w and v of l, r = δ_ref and δ = z − v, gradient flow has «dδ/dt = 2βσ(−u)» for "
                "u = β(δ − r) − Ψ, so «d(u + e^u)/dt = 2β²». At t = 0, u = −Ψ. As u + e^u rises strictly in u, this "
                "fixes δ at all times.",
                (PULLS, _CLOCK),
            )
        },
        conclusion="The whole trajectory is a Wright omega function of time.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="flow-monotone",
        title="The flow never stops and never turns",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _FLOW,
            (),
            claim={"δ rises strictly": relation(δ_later, ">", δ_t)},
            wrong={"by s/100 at least": relation(δ_later, ">", δ_t + s / 100)},
            effort=OBJECTS,
        ),
        parts={
            "δ rises strictly": Part("«dδ/dt = 2βσ(−u)», and «2βσ(−u) > 0» whatever u is.", (PULLS, _SPEED)),
        },
        conclusion="A trapped policy is slow, not stuck.",
        expected=Verdict.PROVED,
    ),
)
