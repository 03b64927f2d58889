"""Reading a trainer's log of labelled pairs from csv, jsonl or parquet, and saying exactly what is wrong with it."""

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tabular.base import checks
from tabular.errors import InputError
from tabular.logged.records import ARRAYS, PairLog, broken_rule

#: The column names that trainers and preference data sets use for each array of a PairLog. The plural
#: ``rewards/chosen`` is not among the rewards: trainers write beta times the policy's own log-ratio there.
COLUMNS = {
    "ref_chosen": ("ref_chosen_logps", "reference_chosen_logps"),
    "ref_rejected": ("ref_rejected_logps", "reference_rejected_logps"),
    "policy_chosen": ("policy_chosen_logps", "chosen_logps"),
    "policy_rejected": ("policy_rejected_logps", "rejected_logps"),
    "reward_chosen": ("chosen_score", "score_chosen", "chosen_reward", "reward_chosen"),
    "reward_rejected": ("rejected_score", "score_rejected", "rejected_reward", "reward_rejected"),
}


def read_pairs(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None) -> PairLog:
    """The labelled pairs of a ``.csv``, ``.jsonl`` or ``.parquet`` file; the first two may also be ``.gz``.

    Args:
        path: of the file. CSV has a header line; JSON lines hold one object each. Blank lines are skipped, other
            columns ignored.
        columns: names for the columns that are not called as in :data:`COLUMNS`, such as
            ``{"ref_chosen": "my_column"}``. The policy and the rewards are optional.

    Raises:
        InputError: one sentence on a file that cannot be read or is not what its name says, a column that is missing,
            ambiguous or without its partner, a value that is not a number, not finite or a log-probability above 0.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "log.csv"
    ...     _ = path.write_text("ref_chosen_logps,ref_rejected_logps\\n-9,-7.5\\n-4e0,-5\\n")
    ...     read_pairs(path).delta_ref.tolist()
    [-1.5, 1.0]
    """
    path, columns = checks.path(path), {} if columns is None else columns
    if not isinstance(columns, dict) or not all(isinstance(name, str) for name in (*columns, *columns.values())):
        raise InputError(f"columns is {checks.brief(columns)}: give a mapping, such as {{'ref_chosen': 'my_column'}}")
    table = _read(path)
    if not table.lines:
        raise InputError(f"{path} holds no pair: write at least one row")
    chosen = _chosen_columns(path, table.names, columns)
    source = str(path).encode(errors="replace").decode()  # a file's name need not be Unicode
    return PairLog(source, **{array: _numbers(path, table, name, array) for array, name in chosen.items()})


@dataclass(frozen=True)
class _Table:
    """A file's column names, its values column by column as found, and where each row stands in the file."""

    names: list[str]
    column: Callable[[str], Sequence]
    lines: Sequence[int]
    unit: str = "line"


_ABSENT = object()  # a JSON object without the key, as opposed to one with null


def _read(path) -> _Table:
    packed = path.suffix.lower() == ".gz"
    kind = Path(path.stem if packed else path.name).suffix.lower()
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    if kind not in readers and (kind != ".parquet" or packed):
        raise InputError(f"{path} has an unknown extension: give a .csv, .jsonl (also .gz) or .parquet file")
    try:
        if kind == ".parquet":
            return _read_parquet(path)
        data = path.read_bytes()
        text = (gzip.decompress(data) if packed else data).decode("utf-8-sig")
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise InputError(f"{path} is not a whole gzip file: copy it again, or unpack it and give the text") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8 {kind[1:]}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or _first_line(error)}") from None
    return readers[kind](path, text)


def _read_csv(path, text):
    (_, header), *records = _csv_records(path, text) or [(1, [])]
    header = [name.strip() for name in header]
    for line, row in records:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line} has {len(row)} fields, the header {len(header)}: is the file truncated?"
            )

    def column(name):
        position = header.index(name)
        return [row[position] for _, row in records]

    return _Table(header, column, [line for line, _ in records])


def _csv_records(path, text):
    """The records that are not blank, each with the line it begins on: a quoted field may run over several."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
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


def _read_jsonl(path, text):
    rows, lines = [], []
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        row = _json(content, f"{path}, line {line}")
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line} is a JSON {type(row).__name__}: write one object on each line")
        rows.append(row)
        lines.append(line)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _Table(names, lambda name: [row.get(name, _ABSENT) for row in rows], lines)


def _json(content, place):
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
    raise InputError(f"{place} is not JSON ({why}): write one object on each line")


def _read_parquet(path):
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            f"{path} needs pyarrow to be read: install the extra conditional-equivalence[data], or save it as csv"
        ) from None
    try:
        content = parquet.read_table(io.BytesIO(path.read_bytes()))
    except arrow.ArrowException as error:
        raise InputError(f"{path} is not a parquet file: {_first_line(error)}") from None
    return _Table(
        content.column_names, lambda name: content[name].to_pylist(), range(1, content.num_rows + 1), unit="row"
    )


def _chosen_columns(path, names, renamed):
    """Which column of the file is which array: as renamed, else by one of the usual names."""
    unknown = sorted(set(renamed) - set(COLUMNS))
    if unknown:
        raise InputError(f"columns names {unknown[0]!r}, which is not one of {', '.join(COLUMNS)}")
    if len(set(renamed.values())) < len(renamed):
        raise InputError(f"columns gives one column to two arrays ({renamed}): name a different one for each")
    chosen = {}
    for array, usual in COLUMNS.items():
        wanted = [renamed[array]] if array in renamed else [name for name in usual if name not in renamed.values()]
        found = [name for name in wanted if name in names]
        if len(found) > 1 or (found and names.count(found[0]) > 1):
            raise InputError(
                f"{path} has more than one column for {array} ({', '.join(n for n in names if n in found)}): "
                f"keep one, or choose with columns={{{array!r}: ...}}"
            )
        if found:
            chosen[array] = found[0]
        elif array in renamed or array.startswith("ref"):
            raise InputError(f"{path} has no column {' or '.join(wanted)} for {array}: found {_listed(names)}")
    for array in ARRAYS[2:]:
        partner = array.replace("chosen", "rejected") if "chosen" in array else array.replace("rejected", "chosen")
        if array in chosen and partner not in chosen:
            raise InputError(
                f"{path} has {chosen[array]} but no column for {partner}: add it, or name it with columns="
                f"{{{partner!r}: ...}}; found {_listed(names)}"
            )
    return chosen


def _listed(names, at_most=20):
    if not names:
        return "no columns"
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def _numbers(path, table, name, array):
    numbers = np.empty(len(table.lines))
    for row, value in enumerate(table.column(name)):
        number = _number(value)
        if number is None:
            what = "missing" if value is _ABSENT else checks.brief(value)
            raise InputError(f"{path}, {table.unit} {table.lines[row]}: {name} is {what}, it must be a number")
        numbers[row] = number
    broken = broken_rule(numbers, is_log_prob=not array.startswith("reward"))
    if broken:
        bad, rule = broken
        row = int(np.argmax(bad))
        raise InputError(f"{path}, {table.unit} {table.lines[row]}: {name} is {numbers[row]:.10g}, but {rule}")
    return numbers


def _number(value):
    """The value as a float, or ``None``; text as CSV writes it, but neither true nor 1_000."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _first_line(error):
    return str(error).splitlines()[0]
