"""Counterexample search: find a violating problem, shrink it to small round numbers, hand it to exact arithmetic.

A statement is given by its violation: a function of named numbers, positive where the statement fails. The search
draws at random over the whole space, climbs from the best draws, then replaces each number by the simplest that
still violates. A witness counts only after its violation was certified in interval arithmetic at exact rationals.
"""

import math
from fractions import Fraction

import numpy as np

from proofs_checks import ball
from proofs_checks.statement import Check, Control, Finding, Quantifier

_SIMPLE = sorted(
    {Fraction(p, q) for q in (1, 2, 3, 4, 5, 10) for p in range(10 * q + 1)} | {Fraction(k * k) for k in range(4, 11)},
    key=lambda x: (x.denominator, abs(x - 1)),
)
_NOISE = 1e-9  # a float violation below this may be rounding


class NothingMet(ArithmeticError):
    """The violation had no finite value at any draw: nothing was tried, so nothing is known."""


def find(violation, space, rng, draws=1500, climbs=4, steps=120):
    """A point of the space with a positive violation, or None.

    Args:
        violation: called with floats by keyword; positive (beyond rounding) where the statement fails. It may return
            ``-inf`` where the hypotheses fail.
        space: name -> (low, high); positive ranges are searched by logarithm.

    Raises:
        NothingMet: no draw has a finite value. It leaves a check undecided.

    >>> space = {"x": (-3, 3)}
    >>> find(lambda x: x - 2, space, np.random.default_rng(0))["x"] > 2
    True
    >>> find(lambda x: x - 3.5, space, np.random.default_rng(0)) is None
    True
    """
    points = [_draw(space, rng) for _ in range(draws)]
    scored = sorted(((_score(violation, p), i) for i, p in enumerate(points)), reverse=True)
    best = [(score, points[i]) for score, i in scored[:climbs]]
    if best[0][0] == -math.inf:
        raise NothingMet("no draw met the hypotheses")
    if best[0][0] <= _NOISE:
        best = [_climb(violation, space, *start, rng, steps) for start in best]
    score, point = max(best, key=lambda pair: pair[0])
    return point if score > _NOISE else None


def shrink(violation, space, point, keep=0.02):
    """The same violation with simple rationals: at least a part ``keep`` of it, each number as simple as it can be.

    >>> shrink(lambda x, y: x - y, {"x": (0, 9), "y": (-9, 9)}, {"x": 7.13, "y": -2.4})
    {'x': Fraction(1, 1), 'y': Fraction(-1, 1)}
    """
    enough = max(keep * min(_score(violation, point), 1.0), 2 * _NOISE)
    point = {name: Fraction(value).limit_denominator(1000) for name, value in point.items()}
    for _ in range(3):
        before = dict(point)
        for name, (low, high) in space.items():
            for simple in _simple_numbers(low, high):
                if _score(violation, _floats({**point, name: simple})) > enough:
                    point[name] = simple
                    break
        if point == before:
            break
    return point


def nothing_found(name, violation, space, *, controls=(), seed=0, corroborates=False, **effort) -> Check:
    """The check that a search finds no violation. Controls: name -> a wrong violation, which must be found.

    ``effort``: draws, climbs and steps of :func:`find`.
    """

    def judge(function):
        def run():
            point = find(function, space, np.random.default_rng(seed), **effort)
            if point is None:
                return Finding(True, "no violation among random problems, nor climbing from the worst of them")
            return Finding(False, "violated", witness=ball.in_words(shrink(function, space, point)))

        return run

    wrong = tuple(Control(label, judge(g)) for label, g in dict(controls).items())
    return Check(name, Quantifier.PROPERTY, judge(violation), wrong, corroborates)


def counterexample(name, violation, space, *, certificate=None, controls=(), seed=0) -> Check:
    """The check that a violation is found from nothing, shrunk, and certified at exact rationals.

    Args:
        certificate: the violation in interval arithmetic; ``violation`` itself by default.
        controls: name -> a violation that a *true* claim would have; none may be found there.
    """

    def judge(function, exact):
        def run():
            point = find(function, space, np.random.default_rng(seed))
            if point is None:
                return Finding(False, "no violation found")
            witness = shrink(function, space, point)
            return _certified(exact, witness)

        return run

    wrong = tuple(Control(label, judge(g, g)) for label, g in dict(controls).items())
    return Check(name, Quantifier.COUNTEREXAMPLE, judge(violation, certificate or violation), wrong)


def _certified(violation, witness):
    decision = ball.decide(violation, {name: (value, value) for name, value in witness.items()}, max_boxes=1)
    words = ball.in_words(witness)
    if decision.holds:
        return Finding(True, "found from nothing, certified in ball arithmetic", decision.margin, words)
    return Finding(None, "found in floats, not certified", witness=words)


def _draw(space, rng):
    return {name: _between(float(low), float(high), rng.random()) for name, (low, high) in space.items()}


def _between(low, high, share):
    if low > 0:
        return math.exp(math.log(low) + share * math.log(high / low))
    return low + share * (high - low)


def _score(violation, point):
    try:
        score = float(violation(**point))
    except (OverflowError, ZeroDivisionError):
        return -math.inf
    return -math.inf if math.isnan(score) else score


def _climb(violation, space, score, point, rng, steps):
    """Random steps of shrinking size, kept where the violation grows."""
    for k in range(steps):
        size = 0.3 * 0.96**k
        trial = {n: _step(point[n], float(lo), float(hi), size * rng.normal()) for n, (lo, hi) in space.items()}
        if (value := _score(violation, trial)) > score:
            score, point = value, trial
    return score, point


def _step(value, low, high, move):
    if low > 0:
        value *= math.exp(move * math.log(high / low))
    else:
        value += move * (high - low)
    return min(max(value, low), high)


def _simple_numbers(low, high):
    for simple in _SIMPLE:
        for signed in (simple, -simple) if simple else (simple,):
            if low <= signed <= high:
                yield signed


def _floats(point):
    return {name: float(value) for name, value in point.items()}
