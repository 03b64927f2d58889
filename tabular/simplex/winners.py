"""DPO with an SFT term, solved on all prompts: the prompts with equally many winners together."""

import numpy as np

from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import sft
from tabular.simplex.minimum import Minimum, among, places, record, scaled

__all__ = ["by_winners"]

_STEEPEST = 1e12  # beta: rounding of log-probabilities makes 1e-4 of a margin there, and soon all of it


def by_winners(problem: Problem, preferences: Preferences, loss) -> Minimum:
    """DPO with an SFT term of positive weight (:mod:`tabular.simplex.sft`)."""
    form = loss.form
    if problem.beta > _STEEPEST:
        rule = f"with an SFT term margins are of log-probabilities, whose rounding they are beyond {_STEEPEST:g}"
        raise InputError(f"beta is {problem.beta:.10g}: {rule}; give a smaller one")
    pull = _pulls(problem, preferences, form)
    wins = pull > -np.inf
    log_policy = np.where(wins, 0.0, -np.inf)
    n_winners = wins.sum(axis=1)
    log_policy[n_winners == 0] = problem.log_ref[n_winners == 0]
    for k in np.unique(n_winners[n_winners > 0]):
        rows = np.flatnonzero(n_winners == k)
        log_policy[rows[:, None], places(wins[rows])] = sft.minimise(
            _batch(problem, preferences, form, pull, rows, wins)
        )
    n_present = problem.present.sum(axis=1)
    verdicts = np.where(n_winners == 0, (n_present > 1).astype(int), np.where(n_winners == n_present, 0, 2))
    dimension = np.where(n_winners == 0, n_present - 1, 0)
    nothing = np.full(problem.n_prompts, np.nan)
    return record(problem, preferences, loss, log_policy, verdicts, dimension, nothing, nothing)


def _pulls(problem, preferences, form):
    """``(n_prompts, n_responses)`` of log a, the weights of each prompt's labels at most 1; -inf for never-winners."""
    tokens = np.log(preferences.per_pair(form.n_w, "n_w"))
    pull = np.full(problem.log_ref.size, -np.inf)
    at = preferences.prompt * problem.n_responses + preferences.winner
    np.logaddexp.at(pull, at, np.log(form.alpha) + scaled(problem, preferences) - tokens)
    return pull.reshape(problem.log_ref.shape)


def _batch(problem, labels, form, pull, rows, wins):
    kept, row, winner, loser, log_weight = among(problem, labels, rows, wins)
    gap = labels.delta(problem.log_ref)[kept]
    offset = np.zeros(len(gap)) if form.reference_free else problem.beta * gap
    return sft.Batch(pull[rows[:, None], places(wins[rows])], row, winner, loser, log_weight, offset, problem.beta)
