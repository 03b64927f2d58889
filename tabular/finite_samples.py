r"""DPO on n labels drawn from Bradley-Terry: whether a minimiser exists, how well it ranks, what reward it reaches.

A label draws a pair by its weight, then a winner at the rate :math:`\sigma(r_i-r_j)`. What DPO finds depends on the
counts of the ordered pairs alone, which are multinomial, so on a small space every distribution is a finite sum.
Existence depends only on *which* ordered pairs occur: with q(T) the probability that a label falls into T, all n do
with probability :math:`q(T)^n`, and Möbius inversion over the sets gives the probability that exactly T occurs, for
any n.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_expit

from tabular import dpo
from tabular.base import checks, digraph
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["SampleDistribution", "distribution", "sampled", "status_probabilities"]

_LABELS = 10**15  # labels and data sets whose counts are exact in floats
_OUTCOMES = 200_000  # count vectors that are enumerated at most
_CELLS = 16  # ordered pairs whose sets are enumerated at most


class SampleDistribution(Record):
    """Outcomes of labelling, each with its probability, or equally likely draws of them.

    Attributes:
        counts: ``(n_outcomes, n_cells)`` of the ordered pairs in ``cells``.
        cells: ``(n_cells, 2)`` (winner, loser).
        probability: ``(n_outcomes,)``, summing to 1.
        statuses: what DPO has at each outcome.
        accuracy: ``(n_outcomes,)``: the share of the pairs with different rewards that the policy ranks as the reward
            does, a tie counting half. The policy is the minimiser; of a set of minimisers or limits, the one closest to
            the reference.
        reward: ``(n_outcomes,)``: its expected reward.
        exact: whether all outcomes are listed; otherwise they are a sample, and :meth:`interval` says how sure it is.
    """

    counts: np.ndarray
    cells: np.ndarray
    probability: np.ndarray
    statuses: list[Status]
    accuracy: np.ndarray
    reward: np.ndarray
    exact: bool

    @property
    def status(self) -> dict[Status, float]:
        """The probability of each status."""
        seen = (Status.UNIQUE, Status.SET, Status.UNATTAINED)
        return {one: float(self.probability @ [status is one for status in self.statuses]) for one in seen}

    @property
    def mean_accuracy(self) -> float:
        return float(self.probability @ self.accuracy)

    @property
    def mean_reward(self) -> float:
        return float(self.probability @ self.reward)

    def interval(self, status: Status, confidence: float = 0.95) -> tuple[float, float]:
        """Clopper and Pearson's interval for the probability of a status; a single point where all is enumerated."""
        if self.exact:
            return (self.status[status],) * 2
        from scipy.stats import beta

        size, hits = len(self.statuses), sum(one is status for one in self.statuses)
        tail = (1 - confidence) / 2
        low = float(beta.ppf(tail, hits, size - hits + 1)) if hits else 0.0
        return low, float(beta.isf(tail, hits + 1, size - hits)) if hits < size else 1.0


