r"""Convex losses of one margin that may have kinks: cutting planes on the label graph, with a gap that is recomputed.

Each label has tangents of its own, :math:`g(x)\ge g(x_k)+g'(x_k)(x-x_k)`; the least of the weighted sum of their maxima
is a linear programme, and at its solution new tangents are drawn, until value and bound meet. Its multipliers give
every label a slope :math:`q_i` with :math:`\sum_iW_iq_i(e_{w_i}-e_{l_i})=0`, and any such slopes prove

.. math:: f(s)\ge\sum_iW_i\bigl(\min_x(m_i(x)-q_ix)-q_io_i\bigr),\qquad m_i\ \text{the greatest of the tangents},

because :math:`g\ge m_i` and :math:`\sum_iW_iq_ix_i=-\sum_iW_iq_io_i` for every s. This bound is computed here from the
slopes and the tangents alone; the programme's word is not used. With optimal slopes the minimisers are all s with
:math:`q_i\in\partial g(s_{w_i}-s_{l_i}-o_i)`: difference constraints, as for the hinge
(:mod:`tabular.fits.polyhedral`).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from tabular.fits import laplacian
from tabular.fits.parts import centred
from tabular.fits.polyhedral import Face

__all__ = ["GAP", "LARGEST", "SPREAD", "Cut", "face", "solve_block"]

LARGEST = 500  # labels of a block up to which it is solved
SPREAD = 1e-7  # the lightest label's weight over the heaviest's from which multipliers tell its slope
GAP = 1e-9  # of value and bound, relative to their terms, at which a point is certified
_CLOSED = 1e-12  # where cutting ends
_STALLED = 5  # rounds in a row that neither lower the value nor lift the bound: floats do so finitely often
_FIRST = (0.0, -1.0, 1.0, -10.0, 10.0)  # where tangents are drawn about the start
_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10, "presolve": False}
_SAME_SLOPE = 1e-9  # relative: slopes this close are one
_FAR = 1e6  # margins beyond which an interval of one slope counts as unbounded
_FLOOR = 1e-12  # of the room that a slope has
_NEAR = 1e-3  # of a margin: where it is looked at whether g bends


@dataclass(frozen=True, eq=False)
class Cut:
    """The best point of one block and what bounds its value from below.

    Attributes:
        strength: levels, mean 0; value, lower: of f there, and of f anywhere.
        slope: ``(n_labels,)`` q; gap: of value and bound, and the imbalance of Wq, relative to their terms.
    """

    strength: np.ndarray
    value: float
    lower: float
    slope: np.ndarray
    gap: float


def solve_block(start, winner, loser, weight, offset, scalar) -> Cut:
    """The least of one connected block whose minimum is attained, from levels near it.

    >>> from tabular import losses
    >>> kink = losses.custom("kink", lambda x: np.maximum(0, 1 - x), lambda x: -1.0 * (x < 1)).scalar
    >>> found = solve_block(np.zeros(2), np.array([0, 1]), np.array([1, 0]), np.array([2.0, 1.0]), np.zeros(2), kink)
    >>> found.strength.tolist(), found.value, found.lower, found.slope.tolist()  # half the heavier label's slope
    ([0.5, -0.5], 2.0, 2.0, [-0.5, -1.0])
    """
    ends = winner, loser, weight, offset
    x = start[winner] - start[loser] - offset
    tangents = _Tangents.at(scalar, *(np.concatenate(a) for a in _first(x)))
    best = Cut(centred(start, np.zeros(len(start), int)), _value(x, weight, scalar), -np.inf, 0 * x, np.inf)
    room, stalled = 10.0 + np.abs(start).max(), 0
    while True:
        s, slope = _least(len(start), *ends, tangents, room)
        x = s[winner] - s[loser] - offset
        if np.abs(s - s.mean()).max() > room / 4:
            room *= 4
        found = _proved(s, x, slope, ends, tangents, scalar)
        better = found.value < best.value or found.lower > best.lower
        best = _joined(best, found, ends)
        stalled = 0 if better else stalled + 1
        short = weight * (scalar.value(x) - tangents.greatest(x))
        label = np.flatnonzero(short > _CLOSED / 10 * (np.abs(found.value) + weight.sum()) / len(x))
        if best.gap <= _CLOSED or stalled == _STALLED or not len(label):
            return best
        tangents = tangents.and_at(scalar, label, x[label])


def _first(x):
    label = np.arange(len(x))
    return [label for _ in _FIRST], [x + away for away in _FIRST]


def _value(x, weight, scalar):
    return float(weight @ scalar.value(x))


@dataclass(frozen=True, eq=False)
class _Tangents:
    """Lines below g, each of one label: level + rise x; sorted by label and rise."""

    label: np.ndarray
    level: np.ndarray
    rise: np.ndarray

    @classmethod
    def at(cls, scalar, label, x):
        rise = scalar.slope(x)
        level = scalar.value(x) - rise * x
        sound = np.isfinite(level) & np.isfinite(rise)
        label, rise, level = np.unique(np.column_stack([label, rise, level])[sound], axis=0).T
        return cls(label.astype(np.int64), level, rise)

    def and_at(self, scalar, label, x):
        more = _Tangents.at(scalar, label, x)
        label, level, rise = (np.r_[a, b] for a, b in zip(vars(self).values(), vars(more).values(), strict=True))
        order = np.lexsort((level, rise, label))
        return _Tangents(label[order], level[order], rise[order])

    def greatest(self, x):
        """``(n_labels,)`` of the tangents at margins x."""
        most = np.full(len(x), -np.inf)
        np.maximum.at(most, self.label, self.level + self.rise * x[self.label])
        return most

    def below(self, slope):
        """``(n_labels,)`` min over x of the greatest tangent less slope x; -inf where the slope is beyond theirs."""
        least = np.full(len(slope), -np.inf)
        start = np.searchsorted(self.label, np.arange(len(slope) + 1)).tolist()
        for k in range(len(slope)):
            mine = slice(start[k], start[k + 1])
            rise, level = self.rise[mine] - slope[k], self.level[mine]
            down, up = rise <= 0, rise >= 0
            if down.any() and up.any():  # of every falling line with every rising one, the level where they cross
                a, b = rise[down][:, None], rise[up][None]
                width = np.where(b > a, b - a, 1.0)
                crossing = (level[down][:, None] * b - level[up][None] * a) / width
                flat = np.maximum(level[down][:, None], level[up][None])
                least[k] = np.where(b > a, crossing, flat).max()
        return least


def _least(n, winner, loser, weight, offset, tangents, room):
    """Levels at which the tangents' weighted sum is least, |s| <= room, and the slope of each label there."""
    m, rows = len(winner), np.arange(len(tangents.label))
    k, rise = tangents.label, tangents.rise
    scale = weight.max()
    columns = np.r_[winner[k], loser[k], n + k]
    entries = (np.r_[rise, -rise, -np.ones(len(k))], (np.r_[rows, rows, rows], columns))
    matrix = coo_array(entries, shape=(len(k), n + m)).tocsr()
    right = rise * offset[k] - tangents.level
    bounds = [(-room, room)] * n + [(None, None)] * m
    cost = np.r_[np.zeros(n), weight / scale]
    found = linprog(cost, A_ub=matrix, b_ub=right, bounds=bounds, method="highs-ds", options=_EXACT)
    if found.x is None:
        return np.zeros(n), np.full(m, np.nan)
    share = np.bincount(k, -found.ineqlin.marginals * rise, m) / (weight / scale)
    return found.x[:n] - found.x[:n].mean(), share


