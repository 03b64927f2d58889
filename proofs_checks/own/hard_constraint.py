"""The hard constraint π_w ≥ e^m π_l: a KL projection of π*, in closed form for one pair and certified for any instance.

Multipliers λ are per unit of β; t = Aᵀλ is +λ for the winner and −λ e^m for the loser of each label.
"""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.certificates import projection_gap
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Exact, Identity, Sampled, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Statement, Verdict
from proofs_checks.spaces import orders
from proofs_checks.spaces.problems import problem
from tabular import Preferences, Problem, cpo

__all__ = [
    "BOUND",
    "CLAIMED",
    "CONVEX",
    "DISTANCE",
    "DUAL",
    "FEASIBLE",
    "GAP",
    "GAP_TERM",
    "KL",
    "LAMBDA",
    "LEAST",
    "POLICY_ERROR",
    "PRIMAL",
    "STATEMENTS",
]

LAMBDA, CLAIMED, POLICY_ERROR = named("λ/β", "max(0, m − δ*)/(1 + e^m)", "max |log π − its closed form|")
BOUND, LEAST, KL, DISTANCE = named("−log S", "min KL", "KL(π‖π*)", "‖π − optimum‖₁²")
GAP = named("gap, KL(π‖π*) + log S")[0]
FEASIBLE, DUAL, PRIMAL = named("min over labels of δ − m", "least λ", "least δ − m at the optimum")
_EFFORT = Effort(draws=250, climbs=3, steps=40)


def _one_pair(draw):
    return {**problem(draw, responses=(2, 4)), "m": draw.number(-2, 3)}


def _margin(ref, reward, β):
    star = orders.star_of(ref, reward, β)
    return float(star[0] - star[1])


def _claimed(ref, reward, β, m):
    return max(0.0, float(m) - _margin(ref, reward, β)) / (1 + np.exp(float(m)))


def _policy_error(ref, reward, β, m):
    best = orders.optimum_of(ref, reward, β, {(0, 1): m})
    tilt = orders.tilt_of(len(ref), {(0, 1): m}, [_claimed(ref, reward, β, m)])
    claimed = orders.star_of(ref, reward, β) + tilt
    return float(np.abs(best.log_policy[0] - (claimed - np.logaddexp.reduce(claimed))).max())


_ONE_PAIR = Instances(
    _one_pair,
    "Finite responses, π* > 0, β > 0, one constraint π_w ≥ e^m π_l; π and λ the library's optimum and multiplier",
    {
        LAMBDA: lambda ref, reward, β, m: (
            float(orders.optimum_of(ref, reward, β, {(0, 1): m}).multipliers[0]) / float(β)
        ),
        CLAIMED: _claimed,
        POLICY_ERROR: _policy_error,
    },
    drawn="2 to 4 responses, m ∈ [−2, 3], β ∈ [1/10, 5]",
)
_QUANTITIES = {
    BOUND: lambda ref, reward, β, pairs, multipliers: -orders.log_total(ref, reward, β, pairs, multipliers),
    KL: orders.divergence_of,
    GAP: lambda ref, reward, β, pairs, multipliers, policy: (
        orders.divergence_of(ref, reward, β, policy) + orders.log_total(ref, reward, β, pairs, multipliers)
    ),
    FEASIBLE: orders.least_excess,
    DUAL: lambda multipliers: float(min(multipliers)),
    LEAST: lambda ref, reward, β, pairs: float(orders.optimum_of(ref, reward, β, pairs).price[0]) / float(β),
    DISTANCE: lambda ref, reward, β, pairs, policy: orders.distance_to_optimum(ref, reward, β, pairs, policy) ** 2,
    PRIMAL: orders.slack_of_optimum,
}


def _feasible_by_half(draw):
    """Half of the policies are moved into the polytope, so that enough of them meet the hypotheses."""
    parts = orders.constrained(draw)
    if draw.choice((True, False)):
        parts = {**orders.made_feasible(parts), "multipliers": [abs(λ) for λ in parts["multipliers"]]}
    return parts


