"""Tie patterns that cost too much or leave room are mended: one response at a time leaves its group, or joins one.

Of a pattern that costs more than the budget a response is let go: one that leads within the budget, the heaviest, or
that saves most for the weight it loses; and what is left is mended further. Of one within the budget a label that is
still right is tied that may be affordable, by what it costs at least (:mod:`tabular.failures.least_cost`), the heaviest
such, until none is heavier.

What comes of either is first told roughly: a response that is let go moves alone, and two groups that are tied meet
where that costs least, all others as they are. That is a policy's cost, so it is no less than what the pattern costs;
those for which it promises most are fitted.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from tabular.base import digraph
from tabular.base.log_space import softplus
from tabular.base.rows import Rows
from tabular.failures import joint, ties
from tabular.failures.infimum import Infimum
from tabular.failures.least_cost import Circulation
from tabular.failures.work import Work

__all__ = ["Patterns", "Tied"]

_AT_MOST = 40  # labels of which is told what comes of tying them
_SOME, _MORE = 4, 8  # patterns fitted, of those with a response less, and of those with a label more
_FIT, _EVEN, _IN_CUTS = 1_800.0, 0.3, 3.0  # work of fits, and of each for its responses squared
_DEAR = 2.0  # budgets: of patterns that cost more the first that promises most is taken
_ROUGH, _OF_ENTRIES = 600.0, 0.015  # work of telling roughly what comes of all, and of each on each label where tried
_FAR, _NEARLY = 40.0, 0.01  # nats beyond all others that one moves; and that are none
_AWAY = np.r_[-(0.25 ** np.arange(6)), 0.0, 0.25 ** np.arange(5, -1, -1)]  # of that far, tried
_ALONG = np.linspace(0.0, 1.0, 9)  # of the way on which two meet
_NOTHING = 1e-12  # of all weight: to lose less is to lose none


@dataclass(frozen=True, eq=False)
class Tied(Rows):
    """Patterns and their fits, a row each.

    Attributes:
        pattern, strength: ``(k, n_places)``; cost: ``(k, n_pieces)`` above the infimum; weight: ``(k,)`` inverted.
        inverted, least, margin: ``(k, n_labels)`` in the order of the copies: masks, what each label costs at least,
            and where it is.
    """

    pattern: np.ndarray
    strength: np.ndarray
    cost: np.ndarray
    weight: np.ndarray
    inverted: np.ndarray
    least: np.ndarray
    margin: np.ndarray

    @property
    def total(self):
        return self.cost.sum(axis=1)


class Patterns:
    """Patterns of all pieces of some labels together, within a budget.

    Args:
        work: where fits are counted.

    Attributes:
        copies: of the pieces, each once; a pattern is the leader of each of their places.
        start: strengths where nothing is tied.
    """

    def __init__(self, at: Infimum, weight, budget: float, work: Work | None = None):
        self.at, self.budget, self.work = at, budget, work or Work()
        self.copies = copies = ties.Copies(at.parts.graph, at.parts.graph.labelled)
        self.met, self.start, self.weight = set(), at.parts.strength[copies.node], weight[copies.edge]
        graph, each = copies.graph, np.arange(len(copies.edge))
        self.share = np.exp(graph.log_share[copies.edge])
        log_ref = graph.log_ref[copies.node]
        self.bound = -graph.problem.beta * (log_ref[copies.winner] - log_ref[copies.loser])
        self.ends = np.zeros((len(each), len(copies.node)))
        self.ends[each, copies.winner], self.ends[each, copies.loser] = 1.0, -1.0
        self.per_fit = (_IN_CUTS if joint.span(at) > joint.TAME else _EVEN) * len(copies.node) ** 2

    def tied(self, edges):
        """The pattern that ties some labels."""
        copies = self.copies
        group = digraph.components(len(copies.node), copies.winner[edges], copies.loser[edges])
        return np.unique(group, return_index=True)[1][group]

    def fitted(self, patterns, near) -> Tied:
        """From strengths that are ``near``, one row for all or one for each."""
        copies, k, size = self.copies, len(patterns), len(self.copies.node)
        self.work.add(_FIT + self.per_fit * k)
        several = ties.Copies(copies.graph, np.tile(copies.component, k))
        leader = (np.asarray(patterns) + np.arange(k)[:, None] * size).ravel()
        fit = several.fit(leader, guess=np.broadcast_to(near, (k, size)).ravel())
        cost = np.maximum(fit.cost - self.at.parts.cost[several.component], 0.0).reshape(k, -1)
        inverted, least, margin = (
            part.reshape(k, -1) for part in (fit.delta <= 0, Circulation.of(fit).cost, fit.margin)
        )
        strength = fit.strength.reshape(k, size)
        return Tied(np.asarray(patterns), strength, cost, inverted @ self.weight, inverted, least, margin)

    def mended(self, pattern, near, most=np.inf):
        """Patterns within the budget, each heavier than the one before, a :class:`Tied` of one row each.

        Until so much work is done, ``most``.
        """
        here = self.fitted([pattern], near)
        while here.total[0] > self.budget:
            others = self._without_one(here)[: _SOME if here.total[0] < _DEAR * self.budget else 1]
            if not len(others) or self.work.done >= most or self._met(here):
                return
            found = self.fitted(others, here.strength)
            here = found[[self._saving(here, found.total, found.weight)[-1]]]
        while here is not None and not self._met(here):
            yield here
            here = self._heavier(here, most)

    def _met(self, here):
        """Whether a pattern has been mended before."""
        key, before = here.pattern.tobytes(), len(self.met)
        self.met.add(key)
        return len(self.met) == before

    def _heavier(self, here, most):
        """With one more label tied, if one of those fitted is within the budget and makes it heavier."""
        others = self._with_one(here)[:_MORE]
        if not len(others) or self.work.done >= most:
            return None
        found = self.fitted(others, here.strength)
        weight = np.where(found.total <= self.budget, found.weight, -np.inf)
        best = np.argmax(weight)
        return found[[best]] if weight[best] > here.weight[0] else None

    def _saving(self, here, total, weight):
        """Rows in order: those within the budget last, the heaviest at the end; others by what they save for weight."""
        lost = np.maximum(here.weight[0] - weight, _NOTHING * self.weight.sum())
        saved = np.where(total <= self.budget, np.inf, (here.total[0] - total) / lost)
        return np.lexsort((weight, saved))

    def _without_one(self, here):
        """Each response that is tied to others let go, those that promise most first."""
        pattern, found = here.pattern[0], {}
        for place in np.flatnonzero(np.bincount(pattern, minlength=len(pattern))[pattern] > 1):
            there, mates = pattern.copy(), np.flatnonzero(pattern == pattern[place])
            there[mates] = mates[mates != place][0]
            there[place] = place
            found.setdefault(there.tobytes(), (place, there))
        if not found:
            return []
        places, patterns = zip(*found.values(), strict=True)
        along = self.ends[:, list(places)].T
        far = np.abs(here.margin[np.isfinite(here.margin)]).max(initial=0.0) + _FAR
        order = self._saving(here, *self._rough(here, here.margin, along, far * _AWAY[None]))
        return np.array(patterns)[order[::-1]]

    def _with_one(self, here):
        """Each label tied that is right, where it may be affordable: the cheapest, those that promise most first."""
        copies, pattern, room = self.copies, here.pattern[0], self.budget - here.total[0]
        able = np.flatnonzero(~here.inverted[0] & (here.least[0] <= room))
        able = able[np.argsort(here.least[0, able] / self.weight[able], kind="stable")]
        ends = np.stack([pattern[copies.winner[able]], pattern[copies.loser[able]]])
        first = np.sort(np.unique(np.sort(ends, axis=0), axis=1, return_index=True)[1])[:_AT_MOST]
        if not first.size:
            return []
        able, ends = able[first], ends[:, first]
        up, down = (self.ends @ (pattern[:, None] == end) for end in ends)  # of labels, where their groups move by 1
        margin = np.where(np.isinf(here.margin), np.maximum(self.bound, 0.0) + _FAR, here.margin)
        apart = margin[0, able] - self.bound[able]
        start = margin + apart[:, None] * down.T
        total, weight = self._rough(here, start, -(up + down).T, apart[:, None] * _ALONG)
        dear = np.maximum(total - self.budget, 0.0) * self.weight.sum() / (self.at.value + self.budget)
        low, high = np.sort(ends, axis=0)[:, np.argsort(dear - weight, kind="stable")]
        return np.where(pattern == high[:, None], low[:, None], pattern)

    def _rough(self, here, start, along, tried):
        """``(k,)`` what policies cost above the infimum, and invert, where they cost least along lines of margins."""
        self.work.add(_ROUGH + _OF_ENTRIES * along.size * tried.shape[1])
        slope = -(expit(-start[:, None] - tried[..., None] * along[:, None]) @ (self.share * along)[..., None])[..., 0]
        tried = np.broadcast_to(tried, slope.shape)
        last = np.clip((slope <= 0).sum(axis=1), 1, tried.shape[1] - 1)[:, None] - np.array([1, 0])
        (x, y), (down, up) = (np.take_along_axis(of, last, 1).T for of in (tried, slope))
        part = np.clip(-down / np.where(up > down, up - down, 1.0), 0.0, 1.0)
        margin = start + (x + part * (y - x))[:, None] * along
        more = (self.share * (softplus(-margin) - softplus(-here.margin))).sum(axis=1)
        return here.total[0] + more, (margin <= self.bound + _NEARLY) @ self.weight
