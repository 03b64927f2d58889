"""Several arrays with a row for each of the same things: chosen, replaced and joined together."""

from dataclasses import fields

import numpy as np

__all__ = ["Rows"]


class Rows:
    """A dataclass whose fields are arrays of equally many rows.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Points(Rows):
    ...     x: np.ndarray
    ...     mass: np.ndarray
    >>> points = Points(np.array([1.0, 2.0, 3.0]), np.ones(3))
    >>> len(points), points[[2, 0]].x.tolist(), points.joined(points[[1]]).x.tolist()
    (3, [3.0, 1.0], [1.0, 2.0, 3.0, 2.0])
    """

    def __len__(self):
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, rows):
        return type(self)(*(getattr(self, one.name)[rows] for one in fields(self)))

    def put(self, rows, others):
        """With some rows replaced."""
        columns = [(getattr(self, one.name).copy(), getattr(others, one.name)) for one in fields(self)]
        for column, new in columns:
            column[rows] = new
        return type(self)(*(column for column, _ in columns))

    def joined(self, others):
        """With those of others behind."""
        return type(self)(*(np.concatenate([getattr(one, a.name) for one in (self, others)]) for a in fields(self)))
