"""``condeq figures``: figures, their tables and captions, also of one's own problem."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, show
from condeq.options import PROBLEM
from condeq.terminal import console, progress, writing
from tabular import InputError

__all__ = ["figures"]


def figures(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Figures to make; all by default.", autocompletion=completion.figures),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Directory for images, tables and captions; needed.")] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="pdf, svg, png or pgf; repeat for several.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the figure or of its loss, such as beta=0.2."),
    ] = None,
    problem: Annotated[
        Path | None,
        typer.Option(help=f"Draw your own: {PROBLEM[0].lower()}{PROBLEM[1:]}", autocompletion=completion.problems),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="A loss of `condeq losses` in the place of DPO's.", autocompletion=completion.losses),
    ] = None,
    width: Annotated[
        str | None, typer.Option(help="column (3.25 in), two-columns, slide, or inches; as printed by default.")
    ] = None,
    dpi: Annotated[float | None, typer.Option(help="Dots an inch of a PNG; 200 by default.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Also write caption.tex, and table.tex for booktabs.")] = False,
) -> None:
    """Draw figures, each with its table as CSV and its caption beside it."""
    import figures as drawn
    from condeq import figure_options
    from tabular import logs

    chosen = names or list(drawn.names())
    for name in chosen:
        drawn.module(name)  # a name that nobody has is said before anything starts
    if len(chosen) != 1 and (settings or problem or loss):
        option = "--set" if settings else "--problem" if problem else "--loss"
        raise InputError(f"{option} changes one figure, {len(chosen)} are asked for: name the one")
    changed = show.parsed_settings(settings or [])
    changed = figure_options.settings(chosen[0], changed, problem, loss)
    if out is None:
        raise InputError("a figure is files, an image, its table and its caption: name their directory with --out")
    with progress() as report:
        for done, name in enumerate(chosen):
            report(done, len(chosen), name)
            try:
                with writing(out):
                    saved = drawn.save(
                        name, out, formats or drawn.FORMATS, width=width, dpi=dpi, latex=latex, **changed
                    )
            except logs.DataUnavailable as missing:
                console.print(f"{name}: not drawn, {missing}", soft_wrap=True)
                continue
            console.print("  ".join(str(path) for path in saved.paths.values()), soft_wrap=True)
        report(len(chosen), len(chosen), "done")
