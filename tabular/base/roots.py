"""Roots of many increasing functions of one number at once, each inside its bracket."""

import numpy as np

_BISECT_EVERY = 4  # steps: so that each bracket is halved again and again, whatever the function


def increasing(function, low, high, atol=1e-15) -> np.ndarray:
    r"""The roots of increasing functions, one in each bracket, to the last digits or to ``atol``.

    Args:
        function: takes points of the shape of the brackets and returns values of that shape; infinite ones are fine.
        low, high: finite, with values at most 0 at ``low`` and at least 0 at ``high``. Where a value has the wrong
            sign, by rounding say, that end is returned.

    Inverse quadratic interpolation where three points are nearly on a parabola, halving otherwise (Chandrupatla 1997).
    Each bracket is halved at least once in four steps, so the work is at most four times that of bisection.

    >>> increasing(lambda x: x**3 - np.array([8.0, 27.0]), np.zeros(2), np.full(2, 10.0)).round(12).tolist()
    [2.0, 3.0]
    """
    newest, other = np.array(low, dtype=float), np.array(high, dtype=float)
    f_newest, f_other = function(newest), function(other)
    at_low, at_high = f_newest >= 0, f_other <= 0
    older, f_older = other, f_other
    share, step = np.full(newest.shape, 0.5), 0
    while True:
        width = np.abs(other - newest)
        tolerance = 2 * np.finfo(float).eps * np.minimum(np.abs(newest), np.abs(other)) + atol
        done = (width <= 2 * tolerance) | (f_newest == 0) | at_low | at_high
        if done.all():
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            least = np.minimum(tolerance / np.where(done, 1.0, width), 0.5)
            share = np.where(step % _BISECT_EVERY == _BISECT_EVERY - 1, 0.5, np.clip(share, least, 1 - least))
            point = np.where(done, newest, newest + share * (other - newest))
        value = np.where(done, f_newest, function(point))
        same = np.sign(value) == np.sign(f_newest)
        older, f_older = np.where(same, newest, other), np.where(same, f_newest, f_other)
        other, f_other = np.where(same, other, newest), np.where(same, f_other, f_newest)
        newest, f_newest = point, value
        share, step = _interpolated(newest, other, older, f_newest, f_other, f_older), step + 1
    best = np.where(np.abs(f_newest) <= np.abs(f_other), newest, other)
    return np.where(at_low, low, np.where(at_high, high, best))


def _interpolated(a, b, c, f_a, f_b, f_c):
    """The share of the way from a to b at which the inverse parabola through three points is 0; 1/2 where it bends."""
    with np.errstate(all="ignore"):
        xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        smooth = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        share = f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
    return np.where(smooth & np.isfinite(share), share, 0.5)
