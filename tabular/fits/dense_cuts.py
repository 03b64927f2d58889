r"""The equations of :mod:`tabular.fits.tree_cuts` for small blocks of one size: a dense matrix each, kept by pivots.

Rows of the cut matrix N are the cuts of the tree, columns the compared pairs, entries 0 and :math:`\pm1`; a matrix D
with the same rows says how each node moves with a cut's difference, so that the column of a pair is the difference of
those of its nodes in D. A pair e that has become heavier than a tree edge t on its path takes that edge's place:

.. math:: N_t\to N_{te}N_t,\qquad N_i\to N_i-N_{ie}N_{te}N_t\quad(i\ne t),

and so does D, as :math:`x_e=\sum_iN_{ie}x_i`. Such a pivot makes the product of the tree's curvatures larger by a
factor of e^2 at least: no tree comes twice, so they end. From step to step few are needed, and blocks that are done are
dropped by leaving out their rows: nothing is searched or walked again.
"""

import math
from copy import copy

import numpy as np

from tabular.base import tolerances
from tabular.fits import spanning
from tabular.fits.cut_equations import HEAVIER, LONG, MOST, SEVERAL, Equations
from tabular.fits.pair_graph import PairGraph

__all__ = ["LARGEST", "DenseCuts"]

LARGEST = 32  # nodes: blocks up to this size are small matrices
_EPS, _LEAST = np.finfo(float).eps, np.finfo(float).min


