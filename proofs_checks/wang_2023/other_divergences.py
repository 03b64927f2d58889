"""RLHF with another divergence: full support, odds that a third response moves, and the largest ratio of χPO."""

from fractions import Fraction

import numpy as np
import sympy
from scipy.special import wrightomega

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, AnyFunction, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, Rounds, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from proofs_checks.spaces.problems import problem, problem_of
from tabular.simplex import divergences

__all__ = [
    "LAMBERT",
    "LARGEST",
    "LOSER",
    "ODDS",
    "ODDS_THREE",
    "SPAN",
    "STATEMENTS",
    "gap",
    "p",
    "q",
    "r",
    "share",
    "third",
]

share, gap = (sympy.Symbol(name, positive=True) for name in ("π_ref,w", "Δr"))
LOSER, ODDS, ODDS_THREE = named("π_l", "log-odds of a over b among two", "log-odds of a over b among three")
LARGEST, LAMBERT, SPAN = named("max π/π_ref", "W_0(e^(1+x))", "x")
r, third = named("r_a", "r_c")
p, q = sympy.symbols("p q", positive=True)
_SOURCE = "Wang et al. 2309.16240"
_EFFORT = Effort(draws=300, climbs=2, steps=60)


def _two(ref, β, reward, kind):
    known = problem_of(ref, reward, β)
    return divergences.optimum(known, kind).log_policy[0]


_CHI = Instances(
    lambda draw: {
        "share": draw.number(Fraction(1, 20), Fraction(19, 20)),
        "gap": draw.number(Fraction(1, 20), 10),
        "β": draw.number(Fraction(1, 10), 5),
    },
    "Two responses, π_ref,w of the better one, rewards Δr > 0 apart, β > 0; the maximiser of E r − β χ²(π‖π_ref)/2, "
    "f′(u) = u − 1",
    {
        share: lambda share: share,
        gap: lambda gap: gap,
        β: lambda β: β,
        LOSER: lambda share, gap, β: float(np.exp(_two([share, 1 - share], β, [gap, 0], "chi-square")[1])),
    },
    drawn="π_ref,w ∈ [1/20, 19/20], Δr ∈ [1/20, 10], β ∈ [1/10, 5]",
)
_KEPT = relation(LOSER, ">", 0, noise=1e-9)


def _chi_odds(first, mean):
    """u_a/u_b for χ², β = 1, rewards r and 0 of a and b: u = 1 + reward less the mean reward."""
    return (1 + first - mean) / (1 - mean)


_MENU = measured(
    "Responses a and b, with or without a third one c; β = 1, the optimum of E r − χ²(π‖π_ref)/2, where u = π/π_ref is "
    "1 + r − E_ref r and all are positive; r_b = 0, a and b in the proportions p : 1, c has weight q",
    (r, third, p, q),
    {},
    **{"r_a": (Fraction(-1, 2), Fraction(1, 2)), "r_c": (Fraction(-1, 2), Fraction(1, 2))},
)
_BEFORE = _chi_odds(r, p * r / (p + 1))
_AFTER = _chi_odds(r, (p * r + q * third) / (p + 1 + q))


def _kl_odds(ref, reward, β, count):
    logs = _two(ref[:count], β, reward[:count], "reverse-kl")
    return float(logs[0] - logs[1])


_KL_MENU = Instances(
    lambda draw: problem(draw, responses=(3, 3)),
    "Three responses and the first two alone, π_ref > 0, β > 0, any reward; the optima of E r − β KL(π‖π_ref)",
    {
        ODDS: lambda ref, reward, β: _kl_odds(ref, reward, β, 2),
        ODDS_THREE: lambda ref, reward, β: _kl_odds(ref, reward, β, 3),
    },
    drawn="r ∈ [−3, 3], β ∈ [1/10, 5]",
)
_LOG_SLOPE = Identity(
    "d/dx log(g(x + c)/g(y + c)) in c",
    {"without g(y)": lambda g, x, y: derivative(g)(x) / g(x) + 0 * y},
    lambda g, x, y: derivative(lambda c: log(g(x + c)) - log(g(y + c)))(0 * x),
    lambda g, x, y: derivative(g)(x) / g(x) - derivative(g)(y) / g(y),
    {"g": AnyFunction(lambda x: 1 + x**2, positive=True), "x": REAL, "y": REAL},
)
_RATIO = Identity(
    "KL: the ratio of e^((x − λ)/k)",
    {"with λ": lambda x, y, m, k: exp((x - y - m) / k)},
    lambda x, y, m, k: exp((x - m) / k) / exp((y - m) / k),
    lambda x, y, m, k: exp((x - y) / k),
    {"x": REAL, "y": REAL, "m": REAL, "k": POSITIVE},
)


