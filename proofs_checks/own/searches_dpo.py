"""Every true statement on RLHF and DPO as a predicate over the library's problems: a search finds no
violation.

This is a second route: what the library computes, against what the statement says. Tolerances are rounding, times
the scale of the numbers compared; each search has a control, a wrong version of the statement, whose violation it
must find.
"""

import math

import numpy as np

from proofs_checks.kernel.search import in_library
from tabular import Preferences, Problem, dpo, rlhf
from tabular.base.log_space import kl

PAIR = Preferences.from_pairs([(0, 1)])
WIDE = {"δ_ref": (-20, 20), "β": (0.05, 20)}
THREE = {"a": (-4, 4), "b": (-4, 4), "r_a": (-2, 2), "r_b": (-2, 2), "β": (0.2, 10)}
POLICY = {"u": (-4, 4), "v": (-4, 4)}


def two(δ_ref, β, Δr=0.0):
    """Two responses with reference margin δ_ref and reward difference Δr."""
    return Problem.from_unnormalized([δ_ref, 0.0], β, [Δr, 0.0])


def three(a, b, r_a, r_b, β):
    return Problem.from_unnormalized([a, b, 0.0], β, [r_a, r_b, 0.0])


def policy(*logits):
    """The softmax of some logits, as log-probabilities."""
    logits = np.array(logits, dtype=float)
    return logits - np.logaddexp.reduce(logits)


def _objective(a, b, r_a, r_b, β, u, v, sign=1):
    problem, tried = three(a, b, r_a, r_b, β), policy(u, v, 0)
    value, objective = rlhf.value(problem)[0], rlhf.objective(tried, problem)[0]
    distance = kl(tried, rlhf.optimal_policy(problem)[0])
    return max(objective - value, abs(objective - value + sign * β * distance)) - 1e-9 * (1 + β)


def _value_slope(a, b, r_a, r_b, β, factor=1):
    step = 1e-4 * β
    up, down = (rlhf.value(three(a, b, r_a, r_b, β + side * step))[0] for side in (1, -1))
    problem = three(a, b, r_a, r_b, β)
    divergence = kl(rlhf.optimal_policy(problem), problem.log_ref)[0]
    return abs((up - down) / (2 * step) + factor * divergence) - 1e-5


def _shifted(a, b, r_a, r_b, β, shift, share=1):
    """The optimum after a shift of all rewards, or of the first only in part."""
    before = rlhf.optimal_policy(three(a, b, r_a, r_b, β))
    after = Problem.from_unnormalized([a, b, 0.0], β, [r_a + share * shift, r_b + shift, shift])
    return np.abs(rlhf.optimal_policy(after) - before).max() - 1e-9 * (1 + 10 / β)


def _slope(δ_ref, β, δ, sign=1):
    """The winner's component of the gradient, which must be negative."""
    return sign * dpo.gradient(policy(δ, 0), two(δ_ref, β), PAIR)[0, 0]


def _below_optimum(δ_ref, β, Δr, δ, labels="population"):
    """How far the loss at δ lies below that of π*."""
    problem = two(δ_ref, β, Δr)
    known = Preferences.from_bradley_terry(problem, [(0, 1)]) if labels == "population" else PAIR
    best = dpo.loss(rlhf.optimal_policy(problem), problem, known)
    return best - dpo.loss(policy(δ, 0), problem, known) - 1e-12 * (1 + best)


def _below_infimum(a, b, β, u, v, n, m, raised=0.0):
    """How far a policy's loss lies below the library's infimum, for labels of four kinds."""
    problem = three(a, b, 0.0, 0.0, β)
    labels = Preferences.from_pairs([(0, 0, 1, n), (0, 1, 0, 1.0), (0, 0, 2, m)])
    return dpo.solve(problem, labels).infimum + raised - dpo.loss(policy(u, v, 0), problem, labels) - 1e-12


def _limit_missed(a, b, β, t, depth, unlabelled=True):
    """How far the loss stays above its infimum at the limit of masses t, 1-t, with e^-depth on the losing block.

    Labels 0 > 1 and 1 > 0, both beating 2; response 3 is unlabelled, so a source too.
    """
    problem = Problem.from_unnormalized([a, b, 0.0, 0.0], β)
    labels = Preferences.from_pairs([(0, 0, 1, 3.0), (0, 1, 0, 1.0), (0, 0, 2, 1.0), (0, 1, 2, 1.0)])
    solution = dpo.solve(problem, labels)
    kept = policy(*np.logaddexp(*(solution.limit_vertices[0] + np.log([[t], [1 - t]]))))
    lost = 2 if unlabelled else 0
    kept[lost] = -depth / β - 10 / β
    return dpo.loss(policy(*kept), problem, labels) - solution.infimum - math.exp(-depth)


def _below_entropy(u, v, raised=0.0):
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    labels = Preferences.from_pairs([(0, 0, 1, 3.0), (0, 1, 0, 1.0)])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    return entropy + raised - dpo.loss(policy(u, v, 0), problem, labels) - 1e-12


