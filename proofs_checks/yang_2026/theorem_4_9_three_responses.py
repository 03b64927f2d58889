"""Theorem 4.9 of the local optimum once a third, unlabelled response is there: the window of γ can be empty.

With two responses π*_o = 0, and the condition below never holds. Without δ* < 0 the claim is false: a pair that RLHF
already ranks right has a local maximum beside π* for every small γ.
"""

import functools
from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import POSITIVE, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Settles, Statement, Verdict
from tabular.simplex.penalized_maxima import local_maxima

__all__ = ["STATEMENTS"]

_SOURCE = "Yang et al. 2026, Theorem 4.9, of the local maximum with a third response; the finding is ours"
_star, _delta = named("δ*", "δ of a local maximum")
_there = named("a local maximum exists (1 or 0)")[0]
_w, _l, _o = (sympy.Symbol(f"π*_{name}", positive=True) for name in "wlo")
_a = abs(_star) / 2
_CONDITION = relation((_a - 1) * exp(_a) * _o, ">=", _l)


def _three(draw):
    """π* over w, l and o, and γ in units of β."""
    logits = {"w": draw.number(-8, 8), "l": 0, "o": draw.number(-4, 4)}
    return {**logits, "γ": draw.number(Fraction(1, 10000), 10)}


def _shares(w, l, o):  # noqa: E741
    logits = np.array([float(w), float(l), float(o)])
    return np.exp(logits - np.logaddexp.reduce(logits))


def _local(w, l, o, γ):  # noqa: E741
    """The largest margin of a local maximum, or None; once for each instance."""
    return _margin(float(w), float(l), float(o), float(γ))


@functools.lru_cache(maxsize=2000)
def _margin(w, l, o, γ):  # noqa: E741
    logits = np.array([w, l, o])
    found = local_maxima(logits - np.logaddexp.reduce(logits), γ * np.array([1.0, -1.0, 0.0]))
    return max((float(log_pi[0] - log_pi[1]) for log_pi in found), default=None)


_THREE = Instances(
    _three,
    "One labelled pair w > l and a third response o, π* > 0, β = 1, γ > 0, a = |δ*|/2",
    {
        _star: lambda w, l: float(w) - float(l),  # noqa: E741
        _w: lambda w, l, o: _shares(w, l, o)[0],  # noqa: E741
        _l: lambda w, l, o: _shares(w, l, o)[1],  # noqa: E741
        _o: lambda w, l, o: _shares(w, l, o)[2],  # noqa: E741
        _there: lambda w, l, o, γ: float(_local(w, l, o, γ) is not None),  # noqa: E741
        _delta: lambda w, l, o, γ: _local(w, l, o, γ) or 0.0,  # noqa: E741
    },
    drawn="log π*_w/π*_l ∈ [−8, 8], log π*_o/π*_l ∈ [−4, 4], γ ∈ [10⁻⁴, 10]",
)


def _curvature(count):
    """The second derivative of J/β in one mass, π log(π/q) with count·κ log π."""
    return lambda p, q, k: derivative(lambda x: -x * log(x / q) + count * k * log(x), 2)(p)


def _hessian(name, count, claimed, wrong):
    over = dict.fromkeys("pqk", POSITIVE)
    return Identity(f"curvature in π_{name}", {"without κ": wrong}, _curvature(count), claimed, over)


_HESSIAN = (
    _hessian("w", 1, lambda p, q, k: -(1 + k / p) / p, lambda p, q, k: -1 / p),
    _hessian("l", -1, lambda p, q, k: (k / p - 1) / p, lambda p, q, k: -1 / p),
    Identity(
        "curvature in π_o",
        {"−1/π²": lambda p, q: -1 / p**2},
        lambda p, q: derivative(lambda x: -x * log(x / q), 2)(p),
        lambda p, q: -1 / p,
        {"p": POSITIVE, "q": POSITIVE},
    ),
)

