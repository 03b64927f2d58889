"""Rigorous optimality of single instances: a feasible point and a dual bound, both exact rationals, their gap in Arb
intervals.

Projection. Over policies with π_w ≥ R π_l (R rational), any multipliers λ ≥ 0 give min KL(π‖π*) ≥ -log Σ π*_y
e^{(Aᵀλ)_y}, with a +1 for the winner and -R for the loser of each constraint (weak duality). By Pinsker ‖π -
optimum‖₁² ≤ 2 gap.

Bradley-Terry. sp(-x) = max over q in [0, 1] of H(q) - q x. So any flow f_i = n_i q_i on the labels that is conserved
at every response gives inf Σ n_i sp(-(s_w - s_l)) ≥ Σ n_i H(q_i), H the binary entropy. Labels between two blocks
carry no flow. The bound is met along s - t·block number, as t → ∞, where the labels between blocks cost nothing in
the limit.

Existence. A flow f > 0 on every label, conserved at every response, proves that a minimiser exists: Σ f_i (u_w - u_l)
= 0 for every direction u, so u is constant along all labels or some label's loss grows without bound along it. Numbers
that never fall along a label and rise along one prove that there is none: moving the numbers apart lowers the loss for
ever. By Stiemke's alternative one of the two always exists, for labels of positive weight.
"""

from fractions import Fraction

import numpy as np
from scipy.special import expit

from proofs_checks.kernel.interval import Interval, precisely

__all__ = ["bradley_terry_gap", "circulation", "divergence", "has_minimiser", "projection_gap"]


def divergence(policy, base):
    """KL of two lists of positive rationals, as an interval."""
    return sum((p * Interval.of(p / q).log() for p, q in zip(policy, base, strict=True)), Interval.of(0))


@precisely
def projection_gap(log_policy, multipliers, base, constraints) -> Interval:
    """KL of a policy, made feasible, less its dual bound: at least 0, and an error bound for the policy.

    Args:
        log_policy, multipliers: floats, as a solver gives them (multipliers per unit of β).
        base: π* as Fractions; constraints: (winner, loser, R) with an acyclic order, R a Fraction.
    """
    policy = _feasible(log_policy, constraints)
    if min(multipliers) < 0:
        raise ArithmeticError(f"a negative multiplier proves no bound: {min(multipliers)}")
    tilt = [Fraction(0)] * len(base)
    for value, (winner, loser, ratio) in zip(multipliers, constraints, strict=True):
        tilt[winner] += Fraction(float(value))
        tilt[loser] -= Fraction(float(value)) * ratio
    total = sum((p * Interval.of(t).exp() for p, t in zip(base, tilt, strict=True)), Interval.of(0))
    return divergence(policy, base) + total.log()


def _feasible(log_policy, constraints, share=Fraction(1, 10**11)):
    """The policy as rationals, mixed with a strictly feasible one until every constraint holds exactly."""
    rough = [Fraction(float(p)) for p in np.exp(np.ravel(log_policy))]
    safe = _strictly_feasible(len(rough), constraints)
    total, safe_total = sum(rough), sum(safe)
    policy = [(1 - share) * p / total + share * q / safe_total for p, q in zip(rough, safe, strict=True)]
    if not all(policy[win] >= ratio * policy[lose] for win, lose, ratio in constraints):
        raise ArithmeticError("the solver's policy is too far from feasible")
    return policy


def _strictly_feasible(size, constraints):
    height = [0] * size
    for _ in range(size):
        for winner, loser, _ in constraints:
            height[winner] = max(height[winner], height[loser] + 1)
    step = 2 * max(max(ratio for *_, ratio in constraints), Fraction(1))
    return [step**h for h in height]


@precisely
def bradley_terry_gap(labels, strength, block) -> tuple[Interval, Interval]:
    """Enclosures of the labels' loss inside blocks at the given strengths, and of a lower bound of the infimum.

    Args:
        labels: (winner, loser, n) with n a Fraction; strength: floats; block: numbers that rise along every label.

    Raises:
        ArithmeticError: the block numbers fall along a label, so that moving the blocks apart does not help; or a
            conserved flow near the given strengths leaves (0, n).
    """
    if any(block[win] > block[lose] for win, lose, _ in labels):
        raise ArithmeticError("the block numbers fall along a label")
    inner = [(win, lose, n) for win, lose, n in labels if block[win] == block[lose]]
    s = [Fraction(float(x)) for x in strength]
    loss = sum((n * Interval.of(s[lose] - s[win]).softplus() for win, lose, n in inner), Interval.of(0))
    flow = circulation(inner, s)
    bound = sum((n * _entropy(f / n) for f, (_, _, n) in zip(flow, inner, strict=True)), Interval.of(0))
    return loss, bound


def has_minimiser(labels, strength, block) -> bool | None:
    """Whether the labels' loss has a minimiser, by one of the two certificates; None if neither is there.

    Args:
        labels, strength, block: as in :func:`bradley_terry_gap`.
    """
    if any(n <= 0 or block[win] > block[lose] for win, lose, n in labels):
        return None
    if any(block[win] < block[lose] for win, lose, _ in labels):
        return False
    flow = circulation(labels, [Fraction(float(x)) for x in strength])
    return True if all(f > 0 for f in flow) else None


def _entropy(q):
    if not 0 < q < 1:
        raise ArithmeticError("the flow left [0, 1]")
    return -(q * Interval.of(q).log()) - (1 - q) * Interval.of(1 - q).log()


def circulation(labels, s):
    """The flow n σ(-margin), in rationals, corrected along a spanning forest until it is conserved exactly.

    The surpluses of a tree sum to 0, since each label adds to one what it takes from another; so its root ends with 0.
    A block that is not strongly connected shows in a flow of 0 or less: _entropy refuses it.
    """
    gaps = np.array([float(s[win] - s[lose]) for win, lose, _ in labels])
    flow = [n * Fraction(float(q)) for (_, _, n), q in zip(labels, expit(-gaps), strict=True)]
    surplus = {}
    for f, (winner, loser, _) in zip(flow, labels, strict=True):
        surplus[winner] = surplus.get(winner, 0) + f
        surplus[loser] = surplus.get(loser, 0) - f
    for node, parent, edge in reversed(_spanning_forest(labels)):
        away = labels[edge][0] == node  # a label's flow leaves its winner
        flow[edge] += -surplus[node] if away else surplus[node]
        surplus[parent] += surplus[node]
    return flow


def _spanning_forest(labels):
    """(node, parent, label) for each node but the roots, parents before children."""
    seen, tree = set(), []
    for root in sorted({winner for winner, *_ in labels}):
        queue = [] if root in seen else [root]
        seen.add(root)
        for node in queue:
            for edge, (winner, loser, _) in enumerate(labels):
                other = loser if winner == node else winner if loser == node else node
                if other not in seen:
                    seen.add(other)
                    tree.append((other, node, edge))
                    queue.append(other)
    return tree
