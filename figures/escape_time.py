"""How long gradient flow stays in the undesirable region: exponential for DPO, linear with a margin."""

from collections.abc import Sequence

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, Preferences, Problem, dpo, flow

__all__ = ["TITLE", "caption", "compute", "draw", "panel"]

TITLE = "Escape time: exponential for DPO, linear once the margin is as large as the misalignment"


def compute(
    *,
    margins: Sequence[float] = (0.0, 2.0, 4.0, 8.0),
    high: float = 12.0,
    points: int = 241,
    beta: float = 0.5,
    descents: int = 5,
    step: float = 0.05,
    problem: subject.Given | None = None,
) -> Table:
    r"""Time of the flow from delta_ref to delta = 0 for one pair, by the fixed margin Psi of its loss.

    Columns: ``depth``, beta \|delta_ref\| in nats; ``time_margin_<k>``, :math:`2\beta^2t` in closed form for the k-th
    margin; ``descent_depth`` and ``descent_time``: the same for DPO by plain gradient descent on tabular logits.

    Args:
        margins: Psi >= 0 in nats; 0 is DPO.
        descents: gradient descent is run for depths 1, ..., ``descents``.
        step: of gradient descent, in units of :math:`2\beta^2t`.
        problem: a problem of your own: its misaligned pairs are marked, each as if it were trained alone, and its
            beta is taken. Columns ``pair``, ``pair_depth`` and ``pair_time``.

    >>> table = compute(points=3, high=2.0, descents=1)
    >>> table["time_margin_0"].round(3).tolist(), table["descent_time"].round(1).tolist()
    ([0.0, 2.718, 8.389], [2.7])
    """
    shown = {}
    if problem is not None:
        beta = subject.parts(problem)[0].beta
        shown = _pairs(problem, beta)
        high = max(high, 1.1 * shown["pair_depth"].max())
    depth = np.linspace(0, high, points)
    scale = 2 * beta**2
    columns = {"depth": depth}
    for k, margin in enumerate(margins):
        columns[f"time_margin_{k}"] = scale * flow.escape_time(-depth / beta, beta, margin)
    columns["descent_depth"] = np.arange(1.0, descents + 1)
    columns["descent_time"] = _descend(columns["descent_depth"], beta, step)
    return Table(columns | shown, {"margins": margins, "beta": beta, "step": step, "own": problem is not None})


def _pairs(problem, beta):
    """The misaligned pairs of a user's problem and when each alone leaves U under DPO."""
    pairs = [pair for pair in subject.pairs(problem) if pair.delta_ref < 0]
    if not pairs:
        raise InputError("no pair of the problem has delta_ref < 0, so none has to leave U: give a misaligned one")
    delta_ref = np.array([pair.delta_ref for pair in pairs])
    time = 2 * beta**2 * flow.escape_time(delta_ref, beta)
    return {"pair": [pair.label for pair in pairs], "pair_depth": -beta * delta_ref, "pair_time": time}


def _descend(depth, beta, step):
    """Gradient descent from the reference, one prompt for each depth, until its delta is above 0; linear in between."""
    n = len(depth)
    problem = Problem.from_unnormalized(np.column_stack([-depth / beta, np.zeros(n)]), beta)
    prompt = np.arange(n)
    labels = Preferences(prompt, np.zeros_like(prompt), np.ones_like(prompt))
    policy, time, escaped = problem.log_ref, 0.0, np.full(n, np.nan)
    while np.isnan(escaped).any():
        before = labels.delta(policy)
        logits = policy - n * step / (2 * beta**2) * dpo.gradient(policy, problem, labels)
        policy = logits - np.logaddexp(logits[:, :1], logits[:, 1:])
        now = labels.delta(policy)
        crossed = np.isnan(escaped) & (now >= 0)
        escaped[crossed] = time + step * (before[crossed] / (before[crossed] - now[crossed]))
        time += step
    return escaped


@drawing(columns=1, height=2.7)
def draw(table: Table) -> Panels:
    """Escape times on a log scale; gradient descent as points on DPO's curve."""
    return {"a": lambda ax: panel(ax, table)}


