"""Spanning trees of compared pairs, and a Bradley-Terry fit along one: exact where every other label agrees with it."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from tabular.fits.pair_graph import PairGraph

__all__ = ["heaviest_tree", "summed_from_roots", "tree_fit"]


def tree_fit(edges, closed_form, graph=None):
    """Strengths whose differences solve each tree pair on its own, 0 at the first node of each block.

    Pairs labelled both ways come first, by the smaller of their two weights; a pair labelled one way, where the tree
    needs it, gets margin 0. ``graph``: the labels' pairs, where they are known.
    """
    graph = PairGraph.of(edges.n_nodes, edges.winner, edges.loser) if graph is None else graph
    shape, way = (2, len(graph.low)), (edges.winner > edges.loser).astype(int)
    log_weight, offset = np.full(shape, -np.inf), np.zeros(shape)
    log_weight[way, graph.pair] = edges.log_weight
    offset[way, graph.pair] = edges.offset
    lighter = log_weight.min(axis=0)
    roots = np.flatnonzero(np.diff(edges.block, prepend=-1))
    before, pair = heaviest_tree(graph.low, graph.high, lighter, edges.n_nodes, roots)
    both = lighter[pair] > -np.inf
    gap = np.where(log_weight[0, pair] > -np.inf, offset[0, pair], -offset[1, pair])
    gap[both] = closed_form(*log_weight[:, pair[both]], *offset[:, pair[both]])
    child, rise = np.flatnonzero(before < edges.n_nodes), np.zeros(edges.n_nodes)
    rise[child] = np.where(child < before[child], gap, -gap)
    return summed_from_roots(before, rise)


def heaviest_tree(low, high, log_weight, n_nodes, roots):
    """Each node's neighbour towards its block's root (a root's is ``n_nodes``), and the pair that leads there.

    Args:
        low, high: ``(n_pairs,)`` the nodes of each pair, in order of low, then high.
        roots: a node of each block.
    """
    first, neighbour = np.searchsorted(low, np.arange(n_nodes + 1)), high
    if len(low) > n_nodes - len(roots):  # else they are a tree
        cost = np.empty(len(low))
        cost[np.argsort(-log_weight, kind="stable")] = np.arange(1, len(low) + 1)
        tree = minimum_spanning_tree(csr_array((cost, high, first), shape=(n_nodes, n_nodes)))
        first, neighbour = tree.indptr, tree.indices
    below = np.append(first, len(neighbour) + len(roots))  # and a node above all roots
    shape = n_nodes + 1, n_nodes + 1
    graph = csr_array((np.ones(below[-1]), np.concatenate([neighbour, roots]), below), shape=shape)
    before = breadth_first_order(graph, n_nodes, directed=False)[1][:n_nodes].astype(np.int64)
    child = np.flatnonzero(before < n_nodes)
    key = np.minimum(child, before[child]) * n_nodes + np.maximum(child, before[child])
    return before, np.searchsorted(low * n_nodes + high, key)


def summed_from_roots(before, rise):
    """Each node's sum of rises along the path from its root, whose own does not count: log2(depth) doublings."""
    n = len(before)
    total, before = np.concatenate([rise, np.zeros_like(rise[:1])]), np.append(before, n)
    total[np.append(before[:-1] == n, True)] = 0.0
    while (before != n).any():
        total, before = total + total[before], before[before]
    return total[:-1]
