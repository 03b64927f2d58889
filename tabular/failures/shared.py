"""Labels among which many pairs are held: one factorisation of a fit serves them all.

A pair held inside its strongly connected block changes the fit of that block alone: contracting the two joins no other
blocks. A pair across blocks joins all that lie between: such pairs share the factors of their whole piece. Where blocks
are small, or weights far apart, pairs are fitted each on a copy of its own (:mod:`tabular.failures.ties`), as are those
whose fit here does not pass its own check: they begin where it ended.
"""

from functools import cached_property

import numpy as np
from scipy.sparse.csgraph import shortest_path

from tabular.base import digraph
from tabular.fits.many import LARGEST, LEVEL, Block, Fits

__all__ = ["Shared", "SharedBlock", "SharedPiece"]

_MANY = 40  # labels of a block, and pairs asked about in it, that are worth its factors
_NEAR = 2.0  # nats: a fit no node of which would go further by itself is worth beginning at: soft groups crawl so
_ENTRIES = 4_000_000  # of strengths that are kept
_SEVERAL = 8  # pairs across blocks that are worth those of their piece


class Shared:
    """Where the pairs of some pieces can be held together.

    Attributes:
        blocks: those of many labels; number: ``(n_nodes,)`` which of them each node is in, -1 for none; place: where.
    """

    def __init__(self, pieces):
        self.pieces, graph, size = pieces, pieces.graph, len(pieces.graph.component)
        inner = np.flatnonzero(pieces.block[graph.winner] == pieces.block[graph.loser])
        end = graph.winner[inner]
        alike = _alike(graph.component[end] * np.int64(size) + pieces.block[end])  # blocks are numbered below size
        many = [inner[edges] for edges in alike if len(edges) >= _MANY]
        self.number, self.place = np.full(size, -1), np.zeros(size, dtype=np.int64)
        self.blocks, self.whole = [], {}
        for number, labels in enumerate(many):
            nodes = np.unique(np.r_[graph.winner[labels], graph.loser[labels]])
            self.number[nodes], self.place[nodes] = number, np.arange(len(nodes))
            self.blocks.append(SharedBlock(pieces, labels, nodes, self.place))

    def only(self, piece):
        """The block that all labels inside blocks of a piece are in, or ``None``."""
        graph, block = self.pieces.graph, self.pieces.block
        labels = graph.labels_of.gather(np.array([piece]))[0]
        labels = labels[block[graph.winner[labels]] == block[graph.loser[labels]]]
        number = np.unique(self.number[graph.winner[labels]])
        return self.blocks[number[0]] if len(number) == 1 and number[0] >= 0 else None

    def learn(self, others):
        """Take over what others know of blocks of the same labels: their factors, and the fits that they remember.

        Of pairs across blocks, where a whole piece is part of one here, the strengths that it remembers are near.
        """
        if self is others:
            return
        for block in self.blocks:
            for other in others.blocks:
                if "fit" in vars(other) and np.array_equal(block.labels, other.labels):
                    block.fit, block.known = other.fit, other.known
        for other in others.whole.values():
            if other is not None and other.known[0].size:
                node = others.pieces.graph.response[other.nodes]
                mine = self._piece(int(self.pieces.graph.component[node[0]]))
                if mine is not None:
                    mine.begin_at(other.known, mine.place[node])

    def groups(self, pairs):
        """Positions in a list of pairs, and the labels among which all of these are held."""
        winner, loser = self.pieces.winner[pairs], self.pieces.loser[pairs]
        inside = (winner >= 0) & (self.number[winner] == self.number[loser])
        number = np.where(inside, self.number[winner], -1)
        for index in _alike(number):
            if len(index) >= _MANY and number[index[0]] >= 0 and self.blocks[number[index[0]]].fit.even:
                yield index, self.blocks[number[index[0]]]
        across = (winner >= 0) & (self.pieces.block[winner] != self.pieces.block[loser])
        piece = np.where(across, self.pieces.graph.component[winner], -1)
        for index in _alike(piece):
            if len(index) >= _SEVERAL and piece[index[0]] >= 0:
                block = self._piece(int(piece[index[0]]))
                if block is not None and block.fit.even:
                    yield index, block

    def _piece(self, piece):
        """The whole of a piece, or ``None``: where blocks are small, so is what a pair across them joins."""
        graph = self.pieces.graph
        if piece not in self.whole:
            labels, nodes = (groups.gather(np.array([piece]))[0] for groups in (graph.labels_of, graph.nodes_of))
            inner = self.pieces.block[graph.winner[labels]] == self.pieces.block[graph.loser[labels]]
            worth = inner.sum() >= max(_MANY, len(labels) / 2) and len(nodes) <= LARGEST
            self.whole[piece] = SharedPiece(self.pieces, labels, nodes, graph.place) if worth else None
        return self.whole[piece]


def _alike(number):
    """Positions of equal numbers together."""
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []


