r"""Losses of one margin that are not convex, on a label graph: the global minimum where a search over boxes proves it.

Existence is decided first. A loss that falls up to a point and rises beyond (EXO) attains its minimum on every graph
("everywhere"); a positive one that tends to 0 at +inf and to inf at -inf (DiscoPOP) has the sum of the minima of the
strongly connected components for infimum, attained iff no label joins two of them ("blocks").

A block of k responses is searched in k - 1 differences, from a box that holds a minimiser, by halving boxes and
dropping those whose lower bound is above the best value found. With c the centre of a box, :math:`r_i` half the width
that it gives a label's margin and :math:`m_i\le g''\le M_i` on the margin's range, two lower bounds are used: the least
of g on each range, or :math:`f(c)+\min\nabla f(c)\cdot(s-c)-\tfrac12\sum_iW_i\max(0,-m_i)r_i^2`. A box on which
:math:`M_i` and :math:`m_i` let the gradient be 0 nowhere holds no minimiser. What is left at the end is a neighbourhood
of each minimiser; where there is one, and f is strongly convex on it (its Hessian at the centre, less what the third
derivative can change), the minimiser is unique. Larger blocks are descended from many starts: LOCAL.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import minimize

from tabular.fits import bradley_terry, graded

__all__ = ["Block", "solve_block"]

_LARGEST = 4  # responses of a block that is searched
#: Looked at in one block at most: a bound holds whatever the count, and what it does not prove is said to be LOCAL.
_BOXES = 200_000
_GAP = 1e-10  # certified, relative to the block's weight
_ROUNDING = 1e-14
_FINEST = 1e-9  # half a side of a box
_STARTS = 24
_FEW = 6  # ends of descents that are settled to the lightest label: which of them that makes the lowest is open
_STEPS, _MOST_STEPS = 60, 5000  # of quasi-Newton: where the lowest are settled to the last label, and elsewhere
_DENSE = 400  # responses up to which a descent ends with Newton steps
_BALANCED = 1e-6  # of what its labels push: the gradient of every response at the end of a descent
_NEAR = 1e-3  # points of one neighbourhood lie this close, in units of x


@dataclass(frozen=True, eq=False)
class Block:
    """One block: levels of its responses, its least value, what the search proved.

    Attributes:
        lower: the certified lower bound, -inf where nothing was proved; boxes: looked at.
        minimisers: ``(n, size)`` levels of the points within the gap, the first being the best.
        unique: whether the minimiser is the only one.
        resolved: whether the gap of the search is below the weight of every label, so that it tells minimisers apart.
    """

    value: float
    lower: float
    boxes: int
    minimisers: np.ndarray
    unique: bool
    resolved: bool = True

    @property
    def certified(self):
        return bool(self.lower > -np.inf and (self.unique or self.resolved))


@dataclass(frozen=True, eq=False)
class _Sum:
    """f and its derivatives on levels ``(..., size)``, the weights scaled so that the largest is 1."""

    size: int
    winner: np.ndarray
    loser: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    scalar: object

    @cached_property
    def incidence(self):
        """``(labels, size)``: 1 at a label's winner, -1 at its loser."""
        matrix, rows = np.zeros((len(self.winner), self.size)), np.arange(len(self.winner))
        matrix[rows, self.winner], matrix[rows, self.loser] = 1.0, -1.0
        return matrix

    @property
    def settles(self):
        """Whether :func:`graded.stationary` ends what quasi-Newton leaves: g has neither kinks nor flat pieces."""
        return self.size <= _DENSE and getattr(self.scalar, "existence", None) is not None

    def margins(self, s):
        return s[..., self.winner] - s[..., self.loser] - self.offset

    def value(self, s):
        return self.scalar.value(self.margins(s)) @ self.weight

    def gradient(self, s):
        return (self.weight * self.scalar.slope(self.margins(s))) @ self.incidence

    def both(self, s):
        """The value and the gradient at one point."""
        x = self.margins(s)
        push = self.weight * self.scalar.slope(x)
        gradient = np.bincount(self.winner, push, self.size) - np.bincount(self.loser, push, self.size)
        return self.scalar.value(x) @ self.weight, gradient

    def imbalance(self, s):
        """The largest gradient of a response relative to what its labels push."""
        push = self.weight * self.scalar.slope(self.margins(s))
        size = np.abs(push) @ np.abs(self.incidence)
        return np.max(np.abs(push @ self.incidence) / np.where(size > 0, size, 1.0))

    def hessian(self, s):
        bend = self.weight * self.scalar.curvature(self.margins(s))
        places = self.winner * self.size + self.loser, self.loser * self.size + self.winner
        matrix = -sum(np.bincount(place, bend, self.size**2) for place in places).reshape(self.size, self.size)
        np.fill_diagonal(matrix, -matrix.sum(axis=1))
        return matrix


