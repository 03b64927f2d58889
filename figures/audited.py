"""The figures of a trainer's log: its pairs in the plane, the course, the log-ratios and the flip thresholds.

It is drawn by ``condeq audit LOG --figures DIR`` of what was read; it is no figure of the toolkit's own, so it
stands in no list. A log of the reference alone has no plane, one of fewer than three checkpoints no course.
"""

from pathlib import Path

import numpy as np

from figures import style
from figures.drawing import Panels, drawing, two_a_row
from figures.table import Table
from tabular.audit import Audit

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "A training log"

_SHARES = {
    "relative_accuracy": ("h > 0, logged", style.RULE, (0, (4, 1.2, 1, 1.2))),
    "absolute_accuracy": ("δ > 0", style.LOOKS["cpo"].color, "--"),
    "certified_accuracy": ("certified", style.LOOKS["rlhf"].color, (0, (1, 1.2))),
    "share_in_u": ("in U", style.LOOKS["dpo"].color, "-"),
}
_BARS = 40
_SMALL = {"marker": "o", "linestyle": "none", "markersize": 2.2, "markeredgewidth": 0, "rasterized": True}


def compute(result: Audit) -> Table:
    """Columns per pair: ``delta_ref``, ``delta`` of the last checkpoint, ``flip_threshold``, ``short`` of it.

    Per checkpoint, where there are three or more: ``examples`` and the shares of pairs. Settings: of what, under which
    loss, and how many.

    >>> from tabular.audit import audit
    >>> from tabular.logs import PairLog
    >>> log = PairLog("mine", [-1.0, -2.0], [-2.0, -1.0], [-1.0, -1.5], [-3.0, -1.0])
    >>> table = compute(audit(log, beta=0.5))
    >>> table["delta_ref"].tolist(), table["delta"].tolist(), table.settings["panels"]
    ([1.0, -1.0], [2.0, -0.5], ['plane', 'ratios', 'thresholds'])
    """
    columns = {"delta_ref": result.delta_ref, "delta": result.delta, "flip_threshold": result.flip_threshold}
    columns["short"] = np.broadcast_to(result.short, result.n_pairs)
    panels = ["plane"] * (result.n_checkpoints > 1) + ["course"] * (result.n_checkpoints > 2) + ["ratios", "thresholds"]
    settings = {
        "source": Path(result.source).name,
        "beta": float(result.beta),
        "loss": result.loss_name,
        "panels": panels,
    }
    settings |= {"pairs": result.n_pairs, "policy": result.n_checkpoints > 1}
    if "course" in panels:
        steps = np.arange(result.n_checkpoints) if result.step is None else np.asarray(result.step)
        columns["examples"] = steps
        columns |= {name: getattr(result, name) for name in _SHARES}
    settings["last"] = {name: float(getattr(result, name)[-1]) for name in _SHARES}
    return Table(columns, settings)


@drawing(columns=2, height=2.5, layout=two_a_row)
def draw(table: Table) -> Panels:
    """A panel for each question that the log answers."""
    known = {"plane": _plane, "course": _course, "ratios": _ratios, "thresholds": _thresholds}
    named = zip("abcd", table.settings["panels"], strict=False)
    return {letter: lambda ax, letter=letter, name=name: known[name](ax, table, letter) for letter, name in named}


def _reach(*arrays):
    """A symmetric window that holds nearly all values."""
    return float(max(np.quantile(np.abs(np.concatenate(arrays)), 0.995), 1e-3)) * 1.05


def _plane(ax, table, letter):
    delta_ref, delta = table["delta_ref"], table["delta"]
    reach = _reach(delta_ref, delta)
    inside = (delta_ref < delta) & (delta < 0)
    ax.fill([-reach, 0, -reach], [-reach, 0, 0], color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    ax.axhline(0, color=style.RULE, linewidth=0.6)
    ax.axvline(0, color=style.RULE, linewidth=0.6)
    ax.plot([-reach, reach], [-reach, reach], **style.line("reference", label="nothing moved"))
    ax.plot(delta_ref[~inside], delta[~inside], color=style.RULE, **_SMALL)
    ax.plot(delta_ref[inside], delta[inside], color=style.LOOKS["dpo"].color, **_SMALL)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel=r"$\delta_{\rm ref}$ (nats)", ylabel=r"$\delta$ (nats)")
    ax.legend(loc="upper left", fontsize="small", handlelength=1.4)
    style.panel_letter(ax, letter, "every pair")


def _course(ax, table, letter):
    for name, (label, color, linestyle) in _SHARES.items():
        ax.plot(table["examples"], 100 * table[name], color=color, linestyle=linestyle, label=label)
    ax.set(xlabel="training examples seen", ylabel="share of pairs (%)", ylim=(0, 102), xlim=table["examples"][[0, -1]])
    ax.legend(loc="best", fontsize="small")
    style.panel_letter(ax, letter, "the course")


def _ratios(ax, table, letter):
    drawn = {r"$\delta_{\rm ref}$": ("reference", table["delta_ref"])}
    if table.settings["policy"]:
        drawn[r"$\delta$"] = ("dpo", table["delta"])
    reach = _reach(*(values for _, values in drawn.values()))
    for label, (look, values) in drawn.items():
        shown = style.LOOKS[look]
        ax.hist(
            np.clip(values, -reach, reach),
            np.linspace(-reach, reach, _BARS + 1),
            histtype="step",
            color=shown.color,
            linestyle=shown.linestyle,
            label=label,
        )
    ax.axvline(0, color=style.RULE, linewidth=0.6)
    ax.set(xlabel="log-ratio (nats), ends hold the rest", ylabel="pairs", xlim=(-reach, reach))
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="upper left", fontsize="small")
    style.panel_letter(ax, letter, "log-ratios")


def _thresholds(ax, table, letter):
    x, y, short = table["delta_ref"], table["flip_threshold"], table["short"]
    shown = np.isfinite(y) & (y > 0)
    for which, look, label in ((shown & ~short, "cpo", "passed"), (shown & short, "dpo", "not yet")):
        ax.plot(x[which], y[which], **style.points(look, label=label, **{**_SMALL, "marker": style.LOOKS[look].marker}))
    ax.set(xlabel=r"$\delta_{\rm ref}$ (nats)", ylabel="flip threshold (nats)", yscale="log")
    ax.legend(loc="best", fontsize="small", handlelength=1)
    style.panel_letter(ax, letter, "thresholds")


def caption(table: Table) -> str:
    s = table.settings
    told = {
        "plane": "Each pair by its log-ratio under the reference and the policy; U = {δ_ref < δ < 0} is shaded.",
        "course": "Shares of pairs over training.",
        "ratios": "Log-ratios of all pairs; right of 0 of δ a pair is ranked right.",
        "thresholds": "The loss below which a pair alone is certain to be ranked right.",
    }
    parts = " ".join(f"({letter}) {told[name]}" for letter, name in zip("abcd", s["panels"], strict=False))
    last = "; ".join(f"{_SHARES[name][0]} {100 * share:.1f} %" for name, share in s["last"].items())
    ends = f" At the last checkpoint: {last}." if s["policy"] else ""
    return f"The log {s['source']}: {s['pairs']:,} pairs, β = {s['beta']:g}, loss {s['loss']}. {parts}{ends}"
