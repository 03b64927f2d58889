r"""Losses of the log-ratios themselves, minimised over policies: which theorem decides which loss.

* DPO with an SFT term, and Xu et al.'s CPO: :mod:`tabular.simplex.sft`.
* Losses that do not couple their two responses (NCA, SPPO, BCO, KTO, APO-zero): :mod:`tabular.simplex.allocation`,
  for KTO and APO-zero beyond beta = 1 :mod:`tabular.simplex.sharing`, LOCAL where too many shares are as good; where
  nobody is there to take what is left, LOCAL, :mod:`tabular.simplex.surfeit`.
* DPOP: :mod:`tabular.simplex.dpop`.
* APO-down with an unlabelled response: its infimum is a minimum feedback arc set, :mod:`tabular.simplex.local`.
* Everything else (ORPO, a user's own): the lowest of many descents, LOCAL, with a proved bound where there is one.
"""

from dataclasses import replace

import numpy as np

from tabular.losses.absolute import ApoDown, ApoZero, Bco, Dpop, Kto, Nca, Orpo, Sppo, WithSft
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import allocation, local, rankings, surfeit
from tabular.simplex.cores import by_core
from tabular.simplex.minimum import Minimum, log_totals, record, refuse_beyond, scaled, value
from tabular.simplex.winners import by_winners
from tabular.simplex.wishes import Wishes, wishes_of

__all__ = ["by_allocation", "by_descent", "separable", "solve", "wishes"]

_NCA_LEAST = np.log(1.5) + np.log(3) / 2  # of sp(-x) + sp(x)/2, at x = log 2; the loser's term is above 0
_ENTRIES = 2**15  # of second derivatives of prompts that are descended together, each from some 60 starts
_PROBES = np.array([-7.0, -1.0, -0.2, 0.5, 3.0])  # log-ratios at which a loss is asked whether it couples


def separable(form) -> bool:
    """Whether a loss couples its two responses nowhere; asked at 25 points, which decides for any closed formula.

    >>> from tabular import losses
    >>> [separable(losses.get(name).form) for name in ("nca_pair", "apo_down", "dpo")]
    [True, False, False]
    """
    if not hasattr(form, "curvature") or form.kind != "absolute" or getattr(form, "batch", False):
        return False
    r_w, r_l = (r.ravel() for r in np.meshgrid(_PROBES, _PROBES))
    _, cross, _ = form.curvature(Pair(r_w - 9.0, r_l - 9.0, np.full(25, -9.0), np.full(25, -9.0), 0.7))
    return bool((np.broadcast_to(cross, 25) == 0).all())


def by_allocation(problem: Problem, preferences: Preferences, loss, rng) -> Minimum:
    """Losses that do not couple their responses: the theorem of :mod:`tabular.simplex.allocation`, else descents."""
    wanting = wishes(problem, preferences, loss.form)
    found = allocation.allocate(wanting)
    log_policy, undecided = found.log_policy, np.flatnonzero(~found.decided)
    if isinstance(loss.form, surfeit.FORMS):

        def search(part, piece):
            return surfeit.lowest(part, wanting.of(piece), log_policy[piece])

    else:
        search = _descents(problem, loss.form, rng, undecided)
    values, bounds = _searched(problem, preferences, loss.form, search, undecided, log_policy)
    zero, told = (np.isneginf(log_policy) & problem.present).any(axis=1), ~np.isnan(found.missed)
    verdicts = np.where(zero, 2, (found.n_neutral > 1).astype(int))
    verdicts[~found.decided | (found.missed > 0)] = 3
    if told.any():
        values[told] = value(problem, preferences, loss.form, log_policy, told)[told]
        bounds[told] = values[told] - (found.missed * np.exp(log_totals(problem, preferences)))[told]
    dimension = np.maximum(found.n_neutral - 1, 0)
    return record(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds)


def by_descent(problem: Problem, preferences: Preferences, loss, rng) -> Minimum:
    """Any loss of the log-ratios: the lowest that descents find, a bound where :mod:`tabular.simplex.local` has one."""
    prompts = np.arange(problem.n_prompts)
    labelled = np.isin(prompts, preferences.prompt)
    log_policy = problem.log_ref.copy()
    search = _descents(problem, loss.form, rng, prompts[labelled])
    values, bounds = _searched(problem, preferences, loss.form, search, prompts[labelled], log_policy)
    n_present = problem.present.sum(axis=1)
    verdicts = np.where(labelled, 3, (n_present > 1).astype(int))
    dimension = np.where(labelled, 0, n_present - 1)
    if isinstance(loss.form, ApoDown):
        idle = _unlabelled(problem, preferences)
        known = labelled & idle.any(axis=1) & (n_present - idle.sum(axis=1) <= rankings.RANKED)
        verdicts[known], values[known] = 2, bounds[known]
        dimension[known] = idle.sum(axis=1)[known] - 1
        ends = np.where(idle, problem.log_ref, -np.inf)[known]
        log_policy[known] = ends - np.logaddexp.reduce(ends, axis=1)[:, None]
    return record(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds)


