"""The map of losses: what each guarantees, one row a loss, one column a property."""

import numpy as np

from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import losses
from tabular.losses.guarantees import PROPERTIES

__all__ = ["SHORT", "SIGNS", "TITLE", "caption", "compute", "draw"]

TITLE = "What each preference loss guarantees"
SHORT = {
    "one-way": "minimum, one label",
    "any": "minimum, any labels",
    "unique": "one optimum",
    "rlhf": "is RLHF's optimum",
    "ranks": "ranks a lone pair right",
    "target": "target never below 0",
    "finite": "finite ratio",
    "unlabelled": "unlabelled keep mass",
    "chosen": "chosen never falls",
    "bounded": "bounded below",
    "reference": "needs no reference",
    "vote": "a vote helps its pair",
    "convex": "convex",
}
#: Answer -> sign, colour of the cell, colour of the sign: told apart without colour, too.
SIGNS = {
    "holds": ("●", "#CFE3F5", "#0B3C6F"),
    "if": ("◐", "#E9EEF4", "#0B3C6F"),
    "fails": ("×", "#F3D9CC", "#8A2D00"),
    "open": ("?", "#FFFFFF", "#555555"),
}


def compute() -> Table:
    """One column of answers a property, losses in the order of the catalogue.

    >>> compute()["convex"][:2].tolist()
    ['holds', 'holds']
    """
    rows = losses.guarantees()
    answers = {name: [row[name].answer.value for row in rows.values()] for name in PROPERTIES}
    return Table({"loss": list(rows)} | answers)


@drawing(columns=2, height=7.6)
def draw(table: Table) -> Panels:
    """A matrix of signs."""
    return {"a": lambda ax: _matrix(ax, table)}


def _matrix(ax, table):
    names = table["loss"].tolist()
    for x, name in enumerate(PROPERTIES):
        for y, answer in enumerate(table[name].tolist()):
            sign, color, ink = SIGNS[answer]
            ax.add_patch(_cell(x, y, color))
            ax.text(x, y, sign, ha="center", va="center", color=ink, fontsize=10, fontfamily="DejaVu Sans")
    ax.set_xlim(-0.5, len(PROPERTIES) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xticks(np.arange(len(PROPERTIES)), [SHORT[name] for name in PROPERTIES], rotation=55, ha="left", fontsize=9)
    ax.set_yticks(np.arange(len(names)), names, fontsize=9)
    ax.xaxis.tick_top()
    ax.set_xlabel("● holds    ◐ holds under a condition    × fails    ? open", fontfamily="DejaVu Sans", labelpad=8)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _cell(x, y, color):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, facecolor=color, edgecolor="none")


def caption(table: Table) -> str:
    """What the signs say, and how many of each."""
    cells = [answer for name in PROPERTIES for answer in table[name].tolist()]
    count = {answer: cells.count(answer) for answer in SIGNS}
    return (
        f"What {len(table['loss'])} preference losses guarantee: ● holds ({count['holds']} cells), ◐ holds under a "
        f"condition ({count['if']}), × fails, with an exact witness or a proof ({count['fails']}), ? open here "
        f"({count['open']}). Each cell but the open ones is a part of a statement "
        "map-PROPERTY-ANSWER whose verdict is computed; a loss with parameters is asked at the setting named there, "
        "unless its condition names them."
    )
