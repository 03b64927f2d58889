"""The DPO loss: Bradley-Terry in disguise, and the two readings of its labels, one order or both."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import LOSS, Δr, pair, β, δ, δ_next, δ_ref, δ_star
from proofs_checks.spaces.problems import labels, preferences_of, problem, problem_of
from tabular import dpo

__all__ = ["BT", "BT_OF_TWICE", "CONVEX", "FALLS", "POPULATION_LOSS", "STATEMENTS", "L"]

L, BT, BT_OF_TWICE = named("L_DPO(π)", "L_BT(s)", "L_BT(2s)")
_MORE = Fraction(101, 100)

#: The population loss of a pair, labelled both ways with rates σ(±Δr), as an expression.
POPULATION_LOSS = sigmoid(Δr) * softplus(-β * (δ - δ_ref)) + sigmoid(-Δr) * softplus(β * (δ - δ_ref))
_MORE_THAN_AT_OPTIMUM = relation(POPULATION_LOSS, ">", POPULATION_LOSS.subs(δ, δ_star))

FALLS = (
    Identity(
        "dL/dδ = −β σ(−βh)",
        {"without β": lambda β, h: -sigmoid(-β * h), "−β σ(−h)": lambda β, h: -β * sigmoid(-h)},
        lambda β, h: derivative(lambda x: softplus(-β * x))(h),
        lambda β, h: -β * sigmoid(-β * h),
        {"β": POSITIVE, "h": REAL},
    ),
    Sign(
        "β σ(−βh) > 0",
        {"β (σ(−βh) − 1/50)": lambda β, h: β * (sigmoid(-β * h) - Fraction(1, 50))},
        lambda β, h: β * sigmoid(-β * h),
        {"β": POSITIVE, "h": REAL},
    ),
)
CONVEX = (
    Identity(
        "d²L/dδ² = β² σ(βh) σ(−βh)",
        {"β σσ": lambda β, h: β * sigmoid(β * h) * sigmoid(-β * h), "β² σ²": lambda β, h: β**2 * sigmoid(β * h) ** 2},
        lambda β, h: derivative(lambda x: softplus(-β * x), 2)(h),
        lambda β, h: β**2 * sigmoid(β * h) * sigmoid(-β * h),
        {"β": POSITIVE, "h": REAL},
    ),
    Sign(
        "β² σ(βh) σ(−βh) > 0",
        {"with σ less 1/50": lambda β, h: β**2 * sigmoid(β * h) * (sigmoid(-β * h) - Fraction(1, 50))},
        lambda β, h: β**2 * sigmoid(β * h) * sigmoid(-β * h),
        {"β": POSITIVE, "h": REAL},
    ),
)


def _labelled(draw):
    """Any labels on a problem, and the scores s of a policy."""
    parts = problem(draw, β=(Fraction(1, 10), 20))
    size = len(parts["ref"])
    return {**parts, "labels": labels(draw, size), "s": [draw.number(-5, 5) for _ in range(size)]}


def _policy_of(ref, s, β):
    """π ∝ π_ref e^(s/β)."""
    logits = np.log([float(p) for p in ref]) + np.array(s, float) / float(β)
    return (logits - np.logaddexp.reduce(logits))[None, :]


def _dpo_loss(ref, reward, β, labels, s):
    return dpo.loss(_policy_of(ref, s, β), problem_of(ref, reward, β), preferences_of(labels))


def _bradley_terry(labels, s):
    """The weighted mean of −log σ(s_w − s_l)."""
    total = sum(float(weight) for *_, weight in labels)
    return sum(float(n) * np.logaddexp(0, float(s[lo]) - float(s[w])) for w, lo, n in labels) / total


_LABELLED = Instances(
    _labelled,
    "Any labels on finite responses, π_ref > 0, β > 0; any s, and π ∝ π_ref e^(s/β)",
    {L: _dpo_loss, BT: _bradley_terry, BT_OF_TWICE: lambda labels, s: _bradley_terry(labels, [2 * x for x in s])},
    drawn="2 to 4 responses, 1 to 6 labels, β ∈ [1/10, 20], s ∈ [−5, 5]",
)

STATEMENTS = (
    Statement(
        id="dpo-bradley-terry",
        title="Tabular DPO is Bradley–Terry maximum likelihood",
        origin=Origin.TRANSCRIBED,
        source="Rafailov et al. 2023, Eq. 7",
        form=Form(
            _LABELLED,
            (),
            claim={"the DPO loss is the Bradley–Terry loss of s": relation(L, "=", BT, noise=1e-8)},
            wrong={
                "1.01 of it": relation(L, "=", _MORE * BT, noise=1e-8),
                "at 2s": relation(L, "=", BT_OF_TWICE, noise=1e-8),
            },
            effort=Effort(draws=300, climbs=2, steps=40),
        ),
        parts={
            "the DPO loss is the Bradley–Terry loss of s": Part(
                "Label by label «βh = s_w − s_l», the normaliser Z dropping out. Every policy with full support has an "
                "s, β log(π/π_ref), and every s a policy: so the infimum knows neither π_ref nor β.",
                (
                    Identity(
                        "βh = s_w − s_l",
                        {
                            "without β": lambda a, b, β, Z, s, t: (s - t) / β,
                            "one Z": lambda a, b, β, Z, s, t: s - t - β * log(Z),
                        },
                        lambda a, b, β, Z, s, t: (
                            β * (log(a * exp(s / β) / Z) - log(a) - log(b * exp(t / β) / Z) + log(b))
                        ),
                        lambda a, b, β, Z, s, t: s - t,
                        {"a": POSITIVE, "b": POSITIVE, "β": POSITIVE, "Z": POSITIVE, "s": REAL, "t": REAL},
                    ),
                ),
            )
        },
        conclusion="The reference moves the solution, never the attainable loss.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-ordered",
        title="A pair labelled once: its loss always falls in δ",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            pair(β, δ_ref, δ, δ_next),
            (relation(δ_next, ">", δ),),
            claim={"a larger δ has less loss": relation(LOSS.subs(δ, δ_next), "<", LOSS)},
            wrong={"less by a hundredth": relation(LOSS.subs(δ, δ_next), "<", LOSS * Fraction(99, 100))},
        ),
        parts={
            "a larger δ has less loss": Part(
                "«dL/dδ = −β σ(−βh)» and «β σ(−βh) > 0»: the loss falls strictly for ever, so one pair labelled in one "
                "order has no minimiser.",
                FALLS,
            )
        },
        conclusion="The empirical loss pushes δ up whatever δ* is; only labels round a cycle can stop it "
        "(dpo-solution-set).",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-population",
        title="With Bradley–Terry labels the loss is least at δ*",
        origin=Origin.TRANSCRIBED,
        source="Rafailov et al. 2023, Section 4, of one pair",
        form=Form(
            pair(β, δ_ref, Δr, δ, Δr=(-5, 5)),
            (),
            claim={"any other δ has more loss than δ*": Implies(relation(δ, "!=", δ_star), _MORE_THAN_AT_OPTIMUM)},
            wrong={
                "more by a hundredth": relation(POPULATION_LOSS, ">", _MORE * POPULATION_LOSS.subs(δ, δ_star)),
                "than δ_ref + 1.01 Δr/β": relation(
                    POPULATION_LOSS, ">", POPULATION_LOSS.subs(δ, δ_ref + Δr * _MORE / β)
                ),
            },
        ),
        parts={
            "any other δ has more loss than δ*": Part(
                "With p = σ(Δr), «dL/dδ = β(σ(βh) − p)», which is «0 at δ*»; and it increases, as both labels' losses "
                "have «d²L/dδ² = β² σ(βh) σ(−βh)», «β² σ(βh) σ(−βh) > 0», the same at −h.",
                (
                    Identity(
                        "dL/dδ = β(σ(βh) − p)",
                        {"p swapped": lambda β, h, p: β * (sigmoid(β * h) - (1 - p))},
                        lambda β, h, p: derivative(lambda x: p * softplus(-β * x) + (1 - p) * softplus(β * x))(h),
                        lambda β, h, p: β * (sigmoid(β * h) - p),
                        {"β": POSITIVE, "h": REAL, "p": UNIT},
                    ),
                    Identity(
                        "0 at δ*",
                        {"β/100": lambda β, r: β / 100},
                        lambda β, r: β * (sigmoid(β * (r / β)) - sigmoid(r)),
                        lambda β, r: 0,
                        {"β": POSITIVE, "r": REAL},
                    ),
                    *CONVEX,
                ),
            )
        },
        conclusion="On population labels DPO and RLHF share their optimum, misranked or not, for either sign of δ*.",
        expected=Verdict.PROVED,
    ),
)
