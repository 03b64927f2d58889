"""RLHF with a limit on an expected cost: the dual in one multiplier, and what happens without a strictly feasible "
"policy."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import log_policy_of, problem, problem_of, weights
from tabular import Preferences, Problem, log_linear, rlhf

__all__ = [
    "AT_TILT",
    "COST",
    "FITTED",
    "LIMIT",
    "MEAN",
    "SPAN",
    "STATEMENTS",
    "VARIANCE",
    "D",
    "J",
    "first",
    "second",
    "weight",
    "λ",
]

J, D, COST, LIMIT, AT_TILT, MEAN = named("J(π)", "D(λ)", "E_π c", "b", "J(π_λ)", "E_λ c")
λ = sympy.Symbol("λ", nonnegative=True)
VARIANCE, SPAN = named("Var_λ(c)", "span(c)")
_EFFORT = Effort(draws=400, climbs=3, steps=60)
_SOURCE = "one-shot safe alignment (arXiv 2405.19544), as read"


def _instance(draw):
    parts = problem(draw)
    size = len(parts["ref"])
    return {
        **parts,
        "cost": [draw.number(0, 2) for _ in range(size)],
        "b": draw.number(0, 2),
        "λ": draw.number(0, 3),
        "policy": weights(draw, size),
    }


def _tilted(ref, reward, β, cost, λ):
    """The problem with the reward r − λc, and its optimum."""
    known = problem_of(ref, [float(r) - float(λ) * float(c) for r, c in zip(reward, cost, strict=True)], β)
    return known, rlhf.optimal_policy(known)


def _dual(ref, reward, β, cost, b, λ):
    return float(rlhf.value(_tilted(ref, reward, β, cost, λ)[0])[0]) + float(λ) * float(b)


def _mean_cost(log_policy, cost, power=1):
    return float(np.exp(log_policy[0]) @ np.array(cost, float) ** power)


def _objective_at_tilt(ref, reward, β, cost, λ):
    return float(rlhf.objective(_tilted(ref, reward, β, cost, λ)[1], problem_of(ref, reward, β))[0])


def _variance(ref, reward, β, cost, λ):
    best = _tilted(ref, reward, β, cost, λ)[1]
    return _mean_cost(best, cost, 2) - _mean_cost(best, cost) ** 2


_LIMITED = Instances(
    _instance,
    "Finite responses, π_ref > 0, β > 0, any reward r, cost c and limit b, λ ≥ 0, any policy π > 0; J = E r − β "
    "KL(·‖π_ref), π_λ the RLHF optimum of r − λc, D(λ) = J(π_λ) − λ(E_λ c − b)",
    {
        λ: lambda λ: λ,
        LIMIT: lambda b: b,
        J: lambda ref, reward, β, policy: float(rlhf.objective(log_policy_of(policy), problem_of(ref, reward, β))[0]),
        COST: lambda policy, cost: _mean_cost(log_policy_of(policy), cost),
        D: _dual,
        AT_TILT: _objective_at_tilt,
        MEAN: lambda ref, reward, β, cost, λ: _mean_cost(_tilted(ref, reward, β, cost, λ)[1], cost),
        VARIANCE: _variance,
        SPAN: lambda cost: float(max(cost)) - float(min(cost)),
    },
    drawn="2 to 4 responses, r ∈ [−3, 3], c and b ∈ [0, 2], λ ∈ [0, 3], β ∈ [1/10, 5]",
)
_SLOPES = tuple(
    Identity(
        name,
        {"with the sign changed": wrong},
        lambda x, u, v, c, b, order=order: derivative(lambda t: b * log(exp((u - t * c) / b) + exp(v / b)), order)(x),
        right,
        {"x": REAL, "u": REAL, "v": REAL, "c": REAL, "b": POSITIVE},
    )
    for name, order, right, wrong in (
        (
            "slope of β log Σ e^((r − λc)/β)",
            1,
            lambda x, u, v, c, b: -c * sigmoid((u - x * c - v) / b),
            lambda x, u, v, c, b: c * sigmoid((u - x * c - v) / b),
        ),
        (
            "its slope in turn",
            2,
            lambda x, u, v, c, b: c**2 * sigmoid((u - x * c - v) / b) * sigmoid((v - u + x * c) / b) / b,
            lambda x, u, v, c, b: -(c**2) * sigmoid((u - x * c - v) / b) * sigmoid((v - u + x * c) / b) / b,
        ),
    )
)
_GIBBS = Identity(
    "J − λ(E c − b), response by response",
    {"with λ added": lambda p, q, r, c, x, b, Z: p * b * log(Z) - b * p * log(p / (q * exp((r + x * c) / b) / Z))},
    lambda p, q, r, c, x, b, Z: p * r - b * p * log(p / q) - x * p * c,
    lambda p, q, r, c, x, b, Z: p * b * log(Z) - b * p * log(p / (q * exp((r - x * c) / b) / Z)),
    {"p": POSITIVE, "q": POSITIVE, "r": REAL, "c": REAL, "x": NONNEGATIVE, "b": POSITIVE, "Z": POSITIVE},
)
_HALVES = Identity(
    "p(1 − p) = 1/4 − (p − 1/2)²",
    {"1/5": lambda p: Fraction(1, 5) - (p - Fraction(1, 2)) ** 2},
    lambda p: p * (1 - p),
    lambda p: Fraction(1, 4) - (p - Fraction(1, 2)) ** 2,
    {"p": REAL},
)
_DROPS = (
    Identity(
        "slope of log(q + (1 − q)e^(−λ)) with q : 1 − q = 1 : k",
        {"positive": lambda x, k: k * exp(-x) / (1 + k * exp(-x))},
        lambda x, k: derivative(lambda t: log(1 + k * exp(-t)) - log(1 + k))(x),
        lambda x, k: -k * exp(-x) / (1 + k * exp(-x)),
        {"x": NONNEGATIVE, "k": POSITIVE},
    ),
    Sign(
        "it falls",
        {"less 1/100": lambda x, k: k * exp(-x) / (1 + k * exp(-x)) - Fraction(1, 100)},
        lambda x, k: k * exp(-x) / (1 + k * exp(-x)),
        {"x": NONNEGATIVE, "k": POSITIVE},
    ),
)
first, second, weight = named("p_1", "p_2", "w")
_SHARED = measured(
    "Two prompts of weights w and 1 − w, one logit for both, population labels at rates p_1 and p_2, uniform "
    "reference, β = 1; DPO's minimiser has the rate w p_1 + (1 − w) p_2 on both",
    (first, second, weight),
    {},
    **{name: (Fraction(1, 20), Fraction(19, 20)) for name in ("p_1", "p_2", "w")},
)


def _two_prompts(draw):
    return {name: draw.number(Fraction(1, 20), Fraction(19, 20)) for name in ("p1", "p2", "w")}


def _fitted_rate(p1, p2, w):
    """σ(θ) of DPO by the library, features (1, 0) on both prompts."""
    known = Problem.from_probabilities([[0.5, 0.5]] * 2, 1.0)
    rates = ((0, float(p1), float(w)), (1, float(p2), 1 - float(w)))
    labels = [(x, y, 1 - y, share * (p if y == 0 else 1 - p)) for x, p, share in rates for y in (0, 1)]
    found = log_linear.dpo(known, Preferences.from_pairs(labels), [[[1.0], [0.0]]] * 2)
    return float(np.exp(found.log_policy[0, 0]))


FITTED = named("σ(θ)")[0]
_FIT = Instances(
    _two_prompts,
    "Two prompts of weights w and 1 − w, two responses each, one logit θ for both, uniform reference, β = 1, "
    "population labels at rates p_1 and p_2; σ(θ) the rate at DPO's minimum",
    {first: lambda p1: p1, second: lambda p2: p2, weight: lambda w: w, FITTED: _fitted_rate},
    drawn="rates and w ∈ [1/20, 19/20]",
)
_LEAST = Identity(
    "slope of the loss in θ",
    {"of p_1 alone": lambda z, p, q, w: sigmoid(z) - p},
    lambda z, p, q, w: (
        -w * p * sigmoid(-z) + w * (1 - p) * sigmoid(z) - (1 - w) * q * sigmoid(-z) + (1 - w) * (1 - q) * sigmoid(z)
    ),
    lambda z, p, q, w: sigmoid(z) - (w * p + (1 - w) * q),
    {"z": REAL, "p": REAL, "q": REAL, "w": REAL},
)

STATEMENTS = (
    Statement(
        id="safe-dual",
        title="RLHF under an expected cost is RLHF of r − λc; its dual is convex with D″ = Var_λ(c)/β ≤ span(c)²/(4β)",
        origin=Origin.READING,
        source=f"{_SOURCE}; the constant 1/4 is sharp",
        form=Form(
            _LIMITED,
            (),
            claim={
                "no feasible policy exceeds D": Implies(relation(COST, "<=", LIMIT), relation(J, "<=", D, noise=1e-9)),
                "D is what π_λ has, plus λ(b − E_λ c)": relation(D, "=", AT_TILT + λ * (LIMIT - MEAN), noise=1e-8),
                "Var_λ(c)": relation(VARIANCE, "<=", SPAN**2 / 4, noise=1e-9),
            },
            wrong={
                "no policy at all exceeds D": relation(J, "<=", D),
                "at most span²/5": relation(VARIANCE, "<=", SPAN**2 / 5),
            },
            effort=_EFFORT,
        ),
        parts={
            "no feasible policy exceeds D": Part(
                "«J − λ(E c − b), response by response» sums to β log Z − β KL(π‖π_λ), Z = Σ π_ref e^((r − λc)/β): J "
                "≤ D + λ(E c − b) for λ ≥ 0.",
                (_GIBBS,),
            ),
            "D is what π_λ has, plus λ(b − E_λ c)": Part(
                "The former part at π = π_λ. D′ = b − E_λ c and D″ = Var_λ(c)/β, here of two costs: «slope of β log Σ "
                "e^((r − λc)/β)», «its slope in turn». So D is convex, and where D′ = 0 at some λ* ≥ 0 the policy "
                "π_λ* is feasible with J = D: optimal, without a gap.",
                _SLOPES,
            ),
            "Var_λ(c)": Part(
                "At most that of half at each end: «p(1 − p) = 1/4 − (p − 1/2)²» times span².", (_HALVES,)
            ),
        },
        conclusion="One number carries the constraint, and gradient descent on it may step by 4β/span².",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="safe-dual-no-slater",
        title="Wherever the limit can be met a multiplier exists",
        origin=Origin.BELIEF,
        source="a common belief, without Slater's condition",
        form=InWords(
            "Finite responses, π_ref > 0, β > 0, a cost c and a limit b that some policy meets.",
            {"multiplier": "Some λ ≥ 0 attains the dual infimum."},
            why="it claims the existence of a multiplier; one instance decides it",
        ),
        settles=Settles.NEGATION,
        parts={
            "b = min c, r = 0, c ∈ {0, 1}": Part(
                "Feasible is the reference restricted to cost 0, of mass q, worth β log q. The dual is β log(q + (1 − "
                "q)e^(−λ/β)), whose limit that is; «slope of log(q + (1 − q)e^(−λ)) with q : 1 − q = 1 : k», «it "
                "falls»: no λ attains it.",
                _DROPS,
            )
        },
        conclusion="At the least cost the constraint is a support, not a price; a limit a little above has a "
        "multiplier.",
        expected=Verdict.REFUTED,
        instead=("safe-dual",),
    ),
    Statement(
        id="prompts-shared-parameter",
        title="Each prompt's optimum is free of the prompts' weights, also where they share a parameter",
        origin=Origin.BELIEF,
        source="true of tabular policies; of one shared logit",
        form=Form(
            _SHARED,
            (),
            claim={
                "the first prompt's fitted rate is its own": relation(
                    weight * first + (1 - weight) * second, "=", first
                )
            },
            right={
                "it is where both rates agree": Implies(
                    relation(first, "=", second),
                    relation(weight * first + (1 - weight) * second, "=", first, noise=1e-9),
                )
            },
        ),
        second_routes=(_LEAST,),
        conclusion="Rates of .9 and .2 make the minority prompt's order a matter of how often the other was sampled.",
        expected=Verdict.REFUTED,
        instead=("prompts-shared-rate",),
    ),
    Statement(
        id="prompts-shared-rate",
        title="A logit that prompts share fits the weighted mean of their rates: free of the weights iff these agree",
        origin=Origin.OURS,
        source="own derivation; the repair of prompts-shared-parameter",
        form=Form(
            _FIT,
            (),
            claim={"the fitted rate": relation(FITTED, "=", weight * first + (1 - weight) * second, noise=1e-9)},
            wrong={"the unweighted mean": relation(FITTED, "=", (first + second) / 2)},
            effort=_EFFORT,
        ),
        parts={
            "the fitted rate": Part(
                "The loss is convex in θ, and «slope of the loss in θ» vanishes iff σ(θ) = w p_1 + (1 − w) p_2, which "
                "is the same for every w iff p_1 = p_2.",
                (_LEAST,),
            )
        },
        conclusion="Weights decide how much of a disagreement each prompt bears; where there is none they decide "
        "nothing. One logit a prompt takes them out altogether.",
        expected=Verdict.PROVED,
    ),
)
