"""The curve of a loss and of its two slopes, every loss in one style."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from figures import style
from tabular import losses

BETA, REACH = 0.5, 8.0
#: log-probabilities of chosen and rejected under the reference
REF = -1.5, -1.5


def along(name: str, n: int = 401):
    """h, the loss at its usual setting and both derivatives, from ρ_w = h/2 and ρ_l = −h/2.

    >>> h, value, chosen, rejected = along("dpo", n=3)
    >>> value[1].round(12), (chosen + rejected).tolist()
    (np.float64(0.69314718056), [0.0, 0.0, 0.0])
    """
    loss = losses.typical(name)
    h = np.linspace(-REACH, REACH, n)
    if name == "orpo":  # probabilities themselves enter: keep them below 1
        h = np.linspace(-2 * (-REF[0]) + 0.02, 2 * (-REF[0]) - 0.02, n)
    if loss.batch:  # a batch of one pair
        parts = [_at(loss, step) for step in h[:, np.newaxis]]
        return h, *np.concatenate(parts, axis=1)
    return h, *_at(loss, h)


def _at(loss, h):
    arguments = REF[0] + h / 2, REF[1] - h / 2, *(np.full_like(h, ref) for ref in REF), BETA
    return [np.broadcast_to(part, h.shape) for part in (loss(*arguments), *loss.gradient(*arguments))]


@style.styled
def draw(name: str) -> Figure:
    """The loss, DPO beside it, and what it asks of each of the two log-probabilities."""
    figure, (curve, slopes) = style.new_figure(columns=2, height=2.3, cols=2)
    h, value, chosen, rejected = along(name)
    _, dpo, *_ = along("dpo")
    if name != "dpo":
        curve.plot(np.linspace(-REACH, REACH, dpo.size), dpo, **style.line("reference", label="dpo"))
    curve.plot(h, value, **style.line("dpo", label=name))
    top = min(np.max(value), max(6.0, 3 * float(np.interp(0, h, value))))
    curve.set(ylabel="loss (nats)", ylim=(min(0.0, float(np.min(value))) - 0.05 * top, 1.05 * top))
    slopes.plot(h, -chosen, **style.line("cpo", label="chosen"))
    slopes.plot(h, -rejected, **style.line("rlhf", label="rejected"))
    reach = 1.1 * max(1e-3, float(np.quantile(np.abs([chosen, rejected]), 0.95)))
    slopes.set(ylabel="push on the log-probability", ylim=(-reach, reach))
    for ax, letter, words in ((curve, "a", "the loss"), (slopes, "b", "what it asks for")):
        ax.axvline(0, color=style.RULE, linewidth=0.5)
        ax.axhline(0, color=style.RULE, linewidth=0.5)
        ax.set(xlabel=r"$h=\rho_w-\rho_l$ (nats), $\beta=0.5$", xlim=(-REACH, REACH))
        ax.legend()
        style.panel_letter(ax, letter, words)
    return figure


def save(name: str, path: Path) -> None:
    """The curve as SVG, the same bytes each time."""
    style.write_image(draw(name), path, metadata={"Date": None, "Creator": None})
