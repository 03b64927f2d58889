"""Collective choice among responses: votes, rankings, preference games, best of n.

What enters aggregates preferences that no single reward need explain; fits of labels to one reward belong to ``fits``.
"""

from tabular.choice import games, matrix, nash, self_play

__all__ = ["games", "matrix", "nash", "self_play"]
