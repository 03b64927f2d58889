"""The win digraph decides whether DPO has a minimiser: the same six responses under three sets of labels."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.patches import FancyArrowPatch

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.subject import Prompt
from figures.table import Table
from tabular import InputError, Preferences, Problem, dpo

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "The win digraph and its verdict"

_COLORS = ("#37536B", "#B07BAC", "#6B8E23", "#8A6D3B", "#B5651D", "#8C8C8C")  # of blocks: no object of style.LOOKS
_JOINING = {"color": "black", "linewidth": 1.6, "linestyle": (0, (3, 1.5))}
_NAMES = "abcdef"
_MOST = 12  # responses that a panel has room for
_TWO_PAIRS = ((0, 1), (1, 2), (2, 0), (3, 4), (4, 3))
_LABELS = {
    "unique": (*_TWO_PAIRS, (2, 3), (4, 5), (5, 0)),
    "set": _TWO_PAIRS,
    "unattained": (*_TWO_PAIRS, (2, 3)),
}


def compute(
    *,
    beta: float = 0.5,
    labels: Mapping[str, Sequence[tuple[int, int]]] = _LABELS,
    problem: subject.Given | None = None,
) -> Table:
    """Blocks, verdict and the end of gradient flow from a uniform reference, for each named set of (winner, loser).

    Or those of each labelled prompt of a problem of your own, from its reference.

    Columns start with the name: ``*_block``, ``*_source`` and ``*_mass`` (probability at the end of the flow) of each
    response (named in ``*_response``), ``*_winner`` and ``*_loser`` of each label. Settings: status, dimension,
    infimum of the loss.

    >>> compute()["unattained_mass"].round(3).tolist()
    [0.333, 0.333, 0.333, 0.0, 0.0, 0.0]
    """
    panels = _three(beta, labels) if problem is None else subject.prompts(problem)
    columns, settings = {}, {"beta": panels[0].problem.beta, "panels": [panel.title for panel in panels]}
    settings["own"] = problem is not None
    for panel in panels:
        name, solution = panel.title, dpo.solve(panel.problem, panel.preferences)
        if len(panel.names) > _MOST:
            raise InputError(f"{name} has {len(panel.names)} responses: win_digraph has room for {_MOST}")
        columns |= {
            f"{name}_response": panel.names,
            f"{name}_block": solution.label[0],
            f"{name}_source": solution.source[0],
            f"{name}_mass": np.exp(solution.log_policy[0]),
            f"{name}_winner": solution.preferences.winner,
            f"{name}_loser": solution.preferences.loser,
        }
        settings |= {
            f"status_{name}": solution.status.value,
            f"dimension_{name}": solution.dimension,
            f"infimum_{name}": solution.infimum,
        }
    return Table(columns, settings)


def _three(beta, labels):
    """Six responses under each named set of labels."""
    problem = Problem.from_unnormalized(np.zeros(6), beta)
    return [Prompt(name, problem, Preferences.from_pairs(pairs), list(_NAMES)) for name, pairs in labels.items()]


@drawing(columns=2, height=2.05)
def draw(table: Table) -> Panels:
    """One digraph for each set of labels: colours are blocks, filled for source blocks; dashed arrows join blocks."""
    named = zip("abcdefgh", table.settings["panels"], strict=False)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    _digraph(ax, table, name)
    style.panel_letter(ax, letter, table.settings[f"status_{name}"].upper())


def _positions(n):
    """Two triangles side by side for six: a, b, c on the left, d, e, f on the right; for others a regular polygon."""
    if n != 6:
        angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
        return np.column_stack([1.0 * np.cos(angle), 0.72 * np.sin(angle)])
    triangle = np.array([[-0.45, 0.62], [-0.45, -0.62], [0.35, 0.0]])
    return np.vstack([triangle - [0.75, 0], -triangle[[2, 0, 1]] + [0.75, 0]])


def _digraph(ax, table, name):
    names, block = table[f"{name}_response"], table[f"{name}_block"]
    at = _positions(len(names))
    color = [_COLORS[np.flatnonzero(block == b)[0] % len(_COLORS)] for b in block]  # of the block's first response
    edges = list(zip(table[f"{name}_winner"].tolist(), table[f"{name}_loser"].tolist(), strict=True))
    for w, v in edges:
        inside, bend = block[w] == block[v], 0.25 if (v, w) in edges else 0
        look = {"color": color[w], "linewidth": 1.0} if inside else _JOINING
        shape = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "mutation_scale": 8}
        ax.add_patch(FancyArrowPatch(at[w], at[v], shrinkA=8, shrinkB=8, zorder=1, **shape, **look))
    for y, (x, place) in enumerate(zip(names, at, strict=True)):
        fill, letter = (color[y], "white") if table[f"{name}_source"][y] else ("white", color[y])
        if len(x) == 1:
            ax.plot(*place, "o", markersize=13, color=fill, markeredgecolor=color[y], zorder=2)
            ax.text(*place, style.plain(x), ha="center", va="center_baseline", color=letter, zorder=3)
        else:
            box = {"boxstyle": "round", "facecolor": fill, "edgecolor": color[y]}
            ax.text(
                *place, style.plain(x), ha="center", va="center", color=letter, zorder=3, fontsize="small", bbox=box
            )
    ax.text(0, -1.0, _verdict(table, name), ha="center", va="top", fontsize="small", linespacing=1.3)
    ax.set(xlim=(-1.55, 1.55), ylim=(-1.35, 0.85), aspect="equal")
    ax.axis("off")


def _verdict(table, name):
    status, dimension = table.settings[f"status_{name}"], table.settings[f"dimension_{name}"]
    if status == "unique":
        return "one block: one minimiser"
    if status == "set":
        return f"blocks not joined: a set of minimisers,\nblock masses free (dimension {dimension})"
    ends = ", ".join(map(style.plain, table[f"{name}_response"][table[f"{name}_mass"] > 1e-9]))
    return f"a label joins two blocks: no minimiser,\nthe flow ends on {{{ends}}}"


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    infima = ", ".join(f"{n(s[f'infimum_{name}'], '.4f')} ({s[f'status_{name}']})" for name in s["panels"])
    if s["own"]:
        return (
            "Win digraph of each labelled prompt; an arrow is a label, from winner to loser. Colours are the blocks "
            "(strongly connected components): filled where no other block beats them, hollow where one does; dashed "
            "labels join two blocks, and where one does DPO has no minimiser. The flow starts at the problem’s "
            f"reference. Infimum of the loss, a mean over the labels: {infima}. β = {n(s['beta'])}; exact."
        )
    return _three_caption(s, n, infima)


def _three_caption(s, n, infima):
    """Of the six responses under the three sets of labels."""
    return (
        "Win digraphs of six responses; an arrow is a label, from winner to loser. Colours are the blocks (strongly "
        "connected components): filled where no other block beats them, hollow where one does. One block: DPO has "
        "one minimiser. Blocks that no label joins: a set of minimisers, with free block masses. A label that joins "
        "two blocks (dashed): no minimiser; the mass of the beaten block vanishes relative to the winner's, and "
        "gradient flow from the reference leaves the unlabelled f empty too. Infimum of the loss, a mean over the "
        f"labels: {infima}. Uniform reference, β = {n(s['beta'])}; exact."
    )
