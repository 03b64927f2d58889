"""The few log-space primitives that the rest of the mathematics is written in."""

import numpy as np


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
    log_p, log_q = np.broadcast_arrays(np.asarray(log_p, float), np.asarray(log_q, float))
    with np.errstate(invalid="ignore"):
        x = np.where(np.isneginf(log_p) & np.isneginf(log_q), 0.0, log_p - log_q)
    return np.where(x >= 0, _above(log_p, x), _below(log_q, x)).sum(axis=-1)


def _above(log_p, x):
    """p (x - 1 + e^-x) for x >= 0."""
    x = np.maximum(x, 0)
    with np.errstate(invalid="ignore"):
        return np.where(x == 0, 0.0, np.exp(log_p) * np.where(x < 0.1, _excess(x), x + np.expm1(-x)))


def _below(log_q, x):
    """q (x e^x - e^x + 1) for x < 0: the same term, with p = q e^x."""
    x = np.minimum(x, 0)
    finite = np.maximum(x, -800.0)  # e^-800 = 0: below it the term is q
    large = finite * np.exp(finite) - np.expm1(finite)
    return np.exp(log_q) * np.where(x > -0.1, np.exp(finite) * _excess(finite), large)


def _excess(x):
    """x - 1 + e^-x for |x| <= 0.1, as x^2/2 (1 - x/3 (1 - x/4 (...))): the dropped tail is below 1e-17 of it."""
    tail = np.ones_like(x)
    for k in range(12, 2, -1):
        tail = 1 - x / k * tail
    return x * x / 2 * tail


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
    shifted = log_values - log_values.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
