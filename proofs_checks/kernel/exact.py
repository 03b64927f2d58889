"""Values that cannot become floats unnoticed: what an exact decision hands to a function that it does not know."""

from fractions import Fraction
from types import ModuleType

from proofs_checks.kernel import formulas

__all__ = ["Inexact", "by_floats", "hashed", "only"]

_BY_FLOATS = {"cmath", "math", "numpy", "scipy"}  # libraries
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


def _guarded(operation, of_fractions=None):
    def of(*numbers):
        result = operation(*map(_bare, numbers))
        if result is NotImplemented and isinstance(numbers[1], Fraction):  # who would else be asked is not guarded
            result = of_fractions(Fraction(numbers[0]), _bare(numbers[1]))
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
            operations = (getattr(kind, f"{_side}{_name}__") for kind in (int, Fraction))
            setattr(_Whole, f"{_side}{_name}__", _guarded(*operations))
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
    if isinstance(value, dict):
        return {only(name): only(held) for name, held in value.items()}
    raise Inexact


def hashed(value):
    """A value that may stand in a set, equal for equal cases, however they are written.

    >>> hashed([1, (2,)]) == hashed((Fraction(1), [2])), hashed({"a": 1}) == hashed({"a": 2})
    (True, False)
    """
    if isinstance(value, tuple | list):
        return tuple(map(hashed, value))
    if isinstance(value, dict | set):
        return frozenset(hashed(item) for item in (value.items() if isinstance(value, dict) else value))
    return value


def by_floats(function) -> bool:
    """Whether a function, or what it calls, names a float or a library of floats: what it multiplies no guard sees.

    >>> by_floats(lambda n: 0.1 * n < 1), by_floats(lambda n: sum(n for _ in range(9)) < 10)
    (True, False)
    """
    return any(map(_is_of_floats, formulas.reached(function)))


def _is_of_floats(named):
    if isinstance(named, float) or named is float:
        return True
    name = named.__name__ if isinstance(named, ModuleType) else getattr(named, "__module__", None)
    return str(name).partition(".")[0] in _BY_FLOATS
