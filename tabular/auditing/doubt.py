"""One suspicion of a log."""

import numpy as np

from tabular.base.record import Record
from tabular.logged.records import PairLog

__all__ = ["FIRST", "Doubt", "correlation", "first_rows"]

#: rows that a doubt names
FIRST = 5


class Doubt(Record):
    """One suspicion.

    Attributes:
        name: of the trap; share: of the pairs that show it, n: how many.
        what: the sign, what it means for the answer, and what to do, in one or two sentences.
        rows: the first five of them, counted from 1 as they stand in the file.
    """

    name: str
    share: float
    n: int
    what: str
    rows: tuple[int, ...] = ()

    def __str__(self):
        where = f" (rows {', '.join(map(str, self.rows))}{', ...' if self.n > len(self.rows) else ''})"
        return f"{self.name}, {100 * self.share:.1f} % of the pairs{where if self.rows else ''}: {self.what}"


def first_rows(log: PairLog, mask: np.ndarray) -> tuple[int, ...]:
    """The first rows of a mask over the pairs, as they stand in the file.

    >>> first_rows(PairLog("x", [-1.0, -2.0], [-2.0, -1.0]), np.array([False, True]))
    (2,)
    """
    return tuple(int(row) + 1 for row in log.row[np.flatnonzero(mask)[:FIRST]])


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, of values of any size; 0 where one side does not vary.

    >>> round(correlation(np.array([1e300, -1e300, 0.0]), np.array([1.0, -1.0, 0.0])), 12)
    1.0
    """
    with np.errstate(invalid="ignore"):  # an infinite value has no correlation
        units = [values / max(np.abs(values).max(), np.finfo(float).tiny) for values in (one, other)]
        left, right = (unit - unit.mean() for unit in units)
        size = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / size) if size > 0 else 0.0
