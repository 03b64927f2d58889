r"""The hinge on a label graph, :math:`\min_s\sum_iW_i\max(0,o_i-(s_{w_i}-s_{l_i}))`: its optimum and the whole face.

The dual is a circulation of greatest gain: :math:`\max\sum_iy_io_i` over :math:`0\le y_i\le W_i` with
:math:`\sum_iy_i(e_{w_i}-e_{l_i})=0`. With any optimal y, the minimisers are *all* s with

.. math:: s_{w_i}-s_{l_i}\ge o_i\text{ where }y_i<W_i,\qquad s_{w_i}-s_{l_i}\le o_i\text{ where }y_i>0

(complementary slackness): a polyhedron of difference constraints. Its tightest bounds
:math:`s_i-s_j\le D_{ij}` are shortest paths, two responses keep one difference iff :math:`D_{ij}+D_{ji}=0` (a cycle of
constraints that are tight at any one minimiser), its dimension is the number of such classes less the number of
components, and its vertices are found by growing trees of tight constraints. The optimum is 0 iff no cycle of labels
asks for more than 0 around it; with equal positive margins: iff the win digraph is acyclic.

Small graphs are solved in whole numbers (:mod:`tabular.fits.circulation`), exactly for the floats that are given;
larger ones of one margin by maximum flows (:mod:`tabular.fits.whole_levels`), others by HiGHS. The gap between primal
and dual, and how nearly the dual is a circulation, say how well.
"""

from functools import cached_property

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from tabular.base import digraph
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.fits import whole_levels
from tabular.fits.block_solvers import EVEN
from tabular.fits.circulation import Network
from tabular.fits.cuts import in_one_unit
from tabular.fits.parts import centred

__all__ = ["Face", "circulation", "solve"]

_EXACT = 200  # labels up to which circulations are found in whole numbers
_VERTICES = 10_000
_MET = 1e-12  # of the levels: a difference this close to its bound is at it
_TIGHT = 1e-9  # share of a label's weight within which its pull counts as none, or all


