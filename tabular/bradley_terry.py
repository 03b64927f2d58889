r"""Bradley-Terry maximum likelihood on any labelled digraph, with fixed offsets.

.. math:: f(s)=\sum_i n_i\,\mathrm{sp}(-h_i),\qquad h_i=s_{w_i}-s_{l_i}-o_i,\qquad \mathrm{sp}(z)=\log(1+e^z).

Let the blocks be the strongly connected components of the digraph with an edge w -> l for each label.

**Inside a block the minimiser exists and is unique up to a constant.** The f of the block's inner edges is convex and
invariant under constants. Along any other direction u some inner edge has :math:`u_w\ne u_l`; every edge of a block
lies on a cycle, on which the differences sum to 0, so some edge has :math:`u_w<u_l` and f grows without bound:
f is coercive, and strictly convex, on the differences (Zermelo 1929; Ford 1957).

**The infimum is the sum of the blocks' minima.** Every term is positive, so f is at least that; moving the blocks
apart, each above all it beats, sends the terms between blocks to 0.

Newton's step d on a block is shortened by the factor :math:`t=\log(1+R)/R`, with R the largest :math:`|d_w-d_l|`
over its edges. It always descends: :math:`\varphi(t)=f(s+td)` has :math:`|\varphi'''|\le R\varphi''` (as
:math:`|\sigma''|\le\sigma'`), so :math:`\varphi'(t)\le\varphi''(0)\,[(e^{Rt}-1)/R-1]`, negative before that t
(Bach 2010, Prop. 1). Near the optimum t tends to 1 and convergence is quadratic.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import expit, log_expit

from tabular import digraph, laplacian, tolerances
from tabular.log_space import softplus

_SMALL = 32  # blocks up to this size are eliminated as one dense batch
_DENSE = 400  # blocks with steep weights up to this size too: exact over any range, but cubic in the size
_EVEN = np.log(1e4)  # weights within this ratio leave 10 good digits after any stable elimination
_FLOAT = 20.0  # nats of range from which the arithmetic is carried in logs


@dataclass(frozen=True, eq=False)
class Fit:
    """The minimiser of every block of a labelled digraph.

    Attributes:
        strength: ``(n_nodes,)``, mean 0 over each block; only differences within a block mean anything.
        block: ``(n_nodes,)`` block numbers; every edge between blocks goes from lower to higher.
        rank: ``(n_blocks,)`` length of the longest path of blocks that ends at each; 0 for source blocks.
        block_minimum: ``(n_blocks,)`` of the weighted sum over the block's inner edges.
        residual: the largest imbalance of a node, \\|out - in\\|/(out + in), where out (in) is the total
            weight x sigma(-h) over the inner edges it wins (loses): the score equations, relative.
    """

    strength: np.ndarray
    block: np.ndarray
    rank: np.ndarray
    block_minimum: np.ndarray
    residual: float

    @property
    def infimum(self) -> float:
        """The infimum of f: the sum of the blocks' minima."""
        return float(self.block_minimum.sum())


@dataclass(frozen=True, eq=False)
class _Edges:
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

    def reach(self, d):
        """The largest change of an edge's margin, for each block."""
        return np.maximum.reduceat(np.abs(d[self.winner] - d[self.loser]), self.start)


def fit(n_nodes, winner, loser, log_weight, offset=None) -> Fit:
    r"""Minimise :math:`\sum_i e^{\mathtt{log\_weight}_i}\,\mathrm{sp}(-(s_{w_i}-s_{l_i}-o_i))` block by block.

    Args:
        n_nodes: number of nodes; nodes without labels are blocks of their own.
        winner, loser: ``(n_edges,)`` node indices.
        log_weight: ``(n_edges,)``, any range; ``-inf`` drops the edge.
        offset: ``(n_edges,)`` in nats, 0 by default.

    Edges between two blocks are left out: they cost 0 in the limit and nothing of them is fitted.

    >>> fitted = fit(3, [0, 1, 2], [1, 0, 0], np.log([3.0, 1.0, 5.0]))  # 0 and 1 in a cycle, 2 beats 0
    >>> fitted.block.tolist(), (fitted.strength[0] - fitted.strength[1]).round(12) == np.log(3).round(12)
    ([1, 1, 0], np.True_)
    """
    winner, loser = np.asarray(winner, dtype=np.int64), np.asarray(loser, dtype=np.int64)
    log_weight = np.asarray(log_weight, dtype=float)
    offset = np.zeros(len(winner)) if offset is None else np.asarray(offset, dtype=float)
    drawn = log_weight > -np.inf
    winner, loser, log_weight, offset = winner[drawn], loser[drawn], log_weight[drawn], offset[drawn]
    block, rank = digraph.ranked_blocks(digraph.adjacency(n_nodes, winner, loser))
    inner = block[winner] == block[loser]
    edges = _merged(n_nodes, winner[inner], loser[inner], log_weight[inner], offset[inner])
    strength = np.zeros(n_nodes)
    for nodes, group, solve in _groups(block, *edges):
        strength[nodes] = solve(group)
    strength = _centred(strength, block)
    return Fit(strength, block, rank, *_checked(strength, block, len(rank), *edges))


def _merged(n_nodes, winner, loser, log_weight, offset):
    """Parallel edges of one offset as one edge, sorted by winner and loser."""
    key = winner * n_nodes + loser
    order = np.lexsort((offset, key)) if offset.any() else np.argsort(key, kind="stable")
    key, offset = key[order], offset[order]
    first = np.flatnonzero(np.r_[len(key) > 0, (np.diff(key) != 0) | (np.diff(offset) != 0)])
    total = np.logaddexp.reduceat(log_weight[order], first) if first.size else log_weight
    return winner[order][first], loser[order][first], total, offset[first]


