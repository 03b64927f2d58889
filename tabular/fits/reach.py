"""How far margins may be from one another where cycles of labels balance them in floats."""

import numpy as np

from tabular.base import checks, digraph

__all__ = ["check"]

_FARTHEST = 1e13  # nats: floats of that size are 1/500 apart
_NEARER = "where labels form a cycle keep margins within 1e13 nats: beyond, rounding hides the log-ratios between them"


def check(margin, counted, n_nodes, winner, loser, name="margin"):
    """Refuse margins that cycles weigh against one another and whose rounding hides what they balance.

    Args:
        margin, counted, winner, loser: ``(n_labels,)``; nothing is asked of labels that do not count.

    Raises:
        InputError: a margin beyond 1e13 nats of a label inside a block.

    >>> check(np.array([0.0, 1e14]), np.array([True, True]), 2, np.array([0, 1]), np.array([1, 0]))
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: margin[1] is 100000000000000.0: where labels form a cycle keep margins within 1e13 \
nats: beyond, rounding hides the log-ratios between them
    """
    far = counted & (np.abs(margin) > _FARTHEST)
    if far.any():
        block = digraph.block_labels(digraph.adjacency(n_nodes, winner[counted], loser[counted]))
        checks.refuse(far & (block[winner] == block[loser]), margin, name, _NEARER)
