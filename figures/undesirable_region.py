r"""DPO's loss falls through the region :math:`U=\{\delta_{\rm ref}<\delta<0\}` before the ranking turns (Def. 3.3)."""

import numpy as np
from matplotlib.figure import Figure

from figures import style
from figures.table import Table
from tabular import InputError, margins
from tabular.base.log_space import softplus

TITLE = "The undesirable region of the DPO loss"


def compute(*, beta=1.0, misaligned=-2.0, aligned=1.0, low=-4.0, high=4.0, points=401) -> Table:
    """The loss of one pair against delta, for a misaligned and an aligned reference.

    Columns: ``delta``; ``loss_misaligned`` and ``loss_aligned`` in nats. The flip threshold of a reference is its
    loss at delta = 0, sp(beta delta_ref): below it, and only below it, the pair is certainly ranked right.

    Raises:
        InputError: ``misaligned`` is not below 0, or ``aligned`` is.

    >>> table = compute(beta=1.0, misaligned=-2.0)
    >>> round(table.settings["threshold_misaligned"], 6)
    0.126928
    """
    if not misaligned < 0 <= aligned:
        raise InputError(f"misaligned is {misaligned} and aligned {aligned}: give the first below 0, the second not")
    delta = np.linspace(low, high, points)
    references = {"misaligned": misaligned, "aligned": aligned}
    return Table(
        {"delta": delta} | {f"loss_{kind}": margins.loss(delta, at, beta) for kind, at in references.items()},
        {"beta": beta}
        | {f"delta_ref_{kind}": at for kind, at in references.items()}
        | {f"threshold_{kind}": float(softplus(beta * at)) for kind, at in references.items()},
    )


@style.styled
def draw(table: Table) -> Figure:
    """Two panels with one loss axis: the misaligned reference has a region U, the aligned one has none."""
    figure, axes = style.new_figure(columns=2, height=2.6, cols=2, sharey=True)
    for ax, kind, letter in zip(axes, ("misaligned", "aligned"), "ab", strict=True):
        panel(ax, table, kind)
        style.panel_letter(ax, letter, f"{kind} reference")
    axes[0].set_ylabel(style.SYMBOLS["loss"])
    return figure


def panel(ax, table: Table, kind: str) -> None:
    """The loss for one reference, "misaligned" or "aligned"."""
    at, threshold = table.settings[f"delta_ref_{kind}"], table.settings[f"threshold_{kind}"]
    delta, loss = table["delta"], table[f"loss_{kind}"]
    if at < 0:
        style.shade_region_u(ax, at)
    ax.plot(delta, loss, **style.line("dpo", label="DPO loss"))
    ax.plot([at], [np.log(2)], **style.points("reference", label=r"at the reference: $\log\,2$"))
    ax.plot(
        [0],
        [threshold],
        marker="o",
        color="white",
        markeredgecolor=style.RULE,
        linestyle="none",
        label=r"flip threshold $\mathrm{sp}(\beta\delta_{\rm ref})$",
    )
    ax.axhline(threshold, color=style.RULE, linewidth=0.6, linestyle=(0, (2, 2)), zorder=1)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=style.SYMBOLS["delta"], xlim=(delta[0], delta[-1]), ylim=(0, None))
    ax.legend(loc="upper right")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    return (
        f"The loss sp(−β(δ − δ_ref)) of one labelled pair at β = {n(s['beta'])}. Left, a reference that prefers the "
        f"dispreferred response (δ_ref = {n(s['delta_ref_misaligned'])}): throughout U = {{δ_ref < δ < 0}} (shaded) "
        "the loss is below its start, log 2, and the policy still ranks the pair wrong. It is ranked right once the "
        f"loss is below the flip threshold sp(βδ_ref) = {n(s['threshold_misaligned'], '.4f')} (dashed). Right, an "
        f"aligned reference (δ_ref = {n(s['delta_ref_aligned'])}): U is empty, the threshold "
        f"{n(s['threshold_aligned'], '.4f')} lies above the start. Closed form on {len(table['delta'])} points."
    )
