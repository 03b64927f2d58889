r"""How many pairs does a mean loss certify? At most as many are wrong as their prices fit into what was paid.

With flip thresholds v_i, least losses m_i and prices p_i = v_i - m_i of n pairs that share no response, a policy of
mean loss L has paid n L - sum m_i beyond the least, and p_i at least for each pair that it ranks wrong. The most that
can be wrong are the cheapest: sort the prices. For DPO, m_i = 0 and p_i = sp(beta delta_ref,i).
"""

import numpy as np

from tabular.base import tolerances
from tabular.failures.separate import Flips

__all__ = ["certified_share"]


def certified_share(flips: Flips, mean_loss) -> np.ndarray:
    """The share of pairs that every policy of that mean loss ranks right, for each of the mean losses.

    >>> flips = Flips(np.array([0.1, 0.5, 2.0]), np.zeros(3))
    >>> certified_share(flips, [0.03, 0.1, 0.3]).round(3).tolist()
    [1.0, 0.667, 0.333]
    """
    n, paid = len(flips.least), np.atleast_1d(np.asarray(mean_loss, dtype=float))
    if not np.isfinite(flips.least).all():
        return np.zeros(paid.shape)
    least, worth = np.mean(flips.least), np.maximum(paid, 0)
    budget = np.maximum(paid - least, 0) + tolerances.LOSS * np.maximum(worth, np.abs(least))
    with np.errstate(over="ignore"):
        spent = np.cumsum(np.sort(flips.price)) / n
    return 1 - np.searchsorted(spent, budget, side="right") / n