@takes_nouns
def distribution(
    problem: Problem, labels: int, pairs: Iterable[Sequence[float]] | None = None, weights: ArrayLike | None = None
) -> SampleDistribution:
    """The exact distribution over all counts of a number of labels.

    Args:
        problem: one prompt, with a reward.
        labels: how many are drawn.
        pairs: ``(i, j)`` that may be drawn; all pairs by default.
        weights: ``(n_pairs,)`` of the pairs; equal by default.

    Raises:
        InputError: more than one prompt, no reward, or more than 200,000 counts: use :func:`sampled` there.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[np.log(3), 0.0])
    >>> found = distribution(problem, 2)  # one win each: 2 x 3/4 x 1/4
    >>> {status.value: round(p, 6) for status, p in found.status.items()}
    {'unique': 0.375, 'set': 0.0, 'unattained': 0.625}
    >>> found.mean_accuracy  # 9/16, and half of the ties, 3/8
    0.75
    """
    cells, log_rate = _cells(problem, pairs, weights)
    labels = checks.whole_number(labels, "labels", least=1, most=_LABELS)
    size = comb(labels + len(cells) - 1, len(cells) - 1)
    if size > _OUTCOMES:
        raise InputError(
            f"{labels} labels on {len(cells)} ordered pairs have {size:,} different counts, more than {_OUTCOMES:,}: "
            "draw some of them with finite_samples.sampled"
        )
    bars = np.array(list(combinations(range(labels + len(cells) - 1), len(cells) - 1)), dtype=np.int64)
    bars = bars.reshape(size, len(cells) - 1)
    edges = np.c_[np.full(size, -1), bars, np.full(size, labels + len(cells) - 1)]
    counts = np.diff(edges, axis=1) - 1
    with np.errstate(invalid="ignore"):
        weighted = np.where(counts > 0, counts * log_rate, 0.0).sum(axis=1)
    log_probability = gammaln(labels + 1) - gammaln(counts + 1).sum(axis=1) + weighted
    probability = np.exp(log_probability)
    return SampleDistribution(counts, cells, probability / probability.sum(), *_outcomes(problem, cells, counts), True)


@takes_nouns
def sampled(
    problem: Problem,
    labels: int,
    rng: np.random.Generator,
    size: int = 10_000,
    pairs: Iterable[Sequence[float]] | None = None,
    weights: ArrayLike | None = None,
) -> SampleDistribution:
    """The same from a sample of outcomes, where there are too many to list.

    Args:
        rng: a ``numpy`` generator.
        size: how many data sets are drawn.

    >>> problem = Problem.from_probabilities([0.25] * 4, beta=1, reward=[3.0, 2.0, 1.0, 0.0])
    >>> found = sampled(problem, 100, np.random.default_rng(0), size=500)
    >>> low, high = found.interval(Status.UNIQUE)
    >>> low < status_probabilities(problem, 100)[Status.UNIQUE] < high, found.exact
    (True, False)
    """
    cells, log_rate = _cells(problem, pairs, weights)
    labels, size = (
        checks.whole_number(v, name, least=1, most=_LABELS) for v, name in ((labels, "labels"), (size, "size"))
    )
    rate = np.exp(log_rate)
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng is a {type(rng).__name__}: give a numpy generator, such as numpy.random.default_rng(0)")
    counts = rng.multinomial(labels, rate / rate.sum(), size=size)
    return SampleDistribution(counts, cells, np.full(size, 1 / size), *_outcomes(problem, cells, counts), False)


@takes_nouns
def status_probabilities(
    problem: Problem, labels: int, pairs: Iterable[Sequence[float]] | None = None, weights: ArrayLike | None = None
) -> dict[Status, float]:
    r"""The probability that DPO has one minimiser, a set, or none, for any number of labels, without listing counts.

    Raises:
        InputError: more than 8 pairs, whose sets are too many.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[np.log(3), 0.0])
    >>> round(status_probabilities(problem, 10)[Status.UNIQUE], 9)  # 1 - .75^10 - .25^10
    0.943685532
    """
    cells, log_rate = _cells(problem, pairs, weights)
    labels = checks.whole_number(labels, "labels", least=1, most=_LABELS)
    if len(cells) > _CELLS:
        raise InputError(f"there are {len(cells) // 2} pairs: the sets of ordered pairs are listed for 8 at most")
    inside = (np.arange(2 ** len(cells))[:, None] >> np.arange(len(cells))) & 1
    rate = np.exp(log_rate)
    within, outside = inside @ rate, (1 - inside) @ rate  # a power of 10^12 shows the last digit of a number near 1
    with np.errstate(divide="ignore"):
        exactly = np.exp(labels * np.where(within < outside, np.log(within), np.log1p(-np.minimum(outside, 1.0))))
    for bit in range(len(cells)):  # Möbius inversion, one ordered pair at a time
        table = exactly.reshape(-1, 2, 2**bit)
        table[:, 1] -= table[:, 0]
    kinds = _statuses(problem, cells, inside)
    total = {status: float(exactly[[kind is status for kind in kinds]].sum()) for status in set(kinds)}
    return {status: max(total.get(status, 0.0), 0.0) for status in (Status.UNIQUE, Status.SET, Status.UNATTAINED)}


