"""What voters say: rankings of all responses with their numbers of voters, and the pairwise counts they add up to."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from itertools import combinations_with_replacement, permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Profile", "profiles", "wins_of"]

_RANKED, _VOTERS = 10, 10**6  # of listed profiles: 10! rankings are kept at once, and a vote of each voter


class Profile(Record):
    """Strict rankings of n responses, each with its number of voters.

    Args:
        rankings: ``(n_rankings, n)``: each row is a permutation of 0..n-1, the best first.
        voters: ``(n_rankings,)`` whole numbers; one each by default.

    Raises:
        InputError: a row that is no permutation, or numbers of voters that are none or do not fit.

    >>> profile = Profile([[0, 2, 1], [1, 0, 2]], [2, 5])  # 2 voters A > C > B, 5 voters B > A > C
    >>> profile.wins.tolist()
    [[0, 2, 7], [5, 0, 5], [0, 2, 0]]
    """

    rankings: np.ndarray
    voters: np.ndarray = field(default=None)  # type: ignore[arg-type]

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            rankings: ArrayLike,
            voters: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self):
        rankings = checks.whole_numbers(self.rankings, "rankings")
        if rankings.ndim != 2 or 0 in rankings.shape:
            raise InputError(f"rankings has shape {rankings.shape}: give one row of responses for each ranking")
        wrong = (np.sort(rankings, axis=1) != np.arange(rankings.shape[1])).any(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"ranking {row} is {checks.brief(rankings[row])}: list each of the responses "
                f"0 to {rankings.shape[1] - 1} once; partial rankings belong to rankings.Rankings"
            )
        voters = (
            np.ones(len(rankings), np.int64) if self.voters is None else checks.whole_numbers(self.voters, "voters")
        )
        if voters.shape != (len(rankings),) or voters.sum() == 0:
            raise InputError(f"voters has shape {voters.shape} and sum {voters.sum()}: give a number for each ranking")
        for name, array in (("rankings", rankings), ("voters", voters)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def n_responses(self) -> int:
        return self.rankings.shape[1]

    @property
    def n_voters(self) -> int:
        return int(self.voters.sum())

    @cached_property
    def place(self) -> np.ndarray:
        """``(n_rankings, n)``: the place of each response, 0 for the best."""
        return np.argsort(self.rankings, axis=1)

    @cached_property
    def wins(self) -> np.ndarray:
        """``(n, n)`` whole numbers: how many voters put i above j."""
        above = self.place[:, :, None] < self.place[:, None, :]
        return np.einsum("k,kij->ij", self.voters, above)

    def with_clone(self, response: int, behind: ArrayLike | None = None) -> "Profile":
        """A copy ranked next to a response, numbered n: just below it, or above it by the voters ``behind``.

        Args:
            behind: ``(n_rankings,)`` mask of the rankings that put the copy first; none by default.

        >>> Profile([[0, 1], [1, 0]]).with_clone(1, [True, False]).rankings.tolist()
        [[0, 2, 1], [1, 2, 0]]
        """
        first = np.zeros(len(self.rankings), bool) if behind is None else np.asarray(behind, bool)
        rows = []
        for ranking, before in zip(self.rankings.tolist(), first, strict=True):
            at = ranking.index(response) + (0 if before else 1)
            rows.append([*ranking[:at], self.n_responses, *ranking[at:]])
        return Profile(rows, self.voters)

    def problem(self, beta: float = 1.0) -> Problem:
        """One prompt, the responses under a uniform reference."""
        return Problem.from_unnormalized(np.zeros(self.n_responses), beta)

    def preferences(self) -> Preferences:
        """A label for each ordered pair, its weight the number of voters who agree."""
        return Preferences.from_wins(self.wins)

    def describe(self, names: Sequence[str] | None = None) -> str:
        """The profile in one line.

        >>> Profile([[0, 2, 1], [1, 0, 2]], [2, 5]).describe("ABC")
        '2 x A>C>B, 5 x B>A>C'
        """
        names = [str(i) for i in range(self.n_responses)] if names is None else names
        lines = (">".join(names[y] for y in ranking) for ranking in self.rankings)
        return ", ".join(f"{number} x {line}" for number, line in zip(self.voters, lines, strict=True))


def profiles(n_responses: int, n_voters: int) -> Iterator[Profile]:
    """Every profile of so many voters, up to the order of the voters.

    >>> [profile.describe() for profile in profiles(2, 2)]
    ['2 x 0>1', '1 x 0>1, 1 x 1>0', '2 x 1>0']
    """
    n_responses = checks.whole_number(n_responses, "n_responses", least=1)
    n_voters = checks.whole_number(n_voters, "n_voters", least=1)
    if n_responses > _RANKED or n_voters > _VOTERS:
        raise InputError(
            f"n_responses is {checks.brief(n_responses)}, n_voters {checks.brief(n_voters)}: profiles are listed of at "
            f"most {_RANKED} responses and {_VOTERS} voters"
        )
    orders = list(permutations(range(n_responses)))
    for chosen in combinations_with_replacement(range(len(orders)), n_voters):
        kinds = sorted(set(chosen))
        yield Profile([orders[k] for k in kinds], [chosen.count(k) for k in kinds])


@takes_nouns
def wins_of(problem: Problem, preferences: Preferences) -> np.ndarray:
    """``(n_prompts, n, n)``: the total weight of the labels i over j, votes of a :class:`tabular.logs.VoteLog` say.

    >>> wins_of(Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1), (0, 1)])).tolist()
    [[[0.0, 2.0], [0.0, 0.0]]]
    """
    preferences.check_against(problem)
    n = problem.n_responses
    place = (preferences.prompt * n + preferences.winner) * n + preferences.loser
    return np.bincount(place, preferences.weight, problem.n_prompts * n * n).reshape(-1, n, n)