def panel(ax, table: Table) -> None:
    """Escape times by margin, each curve named beside it."""
    margins, own = table.settings["margins"], table.settings["own"]
    for k, margin in enumerate(margins):
        look = style.line("ecpo", label=rf"$\Psi={style.number(margin)}$", linewidth=0.9 + 0.3 * k)
        if margin == 0:
            look = style.line("dpo", label=r"DPO ($\Psi=0$)")
        time = table[f"time_margin_{k}"]
        ax.plot(table["depth"], time, **look)
        if margin:
            index = int((0.7 + 0.08 * k) * (len(time) - 1))
            ax.annotate(
                rf"$\Psi={style.number(margin)}$",
                (table["depth"][index], time[index]),
                (-3, -1),
                textcoords="offset points",
                ha="right",
                fontsize="small",
                color=style.LOOKS["ecpo"].color,
            )
    ax.annotate(
        r"DPO, $\Psi=0$",
        (0.8 * table["depth"][-1], np.exp(0.8 * table["depth"][-1])),
        (-6, 2),
        textcoords="offset points",
        ha="right",
        fontsize="small",
        color=style.LOOKS["dpo"].color,
    )
    ax.plot(table["depth"], table["depth"], color=style.RULE, linewidth=0.7)
    middle = 0.45 * table["depth"][-1]
    ax.annotate(
        r"$\Psi\to\infty$: linear",
        (middle, middle),
        (4, -9),
        textcoords="offset points",
        fontsize="small",
        color=style.RULE,
    )
    ax.plot(table["descent_depth"], table["descent_time"], **style.points("dpo", markersize=3, label="descent"))
    least = 0.3
    if own:
        _own_pairs(ax, table)
        least = min(least, 0.4 * table["pair_time"].min())
    ax.set_yscale("log")
    ax.set(xlabel=r"misalignment $\beta|\delta_{\rm ref}|$ (nats)", ylabel=r"escape time $2\beta^2t$")
    ax.set(xlim=(0, table["depth"][-1]), ylim=(least, 1.6 * table["time_margin_0"].max()))


def _own_pairs(ax, table):
    """The pairs of a user's problem on DPO's curve; those at one place share a name."""
    places = {}
    for words, x, y in zip(table["pair"], table["pair_depth"], table["pair_time"], strict=True):
        places.setdefault((round(x, 9), round(y, 9)), []).append(words)
    for (x, y), words in places.items():
        ax.plot([x], [y], "o", markersize=6, markerfacecolor="white", markeredgecolor="black", zorder=5, clip_on=False)
        ax.annotate(", ".join(words), (x, y), (7, -3), textcoords="offset points", fontsize="small", zorder=6)


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    own = ""
    if s["own"]:
        rows = zip(table["pair"], table["pair_depth"], table["pair_time"], strict=True)
        told = (f"{words} at {n(x, '.3g')} after {n(y, '.4g')}" for words, x, y in rows)
        own = f" Circles: the misaligned pairs of the problem under DPO, each trained alone: {', '.join(told)}."
    slowest, safest = table["time_margin_0"][-1], table[f"time_margin_{len(s['margins']) - 1}"][-1]
    return (
        "Time that gradient flow in tabular softmax logits needs from a misaligned reference (δ_ref < 0) to δ = 0, for "
        "one labelled pair and the loss sp(−(βh − Ψ)) with a fixed margin Ψ; time is learning rate × steps, in units "
        f"of 1/(2β²). Closed form β|δ_ref| + e^(−Ψ)(e^(β|δ_ref|) − 1): at β|δ_ref| = {n(table['depth'][-1])} DPO "
        f"(Ψ = 0) needs {slowest:,.0f}, a margin of {n(s['margins'][-1])} nats {safest:,.0f}. The time grows "
        "exponentially in the part of the misalignment that the margin does not cover, and linearly below it. Squares: "
        f"plain gradient descent on the DPO loss (β = {n(s['beta'])}, steps of {n(s['step'])}).{own}"
    )
