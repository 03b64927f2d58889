"""Theorem 4.9 (as transcribed: γ ≥ γ* makes δ > 0 on all pairs), under each reading of "the CPO optimum".

Proof of thm-4.9-local. Two responses, notation of two_response_penalty.py. G is concave and G' = 0 at δ_max =
asinh(1/(2κ)) > 0, so G rises on (-∞, δ_max), where the local maximum, the smaller root of G(δ) = δ*, lies. G(0) =
-4κ. So the root is positive iff δ* > -4κ, that is iff γ > γ* = -βδ*/4; at γ = γ* it is 0 exactly. For γ ≥ γ_max
there is no local maximum: G ≤ F(κ) ≤ δ*.

Proof of thm-4.9-hard. With m = 0 the uniform policy satisfies every constraint; the feasible set is a compact convex
polytope and the RLHF objective strictly concave on it, so the optimum exists and, being feasible, has π_w ≥ π_l on
all pairs. For margins m > 0 on an acyclic order, π ∝ e^{m·height} satisfies π_w ≥ e^m π_l, as each winner stands at
least one step higher.
"""

from fractions import Fraction

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_cpo import SEARCHES
from proofs_checks.yang_2026 import two_response_penalty as two
from proofs_checks.yang_2026.equation_10 import escape_limit, growth

_SOURCE = "Yang et al. 2026, Theorem 4.9, as transcribed"


def _threshold(quarter=Fraction(1, 4)):
    """At γ = γ* = -βδ*/4: δ* - G(0), with κ = -δ*/4."""
    beta, size = positive("β s")  # δ* = -s
    gamma_star = beta * size * quarter
    return -size + 4 * gamma_star / beta


def _no_maximiser(sign=1):
    return symbolic.all_of(symbolic.vanishes(escape_limit()), symbolic.is_positive(growth(sign)))


def _no_local_maximum(sign=1):
    """For δ* ≥ F(κ) the slope δ* - G(δ) is never negative, and 0 at most at the summit F of the concave G."""
    return symbolic.all_of(
        symbolic.vanishes(two.slope_identity()),
        symbolic.is_positive(two.concavity(sign)),
        symbolic.vanishes(two.summit_is_stationary()),
        symbolic.vanishes(two.summit_value()),
    )


def _tie(gamma=Fraction(1, 4)):
    """β = 1, δ* = -1: at γ = 1/4, δ = 0 solves G(δ) = δ*, and G rises there. G(0) and G'(0) are rational."""
    delta, delta_star = real("δ"), Fraction(-1)
    curve = two.level(delta, gamma)
    tied = curve.subs(delta, 0) == delta_star and curve.diff(delta).subs(delta, 0) > 0 and gamma >= -delta_star / 4
    return Finding(
        tied,
        "δ = 0 is the local maximum at γ = γ*, in rational arithmetic" if tied else "δ = 0 is not stationary",
        0.0,
        f"β = 1, δ* = −1, γ = {gamma}, δ = 0",
    )


def _ladder(steps=1):
    """log π_w/π_l - m for heights that differ by one and π ∝ e^{m·height}, plus the extra steps of a longer chain."""
    m, z, extra = positive("m Z k")
    height = real("a")
    winner, loser = exp(m * (height + steps + extra)) / z, exp(m * height) / z
    return log(winner) - log(loser) - m - m * extra


def _slope_at_zero(value=1):
    kappa, delta = positive("κ"), real("δ")
    return two.level(delta, kappa).diff(delta).subs(delta, 0) - value


_RISES = (two.CONCAVE, two.SUMMIT)

