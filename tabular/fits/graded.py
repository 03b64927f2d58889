r"""The last digits of a stationary point of a loss that is not convex, whatever the weights of its labels.

A descent of :math:`f(s)=\sum_iW_ig(s_{w_i}-s_{l_i}-o_i)` sees f and its gradient as sums: next to a label of weight 1
one of weight :math:`e^{-40}` is rounding, and where it alone moves a response the descent ends anywhere. Elimination on
the label graph (:func:`tabular.fits.laplacian.solve_labels`) keeps the relative accuracy of every weight: with the
curvatures :math:`W_i|g''|`, or :math:`W_i|g'|` where that is more, its step descends at every level of the weights.
"""

import numpy as np

from tabular.base.stops import Stalls
from tabular.fits import laplacian

__all__ = ["stationary"]

_FAR = 1.0  # how far a step may move a margin
_SHORTEST = 2.0**-40
_STILL = 1e-15  # relative to the levels: what rounding alone moves
_PATIENCE = 5  # steps in a row that bring neither the loss nor themselves to a new least: rounding rules
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
    stalls, stalled = Stalls(1, _PATIENCE), False
    while not stalled:
        x = s[winner] - s[loser] - offset
        slope = weight * scalar.slope(x)
        bend = np.maximum(weight * np.abs(scalar.curvature(x)), np.abs(slope)) + floor
        d = laplacian.solve_labels(bend, -slope, len(s), winner, loser)
        along = d[winner] - d[loser]
        step = min(1.0, _FAR / max(np.abs(along).max(), 1e-300))
        step = _shortened(step, x, along, weight, slope, scalar)
        if not step:
            break
        s, moved = s + step * d, step * np.abs(along).max()
        stalled = moved <= _STILL * (1 + np.abs(s).max()) or stalls.after([weight @ scalar.value(x)], [moved])[0]
    return s - s.mean()


def _shortened(step, x, along, weight, slope, scalar):
    """The longest of the halved steps at whose end f still falls, or has turned by a tenth at most; 0 if none."""
    fall = slope @ along
    while fall < 0 and step > _SHORTEST:
        if weight * scalar.slope(x + step * along) @ along <= -0.1 * fall:
            return step
        step /= 2
    return 0.0
