"""Theorem 4.9 of the local optimum once a third, unlabelled response is there: the window of γ can be empty.

Proof of thm-4.9-third-response. One label w > l, a third response o without labels. Stationary points of Eq. 10
satisfy (eq-13) π_w = π*_w e^{x-ν}, π_l = π*_l e^{-y-ν}, π_o = π*_o e^{-ν} with x = κ/π_w, y = κ/π_l. So δ = δ* + x +
y, and π_w/π_l = y/x, that is δ = log(y/x): δ ≥ 0 iff y ≥ x, and then y ≥ (x+y)/2 = (δ-δ*)/2 ≥ a := |δ*|/2. Second
order: the Hessian of J/β is diag(-(1+x)/π_w, (y-1)/π_l, -1/π_o). For y > 1 it has one positive entry and is negative
(semi)definite on the simplex only if π_l/(y-1) ≥ π_w/(1+x) + π_o (Sherman-Morrison), so only if π*_l e^{-y}/(y-1) >
π*_o. The left side falls in y. Hence, if a > 1 and π*_o (a-1) e^a ≥ π*_l, no local maximum has δ ≥ 0, for any γ.
With two responses π*_o = 0, and the condition never holds.

The certificate is rational apart from one exponential: π* ∝ (e^{-2a}, 1, o), margin (a-1) e^a o - 1 > 0.
"""

from fractions import Fraction

from proofs_checks.kernel import search, symbolic
from proofs_checks.kernel.arithmetic import exp, least, log
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive
from proofs_checks.own.searches_cpo import SEARCHES

_SOURCE = "ours; Yang et al. 2026, Theorem 4.9, as transcribed, read of the local optimum"


def _margin_is_log_ratio(sign=1):
    """δ - log(y/x), with x = κ/π_w and y = κ/π_l."""
    kappa, policy_w, policy_l = positive("κ π_w π_l")
    x, y = kappa / policy_w, kappa / policy_l
    return log(policy_w) - log(policy_l) - sign * (log(y) - log(x))


def _hessian(response, sign=1):
    """Diagonal of the Hessian of J/β, with the curvature written in x or y."""
    policy, kappa, optimum = positive("π κ π*")
    count = {"w": 1, "l": -1, "o": 0}[response]
    objective = -policy * log(policy / optimum) + kappa * count * log(policy)
    claimed = {"w": -(1 + kappa / policy), "l": kappa / policy - 1, "o": -1 + 0 * policy}[response] / policy
    return objective.diff(policy, 2) - sign * claimed


def _test_direction(sign=1):
    """Along v = (-1/d_w, S, -1/d_o), S = 1/d_w + 1/d_o: vᵀDv = S (1 + d_l S) with d_w = -A, d_o = -B, d_l = C."""
    a, b, c = positive("A B C")
    total = -(1 / a + 1 / b)
    quadratic = -a * (1 / a) ** 2 - b * (1 / b) ** 2 + c * total**2
    return quadratic - sign * total * (1 + c * total)


def _bound_falls(sign=1):
    """-d/dy of e^{-y}/(y-1), at y = 1 + v."""
    v = positive("v")
    return -sign * (exp(-1 - v) / v).diff(v)


def _no_window(a, o):
    """Positive where no γ gives a local maximum with δ ≥ 0: π* ∝ (e^{-2a}, 1, o)."""
    return least(a - 1, (a - 1) * exp(a) * o - 1)


def _no_window_two_responses(a, o):
    """The same without a third response."""
    return least(a - 1, (a - 1) * exp(a) * (o - o) - 1)


STATEMENTS = (
    Statement(
        id="thm-4.9-three-responses",
        title="Theorem 4.9 of the local optimum, with a third response",
        source=_SOURCE,
        hypotheses="Three responses, one labelled pair with δ* < 0; local maxima of Eq. 10.",
        claim="Some γ > 0 gives a local maximum with δ > 0.",
        method="A sufficient condition for the contrary, (a − 1)e^a π*_o > π*_l with a = |δ*|/2 > 1 (next "
        "statement); a witness is "
        "found from nothing and certified in ball arithmetic.",
        conclusion="The window (γ*, γ_max) of two responses can be empty as soon as one more response exists.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "no γ works for π* ∝ (e^{−2a}, 1, o)",
                _no_window,
                {"a": (Fraction(1, 10), 10), "o": (Fraction(1, 100), 10)},
                controls={"two responses, o = 0": _no_window_two_responses},
            ),
        ),
    ),
    Statement(
        id="thm-4.9-third-response",
        title="When a third response empties the window",
        source=_SOURCE,
        hypotheses="One labelled pair w > l and a third response o, a = |δ*|/2 > 1, (a − 1)e^a π*_o ≥ π*_l.",
        claim="No γ > 0 gives a local maximum of Eq. 10 with δ ≥ 0: the branch of local maxima ends before the pair "
        "is tied.",
        method="δ = log(y/x) and the Hessian's diagonal as identities, a test direction in the simplex, monotonicity "
        "of "
        "e^{−y}/(y − 1) by the rules of sign.",
        conclusion="The larger the misalignment and the mass elsewhere, the less Eq. 10 can repair a pair.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "δ = log(y/x)", _margin_is_log_ratio, controls={"log(x/y)": lambda: _margin_is_log_ratio(-1)}
            ),
            *(
                symbolic.check(
                    f"Hessian in π_{name}",
                    lambda y=name: _hessian(y),
                    controls={"sign flipped": lambda y=name: _hessian(y, -1)},
                )
                for name in "wlo"
            ),
            symbolic.check("test direction", _test_direction, controls={"sign flipped": lambda: _test_direction(-1)}),
            symbolic.positivity_check(
                "e^{−y}/(y − 1) falls", _bound_falls, controls={"rises": lambda: _bound_falls(-1)}
            ),
            SEARCHES["thm-4.9-third-response"],
        ),
    ),
)
