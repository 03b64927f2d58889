r"""What labelled order constraints force before any optimisation: zeros, equalities, or a contradiction.

The constraints :math:`x_w\ge e^{m}x_l` with :math:`x\ge0` are homogeneous. Along a directed cycle of labels they
multiply to :math:`x_y\ge e^{M}x_y` with M the cycle's total margin, hence

* M > 0 forces every member to 0, and with it every response that a member must dominate (x_w = 0 forces x_l = 0);
* M = 0 makes every constraint of the cycle an equality: the members keep fixed ratios and move as one;
* M < 0 forces nothing: longest walks d are finite on such blocks and :math:`x=e^{d}` satisfies every constraint.

Only edges inside a strongly connected component lie on cycles, and a component with one positive cycle dies whole.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import breadth_first_order, connected_components

from tabular.base import tolerances
from tabular.base.digraph import adjacency

__all__ = ["OrderStructure", "analyse"]


@dataclass(frozen=True, eq=False)
class OrderStructure:
    """What the digraph settles.

    ``dead (n_nodes,)`` forced zeros; ``cycles`` one positive cycle of nodes (each labelled over the next) for each
    component that has one; ``group (n_nodes,)`` numbers of nodes with fixed ratios, ``shift (n_nodes,)`` their
    log-ratios inside a group and ``tied (n_edges,)`` the pairs that are equalities.
    """

    dead: np.ndarray
    cycles: list
    group: np.ndarray
    shift: np.ndarray
    tied: np.ndarray


def analyse(n_nodes, winner, loser, margin) -> OrderStructure:
    """Structure of the constraints ``x_w >= e^margin x_l`` on nodes 0..n_nodes-1.

    >>> analyse(3, np.array([0, 1]), np.array([1, 0]), np.array([0.5, -0.5])).shift.tolist()
    [0.5, 0.0, 0.0]
    >>> analyse(3, np.array([0, 1, 1]), np.array([1, 0, 2]), np.array([0.5, 0.0, 0.0])).dead.tolist()
    [True, True, True]
    """
    n_blocks, block = connected_components(adjacency(n_nodes, winner, loser), directed=True, connection="strong")
    tied = np.zeros(len(winner), dtype=bool)
    if n_blocks == n_nodes:
        return OrderStructure(np.zeros(n_nodes, dtype=bool), [], np.arange(n_nodes), np.zeros(n_nodes), tied)
    inner = np.flatnonzero(block[winner] == block[loser])
    w, lo, m = winner[inner], loser[inner], margin[inner]
    zero, least = _rounding(np.bincount(block), np.bincount(block[w], np.abs(m), n_blocks))
    shift, growing = _longest_walks(n_nodes, w, lo, m, block, zero, least)
    positive = np.bincount(block[w], growing, n_blocks) > 0
    cycles = [_positive_cycle(e, w, lo, m, least[block[w[e[0]]]]) for e in _edges_by_block(block[w], positive)]
    dead = _dominated(n_nodes, winner, loser, positive[block]) if positive.any() else np.zeros(n_nodes, dtype=bool)
    tight = (shift[w] - shift[lo] - m <= zero[block[w]]) & ~dead[w]
    _, group = connected_components(adjacency(n_nodes, w[tight], lo[tight]), directed=True, connection="strong")
    tied[inner[tight]] = group[w[tight]] == group[lo[tight]]
    return OrderStructure(dead, cycles, group, np.where(dead, 0.0, shift), tied)


def _rounding(size, margins):
    """What counts as 0 in a block: as a cycle's total margin, and as an improvement by one edge of it.

    A cycle none of whose k edges improves has a total of at most k improvements, half of the former: so none of its
    edges is slack by more, and it is contracted rather than left to contradict itself by rounding.
    """
    least = np.maximum(tolerances.CYCLE_MARGIN / (2 * size), 4 * np.finfo(float).eps) * margins
    return 2 * size * least, least


def _longest_walks(n_nodes, w, lo, m, block, zero, least):
    """Longest-walk potentials d with d_w - d_l >= m, and the edges that still improve after as many rounds as the
    largest block has nodes (Bellman-Ford): those lie in blocks with a positive cycle."""
    largest, smallest = np.zeros(len(zero)), np.zeros(len(zero))
    np.maximum.at(largest, block[w], m)
    np.minimum.at(smallest, block[w], m)
    one_signed = (smallest == 0) & (largest > zero)  # a positive edge, none negative: positive cycle at once
    open_edges = np.flatnonzero(~one_signed[block[w]])
    d = np.zeros(n_nodes)
    growing = one_signed[block[w]]
    size = np.bincount(block)
    for _ in range(size.max()):
        candidate = d[lo[open_edges]] + m[open_edges]
        better = candidate > d[w[open_edges]] + least[block[w[open_edges]]]
        if not better.any():
            return d, growing
        np.maximum.at(d, w[open_edges][better], candidate[better])
    growing[open_edges[better]] = True
    return d, growing


def _edges_by_block(block_of_edge, wanted):
    edges = np.flatnonzero(wanted[block_of_edge])
    edges = edges[np.argsort(block_of_edge[edges], kind="stable")]
    return np.split(edges, np.flatnonzero(np.diff(block_of_edge[edges])) + 1) if len(edges) else []


def _positive_cycle(edges, w, lo, m, least):
    """A cycle of positive total margin in one block: follow the edges that made the longest walks grow."""
    best, via = {}, {}
    for _ in range(len(edges) + 1):  # at least as many rounds as nodes; afterwards the walk has closed on itself
        for edge in edges:
            candidate = best.get(lo[edge], 0.0) + m[edge]
            if candidate > best.get(w[edge], 0.0) + least:
                best[w[edge]], via[w[edge]] = candidate, edge
        cycle = _closed_walk(via, lo)
        if cycle:
            return cycle
    raise AssertionError("a block was declared positive without a positive cycle")


def _closed_walk(via, lo):
    """The cycle on which following ``via`` ends, if there is one (then its total margin is positive)."""
    seen = set()
    for start in via:
        path, node = [], start
        while node in via and node not in seen:
            seen.add(node)
            path.append(node)
            node = lo[via[node]]
        if node in path:
            return tuple(int(member) for member in path[path.index(node) :])
    return None


def _dominated(n_nodes, winner, loser, seeds):
    """Everything reachable along winner -> loser edges from the seeds, seeds included."""
    start = np.flatnonzero(seeds)
    tail = np.concatenate([winner, np.full(len(start), n_nodes)])  # one extra node that points at every seed
    graph = adjacency(n_nodes + 1, tail, np.concatenate([loser, start]))
    reached = np.zeros(n_nodes + 1, dtype=bool)
    reached[breadth_first_order(graph, n_nodes, return_predecessors=False)] = True
    return reached[:-1]
