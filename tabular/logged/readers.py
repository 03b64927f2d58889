"""Reading the pairs that trainers write: every form by its content, every fault in one sentence that says where."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tabular.base import checks
from tabular.errors import InputError
from tabular.logged import columns as naming
from tabular.logged import files, kto, parts, plain_text
from tabular.logged.columns import Columns, Origin
from tabular.logged.records import PairLog, broken_rule

__all__ = ["ROUNDING", "Read", "read_pairs", "read_parts"]

#: a log-probability this little above 0 is one of 0 that was rounded, in float32 by some 1e-7 a token
ROUNDING = 1e-4


def read_pairs(
    path: str | os.PathLike[str], columns: Mapping[str, str] | None = None, *, skip_invalid: bool = False
) -> PairLog:
    """The labelled pairs of a file, of all files of a directory, or of all that a pattern such as ``part-*.csv`` names.

    Args:
        path: Files are known by their content: CSV (also with tabs, semicolons or bars), JSON lines, a JSON array,
            Parquet, Arrow (Feather 2, and TRL's cache, a stream), ``.npz``, and ``.pt`` without running its pickle;
            also packed with gzip or zstd. Only the columns that are needed are read. In a torch file with the two
            columns of open-instruct, ``chosen_logps`` and ``rejected_logps`` are the reference.
        columns: names for the columns that are not called as in :data:`COLUMNS`, such as
            ``{"ref_chosen": "my_column"}``. The policy and the rewards are optional.
        skip_invalid: leave out the rows with a value that is missing, not finite or no log-probability, and count them
            in ``n_skipped``, where otherwise they are refused.

    Raises:
        InputError: one sentence on a file that cannot be read, is broken or holds something else, a column that is
            missing, ambiguous or without its partner, a value that is not a number, not finite or a log-probability
            above 0 (one that is by less than 1e-4, a rounding, is taken for 0 and counted in ``n_clamped``).

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "log.csv"
    ...     _ = path.write_text("ref_chosen_logps,ref_rejected_logps\\n-9,-7.5\\n-4e0,-5\\n")
    ...     read_pairs(path).delta_ref.tolist()
    [-1.5, 1.0]
    """
    renamed = naming.checked_renaming(columns)
    read = read_parts(path, renamed, skip_invalid=skip_invalid)
    if not read.n_pairs:
        why = f"none of its {read.n_skipped} rows is valid" if read.n_skipped else "write at least one row"
        raise InputError(f"{read.source} holds no pair: {why}")
    return PairLog(
        read.source,
        **{array: read.values[array] for array in naming.COLUMNS if array in read.values},
        n_chosen=read.values.get("n_chosen"),
        n_rejected=read.values.get("n_rejected"),
        row=read.row,
        origin=read.origin,
        n_skipped=read.n_skipped,
        n_clamped=read.n_clamped,
        frame=read.frame,
    )


@dataclass(frozen=True)
class Read:
    """The columns of one or more files, one after the other; ``row`` counts the rows of the whole from 0."""

    source: str
    values: dict[str, np.ndarray]
    row: np.ndarray
    origin: Origin
    n_skipped: int
    n_clamped: int
    frame: Any

    @property
    def n_pairs(self):
        return len(self.row)


def read_parts(path, renamed, *, role="reference", skip_invalid=False) -> Read:
    """What :func:`read_pairs` reads, as plain arrays; with ``role="policy"`` the policy's two columns."""
    paths = parts.found(path)
    read = [_part(one, renamed, role, skip_invalid) for one in paths]
    first = read[0]
    for one, part in zip(paths[1:], read[1:], strict=True):
        if set(part.values) != set(first.values) or part.columns.origin != first.columns.origin:
            raise InputError(
                f"{one} has columns for {', '.join(part.values)} as {part.columns.origin}, {paths[0]} for "
                f"{', '.join(first.values)} as {first.columns.origin}: give parts of one table"
            )
    start = np.cumsum([0, *(part.n_rows for part in read)])
    source = str(path).encode(errors="replace").decode()  # a file's name need not be Unicode
    return Read(
        source,
        {array: np.concatenate([part.values[array] for part in read]) for array in first.values},
        np.concatenate([begin + part.row for begin, part in zip(start, read, strict=False)]),
        first.columns.origin,
        sum(part.n_rows - len(part.row) for part in read),
        sum(part.n_clamped for part in read),
        parts.frames_of([part.frame for part in read]),
    )


@dataclass
class _Part:
    """One file's columns; ``row`` counts its rows from 0, without those that are left out."""

    columns: Columns
    values: dict[str, np.ndarray]
    row: np.ndarray
    n_rows: int
    n_clamped: int
    frame: Any = field(repr=False)


def _part(path, renamed, role, skip_invalid):
    file = files.opened(path)
    file, names = kto.paired(file, files.names(file))
    if not names and file.kind == files.DELIMITED:
        raise InputError(f"{path} holds no pair: write at least one row")
    columns = naming.chosen(file, names, renamed, role)
    table = _by_engine(file, columns) or _by_line(file, columns, skip_invalid)
    raw, places, unit, frame = table
    return _valid(file, columns, raw, places, unit, frame, skip_invalid)


def _by_engine(file, columns):
    """All needed columns at once; ``None`` where a text holds anything that only a look at its lines can explain."""
    polars = files.library("polars", file.path)
    wanted = [*columns.arrays.values(), *(() if columns.tokens else columns.counts.values())]
    lengths = columns.counts.values() if columns.tokens else ()
    text = file.kind in files.TEXT
    try:
        frame = file.frame if isinstance(file, kto.Paired) else files.lazy(file, wanted, lengths)
        table = frame.select(list(dict.fromkeys([*wanted, *lengths]))).collect(engine="streaming")
        raw = {array: table[name].to_numpy() for array, name in (columns.arrays | columns.counts).items()}
    except (polars.exceptions.PolarsError, InputError) as error:
        if text:
            return None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file.path} cannot be read: {plain_text.first_line(error)}") from None
    if text and not (
        len(table) and all(broken_rule(raw[array], _is_log_prob(array)) is None for array in columns.arrays)
    ):
        return None
    if file.kind == files.LINES and not _each_key_once(file, columns, len(table)):
        return None
    plain = frame if isinstance(file, kto.Paired) or not text else files.lazy(file)
    return raw, range(1, len(table) + 1), "row", plain


