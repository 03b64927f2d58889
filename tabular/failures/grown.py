r"""Ways to invert many labels of a piece that has too many tie patterns to search: grown, a batch of labels at a time.

Where some responses are tied, :mod:`tabular.failures.least_cost` says of every label that is still right what inverting
it costs at least. Those that cost least for their weight are tied next, as many as half of what is left of the budget
would pay for if they cost no more than that; where they do, half as many, and next time no more than twice what went.
It ends where several labels, one after the other, were too dear. Each pattern is a policy, and what it inverts
is a bound on what can be inverted, however it was found.
"""

import numpy as np

from tabular.base import digraph
from tabular.failures import ties
from tabular.failures.infimum import Infimum
from tabular.failures.least_cost import Circulation

__all__ = ["grown"]


_PARTS = (0.5, 0.1)  # of the budget that is left, for labels that are tied together: fast, and more careful
_FRUITLESS = 8  # labels in a row that cost more than is left: those that come cost more
_SHARE = 4  # labels to a fit: few of them are fitted fast, and searched besides
_LABELS = 300_000  # fitted for one piece at most


def grown(at: Infimum, piece, weight, budget):
    """(pattern, cost above the infimum, inverted labels) of ever coarser patterns within a budget.

    Args:
        weight: ``(n_labels,)`` what each kept label counts for.
    """
    copies = ties.Copies(at.parts.graph, [piece])
    most = _cost(at, piece, copies.fit(np.zeros(len(copies.node), dtype=int)))
    room = min(_LABELS // len(copies.edge), max(len(copies.edge) // _SHARE, len(_PARTS)))
    for part in _PARTS:
        growth = _Growth(at, piece, copies, weight[copies.edge], min(budget, most))
        yield from growth.run(part, room // len(_PARTS))


class _Growth:
    """One pattern that grows; ``dear`` masks the labels that were found to cost more than is left."""

    def __init__(self, at, piece, copies, weight, budget):
        self.at, self.piece, self.copies, self.weight, self.budget = at, piece, copies, weight, budget
        self.ends = np.column_stack([copies.winner, copies.loser])
        self.pattern, self.fit = np.arange(len(copies.node)), copies.fit(guess=at.parts.strength[copies.node])
        self.dear = np.zeros(len(copies.edge), dtype=bool)

    def run(self, part, n_fits):
        """What it grows into, each time by labels for a part of the budget that is left."""
        most, fruitless = len(self.dear), 0
        while n_fits > 0 and fruitless < _FRUITLESS:
            price, left = Circulation.of(self.fit).cost, self.budget - _cost(self.at, self.piece, self.fit)
            self.dear |= price > left
            next_ = np.flatnonzero((self.fit.delta > 0) & (self.weight > 0) & ~self.dear)
            if not next_.size:
                return
            next_ = next_[np.argsort(price[next_] / self.weight[next_], kind="stable")]
            several = min(max(int(np.searchsorted(np.cumsum(price[next_]), part * left, side="right")), 1), most)
            grew = False
            while several and not grew:
                grew, n_fits = self._tied(next_[:several]), n_fits - 1
                self.dear[next_[0]] |= several == 1 and not grew
                most, several = max(2 * several if grew else several // 2, 1), several // 2
            fruitless = 0 if grew else fruitless + 1
            if grew:
                fit = self.fit
                yield self.pattern, _cost(self.at, self.piece, fit), self.copies.edge[fit.delta <= 0]

    def _tied(self, labels):
        """Whether these can be tied, too: then they are."""
        pattern = _merged(self.pattern, self.ends[labels])
        fit = self.copies.fit(pattern, guess=self.fit.strength)
        within = _cost(self.at, self.piece, fit) <= self.budget
        if within:
            self.pattern, self.fit = pattern, fit
        return within


def _cost(at, piece, fit):
    return max(float(fit.cost[0] - at.parts.cost[piece]), 0.0)


def _merged(pattern, ends):
    """The leaders once these ends are tied, too: of each group the first place."""
    size = len(pattern)
    group = digraph.components(size, np.r_[np.arange(size), ends[:, 0]], np.r_[pattern, ends[:, 1]])
    return np.unique(group, return_index=True)[1][group]
