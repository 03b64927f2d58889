"""The rules that many inputs share, each with its one sentence: numbers, whole numbers, one number, known names."""

import os
import reprlib
import textwrap
from numbers import Real
from pathlib import Path

import numpy as np

from tabular.errors import InputError

__all__ = [
    "FINITE",
    "NOT_NAN",
    "NOT_NEGATIVE",
    "POSITIVE",
    "brief",
    "choice",
    "distinct_keys",
    "executor",
    "limit",
    "names",
    "number",
    "numbers",
    "path",
    "refuse",
    "require_fit",
    "texts",
    "whole_number",
    "whole_numbers",
]

#: What a single number may have to be, by the words that say so.
FINITE, POSITIVE, NOT_NEGATIVE = "finite", "finite and above 0", "finite and at least 0"
NOT_NAN = "finite or infinite"
_HOLDS = {
    FINITE: np.isfinite,
    POSITIVE: lambda x: 0 < x < np.inf,
    NOT_NEGATIVE: lambda x: 0 <= x < np.inf,
    NOT_NAN: lambda x: not np.isnan(x),
}
_WHOLE = "it must be a whole number, an int of 0 or more"


def numbers(values, name) -> np.ndarray:
    """A fresh float array of any shape; text, booleans, dates, complex numbers and masked entries are no numbers.

    >>> numbers([1, 2.5], "weight").tolist()
    [1.0, 2.5]
    >>> numbers(["much"], "weight")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: weight is ['much']: give numbers that a float can hold
    """
    array = _array(values, name)
    try:
        return _floats(array)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} is {brief(values)}: give numbers that a float can hold") from None


def number(value, name, rule=POSITIVE) -> float:
    """One number that is :data:`FINITE`, :data:`POSITIVE`, :data:`NOT_NEGATIVE` or :data:`NOT_NAN`.

    >>> number(0, "beta")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: beta is 0: it must be one number, finite and above 0
    """
    try:
        array = _floats(np.array(value))
        if array.ndim == 0 and _HOLDS[rule](array):
            return float(array)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name} is {brief(value)}: it must be one number, {rule}")


def whole_numbers(values, name) -> np.ndarray:
    """A fresh array of whole numbers from 0 on, which ids, counts and indices are; 2.0 is no whole number.

    >>> whole_numbers([0, 0.5], "winner")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: winner[1] is 0.5: it must be a whole number, an int of 0 or more
    """
    array = _array(values, name)
    if array.dtype.kind not in "iu" and array.size:
        array = np.array(values, dtype=object)  # as given: of [0, 0.5], only the second is at fault
        refuse(~np.vectorize(_is_int, otypes=[bool])(array), array, name, _WHOLE)
    refuse(array < 0, array, name, _WHOLE)
    refuse(array > np.iinfo(np.int64).max, array, name, "it must be below 2^63")
    return array.astype(np.int64)


def whole_number(value, name, least=-np.inf, most=np.inf) -> int:
    """One whole number.

    >>> whole_number(np.int64(-1), "checkpoint")
    -1
    """
    if not _is_int(value) or not least <= value <= most:
        bound = f" of {least} or more" if least > -np.inf else ""
        bound += f", at most {most}" if most < np.inf else ""
        raise InputError(f"{name} is {brief(value)}: it must be one whole number, an int{bound}")
    return int(value)


def limit(value) -> int | None:
    """How much of a search is done at most, or None.

    >>> limit(None), limit(7)
    (None, 7)
    """
    return None if value is None else whole_number(value, "limit", least=1)


def texts(values, name) -> np.ndarray:
    """A fresh array of texts.

    >>> texts(["a", "b"], "set").tolist()
    ['a', 'b']
    """
    array = _array(values, name)
    if not all(isinstance(entry, str) for entry in array.flat):
        raise InputError(f"{name} is {brief(values)}: give texts")
    return array.astype(str)


