"""Proposition 5.1: the DPO loss over β is a soft hinge with target margin δ_ref.

Proof. With a = δ_ref - δ the loss of a pair is sp(βa). By softplus_bounds.py, with z = βa, 0 < sp(z) - max(0, z) ≤
log 2 with equality only at z = 0. Divided by β: 0 < L/β - hinge ≤ (log 2)/β, uniformly in the margins. The boxes are
a second route: β|a| up to 50 000.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, search
from proofs_checks.kernel.arithmetic import positive_part, softplus
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.own.softplus_bounds import ABOVE_ZERO, AT_ZERO, BELOW_LOG_2, DEFICIT, FOLD, PER_CENT, deficit

_SOURCE = "Yang et al. 2026, Proposition 5.1, as transcribed; the uniform error is ours"
_AWAY = {"t": (Fraction(1, 10**6), 50_000)}
_LINE = {"z": (-200, 200)}
_TOO_SMALL = {"bound 1 % too small": lambda t: deficit(t, PER_CENT)}


def _soft_hinge_gap(z, bound=0.6931471805599454):
    """How far sp(z) - max(0, z) leaves [0, bound]."""
    gap = softplus(z) - positive_part(z)
    return max(-gap, gap - bound)


STATEMENTS = (
    Statement(
        id="prop-5.1",
        title="DPO is soft-margin ranking with target δ_ref",
        source=_SOURCE,
        hypotheses="One pair, β > 0, a = δ_ref − δ.",
        claim="0 < sp(βa)/β − max(0, a) ≤ (log 2)/β, with equality on the right exactly at a = 0.",
        method="Folding identity sp(z) − max(0, z) = sp(−|z|) > 0; log 2 − sp(−t) = log(1 + tanh(t/2)), positive for "
        "t > 0 by the rules of sign; second route: branch and bound for β|a| ≤ 50 000.",
        conclusion="L/β tends to the hinge max(0, δ_ref − δ) uniformly as β grows; for δ_ref < 0 its target is "
        "negative.",
        expected=Verdict.PROVED,
        checks=(
            FOLD,
            ABOVE_ZERO,
            AT_ZERO,
            DEFICIT,
            BELOW_LOG_2,
            ball.check(
                "lower: sp(−t) > 0",
                lambda t: softplus(-t),
                _AWAY,
                controls={"sp(−t) > 1/1000": lambda t: softplus(-t) - Fraction(1, 1000)},
                is_claim=True,
                corroborates=True,
            ),
            ball.check(
                "upper, strict for t > 0", deficit, _AWAY, controls=_TOO_SMALL, is_claim=True, corroborates=True
            ),
            ball.check(
                "upper, weak, from t = 0 on",
                deficit,
                {"t": (0, 50_000)},
                strict=False,
                controls=_TOO_SMALL,
                is_claim=True,
                corroborates=True,
            ),
            search.nothing_found(
                "the gap never leaves [0, log 2]",
                _soft_hinge_gap,
                _LINE,
                controls={"[0, 0.99 log 2]": lambda z: _soft_hinge_gap(z, 0.99 * 0.6931471805599453)},
                corroborates=True,
            ),
        ),
    ),
)
