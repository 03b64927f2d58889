"""The loss below which one pair alone is certainly ranked right, and how the loss leaves that level."""

import functools
from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Iff, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.rafailov_2023.dpo_losses import FALLS
from proofs_checks.spaces.pair import measured, β, δ, δ_ref
from proofs_checks.spaces.pairs import PAIR, policy_at, two
from tabular import dpo, failure_modes

__all__ = ["EXCESS", "NOISE", "REACHED", "STATEMENTS", "L", "L_c", "c", "v", "δ_c"]

_MORE = Fraction(101, 100)
NOISE = 1e-8  # of the library, as a share of a loss

v, L, δ_c, L_c = named("v", "L(δ)", "δ_c", "L(δ_c)")
c = sympy.Symbol("c", positive=True)
_LEVEL = softplus(β * δ_ref)


def _loss(δ, δ_ref, β):
    return dpo.loss(policy_at(δ), two(δ_ref, β), PAIR)


@functools.lru_cache(maxsize=1000)
def _threshold(δ_ref, β):
    return failure_modes.thresholds(two(δ_ref, β), PAIR)[0]


def _at_level(δ_ref, β, c):
    """δ_ref − log(e^(v+c) − 1)/β with v = sp(βδ_ref)."""
    return float(δ_ref) - np.log(np.expm1(_threshold(δ_ref, β) + float(c))) / float(β)


_LOSS_EXACTLY = {L: lambda δ, δ_ref, β: softplus(-β * (δ - δ_ref)), v: lambda δ_ref, β: softplus(β * δ_ref)}
_LEVELS = measured(
    "One pair alone, β > 0, any δ_ref and δ, L its DPO loss, v = inf {L : δ ≤ 0}; any c > 0, and "
    "δ_c = δ_ref − log(e^(v + c) − 1)/β",
    (β, δ_ref, δ, c),
    {
        v: lambda δ_ref, β: _threshold(δ_ref, β),
        L: _loss,
        δ_c: _at_level,
        L_c: lambda δ_ref, β, c: _loss(_at_level(δ_ref, β, c), δ_ref, β),
    },
    _LOSS_EXACTLY,
)
_INVERTED = measured("One pair alone, β > 0, any δ_ref and δ, L its DPO loss", (β, δ_ref, δ), {L: _loss}, _LOSS_EXACTLY)
_EXCESS = log(1 + sigmoid(β * δ_ref) * (exp(-β * δ) - 1))

EXCESS = (
    Identity(
        "the excess",
        {
            "σ(a + s)": lambda a, s: log(1 + sigmoid(a + s) * (exp(s) - 1)),
            "1.01 σ(a)": lambda a, s: log(1 + _MORE * sigmoid(a) * (exp(s) - 1)),
        },
        lambda a, s: softplus(a + s) - softplus(a),
        lambda a, s: log(1 + sigmoid(a) * (exp(s) - 1)),
        {"a": REAL, "s": REAL},
    ),
    Sign(
        "it is positive",
        {"with k − 1/50": lambda a, k: log(1 + sigmoid(a) * (k - Fraction(1, 50)))},
        lambda a, k: log(1 + sigmoid(a) * k),
        {"a": REAL, "k": POSITIVE},
    ),
)
REACHED = Identity(
    "sp(log(e^y − 1)) = y",
    {"log(e^y + 1)": lambda y: log(exp(y) + 1), "1.01 y": lambda y: _MORE * y},
    lambda y: softplus(log(exp(y) - 1)),
    lambda y: y,
    {"y": POSITIVE},
)
_BEYOND = (
    Identity(
        "e^(v+c) − 1 − e^a = (1 + e^a)(e^c − 1)",
        {"e^a (e^c − 1)": lambda a, c: exp(a) * (exp(c) - 1)},
        lambda a, c: exp(softplus(a) + c) - 1 - exp(a),
        lambda a, c: (1 + exp(a)) * (exp(c) - 1),
        {"a": REAL, "c": POSITIVE},
    ),
    Sign(
        "(1 + e^a) k > 0",
        {"with k − 1/50": lambda a, k: (1 + exp(a)) * (k - Fraction(1, 50))},
        lambda a, k: (1 + exp(a)) * k,
        {"a": REAL, "k": POSITIVE},
    ),
)

STATEMENTS = (
    Statement(
        id="threshold-one-pair",
        title="The loss level that guarantees a ranking",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _LEVELS,
            (),
            claim={
                "the level": relation(v, "=", _LEVEL),
                "below it δ > 0, and nowhere else": Iff(relation(δ, ">", 0), relation(L, "<", v)),
                "every level above it is reached with δ < 0": All(
                    (relation(L_c, "=", v + c, NOISE), relation(δ_c, "<", 0))
                ),
            },
            wrong={
                "1.01 of the level": relation(v, "=", _MORE * _LEVEL),
                "iff L < 1.01 v": Iff(relation(δ, ">", 0), relation(L, "<", _MORE * v)),
                "reached at 1.01 c": relation(L_c, "=", v + _MORE * c, NOISE),
                "reached with δ < −c": relation(δ_c, "<", -c),
            },
            effort=OBJECTS,
        ),
        parts={
            "the level": Part(
                "«dL/dδ = −β σ(−βh)», and «β σ(−βh) > 0»: over δ ≤ 0 the loss is least at δ = 0, where h = −δ_ref.",
                FALLS,
            ),
            "below it δ > 0, and nowhere else": Part(
                "«dL/dδ = −β σ(−βh)», and «β σ(−βh) > 0»: L falls strictly in δ, and at δ = 0 it is v.", FALLS
            ),
            "every level above it is reached with δ < 0": Part(
                "At δ_c, −βh = log(e^(v+c) − 1), and «sp(log(e^y − 1)) = y». With a = βδ_ref, βδ_c = a − "
                "log(e^(v+c) − 1) is negative because «e^(v+c) − 1 − e^a = (1 + e^a)(e^c − 1)», and with k = e^c − 1, "
                "«(1 + e^a) k > 0».",
                (REACHED, *_BEYOND),
            ),
        },
        conclusion="For a misaligned reference v < log 2: the loss must fall below v before the ranking is certain.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="threshold-margin",
        title="How far above its threshold an inverted pair keeps the loss",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _INVERTED,
            (relation(δ, "<", 0),),
            claim={
                "the excess over sp(βδ_ref)": relation(L, "=", _LEVEL + _EXCESS, NOISE),
                "it is positive": relation(L, ">", _LEVEL),
            },
            wrong={
                "1.01 of the excess": relation(L, "=", _LEVEL + _MORE * _EXCESS, NOISE),
                "more than −δβ/1000": relation(L, ">", _LEVEL - δ * β / 1000),
            },
            effort=OBJECTS,
        ),
        parts={
            "the excess over sp(βδ_ref)": Part(
                "With a = βδ_ref and s = −βδ the loss is sp(a + s): «the excess».", EXCESS[:1]
            ),
            "it is positive": Part("With k = e^(−βδ) − 1 > 0 in «the excess», «it is positive».", EXCESS),
        },
        conclusion="The threshold is sharp: the loss leaves it continuously as the pair is inverted further.",
        expected=Verdict.PROVED,
    ),
)