def _groups(block, winner, loser, log_weight, offset):
    """Blocks of one size and kind together: (their nodes, their edges, the solver that suits them)."""
    if not len(winner):
        return
    edge_block = block[winner]
    order = np.argsort(edge_block, kind="stable")
    winner, loser, log_weight, offset, edge_block = (a[order] for a in (winner, loser, log_weight, offset, edge_block))
    start = np.flatnonzero(np.r_[True, np.diff(edge_block) != 0])
    fitted, n_edges = edge_block[start], np.diff(np.r_[start, len(edge_block)])
    size = np.bincount(block)[fitted]
    steep = np.maximum.reduceat(log_weight, start) - np.minimum.reduceat(log_weight, start)
    steep += 2 * np.maximum.reduceat(np.abs(offset), start)
    kind = _kinds(size, n_edges, steep)
    by_block = np.argsort(block, kind="stable")
    first_node = np.searchsorted(block[by_block], fitted)
    place = np.empty(len(block), dtype=np.int64)
    for chosen in _alike(kind, size):
        nodes = by_block[(first_node[chosen][:, None] + np.arange(size[chosen[0]])).ravel()]
        place[nodes] = np.arange(len(nodes))
        lengths = n_edges[chosen]
        e = np.repeat(start[chosen] - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        yield (
            nodes,
            _Edges(
                len(nodes),
                place[winner[e]],
                place[loser[e]],
                log_weight[e],
                offset[e],
                np.cumsum(lengths) - lengths,
                np.repeat(np.arange(len(chosen)), size[chosen[0]]),
            ),
            _SOLVERS[kind[chosen[0]]],
        )


def _kinds(size, n_edges, steep):
    """Which of the solvers suits a block."""
    dense = np.digitize(steep, [_EVEN, _FLOAT], right=True) + 1
    sparse = (size > _SMALL) & ((steep <= _EVEN) | (size > _DENSE))
    return np.where((size == 2) & (n_edges == 2), 0, np.where(sparse, 4, dense))


def _alike(kind, size):
    """Index arrays of the blocks of one kind and size."""
    order = np.lexsort((size, kind))
    change = (np.diff(kind[order]) != 0) | (np.diff(size[order]) != 0)
    return np.split(order, np.flatnonzero(change) + 1)


def _pairs(edges):
    r"""Two nodes, one edge each way, in closed form.

    With :math:`x=e^{s_0-s_1}` the score equation :math:`n_0/(1+xe^{-o_0})=n_1/(1+e^{-o_1}/x)` is the quadratic
    :math:`n_1e^{-o_0}x^2-(n_0-n_1)x-n_0e^{-o_1}=0`; the root is taken without subtraction.
    """
    up = edges.winner < edges.loser
    a, b, o_a, o_b = edges.log_weight[up], edges.log_weight[~up], edges.offset[up], edges.offset[~up]
    high, low = np.maximum(a, b), np.minimum(a, b)
    with np.errstate(divide="ignore"):
        difference = high + np.log(-np.expm1(low - high))
    root = np.logaddexp(2 * difference, np.log(4) + a + b - o_a - o_b) / 2
    total = np.logaddexp(difference, root) - np.log(2)
    gap = np.where(a >= b, total - b + o_a, a - o_b - total)
    gap = np.where((o_a == 0) & (o_b == 0), a - b, gap)
    return np.column_stack([gap / 2, -gap / 2]).ravel()


def _descend(edges, direction, start):
    """Damped Newton, all blocks at once, until no margin of a block moves by more than the tolerance."""
    s = start
    for _ in range(tolerances.NEWTON_STEPS):
        d = direction(s)
        reach = edges.reach(d)
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
        return solve(curvature + np.swapaxes(curvature, 1, 2), _summed(at, push, shape)).ravel()

    return _descend(edges, direction, np.zeros(edges.n_nodes))


def _dense_log(edges):
    """The same with weights carried as logs, from a start that already has the right orders of magnitude."""
    shape, at = _square(edges)

    def direction(s):
        h = edges.margin(s)
        log_push = edges.log_weight + log_expit(-h)
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
    """Newton by conjugate gradients; by sparse factors where the graph is nearly a tree and gradients would crawl."""
    graph = laplacian.Sparse(edges.n_nodes, edges.winner, edges.loser, edges.block)
    weight = np.exp(edges.log_weight - np.repeat(*_block_top(edges)))

    def direction(s):
        h = edges.margin(s)
        push = weight * expit(-h)
        return graph.solve(push * expit(h), push)

    return _descend(edges, direction, np.zeros(edges.n_nodes))


_SOLVERS = (
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
    return np.bincount(at, values, np.prod(shape)).reshape(shape)


def _log_summed(at, log_values, shape):
    total = np.full(np.prod(shape), -np.inf)
    np.logaddexp.at(total, at, log_values)
    return total.reshape(shape)


def _centred(strength, block):
    return strength - (np.bincount(block, strength) / np.bincount(block))[block]


def _checked(strength, block, n_blocks, winner, loser, log_weight, offset):
    """Each block's minimum, and the largest relative imbalance of a node, from the strengths alone."""
    h = strength[winner] - strength[loser] - offset
    cost = np.exp(log_weight) * softplus(-h)
    minimum = np.bincount(block[winner], cost, n_blocks)
    log_push = log_weight + log_expit(-h)
    top = np.full(len(strength), -np.inf)
    np.maximum.at(top, winner, log_push)
    np.maximum.at(top, loser, log_push)
    fitted = top > -np.inf
    out = np.bincount(winner, np.exp(log_push - top[winner]), len(strength))[fitted]
    back = np.bincount(loser, np.exp(log_push - top[loser]), len(strength))[fitted]
    return minimum, float(np.max(np.abs(out - back) / (out + back), initial=0.0))
