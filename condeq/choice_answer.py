"""Collective choice on a prompt of a problem file: scores, winners, games, rankings, as plain JSON and as a table."""

from fractions import Fraction

import numpy as np
from rich.table import Table
from rich.text import Text

from condeq.choice_input import Choice
from tabular import Problem
from tabular.choice import games, nash, plackett_luce, rules, transitivity
from tabular.choice.matrix import exact_from_wins

__all__ = ["show", "solve"]


def solve(choice: Choice, problem: Problem, names: list[str]) -> dict:
    """Everything that the rules say of one prompt.

    >>> from condeq.choice_input import read
    >>> cycle = read({"preference_matrix": [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]}, None, 3)
    >>> answer = solve(cycle, Problem.from_probabilities([0.5, 0.3, 0.2], beta=1), ["rock", "scissors", "paper"])
    >>> answer["condorcet_winner"], answer["nash"], [round(p, 6) for p in answer["regularised_nash"]]
    (None, ['1/3', '1/3', '1/3'], [0.510868, 0.261556, 0.227576])
    """
    preference = choice.preference
    lottery = games.maximal_lottery(_in_fractions(choice))
    fitted = rules.bradley_terry(choice.wins)
    winner = int(rules.condorcet_winner(preference)[0])
    answer = {
        "given": choice.kind,
        "borda": rules.borda(preference)[0].tolist(),
        "copeland": rules.copeland(preference)[0].tolist(),
        "condorcet_winner": names[winner] if winner >= 0 else None,
        "smith_set": [names[y] for y in np.flatnonzero(rules.smith_set(preference)[0])],
        "cycles": [[names[y] for y in triple] for triple in transitivity.cyclic_triples(preference)[0]],
        "bradley_terry_status": fitted.status.value,
        "bradley_terry": fitted.strength.tolist(),
        "bradley_terry_misfit": fitted.divergence,
        "nash_status": lottery.status.value,
        "nash": [str(p) for p in lottery.policy],
        "regularised_nash": np.exp(nash.regularised(preference, problem.beta, problem.log_ref).log_policy[0]).tolist(),
    }
    if choice.rankings is not None:
        listwise = plackett_luce.solve(problem, choice.rankings)
        answer["plackett_luce_status"] = listwise.status.value
        answer["plackett_luce"] = np.exp(listwise.log_policy[0]).tolist()
    return answer


def _in_fractions(choice):
    """Rates as they were meant: shares of counts, or decimals as they are written."""
    if choice.kind != "preference_matrix":
        return exact_from_wins(choice.wins)
    return np.vectorize(lambda rate: Fraction(str(rate)), otypes=[object])(choice.preference)


_COLUMNS = {
    "borda": "Borda",
    "copeland": "Copeland",
    "bradley_terry": "Bradley-Terry",
    "nash": "Nash",
    "regularised_nash": "Nash, tau = beta",
    "plackett_luce": "listwise DPO",
}


def show(answer: dict, names: list[str]):
    """The table of one prompt, and what is known of it in sentences."""
    shown = [key for key in _COLUMNS if key in answer]
    table = Table(title=f"collective choice from {answer['given'].replace('_', ' ')}", title_justify="left")
    table.add_column("response")
    for key in shown:
        table.add_column(_COLUMNS[key], justify="right")
    for y, name in enumerate(names):
        cells = (answer[key][y] for key in shown)
        table.add_row(Text(name), *(cell if isinstance(cell, str) else f"{cell:.4f}" for cell in cells))
    yield table
    if answer["condorcet_winner"] is not None:
        yield Text(f"Condorcet winner: {answer['condorcet_winner']}, so the only Nash policy.")
    else:
        yield Text(f"No Condorcet winner; Smith set: {', '.join(answer['smith_set'])}.")
    for cycle in answer["cycles"]:
        yield Text(f"A cycle of majorities: {' > '.join([*cycle, cycle[0]])}.")
    if answer["nash_status"] == "set":
        yield Text("There are several Nash policies; shown is one in the middle of them.")
    yield Text(
        f"Bradley-Terry: {answer['bradley_terry_status']}; the votes are "
        f"{answer['bradley_terry_misfit']:.4g} nats from any rewards."
    )
