r"""The projection onto a chain of constraints: one pool-adjacent-violators pass, whatever the margins.

A chain's margins are potential differences, :math:`m_i=u_i-u_{i+1}`, so the projection is the isotonic regression of
:math:`\log p-u` with weights :math:`e^u`. scipy's compiled pass takes the weights as numbers, so it serves while they
all fit one; beyond that the same pass runs on their logs.
"""

import math

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit

from tabular.projections.pooling import log_parallel, pool_levels

__all__ = ["pool_chain", "project_chain", "single_path"]

_FITS = 600.0  # nats: e^600 and every sum of 10^12 such weights are finite


def single_path(n_nodes, winner, loser):
    """``(nodes, edges)`` in the order of the labels where these draw one path and nothing else; ``None`` otherwise.

    >>> [order.tolist() for order in single_path(5, np.array([3, 0]), np.array([0, 4]))]
    [[3, 0, 4], [0, 1]]
    >>> single_path(3, np.array([0, 1]), np.array([1, 0])) is None  # a cycle
    True
    """
    n_edges = len(winner)
    if n_edges and (winner[1:] == loser[:-1]).all():  # listed in order, as most are
        nodes = np.concatenate([winner, loser[-1:]])
        return (nodes, np.arange(n_edges)) if np.bincount(nodes).max() == 1 else None
    wins, losses = np.bincount(winner, minlength=n_nodes), np.bincount(loser, minlength=n_nodes)
    first = wins > losses
    if np.count_nonzero(first) != 1 or wins.max() > 1 or losses.max() > 1:
        return None
    after, left = np.arange(n_nodes), wins
    after[winner] = loser
    for _ in range(n_edges.bit_length()):  # pointer doubling: left counts the edges up to the node that after names
        left = left + left[after]
        after = after[after]
    if left[first.argmax()] != n_edges:
        return None  # cycles beside the path
    nodes, edges = np.empty(n_edges + 1, dtype=np.int64), np.empty(n_edges, dtype=np.int64)
    nodes[n_edges - left[winner]] = winner
    nodes[n_edges] = after[first.argmax()]
    edges[n_edges - left[winner]] = np.arange(n_edges)
    return nodes, edges


def project_chain(log_p, margin):
    r"""The projection onto :math:`x_0\ge e^{m_0}x_1,\ x_1\ge e^{m_1}x_2,\dots`

    Returns:
        ``log x (n,)``, multipliers ``tilt (n - 1,)`` and the ``(n - 1,)`` mask of tight pairs.

    >>> log_x, tilt, tight = project_chain(np.log([0.1, 0.4, 0.5]), np.zeros(2))
    >>> np.exp(log_x).round(6).tolist(), tight.tolist()  # one pool: the geometric mean
    ([0.271442, 0.271442, 0.271442], [True, True])
    >>> (tilt / np.log(2)).round(6).tolist()
    [2.881285, 1.762571]
    """
    if not margin.any():
        return _project_monotone(log_p)
    shift, pool = np.zeros(len(log_p)), np.zeros(len(log_p), dtype=np.int64)
    shift[1:] -= np.cumsum(margin)
    tight = pool_chain(log_p - shift, shift)
    tilt, signs_hold = _multipliers(log_p, shift, tight)
    if not signs_hold:  # levels apart by less than their rounding, which a light member's multiplier blows up
        tight = _pool_exactly(log_p.tolist(), shift.tolist())
        tilt, _ = _multipliers(log_p, shift, tight)
    np.cumsum(~tight, out=pool[1:])
    return pool_levels(log_p, shift, pool), tilt, tight


def _project_monotone(log_p):
    """The same where all margins are 0: pools at their means, taken from the first of each, which lose no digits."""
    start = isotonic_regression(log_p, increasing=False).blocks
    size = np.diff(start)
    start, tight = start[:-1], np.ones(len(log_p) - 1, dtype=bool)
    tight[start[1:] - 1] = False
    first = log_p[start]
    above = log_p - np.repeat(first, size)
    log_x = np.repeat(first + np.add.reduceat(above, start) / size, size)
    risen = np.cumsum(log_x - log_p)[:-1]  # every pool's own sum is 0
    return log_x, np.where(tight, np.maximum(2 * risen, 0.0), 0.0), tight


