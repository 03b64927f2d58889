"""Records as plain JSON and back, by the types that their fields are annotated with.

A field annotated as an array, a tuple, an enumeration or a number is written as a list, a text or a number. Anywhere
else what JSON has no word for is a mapping with one telling key: ``{"array": ..., "dtype": ...}``,
``{"tuple": [...]}``, ``{"number": "-inf"}``, ``{"fraction": "1/3"}``, ``{"items": [[key, value], ...]}``, and
``{"is": "module.Class", ...}`` for an enumeration, a named tuple or a dataclass.
"""

import functools
import importlib
import inspect
import math
import sys
import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import IO

import numpy as np

from tabular.base import checks
from tabular.errors import InputError

__all__ = ["entries", "entry", "fields_of", "in_unicode", "name", "read", "written"]

_INFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_TELLING = ("is", "array", "tuple", "number", "fraction", "items")  # a field may have a later one's name, not "is"


def in_unicode(stream: IO[str]) -> bool:
    """Whether a stream has every letter; where it has not, JSON is written to it with its own escapes.

    >>> import io
    >>> in_unicode(io.TextIOWrapper(io.BytesIO(), "cp1252")), in_unicode(io.TextIOWrapper(io.BytesIO(), "utf-8"))
    (False, True)
    """
    return (stream.encoding or "utf-8").lower().startswith("utf")


def written(record, without=()) -> dict:
    """A dataclass, with the name of its class as ``is``; some fields may be left out."""
    hints = _hints(type(record))
    kept = [each.name for each in fields(record) if each.compare and each.name not in without]
    values = {key: entry(getattr(record, key), hints[key]) for key in kept}
    return {"is": name(type(record)), **values}


def entry(value, hint):
    """One value as JSON; ``hint``, the annotation it stands under, may spare the telling key.

    >>> entry(np.array([0.0, -np.inf]), np.ndarray), entry(-np.inf, float), entry((1, -np.inf), None)
    ([0.0, '-inf'], '-inf', {'tuple': [1, {'number': '-inf'}]})
    """
    expected = _expected(hint)
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if isinstance(value, Enum):
        return value.value if type(value) in expected else {"is": name(type(value)), "value": value.value}
    if isinstance(value, np.generic):
        return entry(value.item(), hint)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value) if float in expected else {"number": str(value)}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, np.ndarray):
        return _of_array(value, np.ndarray in expected)
    return _of_container(value, expected)


def entries(values) -> dict:
    """Several named values, without annotations."""
    return {key: entry(value, None) for key, value in values.items()}


def fields_of(data, names) -> dict:
    """What :func:`entries` wrote under some names.

    >>> fields_of({"pair": 0, "loss": None}, ("pair", "loss"))
    {'pair': 0, 'loss': None}
    >>> fields_of({"pair": 0}, ("pair", "loss"))
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: it lacks 'loss': give each of pair, loss
    """
    for name in names:
        if name not in data:
            raise InputError(f"it lacks {name!r}: give each of {', '.join(names)}")
    return {name: read(data[name]) for name in names}


def read(data):
    """What :func:`written` and :func:`entry` wrote without an annotation."""
    if isinstance(data, list):
        return [read(each) for each in data]
    if not isinstance(data, dict):
        return data
    telling = next((key for key in _TELLING if key in data), None)
    if telling is None:
        raise InputError(
            f"{checks.brief(data)} is not what to_dict wrote: give a mapping with one of {', '.join(_TELLING)}"
        )
    return _READ[telling](data)


def _of_array(array, expected):
    nested = array.tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        nested = _each(nested, lambda x: x if math.isfinite(x) else str(x))
    if array.dtype.kind == "O":
        nested = _each(nested, lambda x: entry(x, None))
    if expected and array.size and array.dtype in (np.float64, np.int64, np.bool_):
        return nested
    return {"array": nested, "dtype": array.dtype.str, **({} if array.size else {"shape": list(array.shape)})}


