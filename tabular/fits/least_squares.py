r"""Least squares on a label graph, :math:`\min_s\sum_iW_i(s_{w_i}-s_{l_i}-o_i)^2`: IPO, least-squares ranking.

A minimiser always exists and is unique up to one constant per connected component: the normal equations are a graph
Laplacian whose right-hand side is the divergence of the flow Wo from winner to loser (:mod:`tabular.fits.laplacian`).
"""

import numpy as np

from tabular.fits import laplacian
from tabular.fits.block_solvers import DENSE, EVEN, SMALL
from tabular.fits.pair_graph import PairGraph
from tabular.fits.parts import Part, centred, parts

__all__ = ["solve"]

_ACCURACY = 1e-15  # of gradients: what they leave is computed anew
#: Steps of gradients, from where on a graph is so long that its factors have little fill: both routes end in what is
#: left of the equations, so the count only chooses between them.
_CRAWLING = 3000
_ROUNDING = 1e-15  # of a score equation, relative to its terms
_STEEP = 300.0  # nats of range that products of two weights still hold


def solve(
    component, winner, loser, log_weight, offset, graph: PairGraph | None = None, accuracy: float = _ROUNDING
) -> np.ndarray:
    """``(n_nodes,)`` strengths, mean 0 over each component; ``graph``: the labels' pairs, where they are known.

    ``accuracy``: of a score equation, relative to its terms, which is enough.

    >>> component = np.zeros(3, dtype=int)
    >>> solve(component, np.array([0, 1]), np.array([1, 2]), np.zeros(2), np.ones(2)).round(12).tolist()
    [1.0, 0.0, -1.0]
    """
    strength = np.zeros(len(component))
    for part in parts(component, winner, loser, log_weight):
        wanted = offset[part.edges]
        if part.size > SMALL and (part.range <= EVEN or part.size > DENSE):
            if graph is None or part.size < len(component):
                graph = PairGraph.of(len(part.nodes), part.winner, part.loser)
            strength[part.nodes] = _sparse(part, wanted, graph, accuracy)
        else:
            strength[part.nodes] = _dense(part, wanted).ravel()
    return centred(strength, component)


def _dense(part: Part, wanted):
    if part.range > _STEEP:
        with np.errstate(divide="ignore"):
            up, down = (part.log_weight + np.log(np.maximum(way, 0)) for way in (wanted, -wanted))
        flow = np.logaddexp(part.log_matrix(up), part.log_matrix(down).swapaxes(1, 2))
        both = part.log_matrix(part.log_weight)
        return laplacian.solve_dense_log(np.logaddexp(both, both.swapaxes(1, 2)), flow)
    weight = np.exp(part.log_weight)
    flow = part.matrix(weight * np.maximum(wanted, 0))
    flow += part.matrix(weight * np.maximum(-wanted, 0)).swapaxes(1, 2)
    both = part.matrix(weight)
    both += both.swapaxes(1, 2)
    if part.range > EVEN:
        return laplacian.solve_dense(both, flow)
    return laplacian.solve_even(both, flow)


def _sparse(part: Part, wanted, pairs: PairGraph, accuracy):
    """Conjugate gradients, preconditioned by the degrees; sparse factors where the graph is nearly a tree."""
    n, weight = len(part.nodes), np.exp(part.log_weight)
    if 2 * len(pairs.high) < 3 * n:
        return _refined(part, weight, wanted)
    graph, root = pairs.of_unit_degree(weight)
    flow = weight * wanted
    right = (np.bincount(part.winner, flow, n) - np.bincount(part.loser, flow, n)) / root
    scaled, target = np.zeros(n), np.abs(wanted).max()
    copy = part.copy_of_node
    degrees, before = np.bincount(copy, root**2), np.inf
    while True:  # again from the true residual, which gradients lose sight of, for as long as that halves
        left = right - scaled + graph @ scaled
        left -= root * (np.bincount(copy, root * left) / degrees)[copy]  # what no s could balance: rounding
        miss = np.abs(left / root).max()
        enough = accuracy * (target + np.abs(scaled / root).max())
        if miss <= enough or miss > before / 2:
            return scaled / root
        share = np.clip(0.1 * enough / miss, _ACCURACY, 0.1)
        step, before = laplacian.gradients(graph, left, share, _CRAWLING), miss
        if step is None:
            return _refined(part, weight, wanted)
        scaled += step


def _refined(part: Part, weight, wanted):
    graph = laplacian.Sparse(len(part.nodes), part.winner, part.loser, part.copy_of_node)
    s, longest = np.zeros(len(part.nodes)), np.inf
    while True:  # each correction is a small share of the one before, until rounding is all there is
        step = graph.solve(weight, weight * (wanted - part.gaps(s)))
        before, longest = longest, np.abs(step).max()
        if not longest < before / 2:
            return s if before < np.inf else s + step
        s = s + step
