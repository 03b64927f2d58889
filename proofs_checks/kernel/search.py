"""The search for an instance that meets a statement's hypotheses and violates its claim.

It draws from the instances that the statement speaks of, keeps those that meet every hypothesis, climbs from the worst,
replaces each number of a violation by the simplest that still violates, and puts the result to exact arithmetic. Only
what exact arithmetic confirms refutes; a violation in floats alone leaves the statement undecided.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Instances, Numbers, simple_numbers, subset
from proofs_checks.kernel.relation import All, Condition, Not

_KEPT = 0.02  # share of a violation that has to survive while its numbers are made simple
_TIE = 1e-8  # a violation below this may be a tie of floats: climbing on may find a clear one
_ROUNDING = 1e-6  # a larger violation is none of rounding's: the library and the exact formula disagree


class NoValue(ArithmeticError):
    """The claim or a hypothesis is not a number at some draw: what a search would say there is not known."""


@dataclass(frozen=True)
class Effort:
    """How much a search does. ``least``: instances that have to meet the hypotheses before silence says anything."""

    draws: int = 2000
    climbs: int = 6
    steps: int = 200
    least: int = 100
    seed: int = 0


USUAL = Effort()
#: Where each instance is a problem that the library has to solve.
OBJECTS = Effort(draws=300, climbs=2, steps=40)


@dataclass(frozen=True)
class Sought:
    """What a search saw: how many instances met the hypotheses, and the candidates for a violation, worst first.

    A candidate is the violation in floats with the answers that make the instance.
    """

    met: int
    candidates: tuple[tuple[float, list], ...]


def seek(instances: Instances, given: tuple[Condition, ...], claim: Condition, effort=USUAL) -> Sought:
    """Look for instances that meet all of ``given`` and violate ``claim`` in floats.

    Raises:
        NoValue: at some instance that was drawn a relation has no value.
    """
    rng = np.random.default_rng(effort.seed)
    values, answers = instances.draw(rng, effort.draws)
    score = scores(given, claim, values)
    met = int(np.sum(score > -math.inf))
    best = np.argsort(-score, kind="stable")[: max(effort.climbs, 1)].tolist()
    tops = [(float(score[k]), [value for *_, value in answers[k]], answers[k]) for k in best]
    if tops[0][0] <= _TIE and effort.climbs:
        climbed = []
        for top in tops:
            top, more = _climb(instances, given, claim, top, rng, effort.steps)
            met, climbed = met + more, [*climbed, top]
        tops = climbed
    tops = sorted((top for top in tops if top[0] > 0), key=lambda top: -top[0])
    return Sought(met, tuple((value, found) for value, found, _ in tops))


def scores(given, claim, values):
    """The violation where every hypothesis is met, -inf elsewhere; nothing is computed of what missed one already."""
    size = len(next(iter(values.values())))
    score, there = np.full(size, -math.inf), np.arange(size)
    for condition in given:
        met = _numbers(condition.satisfied(values), len(there)) > 0
        values, there = subset(values, met), there[met]
    if len(there):
        score[there] = _numbers(claim.violated(values), len(there))
    return score


def _numbers(known, size):
    known = np.broadcast_to(np.asarray(known, float), size)
    if np.isnan(known).any():
        raise NoValue("a relation of the statement has no value at an instance that was drawn")
    return known


def _climb(instances, given, claim, top, rng, steps):
    """Random steps of shrinking size, kept where the violation grows."""
    met = 0
    for k in range(steps):
        size = 0.3 * 0.96**k
        moved = [_step(answer, size, rng) for answer in top[2]]
        values, answers = instances.replay(moved)
        score = float(scores(given, claim, values)[0])
        met += score > -math.inf
        if score > top[0]:
            top = (score, [value for *_, value in answers], answers)
    return top, met


def _step(answer, size, rng):
    kind, low, high, value = answer
    if kind != "number":
        return int(rng.integers(low, high + 1)) if rng.random() < size / 2 else value
    value, low, high = float(value), float(low), float(high)
    move = size * rng.normal()
    return value * math.exp(move * math.log(high / low)) if low > 0 else value + move * (high - low)


def shrink(instances, given, claim, candidate) -> list:
    """The violation with small whole numbers first, then simple rationals, keeping a part of it."""
    violation, values = candidate
    enough = _KEPT * min(violation, 1.0)

    def survives(values):
        try:
            known, _ = instances.replay(values)
            return float(scores(given, claim, known)[0]) > enough
        except ArithmeticError:
            return False

    for _ in range(4):
        before = list(values)
        for k in range(len(values)):
            _, answers = instances.replay(values)
            values = [value for *_, value in answers]
            if k < len(values):
                values = _simplified(values, k, answers[k], survives)
        if values == before:
            break
    return _short(values)


def _simplified(values, k, answer, survives):
    kind, low, high, value = answer
    candidates = range(low, value) if kind != "number" else simple_numbers(low, high)
    for simple in candidates:
        if simple == value:
            break
        tried = [*values[:k], simple, *values[k + 1 :]]
        if survives(tried):
            return tried
    return values


def _rational(value):
    return value if isinstance(value, Fraction) else Fraction(float(value)).limit_denominator(1000)


def certified(instances, given, claim, values) -> Finding:
    """What exact arithmetic says of a violation in floats: confirmed (False), rounding (True), or not decided."""
    shown = instances.show(values)
    try:
        known = instances.exactly(values)
        meets, fails = All(tuple(given)).decide(known), Not(claim).decide(known)
    except KeyError as missing:
        return Finding(None, f"violated in floats; {missing.args[0]} is not known in exact arithmetic", witness=shown)
    if meets is True and fails is True:
        return Finding(False, "violated: hypotheses and violation certified in exact arithmetic", witness=shown)
    if meets is False or fails is False:
        return Finding(True, "violated in floats only: exact arithmetic finds no violation there", witness=shown)
    return Finding(None, "violated in floats, not certified in exact arithmetic", witness=shown)


def _judged(instances, given, claim, effort, to_be_shown=True):
    """The search, and the first finding about a candidate that is not mere rounding, if there is one."""
    sought = seek(instances, given, claim, effort)
    for candidate in sought.candidates:
        simple = [shrink(instances, given, claim, candidate)] if to_be_shown else []
        for values in (*simple, as_rationals(candidate[1]), _short(candidate[1])):
            finding = certified(instances, given, claim, values)
            if finding.passed is not True:
                return sought, finding
        if candidate[0] > _ROUNDING:
            return sought, Finding(
                None, f"violated by {candidate[0]:.2g} in floats, not in exact arithmetic: they disagree"
            )
    return sought, None


def as_rationals(values):
    return [value if isinstance(value, int) else Fraction(float(value)) for value in values]


def _short(values):
    """The same as short rationals: what a float stands for where a claim turns on a single point."""
    return [value if isinstance(value, int) else _rational(value) for value in values]


def no_violation(instances, given, claim, effort=USUAL) -> Finding:
    """The finding that a search makes of a statement."""
    sought, finding = _judged(instances, given, claim, effort)
    if finding is not None:
        return finding
    if sought.met < effort.least:
        return Finding(None, f"only {sought.met} instances met the hypotheses, {effort.least} are needed")
    drawn = "numbers" if isinstance(instances, Numbers) else "instances"
    return Finding(True, f"no violation among {sought.met} {drawn} that meet the hypotheses")


def is_violated(instances, given, claim, effort=USUAL) -> bool:
    """Whether a search finds a violation that is not rounding: what a near miss has to show. It first looks at few."""
    few = replace(effort, draws=max(effort.draws // 10, 20), climbs=0)
    return any(_judged(instances, given, claim, tried, to_be_shown=False)[1] is not None for tried in (few, effort))
