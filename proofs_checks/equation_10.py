"""Equation 10, the penalised objective J(π) = E_π[r] - β KL(π‖π_ref) + γ E_D[δ].

Proof of eq-10. E_D[δ] = Σ_y c_y log π_y with c_y the weighted wins less losses of y. Let c_y = -a < 0 for some y,
and give y the mass ε, the other responses 1-ε in fixed proportions. Then J = ε r_y + (1-ε) R - β[ε log(ε/p) +
(1-ε)(log(1-ε) + K)] + γ[-a log ε + C log(1-ε) + c], with constants R, K, C, c of the other responses. As ε → 0, J +
γ a log ε tends to R - βK + γc: so J tends to +∞ for every γ > 0.

The two-response statements rest on two_response_penalty.py. Proof of gamma-window: with t = asinh(1/(2k)) > 0, F(k)
+ 4k = t - tanh(t/2), which exceeds t/2. So the sign beyond the box, k < 10^-9 or k > 10^9, is the same.
"""

from fractions import Fraction

from proofs_checks import ball, symbolic
from proofs_checks import two_response_penalty as two
from proofs_checks.arithmetic import asinh, log, sqrt, tanh
from proofs_checks.searches_cpo import SEARCHES
from proofs_checks.statement import Statement, Verdict
from proofs_checks.symbolic import positive, real

_SOURCE = "Yang et al. 2026, Eq. 10, as transcribed"
_KAPPA = {"k": (Fraction(1, 10**9), 10**9)}


def escape_limit(sign=1):
    """lim (J + γ a log ε) - (R - βK + γc) along the escape; the two logs cancel exactly."""
    import sympy

    eps, p, beta, gamma, a = positive("ε p β γ a")
    r_y, others, spread, tilt, rest = real("r_y R K C c")
    divergence = eps * log(eps / p) + (1 - eps) * (log(1 - eps) + spread)
    bounded = eps * r_y + (1 - eps) * others - beta * divergence + gamma * (tilt * log(1 - eps) + rest)
    penalty = -sign * gamma * a * log(eps)
    remainder = sympy.expand(bounded + penalty + gamma * a * log(eps))
    if sign == -1:  # the penalty falls: what is left over is 2γa log ε, shown at ε = 1/2
        return remainder.subs(eps, Fraction(1, 2)) - bounded.subs(eps, Fraction(1, 2))
    return sympy.limit(remainder, eps, 0, "+") - (others - beta * spread + gamma * rest)


def growth(sign=1):
    """-γ a log ε with ε = e^-t, t > 0: grows without bound in t."""
    gamma, a, t = positive("γ a t")
    return sign * gamma * a * t


def _window(k, coefficient=4):
    """F(k) + 4k, with 2k - √(4k²+1) = -1/(2k + √(4k²+1)) so that large k keep their digits."""
    return asinh(1 / (2 * k)) - 1 / (2 * k + sqrt(4 * k**2 + 1)) + (coefficient - 4) * k


def _window_form(scale=1):
    k = positive("k")
    return two.summit(k) + 4 * k - (asinh(1 / (2 * k)) - scale / (2 * k + sqrt(4 * k**2 + 1)))


def _window_in_t(scale=1):
    """The same, in t: k = 1/(2 sinh t)."""
    import sympy

    t = positive("t")
    sinh, cosh = sympy.sinh(t), sympy.cosh(t)
    return (t + 1 / sinh - cosh / sinh) - (t - tanh(scale * t / 2))


def _summit_falls(sign=1):
    k = positive("κ")
    return two.summit(k).diff(k) + sign * (2 + sqrt(4 * k**2 + 1) / k)


def _fall(sign=1):
    k = positive("κ")
    return sign * (2 + sqrt(4 * k**2 + 1) / k)


_SLOPE = symbolic.check(
    "dJ/dδ = β σ(δ)σ(−δ)[δ* − G(δ)]", two.slope_identity, controls={"κ in place of 2κ": lambda: two.slope_identity(1)}
)
_CONCAVE = symbolic.positivity_check("G is concave", two.concavity, controls={"convex": lambda: two.concavity(-1)})

