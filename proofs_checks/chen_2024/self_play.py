"""SPIN with every round solved exactly: the log-ratio to the data is multiplied by 1 − 1/β a round."""

import functools
import itertools
from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import exp, log, logit, sigmoid
from proofs_checks.kernel.evidence import POSITIVE, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Rounds, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import β
from proofs_checks.spaces.problems import log_policy_of, preferences_of, problem_of, weights
from tabular import dpo

__all__ = ["ERROR", "NEXT", "NOW", "STATEMENTS"]

ERROR, NOW, NEXT = named("max |log π_(t+1) − its closed form|", "span log π_t/p", "span log π_(t+1)/p")
_SOURCE = "Chen et al. 2401.01335, Section 4"


def _round(draw):
    size = draw.integer(2, 4)
    between = (Fraction(1, 5), 5)
    data = weights(draw, size, between)
    policy = data if draw.integer(0, 7) == 0 else weights(draw, size, between)
    return {"data": data, "policy": policy, "β": draw.number(Fraction(1, 5), 3)}


def _solved(data, policy, β):
    """The library's minimiser of the round: labels i over j with weight p_i π_j, reference π_t."""
    return _solution(*(tuple(map(float, part)) for part in (data, policy)), float(β))


@functools.lru_cache(maxsize=1000)
def _solution(data, policy, β):
    """Each round once, however many quantities ask for it."""
    labels = [(i, j, data[i] * policy[j]) for i, j in itertools.permutations(range(len(data)), 2)]
    return dpo.solve(problem_of(policy, [0] * len(data), β), preferences_of(labels)).log_policy[0]


def _closed(data, policy, β):
    p, q = log_policy_of(data)[0], log_policy_of(policy)[0]
    logits = q + (p - q) / float(β)
    return logits - np.logaddexp.reduce(logits)


def _span(data, log_policy):
    return float(np.ptp(log_policy - log_policy_of(data)[0]))


_ROUNDS = Instances(
    _round,
    "Finite responses, data p > 0, last policy π_t > 0, β > 0; π_(t+1) the minimiser of the logistic SPIN loss of p "
    "over π_t with reference π_t",
    {
        β: lambda β: β,
        ERROR: lambda data, policy, β: float(np.abs(_solved(data, policy, β) - _closed(data, policy, β)).max()),
        NOW: lambda data, policy: _span(data, log_policy_of(policy)[0]),
        NEXT: lambda data, policy, β: _span(data, _solved(data, policy, β)),
    },
    drawn="2 to 4 responses, weights in [1/5, 5], β ∈ [1/5, 3]",
)
_HALF = Fraction(1, 2)
_SHRINKS = relation(NEXT, "<", NOW, noise=1e-7)

_PULLS = Identity(
    "the pulls of i over j and of j over i cancel",
    {"at s = 2 log p/q": lambda a, b, p, q: b * p * sigmoid(2 * (log(a / p) - log(b / q)))},
    lambda a, b, p, q: a * q * sigmoid(log(b / q) - log(a / p)),
    lambda a, b, p, q: b * p * sigmoid(log(a / p) - log(b / q)),
    {"a": POSITIVE, "b": POSITIVE, "p": POSITIVE, "q": POSITIVE},
)
_FACTOR = Identity(
    "log of q (p/q)^(1/β) over p",
    {"1/β": lambda p, q, β: (log(q) - log(p)) / β, "1 − β": lambda p, q, β: (1 - β) * (log(q) - log(p))},
    lambda p, q, β: log(q * exp((log(p) - log(q)) / β) / p),
    lambda p, q, β: (1 - 1 / β) * (log(q) - log(p)),
    {"p": POSITIVE, "q": POSITIVE, "β": POSITIVE},
)
_SMALLER = Identity(
    "1 − (1 − 1/β)² = (2β − 1)/β²",
    {"(β − 1)/β²": lambda β: (β - 1) / β**2},
    lambda β: 1 - (1 - 1 / β) ** 2,
    lambda β: (2 * β - 1) / β**2,
    {"β": POSITIVE},
)


def _first_after(rounds, factor=-9):
    """π_1 after these rounds at β = 1/10 from (.55, .45), data (.6, .4)."""
    data, start = logit(Fraction(3, 5)), logit(Fraction(11, 20))
    return sigmoid(data + factor**rounds * (start - data))


_PRINTED = All((Rounds(_first_after(1), "0.9045309855"), Rounds(_first_after(2), "0.0000000937")))

STATEMENTS = (
    Statement(
        id="spin-exact-rounds",
        title="SPIN, each round solved: a factor 1 − 1/β towards or away from the data",
        origin=Origin.OURS,
        source=f"{_SOURCE} has the fixed point; the dynamics are ours",
        form=Form(
            _ROUNDS,
            (relation(NOW, "!=", 0, noise=1e-4),),
            claim={
                "π_(t+1) ∝ π_t (p/π_t)^(1/β)": relation(ERROR, "=", 0, noise=1e-7),
                "the log-ratio to p is multiplied by 1 − 1/β": relation(
                    β * NEXT, "=", NOW * sympy.Abs(β - 1), noise=1e-6
                ),
                "it shrinks iff β > 1/2": Iff(_SHRINKS, relation(β, ">", _HALF, noise=1e-6)),
            },
            wrong={
                "for every β": _SHRINKS,
                "iff β > 1": Iff(_SHRINKS, relation(β, ">", 1)),
                "by 1/β": relation(β * NEXT, "=", NOW, noise=1e-6),
            },
            effort=Effort(draws=200, climbs=2, steps=25),
        ),
        parts={
            "π_(t+1) ∝ π_t (p/π_t)^(1/β)": Part(
                "The labels have weights W_ij = p_i q_j, q = π_t: at scores s = log p/q «the pulls of i over j and of "
                "j over i cancel», pair by pair. As every weight is positive this stationary point is the minimiser, "
                "and the only one up to a constant; and s = β log π/q ({dpo-bradley-terry}).",
                (_PULLS,),
            ),
            "the log-ratio to p is multiplied by 1 − 1/β": Part(
                "Up to the normaliser, a constant that a span does not see: «log of q (p/q)^(1/β) over p».", (_FACTOR,)
            ),
            "it shrinks iff β > 1/2": Part(
                "The factor's square is below 1 iff 2β > 1: «1 − (1 − 1/β)² = (2β − 1)/β²».", (_SMALLER,)
            ),
        },
        second_routes=(
            Exact(
                "β = 1/10, p = (.6, .4), from (.55, .45): two rounds",
                {"a factor −8": Rounds(_first_after(1, factor=-8), "0.9045309855")},
                _PRINTED,
            ),
        ),
        conclusion="One round is enough at β = 1, β = 1/2 alternates for ever, and below it exact rounds diverge: "
        "at the usual β = 1/10 the error is multiplied by −9.",
        expected=Verdict.PROVED,
    ),
)
