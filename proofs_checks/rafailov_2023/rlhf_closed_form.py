"""The RLHF optimum in closed form, how its value moves with β, and which rewards share it.

Response by response the objective is that of π* with its divergence taken off; summed over the responses nothing
remembers how many there were.
"""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, AnyFunction, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Policies, Statement, Verdict
from proofs_checks.spaces.problems import log_policy_of, problem, problem_of, weights
from tabular import rlhf
from tabular.base.log_space import kl

__all__ = ["STATEMENTS", "D", "J", "K", "KL_ref", "V", "moved", "slope_E", "slope_V", "spread", "variance", "β"]

β = sympy.Symbol("β", positive=True)
J, V, K, D, KL_ref = named("J(π)", "V", "KL(π‖π*)", "‖π − π*‖₁", "KL(π*‖π_ref)")
slope_V, slope_E, variance, spread, moved = named("dV/dβ", "dE[r]/d(1/β)", "Var(r)", "span f", "max |Δ log π*|")
_EFFORT = Effort(draws=300, climbs=2, steps=40)
_STEP = 1e-4


def _with_policy(draw):
    """Any problem and any policy on it, zeros included."""
    parts = problem(draw)
    policy = [draw.choice((1, 0)) * mass for mass in weights(draw, len(parts["ref"]))]
    return {**parts, "policy": policy if any(policy) else [1, *policy[1:]]}


def _log_policy(policy):
    with np.errstate(divide="ignore"):
        return log_policy_of(policy)


def _objective(ref, reward, β, policy):
    return rlhf.objective(_log_policy(policy), problem_of(ref, reward, β))[0]


def _value(ref, reward, β):
    return rlhf.value(problem_of(ref, reward, β))[0]


def _optimum(ref, reward, β):
    return rlhf.optimal_policy(problem_of(ref, reward, β))


def _divergence(ref, reward, β, policy):
    return kl(_log_policy(policy), _optimum(ref, reward, β))[0]


def _distance(ref, reward, β, policy):
    return np.abs(np.exp(_log_policy(policy)) - np.exp(_optimum(ref, reward, β))).sum()


def _slope(f, x):
    """A central difference, with a step that is a share of x."""
    step = _STEP * x
    return (f(x + step) - f(x - step)) / (2 * step)


def _mean(ref, reward, β):
    return float(np.exp(_optimum(ref, reward, β)[0]) @ np.array(reward, float))


def _variance(ref, reward, β):
    policy = np.exp(_optimum(ref, reward, β)[0])
    return float(policy @ (np.array(reward, float) - _mean(ref, reward, β)) ** 2)


def _with_shift(draw):
    """Two rewards r and r + f on the same responses."""
    parts = problem(draw)
    size, same = len(parts["ref"]), draw.choice((True, False))
    shift = [draw.number(-3, 3)] * size if same else [draw.number(-3, 3) for _ in range(size)]
    return {**parts, "shift": shift}


def _moved(ref, reward, β, shift):
    shifted = [float(r) + float(f) for r, f in zip(reward, shift, strict=True)]
    return np.abs(_optimum(ref, shifted, β) - _optimum(ref, reward, β)).max()


