"""Gradient flow of one pair in tabular softmax logits: its trajectory and the time to leave U.

Proof. The loss sp(-u), u = βh - Ψ, pulls the winner's logit by βσ(-u) and the loser's by -βσ(-u), so δ' = 2βσ(-u)
and u' = 2β²/(1+e^u) > 0. Hence d/dt (u + e^u) = (1 + e^u) u' = 2β², and u(0) = -Ψ. At δ = 0, u = βd - Ψ with d =
|δ_ref|: the time is the difference of u + e^u over 2β². With Ψ = 0 and x = βd that is (x + e^x - 1)/(2β²), where 0 <
x < e^x - 1, as e^x - 1 - x has value and slope 0 at x = 0 and second derivative e^x > 0. For Ψ = βd + s, s ≥ 0, the
excess over d/(2β) is e^{-s}(1 - e^{-βd})/(2β²): positive, below 1/(2β²), and 0 in the limit s → ∞.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, symbolic
from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import nonnegative, positive, real
from proofs_checks.own.searches_failures import SEARCHES
from tabular import flow

_SPEED_BOX = {"β": (Fraction(1, 1000), 1000), "h": (-50, 50), "Ψ": (-50, 50)}


def pulls():
    """u, and what gradient flow of sp(-u), u = βh - Ψ, does to the logits of w and l."""
    beta, (logit_w, logit_l, delta_ref, margin) = positive("β"), real("z_w z_l δ_ref Ψ")
    u = beta * (logit_w - logit_l - delta_ref) - margin
    return beta, u, -softplus(-u).diff(logit_w), -softplus(-u).diff(logit_l)


def _pull(sign=1):
    """dδ/dt - 2βσ(-u)."""
    beta, u, winner, loser = pulls()
    return winner - loser - sign * 2 * beta * sigmoid(-u)


def _clock(scale=1):
    """d/dt (u + e^u) - 2β²."""
    beta, u = positive("β"), real("u")
    speed = 2 * beta**2 / (1 + exp(u))
    return (u + exp(u)).diff(u) * speed - scale * 2 * beta**2


def _speed(β, h, Ψ, less=0):
    return sigmoid(-(β * h - Ψ)) - less


def _speed_sign(sign=1):
    return sign * 2 * positive("β") * sigmoid(-real("u"))


def _escape(scale=1):
    (beta, d), margin = positive("β d"), real("Ψ")
    start, end = -margin, beta * d - margin
    time = (end + exp(end) - start - exp(start)) / (2 * beta**2)
    return time - (beta * d + scale * exp(-margin) * (exp(beta * d) - 1)) / (2 * beta**2)


def _excess(order, linear=1, constant=1):
    """e^x - 1 - x: value and slope at 0."""
    x = positive("x")
    return (exp(x) - constant - linear * x).diff(x, order).subs(x, 0)


def _excess_curvature(sign=1):
    x = positive("x")
    return sign * (exp(x) - 1 - x).diff(x, 2)


def _linear_rest(sign=1):
    """Time less d/(2β), with Ψ = βd + s, against e^{-s}(1 - e^{-βd})/(2β²)."""
    (beta, d), s = positive("β d"), nonnegative("s")
    margin = beta * d + s
    time = (beta * d + exp(-margin) * (exp(beta * d) - 1)) / (2 * beta**2)
    return time - d / (2 * beta) - sign * exp(-s) * (1 - exp(-beta * d)) / (2 * beta**2)


def _below_bound(sign=1):
    """1 - e^{-s}(1 - e^{-x}) = (1 - e^{-s}) + e^{-s-x}, with e^s = 1 + a, a ≥ 0."""
    a, x = nonnegative("a"), positive("x")
    return sign * (a / (1 + a) + exp(-x) / (1 + a))


def _bound_form(sign=1):
    a, x = nonnegative("a"), positive("x")
    s = log(1 + a)
    return 1 - exp(-s) * (1 - exp(-x)) - sign * (a / (1 + a) + exp(-x) / (1 + a))


def _excess_is_positive(sign=1):
    """e^{-s}(1 - e^{-x}) with e^x = 1 + a."""
    a, s = positive("a"), nonnegative("s")
    return sign * exp(-s) * a / (1 + a)


def _excess_limit(start=0):
    """e^{-s} as s → ∞, or e^{-s} where s ends."""
    import sympy

    s = nonnegative("s")
    return sympy.limit(exp(-s), s, sympy.oo if start == 0 else start)


def _library_misses_zero(β, d, Ψ, scale=1.0):
    """How far the library's trajectory is from δ = 0 at its own escape time, beyond rounding."""
    time = float(flow.escape_time(-d, β, Ψ))
    return abs(float(flow.margin_at(scale * time, -d, β, Ψ))) - 1e-7 * (1 + d + abs(Ψ) / β)


_PULL = symbolic.check("δ′ = 2βσ(−u)", _pull, controls={"sign flipped": lambda: _pull(-1)})

