"""The price of alignment, and what a preference cycle does to it."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import exp, log, sinh, total
from proofs_checks.kernel.evidence import COUNT, POSITIVE, REAL, AnyFunction, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Policies, Statement, Verdict
from proofs_checks.spaces import orders
from proofs_checks.spaces.problems import once, problem, problem_of
from tabular import Preferences, cpo

__all__ = ["DIVERGENCE", "LOG_S", "ON_CYCLE", "PRICE", "SPREAD", "STATEMENTS", "M"]

PRICE, LOG_S, DIVERGENCE = named("price V − J", "−β log S", "β·KL(π‖π*)")
M, ON_CYCLE, SPREAD = named("M", "mass on the cycle", "max |log π_i/π_j − (margins on the way)| on the cycle")
_EFFORT = Effort(draws=250, climbs=2, steps=40)


def _partial_order(draw):
    return orders.constrained(draw, margins=(0, 0))


def _log_total(ref, reward, β, pairs):
    multipliers = orders.optimum_of(ref, reward, β, pairs).multipliers / float(β)
    return -float(β) * orders.log_total(ref, reward, β, pairs, multipliers)


_ORDERED = Instances(
    _partial_order,
    "Any partial order of labels with m = 0 on finite responses, π* > 0, β > 0; π the library's optimum, S = Σ π* e^t "
    "with its multipliers, t = Aᵀλ/β",
    {
        PRICE: lambda ref, reward, β, pairs: float(orders.optimum_of(ref, reward, β, pairs).price[0]),
        DIVERGENCE: lambda ref, reward, β, pairs: (
            float(β)
            * orders.divergence_of(ref, reward, β, np.exp(orders.optimum_of(ref, reward, β, pairs).log_policy[0]))
        ),
        LOG_S: _log_total,
    },
    drawn="2 to 5 responses, 1 to 5 labels, β ∈ [1/10, 5]",
)


def _cycle(draw):
    """A cycle of two to four responses whose margins sum to M, and one more response that no label names."""
    size = draw.integer(2, 4)
    margins = [draw.number(-2, 2) for _ in range(size - 1)]
    whole = draw.choice((0, 1)) * draw.number(Fraction(1, 20), 3)
    return {**problem(draw, responses=(size + 1, size + 1)), "margins": [*margins, whole - sum(margins)], "M": whole}


@once
def _best(ref, reward, β, margins):
    size = len(margins)
    labels = Preferences.from_pairs([(k, (k + 1) % size) for k in range(size)])
    return cpo.constrained_optimum(problem_of(ref, reward, β), labels, np.array(margins))


def _mass_on_cycle(ref, reward, β, margins):
    return float(np.exp(_best(ref, reward, β, margins).log_policy[0, : len(margins)]).sum())


def _spread(ref, reward, β, margins, M):
    """0 by convention where M > 0 leaves nothing on the cycle."""
    if M > 0:
        return 0.0
    logs = _best(ref, reward, β, margins).log_policy[0]
    height = np.concatenate([[0.0], -np.cumsum([float(m) for m in margins[:-1]])])
    return float(np.ptp(logs[: len(margins)] - height))


_CYCLES = Instances(
    _cycle,
    "Labels round a cycle of any length with margins of total M ≥ 0, a response beside it; π the library's optimum",
    {M: lambda M: M, ON_CYCLE: _mass_on_cycle, SPREAD: _spread},
    drawn="cycles of 2 to 4 responses, margins in [−2, 2], M = 0 or in [1/20, 3]",
)

STATEMENTS = (
    Statement(
        id="price",
        title="The price of alignment",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _ORDERED,
            (),
            claim={
                "the price is a divergence": relation(PRICE, "=", DIVERGENCE, noise=1e-8),
                "it is −β log S": relation(PRICE, "=", LOG_S, noise=1e-8),
            },
            wrong={"1.01 of it": relation(PRICE, "=", LOG_S * Fraction(101, 100), noise=1e-8)},
            effort=_EFFORT,
        ),
        parts={
            "the price is a divergence": Part(
                "V = β log Z and π* = π_ref e^(r/β)/Z ({rlhf-closed-form}): V − J(π) is the mean under π of «V less "
                "what one response adds to J».",
                (
                    Identity(
                        "V less what one response adds to J",
                        {
                            "with the reference": lambda p, q, r, β, Z: β * log(p / q),
                            "without β": lambda p, q, r, β, Z: log(p * Z / (q * exp(r / β))),
                        },
                        lambda p, q, r, β, Z: β * log(Z) - (r - β * log(p / q)),
                        lambda p, q, r, β, Z: β * log(p / (q * exp(r / β) / Z)),
                        {"p": POSITIVE, "q": POSITIVE, "r": REAL, "β": POSITIVE, "Z": POSITIVE},
                    ),
                ),
            ),
            "it is −β log S": Part(
                "At the optimum log(π/π*) = t − log S («log-ratio of the projection»), so KL(π‖π*) = Σ π t − log S; "
                "each of any number of labels adds λ to t_w and takes it from t_l, so Σ π t = Σ_labels λ(π_w − π_l), "
                "and each term is 0 by complementary slackness.",
                (
                    Identity(
                        "log-ratio of the projection",
                        {"2t": lambda q, S, t: 2 * t - log(S), "without S": lambda q, S, t: t},
                        lambda q, S, t: log(q * exp(t) / S) - log(q),
                        lambda q, S, t: t - log(S),
                        {"q": POSITIVE, "S": POSITIVE, "t": REAL},
                    ),
                ),
            ),
        },
        conclusion="The price is a by-product of the projection.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="cycle",
        title="What a preference cycle forces",
        origin=Origin.OURS,
        source="own derivation",
        policies=Policies.ZEROS_ALLOWED,
        form=Form(
            _CYCLES,
            (),
            claim={
                "M = 0 makes every constraint of it tight": Implies(
                    relation(M, "=", 0), relation(SPREAD, "=", 0, noise=1e-7)
                ),
                "M > 0 empties it": Implies(relation(M, ">", 0), relation(ON_CYCLE, "=", 0)),
            },
            wrong={
                "M = 0 empties it": Implies(relation(M, "=", 0), relation(ON_CYCLE, "=", 0)),
                "M > 0 leaves something": Implies(relation(M, ">", 0), relation(ON_CYCLE, ">", 0)),
            },
            effort=_EFFORT,
        ),
        parts={
            "M = 0 makes every constraint of it tight": Part(
                "Along a cycle of n responses π_k = e^(m_k) π_(k+1) + s_k with slacks s_k ≥ 0. With A(k) = e^(m_1 + … "
                "+ m_(k−1)) π_k each slack is «one slack» times a positive number, and «round a cycle of any length» "
                "they add up to A(1) − A(n+1) = (1 − e^M) π_1. For M = 0 that is 0, so every slack is.",
                (
                    Identity(
                        "one slack",
                        {"with e^(2m)": lambda a, m, p, q: exp(a) * (p - exp(2 * m) * q)},
                        lambda a, m, p, q: exp(a) * p - exp(a + m) * q,
                        lambda a, m, p, q: exp(a) * (p - exp(m) * q),
                        {"a": REAL, "m": REAL, "p": POSITIVE, "q": POSITIVE},
                    ),
                    Identity(
                        "round a cycle of any length",
                        {"one step short": lambda A, n: A(1) - A(n)},
                        lambda A, n: total(lambda k: A(k) - A(k + 1), 1, n),
                        lambda A, n: A(1) - A(n + 1),
                        {"A": AnyFunction(lambda k: k * k + k), "n": COUNT},
                    ),
                ),
            ),
            "M > 0 empties it": Part(
                "For M > 0 the same sum of slacks, at least 0, is −(e^M − 1) π_1 with «e^M − 1» = 2e^(M/2) sinh(M/2), "
                "«above 0»: π_1 = 0, and likewise every member. Where every response is on such a cycle nothing is "
                "left to sum to 1.",
                (
                    Identity(
                        "e^M − 1",
                        {"without the 2": lambda M: exp(M / 2) * sinh(M / 2)},
                        lambda M: exp(M) - 1,
                        lambda M: 2 * exp(M / 2) * sinh(M / 2),
                        {"M": REAL},
                    ),
                    Sign(
                        "above 0",
                        {"for M < 0": lambda M: 2 * exp(-M / 2) * sinh(-M / 2)},
                        lambda M: 2 * exp(M / 2) * sinh(M / 2),
                        {"M": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="Contradictory labels are not averaged: they are equalised, or wiped out.",
        expected=Verdict.PROVED,
    ),
)
