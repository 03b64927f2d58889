r"""Sets of pairs held at :math:`\delta\le 0` under a convex loss that may be flat somewhere: by multipliers.

For a set S of labels let :math:`v(S)=\inf\{L:\delta_i\le 0,\ i\in S\}`, and for a forest T of labels
:math:`m(T)=\inf\{L:\delta_i=0,\ i\in T\}` with multipliers :math:`\lambda_T`: what is left of the labels' net pulls
where L is least with T tied, :math:`-\nabla L=\sum_{i\in T}\lambda_i(e_{w_i}-e_{l_i})`. L is convex, so its gradient is
the same at all its minimisers, and along a forest it has one such sum. Then

.. math:: v(S)=\max\{m(T):T\subseteq S\text{ a forest},\ \lambda_T\ge 0\}.

*At least:* with :math:`\lambda_T\ge 0` the point that is least with T tied is least with T at :math:`\delta\le 0`,
which S asks for, and more. *Attained:* the constraints are linear, so S has multipliers :math:`\lambda\ge 0`; their sum
is one of independent :math:`e_{w_i}-e_{l_i}` (Carathéodory), a forest T, whose pairs are tied where L is least under S,
and there L is least with T tied. *In the limit* alike: a multiplier above 0 holds its :math:`\delta` to 0.

For a strictly convex loss, whose minimiser says which pairs it inverts, :mod:`tabular.failures.any_loss` reads v off
the patterns of ties.
"""

from itertools import combinations

import numpy as np

from tabular.base import digraph
from tabular.errors import InputError
from tabular.failures.held import Graph

__all__ = ["ways"]

_SLACK = 1e-9  # of a multiplier, relative to what the labels pull: one so near 0 is no part of the sum


def ways(graph: Graph, components) -> dict[int, list[tuple[float, tuple[int, ...]]]]:
    """{component: (v(S), S) for every set S of its labels}; labels are positions among those that carry weight.

    Raises:
        InputError: a loss with a kink: its gradient there is one of several.
    """
    if graph.loss.scalar.kinked:
        raise InputError(
            f"{graph.loss.name} has a kink, where its gradient is one of several: use hinge, or a smooth loss"
        )
    return {component: _of(graph, component) for component in components}


def _of(graph, component):
    edge = graph.labels_of.gather(np.array([component]))[0]
    nodes = np.sort(graph.nodes_of.gather(np.array([component]))[0])
    winner, loser = (np.searchsorted(nodes, end[edge]) for end in (graph.labels.winner, graph.labels.loser))
    forests, leaders = [], []
    for size in range(len(nodes)):
        for tied in combinations(range(len(edge)), size):
            group = digraph.components(len(nodes), winner[list(tied)], loser[list(tied)])
            if group.max() + 1 == len(nodes) - size:
                forests.append(tied)
                leaders.append(np.unique(group, return_index=True)[1][group])
    held = graph.hold(np.full(len(forests), component), leaders)
    least = np.full(2 ** len(edge), -np.inf)
    for tied, cost, push in zip(forests, held.cost, held.push, strict=True):
        if _all_hold(winner[list(tied)], loser[list(tied)], push):
            least[sum(2**k for k in tied)] = cost
    every = np.arange(len(least))
    for k in range(len(edge)):  # the largest of all subsets, one label after the other
        least = np.maximum(least, least[every & ~(1 << k)])
    return [(float(v), tuple(edge[(s >> np.arange(len(edge))) & 1 == 1].tolist())) for s, v in enumerate(least)]


def _all_hold(winner, loser, push):
    """Whether the net pushes on the nodes are a sum of pulls of the tied labels' winners up, none of them negative."""
    if not len(winner):
        return True
    incidence = np.zeros((len(push), len(winner)))
    each = np.arange(len(winner))
    incidence[winner, each], incidence[loser, each] = 1.0, -1.0
    multiplier = np.linalg.lstsq(incidence, push, rcond=None)[0]
    return bool((multiplier >= -_SLACK * np.abs(push).max()).all())
