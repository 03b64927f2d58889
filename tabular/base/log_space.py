"""The few log-space primitives that the rest of the mathematics is written in."""

import math

import numpy as np

__all__ = ["kl", "log_sum_exp", "normalised", "softplus", "times_sigmoid"]

_LOWEST = np.finfo(float).min  # -inf less this is -inf, less itself not a number
_SERIES = [1 / math.factorial(k) for k in range(12, 1, -1)]


def kl(log_p, log_q):
    r"""Row-wise :math:`\mathrm{KL}(p\|q)=\sum_y p_y\log(p_y/q_y)` in nats; ``+inf`` where p leaves q's support.

    Every term is written as :math:`p(x-1+e^{-x})\ge 0` with :math:`x=\log p/q`, which adds :math:`q-p` and so
    changes nothing in the sum of two normalised rows: no cancellation, even between nearly equal policies.

    >>> kl(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])).round(6).tolist()
    [0.143841]
    >>> tiny = kl(np.log([[0.5, 0.5]]), np.log1p([[-0.5 + 1e-9, -0.5 - 1e-9]]))  # 2e-18: far below 1e-16
    >>> bool(abs(tiny[0] / 2e-18 - 1) < 1e-6)
    True
    """
    log_p, log_q = np.asarray(log_p, float), np.asarray(log_q, float)
    with np.errstate(invalid="ignore"):
        x = np.asarray(log_p - log_q)
    there = np.isfinite(x)
    if some_outside := not there.all():
        x[np.isnan(x)] = 0.0  # neither has the response: no term
        outside = x == np.inf
        x[outside] = 0.0
    fall = np.expm1(-np.abs(x))
    above = x >= 0
    excess = np.where(above, x + fall, np.maximum(x, -800.0) * (1 + fall) - fall)  # with x < 0, q e^x in place of p
    weight = np.exp(np.where(above, log_p, log_q))
    term = weight * excess
    near = np.abs(x) < 0.1
    step = x[near]
    term[near] = weight[near] * np.exp(np.minimum(step, 0.0)) * _excess(step)
    if some_outside:
        term[outside] = np.inf
    return term.sum(axis=-1)


def _excess(x):
    """x - 1 + e^-x for |x| <= 0.1, by its series: the dropped tail is below 1e-17 of it."""
    total, fall = np.full_like(x, _SERIES[0]), -x
    for coefficient in _SERIES[1:]:
        total *= fall
        total += coefficient
    return x * x * total


def log_sum_exp(log_values, axis=-1, keepdims=False):
    """log of the sum of the exponentials; ``-inf`` where every entry is. No axis is empty.

    The largest entries are counted, not exponentiated, so that the sum of the others is not lost beside them: the
    formula of :func:`scipy.special.logsumexp`, to the last bit, which takes ten times as long on a few responses.

    >>> log_sum_exp(np.array([[-1000.0, -1000.0], [0.0, -np.inf]])).round(6).tolist()
    [-999.306853, 0.0]
    """
    values = np.asarray(log_values, float)
    top = values.max(axis=axis, keepdims=True)
    at_top = values == top
    ties = at_top.sum(axis=axis, keepdims=True)
    below = np.where(at_top, -np.inf, values) - np.maximum(top, _LOWEST)
    total = np.log1p(np.exp(below).sum(axis=axis, keepdims=True) / ties) + np.log(ties) + top
    return total if keepdims else total.squeeze(axis)


_SHORT = 8  # entries below which rows go faster as columns, added up in the same order


def softplus(x):
    """log(1 + e^x) without overflow, exact to the last digits in both tails.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(6).tolist()
    [0.0, 0.693147, 1000.0]
    """
    x = np.asarray(x, dtype=float)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def normalised(log_values):
    """Rows shifted so that their exponentials sum to 1; equal entries stay equal.

    >>> normalised(np.array([[1000.0, 1000.0]])).round(6).tolist()
    [[-0.693147, -0.693147]]
    """
    if log_values.ndim == 2 and log_values.shape[1] < _SHORT < len(log_values):
        return np.ascontiguousarray(_normalised(np.ascontiguousarray(log_values.T), 0).T)
    return _normalised(log_values, -1)


def _normalised(log_values, axis):
    shifted = log_values - log_values.max(axis=axis, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return shifted


def times_sigmoid(amount, x):
    r""":math:`a\,\sigma(x)`, also where sigma(x) alone would underflow: its :math:`e^x` is multiplied in halves.

    >>> float(times_sigmoid(2.0, 0.0)), round(float(np.log(times_sigmoid(1e300, -800.0)) - 300 * np.log(10)), 9)
    (1.0, -800.0)
    """
    half = np.exp(np.minimum(x, 0.0) / 2)
    return amount * half * half / (1 + np.exp(-np.abs(x)))
