r"""Bradley-Terry fits with some responses tied together: the computation behind every failure threshold.

The DPO loss is Bradley-Terry in :math:`s=\beta\log(\pi/\pi_{\rm ref})`. Holding :math:`\log\pi_a=\log\pi_b+g` fixes
:math:`s_a-s_b=\beta(\log\pi_{\rm ref}(b)+g-\log\pi_{\rm ref}(a))`: the two nodes move as one, the labels that touch
them gain an offset, and labels between them become constants. What is left is a problem of the same kind on the
contracted digraph, whose infimum is the sum of the minima of *its* strongly connected blocks
(:func:`tabular.fits.bradley_terry.fit`). Many such contractions are solved at once, one copy of a connected component
each.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

from tabular.base import checks, digraph
from tabular.base.log_space import softplus
from tabular.fits import bradley_terry
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Copies", "Groups", "LabelGraph", "TiedFit", "flat_pairs", "label_graph"]

_APART = 40.0  # nats between blocks that want to part, in s and in beta delta: 4e-18 of a label's weight is left
_MOST = 1e300  # nats: sums of so many labels' margins, over beta, are floats
_BATCH = 200_000  # labels fitted in one call: bounds memory, costs no speed


@dataclass(frozen=True, eq=False)
class LabelGraph:
    """The labels that carry weight, on nodes that stand for responses, cut into connected components.

    Attributes:
        label: ``(n_labels,)`` positions in the preferences; winner, loser, log_share, offset: of each kept label.
        response: ``(n_nodes,)`` what each node stands for, ``prompt * n_responses + response``.
        component: ``(n_nodes,)`` of each node; a response without labels is alone in its own.
        place: ``(n_nodes,)`` position of a node inside its component.
    """

    problem: Problem
    label: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    log_share: np.ndarray
    offset: np.ndarray
    response: np.ndarray
    component: np.ndarray
    place: np.ndarray
    nodes_of: "Groups"
    labels_of: "Groups"

    @property
    def log_ref(self):
        return self.problem.log_ref.ravel()[self.response]

    @property
    def labelled(self) -> np.ndarray:
        """The components that hold a label."""
        return np.flatnonzero(self.labels_of.size)

    def batches(self, component):
        """Slices of a list of components, each small enough to be fitted in one call."""
        bulk = np.cumsum(self.labels_of.size[component])
        batch = bulk // _BATCH
        return np.split(np.arange(len(component)), np.flatnonzero(np.diff(batch)) + 1)


@dataclass(frozen=True, eq=False)
class Groups:
    """Items sorted by group: those of group g are ``order[start[g]:start[g + 1]]``."""

    order: np.ndarray
    start: np.ndarray

    @classmethod
    def of(cls, group, n_groups):
        return cls(np.argsort(group, kind="stable"), np.r_[0, np.cumsum(np.bincount(group, minlength=n_groups))])

    @cached_property
    def size(self):
        return np.diff(self.start)

    def gather(self, groups):
        """The items of each listed group, concatenated, and the position in the list that each belongs to."""
        size = self.size[groups]
        copy = np.repeat(np.arange(len(groups)), size)
        within = np.arange(len(copy)) - np.repeat(np.cumsum(size) - size, size)
        return self.order[self.start[groups][copy] + within], copy


def label_graph(problem: Problem, preferences: Preferences, offset=None) -> LabelGraph:
    """The labels of positive weight as a graph; ``offset`` is a fixed margin Psi for each label, in nats of beta h."""
    preferences.check_against(problem)
    label = np.flatnonzero(preferences.log_weight > -np.inf)
    winner, loser = (a[label] for a in flat_pairs(problem, preferences))
    n_nodes = problem.n_prompts * problem.n_responses
    component = digraph.components(n_nodes, winner, loser)
    n_components = component.max() + 1
    nodes_of = Groups.of(component, n_components)
    place = np.empty(n_nodes, dtype=np.int64)
    place[nodes_of.order] = np.arange(n_nodes) - nodes_of.start[component[nodes_of.order]]
    offset = np.zeros(preferences.n_pairs) if offset is None else preferences.per_pair(offset, "offset")
    far = np.abs(offset) > _MOST * min(problem.beta, 1.0)
    checks.refuse(far, offset, "offset", "log-ratios that differ by as much over beta leave double precision")
    offset = offset[label]
    labels_of = Groups.of(component[winner], n_components)
    share = preferences.log_share[label]
    nodes = np.arange(n_nodes)
    return LabelGraph(problem, label, winner, loser, share, offset, nodes, component, place, nodes_of, labels_of)


def flat_pairs(problem, preferences):
    """Winner and loser of every pair as flat nodes."""
    base = preferences.prompt * problem.n_responses
    return base + preferences.winner, base + preferences.loser


class Copies:
    """Copies of connected components, ready to be fitted together.

    Attributes:
        node, node_copy: ``(size,)`` the node that each place of a copy stands for, and its copy.
        edge, edge_copy: the same for labels; winner, loser: places of the labels' ends.
    """

    def __init__(self, graph: LabelGraph, component):
        self.graph = graph
        self.component = np.asarray(component)
        self.node, self.node_copy = graph.nodes_of.gather(self.component)
        size = graph.nodes_of.size[self.component]
        self.start = np.cumsum(size) - size
        self.edge, self.edge_copy = graph.labels_of.gather(self.component)
        self.winner = self.at(self.edge_copy, graph.winner[self.edge])
        self.loser = self.at(self.edge_copy, graph.loser[self.edge])

    def __len__(self):
        return len(self.component)

    def at(self, copy, node):
        """The place of a node in a copy of its component."""
        return self.start[copy] + self.graph.place[node]

    def fit(self, leader=None, gap=None, offset=None, guess=None) -> "TiedFit":
        """Minimise the loss of every copy with each place held at ``log pi = log pi_leader + gap``.

        Args:
            leader: place that leads each place; places lead themselves by default.
            gap: in nats, 0 by default.
            offset: of each edge; the graph's by default.
            guess: of each place, the strength of a similar fit.
        """
        graph, size = self.graph, len(self.node)
        leader = np.arange(size) if leader is None else leader
        gap = np.zeros(size) if gap is None else gap
        offset = graph.offset[self.edge] if offset is None else offset
        log_ref = graph.log_ref[self.node]
        shift = graph.problem.beta * np.where(leader == np.arange(size), 0, log_ref[leader] - log_ref + gap)
        winner, loser = leader[self.winner], leader[self.loser]
        free = winner != loser
        touched = np.zeros(size, dtype=bool)
        touched[winner[free]] = touched[loser[free]] = True
        index = np.cumsum(touched) - 1
        winner, loser = index[winner[free]], index[loser[free]]
        held = shift[self.winner] - shift[self.loser]
        guess = None if guess is None else guess[touched]
        log_share, offsets = graph.log_share[self.edge[free]], (offset - held)[free]
        fit = bradley_terry.fit(int(touched.sum()), winner, loser, log_share, offsets, guess)
        margin = np.array(held)
        inner = fit.block[winner] == fit.block[loser]
        margin[free] = np.where(inner, held[free] + fit.strength[winner] - fit.strength[loser], np.inf)
        strength, rank, block = np.zeros(size), np.zeros(size), np.arange(size) + size
        strength[touched], rank[touched], block[touched] = fit.strength, fit.rank[fit.block], fit.block
        return TiedFit(self, leader, gap, offset, margin, strength[leader], rank[leader], block[leader])

    def tied(self, edges, guess=None) -> "TiedFit":
        """The fit with the two ends of every one of some edges tied, ``edges`` being their places or a mask."""
        group = digraph.components(len(self.node), self.winner[edges], self.loser[edges])
        return self.fit(np.unique(group, return_index=True)[1][group], guess=guess)

    def fitted(self, leader, gap, strength, rank, block) -> "TiedFit":
        """The same where strengths are known: of every place, with those that are led at their gap."""
        inner = block[self.winner] == block[self.loser]
        margin = np.where(inner, strength[self.winner] - strength[self.loser], np.inf)
        offset = self.graph.offset[self.edge]
        return TiedFit(self, leader, gap, offset, margin, strength[leader], rank[leader], block[leader])


@dataclass(frozen=True, eq=False)
class TiedFit:
    """The fits of some copies.

    Attributes:
        margin: ``(n_edges,)`` of :math:`s_w-s_l` at the infimum; ``inf`` between blocks of the contracted digraph.
        strength, rank, block: ``(size,)`` s of each place's leader (free from block to block), and its block.
    """

    copies: Copies
    leader: np.ndarray
    gap: np.ndarray
    offset: np.ndarray
    margin: np.ndarray
    strength: np.ndarray
    rank: np.ndarray
    block: np.ndarray

    @property
    def delta(self) -> np.ndarray:
        """``(n_edges,)`` of log pi_w - log pi_l of each label at the infimum; where its ends are tied, their gap."""
        copies = self.copies
        log_ref = copies.graph.log_ref[copies.node]
        delta = log_ref[copies.winner] - log_ref[copies.loser] + self.margin / copies.graph.problem.beta
        tied = self.leader[copies.winner] == self.leader[copies.loser]
        return np.where(tied, self.gap[copies.winner] - self.gap[copies.loser], delta)

    @property
    def own_strength(self) -> np.ndarray:
        """``(size,)`` s of each place itself."""
        copies = self.copies
        log_ref = copies.graph.log_ref[copies.node]
        return self.strength + copies.graph.problem.beta * (log_ref[self.leader] + self.gap - log_ref)

    @property
    def cost(self) -> np.ndarray:
        """``(n_copies,)`` infimum of each copy's part of the mean loss, in nats."""
        share = np.exp(self.copies.graph.log_share[self.copies.edge])
        return self._total(share * softplus(self.offset - self.margin))

    @property
    def attained(self) -> np.ndarray:
        """``(n_copies,)`` whether a policy attains the infimum: no label joins two blocks."""
        return self._total(np.isinf(self.margin)) == 0

    def flow_between(self, winner, loser) -> np.ndarray:
        r"""``(n_copies,)`` of :math:`\sum\bar w\sigma(-h)`, over labels won by the side of a place held below another.

        Less those won by the other side: minus the derivative of the cost with respect to the value at which :math:`s`
        is held there, as everything else is stationary. It is one number for all cuts between the two, but sums of
        heavy labels hide that of a light one: of either place by itself, and the widest gap between their levels, the
        cut counts that has the least to cancel.
        """
        copies, side = self.copies, self._side(winner, loser)
        edge_winner, edge_loser = winner[copies.edge_copy], loser[copies.edge_copy]
        sides = (
            (copies.winner == edge_winner, copies.loser == edge_winner),
            (copies.winner != edge_loser, copies.loser != edge_loser),
            (side[copies.winner], side[copies.loser]),
        )
        signs = [from_side.astype(float) - to_side for from_side, to_side in sides]
        flows = np.array([self._total(self._push * sign) for sign in signs])
        gross = np.array([self._total(self._push * np.abs(sign)) for sign in signs])
        return flows[gross.argmin(axis=0), np.arange(len(copies))]

    def lowered(self, winner, loser, by) -> "TiedFit":
        """The fit with the first's side of the widest gap between two places moved down, by so many nats of delta."""
        copies, lower = self.copies, self._side(winner, loser).astype(float)
        down = by[copies.node_copy] * copies.graph.problem.beta
        margin = self.margin - down[copies.winner] * (lower[copies.winner] - lower[copies.loser])
        gap = self.gap + by[copies.node_copy] * (lower[self.leader] - lower)
        return replace(self, margin=margin, gap=gap, strength=self.strength - down * lower[self.leader])

    @cached_property
    def _push(self):
        """What each edge adds to the score of its winner."""
        return np.exp(self.copies.graph.log_share[self.copies.edge]) * expit(self.offset - self.margin)

    def _side(self, winner, loser):
        """``(size,)`` mask of the places on the first's side of the widest gap between the levels of two of a block."""
        level, copy = self.own_strength, self.copies.node_copy
        mine, first, second = self.block == self.block[winner][copy], level[winner], level[loser]
        least, most = np.minimum(first, second)[copy], np.maximum(first, second)[copy]
        between = np.flatnonzero(mine & (level >= least) & (level <= most))
        between = between[np.lexsort((level[between], copy[between]))]
        low, high = level[between[:-1]], level[between[1:]]
        inside = np.flatnonzero(copy[between[:-1]] == copy[between[1:]])
        inside = inside[np.argsort((high - low)[inside], kind="stable")]  # the widest is entered last and stays
        top = np.full(len(winner), -np.inf)
        top[copy[between[inside]]] = low[inside]
        side = mine & ((level <= top[copy]) == (first <= second)[copy])
        side[winner], side[loser] = True, False
        return side

    def log_policy(self) -> np.ndarray:
        r"""``(size,)`` unnormalised log-probabilities near the infimum, at it where it is attained.

        Blocks stand apart along the recession direction, minus the rank, so far that every label between two has a
        margin of 40 nats and :math:`\beta\delta\ge 40`, however large :math:`|\beta\delta_{\rm ref}|` is: the policy
        ranks what every policy still closer to the infimum ranks. The log-ratios of a copy have mean 0, as along
        gradient flow from the reference. Tied places hold the very same number.
        """
        copies, beta = self.copies, self.copies.graph.problem.beta
        log_ref = copies.graph.log_ref[copies.node]
        apart = np.isinf(self.margin)
        s = self.own_strength
        wanted = np.maximum(self.offset, log_ref[copies.loser] * beta - log_ref[copies.winner] * beta)
        short = np.zeros(len(copies))  # by how much the strengths, as they stand, fall short of what is wanted
        np.maximum.at(short, copies.edge_copy[apart], (wanted - s[copies.winner] + s[copies.loser])[apart])
        leading = self.strength - (_APART + short)[copies.node_copy] * self.rank
        log_policy = log_ref[self.leader] + leading / beta + self.gap
        mean = np.bincount(copies.node_copy, log_policy - log_ref, len(copies)) / np.bincount(copies.node_copy)
        return log_policy - mean[copies.node_copy]

    def _total(self, per_edge):
        return np.bincount(self.copies.edge_copy, per_edge, len(self.copies))
