r"""Policies that invert pairs strictly while the loss is below its start: the tie's, with the winner a little lower.

Where a pair is tied at the loss v, below the start's, a policy that has its winner lower by u and all else as it is
pays :math:`\sum\bar w\,[\mathrm{sp}(-h\pm\beta u)-\mathrm{sp}(-h)]` more, over the labels of the winner alone. It is
convex in u and 0 at 0, so what it may cost bounds u by one number; a power of 2 below that is taken.
"""

import numpy as np

from tabular.base.log_space import normalised, softplus
from tabular.failures import thresholds
from tabular.failures.infimum import Infimum
from tabular.failures.inversion import deepest
from tabular.failures.ties import Groups
from tabular.preferences import Preferences

__all__ = ["STEPS", "inverting_rows"]

#: How far a winner is lowered, in nats, here of beta u: from what is far to what rounding leaves no room for.
STEPS = np.exp2(np.arange(3, -45, -1.0))


def inverting_rows(found: thresholds.Thresholds, preferences: Preferences, pairs, start: float) -> np.ndarray:
    """``(n, n_responses)`` log-policy of each pair's prompt, with delta < 0 and at most half-way from v to the start.

    Args:
        pairs: ``(n,)`` positions of pairs with v below the start, a loss.
    """
    at, room = found.at, (start - found.value[pairs]) / 2
    rows = _tied_rows(found, pairs)
    by = _room_for(at, rows, pairs, room)
    n_responses, each = rows.shape[1], np.arange(len(pairs))
    winner, loser = at.winner[pairs] % n_responses, at.loser[pairs] % n_responses
    rows[each, winner] -= by
    rows = normalised(rows)
    left = np.flatnonzero((by == 0) | ~(rows[each, winner] < rows[each, loser]))
    if left.size:  # rounding leaves no room for such a step
        level = found.value[pairs[left]] + room[left]
        rows[left] = deepest(at.graph.problem, preferences, level, pairs[left], at).rows()
    return rows


def _tied_rows(found, pairs):
    """The rows of the thresholds' witnesses."""
    at, n_responses = found.at, found.at.graph.problem.n_responses
    rows = at.log_policy[at.winner[pairs] // n_responses]
    bound = np.flatnonzero(found.binds[pairs])
    rows[bound] = at.rows(pairs[bound], 0.0)
    for index in np.flatnonzero(~at.bounded[pairs]):
        rows[index] = thresholds.lowered(at, pairs[index], -1.0)
    return rows


def _room_for(at: Infimum, rows, pairs, room):
    """How far each pair's winner can be lowered, in nats of delta; 0 where no step costs so little."""
    graph, problem = at.graph, at.graph.problem
    share, margin, pair, way = [], [], [], []
    for end, other, sign in ((graph.winner, graph.loser, 1.0), (graph.loser, graph.winner, -1.0)):
        labels, owner = Groups.of(end, len(graph.component)).gather(at.winner[pairs])
        above = problem.log_ref.ravel()[end[labels]] - problem.log_ref.ravel()[other[labels]]
        n = problem.n_responses
        h = problem.beta * (rows[owner, end[labels] % n] - rows[owner, other[labels] % n] - above)
        for part, values in zip(
            (share, margin, pair, way), (graph.log_share[labels], sign * h, owner, sign), strict=True
        ):
            part.append(np.broadcast_to(values, labels.shape))
    share, margin, pair, way = np.exp(np.concatenate(share)), *(np.concatenate(part) for part in (margin, pair, way))
    before, by = softplus(-margin), np.zeros(len(pairs))
    for step in STEPS:
        more = np.bincount(pair, share * (softplus(way * step - margin) - before), len(pairs))
        by = np.where((by == 0) & (more <= room), step, by)
        if by.all():
            break
    return by / problem.beta
