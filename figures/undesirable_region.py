r"""DPO's loss falls through the region :math:`U=\{\delta_{\rm ref}<\delta<0\}` before the ranking turns (Def. 3.3)."""

from functools import partial

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing, two_a_row
from figures.table import Table
from tabular import InputError, losses

__all__ = ["TITLE", "caption", "compute", "draw", "panel"]

TITLE = "The undesirable region of the DPO loss"


def compute(
    *,
    beta: float = 1.0,
    misaligned: float = -2.0,
    aligned: float = 1.0,
    low: float = -4.0,
    high: float = 4.0,
    points: int = 401,
    problem: subject.Given | None = None,
    loss: losses.Loss | None = None,
) -> Table:
    """The loss of one pair against delta, for a misaligned and an aligned reference, or for the pairs of a problem.

    Columns: ``delta``; ``loss_misaligned`` and ``loss_aligned`` in nats. The flip threshold of a reference is its
    loss at delta = 0, sp(beta delta_ref) for DPO: below it, and only below it, the pair is certainly ranked right.

    Args:
        problem: a problem of your own; its pairs, one a panel, and its beta stand in the place of the two references.
        loss: another loss of h = delta - delta_ref that falls as h grows.

    Raises:
        InputError: ``misaligned`` is not below 0, or ``aligned`` is; too many pairs; a loss that is not such a one.

    >>> table = compute(beta=1.0, misaligned=-2.0)
    >>> round(table.settings["threshold_misaligned"], 6)
    0.126928
    """
    references = {"misaligned": misaligned, "aligned": aligned}
    if problem is not None:
        beta, references = subject.parts(problem)[0].beta, _references(problem)
        low, high = min(low, 2 * min(references.values())), max(high, 2 * max(references.values()))
    elif not misaligned < 0 <= aligned:
        raise InputError(f"misaligned is {misaligned} and aligned {aligned}: give the first below 0, the second not")
    delta = np.linspace(low, high, points)
    chosen = losses.get("dpo") if loss is None else loss
    return Table(
        {"delta": delta} | {f"loss_{kind}": _loss(chosen, delta, at, beta) for kind, at in references.items()},
        {"beta": beta, "references": list(references), "own": problem is not None, "loss": repr(chosen)}
        | {"name": "DPO" if chosen.name == "dpo" else chosen.name}
        | {f"delta_ref_{kind}": at for kind, at in references.items()}
        | {f"threshold_{kind}": float(_loss(chosen, 0.0, at, beta)) for kind, at in references.items()}
        | {f"start_{kind}": float(_loss(chosen, at, at, beta)) for kind, at in references.items()},
    )


def _references(problem):
    """label -> delta_ref of the pairs of a user's problem."""
    pairs = subject.pairs(problem)
    if len(pairs) > subject.MOST:
        raise InputError(f"the problem has {len(pairs)} labelled pairs and the figure room for {subject.MOST}")
    return {pair.label: pair.delta_ref for pair in pairs}


def _loss(loss, delta, delta_ref, beta):
    """The loss at log-ratios delta; only their difference to the reference's matters."""
    if loss.kind != "difference" or loss.batch or (loss.growth is not None and loss.growth[1] > 0):
        raise InputError(
            f"{loss!r} does not fall with h = delta - delta_ref alone, so it has no flip threshold of one pair: "
            "choose a loss such as dpo, slic or exo_pair"
        )
    return loss(delta, 0.0, delta_ref, 0.0, beta)


@drawing(columns=2, height=2.6, layout=two_a_row)
def draw(table: Table) -> Panels:
    """A panel for each reference: a misaligned one has a region U, an aligned one has none."""
    named = zip("abcdefgh", table.settings["references"], strict=False)
    return {letter: partial(_named, table=table, letter=letter, kind=kind) for letter, kind in named}


def _named(ax, table, letter, kind):
    panel(ax, table, kind)
    ax.set(ylabel=_words(table))
    style.panel_letter(ax, letter, kind if table.settings["own"] else f"{kind} reference")


def _words(table):
    return f"{table.settings['name']} loss (nats)"


def panel(ax, table: Table, kind: str) -> None:
    """The loss for one reference, "misaligned" or "aligned"."""
    at, threshold = table.settings[f"delta_ref_{kind}"], table.settings[f"threshold_{kind}"]
    delta, loss = table["delta"], table[f"loss_{kind}"]
    shown = np.concatenate([table[f"loss_{name}"] for name in table.settings["references"]])
    lowest, highest = float(shown.min()), float(shown.max())
    if at < 0:
        style.shade_region_u(ax, at)
    start = table.settings[f"start_{kind}"]
    words = r"at the reference: $\log\,2$" if table.settings["name"] == "DPO" else "at the reference"
    ax.plot(delta, loss, **style.line("dpo", label=f"{table.settings['name']} loss"))
    ax.plot([at], [start], **style.points("reference", label=words))
    ax.plot(
        [0],
        [threshold],
        marker="o",
        color="white",
        markeredgecolor=style.RULE,
        linestyle="none",
        label=r"flip threshold $\mathrm{sp}(\beta\delta_{\rm ref})$"
        if table.settings["name"] == "DPO"
        else "flip threshold",
    )
    ax.axhline(threshold, color=style.RULE, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=style.SYMBOLS["delta"], xlim=(delta[0], delta[-1]), ylim=(min(0.0, lowest), 1.05 * highest))
    ax.legend(loc="upper right", handlelength=1.8, borderaxespad=0.2)


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    if s["own"] or s["name"] != "DPO":
        return _own_caption(s, n, len(table["delta"]))
    return (
        f"The loss sp(−β(δ − δ_ref)) of one labelled pair at β = {n(s['beta'])}. Left, a reference that prefers the "
        f"dispreferred response (δ_ref = {n(s['delta_ref_misaligned'])}): throughout U = {{δ_ref < δ < 0}} (shaded) "
        "the loss is below its start, log 2, and the policy still ranks the pair wrong. It is ranked right once the "
        f"loss is below the flip threshold sp(βδ_ref) = {n(s['threshold_misaligned'], '.4f')} (dashed). Right, an "
        f"aligned reference (δ_ref = {n(s['delta_ref_aligned'])}): U is empty, the threshold "
        f"{n(s['threshold_aligned'], '.4f')} lies above the start. Closed form on {len(table['delta'])} points."
    )


def _own_caption(s, n, points):
    """Of a user's pairs, or of another loss."""
    told = [
        f"{kind}: δ_ref = {n(s[f'delta_ref_{kind}'], '.4g')}, threshold {n(s[f'threshold_{kind}'], '.4f')}"
        + (f", below the start {n(s[f'start_{kind}'], '.4f')}" if s[f"delta_ref_{kind}"] < 0 else ", U is empty")
        for kind in s["references"]
    ]
    return (
        f"The loss {s['loss']} of labelled pairs against their log-ratio δ at β = {n(s['beta'])}. Where the reference "
        "prefers the dispreferred response (δ_ref < 0), throughout U = {δ_ref < δ < 0} (shaded) the loss is below its "
        "start and the policy still ranks the pair wrong; it is ranked right once its loss is below the flip "
        f"threshold, its loss at δ = 0 (dashed). {'; '.join(told)}. Closed form on {points} points."
    )
