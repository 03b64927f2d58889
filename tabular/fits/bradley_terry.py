r"""Bradley-Terry maximum likelihood on any labelled digraph, with fixed offsets.

.. math:: f(s)=\sum_i n_i\,\mathrm{sp}(-h_i),\qquad h_i=s_{w_i}-s_{l_i}-o_i,\qquad \mathrm{sp}(z)=\log(1+e^z).

Let the blocks be the strongly connected components of the digraph with an edge w -> l for each label.

**Inside a block the minimiser exists and is unique up to a constant.** The f of the block's inner edges is convex and
invariant under constants. Along any other direction u some inner edge has :math:`u_w\ne u_l`; every edge of a block
lies on a cycle, on which the differences sum to 0, so some edge has :math:`u_w<u_l` and f grows without bound:
f is coercive, and strictly convex, on the differences (Zermelo 1929; Ford 1957).

**The infimum is the sum of the blocks' minima.** Every term is positive, so f is at least that; moving the blocks
apart, each above all it beats, sends the terms between blocks to 0.
"""

from dataclasses import replace

import numpy as np

from tabular.base import digraph
from tabular.base.log_space import softplus
from tabular.base.record import Record
from tabular.fits.block_solvers import CUT, EVEN, LOOSE, SMALL, SOLVERS, STEEP, Edges, imbalance
from tabular.fits.parts import centred
from tabular.fits.tree_cuts import whole_weights

__all__ = ["Fit", "fit", "merged"]


class Fit(Record):
    """The minimiser of every block of a labelled digraph.

    Attributes:
        strength: ``(n_nodes,)``, mean 0 over each block; only differences within a block mean anything.
        block: ``(n_nodes,)`` block numbers; every edge between blocks goes from lower to higher.
        rank: ``(n_blocks,)`` length of the longest path of blocks that ends at each; 0 for source blocks.
        block_minimum: ``(n_blocks,)`` of the weighted sum over the block's inner edges.
        residual: the largest Newton step, in nats, that a node alone would still take: the net push of its inner edges
            over their curvature, :math:`|\\sum_in_i\\sigma(-h_i)|/\\sum_in_i\\sigma(h_i)\\sigma(-h_i)`, with what the
            rounding of the weights leaves unknown of it.
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


def fit(n_nodes, winner, loser, log_weight, offset=None, guess=None) -> Fit:
    r"""Minimise :math:`\sum_i e^{\mathtt{log\_weight}_i}\,\mathrm{sp}(-(s_{w_i}-s_{l_i}-o_i))` block by block.

    Args:
        n_nodes: number of nodes; nodes without labels are blocks of their own.
        winner, loser: ``(n_edges,)`` node indices.
        log_weight: ``(n_edges,)``, any range; ``-inf`` drops the edge.
        offset: ``(n_edges,)`` in nats, 0 by default.
        guess: ``(n_nodes,)`` strengths near the fit, such as those of a similar one; it only saves time.

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
    winner, loser, log_weight = winner[inner], loser[inner], log_weight[inner]
    whole = whole_weights(log_weight, block[winner], len(rank))  # of labels as they are: sums of whole numbers are such
    edges = merged(n_nodes, winner, loser, log_weight, offset[inner], whole)
    strength = np.zeros(n_nodes)
    for nodes, group, solve in _groups(block, *edges):
        strength[nodes] = solve(group if guess is None else replace(group, guess=guess[nodes]))
    strength = centred(strength, block)
    return Fit(strength, block, rank, *_checked(strength, block, len(rank), *edges))


def merged(n_nodes, winner, loser, log_weight, offset, whole):
    """Parallel edges of one offset as one edge, sorted by winner and loser."""
    key = winner * n_nodes + loser
    order = np.lexsort((offset, key)) if offset.any() else np.argsort(key, kind="stable")
    key, offset = key[order], offset[order]
    first = np.flatnonzero(np.r_[len(key) > 0, (np.diff(key) != 0) | (np.diff(offset) != 0)])
    total = np.logaddexp.reduceat(log_weight[order], first) if first.size else log_weight
    whole = np.add.reduceat(whole[order], first) if first.size else whole
    return winner[order][first], loser[order][first], total, offset[first], whole


def _groups(block, winner, loser, log_weight, offset, whole):
    """Blocks of one size and kind together: (their nodes, their edges, the solver that suits them)."""
    if not len(winner):
        return
    edge_block = block[winner]
    order = np.argsort(edge_block, kind="stable")
    columns = winner, loser, log_weight, offset, whole, edge_block
    winner, loser, log_weight, offset, whole, edge_block = (a[order] for a in columns)
    start = np.flatnonzero(np.r_[True, np.diff(edge_block) != 0])
    fitted, n_edges = edge_block[start], np.diff(np.r_[start, len(edge_block)])
    size = np.bincount(block)[fitted]
    uneven = np.maximum.reduceat(log_weight, start) - np.minimum.reduceat(log_weight, start)
    kind = _kinds(size, n_edges, uneven, uneven + 2 * np.maximum.reduceat(np.abs(offset), start))
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
            Edges(
                len(nodes),
                place[winner[e]],
                place[loser[e]],
                log_weight[e],
                offset[e],
                np.cumsum(lengths) - lengths,
                np.repeat(np.arange(len(chosen)), size[chosen[0]]),
                whole=whole[e],
            ),
            SOLVERS[kind[chosen[0]]],
        )


def _kinds(size, n_edges, uneven, steep):
    """Which of the solvers suits a block, given the range of its log-weights, and that with its offsets."""
    sparse = ((size > CUT) & (n_edges > size + LOOSE)) | ((size > SMALL) & (steep <= EVEN))
    tried = (size > SMALL) & (n_edges > 2 * size + LOOSE) & (uneven <= EVEN) & (steep <= STEEP)
    dense = np.where(steep <= EVEN, 1, np.where(tried, 4, 2))
    return np.where((size == 2) & (n_edges == 2), 0, np.where(sparse, 3, dense))


def _alike(kind, size):
    """Index arrays of the blocks of one kind and size."""
    order = np.lexsort((size, kind))
    change = (np.diff(kind[order]) != 0) | (np.diff(size[order]) != 0)
    return np.split(order, np.flatnonzero(change) + 1)


def _checked(strength, block, n_blocks, winner, loser, log_weight, offset, whole):
    """Each block's minimum, and the largest step that a node would still take, from the strengths alone."""
    h = strength[winner] - strength[loser] - offset
    cost = np.exp(log_weight) * softplus(-h)
    minimum = np.bincount(block[winner], cost, n_blocks)
    return minimum, float(imbalance(len(strength), winner, loser, log_weight, h, whole).max(initial=0.0))
