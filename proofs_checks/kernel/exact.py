"""Values that cannot become floats unnoticed: what an exact decision hands to a function that it does not know."""

from fractions import Fraction

__all__ = ["Inexact", "by_floats", "only"]

_BY_FLOATS = {"float", "math", "np", "numpy", "scipy"}
_OPERATIONS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")


class Inexact(ArithmeticError):
    """A function that should decide exactly was given a float, or made one."""


class _Guarded(Fraction):
    """A fraction that refuses to be rounded, and whose sums and products do."""

    def __float__(self):
        raise Inexact


class _Whole(int):
    """A whole number that does likewise; a quotient of two is the fraction."""

    def __float__(self):
        raise Inexact

    def __truediv__(self, other):
        return _Guarded(self) / other

    def __rtruediv__(self, other):
        return other / _Guarded(self)


def _guarded(operation):
    def of(*numbers):
        result = operation(*map(_bare, numbers))
        if any(isinstance(number, float) for number in (*numbers, result)):
            raise Inexact
        return _of(result)

    return of


def _bare(value):
    if isinstance(value, _Guarded):
        return Fraction(value.numerator, value.denominator)
    return int(value) if isinstance(value, _Whole) else value


def _of(value):
    if isinstance(value, Fraction):
        return _Guarded(value)
    return _Whole(value) if type(value) is int else value


for _name in _OPERATIONS:
    for _side in ("__", "__r"):
        setattr(_Guarded, f"{_side}{_name}__", _guarded(getattr(Fraction, f"{_side}{_name}__")))
        if _name != "truediv":
            setattr(_Whole, f"{_side}{_name}__", _guarded(getattr(int, f"{_side}{_name}__")))
for _name in ("__neg__", "__pos__", "__abs__"):
    setattr(_Guarded, _name, _guarded(getattr(Fraction, _name)))
    setattr(_Whole, _name, _guarded(getattr(int, _name)))


def only(value):
    """The value with each number in it guarded.

    Raises:
        Inexact: there is a float in it, or an object that may hold some.

    >>> 2 * only((1, Fraction(1, 2)))[1] == 1, only(1) / 3 == Fraction(1, 3)
    (True, True)
    >>> float(3 - only([Fraction(1, 2)])[0])
    Traceback (most recent call last):
    ...
    proofs_checks.kernel.exact.Inexact
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | Fraction):
        return _of(value)
    if isinstance(value, tuple | list | frozenset | set):
        return type(value)(map(only, value))
    raise Inexact


def by_floats(function) -> bool:
    """Whether a function, or one written inside it, names a float: what it multiplies no guard sees.

    >>> by_floats(lambda n: 0.1 * n < 1), by_floats(lambda n: sum(n for _ in range(9)) < 10)
    (True, False)
    """
    codes = [function.__code__]
    for code in codes:
        codes += [constant for constant in code.co_consts if hasattr(constant, "co_code")]
    constants = any(isinstance(constant, float) for code in codes for constant in code.co_consts)
    return constants or any(name in _BY_FLOATS for code in codes for name in code.co_names)