def _multipliers(log_p, shift, tight):
    r"""A tight pair cuts its pool in two; :math:`t=D\,h(W,W')/h(\omega,\omega')`, as in :mod:`.enumeration`.

    Also whether the pools are right: :math:`D\ge0` at tight pairs, :math:`D\le0` between the pools.
    """
    pool = np.r_[0, np.cumsum(~tight)]
    left = _running(np.array([shift, log_p, shift, np.zeros(len(pool))]), pool)
    right = _running(np.array([shift, log_p, shift, np.zeros(len(pool))])[:, ::-1], pool[::-1])[:, ::-1]
    unmet = _mean_above(right[:, 1:], left[:, :-1])
    log_ratio = log_parallel(left[0, :-1], right[0, 1:]) - log_parallel(shift[:-1], shift[1:])
    with np.errstate(over="ignore"):
        widened = np.exp(np.where(tight & (unmet > 0), log_ratio, 0.0))
        tilt = np.where(tight, np.maximum(unmet, 0.0), 0.0) * widened
    return tilt, bool((np.where(tight, unmet, -unmet) >= 0).all())


def _running(part, pool):
    """Each pool's members up to each position, joined from runs of 1, 2, 4, ... of them.

    ``part (4, n)`` is log weight, and the mean of log_p - u as log_p and u of the heaviest member and what the rest
    adds: so the difference of two means loses no digits.
    """
    place = np.arange(len(pool))
    place -= np.maximum.accumulate(np.where(np.diff(pool, prepend=-1) != 0, place, 0))
    step = 1
    while (here := np.flatnonzero(place >= step)).size:
        one, other = part[:, here], part[:, here - step]
        heavy = np.where(one[0] >= other[0], one, other)
        light = np.where(one[0] >= other[0], other, one)
        heavy[3] += expit(light[0] - heavy[0]) * _mean_above(light, heavy)
        heavy[0] = np.logaddexp(light[0], heavy[0])
        part[:, here] = heavy
        step *= 2
    return part


def _mean_above(one, other):
    return (one[1] - other[1]) - (one[2] - other[2]) + (one[3] - other[3])


def pool_chain(value, log_weight):
    r"""``(n - 1,)`` mask of the neighbours that end in one pool when ``value`` must not increase along the chain.

    >>> pool_chain(np.array([3.0, 1.0, 2.0]), np.zeros(3)).tolist()
    [False, True]
    >>> pool_chain(np.array([3.0, 1.0, 2.0]), np.array([0.0, 9000.0, -9000.0])).tolist()
    [False, True]
    """
    top = log_weight.max()
    if top - log_weight.min() > _FITS:
        return _pool_exactly((value + log_weight).tolist(), log_weight.tolist())
    starts = isotonic_regression(value, weights=np.exp(log_weight - top), increasing=False).blocks[1:-1]
    joined = np.ones(len(value) - 1, dtype=bool)
    joined[np.asarray(starts, dtype=np.int64) - 1] = False
    return joined


def _pool_exactly(log_p, log_weight):
    """Pool-adjacent-violators with pools kept as in :func:`_running`: any weights, and levels that lose no digits."""
    pools = []  # (first position, (log weight, log_p and u of the heaviest member, what the rest add))
    for begin, (p, u) in enumerate(zip(log_p, log_weight, strict=True)):
        part = (u, p, u, 0.0)
        while pools and _mean_above(part, pools[-1][1]) > 0:
            begin, before = pools.pop()
            heavy, light = (part, before) if part[0] > before[0] else (before, part)
            small = math.exp(light[0] - heavy[0])  # 0 where the weights are worlds apart
            rest = heavy[3] + small / (1 + small) * _mean_above(light, heavy)
            part = (heavy[0] + math.log1p(small), heavy[1], heavy[2], rest)
        pools.append((begin, part))
    joined = np.ones(len(log_p) - 1, dtype=bool)
    joined[[begin - 1 for begin, _ in pools[1:]]] = False
    return joined
