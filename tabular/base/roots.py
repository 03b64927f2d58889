"""Roots of many monotone functions of one number at once, each inside its bracket, to the last digits.

:func:`increasing` asks for values alone, infinite ones too, and takes brackets of any shape; :func:`decreasing` asks
for slopes as well, for Newton's few steps, and evaluates only the functions whose root is not yet found.
"""

from collections.abc import Callable

import numpy as np

__all__ = ["decreasing", "increasing"]

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


def decreasing(value: Callable, low, high, noise=0.0, smooth=False) -> np.ndarray:
    """The x in [low, high] where each decreasing function crosses 0: Newton's steps, inside brackets that only shrink.

    A step that leaves its bracket, or does not halve the residual, is followed by a bisection; so the bracket shrinks
    to two neighbouring floats at worst, and Newton's quadratic end is kept.

    Args:
        value: ``value(x, index)`` returns f and f' of the functions ``index`` at ``x``, both ``(len(index),)``.
        low, high: ``(n,)`` with f(low) >= 0 >= f(high).
        noise: what rounding leaves of f at its root; below that it counts as 0.
        smooth: whether slopes have no jumps. Then a step that is a share q of the one before leaves one of a share
            q^2 of itself, which is not asked for where it is rounding.

    >>> decreasing(lambda x, _: (2 - x * x, -2 * x), np.array([0.0]), np.array([2.0])).round(12).tolist()
    [1.414213562373]
    """
    low, high = (np.array(end, dtype=float, ndmin=1) for end in np.broadcast_arrays(low, high))
    x = low + (high - low) / 2
    before, last, going, found = np.full(x.shape, np.inf), np.zeros(x.shape), np.arange(len(x)), np.empty(x.shape)
    while going.size:
        f, slope = value(x, going)
        low, high = np.where(f >= 0, x, low), np.where(f <= 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton, size = x - f / slope, np.abs(f / slope)
            share = size / last if smooth else np.ones(len(x))
            quadratic = (share < 0.1) & ((share**2 * size <= np.spacing(np.abs(x))) | (share**2 * np.abs(f) <= noise))
        middle = low + (high - low) / 2
        inside = (newton >= low) & (newton <= high) & (np.abs(f) <= np.abs(before) / 2)
        moved = np.where(inside, newton, middle)
        before, last = np.where(inside | (moved != middle), np.abs(f), np.inf), np.where(inside, size, 0.0)
        close = (np.abs(newton - x) <= 2 * np.spacing(np.abs(x))) | (inside & quadratic)
        moved = np.where(close, np.clip(newton, low, high), moved)
        settled = close | (np.abs(f) <= noise) | (np.abs(moved - x) <= np.spacing(np.abs(x)))
        settled |= ~((middle > low) & (middle < high))
        found[going] = x = np.where(np.abs(f) <= noise, x, moved)
        if settled.any():
            x, low, high, before, last, going = (part[~settled] for part in (x, low, high, before, last, going))
    return found
