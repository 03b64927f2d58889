r"""The heaviest set of labels that can be inverted at one loss level: by deciding about one label after the other.

Branch and bound. A node decides some labels, inverted or right, and with them those that any order of the responses
decides that agrees: of a cycle of labels no single one is right. :mod:`tabular.failures.divided` bounds what policies
that decide like that can invert. A node whose bound is no more than what a policy is known to invert is closed; so is
one side of a label where the bound falls that far. Else the label that is most divided, by weight, is decided in both
ways. Where a fit has labels at their bends, these are tied, and the least loss with those ties
(:mod:`tabular.failures.joint`) tells exactly what a policy inverts, and at what cost.

Nodes are looked at several at a time: those of the highest bounds, and those that have decided most, which lead to
policies.
"""

from dataclasses import dataclass, replace

import numpy as np

from tabular.base import tolerances
from tabular.base.rows import Rows
from tabular.failures import knapsack, ties
from tabular.failures.divided import INVERTED, OPEN, RIGHT, Divided, Fits
from tabular.failures.infimum import Infimum

__all__ = ["Decisions", "implied", "nodes"]

_LIGHTEST = np.log(1e-15)  # of the heaviest: labels that can make no difference are left out of the fits
_TOGETHER = 32  # nodes that are decided at once, half of them the deepest
_TRIED = 2  # policies of as many nodes
_LEFT = 3e-3  # of what closing a node takes, its fit may have left to fall
_CHEAPER = 1e-2  # of the price: by less, and the price is right
_WHOLE = 1e-3  # of a label: it is not divided
_HELD, _SLOWEST = 1e-8, 0.9  # nats by which a label is off the side that it is held on; of those before, what is left
_WORK = 13_000_000  # labels times squared responses, in .1 s
_VAIN = 8  # nodes that prove nothing, beside a quarter of all: more, and the search is in vain
_AGAIN, _DONE = -1, -2  # instead of a label: where all are decided, fitted like that once more and for good


def nodes(at: Infimum) -> int:
    """How many are looked at in about a tenth of a second."""
    graph = at.graph
    return _WORK // (len(graph.label) * int(graph.nodes_of.size[graph.labelled].sum()) ** 2)


@dataclass(frozen=True, eq=False)
class _Nodes(Rows):
    """What each has decided, with its fit; what it may invert; and which label is next, if one is left."""

    state: np.ndarray
    strength: np.ndarray
    hold: np.ndarray
    most: np.ndarray
    next: np.ndarray

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
    for _ in range(int(np.ceil(np.log2(size)))):
        reach = np.minimum(reach @ reach, 1)
    above = reach @ strict @ reach > 0
    state = np.where((state == OPEN) & (reach[:, loser, winner] > 0), INVERTED, state)
    state = np.where((state == OPEN) & above[:, winner, loser], RIGHT, state)
    return state, ~above[:, np.arange(size), np.arange(size)].any(axis=1)


