r"""KL projection onto the cone of labelled order constraints, for many problems at once.

.. math:: \min_{x\ge0}\ \sum_y x_y\log\frac{x_y}{p_y}-x_y+p_y\quad\text{subject to}\quad x_w\ge e^{m}x_l .

Un-normalised on purpose: the constraints are homogeneous, so the projection within the simplex is x divided by its sum,
and :math:`\mathrm{KL}(x/\Sigma x\,\|\,p)=-\log\Sigma x` for normalised p (minimise over the length of a ray first). And
without a normaliser the problem falls apart into the connected components of the label graph.

Zeros, equalities and contradictions are settled first, from the digraph alone. What is left has multipliers, found by
the cheapest exact method for each component: enumeration of active sets (a few pairs), pool-adjacent-violators
(chains), minimum cuts (large partial orders with nearly equal weights), the dual active-set method (everything else).
The methods only name the tight pairs; the levels of the pools they form are then computed afresh, in one place.
"""

from typing import NamedTuple

import numpy as np

from tabular.base import tolerances
from tabular.base.digraph import components
from tabular.base.log_space import softplus
from tabular.projections.balance import balance
from tabular.projections.chain import project_chain, single_path
from tabular.projections.enumeration import MOST_ENUMERATED, enumerate_active_sets
from tabular.projections.order_structure import analyse
from tabular.projections.partition import isotonic
from tabular.projections.pool_and_split import pool_and_split
from tabular.projections.pooling import pool_levels, potentials
from tabular.projections.pulls import lift
from tabular.projections.refine import refined

__all__ = ["Projection", "project"]

_LARGE = 60  # nodes from which minimum cuts are faster than one tight pair at a time
_NEARLY_EQUAL = 5.0  # nats between the weights of one problem: whole-number capacities must tell them apart


class Projection(NamedTuple):
    r"""``log_x (n_nodes,)``, ``-inf`` where forced to 0; ``tilt (n_edges,)``, the multipliers of the constraints
    scaled to :math:`\sigma(-m)x_w\ge\sigma(m)x_l`; ``cycles``, one for each component of positive total margin.
    """

    log_x: np.ndarray
    tilt: np.ndarray
    cycles: list


def project(log_p, winner, loser, margin) -> Projection:
    """The projection of the weights ``exp(log_p)`` onto ``x_w >= e^margin x_l``.

    Args:
        log_p: ``(n_nodes,)``, ``-inf`` only at nodes that no edge touches.
        winner, loser, margin: ``(n_edges,)``; margins finite, of either sign.

    >>> flat = project(np.log([0.1, 0.4, 0.5]), np.array([0]), np.array([1]), np.array([0.0]))
    >>> (np.exp(flat.log_x) / np.exp(flat.log_x).sum()).round(9).tolist()  # (2, 2, 5) / 9
    [0.222222222, 0.222222222, 0.555555556]
    """
    path = single_path(len(log_p), winner, loser)
    if path is not None:  # nothing to settle or to tell apart first: the common case, without its set-up
        nodes, edges = path
        log_x, tilt = log_p.copy(), np.empty(len(winner))
        log_x[nodes], tilt[edges], _ = project_chain(log_p[nodes], margin[edges])
        return Projection(log_x, tilt, [])
    structure = analyse(len(log_p), winner, loser, margin)
    alive = ~structure.dead[loser]
    group, offset, log_mass = _contract(log_p, structure)
    tilt, tied = np.zeros(len(winner)), structure.tied
    outer = np.flatnonzero(alive & (group[winner] != group[loser]))
    w, lo = winner[outer], loser[outer]
    net_margin = margin[outer] - offset[w] + offset[lo]
    mass_tilt, tight = _tilts(log_mass, group[w], group[lo], net_margin)
    shift = potentials(len(log_mass), group[w[tight]], group[lo[tight]], net_margin[tight])
    level = pool_levels(log_mass, shift, components(len(log_mass), group[w[tight]], group[lo[tight]]))
    ends = group[w[tight]], group[lo[tight]]
    mass_tilt[tight] = refined(log_mass, level, shift, *ends, net_margin[tight], mass_tilt[tight])
    log_x = np.where(structure.dead, -np.inf, level[group] + offset)
    if not tied.any():
        tilt[outer] = mass_tilt
        return Projection(log_x, tilt, structure.cycles)
    with np.errstate(over="ignore", invalid="ignore"):
        wider = np.exp(softplus(margin[outer]) - softplus(net_margin) - offset[w])
        tilt[outer] = np.multiply(mass_tilt, wider, out=np.zeros(len(outer)), where=mass_tilt > 0)
        alive = log_x > -np.inf
        moved = np.subtract(log_x, log_p, out=np.zeros_like(log_p), where=alive)
        unmet = np.where(alive, moved - lift(w, lo, margin[outer], tilt[outer], len(log_p)), 0.0)
        pulled = lift(w, lo, margin[outer], tilt[outer], len(log_p), np.add)
        size = np.where(alive, np.abs(log_x) + np.abs(np.where(alive, log_p, 0.0)) + pulled, 0.0)
        rounding = tolerances.TIGHT * size
        tilt[tied] = balance(unmet, rounding, structure.shift, group, winner[tied], loser[tied])
    return Projection(log_x, tilt, structure.cycles)


