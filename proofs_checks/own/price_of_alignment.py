"""The price of alignment and what a preference cycle does to it.

Proof of price. At the projection log π = log π* - log S + t with t = Aᵀλ and S = Σ π* e^t (m = 0). KL(π‖π*) = Σ π (t
- log S) = Σ_labels λ(π_w - π_l) - log S, and each λ(π_w - π_l) is 0 by complementary slackness: the price is -β log
S, with π* e^t the un-normalised projection.

Proof of cycle. Along labels 1 > 2 > 3 > 1 with margins m_i and slacks s_i ≥ 0: π_1 = e^{m_1} π_2 + s_1, and so on
round the cycle, so (1 - e^{m_1+m_2+m_3}) π_1 = s_1 + e^{m_1} s_2 + e^{m_1+m_2} s_3 ≥ 0. With a total
margin M > 0, e^M - 1 = 2e^{M/2} sinh(M/2) > 0, so π_1 = 0, and likewise all members; with total 0 every slack is 0:
with m = 0 the members are equal. A longer cycle adds terms of the same kind. Where every response is on a cycle with
M > 0 nothing is left to sum to 1.
"""

from fractions import Fraction

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from tabular import Preferences, Problem, cpo


def _price(sign=1):
    """Σ π log(π/π*) on three responses with labels 0 > 1 and 1 > 2, less Σ λ(π_w - π_l) - log S."""
    stars, (first, second) = positive("p q r"), real("λ_1 λ_2")
    tilt = (first, second - first, -second)
    total = sum(p * exp(t) for p, t in zip(stars, tilt, strict=True))
    policy = [p * exp(t) / total for p, t in zip(stars, tilt, strict=True)]
    divergence = sum(p * (t - log(total)) for p, t in zip(policy, tilt, strict=True))
    slack = first * (policy[0] - policy[1]) + second * (policy[1] - policy[2])
    return divergence - (slack - sign * log(total))


def _log_ratio(scale=1):
    """log(π/π*) = t - log S."""
    star, total, tilt = *positive("π* S"), real("t")
    return log(star * exp(tilt) / total) - log(star) - scale * tilt + log(total)


def _around(power=1):
    """(1 - e^M) π_1 less the sum of the slacks carried round."""
    slack_1, slack_2, slack_3, end = positive("s_1 s_2 s_3 p")
    m_1, m_2, m_3 = real("m_1 m_2 m_3")
    third = exp(m_3) * end + slack_3
    second = exp(m_2) * third + slack_2
    first = exp(m_1) * second + slack_1
    carried = slack_1 + exp(m_1) * slack_2 + exp(m_1 + m_2) * slack_3
    return (first - exp(power * (m_1 + m_2 + m_3)) * end) - carried


def _forced_form(scale=2):
    """e^M - 1 - 2e^{M/2} sinh(M/2)."""
    import sympy

    m = real("M")
    return exp(m) - 1 - scale * exp(m / 2) * sympy.sinh(m / 2)


def _forced(sign=1):
    import sympy

    m = positive("M")
    return exp(m / 2) * sympy.sinh(sign * m / 2)


def _library_price_differs(a, b, c, scale=1.0):
    """Library price for 0 ≥ 1 ≥ 2 against -β log S from its multipliers, β = 1/2."""
    problem = Problem.from_unnormalized([a, b, c], 0.5, [0.0, 0.0, 0.0])
    best = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 2)]))
    first, second = (float(x) / 0.5 for x in best.multipliers)
    star = [float(exp(x)) for x in problem.log_ref[0]]
    total = sum(p * exp(t) for p, t in zip(star, (first, second - first, -second), strict=True))
    return abs(float(best.price[0]) + scale * 0.5 * log(total)) - 1e-9


def _cycle_survives(margin, a, b, c, d, share=1.0):
    """Total mass the library leaves on a cycle of three with positive margins, beyond 1e-12."""
    problem = Problem.from_unnormalized([a, b, c, d], 1.0, [0.0] * 4)
    best = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 2), (2, 0)]), share * margin)
    return float(sum(exp(float(x)) for x in best.log_policy[0][:3] if x > -1e3)) - 1e-12


_LOGITS = dict.fromkeys("abc", (-4, 4))

STATEMENTS = (
    Statement(
        id="price",
        title="The price of alignment",
        source="own derivation, in the file",
        hypotheses="m = 0, any partial order.",
        claim="V − J = β KL(π‖π*) = −β log S, S the sum of the un-normalised projection of π*.",
        method="log(π/π*) = t − log S and the labels' slack terms vanish: identities, written out for two labels; "
        "second route: "
        "the library's price.",
        conclusion="The price is a by-product of the projection.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("log(π/π*) = t − log S", _log_ratio, controls={"2t": lambda: _log_ratio(2)}),
            symbolic.check("KL = Σ λ(π_w − π_l) − log S", _price, controls={"+ log S": lambda: _price(-1)}),
            in_library("the price", _library_price_differs, _LOGITS, scale=1.01),
        ),
    ),
    Statement(
        id="cycle",
        title="What a preference cycle forces",
        source="own derivation, in the file",
        hypotheses="Labels around a cycle with margins of total M ≥ 0.",
        claim="M = 0 makes every constraint of the cycle tight (members equal at m = 0); M > 0 forces all members to "
        "0, so that no policy is left where every response is on such a cycle.",
        method="(1 − e^M)π_1 is a sum of slacks ≥ 0: identity, written out for three responses; a longer cycle adds "
        "terms of the same kind. e^M − 1 > 0 by the rules of sign; second route: the library.",
        conclusion="Contradictory labels are not averaged: they are equalised, or wiped out.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("(1 − e^M)π_1 = Σ slacks", _around, controls={"e^{2M}": lambda: _around(2)}),
            symbolic.check(
                "e^M − 1 = 2e^{M/2} sinh(M/2)", _forced_form, controls={"factor 1": lambda: _forced_form(1)}
            ),
            symbolic.positivity_check("positive for M > 0", _forced, controls={"M < 0": lambda: _forced(-1)}),
            in_library(
                "nothing is left on the cycle",
                _cycle_survives,
                {"margin": (Fraction(1, 100), 3), **_LOGITS, "d": (-4, 4)},
                draws=80,
                share=0.0,
            ),
        ),
    ),
)
