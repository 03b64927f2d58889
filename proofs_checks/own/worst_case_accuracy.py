"""How wrong a policy can be at a given training loss, for pairs that share no response.

Each pair costs at least its threshold to invert, n̄_i sp(βδ_ref,i), and the rest next to nothing: a knapsack, which
sorting solves where all pairs weigh the same.
"""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import positive_part, softplus
from proofs_checks.kernel.evidence import REAL, Exhaustive, Identity
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.own.thresholds import REACHED
from proofs_checks.spaces.pair import n, β, τ
from proofs_checks.spaces.problems import preferences_of, problem_of
from tabular import dpo, failure_modes

__all__ = ["STATEMENTS", "A", "F", "L", "L_f", "W", "W_f", "heaviest", "lightest"]

L, W, F, A, L_f, W_f, heaviest, lightest = named("L(π)", "W(π)", "F(τ)", "A(τ)", "L(π_F)", "W(π_F)", "max n", "min n")
_MORE, _NO_MORE = Fraction(102, 100), relation(W, "<=", F)
_MANY = replace(OBJECTS, draws=600)  # the first near miss fails at one instance in fifty
_RIGHT = 40.0  # a loss of e^-40 for a pair that is not inverted


def _pairs(draw):
    """Pairs (2i, 2i + 1) of responses, and a policy that ties some, ranks some right, and others anyhow.

    Half of the levels are near the policy's own loss, where the claim turns.
    """
    count, equal = draw.integer(1, 4), draw.choice((True, False))
    margins = [draw.number(-4, 4) for _ in range(count)]
    first = draw.number(Fraction(1, 2), 2)
    weight = [first if equal else draw.number(Fraction(1, 2), 8) for _ in range(count)]
    policy = [draw.choice(("tied", "right", draw.number(-4, 4))) for _ in range(count)]
    β, level = draw.number(Fraction(1, 4), 4), draw.number(Fraction(1, 100), 2)
    if draw.choice((True, False)):
        off = draw.choice((-1, 1)) * draw.number(Fraction(1, 1000), Fraction(1, 10))
        level = max((1 + float(off)) * _loss(_drawn(margins, policy, β), margins, weight, β), 0.01)
    return {"δ_ref": margins, "n": weight, "policy": policy, "β": β, "τ": level}


def _problem(δ_ref, β):
    """Responses in pairs, each pair with as much mass as another."""
    return problem_of([p for m in δ_ref for p in np.exp([float(m), 0])], [0.0] * 2 * len(δ_ref), β)


def _labels(n):
    return preferences_of([(2 * i, 2 * i + 1, weight) for i, weight in enumerate(n)])


def _log_policy(margins):
    logits = np.array([x for δ in margins for x in (float(δ), 0.0)])
    return (logits - np.logaddexp.reduce(logits))[None, :]


def _drawn(δ_ref, policy, β):
    """The margins of the drawn policy."""
    known = {"tied": lambda m: 0.0, "right": lambda m: max(m, 0.0) + _RIGHT / float(β)}
    return [known.get(δ, lambda m, δ=δ: float(δ))(float(m)) for m, δ in zip(δ_ref, policy, strict=True)]


def _costs(δ_ref, n, β):
    weight = np.array(n, float)
    return weight / weight.sum() * np.logaddexp(0, float(β) * np.array(δ_ref, float))


def _fitting(δ_ref, n, β, τ):
    """The pairs whose costs fit, in rising order, and what is left of τ."""
    costs, left, inside = _costs(δ_ref, n, β), float(τ), []
    for i in np.argsort(costs):
        if costs[i] < left:
            inside, left = [*inside, i], left - costs[i]
    return inside, left


def _share(n, inside):
    return sum(float(n[i]) for i in inside) / sum(map(float, n))


def _inverted(n, margins):
    return _share(n, [i for i, δ in enumerate(margins) if δ <= 0])


def _loss(margins, δ_ref, n, β):
    return dpo.loss(_log_policy(margins), _problem(δ_ref, β), _labels(n))


def _least_accuracy(δ_ref, n, β, τ):
    """The library's, which counts a level that is reached or only approached: the same but where costs add up to τ."""
    return failure_modes.worst_case_accuracy(_problem(δ_ref, β), _labels(n), float(τ))


def _as_many(δ_ref, n, β, τ):
    """Margins of the policy π_F: half of what is left of τ goes to every pair, above its threshold or above 0."""
    inside, left = _fitting(δ_ref, n, β, τ)
    margins = []
    for i, m in enumerate(map(float, δ_ref)):
        loss = left / 2 + (np.logaddexp(0, float(β) * m) if i in inside else 0)
        margins.append(m - np.log(np.expm1(loss)) / float(β))
    return margins


_PAIRS = Instances(
    _pairs,
    "Pairs with weights n that share no response, β > 0, n̄_i = n_i/Σn, any loss level τ > 0. W(π): the share by "
    "weight of pairs with δ ≤ 0; F(τ): the share whose costs n̄_i sp(β δ_ref,i), taken in rising order, stay below τ "
    "in sum; A(τ): the least accuracy at loss below τ; any policy π",
    {
        L: lambda δ_ref, n, policy, β: _loss(_drawn(δ_ref, policy, β), δ_ref, n, β),
        W: lambda δ_ref, n, policy, β: _inverted(n, _drawn(δ_ref, policy, β)),
        F: lambda δ_ref, n, β, τ: _share(n, _fitting(δ_ref, n, β, τ)[0]),
        A: _least_accuracy,
        L_f: lambda δ_ref, n, β, τ: _loss(_as_many(δ_ref, n, β, τ), δ_ref, n, β),
        W_f: lambda δ_ref, n, β, τ: _inverted(n, _as_many(δ_ref, n, β, τ)),
        τ: lambda τ: τ,
        heaviest: lambda n: max(map(float, n)),
        lightest: lambda n: min(map(float, n)),
    },
    drawn="1 to 4 pairs, δ_ref ∈ [−4, 4], β ∈ [1/4, 4], τ ∈ [1/100, 2] or L(π) less or more a thousandth to a tenth",
)