def solve_block(size, winner, loser, log_weight, offset, scalar) -> Block:
    """The least of one block whose minimum is attained.

    >>> from tabular import losses
    >>> scalar = losses.get("exo_pair", eps=0.25).scalar
    >>> block = solve_block(2, np.array([0, 1]), np.array([1, 0]), np.log([0.75, 0.25]), np.zeros(2), scalar)
    >>> found = block.minimisers[0]  # z = (2p - 1) logit(1 - eps)
    >>> float((found[0] - found[1]).round(6)), float((0.5 * np.log(3)).round(6)), block.certified, block.unique
    (0.549306, 0.549306, True, True)
    """
    net = np.bincount(winner, minlength=size) - np.bincount(loser, minlength=size)
    winner, loser, log_weight, offset, _ = bradley_terry.merged(
        size, winner, loser, log_weight, offset, np.ones(len(winner))
    )
    top = log_weight.max()
    total = _Sum(size, winner, loser, np.exp(log_weight - top), offset, scalar)
    ends = sorted((_descended(total, start) for start in _starts(size, net)), key=total.value)
    scale = float(np.exp(top))
    existence = getattr(scalar, "existence", None)
    if size <= _LARGEST and existence is not None and not (existence == "blocks" and scalar.tau > 1):
        found = _searched(total, ends[0], scale)
        ends = found.minimisers[:1]
    else:
        found = Block(scale * total.value(ends[0]), -np.inf, 0, ends[0][None], False)
    return _settled(found, total, _few_apart(total, ends), log_weight, scale) if size <= _DENSE else found


def _few_apart(total, ends):
    """Of the first few points that lie apart the first, and those that do not balance: it is open where they end."""
    found = []
    for end in ends:
        if len(found) < _FEW and all(np.abs(end - other).max() > _NEAR for other in found):
            found.append(end)
    return found[:1] + [end for end in found[1:] if total.imbalance(end) > _BALANCED]


def _settled(found, total, ends, log_weight, scale):
    """The lowest of some points once they are moved to where the lightest labels balance too, in place of the first."""
    labels = total.winner, total.loser, log_weight, total.offset, total.scalar
    point = min((graded.stationary(end, *labels) for end in ends), key=total.value)
    resolved = bool(total.weight.min() > _GAP * total.weight.sum())
    points = np.vstack([point, found.minimisers[1:]])
    return replace(found, value=scale * total.value(point), minimisers=points, resolved=resolved)


def _starts(size, net):
    rng = np.random.default_rng(0)
    yield np.zeros(size)
    yield net.astype(float)
    for spread in np.geomspace(0.1, 10, 4 if size <= _LARGEST else _STARTS):  # a search looks everywhere anyway
        yield rng.normal(size=size) * spread


def _descended(total, start):
    """A local minimum from a start: quasi-Newton, then Newton steps for as long as they shrink the gradient.

    A candidate, wherever quasi-Newton ends: what it is worth is for the search to say, or nobody (LOCAL).
    """
    most = _STEPS if total.settles else _MOST_STEPS
    found = minimize(total.both, start, jac=True, method="L-BFGS-B", options={"maxiter": most, "ftol": 1e-15})
    s = found.x - found.x.mean()
    while total.size <= _DENSE:  # the gradient falls from float to float, so this ends
        gradient, hessian = total.gradient(s), total.hessian(s)
        bend = np.linalg.eigvalsh(hessian + np.trace(hessian) / total.size**2)
        if bend[0] <= 1e-10 * bend[-1]:
            break
        moved = s - np.linalg.solve(hessian + np.trace(hessian) / total.size**2, gradient)
        if not np.abs(total.gradient(moved)).max() < np.abs(gradient).max():
            break
        s = moved
    return s