class Decisions:
    """A search at one loss level.

    Attributes:
        best: the most weight that a policy is known to invert; most: what none exceeds.
        unproved: whether rounding hides what is left of the search: whoever fits tie patterns may know more.
        ways: (piece, pattern, cost above the infimum, inverted labels) of policies found, for pieces of several labels.
    """

    def __init__(self, at: Infimum, weight, budget: float, best: float, more: float):
        self.at, self.budget, self.best, self.more, self.weight = at, budget, best, more, weight
        graph = at.graph
        self.label = np.flatnonzero(graph.log_share > graph.log_share.max() + _LIGHTEST)
        winner, loser = graph.winner[self.label], graph.loser[self.label]
        node, end = np.unique(np.r_[winner, loser], return_inverse=True)
        self.bound = -graph.problem.beta * (graph.log_ref[winner] - graph.log_ref[loser])
        self.start = graph.problem.beta * (at.unnormalised - graph.log_ref)[node]
        self.labels = *np.split(end, 2), np.exp(graph.log_share[self.label]), self.bound, weight[self.label]
        self.light = float(weight.sum() - weight[self.label].sum())
        self.most, self.ways, self.tried = float(weight.sum()), [], set()
        self.looked, self.in_vain, self.unproved = 0, 0, False
        self.copies = ties.Copies(at.parts.graph, at.parts.graph.labelled)

    def run(self, limit: int):
        """Look at so many nodes at most, unless all are closed before, or rounding hides what most of them prove."""
        here, closed = self._root(), -np.inf
        while len(here := here[here.most + self.light >= self.best + self.more]):
            self.unproved |= self.in_vain > _VAIN + self.looked // 4
            if self.unproved or self.looked >= limit:
                break
            chosen = self._chosen(here)
            state, row = here[chosen].decided()
            near, most = here[chosen][row], here.most[chosen][row]
            below = self._looked_at(Fits(state, near.strength, near.hold), most)
            whole = below.next == _DONE
            closed = max(closed, below.most[whole].max(initial=-np.inf))
            here = here[np.setdiff1d(np.arange(len(here)), chosen)].joined(below[~whole])
        most = max([closed, *here.most]) + self.light
        self.most = most if most >= self.best + self.more else self.best
        self.unproved |= closed + self.light >= self.best + self.more
        return self

    def _root(self):
        """At the price at which the bound is least."""
        level = (self.at.value + self.budget) * (1 + tolerances.LOSS)
        price, known = level / self.weight.sum(), None
        while True:
            divided = Divided(*self.labels, level, price)
            left = _LEFT * price * self.labels[-1].max()
            if known is None:
                fits, most = divided.first(self.start, left)
            else:
                fits, most = divided.fit(known[1], np.full(1, left))
            if known is None or most.weight[0] < known[2].weight[0]:
                self.divided, known = divided, (price, fits, most)
            found = 1 / most.price[0] if most.price[0] > 0 else price
            if known[0] != price or abs(found - price) <= _CHEAPER * price:
                self.price, fits, most = known
                return self._bounded(fits, most, np.minimum(most.weight, self.labels[-1].sum()))
            price = found

    def _chosen(self, here):
        """Rows of the highest bounds, and of those that have decided most."""
        highest = np.argsort(-here.most, kind="stable")
        deepest = np.argsort((here.state == OPEN).sum(axis=1), kind="stable")
        return np.unique(np.r_[highest[: _TOGETHER // 2], deepest[: _TOGETHER // 2]])

    def _looked_at(self, near, most):
        state, possible = implied(near.state, *self.labels[:2])
        near, most = replace(near, state=state)[possible], most[possible]
        left = np.maximum(_LEFT * self.price * (most + self.light - self.best), 0.0)
        self.looked += len(near)
        fits, found = self._settled(*self.divided.fit(near, left))
        self.in_vain += int(np.isposinf(found.weight).sum())
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
            for k in rows[done]:
                self._try(fits[[k]])
            rows = rows[~done]
        return fits, most

    def _bounded(self, fits, most, weight):
        """Nodes, with the labels that only one side is left of."""
        self._try(fits)
        need = self.best + self.more - self.light
        is_open, less, bound = fits.state == OPEN, most.less, most.weight[:, None]
        state = np.where(is_open & (bound - np.maximum(less, 0) < need), INVERTED, fits.state)
        state = np.where(is_open & (bound + np.minimum(less, 0) < need), RIGHT, state).astype(np.int8)
        part, weighs = self.divided.shares(fits), self.labels[-1]
        is_open = state == OPEN
        parted = np.where(is_open, np.minimum(part, 1 - part), -1.0)
        next_ = np.argmax(np.where(is_open, parted * weighs, -1.0), axis=1)
        undecided = np.argmin(np.where(is_open, np.abs(less) / weighs, np.inf), axis=1)
        rows = np.arange(len(fits))
        next_ = np.where(parted[rows, next_] < _WHOLE, undecided, next_)
        next_ = np.where(is_open.any(axis=1), next_, np.where((fits.state == OPEN).any(axis=1), _AGAIN, _DONE))
        return _Nodes(state, fits.strength, fits.hold, weight, next_)

    def _try(self, fits):
        """The policies of some fits: what is at its bend is tied."""
        inverted, bend = self.divided.inverted(fits)
        weight = inverted @ self.labels[-1]
        for k in np.argsort(-weight, kind="stable")[:_TRIED]:
            tied = self.label[bend[k]]
            if weight[k] + self.light >= self.best + self.more and tied.tobytes() not in self.tried:
                self.tried.add(tied.tobytes())
                self._policy(tied)

    def _policy(self, tied):
        copies, parts = self.copies, self.at.parts
        fit = copies.tied(np.isin(copies.edge, tied), guess=parts.strength[copies.node])
        cost, down = np.maximum(fit.cost - parts.cost[copies.component], 0.0), fit.delta <= 0
        if cost.sum() <= self.budget and (got := float(self.weight[copies.edge[down]].sum())) > self.best:
            self.best = got
            self._keep(fit, cost, down)

    def _keep(self, fit, cost, down):
        """The ways of its pieces."""
        copies = self.copies
        several = np.flatnonzero(self.at.parts.graph.labels_of.size[copies.component] > 1)
        for k in several:
            mine = copies.node_copy == k
            inverted = copies.edge[down & (copies.edge_copy == k)]
            way = copies.component[k], fit.leader[mine] - copies.start[k], max(cost[k], knapsack.LEAST), inverted
            self.ways.append(way)
