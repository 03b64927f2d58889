"""Proposition 5.1: the DPO loss over β is a soft hinge with target margin δ_ref.

Proof. With a = δ_ref - δ the loss of a pair is sp(βa). Write z = βa; then sp(z) - max(0, z) = sp(-|z|), which is
positive and at most sp(0) = log 2, with equality only at z = 0. The excess log 2 - sp(-t) is log(1 + tanh(t/2)) for
t = |z|, an identity, and positive for t > 0 as tanh is. The box covers |z| = β|a| up to 50 000, that is β ≤ 1000 and
|a| ≤ 50; beyond it sp(-t) falls further and stays positive. So 0 < L/β - hinge ≤ (log 2)/β, uniformly in the
margins.
"""

from fractions import Fraction

from proofs_checks import ball, search, symbolic
from proofs_checks.arithmetic import log, log1p, positive_part, softplus, tanh
from proofs_checks.statement import Statement, Verdict
from proofs_checks.symbolic import positive, real

_SOURCE = "Yang et al. 2026, Proposition 5.1, as transcribed; the uniform error is ours"
_AWAY = {"t": (Fraction(1, 10**6), 50_000)}
_LINE = {"z": (-200, 200)}


def _fold(sign=1):
    z = real("z")
    return softplus(z) - softplus(-z) - sign * z


def _excess(scale=1):
    t = positive("t")
    return softplus(0 * t) - softplus(-t) - log1p(scale * tanh(t / 2))


def _at_zero(value=2):
    zero = 0 * positive("t")
    return softplus(zero) - log(value + zero)


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
        method="Folding identity sp(z) − max(0, z) = sp(−|z|); the two bounds by branch and bound for β|a| ≤ 50 000, "
        "equality at 0 taken out as the factor tanh.",
        conclusion="L/β tends to the hinge max(0, δ_ref − δ) uniformly as β grows; for δ_ref < 0 its target is "
        "negative.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("sp(z) − sp(−z) = z", _fold, controls={"sign flipped": lambda: _fold(sign=-1)}),
            symbolic.check("log 2 − sp(−t) = log(1 + tanh(t/2))", _excess, controls={"2 tanh": lambda: _excess(2)}),
            symbolic.check("sp(0) = log 2", _at_zero, controls={"sp(0) = log 3": lambda: _at_zero(3)}),
            ball.check(
                "lower: sp(−t) > 0",
                lambda t: softplus(-t),
                _AWAY,
                controls={"sp(−t) > 1/1000": lambda t: softplus(-t) - Fraction(1, 1000)},
            ),
            ball.check(
                "upper, strict for t > 0: log(1 + tanh(t/2)) > 0",
                lambda t: log1p(tanh(t / 2)),
                _AWAY,
                controls={
                    "bound 1 % too small": lambda t: log1p(tanh(t / 2)) - ball.number(2).log() / 100,
                },
            ),
            ball.check(
                "upper, weak, from t = 0 on",
                lambda t: log1p(tanh(t / 2)),
                {"t": (0, 50_000)},
                strict=False,
                controls={"bound 1 % too small": lambda t: log1p(tanh(t / 2)) - ball.number(2).log() / 100},
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
