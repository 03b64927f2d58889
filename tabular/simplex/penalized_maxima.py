r"""All local maxima of the penalised objective of :mod:`tabular.simplex.penalized`, for one prompt.

**Stationary policies.** With :math:`\kappa=\gamma/\beta`: :math:`\log\pi_y-\kappa c_y/\pi_y=\log\pi^*_y-\nu`, that is
:math:`\pi_y=\kappa c_y/W(\kappa c_ye^{\nu}/\pi^*_y)`, W of branch 0 where :math:`c_y>0`, of branch 0 (the larger root,
:math:`\pi_y\ge\kappa|c_y|`) or -1 (the smaller) where :math:`c_y<0`; :math:`\nu` makes the sum 1.

**Second order.** :math:`-\beta\,\mathrm{diag}(1/g)` is the Hessian, with :math:`g_y=\pi_y^2/(\pi_y+\kappa c_y)
=-d\pi_y/d\nu`, positive except on branch -1. It is negative definite on the simplex iff all :math:`g_y>0`, or exactly
one is negative and :math:`\sum_yg_y<0` (Schur complement of a diagonal matrix on the vectors of sum 0). So at a local
maximum at most one response, with :math:`c_y<0`, is on branch -1, and then the total mass *increases* with :math:`\nu`.
Every :math:`\pi_y` but that one's is at least :math:`\pi^*_ye^{-\nu-1}`, so :math:`\nu\ge\log\sum\pi^*_y-1` over
those y; at the other end :math:`\nu` is bounded by the branch points. On branch 0 throughout the mass decreases: at
most one solution.

Below, c stands for :math:`\kappa c`.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, wrightomega

_BISECTIONS = 60  # halvings of a curve: what they leave undecided is a double root, no maximum


def local_maxima(log_star, c):
    r"""The log-policies of all local maxima: on branch 0 throughout, and with each losing response in turn on -1.

    Args:
        log_star: ``(n_responses,)``, the RLHF optimum; c: :math:`\kappa c`, not all 0.

    >>> [np.exp(log_pi).round(6).tolist() for log_pi in local_maxima(np.log([0.25, 0.75]), np.array([0.05, -0.05]))]
    [[0.297473, 0.702527]]
    """
    losing = np.flatnonzero(c < 0)
    ceiling = log_star[losing] - np.log(-c[losing]) - 1
    found = _on_curve(log_star, c, None, ceiling.min())
    for y in losing:
        found += _on_curve(log_star, c, y, ceiling.min())
    return [log_pi for log_pi in found if is_local_maximum(log_pi, c)]


def _on_curve(log_star, c, lowered, ceiling):
    """Policies of total mass 1 on one curve, where the mass changes in the direction of a local maximum."""
    others = log_star if lowered is None else np.delete(log_star, lowered)
    lowest = logsumexp(others) - 1
    if ceiling < lowest:
        return []

    def candidate(depth):
        return _candidate(log_star, c, ceiling - np.square(depth), lowered)

    def excess_mass(depth):
        return logsumexp(candidate(depth), axis=-1)

    deepest = np.sqrt(ceiling - lowest)
    if lowered is None:  # the mass decreases in nu, so it is smallest at depth 0
        brackets = [(0.0, deepest)] if excess_mass(0.0) <= 0 else []
    else:
        brackets = _rising_brackets(candidate, c, lowered, deepest)
    policies = [candidate(brentq(excess_mass, *bracket, xtol=1e-15)) for bracket in brackets]
    return [log_pi - logsumexp(log_pi) for log_pi in policies]


def _rising_brackets(candidate, c, lowered, deepest):
    r"""Intervals of depth that hold all crossings of mass 1 at which the mass rises with nu, one each.

    By bisection until each interval is decided. Every :math:`\pi_y` is monotone in nu, and so is its rate
    :math:`g_y=\pi_y^2/(\pi_y+\kappa c_y)`, which only on branch 0 with :math:`c_y<0` falls to :math:`4\kappa|c_y|` at
    :math:`\pi_y=2\kappa|c_y|` before it rises. So the values at its two ends bound mass and rate all over an interval.
    """
    depth, found = np.array([[0.0, deepest]]), []
    for _ in range(_BISECTIONS):
        log_pi = candidate(depth)  # (n_intervals, 2, n_responses)
        pi, rate = np.exp(log_pi), _rates(log_pi, c, lowered)
        least_rate = np.where(_turns(log_pi, c, lowered), -4 * c, rate.min(axis=1))
        mass = logsumexp(log_pi, axis=-1)
        possible = (pi.min(axis=1).sum(axis=-1) <= 1) & (pi.max(axis=1).sum(axis=-1) >= 1)
        possible &= least_rate.sum(axis=-1) < 0
        rising = rate.max(axis=1).sum(axis=-1) < 0
        found += depth[possible & rising & (mass[:, 0] > 0) & (mass[:, 1] <= 0)].tolist()
        left, right = depth[possible & ~rising].T
        depth = np.column_stack([left, (left + right) / 2, (left + right) / 2, right]).reshape(-1, 2)
    return found


def _rates(log_pi, c, lowered):
    """g, by how much each response falls as nu rises; at a branch point without end."""
    stiffness = 1 + c * np.exp(-np.where(c == 0, 0.0, log_pi))
    lower_branch = np.arange(len(c)) == lowered
    with np.errstate(divide="ignore"):
        return np.where(lower_branch, -1.0, 1.0) * np.exp(log_pi) / np.abs(stiffness)


def _turns(log_pi, c, lowered):
    """Where g has its least value inside an interval."""
    turn = np.log(2 * np.where(c < 0, -c, 1.0))
    inside = (log_pi.min(axis=1) < turn) & (log_pi.max(axis=1) > turn)
    return inside & (c < 0) & (np.arange(len(c)) != lowered)


def _candidate(log_star, c, nu, lowered):
    """log pi of the stationarity equation for each nu, a last axis of responses; ``lowered`` is on branch -1."""
    log_pi = log_star - np.asarray(nu)[..., None]
    up, down = c > 0, c < 0
    log_pi[..., up] += wrightomega(np.log(c[up]) - log_pi[..., up])
    log_c = np.log(-c[down])
    log_pi[..., down] = log_c - log_minus_w(log_pi[..., down] - log_c, np.flatnonzero(down) == lowered)
    return log_pi


def log_minus_w(zeta, lower_branch):
    r"""L = log(-W(-e^{-zeta})), zeta >= 1: the root of :math:`e^L-L=\zeta`, L <= 0 on branch 0, L >= 0 on branch -1.

    The left side is convex, and both starts lie beyond their root, so Newton's method is monotone.
    """
    eta = np.maximum(zeta - 1, 0.0)
    s = np.sqrt(2 * eta)
    low = np.maximum(-zeta, -s - s * s / 2)
    high = np.minimum(s, np.log1p(1 + 2 * eta))
    root = np.where(lower_branch, high, low)
    for _ in range(60):
        slope = np.expm1(root)
        step = np.divide(slope - root - eta, slope, out=np.zeros_like(root), where=slope != 0)
        root = root - step
        if np.all(np.abs(step) <= 1e-16 + 1e-15 * np.abs(root)):
            break
    return root


def is_local_maximum(log_pi, c):
    """The second-order condition, from pi/(1 + kappa c/pi) = g."""
    there = log_pi > -np.inf
    stiffness = 1 + c[there] * np.exp(-log_pi[there])
    n_negative = np.count_nonzero(stiffness < 0)
    g = np.exp(log_pi[there]) / np.where(stiffness == 0, np.inf, stiffness)
    return n_negative == 0 or (n_negative == 1 and g.sum() < 0)