STATEMENTS = (
    Statement(
        id="eq-10",
        title="The penalised objective has no maximiser",
        source=_SOURCE + "; the finding is ours",
        hypotheses="γ > 0; J over policies with full support on the labelled responses, where it is finite; some "
        "response has more labelled losses than wins (c_y < 0).",
        claim="sup J = +∞, whatever β, the reward and the reference are: Eq. 10 has no maximiser.",
        method="Limit along π_y = ε → 0 with the other proportions fixed: J + γ|c_y| log ε stays bounded.",
        conclusion="“The CPO optimum” of Eq. 10 can only mean a local one.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "lim (J + γ|c_y| log ε) is finite",
                escape_limit,
                controls={"c_y > 0 instead": lambda: escape_limit(sign=-1)},
            ),
            symbolic.positivity_check("−γ|c_y| log ε grows", growth, controls={"γ < 0": lambda: growth(sign=-1)}),
            SEARCHES["eq-10"],
        ),
    ),
    Statement(
        id="eq-10-stationary",
        title="Stationary policies of Eq. 10 on two responses",
        source=_SOURCE + "; the form is ours",
        hypotheses="Two responses, one labelled pair, β, γ > 0, κ = γ/β.",
        claim="dJ/dδ = 0 iff δ − 2κ(1 + cosh δ) = δ*.",
        method="Identity dJ/dδ = β σ(δ)σ(−δ)[δ* − G(δ)] by computer algebra.",
        conclusion="One scalar equation replaces the whole objective.",
        expected=Verdict.PROVED,
        checks=(_SLOPE, SEARCHES["eq-10-stationary"]),
    ),
    Statement(
        id="eq-10-local",
        title="When a local maximum of Eq. 10 exists",
        source="own derivation, in the file",
        hypotheses="As in eq-10-stationary.",
        claim="A local maximum exists iff δ* < F(κ) = asinh(1/(2κ)) − 2κ − √(4κ² + 1); it is the smaller root.",
        method="G is concave (sign of G″), its summit is at sinh δ = 1/(2κ) with value F(κ) (identities); J rises "
        "before the "
        "smaller root and falls after it.",
        conclusion="Too large a γ leaves no local optimum either.",
        expected=Verdict.PROVED,
        checks=(
            _SLOPE,
            _CONCAVE,
            symbolic.check(
                "G′ = 0 at asinh(1/(2κ))", two.summit_is_stationary, controls={"κ": lambda: two.summit_is_stationary(1)}
            ),
            symbolic.check("the summit is F(κ)", two.summit_value, controls={"F + 1": lambda: two.summit_value(1)}),
            SEARCHES["eq-10-local"],
        ),
    ),
    Statement(
        id="gamma-max",
        title="γ_max is well defined",
        source="own derivation, in the file",
        hypotheses="As in eq-10-stationary; F(κ) = δ* defines κ_max = γ_max/β.",
        claim="F falls strictly, with slope −2 − √(4κ² + 1)/κ, so a local maximum exists exactly for γ < γ_max.",
        method="Derivative as an identity; its sign by the rules of sign. F → +∞ at 0 and F < −4κ + 1/(2κ) → −∞.",
        conclusion="The window of γ has one upper end.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("F′ = −2 − √(4κ²+1)/κ", _summit_falls, controls={"+": lambda: _summit_falls(-1)}),
            symbolic.positivity_check("−F′ > 0", _fall, controls={"F′ > 0": lambda: _fall(-1)}),
            SEARCHES["gamma-max"],
        ),
    ),
    Statement(
        id="gamma-window",
        title="The window (γ*, γ_max) is never empty for δ* < 0",
        source="own derivation, in the file",
        hypotheses="k = γ*/β = −δ*/4 > 0.",
        claim="F(k) + 4k > 0 for all k > 0, so γ* < γ_max.",
        method="Branch and bound for k ∈ [10⁻⁹, 10⁹]; second route F(k) + 4k = t − tanh(t/2) with t = asinh(1/(2k)), "
        "which closes "
        "the tails.",
        conclusion="Some γ always ranks the pair right at a local optimum.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check(
                "F(k) + 4k = asinh(1/(2k)) − 1/(2k + √(4k²+1))",
                _window_form,
                controls={"twice": lambda: _window_form(2)},
            ),
            ball.check(
                "F(k) + 4k > 0",
                _window,
                _KAPPA,
                is_claim=True,
                controls={"F(k) + 3.96 k, 1 % less": lambda k: _window(k, Fraction(396, 100))},
            ),
            symbolic.check(
                "F(k) + 4k = t − tanh(t/2)",
                _window_in_t,
                controls={"t − tanh(t)": lambda: _window_in_t(2)},
                corroborates=True,
            ),
            SEARCHES["gamma-window"],
        ),
    ),
)
