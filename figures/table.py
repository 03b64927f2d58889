"""The table behind a figure: named series and the settings they were computed with, saved as CSV beside the image."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = ["Table"]

_SETTING = "# "


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns, equal or ragged in length, with the settings that made them.

    Args:
        columns: name -> 1-D series of numbers, booleans or non-empty texts. A name that two curves would share says
            which curve it is: ``loss_misaligned``, ``loss_aligned``.
        settings: name -> number, text, or list of them: everything the caption has to tell.

    >>> table = Table({"delta": [-1.0, 0.1], "loss": [0.5]}, {"beta": 0.1})
    >>> table["delta"].tolist(), table.settings["beta"]
    ([-1.0, 0.1], 0.1)
    >>> print(table.to_text(), end="")
    # {"beta": 0.1}
    delta,loss
    -1.0,0.5
    0.1,
    """

    columns: Mapping[str, np.ndarray]
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        columns = {name: _series(name, values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "settings", json.loads(json.dumps(dict(self.settings), default=_plain)))

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @classmethod
    def joined(cls, parts: Mapping[str, "Table"]) -> "Table":
        """Several tables as one; :meth:`part` takes them out again.

        >>> Table.joined({"a": Table({"x": [1]}, {"beta": 2})}).part("a").settings
        {'beta': 2}
        """
        columns = {f"{name}.{column}": table[column] for name, table in parts.items() for column in table}
        return cls(columns, {name: table.settings for name, table in parts.items()})

    def part(self, name: str) -> "Table":
        """One of the tables that were joined."""
        prefix = f"{name}."
        columns = {column.removeprefix(prefix): self[column] for column in self if column.startswith(prefix)}
        return Table(columns, self.settings[name])

    def to_text(self) -> str:
        """CSV under one comment line with the settings as JSON; a column that has ended leaves its cells empty.

        Numbers are written with the shortest digits that read back as the same double.
        """
        out = io.StringIO()
        out.write(_SETTING + json.dumps(self.settings, ensure_ascii=False) + "\n")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        cells = [series.tolist() for series in self.columns.values()]
        for row in range(max(map(len, cells), default=0)):
            writer.writerow([column[row] if row < len(column) else "" for column in cells])
        return out.getvalue()

    def to_csv(self, path: str | Path) -> None:
        """The same bytes for the same table, on every machine."""
        Path(path).write_bytes(self.to_text().encode())

    @classmethod
    def from_csv(cls, path: str | Path) -> "Table":
        """The table that :meth:`to_csv` wrote, equal to the last bit."""
        head, _, body = Path(path).read_text(encoding="utf-8").partition("\n")
        names, *rows = csv.reader(io.StringIO(body))
        series = {name: [row[i] for row in rows if row[i] != ""] for i, name in enumerate(names)}
        return cls({name: _parsed(cells) for name, cells in series.items()}, json.loads(head.removeprefix(_SETTING)))


def _series(name, values):
    series = np.array(values)
    if series.ndim != 1 or series.dtype.kind not in "iufbU":
        raise ValueError(f"column {name!r} must be a 1-D series of numbers or texts, not {series.dtype}{series.shape}")
    series.flags.writeable = False
    return series


def _plain(value):
    """Numpy scalars and arrays as JSON knows them."""
    return value.tolist()


def _parsed(cells):
    for convert in (int, float, {"True": True, "False": False}.__getitem__):
        try:
            return [convert(cell) for cell in cells]
        except (ValueError, KeyError):
            continue
    return cells
