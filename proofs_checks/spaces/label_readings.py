"""The two readings of labels: ordered pairs, each labelled once, and population labels, each pair labelled both ways at
Bradley-Terry rates; with a policy on the same responses, and what the library says of both.
"""

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import sigmoid
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.spaces.pair import Δr, β, δ_ref
from proofs_checks.spaces.pairs import difference, logs, mean_loss, optimum, pairs
from proofs_checks.spaces.problems import log_policy_of, preferences_of, problem, problem_of, weights
from tabular import Preferences, Status, dpo, rlhf

__all__ = [
    "ORDERED",
    "POPULATION",
    "acyclic",
    "connected",
    "distance",
    "found",
    "gradient",
    "least_margin",
    "loss",
    "loss_at_optimum",
    "margin_found",
    "ranked",
]

loss, loss_at_optimum, gradient, distance = named("L(π)", "L(π*)", "‖∇L(π*)‖", "‖log π/π*‖")
least_margin, ranked = named("min(δ_ref + Δr/β)", "min(δ(π*))")
found, margin_found = named("‖log π̂/π*‖", "δ(π̂)")


def _with_pairs(draw):
    parts = problem(draw, responses=(2, 4))
    size = len(parts["ref"])
    return {**parts, "pairs": pairs(draw, size), "policy": weights(draw, size)}


def _with_labels(draw):
    """Some pairs, each labelled once; or a cycle through all responses, of equal rewards and weights."""
    parts = _with_pairs(draw)
    size = len(parts["ref"])
    if size > 2 and draw.choice((False, False, False, True)):
        parts["pairs"] = [(k, (k + 1) % size) for k in range(size)]
        parts["reward"] = [parts["reward"][0]] * size
        return {**parts, "labels": [(*pair, 1) for pair in parts["pairs"]]}
    return {**parts, "labels": [(w, lo, draw.number(1, 2)) for w, lo in parts["pairs"]]}


def connected(pairs, ref):
    """The labelled pairs connect all responses."""
    reached = {0}
    for _ in ref:
        reached |= {j for pair in pairs if reached & set(pair) for j in pair}
    return len(reached) == len(ref)


def acyclic(pairs):
    """No cycle of labels."""
    left = list(pairs)
    while any(winner not in {loser for _, loser in left} for winner, _ in left):
        left = [(w, lo) for w, lo in left if w in {loser for _, loser in left}]
    return not left


def _optimum(ref, reward, β):
    return rlhf.optimal_policy(problem_of(ref, reward, β))


def _least_margin(ref, reward, β, pairs):
    log_ref = np.log(np.array(ref, float))
    return min(difference(log_ref, pair) + float(difference(reward, pair)) / float(β) for pair in pairs)


def _least_margin_exactly(ref, reward, β, pairs):
    return sympy.Min(*(difference(optimum(ref, reward, β), pair) for pair in pairs))


def _ranked(ref, reward, β, pairs):
    return Preferences.from_pairs(pairs).delta(_optimum(ref, reward, β)).min()


def _distance(policy, ref, reward, β):
    gap = (log_policy_of(policy) - _optimum(ref, reward, β))[0]
    return np.abs(gap - gap[0]).sum()


def _distance_exactly(policy, ref, reward, β):
    gap = [a - b for a, b in zip(logs(policy), optimum(ref, reward, β), strict=True)]
    return sum(abs(x - gap[0]) for x in gap)


def _norm(pulls, size):
    """The sum of the absolute values of what pulls (winner, loser, by) add up to."""
    total = [0] * size
    for winner, loser, by in pulls:
        total[winner] -= by
        total[loser] += by
    return sum(abs(x) for x in total)


def _improvement(log_policy, ref, pair):
    return difference(log_policy, pair) - difference(logs(ref), pair)


def _gradient_ordered(ref, reward, β, labels):
    h, count = optimum(ref, reward, β), sum(n for *_, n in labels)
    pulls = [(w, lo, n / count * β * sigmoid(-β * _improvement(h, ref, (w, lo)))) for w, lo, n in labels]
    return _norm(pulls, len(ref))


def _gradient_population(ref, reward, β, pairs):
    h, pulls = optimum(ref, reward, β), []
    for pair in pairs:
        gap = sigmoid(difference(reward, pair)) - sigmoid(β * _improvement(h, ref, pair))
        pulls.append((*pair, gap * β / len(pairs)))
    return _norm(pulls, len(ref))