_LABELLED = Instances(
    _feasible_by_half,
    "Acyclic labels with margins m ≥ 0 on finite responses, any policy π > 0, any multipliers λ, t = Aᵀλ, S = Σ π* e^t",
    _QUANTITIES,
    drawn="2 to 5 responses, 1 to 5 labels with m ∈ [0, 2], λ ∈ [−1/2, 2]",
)


def _slope(π, q, λ, c):
    """Derivative of the Lagrangian π log(π/q) − λ c π."""
    return derivative(lambda p: p * log(p / q))(π) - λ * c


def _stationary(name, coefficient, wrong):
    """At π = q e^(λc)/S the slope is 1 − log S, the same for every response."""
    return Identity(
        f"stationary in π_{name}",
        {"another exponent": (lambda q, S, λ, m: _slope(q * exp(λ * wrong(m)) / S, q, λ, coefficient(m)), _level)},
        lambda q, S, λ, m: _slope(q * exp(λ * coefficient(m)) / S, q, λ, coefficient(m)),
        _level,
        {"q": POSITIVE, "S": POSITIVE, "λ": POSITIVE, "m": REAL},
    )


def _level(q, S, λ, m):
    return 1 - log(S)


CONVEX = (
    Identity(
        "curvature of π log(π/q)",
        {"1/π²": lambda p, q: 1 / p**2},
        lambda p, q: derivative(lambda x: x * log(x / q), 2)(p),
        lambda p, q: 1 / p,
        {"p": POSITIVE, "q": POSITIVE},
    ),
    Sign("1/π > 0", {"1/π − 1/30": lambda p: 1 / p - Fraction(1, 30)}, lambda p: 1 / p, {"p": POSITIVE}),
)
_TIGHT = Identity(
    "δ = m at that λ",
    {"λ = (m − δ*)/e^m": lambda m, d: d + (m - d) / exp(m) * (1 + exp(m)) - m},
    lambda m, d: d + (m - d) / (1 + exp(m)) * (1 + exp(m)) - m,
    lambda m, d: 0 * m,
    {"m": REAL, "d": REAL},
)
GAP_TERM = Identity(
    "log(π/π*) = log(π/π_λ) + t − log S",
    {
        "without S": lambda p, q, S, t: log(p / (q * exp(t) / S)) + t,
        "t e^t": lambda p, q, S, t: log(p / (q * exp(t) / S)) + t * exp(t) - log(S),
    },
    lambda p, q, S, t: log(p / q),
    lambda p, q, S, t: log(p / (q * exp(t) / S)) + t - log(S),
    {"p": POSITIVE, "q": POSITIVE, "S": POSITIVE, "t": REAL},
)

# The example with a margin: unknowns are the policy and E = e^λ, S^-1.
_P0, _P1, _P2, _E, _R = sympy.symbols("π_0 π_1 π_2 E 1/S", positive=True)
_KKT = All(
    (
        relation(_P0 + _P1 + _P2, "=", 1),
        relation(_P0, "=", _E * _R / 10),
        relation(_P1, "=", _R * sympy.Rational(2, 5) / _E**2),
        relation(_P2, "=", _R / 2),
        relation(_P0, "=", 2 * _P1),
        relation(_E, ">=", 1),
    )
)


def _at(*values):
    return dict(zip((_P0, _P1, _P2, _E, _R), map(Fraction, values), strict=True))