def _each_key_once(file, columns, n_rows):
    """An engine keeps one of two equal keys without a word; where the count is off, the lines are read one by one."""
    data = file.path.read_bytes() if file.data is None else file.data
    return all(data.count(b'"%s"' % name.encode()) == n_rows for name in columns.arrays.values())


def _by_line(file, columns, skip_invalid):
    """Text read line by line: what is no number is refused with its line, or is nan where rows may be skipped."""
    polars = files.library("polars", file.path)
    table = plain_text.read(file.path, file.text(), file.kind)
    if not table.lines:
        raise InputError(f"{file.path} holds no pair: write at least one row")
    raw = {array: _numbers(file.path, table, name, skip_invalid) for array, name in columns.arrays.items()}
    for array, name in columns.counts.items():
        raw[array] = _lengths(table, name) if columns.tokens else _numbers(file.path, table, name, lenient=True)
    texts = {name: list(map(plain_text.told, table.column(name))) for name in dict.fromkeys(table.names)}
    return raw, table.lines, table.unit, polars.LazyFrame(texts, dict.fromkeys(texts, polars.String))


def _numbers(path, table, name, lenient):
    numbers = np.empty(len(table.lines))
    for row, value in enumerate(table.column(name)):
        number = plain_text.number(value)
        if number is None and not lenient:
            what = "missing" if value is plain_text.ABSENT else checks.brief(value)
            raise InputError(f"{path}, {table.unit} {table.lines[row]}: {name} is {what}, it must be a number")
        numbers[row] = np.nan if number is None else number
    return numbers


def _lengths(table, name):
    return np.array([float(len(value)) if isinstance(value, list) else np.nan for value in table.column(name)])


def _valid(file, columns, raw, places, unit, frame, skip_invalid):
    """The rows that keep the rules, roundings above 0 clamped; the first fault is refused, or its rows left out."""
    n_rows, n_clamped = len(places), 0
    values = {array: np.array(column, dtype=float) for array, column in raw.items()}
    left_out = np.zeros(n_rows, dtype=bool)
    for array, name in columns.arrays.items():
        is_log_prob = _is_log_prob(array)
        if is_log_prob:
            rounded = (values[array] > 0) & (values[array] <= ROUNDING)
            n_clamped += int(rounded.sum())
            values[array][rounded] = 0.0
        broken = broken_rule(values[array], is_log_prob)
        if broken and not skip_invalid:
            raise InputError(_fault(file.path, raw[array], name, places, unit, *broken))
        while broken and not left_out[broken[0]].all():
            left_out |= broken[0]
            broken = broken_rule(np.where(left_out, -1.0, values[array]), is_log_prob)
    for array in columns.counts:
        if not (values[array] > 0).all():
            values = {name: column for name, column in values.items() if name not in columns.counts}
            break
    kept = np.flatnonzero(~left_out)
    return _Part(columns, {array: column[kept] for array, column in values.items()}, kept, n_rows, n_clamped, frame)


def _is_log_prob(array):
    return not array.startswith("reward")


def _fault(path, raw, name, places, unit, bad, rule):
    """The first bad value, and where the others are."""
    rows = np.flatnonzero(bad)
    value = raw[rows[0]]
    told = "missing or nan" if np.isnan(value) and unit == "row" else f"{value:.10g}"
    sentence = f"{path}, {unit} {places[rows[0]]}: {name} is {told}, but {rule}"
    if len(rows) == 1:
        return sentence
    first = ", ".join(str(places[row]) for row in rows[:5])
    more = ", ..." if len(rows) > 5 else ""
    return f"{sentence}; so are {len(rows)} of {len(raw)} values ({unit}s {first}{more}): or pass skip_invalid=True"