def _cells(problem, pairs, weights):
    """Ordered pairs (winner, loser) and the log-probability that a label falls on each."""
    reward = problem.require_reward()[0]
    if problem.n_prompts != 1:
        raise InputError(f"the problem has {problem.n_prompts} prompts: take one at a time")
    if pairs is None:
        pairs = combinations(np.flatnonzero(problem.present[0]).tolist(), 2)
    elif not np.iterable(pairs):
        raise InputError(f"pairs is {checks.brief(pairs)}: list pairs of responses, such as [(0, 1), (1, 2)]")
    pairs = list(pairs)
    if strange := [pair for pair in pairs if not np.iterable(pair) or [*map(np.iterable, pair)] != [False] * 2]:
        raise InputError(f"pairs has {checks.brief(strange[0])}: each must be two responses, such as (0, 1)")
    checked = Preferences.from_pairs(pairs).check_against(problem)
    weights = np.ones(len(pairs)) if weights is None else checks.numbers(weights, "weights")
    share = Preferences(checked.prompt, checked.winner, checked.loser, weights).log_share
    i, j = checked.winner, checked.loser
    gap = reward[i] - reward[j]
    cells = np.column_stack([np.r_[i, j], np.r_[j, i]])
    return cells, np.r_[share + log_expit(gap), share + log_expit(-gap)]


def _outcomes(problem, cells, counts):
    """Statuses, accuracies and rewards of many count vectors, each solved as a prompt of its own in one batch."""
    size, n = len(counts), problem.n_responses
    many = Problem(np.repeat(problem.log_ref, size, axis=0), problem.beta)
    outcome, cell = np.nonzero(counts)
    labels = Preferences(outcome, cells[cell, 0], cells[cell, 1], counts[outcome, cell])
    solution = dpo.solve(many, labels)
    policy = solution.closest_to_reference()
    reward = problem.reward[0]
    first, second = np.triu_indices(n, 1)
    different = (reward[first] != reward[second]) & problem.present[0, first] & problem.present[0, second]
    first, second = first[different], second[different]
    truth = np.sign(reward[first] - reward[second])
    chance = np.exp(policy)
    agree = truth * _sign(policy[:, first], policy[:, second])
    accuracy = (1 + agree).mean(axis=1) / 2 if len(first) else np.ones(size)
    return solution.statuses, accuracy, chance @ np.where(problem.present[0], reward, 0.0)


def _sign(a, b):
    """Which of two log-probabilities is larger; equal but for rounding is a tie."""
    with np.errstate(invalid="ignore"):
        difference = np.where(a == b, 0.0, a - b)
    return np.where(np.abs(difference) <= 1e-12 * (1 + np.abs(np.where(np.isinf(a), 0, a))), 0.0, np.sign(difference))


def _statuses(problem, cells, inside):
    """The status of every set of ordered pairs, from its digraph."""
    size, n = len(inside), problem.n_responses
    outcome, cell = np.nonzero(inside)
    base = outcome * n
    label, rank = digraph.ranked_blocks(digraph.adjacency(size * n, base + cells[cell, 0], base + cells[cell, 1]))
    there = np.tile(problem.present[0], (size, 1))
    label = label.reshape(size, n)
    beaten = (there & (rank[label] > 0)).any(axis=1)
    first = np.where(there, label, -1).max(axis=1)
    one = ((label == first[:, None]) | ~there).all(axis=1)
    return [Status.UNATTAINED if b else Status.UNIQUE if o else Status.SET for b, o in zip(beaten, one, strict=True)]