def _descents(problem, form, rng, prompts):
    """What looks for the lowest of many descents, if some prompts are not too large for it."""
    refuse_beyond(problem.present.sum(axis=1)[prompts], local.LARGEST, "responses", form)
    return lambda part, piece: local.lowest(part, rng)


def _searched(problem, preferences, form, search, prompts, log_policy):
    """Lowest values and bounds of some prompts, as shares of the whole loss; their rows of the policy are replaced."""
    mass = np.bincount(preferences.prompt, np.exp(preferences.log_share), problem.n_prompts)
    values, bounds = np.full(problem.n_prompts, np.nan), np.full(problem.n_prompts, np.nan)
    pieces = -(-prompts.size * problem.n_responses**2 // _ENTRIES)
    for piece in np.array_split(prompts, pieces) if pieces else []:
        mine = np.isin(preferences.prompt, piece)
        columns = (preferences.winner, preferences.loser, preferences.log_weight)
        labels = np.searchsorted(piece, preferences.prompt[mine]), *(column[mine] for column in columns)
        part = local.Prompts(form, problem.beta, problem.log_ref[piece], *labels)
        least, log_policy[piece] = search(part, piece)
        bound = [_bound(form, part, number, value) for number, value in enumerate(least)]
        values[piece], bounds[piece] = mass[piece] * least, mass[piece] * bound
    return values, bounds


def _bound(form, prompts, number, value):
    there, mine = np.flatnonzero(prompts.log_ref[number] > -np.inf), slice(*prompts.start[number : number + 2])
    if isinstance(form, ApoDown) and len(there) <= rankings.RANKED:
        ends = np.searchsorted(there, (prompts.winner[mine], prompts.loser[mine]))
        return rankings.least_violated(len(there), *ends, prompts.share[mine])
    if len(there) == 2 and isinstance(form, Kto | Bco | Orpo):
        return local.bound_of_two(prompts, number, value)
    if isinstance(form, Nca):
        return _NCA_LEAST
    return 0.0 if isinstance(form, Kto | ApoDown | Bco | Orpo | Sppo) else -np.inf


def _unlabelled(problem, preferences):
    named = np.zeros(problem.log_ref.shape, dtype=bool)
    named[preferences.prompt, preferences.winner] = named[preferences.prompt, preferences.loser] = True
    return problem.present & ~named


def wishes(problem: Problem, preferences: Preferences, form) -> Wishes:
    """What every response wants of a loss that does not couple them, by labels that count, each prompt's heaviest 1."""
    base, log_weight = preferences.prompt * problem.n_responses, scaled(problem, preferences)
    tallies = np.full((2, problem.log_ref.size), -np.inf)
    for tally, end in zip(tallies, (preferences.winner, preferences.loser), strict=True):
        np.logaddexp.at(tally, base + end, log_weight)
    won, lost = tallies.reshape(2, *problem.log_ref.shape)
    log_ref = np.where(problem.present, problem.log_ref, 0.0)
    return wishes_of(form, problem.beta)(form, problem.present, log_ref, problem.beta, won, lost)


def solve(problem: Problem, preferences: Preferences, loss, rng=None) -> Minimum:
    r"""The least value of a loss of kind "absolute", and a policy that attains or approaches it.

    DPO's own, with a penalty or an SFT term of weight 0, are losses of differences and not meant here.

    Args:
        rng: of the starts where a loss has to be searched; by default always the same.

    Raises:
        InputError: a label that does not fit the problem.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> for name, params in [("nca_pair", {}), ("dpo_sft", {"alpha": 1}), ("dpop", {"lam": 5}), ("apo_down", {})]:
    ...     found = solve(problem, labels, losses.get(name, **params))
    ...     print(name, found.status.value, round(found.infimum, 6), np.exp(found.log_policy[0]).round(3).tolist())
    nca_pair unique 1.31865 [0.45, 0.075, 0.475]
    dpo_sft unattained 1.133947 [0.777, 0.223, 0.0]
    dpop unattained 0.584815 [0.7, 0.3, 0.0]
    apo_down unattained 0.25 [0.0, 0.0, 1.0]
    """
    labels, form = preferences.check_against(problem).counted(), loss.form
    if np.ndim(getattr(form, "n_w", 0)):
        form = replace(form, n_w=preferences.per_pair(form.n_w, "n_w")[preferences.log_weight > -np.inf])
    found = _solved(problem, labels, replace(loss, form=form), np.random.default_rng(0) if rng is None else rng)
    return replace(found, preferences=preferences, loss=loss)


def _solved(problem, labels, loss, rng):
    form = loss.form
    if isinstance(form, WithSft):
        return by_winners(problem, labels, loss)
    if isinstance(form, Dpop):
        return by_core(problem, labels, loss)
    if separable(form) and (form.convex or isinstance(form, Kto | ApoZero)):
        return by_allocation(problem, labels, loss, rng)
    return by_descent(problem, labels, loss, rng)