class SharedBlock:
    """One block: its labels, nodes and piece, and what it costs."""

    joins = False

    def __init__(self, pieces, labels, nodes, place):
        self.pieces, self.labels, self.nodes, self.place = pieces, labels, nodes, place
        self.piece = int(pieces.graph.component[nodes[0]])
        self.known = np.empty(0, dtype=np.int64), np.empty(0), np.empty((len(nodes), 0))

    @cached_property
    def fit(self) -> Block:
        """The block where its loss is least."""
        graph, labels, strength = self.pieces.graph, self.labels, self.pieces.strength
        weight, ends = np.exp(graph.log_share[labels]), (graph.winner[labels], graph.loser[labels])
        inner = self.pieces.block[ends[0]] == self.pieces.block[ends[1]]
        places = (self.place[end] for end in ends)
        return Block(*places, weight, graph.offset[labels], strength[self.nodes], inner)

    def ends(self, pairs):
        """The places of the two responses of each pair."""
        return self.place[self.pieces.winner[pairs]], self.place[self.pieces.loser[pairs]]

    def shift(self, pairs):
        """What beta delta is above the difference of strengths, for each pair."""
        graph = self.pieces.graph
        log_ref = graph.log_ref
        return graph.problem.beta * (log_ref[self.pieces.winner[pairs]] - log_ref[self.pieces.loser[pairs]])

    def joined(self, pairs):
        """``(n_nodes, n_pairs)`` mask of the nodes of the blocks that holding a pair makes one; ``None``: all are."""

    def attained(self, pairs):
        """Whether a policy has the least loss of the piece with a pair held."""
        return self.pieces.attained[np.full(len(pairs), self.piece)]

    def held(self, pairs, delta, start=None, spare=0.0, alone=True, near=1.0) -> Fits:
        """The fits with each pair held at a delta; strengths that may be near save time.

        ``spare`` is the loss that may be left to fall for each (:meth:`tabular.fits.many.Block.held`); those that fail
        their check are fitted ``alone`` where that is wanted. ``near`` is how long a step may be needed, in nats.
        """
        difference = self.pieces.graph.problem.beta * delta - self.shift(pairs)
        spare = np.broadcast_to(spare, pairs.shape)
        fits = self.fit.held(*self.ends(pairs), difference, start, self.joined(pairs), spare, near)
        told = fits.fitted | (fits.told & (spare > 0)) | (spare > LEVEL)
        alone = np.flatnonzero(~told & alone)
        for batch in self.pieces.batches(pairs[alone]):
            self._refit(fits, alone[batch], pairs[alone[batch]], delta[alone[batch]])
        return fits

    def remember(self, pairs, delta, strength):
        """Strengths of fits that may be asked for again; those of one call, where they are not too many."""
        if strength.size <= _ENTRIES:
            order = np.argsort(pairs, kind="stable")
            self.known = pairs[order], delta[order], strength[:, order]

    def begin_at(self, known, place):
        """Remember strengths that are known at some places; the others are where they are with nothing held."""
        new = ~np.isin(known[0], self.known[0])
        pairs, delta, strength = known[0][new], known[1][new], known[2][:, new]
        near = np.repeat(self.pieces.strength[self.nodes][:, None], len(pairs), axis=1)
        near[place] = strength
        self.remember(np.r_[self.known[0], pairs], np.r_[self.known[1], delta], np.hstack([self.known[2], near]))

    def strengths(self, pairs, delta):
        """``(n_nodes, n_pairs)`` of the fits with each pair held at a delta."""
        known, at, strength = self.known
        found, place = np.empty((len(self.nodes), len(pairs))), np.searchsorted(known, pairs)
        same = place < len(known)
        same[same] = (known[place[same]] == pairs[same]) & (at[place[same]] == delta[same])
        found[:, same] = strength[:, place[same]]
        if not same.all():
            found[:, ~same] = self.held(pairs[~same], delta[~same]).strength
        return found

    def near(self, pairs, delta):
        """Strengths near the fits with each pair held at a delta."""
        return self.fit.strained(*self.ends(pairs), self.pieces.graph.problem.beta * delta - self.shift(pairs))

    def guess(self, copies, strength):
        """Strengths of copies of the piece, one for each column, and the places in them that the columns tell."""
        inside = np.flatnonzero(np.isin(copies.node, self.nodes))
        at = self.place[copies.node[inside]], copies.node_copy[inside]
        guess = self.pieces.strength[copies.node].copy()
        guess[inside] = strength[at]
        return guess, inside, at

    def _refit(self, fits, columns, pairs, delta):
        """On copies of the piece, from where the fits ended; what comes out replaces them."""
        copies, leader, gap, ends = self.pieces.tied(pairs, delta)
        start = np.where(fits.step[columns] <= _NEAR, fits.strength[:, columns], self.fit.strength[:, None])
        guess, inside, (place, copy) = self.guess(copies, start)
        fit = copies.fit(leader, gap, guess=guess)
        fits.strength[place, columns[copy]] = fit.own_strength[inside]
        fits.cost[columns] = fit.cost - self.pieces.cost[self.piece] + self.fit.cost
        fits.push[columns], fits.fitted[columns], fits.told[columns] = fit.flow_between(*ends), True, True


class SharedPiece(SharedBlock):
    """A whole piece, for pairs across its blocks."""

    joins = True

    @cached_property
    def _reaches(self):
        """Which block each node is in, numbered from 0, and which reach which by wins."""
        graph, labels = self.pieces.graph, self.labels
        number = np.unique(self.pieces.block[self.nodes], return_inverse=True)[1]
        up, down = (number[self.place[end[labels]]] for end in (graph.winner, graph.loser))
        wins = digraph.adjacency(int(number.max()) + 1, up, down)
        return number, np.isfinite(shortest_path(wins, unweighted=True))

    def joined(self, pairs):
        number, reaches = self._reaches
        up, down = (number[place] for place in self.ends(pairs))
        return (reaches[up].T & reaches[:, down])[number]

    def near(self, pairs, delta):
        return np.repeat(self.fit.strength[:, None], len(pairs), axis=1)

    def attained(self, pairs):
        joined, fit = self.joined(pairs), self.fit
        return ((joined[fit.winner] & joined[fit.loser]) | fit.inner).all(axis=0)
