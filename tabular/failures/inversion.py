r"""How deep can a pair be inverted at a given training loss?

.. math:: \delta_i^{\min}(\tau)=\inf\{\delta_i(\pi):L(\pi)\le\tau\}

is the least d with :math:`g(d)\le\tau`, where :math:`g(d)=\inf\{L:\delta_i=d\}` is convex
(:mod:`tabular.failures.thresholds`). Its derivative is minus the net flow out of the winner, so Newton's method on
:math:`g(d)=\tau` is one tied fit a step. From a point where g lies above tau on its falling side, a convex function
is above its tangent, so the steps never overshoot: they climb to the root monotonically, quadratically at the end.
Such a point is where the pair's own label alone costs tau, or every label on a path of wins between the two; or where
the tangent of a fit that is known, as at a tie, reaches tau.

**They are few.** With r and f' what g is above tau and its slope, before a step and after it, convexity says
:math:`r_1/r_0+f_1'/f_0'\le1`, so that the product :math:`rf'` falls to a quarter each time: from one end of the floats
to the other in a thousand steps, and where it does not, rounding rules.

**Deep down g is a straight line** (:mod:`tabular.failures.pieces`): there one fit tells the root.

Where many pairs share a block the search starts at the other end (:mod:`tabular.failures.deepening`).

Positive, the result is a certificate: whoever trains to mean loss tau has at least that margin on the pair.
"""

from dataclasses import field

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import csgraph_from_dense, dijkstra

from tabular.base import checks, tolerances
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.failures.deepening import deepened
from tabular.failures.infimum import Infimum, Relation, infimum
from tabular.failures.thresholds import lowered
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Inversions", "check_level", "deepest", "positions"]

_HELD = 1e8  # of beta |delta|: a witness deeper than that would cost the other responses their digits
_FURTHEST = 690.0  # of log(level/(share beta)), a bound on |delta|: e^690 is 1e299
_LIGHT = 1e3  # margins: where a label alone allows more, its neighbours are asked
_ENTRIES = 2_000_000  # of a matrix with a row a node and a column a pair


