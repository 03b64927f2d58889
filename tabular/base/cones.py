r"""Which coordinates of a cone :math:`\{x\ge 0: Mx\le 0\}` can be positive: one exact linear program for many theorems.

**Strict complementarity** (Tucker 1956). There is exactly one set S with an x in the cone that is positive exactly on S
and a :math:`\lambda\ge 0` with :math:`M^\top\lambda\ge 0`, positive exactly off S. *Proof.* Solve

.. math:: \max\textstyle\sum_i t_i\quad\text{over}\quad x=t+s,\ 0\le t\le 1,\ s\ge 0,\ Mx\le 0.

The cone allows scaling, so an optimum has :math:`t_i\in\{0,1\}` and t is 1 exactly on the largest support S. The dual
minimises :math:`\sum u` subject to :math:`M^\top\lambda\ge 0`, :math:`M^\top\lambda+u\ge 1`, all non-negative. Off S,
:math:`t_i<1` gives :math:`u_i=0`, so :math:`(M^\top\lambda)_i\ge 1`; on S, :math:`\lambda^\top Mx\le 0` forces
:math:`(M^\top\lambda)_i=0`. Two certificates that anybody can check: x says "these can", lambda says "those cannot".

Stiemke's and Farkas' lemmas, the symmetric solution of a game, the existence of a maximum-likelihood estimate and
Slater's condition are questions of this kind.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np

__all__ = ["Support", "exact", "kernel", "largest_support"]


@dataclass(frozen=True, eq=False)
class Support:
    """The largest support of a cone, with both certificates.

    Attributes:
        members: ``(n,)`` mask of the coordinates that are positive somewhere in the cone.
        point: ``(n,)`` of ``Fraction``: in the cone, positive exactly on the members.
        witness: ``(m,)`` of ``Fraction``: non-negative, with ``witness @ M`` non-negative, positive exactly elsewhere.
    """

    members: np.ndarray
    point: np.ndarray
    witness: np.ndarray


def largest_support(matrix) -> Support:
    """The largest support of ``{x >= 0: matrix @ x <= 0}``, in exact arithmetic.

    Args:
        matrix: ``(m, n)`` of ints, floats or fractions; a float counts as the binary fraction it is.

    >>> cone = np.array([[1, -1, 1], [-1, 1, 0]])  # x_0 = x_1, so x_2 = 0
    >>> found = largest_support(cone)
    >>> found.members.tolist(), [str(x) for x in found.point], [str(x) for x in found.witness @ cone]
    ([True, True, False], ['1', '1', '0'], ['0', '0', '1'])
    """
    rows = exact(matrix)
    m, n = rows.shape
    scale = [lcm(1, *(x.denominator for x in row)) for row in rows]
    whole = np.array([[int(x * k) for x in row] for row, k in zip(rows, scale, strict=True)], dtype=object)
    whole = whole.reshape(m, n)
    tableau = np.zeros((m + n + 1, 3 * n + m + 1), dtype=object)  # columns t, s, slacks of M, slacks of t <= 1, bound
    tableau[:m, :n] = tableau[:m, n : 2 * n] = whole
    tableau[m : m + n, :n] = tableau[m : m + n, 2 * n + m : -1] = np.eye(n, dtype=int)
    tableau[:m, 2 * n : 2 * n + m] = np.eye(m, dtype=int)
    tableau[m : m + n, -1] = 1
    tableau[-1, :n] = -1
    tableau, basis, unit = _simplex(tableau, list(range(2 * n, 3 * n + m)))
    value = np.zeros(3 * n + m, dtype=object)
    value[basis] = [Fraction(x, unit) for x in tableau[:-1, -1]]
    point = value[:n] + value[n : 2 * n]
    witness = np.array([Fraction(x, unit) * k for x, k in zip(tableau[-1, 2 * n : 2 * n + m], scale, strict=True)])
    return Support(np.array([x > 0 for x in point]), point, witness.reshape(m))


def _simplex(tableau, basis):
    """Integer pivoting (Edmonds 1967) by Bland's rule, which cannot cycle; entries are minors over ``unit``."""
    unit = 1
    while True:
        entering = next((j for j, cost in enumerate(tableau[-1, :-1]) if cost < 0), None)
        if entering is None:
            return tableau, basis, unit
        rows = [i for i in range(len(basis)) if tableau[i, entering] > 0]
        leaving = min(rows, key=lambda i: (Fraction(tableau[i, -1], tableau[i, entering]), basis[i]))
        tableau, unit = _pivoted(tableau, leaving, entering, unit)
        basis[leaving] = entering


def _pivoted(tableau, row, column, unit):
    pivot = tableau[row, column]
    reduced = (tableau * pivot - np.multiply.outer(tableau[:, column], tableau[row])) // unit
    reduced[row] = tableau[row]
    return reduced, pivot


def kernel(matrix) -> np.ndarray:
    """``(nullity, n)`` of ``Fraction``: a basis of ``{x: matrix @ x = 0}``, one vector for each free coordinate.

    >>> [[str(x) for x in row] for row in kernel([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])]
    [['1', '1', '1']]
    """
    rows = exact(matrix)
    n = rows.shape[1]
    pivots, top = [], 0
    for column in range(n):
        below = next((i for i in range(top, len(rows)) if rows[i, column] != 0), None)
        if below is None:
            continue
        rows[[top, below]] = rows[[below, top]]
        rows[top] = rows[top] / rows[top, column]
        for i in range(len(rows)):
            if i != top and rows[i, column] != 0:
                rows[i] = rows[i] - rows[i, column] * rows[top]
        pivots.append(column)
        top += 1
    basis = []
    for free in (j for j in range(n) if j not in pivots):
        vector = np.full(n, Fraction(0), dtype=object)
        vector[free] = Fraction(1)
        vector[pivots] = -rows[: len(pivots), free]
        basis.append(vector)
    return np.array(basis, dtype=object).reshape(len(basis), n)


def exact(matrix) -> np.ndarray:
    """A 2-D array of the ``Fraction`` that each entry is."""
    array = np.array(matrix, dtype=object)
    return np.array([[Fraction(x) for x in row] for row in array], dtype=object).reshape(array.shape)
