"""The labels of a graph, those of one pair of responses together, whichever of the two wins."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

__all__ = ["PairGraph", "in_order"]


@dataclass(frozen=True, eq=False)
class PairGraph:
    """Pairs by their lower node, then by their higher one.

    Attributes:
        order: the labels, sorted by pair; first: where in this order each pair begins.
        high: the higher node of each pair; row: ``(n_nodes + 1,)``, where each lower node's pairs begin.
    """

    order: np.ndarray
    first: np.ndarray
    high: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, n_nodes: int, winner: np.ndarray, loser: np.ndarray) -> "PairGraph":
        """The pairs of labels on nodes 0 .. n_nodes - 1."""
        order, key = in_order(np.minimum(winner, loser) * n_nodes + np.maximum(winner, loser), n_nodes**2)
        first = np.flatnonzero(np.r_[len(key) > 0, key[1:] != key[:-1]])
        low, high = np.divmod(key[first], n_nodes)
        return cls(order, first, high, np.append(0, np.cumsum(np.bincount(low, minlength=n_nodes))))

    def matrix(self, values: np.ndarray) -> csr_array:
        """The symmetric matrix of a quantity of the labels, summed over each pair.

        >>> PairGraph.of(2, np.array([0, 1]), np.array([1, 0])).matrix(np.array([2.0, 3.0])).toarray().tolist()
        [[0.0, 5.0], [5.0, 0.0]]
        """
        upper = self._upper(np.add.reduceat(values[self.order], self.first) if len(values) else values)
        return upper + upper.T

    def components(self) -> np.ndarray:
        """``(n_nodes,)``: the number of each node's connected component, by first nodes.

        >>> PairGraph.of(4, np.array([2, 1]), np.array([0, 3])).components().tolist()
        [0, 1, 0, 1]
        """
        return connected_components(self._upper(np.ones(len(self.high))), directed=False)[1]

    def _upper(self, data):
        n = len(self.row) - 1
        return csr_array((data, self.high, self.row), shape=(n, n))


def in_order(key: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of whole keys below ``bound``, ties by place, and the keys in it.

    Key and place as one number where that fits: numbers alone are sorted several times faster than places by numbers.

    >>> [found.tolist() for found in in_order(np.array([7, 2, 7]), 8)]
    [[1, 0, 2], [2, 7, 7]]
    """
    bits = len(key).bit_length()
    if bound.bit_length() + bits > 63:
        order = np.argsort(key, kind="stable")
        return order, key[order]
    packed = np.sort(key << bits | np.arange(len(key)))
    return packed & ((1 << bits) - 1), packed >> bits
