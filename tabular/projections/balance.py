r"""Multipliers inside a group of responses that a balanced cycle of labels ties together.

A group's levels are fixed by its cycles, so its pairs' multipliers need only explain them: find :math:`t\ge0` with
:math:`\sum_i t_i(\sigma(-m_i)e_{w_i}-\sigma(m_i)e_{l_i})=b`, where :math:`\sum_ye^{d_y}b_y=0` over the group. With
:math:`\omega=e^d` and :math:`t_i=\varphi_i(1/\omega_w+1/\omega_l)` this asks for a flow :math:`\varphi\ge0` that
carries :math:`\omega_yb_y` away from every y along winner -> loser edges. A group is strongly connected, so everything
can travel to one root along directed edges and from there to where it is wanted.

**The root's own equation is never read.** It follows from the others', as the :math:`\omega_yb_y` sum to 0. So the root
is the member whose b, times its weight, is rounded most: read off, that would drown what the others say. It is the
heaviest, unless huge multipliers that all but cancel pull at a lighter one. For the same reason a b that is no more
than the rounding of the numbers it is the difference of counts as 0.
"""

import numpy as np

from tabular.base import tolerances
from tabular.base.digraph import forest

__all__ = ["balance"]


def balance(wanted, rounding, shift, group, winner, loser):
    """``tilt (n_edges,)`` of the tied edges of all groups that lifts each node by ``wanted``, but for ``rounding``.

    >>> first, second = np.array([0, 1]), np.array([1, 0])
    >>> balance(np.array([1.0, -1.0]), 1e-15, np.zeros(2), np.zeros(2, dtype=int), first, second).tolist()
    [2.0, 0.0]
    >>> shift = np.array([-900.0, 0.0])
    >>> balance(np.array([-900.0, 0.0]), 1e-12, shift, np.zeros(2, dtype=int), first, second).round(9).tolist()
    [0.0, 900.0]
    """
    wanted = np.where(np.abs(wanted) <= rounding, 0.0, wanted)
    with np.errstate(divide="ignore"):
        blurred = shift + np.log(rounding + tolerances.TIGHT)  # a log-probability of 0 is rounded as one of 1
        log_surplus = shift + np.log(np.maximum(wanted, 0))
        log_want = shift + np.log(np.maximum(-wanted, 0))
    blurred_first = winner[np.argsort(-blurred[winner], kind="stable")]
    roots = blurred_first[np.unique(group[blurred_first], return_index=True)[1]]
    log_flow = np.logaddexp(_log_flow(log_surplus, roots, loser, winner), _log_flow(log_want, roots, winner, loser))
    with np.errstate(over="ignore"):
        return np.exp(log_flow + np.logaddexp(-shift[winner], -shift[loser]))


def _log_flow(log_amount, roots, tail, head):
    """Log of the flow along a breadth-first forest tail -> head from the roots that serves every node's amount.

    Amounts only add up, so their logs lose nothing however far apart the members of a group lie.
    """
    inner, before, edge = forest(len(log_amount), tail, head, roots)
    through, log_flow = log_amount.copy(), np.full(len(tail), -np.inf)
    for node in inner[::-1]:  # leaves first
        through[before[node]] = np.logaddexp(through[before[node]], through[node])
    log_flow[edge[inner]] = through[inner]
    return log_flow