def _random_instances(count=30):
    """Acyclic labels with rational margins e^m ∈ {1, 3/2, 2, 4} on three to six responses."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        size = int(rng.integers(3, 7))
        base = [Fraction(int(k)) for k in rng.integers(1, 60, size)]
        order, pairs = rng.permutation(size), set()
        for _ in range(int(rng.integers(1, 6))):
            first, second = sorted(rng.choice(size, 2, replace=False))
            pairs.add((int(order[first]), int(order[second])))
        ratios = [Fraction(int(k), 2) for k in rng.choice([2, 3, 4, 8], len(pairs))]
        yield [p / sum(base) for p in base], [(*pair, r) for pair, r in zip(sorted(pairs), ratios, strict=True)]


def _gap_is_small(base, constraints, shift=0.0):
    """The library's optimum and multipliers, their gap enclosed: below 1e-8."""
    problem = Problem.from_probabilities([float(p) for p in base], 1.0, [0.0] * len(base))
    labels = Preferences.from_pairs([(winner, loser) for winner, loser, _ in constraints])
    best = cpo.constrained_optimum(problem, labels, np.log([float(r) for *_, r in constraints]))
    gap = projection_gap(best.log_policy, np.maximum(best.multipliers, 0) + shift, base, constraints)
    return bool(gap < Fraction(1, 10**8))


