"""Tie patterns that cost too much or leave room are mended: one response at a time leaves its group, or joins one.

Of a pattern that costs more than the budget that is tried, of each response by itself, to let it go: the heaviest
within the budget is taken, or the one that saves most for the weight it loses, and mended further. Of one within the
budget each label that is still right is tied that may be affordable, by what it costs at least
(:mod:`tabular.failures.least_cost`), and the heaviest is taken, until none is heavier.
"""

import numpy as np

from tabular.base import digraph
from tabular.failures import ties
from tabular.failures.infimum import Infimum
from tabular.failures.least_cost import Circulation

__all__ = ["Patterns"]

_AT_MOST = 40  # patterns fitted at once
_NOTHING = 1e-12  # of all weight: to lose less is to lose none


class Patterns:
    """Patterns of all pieces of some labels together, within a budget.

    Attributes:
        copies: of the pieces, each once; a pattern is the leader of each of their places.
    """

    def __init__(self, at: Infimum, weight, budget: float):
        self.at, self.weight, self.budget = at, weight, budget
        self.copies = ties.Copies(at.parts.graph, at.parts.graph.labelled)
        self.start = at.parts.strength[self.copies.node]

    def tied(self, edges):
        """The pattern that ties some labels."""
        copies = self.copies
        group = digraph.components(len(copies.node), copies.winner[edges], copies.loser[edges])
        return np.unique(group, return_index=True)[1][group]

    def fitted(self, patterns, near):
        """Of each pattern what its pieces cost above the infimum, its weight, what is inverted, what each label costs.

        ``(k, n_pieces)``, ``(k,)``, ``(k, n_labels)`` twice, in the order of the copies; and strengths, ``(k, n_places)``,
        which are found from some that are ``near``: one row for all, or one for each.
        """
        copies, k, size = self.copies, len(patterns), len(self.copies.node)
        several = ties.Copies(copies.graph, np.tile(copies.component, k))
        leader = (np.asarray(patterns) + np.arange(k)[:, None] * size).ravel()
        fit = several.fit(leader, guess=np.broadcast_to(near, (k, size)).ravel())
        cost = np.maximum(fit.cost - self.at.parts.cost[several.component], 0.0).reshape(k, -1)
        inverted, least = (fit.delta <= 0).reshape(k, -1), Circulation.of(fit).cost.reshape(k, -1)
        return cost, inverted @ self.weight[copies.edge], inverted, least, fit.strength.reshape(k, size)

    def mended(self, pattern, near):
        """Patterns within the budget, each heavier than the one before: (pattern, costs of pieces, inverted)."""
        cost, weight, inverted, least, near = (part[0] for part in self.fitted([pattern], near))
        while cost.sum() > self.budget:
            others = self._without_one(pattern)
            if not len(others):
                return
            found = others, *self.fitted(others, near)
            total, weights = found[1].sum(axis=1), found[2]
            within = total <= self.budget
            lost = np.maximum(weight - weights, _NOTHING * self.weight.sum())
            saved = np.where(within, np.inf, (cost.sum() - total) / lost)
            best = np.lexsort((weights, saved))[-1]
            pattern, cost, weight, inverted, least, near = (part[best] for part in found)
        while True:
            yield pattern, cost, inverted
            others = self._with_one(pattern, inverted, least, self.budget - cost.sum())
            if not len(others):
                return
            found = others, *self.fitted(others, near)
            weights = np.where(found[1].sum(axis=1) <= self.budget, found[2], -np.inf)
            best = np.argmax(weights)
            if not weights[best] > weight:
                return
            pattern, cost, weight, inverted, least, near = (part[best] for part in found)

    def _without_one(self, pattern):
        """Each response that is tied to others let go."""
        size, found = np.bincount(pattern, minlength=len(pattern)), []
        for place in np.flatnonzero(size[pattern] > 1):
            there, mates = pattern.copy(), np.flatnonzero(pattern == pattern[place])
            there[mates] = mates[mates != place][0]
            there[place] = place
            found.append(there)
        return np.unique(np.array(found), axis=0) if found else found

    def _with_one(self, pattern, inverted, least, room):
        """Each label tied that is right, where it may be affordable, the heaviest for their cost first."""
        copies = self.copies
        able = np.flatnonzero(~inverted & (least <= room))
        able = able[np.argsort(least[able] / self.weight[copies.edge[able]], kind="stable")]
        ends = np.sort(np.stack([pattern[copies.winner[able]], pattern[copies.loser[able]]]), axis=0)
        first = np.sort(np.unique(ends, axis=1, return_index=True)[1])[:_AT_MOST]
        return np.array([np.where(pattern == high, low, pattern) for low, high in ends[:, first].T])