def _searched(total, best, scale):
    size, weight = total.size, total.weight
    least = total.value(best)
    half = _first_box(total, least)
    gap = _GAP * weight.sum()
    centre = np.zeros((1, size - 1))  # of the levels relative to the last response's
    boxes, found = 0, Block(scale * least, -np.inf, 0, best[None], False)
    while boxes < _BOXES and half.max() > _FINEST:
        boxes += len(centre)
        levels = np.column_stack([centre, np.zeros(len(centre))])
        x = total.margins(levels)
        value, slope, bend = total.scalar.jet(x)
        values = value @ weight
        if values.min() < least:
            best = _descended(total, levels[int(np.argmin(values))])
            least = min(least, total.value(best))
        bound = _lower(total, x, half, value, slope, bend) - _ROUNDING * (np.abs(values) + weight.sum())
        keep = bound < least + gap
        if bound.min() >= least - gap and half.max() < _NEAR:
            points = _neighbourhoods(total, levels[keep], best, least + gap)
            unique = len(points) == 1 and _strongly_convex(total, best, levels[keep], half.max())
            found = Block(scale * least, scale * (least - gap), boxes, points, unique)
            if unique or len(points) > 1:
                break
        centre = centre[keep]
        widest = int(np.argmax(half))
        half = half.copy()
        half[widest] /= 2
        step = np.zeros(size - 1)
        step[widest] = half[widest]
        centre = np.concatenate([centre - step, centre + step])
    return found if found.certified else Block(scale * least, -np.inf, boxes, best[None], False)


def _first_box(total, least):
    """Half-widths, about 0, of a box of level differences that holds a minimiser."""
    with np.errstate(divide="ignore"):
        bound = total.scalar.reach(least / total.weight)  # x >= bound for each label, or for neighbouring levels
    if total.scalar.existence == "everywhere":
        spread = (total.size - 1) * -bound[0]
        return np.full(total.size - 1, float(spread))
    reach = np.full((total.size, total.size), np.inf)
    np.minimum.at(reach, (total.loser, total.winner), -(bound + total.offset))  # s_l - s_w <= -bound - offset
    for k in range(total.size):
        np.minimum(reach, reach[:, k, None] + reach[None, k, :], out=reach)
    return np.maximum(reach[:-1, -1], reach[-1, :-1])


def _lower(total, x, half, value, slope, bend):
    """Lower bounds of f on boxes, by g and its derivatives at their centres; inf where the gradient is never 0.

    By the least on each range, by tangents, and by the higher of these two for each label.
    """
    scalar, weight, incidence = total.scalar, total.weight, total.incidence[:, :-1]
    width, steepest = np.abs(incidence) @ half, scalar.steepest_bend
    least, more = scalar.least_between(x - width, x + width), width * scalar.third_between(x - width, x + width)
    tangent = value - 0.5 * np.clip(more - bend, 0.0, steepest) * width**2
    gradient, mixed = ((weight * part) @ incidence for part in (slope, np.where(least > tangent, 0.0, slope)))
    change = (np.minimum(np.abs(bend) + more, steepest) * width * weight) @ np.abs(incidence)
    steep = (np.abs(gradient) > change * (1 + _ROUNDING) + _ROUNDING * weight.sum()).any(axis=1)
    by_tangents, by_both = tangent @ weight - np.abs(gradient) @ half, np.maximum(least, tangent) @ weight
    return np.where(steep, np.inf, np.maximum.reduce([least @ weight, by_tangents, by_both - np.abs(mixed) @ half]))


def _neighbourhoods(total, left, best, most):
    """Minimisers, one for each cluster of the points that are left; the best first."""
    found = [best - best[-1]]
    for point in left[np.argsort(total.value(left))][:200]:
        s = _descended(total, point)
        s = s - s[-1]
        if total.value(s) <= most and all(np.abs(s - other).max() > _NEAR for other in found):
            found.append(s)
    return np.array(found)


def _strongly_convex(total, best, left, half):
    """Whether f is strongly convex on a box about the best point that holds all that is left."""
    radius = 2 * (np.abs(left - left[:, -1:] - (best - best[-1])).max() + half)  # of a margin
    x = total.margins(best)
    least = total.scalar.curvature(x) - radius * total.scalar.third_between(x - radius, x + radius)
    below = total.incidence.T @ ((total.weight * least)[:, None] * total.incidence)
    return bool(np.linalg.eigvalsh(below[:-1, :-1])[0] > 0)
