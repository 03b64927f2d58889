"""What trainers log as accuracy, and what it is taken for."""

from fractions import Fraction

from proofs_checks.kernel import search
from proofs_checks.kernel.arithmetic import least, log
from proofs_checks.kernel.statement import Statement, Verdict


def _logged_but_inverted(δ_ref, δ):
    """Positive where h > 0 counts as accurate although δ < 0."""
    return least(δ - δ_ref, -δ)


def _inverted_above_zero(δ_ref, δ):
    return least(_logged_but_inverted(δ_ref, δ), δ_ref)


def _falls(ref_w, ref_l, share_w, share_l):
    """Positive where π_w < π_ref,w although the loss fell, that is although the odds rose."""
    return least(ref_w - share_w, log(share_w / share_l) - log(ref_w / ref_l))


def _chosen_falls(ref_w, ref_l, share_w, share_l):
    """The same on three responses, π = (share_w, share_l, rest): something is left for the third."""
    return least(_falls(ref_w, ref_l, share_w, share_l), 1 - ref_w - ref_l, 1 - share_w - share_l)


def _chosen_falls_two_responses(ref_w, ref_l, share_w, share_l):
    return _falls(ref_w, 1 - ref_w, share_w, 1 - share_w)


_SHARES = {name: (Fraction(1, 100), Fraction(99, 100)) for name in ("ref_w", "ref_l", "share_w", "share_l")}

STATEMENTS = (
    Statement(
        id="accuracy-logged",
        title="The logged accuracy is the ranking accuracy",
        source="common reading of rewards/accuracies",
        hypotheses="One pair.",
        claim="If h > 0 (the implicit reward ranks w first) then δ > 0 (the policy does).",
        method="Search for h > 0 with δ < 0; certified in ball arithmetic.",
        conclusion="They differ exactly between δ_ref and 0, which is U for a misaligned reference: report both.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "h > 0, δ < 0",
                _logged_but_inverted,
                {"δ_ref": (-10, 10), "δ": (-10, 10)},
                controls={"with δ_ref > 0": _inverted_above_zero},
            ),
        ),
    ),
    Statement(
        id="chosen-falls",
        title="A falling loss raises the chosen probability",
        source="cf. the likelihood-displacement literature",
        hypotheses="One pair and a third response.",
        claim="A policy with less loss than the reference has π_w ≥ π_ref,w.",
        method="Search for a policy with less loss and less chosen probability; certified in ball arithmetic.",
        conclusion="The loss sees the odds only: both probabilities may fall.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "less loss, less π_w",
                _chosen_falls,
                _SHARES,
                controls={"with two responses": _chosen_falls_two_responses},
            ),
        ),
    ),
)
