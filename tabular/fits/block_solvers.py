r"""Solvers for the blocks of a Bradley-Terry fit, from closed form to a million edges.

Newton's step d on a block is shortened by the factor :math:`t=\log(1+R)/R`, with R the largest :math:`|d_w-d_l|`
over its edges. It always descends: :math:`\varphi(t)=f(s+td)` has :math:`|\varphi'''|\le R\varphi''` (as
:math:`|\sigma''|\le\sigma'`), so :math:`\varphi'(t)\le\varphi''(0)\,[(e^{Rt}-1)/R-1]`, negative before that t
(Bach 2010, Prop. 1). Near the optimum t tends to 1 and convergence is quadratic.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit, log_expit

from tabular.base import tolerances
from tabular.fits import laplacian, spanning

SMALL = 32  # blocks up to this size are solved as one dense batch
DENSE = 400  # blocks with steep weights up to this size too: exact over any range, but cubic in the size
EVEN = np.log(1e4)  # weights within this ratio leave 10 good digits after any stable elimination
FLOAT = 20.0  # nats of range from which the arithmetic is carried in logs


@dataclass(frozen=True, eq=False)
class Edges:
    """Labels inside blocks of one kind: ``n_nodes`` local nodes, those of a block together."""

    n_nodes: int
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    offset: np.ndarray
    start: np.ndarray  # first edge of each block; edges are sorted by block
    block: np.ndarray  # of each node

    def margin(self, s):
        return s[self.winner] - s[self.loser] - self.offset

    def log_push(self, s):
        """Log of weight x sigma(-margin), what each edge adds to the score of its winner."""
        return self.log_weight + log_expit(-self.margin(s))

    def reach(self, d):
        """The largest change of an edge's margin, for each block."""
        return np.maximum.reduceat(np.abs(d[self.winner] - d[self.loser]), self.start)


def _pairs(edges):
    r"""Two nodes, one edge each way, in closed form.

    With :math:`x=e^{s_0-s_1}` the score equation :math:`n_0/(1+xe^{-o_0})=n_1/(1+e^{-o_1}/x)` is the quadratic
    :math:`n_1e^{-o_0}x^2-(n_0-n_1)x-n_0e^{-o_1}=0`; the root is taken without subtraction.
    """
    up = edges.winner < edges.loser
    gap = _gap(edges.log_weight[up], edges.log_weight[~up], edges.offset[up], edges.offset[~up])
    return np.column_stack([gap / 2, -gap / 2]).ravel()


def _gap(a, b, o_a, o_b):
    """s_0 - s_1 from the log-weights and offsets of the edges 0 -> 1 and 1 -> 0."""
    high, low = np.maximum(a, b), np.minimum(a, b)
    with np.errstate(divide="ignore"):
        difference = high + np.log(-np.expm1(low - high))
    root = np.logaddexp(2 * difference, np.log(4) + a + b - o_a - o_b) / 2
    total = np.logaddexp(difference, root) - np.log(2)
    gap = np.where(a >= b, total - b + o_a, a - o_b - total)
    return np.where((o_a == 0) & (o_b == 0), a - b, gap)


def _descend(edges, direction, s, steps=tolerances.NEWTON_STEPS):
    """Damped Newton, all blocks at once, until no margin of a block moves by more than the tolerance."""
    for _ in range(steps):
        d = direction(s)
        reach = edges.reach(d)
        if not reach.max() < np.inf:  # only where a sparse block's weights leave the floats
            break
        damping = np.where(reach > 0, np.log1p(reach) / np.where(reach > 0, reach, 1), 1)
        s = s + damping[edges.block] * d
        if reach.max() <= tolerances.NEWTON_STEP:
            break
    return s


def _dense(edges, solve):
    """Newton on dense batches with weights carried as floats."""
    shape, at = _square(edges)
    weight = np.exp(edges.log_weight - np.repeat(*_block_top(edges)))

    def direction(s):
        h = edges.margin(s)
        push = weight * expit(-h)
        curvature = _summed(at, push * expit(h), shape)
        return solve(curvature + curvature.swapaxes(1, 2), _summed(at, push, shape)).ravel()

    return _descend(edges, direction, np.zeros(edges.n_nodes))


def _dense_log(edges):
    """The same with weights carried as logs, from a start that already has the right orders of magnitude."""
    shape, at = _square(edges)

    def direction(s):
        h = edges.margin(s)
        log_push = edges.log_push(s)
        curvature = _log_summed(at, log_push + log_expit(h), shape)
        weight = np.logaddexp(curvature, np.swapaxes(curvature, 1, 2))
        return laplacian.solve_dense_log(weight, _log_summed(at, log_push, shape)).ravel()

    return _descend(edges, direction, _spectral(edges, shape, at))


def _spectral(edges, shape, at):
    r"""The fixed-point iteration of Maystre and Grossglauser (2015), far enough for Newton to take over.

    At the optimum :math:`e^s` is the stationary measure of the chain that jumps l -> w at the rate
    :math:`n\,e^o/(e^{s_w}+e^{s_l+o})`. For consistent labels, n proportional to :math:`\sigma(\pm\Delta r)`, one step
    is exact from anywhere.
    """
    s, before = np.zeros(edges.n_nodes), np.inf
    for _ in range(tolerances.SPECTRAL_STEPS):
        ahead, behind = s[edges.winner], s[edges.loser] + edges.offset
        log_rate = edges.log_weight + edges.offset - np.logaddexp(ahead, behind)
        new = laplacian.stationary_log(np.swapaxes(_log_summed(at, log_rate, shape), 1, 2).copy()).ravel()
        move = edges.reach(new - s).max()
        s = new if move < before / 2 else (s + new) / 2  # full steps can go on swinging between two points
        if move <= 1:
            break
        before = move
    return s


def _sparse(edges):
    """Newton by conjugate gradients; by sparse factors where the graph is nearly a tree and gradients would crawl.

    Where weights are far apart, or the graph is nearly a tree, it starts from a spanning tree of the pairs labelled
    both ways: exact for trees and for consistent labels, over any range. What such a start leaves is worked on in
    floats: a contradictory block of this size whose weights are further apart than floats reach may stay unbalanced,
    and the residual says so.
    """
    graph = laplacian.Sparse(edges.n_nodes, edges.winner, edges.loser, edges.block)
    if graph.tree_like or np.ptp(edges.log_weight) > EVEN:
        s = spanning.tree_fit(edges, _gap)
        if imbalance(edges.n_nodes, edges.winner, edges.loser, edges.log_push(s)).max() <= tolerances.BALANCED:
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

    return _descend(edges, direction, s, tolerances.SPARSE_STEPS)


def imbalance(n_nodes, winner, loser, log_push):
    """``|out - in|/(out + in)`` of each node: how far its score equation is from holding, relative; 0 without edges."""
    top = np.full(n_nodes, -np.inf)
    np.maximum.at(top, winner, log_push)
    np.maximum.at(top, loser, log_push)
    out = np.bincount(winner, np.exp(log_push - top[winner]), n_nodes)
    back = np.bincount(loser, np.exp(log_push - top[loser]), n_nodes)
    return np.abs(out - back) / np.maximum(out + back, 1)  # with edges, out + back is at least 1


SOLVERS = (
    _pairs,
    partial(_dense, solve=laplacian.solve_even),
    partial(_dense, solve=laplacian.solve_dense),
    _dense_log,
    _sparse,
)


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


def _log_summed(at, log_values, shape):
    total = np.full(math.prod(shape), -np.inf)
    np.logaddexp.at(total, at, log_values)
    return total.reshape(shape)
