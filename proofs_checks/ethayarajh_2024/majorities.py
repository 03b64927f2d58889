"""Contradictory labels of two responses: what DPO keeps of a minority, and that KTO keeps nothing."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import Iff, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from tabular import Preferences, Problem, dpo

__all__ = ["MINORITY", "STATEMENTS", "fall", "p", "q", "rise", "u_a", "u_b"]

p, q, rise, fall = sympy.symbols("p q s t", positive=True)
u_a, u_b = named("u_a", "u_b")
MINORITY = named("π_b")[0]
_UNIT = (Fraction(1, 50), Fraction(49, 50))
_SOURCE = "Ethayarajh et al. 2402.01306, Theorem 4.3"


def _minority(p, q, β):
    known = Problem.from_probabilities([float(q), 1 - float(q)], float(β))
    labels = Preferences.from_pairs([(0, 0, 1, float(p)), (0, 1, 0, 1 - float(p))])
    return float(np.exp(dpo.solve(known, labels).log_policy[0, 1]))


_DPO = measured(
    "Two responses a and b, π_ref,a = q, β > 0, labels a > b at the rate p and b > a at 1 − p; π DPO's optimum",
    (p, q, β),
    {MINORITY: _minority},
    p=_UNIT,
    q=_UNIT,
)
_LEAD = log(p / (1 - p)) / β
_KTO = measured(
    "KTO with equal weights of both kinds and a reference point z_0 that is held fixed, labels a > b at the rate p and "
    "b > a at 1 − p, u = β log π/π_ref − z_0 of each; u_a moved up by s > 0 and u_b down by t > 0",
    (p, u_a, u_b, rise, fall),
    {},
    p=_UNIT,
    u_a=(-4, 4),
    u_b=(-4, 4),
)


def _loss(p, x, y):
    """Desirable costs 1 − σ(u), undesirable 1 − σ(−u)."""
    return p * ((1 - sigmoid(x)) + (1 - sigmoid(-y))) + (1 - p) * ((1 - sigmoid(y)) + (1 - sigmoid(-x)))


STATEMENTS = (
    Statement(
        id="kto-majority-alone",
        title="With the reference point held fixed KTO's loss falls all the way to the majority response alone",
        origin=Origin.READING,
        source=f"{_SOURCE}, its half on KTO, read with z_0 fixed; wording likely",
        form=Form(
            _KTO,
            (relation(p, ">", Fraction(1, 2)),),
            claim={"the loss falls": relation(_loss(p, u_a + rise, u_b - fall), "<", _loss(p, u_a, u_b))},
            wrong={"by 1/100": relation(_loss(p, u_a + rise, u_b - fall), "<", _loss(p, u_a, u_b) - Fraction(1, 100))},
        ),
        parts={
            "the loss falls": Part(
                "«the loss» is 1 less (2p − 1)(σ(u_a) − σ(u_b)), and «the slope of σ» is «positive». More mass on a "
                "and less on b does both moves, so with two responses the infimum is π_a = 1, for p = .51 as for 1.",
                (
                    Identity(
                        "the loss",
                        {"p for 2p − 1": lambda p, x, y: 1 - p * (sigmoid(x) - sigmoid(y))},
                        lambda p, x, y: _loss(p, x, y),
                        lambda p, x, y: 1 - (2 * p - 1) * (sigmoid(x) - sigmoid(y)),
                        {"p": UNIT, "x": REAL, "y": REAL},
                    ),
                    Identity(
                        "the slope of σ",
                        {"σ²": lambda x: sigmoid(x) ** 2},
                        lambda x: derivative(sigmoid)(x),
                        lambda x: sigmoid(x) * sigmoid(-x),
                        {"x": REAL},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda x: sigmoid(x) * sigmoid(-x) - Fraction(1, 10)},
                        lambda x: sigmoid(x) * sigmoid(-x),
                        {"x": REAL},
                    ),
                ),
            )
        },
        conclusion="KTO reads 51 % as 100 %: robust against noise, and deaf to a minority of 49.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="kto-dpo-minority",
        title="DPO gives b the more mass iff the reference's lead for it exceeds logit(p)/β, majority for a or not",
        origin=Origin.READING,
        source=f"{_SOURCE}, its half on DPO, which has that it may",
        form=Form(
            _DPO,
            (),
            claim={
                "π_b > 1/2 iff p^(1/β) q < (1 − p)^(1/β) (1 − q)": Iff(
                    relation(MINORITY, ">", Fraction(1, 2), noise=1e-9),
                    relation(_LEAD + log(q / (1 - q)), "<", 0, noise=1e-9),
                )
            },
            effort=Effort(draws=300, climbs=2, steps=40),
            wrong={
                "with β for 1/β": Iff(
                    relation(MINORITY, ">", Fraction(1, 2)), relation(β**2 * _LEAD + log(q / (1 - q)), "<", 0)
                )
            },
        ),
        parts={
            "π_b > 1/2 iff p^(1/β) q < (1 − p)^(1/β) (1 − q)": Part(
                "By {dpo-bradley-terry} β log π_a/π_b less β log q/(1 − q) fits the rate, a logit: «the loss is least "
                "at logit p», up to a factor «positive».",
                (
                    Identity(
                        "the loss is least at logit p",
                        {"σ(z) − 1 + p": lambda p, z: sigmoid(z) - 1 + p},
                        lambda p, z: derivative(lambda x: p * softplus(-x) + (1 - p) * softplus(x))(z),
                        lambda p, z: sigmoid(z) - p,
                        {"p": UNIT, "z": REAL},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda b: 1 / b - Fraction(1, 10)},
                        lambda b: 1 / b,
                        {"b": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="Whether contradictory labels are outvoted by the reference is a matter of β alone.",
        expected=Verdict.PROVED,
    ),
)
