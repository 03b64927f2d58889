"""Equations 13 to 19: stationarity of the penalised objective, its exact margin, and the reference margin put in its
place.

Proof of eq-13. The Lagrangian of Eq. 10 is separable; its derivative in π_y is r_y - β log(π_y/π_ref,y) - β + γ
c_y/π_y - μ. With r = β log(π*/π_ref) + V and ν collecting the constants over β: log π_y = log π*_y + κ c_y/π_y - ν.
The difference of two such lines with c_w = 1, c_l = -1 is δ = δ* + κ(1/π_w + 1/π_l).

Proof of eq-13-lambert. Put w = log(π e^ν/π*), so π = π* e^{w-ν}. Stationarity says w = κc/π, that is w e^w = κ c
e^ν/π* for every real w: both branches of W at once. φ(v) = 1 + (v-1)e^v with v = w + 1 has φ(0) = 0 and φ'(v) = v
e^v, so w e^w ≥ -1/e, with equality at w = -1: for c < 0 a real solution needs κ|c|e^ν/π* ≤ 1/e.
"""

from fractions import Fraction

from proofs_checks.kernel import search, symbolic
from proofs_checks.kernel.arithmetic import cosh, exp, least, log, sigmoid, softplus
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_cpo import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import CONVEX

_SOURCE = "Yang et al. 2026, Eq. {}, as transcribed"


def _stationary(sign=1):
    policy, ref, optimum, beta, gamma = positive("π π_ref π* β γ")
    value, c, mu = real("V c μ")
    reward = beta * log(optimum / ref) + value
    lagrangian = policy * reward - beta * policy * log(policy / ref) + gamma * c * log(policy) - mu * policy
    nu = (mu + beta - value) / beta
    return lagrangian.diff(policy) - beta * (log(optimum) + sign * gamma / beta * c / policy - nu - log(policy))


def _margin(sign=1):
    """Difference of the stationarity lines of w and l, with log π* = log π_ref + r/β - const."""
    policy_w, policy_l, ref_w, ref_l, beta, gamma = positive("π_w π_l ρ_w ρ_l β γ")
    reward_w, reward_l, nu = real("r_w r_l ν")
    line_w = beta * log(ref_w) + reward_w + gamma / policy_w - nu
    line_l = beta * log(ref_l) + reward_l - gamma / policy_l - nu
    exact = gamma * (1 / policy_w + sign / policy_l)
    return (line_w - line_l) - beta * (log(ref_w) - log(ref_l)) - (reward_w - reward_l) - exact


def _lambert(scale=1):
    """log π - log π* - κc/π + ν for π = π* e^{w-ν} and κc = w e^w π* e^{-ν}."""
    optimum, w_sign = positive("π*"), real("w")
    nu = real("ν")
    policy = optimum * exp(w_sign - nu)
    kappa_c = scale * w_sign * exp(w_sign) * optimum * exp(-nu)
    return log(optimum) + w_sign - nu - log(optimum) - kappa_c / policy + nu


def _branch(order, shift=0):
    """φ(v) = 1 + (v-1)e^v: its value at 0, and φ'(v) - v e^v."""
    v = real("v")
    phi = 1 + shift + (v - 1) * exp(v)
    return phi.subs(v, 0) if order == 0 else phi.diff(v) - (1 + shift) * v * exp(v)


def _two_responses(scale=1):
    delta = real("δ")
    return 1 / sigmoid(delta) + 1 / sigmoid(-delta) - 2 * scale * (1 + cosh(delta)).rewrite(exp)


def _cosh_gap(sign=1):
    """cosh a - cosh b as a product with the sign of |a| - |b|."""
    import sympy

    a, b = real("a b")
    gap = (cosh(a) - cosh(b)).rewrite(exp)
    return gap - sign * (2 * sympy.sinh((a + b) / 2) * sympy.sinh((a - b) / 2)).rewrite(exp)


def _exact_margin(κ, δ):
    return κ * (2 + 2 * cosh(δ))


def _is_local_maximum(κ, δ):
    """1 - 2κ sinh δ, positive at the local maximum."""
    return 1 - κ * (exp(δ) - exp(-δ))


def _reward_difference(κ, δ_ref, δ):
    """Δr/β = δ* - δ_ref at a stationary δ, where δ* = δ - 2κ(1 + cosh δ)."""
    return δ - _exact_margin(κ, δ) - δ_ref


def _substitution_is_off(κ, δ_ref, δ):
    """Positive where Ψ_ref/β is more than 1/100 from Ψ*/β at a local maximum δ, the winner truly better: Δr > 0."""
    distance = abs(_exact_margin(κ, δ_ref) - _exact_margin(κ, δ))
    return least(_is_local_maximum(κ, δ), _reward_difference(κ, δ_ref, δ), distance - Fraction(1, 100))


def _missing(κ, δ_ref, δ):
    """(Ψ* - Ψ_ref)/β."""
    return _exact_margin(κ, δ) - _exact_margin(κ, δ_ref)


