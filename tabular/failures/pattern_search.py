"""The search for tie patterns of :mod:`tabular.failures.joint`: all pieces of one size together, a row each pattern."""

from dataclasses import dataclass

import numpy as np

from tabular.failures import knapsack, ties
from tabular.failures.infimum import Infimum
from tabular.failures.least_cost import Circulation

__all__ = ["Layer", "Search"]

_LABELS = 2_000_000  # fitted for one piece at most: larger pieces have fewer patterns looked at, in about the same time
_ENTRIES = 50_000_000  # of the patterns that one step compares at most: bounds memory
#: Labels squared, and responses squared: a large piece is sampled more sparsely, as what it costs grows faster.
_SQUARES, _CELLS = 150_000_000, 1_800_000_000


@dataclass(frozen=True, eq=False)
class Layer:
    """Patterns with equally many merges, and the merges that led to them.

    Attributes:
        piece: ``(k,)`` which piece; pattern: ``(k, size)`` leader of each place.
        parent, slot, child: ``(n_merges,)`` row of the layer before, pair of ends merged there, row here.
        too_dear: ``(k_before, n_slots)`` of the layer before.
    """

    piece: np.ndarray
    pattern: np.ndarray
    parent: np.ndarray
    slot: np.ndarray
    child: np.ndarray
    too_dear: np.ndarray

    def inherited(self, over_budget):
        """``(k, n_slots)`` merges known to be too dear: those of any parent, of which this layer tells more."""
        too_dear = self.too_dear.copy()
        over = over_budget[self.child]
        too_dear[self.parent[over], self.slot[over]] = True
        order = np.argsort(self.child, kind="stable")
        first = np.searchsorted(self.child[order], np.arange(len(self.piece)))
        return np.logical_or.reduceat(too_dear[self.parent[order]], first, axis=0)


