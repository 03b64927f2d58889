"""The hard constraint π_w ≥ e^m π_l: a KL projection of π*, in closed form for one pair and certified for any instance.

Proof of hard-one-pair. Minimise KL(π‖π*) subject to π_w - e^m π_l ≥ 0: convex (d²/dπ² π log π = 1/π > 0), with a
linear constraint, so the KKT conditions are sufficient. π_w ∝ π*_w e^λ, π_l ∝ π*_l e^{-λe^m}, the others ∝ π* (λ per
unit of β) is stationary, and δ = δ* + λ(1+e^m). Either λ = 0 and δ* ≥ m, or λ = (m-δ*)/(1+e^m) > 0 and δ = m:
complementary slackness holds in both cases.

Proof of hard-gap. Let t = Aᵀλ (+λ for the winner, -λe^m for the loser of each label), S = Σ π* e^t and π_λ = π* e^t/S.
Response by response log(π/π*) = log(π/π_λ) + t - log S; with Σ π t = Σ λ(π_w - e^m π_l), KL(π‖π*) + log S = KL(π‖π_λ) +
Σ λ(π_w - e^m π_l). For feasible π and λ ≥ 0 the right side is at least 0: -log S bounds min KL from below, and the gap
KL(π‖π*) + log S bounds what π has to lose. At the optimum's own λ°, π_λ° is the optimum, with slacks λ°(...) = 0: so
KL(π‖optimum) ≤ KL(π‖π*) - min KL ≤ gap, and ‖π - optimum‖₁² ≤ 2 gap by Pinsker's inequality.
"""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_cpo import SEARCHES
from tabular import Preferences, Problem, cpo


def _stationary(response, wrong=False):
    """Derivative of the Lagrangian at the claimed solution, less a constant that is the same for all responses."""
    policy, optimum, total, multiplier = positive("π π* S λ")
    margin = real("m")
    coefficient = {"w": 1, "l": -exp(margin), "other": 0}[response]  # of the constraint π_w - e^m π_l ≥ 0
    claimed = coefficient if not wrong else {"w": -1, "l": -1, "other": 1}[response]
    slope = (policy * log(policy / optimum)).diff(policy) - multiplier * coefficient
    return slope.subs(policy, optimum * exp(multiplier * claimed) / total) - (1 - log(total))


def _tight(share=1):
    """δ - m at λ = (m - δ*)/(1 + e^m)."""
    margin, delta_star = real("m δ*")
    multiplier = share * (margin - delta_star) / (1 + exp(margin))
    return delta_star + multiplier + multiplier * exp(margin) - margin


def _convex(sign=1):
    policy, optimum = positive("π π*")
    return sign * (policy * log(policy / optimum)).diff(policy, 2)


def _gap_pointwise(sign=1):
    """π log(π/π*) less π log(π/π_λ) + π t - π log S."""
    (policy, optimum, total), tilt = positive("π π* S"), real("t")
    dual = optimum * exp(tilt) / total
    return policy * (log(policy / optimum) - log(policy / dual) - tilt + sign * log(total))


def kkt_in_rationals(base, policy, winner, loser, ratio, price_factor):
    """One constraint π_w ≥ ratio π_l with an integer ratio: KKT in multiplicative form, all numbers rational.

    Stationarity says π/π* = S^-1 on other responses, S^-1 E on the winner, S^-1 E^-ratio on the loser, E = e^λ ≥ 1.
    """
    tilt = [p / q for p, q in zip(policy, base, strict=True)]
    other = {t for y, t in enumerate(tilt) if y not in (winner, loser)}
    up, down = tilt[winner] / price_factor, tilt[loser] / price_factor
    stationary = other == {price_factor} and down * up**ratio == 1
    return sum(policy) == 1 and stationary and up >= 1 and policy[winner] == ratio * policy[loser]


def rationals(text):
    return [Fraction(part) for part in text.split()]


def example(base, policy, winner, loser, ratio, price_factor):
    """The finding of :func:`kkt_in_rationals` on numbers written as text."""
    holds = kkt_in_rationals(rationals(base), rationals(policy), winner, loser, ratio, Fraction(price_factor))
    return Finding(holds, "KKT in rational arithmetic" if holds else "KKT fails", 0.0, f"π* = {base}, π = {policy}")


