"""Which statements of the literature fail, and which statement of whom says what holds instead."""

import re

import numpy as np

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from proofs_checks import statements
from proofs_checks.registry import title

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "What rests on, repairs and answers what"

_LONGEST = 34  # letters that the margin holds

_KINDS = {
    "rests on": ("#8C8C8C", "-"),
    "answers": (style.LOOKS["dpo"].color, (0, (4, 1.4))),
    "repairs": (style.LOOKS["cpo"].color, "-"),
}


def compute() -> Table:
    """The relations between statements of different sources' files: ``from``, ``to``, their sources, and the kind.

    A statement *rests on* those whose results or verdict it uses, *repairs* those that its source names, and *answers*
    the refuted ones that name it as what holds instead, or where. Verdicts are the expected ones, which ``condeq
    check`` computes anew. ``source``, ``cited`` and ``size`` list all sources, what they are called, and their
    numbers of statements.

    >>> table = compute()
    >>> found = set(zip(table["from"].tolist(), table["kind"].tolist(), table["to"].tolist()))
    >>> ("hypo-majority-threshold", "answers", "hypo-majority-first") in found
    True
    """
    known = {name: statement for name, (statement, _) in statements().items()}
    source = {name: file.split("/")[1] for name, (_, file) in statements().items()}
    edges = [edge for name, statement in known.items() for edge in _relations(name, statement, known)]
    edges = sorted(dict.fromkeys(edges))
    folders = sorted(dict.fromkeys(source.values()))
    columns = {"from": [a for a, _, _ in edges], "kind": [k for _, k, _ in edges], "to": [b for *_, b in edges]}
    columns |= {f"{end}_source": [source[name] for name in columns[end]] for end in ("from", "to")}
    columns |= {"source": folders, "cited": [_cited(folder) for folder in folders]}
    columns |= {"size": [sum(f == folder for f in source.values()) for folder in folders]}
    return Table(columns, {"statements": len(known), "edges": len(edges)})


def _cited(folder):
    """Authors and year, or the folder's own words where its title begins with neither."""
    first = title(folder).split(",")[0]
    return first if len(first) <= _LONGEST else folder.replace("_", " ").capitalize()


def _relations(name, statement, known):
    """(from, kind, to) of one statement."""
    repaired = set(re.findall(r"repair of ([\w.-]+\w)", statement.source)) & known.keys()
    yield from ((name, "repairs", other) for other in repaired)
    yield from ((name, "rests on", other) for other in statement.rests_on)
    yield from ((other, "answers", name) for other in statement.instead)


@drawing(columns=2, height=4.6)
def draw(table: Table) -> Panels:
    """Sources down both sides; a line for each pair of sources and kind, as wide as there are relations."""
    return {"a": lambda ax: _sources(ax, table)}


def _sources(ax, table):
    place = {name: -k for k, name in enumerate(table["source"].tolist())}
    for name, words, size in zip(*(table[column].tolist() for column in ("source", "cited", "size")), strict=True):
        ax.text(-0.03, place[name], f"{words} ({size})", ha="right", va="center", fontsize="small")
        ax.text(1.03, place[name], words, ha="left", va="center", fontsize="small")
    ends = list(zip(*(table[column].tolist() for column in ("kind", "from_source", "to_source")), strict=True))
    for (kind, start, end), count in sorted({edge: ends.count(edge) for edge in ends}.items()):
        color, linestyle = _KINDS[kind]
        shift = 0.16 * (list(_KINDS).index(kind) - 1)
        width = 0.5 + 0.45 * np.sqrt(count)
        at = [place[start] + shift, place[end] + shift]
        ax.plot([0, 1], at, color=color, linestyle=linestyle, linewidth=width, solid_capstyle="round")
    for kind, (color, linestyle) in _KINDS.items():
        ax.plot([], [], color=color, linestyle=linestyle, label=f"left {kind} right")
    ax.set(xlim=(-0.42, 1.4), ylim=(-len(place) + 0.5, 0.6))
    ax.axis("off")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.01), ncols=3, fontsize="small")


def caption(table: Table) -> str:
    kinds = table["kind"].tolist()
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in _KINDS)
    return (
        f"Relations among the {table.settings['statements']} statements, by source (numbers of "
        f"statements in brackets): {counts}; a wider line stands for more. Left rests on right: it uses it. Left "
        "repairs right: its source says so. Left answers right: the right one is refuted, and the left one is what "
        "holds instead. Every relation is a row of the table beside the figure. Verdicts are the expected ones, which "
        "a check of all statements computes anew."
    )