def _escaping_loss(a, b, β, t, log_ε, power=1):
    """How far the loss at (t, ε, 1-t-ε) leaves [x/(1+x), x], x = cε^β."""
    problem, ε = three(a, b, 0.0, 0.0, β), math.exp(log_ε)
    loss = dpo.loss(np.log([t, ε * (1 - t), (1 - ε) * (1 - t)]), problem, PAIR)
    x = math.exp(β * (a - b) - β * math.log(t) + power * β * math.log(ε * (1 - t)))
    return max(loss - x * (1 + 1e-9), x / (1 + x) - loss * (1 + 1e-9))


def _odds_from_loss(δ_ref, β, δ, factor=1):
    """log π_l/π_w from the loss ε: -δ_ref + log(e^ε - 1)/β, an equality for one pair."""
    loss = dpo.loss(policy(δ, 0), two(δ_ref, β), PAIR)
    return abs(-δ - (-δ_ref + factor * math.log(math.expm1(loss)) / β)) - 1e-7 * (1 + abs(δ) + abs(δ_ref))


def _gauge(a, b, β, n, member="flow"):
    """Mean log-ratio of the labelled pair relative to the unlabelled response."""
    problem = three(a, b, 0.0, 0.0, β)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 0, 1, n), (0, 1, 0, 1.0)]))
    reached = solution.log_policy if member == "flow" else solution.closest_to_reference()
    ratio = (reached - problem.log_ref)[0]
    return abs(ratio[0] + ratio[1] - 2 * ratio[2]) - 1e-9


def _closer(t, best=0.0556823897):
    """How much closer to the reference (6t, t, 1-7t) is than the printed member."""
    ref = np.log([0.2, 0.3, 0.5])
    distances = [kl(np.log([6 * x, x, 1 - 7 * x]), ref) for x in (best, t)]
    return distances[0] - distances[1] - 1e-9


def _flow_signs(a, b, β, u, v, other=1):
    """Library gradient as a velocity: π_w rises, π_l falls, the third follows the sign of π_l - π_w."""
    tried = policy(u, v, 0)
    velocity = -dpo.gradient(tried, three(a, b, 0.0, 0.0, β), PAIR)[0]
    change, gap = velocity - np.exp(tried) @ velocity, np.exp(tried[1]) - np.exp(tried[0])
    return max(-change[0], change[1], -other * change[2] * np.sign(gap)) - 1e-12


def _optima_differ(a, b, r_a, r_b, β, labels="population"):
    problem = three(a, b, r_a, r_b, β)
    known = Preferences.from_bradley_terry(problem) if labels == "population" else Preferences.from_wins(1 - np.eye(3))
    gap = np.abs(dpo.solve(problem, known).log_policy - rlhf.optimal_policy(problem)).max()
    return gap - 1e-8 * (1 + 10 / β)


def _ranking_differs(δ_ref, β, Δr, sign=1):
    problem = two(δ_ref, β, Δr)
    found = PAIR.delta(dpo.solve(problem, Preferences.from_bradley_terry(problem)).log_policy)[0]
    return -found * (δ_ref + sign * Δr / β) - 1e-9


_TWO = {**WIDE, "Δr": (-5, 5)}

SEARCHES = {
    "rlhf-closed-form": in_library("J = V − β KL(π‖π*) ≤ V", _objective, {**THREE, **POLICY}, sign=-1),
    "rlhf-derivatives": in_library("dV/dβ by differences", _value_slope, THREE, factor=2),
    "rlhf-reward-class": in_library("a common shift changes nothing", _shifted, {**THREE, "shift": (-5, 5)}, share=0.9),
    "dpo-ordered": in_library("the gradient", _slope, {**WIDE, "β": (0.05, 5), "δ": (-20, 20)}, sign=-1),
    "dpo-population": in_library("no δ below δ*", _below_optimum, {**_TWO, "δ": (-20, 20)}, labels="ordered"),
    "dpo-solution-set": in_library(
        "no policy below the infimum",
        _below_infimum,
        {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 10), **POLICY, "n": (0.1, 10), "m": (0.01, 1)},
        raised=0.5,
    ),
    "dpo-limit-set": in_library(
        "loss near its infimum",
        _limit_missed,
        {"a": (-1, 1), "b": (-1, 1), "β": (0.5, 2), "t": (0.1, 0.9), "depth": (1, 20)},
        unlabelled=False,
    ),
    "dpo-set-example": in_library("no policy below H(3/4)", _below_entropy, POLICY, raised=0.01),
    "dpo-unlabelled-response": in_library(
        "loss ≤ cε^β",
        _escaping_loss,
        {"a": (-4, 4), "b": (-4, 4), "β": (0.2, 5), "t": (0.1, 0.9), "log_ε": (-20, -1)},
        power=2,
    ),
    "dpo-deterministic-labels": in_library(
        "odds from the loss", _odds_from_loss, {"δ_ref": (-5, 5), "β": (0.1, 3), "δ": (-5, 5)}, factor=2
    ),
    "flow-member": in_library(
        "gauge", _gauge, {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 10), "n": (0.1, 10)}, member="closest"
    ),
    "closest-member": in_library("no closer member", _closer, {"t": (0.001, 0.142)}, best=1 / 12),
    "flow-third-response": in_library(
        "velocities", _flow_signs, {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 3), **POLICY}, other=-1
    ),
    "thm-3.5-repaired": in_library("argmin DPO = π*", _optima_differ, THREE, labels="all pairs equal"),
    "thm-3.5-ranking": in_library("ranking", _ranking_differs, _TWO, sign=-1),
}