class Search:
    """Breadth first from the untied pattern of each piece, by merges that can be within the budget.

    Attributes:
        ends: ``(n_pieces, n_slots, 2)`` the pairs of places that a label to be tied joins, each once.
        slot: ``(n_labels,)`` which pair of ends a label joins; -1 where it is not to be tied.
        fitted: ``(n_pieces,)`` how many patterns were; cut_short: whether they are a sample.
    """

    def __init__(self, at: Infimum, pieces, budget, merge, limit):
        self.at, self.pieces, self.budget = at, pieces, budget
        graph = at.parts.graph
        n_labels = graph.labels_of.size[pieces]
        self.limit = np.minimum(limit, np.maximum(np.minimum(_LABELS // n_labels, _SQUARES // n_labels**2), 1))
        self.size = int(graph.nodes_of.size[pieces[0]])
        self.most = min(_ENTRIES // self.size, _CELLS // self.size**2)
        self.fitted, self.cut_short = np.zeros(len(pieces), dtype=int), np.zeros(len(pieces), dtype=bool)
        label, owner = graph.labels_of.gather(pieces)
        label, owner = label[merge[label]], owner[merge[label]]
        a, b = graph.place[graph.winner[label]], graph.place[graph.loser[label]]
        key, end = np.unique((owner * self.size + np.minimum(a, b)) * self.size + np.maximum(a, b), return_inverse=True)
        owner, ends = np.divmod(key, self.size**2)
        slot = np.arange(len(key)) - np.searchsorted(owner, owner)
        self.ends = np.zeros((len(pieces), slot.max(initial=0) + 1, 2), dtype=int)
        self.ends[owner, slot] = np.column_stack(np.divmod(ends, self.size))
        self.slot = np.full(len(graph.label), -1)
        self.slot[label] = slot[end]

    def run(self):
        """(piece, pattern, cost above the infimum, inverted labels) of each pattern within the budget."""
        n = len(self.pieces)
        self.fitted += 1
        none, rows = np.zeros((n, self.ends.shape[1]), dtype=bool), np.arange(n)
        layer = Layer(rows, np.tile(np.arange(self.size), (n, 1)), rows, 0 * rows, rows, none)
        wrong = None
        while len(layer.piece):
            cost, inverted, right, least = self._fit(layer)
            if wrong is None:
                wrong = np.zeros(len(self.slot), dtype=bool)  # where the loss is least
                wrong[np.concatenate(inverted)] = True
            more = np.array([not wrong[labels].all() for labels in inverted])
            cost = np.where(more, np.maximum(cost, knapsack.LEAST), cost)
            within = cost <= self.budget
            for k in np.flatnonzero(within):
                yield self.pieces[layer.piece[k]], layer.pattern[k], cost[k], inverted[k]
            too_dear = layer.inherited(~within) | (least > self.budget)
            merges = np.nonzero(right & ~too_dear & within[:, None])
            layer = self._coarser(layer, too_dear, np.array([len(labels) for labels in inverted]), *merges)

    def _fit(self, layer):
        """Of each pattern: cost above the infimum, inverted labels, ends with delta > 0, the least that tying costs."""
        at, graph, shape = self.at, self.at.parts.graph, (len(layer.piece), self.ends.shape[1])
        cost, inverted, right, least = np.empty(shape[0]), [], np.zeros(shape, dtype=bool), np.zeros(shape)
        piece = self.pieces[layer.piece]
        for batch in graph.batches(piece):
            copies = ties.Copies(graph, piece[batch])
            fit = copies.fit((layer.pattern[batch] + copies.start[:, None]).ravel())
            cost[batch] = np.maximum(fit.cost - at.parts.cost[piece[batch]], 0)
            delta = fit.delta
            down = np.flatnonzero(delta <= 0)
            inverted += np.split(copies.edge[down], np.searchsorted(copies.edge_copy[down], np.arange(1, len(copies))))
            up = np.flatnonzero((delta > 0) & (self.slot[copies.edge] >= 0))
            ends = batch[copies.edge_copy[up]], self.slot[copies.edge[up]]
            right[ends] = True
            np.add.at(least, ends, Circulation.of(fit).cost[up])
        return cost, inverted, right, cost[:, None] + least

    def _coarser(self, layer, too_dear, n_inverted, parent, slot):
        """The patterns that some merges lead to, each once; where they are too many, those of the best parents."""
        best = np.argsort(-n_inverted[parent], kind="stable")
        parent, slot, left = *(a[best][: self.most] for a in (parent, slot)), parent[best]
        self.cut_short[layer.piece[left[len(parent) :]]] = True
        piece, pattern = layer.piece[parent], layer.pattern[parent]
        ends = np.take_along_axis(pattern, self.ends[piece, slot], axis=1)
        low, high = ends.min(axis=1)[:, None], ends.max(axis=1)[:, None]
        pattern = np.where(pattern == high, low, pattern)
        rows = np.ascontiguousarray(np.column_stack([piece, pattern]), dtype=np.int32)
        _, first, child = np.unique(
            rows.view(np.dtype((np.void, rows.shape[1] * 4))).ravel(), return_index=True, return_inverse=True
        )
        kept = self._affordable(piece[first], first)
        number = np.cumsum(kept) - 1
        there = kept[child]
        first = first[kept]
        return Layer(piece[first], pattern[first], parent[there], slot[there], number[child[there]], too_dear)

    def _affordable(self, piece, rank):
        """Mask of the patterns to fit: all, or where they exceed the limit the best, half of what is left each time."""
        order = np.lexsort((rank, piece))
        position = np.empty(len(piece), dtype=int)
        position[order] = np.arange(len(piece)) - np.searchsorted(piece[order], piece[order])
        n_new = np.bincount(piece, minlength=len(self.pieces))
        room = self.limit - self.fitted
        over = n_new > room
        self.cut_short |= over
        allowed = np.where(over, (room + 1) // 2, n_new)
        self.fitted += np.minimum(allowed, n_new)
        return position < allowed[piece]
