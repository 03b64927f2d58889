r"""The share of pairs in U over training, DPO against the CPO losses, in the spirit of the paper's Figure 2.

The paper's own settings were not recovered, so these are ours and every one is printed in the caption. Each pair is a
prompt with two responses, so pairs do not interact and gradient flow has a closed form; training adds a finite step
and a random order. A pair with :math:`d=|\delta_{\rm ref}|` and a misaligned reference leaves U once

.. math:: 2\beta^2 t = \beta d + e^{-\Psi}(e^{\beta d}-1),

so under DPO (Psi = 0) the share left is set by the horizon :math:`2\beta^2t` against :math:`e^{\beta d}`, under a large
margin Psi by the horizon against :math:`\beta d`.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.special import expit, ndtri

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, flow, margins

__all__ = ["EXACT", "LABELS", "QUANTILES", "SPREADS", "TITLE", "caption", "compute", "course_panel", "draw"]

TITLE = "Pairs in the undesirable region over training, in the spirit of the paper’s Figure 2"
LABELS = {"dpo": "DPO", "ecpo": "margin of Eq. 17", "code": style.LOOKS["code"].label}
EXACT = {"color": "black", "linestyle": (0, (1, 1)), "linewidth": 0.9, "label": "exact gradient flow"}
SPREADS = (1.0, 3.0, 10.0, 30.0)  # beta * s of the lower panel
_NAMED_AT = ((20, "right"), (20, "left"), (50, "left"), (75, "left"))  # height and alignment of each curve's name
QUANTILES = 4000


def compute(
    *,
    beta: float = 0.1,
    gamma: float = 0.5,
    spread: float = 100.0,
    misalignment: Sequence[float] = (0.2, 0.3, 0.4),
    pairs: int = 500,
    epochs: int = 50,
    step: float = 20.0,
    seeds: int = 10,
    seed: int = 0,
) -> Table:
    r"""Stochastic gradient descent on several draws of the reference beside exact gradient flow on the same pairs.

    A draw has ``pairs`` pairs, :math:`|\delta_{\rm ref}|` half-normal with scale ``spread`` (nats), and a share
    ``misalignment`` of them prefers the dispreferred response. An epoch visits ``pairs`` pairs, drawn with
    replacement; a visit is one step of size ``step`` on that pair's loss in tabular softmax logits.

    Columns: ``epoch``; for each loss and misalignment R ``<loss>_<R>_mean``, ``_low``, ``_high`` (mean and range over
    the seeds) and ``<loss>_<R>_flow``; ``horizon`` :math:`2\beta^2t`, for each of several products beta * spread the
    share of the misaligned pairs that is still in U, ``dpo_left_<product>``, ``ecpo_left_<product>``.

    Raises:
        InputError: a misalignment that is not a share.

    >>> table = compute(misalignment=[0.3], pairs=50, epochs=2, seeds=1)
    >>> table["epoch"].tolist(), "dpo_0.3_flow" in table
    ([0, 1, 2], True)
    """
    if not all(0 < share < 1 for share in misalignment):
        raise InputError(f"misalignment is {misalignment}: it is a list of shares of pairs, each between 0 and 1")
    settings = {
        "beta": beta,
        "gamma": gamma,
        "spread": spread,
        "misalignment": misalignment,
        "pairs": pairs,
        "epochs": epochs,
        "step": step,
        "seeds": seeds,
        "seed": seed,
        "horizon_at_end": 2 * beta**2 * step * epochs,
    }
    columns = {"epoch": np.arange(epochs + 1)}
    for share in misalignment:
        rng = np.random.default_rng([seed, round(1000 * share)])
        delta_ref = _references(rng, share, spread, (seeds, pairs))
        visits = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=(epochs, seeds))
        for loss in LABELS:
            psi = _margin(loss, delta_ref, beta, gamma)
            columns |= _courses(f"{loss}_{share:g}", delta_ref, psi, visits, beta, step)
    return Table(columns | _left(beta, gamma), settings)


def _references(rng, share, spread, shape):
    """delta_ref of each pair, ``(seeds, pairs)``; the first pairs of each draw are the misaligned ones."""
    wrong = np.arange(shape[1]) < round(share * shape[1])
    return np.where(wrong, -1.0, 1.0) * np.abs(rng.normal(scale=spread, size=shape))


def _margin(loss, delta_ref, beta, gamma):
    """Psi = beta (T - delta_ref), the fixed margin of a loss."""
    parameters = {"dpo": {}, "ecpo": {"beta": beta, "gamma": gamma}, "code": {"gamma": gamma}}[loss]
    return beta * (margins.target("code_cpo" if loss == "code" else loss, delta_ref, **parameters) - delta_ref)


def _courses(name, delta_ref, psi, visits, beta, step):
    """The share in U at each epoch: over the seeds of a training run, and of exact flow for the same time."""
    delta = delta_ref.copy()
    trained = [_share_in_u(delta, delta_ref)]
    for count in visits:
        for visit in range(count.max()):
            push = 2 * beta * step * expit(psi - beta * (delta - delta_ref))
            delta += np.where(count > visit, push, 0.0)
        trained.append(_share_in_u(delta, delta_ref))
    times = step * np.arange(len(visits) + 1)
    exact = np.array([_share_in_u(flow.margin_at(time, delta_ref, beta, psi), delta_ref) for time in times])
    trained = np.array(trained)
    return {
        f"{name}_mean": trained.mean(axis=1),
        f"{name}_low": trained.min(axis=1),
        f"{name}_high": trained.max(axis=1),
        f"{name}_flow": exact.mean(axis=1),
    }


def _share_in_u(delta, delta_ref):
    return ((delta_ref < delta) & (delta < 0)).mean(axis=-1)


def _left(beta, gamma):
    r"""The share of misaligned half-normal pairs still in U at a horizon, from their escape times."""
    horizon = np.geomspace(0.1, 1e5, 241)
    columns = {"horizon": horizon}
    for product in SPREADS:
        delta_ref = -product / beta * ndtri((1 + (np.arange(QUANTILES) + 0.5) / QUANTILES) / 2)  # half-normal
        for loss in ("dpo", "ecpo"):
            escape = 2 * beta**2 * flow.escape_time(delta_ref, beta, _margin(loss, delta_ref, beta, gamma))
            columns[f"{loss}_left_{product:g}"] = (
                1 - np.searchsorted(np.sort(escape), horizon, side="right") / QUANTILES
            )
    return columns


@drawing(columns=2, height=2.3, layout=lambda names: [names[:-1], names[-1:] * (len(names) - 1)], legend=5)
def draw(table: Table) -> Panels:
    """One panel for each misalignment over one that shows what the plateau depends on."""
    shares = table.settings["misalignment"]
    letters = "abcdefghi"[: len(shares) + 1]
    named = zip(letters, shares, strict=False)
    panels = {letter: partial(_course, table=table, letter=letter, share=share) for letter, share in named}
    return panels | {letters[-1]: partial(_left_panel, table=table, letter=letters[-1])}


def _course(ax, table, letter, share):
    course_panel(ax, table, share)
    style.panel_letter(ax, letter, f"$R$ = {share:g}")
    ax.set_ylabel("share of pairs in $U$ (%)")


def course_panel(ax, table: Table, share: float) -> None:
    """The share of pairs in U over training, for one share of misaligned pairs."""
    for loss, label in LABELS.items():
        name = f"{loss}_{share:g}"
        look = style.line(loss, label=label)
        low, high = (100 * table[f"{name}_{edge}"] for edge in ("low", "high"))
        ax.fill_between(table["epoch"], low, high, color=look["color"], alpha=0.25, linewidth=0)
        ax.plot(table["epoch"], 100 * table[f"{name}_mean"], **look)
        ax.plot(table["epoch"], 100 * table[f"{name}_flow"], **EXACT | ({} if loss == "dpo" else {"label": None}))
    ax.axhline(0, clip_on=False, **style.line("cpo", label="hard constraint (optimum)"))
    top = 100 * max(table.settings["misalignment"])
    ax.set(xlabel="epoch", xlim=(0, table["epoch"][-1]), ylim=(0, 1.08 * top))


def _left_panel(ax, table, letter):
    s, horizon = table.settings, table["horizon"]
    for product, (height, align) in zip(SPREADS, _NAMED_AT, strict=True):
        for loss in ("dpo", "ecpo"):
            left = 100 * table[f"{loss}_left_{product:g}"]
            ax.plot(horizon, left, **style.line(loss, label=None, linewidth=0.7 + 0.35 * SPREADS.index(product)))
        at = np.searchsorted(-table[f"dpo_left_{product:g}"], -height / 100)
        ax.annotate(
            rf"$\beta s={product:g}$",
            (horizon[at], height),
            (3 if align == "left" else -4, 3 if align == "left" else -3),
            textcoords="offset points",
            ha=align,
            fontsize="small",
            color=style.LOOKS["dpo"].color,
        )
    ax.axvline(s["horizon_at_end"], color=style.RULE, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.annotate(
        "end of the runs above",
        (s["horizon_at_end"], 100),
        (3, -2),
        textcoords="offset points",
        va="top",
        fontsize="small",
        color=style.RULE,
    )
    ax.set_xscale("log")
    ax.set(
        xlabel=r"horizon $2\beta^2t$",
        ylabel="misaligned pairs\nstill in $U$ (%)",
        xlim=(horizon[0], horizon[-1]),
        ylim=(0, 100),
    )
    style.panel_letter(ax, letter, "what the plateau depends on")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    ends = ", ".join(f"{100 * table[f'dpo_{share:g}_mean'][-1]:.0f} % for R = {share:g}" for share in s["misalignment"])
    return (
        "In the spirit of the paper’s Figure 2; its settings were not recovered and these are ours. Each of "
        f"{s['pairs']} pairs has its own two responses, |δ_ref| half-normal with scale s = {n(s['spread'])} nats, and "
        f"a share R of the pairs is misaligned (δ_ref < 0); β = {n(s['beta'])}. Training: {s['epochs']} epochs of "
        f"single-pair gradient steps of size {n(s['step'])} in tabular softmax logits, pairs drawn with replacement; "
        f"{s['seeds']} seeds (base seed {s['seed']}), each with its own pairs. Lines are means, bands the range over "
        "the seeds, dotted lines exact gradient flow of the same pairs, in closed form; training starts behind it, "
        "for a pair enters U only when it is first visited. Losses: DPO; the margin of "
        f"Eq. 17, γ = {n(s['gamma'])}; the released code’s “cpo” loss, same γ, τ = 2, α = 1, on our log-ratios (not "
        "averaged over length). The optimum under the hard constraint π(w) ≥ π(l) has δ ≥ 0: none of its pairs is in "
        f"U. DPO ends at {ends}. Last panel: share of misaligned pairs still in U against the horizon 2β²t, exactly, "
        f"for β = {n(s['beta'])} and four values of βs, from thin to thick; DPO solid, Eq. 17 dashed. Under DPO a "
        "pair leaves U once 2β²t = β|δ_ref| + e^(β|δ_ref|) − 1, so the plateau sinks with the logarithm of the "
        "horizon; under a large margin it leaves once 2β²t = β|δ_ref|. The runs end at 2β²t = "
        f"{n(s['horizon_at_end'])} with βs = {n(s['beta'] * s['spread'])}."
    )
