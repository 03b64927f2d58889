"""What is known of the least value of a loss over policies, where the normalisation binds."""

from dataclasses import field, replace

import numpy as np

from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.forms import Pair
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status, overall

__all__ = [
    "VERDICTS",
    "Minimum",
    "among",
    "label_pairs",
    "log_totals",
    "places",
    "record",
    "refuse_beyond",
    "scaled",
    "slopes",
    "stationarity",
    "tops",
    "value",
]

_BALANCED = 1e-6  # of a residual: more is no minimiser that anybody could check

#: The statuses by number, as solvers mark prompts.
VERDICTS = (Status.UNIQUE, Status.SET, Status.UNATTAINED, Status.LOCAL)


class Minimum(Record):
    r"""The minimiser of a loss over the closed simplex of every prompt, or the lowest policy found.

    Attributes:
        statuses: of each prompt. UNIQUE and SET: attained by policies that are positive everywhere. UNATTAINED:
            approached only; ``log_policy`` is then a limit, with probability 0 (``-inf``) somewhere or with all mass
            where no label looks. LOCAL: the lowest that was found, and not known to be the lowest there is by more
            than ``bound`` says; or of the least value, but not in balance: where a loss is flat to the last digit.
        infimum: of the loss, a weighted mean over the pairs, in nats; for LOCAL the lowest value found.
        bound: a proved lower bound of the infimum; equal to it wherever no prompt is LOCAL.
        log_policy: ``(n_prompts, n_responses)``.
        multiplier: ``(n_prompts,)`` of :math:`\nu=\sum_yG_y`: at a minimum :math:`G_y=\nu\pi_y` where
            :math:`\pi_y>0`, with :math:`G_y=\partial F/\partial\log\pi_y` of the whole loss. Where it is negative,
            responses without a label have probability 0.
        dimension: ``(n_prompts,)``, of the set of minimisers, or of limits.
        residual: the largest violation of :math:`G_y=\nu\pi_y`, or of :math:`G_y\ge 0` where :math:`\pi_y=0`, relative
            to the sizes of the derivatives in the prompt.
    """

    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    loss: object
    statuses: list[Status] = field(repr=False)
    infimum: float
    bound: float
    log_policy: np.ndarray = field(repr=False)
    multiplier: np.ndarray = field(repr=False)
    dimension: np.ndarray = field(repr=False)
    residual: float

    @property
    def status(self) -> Status:
        """LOCAL if any prompt is, else UNATTAINED if any is, UNIQUE if all are, otherwise SET."""
        return overall(self.statuses)

    @property
    def certificate(self) -> dict:
        """Multiplier, KKT residual and lower bound: what proves the verdict beside the theorem that gives it."""
        return {"multiplier": self.multiplier, "residual": self.residual, "bound": self.bound}


def label_pairs(problem: Problem, preferences: Preferences, log_policy) -> Pair:
    """The pairs of the labels at a policy, probabilities 0 allowed."""
    prompt, winner, loser = preferences.prompt, preferences.winner, preferences.loser
    ends = [log[prompt, end] for log in (log_policy, problem.log_ref) for end in (winner, loser)]
    return Pair(*ends, problem.beta)


def value(problem: Problem, preferences: Preferences, form, log_policy, prompts) -> np.ndarray:
    """``(n_prompts,)``: what the labels of each of the chosen prompts, a mask, add to the loss; nan for the others."""
    kept = prompts[preferences.prompt]
    prompt = preferences.prompt[kept]
    pair = label_pairs(problem, preferences, log_policy)
    if np.ndim(getattr(form, "n_w", 0)):
        form = replace(form, n_w=form.n_w[kept])
    cost = np.exp(preferences.log_share[kept]) * form.value(Pair(*(part[kept] for part in pair[:4]), pair.beta))
    return np.where(prompts, np.bincount(prompt, cost, problem.n_prompts), np.nan)


