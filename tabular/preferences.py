"""Labelled pairs, and the digraph of wins they draw on the responses of each prompt."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit

from tabular.base import checks, digraph, drawings, tolerances
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.problem import Problem

__all__ = ["Preferences"]


class Preferences(Record):
    r"""Labelled pairs "winner preferred to loser", parallel 1-D arrays, validated once and then frozen.

    Args:
        prompt, winner, loser: ``(n_pairs,)`` indices into the rows and columns of a :class:`Problem`.
        weight: ``(n_pairs,)``, finite and >= 0, at least one positive. Losses are weighted means, so only ratios
            matter. A label of weight 0 keeps its place but carries no loss and draws no edge.
        log_weight: the same in logs, instead of ``weight``, where weights under- or overflow.

    Raises:
        InputError: naming the rule, the label and the remedy.

    >>> labels = Preferences.from_pairs([(0, 1), (0, 1, 2), (1, 0, 2, 3.0)])
    >>> labels.prompt.tolist(), labels.winner.tolist(), labels.loser.tolist(), labels.weight.tolist()
    ([0, 0, 1], [0, 1, 0], [1, 2, 2], [1.0, 1.0, 3.0])
    """

    prompt: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    weight: np.ndarray = field(default=None)  # type: ignore[arg-type]
    log_weight: np.ndarray = field(default=None)  # type: ignore[arg-type]

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            prompt: ArrayLike,
            winner: ArrayLike,
            loser: ArrayLike,
            weight: ArrayLike | None = None,
            log_weight: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self):
        for name in ("prompt", "winner", "loser"):
            _set(self, name, _indices(getattr(self, name), name))
        if not len(self.prompt) == len(self.winner) == len(self.loser):
            raise InputError(
                f"prompt, winner and loser have lengths {len(self.prompt)}, {len(self.winner)}, {len(self.loser)}: "
                "give one entry for each label"
            )
        if len(self.prompt) == 0:
            raise InputError("there are no labels: give at least one (winner, loser) pair")
        same = self.winner == self.loser
        if same.any():
            label = int(np.argmax(same))
            raise InputError(f"label {label} prefers response {self.winner[label]} to itself: w and l must differ")
        weight, log_weight = _weights(self.weight, self.log_weight, len(self.prompt))
        _set(self, "weight", weight)
        _set(self, "log_weight", log_weight)

    @classmethod
    def from_pairs(cls, pairs: Iterable[Sequence[float]]) -> Self:
        """From ``(w, l)``, ``(prompt, w, l)`` and ``(prompt, w, l, weight)`` in any mix; 2-tuples mean prompt 0."""
        if not np.iterable(pairs):
            raise InputError(f"pairs is {checks.brief(pairs)}: give a list of labels, such as [(w, l), (prompt, w, l)]")
        rows = [_as_row(label, pair) for label, pair in enumerate(pairs)]
        prompt, winner, loser, weight = zip(*rows, strict=True) if rows else ([], [], [], [])
        return cls(prompt, winner, loser, weight)

    @classmethod
    def from_wins(cls, wins: ArrayLike) -> Self:
        """From win counts: ``wins[i, j]`` (or ``wins[prompt, i, j]``) is how often i was preferred to j.

        >>> Preferences.from_wins([[0, 3], [1, 0]]).weight.tolist()
        [3.0, 1.0]
        """
        wins = checks.numbers(wins, "wins")
        wins = wins[None] if wins.ndim == 2 else wins
        if wins.ndim != 3 or wins.shape[1] != wins.shape[2]:
            raise InputError(f"wins has shape {wins.shape}: give (n, n) or (n_prompts, n, n) counts")
        diagonal = np.einsum("pii->pi", wins) != 0
        if diagonal.any():
            prompt, i = np.argwhere(diagonal)[0]
            raise InputError(f"wins[{prompt}, {i}, {i}] is not 0: a response cannot win against itself, set it to 0")
        prompt, winner, loser = np.nonzero(wins)
        return cls(prompt, winner, loser, wins[prompt, winner, loser])

    @classmethod
    @takes_nouns
    def from_bradley_terry(cls, problem: Problem, pairs: Iterable[Sequence[float]] | None = None) -> Self:
        r"""Population labels: each pair both ways with weights :math:`\sigma(\pm(r_w-r_l))`, adjacent in order.

        Args:
            problem: with a reward.
            pairs: ``(w, l)`` or ``(prompt, w, l)`` tuples; all pairs of present responses by default.

        >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[np.log(3), 0, 0])
        >>> Preferences.from_bradley_terry(problem, [(0, 1)]).weight.round(12).tolist()
        [0.75, 0.25]
        """
        reward = problem.require_reward()
        if pairs is None:
            prompt, first, second = _all_pairs(problem)
        else:
            prompt, first, second = _distinct(cls.from_pairs(pairs).check_against(problem))
        difference = reward[prompt, first] - reward[prompt, second]
        return cls(
            np.repeat(prompt, 2),
            np.column_stack([first, second]).ravel(),
            np.column_stack([second, first]).ravel(),
            log_weight=np.column_stack([log_expit(difference), log_expit(-difference)]).ravel(),
        ).check_against(problem)

    shown = ("n_pairs", "prompt", "winner", "loser", "weight")

    def picture(self) -> str:
        """The digraph of wins of the first labelled prompt; labels of weight 0 draw no arrow."""
        prompt, counted = self.prompt[0], self.log_weight > -np.inf
        here = counted & (self.prompt == prompt)
        pairs = list(zip(self.winner[here].tolist(), self.loser[here].tolist(), strict=True))
        n_nodes = int(max(self.winner[self.prompt == prompt].max(), self.loser[self.prompt == prompt].max())) + 1
        return drawings.arrows(pairs, n_nodes, f"labels of prompt {prompt}: an arrow from each winner to its loser")

    @property
    def n_pairs(self) -> int:
        return len(self.prompt)

    @cached_property
    def log_share(self) -> np.ndarray:
        """``(n_pairs,)`` log of each label's share of the mean loss; ``exp`` of it sums to 1."""
        log_share = self.log_weight - self.log_weight.max()
        log_share -= np.log(np.exp(log_share).sum())
        log_share.flags.writeable = False
        return log_share

    def per_pair(self, values: ArrayLike, name: str) -> np.ndarray:
        """One finite number, or one for each label, as ``(n_pairs,)``."""
        values = checks.numbers(values, name)
        if values.shape not in ((), (self.n_pairs,)):
            raise InputError(
                f"{name} has shape {values.shape} for {self.n_pairs} pairs: give one number, or one for each pair"
            )
        checks.refuse(~np.isfinite(values), values, name, "it must be finite; leave a pair out to drop it")
        return np.full(self.n_pairs, values)

    def counted(self) -> "Preferences":
        """The labels of positive weight, which alone carry loss."""
        kept = self.log_weight > -np.inf
        columns = (self.prompt[kept], self.winner[kept], self.loser[kept])
        return self if kept.all() else Preferences(*columns, log_weight=self.log_weight[kept])

    @takes_nouns
    def check_against(self, problem: Problem) -> "Preferences":
        """These labels, once every one is known to speak of responses that are there."""
        if self.prompt.max() >= problem.n_prompts:
            label = int(np.argmax(self.prompt >= problem.n_prompts))
            raise InputError(
                f"label {label} is about prompt {self.prompt[label]}, the problem has {problem.n_prompts} "
                "(counted from 0): drop the label or add the prompt"
            )
        everything_there = problem.present.all()
        for name in ("winner", "loser"):
            index = getattr(self, name)
            if everything_there and index.max() < problem.n_responses:
                continue
            inside = index < problem.n_responses
            there = problem.present[self.prompt, np.where(inside, index, 0)] & inside
            if not there.all():
                label = int(np.argmin(there))
                why = "has reference probability 0" if inside[label] else "is not there"
                raise InputError(
                    f"label {label}: {name} {index[label]} of prompt {self.prompt[label]} {why}: "
                    "a label needs two responses with positive reference probability"
                )
        return self

    def delta(self, log_policy: ArrayLike) -> np.ndarray:
        r"""``(n_pairs,)`` of :math:`\delta=\log\pi_w-\log\pi_l`; ``+-inf`` where one of the two is 0.

        Raises:
            InputError: where both probabilities are 0 and the ratio means nothing.
        """
        log_policy = np.atleast_2d(checks.numbers(log_policy, "log_policy"))
        shape, prompt, response = log_policy.shape, self.prompt.max(), max(self.winner.max(), self.loser.max())
        if len(shape) != 2 or shape[0] <= prompt or shape[1] <= response:
            raise InputError(
                f"log_policy has shape {shape}, the labels go up to prompt {prompt} and response {response}: "
                "give a row for each prompt with one log-probability for each response"
            )
        log_winner = log_policy[self.prompt, self.winner]
        log_loser = log_policy[self.prompt, self.loser]
        with np.errstate(invalid="ignore"):
            delta = log_winner - log_loser
        if np.isnan(delta).any():
            label = int(np.argmax(np.isnan(delta)))
            raise InputError(
                f"label {label}: its responses have log-probabilities {log_winner[label]} and {log_loser[label]}, so "
                "their ratio is undefined: where both are -inf, take the limit along a path of policies instead"
            )
        return delta

    @takes_nouns
    def blocks(self, problem: Problem) -> list[list[np.ndarray]]:
        r"""Strongly connected components of the win digraph, per prompt, source blocks first.

        The digraph has the present responses as nodes and an edge w -> l for each label of positive weight.
        A block comes before every block it wins against; unlabelled responses are blocks of their own.

        >>> problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=1)
        >>> cycle = Preferences.from_pairs([(3, 0), (0, 1), (1, 2), (2, 0)])
        >>> [block.tolist() for block in cycle.blocks(problem)[0]]
        [[3], [0, 1, 2]]
        """
        return digraph.blocks(self.check_against(problem), problem)


