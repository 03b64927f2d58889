"""The pieces of evidence that can carry a part of a claim. Each is data; the kernel runs it, a statement cannot.

An identity and a sign hold for all values of their symbols in the stated domains; a box for every value in it; an
exhaustive check for every case of a finite list, which the kernel itself goes through and counts; an exact check for
one instance. Each carries wrong versions of itself, which the same machinery has to refuse: without one it carries
nothing.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from random import Random

import sympy
from flint import arb

from proofs_checks.kernel import ball, exact, formulas, symbolic
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.interval import Interval, Undefined, precisely
from proofs_checks.kernel.relation import Condition, Relation
from proofs_checks.kernel.unicode import in_words

__all__ = [
    "COUNT",
    "NONNEGATIVE",
    "POSITIVE",
    "REAL",
    "UNIT",
    "AnyFunction",
    "Box",
    "Domain",
    "Evidence",
    "Exact",
    "Exhaustive",
    "Identity",
    "Quantifier",
    "Sampled",
    "Sign",
]

_SPOTS = 12
_NARROW = 1e-6  # share of the sides: where the enclosure of their difference is wider, meeting 0 says nothing
_OTHERS = "the points checked say nothing of the others"


class Quantifier(Enum):
    """What a passed check has established; the part of a claim that it can carry."""

    IDENTITY = "identity, for all values"
    SIGN = "sign, for all values"
    BOX = "every parameter in a box"
    EXHAUSTIVE = "all of a finite list, exactly"
    EXACT = "one instance, exactly"
    SAMPLED = "these cases"
    SEARCH = "search for a violation"


class Domain(Enum):
    """Where a symbol of an identity lives. The boundary belongs to it where it is listed, and is tested."""

    REAL = "any real number"
    POSITIVE = "> 0"
    NONNEGATIVE = "≥ 0"
    UNIT = "between 0 and 1"
    COUNT = "a whole number ≥ 1"

    @property
    @functools.cache
    def spots(self):
        sevenths = tuple(Fraction(k, 7) for k in range(1, 31))
        return {
            Domain.REAL: (*sevenths, *(-x for x in sevenths)),
            Domain.POSITIVE: sevenths,
            Domain.NONNEGATIVE: sevenths,
            Domain.UNIT: tuple(Fraction(k, 31) for k in range(1, 31)),
            Domain.COUNT: tuple(Fraction(k) for k in range(1, 6)),
        }[self]

    @property
    def boundary(self):
        """Points where a removable singularity or a vanishing factor would show."""
        small, large = Fraction(1, 10**6), Fraction(40)
        return {
            Domain.REAL: [Fraction(0), -small, large],
            Domain.POSITIVE: [small, large],
            Domain.NONNEGATIVE: [Fraction(0), small, large],
            Domain.UNIT: [small, 1 - small],
            Domain.COUNT: [Fraction(1), Fraction(20)],
        }[self]

    def symbol(self, name):
        kinds = {
            Domain.REAL: {"real": True},
            Domain.POSITIVE: {"positive": True},
            Domain.NONNEGATIVE: {"nonnegative": True},
            Domain.UNIT: {"positive": True},
            Domain.COUNT: {"integer": True, "positive": True},
        }[self]
        return sympy.Symbol(name, **kinds)


@dataclass(frozen=True)
class AnyFunction:
    """An undefined smooth function of one variable, for an identity that holds of every such function.

    Args:
        instance: a function to put there where numbers are needed, in exact arithmetic.
        positive: whether only functions that are never 0 or negative are meant; otherwise one that is 0 at the point
            is put there too.
    """

    instance: Callable
    positive: bool = False

    @property
    def value(self):
        return f"any smooth {'positive ' if self.positive else ''}function"

    def at(self, point):
        """The functions to try at a point."""
        first = next(iter(point.values()), None)
        if self.positive or first is None:
            return (self.instance,)
        return self.instance, lambda x: self.instance(x) - self.instance(first)


REAL, POSITIVE, NONNEGATIVE, UNIT, COUNT = Domain


@dataclass(frozen=True)
class Evidence:
    """A named check with near misses: wrong versions that the same machinery must refuse."""

    name: str
    controls: Mapping[str, object]

    quantifier = None

    def run(self) -> Finding:
        raise NotImplementedError

    def near_misses(self):
        """Each control's name with what the machinery finds of it."""
        for name, wrong in self.controls.items():
            yield name, replace(self, controls={}, **self._wrong(wrong)).run()

    def _wrong(self, control) -> dict:
        """The fields in which a wrong version differs."""
        raise NotImplementedError

    @property
    def domain(self) -> str:
        """Where every symbol lives, in words."""
        return ""

    @property
    def formula(self) -> str:
        """What is checked, printed from the functions that are run: for a reader to hold against the words."""
        return ""