STATEMENTS = (
    Statement(
        id="hard-one-pair",
        title="The hard constraint on one pair, in closed form",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _ONE_PAIR,
            (),
            claim={
                "the multiplier": relation(LAMBDA, "=", CLAIMED, noise=1e-8),
                "the policy: π_w ∝ π*_w e^(λ/β), π_l ∝ π*_l e^(−λe^m/β), others ∝ π*": relation(
                    POLICY_ERROR, "=", 0, noise=1e-8
                ),
            },
            wrong={
                "1.01 of the multiplier": relation(LAMBDA, "=", CLAIMED * Fraction(101, 100), noise=1e-8),
                "never slack": relation(LAMBDA, ">", 0, noise=1e-12),
            },
            effort=_EFFORT,
        ),
        parts={
            "the multiplier": Part(
                "δ = δ* + λ(1 + e^m). Either δ* ≥ m and λ = 0, or λ = (m − δ*)/(1 + e^m) > 0 and «δ = m at that λ»: "
                "complementary slackness holds in both cases.",
                (_TIGHT,),
            ),
            "the policy: π_w ∝ π*_w e^(λ/β), π_l ∝ π*_l e^(−λe^m/β), others ∝ π*": Part(
                "A convex program with a linear constraint, «curvature of π log(π/q)», «1/π > 0»: KKT is sufficient. "
                "The slope is 1 − log S for every response: «stationary in π_w», «stationary in π_l», «stationary in "
                "π_o».",
                (
                    *CONVEX,
                    _stationary("w", lambda m: 1, lambda m: 2),
                    _stationary("l", lambda m: -exp(m), lambda m: -1 - 0 * m),
                    _stationary("o", lambda m: 0 * m, lambda m: 1),
                ),
            ),
        },
        conclusion="Alignment of one pair costs nothing if δ* ≥ m, and moves only that pair's odds otherwise.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="hard-example-margin",
        title="An example with a margin: π* = (.1, .4, .5), π_0 ≥ 2π_1",
        origin=Origin.OURS,
        source="own example",
        form=InWords(
            "π* = (.1, .4, .5), π_0 ≥ 2 π_1.",
            {"the optimum": "The optimum is (1/4, 1/8, 5/8), at a price of β log(5/4)."},
            why="one instance, decided in rationals",
        ),
        parts={
            "the optimum": Part(
                "By {hard-one-pair}, with E = e^λ ≥ 1 and 1/S = 5/4, whose logarithm is the price per unit of β "
                "({price}): «KKT in rationals».",
                (
                    Exact(
                        "KKT in rationals",
                        {
                            "(.3, .15, .55), feasible": _at("3/10", "3/20", "11/20", "30/11", "11/10"),
                            "(1/4, 1/4, 1/2), equal": _at("1/4", "1/4", "1/2", "5/2", "1"),
                            "E = 1/2, a negative multiplier": _at("1/4", "1/8", "5/8", "1/2", "5/4"),
                        },
                        _KKT,
                        _at("1/4", "1/8", "5/8", "2", "5/4"),
                    ),
                ),
            )
        },
        conclusion="A worked example that needs no solver.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="hard-gap",
        title="What a duality gap proves of any instance",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _LABELLED,
            (relation(FEASIBLE, ">=", 0), relation(DUAL, ">=", 0)),
            claim={
                "weak duality": All((relation(BOUND, "<=", LEAST, noise=1e-9), relation(LEAST, "<=", KL, noise=1e-9))),
                "distance to the optimum": relation(DISTANCE, "<=", 2 * GAP, noise=1e-9),
            },
            wrong={
                "the gap alone, without the 2": relation(DISTANCE, "<=", GAP),
                "the bound doubled": relation(2 * BOUND, "<=", LEAST),
            },
            effort=Effort(draws=250, climbs=3, steps=50, least=60),
        ),
        parts={
            "weak duality": Part(
                "Response by response «log(π/π*) = log(π/π_λ) + t − log S», π_λ = π* e^t/S. Summed with π, and as each "
                "label adds λ to t_w and takes λ e^m from t_l, KL(π‖π*) + log S = KL(π‖π_λ) + Σ λ(π_w − e^m π_l). For "
                "feasible π and λ ≥ 0 the right side is at least 0 (KL ≥ 0 as in {rlhf-closed-form}): −log S bounds "
                "min KL from below; and π itself from above.",
                (GAP_TERM,),
            ),
            "distance to the optimum": Part(
                "At the optimum's own λ°, π_λ° is the optimum and its slack terms are 0: KL(π‖optimum) ≤ KL(π‖π*) − "
                "min KL, at most the gap. Then Pinsker's inequality, ‖·‖₁² ≤ 2 KL: let p and q be the masses that the "
                "two give to where the first is larger, ‖·‖₁ = 2(p − q). Merging does not raise KL, and for two events "
                "KL ≥ 2(p − q)²: both are 0 at q = p, and «the slope in q of KL − 2(p − q)²» has the sign of q − p.",
                (
                    Identity(
                        "the slope in q of KL − 2(p − q)²",
                        {"with 3 for 2": lambda p, q: (q - p) * (1 / (q * (1 - q)) - 6)},
                        lambda p, q: derivative(
                            lambda x: p * log(p / x) + (1 - p) * log((1 - p) / (1 - x)) - 2 * (p - x) ** 2
                        )(q),
                        lambda p, q: (q - p) * (1 - 2 * q) ** 2 / (q * (1 - q)),
                        {"p": UNIT, "q": UNIT},
                    ),
                ),
            ),
        },
        conclusion="A policy and multipliers prove their own error: no solver has to be believed.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="hard-any",
        title="The library's optimum under acyclic hard constraints",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _LABELLED,
            (relation(FEASIBLE, ">=", 0),),
            claim={
                "feasible": relation(PRIMAL, ">=", -Fraction(1, 10**9)),
                "no feasible policy is closer to π*": relation(KL, ">=", LEAST, noise=1e-9),
            },
            wrong={"none within a tenth of it": relation(KL, ">=", LEAST + Fraction(1, 10))},
            effort=Effort(draws=250, climbs=3, steps=50, least=60),
        ),
        parts={
            "feasible": Part(),
            "no feasible policy is closer to π*": Part(
                "By {hard-gap} each of these is optimal to within its gap: «duality gap below 1e-8».",
                (
                    Sampled(
                        "duality gap below 1e-8",
                        {"multipliers off by 0.01": lambda *case: _gap_is_small(*case, shift=0.01)},
                        _random_instances,
                        30,
                        _gap_is_small,
                    ),
                ),
            ),
        },
        conclusion="Each instance tried is optimal to within its certified gap; others are supported, no more.",
        expected=Verdict.SUPPORTED,
    ),
)
