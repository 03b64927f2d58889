"""The search for an instance that meets a statement's hypotheses and violates its claim.

It draws from the instances that the statement speaks of, keeps those that meet every hypothesis, climbs from the worst,
replaces each number of a violation by the simplest that still violates, and puts the result to exact arithmetic. Only
what exact arithmetic confirms refutes; a violation in floats alone leaves the statement undecided.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from random import Random

import numpy as np

from proofs_checks.kernel.crossing import edges
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Instances, Numbers, simple_numbers, subset
from proofs_checks.kernel.interval import Interval, precisely
from proofs_checks.kernel.relation import All, Condition, Not, pieces

_KEPT = 0.02  # share of a violation that has to survive while its numbers are made simple
_LEAST = 50  # different instances, whatever effort a statement asks for
_BEYOND = 100  # points looked at outside the ranges drawn
_COMPARED = 20  # instances at which floats are held against the exact formulas
_AGREE = 1e-5  # the share of a quantity by which the two may differ
_TIE = 1e-8  # a violation below this may be a tie of floats: climbing on may find a clear one
_SMALL, _MODEST, _TRIED = 1000, 0.6, 3  # instances drawn small, the share of least sizes, how many are simplified
_LONGER, _SHORTER = 1.5, 0.92  # steps of a climb, after a success and a failure
_BATCH = 2000  # instances that are drawn and measured together
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
    """What a search saw: how many different instances met the hypotheses, and candidates for a violation, worst first.

    A candidate is the violation in floats with the answers that make the instance.
    """

    met: int
    candidates: tuple[tuple[float, list], ...]


def seek(instances: Instances, given: tuple[Condition, ...], claim: Condition, effort=USUAL, executor=None) -> Sought:
    """Look for instances that meet all of ``given`` and violate ``claim`` in floats.

    It climbs on each piece of the claim by itself: one that is nearly violated everywhere would hide the others.

    Args:
        executor: who draws and measures the batches, by the interface of :mod:`concurrent.futures`; the answer is the
            same whoever does.

    Raises:
        NoValue: at some instance that was drawn a relation has no value.
    """
    task = partial(_batch, instances, given, claim, effort)
    numbers = range(math.ceil(effort.draws / _BATCH))
    batches = list((map if executor is None else executor.map)(task, numbers))
    rng, met, tops = batches[0].rng, set().union(*(batch.met for batch in batches)), _best(batches, effort, None)
    if tops[0][0] <= _TIE and effort.climbs:
        climbed, each = [], pieces(claim)
        for number, piece in enumerate(each):
            starts = _best(batches, effort, number)[: math.ceil(effort.climbs / len(each))]
            for top in (*starts, *batches[0].edges[number]):
                top, more = _climb(instances, given, piece, top, rng, effort.steps)
                met, climbed = met | more, [*climbed, top]
        tops = climbed
    tops = sorted((top for top in tops if top[0] > 0), key=lambda top: -top[0])
    return Sought(len(met), tuple((score, values_of(answers)) for score, answers in tops))


@dataclass(frozen=True)
class _Batch:
    """What a batch of draws showed: who met the hypotheses, and what came closest to violating claim and pieces."""

    rng: np.random.Generator
    met: set
    tops: list
    of_pieces: list
    edges: list


def _batch(instances, given, claim, effort, number):
    rng = np.random.default_rng((effort.seed, number) if number else effort.seed)
    values, answers = instances.draw(rng, min(_BATCH, effort.draws - number * _BATCH))
    score = scores(given, claim, values)
    tops, of_pieces, at_edges = _tops(score, answers, max(effort.climbs, 1)), [], []
    if tops[0][0] <= _TIE and effort.climbs:
        each = pieces(claim)
        for piece in each:
            of_piece = score if len(each) == 1 else scores(given, piece, values)
            of_pieces.append(_tops(of_piece, answers, effort.climbs))
            at_edges.append([] if number else _at_edges(instances, given, piece, values, answers))
    return _Batch(rng, instances.keys(values, score > -math.inf), tops, of_pieces, at_edges)


def _at_edges(instances, given, piece, values, answers):
    found = []
    for edge in edges(instances, given, piece, values, answers):
        known, _ = instances.replay(values_of(edge))
        found.append((float(scores(given, piece, known)[0]), edge))
    return found


def _best(batches, effort, piece):
    """The best of all batches, for the claim or for one piece of it."""
    tops = [top for batch in batches for top in (batch.tops if piece is None else batch.of_pieces[piece])]
    return sorted(tops, key=lambda top: -top[0])[: max(effort.climbs, 1)]


def _tops(score, answers, count):
    """The instances that come closest to a violation: how far, and the answers that make them."""
    best = np.argsort(-score, kind="stable")[:count].tolist()
    return [(float(score[k]), answers[k]) for k in best]


def values_of(answers):
    return [value for *_, value in answers]


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
    """Random steps, kept where the violation grows; longer after a success, shorter after a failure."""
    met, size = set(), 0.3
    for _ in range(steps):
        moved = [_step(answer, size, rng) for answer in top[1]]
        values, answers = instances.replay(moved)
        score = float(scores(given, claim, values)[0])
        met |= instances.keys(values, np.array([score > -math.inf]))
        if score > top[0]:
            top, size = (score, answers), min(_LONGER * size, 1.0)
        else:
            size *= _SHORTER
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

    before = None
    while values != before:  # each change leaves fewer answers, or the first that differs nearer to the simplest
        before = list(values)
        for k in range(len(values)):
            _, answers = instances.replay(values)
            values = values_of(answers)
            if k < len(values):
                values = _simplified(instances, values, k, answers[k], survives)
    return _short(values)


def simplicity(values) -> tuple:
    """What is smaller in a simpler instance: how many answers make it, then the sizes of its numbers."""
    exact = [value if isinstance(value, int) else _rational(value) for value in values]
    return len(values), sum(abs(value.numerator) + value.denominator for value in exact)


def _simplified(instances, values, k, answer, survives):
    kind, low, high, value = answer
    for simple in range(low, value) if kind != "number" else simple_numbers(low, high):
        if simple == value:
            break
        moved = [*values[:k], simple, *values[k + 1 :]]
        for tried in (moved,) if kind == "number" else _with_room(instances, moved, k):
            if len(instances.replay(tried)[1]) <= len(values) and survives(tried):
                return tried
    return values


def _with_room(instances, values, k):
    """The answers, and each way to leave out as many after the k-th as a smaller number there has made needless."""
    yield values
    spare = len(values) - len(instances.replay(values)[1])
    if spare > 0:
        yield from ([*values[:j], *values[j + spare :]] for j in range(k + 1, len(values) - spare + 1))


def _rational(value):
    return value if isinstance(value, Fraction) else Fraction(float(value)).limit_denominator(1000)


def certified(instances, given, claim, values) -> Finding:
    """What exact arithmetic says of a violation in floats: confirmed (False), rounding (True), or not decided."""
    shown = instances.show(values)
    try:
        known = instances.exactly(values)
        meets, fails = (All(tuple(given)).decide(known) if given else True), Not(claim).decide(known)
    except KeyError as missing:
        return Finding(None, f"violated in floats; {missing.args[0]} is not known in exact arithmetic", witness=shown)
    if meets is True and fails is True:
        return Finding(False, "violated: hypotheses and violation certified in exact arithmetic", witness=shown)
    if meets is False or fails is False:
        return Finding(True, "violated in floats only: exact arithmetic finds no violation there", witness=shown)
    return Finding(None, "violated in floats, not certified in exact arithmetic", witness=shown)


@dataclass(frozen=True)
class Judged:
    """A search with what exact arithmetic says of its first candidate that is more than rounding, if there is one."""

    sought: Sought
    finding: Finding | None = None
    values: tuple = ()


def judged(instances, given, claim, effort, to_be_shown=True, executor=None) -> Judged:
    """The search, and the first finding about a candidate that is not mere rounding, if there is one."""
    sought = seek(instances, given, claim, effort, executor)
    for candidate in sought.candidates:
        simple = [shrink(instances, given, claim, candidate)] if to_be_shown else []
        for values in (*simple, as_rationals(candidate[1]), _short(candidate[1])):
            finding = certified(instances, given, claim, values)
            if finding.passed is not True:
                return Judged(sought, finding, tuple(values))
        if candidate[0] > _ROUNDING:
            said = f"violated by {candidate[0]:.2g} in floats, not in exact arithmetic: they disagree"
            return Judged(sought, Finding(None, said), tuple(candidate[1]))
    return Judged(sought)


def smallest(instances, given, claim, effort, found: Judged) -> Judged:
    """A violation that is certified, or one at least as small: other candidates and small instances are tried too."""
    rng, tried = np.random.default_rng(effort.seed), [found]
    values, answers = instances.draw(rng, min(effort.draws, _SMALL), modest=_MODEST)
    score = scores(given, claim, values)
    small = sorted(np.flatnonzero(score > _TIE).tolist(), key=lambda k: (len(answers[k]), -score[k]))[:_TRIED]
    others = [(float(score[k]), values_of(answers[k])) for k in small]
    for candidate in (*others, *found.sought.candidates[1:_TRIED]):
        simple = shrink(instances, given, claim, candidate)
        finding = certified(instances, given, claim, simple)
        if finding.passed is found.finding.passed:
            tried.append(Judged(found.sought, finding, tuple(simple)))
    return min(tried, key=lambda one: simplicity(one.values))


def as_rationals(values):
    return [value if isinstance(value, int) else Fraction(float(value)) for value in values]


def _short(values):
    """The same as short rationals: what a float stands for where a claim turns on a single point."""
    return [value if isinstance(value, int) else _rational(value) for value in values]


def no_violation(instances, given, claim, effort=USUAL) -> Finding:
    """The finding that a search makes of a statement."""
    found = judged(instances, given, claim, effort)
    return found.finding or silence(instances, found.sought.met, effort)


def silence(instances, met, effort) -> Finding:
    """What it says that a search found nothing."""
    if met < effort.least:
        return Finding(None, f"only {met} instances met the hypotheses, {effort.least} are needed")
    drawn = "numbers" if isinstance(instances, Numbers) else "instances"
    return Finding(True, f"no violation among {met} {drawn} that meet the hypotheses")


def of_claim(instances, given, claim, effort=USUAL) -> Finding:
    """The search of a statement's own claim: with a least effort, and beyond the ranges drawn where it is of numbers.

    What is measured has to agree with its exact formula first: otherwise neither says anything of the other.
    """
    for symbol, (measured, exact) in disagreements(instances, effort).items():
        return Finding(None, f"{symbol} is {measured:.9g} in floats and {exact} in exact arithmetic: they disagree")
    for piece in pieces(claim):
        if not getattr(piece, "symbols", True) and piece.decide({}) is not True:
            return Finding(None, f"{piece} is not so, in exact arithmetic")
    finding = no_violation(instances, given, claim, replace(effort, least=max(effort.least, _LEAST)))
    return beyond(instances, given, claim) or finding if finding.passed else finding


def disagreements(instances, effort=USUAL) -> dict:
    """Quantities whose floats do not agree with their exact formula at some instance: symbol -> the two values."""
    if isinstance(instances, Numbers):
        return {}
    values, answers = instances.draw(np.random.default_rng(effort.seed), min(effort.draws, _COMPARED))
    found = {}
    for k in range(len(values["instances"])):
        exact = instances.exactly(as_rationals(values_of(answers[k])))
        for symbol in instances.exact:
            known = _enclosed(exact, symbol)
            if known is not None and symbol in instances.quantities and symbol not in found:
                measured, middle = values[symbol][k], (float(known.lo) + float(known.hi)) / 2
                if not abs(measured - middle) <= _AGREE * (1 + abs(middle)):
                    found[symbol] = measured, known
    return found


@precisely
def _enclosed(exact, symbol):
    try:
        return Interval.of(exact[symbol])
    except (ArithmeticError, KeyError, TypeError):
        return None


def beyond(instances, given, claim) -> Finding | None:
    """A violation outside the ranges drawn, at numbers that the symbols allow: in exact arithmetic alone."""
    if not isinstance(instances, Numbers):
        return None
    rng = Random(0)
    for _ in range(_BEYOND):
        point = {symbol: _far(rng, symbol, *ends) for symbol, ends in instances.ranges.items()}
        try:
            violated = claim.decide(point) is False and all(condition.decide(point) is True for condition in given)
        except ArithmeticError:
            continue
        if violated:
            shown = ", ".join(f"{symbol} = {value}" for symbol, value in point.items())
            return Finding(False, "violated beyond the ranges drawn: certified in exact arithmetic", witness=shown)
    return None


def _far(rng, symbol, low, high):
    """Inside the range or up to a thousand times as far out, as far as the symbol's assumptions let it."""
    scale = Fraction(10) ** rng.randint(-3, 3)
    share = Fraction(rng.choice((0, rng.randint(0, 20), 20)), 20)
    inside = Fraction(low) + share * (Fraction(high) - Fraction(low))
    if symbol.is_nonnegative:
        far = abs(inside) * scale
        return far if far or not symbol.is_positive else Fraction(1)
    return inside * max(scale, Fraction(1))


def is_violated(instances, given, claim, effort=USUAL) -> bool:
    """Whether a search finds a violation that is not rounding: what a near miss has to show. It first looks at few."""
    few = replace(effort, draws=max(effort.draws // 10, 20), climbs=0)
    return any(judged(instances, given, claim, tried, to_be_shown=False).finding is not None for tried in (few, effort))
