"""What exact arithmetic says of a violation in floats, and what may be said where a search found none.

Only what exact arithmetic confirms refutes; a violation in floats alone leaves the statement undecided.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

import numpy as np

from proofs_checks.kernel.ball import in_words
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.interval import Interval, precisely
from proofs_checks.kernel.relation import All, Not, pieces, unread
from proofs_checks.kernel.search import TIE, USUAL, Sought, scores, seek, values_of
from proofs_checks.kernel.shrinking import as_rationals, short, shrink, simplicity

__all__ = [
    "Judged",
    "beyond",
    "certified",
    "denied",
    "disagreements",
    "far_points",
    "far_violation",
    "is_violated",
    "judged",
    "no_violation",
    "nobody_meets",
    "of_claim",
    "silence",
    "smallest",
]

_LEAST = 50  # different instances, whatever effort a statement asks for
_BEYOND = 100  # points looked at outside the ranges drawn
_COMPARED = 20  # instances at which floats are held against the exact formulas
_AGREE = 1e-5  # the share of a quantity by which the two may differ
_SMALL, _MODEST, _TRIED = 1000, 0.6, 3  # instances drawn small, the share of least sizes, how many are simplified
_ROUNDING = 1e-6  # a larger violation is none of rounding's: the library and the exact formula disagree


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


def judged(instances, given, claim, effort, to_be_shown=True, spread=map) -> Judged:
    """The search, and the first finding about a candidate that is not mere rounding, if there is one."""
    sought = seek(instances, given, claim, effort, spread)
    for candidate in sought.candidates:
        simple = [shrink(instances, given, claim, candidate)] if to_be_shown else []
        for values in (*simple, as_rationals(candidate[1]), short(candidate[1])):
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
    small = sorted(np.flatnonzero(score > TIE).tolist(), key=lambda k: (len(answers[k]), -score[k]))[:_TRIED]
    others = [(float(score[k]), values_of(answers[k])) for k in small]
    for candidate in (*others, *found.sought.candidates[1:_TRIED]):
        simple = shrink(instances, given, claim, candidate)
        finding = certified(instances, given, claim, simple)
        if finding.passed is found.finding.passed:
            tried.append(Judged(found.sought, finding, tuple(simple)))
    return min(tried, key=lambda one: simplicity(one.values))


def no_violation(instances, given, claim, effort=USUAL, found: Judged | None = None) -> Finding:
    """The finding that a search makes of a statement; it may have been made already."""
    found = found or judged(instances, given, claim, effort)
    return found.finding or silence(instances, found.sought.met, effort)


def silence(instances, met, effort) -> Finding:
    """What it says that a search found nothing."""
    if met < effort.least:
        return Finding(None, f"only {met} instances met the hypotheses, {effort.least} are needed")
    drawn = "numbers" if isinstance(instances, Numbers) else "instances"
    return Finding(True, f"no violation among {met} {drawn} that meet the hypotheses")


def of_claim(instances, given, claim, effort=USUAL, found: Judged | None = None) -> Finding:
    """The search of a statement's own claim: with a least effort, and beyond the ranges drawn where it is of numbers.

    What is measured has to agree with its exact formula first: otherwise neither says anything of the other.
    """
    for symbol, (measured, exact) in disagreements(instances, effort).items():
        return Finding(None, f"{symbol} is {measured:.9g} in floats and {exact} in exact arithmetic: they disagree")
    if strange := unread(All((*given, claim))):
        return Finding(None, f"exact arithmetic cannot read {strange}: it would find no violation")
    for piece in pieces(claim):
        if not getattr(piece, "symbols", True) and piece.decide({}) is not True:
            return Finding(None, f"{piece} is not so, in exact arithmetic")
    finding = no_violation(instances, given, claim, replace(effort, least=max(effort.least, _LEAST)), found)
    if finding.passed:
        return denied(instances, given, claim, effort) or beyond(instances, given, claim) or finding
    return finding


def nobody_meets(instances, given, claim, effort=USUAL) -> Finding:
    """The finding that no instance meets the hypotheses: with a least effort, and beyond the ranges drawn."""
    met = seek(instances, given, claim, replace(effort, draws=max(effort.draws, _LEAST))).met
    if met == 0 and (point := next(far_points(instances, given), None)):
        return Finding(None, f"beyond the ranges drawn {in_words(point)} meets the hypotheses")
    return Finding(True if met == 0 else None, f"{met} instances of those drawn meet the hypotheses")


def denied(instances, given, claim, effort=USUAL) -> Finding | None:
    """A violation in exact arithmetic at an instance where floats saw none: it may be as small as their rounding."""
    if isinstance(instances, Numbers):
        return None
    _, answers = instances.draw(np.random.default_rng(effort.seed), min(effort.draws, _COMPARED))
    found = (certified(instances, given, claim, as_rationals(values_of(taken))) for taken in answers)
    return next((finding for finding in found if finding.passed is False), None)


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
    point = far_violation(instances, given, claim)
    if point is None:
        return None
    said = "violated beyond the ranges drawn: certified in exact arithmetic"
    return Finding(False, said, witness=in_words(point))


def far_violation(instances, given, claim) -> dict | None:
    """The numbers of such a violation, by symbol."""
    return next((point for point in far_points(instances, given) if claim.decide(point) is False), None)


def far_points(instances, given) -> Iterator[dict]:
    """Numbers inside and outside the ranges drawn that meet the hypotheses in exact arithmetic, by symbol."""
    rng = Random(0)
    for _ in range(_BEYOND if isinstance(instances, Numbers) else 0):
        point = {symbol: _far(rng, symbol, *ends) for symbol, ends in instances.ranges.items()}
        if all(condition.decide(point) is True for condition in given):
            yield point


def _far(rng, symbol, low, high):
    """Inside the range or up to a thousand times as far out, as far as the symbol's assumptions let it."""
    scale = Fraction(10) ** rng.randint(-3, 3)
    share = Fraction(rng.choice((0, rng.randint(0, 20), 20)), 20)
    inside = Fraction(low) + share * (Fraction(high) - Fraction(low))
    far = inside * (scale if symbol.is_nonnegative else max(scale, Fraction(1)))
    return Fraction(1) if symbol.is_positive and not far else far


def is_violated(instances, given, claim, effort=USUAL) -> bool:
    """Whether a search finds a violation that is not rounding: what a near miss has to show. It first looks at few."""
    few = replace(effort, draws=max(effort.draws // 10, 20), climbs=0)
    return any(judged(instances, given, claim, tried, to_be_shown=False).finding is not None for tried in (few, effort))
