"""The same for the statements on failure modes: U, thresholds, accuracies, and how long the flow takes to leave U."""

import itertools
import math

import numpy as np

from proofs_checks.kernel.search import in_library
from proofs_checks.own.searches_dpo import PAIR, POLICY, THREE, WIDE, policy, three, two
from tabular import Preferences, Problem, dpo, failure_modes, flow, rlhf


def _loss_rose(δ_ref, β, s, beyond=0):
    """Loss on U less log 2, δ = sδ_ref with δ_ref < 0."""
    δ_ref = -abs(δ_ref) - 0.01
    return dpo.loss(policy((s + beyond) * δ_ref, 0), two(δ_ref, β), PAIR) - math.log(2)


def _optimum_outside_u(β, Δr, slack, sign=1):
    δ_ref = -(slack + sign * Δr / β)
    δ = PAIR.delta(rlhf.optimal_policy(two(δ_ref, β, Δr)))[0]
    return max(δ_ref - δ, δ)


def _push_grows(δ_ref, β, δ, step, sign=1):
    near, far = (abs(dpo.gradient(policy(d, 0), two(δ_ref, β), PAIR)[0, 0]) for d in (δ, δ + step))
    return sign * (far - near)


def _excess_differs(δ_ref, β, t, factor=1):
    """Loss at δ = -t less sp(βδ_ref), against log(1 + σ(βδ_ref)(e^{βt} - 1))."""
    loss = dpo.loss(policy(-t, 0), two(δ_ref, β), PAIR)
    share = 1 / (1 + math.exp(-β * δ_ref))
    expected = np.logaddexp(0, β * δ_ref) + math.log1p(factor * share * math.expm1(β * t))
    return abs(loss - expected) - 1e-9 * (1 + loss)


def _below_threshold(a, b, β, u, v, n, factor=1.0):
    """Positive where pair 0 > 1 is inverted below its threshold, among the labels 0 > 1, 1 > 2, 2 > 0."""
    problem, tried = three(a, b, 0.0, 0.0, β), policy(u, v, 0)
    labels = Preferences.from_pairs([(0, 0, 1, n), (0, 1, 2, 1.0), (0, 2, 0, 1.0)])
    if u > v:
        return -math.inf
    return factor * failure_modes.thresholds(problem, labels)[0] - dpo.loss(tried, problem, labels) - 1e-10


def _threshold_missed(a, b, β, n, factor=1.0):
    """How far the library's witness for pair 0 > 1 is from being inverted, or tied, at the threshold."""
    problem = three(a, b, 0.0, 0.0, β)
    labels = Preferences.from_pairs([(0, 0, 1, n), (0, 1, 2, 1.0), (0, 2, 0, 1.0)])
    found = failure_modes.solve_thresholds(problem, labels)
    witness = found.witness(0)
    return max(dpo.loss(witness, problem, labels) - factor * found.value[0], labels.delta(witness)[0]) - 1e-9


def _accuracy_differs(x, y, z, level, wrong_order=False):
    """Three prompts of one pair each, at a mean loss: the library against enumeration."""
    margins = (x, y, z)
    problem = Problem.from_unnormalized([[m, 0.0] for m in margins], 1.0)
    labels = Preferences.from_pairs([(prompt, 0, 1) for prompt in range(3)])
    costs = [math.log1p(math.exp(m)) / 3 for m in margins]
    sets = [s for k in range(4) for s in itertools.combinations(range(3), k) if sum(costs[i] for i in s) <= level]
    most = max(map(len, sets)) if not wrong_order else min(3, int(level / max(costs)))
    return abs(failure_modes.worst_case_accuracy(problem, labels, level) - (1 - most / 3)) - 1e-9


def _off_trajectory(δ_ref, β, Ψ, t, factor=2):
    u = β * (float(flow.margin_at(t, δ_ref, β, Ψ)) - δ_ref) - Ψ
    target = factor * β * β * t + math.exp(-Ψ) - Ψ
    return abs(u + math.exp(u) - target) - 1e-7 * (1 + abs(target) + abs(β * δ_ref))


def _flow_turns(δ_ref, β, Ψ, t, sign=1):
    return sign * float(flow.margin_at(t, δ_ref, β, Ψ) - flow.margin_at(2 * t, δ_ref, β, Ψ))


def _not_exponential(β, d, share=1.0):
    time, scale = 2 * β**2 * float(flow.escape_time(-d, β)), math.expm1(β * d)
    return max(scale - time, time - 2 * share * scale) / scale - 1e-12


def _not_linear(β, d, s, offset=0):
    time = float(flow.escape_time(-d, β, β * d + s - offset))
    return max(d / (2 * β) - time, time - d / (2 * β) - 1 / (2 * β**2)) * β**2 - 1e-9 * (1 + β * d)


_FLOW = {"δ_ref": (-10, 10), "β": (0.1, 5), "Ψ": (-5, 5), "t": (0.01, 100)}

SEARCHES = {
    "def-3.3-loss": in_library("the loss fell", _loss_rose, {**WIDE, "s": (0.01, 0.99)}, beyond=1),
    "prop-3.4": in_library(
        "π* ∈ U", _optimum_outside_u, {"β": (0.05, 20), "Δr": (0.01, 5), "slack": (0.01, 5)}, sign=-1
    ),
    "prop-3.4-weaker": in_library(
        "the push", _push_grows, {"δ_ref": (-10, 0), "β": (0.05, 2), "δ": (-10, 5), "step": (0.01, 5)}, sign=-1
    ),
    "threshold-margin": in_library(
        "the excess", _excess_differs, {"δ_ref": (-10, 10), "β": (0.1, 5), "t": (0.01, 10)}, factor=2
    ),
    "threshold-general": in_library(
        "no inversion below v",
        _below_threshold,
        {**{k: THREE[k] for k in "abβ"}, **POLICY, "n": (0.1, 10)},
        factor=1.01,
    ),
    "threshold-computed": in_library(
        "a policy at v that is not above 0",
        _threshold_missed,
        {**{k: THREE[k] for k in "abβ"}, "n": (0.1, 10)},
        factor=0.99,
    ),
    "worst-case-accuracy": in_library(
        "the library's curve",
        _accuracy_differs,
        {"x": (-3, 3), "y": (-3, 3), "z": (-3, 3), "level": (0.01, 2)},
        draws=100,
        wrong_order=True,
    ),
    "flow-trajectory": in_library("u + e^u", _off_trajectory, _FLOW, factor=1),
    "flow-monotone": in_library("δ rises", _flow_turns, _FLOW, sign=-1),
    "escape-time-exponential": in_library("bounds", _not_exponential, {"β": (0.1, 5), "d": (0.1, 20)}, share=0.9),
    "escape-time-linear": in_library("bounds", _not_linear, {"β": (0.1, 5), "d": (0.1, 20), "s": (0, 5)}, offset=9),
}
