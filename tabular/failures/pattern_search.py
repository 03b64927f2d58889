r"""The search for tie patterns of :mod:`tabular.failures.joint`: all pieces of one size together, a row each pattern.

**With an aim it branches and bounds.** Where only the most weight counts that can be inverted, :class:`Aim`, the
pattern Q at cost c leads nowhere if no policy with its ties, within the budget, inverts more weight than a policy that
is known and costs no more than Q, or no more than the lowest level asks about. What it can invert is bounded by a
knapsack: :mod:`tabular.failures.least_cost` says what each label that is right at Q costs at least on top of c.
With :math:`\lambda` the price of weight at which its labels, divided, fill the budget B,

.. math:: \sum_{e\in S}w_e\le U=\lambda(B-c)+\sum_{e\text{ wrong}}w_e+\sum_{e\text{ right}}\max(w_e-\lambda c_e,0),

and if S holds a label with :math:`w_e<\lambda c_e`, less by that difference: so a single merge is ruled out, too, and
as what is said of a pattern is true of all coarser ones, for good.
"""

from dataclasses import dataclass

import numpy as np

from tabular.failures import knapsack, ties
from tabular.failures.infimum import Infimum
from tabular.failures.least_cost import Circulation

__all__ = ["Aim", "Labels", "Layer", "Search"]

_LABELS = 2_000_000  # fitted for one piece at most: larger pieces have fewer patterns looked at, in about the same time
_ENTRIES = 50_000_000  # of the patterns that one step compares at most: bounds memory
#: Labels squared, and responses squared: a large piece is sampled more sparsely, as what it costs grows faster.
_SQUARES, _CELLS = 150_000_000, 1_800_000_000
_PART = 4  # of the patterns that may still be fitted, one in so many for each further merge
_WHOLE, _ROUNDING = 1e-9, 1e-12  # of a unit of whole weights, and of all weight else: what rounding may add to a sum


@dataclass(frozen=True, eq=False)
class Labels:
    """The piece of labels, what each costs at least and counts for, and what is inverted where the loss is least."""

    piece: np.ndarray
    cost: np.ndarray
    gain: np.ndarray
    base: float


@dataclass(frozen=True, eq=False)
class Aim:
    """The most weight at every budget from a lowest one on.

    Attributes:
        weight: ``(n_labels,)`` what each kept label counts for.
        lowest: budget of all pieces together from which on it counts.
        labels: of all pieces, where they are few enough to be looked at with every pattern.
        known: {piece: its ways that are known, ``(cost, weight inverted)`` each}; grows as ways are found.
    """

    weight: np.ndarray
    lowest: float
    labels: Labels | None
    known: dict

    @property
    def more(self) -> float:
        """By how much a sum of weights is larger, if it is: an entire unit where all are whole."""
        whole = bool((self.weight == np.round(self.weight)).all())
        return 1 - _WHOLE if whole else _ROUNDING * float(self.weight.sum())

    def learn(self, piece, cost, inverted):
        """One more way."""
        self.known.setdefault(int(piece), []).append((float(cost), float(self.weight[inverted].sum())))

    def reached(self, piece, cost):
        """The most weight of its piece that is known to be inverted for no more than each cost."""
        most = np.full(len(piece), -np.inf)
        for one in np.unique(piece):
            price, weight = np.array(sorted(self.known[int(one)])).T
            mine = piece == one
            dearer = np.searchsorted(price, cost[mine], side="right")
            most[mine] = np.r_[-np.inf, np.maximum.accumulate(weight)][dearer]
        return most

    def reached_by_all(self):
        """The most weight of all pieces that is known to be inverted for the lowest budget."""
        labels, ways = self.labels, [(k, *way) for k, ways in self.known.items() for way in ways]
        others = ~np.isin(labels.piece, list(self.known))  # pieces of one label; the others are at rest if unknown
        piece, cost, weight = np.array(ways).reshape(-1, 3).T
        rest = {k: min(ways)[1] for k, ways in self.known.items()}
        more = weight - np.array([rest[int(k)] for k in piece])
        worth = (more > 0) & (cost <= self.lowest)
        alone = others & (np.bincount(labels.piece)[labels.piece] == 1) & (labels.gain > 0)
        group = np.unique(np.r_[piece[worth], labels.piece[alone]], return_inverse=True)[1]
        cost, gain = np.r_[cost[worth], labels.cost[alone]], np.r_[more[worth], labels.gain[alone]]
        options = knapsack.Options(group, np.maximum(cost, knapsack.LEAST), gain)
        filled = knapsack.relax(options).bounds(self.lowest)[0]
        return labels.base + float(np.maximum(filled, gain[cost <= self.lowest].max(initial=0.0)))