STATEMENTS = (
    Statement(
        id="flow-trajectory",
        title="Gradient flow of one pair in closed form",
        source="own derivation, in the file",
        hypotheses="One pair, tabular softmax logits, flow from π_ref, loss sp(−u), u = βh − Ψ with a fixed margin Ψ, "
        "β > 0.",
        claim="u + e^u = 2β²t + e^{−Ψ} − Ψ.",
        method="δ′ = 2βσ(−u) from the gradient, and d(u + e^u)/dt = 2β²: identities.",
        conclusion="The whole trajectory is a Wright omega function of time.",
        expected=Verdict.PROVED,
        checks=(
            _PULL,
            symbolic.check("d(u + e^u)/dt = 2β²", _clock, controls={"4β²": lambda: _clock(2)}),
            SEARCHES["flow-trajectory"],
        ),
    ),
    Statement(
        id="flow-monotone",
        title="The flow never stops and never turns",
        source="own derivation, in the file",
        hypotheses="As in flow-trajectory.",
        claim="δ rises strictly at all times.",
        method="δ′ = 2βσ(−u), an identity, positive by the rules of sign; second route: branch and bound for "
        "β ∈ [1/1000, 1000], |h|, |Ψ| ≤ 50.",
        conclusion="A trapped policy is slow, not stuck.",
        expected=Verdict.PROVED,
        checks=(
            _PULL,
            symbolic.positivity_check("2βσ(−u) > 0", _speed_sign, controls={"−": lambda: _speed_sign(-1)}),
            ball.check(
                "σ(−(βh − Ψ)) > 0",
                _speed,
                _SPEED_BOX,
                is_claim=True,
                corroborates=True,
                controls={"> 1/1000": lambda β, h, Ψ: _speed(β, h, Ψ, Fraction(1, 1000))},
            ),
            SEARCHES["flow-monotone"],
        ),
    ),
    Statement(
        id="escape-time",
        title="Time to leave U",
        source="own derivation, in the file",
        hypotheses="As in flow-trajectory, δ_ref = −d < 0.",
        claim="δ = 0 is reached at t = [βd + e^{−Ψ}(e^{βd} − 1)]/(2β²).",
        method="Difference of u + e^u between the ends, an identity; second route: the library's trajectory at that "
        "time.",
        conclusion="Escape is certain, and its time known.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the time", _escape, controls={"2 e^{−Ψ}": lambda: _escape(2)}),
            in_library(
                "δ = 0 at that time",
                _library_misses_zero,
                {"β": (0.01, 10), "d": (0.01, 20), "Ψ": (-5, 5)},
                draws=200,
                scale=0.5,
            ),
        ),
    ),
    Statement(
        id="escape-time-exponential",
        title="For DPO the escape time is exponential in β|δ_ref|",
        source="own derivation, in the file",
        hypotheses="As in escape-time, Ψ = 0, x = βd > 0.",
        claim="e^x − 1 < 2β²t < 2(e^x − 1).",
        method="2β²t = x + e^x − 1 and 0 < x < e^x − 1, by value, slope and convexity at 0.",
        conclusion="Doubling β|δ_ref| squares the waiting time, up to a factor.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "e^x − 1 − x = 0 at 0", lambda: _excess(0), controls={"e^x − 2 − x": lambda: _excess(0, constant=2)}
            ),
            symbolic.check("its slope is 0 at 0", lambda: _excess(1), controls={"with 2x": lambda: _excess(1, 2)}),
            symbolic.positivity_check("it is convex", _excess_curvature, controls={"−": lambda: _excess_curvature(-1)}),
            SEARCHES["escape-time-exponential"],
        ),
    ),
    Statement(
        id="escape-time-linear",
        title="A margin of βd makes the escape time linear",
        source="own derivation, in the file",
        hypotheses="As in escape-time, Ψ ≥ βd.",
        claim="d/(2β) < t < d/(2β) + 1/(2β²), and t → d/(2β) as Ψ grows.",
        method="The excess is e^{−s}(1 − e^{−βd})/(2β²) with s = Ψ − βd (identity), positive and below 1/(2β²) by the "
        "rules of sign, with limit 0.",
        conclusion="A target margin removes the exponential wait.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the excess", _linear_rest, controls={"sign flipped": lambda: _linear_rest(-1)}),
            symbolic.check("1 − e^{−s}(1 − e^{−x})", _bound_form, controls={"sign flipped": lambda: _bound_form(-1)}),
            symbolic.positivity_check("it is positive", _below_bound, controls={"−": lambda: _below_bound(-1)}),
            symbolic.positivity_check(
                "the excess is positive", _excess_is_positive, controls={"−": lambda: _excess_is_positive(-1)}
            ),
            symbolic.check("e^{−s} → 0", _excess_limit, controls={"up to s = 9 only": lambda: _excess_limit(9)}),
            SEARCHES["escape-time-linear"],
        ),
    ),
)