def _largest(ref, reward, β):
    known = problem_of(ref, reward, β)
    return float(np.exp((divergences.optimum(known, "chi-po").log_policy - known.log_ref).max()))


def _x(reward, β):
    return (float(max(reward)) - float(min(reward))) / float(β)


def _apart(draw):
    """A problem whose best response is often rare under the reference, where the ratio is largest."""
    parts = problem(draw)
    rare = draw.number(Fraction(1, 1000), 1)
    top = draw.number(Fraction(1, 10), 6)
    return {**parts, "ref": [rare, *parts["ref"][1:]], "reward": [max(parts["reward"][1:]) + top, *parts["reward"][1:]]}


_CHI_PO = Instances(
    _apart,
    "Finite responses, π_ref > 0, β > 0, a reward that is not constant, x = span(r)/β; the optimum of E r − β(χ²/2 + "
    "KL), f′(u) = u + log u",
    {
        SPAN: _x,
        LARGEST: _largest,
        LAMBERT: lambda reward, β: float(wrightomega(1 + _x(reward, β))),
    },
    drawn="2 to 4 responses, β ∈ [1/10, 5]",
)
_U_GROWS = Identity(
    "slope of u + log u",
    {"1": lambda u: 0 * u + 1},
    lambda u: derivative(lambda w: w + log(w))(u),
    lambda u: 1 + 1 / u,
    {"u": POSITIVE},
)
_SLOPE_POSITIVE = Sign("1 + 1/u > 0", {"1/u − 1": lambda u: 1 / u - 1}, lambda u: 1 + 1 / u, {"u": POSITIVE})
_ONE_MULTIPLIER = Identity(
    "u_l at the multiplier of mass 1",
    {"with π_ref,l": lambda s, g, b: 1 - (1 - s) * g / b},
    lambda s, g, b: 1 + (0 - s * g) / b,
    lambda s, g, b: 1 - s * g / b,
    {"s": POSITIVE, "g": POSITIVE, "b": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="fdpo-zero-boundary",
        title="With χ² the loser keeps mass iff Δr < β/π_ref,w",
        origin=Origin.OURS,
        source=f"{_SOURCE} ask for f′(0) = −∞; the threshold is ours",
        form=Form(
            _CHI,
            (),
            claim={"π_l > 0 iff π_ref,w Δr < β": Iff(_KEPT, relation(share * gap, "<", β))},
            wrong={"iff π_ref,l Δr < β": Iff(_KEPT, relation((1 - share) * gap, "<", β))},
            effort=_EFFORT,
        ),
        parts={
            "π_l > 0 iff π_ref,w Δr < β": Part(
                "Where both are positive u = 1 + (r − λ)/β with λ = E_ref r, as masses sum to 1: «u_l at the "
                "multiplier of mass 1», which is positive iff π_ref,w Δr < β. Otherwise the optimum is the policy "
                "with π_l = 0, whose slope towards l is not positive.",
                (_ONE_MULTIPLIER,),
            )
        },
        conclusion="Beyond the threshold different rewards have one optimum, and no loss on the policy tells them "
        "apart.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="fdpo-odds-any-divergence",
        title="The odds of two responses do not depend on a third, whatever the divergence",
        origin=Origin.BELIEF,
        source=f"a property of RLHF, asked of the divergences of {_SOURCE}",
        form=Form(
            _MENU,
            (relation(_BEFORE, ">", 0), relation(1 - (p * r + q * third) / (p + 1 + q), ">", 0)),
            claim={"u_a/u_b with c is that without": relation(_BEFORE, "=", _AFTER)},
            right={
                "it is where c has the mean reward of a and b": Implies(
                    relation(third, "=", p * r / (p + 1)), relation(_BEFORE, "=", _AFTER, noise=1e-8)
                )
            },
        ),
        second_routes=(
            Exact(
                "π_ref (.4, .6), rewards (.5, 0), against (.3, .45, .25) and (.5, 0, 1.5): 1.625 and 2.0526",
                {"the third at 1/5": {r: Fraction(1, 2), third: Fraction(1, 5), p: Fraction(2, 3), q: Fraction(5, 9)}},
                All((relation(_BEFORE, "=", Fraction(13, 8)), Rounds(_AFTER, "2.052632"))),
                {r: Fraction(1, 2), third: Fraction(3, 2), p: Fraction(2, 3), q: Fraction(5, 9)},
            ),
        ),
        conclusion="Whether b is offered decides how a and c compare: fdpo-iia-only-kl says which divergence is free "
        "of it.",
        expected=Verdict.REFUTED,
        instead=("fdpo-iia-only-kl",),
    ),
    Statement(
        id="fdpo-iia-only-kl",
        title="Reverse KL is the one divergence under which odds do not depend on a third response",
        origin=Origin.OURS,
        source=f"own derivation, for the family of {_SOURCE}",
        form=Form(
            _KL_MENU,
            (),
            claim={"KL: the same odds among two and among three": relation(ODDS, "=", ODDS_THREE, noise=1e-8)},
            wrong={"twice as far": relation(2 * ODDS, "=", ODDS_THREE)},
            effort=_EFFORT,
        ),
        parts={
            "KL: the same odds among two and among three": Part(
                "The optimum is π_ref g((r − λ)/β) with g the inverse of f′ and one λ: for KL «KL: the ratio of e^((x "
                "− λ)/k)» is free of λ, all that a third response changes. Conversely, λ takes every value as the "
                "third response's reward and weight vary, so g(x + c)/g(y + c) must not depend on c: «d/dx log(g(x + "
                "c)/g(y + c)) in c» is 0 for all x, y, so g′/g is constant, g = e^(kx) up to a factor, and f′ = log "
                "u/k + const.",
                (_RATIO, _LOG_SLOPE),
            )
        },
        conclusion="Luce's axiom of choice, of policies: independence of irrelevant responses and reverse KL are one "
        "assumption.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="chipo-ratio-tight",
        title="χPO's ratio to the reference stays below W_0(e^(1 + x)) < 1 + x, x the span of r over β",
        origin=Origin.OURS,
        source="Huang et al. 2407.13399 have 1 + x up to constants; the constant is ours",
        form=Form(
            _CHI_PO,
            (),
            claim={
                "below W_0(e^(1 + x))": relation(LARGEST, "<", LAMBERT, noise=1e-12),
                "which is below 1 + x": relation(LAMBERT, "<", 1 + SPAN, noise=1e-12),
            },
            wrong={
                "below 9/10 of it": relation(LARGEST, "<", LAMBERT * Fraction(9, 10)),
                "W below 1 + x/2": relation(LAMBERT, "<", 1 + SPAN / 2),
            },
            effort=_EFFORT,
        ),
        parts={
            "below W_0(e^(1 + x))": Part(
                "u + log u = (r − λ)/β for every response, so the largest and the least ratio have u + log u = v + "
                "log v + x, and v < 1 < u as both average to 1: u + log u < 1 + x. W = W_0(e^(1 + x)) is where W + "
                "log W = 1 + x, and «slope of u + log u», «1 + 1/u > 0»: u < W. As the best response becomes rare, v "
                "→ 1 and u → W.",
                (_U_GROWS, _SLOPE_POSITIVE),
            ),
            "which is below 1 + x": Part(
                "u + log u is 1 at u = 1 and 1 + x at W, and rises, «slope of u + log u», «1 + 1/u > 0»: W > 1, so W = "
                "1 + x − log W < 1 + x.",
                (_U_GROWS, _SLOPE_POSITIVE),
            ),
        },
        conclusion="Linear in x where KL has e^x: at x = 20 it is 18.1 against 4.85·10⁸, and no policy attains it.",
        expected=Verdict.PROVED,
    ),
)
