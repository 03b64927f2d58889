"""What the library makes of a recipe's parts."""

from typing import Any

import numpy as np

from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["preferences_of", "problem_of"]


def problem_of(parts: dict[str, Any]) -> Problem:
    """The problem that a recipe's parts describe."""
    logit, rows = (float, parts["log_ref"]) if "log_ref" in parts else (lambda x: np.log(float(x)), parts["ref"])
    log_weight = [np.array([-np.inf if x is None else logit(x) for x in row]) for row in rows]
    return Problem.from_unnormalized(
        log_weight, float(parts["beta"]), [np.array(row, float) for row in parts["reward"]]
    )


def preferences_of(parts: dict[str, Any], problem: Problem) -> Preferences:
    """The labels that a recipe's parts describe; those without a weight at the Bradley-Terry rates of the reward."""
    labels = parts["labels"]
    if labels[0][3] is None:
        return Preferences.from_bradley_terry(problem, [label[:3] for label in labels[::2]])
    return Preferences.from_pairs([(i, w, lo, float(weight)) for i, w, lo, weight in labels])
