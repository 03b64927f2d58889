"""With m = 0 the KL projection is isotonic regression of log π*; with margins u_w − u_l a weighted one."""

import itertools
from fractions import Fraction

import numpy as np
import sympy
from scipy.optimize import isotonic_regression

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sampled
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces import orders
from proofs_checks.spaces.problems import problem

__all__ = ["APART", "OF_MASSES", "POOLED", "STATEMENTS", "WEIGHTED_APART", "o", "p", "q", "x"]

APART, WEIGHTED_APART, OF_MASSES = named(
    "max |log π − log softmax(isotonic log π*)|", "max |log π − u − weighted isotonic|", "the same of isotonic π*"
)
POOLED = named("log π_1π_2 − log π*_1π*_2 beyond that of the others")[0]
p, q, o, x = sympy.symbols("π*_1 π*_2 π*_o π_1", positive=True)
_EFFORT = Effort(draws=200, climbs=2, steps=40)


def _chain(draw):
    """A total order of two to five responses, and heights u whose differences are the margins."""
    parts = problem(draw, responses=(2, 5))
    return {**parts, "heights": [draw.number(-1, 1) for _ in parts["ref"]]}


def _on_chain(ref, reward, β, heights):
    pairs = {(k, k + 1): float(heights[k]) - float(heights[k + 1]) for k in range(len(ref) - 1)}
    return orders.optimum_of(ref, reward, β, pairs).log_policy[0]


def _normalised(logits):
    return logits - np.logaddexp.reduce(logits)


def _apart(ref, reward, β, of=lambda z: z, back=lambda x: x):
    star = orders.star_of(ref, reward, β)
    claimed = back(isotonic_regression(of(star), increasing=False).x)
    return float(np.abs(_on_chain(ref, reward, β, [0] * len(ref)) - _normalised(claimed)).max())


def _weighted_apart(ref, reward, β, heights):
    star, u = orders.star_of(ref, reward, β), np.array([float(h) for h in heights])
    claimed = isotonic_regression(star - u, weights=np.exp(u), increasing=False).x + u
    return float(np.abs(_on_chain(ref, reward, β, heights) - _normalised(claimed)).max())


_CHAINS = Instances(
    _chain,
    "A total order of labels on finite responses, π* > 0; with m = 0, or with margins m_wl = u_w − u_l; π the "
    "library's optimum",
    {
        APART: _apart,
        WEIGHTED_APART: _weighted_apart,
        OF_MASSES: lambda ref, reward, β: _apart(ref, reward, β, of=np.exp, back=np.log),
    },
    drawn="2 to 5 responses, u ∈ [−1, 1], β ∈ [1/10, 5]",
)


def _pooled(ref, reward, β):
    """log(π_0 π_1/π*_0 π*_1) − 2 log(π_2/π*_2), where 0 ≥ 1 binds and 2 is unlabelled."""
    moved = orders.optimum_of(ref, reward, β, {(0, 1): 0}).log_policy[0] - orders.star_of(ref, reward, β)
    return float(moved[0] + moved[1] - 2 * moved[2])


_THREE = Instances(
    lambda draw: problem(draw, responses=(3, 3)),
    "One label 1 ≥ 2 with m = 0 and a response o without labels, π* > 0; π the library's optimum",
    {POOLED: _pooled},
    drawn="3 responses, β ∈ [1/10, 5]",
)


def _pooled_values(values):
    """Blocks of a decreasing isotonic fit of exact intervals, in the order that a float fit finds."""
    starts = isotonic_regression([float(v.lo) for v in values], increasing=False).blocks.tolist()
    return list(itertools.pairwise(starts))


def _certified_chain(base, slip=Fraction(0)):
    """Feasibility and multipliers of the pooled means of log π*, in interval arithmetic."""
    z = [Interval.of(weight).log() for weight in base]
    means = []
    for start, stop in _pooled_values(z):
        mean = sum(z[start + 1 : stop], z[start]) / (stop - start) + slip
        multiplier = Interval.of(0)
        for y in range(start, stop - 1):
            multiplier = multiplier + mean - z[y]
            if not multiplier > 0:
                return False
        if not abs(multiplier + mean - z[stop - 1]) < Fraction(1, 10**20):
            return False
        means.append(mean)
    return all(bool(high > low) for high, low in itertools.pairwise(means))


def _random_chains():
    rng = np.random.default_rng(3)
    return ([Fraction(int(k)) for k in rng.permutation(90)[:5] + 1] for _ in range(60))


def _projection_slope(π, star, a, ν):
    """Derivative of the Lagrangian of min KL in π_y, a = (Aᵀλ)_y."""
    return derivative(lambda s: s * log(s / star))(π) - a - ν


_OVER = {"π": POSITIVE, "star": POSITIVE, "a": REAL, "ν": REAL}
_STATIONARITY = Identity(
    "the two stationarity equations are one",
    {"without 1 − ν": lambda π, star, a, ν: log(π) - log(star) - a},
    _projection_slope,
    lambda π, star, a, ν: (log(π) + 1 - ν) - log(star) - a,
    _OVER,
)
_WEIGHTED = Identity(
    "times e^u they are those of weights e^u",
    {"weights 1": lambda π, star, a, ν, u: ((log(π) - u + 1 - ν) - (log(star) - u)) - a},
    lambda π, star, a, ν, u: exp(u) * (derivative(lambda s: s * log(s / star))(π) - exp(-u) * a - ν),
    lambda π, star, a, ν, u: exp(u) * ((log(π) - u + 1 - ν) - (log(star) - u)) - a,
    {**_OVER, "u": REAL},
)
_CONSTRAINT = Identity(
    "x_w − x_l is δ less the margin",
    {"plus the margin": lambda a, b, u, v, ν: log(a) - log(b) + (u - v)},
    lambda a, b, u, v, ν: (log(a) - u + 1 - ν) - (log(b) - v + 1 - ν),
    lambda a, b, u, v, ν: log(a) - log(b) - (u - v),
    {"a": POSITIVE, "b": POSITIVE, "u": REAL, "v": REAL, "ν": REAL},
)
#: The optimum of 1 ≥ 2 for π*_1 < π*_2 by isotonic-geometric: both get √(π*_1π*_2), the other response keeps π*_o.
_GEOMETRIC = sympy.sqrt(p * q) / (2 * sympy.sqrt(p * q) + o)

