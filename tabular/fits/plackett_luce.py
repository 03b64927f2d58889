r"""Plackett-Luce maximum likelihood on any rankings, ties inside groups summed over.

A ranking is a series of stages: from the responses not yet placed, one of the next group is chosen. With
:math:`v=e^s` and V the sum over what is left, choosing i costs :math:`\log V-s_i`. A group with k members costs
:math:`-\log\sum_{\text{orders}}\prod(\cdot)`, a sum over the orders of its members: the probability that all their
clocks, exponential with rates v, ring before any later one's. It is log-concave in s: the event is a convex set of
Gumbel variables, and s only moves their log-concave law (Prékopa).

**Existence** (Hunter 2004). Draw an edge from each member of a group to each of later groups. In a strongly connected
digraph, moving any responses up against the rest makes some stage cost without bound, so the minimum exists, unique up
to a constant. In general the infimum is the sum over the strongly connected blocks of the minima of the rankings
restricted to the block: an edge goes from a block to itself or a lower one, so with the blocks far apart a stage costs
what it costs inside the block of its choice.

**Newton on a graph.** A stage adds :math:`p_ap_b`, :math:`p=v/V`, to the Hessian's weight between a and b, and a flow
:math:`p_j` from the choice to every other j: a graph Laplacian with a divergence, solved in
:mod:`tabular.fits.laplacian`. With :math:`R` the largest difference of a step within a stage, log-sum-exp has
:math:`|\varphi'''|\le R\varphi''`, and the step shortened by :math:`\log(1+R)/R` descends, as for Bradley-Terry. A tied
group counts with the orders' posterior weights: by Jensen its stages then lie above the cost and touch it (EM), so the
same step descends.
"""

from dataclasses import dataclass
from itertools import chain, combinations, pairwise

import numpy as np

from tabular.base import digraph, tolerances
from tabular.base.log_space import softplus
from tabular.base.stops import Stalls, Walks
from tabular.fits import laplacian
from tabular.fits.block_solvers import DENSE, EVEN, SMALL
from tabular.fits.bradley_terry import Fit

__all__ = ["LARGEST_GROUP", "NARROW", "Flat", "fit"]

NARROW = 600.0  # nats between terms whose exponentials are all numbers with full digits
_HALF = -np.log(2.0)
_PATIENCE = 5  # steps in a row that bring nothing to a new least
LARGEST_GROUP = 12  # a group of k tied responses has 2^k sets to be chosen from


@dataclass(frozen=True, eq=False)
class Flat:
    """Rankings as arrays: groups in each ranking, members of each group, all members."""

    counts: np.ndarray
    sizes: np.ndarray
    members: np.ndarray

    @classmethod
    def of(cls, rankings):
        """Of nested tuples.

        >>> Flat.of([((2,), (0, 1))]).members.tolist()
        [2, 0, 1]
        """
        groups = list(chain.from_iterable(rankings))
        sizes = np.fromiter(map(len, groups), np.int64, len(groups))
        members = np.fromiter(chain.from_iterable(groups), np.int64, sizes.sum())
        return cls(np.fromiter(map(len, rankings), np.int64, len(rankings)), sizes, members)

    @property
    def starts(self):
        """The first group of each ranking."""
        return np.cumsum(self.counts) - self.counts

    def neighbours(self):
        """Of rankings without ties: each member but the last of a ranking, and the next."""
        above, below = (np.ones(len(self.members), dtype=bool) for _ in range(2))
        below[self.starts] = above[self.starts + self.counts - 1] = False
        return self.members[above], self.members[below]


