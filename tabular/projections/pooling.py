r"""Pools of responses whose ratios are fixed, and the exact level of each.

Minimise the un-normalised divergence :math:`\sum_y x_y\log(x_y/p_y)-x_y+p_y` over :math:`x_y=Xe^{u_y}`, y in one pool:
the derivative in :math:`\log X` vanishes at

.. math:: \log X=\frac{\sum_y e^{u_y}(\log p_y-u_y)}{\sum_y e^{u_y}},

a weighted *geometric* mean. Only ratios of the weights matter, so u is taken from the pool's heaviest member: nothing
overflows however far apart the members lie, and the heavy members' levels keep the digits that a light one's u would
swallow.
"""

import numpy as np

from tabular.base.digraph import forest

__all__ = ["log_parallel", "pool_levels", "potentials"]


def log_parallel(log_x, log_y):
    """log of xy/(x + y), which is never above the smaller of the two.

    >>> float(np.exp(log_parallel(np.log(2.0), np.log(2.0))).round(9)), float(log_parallel(-1000.0, 1000.0))
    (1.0, -1000.0)
    """
    return np.minimum(log_x, log_y) - np.log1p(np.exp(-np.abs(log_x - log_y)))


def potentials(n_nodes, winner, loser, margin):
    """u with ``u_w - u_l = margin`` along a spanning forest of the edges, 0 at the root of each tree.

    >>> potentials(3, np.array([0, 1]), np.array([1, 2]), np.array([0.5, 0.25])).tolist()
    [0.0, -0.5, -0.75]
    """
    if not margin.any():
        return np.zeros(n_nodes)
    ends = np.concatenate([winner, loser]), np.concatenate([loser, winner])
    inner, before, edge = forest(n_nodes, *ends)
    u, before = np.zeros(n_nodes + 1), np.append(before, n_nodes)
    u[inner] = np.concatenate([-margin, margin])[edge[inner]]
    while (before != n_nodes).any():  # pointer doubling: log2(depth) rounds
        u, before = u + u[before], before[before]
    return u[:-1]


def pool_levels(log_p, shift, pool):
    r"""``log x`` at the pooled optimum: ``shift`` plus the pool's weighted mean of ``log_p - shift``.

    >>> pool_levels(np.log([0.1, 0.4, 0.5]), np.zeros(3), np.array([0, 0, 1])).round(6).tolist()
    [-1.609438, -1.609438, -0.693147]
    """
    top = np.full(pool.max() + 1, -np.inf)
    np.maximum.at(top, pool, shift)
    heaviest = np.flatnonzero(shift == top[pool])[::-1]
    first = np.empty(len(top), dtype=np.int64)
    first[pool[heaviest]] = heaviest
    first = first[pool]
    shift, anchor = shift - shift[first], log_p[first]
    above = np.subtract(log_p, anchor, out=np.zeros(len(pool)), where=log_p != anchor)  # absent: -inf alone
    weight = np.exp(shift)
    mean = np.bincount(pool, weight * (above - shift)) / np.bincount(pool, weight)
    return shift + (anchor + mean[pool])
