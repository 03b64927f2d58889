r"""How many pairs does a mean loss certify? At most as many are wrong as their prices fit into what was paid.

With flip thresholds v_i, least losses m_i and prices p_i = v_i - m_i of n pairs that share no response, a policy of
mean loss L has paid n L - sum m_i beyond the least, and p_i at least for each pair that it ranks wrong. The most that
can be wrong are the cheapest: sort the prices. For DPO, m_i = 0 and p_i = sp(beta delta_ref,i).
"""

import numpy as np

from tabular.base import tolerances
from tabular.failures.separate import Flips

__all__ = ["budget", "certified_share", "certified_share_in_logs"]

_FEW = 64  # added up one after the other
_ROUNDED = 4 * np.finfo(float).eps  # of a log's size: what is known of the number


def budget(flips: Flips, mean_loss) -> np.ndarray:
    """What was paid beyond the least, a pair, a rounding more; infinite where nothing is the least.

    >>> budget(Flips(np.array([0.5, 2.0]), np.array([0.25, 0.25])), [0.75, 0.0]).round(6).tolist()
    [0.5, 0.0]
    """
    paid = np.atleast_1d(np.asarray(mean_loss, dtype=float))
    if not np.isfinite(flips.least).all():
        return np.full(paid.shape, np.inf)
    least, worth = np.mean(flips.least), np.maximum(paid, 0)
    return np.maximum(paid - least, 0) + tolerances.LOSS * np.maximum(worth, np.abs(least))


def certified_share(flips: Flips, mean_loss) -> np.ndarray:
    """The share of pairs that every policy of that mean loss ranks right, for each of the mean losses.

    >>> flips = Flips(np.array([0.1, 0.5, 2.0]), np.zeros(3))
    >>> certified_share(flips, [0.03, 0.1, 0.3]).round(3).tolist()
    [1.0, 0.667, 0.333]
    """
    n = len(flips.least)
    with np.errstate(over="ignore"):
        spent = _running(np.sort(flips.price)) / n
    return 1 - np.searchsorted(spent, budget(flips, mean_loss), side="right") / n


@np.errstate(over="ignore")
def certified_share_in_logs(log_price, log_paid) -> np.ndarray:
    """The same of the logs of prices and of what all pairs paid, the least being 0: both may be below the floats.

    >>> certified_share_in_logs(np.array([-900.0, -2000.0]), np.array([-1000.0, -800.0])).tolist()
    [0.5, 0.0]
    """
    n, log_price = len(log_price), np.sort(np.minimum(log_price, np.finfo(float).max))
    paid = np.maximum(log_paid, np.finfo(float).min)
    spent = (_running(np.exp(log_price - one)) for one in paid)
    whole = 1 + tolerances.LOSS + _ROUNDED * np.abs(paid)
    return 1 - np.array([np.searchsorted(*ends, side="right") for ends in zip(spent, whole, strict=True)]) / n


def _running(values):
    """The sums of the first few, each of pairs of pairs: rounding grows with the log of how many they are."""
    if len(values) < _FEW:
        return np.cumsum(values)
    sums = np.empty(len(values))
    sums[1::2] = _running(values[:-1:2] + values[1::2])
    sums[::2] = values[::2]
    sums[2::2] += sums[1:-1:2]
    return sums
