r"""Losses of the log-ratios themselves, minimised over policies: which theorem decides which loss.

* DPO with an SFT term, and Xu et al.'s CPO: :mod:`tabular.simplex.sft`.
* Losses that do not couple their two responses (NCA, SPPO, BCO; KTO and APO-zero up to beta = 1):
  :mod:`tabular.simplex.allocation`.
* DPOP: :mod:`tabular.simplex.dpop`.
* APO-down with an unlabelled response: its infimum is a minimum feedback arc set, :mod:`tabular.simplex.local`.
* Everything else (ORPO, KTO and APO-zero beyond beta = 1, NCA, SPPO and BCO where nobody is there to take what is left,
  a user's own): the lowest of many descents, LOCAL, with a proved bound where there is one.
"""

from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from tabular.base import digraph
from tabular.errors import InputError
from tabular.losses.absolute import ApoDown, ApoZero, Bco, Dpop, Kto, Nca, Orpo, Sppo, WithSft
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import allocation, dpop, local, sft
from tabular.simplex.minimum import Minimum, label_pairs, stationarity, value
from tabular.status import Status

_SLACK = 1e-11  # of the heaviest weight: a multiplier this small is 0 but for rounding
_ROOM = 1e-9  # nats: log-ratios this close to the kink are at it
_NCA_LEAST = np.log(1.5) + np.log(3) / 2  # of sp(-x) + sp(x)/2, at x = log 2; the loser's term is above 0
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


def by_allocation(problem: Problem, preferences: Preferences, loss, rng) -> Minimum:
    """Losses that do not couple their responses: the theorem of :mod:`tabular.simplex.allocation`, else descents."""
    found = allocation.allocate(_wishes(problem, preferences, loss.form))
    log_policy, undecided = found.log_policy, np.flatnonzero(~found.decided)
    values, bounds = _descents(problem, preferences, loss.form, rng, undecided, log_policy)
    zero = (np.isneginf(log_policy) & problem.present).any(axis=1)
    verdicts = np.where(zero, 2, (found.n_neutral > 1).astype(int))
    verdicts[undecided] = 3
    dimension = np.maximum(found.n_neutral - 1, 0)
    return _minimum(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds)


def by_descent(problem: Problem, preferences: Preferences, loss, rng) -> Minimum:
    """Any loss of the log-ratios: the lowest that descents find, a bound where :mod:`tabular.simplex.local` has one."""
    prompts = np.arange(problem.n_prompts)
    labelled = np.isin(prompts, preferences.prompt)
    log_policy = problem.log_ref.copy()
    values, bounds = _descents(problem, preferences, loss.form, rng, prompts[labelled], log_policy)
    n_present = problem.present.sum(axis=1)
    verdicts = np.where(labelled, 3, (n_present > 1).astype(int))
    dimension = np.where(labelled, 0, n_present - 1)
    if isinstance(loss.form, ApoDown):
        idle = _unlabelled(problem, preferences)
        known = labelled & idle.any(axis=1) & (n_present - idle.sum(axis=1) <= local.RANKED)
        verdicts[known], values[known] = 2, bounds[known]
        dimension[known] = idle.sum(axis=1)[known] - 1
        ends = np.where(idle, problem.log_ref, -np.inf)[known]
        log_policy[known] = ends - np.logaddexp.reduce(ends, axis=1)[:, None]
    return _minimum(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds)


def _descents(problem, preferences, form, rng, prompts, log_policy):
    """Lowest values and bounds of some prompts, as shares of the whole loss; their rows of the policy are replaced."""
    mass = np.bincount(preferences.prompt, np.exp(preferences.log_share), problem.n_prompts)
    values, bounds = np.full(problem.n_prompts, np.nan), np.full(problem.n_prompts, np.nan)
    _refuse_beyond(problem.present.sum(axis=1)[prompts], local.LARGEST, "responses", form)
    for number in prompts:
        here, there = preferences.prompt == number, np.flatnonzero(problem.present[number])
        ends = (np.searchsorted(there, end[here]) for end in (preferences.winner, preferences.loser))
        prompt = local.Prompt(form, problem.log_ref[number, there], problem.beta, *ends, preferences.log_weight[here])
        value, x = local.lowest(prompt, rng)
        log_policy[number, there] = x
        values[number], bounds[number] = mass[number] * value, mass[number] * _bound(form, prompt, value)
    return values, bounds


def _refuse_beyond(sizes, largest, what, loss):
    if sizes.max(initial=0) > largest:
        raise InputError(
            f"a prompt has {sizes.max()} {what}: {loss} is minimised over at most {largest}; leave some out"
        )


def _bound(form, prompt, value):
    n = len(prompt.log_ref)
    if isinstance(form, ApoDown) and n <= local.RANKED:
        return local.least_violated(n, prompt.winner, prompt.loser, prompt.share)
    if n == 2 and isinstance(form, Kto | ApoZero | Bco | Orpo):
        return local.bound_of_two(prompt, value)
    if isinstance(form, Nca):
        return _NCA_LEAST
    return 0.0 if isinstance(form, Kto | ApoZero | ApoDown | Bco | Orpo | Sppo) else -np.inf


def _unlabelled(problem, preferences):
    named = np.zeros(problem.log_ref.shape, dtype=bool)
    named[preferences.prompt, preferences.winner] = named[preferences.prompt, preferences.loser] = True
    return problem.present & ~named


