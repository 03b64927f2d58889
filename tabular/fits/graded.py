r"""The last digits of a stationary point of a loss that is not convex, whatever the weights of its labels.

A descent of :math:`f(s)=\sum_iW_ig(s_{w_i}-s_{l_i}-o_i)` sees f and its gradient as sums: next to a label of weight 1
one of weight :math:`e^{-40}` is rounding, and where it alone moves a response the descent ends anywhere. Elimination on
the label graph (:func:`tabular.fits.laplacian.solve_labels`) keeps the relative accuracy of every weight: with the
curvatures :math:`W_i|g''|`, or a share of :math:`W_i|g'|` where that is more, its step descends at every level of the
weights: all of it at first, and half as much with every step that leaves more than half of the label's slope.

Several points go down side by side; of those that have come together only the lowest goes on.
"""

import numpy as np

from tabular.base.stops import Stalls
from tabular.fits import laplacian

__all__ = ["stationary"]

_FAR = 1.0  # how far a step may move a margin; or twice as far as the step before
_MOST = 1e100  # nats that a label of straight loss may ask for
_SHORTEST = 2.0**-40
_STILL = 1e-15  # relative to the levels: what rounding alone moves
#: Steps in a row that bring neither the loss nor a step nor what pushes each response to a new extreme: rounding rules.
_PATIENCE = 20
_FLAT = 1e-300  # the curvature of a label that has less: a response that only such labels hold has to stay somewhere
_SAME = 1e-3  # nats between two points on their way to the same valley


def stationary(points, winner, loser, log_weight, offset, scalar, still=_STILL) -> np.ndarray:
    """Levels near ``points``, ``(n_points, size)``, at which the labels of a connected block balance, as far as floats
    let them; of points on their way to one valley all get the end of the lowest.

    Steps end where they are shorter than ``still``, relative to the levels.

    >>> from tabular import losses
    >>> coin, far = losses.get("exo_pair", eps=0.25).scalar, np.array([0.0, -60.0])
    >>> s = stationary(np.zeros((1, 3)), np.array([0, 1]), np.array([1, 2]), far, np.zeros(2), coin)[0]
    >>> (s[:-1] - s[1:]).round(9).tolist(), float(coin.zeta.round(9))  # the light label is settled like the heavy one
    ([1.098612289, 1.098612289], 1.098612289)
    """
    weight = np.exp(log_weight - log_weight.max())
    s, (m, size) = np.array(points), points.shape
    moved, stretch = np.full(m, _FAR), np.ones(m)
    trust, before = np.full((m, len(winner)), 0.5), np.zeros((m, len(winner)))
    ends = (winner[:, None] == np.arange(size)) | (loser[:, None] == np.arange(size))
    left, stalls, leader = np.arange(m), Stalls(m, _PATIENCE), np.arange(m)
    while left.size:
        x = s[left[:, None], winner] - s[left[:, None], loser] - offset
        value, slope, curvature = scalar.jet(x)
        slope, last = weight * slope, before[left]
        straight = slope * last >= last * last / 2
        far = np.where(straight, np.minimum(2 * trust[left], _MOST), 1.0)
        bend = np.maximum(weight * np.abs(curvature), np.abs(slope) / far) + _FLAT
        d = laplacian.solve_labels(bend, -slope, size, winner, loser)
        along = d[:, winner] - d[:, loser]
        reach = np.maximum(np.abs(along).max(axis=1), 1e-300)
        step = np.minimum(stretch[left], np.maximum(_FAR, 2 * moved[left]) / reach)
        step, rest = _shortened(step, x, along, weight, value, slope, scalar)
        s[left] = _centred(s[left] + step[:, None] * d)
        moved[left], before[left] = step * reach, slope
        trust[left] = np.maximum(np.minimum(step, 1.0)[:, None] * far, 1.0)
        stretch[left] = np.where((rest > 0.5) & (moved[left] < _FAR), 2 * step, 1.0)
        going = step > 0
        left, cost, length = left[going], (value @ weight)[going], moved[left[going]]
        pushed = np.log(np.maximum(np.abs(slope[going]) @ ends, 1e-300)).sum(axis=1)
        octave = np.floor(np.log2(length))
        ended = stalls.after(cost, octave, -octave, pushed, -pushed, which=left)
        ended |= length <= still * (1 + np.abs(s[left]).max(axis=1))
        left = _apart(left[~ended], cost[~ended], s, leader)
    return _centred(s[leader])


def _centred(levels):
    """Far from 0 rounding would move them by more than they are apart."""
    return levels - levels.mean(axis=1, keepdims=True)


def _shortened(step, x, along, weight, value, slope, scalar):
    """Of each point the longest of the halved steps at whose end f still falls, or has turned by a tenth at most, or 0;
    and what is left of the slope there.

    One of more than ``_FAR`` may pass a ridge: at its end f is lower, too.
    """
    fall, near = (slope * along).sum(axis=1), _FAR / np.maximum(np.abs(along).max(axis=1), 1e-300)
    found, rest, left = np.zeros(len(step)), np.zeros(len(step)), np.flatnonzero(fall < 0)
    while left.size:
        after, ahead, _ = scalar.jet(x[left] + step[left, None] * along[left])
        rest[left] = (weight * ahead * along[left]).sum(axis=1) / fall[left]
        lower = (step[left] <= near[left]) | ((after - value[left]) @ weight < 0)
        good = (rest[left] >= -0.1) & lower
        found[left[good]] = step[left[good]]
        left = left[~good]
        step[left] /= 2
        left = left[step[left] > _SHORTEST]
    return found, rest


def _apart(left, cost, s, leader):
    """The points without those next to a lower one, which leads them from now on."""
    order = np.argsort(cost, kind="stable")
    levels = s[left[order]] - s[left[order], :1]
    alone = np.r_[True, np.abs(np.diff(levels, axis=0)).max(axis=1, initial=0.0) >= _SAME][: len(order)]
    ahead = np.maximum.accumulate(np.where(alone, np.arange(len(order)), 0))
    follows = dict(zip(left[order].tolist(), left[order[ahead]].tolist(), strict=True))
    leader[:] = [follows.get(one, one) for one in leader.tolist()]
    return np.sort(left[order[alone]])
