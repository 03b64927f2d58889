"""The loss below which one pair is certainly ranked right.

Proof. The loss of a pair, sp(-β(δ-δ_ref)), falls strictly in δ and is sp(βδ_ref) at δ = 0. So it is below sp(βδ_ref)
iff δ > 0. For δ = -t ≤ 0 the excess sp(β(δ_ref+t)) - sp(βδ_ref) = log(1 + σ(βδ_ref)(e^{βt}-1)), an identity; it is
positive for t > 0, also beyond the box.
"""

from dataclasses import replace
from fractions import Fraction

from proofs_checks import ball, search, symbolic
from proofs_checks.arithmetic import exp, expm1, least, log, log1p, sigmoid, softplus
from proofs_checks.dpo_losses import ordered_slope, steepness
from proofs_checks.searches_dpo import SEARCHES
from proofs_checks.statement import Statement, Verdict
from proofs_checks.symbolic import positive, real

_BOX = {"a": (-50_000, 50_000), "s": (Fraction(1, 10**6), 50_000)}
_SPACE = {"β": (Fraction(1, 10), 10), "δ_ref": (-10, 10), "δ": (-20, 20)}


def _loss(β, δ_ref, δ):
    return softplus(-β * (δ - δ_ref))


def _excess_form(scale=1):
    """sp(a+s) - sp(a) - log(1 + σ(a)(e^s - 1)), a = βδ_ref, s = βt."""
    a, s = real("a"), positive("s")
    return softplus(a + s) - softplus(a) - log(1 + scale * sigmoid(a) * (exp(s) - 1))


def _excess(a, s, less=0):
    return log1p(sigmoid(a) * expm1(s)) - less


def _at_zero(sign=1):
    beta, delta_ref = positive("β"), real("δ_ref")
    return softplus(-beta * (0 - delta_ref)) - softplus(sign * beta * delta_ref)


def _inverted_below(β, δ_ref, δ, share=1):
    """Positive where δ < 0 although the loss is below share·sp(βδ_ref)."""
    return least(-δ, share * softplus(β * δ_ref) - _loss(β, δ_ref, δ))


STATEMENTS = (
    Statement(
        id="threshold-one-pair",
        title="The loss level that guarantees a ranking",
        source="own derivation, in the file",
        hypotheses="One pair alone, β > 0.",
        claim="δ > 0 iff the loss is below v = sp(βδ_ref); every level above v is reached with δ < 0.",
        method="The loss falls strictly in δ (identity and sign) and is sp(βδ_ref) at δ = 0 (identity).",
        conclusion="For a misaligned reference v < log 2: the loss must fall below v before the ranking is certain.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("dL/dδ = −βσ(−βh)", ordered_slope, controls={"+": lambda: ordered_slope(-1)}),
            symbolic.positivity_check("βσ(−βh) > 0", steepness, controls={"−": lambda: steepness(-1)}),
            symbolic.check("L(0) = sp(βδ_ref)", _at_zero, controls={"sp(−βδ_ref)": lambda: _at_zero(-1)}),
            search.nothing_found(
                "no inverted pair below v",
                _inverted_below,
                _SPACE,
                controls={"below 1.01 v": lambda β, δ_ref, δ: _inverted_below(β, δ_ref, δ, 1.01)},
                corroborates=True,
            ),
        ),
    ),
    Statement(
        id="threshold-margin",
        title="How far above its threshold an inverted pair keeps the loss",
        source="own derivation, in the file",
        hypotheses="One pair alone, δ = −t < 0.",
        claim="L − sp(βδ_ref) = log(1 + σ(βδ_ref)(e^{βt} − 1)) > 0.",
        method="Identity; positive by branch and bound for |a| ≤ 50 000, s ∈ [10⁻⁶, 50 000], "
        "where "
        "a = βδ_ref and s = βt.",
        conclusion="The threshold is sharp: the loss leaves it continuously as the pair is inverted further.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("the excess", _excess_form, controls={"2σ": lambda: _excess_form(2)}),
            ball.check(
                "log(1 + σ(a)(e^s − 1)) > 0",
                _excess,
                _BOX,
                controls={"> 1/1000": lambda a, s: _excess(a, s, Fraction(1, 1000))},
            ),
            SEARCHES["threshold-margin"],
        ),
    ),
    Statement(
        id="threshold-general",
        title="The guarantee level of a pair among other labels",
        source="own derivation, in the file",
        hypotheses="Any labels; v_i = min {L : δ_i ≤ 0}.",
        claim="Every policy with L < v_i ranks pair i right, v_i as the library computes it.",
        method="Search for a policy on a cycle of three labels that is inverted below the library's v_i.",
        conclusion="Training past v_i certifies pair i, whatever the other pairs do.",
        expected=Verdict.SUPPORTED,
        checks=(replace(SEARCHES["threshold-general"], corroborates=False),),
    ),
)
