r"""Losses of one margin that are not convex, on a label graph: the global minimum where a search over boxes proves it.

Existence is decided first. A loss that falls up to a point and rises beyond (EXO) attains its minimum on every graph
("everywhere"); a positive one that tends to 0 at +inf and to inf at -inf (DiscoPOP) has the sum of the minima of the
strongly connected components for infimum, attained iff no label joins two of them ("blocks").

A block of k responses is searched in k - 1 differences, along the tree that lets boxes be narrow where heavy labels are
felt and long where only light ones are, from a box that holds all minimisers: by halving boxes across the side that
leaves their bounds loosest and dropping those whose bound is above the best value found. With c the centre of a box,
:math:`r_i` half the width that it gives a label's margin and :math:`m_i\le g''\le M_i` on the
margin's range, two lower bounds are used: the least of g on each range, or
:math:`f(c)+\min\nabla f(c)\cdot(s-c)-\tfrac12\sum_iW_i\max(0,-m_i)r_i^2`. A box on which
:math:`M_i` and :math:`m_i` let the gradient be 0 nowhere holds no minimiser. What is left at the end is a neighbourhood
of each minimiser; where there is one, and f is strongly convex on it (its Hessian at the centre, less what the third
derivative can change), the minimiser is unique. Larger blocks are descended from many starts, moved about first
(:mod:`tabular.fits.leaps`): LOCAL.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components

from tabular.base import digraph
from tabular.fits import bradley_terry, graded, laplacian, leaps

__all__ = ["Block", "solve_block"]

_LARGEST = 4  # responses of a block that is searched
#: Looked at in one block at most: a bound holds whatever the count, and what it does not prove is said to be LOCAL.
_BOXES = 150_000
_LOST = 50_000  # the same where all that can come of it is a bound
_GAP = 1e-10  # certified, relative to the block's weight
_ROUNDING = 1e-14
_UNFELT = 1e-300  # a curvature for labels that have none
_NEARBY = 2**14  # margins of boxes at a time: what is in between stays in the cache
_FINEST = 1e-9  # half a side of a box
_STARTS = 32
_FEW = 20  # of the starts, once they are moved about, the lowest go down
_ENTRIES = 2**17  # of the matrices of all that go down together
_ROUGH = 0.1  # of the levels: how near to its valley's ground a start goes down before it is moved about
_MOST_STEPS = 5000  # of quasi-Newton
_DENSE = 400  # responses up to which a descent ends with Newton steps
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
    log_weight: np.ndarray
    offset: np.ndarray
    scalar: object

    @cached_property
    def weight(self):
        return np.exp(self.log_weight)

    @cached_property
    def incidence(self):
        """``(labels, size)``: 1 at a label's winner, -1 at its loser."""
        matrix, rows = np.zeros((len(self.winner), self.size)), np.arange(len(self.winner))
        matrix[rows, self.winner], matrix[rows, self.loser] = 1.0, -1.0
        return matrix

    @property
    def settles(self):
        """Whether :func:`graded.stationary` ends where nothing pushes: g has neither kinks nor flat pieces."""
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

    def hessian(self, s):
        bend = self.weight * self.scalar.curvature(self.margins(s))
        return laplacian.dense(self.size, self.winner, self.loser, bend)


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
    total = _Sum(size, winner, loser, log_weight - top, offset, scalar)
    starts, few = np.array(list(_starts(size, net))), max(1, _ENTRIES // size**2)
    if size <= _DENSE and hasattr(scalar, "jet"):
        starts = np.concatenate([starts, _graded(total, starts[:few], _ROUGH)])
    starts = leaps.leapt(starts, winner, loser, total.weight, offset, scalar)
    ends = _descended(total, starts[: min(_FEW, few)])
    best = ends[np.argmin(total.value(ends))]
    scale = float(np.exp(top))
    existence = getattr(scalar, "existence", None)
    if size <= _LARGEST and existence is not None and not (existence == "blocks" and scalar.tau > 1):
        return _searched(total, best, scale)
    return Block(scale * total.value(best), -np.inf, 0, best[None], False)


def _starts(size, net):
    rng = np.random.default_rng(0)
    yield np.zeros(size)
    yield net.astype(float)
    for spread in np.geomspace(0.1, 10, 4 if size <= _LARGEST else _STARTS):  # a search looks everywhere anyway
        yield rng.normal(size=size) * spread


def _descended(total, points):
    """Local minima from some points. Candidates: what they are worth is for the search to say, or nobody (LOCAL)."""
    return _graded(total, points) if total.settles else np.array([_quasi_newton(total, point) for point in points])


def _graded(total, points, *still):
    labels = total.winner, total.loser, total.log_weight, total.offset, total.scalar
    return graded.stationary(points, *labels, *still)


def _quasi_newton(total, start):
    """The end of quasi-Newton, then Newton steps where f is curved for as long as they shrink the gradient."""
    found = minimize(total.both, start, jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS, "ftol": 1e-15})
    s = found.x - found.x.mean()
    while total.size <= _DENSE:  # the gradient falls from float to float, so this ends
        gradient, (bend, along) = total.gradient(s), np.linalg.eigh(total.hessian(s))
        curved = bend > 1e-10 * bend[-1]
        if (bend < -1e-10 * bend[-1]).any():
            break
        moved = s - along[:, curved] @ (gradient @ along[:, curved] / bend[curved])
        if not np.abs(total.gradient(moved)).max() < np.abs(gradient).max():
            break
        s = moved
    return s


