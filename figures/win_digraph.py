"""The win digraph decides whether DPO has a minimiser: the same six responses under three sets of labels."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from figures import style
from figures.table import Table
from tabular import Preferences, Problem, dpo

TITLE = "The win digraph and its verdict"

_COLORS = ("#37536B", "#B07BAC", "#6B8E23", "#8A6D3B", "#B5651D", "#8C8C8C")  # of blocks: no object of style.LOOKS
_JOINING = {"color": "black", "linewidth": 1.6, "linestyle": (0, (3, 1.5))}
_NAMES = "abcdef"
_TWO_PAIRS = ((0, 1), (1, 2), (2, 0), (3, 4), (4, 3))
_LABELS = {
    "unique": (*_TWO_PAIRS, (2, 3), (4, 5), (5, 0)),
    "set": _TWO_PAIRS,
    "unattained": (*_TWO_PAIRS, (2, 3)),
}


def compute(*, beta=0.5, labels=_LABELS) -> Table:
    """Blocks, verdict and the end of gradient flow from a uniform reference, for each named set of (winner, loser).

    Columns start with the name: ``*_block``, ``*_source`` and ``*_mass`` (probability at the end of the flow) of each
    response, ``*_winner`` and ``*_loser`` of each label. Settings: status, dimension, infimum of the loss.

    >>> compute()["unattained_mass"].round(3).tolist()
    [0.333, 0.333, 0.333, 0.0, 0.0, 0.0]
    """
    problem = Problem.from_unnormalized(np.zeros(6), beta)
    columns, settings = {"response": list(_NAMES)}, {"beta": beta, "panels": list(labels)}
    for name, pairs in labels.items():
        solution = dpo.solve(problem, Preferences.from_pairs(pairs))
        columns |= {
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


@style.styled
def draw(table: Table) -> Figure:
    """One digraph for each set of labels: colours are blocks, filled for source blocks; dashed arrows join blocks."""
    names = table.settings["panels"]
    figure, axes = style.new_figure(columns=2, height=2.05, cols=len(names))
    for ax, name, letter in zip(axes, names, "abc", strict=False):
        _digraph(ax, table, name)
        style.panel_letter(ax, letter, table.settings[f"status_{name}"].upper())
    return figure


def _positions():
    """Two triangles side by side: a, b, c on the left, d, e, f on the right."""
    triangle = np.array([[-0.45, 0.62], [-0.45, -0.62], [0.35, 0.0]])
    return np.vstack([triangle - [0.75, 0], -triangle[[2, 0, 1]] + [0.75, 0]])


def _digraph(ax, table, name):
    at, block = _positions(), table[f"{name}_block"]
    color = [_COLORS[np.flatnonzero(block == b)[0]] for b in block]  # of the block's first response
    edges = list(zip(table[f"{name}_winner"].tolist(), table[f"{name}_loser"].tolist(), strict=True))
    for w, v in edges:
        inside, bend = block[w] == block[v], 0.25 if (v, w) in edges else 0
        look = {"color": color[w], "linewidth": 1.0} if inside else _JOINING
        shape = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "mutation_scale": 8}
        ax.add_patch(FancyArrowPatch(at[w], at[v], shrinkA=8, shrinkB=8, zorder=1, **shape, **look))
    for y, (x, place) in enumerate(zip(table["response"], at, strict=True)):
        fill, letter = (color[y], "white") if table[f"{name}_source"][y] else ("white", color[y])
        ax.plot(*place, "o", markersize=13, color=fill, markeredgecolor=color[y], zorder=2)
        ax.text(*place, x, ha="center", va="center_baseline", color=letter, zorder=3)
    ax.text(0, -1.0, _verdict(table, name), ha="center", va="top", fontsize=7, linespacing=1.3)
    ax.set(xlim=(-1.55, 1.55), ylim=(-1.35, 0.85), aspect="equal")
    ax.axis("off")


def _verdict(table, name):
    status, dimension = table.settings[f"status_{name}"], table.settings[f"dimension_{name}"]
    if status == "unique":
        return "one block: one minimiser"
    if status == "set":
        return f"blocks not joined: a set of minimisers,\nblock masses free (dimension {dimension})"
    ends = "".join(table["response"][table[f"{name}_mass"] > 1e-9])
    return f"a label joins two blocks: no minimiser,\nthe flow ends on {{{', '.join(ends)}}}"


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    infima = ", ".join(f"{n(s[f'infimum_{name}'], '.4f')} ({s[f'status_{name}']})" for name in s["panels"])
    return (
        "Win digraphs of six responses; an arrow is a label, from winner to loser. Colours are the blocks (strongly "
        "connected components): filled where no other block beats them, hollow where one does. One block: DPO has "
        "one minimiser. Blocks that no label joins: a set of minimisers, with free block masses. A label that joins "
        "two blocks (dashed): no minimiser; the mass of the beaten block vanishes relative to the winner's, and "
        "gradient flow from the reference leaves the unlabelled f empty too. Infimum of the loss, a mean over the "
        f"labels: {infima}. Uniform reference, β = {n(s['beta'])}; exact."
    )
