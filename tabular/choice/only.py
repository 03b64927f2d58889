r"""The equilibrium of a game that has no other, in fractions: from A = P - 1/2, skew.

An equilibrium that is positive on some S where the kernel of :math:`A_{SS}` is a line, and that beats all others
strictly, is the only one: nobody whom an equilibrium beats strictly is played by another. Which S that may be a linear
program in floats says; whether it is, fractions.
"""

from fractions import Fraction

import numpy as np
from scipy.optimize import linprog

from tabular.base import cones

__all__ = ["guessed", "proved"]

_SMALL = 7  # responses up to which fractions alone take no longer
_GUESSED = 1e-9  # a probability in floats that is one; fractions decide


def guessed(skew):
    """The only equilibrium and by how much it beats each, ``(n,)``; ``None`` if it was not found by floats.

    >>> upper = np.triu(np.random.default_rng(0).integers(-9, 9, (8, 8)), 1)
    >>> policy, _ = guessed(cones.exact(upper - upper.T))
    >>> [str(p) for p in policy], guessed(cones.exact(0 * upper))
    (['1/12', '3/4', '0', '0', '0', '1/6', '0', '0'], None)
    """
    return proved(skew, _played(skew.astype(float))) if len(skew) > _SMALL else None


def proved(skew, support):
    """The same of those who play; ``None`` where another equilibrium may be, too."""
    basis = cones.kernel(skew[np.ix_(support, support)])
    if len(basis) != 1:
        return None
    policy = np.full(len(skew), Fraction(0), dtype=object)
    policy[support] = basis[0] / (sum(basis[0]) or 1)
    beaten, played = -skew @ policy, np.isin(np.arange(len(skew)), support)
    sure = all(p > 0 if y else b > 0 for p, b, y in zip(policy, beaten, played, strict=True))
    return (policy, beaten) if sure else None


def _played(skew):
    """Whom an equilibrium in floats plays; a guess."""
    n, skew = len(skew), skew / (np.abs(skew).max() or 1.0)
    found = linprog(np.zeros(n), skew, np.zeros(n), np.ones((1, n)), [1.0]).x
    return np.flatnonzero(np.zeros(n) if found is None else found > _GUESSED)
