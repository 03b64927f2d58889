r"""Out of one valley into another: levels that are moved one at a time, as far as helps.

A loss that is not convex has many stationary points on a label graph, and a descent ends in the next. Here the level of
one response after another is moved to the lowest of a few places, near and far, at the cost of the labels that it wins
or loses alone, as long as going through all of them lowers the loss by a share.
"""

import numpy as np

__all__ = ["leapt"]

_MOVES = np.exp2(np.arange(-4, 6))  # nats, either way
_WORTH = 1e-3  # of the cost of a response's labels: what a move has to gain; of the loss: all moves together


def leapt(points, winner, loser, weight, offset, scalar) -> np.ndarray:
    """Levels ``(n_points, size)`` after such moves, the lowest first.

    >>> from tabular import losses
    >>> ends, disco = (np.array([0, 1]), np.array([1, 0])), losses.get("discopop").scalar
    >>> leapt(np.zeros((1, 2)), *ends, np.ones(2), np.array([-1.0, 3.0]), disco).tolist()
    [[-2.0, 0.0]]
    """
    s, moves = points.copy(), np.concatenate([-_MOVES, _MOVES])
    x = s[:, winner] - s[:, loser] - offset
    cost, left = scalar.value(x) * weight, np.arange(len(s))
    labels = [(np.flatnonzero((winner == y) | (loser == y)), y) for y in range(s.shape[1])]
    while left.size:
        before = cost[left].sum(axis=1)
        for mine, y in labels:
            sign, here = np.where(winner[mine] == y, 1.0, -1.0), cost[left[:, None], mine].sum(axis=1)
            tried = x[left[:, None], mine][:, None] + moves[:, None] * sign
            after = scalar.value(tried) @ weight[mine]
            best = after.argmin(axis=1)
            good = here - after[np.arange(len(left)), best] > _WORTH * np.abs(here)
            rows, move = left[good], moves[best[good]]
            s[rows, y] += move
            x[rows[:, None], mine] = tried[good, best[good]]
            cost[rows[:, None], mine] = scalar.value(x[rows[:, None], mine]) * weight[mine]
        left = left[before - cost[left].sum(axis=1) > _WORTH * np.abs(before)]
    return s[np.argsort(cost.sum(axis=1), kind="stable")]
