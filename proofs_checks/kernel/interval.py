"""Intervals whose ends are Arb numbers: every operation encloses, whatever its arguments.

A ball (midpoint and radius) cannot say that e^x lies in [e^-50, e^50] without losing the sign of the lower end. So
an interval keeps both ends; each end is computed by Arb with a rigorous error bound and rounded outwards.
"""

from fractions import Fraction

from flint import arb, fmpq


class Undefined(ArithmeticError):
    """The expression has no finite value somewhere in the interval, or Arb could not bound it."""


class Interval:
    """The closed interval [lo, hi], both ends finite.

    >>> Interval.hull(1, 2).exp() > 2.7
    True
    >>> x = Interval.hull(-1, 2)
    >>> x * x > -2.001, x**2 > -0.001
    (True, True)
    """

    __slots__ = ("hi", "lo")

    def __init__(self, lo, hi):
        if not (lo.is_finite() and hi.is_finite()):
            raise Undefined
        self.lo, self.hi = lo, hi

    @classmethod
    def hull(cls, lo, hi) -> "Interval":
        """The smallest enclosed range of two exact numbers (int, Fraction, float)."""
        return cls(_number(lo).lower(), _number(hi).upper())

    @classmethod
    def of(cls, value) -> "Interval":
        return value if isinstance(value, Interval) else cls.hull(value, value)

    def __repr__(self):
        return f"[{float(self.lo):.17g}, {float(self.hi):.17g}]"

    def __lt__(self, other):
        """Whether it holds for all pairs of numbers in the two; Undefined where it holds for some only."""
        other = Interval.of(other)
        return _one_of(self.hi < other.lo, self.lo >= other.hi)

    def __gt__(self, other):
        return Interval.of(other) < self

    def __ge__(self, other):
        return not self < other

    def __le__(self, other):
        return not self > other

    def __eq__(self, other):
        other = Interval.of(other)
        return _one_of(self.lo >= other.hi and self.hi <= other.lo, self.hi < other.lo or self.lo > other.hi)

    __hash__ = None

    def __bool__(self):
        return self != 0

    def __neg__(self):
        return Interval(-self.hi, -self.lo)

    def __add__(self, other):
        other = Interval.of(other)
        return Interval((self.lo + other.lo).lower(), (self.hi + other.hi).upper())

    __radd__ = __add__

    def __sub__(self, other):
        return self + -Interval.of(other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        other = Interval.of(other)
        return _hull_of([a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)])

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self * Interval.of(other).reciprocal()

    def __rtruediv__(self, other):
        return self.reciprocal() * other

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
        return -self if self.hi <= 0 else Interval(arb(0), max(-self.lo, self.hi))

    def reciprocal(self):
        if self.lo <= 0 <= self.hi:
            raise Undefined
        return (-self)._increasing(lambda x: -1 / x)

    def min(self, other):
        other = Interval.of(other)
        return Interval(min(self.lo, other.lo), min(self.hi, other.hi))

    def max(self, other):
        return -((-self).min(-Interval.of(other)))

    def positive_part(self):
        return self.max(0)

    def exp(self):
        return self._increasing(arb.exp)

    def log(self):
        if self.lo <= 0:
            raise Undefined
        return self._increasing(arb.log)

    def log1p(self):
        if self.lo <= -1:
            raise Undefined
        return self._increasing(arb.log1p)

    def expm1(self):
        return self._increasing(arb.expm1)

    def sqrt(self):
        if self.lo < 0:
            raise Undefined
        return self._increasing(arb.sqrt)

    def asinh(self):
        return self._increasing(arb.asinh)

    def cosh(self):
        return abs(self)._increasing(arb.cosh)

    def tanh(self):
        return self._increasing(arb.tanh)

    def softplus(self):
        return self._increasing(lambda x: (x if x > 0 else arb(0)) + (-abs(x)).exp().log1p())

    def sigmoid(self):
        return self._increasing(lambda x: 1 / (1 + (-x).exp()))

    def _increasing(self, function):
        return Interval(function(self.lo).lower(), function(self.hi).upper())


def _one_of(certainly, certainly_not) -> bool:
    """A branch on an undecided comparison would follow one of the two and forget the other."""
    if not (certainly or certainly_not):
        raise Undefined("the comparison holds in a part of the interval only")
    return bool(certainly)


def _number(value):
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    return arb(value)


def _hull_of(balls):
    if not all(ball.is_finite() for ball in balls):
        raise Undefined
    return Interval(min(ball.lower() for ball in balls), max(ball.upper() for ball in balls))
