"""Proposition 3.4: a condition for U, and the weakening of the gradient on it.

Proof of prop-3.4. δ* = δ_ref + Δr/β. If Δr > 0 and δ_ref < -Δr/β then δ* - δ_ref = Δr/β > 0 and 0 - δ* = -(δ_ref +
Δr/β) > 0, so δ* ∈ U: the RLHF optimum itself is in the undesirable set. With a = Δr and s = -(δ_ref + Δr/β) > 0 as
free parameters both gaps are positive by the rules of sign.

Proof of prop-3.4-weaker. The gradient factor at δ is σ(-β(δ - δ_ref)); its derivative in δ is -β σ(1-σ) < 0, so
along U it falls from 1/2 at δ_ref to σ(βδ_ref) at δ = 0, which is positive as 1/(1+e^z) is for every z. The
box is a second route.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, search, symbolic
from proofs_checks.kernel.arithmetic import exp, least, sigmoid
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_failures import SEARCHES

_SOURCE = "Yang et al. 2026, Proposition 3.4, as transcribed"
_SPACE = {"δ_ref": (-10, 10), "Δr": (Fraction(1, 100), 10), "β": (Fraction(1, 10), 10), "δ": (-10, 10)}


def _gap_above(sign=1):
    """δ* - δ_ref with Δr > 0."""
    reward, beta = positive("Δr β")
    return sign * reward / beta


def _gap_below(sign=1):
    """0 - δ* under the condition, written δ_ref = -(s + Δr/β) with s > 0."""
    reward, slack, beta = positive("Δr s β")
    return -(-(slack + sign * reward / beta) + reward / beta)


def _in_u_without_condition(δ_ref, Δr, β, δ):
    """Positive where δ ∈ U, Δr > 0 and yet δ_ref > -Δr/β."""
    return least(δ - δ_ref, -δ, δ_ref + Δr / β)


def _in_u_of_a_good_reference(δ_ref, Δr, β, δ):
    return least(δ - δ_ref, -δ, δ_ref)


def _slope(sign=1):
    beta, (delta, delta_ref) = positive("β"), real("δ δ_ref")
    factor = sigmoid(-beta * (delta - delta_ref))
    return factor.diff(delta) + sign * beta * factor * (1 - factor)


def _fall(sign=1):
    """β σ(1-σ) = β e^z/(1+e^z)²."""
    beta, z = positive("β"), real("z")
    return sign * beta * exp(z) / (1 + exp(z)) ** 2


def _factor_sign(sign=1):
    return sign * sigmoid(real("z"))


def _factor_at_zero(β, δ_ref, less=0):
    """The gradient factor where the ranking turns, δ = 0."""
    return sigmoid(β * δ_ref) - less


_BOX = {"β": (Fraction(1, 1000), 1000), "δ_ref": (-50, 50)}
_TRAP = {"β": (Fraction(1, 1000), 1000), "δ_ref": (-50, 0)}

STATEMENTS = (
    Statement(
        id="prop-3.4",
        title="A pessimistic reference puts the RLHF optimum in U",
        source=_SOURCE,
        hypotheses="One pair, Δr > 0, β > 0, δ_ref < −Δr/β.",
        claim="U = {δ_ref < δ < 0} is non-empty; the RLHF optimum itself lies in it.",
        method="δ* = δ_ref + Δr/β; both gaps of U at δ* are positive by the rules of sign.",
        conclusion="The condition is sufficient. It says more than that U exists: RLHF's own answer is misranked.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.positivity_check(
                "δ* − δ_ref > 0",
                _gap_above,
                controls={"with Δr < 0": lambda: _gap_above(sign=-1)},
            ),
            symbolic.positivity_check(
                "0 − δ* > 0",
                _gap_below,
                controls={"condition with the sign of Δr flipped": lambda: _gap_below(sign=-1)},
            ),
            SEARCHES["prop-3.4"],
        ),
    ),
    Statement(
        id="prop-3.4-necessity",
        title="Only a reference with δ_ref < −Δr/β has a non-empty U",
        source=_SOURCE + ", read as a criterion",
        hypotheses="One pair, Δr > 0, β > 0.",
        claim="If U is non-empty then δ_ref < −Δr/β.",
        method="Search from nothing for δ ∈ U with δ_ref > −Δr/β; the witness is certified in ball arithmetic.",
        conclusion="The condition is not necessary: δ_ref < 0 is (def-3.3).",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "δ ∈ U although δ_ref > −Δr/β",
                _in_u_without_condition,
                _SPACE,
                controls={"δ ∈ U although δ_ref > 0": _in_u_of_a_good_reference},
            ),
        ),
    ),
    Statement(
        id="prop-3.4-weaker",
        title="The gradient weakens along U, to a positive limit",
        source=_SOURCE,
        hypotheses="One pair, DPO loss, β > 0.",
        claim="The gradient factor σ(−β(δ − δ_ref)) falls strictly in δ; at δ = 0 it is σ(βδ_ref) > 0.",
        method="Derivative as an identity, both signs by the rules of sign; second route: branch and bound for "
        "β ∈ [1/1000, 1000], |δ_ref| ≤ 50.",
        conclusion="Progressively weaker is right, vanishing is not: a trapped policy is slow (escape-time), not "
        "stuck.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "dσ(−βh)/dδ = −β σ(1 − σ)",
                _slope,
                controls={"sign flipped": lambda: _slope(sign=-1)},
            ),
            symbolic.positivity_check("βσ(1 − σ) > 0", _fall, controls={"−": lambda: _fall(-1)}),
            symbolic.positivity_check("σ(z) > 0", _factor_sign, controls={"−": lambda: _factor_sign(-1)}),
            ball.check(
                "σ(βδ_ref) > 0",
                _factor_at_zero,
                _BOX,
                is_claim=True,
                corroborates=True,
                controls={"σ(βδ_ref) > 1/100": lambda β, δ_ref: _factor_at_zero(β, δ_ref, Fraction(1, 100))},
            ),
            SEARCHES["prop-3.4-weaker"],
        ),
    ),
    Statement(
        id="prop-3.4-vanishes",
        title="The gradient vanishes at the boundary of U",
        source="a reading of Proposition 3.4 that the text invites",
        hypotheses="One pair, DPO loss, β > 0, δ_ref < 0.",
        claim="The gradient factor is 0 at δ = 0.",
        method="Search for a factor above 1/1000 at δ = 0; certified in ball arithmetic.",
        conclusion="False for every parameter (prop-3.4-weaker); one certified witness is shown.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "σ(βδ_ref) > 1/1000",
                lambda β, δ_ref: _factor_at_zero(β, δ_ref, Fraction(1, 1000)),
                _TRAP,
                controls={"σ(βδ_ref) > 51/100": lambda β, δ_ref: _factor_at_zero(β, δ_ref, Fraction(51, 100))},
            ),
        ),
    ),
)