def _searched(total, best, scale):
    weight, boxes = total.weight, 1
    least, gap = total.value(best), _GAP * weight.sum()
    resolved, open_ = bool(gap < weight.min()), _open(total, gap)
    half, sides = _first_box(total), _sides(total, best)
    centre = np.zeros(half.shape)
    found = None
    while boxes < (_LOST if open_ else _BOXES) and half.max() > _FINEST:
        levels = centre @ sides.T
        values, bound, loose = _bounded(total, sides, levels, half)
        if values.min() < least:
            best = _descended(total, levels[[np.argmin(values)]])[0]
            least = min(least, total.value(best))
        bound -= _ROUNDING * (np.abs(values) + weight.sum())
        undecided, wide = bound < least - gap, half.max(axis=1) >= _NEAR
        keep = undecided if open_ else bound < least + gap
        if not undecided.any() and (open_ or not wide[keep].any()):
            points = best[None] if open_ else _neighbourhoods(total, levels[keep], best, least + gap)
            unique = not open_ and len(points) == 1 and _strongly_convex(total, sides, best, levels[keep], half[keep])
            found = Block(scale * least, scale * (least - gap), boxes, points, unique, resolved)
            if open_ or unique or len(points) > 1:
                break
        split = np.where(undecided[:, None], loose, half)[keep].argmax(axis=1)
        centre, half, fine = _halved(centre[keep], half[keep], split, (undecided | wide | ~undecided.any())[keep])
        boxes += len(centre) - fine
    return found or Block(scale * least, -np.inf, boxes, best[None], False, resolved)


def _halved(centre, half, side, chosen):
    """Boxes of which the chosen are halved across one side each, and how many are not."""
    rows, side = np.flatnonzero(chosen), side[chosen]
    half = half.copy()
    half[rows, side] /= 2
    step = np.zeros(half.shape)
    step[rows, side] = half[rows, side]
    ends = np.concatenate([centre - step, (centre + step)[chosen]])
    return ends, np.concatenate([half, half[chosen]]), len(half) - len(rows)


def _open(total, gap):
    """Whether the labels of weights above the gap leave some response free, which then is not told within a nat."""
    heard = total.weight > gap
    graph = digraph.adjacency(total.size, total.winner[heard], total.loser[heard])
    directed = total.scalar.existence == "blocks"
    return bool(connected_components(graph, directed=directed, connection="strong")[0] > 1)


