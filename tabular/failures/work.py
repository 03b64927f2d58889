"""How much a search may do, and has done: the same on every machine, about a microsecond a unit on a slow one."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Work"]


@dataclass
class Work:
    """Work that is done, of so much at most.

    >>> work = Work(most=1000.0)
    >>> work.add(400.0)
    >>> work.over, work.until(0.5)  # half of what is left
    (False, 700.0)
    """

    most: float = np.inf
    done: float = 0.0

    def add(self, units):
        self.done += units

    @property
    def over(self) -> bool:
        return self.done >= self.most

    def until(self, part) -> float:
        """What is done when a part of what is left is done, too."""
        return self.done + part * (self.most - self.done)