def _contract(log_p, structure):
    """Each group as one node of mass X: its number, each member's log share of X, and the mass it would have alone."""
    if not structure.tied.any():
        return np.arange(len(log_p)), np.zeros(len(log_p)), log_p
    group, shift = structure.group, structure.shift
    top = np.full(group.max() + 1, -np.inf)
    np.maximum.at(top, group, shift)
    log_size = top + np.log(np.bincount(group, np.exp(shift - top[group])))
    offset = shift - log_size[group]
    log_mass = np.empty(len(log_size))
    log_mass[group] = pool_levels(log_p, shift, group) - offset
    return group, offset, log_mass


def _tilts(log_p, winner, loser, margin):
    """Multipliers and tight pairs where no cycle has total margin 0 or more."""
    tilt, tight = np.zeros(len(winner)), np.zeros(len(winner), dtype=bool)
    shortfall = margin - (log_p[winner] - log_p[loser])
    component = components(len(log_p), winner, loser)[winner]
    open_components = np.bincount(component, shortfall > 0) > 0 if len(winner) else np.zeros(0, dtype=bool)
    todo = np.flatnonzero(open_components[component])
    todo = todo[np.argsort(component[todo], kind="stable")]
    size = np.bincount(component)[component] if len(winner) else component
    for n_pairs in range(1, MOST_ENUMERATED + 1):
        edges = todo[size[todo] == n_pairs].reshape(-1, n_pairs)
        if len(edges):
            tilt[edges] = enumerate_active_sets(log_p, winner[edges], loser[edges], margin[edges])
    tight |= tilt > 0
    big = todo[size[todo] > MOST_ENUMERATED]
    for edges in np.split(big, np.flatnonzero(np.diff(component[big])) + 1) if len(big) else []:
        tilt[edges], tight[edges] = _one_component(log_p, winner[edges], loser[edges], margin[edges])
    return tilt, tight


def _one_component(log_p, winner, loser, margin):
    nodes, end = np.unique(np.concatenate([winner, loser]), return_inverse=True)
    w, lo = np.split(end, 2)
    a = log_p[nodes]
    path = single_path(len(nodes), w, lo)
    if path is not None:
        order, edge = path
        tilt, tight = np.empty(len(w)), np.empty(len(w), dtype=bool)
        _, tilt[edge], tight[edge] = project_chain(a[order], margin[edge])
        return tilt, tight
    if len(nodes) >= _LARGE:
        u = potentials(len(nodes), w, lo, margin)
        consistent = np.abs(u[w] - u[lo] - margin) <= tolerances.TIGHT * (1 + np.abs(u).max())
        if consistent.all() and np.ptp(u) <= _NEARLY_EQUAL:
            weight = np.exp(u - u.max())
            flow, tight = isotonic(a - u, weight, w, lo)
            return flow * (1 / weight[w] + 1 / weight[lo]), tight
    return pool_and_split(a, w, lo, margin)