def _minimum(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds):
    """The record; ``values`` and ``bounds`` are nan where the policy's own value is the infimum."""
    kinds = (Status.UNIQUE, Status.SET, Status.UNATTAINED, Status.LOCAL)
    statuses = [kinds[verdict] for verdict in verdicts]
    plain = np.isnan(values)
    own = value(problem, preferences, loss.form, log_policy, plain)
    nu, residual = stationarity(problem, preferences, loss.form, log_policy, plain | (verdicts == 3))
    values = np.where(plain, own, values)
    bound = np.where(np.isnan(bounds), values, bounds).sum()
    return Minimum(
        problem, preferences, loss, statuses, float(values.sum()), float(bound), log_policy, nu, dimension, residual
    )


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
    form = loss.form
    pull = _pulls(problem, preferences, form)
    wins = pull > -np.inf
    log_policy = np.where(wins, 0.0, -np.inf)
    n_winners = wins.sum(axis=1)
    log_policy[n_winners == 0] = problem.log_ref[n_winners == 0]
    for k in np.unique(n_winners[n_winners > 0]):
        rows = np.flatnonzero(n_winners == k)
        log_policy[rows[:, None], _places(wins[rows])] = sft.minimise(
            _batch(problem, preferences, form, pull, rows, wins)
        )
    n_present = problem.present.sum(axis=1)
    verdicts = np.where(n_winners == 0, (n_present > 1).astype(int), np.where(n_winners == n_present, 0, 2))
    dimension = np.where(n_winners == 0, n_present - 1, 0)
    nothing = np.full(problem.n_prompts, np.nan)
    return _minimum(problem, preferences, loss, log_policy, verdicts, dimension, nothing, nothing)


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
    _refuse_beyond(n_core, dpop.LARGEST, "responses that lead to a cycle of labels", loss)
    for k in np.unique(n_core[n_core > 0]):
        rows = np.flatnonzero(n_core == k)
        columns = _places(core[rows])
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
    pieces = _pieces(problem, winner, loser, core)
    dimension = np.where(n_core == 0, free.sum(axis=1), np.where(spare, pieces + shared * free.sum(axis=1), 1)) - 1
    verdicts = np.where(unsettled, 2, (dimension > 0).astype(int))
    verdicts[violation > dpop.CERTIFIED] = 3
    kinds = (Status.UNIQUE, Status.SET, Status.UNATTAINED, Status.LOCAL)
    statuses = [kinds[verdict] for verdict in verdicts]
    inner = core[preferences.prompt, preferences.loser]
    pair = label_pairs(problem, preferences, log_policy)
    cost = np.exp(preferences.log_share[inner]) * form.value(Pair(*(part[inner] for part in pair[:4]), problem.beta))
    values = np.bincount(preferences.prompt[inner], cost, problem.n_prompts)
    bound = float(values[verdicts != 3].sum())  # no label costs less than 0
    nu = nu * np.exp(_log_totals(problem, preferences))
    residual = float(violation.max())
    return Minimum(
        problem, preferences, loss, statuses, float(values.sum()), bound, log_policy, nu, dimension, residual
    )


def _core_batch(problem, labels, form, rows, core, columns):
    row_of = np.full(problem.n_prompts, -1)
    row_of[rows] = np.arange(len(rows))
    prompt = labels.prompt
    kept = (row_of[prompt] >= 0) & core[prompt, labels.winner] & core[prompt, labels.loser]
    place = np.cumsum(core, axis=1) - 1
    prompt = prompt[kept]
    log_weight = (labels.log_weight - _tops(problem, labels)[labels.prompt])[kept]
    return dpop.Core(
        problem.log_ref[rows[:, None], columns],
        row_of[prompt],
        place[prompt, labels.winner[kept]],
        place[prompt, labels.loser[kept]],
        np.exp(log_weight),
        problem.beta,
        form.lam,
    )


def _log_totals(problem, labels):
    """Of each prompt: the share of its heaviest label, by which weights of 1 at most are to be multiplied."""
    return np.where(np.isin(np.arange(problem.n_prompts), labels.prompt), _tops(problem, labels), -np.inf) - (
        labels.log_weight[0] - labels.log_share[0]
    )


def _filled(log_policy, log_ref, chosen):
    """Rows whose chosen responses take what the others leave, as the reference divides it."""
    rows = chosen.any(axis=1)
    others = np.where(chosen, -np.inf, log_policy)[rows]
    rest = np.log(-np.expm1(np.logaddexp.reduce(others, axis=1)))
    share = np.where(chosen, log_ref, -np.inf)[rows]
    filled = share - np.logaddexp.reduce(share, axis=1)[:, None] + rest[:, None]
    log_policy[rows] = np.where(chosen[rows], filled, log_policy[rows])
    return log_policy


def _pieces(problem, winner, loser, core):
    """How many connected pieces the core of each prompt has."""
    inner = core.ravel()[loser] & core.ravel()[winner]
    graph = digraph.adjacency(core.size, winner[inner], loser[inner])
    piece = connected_components(graph, directed=False)[1].reshape(core.shape)
    return np.array([len(set(row[mine].tolist())) for row, mine in zip(piece, core, strict=True)])


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
    falls_first = isinstance(form, Kto | ApoZero) and problem.beta <= 1
    if separable(form) and (form.convex or falls_first):
        return by_allocation(problem, labels, loss, rng)
    return by_descent(problem, labels, loss, rng)
