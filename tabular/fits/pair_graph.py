"""The labels of a graph, those of one pair of responses together, whichever of the two wins."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

__all__ = ["PairGraph", "both_ways", "filled", "in_order"]


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
        return self._filled(np.add.reduceat(values[self.order], self.first) if len(values) else values)

    def components(self) -> np.ndarray:
        """``(n_nodes,)``: the number of each node's connected component, by first nodes.

        >>> PairGraph.of(4, np.array([2, 1]), np.array([0, 3])).components().tolist()
        [0, 1, 0, 1]
        """
        graph = self._filled(np.ones(len(self.high)))
        if (
            len(breadth_first_order(graph, 0, return_predecessors=False)) == graph.shape[0]
        ):  # a fifth of the other's time
            return np.zeros(graph.shape[0], dtype=np.int32)
        return connected_components(graph, directed=False)[1]

    def _filled(self, of_pair):
        return filled(self._rows, of_pair)

    @cached_property
    def _rows(self):
        return both_ways(self.high, self.row)


def both_ways(high: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the symmetric matrix of pairs: the pair and the column of each entry, lower ones first; where rows begin.

    >>> [part.tolist() for part in both_ways(np.array([1, 2, 2]), np.array([0, 2, 3, 3]))]
    [[0, 1, 0, 2, 1, 2], [1, 2, 0, 2, 0, 1], [0, 2, 4, 6]]
    """
    n, pair = len(row) - 1, np.arange(len(high))
    below = in_order(high, n)[0]  # the pairs by their higher node
    low = np.repeat(np.arange(n), np.diff(row))
    start = row + np.append(0, np.cumsum(np.bincount(high, minlength=n)))
    upper = pair + (start - row)[low + 1]  # a row's entries to its right come after all those to its left
    lower = pair + row[high[below]]
    entry, neighbour = np.empty((2, 2 * len(pair)), dtype=np.int64)
    entry[upper], entry[lower] = pair, below
    neighbour[upper], neighbour[lower] = high, low[below]
    size = np.int32 if len(entry) < 2**31 else np.int64  # as scipy would make of them every time
    return entry, neighbour.astype(size), start.astype(size)


def filled(rows: tuple[np.ndarray, np.ndarray, np.ndarray], of_pair: np.ndarray) -> csr_array:
    """The symmetric matrix with these rows and a number for each pair."""
    entry, neighbour, start = rows
    return csr_array((of_pair[entry], neighbour, start), shape=(len(start) - 1,) * 2)


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
