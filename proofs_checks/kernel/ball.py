"""Branch and bound over parameter boxes: proves f > 0 on the whole box, or returns a certified violation, or says
undecided.

A box is proved by enclosing f over it (:mod:`proofs_checks.kernel.interval`); otherwise it is halved, geometrically
where the parameter is positive. Midpoints are evaluated as exact rationals: one where f is certainly not positive
refutes. Nothing else ends in a decision; where the budget runs out the answer is UNDECIDED.
"""

import heapq
import itertools
import math
from dataclasses import dataclass
from fractions import Fraction

import flint
from flint import arb

from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.interval import PRECISION, Interval, Undefined

__all__ = ["Decision", "decide", "finding", "in_words", "violated_at"]


@dataclass(frozen=True)
class Decision:
    """``holds`` is True (on the whole box), False (at ``witness``) or None; ``margin`` is a lower bound of f."""

    holds: bool | None
    margin: float
    boxes: int
    witness: dict | None = None


def decide(f, box, *, strict=True, max_boxes=20_000) -> Decision:
    """Whether f > 0 (f >= 0 if not strict) for every parameter in the box.

    Args:
        f: called with intervals by keyword, returns an interval or an exact number.
        box: name -> (low, high), ints or Fractions; ends belong to the box.

    >>> decide(lambda x: x.exp() - x - 1 / (1 + x**2), {"x": (1, 50)}).holds
    True
    >>> decide(lambda x: x.exp() - 3 * x, {"x": (0, 4)}).holds, decide(lambda x: x.exp() - 2 * x, {"x": (0, 4)}).holds
    (False, True)
    """
    if not box:
        raise ValueError("a box without parameters: nothing would be checked")
    if any(low > high for low, high in box.values()):
        raise ValueError(f"the ends of a range are out of order: {box}")
    if any(isinstance(end, float) for ends in box.values() for end in ends):
        raise TypeError(f"the ends of a range are exact numbers, int or Fraction: {box}")
    with flint.ctx.workprec(PRECISION):
        return _decide(f, {name: (Fraction(lo), Fraction(hi)) for name, (lo, hi) in box.items()}, strict, max_boxes)


def _decide(f, box, strict, max_boxes):
    tick, margin = itertools.count(), math.inf
    for corner in itertools.product(*box.values()):
        if violated_at(f, point := dict(zip(box, corner, strict=True)), strict):
            return Decision(False, -math.inf, 0, point)
    waiting = [_queued(f, box, 0, tick)]
    for done in range(max_boxes + 1):
        if not waiting:
            return Decision(True, margin, done)
        _, _, least, cell, depth = heapq.heappop(waiting)
        if least > 0 or (not strict and least >= 0):
            margin = min(margin, _round_down(least))
            continue
        if violated_at(f, point := {name: _middle(*ends) for name, ends in cell.items()}, strict):
            return Decision(False, -math.inf, done, point)
        for half in _halves(cell, depth):
            heapq.heappush(waiting, _queued(f, half, depth + 1, tick))
    return Decision(None, -math.inf, max_boxes)


def _queued(f, box, depth, tick):
    """A box with its place in the queue: the least bound first.

    Where there is no bound, 2^-depth below 0 stands in: with -inf the cells around one point where f stays undefined
    would keep all others, however promising, waiting for ever.
    """
    least = _least(f, box)
    place = least if least.is_finite() else -(arb(2) ** -depth)
    return place, next(tick), least, box, depth


def violated_at(f, point, strict=True) -> bool:
    """Whether f is certainly not positive (negative, if not strict) at exact rationals."""
    try:
        value = Interval.of(f(**{name: Interval.of(x) for name, x in point.items()}))
    except Undefined:
        return False
    return bool(value.hi <= 0) if strict else bool(value.hi < 0)


def _least(f, box):
    """A lower bound of f on the box: an exact Arb number, or -inf where nothing is known."""
    try:
        return Interval.of(f(**{name: Interval.hull(*ends) for name, ends in box.items()})).lo
    except Undefined:
        return arb("-inf")


def _halves(box, depth):
    name = list(box)[depth % len(box)]
    lo, hi = box[name]
    middle = _middle(lo, hi)
    return ({**box, name: (lo, middle)}, {**box, name: (middle, hi)})


def _middle(lo, hi):
    """A short rational inside, or the exact mean where no float will do: a witness has to lie in its box."""
    mean = (lo + hi) / 2
    try:
        middle = Fraction(math.sqrt(lo) * math.sqrt(hi)) if lo > 0 and hi > 2 * lo else Fraction(float(mean))
    except OverflowError:
        return mean
    return middle if lo < middle < hi else mean


def _round_down(least):
    return max(0.0, math.nextafter(float(least), -math.inf))  # least itself is at least 0


def finding(decision: Decision, box, strict=True) -> Finding:
    """A decision in words."""
    relation = "> 0" if strict else "≥ 0"
    where = ", ".join(f"{name} ∈ [{lo}, {hi}]" for name, (lo, hi) in box.items())
    if decision.holds:
        return Finding(True, f"{relation} on all of {where} ({decision.boxes} boxes)", decision.margin)
    if decision.holds is False:
        return Finding(False, f"fails in {where}", witness=in_words(decision.witness))
    return Finding(None, f"undecided on {where} after {decision.boxes} boxes")


def in_words(point) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())