@dataclass(frozen=True, eq=False)
class _Strict:
    """Rankings of one length without ties: items ``(length, m)``, best first; columns, for the sake of speed."""

    items: np.ndarray
    log_weight: np.ndarray

    def cost(self, s):
        value = s[self.items]
        return (np.exp(self.log_weight) * softplus(_later(value)[1:] - value[:-1]).sum(axis=0)).sum()

    def ends(self):
        first, second = np.triu_indices(len(self.items), 1)
        return self.items[first].ravel(), self.items[second].ravel()

    def edges(self, s):
        """Log curvature and log flow of each pair of :meth:`ends`."""
        value = s[self.items]
        left = _later(value)
        value += self.log_weight / 2
        rate, late = value + _log_sums(-2 * left), value + self.log_weight / 2
        length, start = len(value), 0
        curvature, flow = np.empty((2, length * (length - 1) // 2, value.shape[1]))
        for first in range(length - 1):
            pairs = slice(start, start := start + length - 1 - first)
            np.add(rate[first], value[first + 1 :], out=curvature[pairs])
            np.subtract(late[first + 1 :], left[first], out=flow[pairs])
        return curvature.ravel(), flow.ravel()


class _Tied:
    """Rankings with a group of several before the end: every set of a group's members left is a stage of its own."""

    def __init__(self, rankings, log_weight):
        self.log_weight = log_weight
        self.stages = []  # (members, later, log_weight) for each group
        for groups, weight in zip(rankings, log_weight, strict=True):
            for place in range(len(groups) - 1):
                later = np.concatenate([np.array(group) for group in groups[place + 1 :]])
                self.stages.append((np.array(groups[place]), later, weight))

    def cost(self, s):
        return -sum(np.exp(weight) * _log_first(s[group], s[later])[0][-1] for group, later, weight in self.stages)

    def ends(self):
        pairs = [_pairs(np.concatenate([group, later])) for group, later, _ in self.stages]
        return tuple(np.concatenate(side) for side in zip(*pairs, strict=True))

    def edges(self, s):
        parts = [_tied_edges(s, group, later, weight) for group, later, weight in self.stages]
        return tuple(np.concatenate(side) for side in zip(*parts, strict=True))


def fit(n_nodes, rankings, log_weight, flat=None) -> Fit:
    """Minimise the weighted cost of all rankings block by block.

    Args:
        n_nodes: number of nodes; nodes that no ranking names are blocks of their own.
        rankings: each a tuple of groups of nodes, the best first.
        log_weight: ``(n_rankings,)``, ``-inf`` drops the ranking.
        flat: the same rankings as arrays, if at hand.

    Returns:
        A :class:`tabular.fits.bradley_terry.Fit`; ``block_minimum`` sums the stages of each block.

    >>> fitted = fit(2, [((0,), (1,)), ((1,), (0,))], np.log([3.0, 1.0]))
    >>> bool(np.isclose(fitted.strength[0] - fitted.strength[1], np.log(3)))
    True
    """
    log_weight = np.asarray(log_weight, float)
    if (dropped := np.isneginf(log_weight)).any():
        rankings, log_weight, flat = [rankings[k] for k in np.flatnonzero(~dropped)], log_weight[~dropped], None
    flat = Flat.of(rankings) if flat is None else flat
    winner, loser = flat.neighbours() if flat.sizes.max(initial=1) == 1 else _chain(rankings)
    block, rank = digraph.ranked_blocks(digraph.adjacency(n_nodes, winner, loser))
    strength, minimum, worst = np.zeros(n_nodes), np.zeros(len(rank)), 0.0
    for number, nodes, tables in _by_block(rankings, log_weight, flat, block):
        s = _solve(tables, len(nodes))
        strength[nodes] = s - s.mean()
        minimum[number] = sum(table.cost(strength[nodes]) for table in tables)
        worst = max(worst, _imbalance(tables, strength[nodes]))
    return Fit(strength, block, rank, minimum, worst)


def _later(value):
    """Log of the sum of v over each place and those after it."""
    return _log_sums(value[::-1])[::-1]


def _log_sums(value):
    """Running logsumexp down the rows; as plain sums where no term leaves the floats."""
    top = value.max(initial=-np.inf)
    if not value.size or top - value.min() > NARROW:
        return np.logaddexp.accumulate(value, axis=0)
    total = np.exp(value - top)
    for above, row in pairwise(total):
        row += above
    return np.log(total, out=total) + top


def _chain(rankings):
    """Edges between neighbouring groups: the same reachability as between all."""
    rows = [(w, v) for groups in rankings for a, b in pairwise(groups) for w in a for v in b]
    return np.array(rows, dtype=np.int64).T


def _restricted(rankings, log_weight, block):
    """Each ranking's parts inside one block, where they still compare something."""
    pieces, weights = [], []
    for groups, weight in zip(rankings, log_weight, strict=True):
        if len({block[y] for group in groups for y in group}) == 1:
            pieces.append(groups)
            weights.append(weight)
            continue
        for number in dict.fromkeys(block[y] for group in groups for y in group):
            inner = [tuple(y for y in group if block[y] == number) for group in groups]
            inner = tuple(group for group in inner if group)
            if len(inner) > 1:
                pieces.append(inner)
                weights.append(weight)
    return pieces, np.array(weights)


def _by_block(rankings, log_weight, flat, block):
    """The number of each block with rankings inside it, its nodes, and the tables of these rankings."""
    place, of_member = np.full(len(block), -1), block[flat.members]
    strict = flat.sizes.max(initial=1) == 1
    inside = strict and (of_member == np.repeat(of_member[flat.starts], flat.counts)).all()
    if inside:
        number = of_member[flat.starts]
    else:
        pieces, log_weight = _restricted(rankings, log_weight, block)
        number = np.array([block[piece[0][0]] for piece in pieces], dtype=np.int64)
    order = np.argsort(number, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        if members.size:
            nodes = np.flatnonzero(block == number[members[0]])
            place[nodes] = np.arange(len(nodes))
            if inside:
                tables = _strict_tables(flat, members, log_weight, place)
            else:
                tables = _tables([pieces[k] for k in members], log_weight[members], place)
            yield number[members[0]], nodes, tables


def _strict_tables(flat, rows, log_weight, place):
    """Rankings without ties, by length."""
    starts, tables = flat.starts, []
    for size in np.unique(flat.counts[rows]):
        chosen = rows[flat.counts[rows] == size]
        items = place[flat.members[starts[chosen] + np.arange(size)[:, None]]]
        tables.append(_Strict(items, log_weight[chosen]))
    return tables


def _tables(pieces, log_weight, place):
    """The rankings of a block by length, those with ties apart."""
    tied = np.array([any(len(group) > 1 for group in piece[:-1]) for piece in pieces])
    length = np.array([len(piece) if len(piece[-1]) == 1 else 0 for piece in pieces])
    length[tied] = 0
    tables = []
    for size in np.unique(length):
        chosen = np.flatnonzero(length == size)
        if size:
            items = place[np.array([[group[0] for group in pieces[k]] for k in chosen]).T]
            tables.append(_Strict(items, log_weight[chosen]))
        else:
            local = [tuple(tuple(place[list(group)]) for group in pieces[k]) for k in chosen]
            tables.append(_Tied(local, log_weight[chosen]))
    return tables


def _solve(tables, size):
    winner, loser = _ends(tables)
    tied = any(isinstance(table, _Tied) for table in tables)
    even = np.ptp(np.concatenate([table.log_weight for table in tables])) <= EVEN
    s = _against_average(tables, winner, loser, size) if even else np.zeros(size)
    if size <= DENSE and not even and not tied:
        s = _spectral(tables, winner, loser, size)
    step, ended = _stepper(winner, loser, size, even), _ends_of_descent(tables, s, winner, loser)
    while True:
        d = step(*_edges(tables, s))
        reach = np.abs(d[winner] - d[loser]).max()
        if not reach < np.inf:  # weights beyond the floats of a sparse block
            return s
        s = s + (np.log1p(reach) / reach if reach > 0 else 1.0) * d
        rounding = 8 * np.finfo(float).eps * (1 + np.abs(s).max())
        if reach <= max(rounding, 0.0 if tied else tolerances.NEWTON_STEP) or ended(s, reach):
            return s


def _ends_of_descent(tables, s, winner, loser):
    """Whether a descent from s has ended, given its levels and R after each step; with ties it is not quadratic.

    The two halves of the argument of :mod:`tabular.fits.tree_cuts` hold for rankings: each pair of a stage is an edge,
    and where the responses above a wide gap are still left, a choice from below it pushes back with its whole weight.
    """
    if any(isinstance(table, _Tied) for table in tables):
        stalls = Stalls(1, _PATIENCE)
        return lambda s, reach: stalls.after([sum(table.cost(s) for table in tables)], [reach])[0]
    size, n_edges = len(s), len(winner)
    widest = np.ptp(np.concatenate([table.log_weight for table in tables])) + np.log(2 * size * n_edges)
    walks = Walks(np.array([1 / (2 * size * n_edges + 1)]), 2 * (np.abs(s[winner] - s[loser]).max() + size * widest))
    return lambda s, reach: walks.after([0], reach)[0]


def _against_average(tables, winner, loser, size):
    """The fit of each node against average opponents: fewer steps than from 0."""
    flow = np.exp(_edges(tables, np.zeros(size))[1])
    return np.log(np.bincount(winner, flow, size)) - np.log(np.bincount(loser, flow, size))


def _edges(tables, s):
    parts = [table.edges(s) for table in tables]
    return tuple(np.concatenate(side) for side in zip(*parts, strict=True))


def _stepper(winner, loser, size, even):
    """The Newton step from log curvatures and log flows of the edges, by the solver that suits the block."""
    if size > DENSE or (even and size > SMALL):
        graph = laplacian.Sparse(size, winner, loser, np.zeros(size, dtype=np.int64))
        return lambda weight, flow: graph.solve(np.exp(weight), np.exp(flow))
    at = winner * size + loser

    def step(weight, flow):
        if weight.max() - weight[weight > -np.inf].min() > EVEN:
            tables = _log_table(at, weight, size), _log_table(at, flow, size)
            return laplacian.solve_dense_log(np.logaddexp(tables[0], tables[0].T), tables[1])
        top = weight.max()
        tables = (np.bincount(at, np.exp(part - top), size * size).reshape(size, size) for part in (weight, flow))
        curvature, push = tables
        return laplacian.solve_even(curvature + curvature.T, push)

    return step


def _log_table(at, log_values, size):
    top = np.full(size * size, -np.inf)
    np.maximum.at(top, at, log_values)
    shift = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        total = np.log(np.bincount(at, np.exp(log_values - shift[at]), size * size))
    return (total + shift).reshape(size, size)


def _spectral(tables, winner, loser, size):
    """Maystre and Grossglauser's fixed point (2015), until Newton can take over: exact at once for consistent data.

    Newton takes over where a move is of 1 nat at most, or no move of the last few was a tenth less than all before.
    """
    s, before, least, slow = np.zeros(size), np.inf, np.inf, 0
    at = loser * size + winner
    while True:
        _, flow = _edges(tables, s)
        new = laplacian.stationary_log(_log_table(at, flow - s[loser], size))
        new -= new.mean()
        move = np.abs((new - s)[winner] - (new - s)[loser]).max()
        s = new if move < before / 2 else (s + new) / 2
        slow = 0 if move < 0.9 * least else slow + 1
        before, least = move, min(move, least)
        if move <= 1 or slow == _PATIENCE:
            return s


def _ends(tables):
    """The two ends of every edge: (above, below)."""
    return tuple(np.concatenate(side) for side in zip(*(table.ends() for table in tables), strict=True))


def _imbalance(tables, s):
    """The largest ``|out - in|/(out + in)`` of a node: how far a score equation is from holding, relative."""
    (above, below), (_, log_push) = _ends(tables), _edges(tables, s)
    if np.ptp(log_push) < NARROW:
        top = np.full(len(s), log_push.max())
    else:
        top = np.full(len(s), -np.inf)
        for end in (above, below):
            np.maximum.at(top, end, log_push)
    out, back = (np.bincount(end, np.exp(log_push - top[end]), len(s)) for end in (above, below))
    return float((np.abs(out - back) / np.where(out + back > 0, out + back, 1)).max(initial=0.0))


def _log_first(members, later):
    """By sets of members: the log-probability that all come before the later ones, log V, and the sets as masks.

    What is next to 1 is told by its complement, that one of the later ones comes before some member.
    """
    k = len(members)
    rest = np.logaddexp.reduce(later)
    inside = (np.arange(2**k)[:, None] >> np.arange(k)) & 1
    with np.errstate(divide="ignore"):
        total = np.logaddexp(rest, np.logaddexp.reduce(np.where(inside, members, -np.inf), axis=1))
    log_first, log_missed = np.zeros(2**k), np.full(2**k, -np.inf)
    for size in range(1, k + 1):  # by size, so that what a set needs is there
        sets = np.flatnonzero(inside.sum(axis=1) == size)
        without = np.where(inside[sets], sets[:, None] - (1 << np.arange(k)), 0)
        first, missed = (np.where(inside[sets], members + log[without], -np.inf) for log in (log_first, log_missed))
        log_missed[sets] = np.logaddexp(rest, np.logaddexp.reduce(missed, axis=1)) - total[sets]
        nearly = np.log1p(-np.exp(np.minimum(log_missed[sets], _HALF)))
        log_first[sets] = np.where(log_missed[sets] < _HALF, nearly, np.logaddexp.reduce(first, axis=1) - total[sets])
    return log_first, total, inside


def _posterior(members, later):
    """For each set: the log-probability that it is left at some time, given that the group comes first; and choices."""
    log_first, total, inside = _log_first(members, later)
    k = len(members)
    choice = np.full((2**k, k), -np.inf)
    reached = np.full(2**k, -np.inf)
    reached[-1] = 0.0
    for size in range(k, 0, -1):
        for left in np.flatnonzero(inside.sum(axis=1) == size):
            for i in np.flatnonzero(inside[left]):
                without = left - (1 << i)
                choice[left, i] = reached[left] + members[i] + log_first[without] - total[left] - log_first[left]
                reached[without] = np.logaddexp(reached[without], choice[left, i])
    return reached, choice, total, inside


def _pairs(nodes):
    first, second = np.array(list(combinations(range(len(nodes)), 2))).T
    return np.r_[nodes[first], nodes[second]], np.r_[nodes[second], nodes[first]]


def _tied_edges(s, group, later, log_weight):
    """Expected log curvature and log flow between all pairs of a stage, each pair once in either direction."""
    reached, choice, total, inside = _posterior(s[group], s[later])
    nodes, k = np.concatenate([group, later]), len(group)
    there = np.concatenate([inside, np.ones((2**k, len(later)), int)], axis=1).astype(bool)
    share = np.where(there, s[nodes] - total[:, None], -np.inf)[1:]  # the empty set is no stage
    first, second = np.array(list(combinations(range(len(nodes)), 2))).T
    weight = np.logaddexp.reduce(reached[1:, None] + share[:, first] + share[:, second], axis=0)
    chosen = np.concatenate([choice[1:], np.full((2**k - 1, len(later)), -np.inf)], axis=1)
    flow = [np.logaddexp.reduce(chosen[:, a] + share[:, b], axis=0) for a, b in ((first, second), (second, first))]
    return log_weight + np.r_[weight, np.full(len(weight), -np.inf)], log_weight + np.concatenate(flow)
