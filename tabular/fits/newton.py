r"""Newton on a label graph for any smooth convex loss of one margin, where a minimiser is known to exist.

A step solves the Laplacian system of :mod:`tabular.fits.laplacian` with weights Wg'' and the flow -Wg' from winner to
loser, and is halved until the loss falls. Where g is flat, a share of the largest curvature keeps the system regular;
the direction still descends.
"""

import numpy as np

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
            solver = laplacian.solve_labels if part.size <= _DENSE else _sparse(part.size, *ends)
            found = _component(part.size, *ends, weight, offset[part.edges[mine]], scalar, solver)
            strength[part.nodes[first : first + part.size]] = found - found.mean()
    return strength


def _component(size, winner, loser, weight, offset, scalar, solver):
    s = np.zeros(size)
    for _ in range(_STEPS):
        x = s[winner] - s[loser] - offset
        slope = weight * scalar.slope(x)
        d = solver(_bends(weight, scalar.curvature(x), slope), -slope, size, winner, loser)
        rise = slope @ (d[winner] - d[loser])
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


def _bends(weight, curvature, slope):
    """Curvatures, those of flat labels raised a little."""
    bend = weight * np.maximum(curvature, 0)
    return np.maximum(bend, _FLAT * max(bend.max(initial=0.0), _FLAT * np.abs(slope).max(initial=1e-300)))


def _sparse(size, winner, loser):
    """Conjugate gradients on one graph: a solver that is called like the dense one."""
    graph = laplacian.Sparse(size, winner, loser, np.zeros(size, dtype=int))
    return lambda bend, push, *_: graph.solve(bend, push)
