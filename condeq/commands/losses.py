"""``condeq losses``: the catalogue, and the map of what each loss guarantees."""

from typing import Annotated

import typer

from condeq import show
from condeq.options import AsJson
from condeq.terminal import console, print_json

__all__ = ["losses"]


def losses(
    as_json: AsJson = False,
    as_map: Annotated[bool, typer.Option("--map", help="What each loss guarantees, with the statements.")] = False,
) -> None:
    """The catalogue of losses: kind, convexity, parameters, source, and what trainers make of the names."""
    from condeq import loss_map, loss_options

    rows = loss_map.rows() if as_map else loss_options.catalogue()
    if as_json:
        print_json(rows)
        return
    for part in loss_map.shown(rows) if as_map else show.catalogue(rows):
        console.print(part)
