"""What the two ways to write Newton's step in cuts share: the compared pairs of edges, and when steps are long."""

from copy import copy

import numpy as np

__all__ = ["HEAVIER", "LONG", "MOST", "SEVERAL", "Equations"]

HEAVIER = 2.0  # nats: a tree by so much lighter than the heaviest serves as well
LONG = 0.5  # nats: steps from which cuts are balanced in logs
SEVERAL = 1.5  # nats: steps from which that may only shorten them
MOST = 600.0  # e^600 is a float, and so are sums of many


class Equations:
    """Edges inside blocks of one size, those of one pair together; what does not depend on strengths is prepared once.

    Attributes:
        pair: ``(n_edges,)`` the number of each edge's pair; sign: 1 where the pair's lower node wins, else -1.
        by_pair, first_of_pair: the edges in the order of their pairs, and where in it each pair begins.
        size: nodes of each block; tilt: ``(n_blocks,)`` the largest finite offset of each.
        widest: ``(n_blocks,)``: neighbouring levels of the optimum are no further apart.
    """

    def __init__(self, edges, pair):
        self.sign, self.size = np.where(edges.winner < edges.loser, 1.0, -1.0), edges.n_nodes // len(edges.start)
        self._joined(pair)
        self._weigh(edges)

    def weighted(self, edges):
        """The equations of the same edges with other weights and offsets."""
        other = copy(self)
        other._weigh(edges)
        return other

    def _joined(self, pair):
        self.pair, self.by_pair = pair, np.argsort(pair, kind="stable")
        self.first_of_pair = np.flatnonzero(np.diff(pair[self.by_pair], prepend=-1))

    def _weigh(self, edges):
        self.edges = edges
        most, least = (end.reduceat(edges.log_weight, edges.start) for end in (np.maximum, np.minimum))
        n_edges = np.diff(np.r_[edges.start, len(edges.winner)])
        self.tilt = edges.tilt()
        self.widest = most - least + 2 * self.tilt + np.log(2 * n_edges)
