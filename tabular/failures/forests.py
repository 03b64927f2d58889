r"""Spanning forests of the heaviest pairs, of many fits at once: Newton's step in their cuts, and whole circulations.

Taking a pair t of a tree away leaves two parts; the pairs e between them cross the cut of t, :math:`B_{et}=\pm1`.
Margins are the sums :math:`h=Bx` of the differences x over the pairs of the trees, and flows are a circulation iff
:math:`B^{\mathsf T}y=0`. No pair that crosses a cut is heavier than its own, so sums over cuts keep the digits of light
pairs that sums at nodes lose beside heavy ones; and so does Newton's matrix :math:`B^{\mathsf T}CB`, scaled to a
diagonal of 1.

**Whole circulations.** Flows off the trees say what those on them are: one sum for each cut. Flows are rounded to
whole multiples of a unit of which all together are fewer than :math:`2^{52}`: then these sums have no error. Where one
lies outside the limits, which have 0 between them, those that cross its cut and ask for too much ask for less by as
many units as that is, the same part of each, or after some rounds for nothing; so units become fewer until all sums
are within. What is found is a circulation to the last digit. ∎
"""

from dataclasses import dataclass

import numpy as np

from tabular.base.rows import Rows

__all__ = ["Forests", "heaviest"]

_DIGITS, _LOWEST = 52, -1000  # bits of all flows together, in units, which are floats themselves
_ROUNDS = 10  # in which flows ask for less; then for nothing
_STALE = 1e-4  # of what crosses a cut, that its own pair weighs less than: digits that are lost


@dataclass(frozen=True, eq=False)
class Forests(Rows):
    """A forest for each fit; each cut is called by the node below it, roots are no cuts.

    Attributes:
        below: ``(n_fits, n_nodes, n_nodes)`` 1 for each node and each of the cuts that it is below.
        pairs: ``(n_fits, n_pairs, n_nodes)`` B.
        own: ``(n_fits, n_nodes)`` the pair of each cut.
    """

    below: np.ndarray
    pairs: np.ndarray
    own: np.ndarray

    def left_over(self, flow):
        """``(n_fits, n_nodes)`` what flows across each cut."""
        return (flow[:, None, :] @ self.pairs)[:, 0]

    def across(self, gaps):
        """``(n_fits, n_pairs)`` margins of differences over the trees' pairs."""
        return (self.pairs @ gaps[..., None])[..., 0]

    def gaps(self, conductance, over):
        """Over the trees' pairs, such that currents are so much over the cuts; 0 where nothing conducts."""
        matrix = self.pairs.swapaxes(1, 2) @ (conductance[..., None] * self.pairs)
        diagonal, each = np.diagonal(matrix, axis1=1, axis2=2), np.arange(matrix.shape[1])
        scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
        matrix = scale[:, :, None] * matrix * scale[:, None, :]
        matrix[:, each, each] = 1.0
        return scale * np.linalg.solve(matrix, (scale * over)[..., None])[..., 0]

    def stale(self, weight):
        """Fits with a cut whose own pair weighs little beside what crosses it."""
        own = np.take_along_axis(weight, self.own, 1)
        return np.flatnonzero((own < _STALE * (weight[:, None, :] @ np.abs(self.pairs))[:, 0]).any(axis=1))

    def circulations(self, flow, low, high):
        """Near some flows, each within its limits.

        >>> ends = np.array([0, 1, 0]), np.array([1, 2, 2])
        >>> found = heaviest(*ends, 3, np.array([[1.0, 2.0, 1.5]]))  # 0-2 and 2-1
        >>> low, high = np.array([[0.0, 0.0, -0.3]]), np.array([[1.0, 2.0, 0.0]])
        >>> found.circulations(np.array([[0.5, 0.25, -0.125]]), low, high).round(9).tolist()
        [[0.3, 0.3, -0.3]]
        """
        rows, (_, node) = np.arange(len(flow))[:, None], (cut := np.nonzero(self.below.any(axis=1)))
        tree = cut[0], self.own[cut]
        way = np.zeros(self.own.shape)
        way[cut] = self.pairs[*tree, node]
        unit = np.ldexp(1.0, np.maximum(np.frexp(np.abs(flow).sum(axis=1))[1] - _DIGITS, _LOWEST))[:, None]
        flow, asks = np.trunc(flow / unit), -way[:, None] * self.pairs
        flow[tree] = 0.0
        low, high = (np.where(way == 0, 0.0, limit[rows, self.own] / unit) for limit in (low, high))
        of_tree, left, rounds = np.zeros(way.shape), rows[:, 0], 0
        while left.size:
            asked = asks[left] * flow[left][..., None]
            of_tree[left] = total = asked.sum(axis=1)
            much = np.minimum(total - low[left], 0.0) + np.maximum(total - high[left], 0.0)
            some = much.any(axis=1)
            left, much, asked = left[some], much[some], asked[some]
            much = much if rounds < _ROUNDS else np.where(much == 0, 0.0, np.copysign(np.inf, much))
            less = _less(np.maximum(np.sign(much)[:, None] * asked, 0.0), np.ceil(np.abs(much)))
            flow[left] -= np.sign(flow[left]) * less.max(axis=2)
            rounds += 1
        flow[tree] = of_tree[cut]
        return flow * unit


