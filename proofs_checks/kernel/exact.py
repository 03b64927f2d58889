"""Values that cannot become floats unnoticed: what an exact decision hands to a function that it does not know."""

from fractions import Fraction


class Inexact(ArithmeticError):
    """A function that should decide exactly was given a float, or made one."""


class _Guarded(Fraction):
    """A fraction that refuses to be rounded, and whose sums and products do."""

    def __float__(self):
        raise Inexact


def _guarded(operation):
    def of(*numbers):
        if any(isinstance(number, float) for number in numbers):
            raise Inexact
        result = operation(*numbers)
        return _Guarded(result) if isinstance(result, Fraction) else result

    return of


for _name in ("add", "sub", "mul", "truediv", "mod", "pow"):
    for _side in ("__", "__r"):
        setattr(_Guarded, f"{_side}{_name}__", _guarded(getattr(Fraction, f"{_side}{_name}__")))
for _name in ("__neg__", "__pos__", "__abs__"):
    setattr(_Guarded, _name, _guarded(getattr(Fraction, _name)))


def only(value):
    """The value with each fraction in it guarded.

    Raises:
        Inexact: there is a float in it, or an object that may hold some.

    >>> 2 * only((1, Fraction(1, 2)))[1] == 1
    True
    >>> float(3 - only([Fraction(1, 2)])[0])
    Traceback (most recent call last):
    ...
    proofs_checks.kernel.exact.Inexact
    """
    if isinstance(value, Fraction):
        return _Guarded(value)
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, tuple | list | frozenset | set):
        return type(value)(map(only, value))
    raise Inexact
