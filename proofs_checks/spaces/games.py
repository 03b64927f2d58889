"""Preference matrices as instances: the rates of each response over the earlier ones."""

import numpy as np

__all__ = ["matrix_of", "rates"]


def rates(draw, size, between=(0, 1)):
    """Rates of each response over the earlier ones; ends are drawn often."""
    return [[draw.number(*between) for _ in range(i)] for i in range(size)]


def matrix_of(rates):
    """P with P + Pᵀ = 1 from the rates of each response over the earlier ones.

    >>> matrix_of([[], [0.75]]).tolist()
    [[0.5, 0.25], [0.75, 0.5]]
    """
    size = len(rates)
    known = np.full((size, size), 0.5)
    for i, row in enumerate(rates):
        for j, rate in enumerate(row):
            known[i, j], known[j, i] = float(rate), 1 - float(rate)
    return known
