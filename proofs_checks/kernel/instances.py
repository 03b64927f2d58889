"""What a statement speaks of: a generator of instances, written once, driven by chance, by Hypothesis or by a shrinker.

A generator asks its :class:`Draw` for whole numbers, numbers and choices. Whoever answers decides: a random source
that also likes the ends and the simple values; a replay of recorded answers, which is how a witness is moved and made
simple; or Hypothesis, which then shrinks the same generator.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import numpy as np
import sympy

__all__ = [
    "SIMPLE",
    "Chance",
    "Draw",
    "Instances",
    "Numbers",
    "Remembered",
    "Replay",
    "WhenAsked",
    "draw_numbers",
    "drawn_from",
    "named",
    "of_batch",
    "remembered",
    "simple_numbers",
    "simplest",
    "subset",
    "uniforms",
]

SIMPLE = sorted(
    {Fraction(p, q) for q in (3, 4, 10) for p in range(10 * q + 1)} | {Fraction(k * k) for k in range(4, 11)},
    key=lambda x: (x.denominator, abs(x - 1)),
)
_SPECIAL = 0.2  # share of the numbers drawn that are ends or simple values: where claims of ties and bounds break


def named(*names: str) -> tuple[sympy.Symbol, ...]:
    """Symbols of real quantities, in whatever notation a reader knows them by.

    >>> named("L(π)", "π_a/π_b")
    (L(π), π_a/π_b)
    """
    return tuple(sympy.Symbol(name, real=True) for name in names)


class Draw(Protocol):
    """Who answers a generator's questions."""

    def integer(self, low: int, high: int) -> int: ...
    def number(self, low, high): ...
    def choice(self, options: Sequence): ...


def uniforms(rng: np.random.Generator) -> Iterator[float]:
    """Numbers between 0 and 1 without end, drawn a thousand at a time."""
    while True:
        yield from rng.random(1000).tolist()


class Chance:
    """Answers at random, and remembers them. Positive ranges are drawn by logarithm.

    Args:
        uniform: numbers between 0 and 1.
        modest: the share of whole numbers that are answered by the least, for instances that are small.
    """

    def __init__(self, uniform: Iterator[float], modest: float = 0.0):
        self.uniform, self.modest, self.answers = uniform, modest, []

    def integer(self, low, high):
        if self.modest and next(self.uniform) < self.modest:
            return self._said("integer", low, high, low)
        return self._said("integer", low, high, self._below(high + 1 - low) + low)

    def number(self, low, high):
        first, last, special, share = *_range(low, high), next(self.uniform)
        if next(self.uniform) < _SPECIAL:
            value = special[int(share * len(special))]
        else:
            value = first * (last / first) ** share if first > 0 else first + share * (last - first)
        return self._said("number", low, high, value)

    def choice(self, options):
        return options[self._said("choice", 0, len(options) - 1, self._below(len(options)))]

    def _below(self, count):
        return int(next(self.uniform) * count)

    def _said(self, kind, low, high, value):
        self.answers.append((kind, low, high, value))
        return value


class Replay:
    """Gives recorded answers again, each moved into its range; where they run out, the simplest."""

    def __init__(self, values: Sequence):
        self.values, self.answers = list(values), []

    def integer(self, low, high):
        return self._next("integer", low, high)

    def number(self, low, high):
        return self._next("number", low, high)

    def choice(self, options):
        return options[self._next("choice", 0, len(options) - 1)]

    def _next(self, kind, low, high):
        if len(self.answers) < len(self.values):
            value = _moved_into(self.values[len(self.answers)], low, high)
        else:
            value = simplest(low, high) if kind == "number" else low
        if kind != "number":
            value = int(value)
        self.answers.append((kind, low, high, value))
        return value


def _moved_into(value, low, high):
    """The value, or the end beyond which it lies; a float that is strictly between the ends' floats is so itself."""
    if isinstance(value, float) and float(low) < value < float(high):
        return value
    return min(max(value, low), high)


def simplest(low, high):
    """The simplest number of a range."""
    return next(iter(simple_numbers(low, high)), Fraction(low) if math.isfinite(low) else low)


def simple_numbers(low, high):
    """Simple rationals inside, the simplest first."""
    for number in SIMPLE:
        for signed in (number, -number) if number else (number,):
            if low <= signed <= high:
                yield signed


