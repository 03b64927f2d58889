"""Relations: one expression that is printed, evaluated on batches of floats, and decided in exact arithmetic.

What a statement says, what is searched for violations and what is certified at a witness are the same object.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from operator import eq, ge, gt, le, lt, ne

import numpy as np
import sympy

from proofs_checks.kernel import exact
from proofs_checks.kernel.interval import Undefined, precisely
from proofs_checks.kernel.symbolic import enclose, exactly, numerically, unknown
from proofs_checks.kernel.unicode import in_words

__all__ = [
    "All",
    "At",
    "Condition",
    "Holds",
    "Iff",
    "Implies",
    "Not",
    "Relation",
    "Rounds",
    "Saying",
    "foreign",
    "pieces",
    "premises",
    "relation",
    "unread",
    "within",
]

_NOISE = 1e-9  # a difference of floats below this share of their size may be rounding
_LAST_PLACES = 1e-14  # the same where decimals are printed: ten of them are told apart
_MOST_NOISE = 1e-4  # more is no rounding: a claim that is false by so little has to be seen
_OPPOSITE = {">": "<=", ">=": "<", "=": "!=", "<": ">=", "<=": ">", "!=": "="}
_COMPARE = {">": gt, ">=": ge, "=": eq, "<": lt, "<=": le, "!=": ne}
_SHOWN = {">=": "≥", "<=": "≤", "!=": "≠"}


class Condition:
    """What holds, fails or cannot be told of an instance's values.

    ``satisfied`` and ``violated`` are positive where the condition certainly holds or fails, beyond rounding; both
    are arrays of one number an instance. ``decide`` is True or False only where exact arithmetic says so.
    """

    words: str

    def __str__(self):
        return self.words

    def __and__(self, other):
        return All((self, other))

    def __or__(self, other):
        return Not(All((Not(self), Not(other))), f"{self} or {other}")


@dataclass(frozen=True)
class Relation(Condition):
    """``left op right`` between expressions in an instance's symbols.

    Args:
        noise: rounding of the two sides, as a share of their size; larger than the default where a library computed
            them.

    >>> x, y = sympy.symbols("x y", real=True)
    >>> square = Relation(x**2 + y**2, ">=", 2 * x * y)
    >>> square.words, square.decide({x: 3, y: 1}), bool(square.violated({x: np.array(3.0), y: np.array(1.0)}) > 0)
    ('x² + y² ≥ 2·x·y', True, False)
    """

    left: sympy.Expr
    op: str
    right: sympy.Expr
    noise: float = _NOISE

    def __post_init__(self):
        if self.op not in _OPPOSITE:
            raise ValueError(f"{self.op!r} is no relation: one of {', '.join(_OPPOSITE)}")
        if not 0 <= self.noise <= _MOST_NOISE:
            raise ValueError(f"a noise of {self.noise} hides what is false: at most {_MOST_NOISE} is rounding")
        object.__setattr__(self, "left", _in_rationals(self.left))
        object.__setattr__(self, "right", _in_rationals(self.right))

    @property
    def words(self):
        return f"{in_words(self.left)} {_SHOWN.get(self.op, self.op)} {in_words(self.right)}"

    @property
    def latex(self):
        shown = {">=": r"\ge", "<=": r"\le", "!=": r"\ne"}.get(self.op, self.op)
        return f"{sympy.latex(self.left)} {shown} {sympy.latex(self.right)}"

    @cached_property
    def symbols(self):
        return tuple(sorted(self.left.free_symbols | self.right.free_symbols, key=lambda symbol: symbol.name))

    def __getstate__(self):
        return {name: known for name, known in vars(self).items() if name != "_sides"}  # made anew wherever it arrives

    @cached_property
    def _sides(self):
        return numerically(sympy.Tuple(self.left, self.right), self.symbols)

    def sides(self, values) -> tuple[np.ndarray, np.ndarray]:
        """Both sides in floats."""
        with np.errstate(all="ignore"):
            left, right = self._sides(*(values[s] for s in self.symbols))
        return np.asarray(left, float), np.asarray(right, float)

    def satisfied(self, values):
        return self._margin(self.op, values)

    def violated(self, values):
        return self._margin(_OPPOSITE[self.op], values)

    def _margin(self, op, values):
        left, right = self.sides(values)
        with np.errstate(all="ignore"):
            gap, size = left - right, np.minimum(np.abs(left), np.abs(right))
            if not np.isfinite(gap).all():  # infinite at finite numbers is no value
                finite = reduce(np.logical_and, (np.isfinite(values[s]) for s in self.symbols), True)
                gap = np.where(~(np.isfinite(left) & np.isfinite(right)) & finite, np.nan, gap)
                size = np.where(np.isfinite(size), size, 0.0)  # infinities lie apart, or compare to nan
            noise = self.noise * (1 + size)
        if op in ("=", "!="):
            apart = np.abs(gap) - noise
            return np.where(gap == 0, noise, -apart) if op == "=" else apart
        gap = -gap if op in ("<", "<=") else gap
        return np.where(gap == 0, noise, gap) if op in (">=", "<=") else gap - noise

    @precisely
    def decide(self, values) -> bool | None:
        """Whether it holds at exact rationals; None where neither can be shown. Enclosures, being cheap, go first."""
        compare = _COMPARE[self.op]
        try:
            return bool(compare(*(enclose(side, values) for side in (self.left, self.right))))
        except Undefined:
            right = exactly(self.right, values)  # the simpler side, more often than not
            left = exactly(self.left, values) if right is not None else None
        return None if left is None else compare(left, right)


def _in_rationals(side):
    """A side with each float in it as the decimals that it prints: what a reader sees is what is decided."""
    side = sympy.sympify(side)
    return side.xreplace({number: sympy.Rational(str(number)) for number in side.atoms(sympy.Float)})


@dataclass(frozen=True)
class Rounds(Condition):
    """An expression rounds to printed decimals: it lies within half a unit of their last place.

    >>> Rounds(sympy.log(2), "0.693147").decide({}), Rounds(sympy.log(2), "0.693146").decide({})
    (True, False)
    """

    expression: sympy.Expr
    decimals: str

    def __post_init__(self):
        if not re.fullmatch(r"-?\d+(\.\d+)?", self.decimals):
            raise ValueError(f"{self.decimals!r} are no printed decimals")

    @property
    def words(self):
        return f"{in_words(self.expression)} = {self.decimals.replace('-', '−')}, rounded"

    @property
    def symbols(self):
        return self._within.conditions[0].symbols

    @cached_property
    def _within(self):
        printed = Fraction(self.decimals)
        half = Fraction(1, 2 * 10 ** len(self.decimals.partition(".")[2]))
        above, below = (">", printed - half), ("<", printed + half)
        return All(tuple(Relation(self.expression, *side, noise=_LAST_PLACES) for side in (above, below)))

    def satisfied(self, values):
        return self._within.satisfied(values)

    def violated(self, values):
        return self._within.violated(values)

    def decide(self, values):
        return self._within.decide(values)


@dataclass(frozen=True)
class Holds(Condition):
    """A predicate of an instance's objects: a documented function whose first line is the words.

    Exact arithmetic decides it where the function gets by with whole numbers and fractions; where it turns one of them
    into a float, is given one or names one, it decides nothing.

    Args:
        test: called with the instance's values by the names of its arguments; returns True or False.
    """

    test: Callable[..., bool]

    @property
    def words(self):
        return (self.test.__doc__ or self.test.__name__).strip().splitlines()[0].rstrip(".")

    def satisfied(self, values):
        return np.where(self._answers(values), 1.0, -1.0)

    def violated(self, values):
        return -self.satisfied(values)

    def decide(self, values):
        instance = values["instances"][0] if "instances" in values else values
        if exact.by_floats(self.test) or not all(name in instance for name in self._names):
            return None  # floats, or the library's objects, which exact arithmetic does not make
        try:
            return self._one({name: exact.only(instance[name]) for name in self._names})
        except exact.Inexact:
            return None

    def _answers(self, values):
        return np.array([self._one(instance) for instance in values["instances"]])

    @property
    def _names(self):
        return self.test.__code__.co_varnames[: self.test.__code__.co_argcount]

    def _one(self, instance):
        answer = self.test(**{name: instance[name] for name in self._names})
        if not isinstance(answer, bool | np.bool_):
            raise TypeError(f"the predicate {self.test.__name__} answered {answer!r}, neither True nor False")
        return bool(answer)


@dataclass(frozen=True)
class Saying(Condition):
    """A condition too long to be read, in words that are built from the same data as the condition."""

    words: str
    condition: Condition

    def satisfied(self, values):
        return self.condition.satisfied(values)

    def violated(self, values):
        return self.condition.violated(values)

    def decide(self, values):
        return self.condition.decide(values)


@dataclass(frozen=True)
class Not(Condition):
    condition: Condition
    said: str = ""

    @property
    def words(self):
        if isinstance(self.condition, Relation) and not self.said:
            relation = self.condition
            return Relation(relation.left, _OPPOSITE[relation.op], relation.right).words
        return self.said or f"not ({self.condition})"

    def satisfied(self, values):
        return self.condition.violated(values)

    def violated(self, values):
        return self.condition.satisfied(values)

    def decide(self, values):
        known = self.condition.decide(values)
        return None if known is None else not known


@dataclass(frozen=True)
class All(Condition):
    conditions: tuple[Condition, ...]

    def __post_init__(self):
        if not self.conditions:
            raise ValueError("all of no conditions: nothing would be said")

    @property
    def words(self):
        return " and ".join(map(str, self.conditions))

    def satisfied(self, values):
        return reduce(np.minimum, (c.satisfied(values) for c in self.conditions))

    def violated(self, values):
        return reduce(np.maximum, (c.violated(values) for c in self.conditions))

    def decide(self, values):
        undecided = False
        for condition in self.conditions:
            known = condition.decide(values)
            if known is False:
                return False
            undecided = undecided or known is None
        return None if undecided else True


@dataclass(frozen=True)
class Implies(Condition):
    premise: Condition
    conclusion: Condition

    @property
    def words(self):
        return f"{self.conclusion} if {self.premise}"

    def satisfied(self, values):
        return np.maximum(self.premise.violated(values), self.conclusion.satisfied(values))

    def violated(self, values):
        return np.minimum(self.premise.satisfied(values), self.conclusion.violated(values))

    def decide(self, values):
        return Not(All((self.premise, Not(self.conclusion)))).decide(values)


@dataclass(frozen=True)
class Iff(Condition):
    left: Condition
    right: Condition

    @property
    def words(self):
        return f"{self.left} iff {self.right}"

    def _both(self):
        return All((Implies(self.left, self.right), Implies(self.right, self.left)))

    def satisfied(self, values):
        return self._both().satisfied(values)

    def violated(self, values):
        return self._both().violated(values)

    def decide(self, values):
        return self._both().decide(values)


@dataclass(frozen=True)
class At(Condition):
    """A condition at one point, where a claim says that there is such a point.

    >>> x = sympy.Symbol("x", real=True)
    >>> There = At(relation(x**2, "<", x), {x: Fraction(1, 2)})
    >>> There.words, There.decide({})
    ('x² < x at x = 1/2', True)
    """

    condition: Condition
    point: Mapping[sympy.Symbol, Fraction]

    @property
    def words(self):
        return f"{self.condition} at {', '.join(f'{symbol} = {value}' for symbol, value in self.point.items())}"

    def satisfied(self, values):
        return self.condition.satisfied(self._floats)

    def violated(self, values):
        return self.condition.violated(self._floats)

    def decide(self, values):
        return self.condition.decide(dict(self.point))

    @property
    def _floats(self):
        return {symbol: np.array(float(value)) for symbol, value in self.point.items()}


def within(condition: Condition) -> Iterator[Condition]:
    """A condition and all that it is made of."""
    yield condition
    for field in vars(condition).values():
        for part in field if isinstance(field, tuple) else (field,):
            if isinstance(part, Condition):
                yield from within(part)


def foreign(condition: Condition) -> Condition | None:
    """A condition in it that is not defined here, if there is one: its answers would be its own."""
    return next((part for part in within(condition) if globals().get(type(part).__name__) is not type(part)), None)


def unread(condition: Condition):
    """What exact arithmetic cannot read in a condition's relations, if anything."""
    sides = [side for part in within(condition) if isinstance(part, Relation) for side in (part.left, part.right)]
    return next(filter(None, map(unknown, sides)), None)


def pieces(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that together say the same, each to be violated on its own: of an equivalence both directions."""
    if isinstance(condition, All):
        return tuple(piece for part in condition.conditions for piece in pieces(part))
    if isinstance(condition, Iff):
        return pieces(condition._both())
    return (condition,)


def premises(condition: Condition) -> tuple[Condition, ...]:
    """What somebody has to meet for a claim to speak of anybody: the premises of its implications."""
    if isinstance(condition, All):
        return tuple(premise for part in condition.conditions for premise in premises(part))
    if isinstance(condition, Implies):
        return (condition.premise, *premises(condition.conclusion))
    if isinstance(condition, Iff):
        return (condition.left, Not(condition.left))
    return premises(condition.condition) if isinstance(condition, Saying) else ()


def relation(left, op, right, noise=_NOISE) -> Relation:
    """``left op right``; the short name that statements use."""
    return Relation(left, op, right, noise)
