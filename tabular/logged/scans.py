"""Logs larger than memory: what ``logs.read_pairs`` reads, as lazy tables read column by column and batch by batch."""

import os
from collections.abc import Mapping
from typing import Any

from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged import columns as naming
from tabular.logged import files, kto, parts
from tabular.logged.columns import Origin

_ARRAYS = ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected", "reward_chosen", "reward_rejected")


class Scan(Record):
    """The files of one table, none of them read.

    Attributes:
        source: as it was named; paths: the files, in order; arrays: which column is which, the same in all of them.
        origin: who wrote them; skip_invalid: whether rows that are not valid are left out, and counted.

    ``audit(scan, beta)`` streams them.
    """

    source: str
    paths: tuple[str, ...]
    arrays: dict[str, str]
    origin: Origin
    skip_invalid: bool = False

    def frame(self, part: int) -> Any:
        """One file as a lazy Polars frame of the needed columns, doubles under our names."""
        file = files.opened(parts.found(self.paths[part])[0])
        return files.lazy(file, self.arrays.values()).select(
            files.library("polars", file.path).col(name).alias(array) for array, name in self.arrays.items()
        )


def scan(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None, *, skip_invalid: bool = False) -> Scan:
    """The pairs of a file, directory or pattern, to be streamed: for logs larger than memory.

    Args:
        path, columns, skip_invalid: as in :func:`tabular.logs.read_pairs`. Parquet, Arrow, CSV and JSON lines are
        streamed; a packed
            file, a JSON array and ``.npz`` are unpacked into memory, one at a time.

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
    arrays = {array: name for array, name in read[0].arrays.items() if array in _ARRAYS}
    source = str(path).encode(errors="replace").decode()
    return Scan(source, tuple(str(one) for one in found), arrays, read[0].origin, skip_invalid)


def _columns(path, renamed):
    file = files.opened(path)
    whole, names = kto.paired(file, files.names(file))
    if whole is not file:
        raise InputError(f"{path} holds one completion a row: read it with logs.read_pairs, which makes the pairs")
    return naming.chosen(file, names, renamed)
