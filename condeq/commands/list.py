"""``condeq list``: what there is."""

from typing import Annotated

import typer

from condeq.options import AsJson
from condeq.terminal import console, print_json
from tabular.base import checks

__all__ = ["list"]


def list(
    what: Annotated[
        str | None, typer.Argument(help="statements, figures, examples, losses or demos; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Statements, figures with their settings, examples, losses, demos: a line each, its section first."""
    from condeq import listing, show

    if what is not None:
        checks.choice(what, listing.SECTIONS, "section named")
    found = {name: items() for name, items in listing.SECTIONS.items() if what in (None, name)}
    if as_json:
        print_json(found)
        return
    for section, items in found.items():
        if console.is_terminal:
            console.print(show.listed(section, items))
        else:
            print("\n".join(f"{section}\t{name}\t{words}" for name, words in items.items()))