STATEMENTS = (
    Statement(
        id="thm-4.9-three-responses",
        title="Theorem 4.9 of the local optimum, with a third response",
        origin=Origin.READING,
        source=_SOURCE,
        form=InWords(
            "Three responses, one labelled pair with δ* < 0; local maxima of Eq. 10.",
            {"some γ works": "Some γ > 0 gives a local maximum with δ > 0."},
            why="it claims that some γ exists; its contrary speaks of all of them",
        ),
        parts={
            "no γ works for π* ∝ (e⁻⁴, 1, 1)": Part(
                "There δ* = −4 < 0 and a = 2, and «the condition holds»: by {thm-4.9-third-response} no γ gives a "
                "local maximum with δ ≥ 0.",
                (
                    Exact(
                        "the condition holds",
                        {
                            "for π*_o = 1/10": {_star: Fraction(-4), _o: Fraction(1, 10), _l: Fraction(1)},
                            "for a = 1": {_star: Fraction(-2), _o: Fraction(1), _l: Fraction(1)},
                        },
                        All((relation(_star, "<", 0), _CONDITION)),
                        {_star: Fraction(-4), _o: Fraction(1), _l: Fraction(1)},
                    ),
                ),
            )
        },
        settles=Settles.NEGATION,
        conclusion="The window (γ*, γ_max) of two responses can be empty as soon as one more response exists.",
        expected=Verdict.REFUTED,
        instead=("thm-4.9-third-response",),
    ),
    Statement(
        id="thm-4.9-third-response",
        title="When a third response empties the window",
        origin=Origin.OURS,
        source=_SOURCE,
        form=Form(
            _THREE,
            (relation(_star, "<", 0), _CONDITION),
            claim={"no local maximum has δ ≥ 0": Implies(relation(_there, "=", 1), relation(_delta, "<", 0))},
            wrong={"none has δ ≥ −1": Implies(relation(_there, "=", 1), relation(_delta, "<", -1))},
            effort=Effort(draws=500, climbs=1, steps=15, least=60),
        ),
        parts={
            "no local maximum has δ ≥ 0": Part(
                "By {eq-13} stationary points satisfy π_w = π*_w e^(x−ν), π_l = π*_l e^(−y−ν), π_o = π*_o e^(−ν) with "
                "x = κ/π_w, y = κ/π_l; so δ = δ* + x + y and «δ = log(y/x)»: δ ≥ 0 iff y ≥ x, and then y ≥ (x + y)/2 "
                "= (δ − δ*)/2 ≥ −δ*/2 = a, as δ* < 0. Second order: the Hessian of J/β is diagonal, «curvature in "
                "π_w», «curvature in π_l», «curvature in π_o». For y > 1 it has one positive entry; along a «test "
                "direction» in the simplex it is not negative unless π_l/(y − 1) ≥ π_w/(1 + x) + π_o, hence unless "
                "π*_l e^(−y)/(y − 1) > π*_o. The left side falls in y: «slope of e^(−y)/(y − 1)», «it falls». By the "
                "condition a > 1 and π*_l e^(−a)/(a − 1) ≤ π*_o: so for y ≥ a there is no local maximum.",
                (
                    Identity(
                        "δ = log(y/x)",
                        {"log(x/y)": lambda w, z, k: log((k / w) / (k / z))},
                        lambda w, z, k: log(w) - log(z),
                        lambda w, z, k: log((k / z) / (k / w)),
                        dict.fromkeys("wzk", POSITIVE),
                    ),
                    *_HESSIAN,
                    Identity(
                        "test direction",
                        {"without C S": lambda A, B, C: -(1 / A + 1 / B)},
                        lambda A, B, C: -A * (1 / A) ** 2 - B * (1 / B) ** 2 + C * (1 / A + 1 / B) ** 2,
                        lambda A, B, C: -(1 / A + 1 / B) * (1 - C * (1 / A + 1 / B)),
                        dict.fromkeys("ABC", POSITIVE),
                    ),
                    Identity(
                        "slope of e^(−y)/(y − 1)",
                        {"without the second term": lambda v: -exp(-1 - v) / v},
                        lambda v: derivative(lambda u: exp(-1 - u) / u)(v),
                        lambda v: -exp(-1 - v) * (1 / v + 1 / v**2),
                        {"v": POSITIVE},
                    ),
                    Sign(
                        "it falls",
                        {"e^(−y)(1/v² − 1/v)": lambda v: exp(-1 - v) * (1 / v**2 - 1 / v)},
                        lambda v: exp(-1 - v) * (1 / v + 1 / v**2),
                        {"v": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="The larger the misalignment and the mass elsewhere, the less Eq. 10 can repair a pair.",
        expected=Verdict.PROVED,
    ),
)