#: Whatever a pair's cost less the price is, t, and whether it is inverted, x = 1, or not, x = 0.
_PRICE = Identity(
    "a pair against the price",
    {
        "all of max(−t, 0)": lambda x, t: x * positive_part(t) + positive_part(-t),
        "x for 1 − x": lambda x, t: x * positive_part(t) + x * positive_part(-t),
    },
    lambda x, t: x * t + positive_part(-t),
    lambda x, t: x * positive_part(t) + (1 - x) * positive_part(-t),
    {"x": REAL, "t": REAL},
)


def _lists():
    """Every list of four costs in {1, ..., 5}, in rising order, and every budget up to one more than their sum."""
    for costs in itertools.combinations_with_replacement(range(1, 6), 4):
        for budget in range(1, sum(costs) + 2):
            yield costs, budget


def _cheapest_first(costs, budget, order=1):
    left, count = budget, 0
    for cost in costs[::order]:
        if cost < left:
            left, count = left - cost, count + 1
    return count


def _largest(costs, budget):
    sets = (s for k in range(5) for s in itertools.combinations(costs, k))
    return max(len(s) for s in sets if sum(s) < budget)


_ENUMERATED = Exhaustive(
    "cheapest first, against all sets",
    {"dearest first": lambda costs, budget: _cheapest_first(costs, budget, -1) == _largest(costs, budget)},
    _lists,
    910,
    lambda costs, budget: _cheapest_first(costs, budget) == _largest(costs, budget),
)

_first, _second = named("δ_1", "δ_2")
_CHEAP, _DEAR = softplus(β * _first), n * softplus(β * _second)

STATEMENTS = (
    Statement(
        id="worst-case-accuracy",
        title="The least ranking accuracy at a loss level, equal weights",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _PAIRS,
            (relation(heaviest, "=", lightest),),
            claim={
                "no policy below τ inverts more than fits": Implies(relation(L, "<", τ), _NO_MORE),
                "some policy below τ inverts as much": All(
                    (relation(L_f, "<", τ), relation(W_f, "=", F), relation(A, "=", 1 - F))
                ),
            },
            wrong={
                "at loss below 1.02 τ": Implies(relation(L, "<", _MORE * τ), _NO_MORE),
                "1.02 times its loss below τ": relation(_MORE * L_f, "<", τ),
                "an accuracy of 1 − 1.02 F": relation(A, "=", 1 - _MORE * F),
                "1.02 times as much": relation(W_f, "=", _MORE * F),
            },
            effort=_MANY,
        ),
        parts={
            "no policy below τ inverts more than fits": Part(
                "Inverting pair i costs at least c_i = n̄_i sp(βδ_ref,i) ({threshold-one-pair}), the other pairs more "
                "than 0: so a set of inverted pairs costs less than τ in sum. Let q be the m-th smallest cost, x_i = 1 "
                "for the pairs of a set of m, else 0, and t = c_i − q. By «a pair against the price», whose right side "
                "is ≥ 0, Σ x_i c_i ≥ mq − Σ max(q − c_i, 0), which the m cheapest attain. So if any m pairs fit, the "
                "m cheapest do; with equal weights W is m over the number of pairs.",
                (_PRICE,),
            ),
            "some policy below τ inverts as much": Part(
                "Let s be what is left of τ after the costs that fit. Give each of those pairs the loss of its "
                "threshold plus s/2, with δ < 0 ({threshold-one-pair}), and every other the loss s/2: there is such a "
                "margin, as «sp(log(e^y − 1)) = y», and δ > 0 there, since s/2 is below its threshold or it would fit. "
                "The mean is τ − s/2.",
                (REACHED,),
            ),
        },
        second_routes=(_ENUMERATED,),
        conclusion="Sorting the references' margins gives the exact curve of accuracy against loss.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="worst-case-accuracy-weights",
        title="The same by sorting when weights differ",
        origin=Origin.BELIEF,
        source="a rule of thumb",
        form=Form(
            Numbers(
                {
                    β: (Fraction(1, 10), 10),
                    n: (Fraction(1, 10), 10),
                    τ: (Fraction(1, 10), 10),
                    _first: (-5, 5),
                    _second: (-5, 5),
                },
                "Two pairs of weights 1 and n that share no response, with δ_ref of δ_1 and δ_2 and a sum of losses "
                "below τ, ",
            ),
            (relation(_CHEAP, "<", _DEAR), relation(_DEAR, "<", τ), relation(_CHEAP + _DEAR, ">", τ)),
            claim={"the cheaper pair, which sorting takes, is as heavy as the dearer": relation(n, "<=", 1)},
            right={
                "the cheaper fits": relation(_CHEAP, "<", τ),
                "two of the dearer do not": relation(2 * _DEAR, ">", τ),
            },
        ),
        conclusion="With unequal weights it is a knapsack proper, and sorting is only a bound.",
        expected=Verdict.REFUTED,
        instead=("worst-case-accuracy",),
    ),
)
