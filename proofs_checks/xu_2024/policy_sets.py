"""Are the policies that RLHF reaches a proper subset of those that DPO reaches?"""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Rounds, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from proofs_checks.spaces.problems import labels, log_policy_of, preferences_of, problem, problem_of, weights
from tabular import dpo, rlhf

__all__ = ["BACK", "BT", "RAW", "STATEMENTS", "L", "gap", "o", "share", "t"]

BACK, RAW = named("max |log π_r − log π|, r = β log π/π_ref", "max |log π_r − log π|, r = log π/π_ref")
L, BT = named("L_DPO(π)", "L_BT(r)")
gap, share, o, t = sympy.symbols("g q_0 o t", positive=True)
_SOURCE = "Xu et al. 2404.10719, Theorem 4.1"


def _instance(draw):
    parts = problem(draw)
    size = len(parts["ref"])
    return {**parts, "policy": weights(draw, size), "labels": labels(draw, size)}


def _reward_of(ref, β, policy):
    return float(β) * (log_policy_of(policy)[0] - log_policy_of(ref)[0])


def _returned(ref, β, policy, scale):
    reward = _reward_of(ref, scale, policy)
    return float(np.abs(rlhf.optimal_policy(problem_of(ref, reward, β)) - log_policy_of(policy)).max())


def _bradley_terry(ref, β, policy, labels):
    r = _reward_of(ref, β, policy)
    total = sum(float(n) for *_, n in labels)
    return sum(float(n) * np.logaddexp(0, r[lo] - r[w]) for w, lo, n in labels) / total


_ANY = Instances(
    _instance,
    "Any labels on finite responses, π_ref > 0, β > 0; any policy π > 0 and r = β log π/π_ref",
    {
        β: lambda β: β,
        BACK: lambda ref, β, policy: _returned(ref, β, policy, β),
        RAW: lambda ref, β, policy: _returned(ref, β, policy, 1),
        L: lambda ref, reward, β, policy, labels: dpo.loss(
            log_policy_of(policy), problem_of(ref, reward, β), preferences_of(labels)
        ),
        BT: _bradley_terry,
    },
    drawn="2 to 4 responses, 1 to 6 labels, β ∈ [1/10, 5]",
)
_RETURNS = Identity(
    "π_ref e^(r/β) = π",
    {"with r = log π/π_ref": lambda p, q, β: q * exp(log(p / q) / β)},
    lambda p, q, β: q * exp(β * log(p / q) / β),
    lambda p, q, β: p,
    {"p": POSITIVE, "q": POSITIVE, "β": POSITIVE},
)
_SAME_MARGIN = Identity(
    "r_w − r_l = βh",
    {"without β": lambda p, q, a, b, β: log(p / a) - log(q / b)},
    lambda p, q, a, b, β: β * (log(p) - log(q) - log(a) + log(b)),
    lambda p, q, a, b, β: β * log(p / a) - β * log(q / b),
    {"p": POSITIVE, "q": POSITIVE, "a": POSITIVE, "b": POSITIVE, "β": POSITIVE},
)


def _loss(odds):
    """The DPO loss of a label a > b three times out of four at odds π_a/π_b, π_ref = (1/2, 1/2, 0), β = 1."""
    return (3 * softplus(-log(odds)) + softplus(log(odds))) / 4


_LEAST = _loss(sympy.Integer(3))
_ZERO = measured(
    "π_ref = (1/2, 1/2, 0), a preferred to b three times out of four, β = 1; policies (ot, t, 1 − (1 + o)t)",
    (o, t),
    {},
    t=(Fraction(1, 100), 1),
)
_TOP = share / (share + (1 - share) * exp(-gap / β))

