"""Labelled pairs on a small problem: which pairs, their margins, and the DPO loss on them, exactly and by the library.

The exact functions here take logarithms of the given numbers, so that a replay in Fractions is a symbolic constant.
"""

import functools
import itertools

import numpy as np

from proofs_checks.kernel.arithmetic import log, softplus
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.spaces.pair import Δr, β, δ_ref
from proofs_checks.spaces.problems import problem, problem_of
from tabular import Preferences, Problem, rlhf

__all__ = ["ONE_PAIR", "PAIR", "difference", "logs", "mean_loss", "optimum", "pairs", "policy_at", "two", "δ_optimum"]

#: The margin of the RLHF optimum on the pair, log π*_w/π*_l, as a quantity of its own.
(δ_optimum,) = named("δ*")


def pairs(draw, size):
    """One or more different pairs of responses, each in one of its two orders."""
    some = [pair for pair in itertools.combinations(range(size), 2) if draw.choice((True, False))]
    return [pair[:: draw.choice((1, -1))] for pair in some or [(0, 1)]]


def difference(values, pair):
    """values_w − values_l."""
    winner, loser = pair
    return values[winner] - values[loser]


def logs(weights):
    """Logarithms of weights, exact where they are."""
    return [log(weight) for weight in weights]


def optimum(ref, reward, β):
    """log π_ref + r/β: log π* up to a constant."""
    return [log_p + r / β for log_p, r in zip(logs(ref), reward, strict=True)]


def mean_loss(ref, β, labels, log_policy):
    """The DPO loss of ``labels``, (winner, loser, weight), by its formula."""
    h = [difference(log_policy, (w, lo)) - difference(logs(ref), (w, lo)) for w, lo, _ in labels]
    total = sum(weight for *_, weight in labels)
    return sum(weight * softplus(-β * x) for x, (*_, weight) in zip(h, labels, strict=True)) / total


def two(δ_ref, β, Δr=0):
    """The library's problem of two responses with this reference margin and difference of rewards."""
    return _two(float(δ_ref), float(β), float(Δr))


@functools.lru_cache(maxsize=1000)
def _two(δ_ref, β, Δr):
    """Each instance's problem once, however many quantities ask for it."""
    return Problem.from_unnormalized([δ_ref, 0.0], β, [Δr, 0.0])


def policy_at(δ):
    """Log-probabilities of two responses with margin δ."""
    return -np.logaddexp(0, [[-float(δ), float(δ)]])


#: One label between two responses, as the library holds it.
PAIR = Preferences.from_pairs([(0, 1)])


def _one_pair(draw):
    parts = problem(draw)
    return {**parts, "pair": pairs(draw, len(parts["ref"]))[0]}


def _margin_of_optimum(ref, reward, β, pair):
    return Preferences.from_pairs([pair]).delta(rlhf.optimal_policy(problem_of(ref, reward, β)))[0]


#: A labelled pair among any responses, with the RLHF optimum's margin.
ONE_PAIR = Instances(
    _one_pair,
    "A labelled pair among finite responses, π_ref > 0, β > 0, any reward; δ* = log π*_w/π*_l of the RLHF optimum",
    {
        β: lambda β: β,
        δ_ref: lambda ref, pair: difference(np.log(np.array(ref, float)), pair),
        Δr: lambda reward, pair: difference(reward, pair),
        δ_optimum: _margin_of_optimum,
    },
    {
        β: lambda β: β,
        δ_ref: lambda ref, pair: difference(logs(ref), pair),
        Δr: lambda reward, pair: difference(reward, pair),
        δ_optimum: lambda ref, reward, β, pair: difference(optimum(ref, reward, β), pair),
    },
    drawn="2 to 4 responses, β ∈ [1/10, 5], r ∈ [−3, 3]",
)
