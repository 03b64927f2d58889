"""Definition 3.3: the policies U that improve on the reference and still prefer the dispreferred response.

Proof of def-3.3. U = {δ_ref < δ < 0} is an open interval of margins, and every margin δ is reached by a policy (two
responses with odds e^δ). If δ_ref < 0 the midpoint δ_ref/2 is in it; if δ_ref ≥ 0, δ_ref < δ < 0 has no solution,
for 0 < (δ - δ_ref) + (0 - δ) = -δ_ref.
"""

from fractions import Fraction

from proofs_checks import ball, search, symbolic
from proofs_checks.arithmetic import log, log1p, softplus, tanh
from proofs_checks.searches_dpo import SEARCHES
from proofs_checks.statement import Statement, Verdict
from proofs_checks.symbolic import positive, real

_BOX = {"β": (Fraction(1, 1000), 1000), "d": (Fraction(1, 1000), 50), "s": (Fraction(1, 1000), Fraction(999, 1000))}
_HALF = Fraction(1, 2)


def _gap_product(share=_HALF):
    """The two gaps of U at δ = share·δ_ref, multiplied; δ_ref = -d."""
    d = positive("d")
    delta, delta_ref = -share * d, -d
    return (delta - delta_ref) * (0 - delta)


def _gap_sum(sign=1):
    delta, delta_ref = real("δ δ_ref")
    return (delta - delta_ref) + (0 - delta) + sign * delta_ref


def _in_u_of_a_good_reference(δ_ref, δ):
    return min(δ - δ_ref, -δ, δ_ref + 1e-12)


def _tanh_form(scale=1):
    z = positive("z")
    return log(2 + 0 * z) - softplus(-z) - log1p(scale * tanh(z / 2))


def _loss_fell(β, d, s):
    """log 2 - sp(-z) with z = βh at δ = s·δ_ref, h = (1-s)d, in the form that keeps its digits."""
    return log1p(tanh(β * d * (1 - s) / 2))


STATEMENTS = (
    Statement(
        id="def-3.3",
        title="When the undesirable set U is non-empty",
        source="Yang et al. 2026, Definition 3.3, as transcribed; the criterion is ours",
        hypotheses="One labelled pair, U = {δ_ref < δ < 0}.",
        claim="U is non-empty iff δ_ref < 0, whatever β and the reward are.",
        method="If: δ_ref/2 lies in U. Only if: the two gaps of U add up to −δ_ref.",
        conclusion="Reward and temperature play no part: a reference that prefers the dispreferred response is enough.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.positivity_check(
                "if: δ_ref/2 ∈ U",
                _gap_product,
                controls={"2 δ_ref ∈ U": lambda: _gap_product(share=2), "δ_ref ∈ U": lambda: _gap_product(share=1)},
            ),
            symbolic.check(
                "only if: (δ − δ_ref) + (0 − δ) = −δ_ref",
                _gap_sum,
                controls={"with the sign flipped": lambda: _gap_sum(sign=-1)},
            ),
            search.nothing_found(
                "no δ ∈ U for δ_ref ≥ 0",
                _in_u_of_a_good_reference,
                {"δ_ref": (-20, 20), "δ": (-20, 20)},
                controls={"δ_ref ≥ 0 dropped": lambda δ_ref, δ: min(δ - δ_ref, -δ)},
                corroborates=True,
            ),
        ),
    ),
    Statement(
        id="def-3.3-loss",
        title="On U the loss is below its start",
        source="Yang et al. 2026, Definition 3.3, as transcribed",
        hypotheses="δ_ref = −d < 0, β > 0, δ = sδ_ref with 0 < s < 1: all of U.",
        claim="The DPO loss at δ is below log 2, its value at the reference, while the policy prefers l.",
        method="log 2 − sp(−z) = log(1 + tanh(z/2)) as an identity; positive by branch and bound for "
        "β ∈ [1/1000, 1000], d ∈ [1/1000, 50], s ∈ [.001, .999]. Beyond the box the sign is that of z = β(1 − s)d, "
        "as tanh "
        "is odd.",
        conclusion="A falling loss is no evidence that the ranking has been learned.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check(
                "log 2 − sp(−z) = log(1 + tanh(z/2))",
                _tanh_form,
                controls={"twice the tanh": lambda: _tanh_form(scale=2)},
            ),
            ball.check(
                "the loss fell",
                _loss_fell,
                _BOX,
                is_claim=True,
                controls={"below δ_ref, outside U": lambda β, d, s: _loss_fell(β, d, 1 + s)},
            ),
            SEARCHES["def-3.3-loss"],
        ),
    ),
)