@dataclass(frozen=True)
class Identity(Evidence):
    """``left = right`` for all values of the symbols in their domains.

    Both sides are evaluated twice: on symbols, where computer algebra has to bring the difference to 0, and on exact
    numbers, at random points and at the boundary of the domains, where the enclosures have to meet. The second
    evaluation does not pass through an expression: it runs the formula, with derivatives through power series and
    sums term by term, so that it is a second opinion also where computer algebra sees 0 at once. A point counts where
    the enclosure of the difference is narrow beside the sides; the widest of those is the residual.

    Args:
        left, right: functions of the symbols, by name.
        over: the domain of each symbol, or :class:`AnyFunction`.
        controls: name -> a wrong right side, or a pair of sides.
    """

    left: Callable
    right: Callable
    over: Mapping[str, Domain | AnyFunction]

    quantifier = Quantifier.IDENTITY

    def _wrong(self, control):
        left, right = control if isinstance(control, tuple) else (self.left, control)
        return {"left": left, "right": right}

    def run(self):
        if _same_code(self.left, self.right):
            return Finding(None, "both sides are the same formula: nothing was checked")
        if words := formulas.looks(self.left) or formulas.looks(self.right):
            return Finding(None, f"a side {words}: {_OTHERS}")
        gaps = []
        for point, arguments in _points(self.over):
            try:
                left, right = _at(self.left, arguments), _at(self.right, arguments)
            except Undefined:
                return Finding(None, f"a side is not defined at {ball.in_words(point)}, which the domain allows")
            difference = left - right
            if difference.lo > 0 or difference.hi < 0:
                return Finding(False, "the two sides differ", witness=ball.in_words(point))
            gaps.append(_relative_width(difference, left, right))
        narrow = [gap for gap in gaps if gap <= _NARROW]
        if not narrow:
            return Finding(None, "the enclosures of the sides are too wide at every exact point to say anything")
        symbols = _symbols(self.over)
        if not symbolic.simplifies_to_zero(self.left(**symbols) - self.right(**symbols)):
            return Finding(None, "no rewriting rule brings the difference of the two sides to 0")
        agree = f"{len(narrow)} exact points agree"
        return Finding(True, f"computer algebra brings the difference to 0; {agree}", max(narrow))

    @property
    def formula(self):
        symbols = _symbols(self.over)
        return f"{in_words(self.left(**symbols))} = {in_words(self.right(**symbols))}"

    @property
    def domain(self):
        return _domain_in_words(self.over)


@dataclass(frozen=True)
class Sign(Evidence):
    """``expression > 0`` for all values, by the rules of sign alone: sums and products of positive terms, exponentials.

    Args:
        expression: a function of the symbols, by name.
        weak: ≥ 0 is claimed.
        controls: name -> a wrong expression, which must be refuted.
    """

    expression: Callable
    over: Mapping[str, Domain]
    weak: bool = False

    quantifier = Quantifier.SIGN

    def _wrong(self, control):
        return {"expression": control}

    def run(self):
        if words := formulas.looks(self.expression):
            return Finding(None, f"it {words}: {_OTHERS}")
        for point, arguments in _points(self.over):
            try:
                value = _at(self.expression, arguments)
            except Undefined:
                return Finding(None, f"it is not defined at {ball.in_words(point)}, which the domain allows")
            if value.hi < 0 or (not self.weak and value.hi <= 0):
                return Finding(False, "not positive", witness=ball.in_words(point))
        known = sympy.sympify(self.expression(**_symbols(self.over)))
        if symbolic.sign_by_rules(known, self.weak):
            return Finding(True, f"{'≥' if self.weak else '>'} 0 by the rules of sign, for all values")
        return Finding(None, "the rules of sign do not decide it")

    @property
    def formula(self):
        return f"{in_words(self.expression(**_symbols(self.over)))} {'≥' if self.weak else '>'} 0"

    @property
    def domain(self):
        return _domain_in_words(self.over)


