"""What every input and every result has in common: frozen arrays, equality by value, JSON, and a face.

A class says ``class Audit(Record):`` and lists its fields; it is then a frozen dataclass, and

* its arrays cannot be written to, nor can those of what ``copy``, ``pickle`` and ``dataclasses.replace`` make of it;
* two are equal where their fields are, arrays entry by entry, nan equal to nan, and then they have the same hash;
* ``from_dict(to_dict())`` gives an equal one, through JSON too (:mod:`tabular.base.plain`);
* ``repr`` and notebooks lead with status, policy and certificate (:mod:`tabular.base.show`).
"""

from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from tabular.base import plain, show
from tabular.errors import InputError

__all__ = ["Record", "frozen", "hashed", "same"]

_LOOKED_AT = 8  # entries of an array that enter its hash
_PLAIN = frozenset({bool, int, float, str, type(None)})  # nobody can write to them


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
class Record:
    """A frozen dataclass that is compared, copied, written and shown by its values.

    A class with rules for its fields checks them in ``__post_init__``, and ends with ``super().__post_init__()``.

    >>> class Point(Record):
    ...     x: np.ndarray
    >>> point = Point(np.array([1.0, -np.inf]))
    >>> point == Point(np.array([1.0, -np.inf])), point == Point(np.array([1.0, 0.0]))
    (True, False)
    >>> point.x[0] = 2.0
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    >>> point
    Point(x=[1, -inf])
    """

    #: properties that ``to_dict`` writes for readers beside the fields; ``from_dict`` computes them anew
    also: ClassVar[tuple[str, ...]] = ()
    #: what ``repr`` and notebooks show, in this order; by default status, policy, certificate and the plain fields
    shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        held = vars(self)
        for name in _names(self):
            value = held[name]
            if type(value) not in _PLAIN and (safe := frozen(value)) is not value:
                object.__setattr__(self, name, safe)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _names(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, frozen(value))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(self._compared(), other._compared())

    def __hash__(self) -> int:
        return hash((type(self), hashed(self._compared())))

    def _compared(self) -> dict[str, Any]:
        """What equality is about: a field with ``compare=False`` is no part of the value, nor of its JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.compare}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON from which :meth:`from_dict` makes an equal one; ``is`` names the class.

        Arrays are lists, and infinite numbers the texts "inf" and "-inf", which JSON itself does not know.

        Raises:
            InputError: it holds a function of one's own, which JSON cannot.
        """
        return self._written()

    def _written(self, without: tuple[str, ...] = ()) -> dict[str, Any]:
        """The same; some fields may be left out."""
        return plain.written(self, without) | {name: plain.entry(getattr(self, name), None) for name in self.also}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """What :meth:`to_dict` wrote, validated anew.

        Raises:
            InputError: another class, a field that is missing or unknown, or what the class itself refuses.
        """
        found = plain.read(data)
        if not isinstance(found, cls):
            raise InputError(f"this is a {type(found).__name__}: read it with {type(found).__name__}.from_dict")
        return found

    def __repr__(self) -> str:
        return show.line(self)

    def _repr_html_(self) -> str:
        return show.html(self)

    def picture(self) -> str:
        """A small SVG for notebooks; of anything with a policy, its probabilities. Empty where there is none."""
        return show.picture(self)


def frozen(value: Any) -> Any:
    """The value with arrays that nobody can write to: copies, where somebody could.

    >>> mine = np.zeros(2)
    >>> theirs = frozen([mine])[0]
    >>> mine[0] = 1.0
    >>> theirs.tolist(), theirs.flags.writeable
    ([0.0, 0.0], False)
    """
    if isinstance(value, np.ndarray):
        return value if _is_frozen(value) else _read_only(value.copy())
    if type(value) in (list, tuple):
        return type(value)(map(frozen, value))
    if type(value) is dict:
        return {key: frozen(entry) for key, entry in value.items()}
    return value


def same(one: Any, other: Any) -> bool:
    """Equality by value of anything that a record holds.

    >>> same({"a": [np.array([np.nan])]}, {"a": [np.array([np.nan])]}), same(np.zeros(2), np.zeros(3))
    (True, False)
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return isinstance(one, int | float) and isinstance(other, int | float) and one == other
    if isinstance(one, np.ndarray):
        return one.shape == other.shape and np.array_equal(
            one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f"
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(entry, other[key]) for key, entry in one.items())
    if is_dataclass(one) and not isinstance(one, Record):
        return all(same(getattr(one, name), getattr(other, name)) for name in _names(one))
    return bool(one == other or (one != one and other != other))


def hashed(value: Any) -> int:
    """A hash that is equal where :func:`same` holds; of an array, its shape and a few of its entries."""
    if isinstance(value, np.ndarray):
        places = np.linspace(0, value.size - 1, min(value.size, _LOOKED_AT)).astype(int)
        return hash((value.shape, tuple(map(hashed, value.ravel()[places].tolist()))))
    if isinstance(value, list | tuple):
        return hash((len(value), *map(hashed, value[:_LOOKED_AT])))
    if isinstance(value, dict):
        return hash(frozenset(value))
    if is_dataclass(value) and not isinstance(value, Record):
        return hash((type(value), *(hashed(getattr(value, name)) for name in _names(value))))
    return 0 if value != value else hash(value)


def _names(record):
    return _names_of(type(record))


@cache
def _names_of(kind):
    return tuple(each.name for each in fields(kind))


def _is_frozen(array):
    """Whether no array of the chain that holds the memory can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def _read_only(array):
    array.flags.writeable = False
    return array
