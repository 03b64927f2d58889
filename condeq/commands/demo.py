"""``condeq demo``: the course."""

from pathlib import Path
from typing import Annotated

import typer

from condeq.terminal import console
from tabular import InputError

__all__ = ["demo"]


def demo(
    name: Annotated[str | None, typer.Argument(help="A lesson by name or number; the gallery by default.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write the lessons as pages and notebooks into this directory, and end.")
    ] = None,
    book: Annotated[
        str | None,
        typer.Option(help="Where the book is that the lessons link to: an address, or (without --export) a folder."),
    ] = None,
    headless: Annotated[bool, typer.Option(help="Serve without opening a browser.")] = False,
) -> None:
    """Ten lessons with sliders, in the browser; with --export as pages for a course site and as .ipynb."""
    from condeq import lessons

    found = lessons.located(name)
    if export is None:
        asked = ["--headless"] if headless else []
        with lessons.book(book) as address:
            raise typer.Exit(lessons.marimo("run", "--no-sandbox", *asked, str(found), book=address).returncode)
    try:
        export.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{export} cannot be made ({problem.strerror}): name another place with --export") from None
    chosen = [found] if name else list(lessons.lessons().values())
    for path in lessons.export(chosen, export, book or ""):
        console.print(str(path), markup=False, soft_wrap=True)
