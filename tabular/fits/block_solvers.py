r"""Solvers for the blocks of a Bradley-Terry fit, from closed form to a million edges.

Newton's step d on a block is shortened by the factor :math:`t=\log(1+R)/R`, with R the largest :math:`|d_w-d_l|`
over its edges. It always descends: :math:`\varphi(t)=f(s+td)` has :math:`|\varphi'''|\le R\varphi''` (as
:math:`|\sigma''|\le\sigma'`), so :math:`\varphi'(t)\le\varphi''(0)\,[(e^{Rt}-1)/R-1]`, negative before that t
(Bach 2010, Prop. 1). Near the optimum t tends to 1 and convergence is quadratic.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from tabular.base import tolerances
from tabular.base.log_space import softplus
from tabular.base.stops import Stalls
from tabular.fits import laplacian, spanning, tree_cuts

__all__ = ["CUT", "DENSE", "EVEN", "LOOSE", "SMALL", "SOLVERS", "STEEP", "Edges", "imbalance"]

SMALL = 32  # blocks up to this size are solved as one dense batch
CUT = 3000  # blocks with steep weights up to this size too, in cuts: exact over any range, at most cubic in the size
LOOSE = 100  # labels beyond the nodes up to which a block of any size is: a cycle, or nearly one
DENSE = 400  # least squares and rankings of blocks up to this size are solved densely: exact, but cubic in the size
EVEN = np.log(1e4)  # weights within this ratio leave 10 good digits after any stable elimination
STEEP = -np.log(np.finfo(float).eps)  # nats of weights and offsets beyond which rounding hides a label's curvature
_CURVED = 15.0  # nats: sigma(h) sigma(-h) is 3e-7 there, and as much of a label's curvature is left


@dataclass(frozen=True, eq=False)
class Edges:
    """Labels inside blocks of one kind: ``n_nodes`` local nodes, those of a block together.

    An edge of offset ``inf`` pushes with its whole weight wherever its ends are: its loss is a straight line.
    """

    n_nodes: int
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    offset: np.ndarray
    start: np.ndarray  # first edge of each block; edges are sorted by block
    block: np.ndarray  # of each node
    guess: np.ndarray | None = None  # where a fit may begin, for each node
    whole: np.ndarray | None = None  # weights as whole numbers, see :mod:`tabular.fits.tree_cuts`

    def take(self, blocks):
        """The edges of some of the blocks, which are of one size."""
        size = self.n_nodes // len(self.start)
        length = np.diff(np.r_[self.start, len(self.winner)])[blocks]
        start = np.cumsum(length) - length
        kept = np.repeat(self.start[blocks] - start, length) + np.arange(length.sum())
        moved = np.repeat((np.arange(len(blocks)) - blocks) * size, length)
        columns = self.log_weight[kept], self.offset[kept], start, np.repeat(np.arange(len(blocks)), size)
        whole = None if self.whole is None else self.whole[kept]
        ends = self.winner[kept] + moved, self.loser[kept] + moved
        return Edges(len(blocks) * size, *ends, *columns, whole=whole)

    def margin(self, s):
        return s[self.winner] - s[self.loser] - self.offset

    def tilt(self):
        """``(n_blocks,)``: the largest finite offset of each block, either way."""
        return np.maximum.reduceat(np.where(np.isfinite(self.offset), np.abs(self.offset), 0.0), self.start)

    def log_push(self, s):
        """Log of weight x sigma(-margin), what each edge adds to the score of its winner."""
        return self.log_weight + log_expit(-self.margin(s))

    def losses(self, s):
        """``(n_blocks,)``: the loss of each block, relative to its heaviest edge."""
        cost = np.exp(self.log_weight - np.repeat(*_block_top(self))) * softplus(-self.margin(s))
        return np.add.reduceat(cost, self.start)

    def reach(self, d):
        """The largest change of an edge's margin, for each block."""
        return np.maximum.reduceat(np.abs(d[self.winner] - d[self.loser]), self.start)


