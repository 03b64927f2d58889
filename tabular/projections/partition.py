r"""Weighted least-squares isotonic regression on any partial order, exactly, by splitting pools along minimum cuts.

Minimise :math:`\tfrac12\sum_y\omega_y(v_y-a_y)^2` subject to :math:`v_w\ge v_l` on the given edges. Start from one pool
a component at its weighted mean c. With gains :math:`g_y=\omega_y(a_y-c)`, either

* a flow :math:`\varphi\ge0` along the edges l -> w carries every positive gain to the negative ones: then
  :math:`\omega_y(v_y-a_y)=\sum_{(y,\cdot)}\varphi-\sum_{(\cdot,y)}\varphi` at v = c, the pool is final and
  :math:`\varphi` is its multipliers; or
* the minimum cut is a set closed under "l in the set implies w in the set" with positive total gain: the optimum lifts
  it, so the pool splits there and the edges across are slack for good (Maxwell and Muckstadt 1985).

scipy's maximum flow takes 32-bit capacities only, so a flow is found in rounds: what the rounded capacities could not
carry is scaled up and routed again, until it is rounding error of the input.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from tabular.base import tolerances
from tabular.base.digraph import components
from tabular.base.stops import Stalls

__all__ = ["isotonic"]

_PATIENCE = 20  # rounds in a row without a new partition and without half as much to be carried: rounding rules
_UNITS = 2**29  # of capacity a round: a residual capacity, twice that at most, stays inside 32 bits


def isotonic(value, weight, winner, loser):
    r"""The optimum's multipliers ``flow (n_edges,)`` and ``tied (n_edges,)``: which edges lie inside a final pool.

    Args:
        value, weight: ``(n_nodes,)``; weights within a few orders of magnitude of one another.
        winner, loser: ``(n_edges,)``, an acyclic digraph; of edges between the same two nodes the first carries all.

    >>> flow, tied = isotonic(np.array([0.0, 4.0, 1.0]), np.ones(3), np.array([0, 1]), np.array([1, 2]))
    >>> flow.tolist(), tied.tolist()
    ([2.0, 0.0], [True, False])
    """
    n_nodes = len(value)
    _, first, same = np.unique(winner * n_nodes + loser, return_index=True, return_inverse=True)
    found, tied = _flow(value, weight, winner[first], loser[first])
    flow = np.zeros(len(winner))
    flow[first] = found
    return flow, tied[same]


def _flow(value, weight, winner, loser):
    """The same for edges that are all different."""
    n_nodes = len(value)
    tied, flow = np.ones(len(winner), dtype=bool), np.zeros(len(winner))
    stalls, seen = Stalls(1, _PATIENCE), set()
    while True:
        pool = components(n_nodes, winner[tied], loser[tied])
        out, into = np.bincount(winner, flow, n_nodes), np.bincount(loser, flow, n_nodes)
        gain = weight * value + out - into
        for _ in range(2):  # the second time removes the rounding of the mean, or no flow could balance the pool
            gain = gain - weight * (_pool_total(gain, pool) / _pool_total(weight, pool))[pool]
        waiting = _pool_total(np.abs(gain), pool)
        rounding = tolerances.FLOW * np.sqrt(np.bincount(pool)) * _pool_total(np.abs(weight * value) + out + into, pool)
        unfinished, partition = waiting > rounding, tied.tobytes()
        halvings = np.floor(np.log2((waiting / np.maximum(rounding, 1e-300)).max(initial=1.0)))
        if partition in seen and stalls.after(halvings)[0]:
            return flow, tied
        seen.add(partition)
        if not unfinished.any():
            if not _rejoin(weight * value, weight, pool, winner, loser, tied):
                return flow, tied
            continue
        unit = waiting * unfinished.sum() / _UNITS
        edges = np.flatnonzero(tied & unfinished[pool[winner]])
        of_edge = unit[pool[winner[edges]]]
        units = np.where(unfinished[pool], gain / np.where(unfinished, unit, 1.0)[pool], 0.0)
        carried, lifted = _route(units, winner[edges], loser[edges], flow[edges] / of_edge)
        flow[edges] = np.maximum(flow[edges] + carried * of_edge, 0.0)
        stuck = _pool_total(np.where(lifted, units, 0.0), pool) > 2 * np.bincount(pool)  # more than truncation hides
        flow[stuck[pool[winner]]] = 0.0
        tied &= ~stuck[pool[winner]] | (lifted[winner] == lifted[loser])


def _rejoin(total, weight, pool, winner, loser, tied):
    """Undo splits that a cut of truncated capacities got wrong: join pools in the wrong order, to be cut more finely.

    What is returned in the end needs no trust in the cuts: flows inside pools and levels in order are optimal.
    """
    level = (_pool_total(total, pool) / _pool_total(weight, pool))[pool]
    wrong = ~tied & (level[loser] - level[winner] > tolerances.TIGHT * (1 + np.abs(level).max()))
    if wrong.any():
        merged = components(len(pool), winner[tied | wrong], loser[tied | wrong])
        reopened = np.bincount(merged[winner], wrong, merged.max() + 1) > 0
        tied |= (merged[winner] == merged[loser]) & reopened[merged[winner]]
    return wrong.any()


def _pool_total(x, pool):
    return np.bincount(pool, x)


def _route(gain, winner, loser, undo):
    """One maximum flow in whole units: what each edge l -> w carries (down to ``-undo``), and the cut's source side."""
    n_nodes = len(gain)
    source, sink = n_nodes, n_nodes + 1
    units = np.trunc(gain).astype(np.int32)
    up, down = np.flatnonzero(units > 0), np.flatnonzero(units < 0)
    back = np.minimum(np.floor(undo), _UNITS).astype(np.int32)
    tail = np.concatenate([np.full(len(up), source), down, loser, winner])
    head = np.concatenate([up, np.full(len(down), sink), winner, loser])
    capacity = np.concatenate([units[up], -units[down], np.full(len(winner), _UNITS, dtype=np.int32), back])
    graph = coo_array((capacity, (tail, head)), shape=(n_nodes + 2, n_nodes + 2)).tocsr()
    flow = maximum_flow(graph, source, sink).flow
    residual = (graph - flow).tocsr()
    residual.eliminate_zeros()
    lifted = np.zeros(n_nodes + 2, dtype=bool)
    lifted[breadth_first_order(residual, source, return_predecessors=False)] = True
    return np.asarray(flow[loser, winner]).ravel(), lifted[:-2]
