"""Every true statement on RLHF, DPO and its flow as a predicate over the library's problems: a search finds no
violation.

This is a second route: what the library computes, against what the statement says. Tolerances are rounding, times
the scale of the numbers compared; each search has a control, a wrong version of the statement, whose violation it
must find.
"""

import itertools
import math

import numpy as np

from proofs_checks.search import nothing_found
from tabular import Preferences, Problem, dpo, failure_modes, flow, rlhf
from tabular.log_space import kl

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


def searched(name, violation, space, *, draws=120, **wrong):
    """A corroborating search; ``wrong`` holds the keyword that makes the control's violation."""
    label = ", ".join(f"{key} = {value}" for key, value in wrong.items())
    control = {f"with {label}": lambda **point: violation(**point, **wrong)}
    return nothing_found(
        f"{name}, in the library", violation, space, controls=control, corroborates=True, draws=draws, steps=40
    )


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


def _optima_differ(a, b, r_a, r_b, β, labels="population"):
    problem = three(a, b, r_a, r_b, β)
    known = Preferences.from_bradley_terry(problem) if labels == "population" else Preferences.from_wins(1 - np.eye(3))
    gap = np.abs(dpo.solve(problem, known).log_policy - rlhf.optimal_policy(problem)).max()
    return gap - 1e-8 * (1 + 10 / β)


def _ranking_differs(δ_ref, β, Δr, sign=1):
    problem = two(δ_ref, β, Δr)
    found = PAIR.delta(dpo.solve(problem, Preferences.from_bradley_terry(problem)).log_policy)[0]
    return -found * (δ_ref + sign * Δr / β) - 1e-9


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
        return -1.0
    return factor * failure_modes.thresholds(problem, labels)[0] - dpo.loss(tried, problem, labels) - 1e-10


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


_TWO = {**WIDE, "Δr": (-5, 5)}
_FLOW = {"δ_ref": (-10, 10), "β": (0.1, 5), "Ψ": (-5, 5), "t": (0.01, 100)}

SEARCHES = {
    "rlhf-closed-form": searched("J = V − β KL(π‖π*) ≤ V", _objective, {**THREE, **POLICY}, sign=-1),
    "rlhf-derivatives": searched("dV/dβ by differences", _value_slope, THREE, factor=2),
    "rlhf-reward-class": searched("a common shift changes nothing", _shifted, {**THREE, "shift": (-5, 5)}, share=0.9),
    "dpo-ordered": searched("the gradient", _slope, {**WIDE, "β": (0.05, 5), "δ": (-20, 20)}, sign=-1),
    "dpo-population": searched("no δ below δ*", _below_optimum, {**_TWO, "δ": (-20, 20)}, labels="ordered"),
    "dpo-solution-set": searched(
        "no policy below the infimum",
        _below_infimum,
        {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 10), **POLICY, "n": (0.1, 10), "m": (0.01, 1)},
        raised=0.5,
    ),
    "dpo-set-example": searched("no policy below H(3/4)", _below_entropy, POLICY, raised=0.01),
    "dpo-unlabelled-response": searched(
        "loss ≤ cε^β",
        _escaping_loss,
        {"a": (-4, 4), "b": (-4, 4), "β": (0.2, 5), "t": (0.1, 0.9), "log_ε": (-20, -1)},
        power=2,
    ),
    "dpo-deterministic-labels": searched(
        "odds from the loss", _odds_from_loss, {"δ_ref": (-5, 5), "β": (0.1, 3), "δ": (-5, 5)}, factor=2
    ),
    "flow-member": searched(
        "gauge", _gauge, {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 10), "n": (0.1, 10)}, member="closest"
    ),
    "closest-member": searched("no closer member", _closer, {"t": (0.001, 0.142)}, best=1 / 12),
    "flow-third-response": searched(
        "velocities", _flow_signs, {"a": (-4, 4), "b": (-4, 4), "β": (0.1, 3), **POLICY}, other=-1
    ),
    "def-3.3-loss": searched("the loss fell", _loss_rose, {**WIDE, "s": (0.01, 0.99)}, beyond=1),
    "prop-3.4": searched("π* ∈ U", _optimum_outside_u, {"β": (0.05, 20), "Δr": (0.01, 5), "slack": (0.01, 5)}, sign=-1),
    "prop-3.4-weaker": searched(
        "the push", _push_grows, {"δ_ref": (-10, 0), "β": (0.05, 2), "δ": (-10, 5), "step": (0.01, 5)}, sign=-1
    ),
    "thm-3.5-repaired": searched("argmin DPO = π*", _optima_differ, THREE, labels="all pairs equal"),
    "thm-3.5-ranking": searched("ranking", _ranking_differs, _TWO, sign=-1),
    "threshold-margin": searched(
        "the excess", _excess_differs, {"δ_ref": (-10, 10), "β": (0.1, 5), "t": (0.01, 10)}, factor=2
    ),
    "threshold-general": searched(
        "no inversion below v",
        _below_threshold,
        {**{k: THREE[k] for k in "abβ"}, **POLICY, "n": (0.1, 10)},
        factor=1.01,
    ),
    "worst-case-accuracy": searched(
        "the library's curve",
        _accuracy_differs,
        {"x": (-3, 3), "y": (-3, 3), "z": (-3, 3), "level": (0.01, 2)},
        draws=100,
        wrong_order=True,
    ),
    "flow-trajectory": searched("u + e^u", _off_trajectory, _FLOW, factor=1),
    "flow-monotone": searched("δ rises", _flow_turns, _FLOW, sign=-1),
    "escape-time-exponential": searched("bounds", _not_exponential, {"β": (0.1, 5), "d": (0.1, 20)}, share=0.9),
    "escape-time-linear": searched("bounds", _not_linear, {"β": (0.1, 5), "d": (0.1, 20), "s": (0, 5)}, offset=9),
}
