r"""Newton on a label graph for any smooth convex loss of one margin, where a minimiser is known to exist.

A step solves the Laplacian system of :mod:`tabular.fits.laplacian` with weights Wg'' and the flow -Wg' from winner to
loser, and is halved until the loss falls. Where g is flat, a share of the largest curvature keeps the system regular;
the direction still descends.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from tabular.base import tolerances
from tabular.fits import laplacian
from tabular.fits.parts import parts

_DENSE = 300
_STEPS = 2000  # at most; a step that gains less than rounding ends the descent long before
_FLAT = 1e-12  # share of a component's largest curvature below which a label counts as flat


def solve(component, winner, loser, log_weight, offset, scalar) -> np.ndarray:
    """``(n_nodes,)`` strengths, mean 0 over each component.

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
            found = _component(part.size, *ends, weight, offset[part.edges[mine]], scalar)
            strength[part.nodes[first : first + part.size]] = found - found.mean()
    return strength


def _component(size, winner, loser, weight, offset, scalar):
    s = np.zeros(size)
    for _ in range(_STEPS):
        x = s[winner] - s[loser] - offset
        d = _direction(size, winner, loser, weight, scalar.slope(x), scalar.curvature(x))
        rise = weight @ (scalar.slope(x) * (d[winner] - d[loser]))
        step, before = 1.0, weight @ scalar.value(x)
        while step > 1e-18:
            moved = x + step * (d[winner] - d[loser])
            after = weight @ scalar.value(moved)
            if after <= before + 0.25 * step * rise or (
                step == 1 and _flatter(weight, scalar, x, moved, before, after)
            ):
                break
            step /= 2
        else:
            break
        s = s + step * d
        if np.abs(step * (d[winner] - d[loser])).max(initial=0.0) <= tolerances.NEWTON_STEP:
            break
    return s


def _flatter(weight, scalar, x, moved, before, after):
    """Near the optimum the loss no longer tells: accept a whole step that brings the slopes down."""
    close = abs(after - before) <= 1e-13 * (abs(before) + weight.sum())
    return close and np.abs(weight * scalar.slope(moved)).sum() <= 2 * np.abs(weight * scalar.slope(x)).sum()


def _direction(size, winner, loser, weight, slope, curvature):
    bend = weight * np.maximum(curvature, 0)
    bend = np.maximum(bend, _FLAT * max(bend.max(initial=0.0), _FLAT * np.abs(weight * slope).max(initial=1e-300)))
    push = -weight * slope
    if size <= _DENSE:
        flow = np.zeros((2, size, size))
        np.add.at(flow[0], (winner, loser), np.maximum(push, 0))
        np.add.at(flow[0], (loser, winner), np.maximum(-push, 0))
        np.add.at(flow[1], (winner, loser), bend)
        np.add.at(flow[1], (loser, winner), bend)
        return laplacian.solve_dense(flow[1], flow[0])
    entry = np.r_[bend, bend, -bend, -bend]
    ends = np.r_[winner, loser, winner, loser], np.r_[winner, loser, loser, winner]
    matrix = coo_array((entry, ends), shape=(size, size)).tocsc()[1:, 1:]
    out = (np.bincount(winner, push, size) - np.bincount(loser, push, size))[1:]
    return np.r_[0.0, splu(matrix).solve(out)]
