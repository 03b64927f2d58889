"""``condeq report``: the page with everything."""

from pathlib import Path
from typing import Annotated

import typer

from condeq.terminal import console, progress, writing
from tabular import InputError

__all__ = ["report"]


def report(
    out: Annotated[Path | None, typer.Option(help="Directory of the page and all that it shows; needed.")] = None,
) -> None:
    """Verify everything, draw everything, and write one self-contained page."""
    from condeq import report as page
    from proofs_checks.__main__ import print_table

    if out is None:
        raise InputError("the report is a page with its figures: name their directory with --out")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        summary = page.build(out, progress=tell)
    print_table(summary.results)
    for line in summary.missing:
        console.print(f"missing: {line}", soft_wrap=True)
    console.print(f"the report is {summary.page}", soft_wrap=True)
    raise typer.Exit(0 if all(result.as_expected for result in summary.results) else 1)