def slopes(problem: Problem, preferences: Preferences, form, log_policy):
    r"""G and its size: ``(n_prompts, n_responses)`` of sums of slopes in :math:`\log\pi_y`, and of their absolutes."""
    share = np.exp(preferences.log_share)
    with np.errstate(invalid="ignore"):
        pushes = form.gradient(label_pairs(problem, preferences, log_policy))
    base, size = preferences.prompt * problem.n_responses, problem.log_ref.size
    ends = base + preferences.winner, base + preferences.loser
    pushes = [share * np.where(share > 0, push, 0.0) for push in pushes]
    total = sum(np.bincount(end, push, size) for end, push in zip(ends, pushes, strict=True))
    scale = sum(np.bincount(end, np.abs(push), size) for end, push in zip(ends, pushes, strict=True))
    return total.reshape(problem.log_ref.shape), scale.reshape(problem.log_ref.shape)


def stationarity(problem: Problem, preferences: Preferences, form, log_policy, prompts):
    r""":math:`\nu` of each prompt and its largest relative violation of stationarity, both 0 where it is not chosen."""
    g, scale = slopes(problem, preferences, form, log_policy)
    start = slopes(problem, preferences, form, problem.log_ref)[1]  # at its goal a slope is all rounding
    g, scale = np.where(prompts[:, None], g, 0.0), np.where(prompts[:, None], scale, 0.0)
    nu, positive = g.sum(axis=1), log_policy > -np.inf
    error = np.where(positive, np.abs(g - nu[:, None] * np.exp(log_policy)), np.maximum(-g, 0.0))
    total = np.maximum(scale.sum(axis=1), start.sum(axis=1))
    return nu, np.where(prompts, error.max(axis=1) / np.where(total > 0, total, 1.0), 0.0)


def record(problem, preferences, loss, log_policy, verdicts, dimension, values, bounds):
    """The record; ``values`` and ``bounds`` are nan where a policy in balance has the infimum."""
    plain = np.isnan(values)
    own = value(problem, preferences, loss.form, log_policy, plain)
    nu, residual = stationarity(problem, preferences, loss.form, log_policy, plain | (verdicts == 3))
    off = residual > _BALANCED
    statuses = [VERDICTS[verdict] for verdict in np.where(off, 3, verdicts)]
    values = np.where(plain, own, values)
    bound = np.where(np.isnan(bounds), np.where(off, -np.inf, values), bounds).sum()
    return Minimum(
        problem,
        preferences,
        loss,
        statuses,
        float(values.sum()),
        float(bound),
        log_policy,
        nu,
        dimension,
        float(residual.max()),
    )


def tops(problem, preferences):
    """Of each prompt: the largest log-weight of its labels, 0 without one."""
    top = np.full(problem.n_prompts, -np.inf)
    np.maximum.at(top, preferences.prompt, preferences.log_weight)
    return np.where(np.isneginf(top), 0.0, top)


def log_totals(problem, preferences):
    """Of each prompt: the share of its heaviest label, by which weights of 1 at most are to be multiplied."""
    labelled = np.isin(np.arange(problem.n_prompts), preferences.prompt)
    whole = preferences.log_weight[0] - preferences.log_share[0]
    return np.where(labelled, tops(problem, preferences), -np.inf) - whole


def scaled(problem, preferences):
    """The log-weights of the labels, the largest of each prompt 0."""
    return preferences.log_weight - tops(problem, preferences)[preferences.prompt]


def among(problem, preferences, rows, chosen):
    """The labels between chosen responses of some prompts: their mask, and of each its prompt's place in ``rows``, its
    responses' places among the chosen, and its scaled log-weight."""
    row_of = np.full(problem.n_prompts, -1)
    row_of[rows] = np.arange(len(rows))
    prompt, winner, loser = preferences.prompt, preferences.winner, preferences.loser
    kept = (row_of[prompt] >= 0) & chosen[prompt, winner] & chosen[prompt, loser]
    prompt, place = prompt[kept], np.cumsum(chosen, axis=1) - 1
    ends = place[prompt, winner[kept]], place[prompt, loser[kept]]
    return kept, row_of[prompt], *ends, scaled(problem, preferences)[kept]


def places(chosen):
    """The columns of the chosen entries, for rows that have equally many."""
    return np.nonzero(chosen)[1].reshape(len(chosen), -1)


def refuse_beyond(sizes, largest, what, loss):
    """One sentence for a prompt that dense arithmetic does not hold."""
    if sizes.max(initial=0) > largest:
        raise InputError(
            f"a prompt has {sizes.max()} {what}: {loss} is minimised over at most {largest}; leave some out"
        )
