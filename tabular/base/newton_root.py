"""Roots of decreasing functions of one variable, a whole array of them at once, to the last digit."""

from collections.abc import Callable

import numpy as np


def decreasing_root(value: Callable, low, high, noise=0.0) -> np.ndarray:
    """The x in [low, high] where each decreasing function crosses 0: Newton's steps, inside brackets that only shrink.

    A step that leaves its bracket, or does not halve the residual, is followed by a bisection; so the bracket shrinks
    to two neighbouring floats at worst, and Newton's quadratic end is kept.

    Args:
        value: ``value(x, index)`` returns f and f' of the functions ``index`` at ``x``, both ``(len(index),)``.
        low, high: ``(n,)`` with f(low) >= 0 >= f(high).
        noise: what rounding leaves of f at its root; below that it counts as 0.

    >>> decreasing_root(lambda x, _: (2 - x * x, -2 * x), np.array([0.0]), np.array([2.0])).round(12).tolist()
    [1.414213562373]
    """
    low, high = (np.array(end, dtype=float, ndmin=1) for end in np.broadcast_arrays(low, high))
    x = low + (high - low) / 2
    before = np.full(x.shape, np.inf)
    going = np.arange(len(x))
    while going.size:
        f, slope = value(x[going], going)
        low[going] = np.where(f >= 0, x[going], low[going])
        high[going] = np.where(f <= 0, x[going], high[going])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = x[going] - f / slope
        middle = low[going] + (high[going] - low[going]) / 2
        inside = (newton >= low[going]) & (newton <= high[going]) & (np.abs(f) <= np.abs(before[going]) / 2)
        moved = np.where(inside, newton, middle)
        before[going] = np.where(inside | (moved != middle), np.abs(f), np.inf)
        close = np.abs(newton - x[going]) <= 2 * np.spacing(np.abs(x[going]))
        moved = np.where(close, np.clip(newton, low[going], high[going]), moved)
        settled = close | (np.abs(f) <= noise) | (np.abs(moved - x[going]) <= np.spacing(np.abs(x[going])))
        settled |= ~((middle > low[going]) & (middle < high[going]))
        x[going] = np.where(np.abs(f) <= noise, x[going], moved)
        going = going[~settled]
    return x
