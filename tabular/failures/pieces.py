r"""Labels cut into pieces that have nothing to say to one another, so that a tie costs a fit of its own piece only.

Draw the labels as an undirected graph on the responses. Its biconnected components partition the labels: two are in
one piece when a simple cycle passes through both, and a label on no cycle (a bridge) is a piece of its own, together
with its duplicates and opposites. Two pieces share at most one response, and the pieces of a component hang together
as a tree: a cycle of pieces would be a cycle through all of them, hence one piece (Hopcroft and Tarjan 1973).

**The loss is a sum over pieces that vary independently.** A label joins two responses of its own piece B, so
:math:`L(s)=\sum_B L_B(s|_B)`, and each :math:`L_B` sees its s only up to a constant. Choose any :math:`s^B`, piece by
piece. Walk the tree of pieces from one of them outwards: each new piece shares exactly one response with those
before it, and a constant added to its :math:`s^B` makes the two agree there. So some s on the whole component has the
chosen differences on every piece, and

.. math:: \inf_{s\in\cap_B K_B} L=\sum_B\inf_{s^B\in K_B} L_B

whenever each constraint :math:`K_B` is about differences on one piece. For :math:`\delta_i\le 0` with both responses
of pair i in B this reads :math:`v_i-\inf L=\inf\{L_B:\delta_i\le 0\}-\inf L_B`. On a forest every piece is one pair of
responses: n labels cost n fits of one pair, and alone on its pair label i has
:math:`v_i=\inf L+\bar w_i\,\mathrm{sp}(\beta\delta_{{\rm ref},i})`.

**Deep down the cost of a pair is a straight line.** Hold :math:`D=s_l-s_w` of a pair in a piece of n responses. Two
neighbouring levels from :math:`s_w` to :math:`s_l` are :math:`G\ge D/(n-1)` apart. Of the labels across that gap
those won from below push with all their weight W but for :math:`e^{-(G-|o|)}` of it, those won from above with so
little, and what is pushed across is the slope of the cost: it is W within :math:`e^{-(G-|o|)}` of all weights. Further
on it is never more than W, for the lower part can always be moved as one. From :math:`G=\max|o|+
\log(w_{\max}/w_{\min})+\log m+37` on, m the number of labels, it is W to the last digit, and moving that part as one is
the optimum: nothing has to be fitted deeper, where levels round small differences away. ∎

A pair without weight that the labels decide is drawn too: it keeps both its responses in one piece, at the price of
pieces larger than the labels need. Connected components are pieces as well, the largest there are: the general route.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tabular.failures.shared import Shared
from tabular.failures.ties import Copies, Groups, LabelGraph

__all__ = ["Held", "Pieces", "biconnected", "split"]

_SMALL = 100  # responses: of larger pieces the fits are too many numbers to be kept
_DIGITS = 37.0  # nats: e^-37 is half a unit in the last place


@dataclass(frozen=True, eq=False)
class Pieces:
    """Labels in pieces; pairs are asked about inside them.

    Attributes:
        graph: its components are the pieces; a response has a node in every piece it belongs to.
        winner, loser: ``(n_pairs,)`` nodes of the pairs; -1 where no piece holds both.
        cost, attained: ``(n_pieces,)`` parts of inf L, in nats of mean loss, and whether a policy has them.
        strength, rank, block: ``(n_nodes,)`` s where the loss is least, and the strongly connected blocks.
    """

    graph: LabelGraph
    winner: np.ndarray
    loser: np.ndarray
    cost: np.ndarray
    attained: np.ndarray
    strength: np.ndarray
    rank: np.ndarray
    block: np.ndarray

    @classmethod
    def of(cls, graph, winner, loser, label_cost, apart, *fitted):
        """From what each label costs where the loss is least, and whether it is ``apart``, there in the limit only."""
        piece, n_pieces = graph.component[graph.winner], len(graph.labels_of.size)
        attained = np.bincount(piece, apart, n_pieces) == 0
        return cls(graph, winner, loser, np.bincount(piece, label_cost, n_pieces), attained, *fitted)

    def piece(self, pairs):
        """The piece that each pair lies in."""
        return self.graph.component[self.winner[pairs]]

    def batches(self, pairs):
        """Slices of a list of pairs, each small enough to be held in one call."""
        return self.graph.batches(self.piece(pairs))

    @cached_property
    def shared(self) -> Shared:
        """The blocks that hold so many pairs that one factorisation serves them all."""
        return Shared(self)

    def straight(self, pairs):
        """The delta of each pair from which on downwards its cost is a straight line, to the last digit."""
        graph, piece = self.graph, self.piece(pairs)
        of_label, n_pieces = graph.component[graph.winner], len(graph.labels_of.size)
        highest, lowest, offset = np.full(n_pieces, -np.inf), np.full(n_pieces, np.inf), np.zeros(n_pieces)
        np.maximum.at(highest, of_label, graph.log_share)
        np.minimum.at(lowest, of_label, graph.log_share)
        np.maximum.at(offset, of_label, np.abs(graph.offset))
        gap = offset[piece] + (highest - lowest)[piece] + np.log(graph.labels_of.size[piece]) + _DIGITS
        delta_ref = graph.log_ref[self.winner[pairs]] - graph.log_ref[self.loser[pairs]]
        below = (graph.nodes_of.size[piece] - 1) * gap / graph.problem.beta
        return delta_ref - below - np.spacing(np.abs(delta_ref))  # below it, however little that is

    def held(self, pairs, delta, spare=0.0) -> "Held":
        """What the pieces cost with each listed pair held at a delta.

        ``spare`` is 0, or ``LEVEL`` for the cost alone (:meth:`tabular.fits.many.Block.held`).
        """
        near, deep = self._near(pairs, delta)
        cost, flow, attained = np.zeros(len(pairs)), np.zeros(len(pairs)), self.attained[self.piece(pairs)]
        alone = np.ones(len(pairs), dtype=bool)
        for index, block in self._together(pairs, deep):
            fits = block.held(pairs[index], near[index], spare=spare)
            block.remember(pairs[index], near[index], fits.strength)
            cost[index] = self.cost[block.piece] + (fits.cost - block.fit.cost)
            flow[index], attained[index], alone[index] = fits.push, block.attained(pairs[index]), False
        alone = np.flatnonzero(alone)
        for batch in self.batches(pairs[alone]):
            part = alone[batch]
            fit, cost[part], flow[part] = self.hold(pairs[part], near[part])
            attained[part] = fit.attained
        return Held(cost + self.graph.problem.beta * flow * (near - delta), flow, attained)

    def fits(self, pairs, delta):
        """Positions in the list and the fits of their pieces with the pairs held, batch by batch."""
        near, deep = self._near(pairs, delta)
        for index, fit in self._fits(pairs, near, deep):
            deeper = (near - delta)[index]
            yield index, fit.lowered(*self._ends(fit.copies, pairs[index]), deeper) if deeper.any() else fit

    def _near(self, pairs, delta):
        """The deltas to be fitted at, no deeper than where the line begins, and where that is."""
        line = self.straight(pairs)
        return np.maximum(delta, line), delta <= line

    def _together(self, pairs, deep):
        """Groups of pairs that share factors: deep down the labels across have no curvature left to be solved with."""
        shallow = np.flatnonzero(~deep)
        for index, block in self.shared.groups(pairs[shallow]):
            yield shallow[index], block

    def _fits(self, pairs, delta, deep):
        alone = np.ones(len(pairs), dtype=bool)
        for index, block in self._together(pairs, deep):
            alone[index], strength = False, block.strengths(pairs[index], delta[index])
            for batch in self.batches(pairs[index]):
                copies, leader, gap, _ = self.tied(pairs[index[batch]], delta[index[batch]])
                guess = block.guess(copies, strength[:, batch])[0]
                if block.joins:
                    yield index[batch], copies.fit(leader, gap, guess=guess)
                else:
                    yield (
                        index[batch],
                        copies.fitted(leader, gap, guess, self.rank[copies.node], self.block[copies.node]),
                    )
        alone = np.flatnonzero(alone)
        for batch in self.batches(pairs[alone]):
            yield alone[batch], self.hold(pairs[alone[batch]], delta[alone[batch]])[0]

    def hold(self, pairs, delta):
        """The fits of the pieces with each listed pair held at a delta, their costs and flows (:class:`Held`)."""
        delta = np.broadcast_to(delta, pairs.shape)
        copies, leader, gap, ends = self.tied(pairs, delta)
        fit = copies.fit(leader, gap, guess=self._guess(copies, pairs, delta))
        cost, flow = fit.cost, fit.flow_between(*ends)
        for pair, strength, *found in zip(pairs.tolist(), _each(copies, fit.strength), delta, cost, flow, strict=True):
            if len(strength) <= _SMALL:
                self._known.setdefault(pair, []).append((*found, strength))
        return fit, cost, flow

    @cached_property
    def _known(self):
        """{pair: (delta, cost, flow, strengths) of each fit so far, of pairs in small pieces}."""
        return {}

    def _guess(self, copies, pairs, delta):
        """Strengths on the line through the known fits of a pair about its delta, or those of the nearest."""
        guess = self.strength[copies.node]
        for pair, wanted, own in zip(pairs.tolist(), delta.tolist(), _each(copies, guess), strict=True):
            known = [(at, strength) for at, *_, strength in self._known.get(pair, ())]
            if self.block[self.winner[pair]] == self.block[self.loser[pair]]:
                known.append((self._free(pair), own.copy()))
            below = max((fit for fit in known if fit[0] <= wanted), key=lambda fit: fit[0], default=None)
            above = min((fit for fit in known if fit[0] > wanted), key=lambda fit: fit[0], default=None)
            if below and above:
                share = (wanted - below[0]) / (above[0] - below[0])
                own[:] = below[1] + share * (above[1] - below[1])
            elif below or above:
                own[:] = (below or above)[1]
        return guess

    def _free(self, pair):
        """The delta of a pair in one block where the loss is least."""
        graph, winner, loser = self.graph, self.winner[pair], self.loser[pair]
        moved = (self.strength[winner] - self.strength[loser]) / graph.problem.beta
        return float(graph.log_ref[winner] - graph.log_ref[loser] + moved)

    def above(self, pairs, cost, delta):
        """Deltas at or below those at which pairs cost so much, from some that are: by the tangents of known fits.

        The cost is convex in delta, so where a tangent reaches a cost it is no less; at a tie it falls.
        """
        small = pairs[self.graph.nodes_of.size[self.piece(pairs)] <= _SMALL]
        new = np.array([pair for pair in np.unique(small).tolist() if pair not in self._known], dtype=np.int64)
        for batch in self.batches(new):
            self.hold(new[batch], np.zeros(len(batch)))
        delta, beta = delta.copy(), self.graph.problem.beta
        with np.errstate(over="ignore"):  # a flow that all but ends reaches no cost
            for k, (pair, wanted) in enumerate(zip(pairs.tolist(), cost.tolist(), strict=True)):
                known = self._known.get(pair, ())
                delta[k] = max([delta[k], *(at - (wanted - c) / (beta * flow) for at, c, flow, _ in known if flow > 0)])
        return delta

    def tied(self, pairs, delta):
        """A copy of its piece for each pair, who leads there, by how much, and the places of its two ends.

        The end with the heavier labels leads: a fit starts from its frame, and they decide where it ends.
        """
        copies = Copies(self.graph, self.piece(pairs))
        winner, loser = self._ends(copies, pairs)
        leader, gap = np.arange(len(copies.node)), np.zeros(len(copies.node))
        own = np.zeros(len(copies.node), dtype=bool)
        own[winner] = own[loser] = True
        aside = np.flatnonzero(~(own[copies.winner] & own[copies.loser]))  # labels between the two are constants
        heaviest = np.full(len(copies.node), -np.inf)
        for end in (copies.winner, copies.loser):
            np.maximum.at(heaviest, end[aside], self.graph.log_share[copies.edge[aside]])
        winner_leads = heaviest[winner] > heaviest[loser]
        leader[np.where(winner_leads, loser, winner)] = np.where(winner_leads, winner, loser)
        gap[np.where(winner_leads, loser, winner)] = np.where(winner_leads, -1.0, 1.0) * delta
        return copies, leader, gap, (winner, loser)

    def _ends(self, copies, pairs):
        return tuple(copies.at(np.arange(len(pairs)), end[pairs]) for end in (self.winner, self.loser))


@dataclass(frozen=True, eq=False)
class Held:
    """Pieces with a pair held, ``(n_pairs,)`` each.

    Attributes:
        cost: of the pair's piece, in nats of mean loss.
        flow: minus its derivative in the strength at which the winner is held above the loser.
        attained: whether a policy attains it.
    """

    cost: np.ndarray
    flow: np.ndarray
    attained: np.ndarray


def _each(copies, values):
    """Views of the values of each copy."""
    return np.split(values, copies.start[1:]) if len(copies) else []


def split(graph: LabelGraph, winner, loser) -> tuple[LabelGraph, np.ndarray, np.ndarray]:
    """The graph of the biconnected pieces of labels and further pairs, and the ends of both in it, labels first."""
    tail, head = np.r_[graph.winner, winner], np.r_[graph.loser, loser]
    piece = biconnected(len(graph.component), tail, head, graph.component)
    n_pieces, n_nodes = int(piece.max()) + 1, len(graph.component)
    key, end = np.unique(np.r_[piece * n_nodes + tail, piece * n_nodes + head], return_inverse=True)
    tail, head = np.split(end, 2)
    component, n_labels = key // n_nodes, len(graph.label)
    nodes_of = Groups.of(component, n_pieces)
    parts = LabelGraph(
        graph.problem,
        graph.label,
        tail[:n_labels],
        head[:n_labels],
        graph.log_share,
        graph.offset,
        key % n_nodes,
        component,
        np.arange(len(key)) - nodes_of.start[component],
        nodes_of,
        Groups.of(piece[:n_labels], n_pieces),
    )
    return parts, tail, head


def biconnected(n_nodes, tail, head, component) -> np.ndarray:
    """``(n_edges,)`` biconnected component of each edge of an undirected graph, numbered from 0.

    Connected components that are trees are told by counting; only the others are walked.

    >>> edges = np.array([(0, 1), (1, 2), (2, 0), (2, 3), (3, 2)])  # a triangle with a bridge, drawn twice
    >>> biconnected(4, *edges.T, component=np.zeros(4, dtype=int)).tolist()
    [0, 0, 0, 1, 1]
    """
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    key, edge = np.unique(low * n_nodes + high, return_inverse=True)
    low, high = key // n_nodes, key % n_nodes
    n_edges = np.bincount(component[low], minlength=component.max() + 1)
    walked = np.flatnonzero((n_edges >= np.bincount(component))[component[low]])
    piece = np.arange(len(key))
    if walked.size:
        node, end = np.unique(np.r_[low[walked], high[walked]], return_inverse=True)
        piece[walked] = walked[_walk(len(node), *np.split(end, 2))]
    return np.unique(piece[edge], return_inverse=True)[1]


def _walk(n_nodes, low, high):
    """Hopcroft and Tarjan's depth-first search: for each edge, the edge by which its component was entered.

    scipy has no biconnected components; rustworkx has, and would be a dependency for these lines alone.
    """
    neighbours = [[] for _ in range(n_nodes)]
    for edge, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        neighbours[a].append((b, edge))
        neighbours[b].append((a, edge))
    entered, lowest, piece = [-1] * n_nodes, [0] * n_nodes, np.empty(len(low), dtype=np.int64)
    waiting = []  # edges whose component is not complete
    for root in range(n_nodes):
        walk = [(root, -1, 0, iter(neighbours[root]))] if entered[root] < 0 else []
        entered[root] = max(entered[root], 0)
        while walk:
            node, came_by, since, ahead = walk[-1]
            for other, edge in ahead:
                if edge == came_by or entered[other] > entered[node]:
                    continue
                waiting.append(edge)
                if entered[other] < 0:
                    entered[other] = lowest[other] = len(walk)
                    walk.append((other, edge, len(waiting) - 1, iter(neighbours[other])))
                    break
                lowest[node] = min(lowest[node], entered[other])
            else:
                walk.pop()
                above = walk[-1][0] if walk else node
                lowest[above] = min(lowest[above], lowest[node])
                if walk and lowest[node] >= entered[above]:  # nothing below leads past `above`
                    piece[waiting[since:]] = came_by
                    del waiting[since:]
    return piece
