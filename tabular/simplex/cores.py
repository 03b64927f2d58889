"""DPOP, solved on all prompts: the prompts with equally many core responses together."""

import numpy as np

from tabular.base import digraph
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import dpop
from tabular.simplex.minimum import VERDICTS, Minimum, among, label_pairs, log_totals, places, refuse_beyond

__all__ = ["by_core"]

_SLACK = 1e-11  # of the heaviest weight: a multiplier this small is 0 but for rounding
_ROOM = 1e-9  # nats: log-ratios this close to the kink are at it


def by_core(problem: Problem, preferences: Preferences, loss) -> Minimum:
    """DPOP with a positive penalty (:mod:`tabular.simplex.dpop`)."""
    form = loss.form
    base = preferences.prompt * problem.n_responses
    winner, loser = base + preferences.winner, base + preferences.loser
    core = dpop.core(problem.log_ref.size, winner, loser).reshape(problem.log_ref.shape)
    losing = np.bincount(loser, minlength=core.size).reshape(core.shape) > 0
    free, sinking = problem.present & ~core & ~losing, ~core & losing
    log_policy = np.where(free, problem.log_ref, -np.inf)
    (nu, violation), n_core = np.zeros((2, len(core))), core.sum(axis=1)
    refuse_beyond(n_core, dpop.LARGEST, "responses that lead to a cycle of labels", loss)
    for k in np.unique(n_core[n_core > 0]):
        rows = np.flatnonzero(n_core == k)
        columns = places(core[rows])
        x, nu[rows], violation[rows] = dpop.minimise(_core_batch(problem, preferences, form, rows, core, columns))
        log_policy[rows] = -np.inf
        log_policy[rows[:, None], columns] = x
    log_ref = np.where(problem.present, problem.log_ref, 0.0)
    spare = (nu > -_SLACK) & (n_core > 0)
    room = np.where(core, log_policy - log_ref, np.inf).min(axis=1)
    shared = spare & (room > _ROOM) & free.any(axis=1)
    log_policy[shared] = np.where(core, log_policy - room[:, None] / 2, log_policy)[shared]
    log_policy = _filled(log_policy, problem.log_ref, free & (shared | (n_core == 0))[:, None])
    unsettled = sinking.any(axis=1) | (free.any(axis=1) & (n_core > 0) & ~shared)
    pieces = _pieces(winner, loser, core)
    dimension = np.where(n_core == 0, free.sum(axis=1), np.where(spare, pieces + shared * free.sum(axis=1), 1)) - 1
    verdicts = np.where(unsettled, 2, (dimension > 0).astype(int))
    verdicts[violation > dpop.CERTIFIED] = 3
    statuses = [VERDICTS[verdict] for verdict in verdicts]
    inner = core[preferences.prompt, preferences.loser]
    pair = label_pairs(problem, preferences, log_policy)
    cost = np.exp(preferences.log_share[inner]) * form.value(Pair(*(part[inner] for part in pair[:4]), problem.beta))
    values = np.bincount(preferences.prompt[inner], cost, problem.n_prompts)
    bound = float(values[verdicts != 3].sum())  # no label costs less than 0
    nu = nu * np.exp(log_totals(problem, preferences))
    residual = float(violation.max())
    return Minimum(
        problem, preferences, loss, statuses, float(values.sum()), bound, log_policy, nu, dimension, residual
    )


def _core_batch(problem, labels, form, rows, core, columns):
    _, row, winner, loser, log_weight = among(problem, labels, rows, core)
    log_ref = problem.log_ref[rows[:, None], columns]
    return dpop.Core(log_ref, row, winner, loser, np.exp(log_weight), problem.beta, form.lam)


def _filled(log_policy, log_ref, chosen):
    """Rows whose chosen responses take what the others leave, as the reference divides it."""
    rows = chosen.any(axis=1)
    others = np.where(chosen, -np.inf, log_policy)[rows]
    rest = np.log(-np.expm1(np.logaddexp.reduce(others, axis=1)))
    share = np.where(chosen, log_ref, -np.inf)[rows]
    filled = share - np.logaddexp.reduce(share, axis=1)[:, None] + rest[:, None]
    log_policy[rows] = np.where(chosen[rows], filled, log_policy[rows])
    return log_policy


def _pieces(winner, loser, core):
    """How many connected pieces the core of each prompt has."""
    inner = core.ravel()[loser] & core.ravel()[winner]
    piece = digraph.components(core.size, winner[inner], loser[inner]).reshape(core.shape)
    return np.array([len(set(row[mine].tolist())) for row, mine in zip(piece, core, strict=True)])
