"""Preference data without a training run: scored responses, human votes, tables of wins."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged.records import freeze
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["RewardLog", "VoteLog", "WinTable"]


class RewardLog(Record):
    r"""Distinct responses of a pool of policies, each with its multiplicity in the pool and a reward.

    "Pick a policy of the pool uniformly, take its one draw" is a distribution on the responses of a prompt with
    probabilities multiplicity / total: a reference policy that is known exactly.

    Args:
        set: ``(n_rows,)`` name of the prompt set.
        prompt, response: ``(n_rows,)`` ids; a (set, prompt, response) stands on one row.
        n_policies, n_base_sft: ``(n_rows,)`` how many policies of the whole pool, and how many of its base and SFT
            policies, gave exactly this response.
        n_chars: ``(n_rows,)`` length of the response.
        reward: ``(n_rows,)``, finite.

    Raises:
        InputError: arrays of unequal length, an id or count that is no whole number, more base and SFT policies than
            policies, a reward that is not finite, a response on two rows.

    >>> log = RewardLog(["helpful"] * 3, [0, 0, 7], [0, 1, 0], [3, 1, 4], [0, 1, 1], [5, 5, 5], [1.0, -1.0, 0.5])
    >>> problem = log.problem(set="helpful", beta=0.1)
    >>> np.exp(problem.log_ref).round(6).tolist(), problem.reward.tolist()
    ([[0.75, 0.25], [1.0, 0.0]], [[1.0, -1.0], [0.5, 0.0]])
    """

    set: np.ndarray
    prompt: np.ndarray
    response: np.ndarray
    n_policies: np.ndarray
    n_base_sft: np.ndarray
    n_chars: np.ndarray
    reward: np.ndarray

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            set: Sequence[str] | np.ndarray,
            prompt: ArrayLike,
            response: ArrayLike,
            n_policies: ArrayLike,
            n_base_sft: ArrayLike,
            n_chars: ArrayLike,
            reward: ArrayLike,
        ) -> None: ...

    def __post_init__(self):
        _freeze_columns(self, set=checks.texts, reward=checks.numbers)
        checks.refuse(~np.isfinite(self.reward), self.reward, "reward", "a reward must be finite")
        more = self.n_base_sft > self.n_policies
        checks.refuse(more, self.n_base_sft, "n_base_sft", "it must be at most the row's n_policies")
        self._refuse_duplicates()

    def _refuse_duplicates(self):
        order = np.lexsort((self.response, self.prompt, self.set))
        columns = [column[order] for column in (self.set, self.prompt, self.response)]
        again = np.flatnonzero(np.logical_and.reduce([column[1:] == column[:-1] for column in columns]))
        if again.size:
            first, second = sorted(order[again[0] : again[0] + 2].tolist())
            raise InputError(
                f"rows {first} and {second} both hold response {self.response[first]} to prompt {self.prompt[first]} "
                f"of set {self.set[first]!s}: write one row with their sum of policies"
            )

    def problem(self, *, beta: float, set: str = "helpful", pool: str = "all") -> Problem:
        """One set of prompts as a :class:`Problem`.

        Args:
            beta: the price of one nat of KL.
            set: which prompts; a row of the problem for each prompt id, in increasing order.
            pool: ``"all"`` policies or only the ``"base_sft"`` ones. A row lists the responses with positive
                multiplicity in the pool, in increasing order of their ids, padded to the longest.

        Raises:
            InputError: a set or pool that is not there, or a pool that gave none of the set's responses.
        """
        count = checks.choice(pool, {"all": self.n_policies, "base_sft": self.n_base_sft}, "pool")
        inside = checks.choice(set, {str(name): self.set == name for name in np.unique(self.set)}, "set")
        kept = np.flatnonzero(inside & (count > 0))
        if kept.size == 0:
            raise InputError(f"the pool {pool} gave no response of the set {set}: choose another pool or set")
        kept = kept[np.lexsort((self.response[kept], self.prompt[kept]))]
        starts = np.flatnonzero(np.diff(self.prompt[kept])) + 1
        log_count = np.split(np.log(count[kept]), starts)
        return Problem.from_unnormalized(log_count, beta, np.split(self.reward[kept], starts))


class VoteLog(Record):
    r"""Votes between two responses to one prompt; a pair may stand on several rows, in either order.

    Args:
        prompt, response_a, response_b: ``(n_rows,)`` ids from 0, no prompt left out; a response is never compared
            with itself.
        wins_a, wins_b, ties: ``(n_rows,)`` numbers of votes.

    Raises:
        InputError: arrays of unequal length, an id or count that is no whole number, a response compared with itself.

    >>> votes = VoteLog([0, 0], [0, 1], [1, 0], [2, 0], [0, 3], [1, 0])
    >>> labels = votes.preferences()
    >>> labels.winner.tolist(), labels.loser.tolist(), labels.weight.tolist()
    ([0, 1], [1, 0], [5.5, 0.5])
    """

    prompt: np.ndarray
    response_a: np.ndarray
    response_b: np.ndarray
    wins_a: np.ndarray
    wins_b: np.ndarray
    ties: np.ndarray

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            prompt: ArrayLike,
            response_a: ArrayLike,
            response_b: ArrayLike,
            wins_a: ArrayLike,
            wins_b: ArrayLike,
            ties: ArrayLike,
        ) -> None: ...

    def __post_init__(self):
        _freeze_columns(self)
        same = self.response_a == self.response_b
        if same.any():
            row = int(np.argmax(same))
            raise InputError(f"row {row} compares response {self.response_a[row]} with itself: drop the row")
        ids = np.unique(self.prompt)
        gap = ids != np.arange(len(ids))
        if gap.any():
            raise InputError(f"prompt {int(np.argmax(gap))} is on no row: number the prompts from 0 without gaps")

    @property
    def n_responses(self) -> np.ndarray:
        """``(n_prompts,)`` number of responses of each prompt: ids run from 0 to the largest one compared."""
        count = np.zeros(self.prompt.max() + 1, dtype=np.int64)
        np.maximum.at(count, self.prompt, np.maximum(self.response_a, self.response_b) + 1)
        return count

    def preferences(self, ties: float = 0.5) -> Preferences:
        """One label for each pair and direction with votes, its weight the number of votes.

        Args:
            ties: how much of a win, both ways, a tie counts; 0 ignores ties.

        Raises:
            InputError: ``ties`` negative or not finite, or no vote left.
        """
        ties = checks.number(ties, "ties", checks.NOT_NEGATIVE)
        a_over_b = np.column_stack([self.prompt, self.response_a, self.response_b])
        b_over_a = a_over_b[:, [0, 2, 1]]
        votes = np.concatenate([self.wins_a + ties * self.ties, self.wins_b + ties * self.ties])
        label, row = np.unique(np.concatenate([a_over_b, b_over_a]), axis=0, return_inverse=True)
        weight = np.bincount(row.reshape(-1), votes)
        return Preferences(*label[weight > 0].T, weight[weight > 0])

    def problem(self, beta: float = 1.0) -> Problem:
        """The compared responses under a uniform reference: a neutral choice, votes know no reference policy."""
        return Problem.from_unnormalized([np.zeros(n) for n in self.n_responses], beta)


class WinTable(Record):
    """How often each of n players beat each other one.

    Args:
        names: n different names.
        wins: ``(n, n)``, finite and at least 0: ``wins[i, j]`` counts i beating j; the diagonal is 0.

    Raises:
        InputError: names that are not different texts, not one for each row, or wins that make no labels.

    >>> WinTable(("a", "b"), [[0, 3], [1, 0]]).preferences().weight.tolist()
    [3.0, 1.0]
    """

    names: tuple[str, ...]
    wins: np.ndarray

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            names: Sequence[str],
            wins: ArrayLike,
        ) -> None: ...

    def __post_init__(self):
        freeze(self, "wins", checks.numbers(self.wins, "wins"))
        object.__setattr__(self, "names", checks.names(self.names, "names"))
        if self.wins.shape != (len(self.names),) * 2:
            raise InputError(f"wins has shape {self.wins.shape} for {len(self.names)} names: give n by n counts")
        self.preferences()

    def preferences(self) -> Preferences:
        """A label for each ordered pair with wins, its weight the number of wins."""
        return Preferences.from_wins(self.wins)

    def problem(self, beta: float = 1.0) -> Problem:
        """One prompt, a response for each name, under a uniform reference."""
        return Problem.from_unnormalized(np.zeros(len(self.names)), beta)


def _freeze_columns(table, **others):
    """Each field as a read-only 1-D array, of whole numbers unless ``others`` reads it, all of one length."""
    for field in fields(table):
        read = others.get(field.name, checks.whole_numbers)
        freeze(table, field.name, read(getattr(table, field.name), field.name))
    shapes = {field.name: getattr(table, field.name).shape for field in fields(table)}
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 1 or (0,) in shapes.values():
        raise InputError(f"the columns have shapes {shapes}: give 1-D arrays of one length, at least 1")
