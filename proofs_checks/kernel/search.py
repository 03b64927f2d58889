"""Counterexample search: find a violating problem, shrink it to small round numbers, hand it to exact arithmetic.

A statement is given by its violation: a function of named numbers, positive where the statement fails. The search
draws at random over the whole space, climbs from the best draws, then replaces each number by the simplest that
still violates. A witness counts only after its violation was certified in interval arithmetic at exact rationals.
"""

import math
from fractions import Fraction

import numpy as np

from proofs_checks.kernel import ball
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier

_SIMPLE = sorted(
    {Fraction(p, q) for q in (1, 2, 3, 4, 5, 10) for p in range(10 * q + 1)} | {Fraction(k * k) for k in range(4, 11)},
    key=lambda x: (x.denominator, abs(x - 1)),
)
_NOISE = 1e-9  # a float violation below this may be rounding


class NoValue(ArithmeticError):
    """The violation is not a number at some draw, or finite at none: what it would say there is not known."""


def find(violation, space, rng, draws=1500, climbs=4, steps=120):
    """A point of the space with a positive violation, or None.

    Args:
        violation: called with floats by keyword; positive (beyond rounding) where the statement fails, ``-inf`` where
            its hypotheses do.
        space: name -> (low, high); positive ranges are searched by logarithm.

    Raises:
        NoValue: some draw is not a number, or none meets the hypotheses. Like an overflow or a division by zero in
            the violation, it leaves a check undecided: a search sees only what can be computed.

    >>> space = {"x": (-3, 3)}
    >>> find(lambda x: x - 2, space, np.random.default_rng(0))["x"] > 2
    True
    >>> find(lambda x: x - 3.5, space, np.random.default_rng(0)) is None
    True
    """
    points = [_draw(space, rng) for _ in range(draws)]
    scored = sorted(((_value(violation, p), i) for i, p in enumerate(points)), reverse=True)
    best = [(score, points[i]) for score, i in scored[:climbs]]
    if best[0][0] == -math.inf:
        raise NoValue("no draw met the hypotheses")
    if best[0][0] <= _NOISE:
        best = [_climb(violation, space, *start, rng, steps) for start in best]
    score, point = max(best, key=lambda pair: pair[0])
    return point if score > _NOISE else None


def shrink(violation, space, point, keep=0.02):
    """The same violation with simple rationals: at least a part ``keep`` of it, each number as simple as it can be.

    >>> shrink(lambda x, y: x - y, {"x": (0, 9), "y": (-9, 9)}, {"x": 7.13, "y": -2.4})
    {'x': Fraction(1, 1), 'y': Fraction(-1, 1)}
    """
    enough = max(keep * min(_value(violation, point), 1.0), 2 * _NOISE)
    point = {name: Fraction(value).limit_denominator(1000) for name, value in point.items()}
    for _ in range(3):
        before = dict(point)
        for name, (low, high) in space.items():
            for simple in _simple_numbers(low, high):
                if _value_if_any(violation, _floats({**point, name: simple})) > enough:
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
            met = 0

            def counted(**point):
                nonlocal met
                value = function(**point)
                met += value > -math.inf
                return value

            point = find(counted, space, np.random.default_rng(seed), **effort)
            if point is None:
                return Finding(True, f"no violation at {met} points, drawn at random or climbed to from the worst")
            return Finding(False, "violated", witness=ball.in_words(shrink(function, space, point)))

        return run

    wrong = tuple(Control(label, judge(g)) for label, g in dict(controls).items())
    return Check(name, Quantifier.PROPERTY, judge(violation), wrong, corroborates)


def in_library(name, violation, space, *, draws=120, **wrong) -> Check:
    """The corroborating search over problems that the library solves: what it computes against what a statement says.

    ``wrong`` holds the keyword arguments that turn ``violation`` into that of a wrong version, the control.
    """
    label = ", ".join(f"{key} = {value}" for key, value in wrong.items())
    control = {f"with {label}": lambda **point: violation(**point, **wrong)}
    return nothing_found(
        f"{name}, in the library", violation, space, controls=control, corroborates=True, draws=draws, steps=40
    )


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


def _value(violation, point):
    value = float(violation(**point))
    if math.isnan(value):
        raise NoValue(f"not a number at {ball.in_words(point)}")
    return value


def _value_if_any(violation, point):
    """The same for a simpler point, which may lie where the violation has no value."""
    try:
        return _value(violation, point)
    except ArithmeticError:
        return -math.inf


def _climb(violation, space, score, point, rng, steps):
    """Random steps of shrinking size, kept where the violation grows."""
    for k in range(steps):
        size = 0.3 * 0.96**k
        trial = {n: _step(point[n], float(lo), float(hi), size * rng.normal()) for n, (lo, hi) in space.items()}
        if (value := _value(violation, trial)) > score:
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
