"""``condeq solve``: the solutions of one problem side by side."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, show
from condeq.options import PROBLEM, AsJson, LossName, LossSettings, problem_and_loss
from condeq.terminal import console, print_json

__all__ = ["solve"]


def solve(
    file: Annotated[Path, typer.Argument(help=PROBLEM, autocompletion=completion.problems)],
    margin: Annotated[float, typer.Option(help="The margin m of the hard constraint pi_w >= e^m pi_l.")] = 0.0,
    loss: LossName = None,
    settings: LossSettings = None,
    as_json: AsJson = False,
) -> None:
    """The reference, the RLHF optimum, what DPO and a loss converge to, and the constrained optimum, side by side."""
    from condeq import solutions

    source, chosen = problem_and_loss(file, loss, settings)
    answer = solutions.solve(source, margin, chosen)
    if as_json:
        print_json(answer)
    else:
        for part in show.solution(answer):
            console.print(part)
