"""The loss below which a pair is certainly ranked right, among any other labels.

The loss is a mean: other labels pull on the pair's responses, and they also dilute the pair's share. A pair with
δ_ref = 0 alone is safe below log 2 = .6931, beside a second pair that shares no response only below .3466.
"""

from fractions import Fraction

import numpy as np
import sympy
from scipy.optimize import brentq

from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sampled, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.own.thresholds import NOISE
from proofs_checks.spaces.bounds import ABOVE_LINEAR
from proofs_checks.spaces.pair import β, δ_ref
from proofs_checks.spaces.problems import labels, log_policy_of, once, preferences_of, problem, problem_of, weights
from tabular import Preferences, Problem, dpo, failure_modes

__all__ = ["STATEMENTS", "L", "L_c", "L_v", "c", "share", "v", "δ_c", "δ_i", "δ_v"]

v, L, δ_i, L_c, δ_c, L_v, δ_v = named("v_i", "L(π)", "δ_i", "L(π_c)", "δ_i(π_c)", "L(π_v)", "δ_i(π_v)")
share, c = sympy.symbols("n̄_i c", positive=True)
_EFFORT = Effort(draws=140, climbs=2, steps=15)
_MORE = Fraction(102, 100)


def _labelled(draw):
    """Any labels and any policy; the pair that is asked about is the first label's."""
    parts = problem(draw, reward=(0, 0))
    size = len(parts["ref"])
    return {**parts, "labels": labels(draw, size), "policy": weights(draw, size), "c": draw.number(Fraction(1, 100), 3)}


@once
def _solved(ref, reward, β, labels):
    return failure_modes.solve_thresholds(problem_of(ref, reward, β), preferences_of(labels))


def _threshold(ref, reward, β, labels):
    return _solved(ref, reward, β, labels).value[0]


def _loss(log_policy, ref, reward, β, labels):
    return dpo.loss(log_policy, problem_of(ref, reward, β), preferences_of(labels))


def _margin(log_policy, labels):
    winner, loser, _ = labels[0]
    return log_policy[0, winner] - log_policy[0, loser]


@once
def _at_level(ref, reward, β, labels, c):
    """A policy at loss v_i + c: from the library's witness at v_i, the winner's logit lowered until it is there."""
    known = _solved(ref, reward, β, labels)
    start, level = known.witness(0), known.value[0] + float(c)

    def lowered(x):
        policy = start.copy()
        policy[0, labels[0][0]] -= x
        return policy - np.logaddexp.reduce(policy[0])

    def above(x):
        return _loss(lowered(x), ref, reward, β, labels) - level

    high = 1.0
    while above(high) < 0:
        high *= 2
    return lowered(brentq(above, 0, high, xtol=1e-13))


def _share(labels):
    """The pair's share of the labels' weight."""
    pair = labels[0][:2]
    return sum(float(n) for *other, n in labels if tuple(other) == pair) / sum(float(n) for *_, n in labels)


def _witness(ref, reward, β, labels):
    return _solved(ref, reward, β, labels).witness(0)


_SHARED = {
    v: _threshold,
    L: lambda policy, ref, reward, β, labels: _loss(log_policy_of(policy), ref, reward, β, labels),
    δ_i: lambda policy, labels: _margin(log_policy_of(policy), labels),
}
_DRAWN = "2 to 4 responses, β ∈ [1/10, 5], 1 to 6 labels of weight 1/4 to 4"
_LABELLED = Instances(
    _labelled,
    "Any labels of positive weight on finite responses, π_ref > 0, β > 0; L their mean DPO loss, i a labelled pair, "
    "n̄_i its share of the weight, v_i = inf {L : δ_i ≤ 0}; any policy π, and for any c > 0 a policy π_c",
    {
        **_SHARED,
        β: lambda β: β,
        c: lambda c: c,
        δ_ref: lambda ref, labels: np.log(float(ref[labels[0][0]]) / float(ref[labels[0][1]])),
        share: _share,
        L_c: lambda ref, reward, β, labels, c: _loss(_at_level(ref, reward, β, labels, c), ref, reward, β, labels),
        δ_c: lambda ref, reward, β, labels, c: _margin(_at_level(ref, reward, β, labels, c), labels),
    },
    drawn=f"{_DRAWN}, c ∈ [1/100, 3]",
)
_COMPUTED = Instances(
    _labelled,
    "Any labels of positive weight on finite responses, π_ref > 0, β > 0; L their mean DPO loss, i a labelled pair; "
    "the library's threshold v_i and witness π_v, and any policy π",
    {
        **_SHARED,
        L_v: lambda ref, reward, β, labels: _loss(_witness(ref, reward, β, labels), ref, reward, β, labels),
        δ_v: lambda ref, reward, β, labels: _margin(_witness(ref, reward, β, labels), labels),
    },
    drawn=_DRAWN,
)
_SAFE_BELOW = Implies(relation(L, "<", v), relation(δ_i, ">", 0))


