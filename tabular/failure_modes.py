"""Every way the DPO loss can fall while the policy prefers the wrong response, pair by pair, each with a policy.

>>> from tabular import Preferences, Problem
>>> problem = Problem.from_probabilities([0.2, 0.5, 0.3], beta=1)
>>> labels = Preferences.from_pairs([(0, 1)])
>>> thresholds(problem, labels).round(6).tolist()
[0.336472]
>>> row = find(problem, labels).rows[0]
>>> [kind.value for kind in row.kinds]
['pessimistic_reference', 'loss_falls_while_inverted', 'chosen_probability_falls', 'mass_to_unlabelled']
>>> witness = row.findings[Kind.LOSS_FALLS_WHILE_INVERTED].witness
>>> round(witness.loss, 6), round(witness.delta, 6)  # below log 2, and response 1 still preferred
(0.506509, -0.5)
"""

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.errors import InputError
from tabular.failures.any_loss import LossThresholds
from tabular.failures.any_loss import frontier as loss_frontier
from tabular.failures.any_loss import thresholds as solve_loss_thresholds
from tabular.failures.frontier import Bounds, Frontier, frontier, known, left_open, separable_thresholds
from tabular.failures.frontier import separable as separable_frontier
from tabular.failures.inversion import Inversions, deepest
from tabular.failures.kinds import Finding, Kind, Witness
from tabular.failures.movement import Movement, movement
from tabular.failures.report import FailureReport, Row, find
from tabular.failures.thresholds import Thresholds
from tabular.failures.thresholds import solve as solve_thresholds
from tabular.failures.together import InvertedSet, inverted_sets, joint_threshold, largest_inverted_set
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = [
    "Bounds",
    "FailureReport",
    "Finding",
    "Frontier",
    "Inversions",
    "InvertedSet",
    "Kind",
    "LossThresholds",
    "Movement",
    "Row",
    "Thresholds",
    "Witness",
    "accuracy_bounds",
    "deepest",
    "find",
    "frontier",
    "inverted_sets",
    "joint_threshold",
    "largest_inverted_set",
    "loss_frontier",
    "movement",
    "separable_frontier",
    "separable_thresholds",
    "solve_loss_thresholds",
    "solve_thresholds",
    "thresholds",
    "worst_case_accuracy",
]


@takes_nouns
@one_thread
def thresholds(problem: Problem, preferences: Preferences, loss: Loss | None = None) -> np.ndarray:
    r"""``(n_pairs,)`` of :math:`v_i=\inf\{L(\pi):\delta_i\le 0\}`, as mean loss in nats.

    Args:
        loss: of :mod:`tabular.losses`, convex and of differences; DPO by default.

    Mean loss below v_i implies that pair i is ranked correctly (proof in :mod:`tabular.failures.thresholds`);
    :func:`solve_thresholds` (for other losses :func:`solve_loss_thresholds`) returns multipliers, statuses and witness
    policies too.

    Raises:
        InputError: labels that the problem does not have, a loss for which thresholds are not exact.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> thresholds(problem, Preferences.from_pairs([(0, 1)])).round(6).tolist()
    [0.693147]
    """
    if _is_dpo(loss):
        return solve_thresholds(problem, preferences).value
    return solve_loss_thresholds(problem, preferences, loss).value


@takes_nouns
@one_thread
def worst_case_accuracy(
    problem: Problem,
    preferences: Preferences,
    loss_level: ArrayLike,
    loss: Loss | None = None,
    limit: int | None = None,
) -> np.ndarray:
    """The least possible fraction, by label weight, of pairs with delta > 0 at mean loss at most ``loss_level``.

    To find it is NP-hard. It is searched for by branch and bound (:mod:`tabular.failures.decided`), which most problems
    of up to 20 responses and 80 labels end in tenths of a second. Of several levels, each that the frontier of all
    leaves open is searched by itself.

    Args:
        loss_level: in nats, a number or an array; a tie is not correct, and a level that policies only approach counts
            as theirs. The result has its shape.
        loss: of :mod:`tabular.losses`, a convex loss of differences; DPO by default. Others than
            DPO are searched for components of up to 10 labels.
        limit: under DPO, decisions about labels that are looked at for one level at most, or tie patterns of a piece
            where there are too many labels to decide about. None for as many as take tenths of a second, a second or
            two where there are more than 20 responses and 80 labels.

    Raises:
        InputError: no level, a level below the infimum of the loss, one at which only bounds are known, or a loss for
            which the search is not exact.

    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1)])
    >>> worst_case_accuracy(problem, labels, [0.1, 0.2, 0.6]).tolist(), worst_case_accuracy(problem, labels, 0.2)
    ([1.0, 0.5, 0.0], 0.5)
    """
    bounds = _bounds(problem, preferences, loss_level, loss, limit)
    return _plain(known(bounds, loss_level))


@takes_nouns
@one_thread
def accuracy_bounds(
    problem: Problem,
    preferences: Preferences,
    loss_level: ArrayLike,
    loss: Loss | None = None,
    limit: int | None = None,
) -> Bounds:
    """Certified bounds on :func:`worst_case_accuracy`, for problems of any size.

    It is the same search, with the same arguments: where it ends the bounds are equal and exact. Where it does not, a
    higher ``limit`` makes them tighter.

    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> accuracy_bounds(problem, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)]), 0.2)
    Bounds(lower=0.5, upper=0.5)
    """
    bounds = _bounds(problem, preferences, loss_level, loss, limit)
    return Bounds(_plain(bounds.lower), _plain(bounds.upper))


def _is_dpo(loss):
    return loss is None or loss.name == "dpo"  # no other loss may take that name


def _bounds(problem, preferences, loss_level, loss, limit):
    """By the frontier of all levels, and where it leaves one of several open, by that of this one alone."""
    level = checks.numbers(loss_level, "loss_level")
    limit = checks.limit(limit)
    checks.refuse(np.isnan(level), level, "loss_level", "give a number, in nats")
    if level.size == 0:
        raise InputError("loss_level is empty: give at least one level, in nats")
    if not _is_dpo(loss):
        return loss_frontier(problem, preferences, loss).bounds(level)
    highest, lowest = float(level.max()), float(level.min())
    whole = frontier(problem, preferences, highest, limit if lowest == highest else None, lowest).bounds(level)
    if lowest == highest:
        return whole
    lower, upper = whole.lower.copy(), whole.upper.copy()
    for place in zip(*np.nonzero(left_open(whole)), strict=True):
        at = float(level[place])
        alone = frontier(problem, preferences, at, limit, at).bounds(at)
        lower[place], upper[place] = max(lower[place], alone.lower), min(upper[place], alone.upper)
    return Bounds(lower, upper)


def _plain(values):
    return float(values) if values.ndim == 0 else values
