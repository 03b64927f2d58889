"""The labels of a graph, those of one pair of responses together, whichever of the two wins."""

from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

__all__ = ["PairGraph", "distinct"]

#: keys per label up to which a table of all of them is quicker than sorting
_COUNTED = 16


@dataclass(frozen=True, eq=False)
class PairGraph:
    """Pairs by their lower node, then by their higher one.

    Attributes:
        n_nodes: of the graph; pair: ``(n_labels,)``, the number of each label's pair.
        low, high: ``(n_pairs,)``, the two nodes of each pair.
    """

    n_nodes: int
    pair: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, n_nodes: int, winner: np.ndarray, loser: np.ndarray) -> "PairGraph":
        """The pairs of labels on nodes 0 .. n_nodes - 1."""
        key = np.minimum(winner, loser) * n_nodes
        key += np.maximum(winner, loser)
        found, pair = distinct(key, n_nodes**2)
        return cls(n_nodes, pair, *np.divmod(found, n_nodes))

    def matrix(self, values: np.ndarray) -> csr_array:
        """The symmetric matrix of a quantity of the labels, summed over each pair.

        >>> PairGraph.of(2, np.array([0, 1]), np.array([1, 0])).matrix(np.array([2.0, 3.0])).toarray().tolist()
        [[0.0, 5.0], [5.0, 0.0]]
        """
        return self._filled(self._summed(values))

    def of_unit_degree(self, weight: np.ndarray) -> tuple[csr_array, np.ndarray]:
        """The same with rows and columns over the roots of the degrees, and these: 1 where a node has no weight.

        >>> graph, root = PairGraph.of(2, np.array([0, 1]), np.array([1, 0])).of_unit_degree(np.array([2.0, 7.0]))
        >>> graph.toarray().tolist(), root.tolist()
        ([[0.0, 1.0], [1.0, 0.0]], [3.0, 3.0])
        """
        of_pair, n = self._summed(weight), self.n_nodes
        degree = np.bincount(self.low, of_pair, n) + np.bincount(self.high, of_pair, n)
        degree[degree == 0] = 1
        root = np.sqrt(degree)
        return self._filled(of_pair / root[self.low] / root[self.high]), root

    def components(self) -> np.ndarray:
        """``(n_nodes,)``: the number of each node's connected component, by first nodes.

        >>> PairGraph.of(4, np.array([2, 1]), np.array([0, 3])).components().tolist()
        [0, 1, 0, 1]
        """
        graph = self._rows[1]
        # a fifth of the time of the other, where all is connected
        if len(breadth_first_order(graph, 0, return_predecessors=False)) == self.n_nodes:
            return np.zeros(self.n_nodes, dtype=np.int32)
        return connected_components(graph)[1]

    def _summed(self, values):
        return np.bincount(self.pair, values, len(self.high))

    def _filled(self, of_pair):
        entry, ones = self._rows
        graph = copy(ones)  # which shares its rows
        graph.data = of_pair[entry]
        return graph

    @cached_property
    def _rows(self):
        """The pair of each entry of the symmetric matrix, and that of ones: in a row, lower nodes come first."""
        n, number = self.n_nodes, np.arange(len(self.high))
        left, right = (_starts(np.bincount(end, minlength=n)) for end in (self.high, self.low))
        below = _in_order(self.high, n)[0]  # the pairs by their higher node
        lower, upper = number + right[self.high[below]], number + left[1:][self.low]
        size = np.int32 if 2 * len(number) < 2**31 else np.int64  # as scipy would make of them
        entry, neighbour = np.empty(2 * len(number), dtype=np.int64), np.empty(2 * len(number), dtype=size)
        entry[lower], entry[upper] = below, number
        neighbour[lower], neighbour[upper] = self.low[below], self.high
        rows = np.ones(len(entry)), neighbour, (left + right).astype(size)
        return entry, csr_array(rows, shape=(n, n))


def _starts(counts):
    """Where rows of so many entries begin, and where the last ends."""
    starts = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def distinct(key: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of whole keys below ``bound``, in order, and the place of each key among them.

    >>> [found.tolist() for found in distinct(np.array([7, 2, 7]), 8)]
    [[2, 7], [1, 0, 1]]
    """
    if bound <= _COUNTED * len(key):
        place = np.zeros(bound, dtype=np.int64)
        place[key] = 1
        found = np.flatnonzero(place)
        place[found] = np.arange(len(found))
        return found, place[key]
    order, key = _in_order(key, bound)
    fresh = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=fresh[1:])
    place = np.empty(len(key), dtype=np.int64)
    place[order] = np.cumsum(fresh) - 1
    return key[np.flatnonzero(fresh)], place


def _in_order(key, bound):
    """The order of whole keys below ``bound``, ties by place, and the keys in it.

    Key and place as one number where that fits: numbers alone are sorted several times faster than places by numbers.
    """
    bits = len(key).bit_length()
    if bound.bit_length() + bits > 63:
        order = np.argsort(key, kind="stable")
        return order, key[order]
    packed = key << bits
    packed |= np.arange(len(key))
    packed.sort()
    return packed & ((1 << bits) - 1), packed >> bits
