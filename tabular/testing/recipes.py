"""How the objects of the field are made, question by question.

A recipe asks whoever draws for whole numbers, numbers and choices, and answers plain parts: a reference, rewards, beta,
labels. Hypothesis answers the questions of the strategies in :mod:`tabular.testing`; a search for counterexamples
answers them at random, again from a record, or in exact rationals. The parts of one response, and of one label, are
asked for together, so that who takes an object apart can leave one out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, Protocol

from tabular.base import checks
from tabular.errors import InputError

__all__ = [
    "ALIGNMENTS",
    "BETA",
    "LABEL",
    "LABELLED",
    "WEIGHT",
    "WIDE_BETA",
    "WIDE_LABEL",
    "WIDE_SPREAD",
    "Draw",
    "ProblemRecipe",
]

ALIGNMENTS = ("any", "aligned", "misaligned")

#: Ranges of what is drawn, usual and extreme: weights of the reference, beta, logits, weights of labels.
WEIGHT = (Fraction(1, 20), 20)
BETA, WIDE_BETA = (Fraction(1, 10), 10), (Fraction(1, 10**4), 10**4)
WIDE_SPREAD = 10**4
LABEL, WIDE_LABEL = (Fraction(1, 4), 4), (Fraction(1, 1000), 1000)


class Draw(Protocol):
    """Who answers a recipe's questions."""

    def integer(self, low: int, high: int) -> int: ...
    def number(self, low: Any, high: Any) -> Any: ...
    def choice(self, options: Sequence[Any]) -> Any: ...


@dataclass(frozen=True)
class ProblemRecipe:
    """A problem, and with ``labels`` labels on it, as plain parts.

    The parts: ``ref``, rows of weights, or ``log_ref``, rows of logits, where ``spread`` is given; ``reward``, rows;
    ``beta``; with labels ``labels``, rows of (prompt, winner, loser, weight), where the weight of a population label
    is None; with ``policy`` the weights of one more policy. A response with a reference of None is not there.

    Raises:
        InputError: a range or a kind that cannot be drawn from.
    """

    prompts: tuple[int, int] = (1, 1)
    responses: tuple[int, int] = (2, 4)
    beta: tuple[float, float] = BETA
    reward: float = 3
    spread: float | None = None
    alignment: str = "any"
    absent: bool = False
    labels: str | None = None
    pairs: tuple[int, int] = (1, 6)
    weight: tuple[float, float] = LABEL
    policy: bool = False

    def __post_init__(self) -> None:
        for name, least in (("prompts", 1), ("responses", 2), ("pairs", 1)):
            _check_range(getattr(self, name), name, least)
        for name in ("beta", "weight"):
            ends = checks.numbers(getattr(self, name), name)
            if ends.shape != (2,) or not 0 < ends[0] <= ends[1] < float("inf"):
                told = checks.brief(getattr(self, name))
                raise InputError(f"{name} is drawn from {told}: give two numbers above 0, the smaller first")
        checks.number(self.reward, "reward", checks.NOT_NEGATIVE)
        checks.number(0 if self.spread is None else self.spread, "spread", checks.NOT_NEGATIVE)
        checks.choice(self.alignment, dict.fromkeys(ALIGNMENTS, True), "alignment")
        if self.labels is not None:
            checks.choice(self.labels, LABELLED, "kind of labels")
        if self.labels == "disconnected" and self.responses[0] < 3:
            raise InputError("disconnected labels leave a response out: draw 3 responses or more")
        if self.labels == "disconnected" and self.absent:
            raise InputError("disconnected labels leave a response out that is there: leave absent out")

    def __call__(self, draw: Draw) -> dict[str, Any]:
        rows = [self._row(draw) for _ in range(draw.integer(*self.prompts))]
        ref, reward, *policy = ([[response[column] for response in row] for row in rows] for column in range(3))
        if self.alignment != "any":
            ref = [self._ordered(*row) for row in zip(ref, reward, strict=True)]
        parts = {"ref" if self.spread is None else "log_ref": ref, "reward": reward, "beta": draw.number(*self.beta)}
        if self.policy:
            parts["policy"] = policy[0]
        if self.labels is not None:
            there = [self._labelled(*row) for row in zip(ref, reward, strict=True)]
            parts["labels"] = LABELLED[self.labels](draw, there, self.pairs, self.weight)
        return parts

    def _row(self, draw):
        """The responses of one prompt: reference, reward and, where asked for, policy of each."""
        size, row, spare = draw.integer(*self.responses), [], 0
        for _ in range(size):
            there = not self.absent or size - spare <= 2 or draw.choice((True, True, False))
            spare += not there
            weight = draw.number(*WEIGHT) if self.spread is None else draw.number(-self.spread, self.spread)
            reward = draw.number(-self.reward, self.reward)
            row.append((weight if there else None, reward, draw.number(*WEIGHT) if self.policy else None))
        return row

    def _labelled(self, ref, reward):
        """The responses that are there; the best first where the reference is held against the reward."""
        there = _present(ref)
        return there if self.alignment == "any" else sorted(there, key=lambda k: reward[k], reverse=True)

    def _ordered(self, ref, reward):
        """The same references in the order of the rewards, or in the reverse order; equal rewards stay as they are."""
        there = [k for k, weight in enumerate(ref) if weight is not None]
        best_first = sorted(there, key=lambda k: reward[k], reverse=self.alignment == "aligned")
        ordered = dict(zip(best_first, sorted((ref[k] for k in there), reverse=True), strict=True))
        return [ordered.get(k) for k in range(len(ref))]


