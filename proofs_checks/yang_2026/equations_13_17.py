"""Equations 13 to 19: stationarity of the penalised objective, its exact margin, and the reference margin put in its
place."""

import functools
from fractions import Fraction

import numpy as np
import sympy
from scipy.special import lambertw

from proofs_checks.kernel.arithmetic import cosh, derivative, exp, log, sigmoid, sinh, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from proofs_checks.spaces import penalty
from proofs_checks.spaces.pair import Ψ, Δr, measured, β, γ, δ, δ_ref, κ
from proofs_checks.spaces.pairs import PAIR
from proofs_checks.spaces.penalty import level
from proofs_checks.spaces.problems import problem, problem_of
from tabular import Preferences, cpo, rlhf

__all__ = ["ANYWHERE", "DEFECT", "EXACT", "FOUND", "LAMBERT", "LINE", "MARGIN", "OFF_LINE", "REF_MARGIN", "STATEMENTS"]

_SOURCE = "Yang et al. 2026, Eq. "
_MORE = Fraction(101, 100)
LINE, LAMBERT, MARGIN = named("spread of log π − log π* − κc/π", "max |π − κc/W|", "β(δ − δ_ref) − Δr")
EXACT, FOUND, REF_MARGIN, DEFECT = named("Ψ* = γ(1/π_w + 1/π_l)", "δ of the optimum", "Ψ_ref", "Ψ_12 + Ψ_23 − Ψ_13")
ANYWHERE, OFF_LINE = named("a local maximum exists (1 or 0)", "the same with 1.01 κ")
_p2 = sympy.Symbol("π_2", positive=True)


def _three(draw):
    return {**problem(draw, responses=(3, 3), β=(Fraction(1, 4), 4)), "γ": draw.number(Fraction(1, 100), 2)}


def _local(ref, reward, β, γ):
    """The local maximum of Eq. 10 for one label 0 > 1 beside response 2, or None; once for each instance."""
    return _found(tuple(map(float, ref)), tuple(map(float, reward)), float(β), float(γ))


@functools.lru_cache(maxsize=2000)
def _found(ref, reward, β, γ):
    found = cpo.penalized_optimum(problem_of(ref, reward, β), PAIR, γ).local
    return None if found is None else found[0]


def _line_spread(ref, reward, β, γ, factor=1.0):
    found = _local(ref, reward, β, γ)
    if found is None:
        return 0.0
    star = rlhf.optimal_policy(problem_of(ref, reward, β))[0]
    line = found - star - factor * float(γ) / float(β) * np.array([1, -1, 0]) * np.exp(-found)
    return float(np.ptp(line) / (1 + np.abs(line).max()))


def _lambert_error(ref, reward, β, γ):
    """π against π* e^−ν where c = 0 and κc/W(κ c e^ν/π*) elsewhere, ν read off the unlabelled response."""
    found = _local(ref, reward, β, γ)
    if found is None:
        return 0.0
    star, policy, κ = rlhf.optimal_policy(problem_of(ref, reward, β))[0], np.exp(found), float(γ) / float(β)
    ν = star[2] - found[2]
    w = κ / lambertw(κ * np.exp(ν - star[0])).real
    branches = [-κ / lambertw(-κ * np.exp(ν - star[1]), k) for k in (0, -1)]
    lost = min(abs(policy[1] - branch) for branch in branches)
    return float(max(abs(policy[0] - w), lost))


_LOCAL = Instances(
    _three,
    "Responses w, l and o, one label w > l, π_ref > 0, β, γ > 0, c = (1, −1, 0), κ = γ/β; π the library's local "
    "maximum",
    {
        ANYWHERE: lambda ref, reward, β, γ: float(_local(ref, reward, β, γ) is not None),
        LINE: _line_spread,
        LAMBERT: _lambert_error,
        OFF_LINE: lambda ref, reward, β, γ: _line_spread(ref, reward, β, γ, 1.01),
        MARGIN: lambda ref, reward, β, γ: _exact_side(ref, reward, β, γ)[0],
        EXACT: lambda ref, reward, β, γ: _exact_side(ref, reward, β, γ)[1],
    },
    drawn="β ∈ [1/4, 4], γ ∈ [1/100, 2], r ∈ [−3, 3]",
)
_EXISTS_THERE = relation(ANYWHERE, "=", 1)


