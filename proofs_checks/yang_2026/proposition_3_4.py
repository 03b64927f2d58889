"""Proposition 3.4: a condition for U, and the weakening of the gradient on it.

What the paper says is a sufficient condition and a gradient that grows weaker; that the condition is necessary, or that
the gradient vanishes, is what readers make of it, and false.
"""

from dataclasses import replace
from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import Δr, measured, pair, β, δ, δ_next, δ_ref
from proofs_checks.spaces.pairs import ONE_PAIR, PAIR, policy_at, two, δ_optimum
from proofs_checks.yang_2026.assumption_3_1 import MARGIN
from tabular import dpo

__all__ = ["STATEMENTS", "push", "push_at_0", "push_next"]

_SOURCE = "Yang et al. 2026, Proposition 3.4, as transcribed"
_HUNDREDTH = Fraction(1, 100)
_CONDITION = relation(δ_ref, "<", -Δr / β)

push, push_next, push_at_0 = named("g(δ)", "g(δ′)", "g(0)")


def _push(δ, δ_ref, β):
    """How hard gradient flow pulls the winner's logit up, over β."""
    return -dpo.gradient(policy_at(δ), two(δ_ref, β), PAIR)[0, 0] / float(β)


def _factor(δ, δ_ref, β):
    return sigmoid(-β * (δ - δ_ref))


_GRADIENT = measured(
    "One pair, DPO loss, β > 0, any δ_ref and margins δ, δ′; g = −(1/β) ∂L/∂z_w of the winner's logit z_w",
    (β, δ_ref, δ, δ_next),
    {
        push: _push,
        push_next: lambda parts: _push(parts["δ′"], parts["δ_ref"], parts["β"]),
        push_at_0: lambda δ_ref, β: _push(0, δ_ref, β),
    },
    {
        push: _factor,
        push_next: lambda parts: _factor(parts["δ′"], parts["δ_ref"], parts["β"]),
        push_at_0: lambda δ_ref, β: _factor(0, δ_ref, β),
    },
)

_FACTOR = Identity(
    "g = σ(−βh)",
    {
        "β σ(−βh)": lambda β, w, v, r: β * sigmoid(-β * (w - v - r)),
        "σ(βh)": lambda β, w, v, r: sigmoid(β * (w - v - r)),
    },
    lambda β, w, v, r: -derivative(lambda z: softplus(-β * (z - v - r)))(w) / β,
    lambda β, w, v, r: sigmoid(-β * (w - v - r)),
    {"β": POSITIVE, "w": REAL, "v": REAL, "r": REAL},
)
_SLOPE = Identity(
    "dg/dδ = −β σ(βh) σ(−βh)",
    {"without β": lambda β, h: -sigmoid(β * h) * sigmoid(-β * h), "σ² for σσ": lambda β, h: -β * sigmoid(-β * h) ** 2},
    lambda β, h: derivative(lambda x: sigmoid(-β * x))(h),
    lambda β, h: -β * sigmoid(β * h) * sigmoid(-β * h),
    {"β": POSITIVE, "h": REAL},
)
_STEEP = Sign(
    "β σ(βh) σ(−βh) > 0",
    {"with σ less 1/50": lambda β, h: β * sigmoid(β * h) * (sigmoid(-β * h) - Fraction(1, 50))},
    lambda β, h: β * sigmoid(β * h) * sigmoid(-β * h),
    {"β": POSITIVE, "h": REAL},
)
_NEVER_0 = Sign("σ(z) > 0", {"σ(z) − 1/50": lambda z: sigmoid(z) - Fraction(1, 50)}, lambda z: sigmoid(z), {"z": REAL})