def _of_container(value, expected):
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"is": name(type(value)), **{name: entry(getattr(value, name), None) for name in value._fields}}
    if isinstance(value, list | tuple):
        nested = [entry(each, None) for each in value]
        return nested if isinstance(value, list) or tuple in expected else {"tuple": nested}
    if isinstance(value, dict):
        return {"items": [[entry(key, None), entry(each, None)] for key, each in value.items()]}
    if hasattr(type(value), "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return written(value)
    raise InputError(
        f"a {type(value).__name__} cannot be written as JSON: leave out functions of your own, or use pickle"
    )


def _each(nested, change):
    return [_each(row, change) for row in nested] if isinstance(nested, list) else change(nested)


def _read_array(data):
    dtype = np.dtype(data.get("dtype", "f8"))
    nested = data["array"]
    if dtype.kind == "O":
        nested = _each(nested, read)
    elif dtype.kind == "f":
        nested = _each(nested, lambda x: _INFINITE.get(x, x) if isinstance(x, str) else x)
    array = np.array(nested, dtype=dtype)
    return array.reshape(data["shape"]) if "shape" in data else array


def _read_kind(data):
    cls = _class(data["is"])
    own = getattr(cls, "_from_plain", None)
    if own is not None:
        return own(data)
    if issubclass(cls, Enum):
        return cls(data["value"])
    if issubclass(cls, tuple):
        return cls(**{name: read(data[name]) for name in cls._fields})
    hints, given = _hints(cls), {name: value for name, value in data.items() if name != "is"}
    wanted = [each.name for each in fields(cls) if each.compare]
    missing = [name for name in wanted if name not in given]
    unknown = sorted(set(given) - set(wanted) - set(getattr(cls, "also", ())))
    if missing or unknown:
        wrong = f"lacks {missing[0]!r}" if missing else f"has an unknown field {unknown[0]!r}"
        raise InputError(f"this {cls.__name__} {wrong}: its fields are {', '.join(wanted)}")
    return cls(**{name: _read_field(given[name], hints[name]) for name in wanted})


def _read_field(data, hint):
    expected = _expected(hint)
    if isinstance(data, list) and np.ndarray in expected:
        return _read_only(_plain_array(data))
    if isinstance(data, list) and tuple in expected:
        return tuple(read(each) for each in data)
    if isinstance(data, str) and float in expected and data in _INFINITE:
        return _INFINITE[data]
    enumeration = next((t for t in expected if inspect.isclass(t) and issubclass(t, Enum)), None)
    if isinstance(data, str) and enumeration is not None:
        return enumeration(data)
    found = read(data)
    return _read_only(found) if isinstance(found, np.ndarray) else found


def _plain_array(data):
    array = np.array(data)
    return array if array.dtype.kind in "ifb" else _read_array({"array": data})


def _read_only(array):
    array.flags.writeable = False
    return array


_READ = {
    "array": _read_array,
    "tuple": lambda data: tuple(read(each) for each in data["tuple"]),
    "number": lambda data: _INFINITE[data["number"]],
    "fraction": lambda data: Fraction(data["fraction"]),
    "items": lambda data: {read(key): read(value) for key, value in data["items"]},
    "is": _read_kind,
}


def name(cls) -> str:
    """The name under which a class is written.

    >>> name(Fraction)
    'fractions.Fraction'
    """
    return f"{cls.__module__}.{cls.__qualname__}"


def _class(name):
    """A class of this library, or of a module that the reader has imported; nothing else is loaded for a file."""
    module, _, own = str(name).rpartition(".")
    try:
        home = importlib.import_module(module) if module.split(".")[0] == "tabular" else sys.modules[module]
        found = getattr(home, own)
    except (ImportError, KeyError, AttributeError, ValueError):
        found = None
    plain = inspect.isclass(found) and (is_dataclass(found) or issubclass(found, Enum) or hasattr(found, "_fields"))
    if not plain:
        raise InputError(f"there is no kind {checks.brief(name)}: it is the name that to_dict wrote, with its module")
    return found


@functools.cache
def _hints(cls):
    return typing.get_type_hints(cls)


@functools.cache
def _expected(hint):
    """The classes that an annotation allows, without their parameters."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return frozenset().union(*map(_expected, typing.get_args(hint)))
    return frozenset({typing.get_origin(hint) or hint})
