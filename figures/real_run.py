"""A real DPO run in the plane of the two log-ratios: the loss vanishes while a quarter of the pairs stays in U."""

import numpy as np

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import logs
from tabular.audit import audit

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "A real DPO run: the loss falls, a share of the pairs stays in U"


def compute(*, run: str = "hh-pythia410m-dpo", extent: float = 300.0) -> Table:
    """Log-ratios of every pair at the first, middle and last checkpoint, and the run's course over all of them.

    Columns per pair: ``delta_ref`` (checkpoint 0), ``delta_middle``, ``delta_last``, in nats. Per checkpoint:
    ``examples`` seen, ``loss`` (mean over the pairs, nats), ``share_u``, ``relative_accuracy`` (share with
    delta > delta_ref, what trainers log) and ``absolute_accuracy`` (share with delta > 0).

    Args:
        run: name of a stored run.
        extent: half-width of the window that is drawn, in nats.

    Raises:
        logs.DataUnavailable: neither the data directory nor the network has the run.

    >>> compute(run="mine")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: there is no data set 'mine': choose one of hh-pythia410m-dpo, ...
    """
    log = logs.load(run)
    found, middle = audit(log), log.n_checkpoints // 2
    beyond = (np.abs(np.stack([found.delta_ref, found.delta])) > extent).any(axis=0)
    return Table(
        {
            "delta_ref": found.delta_ref,
            "delta_middle": log.pairs(middle).delta,
            "delta_last": found.delta,
            "examples": found.step,
            "loss": found.loss,
            "share_u": found.share_in_u,
            "relative_accuracy": found.relative_accuracy,
            "absolute_accuracy": found.absolute_accuracy,
        },
        {
            "run": found.source,
            "beta": found.beta,
            "pairs": found.n_pairs,
            "examples_middle": found.step[middle],
            "examples_last": found.step[-1],
            "extent": extent,
            "pairs_outside_window": beyond.sum(),
        },
    )


@drawing(columns=2, height=1.96, layout=("ab", "cd"), heights=(1.55, 1))
def draw(table: Table) -> Panels:
    """Two planes (middle, last checkpoint) over the course of the shares and of the loss."""
    return {
        "a": lambda ax: _plane(ax, table, "a", "middle"),
        "b": lambda ax: _plane(ax, table, "b", "last"),
        "c": lambda ax: _shares(ax, table),
        "d": lambda ax: _loss(ax, table),
    }


def _plane(ax, table, letter, when):
    extent = table.settings["extent"]
    delta_ref, delta = table["delta_ref"], table[f"delta_{when}"]
    inside = (delta_ref < delta) & (delta < 0)
    ax.fill([-extent, 0, -extent], [-extent, 0, 0], color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    ax.axhline(0, color=style.RULE, linewidth=0.6)
    ax.axvline(0, color=style.RULE, linewidth=0.6)
    ax.plot([-extent, extent], [-extent, extent], **style.line("reference", label=r"start, $\delta=\delta_{\rm ref}$"))
    small = {"marker": "o", "linestyle": "none", "markersize": 2.4, "markeredgewidth": 0}
    ax.plot(delta_ref[~inside], delta[~inside], color=style.RULE, label="pair outside $U$", **small)
    ax.plot(delta_ref[inside], delta[inside], color=style.LOOKS["dpo"].color, label="pair in $U$", **small)
    ax.set(xlim=(-extent, extent), ylim=(-extent, extent), xlabel=style.SYMBOLS["delta_ref"])
    ax.set_ylabel(r"policy log-ratio $\delta$ (nats)")
    if letter == "a":
        ax.legend(loc="upper left", handlelength=1.2, borderaxespad=0.2)
    style.panel_letter(ax, letter, f"after {table.settings[f'examples_{when}']:,} examples")


def _shares(ax, table):
    looks = {
        "relative_accuracy": ("relative accuracy, logged", style.RULE, (0, (4, 1.2, 1, 1.2))),
        "absolute_accuracy": ("absolute accuracy, not logged", style.RULE, "--"),
        "share_u": ("in $U$, not logged", style.LOOKS["dpo"].color, "-"),
    }
    for column, (label, color, linestyle) in looks.items():
        ax.plot(table["examples"], 100 * table[column], color=color, linestyle=linestyle)
        ax.annotate(
            label,
            (table["examples"][-1], 100 * table[column][-1]),
            (0, 4),
            textcoords="offset points",
            color=color,
            ha="right",
            va="bottom",
            fontsize="small",
        )
    ax.set(xlabel="training examples seen", ylabel="share of pairs (%)", xlim=(0, table["examples"][-1]), ylim=(0, 112))
    style.panel_letter(ax, "c", "accuracies and the undesirable region")


def _loss(ax, table):
    ax.plot(table["examples"], table["loss"], **style.line("dpo"))
    ax.set(xlabel="training examples seen", ylabel=style.SYMBOLS["loss"], xlim=(0, table["examples"][-1]))
    ax.set_yscale("log")
    style.panel_letter(ax, "d", "the loss, on a log scale")


def caption(table: Table) -> str:
    s = table.settings
    relative, absolute, share = (
        100 * table[column] for column in ("relative_accuracy", "absolute_accuracy", "share_u")
    )
    return (
        f"The run {s['run']}: {s['pairs']} preference pairs, β = {s['beta']:g}, log-probabilities summed over tokens, "
        "evaluated on the pairs it was trained on; checkpoint 0 is the reference. (a, b) Each pair by its log-ratio "
        "under the reference and under the policy; U = {δ_ref < δ < 0} is shaded. In (b) "
        f"{s['pairs_outside_window']} pairs lie outside the window of ±{s['extent']:g} nats; every number counts them. "
        f"(c) After {s['examples_last']:,} examples: relative accuracy (δ > δ_ref, logged by trainers as "
        f"rewards/accuracies) {relative[-1]:.1f} %, absolute accuracy (δ > 0) {absolute[-1]:.1f} %, share of pairs in "
        f"U {share[-1]:.1f} % after a peak of {share.max():.1f} %. (d) The mean DPO loss falls from log 2 to "
        f"{table['loss'][-1]:.1g} nats."
    )
