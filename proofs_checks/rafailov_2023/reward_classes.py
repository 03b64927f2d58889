"""Which rewards DPO's reparametrisation reaches, and what preferences and optima say of a reward."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid, softplus, total
from proofs_checks.kernel.evidence import COUNT, POSITIVE, REAL, AnyFunction, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Iff, Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, z, β
from proofs_checks.spaces.problems import problem, problem_of, tree
from tabular import rlhf

__all__ = [
    "AGAIN",
    "CENTRED",
    "FREE",
    "GROUPS",
    "SHIFTED",
    "STATEMENTS",
    "TOTAL",
    "C",
    "a",
    "a_new",
    "b",
    "b_new",
    "c",
    "c_new",
    "p",
    "t",
]

TOTAL, SHIFTED, CENTRED, C = named("Σ π_ref e^(r̄/β)", "Σ π_ref e^((r̄ + c)/β)", "Σ π_ref e^((r − mean)/β)", "c")
AGAIN = named("max |class member of r + c − that of r|")[0]
FREE, GROUPS = named("dimension of the rewards with these preferences", "number of components")
a, b, c, t, c_new = named("r_1", "r_2", "r_3", "t", "r_3′")
a_new, b_new = named("r_1′", "r_2′")
p = sympy.Symbol("p", positive=True)
_SOURCE = "Rafailov et al. 2023"


def _instance(draw):
    return {**problem(draw), "c": draw.number(-2, 2)}


def _member(ref, reward, β):
    """r − β log Σ π_ref e^(r/β), which is r − V."""
    known = problem_of(ref, reward, β)
    return np.array(reward, float) - rlhf.value(known)[0]


def _total(ref, reward, β):
    return float(np.exp(problem_of(ref, [0] * len(ref), 1).log_ref[0] + np.array(reward, float) / float(β)).sum())


_CLASS = Instances(
    _instance,
    "Finite responses, π_ref > 0, β > 0, any r and c; r̄ = r − β log Σ π_ref e^(r/β)",
    {
        C: lambda c: c,
        TOTAL: lambda ref, reward, β: _total(ref, _member(ref, reward, β), β),
        SHIFTED: lambda ref, reward, β, c: _total(ref, _member(ref, reward, β) + float(c), β),
        CENTRED: lambda ref, reward, β: _total(ref, np.array(reward, float) - np.mean(np.array(reward, float)), β),
        AGAIN: lambda ref, reward, β, c: float(
            np.abs(_member(ref, [float(x + c) for x in reward], β) - _member(ref, reward, β)).max()
        ),
    },
    drawn="2 to 4 responses, r ∈ [−3, 3], c ∈ [−2, 2], β ∈ [1/10, 5]",
)
_ONE = Identity(
    "each term of the total is π*",
    {"without Z": lambda q, r, β, Z: q * exp(r / β)},
    lambda q, r, β, Z: q * exp((r - β * log(Z)) / β),
    lambda q, r, β, Z: q * exp(r / β) / Z,
    {"q": POSITIVE, "r": REAL, "β": POSITIVE, "Z": POSITIVE},
)
_RISES = (
    Identity(
        "slope of e^(c/β) in c",
        {"e^(c/β)": lambda c, β: exp(c / β)},
        lambda c, β: derivative(lambda x: exp(x / β))(c),
        lambda c, β: exp(c / β) / β,
        {"c": REAL, "β": POSITIVE},
    ),
    Sign(
        "it is positive",
        {"less 1/100": lambda c, β: exp(c / β) / β - Fraction(1, 100)},
        lambda c, β: exp(c / β) / β,
        {"c": REAL, "β": POSITIVE},
    ),
)
_ALONG = Identity(
    "what is taken off moves along",
    {"c/β": lambda r, c, β, Z: r - β * log(Z) + c - c / β},
    lambda r, c, β, Z: r + c - β * log(Z * exp(c / β)),
    lambda r, c, β, Z: r - β * log(Z),
    {"r": REAL, "c": REAL, "β": POSITIVE, "Z": POSITIVE},
)


def _graph(draw):
    size = draw.integer(2, 7)
    pairs = [pair for pair in tree(draw, size) if draw.integer(0, 2)]
    return {"size": size, "pairs": pairs}


def _incidence(size, pairs):
    rows = np.zeros((len(pairs) + 1, size))
    for k, (i, j) in enumerate(pairs):
        rows[k, i], rows[k, j] = 1, -1
    return rows


def _components(size, pairs):
    group = list(range(size))
    for i, j in pairs:
        old, new = group[i], group[j]
        group = [new if x == old else x for x in group]
    return len(set(group))


_PAIRS = Instances(
    _graph,
    "Finite responses, any pairs of them compared; two rewards have the same preferences iff they have the same "
    "difference on every compared pair",
    {
        FREE: lambda size, pairs: size - int(np.linalg.matrix_rank(_incidence(size, pairs))),
        GROUPS: _components,
    },
    drawn="2 to 7 responses, any part of a tree of pairs",
)
_ODDS = p * exp((a - b) / β)
_PAIR_SUPPORT = measured(
    "Responses 1, 2 and 3, π_ref = (p, 1, 0) up to a factor, β > 0; rewards r and r′ = (r_1 + t, r_2 + t, r_3′), which "
    "have the same optimum",
    (a, b, c, t, c_new, β),
    {},
)
_TWO_REWARDS = measured(
    "Responses 1, 2 and 3, π_ref = (p, 1, 0) up to a factor, β > 0; rewards r and r′, log π*_1/π*_2 = log p + (r_1 − "
    "r_2)/β",
    (a, b, a_new, b_new, p, β),
    {},
    **dict.fromkeys(("r_1", "r_2", "r_1′", "r_2′"), (-1, 1)),
)


def _log_odds(first, second):
    return log(p) + (first - second) / β


_rate, _fit = sympy.symbols("x", real=True), z
_EXCESS = sigmoid(_rate) * (softplus(-z) - softplus(-_rate)) + sigmoid(-_rate) * (softplus(z) - softplus(_rate))
_REGRET = (
    Identity(
        "slope of excess − 2(p − q)² in z",
        {"without the 4": lambda x, y: (sigmoid(y) - sigmoid(x)) * (1 - sigmoid(y) * sigmoid(-y))},
        lambda x, y: derivative(
            lambda u: sigmoid(x) * softplus(-u) + sigmoid(-x) * softplus(u) - 2 * (sigmoid(x) - sigmoid(u)) ** 2
        )(y),
        lambda x, y: (sigmoid(y) - sigmoid(x)) * (1 - 4 * sigmoid(y) * sigmoid(-y)),
        {"x": REAL, "y": REAL},
    ),
    Identity(
        "1 − 4σ(z)σ(−z) = (σ(z) − σ(−z))²",
        {"1 − 2σσ": lambda y: 1 - 2 * sigmoid(y) * sigmoid(-y)},
        lambda y: (sigmoid(y) - sigmoid(-y)) ** 2,
        lambda y: 1 - 4 * sigmoid(y) * sigmoid(-y),
        {"y": REAL},
    ),
)
_SQUARES = 2 * (sigmoid(_rate) - sigmoid(z)) ** 2

STATEMENTS = (
    Statement(
        id="dpo-class-representative",
        title="Each reward class has exactly one member of the form β log π/π_ref",
        origin=Origin.TRANSCRIBED,
        source=f"{_SOURCE}, Theorem 1 and the proposition of its appendix",
        form=Form(
            _CLASS,
            (),
            claim={
                "r̄ = β log π/π_ref for a policy π": relation(TOTAL, "=", 1, noise=1e-8),
                "r̄ + c is so for c = 0 alone": Iff(
                    relation(SHIFTED, "=", 1, noise=1e-6), relation(C, "=", 0, noise=1e-6)
                ),
                "r and r + c have the same r̄": relation(AGAIN, "=", 0, noise=1e-8),
            },
            wrong={"the member of mean 0 has the form": relation(CENTRED, "=", 1, noise=1e-6)},
            effort=OBJECTS,
        ),
        parts={
            "r̄ = β log π/π_ref for a policy π": Part(
                "A function f is β log π/π_ref for the policy π = π_ref e^(f/β) iff Σ π_ref e^(f/β) = 1. With Z = Σ "
                "π_ref e^(r/β) «each term of the total is π*», and they sum to 1.",
                (_ONE,),
            ),
            "r̄ + c is so for c = 0 alone": Part(
                "c multiplies the total by e^(c/β), which is 1 at c = 0 and rises: «slope of e^(c/β) in c», «it is "
                "positive».",
                _RISES,
            ),
            "r and r + c have the same r̄": Part(
                "c multiplies Z by e^(c/β), so «what is taken off moves along»: r + c less it is r less β log Z.",
                (_ALONG,),
            ),
        },
        conclusion="DPO's reparametrisation loses no reward and counts none twice.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-lemma1-converse",
        title="Preferences fix a reward up to one constant for each component of the compared pairs",
        origin=Origin.OURS,
        source=f"the converse of {_SOURCE}, Lemma 1, made exact",
        form=Form(
            _PAIRS,
            (),
            claim={"dimension": relation(FREE, "=", GROUPS)},
            wrong={
                "1, as if all were connected": relation(FREE, "=", 1),
                "one more than components": relation(FREE, "=", GROUPS + 1),
            },
            effort=OBJECTS,
        ),
        parts={
            "dimension": Part(
                "f = r′ − r leaves every preference as it was iff f_i = f_j on every compared pair, so iff f is "
                "constant on every component, where a path of pairs leads from anyone to anyone, «the differences on a "
                "path of any length»: one free number for each.",
                (
                    Identity(
                        "the differences on a path of any length",
                        {"one step short": lambda f, n: f(1) - f(n)},
                        lambda f, n: total(lambda k: f(k) - f(k + 1), 1, n),
                        lambda f, n: f(1) - f(n + 1),
                        {"f": AnyFunction(lambda k: k * k + k), "n": COUNT},
                    ),
                ),
            )
        },
        conclusion="The same class iff the pairs connect all responses; otherwise equal preferences hide different "
        "optima.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-lemma2-support",
        title="Rewards with the same optimum differ by a constant, whatever the reference",
        origin=Origin.READING,
        source=f"{_SOURCE}, Lemma 2, read without π_ref > 0",
        form=Form(
            _PAIR_SUPPORT,
            (),
            claim={"r′ − r is one constant": relation(c_new - c, "=", t)},
            right={
                "it is where the third reward moves along": Implies(
                    relation(c_new, "=", c + t), relation(c_new - c, "=", t)
                )
            },
        ),
        conclusion="An optimum says nothing of what the reference never does; dpo-lemma2-repaired is what remains.",
        expected=Verdict.REFUTED,
        instead=("dpo-lemma2-repaired",),
    ),
    Statement(
        id="dpo-lemma2-repaired",
        title="Rewards have the same optimum iff they differ by a constant on the support of the reference",
        origin=Origin.OURS,
        source="the repair of dpo-lemma2-support",
        form=Form(
            _TWO_REWARDS,
            (),
            claim={
                "the optima agree iff r_1′ − r_1 = r_2′ − r_2": Iff(
                    relation(_log_odds(a, b), "=", _log_odds(a_new, b_new), noise=1e-9),
                    relation(a_new - a, "=", b_new - b, noise=1e-9),
                )
            },
            wrong={
                "iff r_1′ = r_1": Iff(relation(_log_odds(a, b), "=", _log_odds(a_new, b_new)), relation(a_new, "=", a))
            },
        ),
        parts={
            "the optima agree iff r_1′ − r_1 = r_2′ − r_2": Part(
                "Off the support both optima are 0, on it {rlhf-reward-class}: for two responses «the difference of "
                "log-odds» is 0 iff the rewards' differences agree.",
                (
                    Identity(
                        "the difference of log-odds",
                        {"without β": lambda x, y, u, v, q, β: (x - y) - (u - v)},
                        lambda x, y, u, v, q, β: log(q * exp((x - y) / β)) - log(q * exp((u - v) / β)),
                        lambda x, y, u, v, q, β: ((x - u) - (y - v)) / β,
                        {"x": REAL, "y": REAL, "u": REAL, "v": REAL, "q": POSITIVE, "β": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="Full support is a hypothesis of the lemma, not a convenience.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-regret-identity",
        title="On a pair the excess DPO loss is a KL of coins, at least 2(p − q)²",
        origin=Origin.OURS,
        source="folklore",
        form=Form(
            measured(
                "One pair with population rate p = σ(x), a policy with βh = z and q = σ(z); the excess of its DPO loss "
                "over the least",
                (_rate, z),
                {},
            ),
            (),
            claim={"excess ≥ 2(p − q)²": relation(_EXCESS, ">=", _SQUARES)},
            wrong={
                "excess ≥ 2.1(p − q)²": relation(_EXCESS, ">=", _SQUARES * 21 / 20),
                "excess ≤ 3(p − q)²": relation(_EXCESS, "<=", _SQUARES * 3 / 2),
            },
        ),
        parts={
            "excess ≥ 2(p − q)²": Part(
                "Both sides are 0 at z = x. «slope of excess − 2(p − q)² in z» with «1 − 4σ(z)σ(−z) = (σ(z) − "
                "σ(−z))²»: it has the sign of z − x, so the difference is least at x.",
                _REGRET,
            )
        },
        conclusion="A loss within ε of its least leaves every rate within √(ε/2); margins near certainty it does not.",
        expected=Verdict.PROVED,
    ),
)