class Face(Record):
    """The optimum and the polyhedron of minimisers.

    Attributes:
        strength: ``(n_nodes,)`` one minimiser, mean 0 over each component; component: of each node.
        minimum: of each component; gap: between the primal value and what the dual proves of policies as far apart as
            this one, relative to the terms they sum.
        pull: ``(n_labels,)`` y, the dual circulation.
    """

    strength: np.ndarray
    component: np.ndarray
    minimum: np.ndarray
    gap: float
    pull: np.ndarray
    bounds: "tuple"

    shown = ("strength", "component", "minimum", "gap", "dimension")

    @cached_property
    def _slack(self):
        """The constraints as arcs low -> high, the shortest of each pair, of length D - (s_low - s_high) >= 0."""
        low, high, length = self.bounds
        n, slack = len(self.strength), np.maximum(length - (self.strength[low] - self.strength[high]), 0.0)
        order = np.lexsort((slack, low * n + high))
        key = (low * n + high)[order]
        tail, head = np.divmod(key[np.diff(key, prepend=-1) > 0], n)
        ends = np.append(0, np.cumsum(np.bincount(tail, minlength=n)))
        return csr_array((slack[order][np.diff(key, prepend=-1) > 0], head, ends), shape=(n, n))

    def farthest_from(self, node: int) -> np.ndarray:
        """``(n_nodes,)`` of D: the greatest difference s_node - s_j over the face, ``inf`` where it is free."""
        return self.strength[node] - self.strength + dijkstra(self._slack, indices=node)

    @cached_property
    def farthest(self) -> np.ndarray:
        """``(n_nodes, n_nodes)`` of D."""
        return self.strength[:, None] - self.strength + dijkstra(self._slack)

    @cached_property
    def classes(self) -> np.ndarray:
        """``(n_nodes,)``: responses of one class keep their differences over the whole face.

        Those on a cycle of constraints that are tight at one minimiser: around it all differences are at their bounds.
        """
        slack = self._slack
        tight = slack.data <= _MET * (1 + np.abs(self.strength).max(initial=0.0))
        tail = np.repeat(np.arange(slack.shape[0]), np.diff(slack.indptr))
        graph = digraph.adjacency(slack.shape[0], tail[tight], slack.indices[tight])
        return connected_components(graph, directed=True, connection="strong")[1]

    @property
    def dimension(self) -> int:
        """Of the face, one constant per component apart."""
        return len(np.unique(self.classes)) - len(np.unique(self.component))

    def vertices(self) -> np.ndarray:
        """``(n_vertices, n_nodes)`` strengths, mean 0 over each component.

        Raises:
            InputError: more than ten thousand of them.
        """
        corner = np.zeros((1, len(self.strength)))
        for component in np.unique(self.component):
            nodes = np.flatnonzero(self.component == component)
            found = self._corners(nodes)
            if len(corner) * len(found) > _VERTICES:
                raise InputError(f"the face has more than {_VERTICES} vertices: ask about fewer prompts at once")
            corner = np.repeat(corner, len(found), axis=0)
            corner[:, nodes] = np.tile(found, (len(corner) // len(found), 1))
        return corner

    def _corners(self, nodes):
        reach = self.farthest[np.ix_(nodes, nodes)]
        _, first, which = np.unique(self.classes[nodes], return_index=True, return_inverse=True)
        between = reach[np.ix_(first, first)]
        grown = [{0: 0.0}]
        for _ in range(len(first) - 1):
            larger = {}
            for tree in grown:
                for node, level in _tight_neighbours(tree, between):
                    bigger = tree | {node: level}
                    larger[tuple(sorted((k, round(v, 9)) for k, v in bigger.items()))] = bigger
            grown = list(larger.values())
            if len(grown) > _VERTICES:
                raise InputError(f"the face has more than {_VERTICES} vertices: ask about fewer responses")
        levels = np.array([[tree[k] for k in range(len(first))] for tree in grown])
        strength = levels[:, which] + reach[np.arange(len(nodes)), first[which]]
        return strength - strength.mean(axis=1, keepdims=True)


def _tight_neighbours(tree, between):
    """Each class not yet in the tree, at each level where a constraint with the tree is tight and none is broken."""
    for node in range(len(between)):
        if node in tree:
            continue
        low = max(level - between[other, node] for other, level in tree.items())
        high = min(level + between[node, other] for other, level in tree.items())
        yield from ((node, level) for level in {low, high} if np.isfinite(level))


def solve(labels, potential=0.0, start=()) -> Face:
    """The face of :class:`tabular.fits.convex.Labels` under max(0, -x).

    Args:
        potential: a level of each node; less its differences, the offsets of many losses are one number.
        start: :func:`circulation` of the first labels; it only saves time.

    >>> from tabular.fits.convex import Labels
    >>> cycle = Labels(3, np.array([0, 1, 2]), np.array([1, 2, 0]), np.log([1.0, 1.0, 0.5]), np.ones(3))
    >>> face = solve(cycle)  # the weak label gives way: 0.5 (1 + 2)
    >>> face.minimum.tolist(), face.dimension, face.vertices().tolist()
    ([1.5], 0, [[1.0, 0.0, -1.0]])
    """
    component = labels.component()
    small = len(labels.winner) <= _EXACT
    found = _in_whole(labels, start) if small else _in_steps(labels, component, potential) or _by_highs(labels)
    pull, empty, full, s = found
    s = centred(s, component)
    weight = np.exp(labels.log_weight)
    cost = weight * np.maximum(labels.offset - (s[labels.winner] - s[labels.loser]), 0)
    minimum = np.bincount(component[labels.winner], cost, component.max() + 1)
    size = weight @ (np.abs(labels.offset) + np.abs(s[labels.winner]) + np.abs(s[labels.loser]))
    w, y, o = labels.winner, labels.loser, labels.offset
    unbalanced = np.bincount(w, pull, len(s)) - np.bincount(y, pull, len(s))
    gap = (abs(minimum.sum() - pull @ o) + np.abs(unbalanced) @ np.abs(s)) / size if size > 0 else 0.0
    at_least, at_most = ~full, ~empty
    # s_l - s_w <= -o, and s_w - s_l <= o
    bounds = (np.r_[y[at_least], w[at_most]], np.r_[w[at_least], y[at_most]], np.r_[-o[at_least], o[at_most]])
    return Face(s, component, minimum, float(gap), pull, bounds)


def circulation(labels) -> list[int]:
    """The dual circulation of few labels in units of their whole weights, and of many, which have none, []."""
    return _network(labels)[0].solved([])[0] if len(labels.winner) <= _EXACT else []


def _network(labels):
    """The labels in whole numbers, and how many units of the offsets are 1."""
    gain, unit = in_one_unit(labels.offset)
    return Network(labels.n_nodes, labels.winner.tolist(), labels.loser.tolist(), gain, labels.whole()), unit


def _in_whole(labels, start):
    network, unit = _network(labels)
    flow, distance = network.solved(start)
    filled = list(zip(flow, network.capacity, strict=True))
    pull = np.exp(labels.log_weight) * [f / c for f, c in filled]
    empty, full = np.array([(f == 0, f == c) for f, c in filled]).reshape(-1, 2).T
    return pull, empty, full, np.array([d / unit for d in distance])


def _in_steps(labels, component, potential):
    """The same for offsets of one margin: levels are whole multiples of it."""
    base = np.broadcast_to(potential, labels.n_nodes)
    margins = labels.offset - (base[labels.winner] - base[labels.loser])
    margin = margins.mean()
    alike = np.ptp(margins) <= 1e-14 * (np.abs(margins).max() + np.ptp(base))
    if not alike or margin <= 0 or np.ptp(labels.log_weight) > EVEN:
        return None
    found = whole_levels.solve(component, labels.winner, labels.loser, labels.log_weight, labels.pairs)
    if found is None:
        return None
    levels, pull = found
    return pull, *_ends(pull, np.exp(labels.log_weight)), margin * levels + base


def _by_highs(labels):
    """The circulation as a linear programme; its multipliers are the levels."""
    m, n = len(labels.winner), labels.n_nodes
    weight, rows = np.exp(labels.log_weight), np.arange(m)
    scale = weight.max()
    ends = (np.r_[labels.winner, labels.loser], np.r_[rows, rows])
    divergence = coo_array((np.r_[np.ones(m), -np.ones(m)], ends), shape=(n, m)).tocsr()
    bounds = np.column_stack([np.zeros(m), weight / scale])
    # a circulation has nothing to presolve, and looking for it takes almost half of the time
    how = {"method": "highs-ds", "options": {"presolve": False}}
    found = linprog(-labels.offset, A_eq=divergence, b_eq=np.zeros(n), bounds=bounds, **how)
    pull = np.clip(found.x * scale, 0.0, weight)
    return pull, *_ends(pull, weight), -found.eqlin.marginals


def _ends(pull, weight):
    """Which labels pull not at all, and which with all their weight."""
    return pull <= _TIGHT * weight, weight - pull <= _TIGHT * weight
