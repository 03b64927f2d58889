"""``condeq figures``: figures, their tables and captions."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import show
from condeq.terminal import console, progress, writing
from tabular import InputError


def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Figures to make; all by default.")] = None,
    out: Annotated[Path, typer.Option(help="Directory for images, tables and captions.")] = Path("report/figures"),
    formats: Annotated[list[str] | None, typer.Option("--format", help="pdf, svg or png; repeat for several.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the figure, such as beta=0.2."),
    ] = None,
) -> None:
    """Draw figures, each with its table as CSV and its caption beside it."""
    from figures import FIGURES, FORMATS, module, save
    from tabular import logs

    chosen = names or list(FIGURES)
    for name in chosen:
        module(name)  # a name that nobody has is said before anything starts
    changed = show.parsed_settings(settings or [])
    if changed and len(chosen) != 1:
        raise InputError(f"--set changes one figure, {len(chosen)} are asked for: name the one")
    with progress() as report:
        for done, name in enumerate(chosen):
            report(done, len(chosen), name)
            try:
                with writing(out):
                    saved = save(name, out, formats or FORMATS, **changed)
            except logs.DataUnavailable as missing:
                console.print(f"{name}: not drawn, {missing}", markup=False)
                continue
            console.print("  ".join(str(path) for path in saved.paths.values()), markup=False, soft_wrap=True)
        report(len(chosen), len(chosen), "done")