def _sides(total, best):
    r"""``(size, size - 1)``: levels above the last response's, of differences along a tree.

    Of all trees the one that lets boxes be largest: those of sides 1/c, with :math:`c_e^2=\sum_ib_iA_{ie}^2` and the
    labels' curvatures b at the best point, shrunk until they change margins by :math:`\sum_ib_ir_i^2=1`; and by the
    sides that its longest path has, as far from there another label may be the one that counts.
    """
    ends = np.array(list(combinations(np.eye(total.size)[:, :-1], 2)))
    pairs = ends[:, 0] - ends[:, 1]
    trees = pairs[list(combinations(range(len(pairs)), total.size - 1))]
    sides = np.linalg.inv(trees[np.abs(np.linalg.det(trees)) > 0.5])
    longest, spread = (np.abs(rows @ sides) for rows in (pairs, total.incidence[:, :-1]))
    bend = np.maximum(total.weight * np.abs(total.scalar.curvature(total.margins(best))), _UNFELT)
    own = np.sqrt(bend @ spread**2)
    changed = ((spread / own[:, None]).sum(axis=2) ** 2) @ bend
    longest = longest.sum(axis=2).max(axis=1)
    size = -np.log(own).sum(axis=1) - (total.size - 1) * np.log(longest * np.sqrt(changed))
    return np.vstack([sides[size.argmax()], np.zeros(total.size - 1)])


def _first_box(total):
    """Half-widths, ``(1, size - 1)``, about 0, of a box of level differences that holds all minimisers."""
    gap = total.scalar.widest_gap(np.log(total.weight.sum()) - total.log_weight.min()) + np.abs(total.offset).max()
    return np.full((1, total.size - 1), (total.size - 1) * gap)


def _bounded(total, sides, levels, half):
    """Of boxes f at their centres, lower bounds, and how loose each side leaves these: as many at once as stay near."""
    parts = -(-levels.shape[0] * len(total.winner) // _NEARBY)
    found = []
    for some in np.array_split(np.arange(len(levels)), parts):
        x = total.margins(levels[some])
        value, slope, bend = total.scalar.jet(x)
        found.append((value @ total.weight, *_lower(total, sides, x, half[some], value, slope, bend)))
    return (np.concatenate(part) for part in zip(*found, strict=True))


def _lower(total, sides, x, half, value, slope, bend):
    """Lower bounds of f on boxes, by g and its derivatives at their centres; inf where the gradient is never 0.

    By the least on each range, by tangents, and by the higher of these two for each label.
    """
    scalar, weight, incidence = total.scalar, total.weight, total.incidence @ sides
    width, steepest = half @ np.abs(incidence).T, scalar.steepest_bend
    least = scalar.least_between(x - width, x + width)
    with np.errstate(over="ignore"):  # of DiscoPOP on a range that begins 700 nats down
        more = width * scalar.third_between(x - width, x + width)
    tangent = value - 0.5 * np.clip(more - bend, 0.0, steepest) * width**2
    gradient, mixed = ((weight * part) @ incidence for part in (slope, np.where(least > tangent, 0.0, slope)))
    change = (np.minimum(np.abs(bend) + more, steepest) * width * weight) @ np.abs(incidence)
    steep = (np.abs(gradient) > change * (1 + _ROUNDING) + _ROUNDING * weight.sum()).any(axis=1)
    by_tangents, by_both = tangent @ weight - (np.abs(gradient) * half).sum(axis=1), np.maximum(least, tangent) @ weight
    bound = np.maximum.reduce([least @ weight, by_tangents, by_both - (np.abs(mixed) * half).sum(axis=1)])
    return np.where(steep, np.inf, bound), change * half


def _neighbourhoods(total, left, best, most):
    """Minimisers, one for each cluster of the points that are left; the best first."""
    found = [best - best[-1]]
    for s in _descended(total, left[np.argsort(total.value(left))][:200]):
        s = s - s[-1]
        if total.value(s) <= most and all(np.abs(s - other).max() > _NEAR for other in found):
            found.append(s)
    return np.array(found)


def _strongly_convex(total, sides, best, left, half):
    """Whether f is strongly convex on a box about the best point that holds all the boxes that are left."""
    x = total.margins(best)
    radius = (np.abs(total.margins(left) - x) + half @ np.abs(total.incidence @ sides).T).max(axis=0)
    least = total.scalar.curvature(x) - radius * total.scalar.third_between(x - radius, x + radius)
    below = total.incidence.T @ ((total.weight * least)[:, None] * total.incidence)
    return bool(np.linalg.eigvalsh(below[:-1, :-1])[0] > 0)
