"""Truncated power series over intervals: derivatives at a point, enclosed, without computer algebra.

A :class:`Series` holds the Taylor coefficients c_0, ..., c_n of a function at a point. Functions follow from their
differential equations: if v = e^u then v' = u'v, and so on, coefficient by coefficient.
"""

import math

from proofs_checks.kernel.interval import Interval, Undefined

__all__ = ["Series"]


class Series:
    """c_0 + c_1 t + ... + c_n t^n + O(t^(n+1)), each c_k an interval.

    >>> x = Series.variable(0, 3)
    >>> [round(float(c.lo), 9) for c in (2 * x.exp()).c]
    [2.0, 2.0, 1.0, 0.333333333]
    """

    __slots__ = ("c", "variable_of")

    def __init__(self, coefficients, variable_of):
        self.c, self.variable_of = list(coefficients), variable_of

    @classmethod
    def variable(cls, x, order):
        """x + t, in a t of its own."""
        start = (x, 1, *[0] * order)
        return cls(map(Interval.of, start[: order + 1]), object())

    def derivative(self, order):
        return self.c[order] * math.factorial(order)

    def __neg__(self):
        return self._with(-c for c in self.c)

    def __add__(self, other):
        return self._with(a + b for a, b in zip(self.c, self._like(other).c, strict=True))

    __radd__ = __add__

    def __sub__(self, other):
        return self + -self._like(other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        b = self._like(other).c
        return self._with(_sum(self.c[i] * b[k - i] for i in range(k + 1)) for k in range(len(self.c)))

    __rmul__ = __mul__

    def __truediv__(self, other):
        b, q = self._like(other).c, []
        for k, a in enumerate(self.c):
            q.append((a - _sum(q[i] * b[k - i] for i in range(k))) / b[0])
        return self._with(q)

    def __rtruediv__(self, other):
        return self._like(other) / self

    def __pow__(self, exponent: int):
        whole, factor = self._like(1), self if exponent >= 0 else 1 / self
        for _ in range(abs(exponent)):
            whole = whole * factor
        return whole

    def exp(self):
        v = [self.c[0].exp()]
        for k in range(1, len(self.c)):
            v.append(_sum(j * self.c[j] * v[k - j] for j in range(1, k + 1)) / k)
        return self._with(v)

    def log(self):
        return self._integrated(self.c[0].log(), lambda: 1 / self)

    def log1p(self):
        return (1 + self).log()

    def expm1(self):
        return self.exp() - 1

    def sqrt(self):
        v = [self.c[0].sqrt()]
        for k in range(1, len(self.c)):
            v.append((self.c[k] - _sum(v[i] * v[k - i] for i in range(1, k))) / (2 * v[0]))
        return self._with(v)

    def sigmoid(self):
        return 1 / (1 + (-self).exp())

    def softplus(self):
        return self._integrated(self.c[0].softplus(), self.sigmoid)

    def asinh(self):
        return self._integrated(self.c[0].asinh(), lambda: 1 / (1 + self * self).sqrt())

    def sinh(self):
        return (self.exp() - (-self).exp()) / 2

    def cosh(self):
        return (self.exp() + (-self).exp()) / 2

    def tanh(self):
        return 2 * (2 * self).sigmoid() - 1

    def _integrated(self, start, slope):
        """The series that starts there and grows by slope times the growth of this one."""
        factor = slope().c
        n = len(self.c)
        grown = [_sum(j * self.c[j] * factor[k - j] for j in range(1, k + 1)) / k for k in range(1, n)]
        return self._with([start, *grown])

    def _with(self, coefficients):
        return Series(coefficients, self.variable_of)

    def _like(self, other):
        """The other as a series in the same t.

        Raises:
            Undefined: it is one in another t: a derivative inside a derivative is not a single series.
        """
        if not isinstance(other, Series):
            return self._with([Interval.of(other)] + [Interval.of(0)] * (len(self.c) - 1))
        if other.variable_of is not self.variable_of:
            raise Undefined("a derivative inside another, in a second variable")
        return other


def _sum(terms):
    return sum(terms, Interval.of(0))