def _both_ways(reward, pairs):
    rates = [sigmoid(difference(reward, pair)) for pair in pairs]
    there = [(w, lo, rate) for (w, lo), rate in zip(pairs, rates, strict=True)]
    return there + [(lo, w, 1 - rate) for w, lo, rate in there]


def _population(ref, reward, β, pairs):
    return Preferences.from_bradley_terry(problem_of(ref, reward, β), pairs)


def _solution(ref, reward, β, pairs):
    return dpo.solve(problem_of(ref, reward, β), _population(ref, reward, β, pairs))


def _found(ref, reward, β, pairs):
    solution = _solution(ref, reward, β, pairs)
    if solution.status is not Status.UNIQUE:
        return np.inf
    return np.abs(solution.log_policy - _optimum(ref, reward, β)).max()


_SHARED = {
    β: lambda β: β,
    δ_ref: lambda ref, pairs: difference(np.log(np.array(ref, float)), pairs[0]),
    Δr: lambda reward, pairs: difference(reward, pairs[0]),
    least_margin: _least_margin,
    ranked: _ranked,
}
_SHARED_EXACTLY = {
    β: lambda β: β,
    δ_ref: lambda ref, pairs: difference(logs(ref), pairs[0]),
    Δr: lambda reward, pairs: difference(reward, pairs[0]),
    least_margin: _least_margin_exactly,
    ranked: _least_margin_exactly,
}
_DRAWN = "2 to 4 responses, β ∈ [1/10, 5], r ∈ [−3, 3]"

#: Ordered pairs: each labelled once, with any weight.
ORDERED = Instances(
    _with_labels,
    "Finite responses, π_ref > 0, β > 0, any reward, π* = π_ref e^(r/β)/Z; pairs (w, l), each labelled once, with any "
    "weights; L the mean DPO loss; any policy π",
    {
        **_SHARED,
        loss: lambda policy, ref, reward, β, labels: dpo.loss(
            log_policy_of(policy), problem_of(ref, reward, β), preferences_of(labels)
        ),
        loss_at_optimum: lambda ref, reward, β, labels: dpo.loss(
            _optimum(ref, reward, β), problem_of(ref, reward, β), preferences_of(labels)
        ),
        gradient: lambda ref, reward, β, labels: np.abs(
            dpo.gradient(_optimum(ref, reward, β), problem_of(ref, reward, β), preferences_of(labels))
        ).sum(),
    },
    {
        **_SHARED_EXACTLY,
        loss: lambda policy, ref, β, labels: mean_loss(ref, β, labels, logs(policy)),
        loss_at_optimum: lambda ref, reward, β, labels: mean_loss(ref, β, labels, optimum(ref, reward, β)),
        gradient: _gradient_ordered,
    },
    drawn=_DRAWN,
)

#: Population labels on some pairs.
POPULATION = Instances(
    _with_pairs,
    "Finite responses, π_ref > 0, β > 0, any reward, π* = π_ref e^(r/β)/Z; some pairs (w, l), each labelled both ways "
    "at rates σ(±Δr); L the mean DPO loss, π̂ a minimiser of it; any policy π",
    {
        **_SHARED,
        loss: lambda policy, ref, reward, β, pairs: dpo.loss(
            log_policy_of(policy), problem_of(ref, reward, β), _population(ref, reward, β, pairs)
        ),
        loss_at_optimum: lambda ref, reward, β, pairs: dpo.loss(
            _optimum(ref, reward, β), problem_of(ref, reward, β), _population(ref, reward, β, pairs)
        ),
        gradient: lambda ref, reward, β, pairs: np.abs(
            dpo.gradient(_optimum(ref, reward, β), problem_of(ref, reward, β), _population(ref, reward, β, pairs))
        ).sum(),
        distance: _distance,
        found: _found,
        margin_found: lambda ref, reward, β, pairs: Preferences.from_pairs(pairs).delta(
            _solution(ref, reward, β, pairs).log_policy
        )[0],
    },
    {
        **_SHARED_EXACTLY,
        loss: lambda policy, ref, reward, β, pairs: mean_loss(ref, β, _both_ways(reward, pairs), logs(policy)),
        loss_at_optimum: lambda ref, reward, β, pairs: mean_loss(
            ref, β, _both_ways(reward, pairs), optimum(ref, reward, β)
        ),
        gradient: _gradient_population,
        distance: _distance_exactly,
    },
    drawn=_DRAWN,
)