_PROBLEM = {β: lambda β: β}
_WITH_POLICY = Instances(
    _with_policy,
    "Finite responses, π_ref > 0 on them, β > 0, any reward r, π* = π_ref e^(r/β)/Z, V = β log Z; any policy π",
    {**_PROBLEM, J: _objective, V: _value, K: _divergence, D: _distance},
    drawn="2 to 4 responses, β ∈ [1/10, 5], r ∈ [−3, 3]",
)
_PROBLEMS = Instances(
    lambda draw: problem(draw, β=(Fraction(1, 4), 5)),
    "Finite responses, π_ref > 0 on them, β > 0, any reward r",
    {
        slope_V: lambda ref, reward, β: _slope(lambda b: _value(ref, reward, b), float(β)),
        KL_ref: lambda ref, reward, β: kl(_optimum(ref, reward, β), problem_of(ref, reward, β).log_ref)[0],
        slope_E: lambda ref, reward, β: _slope(lambda t: _mean(ref, reward, 1 / t), 1 / float(β)),
        variance: _variance,
    },
    drawn="2 to 4 responses, β ∈ [1/4, 5], r ∈ [−3, 3]",
)
_SHIFTED = Instances(
    _with_shift,
    "Finite responses, π_ref > 0 on them, β > 0, rewards r and r + f, Δ log π* the change of the optimum",
    {spread: lambda shift: max(map(float, shift)) - min(map(float, shift)), moved: _moved},
    drawn="2 to 4 responses, β ∈ [1/10, 5], r and f ∈ [−3, 3]",
)
_BY_DIFFERENCES = 1e-5  # central differences with a step of 1e-4: error about 1e-8 of third derivatives below 1e2


def _two_moments(t):
    """E e^{tr} for rewards 2 and -1 with probabilities 1/3 and 2/3."""
    return Fraction(1, 3) * exp(2 * t) + Fraction(2, 3) * exp(-t)


def _log_moment_slope(t, M):
    return derivative(lambda u: log(M(u)))(t)


def _φ(t):
    return t * log(t) - t + 1