def _exact_side(ref, reward, β, γ):
    """Both sides of the exact margin's equation at the local maximum; 0 and 0 where there is none."""
    found = _local(ref, reward, β, γ)
    if found is None:
        return 0.0, 0.0
    δ_ref = float(np.log(float(ref[0]) / float(ref[1])))
    left = float(β) * (found[0] - found[1] - δ_ref) - (float(reward[0]) - float(reward[1]))
    return left, float(γ) * (np.exp(-found[0]) + np.exp(-found[1]))


def _solved(δ_ref, β, Δr, γ):
    known = penalty.two(δ_ref, β, Δr)
    labels = Preferences.from_bradley_terry(known, [(0, 1)])
    solution = cpo.reference_margin_solve(known, labels, float(γ), margin_of="pair")
    return float(PAIR.delta(solution.log_policy)[0])


_POPULATION = measured(
    "One pair with rates σ(±Δr), β, γ > 0, Ψ_ref = γ(1/π_ref,w + 1/π_ref,l) carried with the heavier label; δ of "
    "the library's optimum",
    (β, γ, δ_ref, Δr),
    {
        REF_MARGIN: lambda δ_ref, β, γ: float(cpo.reference_margin(penalty.two(δ_ref, β, 0), PAIR, float(γ))[0]),
        FOUND: _solved,
    },
    β=(Fraction(1, 4), 5),
    γ=(Fraction(1, 100), 2),
    Δr=(-3, 3),
)


def _triangle(draw):
    return {"ref": [draw.number(Fraction(1, 20), 20) for _ in range(3)], "γ": draw.number(Fraction(1, 100), 5)}


def _defect(ref, γ):
    labels = Preferences.from_pairs([(0, 1), (1, 2), (0, 2)])
    first, second, long = cpo.reference_margin(problem_of(ref, [0, 0, 0], 1), labels, float(γ))
    return float(first + second - long)


_TRIANGLES = Instances(
    _triangle,
    "Three responses, labels 1 > 2, 2 > 3, 1 > 3, γ > 0, Ψ the library's reference margins",
    {
        DEFECT: _defect,
        γ: lambda γ: γ,
        _p2: lambda ref: float(ref[1]) / sum(map(float, ref)),
    },
    drawn="π_ref ∝ weights in [1/20, 20], γ ∈ [1/100, 5]",
)
_LOCAL_MARGINS = Numbers(
    {κ: (Fraction(1, 100), 1), δ_ref: (-6, 6), δ: (-6, 6)},
    "Two responses, one pair, δ a local maximum of Eq. 10 where Δr/β = δ − 2κ(1 + cosh δ) − δ_ref, Ψ_ref/β = 2κ(1 + "
    "cosh δ_ref), Ψ*/β = 2κ(1 + cosh δ), ",
)
_IS_LOCAL = relation(2 * κ * sinh(δ), "<", 1)
_BETTER = relation(level(δ, κ) - δ_ref, ">", 0)
_OF_REF, _OF_LOCAL = 2 * κ * (1 + cosh(δ_ref)), 2 * κ * (1 + cosh(δ))
_TRAPPED = All((relation(δ_ref, "<", δ), relation(δ, "<", 0)))

#: The slope in u = βh of one pair's loss with rates σ(±Δr), the margin with the sign of the pair, and with each label.
_SIGNED = sigmoid(-Δr) * sigmoid(Δr + Ψ - Ψ) - sigmoid(Δr) * sigmoid(Ψ - Δr - Ψ)
_EACH = sigmoid(-Δr) * sigmoid(Δr + 2 * Ψ) - sigmoid(Δr) * sigmoid(-Δr)

_LAGRANGIAN = Identity(
    "slope of the Lagrangian",
    {"c flipped": lambda p, q, f, b, g, V, c, m: b * (log(q) - g * c / b / p - (m + b - V) / b - log(p))},
    lambda p, q, f, b, g, V, c, m: derivative(
        lambda x: x * (b * log(q / f) + V) - b * x * log(x / f) + g * c * log(x) - m * x
    )(p),
    lambda p, q, f, b, g, V, c, m: b * (log(q) + g * c / b / p - (m + b - V) / b - log(p)),
    {**dict.fromkeys("pqfbg", POSITIVE), **dict.fromkeys("Vcm", REAL)},
)

