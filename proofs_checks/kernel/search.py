"""The search for an instance that meets a statement's hypotheses and violates its claim, in floats.

It draws from the instances that the statement speaks of, keeps those that meet every hypothesis, and climbs from those
that come closest to a violation. What it draws follows from the statement's own form and effort alone: not from other
statements, their order, or who computes it.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from proofs_checks.kernel.crossing import edges
from proofs_checks.kernel.instances import Instances, of_batch, subset
from proofs_checks.kernel.relation import Condition, pieces

__all__ = ["OBJECTS", "TIE", "USUAL", "Batch", "Effort", "NoValue", "Sought", "batch", "scores", "seek", "values_of"]

TIE = 1e-8  # a violation below this may be a tie of floats: climbing on may find a clear one
_LONGER, _SHORTER = 1.5, 0.92  # steps of a climb, after a success and a failure
_BATCH = 2000  # instances that are drawn and measured together


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


def seek(instances: Instances, given: tuple[Condition, ...], claim: Condition, effort=USUAL, spread=map) -> Sought:
    """Look for instances that meet all of ``given`` and violate ``claim`` in floats.

    It climbs on each piece of the claim by itself: one that is nearly violated everywhere would hide the others.

    Args:
        spread: who draws and measures the batches: called like ``map`` with :func:`batch` and their numbers, it may
            let others do the same elsewhere; the answer is the same whoever does.

    Raises:
        NoValue: at some instance that was drawn a relation has no value.
    """
    numbers = range(math.ceil(effort.draws / _BATCH))
    batches = list(spread(partial(batch, instances, given, claim, effort), numbers))
    rng, met, tops = batches[0].rng, set().union(*(seen.met for seen in batches)), _best(batches, effort, None)
    if tops[0][0] <= TIE and effort.climbs:
        climbed, each = [], pieces(claim)
        for number, piece in enumerate(each):
            starts = _best(batches, effort, number)[: math.ceil(effort.climbs / len(each))] + batches[0].edges[number]
            ends, more = _climb(instances, given, piece, starts, rng.spawn(len(starts)), effort.steps)
            met, climbed = met | more, [*climbed, *ends]
        tops = climbed
    tops = sorted((top for top in tops if top[0] > 0), key=lambda top: -top[0])
    return Sought(len(met), tuple((score, values_of(answers)) for score, answers in tops))


@dataclass(frozen=True)
class Batch:
    """What a batch of draws showed: who met the hypotheses, and what came closest to violating claim and pieces."""

    rng: np.random.Generator
    met: set
    tops: list
    of_pieces: list
    edges: list


def batch(instances, given, claim, effort, number: int) -> Batch:
    """What the draws of one number show; the numbers are drawn independently of one another."""
    rng = np.random.default_rng((effort.seed, number) if number else effort.seed)
    values, answers = instances.draw(rng, min(_BATCH, effort.draws - number * _BATCH))
    score = scores(given, claim, values)
    tops, of_pieces, at_edges = _tops(score, answers, max(effort.climbs, 1)), [], []
    if tops[0][0] <= TIE and effort.climbs:
        each = pieces(claim)
        for piece in each:
            of_piece = score if len(each) == 1 else scores(given, piece, values)
            of_pieces.append(_tops(of_piece, answers, effort.climbs))
            at_edges.append([] if number else _at_edges(instances, given, piece, values, answers))
    return Batch(rng, instances.keys(values, score > -math.inf), tops, of_pieces, at_edges)


def _at_edges(instances, given, piece, values, answers):
    found = edges(instances, given, piece, values, answers)
    if not found:
        return []
    known, _ = instances.replay(*map(values_of, found))
    return list(zip(scores(given, piece, known).tolist(), found, strict=True))


def _best(batches, effort, piece):
    """The best of all batches, for the claim or for one piece of it."""
    tops = [top for seen in batches for top in (seen.tops if piece is None else seen.of_pieces[piece])]
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
        met = _numbers(condition, condition.satisfied(values), values, len(there)) > 0
        if not met.any():
            return score
        values, there = subset(values, met), there[met]
    score[there] = _numbers(claim, claim.violated(values), values, len(there))
    return score


def _numbers(condition, known, values, size):
    known = np.asarray(known, float)
    if known.shape != (size,):
        known = np.broadcast_to(known, size)
    nowhere = np.isnan(known)
    if nowhere.any():
        at = of_batch(values, int(nowhere.argmax()))
        raise NoValue(f"“{condition}” has no value at {at}: add the hypothesis that it has one")
    return known


def _climb(instances, given, claim, starts, rngs, steps):
    """Random steps from every start, kept where the violation grows; longer after a success, shorter after a failure.

    All go at once, each by numbers of its own, so that one batch measures a step of all.
    """
    met, tops, sizes = set(), list(starts), [0.3] * len(starts)
    for _ in range(steps):
        climbing = zip(tops, sizes, rngs, strict=True)
        moved = [[_step(answer, size, rng) for answer in answers] for (_, answers), size, rng in climbing]
        values, answers = instances.replay(*moved)
        score = scores(given, claim, values)
        met |= instances.keys(values, score > -math.inf)
        for k, reached in enumerate(score.tolist()):
            if reached > tops[k][0]:
                tops[k], sizes[k] = (reached, answers[k]), min(_LONGER * sizes[k], 1.0)
            else:
                sizes[k] *= _SHORTER
    return tops, met


def _step(answer, size, rng):
    kind, low, high, value = answer
    if kind != "number":
        return int(rng.integers(low, high + 1)) if rng.random() < size / 2 else value
    value, low, high = float(value), float(low), float(high)
    move = size * rng.normal()
    return value * math.exp(move * math.log(high / low)) if low > 0 else value + move * (high - low)
