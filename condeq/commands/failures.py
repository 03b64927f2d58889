"""``condeq failures``: every way a loss can mislead on one problem."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, show
from condeq.options import PROBLEM, AsJson, LossName, LossSettings, Out, problem_and_loss
from condeq.terminal import console, print_json, saved

__all__ = ["failures"]


def failures(
    file: Annotated[Path, typer.Argument(help=PROBLEM, autocompletion=completion.problems)],
    out: Out = None,
    loss: LossName = None,
    settings: LossSettings = None,
    as_json: AsJson = False,
) -> None:
    """Every way the loss, DPO's by default, can fall while the policy prefers the wrong response, pair by pair."""
    from condeq import solutions

    source, chosen = problem_and_loss(file, loss, settings)
    rows = solutions.failures(source, chosen)
    if as_json:
        print_json(rows)
        return
    with saved(rows, out):
        for part in show.failures(rows, "DPO" if chosen is None or chosen.name == "dpo" else chosen.name):
            console.print(part)
