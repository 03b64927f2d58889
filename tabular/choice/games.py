r"""The unregularised preference game in exact arithmetic: maximal lotteries, alias minimax or von Neumann winners.

A policy pi is an equilibrium of the game :math:`\pi^\top P\pi'` iff no response beats it: :math:`A\pi\le 0` with
:math:`A=P-\tfrac12` (Kreweras 1965; Fishburn 1984). The value is 1/2 as A is skew. The equilibria are a polytope, so
both players together have all pairs of its points.

**Uniqueness.** Let S be the largest support of an equilibrium. By Tucker's theorem for skew matrices some equilibrium
is positive on S and beats every response off S strictly. So near it only :math:`A_{SS}\pi_S=0` and the sum bind, and
the polytope has dimension :math:`\mathrm{nullity}(A_{SS})-1`: one equilibrium iff the kernel is a line.

So where only one is, floats say which, and fractions whether (:mod:`tabular.choice.only`). Where it is not, the largest
support is found in fractions, too.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import cones
from tabular.base.record import Record
from tabular.choice import only
from tabular.choice.matrix import preference_matrix
from tabular.errors import InputError
from tabular.status import Status

__all__ = ["Equilibrium", "all_equilibria", "exact_skew", "maximal_lottery"]


class Equilibrium(Record):
    """An equilibrium with its proof in fractions.

    Attributes:
        status: UNIQUE, or SET where there are several.
        policy: ``(n,)`` of ``Fraction``; where there are several, one in the relative interior of their polytope.
        support: the responses that some equilibrium plays.
        advantage: ``(n,)`` of ``Fraction``: by how much the policy beats each response, P(policy beats i) - 1/2; never
            negative, 0 on the support and positive off it.
        dimension: of the polytope of equilibria.
    """

    status: Status
    policy: np.ndarray
    support: tuple[int, ...]
    advantage: np.ndarray
    dimension: int

    @property
    def probabilities(self) -> np.ndarray:
        """The policy in floats."""
        return self.policy.astype(float)


def maximal_lottery(preference: ArrayLike) -> Equilibrium:
    r"""The equilibria of a preference game, decided in exact arithmetic.

    Args:
        preference: ``(n, n)``; entries may be ``Fraction``. Only those above the diagonal are read, a float as the
            binary fraction it is; the others are their complements.

    Raises:
        InputError: not one preference matrix.

    >>> found = maximal_lottery([[0.5, 0.75, 0.25], [0.25, 0.5, 1.0], [0.75, 0.0, 0.5]])
    >>> found.status, [str(p) for p in found.policy]
    (<Status.UNIQUE: 'unique'>, ['1/2', '1/4', '1/4'])
    >>> maximal_lottery([[0.5, 0.5], [0.5, 0.5]]).status
    <Status.SET: 'set'>
    """
    skew = exact_skew(preference)
    if alone := only.guessed(skew):
        return _alone(alone)
    found = cones.largest_support(skew)
    alone = only.proved(skew, np.flatnonzero(found.members))
    return _alone(alone) if alone else _several(skew, found)


def all_equilibria(preference: ArrayLike) -> np.ndarray:
    """``(n_vertices, n)`` of ``Fraction``: the extreme equilibria, sorted; all others are their mixtures.

    They lie in the kernel of those who are played, where the double-description method (Motzkin et al. 1953) cuts a
    cone with one response's half-space after the other. Their number can double with every response that ties.

    >>> [[str(p) for p in vertex] for vertex in all_equilibria([[0.5, 0.5, 1], [0.5, 0.5, 1], [0, 0, 0.5]])]
    [['0', '1', '0'], ['1', '0', '0']]
    """
    skew, support = exact_skew(preference), list(maximal_lottery(preference).support)
    kernel = cones.kernel(skew[np.ix_(support, support)])
    rays = np.full((len(kernel), len(skew)), Fraction(0), dtype=object)
    rays[:, support] = kernel
    free = [max(np.flatnonzero(ray)) for ray in rays]  # where each alone is not 0
    own = -cones.exact(np.eye(len(skew), dtype=int))
    rows = np.concatenate([own[free], own[np.setdiff1d(support, free)], np.delete(skew, support, axis=0)])  # all <= 0
    for cut in range(len(free), len(rows)):
        level = rays @ rows[cut]
        tight = [frozenset(np.flatnonzero(rows[:cut] @ ray == 0)) for ray in rays]
        kept = list(rays[level <= 0])
        for a in np.flatnonzero(level > 0):
            joined = [b for b in np.flatnonzero(level < 0) if _adjacent(tight, a, b)]
            kept += [level[a] * rays[b] - level[b] * rays[a] for b in joined]
        rays = np.array(kept)
    return np.array(sorted((ray / sum(ray) for ray in rays), key=tuple), dtype=object)


def exact_skew(preference: ArrayLike) -> np.ndarray:
    """``(n, n)`` of ``Fraction``: P - 1/2 above the diagonal, its negative below.

    >>> [[str(x) for x in row] for row in exact_skew([[0.5, 0.75], [0.25, 0.5]])]
    [['0', '1/4'], ['-1/4', '0']]
    """
    given = np.array(preference, dtype=object)
    checked = preference_matrix(preference)
    if len(checked) != 1:
        raise InputError(f"preference has shape {given.shape}: give the (n, n) matrix of one prompt")
    given = given.reshape(checked.shape[1:])
    skew = np.full(given.shape, Fraction(0), dtype=object)
    for i, j in zip(*np.triu_indices(len(given), 1), strict=True):
        skew[i, j] = Fraction(given[i, j]) - Fraction(1, 2)
        skew[j, i] = -skew[i, j]
    return skew


def _alone(found):
    """An equilibrium that is the only one."""
    policy, beaten = found
    return Equilibrium(Status.UNIQUE, policy, tuple(np.flatnonzero(policy > 0).tolist()), beaten, 0)


def _several(skew, found):
    """Of the equilibria of this largest support one that beats every response off it.

    As the matrix is skew the certificate that those off it are never played is in the cone, too, and beats them.
    """
    support = np.flatnonzero(found.members)
    for sizes in (found.point, found.point + found.witness):
        policy = sizes / sum(sizes)
        beaten = -skew @ policy
        if all(beaten[~found.members] > 0):
            break
    dimension = len(cones.kernel(skew[np.ix_(support, support)])) - 1
    return Equilibrium(Status.SET, policy, tuple(support.tolist()), beaten, dimension)


def _adjacent(tight, a, b):
    """Two vertices share an edge iff no third is tight wherever both are."""
    common = tight[a] & tight[b]
    return not any(common <= other for i, other in enumerate(tight) if i not in (a, b))