def _proved(s, x, slope, ends, tangents, scalar):
    weight, offset = ends[2:]
    low, high = np.full((2, len(slope)), [[np.inf], [-np.inf]])
    np.minimum.at(low, tangents.label, tangents.rise)
    np.maximum.at(high, tangents.label, tangents.rise)
    slope = np.clip(slope, low, high)  # rounding alone puts it beyond them
    slope = np.clip(_circulating(len(s), slope, np.minimum(slope - low, high - slope), *ends), low, high)
    lower = float(weight @ (tangents.below(slope) - slope * offset))
    return Cut(s, _value(x, weight, scalar), -np.inf if np.isnan(lower) else lower, slope, np.inf)


def _circulating(n, slope, room, winner, loser, weight, _offset):
    """The slopes less what keeps their pulls from cancelling at every node, taken where there is room for it."""
    d = laplacian.solve_labels(weight * (room + _FLOOR), weight * slope, n, winner, loser)
    return slope - (room + _FLOOR) * (d[winner] - d[loser])


def _joined(best, found, ends):
    """The lower of two values, the higher of two bounds, and the gap of these."""
    winner, loser, weight, offset = ends
    point = found if found.value < best.value else best
    bound = found if found.lower > best.lower else best
    pull, n = weight * bound.slope, len(point.strength)
    net = np.bincount(winner, pull, n) - np.bincount(loser, pull, n)
    s = point.strength
    size = abs(point.value) + np.abs(pull) @ (np.abs(offset) + np.abs(s[winner]) + np.abs(s[loser])) + weight.sum()
    gap = np.inf
    if bound.lower > -np.inf:
        gap = max(abs(point.value - bound.lower) / size, np.abs(net).max() / max(np.abs(pull).max(), 1e-300))
    return Cut(s, point.value, bound.lower, bound.slope, float(gap))


def face(strength, component, winner, loser, offset, slope, scalar) -> Face:
    """The minimisers, given optimal slopes: the margins at which g has each label's slope, as difference constraints.

    A margin about which g bends on both sides is where it is: multipliers are not exact enough to say so.
    """
    x = strength[winner] - strength[loser] - offset
    back, out = (_reach(scalar, x, slope, side) for side in (-1, 1))
    bent = (np.maximum(back, out) < _NEAR) & _bends(scalar, x, slope, -1) & _bends(scalar, x, slope, 1)
    back, out = (np.where(bent, 0.0, reach) for reach in (back, out))
    difference = strength[winner] - strength[loser]
    bounds = np.r_[loser, winner], np.r_[winner, loser], np.r_[back - difference, out + difference]
    kept = np.isfinite(bounds[2])
    nothing = np.zeros(component.max() + 1)
    return Face(strength, component, nothing, 0.0, 0 * slope, tuple(a[kept] for a in bounds))


def _bends(scalar, x, slope, side):
    """Whether the slope still changes a little away from x."""
    near, far = (scalar.slope(x + side * away) for away in (_NEAR, 2 * _NEAR))
    return side * (far - near) > 1e-3 * _NEAR * (1 + np.abs(slope))


def _reach(scalar, x, slope, side):
    """How far from x, on one side, g's slope passes a label's q by rounding at most; infinite beyond _FAR."""
    slack = _SAME_SLOPE * (1 + np.abs(slope))

    def keeps(away):
        return side * (scalar.slope(x + side * away) - slope) <= slack

    inside, outside = np.zeros(len(x)), np.full(len(x), _FAR)
    for_ever = keeps(outside)
    while (outside - inside > 1e-12 * (1 + np.abs(x) + inside)).any():
        middle = (inside + outside) / 2
        good = keeps(middle)
        inside, outside = np.where(good, middle, inside), np.where(good, outside, middle)
    return np.where(for_ever, np.inf, np.where(inside > 1e-9 * (1 + np.abs(x)), inside, 0.0))
