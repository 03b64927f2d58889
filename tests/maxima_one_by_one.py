"""All local maxima of the penalised objective by another route: one curve at a time, scipy's Lambert W, brentq.

In plain floats, without bounds on rounding; the loop that :mod:`tabular.simplex.penalized_maxima` is compared with.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import lambertw, logsumexp

_HALVINGS = 60


def local_maxima(log_star, c):
    """The log-policies of all local maxima of one prompt with losing responses."""
    losing = np.flatnonzero(c < 0)
    ceiling = (log_star[losing] - np.log(-c[losing]) - 1).min()
    return [log_pi for lowered in (None, *losing) for log_pi in _on_curve(log_star, c, lowered, ceiling)]


def _on_curve(log_star, c, lowered, ceiling):
    lowest = logsumexp(log_star if lowered is None else np.delete(log_star, lowered)) - 1
    if ceiling < lowest:
        return []

    def excess(depth):
        return logsumexp(_log_policy(log_star, c, ceiling - np.square(depth), lowered), axis=-1)

    deepest = np.sqrt(ceiling - lowest)
    if lowered is None:
        brackets = [(0.0, deepest)] if excess(0.0) <= 0 else []
    else:
        brackets = _rising(log_star, c, lowered, ceiling, deepest)
    roots = [brentq(excess, *bracket, xtol=1e-15) for bracket in brackets]
    return [_log_policy(log_star, c, ceiling - root**2, lowered) for root in roots]


def _rising(log_star, c, lowered, ceiling, deepest):
    """Intervals on which the mass rises with nu and crosses 1, by halving until bounds from their ends decide."""
    found, waiting = [], [(0.0, deepest, 0)]
    while waiting:
        left, right, level = waiting.pop()
        log_pi = _log_policy(log_star, c, ceiling - np.square([left, right]), lowered)
        pi = np.exp(log_pi)
        with np.errstate(divide="ignore"):
            rate = pi / np.abs(1 + c / pi) * np.where(np.arange(len(c)) == lowered, -1, 1)
        least = rate.min(axis=0)
        turns = (c < 0) & (np.arange(len(c)) != lowered) & (pi.min(axis=0) < -2 * c) & (pi.max(axis=0) > -2 * c)
        least = np.where(turns, -4 * c, least)
        if pi.min(axis=0).sum() > 1 or pi.max(axis=0).sum() < 1 or least.sum() >= 0 or level == _HALVINGS:
            continue
        if rate.max(axis=0).sum() < 0:
            mass = pi.sum(axis=1)
            found += [(left, right)] if mass[0] > 1 >= mass[1] else []
            continue
        middle = (left + right) / 2
        waiting += [(middle, right, level + 1), (left, middle, level + 1)]
    return found


def _log_policy(log_star, c, nu, lowered):
    """log pi of the stationarity equation for each nu, a last axis of responses."""
    nu = np.asarray(nu, dtype=float)[..., None]
    log_pi = log_star - nu
    for y in np.flatnonzero(c):
        argument = c[y] * np.exp(nu[..., 0] - log_star[y])
        argument = np.maximum(argument, -np.exp(-1.0) * (1 - 1e-15)) if c[y] < 0 else argument
        log_pi[..., y] = np.log(c[y] / lambertw(argument, -1 if y == lowered else 0).real)
    return log_pi
