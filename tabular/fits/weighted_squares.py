r"""Least squares whose weights are any distance apart, every row with its own digits.

Some rows p determine all that columns can make of the others, :math:`z_n=Nz_p`. Taken in the order of their weights
they weigh more than what they determine, so that with :math:`z_p=t_p+D_p^{-1/2}g` and
:math:`S=D_n^{1/2}ND_p^{-1/2}`, whose entries are no larger than N's, the nearest z to a target t has

.. math:: (I+S^\top S)\,g=S^\top D_n^{1/2}(t_n-Nt_p),

which is far from singular, and where a row of small weight is not lost in the rounding of another's.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, qr

__all__ = ["nearest"]

_NOTHING = 1e-12  # of a row: what its elimination leaves of one that others determine


def nearest(columns, weight, target) -> tuple[np.ndarray, np.ndarray]:
    """The combination of the columns that is nearest to the target in weighted squares, and coefficients of it.

    >>> columns = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> made, coefficients = nearest(columns, np.array([1.0, 1e30, 1e-30]), np.array([1.0, 3.0, 0.0]))
    >>> made.tolist(), coefficients.round(12).tolist()
    ([1.0, 3.0, 2.0], [1.0, 2.0])
    """
    order = np.argsort(-weight, kind="stable")
    basis, first = _echelon(columns[order])
    wanted, root = target[order], np.sqrt(weight[order])
    rest = np.delete(np.arange(len(order)), first)
    slope = root[rest, None] * basis[rest] / root[first]
    pull = slope.T @ (root[rest] * (wanted[rest] - basis[rest] @ wanted[first]))
    found = wanted[first] + cho_solve(cho_factor(np.eye(len(first)) + slope.T @ slope), pull) / root[first]
    made = np.empty(len(order))
    made[order] = basis @ found
    return made, np.linalg.lstsq(columns[order[first]], found, rcond=None)[0]


def _echelon(columns):
    """A basis of what columns span, 1 in one and 0 in the others of the first rows of full rank; and which these are.

    Of columns of -1, 0 and 1 the entries stay whole, or all but: sums and differences of paths and of surfaces.
    """
    left, size = columns, np.abs(columns).max(axis=1)
    if columns.shape[1] > len(columns):
        triangle, order = qr(columns, mode="r", pivoting=True)
        left = columns[:, order[: np.count_nonzero(np.abs(triangle.diagonal()) > _NOTHING)]]
    basis, first = np.zeros((len(columns), 0)), []
    while left.shape[1] and (there := np.abs(left).max(axis=1) > _NOTHING * size).any():
        row = int(there.argmax())
        place = int(np.abs(left[row]).argmax())
        pivot = left[:, place] / left[row, place]
        left = np.delete(left, place, axis=1)
        left, basis = left - np.outer(pivot, left[row]), basis - np.outer(pivot, basis[row])
        left[: row + 1] = 0.0
        basis = np.column_stack([basis, pivot])
        first.append(row)
    return basis, np.array(first, dtype=int)
