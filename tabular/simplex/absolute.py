r"""Losses of the log-ratios themselves, minimised over policies: which theorem decides which loss.

* DPO with an SFT term, and Xu et al.'s CPO: :mod:`tabular.simplex.sft`.
* Losses that do not couple their two responses (NCA, SPPO, BCO; KTO and APO-zero up to beta = 1):
  :mod:`tabular.simplex.allocation`.
* SquaredPO: a link, though not monotone, :mod:`tabular.fits.link_solution`.
"""

import numpy as np

from tabular.errors import InputError
from tabular.losses.absolute import WithSft
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import allocation, sft
from tabular.simplex.minimum import Minimum, stationarity, value
from tabular.status import Status

_PROBES = np.array([-7.0, -1.0, -0.2, 0.5, 3.0])  # log-ratios at which a loss is asked whether it couples


def separable(form) -> bool:
    """Whether a loss couples its two responses nowhere; asked at 25 points, which decides for any closed formula.

    >>> from tabular import losses
    >>> separable(losses.get("nca_pair").form), separable(losses.get("apo_down").form)
    (True, False)
    """
    if not hasattr(form, "curvature") or form.kind != "absolute" or getattr(form, "batch", False):
        return False
    r_w, r_l = (r.ravel() for r in np.meshgrid(_PROBES, _PROBES))
    _, cross, _ = form.curvature(Pair(r_w - 9.0, r_l - 9.0, np.full(25, -9.0), np.full(25, -9.0), 0.7))
    return bool((np.broadcast_to(cross, 25) == 0).all())


def by_allocation(problem: Problem, preferences: Preferences, loss) -> Minimum:
    """Losses that do not couple their responses, as far as the theorem of :mod:`tabular.simplex.allocation` goes."""
    preferences.check_against(problem)
    form, wishes = loss.form, _wishes(problem, preferences, loss.form)
    found = allocation.allocate(wishes)
    zero = (np.isneginf(found.log_policy) & problem.present).any(axis=1)
    verdicts = np.where(zero, 2, (found.n_neutral > 1).astype(int))
    statuses = [(Status.UNIQUE, Status.SET, Status.UNATTAINED)[v] for v in verdicts]
    nu, residual = stationarity(problem, preferences, form, found.log_policy)
    infimum = float(value(problem, preferences, form, found.log_policy).sum())
    dimension = np.maximum(found.n_neutral - 1, 0)
    return Minimum(problem, preferences, loss, statuses, infimum, infimum, found.log_policy, nu, dimension, residual)


def _wishes(problem, preferences, form):
    """Weights by response, the largest of each prompt 1."""
    base, log_weight = preferences.prompt * problem.n_responses, preferences.log_weight
    log_weight = log_weight - _tops(problem, preferences)[preferences.prompt]
    tallies = np.full((2, problem.log_ref.size), -np.inf)
    for tally, end in zip(tallies, (preferences.winner, preferences.loser), strict=True):
        np.logaddexp.at(tally, base + end, log_weight)
    won, lost = tallies.reshape(2, *problem.log_ref.shape)
    log_ref = np.where(problem.present, problem.log_ref, 0.0)
    return allocation.wishes_of(form)(form, problem.present, log_ref, problem.beta, won, lost)


def by_winners(problem: Problem, preferences: Preferences, loss) -> Minimum:
    """DPO with an SFT term of positive weight (:mod:`tabular.simplex.sft`)."""
    form, counted = loss.form, preferences.check_against(problem).counted()
    if form.alpha == 0:
        raise InputError("alpha is 0: this is DPO, a loss of differences; solve it as such")
    pull = _pulls(problem, preferences, form)
    wins = pull > -np.inf
    log_policy = np.where(wins, 0.0, -np.inf)
    n_winners = wins.sum(axis=1)
    log_policy[n_winners == 0] = problem.log_ref[n_winners == 0]
    for k in np.unique(n_winners[n_winners > 0]):
        rows = np.flatnonzero(n_winners == k)
        log_policy[rows[:, None], _places(wins[rows])] = sft.minimise(_batch(problem, counted, form, pull, rows, wins))
    statuses = [_status(*row) for row in zip(n_winners, problem.present.sum(axis=1), strict=True)]
    nu, residual = stationarity(problem, counted, form, log_policy)
    infimum = float(value(problem, counted, form, log_policy).sum())
    dimension = np.where(n_winners == 0, problem.present.sum(axis=1) - 1, 0)
    return Minimum(problem, preferences, loss, statuses, infimum, infimum, log_policy, nu, dimension, residual)


def _status(n_winners, n_present):
    if n_winners == 0:
        return Status.SET if n_present > 1 else Status.UNIQUE
    return Status.UNIQUE if n_winners == n_present else Status.UNATTAINED


def _pulls(problem, preferences, form):
    """``(n_prompts, n_responses)`` of log a, the weights of each prompt's labels at most 1; -inf for never-winners."""
    tokens = np.log(preferences.per_pair(form.n_w, "n_w"))
    pull = np.full(problem.log_ref.size, -np.inf)
    at = preferences.prompt * problem.n_responses + preferences.winner
    log_weight = preferences.log_weight - _tops(problem, preferences)[preferences.prompt]
    np.logaddexp.at(pull, at, np.log(form.alpha) + log_weight - tokens)
    return pull.reshape(problem.log_ref.shape)


def _tops(problem, preferences):
    top = np.full(problem.n_prompts, -np.inf)
    np.maximum.at(top, preferences.prompt, preferences.log_weight)
    return np.where(np.isneginf(top), 0.0, top)


def _places(chosen):
    """The columns of the chosen entries, for rows that have equally many."""
    return np.nonzero(chosen)[1].reshape(len(chosen), -1)


def _batch(problem, labels, form, pull, rows, wins):
    row_of = np.full(problem.n_prompts, -1)
    row_of[rows] = np.arange(len(rows))
    prompt, winner, loser = labels.prompt, labels.winner, labels.loser
    kept = (row_of[prompt] >= 0) & wins[prompt, winner] & wins[prompt, loser]
    prompt, winner, loser = prompt[kept], winner[kept], loser[kept]
    place = np.cumsum(wins, axis=1) - 1
    log_weight = (labels.log_weight - _tops(problem, labels)[labels.prompt])[kept]
    gap = problem.log_ref[prompt, winner] - problem.log_ref[prompt, loser]
    return sft.Batch(
        pull[rows[:, None], _places(wins[rows])],
        row_of[prompt],
        place[prompt, winner],
        place[prompt, loser],
        log_weight,
        np.zeros(len(gap)) if form.reference_free else problem.beta * gap,
        problem.beta,
    )


def solve(problem: Problem, preferences: Preferences, loss) -> Minimum:
    """The least value of a loss of kind "absolute", and a policy that attains or approaches it."""
    if isinstance(loss.form, WithSft):
        return by_winners(problem, preferences, loss)
    return by_allocation(problem, preferences, loss)
