"""Rankings that violate little weight of labels: the best of few responses, and of many what no insertion improves."""

import numpy as np

__all__ = ["RANKED", "inserted", "least_violated"]

RANKED = 12  # responses: a best ranking costs 2^n sums
_ROUNDING = 1e-12  # of the whole weight


def least_violated(n, winner, loser, weight) -> float:
    """The least weight of labels that a ranking of n responses violates, by the best order of every set of the top.

    >>> least_violated(3, np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([3.0, 2.0, 1.0]))
    1.0
    """
    wins = np.zeros((n, n))
    np.add.at(wins, (winner, loser), weight)
    members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    against = members @ wins.T  # [set, y]: what y wins against the set, violated if y comes below it
    best = np.full(2**n, np.inf)
    best[0] = 0.0
    for top in range(2**n):
        below = np.flatnonzero(members[top] == 0)
        after = top | (1 << below)
        best[after] = np.minimum(best[after], best[top] + against[top, below])
    return float(best[-1])


def inserted(wins, orders) -> np.ndarray:
    """Orders, from the top, that violate no less weight with any one response put elsewhere; the best order first.

    Args:
        wins: ``(n, n)``, the weight that the row wins against the column; orders: ``(s, n)`` to start from.

    >>> inserted(np.array([[0, 3, 0], [0, 0, 2], [1, 0, 0]]), np.array([[2, 1, 0]])).tolist()
    [[0, 1, 2]]
    """
    orders, left = orders.copy(), np.arange(len(orders))
    against = wins.T - wins
    while left.size:  # the weight violated falls, and there are finitely many orders
        order = orders[left]
        gain = against[order[:, :, None], order[:, None, :]]  # of passing upwards what stands there
        up = np.cumsum(np.tril(gain, -1)[:, :, ::-1], axis=2)[:, :, ::-1]
        change = np.tril(up, -1) + np.triu(np.cumsum(np.triu(-gain, 1), axis=2), 1)
        flat = change.reshape(len(left), -1)
        place = flat.argmin(axis=1)
        falls = flat[np.arange(len(left)), place] < -_ROUNDING * wins.sum()
        left, (old, new) = left[falls], np.divmod(place[falls], wins.shape[0])
        key = np.tile(np.arange(0.0, wins.shape[0]), (len(left), 1))
        key[np.arange(len(left)), old] = new + np.where(new > old, 0.5, -0.5)
        orders[left] = np.take_along_axis(orders[left], key.argsort(axis=1), axis=1)
    violated = np.tril(wins[orders[:, :, None], orders[:, None, :]]).sum(axis=(1, 2))
    return orders[np.argsort(violated, kind="stable")]
