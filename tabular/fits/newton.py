r"""Newton on a label graph for any smooth convex loss of one margin, where a minimiser is known to exist.

A step solves the Laplacian system of :mod:`tabular.fits.laplacian` with weights Wg'' and the flow -Wg' from winner to
loser, and is halved until the loss falls. Where g is flat, a share of the largest curvature keeps the system regular;
the direction still descends. Near the optimum the loss no longer tells, and a whole step is taken where the loss it
promises is at most half of the least promised so far. Both can happen finitely often: floats fall finitely often.
Where no share of Newton's step helps, as all about is straight, slopes stand for curvatures, a step of a unit or more.
"""

import numpy as np

from tabular.base import tolerances
from tabular.fits import laplacian
from tabular.fits.pair_graph import PairGraph
from tabular.fits.parts import parts

__all__ = ["solve"]

_DENSE = 300
_FLAT = 1e-12  # share of a component's largest curvature below which a label counts as flat


def solve(component, winner, loser, log_weight, offset, scalar, graph: PairGraph | None = None) -> np.ndarray:
    """``(n_nodes,)`` strengths, mean 0 over each component; ``graph``: the labels' pairs, where they are known.

    >>> from tabular import losses
    >>> squares = losses.custom("squares", lambda x: x**2, lambda x: 2 * x)
    >>> s = solve(np.zeros(2, dtype=int), np.array([0]), np.array([1]), np.zeros(1), np.ones(1), squares.scalar)
    >>> s.round(9).tolist()
    [0.5, -0.5]
    """
    strength = np.zeros(len(component))
    for part in parts(component, winner, loser, log_weight):
        for copy in range(len(part.nodes) // part.size):
            mine = part.copy_of_edge == copy
            first = copy * part.size
            ends = part.winner[mine] - first, part.loser[mine] - first
            weight = np.exp(part.log_weight[mine])
            pairs = graph if part.size == len(component) else None
            solver = laplacian.solve_labels if part.size <= _DENSE else _sparse(part.size, *ends, pairs)
            found = _component(part.size, *ends, weight, offset[part.edges][mine], scalar, solver)
            strength[part.nodes[first : first + part.size]] = found - found.mean()
    return strength


def _component(size, winner, loser, weight, offset, scalar, solver):
    s, least = np.zeros(size), np.inf
    while True:
        x = s[winner] - s[loser] - offset
        g, before = scalar.slope(x), weight @ scalar.value(x)
        slope = weight * g
        d = solver(_bends(weight, scalar.curvature(x), g), -slope, size, winner, loser)
        along = d[winner] - d[loser]
        rise = slope @ along
        step = 1.0
        while step > 1e-18:
            moved = x + step * along
            after = weight @ scalar.value(moved)
            if after < before and after <= before + 0.25 * step * rise:
                break
            if step == 1 and -rise <= least / 2 and _flat(weight, scalar, x, moved, before, after):
                least = -rise
                break
            step /= 2
        else:
            d = solver(_bends(weight, np.abs(g), g), -slope, size, winner, loser)
            along = d[winner] - d[loser]
            step = _down(weight, scalar, x, along, before)
            if step == 0:
                return s
        s = s + step * d
        if np.abs(step * along).max() <= tolerances.NEWTON_STEP:
            return s


def _down(weight, scalar, x, along, before):
    """How far the loss falls in steps that are doubled; 0 where it does not fall at first."""
    step, further = 0.0, 1.0
    while (after := weight @ scalar.value(x + further * along)) < before:
        step, further, before = further, 2 * further, after
    return step


def _flat(weight, scalar, x, moved, before, after):
    """Whether a whole step changes the loss by rounding, and the slopes by no more than they are."""
    close = abs(after - before) <= 1e-13 * (abs(before) + weight.sum())
    return close and np.abs(weight * scalar.slope(moved)).sum() <= 2 * np.abs(weight * scalar.slope(x)).sum()


def _bends(weight, bend, slope):
    """Weighted curvatures, those of flat labels raised a little, by no more than a share of their own weight allows."""
    bend = np.maximum(bend, 0)
    least = _FLAT * max(bend.max(), _FLAT * np.abs(slope).max(initial=1e-300))
    largest = max((weight * bend).max(), _FLAT * (weight * np.abs(slope)).max(initial=1e-300))
    return np.maximum(weight * bend, np.minimum(weight * least, _FLAT * largest))


def _sparse(size, winner, loser, pairs):
    """Conjugate gradients on one graph: a solver that is called like the dense one."""
    graph = laplacian.Sparse(size, winner, loser, np.zeros(size, dtype=int), pairs)
    return lambda bend, push, *_: graph.solve(bend, push)
