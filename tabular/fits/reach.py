"""How far margins may be from one another where labels balance them in floats."""

import numpy as np

from tabular.base import checks, digraph
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["FARTHEST", "check"]

FARTHEST = 1e13  # nats: floats of that size are 1/500 apart
_NEARER = "where labels form a cycle keep margins within 1e13 nats: beyond, rounding hides the log-ratios between them"


def check(problem: Problem, preferences: Preferences, margin, name="margin"):
    """Refuse margins that cycles weigh against one another and whose rounding hides what they balance.

    Args:
        margin: ``(n_pairs,)``; nothing is asked of labels of weight 0.

    Raises:
        InputError: a margin beyond 1e13 nats of a label inside a block.

    >>> problem, labels = Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1), (1, 0)])
    >>> check(problem, labels, np.array([0.0, 1e14]))
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: margin[1] is 100000000000000.0: where labels form a cycle keep margins within 1e13 \
nats: beyond, rounding hides the log-ratios between them
    """
    far = np.abs(margin) > FARTHEST
    if far.any():
        base, counted = preferences.prompt * problem.n_responses, preferences.log_weight > -np.inf
        winner, loser = base + preferences.winner, base + preferences.loser
        block = digraph.block_labels(digraph.adjacency(problem.log_ref.size, winner[counted], loser[counted]))
        checks.refuse(far & counted & (block[winner] == block[loser]), margin, name, _NEARER)