class DenseCuts(Equations):
    """Newton's step in cuts: arrays ``(n_blocks, n_cuts, n_pairs)``, pairs that a block lacks being of no weight.

    Attributes:
        there: the numbers of the pairs that are compared; blocks lack the others.
        ends: ``(2, n_blocks, n_pairs)`` the lower and the higher node of each pair, inside its block.
        crosses, moves: N and D; basis: ``(n_blocks, n_cuts)`` the pair whose cut each row is.
    """

    def __init__(self, edges):
        graph, n_blocks = PairGraph.of(edges.n_nodes, edges.winner, edges.loser), len(edges.start)
        size = edges.n_nodes // n_blocks
        block = graph.low // size
        place = np.arange(len(block)) - np.searchsorted(block, np.arange(n_blocks))[block]
        self.shape = n_blocks, int(place.max()) + 1
        self.ends = np.zeros((2, *self.shape), dtype=np.int64)
        self.ends[:, block, place] = graph.low % size, graph.high % size
        super().__init__(edges, (block * self.shape[1] + place)[graph.pair])
        self.crosses = self.moves = self.basis = None

    def take(self, blocks):
        """The equations of some of the blocks, listed in order."""
        other, kept = copy(self), np.isin(self.pair // self.shape[1], blocks)
        other.shape = len(blocks), self.shape[1]
        other.ends, other.sign = self.ends[:, blocks], self.sign[kept]
        block, place = np.divmod(self.pair[kept], self.shape[1])
        other._joined(np.searchsorted(blocks, block) * self.shape[1] + place)
        if self.moves is not None:
            other.crosses, other.moves, other.basis = self.crosses[blocks], self.moves[blocks], self.basis[blocks]
        other._weigh(self.edges.take(blocks))
        return other

    def _joined(self, pair):
        super()._joined(pair)
        self.there = pair[self.by_pair[self.first_of_pair]]

    def direction(self, s):
        """Newton's step, the step to take, the blocks where it is of several nats, and what rounding blurs of it."""
        edges = self.edges
        h = edges.margin(s)
        above = np.log1p(np.exp(-np.abs(h)))
        log_small = edges.log_weight - np.abs(h) - above
        log_c = np.full(self.shape, -np.inf)
        log_c.ravel()[self.there] = np.logaddexp.reduceat((log_small - above)[self.by_pair], self.first_of_pair)
        signed, log_cut = self._shares(log_c)
        way = np.where(h < 0, -self.sign, self.sign)  # an inverted edge pushes by so little less than its whole weight
        push = way * np.exp(log_small - np.maximum(log_c.ravel()[self.pair], _LEAST))
        r = _across(signed, self._summed(push))
        level, rows = s.reshape(-1, self.size), np.arange(self.shape[0])[:, None]
        size, (low, high) = np.abs(level) + self.tilt[:, None], self.ends[:, rows, self.basis]
        blurred = 4 * _EPS * (1 + np.maximum(size[rows, low], size[rows, high])) * np.abs(signed).sum(axis=2)
        whole, log_unit = np.zeros((2, *r.shape))
        if (h < 0).any():
            whole, log_unit, inexact = self._whole_weights(np.flatnonzero(h < 0), log_cut)
            over = np.exp(np.minimum(log_unit - log_cut, MOST))
            r, blurred = r + whole * over, blurred + inexact * over
        b = signed @ self.crosses.swapaxes(1, 2)
        x = np.linalg.solve(b, r[:, :, None])[:, :, 0]
        newton = step = _across(self.moves.swapaxes(1, 2), x).ravel()
        longest = np.abs(x).max(axis=1)
        several, long = longest > SEVERAL, np.flatnonzero(longest > LONG)
        if long.size:
            kin = self._log_kin(long, r, signed, log_cut, log_small, way, push, np.exp(-above), whole, log_unit)
            far = self.widest[long, None] + np.abs(level[rows, low] - level[rows, high])[long]  # none has further to go
            far = np.where(np.abs(x[long]) > SEVERAL, np.minimum(np.abs(r[long]), far), far)
            x[long] = np.linalg.solve(b[long], np.clip(kin, -far, far)[:, :, None])[:, :, 0]
            step = _across(self.moves.swapaxes(1, 2), x).ravel()
        coarse = _EPS * size.max(axis=1) >= LONG  # the levels themselves are rounded by so much
        return newton, step, several, np.where(coarse, np.inf, blurred.sum(axis=1))

    def _summed(self, per_edge):
        """``(n_blocks, n_pairs)``."""
        return np.bincount(self.pair, per_edge, math.prod(self.shape)).reshape(self.shape)

    def _shares(self, log_c):
        """``N_te c_e/c_t`` of each pair and cut, and ``log c_t``: heavier pairs take the places of tree edges."""
        if self.moves is None:
            self._rooted(log_c)
        log_cut = np.take_along_axis(log_c, self.basis, 1)
        signed = self._over(slice(None), log_c, log_cut)
        share = np.abs(signed)
        moving = np.flatnonzero(share.max(axis=(1, 2)) > math.exp(HEAVIER))
        if moving.size:  # weighted equations may share these arrays
            self.crosses, self.moves, self.basis = self.crosses.copy(), self.moves.copy(), self.basis.copy()
            share = share[moving]
        while moving.size:
            cut, pair = np.divmod(share.reshape(len(moving), -1).argmax(axis=1), self.shape[1])
            self._pivot(moving, cut, pair)
            log_cut[moving, cut] = log_c[moving, pair]
            signed[moving] = part = self._over(moving, log_c[moving], log_cut[moving])
            share = np.abs(part)
            again = share.max(axis=(1, 2)) > math.exp(HEAVIER)
            moving, share = moving[again], share[again]
        return signed, log_cut

    def _over(self, blocks, log_c, log_cut):
        """The same of the trees as they are."""
        top, crosses = log_c.max(axis=1, keepdims=True), self.crosses[blocks]
        signed = crosses * np.exp(log_c - top)[:, None]
        signed *= np.exp(np.minimum(top - log_cut, MOST))[:, :, None]
        beyond = np.nonzero(top - log_cut > MOST)  # the floats
        if beyond[0].size:
            with np.errstate(invalid="ignore"):
                share = crosses[beyond] * np.exp(np.minimum(log_c[beyond[0]] - log_cut[beyond][:, None], MOST))
            signed[beyond] = np.where(crosses[beyond] != 0, share, 0.0)
        return signed

    def _pivot(self, blocks, cut, pair):
        """In each of the blocks a pair takes the place of a tree edge."""
        every = np.arange(len(blocks))
        column = self.crosses[blocks, :, pair]
        way = column[every, cut][:, None]
        column[every, cut] = 0.0
        for matrix in (self.crosses, self.moves):
            row = way * matrix[blocks, cut]
            matrix[blocks] -= column[:, :, None] * row[:, None]
            matrix[blocks, cut] = row
        self.basis[blocks, cut] = pair

    def _rooted(self, log_c):
        """Start from a heaviest tree: a row for each node but the root, the cut above it."""
        first = np.arange(self.shape[0])[:, None] * self.size
        low, high = (self.ends + first).reshape(2, -1)[:, self.there]
        n = self.edges.n_nodes
        before, tree = spanning.heaviest_tree(low, high, log_c.ravel()[self.there], n, first[:, 0])
        path = spanning.summed_from_roots(before, np.tile(np.eye(self.size)[:, 1:], (self.shape[0], 1)))
        path = path.reshape(self.shape[0], self.size, -1)
        rows = np.arange(self.shape[0])[:, None]
        across = path[rows, self.ends[0]] - path[rows, self.ends[1]]
        self.moves, self.crosses = (np.ascontiguousarray(of_node.swapaxes(1, 2)) for of_node in (path, across))
        self.basis = (self.there[tree] % self.shape[1]).reshape(self.shape[0], -1)

    def _whole_weights(self, inverted, log_cut):
        """What inverted edges push with their whole weight across each cut, the log of its unit, and its rounding."""
        edges, slot = self.edges, self.pair[inverted]
        log_weight, whole = edges.log_weight[inverted], edges.whole[inverted]
        top = np.full(self.shape, -np.inf)
        np.maximum.at(top.ravel(), slot, log_weight - np.log(np.maximum(whole, 1.0)))
        own, exact = top.ravel()[slot], edges.whole[edges.start, None] > 0
        size = np.where(whole > 0, whole, np.exp(np.minimum(log_weight - own, 0.0)))
        terms, gross = np.bincount(slot, self.sign[inverted] * size, top.size), np.bincount(slot, size, top.size)
        terms, gross, unit = terms.reshape(self.shape), gross.reshape(self.shape), top.max(axis=1, keepdims=True)
        unit = np.where(unit > -np.inf, unit, 0.0)
        top = np.where(exact, unit, top)  # whole ones: of one unit to the last bit, or they do not cancel
        if own.max() - own.min() <= MOST / 2:
            scale, unit = np.exp(top - unit), np.broadcast_to(unit, log_cut.shape)
            terms, gross = terms * scale, _across(np.abs(self.crosses), gross * scale)
            total, terms = _across(self.crosses, terms), terms[:, None]
        else:  # weights too far apart for one unit
            crossed = self.crosses != 0
            unit = np.where(crossed, top[:, None], -np.inf).max(axis=2)
            unit = np.where(unit > -np.inf, unit, 0.0)
            scale = np.where(crossed, np.exp(np.minimum(top[:, None] - unit[:, :, None], 0.0)), 0.0)
            terms, gross = terms[:, None] * scale, (gross[:, None] * scale).sum(axis=2)
            total = (self.crosses * terms).sum(axis=2)
        terms = np.broadcast_to(terms, self.crosses.shape)
        for b, t in np.argwhere((total != 0) & (np.abs(total) <= tolerances.LOSS * gross)):
            total[b, t] = math.fsum(self.crosses[b, t] * terms[b, t])
        return total, unit, 4 * _EPS * np.where(exact, 0.0, gross)

    def _log_kin(self, blocks, r, signed, log_cut, log_small, way, push, bend, whole, log_unit):
        r"""r of some blocks with :math:`\log(p_+/p_-)/(c_+/p_++c_-/p_-)` in the place of :math:`(p_+-p_-)/(c_++c_-)`.

        What whole weights of inverted edges leave of one another is a constant, of a unit's log; what these edges
        lack pushes the other way, and grows as they are put right.
        """
        r, signed, log_cut, whole, log_unit = (part[blocks] for part in (r, signed, log_cut, whole, log_unit))
        up, down = np.maximum(push, 0.0), np.maximum(-push, 0.0)
        each = np.stack([self._summed(part)[blocks] for part in (up, down, up * bend, down * bend)], axis=2)
        along = np.maximum(signed, 0.0)
        across = np.moveaxis(along @ each + (along - signed) @ each[:, :, [1, 0, 3, 2]], 2, 0)
        there, log_push = across > 0, np.full(across.shape, -np.inf)
        np.log(across, out=log_push, where=there)
        if not there.all() and log_small.min() - log_cut.max() < -MOST:
            # what underflows is of exponential tails: the largest counts, curvatures are pushes
            rows = np.nonzero(~there.all(axis=0))
            largest = np.tile(self._log_largest(blocks[rows[0]], rows[1], log_small, way) - log_cut[rows], (2, 1))
            log_push[:, *rows] = np.where(there[:, *rows], log_push[:, *rows], largest)
        log_push, log_bend = np.split(log_push, 2)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            constant = np.log(np.abs(whole)) + log_unit - log_cut
            log_push = np.logaddexp(log_push, np.where([whole > 0, whole < 0], constant, -np.inf))
            gap = log_push[0] - log_push[1]
            kin = gap / np.exp(log_bend - log_push).sum(axis=0) * across[2:].sum(axis=0)
        return np.where((np.abs(gap) > tolerances.NEWTON_STEP) & np.isfinite(kin), kin, r)

    def _log_largest(self, block, cut, log_small, way):
        """``(2, n)`` log of the largest push either way across some cuts."""
        crosses, log_push = self.crosses[block, cut], np.full((2, math.prod(self.shape)), -np.inf)
        np.maximum.at(log_push, ((way < 0).astype(int), self.pair), log_small)
        up, down = log_push.reshape(2, *self.shape)[:, block]
        ways = (up, down), (down, up)
        return np.array([np.where(crosses > 0, a, np.where(crosses < 0, b, -np.inf)).max(axis=1) for a, b in ways])


def _across(matrix, vector):
    """Each block's matrix times its vector."""
    return np.matmul(matrix, vector[:, :, None])[:, :, 0]
