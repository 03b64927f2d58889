"""Blocks of labels in which many pairs are held: one factorisation of the block's fit serves them all.

A pair held inside its strongly connected block changes the fit of that block alone: contracting the two joins no other
blocks. Where blocks are small, or weights far apart, pairs are fitted each on a copy of its own
(:mod:`tabular.failures.ties`), as are those whose fit here does not pass its own check.
"""

from functools import cached_property

import numpy as np

from tabular.fits.many import Block, Fits

_MANY = 40  # labels of a block, and pairs asked about in it, that are worth its factors


class Shared:
    """Where the pairs of some pieces can be held together.

    Attributes:
        blocks: those of many labels; number: ``(n_nodes,)`` which of them each node is in, -1 for none; place: where.
    """

    def __init__(self, pieces):
        self.pieces, graph, size = pieces, pieces.graph, len(pieces.graph.component)
        inner = np.flatnonzero(pieces.block[graph.winner] == pieces.block[graph.loser])
        key = graph.component[graph.winner[inner]] * np.int64(2 * size + 1) + pieces.block[graph.winner[inner]]
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        many = [inner[edges] for edges in np.split(order, first[1:]) if len(edges) >= _MANY]
        self.number, self.place = np.full(size, -1), np.zeros(size, dtype=np.int64)
        self.blocks = [SharedBlock(self, labels) for labels in many]
        for number, block in enumerate(self.blocks):
            self.number[block.nodes], self.place[block.nodes] = number, np.arange(len(block.nodes))

    def groups(self, pairs):
        """Positions in a list of pairs, and the block that all of these lie in."""
        winner, loser = self.pieces.winner[pairs], self.pieces.loser[pairs]
        inside = (winner >= 0) & (self.number[winner] == self.number[loser])
        number = np.where(inside, self.number[winner], -1)
        order = np.argsort(number, kind="stable")
        for index in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            if len(index) >= _MANY and number[index[0]] >= 0 and self.blocks[number[index[0]]].fit.even:
                yield index, self.blocks[number[index[0]]]


class SharedBlock:
    """One block: its labels, nodes and piece, and what it costs."""

    def __init__(self, shared, labels):
        self.pieces, self.shared, self.labels = shared.pieces, shared, labels
        graph = self.pieces.graph
        self.nodes = np.unique(np.r_[graph.winner[labels], graph.loser[labels]])
        self.piece = int(graph.component[self.nodes[0]])

    @cached_property
    def fit(self) -> Block:
        """The block where its loss is least."""
        graph, labels = self.pieces.graph, self.labels
        ends = self.shared.place[graph.winner[labels]], self.shared.place[graph.loser[labels]]
        return Block(*ends, np.exp(graph.log_share[labels]), graph.offset[labels], self.pieces.strength[self.nodes])

    def ends(self, pairs):
        """The places of the two responses of each pair."""
        return self.shared.place[self.pieces.winner[pairs]], self.shared.place[self.pieces.loser[pairs]]

    def shift(self, pairs):
        """What beta delta is above the difference of strengths, for each pair."""
        graph = self.pieces.graph
        log_ref = graph.log_ref
        return graph.problem.beta * (log_ref[self.pieces.winner[pairs]] - log_ref[self.pieces.loser[pairs]])

    def held(self, pairs, delta) -> Fits:
        """The block's fits with each pair held at a delta."""
        difference = self.pieces.graph.problem.beta * delta - self.shift(pairs)
        return self.fit.held(*self.ends(pairs), difference)