def _pairs(edges):
    r"""Two nodes, one edge each way, in closed form.

    With :math:`x=e^{s_0-s_1}` the score equation :math:`n_0/(1+xe^{-o_0})=n_1/(1+e^{-o_1}/x)` is the quadratic
    :math:`n_1e^{-o_0}x^2-(n_0-n_1)x-n_0e^{-o_1}=0`; the root is taken without subtraction.
    """
    up = edges.winner < edges.loser
    whole = edges.whole  # where there are such, their difference is exact
    log_weight = np.where(whole > 0, np.log(np.maximum(whole, 1.0)), edges.log_weight)
    apart = np.where(whole[up] > 0, np.abs(whole[up] - whole[~up]), np.nan)
    gap = _gap(log_weight[up], log_weight[~up], edges.offset[up], edges.offset[~up], apart)
    return np.column_stack([gap / 2, -gap / 2]).ravel()


def _gap(a, b, o_a, o_b, apart=np.nan):
    """s_0 - s_1 from the log-weights and offsets of the edges 0 -> 1 and 1 -> 0, and where known |n_0 - n_1| itself."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    with np.errstate(divide="ignore"):
        difference = np.where(np.isnan(apart), high + np.log(-np.expm1(low - high)), np.log(apart))
    root = np.logaddexp(2 * difference, np.log(4) + a + b - o_a - o_b) / 2
    total = np.logaddexp(difference, root) - np.log(2)
    gap = np.where(a >= b, total - b + o_a, a - o_b - total)
    return np.where((o_a == 0) & (o_b == 0), a - b, gap)


def _descend(edges, direction, s):
    """Damped Newton, all blocks at once, until no margin of a block moves by more than the tolerance.

    Every step lowers the loss of every block, however light. Where it no longer does, rounding rules.
    """
    stalls, settled = Stalls(len(edges.start)), False
    while not settled:
        d = direction(s)
        reach = edges.reach(d)
        lost = ~(reach < np.inf)  # only where a sparse block's weights leave the floats
        if lost.any():
            reach, d = np.where(lost, 0.0, reach), np.where(lost[edges.block], 0.0, d)
        damping = np.where(reach > 0, np.log1p(reach) / np.where(reach > 0, reach, 1), 1)
        s = s + damping[edges.block] * d
        ended = lost | (reach <= tolerances.NEWTON_STEP)
        settled = bool(ended.all() or (ended | stalls.after(edges.losses(s))).all())
    return s


def _even(edges):
    """Newton on dense batches, by LAPACK."""
    shape, at = _square(edges)
    weight = np.exp(edges.log_weight - np.repeat(*_block_top(edges)))

    def direction(s):
        h = edges.margin(s)
        push = weight * expit(-h)
        curvature = _summed(at, push * expit(h), shape)
        return laplacian.solve_even(curvature + curvature.swapaxes(1, 2), _summed(at, push, shape)).ravel()

    return _descend(edges, direction, _kept(edges))


def _kept(edges):
    """The guess of each block where every label is curved enough to be solved for; 0 elsewhere."""
    if edges.guess is None:
        return np.zeros(edges.n_nodes)
    return np.where((edges.reach(edges.guess) <= _CURVED)[edges.block], edges.guess, 0.0)


def _cut(edges):
    """In cuts, by default from a spanning tree: exact for consistent labels over any range."""
    if edges.guess is None:
        return tree_cuts.cut_fit(edges, spanning.tree_fit(edges, _gap))
    return tree_cuts.cut_fit(edges, edges.guess, similar=True)


def _sparse(edges):
    """Newton by conjugate gradients; by sparse factors where the graph is nearly a tree and gradients would crawl.

    Where weights are far apart, or the graph is nearly a tree, it starts from a spanning tree of the pairs labelled
    both ways: exact for trees and for consistent labels, over any range. What such a start leaves is worked on in
    floats: a contradictory block of this size whose weights are further apart than floats reach may stay unbalanced,
    and the residual says so.
    """
    graph = laplacian.Sparse(edges.n_nodes, edges.winner, edges.loser, edges.block)
    if graph.tree_like or np.ptp(edges.log_weight) > EVEN:
        s = spanning.tree_fit(edges, _gap, graph.pairs)
        if len(edges.winner) == 2 * len(graph.pairs.low) == 2 * (edges.n_nodes - len(edges.start)):
            return s  # a label each way on every edge of a tree: nothing is left out
        h = edges.margin(s)
        if imbalance(edges.n_nodes, edges.winner, edges.loser, edges.log_weight, h).max() <= tolerances.BALANCED:
            return s
    else:
        weight = np.exp(edges.log_weight - edges.log_weight.max())
        won, lost = (np.bincount(end, weight, edges.n_nodes) for end in (edges.winner, edges.loser))
        s = np.log(won / lost)  # the fit against average opponents: a third fewer steps than from 0
    weight = np.exp(edges.log_weight - np.repeat(*_block_top(edges)))

    def direction(s):
        h = edges.margin(s)
        push = weight * expit(-h)
        with np.errstate(over="ignore", invalid="ignore"):
            return graph.solve(push * expit(h), push)

    return _descend(edges, direction, s)


def _tried(edges):
    """By gradients; in cuts the blocks that rounding leaves out of balance."""
    s = _sparse(edges)
    left = imbalance(edges.n_nodes, edges.winner, edges.loser, edges.log_weight, edges.margin(s))
    blocks = np.unique(edges.block[~(left <= tolerances.BALANCED)])
    if blocks.size:
        rows = s.reshape(len(edges.start), -1)
        rows[blocks] = _cut(edges.take(blocks)).reshape(len(blocks), -1)
    return s


def imbalance(n_nodes, winner, loser, log_weight, h, whole=None):
    """Each node's net push over its curvature: the Newton step, in nats, that it alone would take; 0 without edges.

    An inverted edge pushes with its whole weight but for a little, and these are summed on their own: where they have
    to cancel to far below their rounding, that rounding counts as imbalance unless they are ``whole`` numbers.
    """
    size = np.abs(h)
    above = np.log1p(np.exp(-size))
    log_small = log_weight - size - above
    log_c = log_small - above
    top = _largest(n_nodes, winner, loser, log_c)
    inverted = h < 0
    sign = np.where(inverted, -1.0, 1.0)
    net, curvature = np.zeros(n_nodes), np.zeros(n_nodes)
    for end, way in ((winner, 1.0), (loser, -1.0)):
        net += way * np.bincount(end, sign * np.exp(log_small - top[end]), n_nodes)
        curvature += np.bincount(end, np.exp(log_c - top[end]), n_nodes)
    step = np.abs(net)
    if inverted.any():
        log_weight, whole = log_weight[inverted], np.zeros(inverted.sum()) if whole is None else whole[inverted]
        ends = winner[inverted], loser[inverted]
        above = _largest(n_nodes, *ends, log_weight - np.log(np.maximum(whole, 1.0)))
        full, inexact = np.zeros(n_nodes), np.zeros(n_nodes)
        for end, way in zip(ends, (1.0, -1.0), strict=True):
            term = np.where(whole > 0, whole, np.exp(log_weight - above[end]))
            full += way * np.bincount(end, term, n_nodes)
            inexact += np.bincount(end, np.where(whole > 0, 0.0, term), n_nodes)
        over = np.exp(np.minimum(above - top, 600.0))
        step = np.abs(net + full * over) + np.finfo(float).eps * inexact * over
    return step / np.where(curvature > 0, curvature, 1.0)


def _largest(n_nodes, winner, loser, log_values):
    """Of the edges at each node; 0 without edges."""
    top = np.full(n_nodes, -np.inf)
    np.maximum.at(top, winner, log_values)
    np.maximum.at(top, loser, log_values)
    return np.where(top > -np.inf, top, 0.0)


SOLVERS = (_pairs, _even, _cut, _sparse, _tried)


def _block_top(edges):
    lengths = np.diff(np.r_[edges.start, len(edges.winner)])
    return np.maximum.reduceat(edges.log_weight, edges.start), lengths


def _square(edges):
    """Shape (blocks, size, size) of the dense batch, and the flat place of each edge in it."""
    n_blocks = len(edges.start)
    size = edges.n_nodes // n_blocks
    return (n_blocks, size, size), edges.winner * size + edges.loser % size


def _summed(at, values, shape):
    return np.bincount(at, values, math.prod(shape)).reshape(shape)
