"""One partition: some problems of a family solved, and their columns as the bytes of a Parquet file.

The bytes are made where the problems are solved and written by whoever started the sweep: workers need no common disk,
and one that dies leaves nothing half done.
"""

from typing import NamedTuple

import numpy as np

from tabular.base import checks
from tabular.base.extras import library
from tabular.errors import InputError
from tabular.sweeping.grid import Grid

__all__ = ["INDEX", "PURPOSE", "Partition", "computed", "stands", "types_in"]

INDEX = "index"
PURPOSE = "to keep the partitions of a sweep"


class Partition(NamedTuple):
    """What a worker sends back: the first problem's number, column -> type as text, and the file."""

    start: int
    types: dict[str, str]
    content: bytes


def computed(function, part, start: int, key: str) -> Partition:
    """The partition that begins with problem ``start``, of the sweep that ``key`` stands for."""
    try:
        given = function(part)
    except Exception as error:
        error.add_note(f"in the sweep's problems {start} to {start + len(part) - 1}")
        raise
    columns = _columns(given, part, start)
    arrow, parquet = library("pyarrow", "data", PURPOSE), library("pyarrow.parquet", "data", PURPOSE)
    try:
        table = arrow.table(columns)
    except arrow.ArrowException as error:
        raise InputError(f"Arrow cannot hold the columns of problem {start} on: {error}") from None
    table = table.replace_schema_metadata({"sweep": key, "start": str(start)})
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return Partition(start, _types(table.schema), sink.getvalue().to_pybytes())


def stands(path, start: int, rows: int, key: str) -> bool:
    """Whether a file is that partition of that sweep, whole: its footer, which comes last, is there and says so."""
    arrow, parquet = library("pyarrow", "data", PURPOSE), library("pyarrow.parquet", "data", PURPOSE)
    try:
        footer = parquet.read_metadata(path)
    except (OSError, arrow.ArrowException):
        return False
    said = footer.metadata or {}
    return footer.num_rows == rows and said.get(b"sweep") == key.encode() and said.get(b"start") == b"%d" % start


def types_in(path) -> dict[str, str]:
    """Column -> type of a partition on disk."""
    return _types(library("pyarrow.parquet", "data", PURPOSE).read_schema(path))


def _types(schema):
    return {field.name: str(field.type) for field in schema}


def _columns(given, part, start):
    """The numbers of the problems, the axes of a grid, and what the function gave, each of one length."""
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InputError(f"the function of a sweep gave {checks.brief(given)}: give a dict of names and columns")
    ours = {INDEX: np.arange(start, start + len(part))}
    if isinstance(part, Grid):
        ours |= {name: part[name] for name in part.axes}
    taken = [name for name in given if name in ours]
    if taken:
        raise InputError(f"the function of a sweep gave a column {taken[0]!r}, which the sweep writes: rename it")
    for name, column in given.items():
        if np.shape(column) != (len(part),):
            what = f"the column {name!r} of problem {start} on has shape {np.shape(column)}"
            raise InputError(f"{what}: give one entry for each of the {len(part)} problems")
    return ours | {name: np.asarray(column) for name, column in given.items()}
