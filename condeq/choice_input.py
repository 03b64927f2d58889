"""What a prompt of a problem file may have in place of pairs: rankings, votes, or a preference matrix.

::

    rankings:                         # the best first; a list inside a ranking is a tie
      - [polite, rude, silent]
      - {order: [rude, [polite, silent]], voters: 3}
    wins: [[0, 3], [1, 0]]            # how often the response of the row was preferred to that of the column
    preference_matrix: [[0.5, 0.9], [0.1, 0.5]]     # how likely it is
"""

from dataclasses import dataclass

import numpy as np

from tabular import InputError
from tabular.base import checks
from tabular.choice import matrix
from tabular.choice.rankings import Rankings

__all__ = ["KEYS", "Choice", "read"]

KEYS = ("rankings", "wins", "preference_matrix")


@dataclass(frozen=True)
class Choice:
    """One prompt's collective choice: the preference matrix that its data amount to, and its rankings if it has any."""

    kind: str
    preference: np.ndarray
    wins: np.ndarray
    rankings: Rankings | None = None

    def rows(self, prompt) -> list[tuple]:
        """Labels (prompt, winner, loser, log weight) of each ordered pair with wins."""
        return [(prompt, int(i), int(j), float(np.log(self.wins[i, j]))) for i, j in np.argwhere(self.wins > 0)]


def read(prompt, response, n_responses) -> Choice | None:
    """The choice of a prompt of a file, None where it lists pairs; ``response`` turns a name and place into an index.

    >>> found = read({"wins": [[0, 3], [1, 0]]}, None, 2)
    >>> found.kind, found.preference.tolist()
    ('wins', [[0.5, 0.75], [0.25, 0.5]])
    """
    kind = next((key for key in KEYS if key in prompt), None)
    if kind is None:
        return None
    if kind == "rankings":
        rankings = _rankings(prompt["rankings"], response)
        labels = rankings.broken()
        wins = np.zeros((n_responses, n_responses))
        np.add.at(wins, (labels.winner, labels.loser), labels.weight)
        return Choice(kind, matrix.from_wins(wins), wins, rankings)
    table = checks.numbers(prompt[kind], kind)
    if table.shape != (n_responses, n_responses):
        raise InputError(
            f"{kind} has shape {table.shape} for {n_responses} responses: give a row and a column for each"
        )
    if kind == "wins":
        return Choice(kind, matrix.from_wins(table), matrix.win_counts(table))
    preference = matrix.preference_matrix(table)[0]
    return Choice(kind, preference, preference * (1 - np.eye(n_responses)))


def _rankings(given, response):
    if not isinstance(given, list) or not given:
        raise InputError("rankings must be a list of rankings, each a list of responses, the best first")
    orders, voters = zip(*(_ranking(one, response, f"rankings[{k}]") for k, one in enumerate(given)), strict=True)
    return Rankings(orders, weight=voters)


def _ranking(given, response, place):
    voters = 1.0
    if isinstance(given, dict):
        if set(given) - {"order", "voters"} or "order" not in given:
            raise InputError(f"{place} has the keys {', '.join(map(str, given))}: write order and, if any, voters")
        given, voters = given["order"], checks.number(given.get("voters", 1), f"{place}.voters", checks.NOT_NEGATIVE)
    if not isinstance(given, list):
        raise InputError(f"{place} is {checks.brief(given)}: list its responses, the best first")
    return [
        tuple(response(name, place) for name in group) if isinstance(group, list) else response(group, place)
        for group in given
    ], voters
