"""One solution set in full: π_ref = (.2, .3, .5), β = 1/2, a beats b with probability 3/4, c unlabelled."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import log, softplus
from proofs_checks.kernel.evidence import POSITIVE, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, Rounds, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Policies, Statement, Verdict
from proofs_checks.spaces.problems import log_policy_of, weights
from tabular import Preferences, Problem, dpo

__all__ = ["ENTROPY", "MEMBER", "RATIO", "REF", "STATEMENTS", "L", "problem_and_labels"]

REF = (Fraction(1, 5), Fraction(3, 10), Fraction(1, 2))
#: The least loss, the entropy of 3/4.
ENTROPY = 2 * log(2) - sympy.Rational(3, 4) * log(3)

L, RATIO, MEMBER = named("L(π)", "π_a/π_b", "L(6t, t, 1−7t)")


def problem_and_labels():
    """The library's problem and labels of the example."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    return problem, Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])


def _loss_of(policy):
    return dpo.loss(log_policy_of(policy), *problem_and_labels())


def _loss_with_zeros(policy):
    with np.errstate(divide="ignore"):
        return _loss_of(policy)


def _instance(draw):
    return {"policy": weights(draw, 3), "t": draw.number(Fraction(1, 1000), Fraction(142, 1000))}


_POLICIES = Instances(
    _instance,
    "π_ref = (.2, .3, .5), β = 1/2, P(a beats b) = 3/4, c unlabelled; any policy π, any t with 0 < t < 1/7",
    {
        L: _loss_of,
        RATIO: lambda policy: float(policy[0]) / float(policy[1]),
        MEMBER: lambda t: _loss_of([6 * float(t), float(t), 1 - 7 * float(t)]),
    },
    drawn="weights in [1/20, 20], t ∈ [.001, .142]",
)


STATEMENTS = (
    Statement(
        id="dpo-set-example",
        title="A solution set in full",
        origin=Origin.OURS,
        source="own example",
        form=Form(
            _POLICIES,
            (),
            claim={
                "the members (6t, t, 1 − 7t) reach H(3/4)": relation(MEMBER, "=", ENTROPY),
                "no other policy does": Implies(relation(RATIO, "!=", 6), relation(L, ">", ENTROPY)),
                "the decimals": Rounds(ENTROPY, "0.5623351446"),
            },
            wrong={
                "H(3/4) + 10⁻⁶ is not reached": relation(MEMBER, ">", ENTROPY + Fraction(1, 10**6)),
                "nothing below H(3/4) + 1/100": relation(L, ">", ENTROPY + Fraction(1, 100)),
            },
            effort=Effort(draws=250, climbs=3, steps=60),
        ),
        parts={
            "the members (6t, t, 1 − 7t) reach H(3/4)": Part(
                "βh = ½ log(6/(2/3)) = log 3, whatever t is; «loss at βh = log 3».",
                (
                    Identity(
                        "loss at βh = log 3",
                        {
                            "at odds 5": lambda t: (
                                Fraction(3, 4) * softplus(-log(5 * t / t * Fraction(3, 2)) / 2)
                                + Fraction(1, 4) * softplus(log(5 * t / t * Fraction(3, 2)) / 2)
                            )
                        },
                        lambda t: 2 * log(2) - Fraction(3, 4) * log(3) + 0 * t,
                        lambda t: (
                            Fraction(3, 4) * softplus(-log(6 * t / t * Fraction(3, 2)) / 2)
                            + Fraction(1, 4) * softplus(log(6 * t / t * Fraction(3, 2)) / 2)
                        ),
                        {"t": POSITIVE},
                    ),
                ),
            ),
            "no other policy does": Part(
                "By {dpo-population}, with Δr = log 3, any other βh has more loss; and βh = log 3 means π_a/π_b = 6."
            ),
            "the decimals": Part(
                steps=(
                    Exact(
                        "H(3/4) rounds to .5623351446",
                        {"last digit off by one": Rounds(ENTROPY, "0.5623351447")},
                        Rounds(ENTROPY, "0.5623351446"),
                    ),
                )
            ),
        },
        conclusion="DPO fixes the odds of a and b and says nothing about c; with zeros allowed t = 1/7, π_c = 0, is a "
        "minimiser too (dpo-set-example-zeros).",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="dpo-set-example-zeros",
        title="The same set with zeros allowed: its end t = 1/7",
        origin=Origin.OURS,
        source="own example",
        policies=Policies.ZEROS_ALLOWED,
        form=Form(
            Instances(
                lambda draw: {"policy": [6 * (x := draw.number(Fraction(1, 20), 20)), x, draw.choice((0, 1))]},
                "As in dpo-set-example; policies with π_a = 6 π_b, π_c = 0 among them",
                {L: _loss_with_zeros},
                drawn="π_c = 0 or not",
            ),
            (),
            claim={"the loss is H(3/4)": relation(L, "=", ENTROPY)},
            wrong={"it is H(3/4) + 10⁻⁶": relation(L, "=", ENTROPY + Fraction(1, 10**6))},
            effort=Effort(draws=200, climbs=2, steps=20),
        ),
        parts={
            "the loss is H(3/4)": Part(
                "Only a and b are labelled: the loss knows π_a/π_b alone, so (6/7, 1/7, 0) has the loss of "
                "{dpo-set-example}."
            )
        },
        conclusion="Whether the half-open segment or the closed one is the answer is a matter of the policy class.",
        expected=Verdict.CERTIFIED,
    ),
)
