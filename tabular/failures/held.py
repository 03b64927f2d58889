r"""Any convex loss of differences with some responses tied: what inverting labelled pairs costs.

In :math:`s=\rho r` (rho the loss's rate: beta, or 1) a tie of two responses, equal probabilities, fixes
:math:`s_a-s_b=\rho(\log\pi_{\rm ref}(b)-\log\pi_{\rm ref}(a))`. Tied responses move as one: the labels that touch them
gain an offset, those between them become constants, and what is left is a problem of the same kind
(:mod:`tabular.fits.convex`). One copy of a component for each pattern of ties, all copies in one fit. Hinges have faces
of minimisers, so there pairs are held by inequalities instead: a label of more weight than all others together, the
other way round, is never broken at an optimum.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tabular.base.log_space import log_sum_exp
from tabular.errors import InputError
from tabular.failures.ties import Groups, flat_pairs
from tabular.fits import convex, polyhedral
from tabular.fits.bradley_terry import Fit
from tabular.fits.convex import Labels
from tabular.losses import kinks
from tabular.losses.loss import Loss
from tabular.losses.solve import labels_of
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Graph", "Held", "require_exact"]

_BATCH = 200_000  # labels fitted in one call


def require_exact(loss: Loss, what: str):
    """Refuse losses for which nothing exact is known."""
    if loss.kind != "difference" or loss.batch:
        raise InputError(
            f"{what} are exact for losses of differences; {loss.name} is one of kind {loss.kind!r}"
            f"{' that mixes a batch' if loss.batch else ''}: choose dpo, cdpo, rdpo, ipo, hinge, a margin loss, ..."
        )
    if not loss.convex:
        raise InputError(f"{what} are exact for convex losses; {loss.name} is not convex in h")


@dataclass(frozen=True, eq=False)
class Held:
    """The fits of some copies.

    Attributes:
        cost: ``(n_copies,)`` infimum of each copy's part of the mean loss; -inf where it is unbounded below.
        attained: ``(n_copies,)`` whether a policy attains it.
        delta: for each copy its labels' log pi_w - log pi_l there: +-inf in the limit, 0 where tied.
        pull: for each copy the net pull (see :func:`Graph.hold`) on the first node that was asked about.
        log_ratio: for each copy ``(size,)`` log-ratios of its nodes near the infimum.
        strength: for each copy ``(size,)`` rho times these, before blocks are moved apart.
        push: for each copy ``(size,)`` net pulls of the labels on its nodes, up.
    """

    cost: np.ndarray
    attained: np.ndarray
    delta: list
    pull: np.ndarray
    log_ratio: list
    strength: list
    push: list


@dataclass(frozen=True, eq=False)
class Graph:
    """The counted labels of a problem under one loss, by connected component.

    Attributes:
        label: positions in the preferences of the labels that carry weight.
        winner, loser: ``(n_pairs,)`` flat nodes of all pairs, those of weight 0 included.
    """

    problem: Problem
    preferences: Preferences
    loss: Loss
    labels: Labels
    rate: float
    label: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    component: np.ndarray

    @classmethod
    def of(cls, problem: Problem, preferences: Preferences, loss: Loss):
        labels, rate = labels_of(problem, preferences, loss)
        label = np.flatnonzero(preferences.log_weight > -np.inf)
        ends = flat_pairs(problem, preferences)
        return cls(problem, preferences, loss, labels, rate, label, *ends, labels.component())

    @cached_property
    def nodes_of(self):
        return Groups.of(self.component, self.component.max() + 1)

    @cached_property
    def labels_of(self):
        return Groups.of(self.component[self.labels.winner], self.component.max() + 1)

    @property
    def labelled(self):
        return np.flatnonzero(self.labels_of.size)

    def hold(self, components, groups, near=None) -> Held:
        """Fit each listed component with its nodes tied like that.

        Args:
            groups: for each copy ``(size,)``, the position of each node's leader among the component's nodes.
            near: for each copy ``(size,)`` strengths of a similar fit; they only save time.

        ``pull`` is, for the node that is not its own leader, the sum of minus the derivative of the labels' cost in
        their margins, over those it wins less those it loses: minus the derivative of the cost in its height above
        the leader.
        """
        parts, bulk = [], np.cumsum(self.labels_of.size[components]) // _BATCH
        for batch in np.split(np.arange(len(components)), np.flatnonzero(np.diff(bulk)) + 1):
            guess = None if near is None else np.concatenate([near[k] for k in batch])
            parts.append(self._hold(np.asarray(components)[batch], [groups[k] for k in batch], guess))
        return Held(
            np.concatenate([p.cost for p in parts]),
            np.concatenate([p.attained for p in parts]),
            [d for p in parts for d in p.delta],
            np.concatenate([p.pull for p in parts]),
            [r for p in parts for r in p.log_ratio],
            [s for p in parts for s in p.strength],
            [push for p in parts for push in p.push],
        )

    def _hold(self, components, groups, guess):
        copies = _Copies.of(self, components, groups)
        free = copies.free
        weight = None if self.labels.weight is None else self.labels.weight[copies.edge][free]
        ends = copies.leader[copies.winner[free]], copies.leader[copies.loser[free]]
        tied = Labels(len(copies.node), *ends, copies.log_weight[free], copies.offset[free], weight)
        fit = convex.fit(tied, self.loss.scalar, guess) if free.any() else _nothing(len(copies.node))
        pull, loose = None, not fit.fit.residual <= kinks.STATIONARY
        if self.loss.scalar.shape == "other" and (loose or self.loss.scalar.kinked):  # slopes next to a jump say little
            better = kinks.mended(tied, self.loss.scalar, fit)
            if all(better.certified.values()):
                fit, pull = replace(fit, fit=better.fit), better.pull
            elif loose:
                raise InputError(
                    f"{self.loss.name} has kinks where it is least, and too many labels: use a smooth loss"
                )
        return copies.read(fit, self.loss.scalar, self.rate, pull)

    def circulation(self, component) -> list[int]:
        """Of one component under a hinge, with nothing held: where :func:`hinged` may start."""
        return polyhedral.circulation(self._hinges(component, np.zeros(0, dtype=np.int64)))

    def hinged(self, component, inverted, start=()) -> polyhedral.Face:
        """The face of one component under a hinge, with the listed pairs held at delta <= 0."""
        return polyhedral.solve(self._hinges(component, inverted), start=start)

    def _hinges(self, component, inverted):
        edge = self.labels_of.gather(np.array([component]))[0]
        nodes = self.nodes_of.gather(np.array([component]))[0]
        order = np.argsort(nodes)
        at = order[np.searchsorted(nodes, [self.labels.winner[edge], self.labels.loser[edge]], sorter=order)]
        held = order[np.searchsorted(nodes, [self.winner[inverted], self.loser[inverted]], sorter=order)]
        heavy = 2 * np.sum(self.labels.weight[edge])
        total = np.full(len(inverted), np.log(2) + log_sum_exp(self.labels.log_weight[edge]))
        log_ref = self.problem.log_ref.ravel()
        bound = self.rate * (log_ref[self.winner[inverted]] - log_ref[self.loser[inverted]])
        return Labels(
            len(nodes),
            np.r_[at[0], held[1]],
            np.r_[at[1], held[0]],
            np.r_[self.labels.log_weight[edge], total],
            np.r_[self.labels.offset[edge], bound],
            np.r_[self.labels.weight[edge], np.full(len(inverted), heavy)],
        )


@dataclass(frozen=True, eq=False)
class _Copies:
    """Components under patterns of ties, side by side; nodes and labels of copy k are numbered together."""

    n_copies: int
    node: np.ndarray  # what each place stands for
    copy: np.ndarray  # of each place
    leader: np.ndarray  # the place that each moves with
    shift: np.ndarray  # how far above its leader it stays
    log_ref: np.ndarray
    edge: np.ndarray  # which label
    owner: np.ndarray  # the copy of each label
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    offset: np.ndarray  # of the leaders' difference

    @classmethod
    def of(cls, graph, components, groups):
        node, copy = graph.nodes_of.gather(components)
        first = np.searchsorted(copy, np.arange(len(components)))
        leader = np.concatenate(groups) + first[copy]
        edge, owner = graph.labels_of.gather(components)
        order, start = graph.nodes_of.order, graph.nodes_of.start
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - start[graph.component[order]]
        winner, loser = (first[owner] + place[end[edge]] for end in (graph.labels.winner, graph.labels.loser))
        log_ref = graph.problem.log_ref.ravel()[node]
        shift = graph.rate * np.where(leader == np.arange(len(leader)), 0.0, log_ref[leader] - log_ref)
        offset = graph.labels.offset[edge] - (shift[winner] - shift[loser])
        log_weight = graph.labels.log_weight[edge]
        return cls(len(components), node, copy, leader, shift, log_ref, edge, owner, winner, loser, log_weight, offset)

    @property
    def free(self):
        """The labels whose ends are not tied to one another."""
        return self.leader[self.winner] != self.leader[self.loser]

    def read(self, fit, scalar, rate, certified=None) -> Held:
        """Costs, log-ratios and pulls from the leaders' fit; ``certified``: of its free labels, where g has kinks."""
        found, free, share = fit.fit, self.free, np.exp(self.log_weight)
        strength, rank = found.strength[self.leader], found.rank[found.block][self.leader]
        x = strength[self.winner] - strength[self.loser] - self.offset
        block = found.block[self.leader]
        apart = free & (block[self.winner] != block[self.loser])
        cost = np.bincount(self.owner[~free], (share * scalar.value(x))[~free], self.n_copies).astype(float)
        of_block = np.zeros(len(found.rank), dtype=np.int64)
        of_block[found.block] = self.copy
        cost += np.bincount(of_block, found.block_minimum, self.n_copies)
        attained = self._total(apart) == 0
        lost = np.unique(self.copy[fit.violated])
        cost[lost], attained[lost] = -np.inf, False
        moved = (self.leader != np.arange(len(self.leader))).astype(float)
        pull = np.where(apart, 0.0, -share * scalar.slope(np.where(apart, 0.0, x)))
        if certified is not None:
            pull[free] = certified
        level = strength + self.shift
        gap = self.log_ref[self.winner] - self.log_ref[self.loser] + (level[self.winner] - level[self.loser]) / rate
        delta = np.where(apart, np.inf, np.where(free, gap, 0.0))
        far = 40 + 2 * np.abs(level).max(initial=0.0) + np.abs(self.offset).max(initial=0.0)  # between parted blocks
        edges, nodes = (np.cumsum(np.bincount(a, minlength=self.n_copies))[:-1] for a in (self.owner, self.copy))
        return Held(
            cost,
            attained,
            np.split(delta, edges),
            self._total(pull * (moved[self.winner] - moved[self.loser])),
            np.split((level - far * rank) / rate, nodes),
            np.split(level, nodes),
            np.split(np.bincount(self.winner, pull, len(level)) - np.bincount(self.loser, pull, len(level)), nodes),
        )

    def _total(self, per_label):
        return np.bincount(self.owner, per_label, self.n_copies)


def _nothing(size):
    """The fit of nodes without labels."""
    alone = np.arange(size)
    fit = Fit(np.zeros(size), alone, np.zeros(size, dtype=np.int64), np.zeros(size), 0.0)
    return convex.ConvexFit(fit, np.zeros(size, dtype=bool))
