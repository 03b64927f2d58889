"""The loss below which one pair is certainly ranked right.

Proof of threshold-one-pair. The loss of a pair, sp(-β(δ-δ_ref)), falls strictly in δ and is sp(βδ_ref) at δ = 0. So
it is below sp(βδ_ref) iff δ > 0. As sp(z) - z = sp(-z) > 0 it exceeds β(δ_ref - δ), so grows without bound as δ → -∞;
it is continuous: every level above sp(βδ_ref) is reached with δ < 0.

Proof of threshold-margin. For δ = -t ≤ 0 the excess sp(β(δ_ref+t)) - sp(βδ_ref) is log(1 + σ(βδ_ref)(e^{βt}-1)), an
identity; it is positive for t > 0, where e^{βt} - 1 is.

Proof of threshold-general. L < v_i leaves no room for δ_i ≤ 0: that is what v_i says. Conversely L is continuous in
the logits, so a policy with δ_i ≤ 0 and loss near v_i has one with δ_i < 0 and loss near v_i beside it (move the loser
up a little): v_i is also the infimum over δ_i < 0. There L is unbounded above, since its part n_i sp(-βh_i)
exceeds n_i β(δ_ref,i - δ_i), and {δ_i < 0} is connected: L takes every value above v_i. For one pair v_i is
sp(βδ_ref); other labels only raise it, as their losses are positive. L is convex in the log-ratios and δ_i ≤ 0 one
linear constraint, so v_i is a convex program.
"""

from dataclasses import replace
from fractions import Fraction

from proofs_checks.kernel import ball, search, symbolic
from proofs_checks.kernel.arithmetic import exp, expm1, least, log, log1p, sigmoid, softplus
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_failures import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import CONVEX, FALLS, ordered_loss

_BOX = {"a": (-50_000, 50_000), "s": (Fraction(1, 10**6), 50_000)}
_SPACE = {"β": (Fraction(1, 10), 10), "δ_ref": (-10, 10), "δ": (-20, 20)}


def _excess_form(scale=1):
    """sp(a+s) - sp(a) - log(1 + σ(a)(e^s - 1)), a = βδ_ref, s = βt."""
    a, s = real("a"), positive("s")
    return softplus(a + s) - softplus(a) - log(1 + scale * sigmoid(a) * (exp(s) - 1))


def _excess(a, s, less=0):
    return log1p(sigmoid(a) * expm1(s)) - less


def _excess_sign(sign=1):
    """The same with e^s - 1 = c > 0."""
    a, c = real("a"), positive("c")
    return sign * log(1 + sigmoid(a) * c)


def _beyond_linear(sign=1):
    """sp(z) - z - sp(-z)."""
    z = real("z")
    return softplus(z) - sign * z - softplus(-z)


def _unbounded(weight):
    """n (sp(z) - z), in the form n sp(-z)."""
    return weight * softplus(-real("z"))


def _at_zero(sign=1):
    beta, delta_ref = positive("β"), real("δ_ref")
    return softplus(-beta * (0 - delta_ref)) - softplus(sign * beta * delta_ref)


def _inverted_below(β, δ_ref, δ, share=1):
    """Positive where δ < 0 although the loss is below share·sp(βδ_ref)."""
    return least(-δ, share * softplus(β * δ_ref) - ordered_loss(β, δ_ref, δ))


_NO_UPPER_BOUND = (
    symbolic.check("sp(z) − z = sp(−z)", _beyond_linear, controls={"sp(z) + z": lambda: _beyond_linear(-1)}),
    symbolic.positivity_check(
        "n sp(−z) > 0", lambda: _unbounded(positive("n")), controls={"a label of weight 0": lambda: _unbounded(0)}
    ),
)

STATEMENTS = (
    Statement(
        id="threshold-one-pair",
        title="The loss level that guarantees a ranking",
        source="own derivation, in the file",
        hypotheses="One pair alone, β > 0.",
        claim="δ > 0 iff the loss is below v = sp(βδ_ref); every level above v is reached with δ < 0.",
        method="The loss falls strictly in δ (identity and sign), is sp(βδ_ref) at δ = 0 (identity) and exceeds "
        "β(δ_ref − δ), so it has no upper bound.",
        conclusion="For a misaligned reference v < log 2: the loss must fall below v before the ranking is certain.",
        expected=Verdict.PROVED,
        checks=(
            *FALLS,
            symbolic.check("L(0) = sp(βδ_ref)", _at_zero, controls={"sp(−βδ_ref)": lambda: _at_zero(-1)}),
            *_NO_UPPER_BOUND,
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
        hypotheses="One pair alone, β > 0, δ = −t < 0.",
        claim="L − sp(βδ_ref) = log(1 + σ(βδ_ref)(e^{βt} − 1)) > 0.",
        method="Identity; positive by the rules of sign; second route: branch and bound for |a| ≤ 50 000, "
        "s ∈ [10⁻⁶, 50 000], where a = βδ_ref and s = βt.",
        conclusion="The threshold is sharp: the loss leaves it continuously as the pair is inverted further.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the excess", _excess_form, controls={"2σ": lambda: _excess_form(2)}),
            symbolic.positivity_check("it is positive", _excess_sign, controls={"−": lambda: _excess_sign(-1)}),
            ball.check(
                "log(1 + σ(a)(e^s − 1)) > 0",
                _excess,
                _BOX,
                controls={"> 1/1000": lambda a, s: _excess(a, s, Fraction(1, 1000))},
                is_claim=True,
                corroborates=True,
            ),
            SEARCHES["threshold-margin"],
        ),
    ),
    Statement(
        id="threshold-general",
        title="The guarantee level of a pair among other labels",
        source="own derivation, in the file",
        hypotheses="Any labels of positive weight, L their mean loss; v_i = inf {L : δ_i ≤ 0} of pair i.",
        claim="Every policy with L < v_i has δ_i > 0; every level above v_i is reached with δ_i < 0. So pair i can be "
        "inverted while the loss falls iff v_i < L(π_ref).",
        method="The definition, then continuity: L exceeds its part of pair i, which has no upper bound (identity and "
        "sign), on a connected set; convex by its curvature. Second route: the library's v_i on cycles of three "
        "labels.",
        conclusion="Training past v_i certifies pair i, whatever the other pairs do.",
        expected=Verdict.PROVED,
        checks=(
            *_NO_UPPER_BOUND,
            *CONVEX,
            SEARCHES["threshold-general"],
        ),
    ),
    Statement(
        id="threshold-computed",
        title="The guarantee level that the library computes",
        source="own derivation, in tabular/failure_modes.py",
        hypotheses="Labels 0 > 1, 1 > 2, 2 > 0 with weights n, 1, 1 on three responses.",
        claim="The library's v_0 is inf {L : δ_0 ≤ 0}.",
        method="Search for a policy that is inverted below it, and for a level just above it that none reaches.",
        conclusion="A statement about a program on all inputs: supported by the instances tried, no more.",
        expected=Verdict.SUPPORTED,
        checks=(
            replace(SEARCHES["threshold-general"], corroborates=False),
            replace(SEARCHES["threshold-computed"], corroborates=False),
        ),
    ),
)