STATEMENTS = (
    Statement(
        id="prop-3.4",
        title="A pessimistic reference puts the RLHF optimum in U",
        origin=Origin.TRANSCRIBED,
        source=f"{_SOURCE}: U is not empty; that the RLHF optimum is a member is ours",
        form=Form(
            ONE_PAIR,
            (relation(Δr, ">", 0), _CONDITION),
            claim={"U = {δ_ref < δ < 0} holds δ*": All((relation(δ_ref, "<", δ_optimum), relation(δ_optimum, "<", 0)))},
            wrong={
                "δ* above 0.98 δ_ref": relation(Fraction(98, 100) * δ_ref, "<", δ_optimum),
                "δ* below 0.02 δ_ref": relation(δ_optimum, "<", Fraction(2, 100) * δ_ref),
            },
            effort=replace(OBJECTS, draws=1000),
        ),
        parts={
            "U = {δ_ref < δ < 0} holds δ*": Part(
                "As «δ* = δ_ref + Δr/β», δ* − δ_ref is Δr/β, «positive as Δr is»; and δ* < 0 is the condition. π* has "
                "full support, so U is not empty.",
                (
                    MARGIN,
                    Sign(
                        "positive as Δr is",
                        {"less 1/100": lambda Δr, β: Δr / β - _HUNDREDTH},
                        lambda Δr, β: Δr / β,
                        {"Δr": POSITIVE, "β": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="The condition is sufficient. It says more than that U exists: RLHF's own answer is misranked.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="prop-3.4-necessity",
        title="Only a reference with δ_ref < −Δr/β has a non-empty U",
        origin=Origin.READING,
        source=f"{_SOURCE}, a sufficient condition, read as a criterion",
        form=Form(
            pair(β, Δr, δ_ref, δ),
            (relation(Δr, ">", 0), relation(δ_ref, "<", δ), relation(δ, "<", 0)),
            claim={"the condition": _CONDITION},
            right={"δ_ref < 0": relation(δ_ref, "<", 0), "−Δr/β < 0": relation(-Δr / β, "<", 0)},
        ),
        conclusion="The condition is not necessary: δ_ref < 0 is (def-3.3).",
        expected=Verdict.REFUTED,
        instead=("def-3.3",),
    ),
    Statement(
        id="prop-3.4-weaker",
        title="The gradient weakens along U, to a positive limit",
        origin=Origin.TRANSCRIBED,
        source=f"{_SOURCE}: progressively weaker; the formula and the value at δ = 0 are ours",
        form=Form(
            _GRADIENT,
            (relation(δ_next, ">", δ),),
            claim={
                "the factor": relation(push, "=", sigmoid(-β * (δ - δ_ref))),
                "it falls strictly in δ": relation(push_next, "<", push),
                "at δ = 0": All((relation(push_at_0, "=", sigmoid(β * δ_ref)), relation(push_at_0, ">", 0))),
            },
            wrong={
                "0.99 of the factor": relation(push, "=", Fraction(99, 100) * sigmoid(-β * (δ - δ_ref))),
                "falls by a hundredth": relation(push_next, "<", Fraction(99, 100) * push),
                "above σ(β δ_ref)/2 only beyond 1/100": relation(push_at_0, ">", _HUNDREDTH),
            },
            effort=OBJECTS,
        ),
        parts={
            "the factor": Part("With logits w and v of the two responses and r = δ_ref: «g = σ(−βh)».", (_FACTOR,)),
            "it falls strictly in δ": Part("«dg/dδ = −β σ(βh) σ(−βh)», and «β σ(βh) σ(−βh) > 0».", (_SLOPE, _STEEP)),
            "at δ = 0": Part("There h = −δ_ref, so g is σ(βδ_ref); and «σ(z) > 0» for every z.", (_NEVER_0,)),
        },
        conclusion="Progressively weaker is right, vanishing is not: a trapped policy is slow (escape-time), not "
        "stuck.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="prop-3.4-vanishes",
        title="The gradient vanishes at the boundary of U",
        origin=Origin.BELIEF,
        source="what “progressively weaker” in Yang et al. 2026, Proposition 3.4, is taken for; it does not say so",
        form=Form(
            pair(β, δ_ref),
            (relation(δ_ref, "<", 0),),
            claim={"the factor at δ = 0 is 0": relation(sigmoid(β * δ_ref), "=", 0)},
            right={"it is below 1/2": relation(sigmoid(β * δ_ref), "<", Fraction(1, 2))},
        ),
        conclusion="False for every reference (prop-3.4-weaker), though below the 1/2 of the start.",
        expected=Verdict.REFUTED,
        instead=("prop-3.4-weaker",),
    ),
)
