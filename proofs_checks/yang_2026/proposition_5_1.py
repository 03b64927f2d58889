"""Proposition 5.1: the DPO loss over β is a soft hinge with target margin δ_ref, with an error of at most log 2/β.

The loss exceeds its hinge by sp(−|z|)/β, z = β(δ_ref − δ): positive, log 2/β at z = 0, and less on both sides.
"""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import log, positive_part, softplus, tanh
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.bounds import ABOVE_LINEAR
from proofs_checks.spaces.pair import measured, β, δ, δ_ref
from proofs_checks.spaces.pairs import PAIR, policy_at, two
from tabular import dpo

__all__ = ["STATEMENTS", "L"]

_LESS = Fraction(99, 100)
_ERROR = log(2) / β
(L,) = named("L(δ)")
_HINGE = positive_part(δ_ref - δ)

_PAIR = measured(
    "One pair, β > 0, δ_ref and δ real, L its DPO loss",
    (β, δ_ref, δ),
    {L: lambda β, δ_ref, δ: dpo.loss(policy_at(δ), two(δ_ref, β), PAIR)},
    {L: lambda β, δ_ref, δ: softplus(-β * (δ - δ_ref))},
)

_DEFICIT = Identity(
    "log 2 − sp(−t) = log(1 + tanh(t/2))",
    {"log(1 + tanh t)": lambda t: log(1 + tanh(t)), "log(1 + t/2)": lambda t: log(1 + t / 2)},
    lambda t: log(2) - softplus(-t),
    lambda t: log(1 + tanh(t / 2)),
    {"t": NONNEGATIVE},
)
_BELOW = Sign(
    "log(1 + tanh(t/2)) > 0 for t > 0",
    {"less 1/100": lambda t: log(1 + tanh(t / 2)) - Fraction(1, 100)},
    lambda t: log(1 + tanh(t / 2)),
    {"t": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="prop-5.1",
        title="DPO is soft-margin ranking with target δ_ref",
        origin=Origin.TRANSCRIBED,
        source="Yang et al. 2026, Proposition 5.1, as transcribed: L/β tends to the hinge; the uniform error is ours",
        form=Form(
            _PAIR,
            (),
            claim={
                "above the hinge": relation(L / β, ">", _HINGE),
                "by at most log 2/β": relation(L / β, "<=", _HINGE + _ERROR),
                "exactly there at δ = δ_ref alone": All(
                    (
                        Implies(relation(δ, "=", δ_ref), relation(L / β, "=", _HINGE + _ERROR)),
                        Implies(relation(δ, "!=", δ_ref), relation(L / β, "<", _HINGE + _ERROR)),
                    )
                ),
            },
            wrong={
                "by at most 0.99 log 2/β": relation(L / β, "<=", _HINGE + _LESS * _ERROR),
                "by at least 1/(1000β)": relation(L / β, ">", _HINGE + 1 / (1000 * β)),
                "with target 0.99 δ_ref": relation(L / β, ">", positive_part(_LESS * δ_ref - δ)),
            },
            effort=OBJECTS,
        ),
        parts={
            "above the hinge": Part(
                "With z = β(δ_ref − δ), L is sp(z) and β times the hinge max(0, z). Where z ≥ 0, «sp(z) = z + sp(−z)»; "
                "elsewhere the hinge is 0: L is above it by sp(−|z|), and «sp(−z) > 0» for every z.",
                ABOVE_LINEAR,
            ),
            "by at most log 2/β": Part(
                "With t = |z| that sp(−t) falls short of log 2 by «log 2 − sp(−t) = log(1 + tanh(t/2))», which is 0 "
                "at t = 0 and «log(1 + tanh(t/2)) > 0 for t > 0».",
                (_DEFICIT, _BELOW),
            ),
            "exactly there at δ = δ_ref alone": Part(
                "By the same «log 2 − sp(−t) = log(1 + tanh(t/2))», «log(1 + tanh(t/2)) > 0 for t > 0»: t = 0 is "
                "δ = δ_ref.",
                (_DEFICIT, _BELOW),
            ),
        },
        conclusion="L/β tends to the hinge max(0, δ_ref − δ) uniformly as β grows; for δ_ref < 0 its target is "
        "negative.",
        expected=Verdict.PROVED,
    ),
)
