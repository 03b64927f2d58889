r"""Least squares on a label graph, :math:`\min_s\sum_iW_i(s_{w_i}-s_{l_i}-o_i)^2`: IPO, least-squares ranking.

A minimiser always exists and is unique up to one constant per connected component: the normal equations are a graph
Laplacian whose right-hand side is the divergence of the flow Wo from winner to loser (:mod:`tabular.fits.laplacian`).
"""

import numpy as np

from tabular.base import tolerances
from tabular.fits import laplacian
from tabular.fits.block_solvers import DENSE, EVEN, SMALL
from tabular.fits.parts import Part, parts

_REFINEMENTS = 30  # of conjugate gradients: each leaves at most 1e-4 of the residual before it


def solve(component, winner, loser, log_weight, offset) -> np.ndarray:
    """``(n_nodes,)`` strengths, mean 0 over each component.

    >>> component = np.zeros(3, dtype=int)
    >>> solve(component, np.array([0, 1]), np.array([1, 2]), np.zeros(2), np.ones(2)).round(12).tolist()
    [1.0, 0.0, -1.0]
    """
    strength = np.zeros(len(component))
    for part in parts(component, winner, loser, log_weight):
        wanted = offset[part.edges]
        if part.size > SMALL and (part.range <= EVEN or part.size > DENSE):
            strength[part.nodes] = _sparse(part, wanted)
        else:
            strength[part.nodes] = _dense(part, wanted).ravel()
    return strength - (np.bincount(component, strength) / np.bincount(component))[component]


def _dense(part: Part, wanted):
    weight = np.exp(part.log_weight)
    flow = part.matrix(weight * np.maximum(wanted, 0))
    flow += part.matrix(weight * np.maximum(-wanted, 0)).swapaxes(1, 2)
    both = part.matrix(weight)
    both += both.swapaxes(1, 2)
    if part.range > EVEN:
        return laplacian.solve_dense(both, flow)
    return laplacian.solve_even(both, flow)


def _sparse(part: Part, wanted):
    graph = laplacian.Sparse(len(part.nodes), part.winner, part.loser, part.copy_of_node)
    weight = np.exp(part.log_weight)
    s, left = np.zeros(len(part.nodes)), wanted
    size = np.bincount(part.winner, weight * np.abs(wanted), len(s)) + np.bincount(
        part.loser, weight * np.abs(wanted), len(s)
    )
    before = np.inf
    for _ in range(_REFINEMENTS):
        s = s + graph.solve(weight, weight * left)
        left = wanted - (s[part.winner] - s[part.loser])
        flow = weight * left
        out = np.bincount(part.winner, flow, len(s)) - np.bincount(part.loser, flow, len(s))
        residual = np.max(np.abs(out) / np.maximum(size, 1e-300))
        if residual <= tolerances.BALANCED * 1e-3 or residual > before / 2:
            break
        before = residual
    return s
