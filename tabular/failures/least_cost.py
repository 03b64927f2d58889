r"""What inverting labels costs at least: one number for each label, which add up over any set of them.

A *circulation* y gives each label a push :math:`0\le y_e\le\bar w_e`, as much into each response as out of it, so that
:math:`\sum_ey_eh_e=0` for the margins h of every policy. Hence, with :math:`y_e=\bar w_e\sigma(-h^*_e)`,

.. math:: L=\sum_e(\bar w_e\,\mathrm{sp}(-h_e)+y_eh_e)=\Phi(y)+\sum_e\bar w_eD(h_e,h^*_e),\qquad
   \Phi(y)=\sum_e\bar w_e(\mathrm{sp}(-h^*_e)+\sigma(-h^*_e)h^*_e),

   D(h,h^*)=\mathrm{sp}(-h)-\mathrm{sp}(-h^*)+\sigma(-h^*)(h-h^*)\ge0,

in which D, the Bregman divergence of softplus, is convex in h and 0 at :math:`h^*`. Label e is inverted iff
:math:`h_e\le b_e=-\beta\delta_{{\rm ref},e}-\Psi_e`, so that whoever inverts the labels of S pays at least

.. math:: \Phi(y)+\sum_{e\in S,\,b_e<h^*_e}\bar w_eD(b_e,h^*_e),

which no choice of S ties together: a knapsack (:mod:`tabular.failures.knapsack`). ∎ The fit of the labels has such
pushes (:math:`y=0` between blocks), and then :math:`\Phi=\inf L`; so it has among policies that tie some responses, as
tied margins do not differ. Other circulations give other bounds. :func:`raised` climbs among them, for one level: the
bound is concave in the pushes, and in the metric of the labels' curvatures its slope, less what is no circulation, is
the way up. Wherever that ends the bound is proved, by the sum above.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from tabular.base import digraph, tolerances
from tabular.base.log_space import softplus
from tabular.failures import knapsack
from tabular.fits.laplacian import Sparse

__all__ = ["Circulation", "raised"]


_ROUNDING = 8 * np.finfo(float).eps  # of the terms of D
_STEPS = (1.0, 0.5, 0.25, 0.1, 0.03)  # of the way up
_WITHIN = 0.95  # of the way to where a push would be none, or all of the weight
_GAINED = 1e-3  # of all weight: a step that raises the bound by less is the last


@dataclass(frozen=True, eq=False)
class Circulation:
    """Pushes of labels, ``(n_labels,)`` each.

    Attributes:
        winner, loser: nodes; share: weights in the mean loss; bound: b, the margin at and below which it is inverted.
        margin: h*, at which the labels push like that; ``inf`` where they do not.
    """

    winner: np.ndarray
    loser: np.ndarray
    share: np.ndarray
    bound: np.ndarray
    margin: np.ndarray

    @classmethod
    def of(cls, fit):
        """The pushes of some fits (:class:`tabular.failures.ties.TiedFit`), tied labels included."""
        graph, edge = fit.copies.graph, fit.copies.edge
        log_ref = graph.log_ref
        bound = -graph.problem.beta * (log_ref[graph.winner[edge]] - log_ref[graph.loser[edge]]) - fit.offset
        share = np.exp(graph.log_share[edge])
        return cls(graph.winner[edge], graph.loser[edge], share, bound, fit.margin - fit.offset)

    @property
    def infimum(self) -> float:
        """Phi, in nats of mean loss."""
        return float(self.share @ (softplus(-self.margin) + self._tilt(0.0, -1)))

    @property
    def cost(self) -> np.ndarray:
        """What each label costs at least if it is inverted, less what rounding may have added; 0 where it is so."""
        above, below = softplus(-self.bound), softplus(-self.margin)
        tilt = self._tilt(self.bound, 1)
        least = above - below + tilt - _ROUNDING * (above + below + np.abs(tilt))
        return self.share * np.where(self.bound < self.margin, np.maximum(least, 0.0), 0.0)

    def _tilt(self, bound, sign):
        finite = np.where(np.isinf(self.margin), 0.0, self.margin)
        return np.where(np.isinf(self.margin), 0.0, sign * expit(-finite) * (bound - finite))

    def options(self, weight):
        """The labels as options of a knapsack, and the weight of those that cost nothing."""
        cost = self.cost
        more = (self.bound < self.margin) & (weight > 0)
        options = knapsack.Options(np.arange(more.sum()), np.maximum(cost[more], knapsack.LEAST), weight[more])
        return options, float(weight[~more].sum())


def raised(start: Circulation, weight, level) -> Circulation:
    """A circulation by which less weight can be inverted at a level, as far as steps up lead.

    Args:
        weight: what each label counts for.
        level: of these labels' part of the loss.
    """
    here, (most, taken), ways = start, _most(start, weight, level), _Ways(start)
    while True:
        tried = [(*_most(there, weight, level), there) for there in ways.up(here, taken)]
        less, its, there = min(tried, key=lambda one: one[0], default=(most, taken, here))
        if less >= most:
            return here
        gained, most, taken, here = most - less, less, its, there
        if gained < _GAINED * weight.sum():
            return here


def _most(here, weight, level):
    """The most weight that can be inverted, labels divided; and which labels would be."""
    options, free = here.options(weight)
    relaxed, budget = knapsack.relax(options), max(level - here.infimum, 0.0)
    right = np.flatnonzero((here.bound < here.margin) & (weight > 0))
    taken = here.bound >= here.margin
    taken[right[relaxed.option[: int(relaxed.reached(budget))]]] = True
    return free + float(np.interp(budget, relaxed.cost, relaxed.gain)), taken


class _Ways:
    """Where a circulation can go: ``edge`` are the labels that push, the others never do."""

    def __init__(self, start):
        self.edge = np.flatnonzero((start.margin < np.inf) & (start.share > 0))
        node, end = np.unique(np.r_[start.winner[self.edge], start.loser[self.edge]], return_inverse=True)
        block = digraph.components(len(node), *np.split(end, 2))
        place = np.empty(len(node), dtype=np.int64)
        place[np.argsort(block, kind="stable")] = np.arange(len(node))
        self.winner, self.loser = np.split(place[end], 2)
        self.graph = Sparse(len(node), self.winner, self.loser, np.sort(block)) if len(node) else None

    def up(self, here, taken):
        """Circulations a little higher, each provably one."""
        if self.graph is None:
            return
        edge, margin = self.edge, here.margin[self.edge]
        push, left = expit(-margin), expit(margin)
        slope = np.where(taken[edge], np.minimum(margin, here.bound[edge]), margin)
        bend = here.share[edge] * push * left
        potential = self.graph.potential(bend, self._divergence(bend * slope), exactly=True)
        way = bend * (slope - potential[self.winner] + potential[self.loser])  # of the pushes, in nats of mean loss
        if not np.abs(self._divergence(way)).sum() <= tolerances.LOSS * np.abs(way).sum():
            return  # rounding has made it no circulation
        way = way / here.share[edge]
        room = np.where(way > 0, left, push)
        furthest = _WITHIN / max((np.abs(way) / np.maximum(room, np.finfo(float).tiny)).max(), _WITHIN)
        for step in _STEPS:
            moved = here.margin.copy()
            moved[edge] = np.log(left - furthest * step * way) - np.log(push + furthest * step * way)
            yield replace(here, margin=moved)

    def _divergence(self, flow):
        size = self.graph.n_nodes
        return np.bincount(self.winner, flow, size) - np.bincount(self.loser, flow, size)
