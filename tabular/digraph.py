"""The win digraph of a preference data set: its strongly connected blocks, in the order of their wins."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components


def win_digraph(preferences, problem) -> csr_array:
    """Sparse 0/1 adjacency on all prompts at once; node ``prompt * n_responses + response``, edge winner -> loser."""
    draws = preferences.log_weight > -np.inf
    base = preferences.prompt[draws] * problem.n_responses
    size = problem.n_prompts * problem.n_responses
    edges = (np.ones(draws.sum()), (base + preferences.winner[draws], base + preferences.loser[draws]))
    return coo_array(edges, shape=(size, size)).tocsr()


def block_labels(graph) -> np.ndarray:
    """The block number of each node, numbered so that every edge between blocks goes from lower to higher."""
    n_blocks, label = connected_components(graph, directed=True, connection="strong")
    edges = graph.tocoo()
    tail, head = label[edges.coords[0]], label[edges.coords[1]]
    return _topological_position(tail[tail != head], head[tail != head], n_blocks)[label]


def _topological_position(tail, head, n_blocks):
    """Kahn's algorithm on the condensation, ties broken by block number."""
    order = np.argsort(tail, kind="stable")
    successors = np.split(head[order], np.searchsorted(tail[order], np.arange(1, n_blocks)))
    waiting_for = np.bincount(head, minlength=n_blocks)
    ready = list(np.flatnonzero(waiting_for == 0))
    for block in ready:  # grows while it is read
        for successor in successors[block]:
            waiting_for[successor] -= 1
            if waiting_for[successor] == 0:
                ready.append(successor)
    position = np.empty(n_blocks, dtype=np.int64)
    position[ready] = np.arange(n_blocks)
    return position


def blocks(preferences, problem) -> list[list[np.ndarray]]:
    """See :meth:`tabular.Preferences.blocks`."""
    label = block_labels(win_digraph(preferences, problem)).reshape(problem.present.shape)
    return [_grouped(row, there) for row, there in zip(label, problem.present, strict=True)]


def _grouped(label, there):
    members = np.flatnonzero(there)
    members = members[np.argsort(label[members], kind="stable")]
    return np.split(members, np.flatnonzero(np.diff(label[members])) + 1)