STATEMENTS = (
    Statement(
        id="isotonic-projection",
        title="With m = 0 the projection is isotonic regression of log π*",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _CHAINS,
            (),
            claim={"π = softmax(isotonic regression of log π*), unweighted": relation(APART, "=", 0, noise=1e-8)},
            wrong={"isotonic regression of π*": relation(OF_MASSES, "=", 0, noise=1e-8)},
            effort=_EFFORT,
        ),
        parts={
            "π = softmax(isotonic regression of log π*), unweighted": Part(
                "With x = log π + 1 − ν, «the two stationarity equations are one»: that of min KL(π‖π*) under π_w ≥ "
                "π_l, and that of ½ Σ (x − log π*)² under x_w ≥ x_l, for any partial order. As exp increases, both "
                "problems have the same feasible orders and the same tight labels: the same KKT conditions, sufficient "
                "in both, as both are convex.",
                (_STATIONARITY,),
            )
        },
        second_routes=(
            Sampled(
                "KKT on random chains",
                {"block values 1/10 higher": lambda *base: _certified_chain(base, slip=Fraction(1, 10))},
                lambda: (tuple(base) for base in _random_chains()),
                60,
                lambda *base: _certified_chain(base),
            ),
        ),
        conclusion="A total order costs one pool-adjacent-violators pass.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="isotonic-geometric",
        title="Pooled blocks are geometric means",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _THREE,
            (),
            claim={"a pooled pair gets √(π*_1π*_2) each, before normalisation": relation(POOLED, "=", 0, noise=1e-8)},
            wrong={"more than that": relation(POOLED, ">", 0, noise=1e-8)},
            effort=_EFFORT,
        ),
        parts={
            "a pooled pair gets √(π*_1π*_2) each, before normalisation": Part(
                "By {isotonic-projection} log π = log π* + a − log S on one, − a on the other, 0 on o: «the "
                "multipliers of a block cancel».",
                (
                    Identity(
                        "the multipliers of a block cancel",
                        {"with e^a": lambda u, v, a: u * v * exp(a)},
                        lambda u, v, a: exp((log(u) + a) + (log(v) - a)),
                        lambda u, v, a: u * v,
                        {"u": POSITIVE, "v": POSITIVE, "a": REAL},
                    ),
                ),
            )
        },
        second_routes=(
            Exact(
                "(.1, .4, .3, .2), 0 ≥ 1: (2/9, 2/9, 1/3, 2/9)",
                {"arithmetic, (1/4, 1/4, .3, .2)": relation(_GEOMETRIC, "=", Fraction(1, 4))},
                relation(_GEOMETRIC, "=", Fraction(2, 9)),
                {p: Fraction(1, 10), q: Fraction(2, 5), o: Fraction(1, 2)},
            ),
        ),
        conclusion="Aligning a pair loses mass to the others, unlike averaging.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="isotonic-arithmetic",
        title="Pooled blocks are arithmetic means",
        origin=Origin.BELIEF,
        source="what KL in the other direction would give",
        form=Form(
            Numbers(
                {p: (Fraction(1, 100), 1), q: (1, 100), o: (Fraction(1, 10), 10)},
                "One label 1 ≥ 2 with m = 0, π* ∝ (π*_1, π*_2, π*_o), π_1 that of isotonic-geometric, ",
            ),
            (relation(p, "<", q),),
            claim={"each gets (π*_1 + π*_2)/2": relation(_GEOMETRIC, "=", (p + q) / 2 / (p + q + o))},
            right={
                "at most that": relation(_GEOMETRIC, "<=", (p + q) / 2 / (p + q + o)),
            },
        ),
        uses=("isotonic-geometric",),
        conclusion="That is the projection in KL(π*‖π), a different problem.",
        expected=Verdict.REFUTED,
        instead=("isotonic-geometric",),
    ),
    Statement(
        id="isotonic-weighted",
        title="Margins that are potential differences: weighted isotonic regression",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _CHAINS,
            (),
            claim={
                "log π − u is the isotonic regression of log π* − u with weights e^u": relation(
                    WEIGHTED_APART, "=", 0, noise=1e-7
                )
            },
            wrong={"unweighted, without u": relation(APART, "=", 0, noise=1e-7) & relation(WEIGHTED_APART, ">", 0)},
            effort=_EFFORT,
        ),
        parts={
            "log π − u is the isotonic regression of log π* − u with weights e^u": Part(
                "Write π_w ≥ e^(u_w−u_l) π_l as e^(−u_w) π_w − e^(−u_l) π_l ≥ 0. With x = log π − u + 1 − ν, "
                "stationarity is «times e^u they are those of weights e^u», and the constraint x_w ≥ x_l: «x_w − x_l "
                "is δ less the margin».",
                (_WEIGHTED, _CONSTRAINT),
            )
        },
        conclusion="Chains and trees with margins need no solver either.",
        expected=Verdict.PROVED,
    ),
)