def draw_numbers(rng, low, high, count) -> np.ndarray:
    """Numbers of a range: by logarithm where it is positive; some of them ends or simple."""
    low, high = float(low), float(high)
    share = rng.random(count)
    drawn = low * np.exp(share * math.log(high / low)) if low > 0 else low + share * (high - low)
    return np.where(rng.random(count) < _SPECIAL, rng.choice(_special(low, high), count), drawn)


@functools.cache
def _range(low, high):
    """The ends in floats, and the special values between them."""
    return float(low), float(high), _special(float(low), float(high)).tolist()


@functools.cache
def _special(low, high):
    return np.array([low, high, *(float(x) for x in itertools.islice(simple_numbers(low, high), 12))])


@dataclass(frozen=True)
class Instances:
    """The instances that a statement speaks of.

    Args:
        make: the generator, called with a :class:`Draw`; returns an instance's parts by name.
        words: what it generates, as the statement says it.
        quantities: for each symbol of the statement's relations, the function of an instance's parts (by the names of
            its arguments) that computes it in floats. The first line of its docstring is its meaning.
        exact: the same in exact arithmetic, called with Fractions where the generator drew numbers; a symbol without
            one cannot be certified at a witness.
        drawn: from which ranges a search draws, where the statement speaks of more.
    """

    make: Callable[[Draw], Mapping]
    words: str
    quantities: Mapping[sympy.Symbol, Callable] = field(default_factory=dict)
    exact: Mapping[sympy.Symbol, Callable] = field(default_factory=dict)
    drawn: str = ""

    def draw(self, rng, count, modest=0.0):
        """``count`` instances as one batch of values, and the answers that each was made of; see :class:`Chance`."""
        uniform = uniforms(rng)
        sources = [Chance(uniform, modest) for _ in range(count)]
        parts = [self.make(source) for source in sources]
        return self.values(parts), [source.answers for source in sources]

    def replay(self, *answers):
        """The batch of the instances that each of these answers make, with the answers as they were taken."""
        sources = [Replay(values) for values in answers]
        return self.values([self.make(source) for source in sources]), [source.answers for source in sources]

    def values(self, parts):
        """Symbols to arrays of one number an instance; the instances themselves under ``instances``."""
        return WhenAsked(parts, self.quantities, _column)

    def exactly(self, answers):
        """The instance's values in exact arithmetic, and its parts: answers must be int or Fraction."""
        part = self.make(Replay(answers))
        return WhenAsked([part], self.exact, lambda f, parts: _called(f, parts[0]))

    def keys(self, values, keep) -> set:
        """What tells the chosen instances of a batch from one another: the same one twice is one instance."""
        return {repr(instance) for instance in itertools.compress(values["instances"], keep)}

    def show(self, answers) -> str:
        """The instance in words."""
        return _told(self.make(Replay(answers)))


@dataclass(frozen=True)
class Remembered(Instances):
    """Instances that give a batch again, with all that was computed of it, to whoever draws from the same numbers.

    A statement and its wrong versions are searched from the same seed: what the library has to solve, it solves once.
    So it is with the exact values of the same answers.
    """

    batches: dict = field(default_factory=dict)
    exacts: dict = field(default_factory=dict)

    def draw(self, rng, count, modest=0.0):
        place = repr(rng.bit_generator.state), count, modest
        if place not in self.batches:
            self.batches[place] = *super().draw(rng, count, modest), rng.bit_generator.state
        values, answers, rng.bit_generator.state = self.batches[place]
        return values, answers

    def exactly(self, answers):
        place = repr(answers)  # a whole number and the fraction that equals it are told apart
        if place not in self.exacts:
            self.exacts[place] = super().exactly(answers)
        return self.exacts[place]


def remembered(instances: Instances) -> Instances:
    """The same, remembering batches where each instance is an object; numbers are drawn faster than looked up."""
    return Remembered(**vars(instances)) if type(instances) is Instances else instances


class WhenAsked(dict):
    """Values that are computed when a condition first asks for them: most conditions need few of them."""

    def __init__(self, instances, functions, computed):
        super().__init__(instances=instances)
        self.functions, self.computed, self.fewer = functions, computed, {}

    def __missing__(self, symbol):
        self[symbol] = self.computed(self.functions[symbol], self["instances"])
        return self[symbol]


def _column(function, parts):
    names = _names(function)
    if names == ("parts",):
        return np.array([float(function(part)) for part in parts])
    return np.array([float(function(**{name: part[name] for name in names})) for part in parts])