STATEMENTS = (
    Statement(
        id="eq-13",
        title="Stationarity of Eq. 10 and the exact margin",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE + "13–16",
        form=Form(
            _LOCAL,
            (Given(_EXISTS_THERE, needless="both sides are 0 by convention where no local maximum exists"),),
            claim={
                "log π = log π* + κc/π − ν": relation(LINE, "=", 0, noise=1e-7),
                "the exact margin": relation(MARGIN, "=", EXACT, noise=1e-6),
            },
            wrong={
                "with 1.01 κ": relation(OFF_LINE, "=", 0, noise=1e-7),
                "1.01 of the margin": relation(MARGIN, "=", EXACT * _MORE, noise=1e-6),
            },
            effort=penalty.RARE,
        ),
        parts={
            "log π = log π* + κc/π − ν": Part(
                "With r = β log(π*/π_ref) + V and a multiplier μ of Σπ = 1: «slope of the Lagrangian», 0 where the "
                "line holds with ν = (μ + β − V)/β, for any number of responses.",
                (_LAGRANGIAN,),
            ),
            "the exact margin": Part(
                "The lines of w and l, c_w = 1 and c_l = −1, one less the other: «difference of two lines».",
                (
                    Identity(
                        "difference of two lines",
                        {"1/π_w − 1/π_l": lambda b, g, p, q, d, e, v: b * d + e + g * (1 / p - 1 / q)},
                        lambda b, g, p, q, d, e, v: (b * d + e + g / p - v) - (0 * b - g / q - v),
                        lambda b, g, p, q, d, e, v: b * d + e + g * (1 / p + 1 / q),
                        {**dict.fromkeys("bgpq", POSITIVE), **dict.fromkeys("dev", REAL)},
                    ),
                ),
            ),
        },
        conclusion="True, with π itself in the margin: an implicit equation.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-13-lambert",
        title="Stationary policies through Lambert W",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _LOCAL,
            (Given(_EXISTS_THERE, needless="0 by convention where no local maximum exists"),),
            claim={"π = π*e^(−ν) where c = 0, else κc/W(κce^ν/π*)": relation(LAMBERT, "=", 0, noise=1e-6)},
            wrong={"for κ beside it": relation(OFF_LINE, "=", 0, noise=1e-7)},
            effort=penalty.RARE,
        ),
        parts={
            "π = π*e^(−ν) where c = 0, else κc/W(κce^ν/π*)": Part(
                "By {eq-13} with w = κc/π: log π = log π* + w − ν. «w e^w = κ c e^ν/π*» for every real w, both "
                "branches of W at once. For c < 0 a real solution needs κ|c|e^ν/π* ≤ 1/e, as φ(v) = 1 + (v − 1)e^v ≥ "
                "0 at v = w + 1: «φ(0) = 0» and «φ′ = v e^v» has the sign of v.",
                (
                    Identity(
                        "w e^w = κ c e^ν/π*",
                        {"without e^w": lambda w, q, v: w * q * exp(-v)},
                        lambda w, q, v: w * (q * exp(w - v)),
                        lambda w, q, v: w * exp(w) * q * exp(-v),
                        {"w": REAL, "q": POSITIVE, "v": REAL},
                    ),
                    Identity("φ(0) = 0", {"1": lambda: 1}, lambda: 1 + (0 - 1) * exp(0), lambda: 0, {}),
                    Identity(
                        "φ′ = v e^v",
                        {"(v − 1)e^v": lambda v: (v - 1) * exp(v)},
                        lambda v: derivative(lambda u: 1 + (u - 1) * exp(u))(v),
                        lambda v: v * exp(v),
                        {"v": REAL},
                    ),
                ),
            )
        },
        conclusion="One scalar ν, fixed by Σπ = 1, gives every stationary policy.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-17",
        title="The reference margin equals the exact one",
        origin=Origin.READING,
        source=_SOURCE + "17, which defines the margin by the substitution; that it equals the exact one is a reading",
        form=Form(
            _LOCAL_MARGINS,
            (_IS_LOCAL, _BETTER),
            claim={"Ψ_ref = Ψ*": relation(_OF_REF, "=", _OF_LOCAL)},
            right={
                "equal where |δ_ref| = |δ|": Implies(
                    relation(abs(δ_ref), "=", abs(δ)), relation(_OF_REF, "=", _OF_LOCAL, noise=1e-6)
                )
            },
        ),
        uses=("eq-13",),
        conclusion="Eq. 17 is an approximation.",
        expected=Verdict.REFUTED,
        instead=("eq-17-overstates",),
    ),
    Statement(
        id="eq-17-overstates",
        title="When the reference margin overstates",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            Numbers(
                {κ: (Fraction(1, 100), 1), δ_ref: (-6, 6), δ: (-6, 6)},
                "Two responses, one pair, γ > 0, Ψ_ref/β = 2κ(1 + cosh δ_ref), Ψ*/β = 2κ(1 + cosh δ) at δ, ",
            ),
            (),
            claim={
                "iff |δ_ref| > |δ|": Iff(relation(_OF_REF, ">", _OF_LOCAL), relation(abs(δ_ref), ">", abs(δ))),
                "on U always": Implies(_TRAPPED, relation(_OF_REF, ">", _OF_LOCAL)),
            },
            wrong={
                "iff |δ_ref| > 1.01 |δ|": Iff(
                    relation(_OF_REF, ">", _OF_LOCAL), relation(abs(δ_ref), ">", _MORE * abs(δ))
                ),
                "wherever δ_ref < δ": Implies(relation(δ_ref, "<", δ), relation(_OF_REF, ">", _OF_LOCAL)),
            },
        ),
        parts={
            "iff |δ_ref| > |δ|": Part(
                "On two responses «1/π_w + 1/π_l = 2(1 + cosh δ)»; and «cosh a − cosh b» = 2 sinh((a+b)/2) "
                "sinh((a−b)/2) has the sign of |a| − |b|, sinh being odd and increasing; times κ > 0.",
                (
                    Identity(
                        "1/π_w + 1/π_l = 2(1 + cosh δ)",
                        {"2 cosh δ": lambda d: exp(d) + exp(-d)},
                        lambda d: 1 / sigmoid(d) + 1 / sigmoid(-d),
                        lambda d: 2 + exp(d) + exp(-d),
                        {"d": REAL},
                    ),
                    Identity(
                        "cosh a − cosh b",
                        {"with cosh": lambda a, b: 2 * cosh((a + b) / 2) * sinh((a - b) / 2)},
                        lambda a, b: cosh(a) - cosh(b),
                        lambda a, b: 2 * sinh((a + b) / 2) * sinh((a - b) / 2),
                        {"a": REAL, "b": REAL},
                    ),
                ),
            ),
            "on U always": Part(
                "With δ = −u and δ_ref = −u − v, u, v > 0, on U: «cosh(u + v) − cosh u», «above 0 for u, v > 0»; times "
                "2κ > 0.",
                (
                    Identity(
                        "cosh(u + v) − cosh u",
                        {"half of it": lambda u, v: sinh(u + v / 2) * sinh(v / 2)},
                        lambda u, v: cosh(u + v) - cosh(u),
                        lambda u, v: 2 * sinh(u + v / 2) * sinh(v / 2),
                        {"u": POSITIVE, "v": POSITIVE},
                    ),
                    Sign(
                        "above 0 for u, v > 0",
                        {"for v < 0": lambda u, v: 2 * sinh(u + v / 2) * sinh(-v / 2)},
                        lambda u, v: 2 * sinh(u + v / 2) * sinh(v / 2),
                        {"u": POSITIVE, "v": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="While the policy is trapped the substitute pushes harder than the exact margin.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-17-overstates-always",
        title="A misaligned reference always overstates the margin",
        origin=Origin.BELIEF,
        source="what the substitution is often taken to do",
        form=Form(
            _LOCAL_MARGINS,
            (_IS_LOCAL, _BETTER, relation(δ_ref, "<", 0)),
            claim={"Ψ_ref ≥ Ψ*": relation(_OF_REF, ">=", _OF_LOCAL)},
            right={"on U": Implies(_TRAPPED, relation(_OF_REF, ">=", _OF_LOCAL))},
        ),
        uses=("eq-13",),
        conclusion="False once the optimum is further from 0 than the reference, |δ| > |δ_ref|: see eq-17-overstates.",
        expected=Verdict.REFUTED,
        instead=("eq-17-overstates",),
    ),
    Statement(
        id="eq-19",
        title="Population optimum of the reference-margin loss",
        origin=Origin.READING,
        source=_SOURCE + "17–19, the margin carried with the heavier label",
        form=Form(
            _POPULATION,
            (relation(Δr, ">", 0),),
            claim={
                "δ = δ_ref + (Δr + Ψ_ref)/β": relation(FOUND, "=", δ_ref + (Δr + REF_MARGIN) / β, noise=1e-7),
                "positive iff γ is large enough": Iff(
                    relation(FOUND, ">", 0, noise=1e-7), relation(REF_MARGIN, ">", -(β * δ_ref + Δr), noise=1e-7)
                ),
            },
            wrong={
                "with 1.01 Ψ_ref": relation(FOUND, "=", δ_ref + (Δr + _MORE * REF_MARGIN) / β, noise=1e-7),
                "iff Ψ_ref > −βδ_ref": Iff(relation(FOUND, ">", 0), relation(REF_MARGIN, ">", -β * δ_ref)),
            },
            effort=Effort(draws=250, climbs=2, steps=40),
        ),
        parts={
            "δ = δ_ref + (Δr + Ψ_ref)/β": Part(
                "With p = σ(Δr) and u = βh − Ψ the loss is p sp(−u) + (1 − p) sp(u): its slope is «β(σ(u) − p)», 0 at "
                "u = Δr, and increases, «d²L/dδ² = β² σ(βh) σ(−βh)», «β² σ(βh) σ(−βh) > 0».",
                (
                    Identity(
                        "β(σ(u) − p)",
                        {"β(σ(u) − 1 + p)": lambda b, d, P, p: b * (sigmoid(b * d - P) - 1 + p)},
                        lambda b, d, P, p: derivative(
                            lambda x: p * softplus(-(b * x - P)) + (1 - p) * softplus(b * x - P)
                        )(d),
                        lambda b, d, P, p: b * (sigmoid(b * d - P) - p),
                        {"b": POSITIVE, "d": REAL, "P": REAL, "p": REAL},
                    ),
                    *CONVEX,
                ),
            ),
            "positive iff γ is large enough": Part(
                "With s = 1/π_ref,w + 1/π_ref,l and Ψ_ref = γs, «β times the margin found» has the sign of γ + (βδ_ref "
                "+ Δr)/s.",
                (
                    Identity(
                        "β times the margin found",
                        {"without s": lambda b, d, R, g, s: b * d + R + g},
                        lambda b, d, R, g, s: b * (d + (R + g * s) / b),
                        lambda b, d, R, g, s: s * (g + (b * d + R) / s),
                        {"b": POSITIVE, "d": REAL, "R": REAL, "g": POSITIVE, "s": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="Any misranked pair is repaired by a finite γ, in closed form.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="eq-19-each-label",
        title="The same optimum with the margin added to each label",
        origin=Origin.READING,
        source=_SOURCE + "17–19, each label with its own +Ψ, as the loss is written",
        form=Form(
            Numbers(
                {Δr: (-3, 3), Ψ: (Fraction(1, 10), 3)},
                "One pair with rates σ(±Δr); each label, also the reversed one, carries its own +Ψ; the loss's slope "
                "at βh = Δr + Ψ, ",
            ),
            (),
            claim={"it is 0: the optimum is δ_ref + (Δr + Ψ)/β": relation(_EACH, "=", 0)},
            right={
                "it is above 0": relation(_EACH, ">", 0),
                "with the sign of the pair it is 0": relation(_SIGNED, "=", 0),
            },
        ),
        conclusion="False: the two margins pull against each other. The closed form needs a margin with the sign of "
        "the pair.",
        expected=Verdict.REFUTED,
        instead=("eq-19",),
    ),
    Statement(
        id="triangle-defect",
        title="Reference margins contradict one another around a triangle",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _TRIANGLES,
            (),
            claim={
                "the defect": relation(DEFECT, "=", 2 * γ / _p2, noise=1e-8),
                "it is never 0": relation(DEFECT, ">", 0),
            },
            wrong={"1.01 of it": relation(DEFECT, "=", _MORE * 2 * γ / _p2, noise=1e-8)},
            effort=Effort(draws=300, climbs=2, steps=40),
        ),
        parts={
            "the defect": Part(
                steps=(
                    Identity(
                        "margins around a triangle",
                        {"γ/π_2": lambda g, a, b, c: g / b},
                        lambda g, a, b, c: g * (1 / a + 1 / b) + g * (1 / b + 1 / c) - g * (1 / a + 1 / c),
                        lambda g, a, b, c: 2 * g / b,
                        dict.fromkeys("gabc", POSITIVE),
                    ),
                )
            ),
            "it is never 0": Part(
                steps=(
                    Sign(
                        "2γ/π_2 > 0",
                        {"less 1/100": lambda g, b: 2 * g / b - Fraction(1, 100)},
                        lambda g, b: 2 * g / b,
                        dict.fromkeys("gb", POSITIVE),
                    ),
                )
            ),
        },
        conclusion="With three or more labelled responses no policy meets all targets: the optimum is a compromise.",
        expected=Verdict.PROVED,
    ),
)