def _of_uniform(pairs):
    labels = Preferences.from_pairs([(2 * k, 2 * k + 1) for k in range(pairs)])
    return failure_modes.thresholds(Problem.from_unnormalized([0.0] * 4, 1.0), labels)[0]


_DILUTED = Sampled(
    "alone .6931, beside a second pair .3466",
    {"undiluted": lambda pairs, _: bool(abs(_of_uniform(pairs) - 0.6931) < 5e-5)},
    lambda: [(1, 0.6931), (2, 0.3466)],
    2,
    lambda pairs, printed: bool(abs(_of_uniform(pairs) - printed) < 5e-5),
)
_LIPSCHITZ = (
    Identity(
        "sp(a) + s − sp(a + s)",
        {"σ(a + s)": lambda a, s: log(1 + (exp(s) - 1) * sigmoid(a + s))},
        lambda a, s: softplus(a) + s - softplus(a + s),
        lambda a, s: log(1 + (exp(s) - 1) * sigmoid(-a - s)),
        {"a": REAL, "s": POSITIVE},
    ),
    Sign(
        "it is positive",
        {"with k − 1/50": lambda b, k: log(1 + (k - Fraction(1, 50)) * sigmoid(-b))},
        lambda b, k: log(1 + k * sigmoid(-b)),
        {"b": REAL, "k": POSITIVE},
    ),
)

STATEMENTS = (
    Statement(
        id="threshold-general",
        title="The guarantee level of a pair among other labels",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _LABELLED,
            (),
            claim={
                "below v_i the pair is ranked right": _SAFE_BELOW,
                "every level above it is reached with δ_i < 0": All(
                    (relation(L_c, "=", v + c, NOISE), relation(δ_c, "<", 0))
                ),
                "the mean dilutes": relation(v, ">=", share * softplus(β * δ_ref)),
            },
            wrong={
                "below 1.02 v_i": Implies(relation(L, "<", _MORE * v), relation(δ_i, ">", 0)),
                "reached at 1.02 c": relation(L_c, "=", v + _MORE * c, NOISE),
                "no dilution": relation(v, ">=", softplus(β * δ_ref)),
                "1.02 of the share": relation(v, ">=", _MORE * share * softplus(β * δ_ref)),
            },
            effort=_EFFORT,
        ),
        parts={
            "below v_i the pair is ranked right": Part(
                "A policy with δ_i ≤ 0 is one of those that the infimum v_i is over, so its loss is at least v_i."
            ),
            "every level above it is reached with δ_i < 0": Part(
                "Take a policy with δ_i ≤ 0 and loss below v_i + c, and lower its winner's logit by x: δ_i ≤ −x, and "
                "no label's margin moves by more than x. So L moves by at most βx: with k = e^s − 1 > 0 in «sp(a) + s "
                "− sp(a + s)», «it is positive»; L is continuous in x. And it exceeds n̄_i sp(β(δ_ref + x)), thus "
                "every bound: «sp(z) = z + sp(−z)», «sp(−z) > 0». So it passes v_i + c, at some x > 0.",
                (*_LIPSCHITZ, *ABOVE_LINEAR),
            ),
            "the mean dilutes": Part(
                "Where δ_i ≤ 0 the label of the pair costs at least sp(βδ_ref) ({threshold-margin}), of which the mean "
                "takes the share n̄_i; the other labels add something positive, «sp(−z) > 0».",
                ABOVE_LINEAR[1:],
            ),
        },
        second_routes=(_DILUTED,),
        conclusion="Training past v_i certifies pair i, whatever the other pairs do. The loss starts at log 2, so it "
        "can fall with pair i inverted iff v_i < log 2.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="threshold-computed",
        title="The guarantee level that the library computes",
        origin=Origin.OURS,
        source="tabular/failures/thresholds.py",
        form=Form(
            _COMPUTED,
            (),
            claim={
                "no policy below it is inverted": _SAFE_BELOW,
                "its witness is": All((relation(δ_v, "<=", 0), relation(L_v, "=", v, NOISE))),
            },
            wrong={
                "no policy below 1.02 of it": Implies(relation(L, "<", _MORE * v), relation(δ_i, ">", 0)),
                "a witness at 1/1.02 of it": relation(L_v, "=", v / _MORE, NOISE),
            },
            effort=_EFFORT,
        ),
        conclusion="A statement about a program on all inputs: supported by the instances tried, no more.",
        expected=Verdict.SUPPORTED,
    ),
)