STATEMENTS = (
    Statement(
        id="thm-4.9",
        title="γ ≥ γ* makes δ > 0 on all pairs: of the maximiser of Eq. 10",
        source=_SOURCE,
        hypotheses="π maximises the penalised objective of Eq. 10 over policies with full support on the labelled "
        "responses, with γ ≥ γ* > 0; wins and losses do not cancel everywhere.",
        claim="δ > 0 on every labelled pair.",
        method="Eq. 10 has no maximiser for γ > 0 (eq-10), so nothing meets the hypotheses.",
        conclusion="Taken at its word the theorem speaks of a policy that does not exist.",
        expected=Verdict.VACUOUS,
        checks=(
            Check(
                "no maximiser exists",
                Quantifier.VACUITY,
                _no_maximiser,
                (Control("with γ < 0", lambda: _no_maximiser(sign=-1)),),
            ),
        ),
    ),
    Statement(
        id="thm-4.9-local",
        title="Theorem 4.9 of the local optimum",
        source=_SOURCE + "; the repair is ours",
        hypotheses="Two responses, one pair, δ* < 0, γ* = −βδ*/4, γ < γ_max; π the local maximum of Eq. 10.",
        claim="δ > 0 iff γ > γ*.",
        method="G(δ) = δ − 2κ(1 + cosh δ) is concave and rises up to a positive summit, and G(0) = −4κ: identities "
        "and signs.",
        conclusion="The threshold is right, and sharp, for the local optimum on (γ*, γ_max).",
        expected=Verdict.PROVED,
        checks=(
            *_RISES,
            symbolic.check("G(0) = −4κ", two.at_zero, controls={"−2κ": lambda: two.at_zero(2)}),
            symbolic.check("G′(0) = 1 > 0", _slope_at_zero, controls={"G′(0) = 0": lambda: _slope_at_zero(0)}),
            symbolic.check("δ* = −4γ*/β", _threshold, controls={"γ* halved": lambda: _threshold(Fraction(1, 8))}),
            SEARCHES["thm-4.9-local"],
        ),
    ),
    Statement(
        id="thm-4.9-equality",
        title="Theorem 4.9 at γ = γ* exactly",
        source=_SOURCE + ", its “≥”",
        hypotheses="As in thm-4.9-local, γ = γ*.",
        claim="δ > 0.",
        method="Rational arithmetic: at β = 1, δ* = −1, γ = 1/4 the local maximum is δ = 0.",
        conclusion="At γ* itself the pair is tied: strict and weak inequality must not be exchanged.",
        expected=Verdict.REFUTED,
        checks=(
            Check(
                "a tie at γ*",
                Quantifier.COUNTEREXAMPLE,
                _tie,
                (Control("at γ = 1/8", lambda: _tie(Fraction(1, 8))),),
            ),
        ),
    ),
    Statement(
        id="thm-4.9-beyond",
        title="Theorem 4.9 beyond γ_max",
        source=_SOURCE,
        hypotheses="Two responses, one pair, γ ≥ γ_max (that is δ* ≥ F(κ)); π a local maximum of Eq. 10.",
        claim="δ > 0.",
        method="dJ/dδ has the sign of δ* − G(δ) ≥ δ* − F(κ) ≥ 0: J never falls, so it has no local maximum.",
        conclusion="“γ large enough” is not a safe reading: past γ_max even the local optimum is gone.",
        expected=Verdict.VACUOUS,
        checks=(
            Check(
                "no local maximum exists",
                Quantifier.VACUITY,
                _no_local_maximum,
                (Control("with G convex", lambda: _no_local_maximum(sign=-1)),),
            ),
        ),
    ),
    Statement(
        id="thm-4.9-hard",
        title="Theorem 4.9 of the hard constraint",
        source=_SOURCE + "; the reading is ours",
        hypotheses="Any finite responses; the optimum of RLHF under π_w ≥ e^m π_l on the labelled pairs, with m = 0, "
        "or m > 0 and "
        "an acyclic order.",
        claim="The optimum exists, is unique and has δ ≥ m on all pairs.",
        method="Feasibility by π ∝ e^{m·height}, an identity; existence by compactness, uniqueness by strict "
        "convexity of KL.",
        conclusion="The hard constraint is the one reading of CPO that carries a guarantee.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("π ∝ e^{m·height} is feasible", _ladder, controls={"of equal height": lambda: _ladder(0)}),
            SEARCHES["thm-4.9-hard"],
        ),
    ),
)
