"""Families that are not written out: the points of a grid, by their number."""

import math
import operator
from typing import Self

import numpy as np

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError

__all__ = ["Grid"]


class Grid(Record):
    """Every combination of the values of its axes, the last axis fastest: a ``range`` in several dimensions.

    A slice is a grid again and holds the axes alone; ``grid[name]`` is an axis's value at each of its points.

    Args:
        axes: name -> values, each a list of at least one number.
        start, stop: the points, by number, that this grid is; all by default.

    Raises:
        InputError: no axis, an axis that is empty or no list of numbers, or a place outside the grid.

    >>> grid = Grid({"beta": [0.1, 1.0], "gain": [0.0, 1.0, 2.0]})
    >>> len(grid), grid[2:5]["beta"].tolist(), grid[2:5]["gain"].tolist()
    (6, [0.1, 1.0, 1.0], [2.0, 0.0, 1.0])
    """

    axes: dict[str, np.ndarray]
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.axes, dict) or not self.axes:
            raise InputError(f"axes is {checks.brief(self.axes)}: give a dict of at least one name and its values")
        names = checks.names(self.axes, "the names of the axes")
        axes = {name: checks.numbers(self.axes[name], name) for name in names}
        for name, values in axes.items():
            if values.ndim != 1 or not values.size:
                raise InputError(f"the axis {name} has shape {values.shape}: give a list of at least one number")
        size = math.prod(len(values) for values in axes.values())
        start = checks.whole_number(self.start, "start", least=0)
        stop = size if self.stop is None else checks.whole_number(self.stop, "stop", least=start)
        if stop > size:
            raise InputError(f"stop is {stop}: the grid has {size} points")
        for name, value in (("axes", axes), ("start", start), ("stop", stop)):
            object.__setattr__(self, name, value)
        super().__post_init__()

    def __len__(self) -> int:
        assert self.stop is not None
        return self.stop - self.start

    def __getitem__(self, key: slice | str):
        """Fewer points, or an axis's value at each: a float array ``(len(self),)``."""
        if isinstance(key, slice):
            return self._part(key)
        place = list(self.axes).index(checks.choice(key, {name: name for name in self.axes}, "axis"))
        sizes = [len(values) for values in self.axes.values()]
        assert self.stop is not None
        step = np.arange(self.start, self.stop) // math.prod(sizes[place + 1 :])
        return self.axes[key][step % sizes[place]]

    def _part(self, key: slice) -> Self:
        points = range(self.start, self.start + len(self))[key]
        if points.step != 1:
            raise InputError(f"a grid has no slice with step {operator.index(key.step)}: take every point of it")
        return type(self)(self.axes, points.start, max(points.start, points.stop))