STATEMENTS = (
    Statement(
        id="xu-proper-subset",
        title="Every policy of RLHF is one of DPO, and not the other way round",
        origin=Origin.PRINTED,
        source=f"{_SOURCE}; read with π_ref > 0, a minimum that is attained and all finite reward models",
        form=InWords(
            "Π_PPO: the RLHF optima of all finite rewards that minimise the Bradley–Terry loss of the labels. Π_DPO: "
            "the policies with full support that minimise the DPO loss. π_ref > 0, β > 0, the minimum attained.",
            {"proper": "Π_PPO is a proper subset of Π_DPO."},
            why="it compares two sets of policies",
        ),
        settles=Settles.NEGATION,
        parts={
            "they are equal": Part(
                "Of a DPO minimiser π > 0 take r = β log π/π_ref. By {xu-sets-equal} its RLHF optimum is π and its "
                "Bradley–Terry loss that of π; the two losses have the same infimum ({dpo-bradley-terry}), so r "
                "minimises its own: π is in Π_PPO."
            )
        },
        conclusion="With full support the sets are equal: xu-sets-equal. What DPO has more are policies where the "
        "reference is 0: xu-zero-reference.",
        expected=Verdict.REFUTED,
        instead=(
            "xu-sets-equal",
            "xu-zero-reference",
        ),
    ),
    Statement(
        id="xu-sets-equal",
        title="With full support every policy is the RLHF optimum of its own implicit reward",
        origin=Origin.OURS,
        source=f"the repair of {_SOURCE}",
        form=Form(
            _ANY,
            (),
            claim={
                "the RLHF optimum of β log π/π_ref is π": relation(BACK, "=", 0, noise=1e-8),
                "its Bradley–Terry loss is the DPO loss of π": relation(L, "=", BT, noise=1e-8),
            },
            wrong={
                "of log π/π_ref it is π": relation(RAW, "=", 0, noise=1e-6),
                "its loss is half of it": relation(L, "=", BT / 2, noise=1e-6),
            },
            effort=OBJECTS,
        ),
        parts={
            "the RLHF optimum of β log π/π_ref is π": Part(
                "By {rlhf-closed-form} the optimum is π_ref e^(r/β) up to a factor: «π_ref e^(r/β) = π», and both sum "
                "to 1.",
                (_RETURNS,),
            ),
            "its Bradley–Terry loss is the DPO loss of π": Part("Label by label «r_w − r_l = βh».", (_SAME_MARGIN,)),
        },
        conclusion="r ↦ π is a bijection of reward classes and policies: the two methods reach the same policies.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="xu-zero-reference",
        title="Where the reference is 0 on an unlabelled response, DPO reaches policies that RLHF never does",
        origin=Origin.OURS,
        source=f"the case in which {_SOURCE} holds",
        form=Form(
            _ZERO,
            (relation((1 + o) * t, "<", 1),),
            claim={
                "the loss is least where o = 3": relation(_loss(o), ">=", _LEAST),
                "with any mass of the third response": relation(1 - (1 + o) * t, ">", 0),
            },
            wrong={"where o = 2": relation(_loss(o), ">=", _loss(sympy.Integer(2)))},
        ),
        parts={
            "the loss is least where o = 3": Part(
                "With z = log o, «slope of the loss in z»: σ rises, so it is 0 where σ(z) = 3/4 and has the sign of o "
                "− 3 elsewhere.",
                (
                    Identity(
                        "slope of the loss in z",
                        {"σ(z) − 1/4": lambda z: sigmoid(z) - Fraction(1, 4)},
                        lambda z: derivative(lambda x: (3 * softplus(-x) + softplus(x)) / 4)(z),
                        lambda z: sigmoid(z) - Fraction(3, 4),
                        {"z": REAL},
                    ),
                ),
            ),
            "with any mass of the third response": Part(
                "The loss knows o alone, «the odds of (3t, t, 1 − 4t)»: that is a minimiser for every t ≤ 1/4. Every "
                "RLHF optimum has mass 0 there: π_ref e^(r/β) is 0 for every finite r, so that (3/4, 1/4, 0) is the "
                "only one.",
                (
                    Identity(
                        "the odds of (3t, t, 1 − 4t)",
                        {"of (3t, t + 1/100)": (lambda s: 3 * s / (s + Fraction(1, 100)), lambda s: 3 + 0 * s)},
                        lambda s: 3 * s / s,
                        lambda s: 3 + 0 * s,
                        {"s": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="The inclusion is proper iff an unlabelled response has reference 0; it is the reference, not the "
        "reward model, that keeps RLHF there.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="xu-table-1",
        title="A policy with zeros, (1, 0, 0), is an RLHF optimum",
        origin=Origin.READING,
        source="Xu et al. 2404.10719, Table 1, read with π_ref > 0 and a finite reward",
        form=Form(
            measured(
                "π_ref > 0 with share q_0/(1 + q_0) on the best response, rewards lower by g elsewhere, β > 0",
                (share, gap, β),
                {},
                q_0=(Fraction(1, 10), Fraction(9, 10)),
            ),
            (),
            claim={
                "the optimum gives the best response all mass": relation(
                    share / (share + exp(-gap / β)), "=", 1, noise=1e-12
                )
            },
            right={
                "all but e^(−g/β)/q_0 of it": relation(1 - share / (share + exp(-gap / β)), "<=", exp(-gap / β) / share)
            },
        ),
        second_routes=(
            Exact(
                "π_ref = (.4, .4, .2), β = 1/2, reward (r, 0, 0) with r = 1 and 5: 1 − π_1",
                {"r = 2": Rounds(Fraction(3, 2) / (Fraction(3, 2) + exp(4)), "0.1687468257")},
                All(
                    (
                        Rounds(Fraction(3, 2) / (Fraction(3, 2) + exp(2)), "0.1687468257"),
                        Rounds(Fraction(3, 2) / (Fraction(3, 2) + exp(10)), "0.0000680953"),
                    )
                ),
            ),
        ),
        conclusion="Every optimum of a finite reward is positive; (1, 0, 0) is a limit, reached by no reward.",
        expected=Verdict.REFUTED,
        instead=("rlhf-zero-temperature",),
    ),
    Statement(
        id="rlhf-zero-temperature",
        title="As β falls RLHF keeps the reference among the best, and loses e^(−g/β)(1 − q)/q elsewhere",
        origin=Origin.OURS,
        source="folklore; the constant is ours",
        form=Form(
            measured(
                "Finite responses, π_ref > 0 with mass q on the best ones, the next reward lower by g or more, β > 0; "
                "1 − π*(best) where all others are lower by exactly g, its largest value",
                (share, gap, β),
                {},
                q_0=(Fraction(1, 10), Fraction(9, 10)),
            ),
            (),
            claim={"1 − π*(best)": relation(1 - _TOP, "<=", (1 - share) / share * exp(-gap / β))},
            wrong={"without (1 − q)/q": relation(1 - _TOP, "<=", (1 - share) * exp(-gap / β))},
        ),
        parts={
            "1 − π*(best)": Part(
                "Mass q e^(0) among the best against at most (1 − q)e^(−g/β) elsewhere: «what the bound leaves» is not "
                "negative. Among the best all factors e^(r/β) agree, so the limit is π_ref restricted to them.",
                (
                    Identity(
                        "what the bound leaves",
                        {"q y": lambda p, k, y: k * y / p},
                        lambda p, k, y: k * y / p - k * y / (p + k * y),
                        lambda p, k, y: (k * y) ** 2 / (p * (p + k * y)),
                        {"p": POSITIVE, "k": POSITIVE, "y": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="Low temperature does not mean uniform among the best: the reference still decides there.",
        expected=Verdict.PROVED,
    ),
)