def _set(preferences, name, array):
    array.flags.writeable = False
    object.__setattr__(preferences, name, array)


def _indices(values, name):
    array = checks.whole_numbers(values, name)
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}: give a 1-D array with one index for each label")
    return array


def _weights(weight, log_weight, n_pairs):
    """The weights and their logs, from whichever was given."""
    if weight is not None and log_weight is not None:
        return _agreeing(weight, log_weight, n_pairs)
    if log_weight is None:
        weight = np.ones(n_pairs) if weight is None else checks.numbers(weight, "weight")
        bad = ~(np.isfinite(weight) & (weight >= 0))
        checks.refuse(bad, weight, "weight", "a weight must be finite and at least 0")
        with np.errstate(divide="ignore"):
            log_weight = np.log(weight)
    else:
        log_weight = checks.numbers(log_weight, "log_weight")
        bad = np.isnan(log_weight) | (log_weight == np.inf)
        checks.refuse(bad, log_weight, "log_weight", "it must be a number below +inf")
        with np.errstate(over="ignore"):
            weight = np.exp(log_weight)
    if weight.shape != (n_pairs,):
        raise InputError(f"weights have shape {weight.shape} for {n_pairs} labels: give one for each label")
    if np.isneginf(log_weight).all():
        raise InputError("every label has weight 0: give at least one label a positive weight")
    return weight, log_weight