def _understated(κ, δ_ref, δ):
    """Positive where δ_ref < 0 < Δr and yet Ψ_ref < Ψ* at a local maximum."""
    return least(_is_local_maximum(κ, δ), _reward_difference(κ, δ_ref, δ), -δ_ref, _missing(κ, δ_ref, δ))


def _understated_though_trapped(κ, δ_ref, δ):
    """Positive where Ψ_ref < Ψ* on U, δ_ref < δ < 0."""
    return least(_missing(κ, δ_ref, δ), δ - δ_ref, -δ)


_MARGIN_SPACE = {"κ": (Fraction(1, 100), 1), "δ_ref": (-6, 6), "δ": (-6, 6)}


def _signed_margin_slope(sign=1):
    """dL/dδ of p sp(-(βh-Ψ)) + (1-p) sp(βh-Ψ) at δ_ref + (Δr+Ψ)/β, p = σ(Δr)."""
    beta, margin = positive("β Ψ")
    delta, delta_ref, reward = real("δ δ_ref Δr")
    u, p = beta * (delta - delta_ref) - margin, sigmoid(reward)
    loss = p * softplus(-u) + (1 - p) * softplus(u)
    return loss.diff(delta).subs(delta, delta_ref + (reward + sign * margin) / beta)


def _positive_iff(sign=1):
    """β δ - (1/π_w + 1/π_l)(γ - γ_0) with γ_0 = -(βδ_ref + Δr)/(1/π_w + 1/π_l)."""
    beta, gamma, ref_w, ref_l = positive("β γ π_w π_l")
    delta_ref, reward = real("δ_ref Δr")
    inverse = 1 / ref_w + 1 / ref_l
    optimum = delta_ref + (reward + gamma * inverse) / beta
    return beta * optimum - inverse * (gamma + sign * (beta * delta_ref + reward) / inverse)


def _turns_elsewhere(Δr, Ψ):
    """Each label with its own +Ψ: how far the slope at βh = Δr + Ψ is from 0, less 1/100."""
    u = Δr + Ψ
    slope = sigmoid(-Δr) * sigmoid(u + Ψ) - sigmoid(Δr) * sigmoid(Ψ - u)
    return abs(slope) - Fraction(1, 100)


def _turns_elsewhere_signed(Δr, Ψ):
    """The margin with the sign of the pair: the slope at the same point."""
    u = Δr + Ψ
    slope = sigmoid(-Δr) * sigmoid(u - Ψ) - sigmoid(Δr) * sigmoid(Ψ - u)
    return abs(slope) - Fraction(1, 100)


def _triangle(sign=1):
    """Margins around 1 > 2 > 3: Ψ_12 + Ψ_23 - Ψ_13 - 2γ/π_2."""
    gamma, p1, p2, p3 = positive("γ π_1 π_2 π_3")
    margin_12, margin_23, margin_13 = (gamma * (1 / a + 1 / b) for a, b in ((p1, p2), (p2, p3), (p1, p3)))
    return margin_12 + margin_23 - margin_13 - sign * 2 * gamma / p2


def _defect(sign=1):
    gamma, p2 = positive("γ π_2")
    return sign * 2 * gamma / p2