STATEMENTS = (
    Statement(
        id="rlhf-closed-form",
        title="The RLHF optimum in closed form",
        origin=Origin.TRANSCRIBED,
        source="Rafailov et al. 2023, Eq. 4",
        policies=Policies.ZEROS_ALLOWED,
        form=Form(
            _WITH_POLICY,
            (),
            claim={
                "the objective is V less the divergence": relation(J, "=", V - β * K),
                "π* is the only maximiser": Implies(relation(D, ">", 0), relation(J, "<", V)),
            },
            wrong={
                "V less 1.01 times the divergence": relation(J, "=", V - Fraction(101, 100) * β * K),
                "J < V − β‖π − π*‖₁²": Implies(relation(D, ">", 0), relation(J, "<", V - β * D**2)),
            },
            effort=_EFFORT,
        ),
        parts={
            "the objective is V less the divergence": Part(
                "«response by response», with π* = π_ref e^((r−V)/β), which sums to 1; summed over the responses with "
                "Σπ = 1. Where π(y) = 0 both sides are 0, as 0 log 0 = 0.",
                (
                    Identity(
                        "response by response",
                        {
                            "divergence to π_ref": lambda π, ref, β, r, V: π * V - β * π * log(π / ref),
                            "tilt without V": lambda π, ref, β, r, V: π * V - β * π * log(π / (ref * exp(r / β))),
                        },
                        lambda π, ref, β, r, V: π * r - β * π * log(π / ref),
                        lambda π, ref, β, r, V: π * V - β * π * log(π / (ref * exp((r - V) / β))),
                        {"π": POSITIVE, "ref": POSITIVE, "β": POSITIVE, "r": REAL, "V": REAL},
                    ),
                ),
            ),
            "π* is the only maximiser": Part(
                "KL(π‖π*) = Σ π* φ(π/π*) with φ(t) = t log t − t + 1, φ(0) = 1. «φ(1) = 0», «φ′ = log t», which is 0 "
                "at 1, and «φ″ = 1/t», «1/t > 0»: φ ≥ 0 with equality only at t = 1.",
                (
                    Identity("φ(1) = 0", {"φ(1) = 1": lambda: 1}, lambda: _φ(1), lambda: 0, {}),
                    Identity(
                        "φ′ = log t",
                        {"log t + 1, of t log t alone": lambda t: log(t) + 1},
                        lambda t: derivative(_φ)(t),
                        lambda t: log(t),
                        {"t": POSITIVE},
                    ),
                    Identity(
                        "φ″ = 1/t",
                        {"1/t²": lambda t: 1 / t**2},
                        lambda t: derivative(_φ, 2)(t),
                        lambda t: 1 / t,
                        {"t": POSITIVE},
                    ),
                    Sign(
                        "1/t > 0", {"1/t − 1/30": lambda t: 1 / t - Fraction(1, 30)}, lambda t: 1 / t, {"t": POSITIVE}
                    ),
                ),
            ),
        },
        conclusion="Every constrained RLHF problem is a KL projection of π*; the reward enters only through π*.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rlhf-derivatives",
        title="How value and mean reward move with β",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _PROBLEMS,
            (),
            claim={
                "the value falls by the divergence": relation(slope_V, "=", -KL_ref, noise=_BY_DIFFERENCES),
                "the mean rises by the variance": relation(slope_E, "=", variance, noise=_BY_DIFFERENCES),
            },
            wrong={
                "1.01 times the divergence": relation(
                    slope_V, "=", -Fraction(101, 100) * KL_ref, noise=_BY_DIFFERENCES
                ),
                "1.01 times the variance": relation(slope_E, "=", Fraction(101, 100) * variance, noise=_BY_DIFFERENCES),
            },
            effort=_EFFORT,
        ),
        parts={
            "the value falls by the divergence": Part(
                "With M(t) = Σ π_ref e^(tr), t = 1/β: V = log M(t)/t, E[r] = M′/M, KL(π*‖π_ref) = t E[r] − log M. "
                "«dV/dβ» holds of any positive function M.",
                (
                    Identity(
                        "dV/dβ",
                        {"without t": lambda t, M: -(_log_moment_slope(t, M) - log(M(t)))},
                        lambda t, M: -(t**2) * derivative(lambda u: log(M(u)) / u)(t),
                        lambda t, M: -(t * _log_moment_slope(t, M) - log(M(t))),
                        {"t": POSITIVE, "M": AnyFunction(_two_moments, positive=True)},
                    ),
                ),
            ),
            "the mean rises by the variance": Part(
                "E[r] = (log M)′ and Var(r) = M″/M − (M′/M)² under π* at t = 1/β; «dE/dt» holds of any positive "
                "function M.",
                (
                    Identity(
                        "dE/dt",
                        {"second moment": lambda t, M: derivative(M, 2)(t) / M(t)},
                        lambda t, M: derivative(lambda u: log(M(u)), 2)(t),
                        lambda t, M: derivative(M, 2)(t) / M(t) - (derivative(M)(t) / M(t)) ** 2,
                        {"t": POSITIVE, "M": AnyFunction(_two_moments, positive=True)},
                    ),
                ),
            ),
        },
        conclusion="V falls in β, the mean reward under π* rises in 1/β.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rlhf-reward-class",
        title="Which rewards have the same optimum",
        origin=Origin.TRANSCRIBED,
        source="Rafailov et al. 2023, Lemma 2, and its converse",
        form=Form(
            _SHIFTED,
            (),
            claim={"same optimum iff f is constant": Iff(relation(moved, "=", 0), relation(spread, "=", 0))},
            wrong={"iff f varies by at most 1": Iff(relation(moved, "=", 0), relation(spread, "<=", 1))},
            effort=_EFFORT,
        ),
        parts={
            "same optimum iff f is constant": Part(
                "«log-odds»: those of any two responses differ by (f_a − f_b)/β, which is 0 for all pairs iff f is "
                "constant, prompt by prompt.",
                (
                    Identity(
                        "log-odds",
                        {"without β": lambda a, b, r, s, f, g, β: f - g},
                        lambda a, b, r, s, f, g, β: (
                            log(a * exp((r + f) / β))
                            - log(b * exp((s + g) / β))
                            - (log(a * exp(r / β)) - log(b * exp(s / β)))
                        ),
                        lambda a, b, r, s, f, g, β: (f - g) / β,
                        {"a": POSITIVE, "b": POSITIVE, "r": REAL, "s": REAL, "f": REAL, "g": REAL, "β": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="DPO can recover a reward only up to f(x); β log π*/π_ref is the canonical member.",
        expected=Verdict.PROVED,
    ),
)