def _random_instances(count=30):
    """Acyclic labels with rational margins e^m ∈ {1, 3/2, 2, 4} on three to six responses."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        n = int(rng.integers(3, 7))
        base = [Fraction(int(k)) for k in rng.integers(1, 60, n)]
        order, pairs = rng.permutation(n), set()
        for _ in range(int(rng.integers(1, 6))):
            first, second = sorted(rng.choice(n, 2, replace=False))
            pairs.add((int(order[first]), int(order[second])))
        ratios = [Fraction(int(k), 2) for k in rng.choice([2, 3, 4, 8], len(pairs))]
        yield [p / sum(base) for p in base], [(*pair, r) for pair, r in zip(sorted(pairs), ratios, strict=True)]


def _certified_gaps(shift=0.0, bound=1e-8):
    """The library's optimum of every instance, its gap enclosed; ``shift`` spoils the multipliers."""
    from proofs_checks.kernel.certificates import projection_gap

    worst, count = 0.0, 0
    for base, constraints in _random_instances():
        problem = Problem.from_probabilities([float(p) for p in base], 1.0, [0.0] * len(base))
        labels = Preferences.from_pairs([(w, loser) for w, loser, _ in constraints])
        best = cpo.constrained_optimum(problem, labels, np.log([float(r) for *_, r in constraints]))
        gap = projection_gap(best.log_policy, best.multipliers + shift, base, constraints)
        worst, count = max(worst, float(gap.hi)), count + 1
    return Finding(worst < bound, f"{count} instances, primal less dual enclosed", worst)


_RESPONSES = ("w", "l", "other")

STATEMENTS = (
    Statement(
        id="hard-one-pair",
        title="The hard constraint on one pair, in closed form",
        source="own derivation, in the file",
        hypotheses="Any finite responses, one constraint π_w ≥ e^m π_l.",
        claim="λ/β = max(0, m − δ*)/(1 + e^m), π_w ∝ π*_w e^{λ/β}, π_l ∝ π*_l e^{−λe^m/β}, the others ∝ π*.",
        method="KKT of a convex program: stationarity in the three roles and tightness as identities, convexity by "
        "the rules "
        "of sign.",
        conclusion="Alignment of one pair costs nothing if δ* ≥ m, and moves only that pair's odds otherwise.",
        expected=Verdict.PROVED,
        checks=(
            *(
                symbolic.check(
                    f"stationary in π_{name}",
                    lambda y=name: _stationary(y),
                    controls={"another exponent": lambda y=name: _stationary(y, wrong=True)},
                )
                for name in _RESPONSES
            ),
            symbolic.check("δ = m", _tight, controls={"half of λ": lambda: _tight(Fraction(1, 2))}),
            symbolic.positivity_check("convex", _convex, controls={"concave": lambda: _convex(-1)}),
            SEARCHES["hard-one-pair"],
        ),
    ),
    Statement(
        id="hard-example-margin",
        title="An example with a margin",
        source="own derivation, in the file",
        hypotheses="π* = (.1, .4, .5), π_0 ≥ 2 π_1.",
        claim="The optimum is (1/4, 1/8, 5/8), at a price of β log(5/4).",
        method="KKT in multiplicative form, in rational arithmetic.",
        conclusion="A worked example that needs no solver.",
        expected=Verdict.CERTIFIED,
        checks=(
            Check(
                "KKT",
                Quantifier.EXHAUSTIVE,
                lambda: example("1/10 2/5 1/2", "1/4 1/8 5/8", 0, 1, 2, "5/4"),
                (
                    Control("(.3, .15, .55)", lambda: example("1/10 2/5 1/2", "3/10 3/20 11/20", 0, 1, 2, "11/10")),
                    Control("(1/4, 1/4, 1/2)", lambda: example("1/10 2/5 1/2", "1/4 1/4 1/2", 0, 1, 2, "1")),
                ),
            ),
        ),
    ),
    Statement(
        id="hard-gap",
        title="What a duality gap proves of any instance",
        source="own derivation, in the file",
        hypotheses="Acyclic labels with any margins m, π with π_w ≥ e^m π_l on all of them, multipliers λ ≥ 0 (per "
        "unit of β), t = Aᵀλ, S = Σ π* e^t.",
        claim="−log S ≤ min KL ≤ KL(π‖π*), and π is within ‖·‖₁² ≤ 2 (KL(π‖π*) + log S) of the optimum.",
        method="KL(π‖π*) + log S = KL(π‖π_λ) + Σ λ(π_w − e^m π_l), an identity response by response; KL ≥ 0 (as in "
        "rlhf-closed-form) and Pinsker's inequality.",
        conclusion="A policy and multipliers prove their own error: no solver has to be believed.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "log(π/π*) = log(π/π_λ) + t − log S", _gap_pointwise, controls={"+ log S": lambda: _gap_pointwise(-1)}
            ),
            SEARCHES["hard-gap"],
        ),
    ),
    Statement(
        id="hard-any",
        title="The library's optimum under acyclic hard constraints",
        source="own derivation, in the file",
        hypotheses="Acyclic labels, margins m ≥ 0.",
        claim="The library's optimum is the KL projection of π* onto {π_w ≥ e^m π_l}.",
        method="Random instances with rational π* and e^m: the gap of hard-gap enclosed in ball arithmetic; the "
        "solver's status is not used.",
        conclusion="Each instance tried is optimal to within its certified gap (hard-gap); of all others it is "
        "supported, no more.",
        expected=Verdict.SUPPORTED,
        checks=(
            Check(
                "duality gap below 1e-8",
                Quantifier.CASES,
                _certified_gaps,
                (Control("multipliers off by 0.01", lambda: _certified_gaps(shift=0.01)),),
            ),
            SEARCHES["hard-any"],
        ),
    ),
)