class Inversions(Record):
    """The deepest inversions of some pairs at their loss levels.

    Attributes:
        pair: ``(n,)`` the pairs asked about; loss_level: ``(n,)`` mean loss allowed for each.
        delta: ``(n,)`` the least delta at that level, in nats; -inf where it falls freely, or below the floats, +inf in
            the limit.
    """

    pair: np.ndarray
    loss_level: np.ndarray
    delta: np.ndarray
    at: Infimum = field(repr=False)

    def rows(self) -> np.ndarray:
        """``(n, n_responses)`` log-policy of each pair's prompt with that delta at that loss.

        Where delta falls freely it is -1 or less. Beyond beta abs(delta) = 1e8, and beyond delta where the loss is
        least, the witness stops, at less loss.
        Where delta is +inf the row is near its infimum, across blocks within e^-40.
        """
        rows = self.at.log_policy[self.at.winner[self.pair] // self.at.graph.problem.n_responses]
        held = self.at.bounded[self.pair]
        for index in np.flatnonzero(~held):
            rows[index] = lowered(self.at, self.pair[index], -1.0)
        held = np.flatnonzero(held & (self.delta < np.inf))
        far = np.minimum(-_HELD / self.at.graph.problem.beta, self.at.delta[self.pair])  # above it the loss rises again
        delta = np.maximum(self.delta, far)
        for batch in self.at.components.batches(self.pair[held]):
            part = held[batch]
            rows[part] = self.at.rows(self.pair[part], delta[part])
        return rows

    def witness(self, index: int) -> np.ndarray:
        """The whole policy: every other prompt near its infimum."""
        prompt = self.at.winner[self.pair[index]] // self.at.graph.problem.n_responses
        return self.at.with_row(prompt, self.rows()[index])


@takes_nouns
@one_thread
def deepest(
    problem: Problem,
    preferences: Preferences,
    loss_level: ArrayLike,
    pairs: ArrayLike | None = None,
    at: Infimum | None = None,
) -> Inversions:
    r"""The least delta of each pair among policies of mean loss at most a level.

    Args:
        loss_level: in nats; one number or one for each pair asked about; at least inf L.
        pairs: ``(n,)`` positions of labels; all by default.
        at: the problem's :func:`tabular.failures.infimum.infimum`, where it is known already.

    Raises:
        InputError: a level that no policy reaches, one at which delta leaves double precision, or not one for each
            pair; a position that is no label.

    One pair alone: the loss sp(-beta h) equals the level at :math:`h=-\log(e^\tau-1)/\beta`.

    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> found = deepest(problem, Preferences.from_pairs([(0, 1)]), 0.5)
    >>> found.delta.round(6).tolist(), float((np.log(0.2 / 0.8) - np.log(np.expm1(0.5))).round(6))
    ([-0.953542], -0.953542)
    """
    at = infimum(problem, preferences) if at is None else at
    pairs = np.arange(preferences.n_pairs) if pairs is None else positions(pairs, preferences.n_pairs)
    level = checks.numbers(loss_level, "loss_level")
    if level.shape not in ((), (1,), pairs.shape):
        raise InputError(f"loss_level has shape {level.shape} for {len(pairs)} pairs: give one number, or one for each")
    level = np.broadcast_to(level, pairs.shape)
    check_level(level, at.value)
    bounded = at.bounded[pairs]
    share = preferences.log_share
    weightless = share[share > -np.inf].min() - np.log(problem.n_responses)  # chains of others hold such a pair
    share = np.where(share > -np.inf, share, weightless)[pairs]
    log_depth = np.log(np.maximum(level, 1.0)) - share - min(np.log(problem.beta), 0.0)
    beyond = bounded & (level < np.inf) & (level > 1) & (log_depth > _FURTHEST)
    checks.refuse(beyond, level, "loss_level", "delta leaves double precision there; give inf, or a lower level")
    delta = np.where(bounded & (level <= at.value), at.delta[pairs], -np.inf)
    part = np.flatnonzero(bounded & (level > at.value) & (level < np.inf))
    allowed = level[part] - at.value + at.parts.cost[at.parts.piece(pairs[part])]
    start = _start(at, preferences, pairs[part], allowed)
    delta[part] = np.minimum(_root(at, pairs[part], allowed, start), at.delta[pairs[part]])
    return Inversions(pairs, level, delta, at)


def positions(pairs, n_pairs) -> np.ndarray:
    """``(n,)`` positions of labels, refused where there is no such label."""
    pairs = checks.whole_numbers(pairs, "pairs")
    checks.refuse(pairs >= n_pairs, pairs, "pairs", f"name labels by position, 0 to {n_pairs - 1}")
    return pairs.reshape(-1)


def check_level(level, least):
    """Refuse a level below the infimum, beyond rounding."""
    level = np.ravel(level)
    checks.refuse(np.isnan(level), level, "loss_level", "give a number, in nats")
    bad = ~(level >= least - tolerances.LOSS * max(least, 1.0))
    if bad.any():
        value = level[bad][0]
        raise InputError(
            f"loss_level {value:.10g} is below the infimum of the loss, {least:.10g}: no policy has it, raise the level"
        )


def _start(at, preferences, pairs, allowed):
    """A delta at or below the root: on a path of wins from w to l no label may cost more than is allowed.

    The label itself is such a path; where it is light, a path of heavier labels bounds delta better.
    """
    fall = _deepest_margin(np.log(allowed), preferences.log_share[pairs])
    for index in np.flatnonzero(fall > _LIGHT):
        fall[index] = min(fall[index], _along_wins(at, pairs[index], allowed[index]))
    delta_ref = at.graph.log_ref[at.winner[pairs]] - at.graph.log_ref[at.loser[pairs]]
    return delta_ref - fall / at.graph.problem.beta


def _deepest_margin(log_allowed, log_share):
    """How far below 0 a margin can be when its label alone costs all that is allowed: log(e^(allowed/share) - 1)."""
    with np.errstate(over="ignore"):
        ratio = np.exp(np.minimum(log_allowed - log_share, 700.0))
    return ratio + np.log(-np.expm1(-ratio))


def _along_wins(at, pair, allowed):
    """The shortest path from w to l in the lengths that the labels allow (none below 0)."""
    graph, piece = at.parts.graph, at.parts.piece([pair])
    labels, _ = graph.labels_of.gather(piece)
    labels = labels[np.argsort(graph.log_share[labels])]  # of parallel labels the heaviest is entered last and stays
    length = np.maximum(_deepest_margin(np.log(allowed), graph.log_share[labels]), 0)
    size = graph.nodes_of.size[piece[0]]
    edges = np.full((size, size), np.inf)
    edges[graph.place[graph.winner[labels]], graph.place[graph.loser[labels]]] = length
    edges = csgraph_from_dense(edges, null_value=np.inf)
    return dijkstra(edges, indices=graph.place[at.parts.winner[pair]])[graph.place[at.parts.loser[pair]]]


def _root(at, pairs, allowed, start):
    """From the optimum where many share it; else on the straight line where the pair is that deep, or from the left."""
    line, start = at.parts.straight(pairs), start.copy()
    groups = list(at.parts.shared.groups(pairs))
    alone = np.setdiff1d(np.arange(len(pairs)), np.concatenate([[], *(index for index, _ in groups)]))
    tied = alone[(at.relation[pairs[alone]] == Relation.ABOVE) | (at.delta[pairs[alone]] > 0)]
    start[tied] = at.parts.above(pairs[tied], allowed[tied], start[tied])
    delta, left = np.empty(len(pairs)), np.ones(len(pairs), dtype=bool)
    far = np.flatnonzero(start < line)
    asked, which = np.unique(pairs[far], return_index=True)
    which, again = far[which], np.searchsorted(asked, pairs[far])
    held = at.parts.held(asked, line[which])
    cost, flow = held.cost[again], held.flow[again]
    start[far], deep = line[far], cost < allowed[far]
    gain, far = (allowed[far] - cost)[deep], far[deep]
    with np.errstate(divide="ignore", over="ignore"):  # what so light a label allows leaves the floats
        delta[far], left[far] = line[far] - gain / (at.graph.problem.beta * flow[deep]), False
    for index, block in groups:
        index = index[left[index]]
        for which in np.array_split(index, max(1, -(-len(index) * len(block.nodes) // _ENTRIES))):
            gain = allowed[which] - at.parts.cost[block.piece]
            delta[which] = deepened(block, pairs[which], gain, start[which])
    left = alone[left[alone]]
    for batch in at.parts.batches(pairs[left]):
        which = left[batch]
        delta[which] = _climb(at, pairs[which], allowed[which], start[which])
    return delta


def _climb(at, pairs, allowed, delta):
    """Newton from the left, all pairs at once, those still moving refitted: a step back means that rounding rules."""
    delta, moving = delta.copy(), np.arange(len(pairs))
    product = np.full(len(pairs), np.inf)
    while moving.size:
        _, cost, flow = at.parts.hold(pairs[moving], delta[moving])
        above, slope = cost - allowed[moving], at.graph.problem.beta * flow
        falls = (above > 0) & (slope > 0) & (above * slope <= product[moving] / 4 * (1 + tolerances.LOSS))
        step = np.where(falls, above / np.where(slope > 0, slope, 1), 0)
        before, product[moving] = delta[moving], above * slope
        delta[moving] += step
        moving = moving[step > tolerances.LOSS * np.maximum(np.abs(before), 1 / at.graph.problem.beta)]
    return delta