@dataclass(frozen=True, eq=False)
class Layer:
    """Patterns with equally many merges, and the merges that led to them.

    Attributes:
        piece: ``(k,)`` which piece; pattern: ``(k, size)`` leader of each place.
        parent, slot, child: ``(n_merges,)`` row of the layer before, pair of ends merged there, row here.
        too_dear: ``(k_before, n_slots)`` of the layer before.
        start: ``(k, size)`` strengths of a pattern that one merge led from: those here are near.
    """

    piece: np.ndarray
    pattern: np.ndarray
    parent: np.ndarray
    slot: np.ndarray
    child: np.ndarray
    too_dear: np.ndarray
    start: np.ndarray

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
        open: ``(n_pieces,)`` the most weight that what was left out may invert, where there is an aim.
    """

    def __init__(self, at: Infimum, pieces, budget, merge, limit, aim: Aim | None = None):
        self.at, self.pieces, self.budget, self.aim = at, pieces, budget, aim
        graph = at.parts.graph
        n_labels = graph.labels_of.size[pieces]
        self.limit = np.minimum(limit, np.maximum(np.minimum(_LABELS // n_labels, _SQUARES // n_labels**2), 1))
        self.size = int(graph.nodes_of.size[pieces[0]])
        self.most = min(_ENTRIES // self.size, _CELLS // self.size**2)
        self.fitted, self.cut_short = np.zeros(len(pieces), dtype=int), np.zeros(len(pieces), dtype=bool)
        self.open = np.full(len(pieces), -np.inf)
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
        """(piece, pattern, cost above the infimum, inverted labels) of each pattern within the budget.

        Without an aim all are wanted: it ends where they are too many.
        """
        n = len(self.pieces)
        self.fitted += 1
        none, rows = np.zeros((n, self.ends.shape[1]), dtype=bool), np.arange(n)
        start = self.at.parts.strength[self.at.parts.graph.nodes_of.gather(self.pieces)[0]].reshape(n, self.size)
        layer = Layer(rows, np.tile(np.arange(self.size), (n, 1)), rows, 0 * rows, rows, none, start)
        wrong = None
        while len(layer.piece):
            cost, inverted, right, least, gain, strength = self._fit(layer)
            if wrong is None:
                wrong = np.zeros(len(self.slot), dtype=bool)  # where the loss is least
                wrong[np.concatenate(inverted)] = True
            more = np.array([not wrong[labels].all() for labels in inverted])
            cost = np.where(more, np.maximum(cost, knapsack.LEAST), cost)
            within = cost <= self.budget
            for k in np.flatnonzero(within):
                yield self.pieces[layer.piece[k]], layer.pattern[k], cost[k], inverted[k]
            too_dear = layer.inherited(~within) | (cost[:, None] + least > self.budget)
            heavy = np.array([self._weight(labels) for labels in inverted])
            most = np.full(right.shape, np.inf)
            if self.aim is not None:
                for k in np.flatnonzero(within):
                    self.aim.learn(self.pieces[layer.piece[k]], cost[k], inverted[k])
                most, futile = self._bounded(layer, cost, inverted, least, np.where(right & ~too_dear, gain, 0.0))
                too_dear |= futile
            merges = np.nonzero(right & ~too_dear & within[:, None])
            layer = self._coarser(layer, strength, too_dear, heavy, most, *merges)
            if self.aim is None and self.cut_short.any():
                return  # a sample says nothing of all

    def _weight(self, labels):
        return len(labels) if self.aim is None else self.aim.weight[labels].sum()

    def _bounded(self, layer, cost, inverted, least, gain):
        """``(k, n_slots)`` a bound on what policies with the ties of a pattern and of a merge invert; is it too little?

        Too little is what another way of the piece inverts for less, or what all pieces are known to invert at the
        lowest budget; then the other pieces' labels may be inverted, too, each for what it costs at least.
        """
        aim, piece = self.aim, self.pieces[layer.piece]
        room = np.maximum(self.budget - cost, 0.0)
        wrong = np.array([self._weight(labels) for labels in inverted])
        most = wrong[:, None] + _most(room, least, gain)
        futile = most < aim.reached(piece, cost)[:, None] + aim.more
        if aim.labels is not None and aim.lowest > 0:
            labels = aim.labels
            elsewhere = np.where(labels.piece == piece[:, None], 0.0, labels.gain)
            columns = (
                np.column_stack([least, np.tile(labels.cost, (len(piece), 1))]),
                np.column_stack([gain, elsewhere]),
            )
            own, of = np.unique(piece, return_inverse=True)
            rest = np.array([min(aim.known[int(k)])[1] for k in own])[of]
            total = (labels.base - rest + wrong)[:, None] + _most(room, *columns)[:, : least.shape[1]]
            futile |= total < aim.reached_by_all() + aim.more
        return most, futile

    def _fit(self, layer):
        """Of each pattern: cost above the infimum, inverted labels, and of the ends of labels whether delta > 0.

        And the least that tying these costs, and their labels' weight, and the strengths.
        """
        at, graph, shape = self.at, self.at.parts.graph, (len(layer.piece), self.ends.shape[1])
        cost, inverted, right, (least, gain) = (
            np.empty(shape[0]),
            [],
            np.zeros(shape, dtype=bool),
            np.zeros((2, *shape)),
        )
        piece, strength = self.pieces[layer.piece], np.empty(layer.pattern.shape)
        for batch in graph.batches(piece):
            copies = ties.Copies(graph, piece[batch])
            leader = (layer.pattern[batch] + copies.start[:, None]).ravel()
            fit = copies.fit(leader, guess=layer.start[batch].ravel())
            strength[batch] = fit.strength.reshape(-1, self.size)
            cost[batch] = np.maximum(fit.cost - at.parts.cost[piece[batch]], 0)
            delta = fit.delta
            down = np.flatnonzero(delta <= 0)
            inverted += np.split(copies.edge[down], np.searchsorted(copies.edge_copy[down], np.arange(1, len(copies))))
            up = np.flatnonzero((delta > 0) & (self.slot[copies.edge] >= 0))
            ends = batch[copies.edge_copy[up]], self.slot[copies.edge[up]]
            right[ends] = True
            np.add.at(least, ends, Circulation.of(fit).cost[up])
            if self.aim is not None:
                np.add.at(gain, ends, self.aim.weight[copies.edge[up]])
        return cost, inverted, right, least, gain, strength

    def _coarser(self, layer, strength, too_dear, heavy, most, parent, slot):
        """The patterns that some merges lead to, each once; where they are too many, those of the best parents."""
        best = np.lexsort((-most[parent, slot], -heavy[parent]))
        parent, slot = parent[best], slot[best]
        self._leave(layer.piece[parent], most[parent, slot], np.arange(len(parent)) >= self.most)
        parent, slot = parent[: self.most], slot[: self.most]
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
        self._leave(piece, most[parent, slot], ~there)
        first = first[kept]
        merges = parent[there], slot[there], number[child[there]]
        return Layer(piece[first], pattern[first], *merges, too_dear, strength[parent[first]])

    def _leave(self, piece, most, left):
        """Patterns that are not looked at, and what they may invert."""
        self.cut_short[piece[left]] = True
        np.maximum.at(self.open, piece[left], most[left])

    def _affordable(self, piece, rank):
        """Mask of the patterns to fit: all, or where they exceed the limit the best, for a part of what is left."""
        order = np.lexsort((rank, piece))
        position = np.empty(len(piece), dtype=int)
        position[order] = np.arange(len(piece)) - np.searchsorted(piece[order], piece[order])
        n_new = np.bincount(piece, minlength=len(self.pieces))
        room = self.limit - self.fitted
        over = n_new > room
        allowed = np.where(over, -(-room // _PART), n_new)
        self.fitted += np.minimum(allowed, n_new)
        return position < allowed[piece]


def _most(room, cost, gain):
    """``(k, n)`` the most that options, divided, gain within a row's room; less what taking one for certain loses."""
    most, less, _ = knapsack.divided(room, cost, gain)
    return most[:, None] + np.minimum(less, 0.0)
