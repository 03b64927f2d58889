"""Text read line by line: slower than an engine, and exact about where a file breaks and what stands there."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tabular.base import checks
from tabular.errors import InputError

__all__ = [
    "ABSENT",
    "Lines",
    "first_line",
    "header",
    "json_array",
    "lines_of",
    "names_of",
    "number",
    "parsed",
    "read",
    "told",
]

ABSENT = object()  # a JSON object without the key, as opposed to one with null
_SEPARATORS = ",\t;|"


@dataclass(frozen=True)
class Lines:
    """A file's column names, its values column by column as found, and the line that each row begins on."""

    names: list[str]
    column: Callable[[str], Sequence]
    lines: Sequence[int]
    unit: str = "line"


def read(path, text, kind) -> Lines:
    """The rows of a text, blank lines left out.

    Raises:
        InputError: naming the line and what is wrong with it.
    """
    if kind == "delimited text":
        return _delimited(path, text)
    return _lines(path, text) if kind == "JSON lines" else _array(path, text)


def header(path, text) -> tuple[str, list[str], int]:
    """The separator, the column names, and how many lines these take with the blank ones before.

    The names are the first line that is not blank, split at what splits it most often.
    """
    number, first = next(((n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()), (0, ""))
    separator = max(_SEPARATORS, key=first.count) if any(map(first.count, _SEPARATORS)) else ","
    (_, names), *_ = _records(path, first, separator) or [(1, [])]
    return separator, [name.strip() for name in names], number


def _delimited(path, text):
    separator, *_ = header(path, text)
    (_, names), *records = _records(path, text, separator) or [(1, [])]
    names = [name.strip() for name in names]
    for line, row in records:
        if len(row) != len(names):
            raise InputError(
                f"{path}, line {line} has {len(row)} fields, the header {len(names)}: is the file truncated?"
            )

    def column(name):
        position = names.index(name)
        return [row[position] for _, row in records]

    return Lines(names, column, [line for line, _ in records])


def _records(path, text, separator):
    """The records that are not blank, each with the line it begins on: a quoted field may run over several."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    usual_limit = csv.field_size_limit(len(text) + 1)  # texts beside the numbers may be long; the limit is global
    records, line = [], 1
    try:
        for row in reader:
            if any(field.strip() for field in row):
                records.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line} is not CSV: {error}") from None
    finally:
        csv.field_size_limit(usual_limit)
    return records


def _lines(path, text):
    rows, lines = [], []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        row = parsed(content, f"{path}, line {line}", "write one object on each line")
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line} is a JSON {type(row).__name__}: write one object on each line")
        rows.append(row)
        lines.append(line)
    return _table(path, rows, lines, "line")


def _array(path, text):
    rows = json_array(path, text)
    return _table(path, rows, range(1, len(rows) + 1), "entry")


def _table(path, rows, places, unit):
    return Lines(names_of(path, rows), lambda name: [row.get(name, ABSENT) for row in rows], places, unit)


def names_of(path, rows) -> list[str]:
    """All keys of some objects, each once.

    >>> names_of("log.json", [{"a": 1}, {"b": 2, "a": 3}])
    ['a', 'b']
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        if told(name) != name:
            raise InputError(f"{path}: the key {name!r} holds half of a character, which no table takes: rename it")
    return names


def json_array(path, text) -> list[dict]:
    """The objects of a JSON array.

    >>> json_array("log.json", '[{"a": 1}]')
    [{'a': 1}]
    """
    rows = parsed(text, str(path), "write an array of objects, or one object on each line")
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{path}, entry {place} is a JSON {type(row).__name__}: write an array of objects")
    return rows


def parsed(content, place, remedy):
    """JSON, or one sentence on why it is none."""
    try:
        return json.loads(content, object_pairs_hook=checks.distinct_keys)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except json.JSONDecodeError as error:
        why = error.msg
    except RecursionError:
        why = "nested too deeply"
    except ValueError:  # Python reads no integer of more than 4300 digits
        why = "an integer of thousands of digits"
    raise InputError(f"{place} is not JSON ({why}): {remedy}")


def lines_of(source):
    """The lines of a file, or of its bytes, one after the other."""
    if isinstance(source, bytes):
        yield from io.BytesIO(source)
        return
    with source.open("rb") as stream:
        yield from stream


def number(value) -> float | None:
    """The value as a float, or ``None``; text as CSV writes it, but neither true nor 1_000.

    >>> number("-1.5e2"), number("1_000"), number(True)
    (-150.0, None, None)
    """
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def told(value) -> str | None:
    """The value as text: what is no text as JSON, nothing as ``None``, half a character as ``?``.

    >>> told("why"), told(True), told([1]), told(None), told(ABSENT), told("\\ud800")
    ('why', 'true', '[1]', None, None, '?')
    """
    if value is None or value is ABSENT:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()


def first_line(error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
