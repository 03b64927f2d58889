r"""The heaviest set of labels that can be inverted at one loss level: by deciding about one label after the other.

Branch and bound. A node decides some labels, inverted or right, and with them those that any order of the responses
decides that agrees: of a cycle of labels no single one is right. :mod:`tabular.failures.divided` bounds what policies
that decide like that can invert. A node whose bound is no more than what a policy is known to invert is closed; so is
one side of a label where the bound falls that far. Else the label that is most divided, by weight, is decided in both
ways. Where a fit has labels at their bends, these are tied, and the least loss with those ties
(:mod:`tabular.failures.joint`) tells exactly what a policy inverts, and at what cost.

Labels on no cycle of pushes are right at no cost, in the limit, and the bound takes the cheapest of them for inverted,
as if each went by itself. But whoever inverts one puts all labels that lead from its winner to its loser on cycles with
it. So where no label is divided that one is decided which does so to the most share, times what it is worth. And where
the bound divides a label by itself, the last of a knapsack, that is one of much more worth, it comes first.

Nodes are looked at several at a time: those of the highest bounds, and those that have decided most, which lead to
policies. How many there are depends on how soon a heavy set is known. So some dives from the root decide many labels at
once, and what they and the nodes tie is mended where it costs too much or leaves room (:mod:`tabular.failures.mended`).

All of these, the search for the price among them, are counted in one unit (:mod:`tabular.failures.work`), and where
enough is done the search ends, with what the open nodes may invert as its bound.
"""

from dataclasses import dataclass, replace

import numpy as np

from tabular.base import tolerances
from tabular.base.rows import Rows
from tabular.failures import knapsack
from tabular.failures.divided import INVERTED, OPEN, RIGHT, Divided, Near
from tabular.failures.infimum import Infimum
from tabular.failures.mended import Patterns
from tabular.failures.pairs import Pairs
from tabular.failures.work import Work

__all__ = ["Decisions", "able", "enough", "implied"]

_LIGHTEST = np.log(1e-15)  # of the heaviest: labels that can make no difference are left out of the fits
_TOGETHER = 32  # nodes that are decided at once, half of them the deepest
_TRIED = 2  # policies of as many nodes
_SELDOM = 4  # rounds: not before so many another pattern is mended
_DIVES, _AT_ONCE = 5, 0.5  # dives, and the part of the open labels that each decides at once
_LEFT = 1e-2  # of what closing a node takes, its fit may have left to fall
_CLOSE, _WIDER = 1.2, 4.0  # the price is known to that factor; at first it is searched for by steps of the other
_WHOLE, _RATHER = 1e-3, 30.0  # of a label: it is not divided; and of what the dearest is worth: it is left
_HELD, _SLOWEST = 1e-8, 0.9  # nats by which a label is off the side that it is held on; of those before, what is left
_SMALL, _LARGE = 32_000, 13_000_000  # labels times squared responses: of 80 and 20, and where no node is looked at
_WORK, _MORE = 165_000.0, 25.0  # of a search among so many, and up to so many times more among more of them
_DIVING, _MENDING = 0.3, 0.5  # of the work that is left: for dives, and for patterns that are mended in a row
_AGAIN, _DONE = -1, -2  # instead of a label: where all are decided, fitted like that once more and for good


def able(at: Infimum) -> bool:
    """Whether nodes are looked at: of very many labels and responses one takes too long."""
    return _size(at) <= _LARGE


def enough(at: Infimum) -> Work:
    """After which bounds are given as they stand: tenths of a second, of more than 20 responses and 80 labels more."""
    return Work(_WORK * float(np.clip(_size(at) / _SMALL, 1.0, _MORE)))


def _size(at):
    graph = at.graph
    return len(graph.label) * int(graph.nodes_of.size[graph.labelled].sum()) ** 2


@dataclass(frozen=True, eq=False)
class _Nodes(Rows):
    """What each has decided, with its fit; what it may invert; and which label is next, if one is left."""

    state: np.ndarray
    strength: np.ndarray
    hold: np.ndarray
    most: np.ndarray
    next: np.ndarray

    @property
    def fits(self):
        return Near(self.state, self.strength, self.hold)

    def decided(self):
        """Both ways: states, and the rows that they come from."""
        row = np.repeat(np.arange(len(self)), np.where(self.next < 0, 1, 2))
        state, second = self.state[row], np.r_[False, row[1:] == row[:-1]]
        some = np.flatnonzero(self.next[row] >= 0)
        state[some, self.next[row[some]]] = np.where(second[some], RIGHT, INVERTED)
        return state, row


