"""The margins of the released trainer, as target margins T in sp(-β(δ - T)).

Proof of code-easy. log π_ref < 0, so 1/log π_ref,w + 1/log π_ref,l < 0. With log π_ref = -a, -b it is -(1/a + 1/b).

Proof of code-cpo. With x = γ - δ_ref and α = 1, T - max(δ_ref, γ) = sp(τx)/τ - max(x, 0) = [sp(z) - max(z, 0)]/τ at
z = τx, in (0, log 2/τ] by softplus_bounds.py, with the upper end only at x = 0.
"""

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import positive_part, softplus
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_cpo import SEARCHES
from proofs_checks.own.softplus_bounds import ABOVE_ZERO, AT_ZERO, BELOW_LOG_2, DEFICIT
from tabular import margins

_SOURCE = "the authors' released trainer (github visitworld123/CPO), {} loss"
_LOGS = {"w": (-50, -0.01), "l": (-50, -0.01), "γ": (0.01, 10)}


def _easy_shift(sign=1):
    """(T - δ_ref)/γ·β with log π_ref = -a, -b, negated."""
    a, b, beta, gamma = positive("a b β γ")
    return -sign * gamma / beta * (1 / (-a) + 1 / (-b))


def _easy_is_not_below(w, l, γ, loss="code_easy"):  # noqa: E741
    """Library target less DPO's, positive where it is not below."""
    return float(margins.target(loss, w - l, beta=0.5, gamma=γ, log_ref_winner=w, log_ref_loser=l)) - (w - l)


def _clip_differs(δ_ref, floor=0.0):
    return abs(float(margins.code_clip(δ_ref)) - max(δ_ref, floor)) - 1e-12


def _clip_loss(sign=1):
    """β(δ - max(δ_ref, 0)) less HyPO's βδ - max(βδ_ref, 0)."""
    beta, (delta, delta_ref) = positive("β"), real("δ δ_ref")
    return beta * (delta - positive_part(delta_ref)) - (beta * delta - sign * positive_part(beta * delta_ref))


def _smooth_fold(sign=1):
    """T - δ_ref with α = 1, at x = γ - δ_ref: it exceeds the same at -x by x."""
    x, tau = real("x"), positive("τ")
    return softplus(tau * x) / tau - softplus(-tau * x) / tau - sign * x


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
            in_library("the target is below δ_ref", _easy_is_not_below, _LOGS, loss="ecpo"),
        ),
    ),
    Statement(
        id="code-clip",
        title="The “clip” loss is HyPO's",
        source=_SOURCE.format("“clip”") + "; arXiv 2602.11902",
        hypotheses="β > 0.",
        claim="Both are sp(−β(δ − max(δ_ref, 0))).",
        method="β max(δ_ref, 0) = max(βδ_ref, 0): identity; second route: the library's target.",
        conclusion="One loss under two names.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the same argument of sp", _clip_loss, controls={"sign flipped": lambda: _clip_loss(-1)}),
            in_library("the target is max(δ_ref, 0)", _clip_differs, {"δ_ref": (-20, 20)}, floor=1.0),
        ),
    ),
    Statement(
        id="code-cpo",
        title="The “cpo” loss is a smooth floor of the margin",
        source=_SOURCE.format("“cpo”"),
        hypotheses="α = 1, β, τ > 0, any γ and δ_ref.",
        claim="0 < T − max(δ_ref, γ) ≤ (log 2)/τ, with equality exactly at δ_ref = γ.",
        method="Folding identity, then the bounds of sp(z) − max(z, 0) at z = τ(γ − δ_ref), as in prop-5.1.",
        conclusion="The released loss floors the target at γ, which has no counterpart in Eq. 17.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("sp(τx)/τ − sp(−τx)/τ = x", _smooth_fold, controls={"−x": lambda: _smooth_fold(-1)}),
            ABOVE_ZERO,
            AT_ZERO,
            DEFICIT,
            BELOW_LOG_2,
            SEARCHES["code-cpo"],
        ),
    ),
)