def choice(name, known, what):
    """What a mapping holds under a name, or one sentence that lists its names.

    >>> choice("lion", {"cat": 1, "dog": 2}, "pet")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: there is no pet 'lion': choose one of cat, dog
    """
    if not isinstance(name, str) or name not in known:
        raise InputError(f"there is no {what} {brief(name)}: choose one of {', '.join(known)}")
    return known[name]


def names(values, name) -> tuple[str, ...]:
    """Different texts.

    >>> names(["a", "a"], "responses")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: responses is ['a', 'a']: give different names, as text
    """
    found = tuple(values) if np.iterable(values) else (None,)
    if not all(isinstance(one, str) for one in found) or len(set(found)) < len(found):
        raise InputError(f"{name} is {brief(values)}: give different names, as text")
    return found


def path(value) -> Path:
    """The path of a file.

    >>> path(None)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: the path is None: name a file
    """
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        raise InputError(f"the path is {brief(value)}: name a file")
    return Path(value)


def executor(value: object) -> None:
    """Whether somebody can be handed work: the interface of :mod:`concurrent.futures`, or nobody.

    >>> executor("threads")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: executor is 'threads': give one of concurrent.futures, a cluster's, or None
    """
    if value is not None and not (callable(getattr(value, "submit", None)) and callable(getattr(value, "map", None))):
        raise InputError(f"executor is {brief(value)}: give one of concurrent.futures, a cluster's, or None")


def distinct_keys(pairs) -> dict:
    """A mapping from its items, for ``json.loads(..., object_pairs_hook=...)``, which keeps the last of two equal keys.

    >>> distinct_keys([("beta", 1), ("beta", 2)])
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: the key 'beta' stands twice in one mapping: keep one
    """
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise InputError(f"the key {brief(twice)} stands twice in one mapping: keep one")
    return mapping


def require_fit(**arrays):
    """Refuse arrays whose shapes do not broadcast.

    >>> require_fit(delta=np.zeros(2), target=np.zeros(3))
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: delta, target have shapes (2,), (3,): give each one number, or one for each pair
    """
    shapes = [np.shape(array) for array in arrays.values()]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        listed = f"{', '.join(arrays)} have shapes {', '.join(map(str, shapes))}"
        raise InputError(f"{listed}: give each one number, or one for each pair") from None


def refuse(bad, array, name, rule):
    """Name the first entry of an array that breaks a rule, if there is one.

    >>> refuse(np.array([False, True]), np.array([1.0, -2.0]), "weight", "it must be at least 0")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: weight[1] is -2.0: it must be at least 0
    """
    if np.count_nonzero(bad):
        place = tuple(np.argwhere(bad)[0].tolist())
        where = f"[{', '.join(map(str, place))}]" if place else ""
        raise InputError(f"{name}{where} is {brief(array[place])}: {rule}")


def brief(value) -> str:
    """A value as a sentence shows it: on one line, and shortened.

    >>> brief(np.zeros(99)), brief(10**99)
    ('[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...]', '100000000000000000...0000000000000000000')
    """
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    try:
        return textwrap.shorten(reprlib.repr(plain), 120, placeholder=" ...")
    except ValueError:
        return "a number of thousands of digits"


def _array(values, name):
    if np.ma.is_masked(values):
        raise InputError(f"{name} has masked entries: fill them in or leave them out")
    try:
        return np.array(values)
    except ValueError:
        raise InputError(f"{name} is {brief(values)}, with rows of different lengths: make them one length") from None


def _floats(array):
    if array.dtype.kind not in "iufO" or (array.dtype.kind == "O" and not all(isinstance(x, Real) for x in array.flat)):
        raise TypeError
    if array.dtype == np.float64:
        return array
    with np.errstate(over="ignore"):  # of wider floats: inf is refused where it is no answer
        return array.astype(float, copy=False)


def _is_int(entry):
    return isinstance(entry, int | np.integer) and not isinstance(entry, bool)
