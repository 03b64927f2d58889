"""Collective choice among responses: votes, rankings, preference games, best of n.

What enters aggregates preferences that no single reward need explain; fits of labels to one reward belong to ``fits``.
"""

from tabular.choice import (
    axioms,
    best_of_n,
    games,
    matrix,
    nash,
    plackett_luce,
    rankings,
    rules,
    self_play,
    transitivity,
    votes,
)

__all__ = [
    "axioms",
    "best_of_n",
    "games",
    "matrix",
    "nash",
    "plackett_luce",
    "rankings",
    "rules",
    "self_play",
    "transitivity",
    "votes",
]
