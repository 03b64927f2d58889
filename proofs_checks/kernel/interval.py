"""Intervals whose ends are Arb numbers: every operation encloses, whatever its arguments.

A ball (midpoint and radius) cannot say that e^x lies in [e^-50, e^50] without losing the sign of the lower end. So
an interval keeps both ends; each end is computed by Arb with a rigorous error bound and rounded outwards.
"""

import functools
from fractions import Fraction

import flint
from flint import arb, fmpq

__all__ = ["PRECISION", "Interval", "Undefined", "precisely"]

PRECISION = 90  # bits: room for the cancellation of values up to 1e8 against each other


def precisely(function):
    """The function with Arb at the working precision."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with flint.ctx.workprec(PRECISION):
            return function(*args, **kwargs)

    return wrapped


class Undefined(ArithmeticError):
    """The expression has no finite value somewhere in the interval, or Arb could not bound it."""


def _with_exact(operation):
    """The operation with an interval, or an exact number as one; what else there is may know how to work with them."""

    @functools.wraps(operation)
    def guarded(self, other):
        if isinstance(other, Interval):
            return operation(self, other)
        exact = isinstance(other, (int, Fraction, float)) or hasattr(other, "free_symbols")
        return operation(self, Interval.of(other)) if exact else NotImplemented

    return guarded


class Interval:
    """The closed interval [lo, hi], both ends finite and in order.

    >>> Interval.hull(1, 2).exp() > 2
    True
    >>> x = Interval.hull(-1, 2)
    >>> x * x >= -2, x**2 >= 0
    (True, True)
    """

    __slots__ = ("hi", "lo")

    def __init__(self, lo, hi):
        if not (lo.is_finite() and hi.is_finite() and lo <= hi):
            raise Undefined
        self.lo, self.hi = lo, hi

    @classmethod
    def hull(cls, lo, hi) -> "Interval":
        """The smallest enclosed range of two exact numbers, int or Fraction."""
        return cls(_number(lo).lower(), _number(hi).upper())

    @classmethod
    def of(cls, value) -> "Interval":
        """An exact number (int, Fraction, a constant of computer algebra) as an interval, or the interval itself.

        Raises:
            TypeError: a float, which says nothing about where the number it stands for lies.
        """
        if isinstance(value, Interval):
            return value
        if not isinstance(value, (int, Fraction)) and hasattr(value, "free_symbols"):
            from proofs_checks.kernel.symbolic import enclose

            return enclose(value, {})
        number = _number(value)
        return cls(number.lower(), number.upper())

    def __repr__(self):
        return f"[{float(self.lo):.17g}, {float(self.hi):.17g}]"

    @_with_exact
    def __lt__(self, other):
        """Whether it holds for all pairs of numbers in the two; Undefined where it holds for some only."""
        return _one_of(self.hi < other.lo, self.lo >= other.hi)

    @_with_exact
    def __gt__(self, other):
        return other < self

    @_with_exact
    def __ge__(self, other):
        return not self < other

    @_with_exact
    def __le__(self, other):
        return not self > other

    @_with_exact
    def __eq__(self, other):
        return _one_of(self.lo >= other.hi and self.hi <= other.lo, self.hi < other.lo or self.lo > other.hi)

    __hash__ = None

    def __bool__(self):
        """No truth value: ``x or 1`` would be x for every symbol, and 1 at a single number that no check meets."""
        raise Undefined("an interval is neither true nor false: compare it with a number")

    def __neg__(self):
        return Interval((-self.hi).lower(), (-self.lo).upper())

    @_with_exact
    def __add__(self, other):
        return Interval((self.lo + other.lo).lower(), (self.hi + other.hi).upper())

    __radd__ = __add__

    @_with_exact
    def __sub__(self, other):
        return Interval((self.lo - other.hi).lower(), (self.hi - other.lo).upper())

    @_with_exact
    def __rsub__(self, other):
        return other - self

    @_with_exact
    def __mul__(self, other):
        """The ends are products of ends: of which, the signs tell unless there is a 0 inside of both."""
        if self.lo < 0 < self.hi:
            return _hull_of_products(self, other) if other.lo < 0 < other.hi else other * self
        down, up = (other.lo, other.hi) if self.lo >= 0 else (other.hi, other.lo)
        least, most = (self.lo if down >= 0 else self.hi) * down, (self.hi if up >= 0 else self.lo) * up
        return Interval(least.lower(), most.upper())

    __rmul__ = __mul__

    @_with_exact
    def __truediv__(self, other):
        return self * other.reciprocal()

    @_with_exact
    def __rtruediv__(self, other):
        return other / self

    def __pow__(self, exponent: int):
        if exponent < 0:
            return (self**-exponent).reciprocal()
        if exponent % 2 == 0:
            size = abs(self)
            return Interval((size.lo**exponent).lower(), (size.hi**exponent).upper())
        return self._increasing(lambda x: x**exponent)

    def __abs__(self):
        if self.lo >= 0:
            return self
        mirrored = -self
        return mirrored if mirrored.lo >= 0 else Interval(arb(0), max(self.hi, mirrored.hi))

    def reciprocal(self):
        """1/x falls where it has a value; around 0 its two ends are not in order."""
        return Interval((1 / self.hi).lower(), (1 / self.lo).upper())

    def enclosed_min(self, other):
        """min(x, y) of any x and y in the two; Python's ``min`` would ask which is less, and get no answer."""
        other = Interval.of(other)
        return Interval(min(self.lo, other.lo), min(self.hi, other.hi))

    def positive_part(self):
        return -((-self).enclosed_min(0))

    def exp(self):
        return self._increasing(arb.exp)

    def log(self):
        return self._increasing(arb.log)

    def log1p(self):
        return self._increasing(arb.log1p)

    def expm1(self):
        return self._increasing(arb.expm1)

    def sqrt(self):
        return self._increasing(arb.sqrt)

    def asinh(self):
        return self._increasing(arb.asinh)

    def sinh(self):
        return self._increasing(arb.sinh)

    def cosh(self):
        return abs(self)._increasing(arb.cosh)

    def tanh(self):
        return self._increasing(arb.tanh)

    def softplus(self):
        return self._increasing(lambda x: max(x, arb(0)) + (-abs(x)).exp().log1p())

    def sigmoid(self):
        return self._increasing(lambda x: 1 / (1 + (-x).exp()))

    def _increasing(self, function):
        """The image of an increasing function; where it has no value at an end, Arb's is no number."""
        return Interval(function(self.lo).lower(), function(self.hi).upper())


def _one_of(certainly, certainly_not) -> bool:
    """A branch on an undecided comparison would follow one of the two and forget the other."""
    if not (certainly or certainly_not):
        raise Undefined("the comparison holds in a part of the interval only")
    return bool(certainly)


def _number(value):
    if isinstance(value, int) and not isinstance(value, bool):
        return arb(value)
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    raise TypeError(f"{value!r} is no exact number: write an int, a Fraction or an interval")


def _hull_of_products(x, y):
    """Of two with a 0 inside: the least is of ends of unlike signs, the largest of like ones."""
    least, most = (x.lo * y.hi, x.hi * y.lo), (x.lo * y.lo, x.hi * y.hi)
    return Interval(min(ball.lower() for ball in least), max(ball.upper() for ball in most))
