"""The components of a label graph, those of one size together, so that they are solved as one batch."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Part", "centred", "parts"]


@dataclass(frozen=True, eq=False)
class Part:
    """Components of one size.

    Attributes:
        nodes: their nodes, those of a component together; edges: positions of their labels, or a slice of all.
        winner, loser: of each label, as positions in ``nodes``; log_weight: less the component's largest.
        size, range: nodes of each component; the widest range of log-weights in one.
    """

    nodes: np.ndarray
    edges: np.ndarray | slice
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    size: int
    range: float

    @property
    def copy_of_node(self):
        return np.arange(len(self.nodes)) // self.size

    @property
    def copy_of_edge(self):
        return self.winner // self.size

    def gaps(self, s):
        """Of each label, s of the winner less s of the loser."""
        return s[self.winner] - s[self.loser]

    def matrix(self, values):
        """``(n_components, size, size)`` sums of a quantity of the labels, at (winner, loser)."""
        n = len(self.nodes) // self.size
        flat = np.bincount(self.winner * self.size + self.loser % self.size, values, n * self.size * self.size)
        return flat.reshape(n, self.size, self.size)

    def log_matrix(self, log_values):
        """The same of a positive quantity, in logs; ``-inf`` where no label is."""
        shape = len(self.nodes) // self.size, self.size, self.size
        found = np.full(shape, -np.inf)
        np.logaddexp.at(found.reshape(-1), self.winner * self.size + self.loser % self.size, log_values)
        return found


def parts(component, winner, loser, log_weight):
    """Yield the components that hold a label, grouped by size.

    >>> one, two = parts(np.array([0, 0, 1, 1, 1]), np.array([0, 2, 3]), np.array([1, 3, 4]), np.zeros(3))
    >>> one.nodes.tolist(), two.edges.tolist(), two.winner.tolist()
    ([0, 1], [1, 2], [0, 1])
    """
    if not len(winner):
        return
    n_components = component.max() + 1
    if n_components == 1:  # all in its place already
        scale, size = log_weight.max(), len(component)
        if scale > -np.inf:
            spread = float(scale - log_weight.min())
            yield Part(np.arange(size), slice(None), winner, loser, log_weight - scale, size, spread)
        return
    size, of_edge = np.bincount(component, minlength=n_components), component[winner]
    top = np.full(n_components, -np.inf)
    np.maximum.at(top, of_edge, log_weight)
    least = np.full(n_components, np.inf)
    np.minimum.at(least, of_edge, log_weight)
    labelled = top > -np.inf
    order = np.argsort(component, kind="stable")
    place = np.empty(len(component), dtype=np.int64)
    for k in np.unique(size[labelled]):
        chosen = labelled & (size == k)
        nodes = order[chosen[component[order]]]
        edges = np.flatnonzero(chosen[of_edge])
        place[nodes] = np.arange(len(nodes))
        yield Part(
            nodes,
            edges,
            place[winner[edges]],
            place[loser[edges]],
            log_weight[edges] - top[of_edge[edges]],
            int(k),
            float((top - least)[chosen].max()),
        )


def centred(values, group) -> np.ndarray:
    """The values less the mean of their group.

    >>> centred(np.array([1.0, 5.0, 3.0]), np.array([0, 1, 0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return values - (np.bincount(group, values) / np.bincount(group))[group]