@dataclass(frozen=True)
class Box(Evidence):
    """``f > 0`` for every parameter in a box, by branch and bound.

    Args:
        f: a function of intervals, by name; or a :class:`Relation` between symbols, whose margin it then is.
        box: name (or symbol) -> (low, high), int or Fraction.
        controls: name -> a wrong ``f`` on the same box.
    """

    f: Callable | Relation
    box: Mapping
    strict: bool = True
    max_boxes: int = 20_000

    quantifier = Quantifier.BOX

    def _wrong(self, control):
        return {"f": control}

    def run(self):
        box = {getattr(name, "name", name): ends for name, ends in self.box.items()}
        f, strict = _margin_of(self.f, self.strict)
        if formulas.peeks(f):
            return Finding(None, "it asks an interval for an end: what it answers there says nothing of the rest")
        return ball.finding(ball.decide(f, box, strict=strict, max_boxes=self.max_boxes), box, strict)

    @property
    def formula(self):
        if isinstance(self.f, Relation):
            return str(self.f)
        try:
            margin = self.f(**{name: REAL.symbol(name) for name in self.box})
        except (TypeError, AttributeError):  # written for intervals alone
            return ""
        return f"{in_words(margin)} {'>' if self.strict else '≥'} 0"

    @property
    def domain(self):
        return ", ".join(f"{name} ∈ [{lo}, {hi}]" for name, (lo, hi) in self.box.items())


@dataclass(frozen=True)
class Exhaustive(Evidence):
    """Every case of a finite list passes a test in exact arithmetic. The kernel goes through the list and counts.

    Args:
        cases: makes the list anew: whole numbers, fractions and lists of them.
        of: how many cases there are; any other number found is undecided.
        test: called with a case (unpacked if a tuple); True or False, or None where it cannot tell.
        proposed: who proposes in floats what the test then certifies; without it a float decides nothing.
        controls: name -> a wrong test, which some case must fail.
    """

    cases: Callable[[], Iterable]
    of: int
    test: Callable[..., bool | None]
    proposed: str = ""

    quantifier = Quantifier.EXHAUSTIVE

    def _wrong(self, control):
        return {"test": control}

    @precisely
    def run(self):
        if self._guarded and exact.by_floats(self.test):
            return Finding(None, "the test names floats, which decide nothing exactly")
        count, seen = 0, set()
        for case in self.cases():
            if (known := exact.hashed(case)) in seen:
                return Finding(None, f"case {count + 1} was there before: each counts once", witness=str(case))
            seen.add(known)
            try:
                answer = self._answer(case)
            except exact.Inexact:
                return Finding(None, f"case {count + 1} of {self.of} is decided by floats", witness=str(case))
            if answer is not None and type(answer) is not bool:
                raise TypeError(f"a test answers True, False or None, not {answer!r}")
            count += 1
            if answer is None:
                return Finding(None, f"case {count} of {self.of} is not decided", witness=str(case))
            if not answer:
                return Finding(False, f"case {count} of {self.of} fails", witness=str(case))
        if count == 0 or count != self.of:
            return Finding(None, f"{count} cases were checked, {self.of} are claimed")
        return Finding(True, f"all {count} of {self.of} cases" + (f", {self.proposed}" if self.proposed else ""))

    @property
    def _guarded(self):
        return not self.proposed

    def _answer(self, case):
        case = exact.only(case) if self._guarded else case
        return self.test(*case) if isinstance(case, tuple) else self.test(case)

    @property
    def domain(self):
        return f"{self.of} cases"


