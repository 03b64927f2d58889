"""The RLHF optimum and its value in closed form.

Proof of rlhf-closed-form. Let π*(y) = π_ref(y) e^{(r(y) - V)/β} with V = β log Z, so that π* sums to 1. Then,
response by response, π r - β π log(π/π_ref) = π V - β π log(π/π*). Summed over the responses, with Σπ = 1: J(π) = V
- β KL(π‖π*). KL is a sum of π* φ(π/π*) with φ(t) = t log t - t + 1, and φ(1) = φ'(1) = 0, φ'' = 1/t > 0: φ ≥ 0 with
equality only at t = 1; at π(y) = 0, where 0 log 0 = 0, both sides of the identity are 0 and φ(0) = 1. So π* is the
only maximiser. Neither step knows how many responses there are.

Proof of rlhf-derivatives. Let M(t) = Σ π_ref e^{t r}, so E[r] = M'/M and Var(r) = M''/M - (M'/M)² under π* at t =
1/β, and V(β) = β log M(1/β), KL(π*‖π_ref) = t E[r] - log M(t). The identities hold for any function M.
"""

from fractions import Fraction

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import function, positive, real
from proofs_checks.own.searches_dpo import SEARCHES


def _pointwise(sign=1, base=None):
    policy, ref, beta = positive("π π_ref β")
    reward, value = real("r V")
    optimum = ref * exp((reward - value) / beta) if base is None else ref
    gained = policy * reward - beta * policy * log(policy / ref)
    return gained - policy * value + sign * beta * policy * log(policy / optimum)


def _phi(slope=0):
    t = positive("t")
    return t, t * log(t) - t + 1 + slope * t


def _phi_at_one(order, slope=0):
    t, phi = _phi(slope)
    return phi.diff(t, order).subs(t, 1)


def _phi_at_zero(constant=1):
    import sympy

    t, phi = _phi()
    return sympy.limit(phi, t, 0, "+") - constant


def _phi_second(sign=1):
    t, phi = _phi()
    return sign * phi.diff(t, 2)


def _value_slope(sign=1):
    """dV/dβ + KL, with β = 1/t."""
    t, moment = positive("t"), function("M")
    mean, log_z = moment(t).diff(t) / moment(t), log(moment(t))
    return (log_z / t).diff(t) * -(t**2) + sign * (t * mean - log_z)


def _mean_slope(factor=1):
    t, moment = positive("t"), function("M")
    mean = moment(t).diff(t) / moment(t)
    return mean.diff(t) - factor * (moment(t).diff(t, 2) / moment(t) - mean**2)


def _two_rewards():
    """A moment function for the spot check: rewards 2 and -1 with probabilities 1/3 and 2/3."""
    return {function("M"): lambda t: Fraction(1, 3) * exp(2 * t) + Fraction(2, 3) * exp(-t)}


def _shifted_log_odds(factor=1):
    beta, ref_a, ref_b = positive("β π_a π_b")
    a, b, shift_a, shift_b = real("r_a r_b f_a f_b")
    before = log(ref_a * exp(a / beta)) - log(ref_b * exp(b / beta))
    after = log(ref_a * exp((a + shift_a) / beta)) - log(ref_b * exp((b + shift_b) / beta))
    return after - before - factor * (shift_a - shift_b) / beta


STATEMENTS = (
    Statement(
        id="rlhf-closed-form",
        title="The RLHF optimum in closed form",
        source="Rafailov et al. 2023, Eq. 4",
        hypotheses="Finite responses, π_ref > 0 on them, β > 0, any reward r; π any policy, also with zeros.",
        claim="J(π) = E_π[r] − β KL(π‖π_ref) equals V − β KL(π‖π*) with π* = π_ref e^{r/β}/Z and V = β log Z, "
        "so π* is its only maximiser.",
        method="Identity response by response; KL ≥ 0 because φ(t) = t log t − t + 1 is convex and touches 0 at t = 1.",
        conclusion="Every constrained RLHF problem is a KL projection of π*; the reward enters only through π*.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "π r − β π log(π/π_ref) = π V − β π log(π/π*)",
                _pointwise,
                controls={
                    "KL with the sign flipped": lambda: _pointwise(sign=-1),
                    "KL to π_ref in place of π*": lambda: _pointwise(base="π_ref"),
                },
            ),
            symbolic.check("φ(1) = 0", lambda: _phi_at_one(0), controls={"φ + t": lambda: _phi_at_one(0, slope=1)}),
            symbolic.check("φ′(1) = 0", lambda: _phi_at_one(1), controls={"φ + t": lambda: _phi_at_one(1, slope=1)}),
            symbolic.positivity_check("φ″ > 0", _phi_second, controls={"−φ": lambda: _phi_second(sign=-1)}),
            symbolic.check("φ(0) = 1, where π(y) = 0", _phi_at_zero, controls={"φ(0) = 0": lambda: _phi_at_zero(0)}),
            SEARCHES["rlhf-closed-form"],
        ),
    ),
    Statement(
        id="rlhf-derivatives",
        title="How value and mean reward move with β",
        source="own derivation, in the file",
        hypotheses="As in rlhf-closed-form.",
        claim="dV/dβ = −KL(π*‖π_ref), and dE_{π*}[r]/d(1/β) = Var_{π*}(r).",
        method="Identities in an undefined moment function M(t) = Σ π_ref e^{tr}, so for any number of responses.",
        conclusion="V falls in β, the mean reward under π* rises in 1/β.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "dV/dβ = −KL(π*‖π_ref)",
                _value_slope,
                controls={"sign flipped": lambda: _value_slope(sign=-1)},
                instance=_two_rewards,
            ),
            symbolic.check(
                "dE[r]/d(1/β) = Var(r)",
                _mean_slope,
                controls={"half the variance": lambda: _mean_slope(factor=Fraction(1, 2))},
                instance=_two_rewards,
            ),
            SEARCHES["rlhf-derivatives"],
        ),
    ),
    Statement(
        id="rlhf-reward-class",
        title="Which rewards have the same optimum",
        source="Rafailov et al. 2023, Lemma 2",
        hypotheses="As in rlhf-closed-form; two rewards r and r + f.",
        claim="π* is the same for both iff f is constant over the responses of each prompt.",
        method="The log-odds of any two responses under the two optima differ by (f_a − f_b)/β.",
        conclusion="DPO can recover a reward only up to f(x); β log π*/π_ref is the canonical member.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "log-odds differ by (f_a − f_b)/β",
                _shifted_log_odds,
                controls={"differ by twice that": lambda: _shifted_log_odds(factor=2)},
            ),
            SEARCHES["rlhf-reward-class"],
        ),
    ),
)
