"""A reward that is linear in features need not follow the voters even where all of them agree."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, sigmoid, softplus
from proofs_checks.kernel.evidence import REAL, Box, Exact, Exhaustive, Identity
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.statement import InWords, Origin, Part, Settles, Statement, Verdict

__all__ = ["STATEMENTS"]

_FEATURES = {"a": (0, 1), "b": (0, 0), "c": (1, -3), "d": (3, 1)}
_VOTERS = ((20, 1), (20, 1), (-20, 1))


def _utility(voter, response):
    return sum(v * f for v, f in zip(voter, _FEATURES[response], strict=True))


def _labels(voters=_VOTERS):
    """(difference of features, number of voters) of every label: who is preferred to whom by how many."""
    found = []
    for winner in _FEATURES:
        for loser in _FEATURES:
            count = sum(_utility(v, winner) > _utility(v, loser) for v in voters)
            if winner != loser and count:
                gap = [x - y for x, y in zip(_FEATURES[winner], _FEATURES[loser], strict=True)]
                found.append((gap, count))
    return found


def _slope(k, first, labels):
    """∂/∂θ_k of the loss Σ n sp(−θ·x) at (θ_1, 0)."""
    return sum(-count * gap[k] * sigmoid(-gap[0] * first) for gap, count in labels)


_LEFT, _RIGHT = Fraction(27, 100), Fraction(30, 100)
_BRACKET = All(
    (
        relation(_slope(0, sympy.Rational(27, 100), _labels()), "<", 0),
        relation(_slope(0, sympy.Rational(30, 100), _labels()), ">", 0),
    )
)
_WITHOUT_C = [(gap, n) for gap, n in _labels() if -3 not in gap and 3 not in gap]

STATEMENTS = (
    Statement(
        id="ge-pareto-linear",
        title="A linear reward by maximum likelihood keeps what all voters agree on",
        origin=Origin.READING,
        source="Ge et al. 2405.14758 prove that it does not; the witness is ours",
        form=InWords(
            "Responses with features, voters whose utilities are linear in them, every voter labels every pair by his "
            "utility; the reward θ·x of least logistic loss.",
            {"pareto": "Where all voters prefer a to b, the reward does."},
            why="it quantifies over all sets of features and voters; one instance decides it",
        ),
        settles=Settles.NEGATION,
        parts={
            "four responses, three voters": Part(
                "Features a (0, 1), b (0, 0), c (1, −3), d (3, 1), voters (20, 1), (20, 1), (−20, 1): «all three "
                "prefer a to b». The loss is a convex function of θ, «its curvature along a difference», strictly, as "
                "the differences span the plane. On the line θ_2 = 0 its least point lies in .27 < θ_1 < .3, where "
                "«∂/∂θ_1 changes sign»; there «∂/∂θ_2 is positive». So that point is least among all θ_2 ≥ 0, a step "
                "to θ_2 < 0 is better, and the one minimiser has θ·(a − b) = θ_2 < 0. It exists, as every pair but "
                "(a, b) is labelled both ways.",
                (
                    Exhaustive(
                        "all three prefer a to b",
                        {"b to a": lambda x, y: y < 0, "c to b": lambda x, y: _utility((x, y), "c") > 0},
                        lambda: iter(((20, 1), (-20, 1))),
                        2,
                        lambda x, y: _utility((x, y), "a") > _utility((x, y), "b"),
                    ),
                    Identity(
                        "its curvature along a difference",
                        {"σ": lambda z, x: x**2 * sigmoid(-z * x)},
                        lambda z, x: derivative(lambda t: softplus(-t * x), 2)(z),
                        lambda z, x: x**2 * sigmoid(z * x) * sigmoid(-z * x),
                        {"z": REAL, "x": REAL},
                    ),
                    Exact(
                        "∂/∂θ_1 changes sign",
                        {"between .1 and .27": relation(_slope(0, sympy.Rational(27, 100), _labels()), ">", 0)},
                        _BRACKET,
                    ),
                    Box(
                        "∂/∂θ_2 is positive",
                        {"without c": lambda t: _slope(1, t, _WITHOUT_C)},
                        lambda t: _slope(1, t, _labels()),
                        {"t": (_LEFT, _RIGHT)},
                    ),
                ),
            )
        },
        conclusion="Features that c shares with a pull a down. With a reward of its own for every response DPO never "
        "fails so: all voters for a over b is more than bt-order-is-borda needs.",
        expected=Verdict.REFUTED,
        instead=("bt-order-is-borda",),
    ),
)
