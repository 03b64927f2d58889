"""``condeq audit``: what a trainer's log hides."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from condeq import examples, show
from condeq.options import AsJson, Out
from condeq.terminal import BEYOND, console, print_json, saved
from tabular import InputError

RUN = "hh-pythia410m-dpo"


def audit(
    log: Annotated[
        str,
        typer.Argument(
            help=f"A CSV, JSONL or Parquet file of pairs; or trainer_log, an example, or {RUN}, a public run."
        ),
    ],
    beta: Annotated[float | None, typer.Option(help="The beta of the DPO loss; needed for a file.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=COLUMN", help="Rename a column, such as ref_chosen=my_logp. Repeat."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """What a trainer's own log hides: pessimistic pairs, absolute accuracy, the share of pairs in U."""
    from tabular import logs
    from tabular.audit import audit as audited

    if log == RUN and not Path(log).exists():
        if columns:
            raise InputError(f"--column renames a column of a file, and {RUN} is none: leave it out")
        source = logs.load(log)
    else:
        file = examples.located(Path(log), examples.LOGS, RUN)
        source = logs.read_pairs(file, show.parsed_columns(columns or []))
    found = audited(source, beta)
    if not np.isfinite([*found.loss, *found.flip_threshold]).all():
        raise InputError(BEYOND)
    result = found.to_dict()
    if as_json:
        print_json(result)
        return
    with saved(result, out):
        for part in show.audit(result):
            console.print(part)
