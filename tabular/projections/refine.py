r"""Multipliers of tied pools by the equations of their light members.

Multipliers are found as a weight times a difference of two means, each to a rounding of the heaviest member's. Two
heavy responses that a far lighter one ties share its multiplier by their own difference, which rounding may hide;
but the sum of the two shares is what the light one's equation says, and is known to the last digit. So what an equation
:math:`v_y=a_y+\sum_it_i(\sigma(-m_i)1[y=w_i]-\sigma(m_i)1[y=l_i])` leaves, beyond rounding of its own terms, goes to
the pair that leads from y to the pool's heaviest member: leaves first, as in Gaussian elimination of a tree. The
heaviest member's equation follows from the others' and is never read.
"""

import numpy as np
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.digraph import components, forest
from tabular.projections.pulls import pulls

__all__ = ["refined"]


def _left(log_p, level, winner, loser, margin, tilt):
    """``(n_nodes,)`` what each node's equation leaves, 0 where that is rounding of its terms."""
    with np.errstate(invalid="ignore", over="ignore"):  # multipliers beyond the floats, or sums of two
        up, down = pulls(tilt, margin)
        won, lost = np.bincount(winner, up, len(log_p)), np.bincount(loser, down, len(log_p))
        unmet = level - log_p - (won - lost)
        rounding = tolerances.TIGHT * (np.abs(level) + np.abs(log_p) + won + lost)
    return np.where(np.abs(unmet) > rounding, unmet, 0.0)


def refined(log_p, level, shift, winner, loser, margin, tilt):
    """``tilt (n_edges,)`` of tight pairs, those of pools where equations are left with something beyond rounding anew.

    Args:
        log_p, level, shift: ``(n_nodes,)`` log-weights, the projection's, and how far each lies above its pool's.
        winner, loser, margin, tilt: ``(n_edges,)`` of the tight pairs.

    >>> first, second, margin = np.array([0, 1]), np.array([2, 2]), np.array([60.0, 60.0])  # two hold one, e^60 lighter
    >>> log_p, level, shift = np.array([5.0, 5.0, 35.0]), np.array([5.0, 5.0, 5.0]), np.array([60.0, 60.0, 0.0])
    >>> refined(log_p, level, shift, first, second, margin, np.array([20.0, 9.99])).round(9).tolist()  # 30 in all
    [20.01, 9.99]
    """
    unmet = _left(log_p, level, winner, loser, margin, tilt)
    if not unmet.any():
        return tilt
    pool = components(len(log_p), winner, loser)
    heaviest = np.lexsort((-shift, pool))
    roots = heaviest[np.unique(pool[heaviest], return_index=True)[1]]
    new = _leaves_first(unmet, roots, winner, loser, margin, tilt.copy())
    worst = np.zeros((2, pool.max() + 1))
    np.maximum.at(worst, np.s_[:, pool], np.abs([unmet, _left(log_p, level, winner, loser, margin, new)]))
    return np.where((worst[1] < worst[0])[pool[winner]], new, tilt)


def _leaves_first(unmet, roots, winner, loser, margin, tilt):
    """What each node leaves goes to its pair towards the root, and with this to the next node."""
    ends = np.concatenate([winner, loser]), np.concatenate([loser, winner])
    inner, before, edge = forest(len(unmet), *ends, roots)
    unmet, coefficient = unmet.copy(), {1: expit(-margin), -1: -expit(margin)}
    for node in inner[::-1]:
        if unmet[node] != 0:
            k = edge[node] % len(winner)
            way = 1 if winner[k] == node else -1
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                moved = max(unmet[node] / coefficient[way][k], -tilt[k])
            if np.isfinite(moved):
                tilt[k] += moved
                unmet[before[node]] -= moved * coefficient[-way][k]
    return tilt
