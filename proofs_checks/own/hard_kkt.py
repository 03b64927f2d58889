"""The hard constraint π_w ≥ e^m π_l: a policy that meets the conditions of Karush, Kuhn and Tucker is the optimum."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.own.hard_constraint import GAP_TERM
from proofs_checks.spaces import orders
from proofs_checks.spaces.problems import log_policy_of, weights

__all__ = ["BOUND", "NEAREST", "STATEMENTS", "TILTED_KL"]

BOUND, TILTED_KL, NEAREST = named("−log S", "KL(π_λ‖π*)", "max |log π_λ − log optimum|")


def _meets_kkt(draw):
    """Made backwards: a policy, margins that are tight where λ > 0, and the π* that it is the tilt of."""
    parts = orders.constrained(draw)
    parts["multipliers"] = [draw.choice((0, 1)) * draw.number(Fraction(1, 20), 1) for _ in parts["pairs"]]
    logs = log_policy_of(weights(draw, len(parts["ref"]), (Fraction(1, 3), 3)))[0]
    room = [0 if λ else draw.number(0, 2) for λ in parts["multipliers"]]
    pairs = {(w, lo): float(logs[w] - logs[lo]) - float(r) for (w, lo), r in zip(parts["pairs"], room, strict=True)}
    star = np.exp(logs - orders.tilt_of(len(logs), pairs, parts["multipliers"]))
    return {**parts, "pairs": pairs, "ref": star.tolist(), "reward": [0] * len(star), "β": 1}


def _tilted(ref, reward, β, pairs, multipliers):
    """log π_λ = log π* + t − log S."""
    row = orders.star_of(ref, reward, β) + orders.tilt_of(len(ref), pairs, multipliers)
    return row - np.logaddexp.reduce(row)


def _nearest(ref, reward, β, pairs, multipliers):
    best = orders.optimum_of(ref, reward, β, pairs).log_policy[0]
    return float(np.abs(_tilted(ref, reward, β, pairs, multipliers) - best).max())


_KKT_MET = Instances(
    _meets_kkt,
    "Labels with margins m on finite responses, multipliers λ ≥ 0, t = Aᵀλ, S = Σ π* e^t; π_λ = π* e^t/S feasible, and "
    "tight, π_w = e^m π_l, wherever λ > 0",
    {
        BOUND: lambda ref, reward, β, pairs, multipliers: -orders.log_total(ref, reward, β, pairs, multipliers),
        TILTED_KL: lambda ref, reward, β, pairs, multipliers: orders.divergence_of(
            ref, reward, β, np.exp(_tilted(ref, reward, β, pairs, multipliers))
        ),
        NEAREST: _nearest,
    },
    drawn="2 to 5 responses, 1 to 5 acyclic labels, λ 0 or in [1/20, 1]",
)

STATEMENTS = (
    Statement(
        id="hard-kkt",
        title="Multipliers that meet the KKT conditions make a tilted policy the one projection",
        origin=Origin.OURS,
        source="own derivation; Karush, Kuhn and Tucker",
        form=Form(
            _KKT_MET,
            (),
            claim={
                "its divergence is the bound": relation(TILTED_KL, "=", BOUND, noise=1e-9),
                "the library finds it": relation(NEAREST, "=", 0, noise=1e-6),
            },
            wrong={
                "1.01 of the bound": relation(TILTED_KL, "=", BOUND * Fraction(101, 100), noise=1e-9),
                "log S for −log S": relation(TILTED_KL, "=", -BOUND, noise=1e-9),
            },
            effort=Effort(draws=200, climbs=2, steps=20),
        ),
        parts={
            "its divergence is the bound": Part(
                "Summed with π_λ itself, «log(π/π*) = log(π/π_λ) + t − log S» gives KL(π_λ‖π*) = −log S + Σ λ(π_w − "
                "e^m π_l), as in {hard-gap}, and each λ meets a slack of 0.",
                (GAP_TERM,),
            ),
            "the library finds it": Part(
                "No feasible policy is below −log S, by {hard-gap}, so π_λ is a projection; and it is the only one, as "
                "KL(π‖π*) = −log S leaves KL(π‖π_λ) = 0."
            ),
        },
        conclusion="Whoever names the multipliers has proved the optimum; where they come from does not matter.",
        expected=Verdict.PROVED,
    ),
)
