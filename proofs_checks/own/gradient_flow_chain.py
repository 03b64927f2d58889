"""Two labels in a chain: a chosen probability that falls along the flow though no label is wrong."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import derivative, exp, log, sigmoid
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Iff, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.problems import preferences_of, problem, problem_of
from tabular import dpo

__all__ = ["LEAD_A", "RISE_B", "STATEMENTS"]

RISE_B, LEAD_A = named("d log π_b/dt at π_ref", "π_ref(a) − π_ref(c)")
_OVER = {"a": POSITIVE, "b": POSITIVE, "c": POSITIVE, "R": POSITIVE, "g": POSITIVE}


def _rise(ref, reward, β):
    """How fast log π_b moves at π_ref, from the gradient of the DPO loss in softmax logits."""
    problem = problem_of(ref, reward, β)
    velocity = -dpo.gradient(problem.log_ref, problem, preferences_of([(0, 1, 1), (1, 2, 1)]))[0]
    return (velocity - np.exp(problem.log_ref[0]) @ velocity)[1]


def _lead(ref):
    return (float(ref[0]) - float(ref[2])) / float(sum(map(float, ref)))


def _moving(a, b, c, R, g):
    """d log π_b/dt in softmax logits at z, with z_a′ = g, z_b′ = 0, z_c′ = −g, R the mass of the others."""
    return derivative(lambda s: log(b) - log(a * exp(g * s) + b + c * exp(-g * s) + R))(0 * g)


_FALLS = "π_b starts to fall iff π_ref(a) > π_ref(c)"

STATEMENTS = (
    Statement(
        id="flow-chain",
        title="A chosen probability may fall without a wrong label",
        origin=Origin.OURS,
        source="own derivation; cf. the likelihood-displacement literature",
        form=Form(
            Instances(
                lambda draw: problem(draw, responses=(3, 5), β=(1, 3)),
                "Labels a > b and b > c of equal weight, tabular softmax logits, gradient flow of DPO from π_ref",
                {RISE_B: _rise, LEAD_A: _lead},
                drawn="3 to 5 responses, weights in [1/20, 20], β ∈ [1, 3]",
            ),
            (),
            claim={_FALLS: Iff(relation(RISE_B, "<", 0, noise=1e-14), relation(LEAD_A, ">", 0, noise=1e-14))},
            wrong={
                "iff π_ref(a) > π_ref(c) + 1/100": Iff(
                    relation(RISE_B, "<", 0), relation(LEAD_A, ">", Fraction(1, 100))
                ),
                "it never falls": relation(RISE_B, ">=", 0),
            },
            effort=Effort(draws=200, climbs=2, steps=30),
        ),
        parts={
            _FALLS: Part(
                "At π_ref each label pulls with β times «σ(0) = 1/2» of its weight, its winner up and its loser down: "
                "b, pulled up by one and down by the other, stays, a moves by some g > 0 and c by −g. With "
                "π_ref = (a, b, c, R)/(a + b + c + R), «d log π_b/dt», which has the sign of c − a: «g/(a + b + c + R) "
                "> 0».",
                (
                    Identity(
                        "σ(0) = 1/2",
                        {"1": lambda z: 1 + 0 * z},
                        lambda z: sigmoid(z - z),
                        lambda z: (sigmoid(z) + sigmoid(-z)) / 2,
                        {"z": REAL},
                    ),
                    Identity(
                        "d log π_b/dt",
                        {
                            "without c": lambda a, b, c, R, g: -g * a / (a + b + c + R),
                            "with b": lambda a, b, c, R, g: g * (c + b - a) / (a + b + c + R),
                        },
                        _moving,
                        lambda a, b, c, R, g: g * (c - a) / (a + b + c + R),
                        _OVER,
                    ),
                    Sign(
                        "g/(a + b + c + R) > 0",
                        {"c taken off": lambda a, b, c, R, g: g / (a + b - c + R)},
                        lambda a, b, c, R, g: g / (a + b + c + R),
                        _OVER,
                    ),
                ),
            )
        },
        conclusion="Displacement needs no mistake: a response that is chosen once and rejected once loses what the "
        "flow pours into the one above it.",
        expected=Verdict.PROVED,
    ),
)