STATEMENTS = (
    Statement(
        id="eq-13",
        title="Stationarity of Eq. 10 and the exact margin",
        source=_SOURCE.format("13–16"),
        hypotheses="Any finite responses, β, γ > 0, c_y the weighted wins less losses of y.",
        claim="Stationary policies satisfy log π = log π* + κ c/π − ν; for one pair β(δ − δ_ref) = Δr + Ψ* with "
        "Ψ* = γ(1/π_w + 1/π_l).",
        method="Identity of the Lagrangian's derivative; difference of its lines for w and l.",
        conclusion="True, with π itself in the margin: an implicit equation.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the Lagrangian", _stationary, controls={"c flipped": lambda: _stationary(sign=-1)}),
            symbolic.check("Ψ* = γ(1/π_w + 1/π_l)", _margin, controls={"1/π_w − 1/π_l": lambda: _margin(sign=-1)}),
            SEARCHES["eq-13"],
        ),
    ),
    Statement(
        id="eq-13-lambert",
        title="Stationary policies through Lambert W",
        source="own derivation, in the file",
        hypotheses="As in eq-13.",
        claim="π = π* e^{−ν} where c = 0, else π = κc/W(κ c e^ν/π*); for c < 0 two branches, real iff κ|c|e^ν/π* ≤ "
        "1/e.",
        method="Identities in w = κc/π of either sign; w e^w ≥ −1/e because φ′(v) = v e^v has the sign of v.",
        conclusion="One scalar ν, fixed by Σπ = 1, gives every stationary policy.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("w e^w = κ c e^ν/π*", _lambert, controls={"2 c": lambda: _lambert(2)}),
            symbolic.check("φ(0) = 0", lambda: _branch(0), controls={"φ + 1": lambda: _branch(0, 1)}),
            symbolic.check("φ′(v) = v e^v", lambda: _branch(1), controls={"2 v e^v": lambda: _branch(1, 1)}),
            SEARCHES["eq-13-lambert"],
        ),
    ),
    Statement(
        id="eq-17",
        title="The reference margin equals the exact one",
        source=_SOURCE.format("17"),
        hypotheses="Two responses, one pair, Δr > 0, at the local maximum of Eq. 10.",
        claim="Ψ_ref = γ(1/π_ref,w + 1/π_ref,l) equals Ψ* = γ(1/π_w + 1/π_l).",
        method="Search for a local maximum with the two margins at least β/100 apart; certified in ball arithmetic.",
        conclusion="Eq. 17 is an approximation.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "|Ψ_ref − Ψ*| > β/100",
                _substitution_is_off,
                _MARGIN_SPACE,
                controls={"with δ = δ_ref": lambda κ, δ_ref, δ: _substitution_is_off(κ, δ, δ)},
            ),
        ),
    ),
    Statement(
        id="eq-17-overstates",
        title="When the reference margin overstates",
        source="own derivation, in the file",
        hypotheses="Two responses, one pair.",
        claim="Ψ_ref > Ψ* iff |δ_ref| > |δ|; on U always.",
        method="1/σ(δ) + 1/σ(−δ) = 2 + 2 cosh δ, and cosh a − cosh b = 2 sinh((a+b)/2) sinh((a−b)/2): identities.",
        conclusion="While the policy is trapped the substitute pushes harder than the exact margin.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("margin as cosh", _two_responses, controls={"twice": lambda: _two_responses(2)}),
            symbolic.check("cosh a − cosh b", _cosh_gap, controls={"sign flipped": lambda: _cosh_gap(-1)}),
            search.nothing_found(
                "Ψ_ref ≥ Ψ* on U",
                _understated_though_trapped,
                _MARGIN_SPACE,
                controls={"without δ < 0": _understated},
                corroborates=True,
            ),
        ),
    ),
    Statement(
        id="eq-17-overstates-always",
        title="A misaligned reference always overstates the margin",
        source="what the substitution is often taken to do",
        hypotheses="Two responses, one pair, δ_ref < 0 < Δr, at the local maximum of Eq. 10.",
        claim="Ψ_ref ≥ Ψ*.",
        method="Search for δ_ref < 0 with Ψ_ref < Ψ*; certified in ball arithmetic.",
        conclusion="False once the optimum is further from 0 than the reference, |δ| > |δ_ref|: see eq-17-overstates.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "δ_ref < 0 and Ψ_ref < Ψ*",
                _understated,
                _MARGIN_SPACE,
                controls={"on U": _understated_though_trapped},
            ),
        ),
    ),
    Statement(
        id="eq-19",
        title="Population optimum of the reference-margin loss",
        source=_SOURCE.format("17–19"),
        hypotheses="One pair with rates σ(±Δr); the margin Ψ > 0 fixed and carried with the sign of the pair.",
        claim="δ = δ_ref + (Δr + Ψ)/β; with Ψ = Ψ_ref it is positive iff γ > −(βδ_ref + Δr)/(1/π_ref,w + 1/π_ref,l).",
        method="The derivative of p sp(−u) + (1 − p) sp(u), u = βh − Ψ, vanishes there (identity) and rises, as "
        "β²σ(1 − σ) > 0; β δ is linear in γ: identity.",
        conclusion="Any misranked pair is repaired by a finite γ, in closed form.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("slope 0", _signed_margin_slope, controls={"−Ψ": lambda: _signed_margin_slope(-1)}),
            *CONVEX,
            symbolic.check("positive iff", _positive_iff, controls={"sign flipped": lambda: _positive_iff(-1)}),
            SEARCHES["eq-19"],
        ),
    ),
    Statement(
        id="eq-19-each-label",
        title="The same optimum with the margin added to each label",
        source="a reading of Eq. 17–19",
        hypotheses="One pair with rates σ(±Δr); each label, also the reversed one, carries its own +Ψ, as the loss "
        "is written.",
        claim="The optimum is δ_ref + (Δr + Ψ)/β.",
        method="Search for a slope that is not 0 there; certified in ball arithmetic.",
        conclusion="False: the two margins pull against each other. The closed form needs a margin with the sign of "
        "the pair.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "the slope there is off 0 by 1/100",
                _turns_elsewhere,
                {"Δr": (-3, 3), "Ψ": (Fraction(1, 10), 3)},
                controls={"margin with the sign of the pair": _turns_elsewhere_signed},
            ),
        ),
    ),
    Statement(
        id="triangle-defect",
        title="Reference margins contradict one another around a triangle",
        source="own derivation, in the file",
        hypotheses="Three responses, labels 1 > 2, 2 > 3, 1 > 3, γ > 0.",
        claim="Ψ_12 + Ψ_23 − Ψ_13 = 2γ/π_2 > 0: no policy meets the three targets at once.",
        method="Identity, sign by the rules of sign.",
        conclusion="With three or more labelled responses the E-CPO optimum is a compromise.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("the defect is 2γ/π_2", _triangle, controls={"−2γ/π_2": lambda: _triangle(-1)}),
            symbolic.positivity_check("2γ/π_2 > 0", _defect, controls={"−": lambda: _defect(-1)}),
            SEARCHES["triangle-defect"],
        ),
    ),
)
