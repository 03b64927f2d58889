r"""The most pairs that fit into a budget, the cheapest first, of prices too many to sort.

A price is counted by its leading bits: its exponent and six bits of its mantissa, which cost nothing to read off a
double and keep the order. A step of this histogram is at most 1/64 wide, relative, and holds how many prices and their
sum. All steps below the one in which the budget L runs out fit. Of that step's n prices, with sum P and between p and
q, at least :math:`\lfloor Ln/P\rfloor` fit, because the cheapest k cost at most their share kP/n; and at most
:math:`L/p`, and at most those k that leave :math:`P-(n-k)q\le L`. Histograms add up, in any order of work.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Frontier", "of_prices", "together"]

#: bits of a double below the ones that are read: 52 of the mantissa but for six
_SHIFT = 46


class Frontier(NamedTuple):
    """A histogram of prices: ``(n_steps,)`` leading bits, ascending; how many prices; their sum."""

    bits: np.ndarray
    n: np.ndarray
    spent: np.ndarray

    def fits(self, budget: float) -> tuple[int, int]:
        """At least and at most how many prices fit into a budget.

        >>> of_prices(np.array([2.0, 0.1, 0.5, 0.5])).fits(0.7)
        (2, 2)
        >>> of_prices(np.linspace(1.0, 1.015, 100)).fits(50.3)
        (49, 50)
        """
        spent = np.cumsum(self.spent)
        full = int(np.searchsorted(spent, budget, side="right"))
        fit = int(self.n[:full].sum())
        if full == len(spent):
            return fit, fit
        left, n, total = budget - (spent[full - 1] if full else 0.0), int(self.n[full]), self.spent[full]
        low, high = (np.array([self.bits[full], self.bits[full] + 1]) << _SHIFT).view(float)
        fewest = int(left * n / total)
        cheap = left / low if low > 0 else n
        dear = n - (total - left) / high if np.isfinite(total) else n
        return fit + fewest, fit + max(fewest, min(n, int(cheap), int(dear)))


@np.errstate(invalid="ignore")
def of_prices(prices: np.ndarray) -> Frontier:
    """The histogram of some prices, at least one, none below 0.

    >>> of_prices(np.array([0.5, 2.0, 0.5])).n.tolist()
    [2, 1]
    """
    bits = (prices + 0.0).view(np.int64) >> _SHIFT  # -0 is 0
    first = bits.min()
    n = np.bincount(bits - first)
    there = np.flatnonzero(n)
    return Frontier(there + first, n[there], np.bincount(bits - first, prices)[there])


def together(parts: list[Frontier]) -> Frontier:
    """The histogram of all prices of several; sums are added in the order of the parts.

    >>> together([of_prices(np.array([0.5])), of_prices(np.array([2.0, 0.5]))]).spent.tolist()
    [1.0, 2.0]
    """
    bits, place = np.unique(np.concatenate([part.bits for part in parts]), return_inverse=True)
    n = np.bincount(place, np.concatenate([part.n for part in parts])).astype(np.int64)
    return Frontier(bits, n, np.bincount(place, np.concatenate([part.spent for part in parts])))