@dataclass(frozen=True)
class Sampled(Exhaustive):
    """The same for a sample of cases, of floats if need be: it supports, and carries no more."""

    quantifier = Quantifier.SAMPLED
    _guarded = False


@dataclass(frozen=True)
class Exact(Evidence):
    """A condition at exact numbers, decided in rational or interval arithmetic by the kernel.

    Args:
        condition: relations between symbols and numbers.
        at: the symbols' values, int or Fraction.
        controls: name -> a wrong condition, or wrong values.
    """

    condition: Condition
    at: Mapping[sympy.Symbol, int | Fraction] = field(default_factory=dict)

    quantifier = Quantifier.EXACT

    def _wrong(self, control):
        return {"condition" if isinstance(control, Condition) else "at": control}

    def run(self):
        for value in self.at.values():
            Interval.of(value)
        shown = ball.in_words(self.at)
        answer = self.condition.decide(dict(self.at))
        if answer is None:
            return Finding(None, f"exact arithmetic does not decide: {self.condition}", witness=shown)
        return Finding(answer, f"{self.condition}: {'true' if answer else 'false'}, exactly", witness=shown or None)

    @property
    def formula(self):
        return str(self.condition)

    @property
    def domain(self):
        return ball.in_words(self.at)


def _same_code(left, right):
    a, b = left.__code__, right.__code__
    cells = [[c.cell_contents for c in f.__closure__ or ()] for f in (left, right)]
    same_text = (a.co_code, a.co_consts, a.co_names, a.co_freevars) == (
        b.co_code,
        b.co_consts,
        b.co_names,
        b.co_freevars,
    )
    return left is right or (same_text and cells[0] == cells[1] and left.__defaults__ == right.__defaults__)


def _symbols(over):
    return {
        name: sympy.Function(name) if isinstance(kind, AnyFunction) else kind.symbol(name)
        for name, kind in over.items()
    }


def _points(over):
    """Points, and with each the functions that stand for any function."""
    kinds = {name: kind for name, kind in over.items() if isinstance(kind, AnyFunction)}
    for point in _numbers(over):
        numbers = {name: value if over[name] is COUNT else Interval.of(value) for name, value in point.items()}
        for chosen in itertools.product(*(kind.at(numbers) for kind in kinds.values())):
            yield point, {**numbers, **dict(zip(kinds, chosen, strict=True))}


def _numbers(over):
    """Random points, then every corner-like point: one symbol at a boundary value, the others inside."""
    rng = Random(0)
    kinds = {name: kind for name, kind in over.items() if not isinstance(kind, AnyFunction)}
    inside = [{name: rng.choice(kind.spots) for name, kind in kinds.items()} for _ in range(_SPOTS)]
    yield from inside
    for name, kind in kinds.items():
        for value in kind.boundary:
            yield {**rng.choice(inside), name: value}
    if kinds:
        yield {name: kind.boundary[0] for name, kind in kinds.items()}


def _relative_width(difference, left, right):
    """How wide an enclosure of the difference is beside the sides, or beside 1 where they are smaller."""
    ends = (abs(end) for side in (left, right) for end in (side.lo, side.hi))
    return float((difference.hi - difference.lo) / functools.reduce(arb.max, ends, arb(1)))


@precisely
def _at(f, arguments):
    return Interval.of(f(**arguments))


def _margin_of(f, strict):
    if not isinstance(f, Relation):
        return f, strict
    if f.op not in (">", ">=", "<", "<="):
        raise ValueError(f"{f} is no inequality")
    sides = (f.left, f.right) if f.op in (">", ">=") else (f.right, f.left)
    symbols = {symbol.name: symbol for symbol in f.symbols}

    def margin(**values):
        known = {symbols[name]: value for name, value in values.items() if name in symbols}
        return symbolic.enclose(sides[0], known) - symbolic.enclose(sides[1], known)

    return margin, f.op in (">", "<")


def _domain_in_words(over):
    named = {name: kind.value for name, kind in over.items()}
    groups = itertools.groupby(sorted(named, key=lambda name: list(named.values()).index(named[name])), named.get)
    return "; ".join(f"{', '.join(names)} {words}" for words, names in groups)
