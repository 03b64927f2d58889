r"""The last digits of a stationary point of a loss that is not convex, whatever the weights of its labels.

A descent of :math:`f(s)=\sum_iW_ig(s_{w_i}-s_{l_i}-o_i)` sees f and its gradient as sums: next to a label of weight 1
one of weight :math:`e^{-40}` is rounding, and where it alone moves a response the descent ends anywhere. Elimination on
the label graph (:func:`tabular.fits.laplacian.solve_labels`) keeps the relative accuracy of every weight: with the
curvatures :math:`W_i|g''|`, or a share of :math:`W_i|g'|` where that is more, its step descends at every level of the
weights: all of it at first, and half as much with every step that leaves more than half of the label's slope.
"""

import numpy as np

from tabular.base.stops import Stalls
from tabular.fits import laplacian

__all__ = ["stationary"]

_FAR = 1.0  # how far a step may move a margin; or twice as far as the step before
_MOST = 1e100  # nats that a label of straight loss may ask for
_SHORTEST = 2.0**-40
_STILL = 1e-15  # relative to the levels: what rounding alone moves
_PATIENCE = 20  # steps in a row that neither bring the loss to a new least nor are half as long: rounding rules
_FLAT = 1e-30  # share of a label's weight that counts as its curvature where it has none


def stationary(s, winner, loser, log_weight, offset, scalar) -> np.ndarray:
    """Levels near ``s`` at which the labels of a connected block balance, as far as floats let them.

    >>> from tabular import losses
    >>> coin, far = losses.get("exo_pair", eps=0.25).scalar, np.array([0.0, -60.0])
    >>> s = stationary(np.zeros(3), np.array([0, 1]), np.array([1, 2]), far, np.zeros(2), coin)
    >>> (s[:-1] - s[1:]).round(9).tolist(), float(coin.zeta.round(9))  # the light label is settled like the heavy one
    ([1.098612289, 1.098612289], 1.098612289)
    """
    weight = np.exp(log_weight - log_weight.max())
    floor = _FLAT * np.maximum(weight, 1e-270)
    stalls, stalled, moved, stretch = Stalls(1, _PATIENCE), False, _FAR, 1.0
    trust, before = np.full(len(winner), 0.5), 0.0
    while not stalled:
        x = s[winner] - s[loser] - offset
        slope = weight * scalar.slope(x)
        trust = np.where(slope * before >= before * before / 2, np.minimum(2 * trust, _MOST), 1.0)
        bend, before = np.maximum(weight * np.abs(scalar.curvature(x)), np.abs(slope) / trust) + floor, slope
        d = laplacian.solve_labels(bend, -slope, len(s), winner, loser)
        along = d[winner] - d[loser]
        reach = max(np.abs(along).max(), 1e-300)
        step, left = _shortened(min(stretch, max(_FAR, 2 * moved) / reach), x, along, weight, slope, scalar)
        if not step:
            break
        s, moved, trust = s + step * d, step * reach, np.maximum(min(step, 1.0) * trust, 1.0)
        stretch = 2 * step if left > 0.5 and moved < _FAR else 1.0
        ended = stalls.after([weight @ scalar.value(x)], [np.floor(np.log2(moved))])[0]
        stalled = moved <= _STILL * (1 + np.abs(s).max()) or ended
    return s - s.mean()


def _shortened(step, x, along, weight, slope, scalar):
    """The longest of the halved steps at whose end f still falls, or has turned by a tenth at most, or 0; and what is
    left of the slope there.

    One of more than ``_FAR`` may pass a ridge: at its end f is lower, too.
    """
    fall, near, value = slope @ along, _FAR / max(np.abs(along).max(), 1e-300), scalar.value(x)
    while fall < 0 and step > _SHORTEST:
        end = x + step * along
        left = weight * scalar.slope(end) @ along / fall
        if left >= -0.1 and (step <= near or weight @ (scalar.value(end) - value) < 0):
            return step, left
        step /= 2
    return 0.0, 0.0
