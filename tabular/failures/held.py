r"""Any convex loss of differences with some responses tied: what inverting labelled pairs costs.

In :math:`s=\rho r` (rho the loss's rate: beta, or 1) a tie of two responses, equal probabilities, fixes
:math:`s_a-s_b=\rho(\log\pi_{\rm ref}(b)-\log\pi_{\rm ref}(a))`. Tied responses move as one: the labels that touch them
gain an offset, those between them become constants, and what is left is a problem of the same kind
(:mod:`tabular.fits.convex`). One copy of a component for each pattern of ties, all copies in one fit. Hinges have faces
of minimisers, so there pairs are held by inequalities instead: a label of more weight than all others together, the
other way round, is never broken at an optimum.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tabular.errors import InputError
from tabular.failures.ties import Groups
from tabular.fits import convex, polyhedral
from tabular.fits.convex import Labels
from tabular.losses.loss import Loss
from tabular.losses.solve import labels_of
from tabular.preferences import Preferences
from tabular.problem import Problem

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
    """

    cost: np.ndarray
    attained: np.ndarray
    delta: list
    pull: np.ndarray
    log_ratio: list


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
        base = preferences.prompt * problem.n_responses
        label = np.flatnonzero(preferences.log_weight > -np.inf)
        ends = base + preferences.winner, base + preferences.loser
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

    def hold(self, components, groups) -> Held:
        """Fit each listed component with its nodes tied like that.

        Args:
            groups: for each copy ``(size,)``, the position of each node's leader among the component's nodes.

        ``pull`` is, for the node that is not its own leader, the sum of minus the derivative of the labels' cost in
        their margins, over those it wins less those it loses: minus the derivative of the cost in its height above
        the leader.
        """
        parts, bulk = [], np.cumsum(self.labels_of.size[components]) // _BATCH
        for batch in np.split(np.arange(len(components)), np.flatnonzero(np.diff(bulk)) + 1):
            parts.append(self._hold(np.asarray(components)[batch], [groups[k] for k in batch]))
        return Held(
            np.concatenate([p.cost for p in parts]),
            np.concatenate([p.attained for p in parts]),
            [d for p in parts for d in p.delta],
            np.concatenate([p.pull for p in parts]),
            [r for p in parts for r in p.log_ratio],
        )

    def _hold(self, components, groups):
        node, copy = self.nodes_of.gather(components)
        start = np.searchsorted(copy, np.arange(len(components)))
        leader = np.concatenate(groups) + start[copy]
        place = np.full((len(components), 1), 0) + start[:, None]  # of each copy's first node
        edge, of = self.labels_of.gather(components)
        within = np.empty(len(self.component), dtype=np.int64)
        within[self.nodes_of.order] = np.arange(len(within)) - np.repeat(self.nodes_of.start[:-1], self.nodes_of.size)
        winner = place[of, 0] + within[self.labels.winner[edge]]
        loser = place[of, 0] + within[self.labels.loser[edge]]
        log_ref = self.problem.log_ref.ravel()[node]
        shift = self.rate * np.where(leader == np.arange(len(leader)), 0.0, log_ref[leader] - log_ref)
        offset = self.labels.offset[edge] - (shift[winner] - shift[loser])
        w, y = leader[winner], leader[loser]
        free = w != y
        weight = None if self.labels.weight is None else self.labels.weight[edge][free]
        tied = Labels(len(node), w[free], y[free], self.labels.log_weight[edge][free], offset[free], weight)
        fit = convex.fit(tied, self.loss.scalar) if free.any() else None
        return self._read(fit, node, copy, edge, of, winner, loser, leader, shift, offset, free, len(components))

    def _read(self, fit, node, copy, edge, of, winner, loser, leader, shift, offset, free, n_copies):
        scalar, share = self.loss.scalar, np.exp(self.labels.log_weight[edge])
        strength = np.zeros(len(node)) if fit is None else fit.fit.strength
        rank = np.zeros(len(node), dtype=np.int64) if fit is None else fit.fit.rank[fit.fit.block]
        block = np.arange(len(node)) if fit is None else fit.fit.block
        level = strength[leader] + shift
        x = strength[leader[winner]] - strength[leader[loser]] - offset
        apart = free & (block[leader[winner]] != block[leader[loser]])
        cost = np.bincount(of[~free], (share * scalar.value(x))[~free], n_copies).astype(float)
        attained = np.bincount(of[apart], minlength=n_copies) == 0
        if fit is not None:
            of_block = np.zeros(len(fit.fit.rank), dtype=np.int64)
            of_block[block] = copy
            cost += np.bincount(of_block, fit.fit.block_minimum, n_copies)
            lost = np.unique(copy[fit.violated])
            cost[lost], attained[lost] = -np.inf, False
        slope = np.where(apart, 0.0, scalar.slope(np.where(apart, 0.0, x)))
        moved = leader != np.arange(len(leader))
        net = -share * slope * (moved[winner].astype(float) - moved[loser])
        log_ref = self.problem.log_ref.ravel()[node]
        delta = log_ref[winner] - log_ref[loser] + (level[winner] - level[loser]) / self.rate
        delta = np.where(apart, np.inf, np.where(free, delta, 0.0))
        far = level - (40 + 2 * np.abs(level).max(initial=0.0) + np.abs(offset).max(initial=0.0)) * rank[leader]
        ends = np.cumsum(np.bincount(of, minlength=n_copies))[:-1]
        nodes = np.cumsum(np.bincount(copy, minlength=n_copies))[:-1]
        return Held(
            cost,
            attained,
            np.split(delta, ends),
            np.bincount(of, net, n_copies),
            np.split(far / self.rate, nodes),
        )

    def hinged(self, component, inverted) -> polyhedral.Face:
        """The face of one component under a hinge, with the listed pairs held at delta <= 0."""
        edge = self.labels_of.gather(np.array([component]))[0]
        nodes = self.nodes_of.gather(np.array([component]))[0]
        order = np.argsort(nodes)
        at = order[np.searchsorted(nodes, [self.labels.winner[edge], self.labels.loser[edge]], sorter=order)]
        held = order[np.searchsorted(nodes, [self.winner[inverted], self.loser[inverted]], sorter=order)]
        heavy = 2 * np.sum(self.labels.weight[edge])
        total = np.full(len(inverted), self.labels.log_weight[edge].max() + np.log(2 * len(edge)))
        log_ref = self.problem.log_ref.ravel()
        bound = self.rate * (log_ref[self.winner[inverted]] - log_ref[self.loser[inverted]])
        return polyhedral.solve(
            Labels(
                len(nodes),
                np.r_[at[0], held[1]],
                np.r_[at[1], held[0]],
                np.r_[self.labels.log_weight[edge], total],
                np.r_[self.labels.offset[edge], bound],
                np.r_[self.labels.weight[edge], np.full(len(inverted), heavy)],
            )
        )
