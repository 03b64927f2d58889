"""Spanning trees of compared pairs, and a Bradley-Terry fit along one: exact where every other label agrees with it."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from tabular.fits.pair_graph import PairGraph

__all__ = ["heaviest_tree", "summed_from_roots", "tree_fit"]


def tree_fit(edges, closed_form):
    """Strengths whose differences solve each tree pair on its own, 0 at the first node of each block.

    Pairs labelled both ways come first, by the smaller of their two weights; a pair labelled one way, where the tree
    needs it, gets margin 0.
    """
    size, graph = edges.n_nodes, PairGraph.of(edges.n_nodes, edges.winner, edges.loser)
    n_pairs, way = len(graph.low), (edges.winner > edges.loser).astype(int)
    log_weight, offset = np.full((2, n_pairs), -np.inf), np.zeros((2, n_pairs))
    log_weight[way, graph.pair] = edges.log_weight
    offset[way, graph.pair] = edges.offset
    both = (log_weight > -np.inf).all(axis=0)
    gap = np.where(log_weight[0] > -np.inf, offset[0], -offset[1])
    gap[both] = closed_form(*log_weight[:, both], *offset[:, both])
    cost = np.empty(n_pairs)
    cost[np.lexsort((-log_weight.min(axis=0), ~both))] = np.arange(1, n_pairs + 1)
    tree = minimum_spanning_tree(coo_array((cost, (graph.low, graph.high)), shape=(size, size)).tocsr())
    strength, pairs = np.zeros(size), graph.low * size + graph.high
    for root in np.flatnonzero(np.r_[True, np.diff(edges.block) != 0]):
        order, parent = breadth_first_order(tree, root, directed=False)
        child, parent = order[1:], parent[order[1:]]
        at = np.searchsorted(pairs, np.minimum(child, parent) * size + np.maximum(child, parent))
        step = np.where(child < parent, gap[at], -gap[at])
        for node, above, rise in zip(child.tolist(), parent.tolist(), step.tolist(), strict=True):
            strength[node] = strength[above] + rise
    return strength


def heaviest_tree(low, high, log_weight, n_nodes, roots):
    """Each node's neighbour towards its block's root (a root's is ``n_nodes``), and the pair that leads there.

    Args:
        low, high: ``(n_pairs,)`` the nodes of each pair, in order of low, then high.
        roots: a node of each block.
    """
    cost = np.empty(len(low))
    cost[np.argsort(-log_weight, kind="stable")] = np.arange(1, len(low) + 1)
    first = np.searchsorted(low, np.arange(n_nodes + 1))
    tree = minimum_spanning_tree(csr_array((cost, high, first), shape=(n_nodes, n_nodes)))
    below = np.append(tree.indptr, tree.nnz + len(roots))  # and a node above all roots
    shape = n_nodes + 1, n_nodes + 1
    graph = csr_array((np.ones(below[-1]), np.r_[tree.indices, roots], below), shape=shape)
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
