"""The win digraph of a preference data set: its strongly connected blocks, in the order of their wins."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

__all__ = ["adjacency", "block_labels", "blocks", "components", "forest", "grouped", "ranked_blocks", "win_digraph"]

_FEW, _SHORT = 4, 30  # blocks of one rank, and wins of each, up to which a loop over them is faster than whole arrays


def win_digraph(preferences, problem) -> csr_array:
    """Sparse 0/1 adjacency on all prompts at once; node ``prompt * n_responses + response``, edge winner -> loser."""
    draws = preferences.log_weight > -np.inf
    base = preferences.prompt[draws] * problem.n_responses
    size = problem.n_prompts * problem.n_responses
    return adjacency(size, base + preferences.winner[draws], base + preferences.loser[draws])


def adjacency(n_nodes, winner, loser) -> csr_array:
    """Sparse 0/1 adjacency of a digraph given by its edges; parallel edges count once.

    They have to: scipy's strong components never end on a row that names a neighbour twice.
    """
    key = np.sort(np.asarray(winner, dtype=np.int64) * n_nodes + loser)
    tail, head = np.divmod(key[np.diff(key, prepend=-1) > 0], n_nodes)
    ends = np.cumsum(np.bincount(tail, minlength=n_nodes))
    return csr_array((np.ones(len(head)), head, np.append(0, ends)), shape=(n_nodes, n_nodes))


def block_labels(graph) -> np.ndarray:
    """The block number of each node: by rank, so source blocks come first and every edge goes from lower to higher."""
    return ranked_blocks(graph)[0]


def components(n_nodes, tail, head) -> np.ndarray:
    """``(n_nodes,)``: the number of each node's connected component, by first nodes; the edges' directions are ignored.

    >>> components(4, [2, 1], [0, 3]).tolist()
    [0, 1, 0, 1]
    """
    return connected_components(adjacency(n_nodes, tail, head))[1]


def forest(n_nodes, tail, head, roots=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Breadth-first trees along edges tail -> head: the nodes below the roots, a node never before the one above it.

    And for every node the one above it, and the first edge that leads from there: ``n_nodes`` and -1 for the others.
    ``roots`` are the first nodes of the components by default.

    >>> [found.tolist() for found in forest(4, [1, 0, 2], [2, 1, 0], roots=[0])]
    [[1, 2], [4, 0, 1, 4], [-1, 1, 0, -1]]
    """
    tail, head = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    if roots is None:
        _, roots = np.unique(components(n_nodes, tail, head), return_index=True)
    top = np.full(len(roots), n_nodes)
    graph = adjacency(n_nodes + 1, np.concatenate([tail, top]), np.concatenate([head, roots]))
    order, found = breadth_first_order(graph, n_nodes)
    inner = order[found[order] != n_nodes][1:].astype(np.int64)
    before, edge = np.full(n_nodes, n_nodes), np.full(n_nodes, -1)
    before[inner] = found[inner]
    key = tail * n_nodes + head
    arc = np.argsort(key, kind="stable")
    edge[inner] = arc[np.searchsorted(key[arc], before[inner] * n_nodes + inner)]
    return inner, before, edge


def ranked_blocks(graph) -> tuple[np.ndarray, np.ndarray]:
    """Block number of each node, and rank of each block: the most blocks on a path of wins that ends just above it.

    Blocks are numbered by rank. Minus the rank is strictly higher for the winner of every edge between two blocks
    and equal within a block: a direction in which no label loses.

    >>> label, rank = ranked_blocks(adjacency(4, [3, 0, 1, 2], [0, 1, 2, 0]))  # 3 beats the cycle 0 -> 1 -> 2 -> 0
    >>> label.tolist(), rank.tolist()
    ([1, 1, 1, 0], [0, 1])
    """
    n_blocks, label = connected_components(graph, directed=True, connection="strong")
    tail, head = np.repeat(label, np.diff(graph.indptr)), label[graph.indices]
    between = tail != head
    if not between.any():
        return label.astype(np.int64), np.zeros(n_blocks, dtype=np.int64)
    rank = _ranks(tail[between], head[between], n_blocks)
    order = np.argsort(rank, kind="stable")
    position = np.empty(n_blocks, dtype=np.int64)
    position[order] = np.arange(n_blocks)
    return position[label], rank[order]


def _ranks(tail, head, n_blocks):
    """Longest-path ranks of an acyclic digraph: Kahn's algorithm, one whole rank at a time; small ones by a loop."""
    order = np.argsort(tail, kind="stable")
    heads = head[order]
    start = np.searchsorted(tail[order], np.arange(n_blocks + 1))
    waiting_for = np.bincount(head, minlength=n_blocks)
    rank = np.zeros(n_blocks, dtype=np.int64)
    ready = np.flatnonzero((waiting_for == 0) & (start[1:] > start[:-1]))
    depth, bounds = 0, start.tolist()
    while len(ready):
        if len(ready) <= _FEW and all(bounds[block + 1] - bounds[block] <= _SHORT for block in ready):
            ready = _beaten_last(ready, heads, bounds, waiting_for)
        else:
            ready = np.asarray(ready)
            beaten, wins = np.unique(heads[_ranges(start[ready], start[ready + 1])], return_counts=True)
            waiting_for[beaten] -= wins
            ready = beaten[waiting_for[beaten] == 0]
        depth += 1
        rank[ready] = depth
    return rank


def _beaten_last(ready, heads, bounds, waiting_for):
    """The blocks whose last unranked winners are ``ready``; ``waiting_for`` counts down."""
    found = []
    for block in ready:
        for beaten in heads[bounds[block] : bounds[block + 1]].tolist():
            waiting_for[beaten] -= 1
            if waiting_for[beaten] == 0:
                found.append(beaten)
    return found


def _ranges(first, last):
    """The concatenation of the integer ranges [first_i, last_i)."""
    lengths = last - first
    ends = np.cumsum(lengths)
    return np.repeat(first - (ends - lengths), lengths) + np.arange(ends[-1])


def blocks(preferences, problem) -> list[list[np.ndarray]]:
    """See :meth:`tabular.Preferences.blocks`."""
    label = block_labels(win_digraph(preferences, problem)).reshape(problem.present.shape)
    return grouped(label, problem.present)


def grouped(label, present) -> list[list[np.ndarray]]:
    """The present responses of each row by label, in the order of the labels."""
    return [_grouped_row(row, there) for row, there in zip(label, present, strict=True)]


def _grouped_row(label, there):
    members = np.flatnonzero(there)
    members = members[np.argsort(label[members], kind="stable")]
    return np.split(members, np.flatnonzero(np.diff(label[members])) + 1)
