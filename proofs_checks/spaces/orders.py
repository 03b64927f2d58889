"""Instances of the hard constraint π_w ≥ e^m π_l: acyclic labels with margins, policies and multipliers beside them."""

import functools
from fractions import Fraction

import numpy as np

from proofs_checks.spaces.problems import log_policy_of, problem, problem_of, weights
from tabular import Preferences, cpo, rlhf
from tabular.base.log_space import kl

__all__ = [
    "constrained",
    "distance_to_optimum",
    "divergence_of",
    "least_excess",
    "log_total",
    "made_feasible",
    "optimum_of",
    "slack_of_optimum",
    "star_of",
    "tilt_of",
]


def constrained(draw, margins=(0, 2), responses=(2, 5), count=(1, 5)):
    """A problem and labels along a hidden order, each pair once, with margins; a policy and multipliers ≥ 0 or not."""
    parts = problem(draw, responses=responses)
    size = len(parts["ref"])
    pairs = {}
    for _ in range(draw.integer(*count)):
        first = draw.integer(0, size - 2)
        pairs[first, draw.integer(first + 1, size - 1)] = draw.number(*margins)
    multipliers = [draw.number(Fraction(-1, 2), 2) for _ in pairs]
    return {**parts, "pairs": pairs, "policy": weights(draw, size), "multipliers": multipliers}


def optimum_of(ref, reward, β, pairs):
    """The library's constrained optimum; once for each instance, however many quantities ask for it."""
    return _optimum(*(tuple(map(float, part)) for part in (ref, reward)), float(β), _hashable(pairs))


@functools.lru_cache(maxsize=1000)
def _optimum(ref, reward, β, pairs):
    labels, margins = Preferences.from_pairs([pair for pair, _ in pairs]), np.array([m for _, m in pairs])
    return cpo.constrained_optimum(problem_of(ref, reward, β), labels, margins)


def _hashable(pairs):
    return tuple((pair, float(m)) for pair, m in pairs.items())


def star_of(ref, reward, β) -> np.ndarray:
    """log π*, one row."""
    return rlhf.optimal_policy(problem_of(ref, reward, β))[0]


def tilt_of(size, pairs, multipliers) -> np.ndarray:
    """Aᵀλ: +λ for the winner, −λ e^m for the loser of each label."""
    tilt = np.zeros(size)
    for ((winner, loser), m), λ in zip(pairs.items(), multipliers, strict=True):
        tilt[winner] += float(λ)
        tilt[loser] -= float(λ) * np.exp(float(m))
    return tilt


def log_total(ref, reward, β, pairs, multipliers) -> float:
    """log S, S = Σ π* e^t."""
    return float(np.logaddexp.reduce(star_of(ref, reward, β) + tilt_of(len(ref), pairs, multipliers)))


def divergence_of(ref, reward, β, policy) -> float:
    """KL(π‖π*) of policy weights."""
    return float(kl(log_policy_of(policy), star_of(ref, reward, β)[None, :])[0])


def least_excess(policy, pairs) -> float:
    """min over labels of δ − m: at least 0 where the policy is feasible."""
    logs = log_policy_of(policy)[0]
    return float(min(logs[w] - logs[lo] - float(m) for (w, lo), m in pairs.items()))


def made_feasible(parts) -> dict:
    """The instance with its policy moved into the polytope, each winner raised as far as its label asks."""
    raised = list(parts["policy"])
    for (winner, loser), m in sorted(parts["pairs"].items(), reverse=True):
        raised[winner] = max(raised[winner], raised[loser] * np.exp(float(m)) * (1 + 1e-12))
    return {**parts, "policy": raised}


def distance_to_optimum(ref, reward, β, pairs, policy) -> float:
    """‖π − optimum‖₁."""
    return float(np.abs(np.exp(log_policy_of(policy)) - np.exp(optimum_of(ref, reward, β, pairs).log_policy)).sum())


def slack_of_optimum(ref, reward, β, pairs) -> float:
    """The least δ − m over labels at the library's optimum."""
    return least_excess(np.exp(optimum_of(ref, reward, β, pairs).log_policy[0]), pairs)
