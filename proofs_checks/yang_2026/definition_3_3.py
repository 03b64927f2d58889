"""Definition 3.3: the policies U that improve on the reference and still prefer the dispreferred response.

Proof of def-3.3. U = {δ_ref < δ < 0} is an open interval of margins, and every margin δ is reached by a policy (two
responses with odds e^δ). If δ_ref < 0 the midpoint δ_ref/2 is in it; if δ_ref ≥ 0, δ_ref < δ < 0 has no solution,
for 0 < (δ - δ_ref) + (0 - δ) = -δ_ref.

Proof of def-3.3-loss. On U, h = δ - δ_ref > 0; the loss sp(-βh) is log 2 at h = 0 and below it for h > 0
(softplus_bounds.py, t = βh).
"""

from fractions import Fraction

from proofs_checks.kernel import ball, search, symbolic
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_failures import SEARCHES
from proofs_checks.own.softplus_bounds import AT_ZERO, BELOW_LOG_2, DEFICIT, deficit

_BOX = {"β": (Fraction(1, 1000), 1000), "d": (Fraction(1, 1000), 50), "s": (Fraction(1, 1000), Fraction(999, 1000))}
_HALF = Fraction(1, 2)


def _gap_below(share=_HALF):
    """δ - δ_ref at δ = share·δ_ref, δ_ref = -d."""
    d = positive("d")
    return -share * d - (-d)


def _gap_above(share=_HALF):
    """0 - δ there."""
    return 0 - (-share * positive("d"))


def _gap_sum(sign=1):
    delta, delta_ref = real("δ δ_ref")
    return (delta - delta_ref) + (0 - delta) + sign * delta_ref


def _in_u_of_a_good_reference(δ_ref, δ):
    return min(δ - δ_ref, -δ, δ_ref + 1e-12)


def _loss_fell(β, d, s):
    """log 2 less the loss at δ = s·δ_ref, where h = (1-s)d."""
    return deficit(β * d * (1 - s))


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
                "if: δ_ref/2 > δ_ref",
                _gap_below,
                controls={"2 δ_ref": lambda: _gap_below(2), "δ_ref itself": lambda: _gap_below(1)},
            ),
            symbolic.positivity_check(
                "if: δ_ref/2 < 0",
                _gap_above,
                controls={"−δ_ref/2": lambda: _gap_above(-_HALF), "0 itself": lambda: _gap_above(0)},
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
        hypotheses="One pair, β > 0, δ_ref < δ < 0: all of U.",
        claim="The DPO loss at δ is below log 2, its value at the reference, while the policy prefers l.",
        method="log 2 − sp(−t) = log(1 + tanh(t/2)), positive for t = β(δ − δ_ref) > 0 by the rules of sign; second "
        "route: branch and bound for β ∈ [1/1000, 1000], δ_ref = −d, d ∈ [1/1000, 50], δ = sδ_ref, s ∈ [.001, .999].",
        conclusion="A falling loss is no evidence that the ranking has been learned.",
        expected=Verdict.PROVED,
        checks=(
            AT_ZERO,
            DEFICIT,
            BELOW_LOG_2,
            ball.check(
                "the loss fell",
                _loss_fell,
                _BOX,
                is_claim=True,
                controls={"below δ_ref, outside U": lambda β, d, s: _loss_fell(β, d, 1 + s)},
                corroborates=True,
            ),
            SEARCHES["def-3.3-loss"],
        ),
    ),
)
