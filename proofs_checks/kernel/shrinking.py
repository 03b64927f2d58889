"""A violation made simple: small whole numbers first, then the simplest rationals that keep a part of it."""

import math
from fractions import Fraction

from proofs_checks.kernel.instances import simple_numbers
from proofs_checks.kernel.search import scores, values_of

__all__ = ["as_rationals", "short", "shrink", "simplicity"]

_KEPT = 0.02  # share of a violation that has to survive while its numbers are made simple


def shrink(instances, given, claim, candidate) -> list:
    """The violation with small whole numbers first, then simple rationals, keeping a part of it."""
    violation, values = candidate
    enough = _KEPT * min(violation, 1.0)

    def survives(values):
        try:
            known, _ = instances.replay(values)
            score = float(scores(given, claim, known)[0])
        except ArithmeticError:
            score = -math.inf
        return score > enough

    before = None
    while values != before:  # each change leaves fewer answers, or the first that differs nearer to the simplest
        before = list(values)
        for k in range(len(values)):
            _, (answers,) = instances.replay(values)
            values = values_of(answers)
            if k < len(values):
                values = _simplified(instances, values, k, answers[k], survives)
    return short(values)


def simplicity(values) -> tuple:
    """What is smaller in a simpler instance: how many answers make it, then the sizes of its numbers."""
    return len(values), sum(abs(value.numerator) + value.denominator for value in short(values))


def _simplified(instances, values, k, answer, survives):
    kind, low, high, value = answer
    for simple in range(low, value) if kind != "number" else simple_numbers(low, high):
        if simple == value:
            break
        moved = [*values[:k], simple, *values[k + 1 :]]
        for tried in (moved,) if kind == "number" else _with_room(instances, moved, k):
            if len(instances.replay(tried)[1][0]) <= len(values) and survives(tried):
                return tried
    return values


def _with_room(instances, values, k):
    """The answers, and each way to leave out as many after the k-th as a smaller number there has made needless."""
    yield values
    needed = len(instances.replay(values)[1][0])
    if (spare := len(values) - needed) >= 1:
        yield from ([*values[:j], *values[j + spare :]] for j in range(k + 1, needed))


def as_rationals(values):
    """The same with each float as the fraction that it is."""
    return [value if isinstance(value, int | Fraction) else Fraction(value) for value in values]


def short(values):
    """The same as short rationals: what a float stands for where a claim turns on a single point."""
    return [value if isinstance(value, int | Fraction) else Fraction(value).limit_denominator(1000) for value in values]
