"""``condeq losses``: the catalogue."""

from condeq import show
from condeq.options import AsJson
from condeq.terminal import console, print_json


def losses(as_json: AsJson = False) -> None:
    """The catalogue of losses: kind, convexity, parameters, source, and what trainers make of the names."""
    from condeq import loss_options

    rows = loss_options.catalogue()
    if as_json:
        print_json(rows)
        return
    for part in show.catalogue(rows):
        console.print(part)