def implied(state, winner, loser) -> tuple[np.ndarray, np.ndarray]:
    """``(k, n_labels)`` with the labels that the others' order decides, and ``(k,)`` whether it is an order.

    An inverted label has its winner no higher than its loser, a right one higher.

    >>> state = np.array([[INVERTED, INVERTED, OPEN], [RIGHT, RIGHT, INVERTED]])
    >>> [found.tolist() for found in implied(state, np.array([0, 1, 0]), np.array([1, 2, 2]))]
    [[[1, 1, 1], [-1, -1, 1]], [True, False]]
    """
    size = int(max(winner.max(), loser.max())) + 1
    reach = np.tile(np.eye(size, dtype=np.float32), (len(state), 1, 1))
    strict = np.zeros_like(reach)
    row, label = np.nonzero(state == INVERTED)
    reach[row, loser[label], winner[label]] = 1
    row, label = np.nonzero(state == RIGHT)
    reach[row, winner[label], loser[label]] = strict[row, winner[label], loser[label]] = 1
    reach = _closed(reach)
    above = reach @ strict @ reach > 0
    state = np.where((state == OPEN) & (reach[:, loser, winner] > 0), INVERTED, state)
    state = np.where((state == OPEN) & above[:, winner, loser], RIGHT, state)
    return state, ~above[:, np.arange(size), np.arange(size)].any(axis=1)


def _closed(reach):
    """Steps of 0 or 1 as long as paths are: paths of up to twice as many each time."""
    for _ in range(int(np.ceil(np.log2(reach.shape[-1])))):
        reach = np.minimum(reach @ reach, 1)
    return reach


def _between(winner, loser, share):
    """``(n_ways,)`` the share of the others that lead from a way's winner on to its loser."""
    size = int(max(winner.max(), loser.max())) + 1
    reach = np.eye(size)
    reach[winner, loser] = 1
    reach = _closed(reach)
    return (reach[winner][:, winner] * reach[:, loser].T[:, loser]) @ share - share


