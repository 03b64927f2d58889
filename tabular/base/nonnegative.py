"""The non-negative x that is nearest, as A x, to a target: Lawson and Hanson's exchanges; exact ones always end.

By rounding they can go round; scipy counts them and raises. Then a second method answers, to fewer digits.
"""

import numpy as np
from scipy.optimize import lsq_linear, nnls

__all__ = ["nearest"]


def nearest(matrix, target) -> tuple[np.ndarray, float, bool]:
    """x, the distance that is left, and whether the exchanges ended, so that zeros of x are zeros.

    >>> x, left, settled = nearest(np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([1.0, -2.0]))
    >>> x.tolist(), left, settled
    ([1.0, 0.0], 2.0, True)
    """
    try:
        return *nnls(matrix, target), True
    except RuntimeError:
        x = np.maximum(lsq_linear(matrix, target, bounds=(0, np.inf), tol=1e-14).x, 0.0)
        return x, float(np.linalg.norm(matrix @ x - target)), False
