"""A user's convex loss with kinks: cutting planes block by block, and what they prove of each prompt."""

from dataclasses import dataclass, replace

import numpy as np

from tabular.fits import cutting_planes
from tabular.fits.bradley_terry import Fit
from tabular.fits.convex import ConvexFit, Labels
from tabular.losses.solution import Bound, Stationary
from tabular.problem import Problem

__all__ = ["STATIONARY", "Kinked", "Mended", "mended", "solve"]

#: Residual of a smooth fit above which the loss may have kinks and is put to cutting planes.
STATIONARY = 1e-6


@dataclass(frozen=True, eq=False)
class Mended:
    """What cutting planes made of a fit.

    Attributes:
        fit: its ``residual`` is the largest relative gap of a block; lower: what is proved of the blocks' sum.
        pull: ``(n_labels,)`` minus weight times slope, which proves it; 0 between blocks.
        certified: {first node of a block: whether its gap is closed}; several: the first nodes whose minimum is a face.
    """

    fit: Fit
    lower: float
    pull: np.ndarray
    certified: dict[int, bool]
    several: set[int]


def mended(labels: Labels, scalar, found: ConvexFit) -> Mended:
    """Blocks of at most 500 labels, of weights within seven orders of magnitude; others stay as they are.

    With lighter labels the programme's multipliers, good to ten digits of the heaviest, say nothing of their slopes.
    """
    block = found.fit.block
    lost = np.isin(block, block[found.violated])
    inner = (block[labels.winner] == block[labels.loser]) & ~lost[labels.winner]
    weight = np.exp(labels.log_weight)
    strength, minimum = found.fit.strength.copy(), found.fit.block_minimum.copy()
    pull, gap, lower, certified, several = np.zeros(len(weight)), 0.0, 0.0, {}, set()
    for number in np.unique(block[labels.winner[inner]]):
        nodes, mine = np.flatnonzero(block == number), np.flatnonzero(inner & (block[labels.winner] == number))
        ends = *np.searchsorted(nodes, [labels.winner[mine], labels.loser[mine]]), labels.offset[mine]
        first, one = int(nodes[0]), _block(strength[nodes], *ends, weight[mine], scalar)
        if one is None:
            certified[first], gap, lower = False, np.inf, -np.inf
            continue
        before = weight[mine] @ scalar.value(strength[labels.winner[mine]] - strength[labels.loser[mine]] - ends[2])
        minimum[number] += one.value - before
        strength[nodes], pull[mine] = one.strength, -weight[mine] * one.slope
        gap, lower, certified[first] = max(gap, one.gap), lower + one.lower, bool(one.gap <= cutting_planes.GAP)
        if certified[first]:
            face = cutting_planes.face(one.strength, np.zeros(len(nodes), dtype=int), *ends, one.slope, scalar)
            several |= {first} if face.dimension > 0 else set()
    residual = gap if np.isfinite(gap) else found.fit.residual
    fit = replace(found.fit, strength=strength, block_minimum=minimum, residual=residual)
    return Mended(fit, lower, pull, certified, several)


@dataclass(frozen=True, eq=False)
class Kinked:
    """What was found.

    Attributes:
        fit: mended; infimum: of the loss.
        certificate: the slopes that prove it, as pulls; a Bound where a block stays open.
        masks: ``(n_prompts,)`` each: not certified; the minimisers are several.
    """

    fit: Fit
    infimum: float
    certificate: Stationary | Bound
    masks: tuple[np.ndarray, np.ndarray]


def solve(problem: Problem, labels: Labels, scalar, found: ConvexFit) -> Kinked:
    """The prompts whose blocks :func:`mended` certifies; others stay LOCAL."""
    better = mended(labels, scalar, found)
    local, several = np.zeros((2, problem.n_prompts), dtype=bool)
    local[[first // problem.n_responses for first, proved in better.certified.items() if not proved]] = True
    several[[first // problem.n_responses for first in better.several]] = True
    several &= ~local
    certificate = Bound(better.lower, 0, ()) if local.any() else Stationary(better.pull, better.fit.residual)
    infimum = -np.inf if found.violated.any() else better.fit.infimum
    return Kinked(better.fit, infimum, certificate, (local, several))


def _block(start, winner, loser, offset, weight, scalar):
    small = len(weight) <= cutting_planes.LARGEST
    if not small or weight.min() < cutting_planes.SPREAD * weight.max():
        return None
    return cutting_planes.solve_block(start, winner, loser, weight, offset, scalar)