class Decisions:
    """A search at one loss level.

    Attributes:
        best: the most weight that a policy is known to invert; most: what none exceeds.
        unproved: whether rounding hides what is left of the search: whoever fits tie patterns may know more.
        ways: (piece, pattern, cost above the infimum, inverted labels) of policies found, for pieces of several labels.
    """

    def __init__(self, at: Infimum, weight, budget: float, best: float, more: float, work: Work):
        self.at, self.budget, self.best, self.more, self.weight, self.work = at, budget, best, more, weight, work
        graph = at.graph
        self.label = np.flatnonzero(graph.log_share > graph.log_share.max() + _LIGHTEST)
        winner, loser = graph.winner[self.label], graph.loser[self.label]
        node, end = np.unique(np.r_[winner, loser], return_inverse=True)
        bound = -graph.problem.beta * (graph.log_ref[winner] - graph.log_ref[loser])
        self.start = graph.problem.beta * (at.unnormalised - graph.log_ref)[node]
        share = np.exp(graph.log_share[self.label])
        self.pairs = Pairs(*np.split(end, 2), share, bound)
        self.ways_weigh = self.pairs.sums(weight[self.label])
        self.light = float(weight.sum() - weight[self.label].sum())
        self.most, self.ways, self.tried = float(weight.sum()), [], set()
        self.looked, self.unproved = 0, False
        self.patterns, self.waiting = Patterns(at, weight, budget, work), []
        response = at.parts.graph.response[self.patterns.copies.node]
        self.place = np.minimum(np.searchsorted(node, response), len(node) - 1)  # of those that are fitted; others are
        self.placed = node[self.place] == response
        self.price = (at.value + budget) / float(weight.sum())
        self.between = _between(*self.pairs.ends, self.pairs.sums(share))

    def run(self, limit: float = np.inf):
        """Look at so many nodes at most, while there is work left, unless all are closed before."""
        everything = self.patterns.tied(np.arange(len(self.patterns.copies.edge)))
        self._policies([everything], self.patterns.start)
        if self.best + self.more > self.weight.sum():
            self.most = self.best
            return
        here, closed, rounds = self._root(), -np.inf, 0
        if self._left_open(here).size:
            self._dive(here)
        while (left := self._left_open(here)).size:
            if rounds == 0 or (rounds >= _SELDOM and rounds & (rounds - 1) == 0):  # ever more seldom
                self._mend()
                left = self._left_open(here)
            here, rounds = here[left], rounds + 1
            if self.looked >= limit or self.work.over or not len(here):
                break
            chosen = self._chosen(here)
            state, row = here[chosen].decided()
            near, most = here[chosen][row], here.most[chosen][row]
            below = self._looked_at(Near(state, near.strength, near.hold), most)
            whole = below.next == _DONE
            closed = max(closed, below.most[whole].max(initial=-np.inf))
            here = here[np.setdiff1d(np.arange(len(here)), chosen)].joined(below[~whole])
        most = max([closed, *here.most[self._left_open(here)]]) + self.light
        self.most = most if most >= self.best + self.more else self.best
        self.unproved = closed + self.light >= self.best + self.more

    def _left_open(self, here):
        """Rows of the nodes that may lead to more weight than is known."""
        return np.flatnonzero(here.most + self.light >= self.best + self.more)

    def _root(self):
        """At the price at which the bound is least: there labels, divided, take up the level."""
        level, most_of = (self.at.value + self.budget) * (1 + tolerances.LOSS), self.ways_weigh.sum()
        price, low, high, known = level / most_of, 0.0, np.inf, None
        while high > _CLOSE * low and (known is None or not self.work.over):
            divided = Divided(self.pairs, self.ways_weigh, level, price, self.work)
            left = _LEFT * price * self.ways_weigh.max()
            found = divided.first(self.start, left) if known is None else divided.fit(known[0], np.full(1, left))
            dearer = found[1].weight[0] > (divided.shares(found[0]) @ self.ways_weigh)[0]
            if known is not None and found[1].weight[0] == known[1].weight[0]:
                break
            if known is None or found[1].weight[0] < known[1].weight[0]:
                self.divided, self.price, known = divided, price, found
            elif low == 0 or np.isinf(high):  # the least has been passed
                dearer = low == 0
            low, high = (price, high) if dearer else (low, price)
            price = low * _WIDER if np.isinf(high) else high / _WIDER if low == 0 else np.sqrt(low * high)
        fits, most = known
        return self._bounded(fits, most, np.minimum(most.weight, most_of))

    def _dive(self, root):
        """From the root many labels are decided at once, those on which most depends, and fitted, until all are."""
        rows, draws = np.zeros(_DIVES * len(root), dtype=np.int64), np.random.default_rng(0)
        fits, bound, by_share = root.fits[rows], root.most[rows], np.arange(len(rows)) % 2 == 1
        end = self.work.until(_DIVING)
        while len(fits) and self.work.done < end:
            fits, most = self.divided.fit(fits, self._left(bound))
            self._try(fits, len(fits))
            bound, n_open = np.minimum(most.weight, bound), (fits.state == OPEN).sum(axis=1)
            able = (n_open > 0) & (bound + self.light >= self.best + self.more)
            fits, most, bound, by_share, n_open = fits[able], most[able], bound[able], by_share[able], n_open[able]
            lean = np.where(by_share[:, None], self.divided.shares(fits) - 0.5, most.less / self.ways_weigh)
            weight = np.where(fits.state == OPEN, np.abs(lean) * np.exp(draws.normal(size=lean.shape)), -1.0)
            rank = np.argsort(np.argsort(-weight, axis=1, kind="stable"), axis=1)
            now = rank < np.ceil(_AT_ONCE * n_open)[:, None]
            state = np.where(now & (fits.state == OPEN), np.where(lean > 0, INVERTED, RIGHT), fits.state).astype(
                np.int8
            )
            state, possible = implied(state, *self.pairs.ends)
            fits, bound, by_share = replace(fits, state=state)[possible], bound[possible], by_share[possible]

    def _left(self, most):
        """What fits may have left to fall."""
        return np.maximum(_LEFT * self.price * (most + self.light - self.best), 0.0)

    def _chosen(self, here):
        """Rows of the highest bounds, and of those that have decided most."""
        highest = np.argsort(-here.most, kind="stable")
        deepest = np.argsort((here.state == OPEN).sum(axis=1), kind="stable")
        return np.unique(np.r_[highest[: _TOGETHER // 2], deepest[: _TOGETHER // 2]])

    def _looked_at(self, near, most):
        state, possible = implied(near.state, *self.pairs.ends)
        near, most = replace(near, state=state)[possible], most[possible]
        self.looked += len(near)
        fits, found = self._settled(*self.divided.fit(near, self._left(most)))
        return self._bounded(fits, found, np.minimum(found.weight, most))

    def _settled(self, fits, most):
        """Where all is decided, what holds the labels is fitted again until it holds them; then these are tied."""
        left = np.full(len(fits), tolerances.LOSS * self.divided.level)
        rows, off = np.flatnonzero(~(fits.state == OPEN).any(axis=1)), np.full(len(fits), np.inf)
        while rows.size:
            again, found = self.divided.fit(fits[rows], left[rows])
            fits, most, before = fits.put(rows, again), most.put(rows, found), off[rows]
            off[rows] = self.divided.off(again)
            done = (
                (off[rows] <= _HELD)
                | (off[rows] > _SLOWEST * before)
                | (found.weight + self.light < self.best + self.more)
            )
            self._try(fits[rows[done]], len(rows))
            rows = rows[~done]
        return fits, most

    def _bounded(self, fits, most, weight):
        """Nodes, with the labels that only one side is left of."""
        self._try(fits)
        need = self.best + self.more - self.light
        is_open, less, bound = fits.state == OPEN, most.less, most.weight[:, None]
        state = np.where(is_open & (bound - np.maximum(less, 0) < need), INVERTED, fits.state)
        state = np.where(is_open & (bound + np.minimum(less, 0) < need), RIGHT, state).astype(np.int8)
        next_ = np.where((state == OPEN).any(axis=1), self._next(fits, most, state == OPEN), _AGAIN)
        next_ = np.where((fits.state == OPEN).any(axis=1), next_, _DONE)
        return _Nodes(state, fits.strength, fits.hold, weight, next_)

    def _next(self, fits, most, is_open):
        """The label that is divided most, in the fit or to fill up the level; or the dearest that is on no cycle."""
        rows, less, weighs = np.arange(len(fits)), most.less, self.ways_weigh
        last = np.argmin(np.where(is_open, np.abs(less) / weighs, np.inf), axis=1)
        others = (fits.state == INVERTED) | ((fits.state == OPEN) & (less > 0))
        others[rows, last] = False
        part = np.clip((most.weight - others @ weighs) / weighs[last], 0.0, 1.0)
        filled = np.minimum(part, 1 - part) * weighs[last]
        part = self.divided.shares(fits)
        part = np.where(is_open, np.minimum(part, 1 - part), 0.0)
        parted = np.where(part >= _WHOLE, part * weighs, 0.0)
        able = is_open & self.divided.apart(fits) & (self.between > 0)
        worth = np.where(able, np.maximum(less, 0.0), 0.0)
        next_, dearest = np.argmax(parted, axis=1), np.argmax(worth * self.between, axis=1)
        parted, worth = parted[rows, next_], worth[rows, dearest]
        next_ = np.where(parted > 0, next_, dearest)
        return np.where((filled > parted) & (filled > _RATHER * worth) | (parted + worth == 0), last, next_)

    def _try(self, fits, several=_TRIED):
        """The policies of some fits: what is at its bend is tied."""
        inverted, bend = self.divided.inverted(fits)
        weight = inverted @ self.ways_weigh
        rows = np.argsort(-weight, kind="stable")[:several]
        rows = rows[weight[rows] + self.light >= self.best + self.more]
        tied = [np.isin(self.patterns.copies.edge, self.label[bend[k][self.pairs.pair]]) for k in rows]
        near = np.where(self.placed, fits.strength[rows][:, self.place], self.patterns.start)
        self._policies([self.patterns.tied(edges) for edges in tied], near)

    def _policies(self, patterns, near):
        """Those that have not been tried; near: strengths, one row for all or one for each."""
        near, new = np.broadcast_to(near, (len(patterns), len(self.patterns.start))), {}
        for k, pattern in enumerate(patterns):
            if pattern.tobytes() not in self.tried:
                self.tried.add(pattern.tobytes())
                new[len(self.tried)] = k
        if not new:
            return
        rows = [*new.values()]
        found = self.patterns.fitted([patterns[k] for k in rows], near[rows])
        worth = found.weight - (found.total - self.budget) / self.price
        for k, number in enumerate(new):
            self._keep(found[[k]])
            self.waiting.append((float(worth[k]), number, found.pattern[k], found.strength[k]))

    def _mend(self):
        """Of the patterns tried, the one that is worth most for its cost."""
        if not self.waiting:
            return
        self.waiting.sort(key=lambda one: one[:2])
        *_, pattern, strength = self.waiting.pop()
        for way in self.patterns.mended(pattern, strength, self.work.until(_MENDING)):
            self._keep(way)

    def _keep(self, found):
        """The ways of its pieces, if it is the best within the budget."""
        copies, got = self.patterns.copies, float(found.weight[0])
        if found.total[0] > self.budget or got <= self.best:
            return
        pattern, cost, inverted = found.pattern[0], found.cost[0], found.inverted[0]
        self.best = got
        for k in np.flatnonzero(self.at.parts.graph.labels_of.size[copies.component] > 1):
            mine, down = copies.node_copy == k, copies.edge[inverted & (copies.edge_copy == k)]
            way = copies.component[k], pattern[mine] - copies.start[k], max(cost[k], knapsack.LEAST), down
            self.ways.append(way)
