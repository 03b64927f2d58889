r"""Where the DPO loss is least, component by component, and what each pair's delta is there.

A label of positive weight has the same margin, finite or infinite, at every minimising sequence, because softplus is
strictly convex. A pair that is only asked about (a label of weight 0) may be left free by the labels.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from scipy.sparse.csgraph import breadth_first_order

from tabular.base import digraph
from tabular.base.log_space import normalised, softplus
from tabular.failures import pieces, ties
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Infimum", "Relation", "infimum"]


class Relation(IntEnum):
    """Where the win digraph puts a pair (w, l): what delta can be where the loss is least."""

    FREE = 0  #: neither block reaches the other: delta can be anything
    SAME = 1  #: one block: delta is one finite number
    ABOVE = 2  #: w's block reaches l's by wins: delta tends to +inf along every minimising sequence
    BELOW = 3  #: l's block reaches w's: delta tends to -inf


@dataclass(frozen=True, eq=False)
class Infimum:
    """The unconstrained fit of every component, and the pairs that are asked about.

    Attributes:
        winner, loser: ``(n_pairs,)`` flat nodes of the pairs.
        relation: ``(n_pairs,)`` of :class:`Relation`.
        delta: ``(n_pairs,)`` delta where the loss is least: +-inf in the limit, nan where it is free.
        label_cost, apart: ``(n_labels,)`` what each kept label adds to inf L, in nats of mean loss, and whether it does
            so in the limit only.
        unnormalised: ``(n_nodes,)`` log-probabilities near the infimum, at it where it is attained.
        strength, rank, block: ``(n_nodes,)`` s where the loss is least (free from block to block), and the blocks.
    """

    graph: ties.LabelGraph
    winner: np.ndarray
    loser: np.ndarray
    relation: np.ndarray
    delta: np.ndarray
    label_cost: np.ndarray
    apart: np.ndarray
    unnormalised: np.ndarray
    strength: np.ndarray
    rank: np.ndarray
    block: np.ndarray

    @property
    def value(self) -> float:
        """inf L."""
        return float(self.components.cost.sum())

    @cached_property
    def components(self) -> pieces.Pieces:
        """The connected components: the general route, and what policies are made of."""
        return self._pieces(self.graph, self.winner, self.loser)

    def _pieces(self, graph, winner, loser):
        node = graph.response
        fitted = self.strength[node], self.rank[node], self.block[node]
        return pieces.Pieces.of(graph, winner, loser, self.label_cost, self.apart, *fitted)

    @cached_property
    def parts(self) -> pieces.Pieces:
        """The biconnected pieces of the labels and of the pairs that they decide; the components, where none is cut."""
        asked = self.bounded.copy()
        asked[self.graph.label] = False
        pairs = np.r_[self.graph.label, np.flatnonzero(asked)]
        graph, tail, head = pieces.split(self.graph, self.winner[asked], self.loser[asked])
        if len(graph.labels_of.size) == len(self.graph.labelled) == len(self.graph.labels_of.size):  # all have labels
            return self.components
        winner, loser = np.full((2, len(self.winner)), -1)
        winner[pairs], loser[pairs] = tail, head
        return self._pieces(graph, winner, loser)

    @property
    def bounded(self) -> np.ndarray:
        """``(n_pairs,)`` whether the labels hold delta up: it cannot fall to -inf at a finite loss."""
        return np.isin(self.relation, (Relation.SAME, Relation.ABOVE))

    @property
    def log_policy(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` policy near the infimum, at it where it is attained."""
        return normalised(self.unnormalised.reshape(self.graph.problem.log_ref.shape))

    @property
    def connected(self) -> bool:
        """Whether the labels join all responses of every prompt: minimisers, where there are any, are then unique."""
        there = self.graph.problem.present.ravel()
        return len(np.unique(self.graph.component[there])) == self.graph.problem.n_prompts

    def with_row(self, prompt, row) -> np.ndarray:
        """The policy near the infimum with one prompt's row replaced."""
        policy = self.log_policy
        policy[prompt] = row
        return policy

    def reached(self, node) -> np.ndarray:
        """The nodes that a node reaches by wins, itself included."""
        return breadth_first_order(_digraph(self.graph), node, return_predecessors=False)

    def rows(self, pairs, delta) -> np.ndarray:
        """``(n, n_responses)`` log-policy of each pair's prompt with it held at delta, at the least loss there is."""
        n_responses = self.graph.problem.n_responses
        rows = self.unnormalised.reshape(-1, n_responses)[self.winner[pairs] // n_responses]
        self.components.shared.learn(self.parts.shared)
        for index, fit in self.components.fits(pairs, np.broadcast_to(delta, pairs.shape)):
            rows[index[fit.copies.node_copy], fit.copies.node % n_responses] = fit.log_policy()
        return normalised(rows)


def infimum(problem: Problem, preferences: Preferences, offset=None, near: Infimum | None = None) -> Infimum:
    r"""The least DPO loss, or the least :math:`\mathrm{sp}(-(\beta h-\Psi))` with ``offset`` Psi for each label.

    ``near``, the same under other offsets, only saves time.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> at = infimum(problem, Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1), (0, 0, 2)]))
    >>> [Relation(r).name for r in at.relation], at.delta.round(6).tolist()
    (['SAME', 'SAME', 'ABOVE'], [1.791759, -1.791759, inf])
    """
    graph = ties.label_graph(problem, preferences, offset)
    copies = ties.Copies(graph, graph.labelled)
    fit = copies.fit(guess=None if near is None else near.strength[copies.node])
    n_nodes, margin = len(graph.component), np.empty(len(graph.label))
    margin[copies.edge] = fit.margin
    label_cost = np.exp(graph.log_share) * softplus(graph.offset - margin)
    strength, block, policy = np.zeros(n_nodes), -1 - np.arange(n_nodes), graph.log_ref.copy()
    strength[copies.node], block[copies.node], policy[copies.node] = fit.strength, fit.block, fit.log_policy()
    rank = np.zeros(n_nodes)
    rank[copies.node] = fit.rank
    winner, loser = ties.flat_pairs(problem, preferences)
    relation = _relations(graph, block, winner, loser)
    with np.errstate(invalid="ignore"):
        inner = preferences.delta(problem.log_ref) + (strength[winner] - strength[loser]) / problem.beta
    delta = np.choose(relation, [np.nan, inner, np.inf, -np.inf])
    where = graph, winner, loser, relation, delta, label_cost, np.isinf(margin)
    return Infimum(*where, policy, strength, rank, block)


def _relations(graph, block, winner, loser):
    """A label of positive weight is SAME or ABOVE; the others are looked up one by one."""
    relation = np.where(block[winner] == block[loser], Relation.SAME, Relation.ABOVE)
    asked = np.ones(len(winner), dtype=bool)
    asked[graph.label] = False
    for pair in np.flatnonzero(asked & (relation != Relation.SAME)):
        relation[pair] = _look_up(_digraph(graph), winner[pair], loser[pair])
    return relation


def _look_up(wins, winner, loser):
    if loser in breadth_first_order(wins, winner, return_predecessors=False):
        return Relation.ABOVE
    if winner in breadth_first_order(wins, loser, return_predecessors=False):
        return Relation.BELOW
    return Relation.FREE


def _digraph(graph):
    return digraph.adjacency(len(graph.component), graph.winner, graph.loser)
