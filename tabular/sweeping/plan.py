"""What a sweep is, as plain JSON: two sweeps of the same plan have the same bytes."""

import functools
import hashlib
import importlib.metadata
import json
import pickle

from tabular.base.record import Record
from tabular.errors import InputError

__all__ = ["difference", "key", "plan"]

_LIBRARIES = ("numpy", "scipy", "pyarrow")


def plan(family, function, size: int, chunk: int) -> dict:
    """The family, the function, the sizes, and the versions on which the last bits depend.

    >>> plan(range(9), len, 9, 4)["function"]
    'builtins.len'
    """
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {
        "format": 1,
        "family": _family(family),
        "function": _function(function),
        "size": size,
        "chunk": chunk,
        "versions": versions,
    }


def key(known: dict) -> str:
    """A fingerprint of a plan, which every partition carries."""
    return _digest(json.dumps(known, sort_keys=True).encode())


def difference(ours: dict, theirs: dict) -> str:
    """The first entry in which two plans differ, in words; empty where none does.

    >>> difference({"chunk": 2}, {"chunk": 3})
    'its chunk is 3 and here it is 2'
    """
    for name in ours:
        if ours[name] != theirs.get(name):
            return f"its {name} is {_text(theirs.get(name))} and here it is {_text(ours[name])}"
    return ""


def _text(value):
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _family(family):
    if isinstance(family, range):
        return repr(family)
    kind = type(family)
    content = json.dumps(family.to_dict()).encode() if isinstance(family, Record) else _pickled(family, "the family")
    return f"{kind.__module__}.{kind.__qualname__} {_digest(content)}"


def _function(function):
    if isinstance(function, functools.partial):
        settings = (function.args, sorted(function.keywords.items()))
        told = ", ".join([*map(repr, function.args), *(f"{name}={value!r}" for name, value in settings[1])])
        if len(told) > 200:  # of arrays, repr leaves out most
            told = _digest(_pickled(settings, "what the function is given"))
        return f"{_function(function.func)}({told})"
    if not callable(function):
        raise InputError(f"the function of a sweep is {function!r}: give one that takes a part of the family")
    if hasattr(function, "__qualname__"):
        return f"{function.__module__}.{function.__qualname__}"
    kind = type(function)
    return f"{kind.__module__}.{kind.__qualname__} {_digest(_pickled(function, 'the function'))}"


def _pickled(value, what):
    try:
        return pickle.dumps(value, protocol=5)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InputError(f"{what} of a sweep cannot be sent to another process ({error})") from None


def _digest(content):
    return hashlib.sha256(content).hexdigest()
