"""Where a pair can go wrong, in the plane of what the reference says and what the reward says."""

import numpy as np
from matplotlib.colors import ListedColormap

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, sweep

__all__ = ["DARK", "LIGHT", "TITLE", "WHITE", "caption", "compute", "draw", "panel"]

TITLE = "Phase diagram: when the undesirable region exists, and when RLHF's own optimum lies in it"
WHITE, LIGHT, DARK = "#FFFFFF", style.REGION_U, "#E2A88D"


def compute(
    *,
    beta: float = 1.0,
    delta_ref_low: float = -5.0,
    delta_ref_high: float = 3.0,
    gain_high: float = 5.0,
    columns: int = 161,
    rows: int = 101,
    problem: subject.Given | None = None,
) -> Table:
    r"""One pair of two responses for every point of a grid, each solved on its own.

    Columns, one entry for each point: ``delta_ref``; ``gain``, Dr/beta in nats; ``delta_rlhf``, the log-ratio of the
    RLHF optimum; ``threshold``, the DPO loss below which the pair is ranked right; ``phase``: 0 if U is empty
    (the loss cannot fall with the pair inverted), 1 if not, 2 if the RLHF optimum itself lies in U.

    Args:
        problem: a problem of your own with a reward: its pairs are shown in the plane, which is made wide enough, and
            its beta is taken. Columns ``pair``, ``pair_delta_ref`` and ``pair_gain``.

    >>> table = compute(columns=9, rows=6)
    >>> sorted(set(table["phase"].tolist()))
    [0, 1, 2]
    """
    shown = {}
    if problem is not None:
        beta, shown = subject.parts(problem)[0].beta, _pairs(problem)
        delta_ref_low = min(delta_ref_low, 1.2 * shown["pair_delta_ref"].min())
        delta_ref_high = max(delta_ref_high, 1.2 * shown["pair_delta_ref"].max())
        gain_high = max(gain_high, 1.2 * shown["pair_gain"].max())
    x, y = np.meshgrid(
        np.linspace(delta_ref_low, delta_ref_high, columns), np.linspace(0, gain_high, rows), indexing="xy"
    )
    delta_ref, gain = x.ravel(), y.ravel()
    found = sweep.phases({"delta_ref": delta_ref, "gain": gain}, beta)
    return Table(
        {"delta_ref": delta_ref, "gain": gain, **found, **shown},
        {"beta": beta, "columns": columns, "rows": rows, "pairs": len(gain), "own": bool(shown)},
    )


def _pairs(problem):
    """The pairs of a user's problem in the plane; one labelled against its reward is left to the caption."""
    pairs = subject.pairs(problem)
    if any(pair.gain is None for pair in pairs):
        raise InputError("the phase diagram shows reward differences and the problem has no reward: add rewards")
    beta = subject.parts(problem)[0].beta
    return {
        "pair": [pair.label for pair in pairs],
        "pair_delta_ref": np.array([pair.delta_ref for pair in pairs]),
        "pair_gain": np.array([pair.gain for pair in pairs]) / beta,
    }


@drawing(columns=1, height=2.9)
def draw(table: Table) -> Panels:
    """Three phases, the assumption line between the two wrong ones, and the level lines of the RLHF optimum."""
    return {"a": lambda ax: panel(ax, table)}


def panel(ax, table: Table) -> None:
    """The plane of reference log-ratio and reward difference."""
    x, y, phase = (table[name].reshape(table.settings["rows"], -1) for name in ("delta_ref", "gain", "phase"))
    ax.pcolormesh(
        x, y, phase, cmap=ListedColormap([WHITE, LIGHT, DARK]), vmin=0, vmax=2, shading="nearest", rasterized=True
    )
    for level, at, color in ((-2, 0.4, DARK), (2, 4.55, LIGHT), (4, 4.55, LIGHT), (6, 4.55, WHITE)):
        ax.plot([level, level - y.max()], [0, y.max()], color=style.LOOKS["rlhf"].color, linewidth=0.6)
        words = rf"$\delta^{{\mathrm{{*}}}}={style.number(level)}$"
        _label(ax, level - at, at, words, color, style.LOOKS["rlhf"].color)
    boundary = np.array([x.min(), 0.0])
    ax.plot(boundary, -boundary, color=style.LOOKS["rlhf"].color, linewidth=1.6)
    ax.axvline(0, color=style.RULE, linewidth=0.8)
    ax.set(xlim=(x.min(), x.max()), ylim=(0, y.max()), xlabel=style.SYMBOLS["delta_ref"])
    ax.set_ylabel(r"reward difference $\Delta r/\beta$ (nats)")
    _label(ax, -3.3, 1.35, "$U$ holds $\\pi^{\\mathrm{*}}$:\nAssumption 3.1\nviolated", DARK)
    _label(ax, -1.35, 3.1, "$U$ not empty,\nassumption holds", LIGHT)
    _label(ax, 1.5, 1.3, "$U$ empty", WHITE)
    if table.settings["own"]:
        _own(ax, table)


def _own(ax, table):
    """The pairs of a user's problem; those with a reward difference below 0 lie below the window."""
    look = {"markeredgecolor": "black", "markerfacecolor": style.LOOKS["dpo"].color, "zorder": 5}
    ax.plot(table["pair_delta_ref"], table["pair_gain"], "s", label="pairs of the problem", **look)
    for words, x, y in zip(table["pair"], table["pair_delta_ref"], table["pair_gain"], strict=True):
        if y >= 0:
            left = x > np.mean(ax.get_xlim())
            where = {"textcoords": "offset points", "ha": "right" if left else "left", "fontsize": "small"}
            box = {"facecolor": WHITE, "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
            ax.annotate(words, (x, y), (-6 if left else 6, 4), bbox=box, zorder=6, **where)


def _label(ax, x, y, words, background, color=style.RULE):
    box = {"facecolor": background, "edgecolor": "none", "pad": 1}
    ax.text(x, y, words, ha="center", va="center", fontsize="small", color=color, bbox=box)


def caption(table: Table) -> str:
    s, phase = table.settings, table["phase"]
    own = ""
    if s["own"]:
        told = (
            f"{words} ({style.number(x, '.3g')}, {style.number(y, '.3g')})"
            for words, x, y in zip(table["pair"], table["pair_delta_ref"], table["pair_gain"], strict=True)
        )
        own = f" Squares: the pairs of the problem by (δ_ref, Δr/β), {', '.join(told)}; Δr < 0 lies below the window."
    share = [100 * float((phase == k).mean()) for k in (0, 1, 2)]
    return (
        "One ordered pair of two responses by its reference log-ratio δ_ref and its reward difference Δr/β. The "
        "undesirable region U = {δ_ref < δ < 0} exists, and the DPO loss can fall while the pair is ranked wrong, "
        "exactly where δ_ref < 0 (both shaded phases). Proposition 3.4's condition, δ_ref < −Δr/β (as transcribed), is "
        "the dark phase alone: below the thick line, where Assumption 3.1 is violated, the RLHF optimum π* itself "
        "lies in U. Between the line and δ_ref = 0 the assumption holds and U is there all the same. Thin lines: "
        f"log-ratio δ* = δ_ref + Δr/β of the RLHF optimum. Computed at {s['pairs']:,} points (β = "
        f"{style.number(s['beta'])}) from the optimum and the loss threshold of each: {share[0]:.0f} % of the window "
        f"white, {share[1]:.0f} % light, {share[2]:.0f} % dark.{own}"
    )
