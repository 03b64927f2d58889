"""Equation 10, the penalised objective J(π) = E_π[r] - β KL(π‖π_ref) + γ E_D[δ].

Proof of eq-10. E_D[δ] = Σ_y c_y log π_y with c_y the weighted wins less losses of y. Let c_y = -a < 0 for some y,
and give y the mass ε, the other responses 1-ε in fixed proportions. Then J = ε r_y + (1-ε) R - β[ε log(ε/p) +
(1-ε)(log(1-ε) + K)] + γ[-a log ε + C log(1-ε) + c], with constants R, K, C, c of the other responses. As ε → 0, J +
γ a log ε tends to R - βK + γc: so J tends to +∞ for every γ > 0.

The two-response statements rest on two_response_penalty.py.

Proof of gamma-max. F falls strictly by its slope. As κ → 0 its first term tends to ∞ and the others stay bounded; as
asinh x < x and √(4κ²+1) > 2κ, F < 1/(2κ) - 4κ → -∞. So F takes every value once, and F(κ) > δ* exactly below κ_max.

Proof of gamma-window. With t = asinh(1/(2k)) > 0, F(k) + 4k = t - tanh(t/2), which is 0 at t = 0 and has the slope
(1 + tanh²(t/2))/2 > 0. The box is a second route.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, symbolic
from proofs_checks.kernel.arithmetic import asinh, exp, log, sqrt, tanh
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import nonnegative, positive, real
from proofs_checks.own.searches_cpo import SEARCHES
from proofs_checks.yang_2026 import two_response_penalty as two

_SOURCE = "Yang et al. 2026, Eq. 10, as transcribed"
_KAPPA = {"k": (Fraction(1, 10**9), 10**9)}


def escape_limit(sign=1):
    """lim (J + γ a log ε) - (R - βK + γc) along the escape; the two logs cancel exactly."""
    import sympy

    eps, p, beta, gamma, a = positive("ε p β γ a")
    r_y, others, spread, tilt, rest = real("r_y R K C c")
    divergence = eps * log(eps / p) + (1 - eps) * (log(1 - eps) + spread)
    bounded = eps * r_y + (1 - eps) * others - beta * divergence + gamma * (tilt * log(1 - eps) + rest)
    objective = bounded - gamma * a * log(eps)
    remainder = sympy.expand(objective + gamma * a * log(eps))
    return sympy.limit(remainder, eps, 0, "+") - (others - sign * beta * spread + gamma * rest)


def growth(sign=1):
    """The slope of -γ a log ε in t, ε = e^-t: a positive constant, so no bound as t → ∞."""
    gamma, a, t = positive("γ a t")
    return (-sign * gamma * a * log(exp(-t))).diff(t)


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


def _window_slope(scale=1):
    """Slope of t - tanh(t/2), less (1 + tanh²(t/2))/2."""
    t = positive("t")
    return (t - tanh(t / 2)).diff(t) - scale * (1 + tanh(t / 2) ** 2) / 2


def _window_rises(sign=1):
    return sign * (1 + tanh(positive("t") / 2) ** 2) / 2


def _window_starts(shift=0):
    t = nonnegative("t")
    return (t - tanh(t / 2)).subs(t, 0) + shift


def _summit_falls(sign=1):
    k = positive("κ")
    return two.summit(k).diff(k) + sign * (2 + sqrt(4 * k**2 + 1) / k)


def _fall(sign=1):
    k = positive("κ")
    return sign * (2 + sqrt(4 * k**2 + 1) / k)


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
                "lim (J + γ|c_y| log ε) = R − βK + γc",
                escape_limit,
                controls={"limit with + βK": lambda: escape_limit(sign=-1)},
            ),
            symbolic.positivity_check(
                "−γ|c_y| log ε grows", growth, controls={"γ < 0, or c_y > 0": lambda: growth(sign=-1)}
            ),
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
        checks=(two.SLOPE, SEARCHES["eq-10-stationary"]),
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
            two.SLOPE,
            two.CONCAVE,
            two.SUMMIT,
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
        method="F(k) + 4k = t − tanh(t/2) with t = asinh(1/(2k)): 0 at t = 0, rising by the rules of sign; second "
        "route: branch and bound for k ∈ [10⁻⁹, 10⁹].",
        conclusion="Some γ always ranks the pair right at a local optimum.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "F(k) + 4k = t − tanh(t/2)", _window_in_t, controls={"t − tanh(t)": lambda: _window_in_t(2)}
            ),
            symbolic.check("0 at t = 0", _window_starts, controls={"1 + t − tanh(t/2)": lambda: _window_starts(1)}),
            symbolic.check(
                "slope (1 + tanh²(t/2))/2", _window_slope, controls={"1 + tanh²(t/2)": lambda: _window_slope(2)}
            ),
            symbolic.positivity_check(
                "the slope is positive", _window_rises, controls={"−": lambda: _window_rises(-1)}
            ),
            symbolic.check(
                "F(k) + 4k = asinh(1/(2k)) − 1/(2k + √(4k²+1))",
                _window_form,
                controls={"twice": lambda: _window_form(2)},
                corroborates=True,
            ),
            ball.check(
                "F(k) + 4k > 0",
                _window,
                _KAPPA,
                is_claim=True,
                corroborates=True,
                controls={"F(k) + 3.96 k, 1 % less": lambda k: _window(k, Fraction(396, 100))},
            ),
            SEARCHES["gamma-window"],
        ),
    ),
)