def _less(asked, much):
    """``(k, n_pairs, n_nodes)`` whole parts of what is asked that are so much together, or all of it."""
    total = asked.sum(axis=1)
    part = np.minimum(much, total) / np.where(total > 0, total, 1.0)
    less = np.floor(asked * part[:, None])
    most = asked.argmax(axis=1)[:, None]
    rest = np.minimum(much, total)[:, None] - less.sum(axis=1, keepdims=True)
    np.put_along_axis(less, most, np.take_along_axis(less, most, 1) + np.maximum(rest, 0.0), 1)
    return np.minimum(less, asked)


def heaviest(winner, loser, n_nodes, weight) -> Forests:
    """Prim's, from the first node of each part; ``weight``: ``(n_fits, n_pairs)``, 0 where none is.

    >>> found = heaviest(np.array([0, 1, 0]), np.array([1, 2, 2]), 3, np.array([[1e-20, 2.0, 1.0]]))  # 0-2 and 2-1
    >>> found.own[0, 1:].tolist(), found.pairs[0].astype(int).tolist()
    ([1, 2], [[0, -1, -1], [0, 1, 0], [0, 0, -1]])
    >>> found.left_over(np.array([[1e-20, 0.5, 0.5]])).tolist()
    [[0.0, 0.5, -0.5]]
    """
    shape = len(weight), n_nodes
    between, pair = _table(winner, loser, n_nodes, weight)
    near, link = between[:, 0].copy(), np.zeros(shape, dtype=np.int64)
    near[:, 0] = -1.0  # done
    below, own = np.zeros((near.size, n_nodes)), np.zeros(near.size, dtype=np.int64)
    between, pair = between.reshape(below.shape), pair.reshape(below.shape)  # a row for each node of each fit
    first, nearest, links = np.arange(len(weight)) * n_nodes, near.reshape(-1), link.reshape(-1)
    for _ in range(n_nodes - 1):
        node = near.argmax(axis=1)
        row = first + node
        tied, before = nearest[row] > 0, links[row]
        below[row] = below[first + before] * tied[:, None]
        below[row, node], own[row] = tied, pair[row, before]
        there = between[row]
        nearer = (there > near) & (near >= 0)
        np.copyto(near, there, where=nearer)
        np.copyto(link, node[:, None], where=nearer)
        nearest[row] = -1.0
    below = below.reshape(*shape, n_nodes)
    return Forests(below, below[:, winner] - below[:, loser], own.reshape(shape))


def _table(winner, loser, n_nodes, weight):
    """``(n_fits, n_nodes, n_nodes)`` the weight of the heaviest pair of any two nodes, and which it is."""
    low, high = np.minimum(winner, loser), np.maximum(winner, loser)
    between = np.zeros((len(weight), n_nodes, n_nodes))
    pair = np.zeros(between.shape, dtype=np.int64)
    if len(np.unique(low * n_nodes + high)) == len(low):
        rows, order = slice(None), np.arange(len(low))
    else:
        rows, order = np.arange(len(weight))[:, None], np.argsort(weight, axis=1, kind="stable")
        low, high, weight = low[order], high[order], np.take_along_axis(weight, order, 1)
    for ends in ((low, high), (high, low)):
        between[rows, *ends], pair[rows, *ends] = weight, order  # the last, the heaviest
    return between, pair
