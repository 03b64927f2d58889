r"""The KL projection onto any consistent set of margins, as a complementarity problem in log-space.

With :math:`v=\log x`, :math:`a=\log p`, and the constraint of pair i scaled to
:math:`\sigma(-m_i)x_w\ge\sigma(m_i)x_l`, the optimality conditions of :math:`\min\sum x\log(x/p)-x+p` are

.. math:: v=a+\sum_i t_i\,(\sigma(-m_i)e_{w_i}-\sigma(m_i)e_{l_i}),\qquad
   0\le t_i\ \perp\ v_{w_i}-v_{l_i}-m_i\ge0,

because :math:`x_w\ge e^mx_l` and :math:`v_w-v_l\ge m` say the same. *No exponential of v is left*: the problem is
linear in v and t, a linear complementarity problem, as exact in the tails as anywhere. One pair has
:math:`t=\max(0,m-\delta^*)`.

The tight pairs with positive multipliers may be taken a forest: around a cycle of tight pairs one multiplier is spare
(Caratheodory). Two routes to that forest. A few pairs: enumerate the forests, of all problems of a batch at once. Any
number: a dual active-set method, which is pool-adjacent-violators for an arbitrary digraph. It starts at v = a, raises
the multiplier of the most violated pair while the tight pairs stay tight (all multipliers then move linearly), and lets
go of a pair when its multiplier reaches 0. Every step raises the dual value :math:`-\sum_yp_ye^{(At)_y}`, so no forest
comes twice and it ends, provided that the constraints are consistent, which is known beforehand.
"""

from itertools import combinations

import numpy as np
from scipy.special import expit

from tabular import tolerances
from tabular.projections.pooling import pools

MOST_ENUMERATED = 4
_PATIENCE = 50  # steps a pair, ten times what hard cases take; only pairs tied through far lighter ones come near it


def _shares(margin):
    """How a pair's multiplier divides between raising its winner and lowering its loser."""
    margin = np.minimum(np.maximum(margin, -tolerances.HEAVY), tolerances.HEAVY)
    return expit(-margin), expit(margin)


def lift(winner, loser, margin, tilt, n_nodes):
    """``A t``: how far the multipliers move each log-weight."""
    up, down = _shares(margin)
    return np.bincount(winner, up * tilt, n_nodes) - np.bincount(loser, down * tilt, n_nodes)


def coupling(winner, loser, margin):
    r"""``M (..., k, k)``: by how much a unit of each multiplier raises each pair's log-ratio.

    The determinant of a principal minor is a sum over spanning trees of products of sigmoids: positive for a forest of
    pairs, 0 otherwise.
    """
    up, down = (share[..., None, :] for share in _shares(margin))
    w, lo = winner[..., :, None], loser[..., :, None]
    to_winner = up * (w == winner[..., None, :]) - down * (w == loser[..., None, :])
    to_loser = up * (lo == winner[..., None, :]) - down * (lo == loser[..., None, :])
    return to_winner - to_loser


def enumerate_active_sets(shortfall, winner, loser, margin):
    r"""``tilt (n_problems, k)`` of problems with k pairs each, by trying every active set on all of them at once.

    Args:
        shortfall: ``(n_problems, k)`` of :math:`m-\delta^*`.
        winner, loser: ``(n_problems, k)`` node numbers.
        margin: ``(n_problems, k)``.

    >>> enumerate_active_sets(np.array([[1.0], [-1.0]]), *np.array([[[0], [0]], [[1], [1]]]), np.zeros((2, 1))).tolist()
    [[1.0], [0.0]]
    """
    n_pairs = shortfall.shape[1]
    matrix = coupling(winner, loser, margin)
    best, error = np.zeros_like(shortfall), np.maximum(shortfall, 0).max(axis=1)
    for size in range(1, n_pairs + 1):
        for active in map(list, combinations(range(n_pairs), size)):
            minor = matrix[:, active][:, :, active]
            forest = np.linalg.det(minor) > tolerances.FOREST
            todo = np.flatnonzero(forest & (error > 0))
            trial = np.zeros((len(todo), n_pairs))
            trial[:, active] = np.linalg.solve(minor[todo], shortfall[todo][:, active, None])[..., 0]
            unmet = shortfall[todo] - (matrix[todo] @ trial[..., None])[..., 0]
            unmet[:, active] = np.abs(unmet[:, active])
            wrong = np.maximum(unmet, -trial).max(axis=1)
            better = wrong < error[todo]
            best[todo[better]], error[todo[better]] = trial[better], wrong[better]
    return np.maximum(best, 0.0)


def pool_and_split(log_p, winner, loser, margin):
    r"""``tilt (n_edges,)`` of one problem with any consistent margins.

    >>> t = pool_and_split(np.log([0.1, 0.4, 0.5]), np.array([0, 0]), np.array([1, 2]), np.zeros(2))
    >>> np.exp(np.log([0.1, 0.4, 0.5]) + lift(np.array([0, 0]), np.array([1, 2]), np.zeros(2), t, 3)).round(6).tolist()
    [0.271442, 0.271442, 0.271442]
    """
    tilt = np.zeros(len(winner))
    active = np.zeros(len(winner), dtype=bool)
    exact = tolerances.TIGHT * (1 + np.abs(log_p).max() + np.abs(margin).max())
    for _ in range(_PATIENCE * len(winner)):
        level = log_p + lift(winner, loser, margin, tilt, len(log_p))
        slack = level[winner] - level[loser] - margin
        slack[active] = 0.0
        violated = int(np.argmin(slack))
        if slack[violated] >= -exact:
            break
        _raise_until_tight(violated, -slack[violated], tilt, active, winner, loser, margin, len(log_p))
    return tilt


def _raise_until_tight(edge, shortfall, tilt, active, winner, loser, margin, n_nodes):
    """Raise one multiplier, keeping the tight pairs tight and every multiplier >= 0, until its pair is tight too."""
    while True:
        pool = pools(n_nodes, winner[active], loser[active])
        joins = pool[winner[edge]] != pool[loser[edge]]
        held = np.flatnonzero(active & np.isin(pool[winner], [pool[winner[edge]], pool[loser[edge]]]))
        both = np.append(held, edge)
        matrix = coupling(winner[both], loser[both], margin[both])
        drift = -np.linalg.solve(matrix[:-1, :-1], matrix[:-1, -1])
        gain = matrix[-1, -1] + matrix[-1, :-1] @ drift if joins else 0.0
        to_tight = shortfall / max(gain, tolerances.FOREST) if joins else np.inf
        falling = np.flatnonzero(drift < 0)
        to_zero = -tilt[held[falling]] / drift[falling]
        step = min(to_tight, to_zero.min(initial=np.inf))
        tilt[held] += step * drift
        tilt[edge] += step
        shortfall -= step * gain
        if step == to_tight:
            active[edge] = True
            return
        gone = held[falling[np.argmin(to_zero)]]
        tilt[gone], active[gone] = 0.0, False
