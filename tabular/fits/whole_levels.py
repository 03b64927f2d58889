r"""The hinge with one margin, :math:`\min_s\sum_iW_i\max(0,1-(s_{w_i}-s_{l_i}))`: whole levels, found by maximum flows.

Some minimiser is whole: the constraints are differences, which are totally unimodular. On whole levels f is
L-natural-convex (Murota 2003, Theorem 7.14): s is a minimiser iff no set S has :math:`f(s+1_S)<f(s)`, and

.. math:: f(s+1_S)-f(s)=\sum_{i:\,s_{w_i}-s_{l_i}\le0}W_i\,(1_S(l_i)-1_S(w_i))
   +\sum_{i:\,s_{w_i}-s_{l_i}=1}W_i\,1_S(l_i)(1-1_S(w_i))

is the capacity of a cut, up to a constant. So a maximum flow over the labels with :math:`s_w-s_l=1` either completes
:math:`y_i=W_i` (below 1) and :math:`y_i=0` (above) to a circulation, which proves s optimal by complementary slackness,
or its cut is the steepest S. The flow that was found stays where the labels stay: each flow mends what is left.

Flows are sent in whole numbers of 31 bits. What their rounding leaves is spread like a current over the labels with
room both ways, or sent again in a smaller unit, until the circulation balances to the last digits of its floats.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from tabular.base import digraph
from tabular.fits import laplacian, least_squares
from tabular.fits.pair_graph import distinct

__all__ = ["solve"]

_UNITS = 2.0**30  # of what is to be sent: sums of them are numbers of 32 bits
_WIDER = 1.5  # the optimum of squares is flatter than that of hinges: it is stretched while that helps
_ROUGH = 1e-4  # accuracy of squares that are rounded to whole numbers
_ROUNDING = 4 * np.finfo(float).eps
#: From here on a simplex is the faster: what either returns is proved by its circulation, so the count only chooses.
_FLOWS = 60


def solve(component, winner, loser, log_weight, graph=None) -> tuple[np.ndarray, np.ndarray] | None:
    """Whole levels and the pull of each label, or ``None`` where they are far apart and steps would be many.

    For weights within a few orders of magnitude. The pulls say how well they prove the levels. ``graph``: the labels'
    pairs, where they are known.

    >>> ends = np.array([0, 1, 2]), np.array([1, 2, 0])
    >>> s, pull = solve(np.zeros(3, dtype=int), *ends, np.log([0.4, 0.4, 0.2]))
    >>> (s - s[0]).tolist(), pull.round(12).tolist()
    ([0.0, -1.0, -2.0], [0.2, 0.2, 0.2])
    """
    arcs = _Arcs(len(component), winner, loser, np.exp(log_weight))
    s, y, before = arcs.start(component, graph, winner, loser, log_weight), arcs.weight / 2, np.inf
    for _ in range(_FLOWS):
        gap = s[arcs.winner] - s[arcs.loser]
        y = np.where(gap < 1, arcs.weight, np.where(gap > 1, 0.0, y))
        excess = arcs.excess(y)
        left = np.abs(excess).sum()
        if (np.abs(excess) <= _ROUNDING * arcs.degree).all() or left > before / 2:
            return s, arcs.share(y)
        tight = np.flatnonzero(gap == 1)
        more, inside = arcs.send(tight, y, excess)
        y[tight] = np.clip(y[tight] + more, 0.0, arcs.weight[tight])
        steps = arcs.steps(s, inside)
        if not steps:
            y = arcs.spread(y)
        s, before = s + steps * inside, np.inf if steps else left
    return None


class _Arcs:
    """Labels of the same winner and loser as one."""

    def __init__(self, n_nodes, winner, loser, weight):
        arc, self.of_label = distinct(winner * n_nodes + loser, n_nodes**2)
        self.n_nodes, self.label_weight = n_nodes, weight
        self.winner, self.loser = np.divmod(arc, n_nodes)
        self.weight = np.bincount(self.of_label, weight)
        self.degree = np.bincount(self.winner, self.weight, n_nodes) + np.bincount(self.loser, self.weight, n_nodes)

    def start(self, component, graph, *labels):
        """The best of some multiples of the optimum of squares, rounded."""
        s = least_squares.solve(component, *labels, np.ones(len(labels[0])), graph, _ROUGH)
        levels, wider = np.zeros(len(s)), np.rint(s)
        while self.costs(wider).sum() < self.costs(levels).sum():
            s = _WIDER * s
            levels, wider = wider, np.rint(s)
        return levels

    def costs(self, s):
        return self.weight * np.maximum(1 - (s[self.winner] - s[self.loser]), 0)

    def excess(self, y):
        """What each node's wins pull beyond its losses."""
        return np.bincount(self.winner, y, self.n_nodes) - np.bincount(self.loser, y, self.n_nodes)

    def share(self, y):
        return self.label_weight * (y / self.weight)[self.of_label]

    def steps(self, s, inside):
        """How often 1_S lowers the cost: the steps are doubled while it falls."""
        steps, costs = 0, self.costs(s)
        while inside.any():
            further = self.costs(s + max(2 * steps, 1) * inside)
            change = further - costs
            if change.sum() >= -_ROUNDING * np.abs(change).sum():
                break
            steps, costs = max(2 * steps, 1), further
        return steps

    def spread(self, y):
        """y less a current of the same excess, over the arcs with room for all of it: no arc carries more than that."""
        excess = self.excess(y)
        inner = np.flatnonzero(np.minimum(y, self.weight - y) > np.abs(excess).sum())
        if not len(inner):
            return y
        winner, loser, weight = self.winner[inner], self.loser[inner], self.weight[inner]
        component = digraph.components(self.n_nodes, winner, loser)
        order = np.argsort(component, kind="stable")
        place = np.argsort(order)
        graph = laplacian.Sparse(self.n_nodes, place[winner], place[loser], component[order])
        potential = graph.potential(weight, excess[order])[place]
        y = y.copy()
        y[inner] -= weight * (potential[winner] - potential[loser])
        return y

    def send(self, tight, y, excess):
        """The change of y on the tight arcs, which carry the most they can, and the set of the least cut."""
        unit, n = _UNITS / (np.abs(excess).sum() / 2), self.n_nodes
        winner, loser = self.winner[tight], self.loser[tight]
        need = np.rint(excess * unit)
        over, under = np.flatnonzero(need > 0), np.flatnonzero(need < 0)
        room = np.r_[(self.weight[tight] - y[tight]), y[tight]] * unit  # a larger y goes from loser to winner
        tail = np.r_[loser, winner, np.full(len(over), n), under]
        head = np.r_[winner, loser, over, np.full(len(under), n + 1)]
        capacity = np.r_[np.minimum(room, _UNITS), np.abs(need[np.r_[over, under]])].astype(np.int32)
        network = csr_array((capacity, (tail, head)), shape=(n + 2, n + 2))
        network.indices, network.indptr = network.indices.astype(np.int32), network.indptr.astype(np.int32)
        flow = maximum_flow(network, n, n + 1).flow
        left = network - flow
        left.data = np.maximum(left.data, 0)
        left.eliminate_zeros()
        inside = np.zeros(n + 2)
        inside[breadth_first_order(left, n, return_predecessors=False)] = 1.0
        return flow[loser, winner] / unit, inside[:n]
