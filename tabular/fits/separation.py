r"""When does a logistic fit exist: linear separation, with a certificate either way.

Labels with difference rows :math:`d_i` (the winner's features less the loser's) cost
:math:`\sum n_i\,\mathrm{sp}(-d_i\theta)`. **The infimum is attained iff no direction has** :math:`D\theta\ge 0` and
:math:`D\theta\ne 0` (Albert and Anderson 1984), and then :math:`D\theta` is unique: along any other the convex cost
grows. By strict complementarity (:mod:`tabular.base.cones`) the labels split in two: the *overlapping* ones, which some
:math:`y\ge 0` with :math:`D^\top y=0` weighs positively, and the *separated* ones, all of which one direction with
:math:`D\theta\ge 0` gains strictly while it leaves the others at 0. The infimum is the minimum over the overlapping
labels.

Strict separation, :math:`D\theta>0` on every label, is too strong a test: it misses labels that separate in part.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr
from scipy.optimize import linprog

from tabular.base import cones

__all__ = ["CANCELS", "EXACT", "Separation", "balanced", "separate"]

_FEW = 60  # entries of D up to which a certificate in fractions takes no longer than a guess
EXACT = 600  # entries of D up to which the question is decided in fractions
CANCELS = 1e-10  # of the sizes of its terms, up to which a sum of floats counts as 0


@dataclass(frozen=True, eq=False)
class Separation:
    """Which labels overlap, with both certificates.

    Attributes:
        overlapping: ``(n_labels,)`` mask.
        balance: ``(n_labels,)`` y >= 0 with ``D.T @ y = 0``, positive exactly on the overlapping labels; None where
            floats decided.
        direction: ``(n_features,)`` with ``D @ direction`` 0 on them and positive elsewhere; 0 where nothing separates.
    """

    overlapping: np.ndarray
    balance: np.ndarray | None
    direction: np.ndarray


def separate(differences) -> Separation:
    """Split labels, ``(n_labels, n_features)`` rows, into overlapping and separated.

    In fractions up to :data:`EXACT` entries; beyond, by a linear program in floats whose direction is checked.

    >>> separate([[1.0], [1.0]]).direction.tolist(), separate([[1.0], [-3.0]]).balance.tolist()
    ([1.0], [3.0, 1.0])
    """
    differences = np.asarray(differences, dtype=float)
    return _in_fractions(differences) if differences.size <= EXACT else _in_floats(differences)


def _in_fractions(differences):
    columns = cones.exact(differences.T)
    guess = _guessed(differences, columns) if differences.size > _FEW else None
    if guess is not None:
        return guess
    found = cones.largest_support(np.concatenate([columns, -columns]))
    direction = found.witness[: len(columns)] - found.witness[len(columns) :]
    least = min((y for y in found.point if y > 0), default=1)
    return Separation(found.members, (found.point / least).astype(float), _scaled(direction).astype(float))


def _guessed(differences, columns):
    """All labels overlap or all are separated: a certificate found in floats and mended in fractions, None without one.

    The largest least weight of a balance y with sum 1, and the largest least gain of a direction. What rounding leaves
    of ``D.T @ y`` goes to the weights of some labels that span all others.
    """
    m, k = differences.shape
    rows = differences / (np.abs(differences).max() or 1.0)
    equal = np.block([[rows.T, np.zeros((k, 1))], [np.ones((1, m)), np.zeros((1, 1))]])
    bounds, goal = [(0, None)] * (m + 1), np.r_[np.zeros(m), -1.0]
    found = linprog(goal, np.c_[-np.eye(m), np.ones(m)], np.zeros(m), equal, np.r_[np.zeros(k), 1.0], bounds)
    if found.x is not None and found.x[-1] > 0:
        spanning, y = qr(rows.T, mode="r", pivoting=True)[1][:k], cones.exact(found.x[None, :-1])[0]
        mends = cones.kernel(np.c_[columns[:, spanning], columns @ y])
        mend = next((v for v in mends if v[-1] == 1), None)
        if mend is not None:
            y[spanning] += mend[:-1]
            if min(y) > 0 and not any(columns @ y):
                return Separation(np.ones(m, dtype=bool), (y / min(y)).astype(float), np.zeros(k))
    gained = linprog(
        np.r_[np.zeros(k), -1.0], np.c_[-rows, np.ones(m)], np.zeros(m), bounds=[(-1, 1)] * k + [(0, None)]
    )
    direction = cones.exact(gained.x[None, :-1])[0] if gained.x is not None else np.zeros(k, dtype=int)
    if min(direction @ columns) > 0:
        return Separation(np.zeros(m, dtype=bool), np.zeros(m), _scaled(direction).astype(float))
    return None


def _in_floats(differences):
    """The most labels, each by 1 at most, that a bounded direction gains, none losing."""
    m, k = differences.shape
    rows = differences / max(np.abs(differences).max(), 1e-300)
    found = linprog(
        np.r_[np.zeros(k), -np.ones(m)],
        A_ub=np.c_[-rows, np.eye(m)],
        b_ub=np.zeros(m),
        bounds=[(-1e4, 1e4)] * k + [(0, 1)] * m,
        method="highs",
    )
    direction = _scaled(found.x[:k])
    gain, slack = rows @ direction, 1e-9 * np.abs(rows).sum(axis=1).max()
    if (gain < -slack).any() or not (gain > slack).any():
        return Separation(np.ones(m, dtype=bool), None, np.zeros(k))
    return Separation(gain <= slack, None, direction)


def _scaled(direction):
    largest = max((abs(x) for x in direction), default=0)
    return direction / largest if largest else direction * 0


def balanced(differences, weight) -> np.ndarray | None:
    """Positive y with ``D.T @ y = 0`` beside a weight that nearly has it, or None: proof that nothing separates.

    The correction is the least in squares relative to the weights; it must not take half of any weight away, and leave
    nothing of any feature, however faint the labels are that alone have it.

    >>> balanced(np.array([[1.0], [-3.0]]), np.array([3.0, 1.0 + 1e-9])).round(6).tolist()
    [3.0, 1.0]
    >>> balanced(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0, 1e-16]))  # the last separates
    """
    scaled = differences * weight[:, None]
    size = np.sqrt(np.square(scaled).sum(axis=0))  # a feature of faint labels alone is no less a feature
    scaled /= np.where(size > 0, size, 1.0)
    share = scaled @ np.linalg.lstsq(scaled.T @ scaled, scaled.sum(axis=0), rcond=1e-13)[0]
    left = np.abs((1 - share) @ scaled)
    if (np.abs(share) >= 0.5).any() or (left > CANCELS * np.abs(scaled).sum(axis=0)).any():
        return None
    return weight * (1 - share)
