"""Arguments and options that several commands share, and what they mean together."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, examples, show

__all__ = ["PROBLEM", "AsJson", "LossName", "LossSettings", "Out", "problem_and_loss"]

PROBLEM = f"A problem file (JSON or YAML), or one of {', '.join(Path(file).stem for file in examples.PROBLEMS)}."

Out = Annotated[Path | None, typer.Option(help="A file for the JSON; nothing is written without it.")]
LossName = Annotated[
    str | None,
    typer.Option("--loss", help="A loss of `condeq losses`; the file's by default.", autocompletion=completion.losses),
]
LossSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the loss, such as eps=0.01. Repeat."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def problem_and_loss(file, loss, settings):
    """The problem file that is meant, and the loss of the options or else of the file, None for plain DPO."""
    from condeq import loss_options, problem_file

    source = problem_file.read(examples.located(file, examples.PROBLEMS))
    return source, loss_options.chosen(loss, show.parsed_settings(settings or []), source.loss)
