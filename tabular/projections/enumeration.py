r"""The active set of problems with a few pairs each, by trying every forest of pairs on all of them at once.

Let a forest F of pairs be tight. Take any pair i: without it, its winner and its loser lie in two pools of
:math:`F\setminus i`, its *sides*, each of which moves as one at its own level (:mod:`tabular.projections.pooling`).
Let :math:`D_i` be the margin that these levels leave unmet, :math:`D_i=m_i-(v_{w_i}-v_{l_i})`. Then F is optimal iff

.. math:: D_i\ge0\ (i\in F),\qquad D_i\le0\ (i\notin F),

because a tight pair's multiplier is :math:`t_i=D_i\,h(W_{w_i},W_{l_i})/h(\omega_{w_i},\omega_{l_i})`, with W the
weights of its sides, :math:`\omega=e^u` those of its ends, and :math:`h(x,y)=xy/(x+y)`. No weight is subtracted from
another, so margins of hundreds of nats, of both signs, cost no digits.
"""

from itertools import combinations

import numpy as np

from tabular.projections.pooling import log_parallel

__all__ = ["MOST_ENUMERATED", "enumerate_active_sets"]

MOST_ENUMERATED = 4


def enumerate_active_sets(log_p, winner, loser, margin):
    """``tilt (n_problems, k)``, the multipliers of problems with k pairs each.

    Args:
        log_p: ``(n_nodes,)``.
        winner, loser: ``(n_problems, k)`` node numbers; margin: ``(n_problems, k)``.

    >>> first, second = np.array([[0], [1]]), np.array([[1], [0]])
    >>> enumerate_active_sets(np.array([0.0, 1.0]), first, second, np.zeros((2, 1))).tolist()
    [[1.0], [0.0]]
    """
    n_pairs = winner.shape[1]
    log_p, winner, loser = _renumbered(log_p, winner, loser)
    at_winner, at_loser = np.take_along_axis(log_p, winner, 1), np.take_along_axis(log_p, loser, 1)
    tilt, error = np.zeros_like(margin), np.maximum((margin - at_winner + at_loser).max(axis=1), 0.0)
    for size in range(1, n_pairs + 1):
        for active in map(list, combinations(range(n_pairs), size)):
            todo = np.flatnonzero(error > 0)
            trial, wrong = _tried(log_p[todo], winner[todo], loser[todo], margin[todo], active)
            better = wrong < error[todo]
            tilt[todo[better]], error[todo[better]] = trial[better], wrong[better]
    return tilt


def _renumbered(log_p, winner, loser):
    """Each problem's own nodes as 0, 1, ...: their log-weights, a row each, and the pairs' ends among them."""
    ends = np.concatenate([winner, loser], axis=1)
    first = np.argmax(ends[:, :, None] == ends[:, None, :], axis=2)
    number = np.cumsum(first == np.arange(ends.shape[1]), axis=1) - 1
    local = np.take_along_axis(number, first, axis=1)
    own = np.zeros((len(ends), number.max() + 1))
    np.put_along_axis(own, local, log_p[ends] - log_p[ends[:, :1]], axis=1)
    return own, *np.split(local, 2, axis=1)


def _tried(log_p, winner, loser, margin, active):
    """Multipliers if the ``active`` pairs are tight, and by how many nats this fails; ``inf`` if they are no forest."""
    side, u, forest = _sides(winner, loser, margin, active, log_p.shape[1])
    log_mass, difference = _compared(side, u, log_p)
    at_winner, at_loser = np.take_along_axis(u, winner, 1), np.take_along_axis(u, loser, 1)
    unmet = margin - (at_winner - at_loser)
    unmet[:, active] = 0.0  # but for rounding
    unmet += difference
    tilt = np.zeros_like(margin)
    log_ratio = log_parallel(log_mass[:, 0], log_mass[:, 1]) - log_parallel(at_winner, at_loser)
    wanting = unmet[:, active] > 0
    with np.errstate(over="ignore"):
        tilt[:, active] = np.maximum(unmet[:, active], 0.0) * np.exp(np.where(wanting, log_ratio[:, active], 0.0))
    unmet[:, active] *= -1
    return tilt, np.where(forest, np.maximum(unmet.max(axis=1), 0.0), np.inf)


def _compared(side, u, log_p):
    """Log weights ``(n_problems, 2, k)`` of all sides, and mean of ``log_p - u`` on the loser's less the winner's side.

    Taken from each side's heaviest member: what far lighter ones add to a difference of 0 is not lost in rounding.
    """
    log_share = np.where(side, u[:, None, None], -np.inf)
    heaviest = log_share.argmax(axis=3)
    row = np.arange(len(u))[:, None, None]
    p_top, u_top = log_p[row, heaviest], u[row, heaviest]
    share = np.exp(log_share - u_top[..., None])
    mass = share.sum(axis=3)
    apart = (log_p[:, None, None] - p_top[..., None]) - (u[:, None, None] - u_top[..., None])
    rest = (share * apart).sum(axis=3) / mass
    step = (p_top[:, 1] - p_top[:, 0]) - (u_top[:, 1] - u_top[:, 0])
    return u_top + np.log(mass), step + (rest[:, 1] - rest[:, 0])


def _sides(winner, loser, margin, active, n_nodes):
    """``(n_problems, 2, k, n_nodes)`` masks: the pools of each pair's winner and loser, the pair itself left out."""
    row = np.arange(len(winner))
    side = np.stack([winner, loser], axis=1)[..., None] == np.arange(n_nodes)
    u, forest = np.zeros((len(winner), n_nodes)), np.ones(len(winner), dtype=bool)
    for pair in active:
        w, lo = winner[:, pair], loser[:, pair]
        above, below = side[:, 0, pair], side[:, 1, pair]
        forest &= ~above[row, lo]
        u += (u[row, w] - margin[:, pair] - u[row, lo])[:, None] * below
        joined = side | (side[row, :, :, w][..., None] & below[:, None, None])
        joined |= side[row, :, :, lo][..., None] & above[:, None, None]
        joined[:, :, pair] = side[:, :, pair]
        side = joined
    return side, u, forest
