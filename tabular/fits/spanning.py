"""A Bradley-Terry fit along a spanning tree of the compared pairs: exact where every other label agrees with it."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

__all__ = ["tree_fit"]


def tree_fit(edges, closed_form):
    """Strengths whose differences solve each tree pair on its own, 0 at the first node of each block.

    Pairs labelled both ways come first, by the smaller of their two weights; a pair labelled one way, where the tree
    needs it, gets margin 0.
    """
    size = edges.n_nodes
    up = edges.winner < edges.loser
    low, high = np.where(up, edges.winner, edges.loser), np.where(up, edges.loser, edges.winner)
    pairs, pair = np.unique(low * size + high, return_inverse=True)
    log_weight, offset = np.full((2, len(pairs)), -np.inf), np.zeros((2, len(pairs)))
    log_weight[1 - up.astype(int), pair] = edges.log_weight
    offset[1 - up.astype(int), pair] = edges.offset
    both = (log_weight > -np.inf).all(axis=0)
    gap = np.where(log_weight[0] > -np.inf, offset[0], -offset[1])
    gap[both] = closed_form(*log_weight[:, both], *offset[:, both])
    cost = np.empty(len(pairs))
    cost[np.lexsort((-log_weight.min(axis=0), ~both))] = np.arange(1, len(pairs) + 1)
    tree = minimum_spanning_tree(coo_array((cost, np.divmod(pairs, size)), shape=(size, size)).tocsr())
    strength = np.zeros(size)
    for root in np.flatnonzero(np.r_[True, np.diff(edges.block) != 0]):
        order, parent = breadth_first_order(tree, root, directed=False)
        child, parent = order[1:], parent[order[1:]]
        at = np.searchsorted(pairs, np.minimum(child, parent) * size + np.maximum(child, parent))
        step = np.where(child < parent, gap[at], -gap[at])
        for node, above, rise in zip(child.tolist(), parent.tolist(), step.tolist(), strict=True):
            strength[node] = strength[above] + rise
    return strength
