"""Logs larger than memory: what ``logs.read_pairs`` reads, as lazy tables read column by column and batch by batch."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, NamedTuple

from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged import columns as naming
from tabular.logged import files, kto, parts, plain_text
from tabular.logged.columns import Origin
from tabular.logged.records import ARRAYS

__all__ = ["Piece", "Scan", "scan"]

#: rows of a piece: a large file is worked on in pieces, by whoever is free. The numbers of a log are sums over its
#: pieces in their order, so that this is a part of what they are to the last bit.
_PIECE = 1 << 22


class Piece(NamedTuple):
    """Some rows of one file: which file, from which row on, and how many, ``None`` for all and not known."""

    part: int
    start: int
    rows: int | None


class Scan(Record):
    """The files of one table, none of them read.

    Attributes:
        source: as it was named; paths: the files, in order, from the root on, because a worker may run elsewhere.
        arrays: which column is which, the same in all of them.
        origin: who wrote them; skip_invalid: whether rows that are not valid are left out, and counted.
        counts: the columns of the token counts; tokens: whether these hold lists, whose lengths are the counts.

    ``audit(scan, beta)`` streams them.
    """

    source: str
    paths: tuple[str, ...]
    arrays: dict[str, str]
    origin: Origin
    skip_invalid: bool = False
    counts: dict[str, str] = field(default_factory=dict)
    tokens: bool = False

    def pieces(self) -> list[Piece]:
        """The work, cut in a way that depends on the files alone: a text is one piece, however long."""
        found = []
        for part in range(len(self.paths)):
            rows = self._rows(part)
            starts = [0] if rows is None else range(0, max(rows, 1), _PIECE)
            found += [Piece(part, start, None if rows is None else min(_PIECE, rows - start)) for start in starts]
        return found

    def batches(self, piece: Piece, rows: int, counted: bool = False) -> Iterator[Any]:
        """The needed columns of a piece, with token counts if told, as Polars frames of so many rows, as doubles.

        Raises:
            InputError: a column that cannot be read as numbers.
        """
        frame = self._frame(piece.part, self.counts if counted else {})
        frame = frame if piece.rows is None else frame.slice(piece.start, piece.rows)
        polars = files.library("polars", self.paths[piece.part])
        try:
            yield from frame.collect_batches(chunk_size=rows, maintain_order=True)
        except polars.exceptions.PolarsError as error:
            raise InputError(
                f"{self.paths[piece.part]} cannot be streamed ({plain_text.first_line(error)}): read it with "
                "logs.read_pairs, and it is said where"
            ) from None

    def _rows(self, part):
        file = files.opened(parts.found(self.paths[part])[0])
        if file.kind not in (files.PARQUET, files.FEATHER, files.STREAM):
            return None
        polars = files.library("polars", file.path)
        return int(files.lazy(file).select(polars.len()).collect().item())

    def _frame(self, part, counts):
        file = files.opened(parts.found(self.paths[part])[0])
        polars = files.library("polars", file.path)
        numbers = [*self.arrays.values(), *(() if self.tokens else counts.values())]
        return files.lazy(file, numbers, counts.values() if self.tokens else ()).select(
            polars.col(name).alias(array) for array, name in (self.arrays | counts).items()
        )


def scan(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None, *, skip_invalid: bool = False) -> Scan:
    """The pairs of a file, directory or pattern, to be streamed: for logs larger than memory.

    Args:
        path, columns, skip_invalid: as in :func:`tabular.logs.read_pairs`. Parquet, Arrow, CSV and JSON lines are
            streamed; a packed file, a JSON array and ``.npz`` are unpacked into memory, one at a time.

    Raises:
        InputError: as :func:`tabular.logs.read_pairs` for what the header of each file tells.

    >>> import pathlib, tempfile
    >>> from tabular.audit import audit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "log.csv"
    ...     _ = path.write_text("ref_chosen_logps,ref_rejected_logps\\n-9,-7.5\\n-4,-5\\n")
    ...     audit(scan(path), beta=0.1).share_pessimistic
    0.5
    """
    renamed = naming.checked_renaming(columns)
    found = parts.found(path)
    read = [_columns(one, renamed) for one in found]
    for one, other in zip(found[1:], read[1:], strict=True):
        if other != read[0]:
            raise InputError(f"{one} has other columns than {found[0]}: give parts of one table")
    arrays = {array: name for array, name in read[0].arrays.items() if array in ARRAYS}
    source = str(path).encode(errors="replace").decode()
    first = read[0]
    return Scan(
        source,
        tuple(str(one.absolute()) for one in found),
        arrays,
        first.origin,
        skip_invalid,
        first.counts,
        first.tokens,
    )


def _columns(path, renamed):
    file = files.opened(path)
    whole, names = kto.paired(file, files.names(file))
    if whole is not file:
        raise InputError(f"{path} holds one completion a row, and pairs are made of all: read it with logs.read_pairs")
    return naming.chosen(file, names, renamed)
