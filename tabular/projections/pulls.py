r"""What multipliers do to log-weights: a pair of margin m and multiplier t lifts its winner and lowers its loser.

By :math:`t\sigma(-m)` and :math:`t\sigma(m)`, where the constraint is scaled to
:math:`\sigma(-m)x_w\ge\sigma(m)x_l`: coefficients that neither under- nor overflow.
"""

import numpy as np

from tabular.base.log_space import times_sigmoid

__all__ = ["lift", "pulls"]


def pulls(tilt, margin):
    """``(n_edges,)`` how far each multiplier lifts its winner, and how far it lowers its loser.

    >>> [pull.tolist() for pull in pulls(np.array([2.0, 4.0]), np.array([0.0, 0.0]))]
    [[1.0, 2.0], [1.0, 2.0]]
    """
    if not margin.any():  # the plain order, the common case
        return tilt / 2, tilt / 2
    return times_sigmoid(tilt, -margin), times_sigmoid(tilt, margin)


def lift(winner, loser, margin, tilt, n_nodes, join=np.subtract):
    """``A t``: how far the multipliers move each log-weight; with ``join=np.add``, the size of all their pulls."""
    up, down = pulls(tilt, margin)
    with np.errstate(over="ignore"):
        return join(np.bincount(winner, up, n_nodes), np.bincount(loser, down, n_nodes))