def _agreeing(weight, log_weight, n_pairs):
    """Both, as a copy or a file has them: each is kept as it is, once they are known to say the same."""
    weight = checks.numbers(weight, "weight")
    from_logs, log_weight = _weights(None, log_weight, n_pairs)
    if weight.shape != from_logs.shape or not np.isclose(weight, from_logs, rtol=tolerances.WEIGHT, atol=0).all():
        raise InputError(
            "weight and log_weight disagree: give one of the two, and None for the other where it is replaced"
        )
    return weight, log_weight


def _as_row(label, pair):
    pair = tuple(pair) if np.iterable(pair) else (pair,)
    if len(pair) == 2:
        return (0, *pair, 1.0)
    if len(pair) == 3:
        return (*pair, 1.0)
    if len(pair) == 4:
        return pair
    raise InputError(f"label {label} is {checks.brief(pair)}: write (w, l), (prompt, w, l) or (prompt, w, l, weight)")


def _all_pairs(problem):
    """Every pair i < j of present responses of every prompt."""
    first, second = np.triu_indices(problem.n_responses, 1)
    both = problem.present[:, first] & problem.present[:, second]
    prompt, pair = np.nonzero(both)
    return prompt, first[pair], second[pair]


def _distinct(labels):
    """The unordered pairs named by some labels, each once, in the order and direction first named."""
    low, high = np.minimum(labels.winner, labels.loser), np.maximum(labels.winner, labels.loser)
    _, first = np.unique(np.column_stack([labels.prompt, low, high]), axis=0, return_index=True)
    first.sort()
    return labels.prompt[first], labels.winner[first], labels.loser[first]