def subset(values, keep):
    """The values of some of the instances, ``keep`` a mask; what was not computed yet will be of these alone.

    Whoever asks for the same ones again is given what was computed of them.
    """
    if keep.all():
        return values
    chosen = {name: known[keep] for name, known in values.items() if name != "instances"}
    if not isinstance(values, WhenAsked):
        return chosen
    instances = type(values["instances"])(itertools.compress(values["instances"], keep))
    fewer = values.fewer.setdefault(keep.tobytes(), WhenAsked(instances, values.functions, values.computed))
    fewer.update(chosen)
    return fewer


class Numbers(Instances):
    """Instances that are numbers alone: a range for each symbol, drawn in one batch.

    Args:
        ranges: symbol -> (low, high), from which searches draw; its assumptions say where the statement holds.
        of: words before the symbols' kinds.
        points: values that are always among those drawn, for claims that turn on single points.

    >>> β, δ = sympy.Symbol("β", positive=True), sympy.Symbol("δ", real=True)
    >>> pair = Numbers({β: (Fraction(1, 10), 10), δ: (-20, 20)})
    >>> pair.words, pair.drawn
    ('β > 0, δ real', 'β ∈ [1/10, 10], δ ∈ [−20, 20]')
    """

    def __init__(self, ranges: Mapping[sympy.Symbol, tuple], of: str = "", points: Sequence[Mapping] = ()):
        value_of = {s: (lambda parts, name=s.name: parts[name]) for s in ranges}
        super().__init__(
            lambda draw: {s.name: draw.number(*ranges[s]) for s in ranges},
            of + _kinds(ranges),
            value_of,
            value_of,
            drawn_from(ranges),
        )
        object.__setattr__(self, "ranges", dict(ranges))
        object.__setattr__(self, "points", tuple(points))

    def draw(self, rng, count, modest=None):
        known = {s: draw_numbers(rng, low, high, count) for s, (low, high) in self.ranges.items()}
        for k, point in enumerate(self.points):
            for s, value in point.items():
                known[s][k] = float(value)
        return known, _Columns(known, self.ranges)

    def values(self, parts):
        return {s: np.array([float(part[s.name]) for part in parts]) for s in self.ranges}

    def keys(self, values, keep):
        return set(zip(*(values[s][keep].tolist() for s in self.ranges), strict=True))

    def exactly(self, answers):
        part = self.make(Replay(answers))
        return {s: Fraction(part[s.name]) for s in self.ranges}


def drawn_from(ranges: Mapping) -> str:
    """Ranges in words, by symbol or by name.

    >>> drawn_from({"β": (Fraction(1, 10), 10), "δ": (-5, 5)})
    'β ∈ [1/10, 10], δ ∈ [−5, 5]'
    """
    return ", ".join(f"{name} ∈ [{low}, {high}]" for name, (low, high) in ranges.items()).replace("-", "−")


class _Columns(Sequence):
    """The answers of a batch, made only for the instances that are looked at."""

    def __init__(self, known, ranges):
        self.known, self.ranges = known, ranges

    def __len__(self):
        return len(next(iter(self.known.values())))

    def __getitem__(self, k):
        return [("number", *self.ranges[s], float(column[k])) for s, column in self.known.items()]


def _kinds(symbols):
    """What the symbols stand for, as their assumptions say it."""
    kinds = {s.name: "> 0" if s.is_positive else "≥ 0" if s.is_nonnegative else "real" for s in symbols}
    groups = itertools.groupby(kinds, kinds.get)
    return ", ".join(f"{', '.join(names)} {kind}" for kind, names in groups)


def _called(function, parts):
    """The function of the parts that its arguments name; those with a default keep it."""
    names = _names(function)
    return function(parts) if names == ("parts",) else function(**{name: parts[name] for name in names})


def _names(function):
    code = function.__code__
    return code.co_varnames[: code.co_argcount - len(function.__defaults__ or ())]


def of_batch(values, k: int) -> str:
    """The k-th instance of a batch in words."""
    if "instances" not in values:
        return _told({symbol.name: float(known[k]) for symbol, known in values.items()})
    return _told(values["instances"][k])


def _told(parts):
    return ", ".join(f"{name} = {_shown(value)}" for name, value in parts.items())


def _shown(value):
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(_shown, value)) + ")"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