def _check_range(ends, name, least):
    whole = isinstance(ends, tuple | list) and len(ends) == 2 and all(isinstance(end, int) for end in ends)
    good = whole and least <= ends[0] <= ends[1]
    if not good:
        raise InputError(f"{name} is {checks.brief(ends)}: give the least and the greatest number, from {least} on")


def _present(row):
    return [k for k, weight in enumerate(row) if weight is not None]


def _two(draw, there):
    """Two different places of a list."""
    first = draw.integer(0, len(there) - 1)
    return first, (first + draw.integer(1, len(there) - 1)) % len(there)


def _label(draw, rows, weight, order=lambda places: places):
    prompt = draw.integer(0, len(rows) - 1)
    winner, loser = (rows[prompt][place] for place in order(_two(draw, rows[prompt])))
    return prompt, winner, loser, draw.number(*weight)


def _any(draw, rows, count, weight):
    """Labels of any kind: repeated and contradictory ones included."""
    return [_label(draw, rows, weight) for _ in range(draw.integer(*count))]


def _one_way(draw, rows, count, weight):
    """Labels along the order of the responses: no pair both ways, and no cycle."""
    return [_label(draw, rows, weight, sorted) for _ in range(draw.integer(*count))]


def _cyclic(draw, rows, count, weight):
    """A cycle through all responses of each prompt, and more labels of any kind."""
    around = [(i, w, lo, draw.number(*weight)) for i, row in enumerate(rows) for w, lo in _around(row)]
    return around + [_label(draw, rows, weight) for _ in range(draw.integer(0, count[1] - 1))]


def _around(row):
    return zip(row, row[1:] + row[:1], strict=True)


def _population(draw, rows, *_):
    """Some pairs of each prompt, at least one of all, each both ways at the Bradley-Terry rates of the reward."""
    every = [(i, *pair) for i, row in enumerate(rows) for pair in combinations(row, 2)]
    chosen = [pair for pair in every if draw.choice((False, True))] or every[:1]
    return [label for i, w, lo in chosen for label in ((i, w, lo, None), (i, lo, w, None))]


def _disconnected(draw, rows, count, weight):
    """Labels inside the first responses of each prompt, each pair both ways; the last response is in no label."""
    found = _any(draw, [row[:-1] for row in rows], count, weight)
    return [label for i, w, lo, n in found for label in ((i, w, lo, n), (i, lo, w, draw.number(*weight)))]


#: kind of labels -> what draws them: called with who draws, the responses of each prompt, how many, and of what weight
LABELLED = {
    "any": _any,
    "one-way": _one_way,
    "cyclic": _cyclic,
    "population": _population,
    "disconnected": _disconnected,
}
