"""A user's convex loss with kinks: cutting planes block by block, and what they prove of each prompt."""

from dataclasses import dataclass, replace

import numpy as np

from tabular.fits import cutting_planes
from tabular.fits.bradley_terry import Fit
from tabular.fits.convex import ConvexFit, Labels
from tabular.losses.solution import Bound, Stationary
from tabular.problem import Problem

__all__ = ["Kinked", "solve"]


@dataclass(frozen=True, eq=False)
class Kinked:
    """What was found.

    Attributes:
        fit: its ``residual`` is the largest relative gap of a block; infimum: of the loss.
        certificate: the slopes that prove it, as pulls; a Bound where a block stays open.
        masks: ``(n_prompts,)`` each: not certified; the minimisers are several.
    """

    fit: Fit
    infimum: float
    certificate: Stationary | Bound
    masks: tuple[np.ndarray, np.ndarray]


def solve(problem: Problem, labels: Labels, scalar, found: ConvexFit) -> Kinked:
    """Blocks of at most 500 labels, of weights within seven orders of magnitude; others stay LOCAL.

    With lighter labels the programme's multipliers, good to ten digits of the heaviest, say nothing of their slopes.
    """
    block, n = found.fit.block, problem.n_responses
    lost = np.isin(block, block[found.violated])
    inner = (block[labels.winner] == block[labels.loser]) & ~lost[labels.winner]
    weight = np.exp(labels.log_weight)
    strength, minimum = found.fit.strength.copy(), found.fit.block_minimum.copy()
    pull, gap, lower = np.zeros(len(weight)), 0.0, 0.0
    local, several = np.zeros((2, problem.n_prompts), dtype=bool)
    for number in np.unique(block[labels.winner[inner]]):
        nodes, mine = np.flatnonzero(block == number), np.flatnonzero(inner & (block[labels.winner] == number))
        ends = *np.searchsorted(nodes, [labels.winner[mine], labels.loser[mine]]), labels.offset[mine]
        one = _block(strength[nodes], *ends, weight[mine], scalar)
        if one is None:
            local[nodes[0] // n], gap, lower = True, np.inf, -np.inf
            continue
        before = weight[mine] @ scalar.value(strength[labels.winner[mine]] - strength[labels.loser[mine]] - ends[2])
        minimum[number] += one.value - before
        strength[nodes], pull[mine], gap, lower = (
            one.strength,
            -weight[mine] * one.slope,
            max(gap, one.gap),
            lower + one.lower,
        )
        local[nodes[0] // n] |= not one.gap <= cutting_planes.GAP
        if not local[nodes[0] // n]:
            face = cutting_planes.face(one.strength, np.zeros(len(nodes), dtype=int), *ends, one.slope, scalar)
            several[nodes[0] // n] |= face.dimension > 0
    residual = gap if np.isfinite(gap) else found.fit.residual
    fit = replace(found.fit, strength=strength, block_minimum=minimum, residual=residual)
    certificate = Bound(lower, 0, ()) if local.any() else Stationary(pull, residual)
    return Kinked(fit, -np.inf if lost.any() else fit.infimum, certificate, (local, several))


def _block(start, winner, loser, offset, weight, scalar):
    small = len(weight) <= cutting_planes.LARGEST
    if not small or weight.min() < cutting_planes.SPREAD * weight.max():
        return None
    return cutting_planes.solve_block(start, winner, loser, weight, offset, scalar)
