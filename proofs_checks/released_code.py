"""The margins of the released trainer, as target margins T in sp(-β(δ - T)).

Proof of code-easy. log π_ref < 0, so 1/log π_ref,w + 1/log π_ref,l < 0. With log π_ref = -a, -b it is -(1/a + 1/b).

Proof of code-cpo. With x = γ - δ_ref and α = 1, T - δ_ref - max(x, 0) = sp(τx)/τ - max(x, 0) = sp(-τ|x|)/τ, in (0,
log 2/τ] as in prop-5.1.
"""

from fractions import Fraction

from proofs_checks import ball, search, symbolic
from proofs_checks.arithmetic import log1p, softplus, tanh
from proofs_checks.searches_cpo import SEARCHES
from proofs_checks.statement import Statement, Verdict
from proofs_checks.symbolic import positive, real
from tabular import margins

_SOURCE = "the authors' released trainer (github visitworld123/CPO), {} loss"
_LOGS = {"w": (-50, -0.01), "l": (-50, -0.01), "γ": (0.01, 10)}


def _easy_shift(sign=1):
    """(T - δ_ref)/γ·β with log π_ref = -a, -b, negated."""
    a, b, beta, gamma = positive("a b β γ")
    return -sign * gamma / beta * (1 / (-a) + 1 / (-b))


def _easy_is_not_below(w, l, γ, name="code_easy"):  # noqa: E741
    """Library target less DPO's, positive where it is not below."""
    return float(margins.target(name, w - l, beta=0.5, gamma=γ, log_ref_winner=w, log_ref_loser=l)) - (w - l)


def _clip_differs(δ_ref, floor=0.0):
    return abs(float(margins.code_clip(δ_ref)) - max(δ_ref, floor)) - 1e-12


def _clip_loss(sign=1):
    """β(max(δ_ref, 0) - δ) against HyPO's max(βδ_ref, 0) - βδ, by the two signs of δ_ref."""
    beta, size = positive("β s")
    delta = real("δ")
    kept = beta * (size - delta) - (beta * size - beta * delta)
    clipped = beta * (0 - delta) - sign * (0 - beta * delta)
    return kept**2 + clipped


def _smooth_fold(sign=1):
    x, tau = real("x"), positive("τ")
    return softplus(tau * x) / tau - softplus(-tau * x) / tau - sign * x


def _smooth_excess(x, τ, share=1):
    """log 2 - sp(-τx) = log(1 + tanh(τx/2)), less (1 - share) log 2."""
    return log1p(tanh(τ * x / 2)) - (1 - share) * ball.number(2).log()


_WIDE = {"x": (Fraction(1, 10**6), 50), "τ": (Fraction(1, 1000), 1000)}

STATEMENTS = (
    Statement(
        id="code-easy",
        title="The “easy” loss aims below DPO",
        source=_SOURCE.format("“easy”"),
        hypotheses="Log-probabilities of the reference below 0, γ, β > 0.",
        claim="T − δ_ref = (γ/β)(1/log π_ref,w + 1/log π_ref,l) < 0: the target lies below DPO's.",
        method="Sign by the rules of sign; second route: the library's target.",
        conclusion="With log-probabilities in place of Eq. 17's probabilities the margin changes its sign.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.positivity_check("δ_ref − T > 0", _easy_shift, controls={"T − δ_ref": lambda: _easy_shift(-1)}),
            search.nothing_found(
                "the library's target is below δ_ref",
                _easy_is_not_below,
                _LOGS,
                controls={"Eq. 17's target": lambda **point: _easy_is_not_below(**point, name="ecpo")},
                corroborates=True,
                draws=200,
                steps=40,
            ),
        ),
    ),
    Statement(
        id="code-clip",
        title="The “clip” loss is HyPO's",
        source=_SOURCE.format("“clip”") + "; arXiv 2602.11902",
        hypotheses="β > 0.",
        claim="Both are sp(−β(δ − max(δ_ref, 0))).",
        method="Identity on either side of δ_ref = 0; second route: the library's target.",
        conclusion="One loss under two names.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the same argument of sp", _clip_loss, controls={"sign flipped": lambda: _clip_loss(-1)}),
            search.nothing_found(
                "the library's target is max(δ_ref, 0)",
                _clip_differs,
                {"δ_ref": (-20, 20)},
                controls={"max(δ_ref, 1)": lambda δ_ref: _clip_differs(δ_ref, 1.0)},
                corroborates=True,
                draws=200,
                steps=40,
            ),
        ),
    ),
    Statement(
        id="code-cpo",
        title="The “cpo” loss is a smooth floor of the margin",
        source=_SOURCE.format("“cpo”"),
        hypotheses="α = 1, x = γ − δ_ref ≠ 0, τ ∈ [1/1000, 1000], |x| ∈ [10⁻⁶, 50].",
        claim="0 < T − max(δ_ref, γ) < (log 2)/τ.",
        method="Folding identity, then log 2 − sp(−τ|x|) = log(1 + tanh(τ|x|/2)) > 0 by branch and bound; tanh is "
        "positive beyond.",
        conclusion="The released loss floors the target at γ, which has no counterpart in Eq. 17.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("sp(τx)/τ − sp(−τx)/τ = x", _smooth_fold, controls={"−x": lambda: _smooth_fold(-1)}),
            ball.check(
                "upper bound",
                _smooth_excess,
                _WIDE,
                controls={"0.99 log 2": lambda x, τ: _smooth_excess(x, τ, Fraction(99, 100))},
            ),
            ball.check(
                "lower bound: sp(−τ|x|) > 0",
                lambda x, τ: softplus(-τ * x),
                _WIDE,
                controls={"> 1/100": lambda x, τ: softplus(-τ * x) - Fraction(1, 100)},
            ),
            SEARCHES["code-cpo"],
        ),
    ),
)
