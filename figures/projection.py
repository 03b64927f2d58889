r"""The hard-constraint optimum is a projection: violating neighbours pool, and each label has its multiplier."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from figures import style
from figures.table import Table
from tabular import Preferences, Problem, cpo

TITLE = "Alignment as projection: which responses pool, and what it costs"

EXAMPLES = {
    "chain": ([0.08, 0.30, 0.34, 0.06, 0.22], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    "order": ([0.08, 0.28, 0.26, 0.14, 0.24], [(0, 1), (0, 2), (1, 3), (2, 3)]),
}
_POOL = "#CDE7DA"
_TITLES = {"chain": "a chain of labels", "order": "a partial order; the last response is unlabelled"}


def compute(*, beta=1.0, margin=0.0) -> Table:
    """RLHF optimum and constrained optimum of two small problems, with multipliers and pools.

    Columns for each example: ``before_<name>`` and ``after_<name>``, probabilities; ``pool_<name>``, the number of each
    response's pool, 0 where it has none; ``winner_<name>``, ``loser_<name>`` and ``multiplier_<name>`` (lambda/beta).

    >>> table = compute()
    >>> table["before_chain"].round(2).tolist(), table["pool_chain"].tolist()
    ([0.08, 0.3, 0.34, 0.06, 0.22], [1, 1, 1, 2, 2])
    """
    columns, settings = {}, {"beta": beta, "margin": margin}
    for name, (star, pairs) in EXAMPLES.items():
        problem = Problem.from_probabilities(star, beta, np.zeros(len(star)))
        labels = Preferences.from_pairs(pairs)
        found = cpo.constrained_optimum(problem, labels, margin)
        columns |= {f"before_{name}": star, f"after_{name}": np.exp(found.log_policy[0])}
        columns |= {f"pool_{name}": _pool_numbers(len(star), labels, found.multipliers)}
        columns |= {f"winner_{name}": labels.winner, f"loser_{name}": labels.loser}
        columns |= {f"multiplier_{name}": found.multipliers / beta}
        settings |= {f"price_{name}": float(found.price[0])}
    return Table(columns, settings)


def _pool_numbers(n_responses, labels, multipliers):
    """1, 2, ... for the sets of responses that binding labels join, 0 for responses on their own."""
    pool = np.arange(n_responses)
    for pair in np.flatnonzero(multipliers > 0):
        ends = pool[labels.winner[pair]], pool[labels.loser[pair]]
        pool[np.isin(pool, ends)] = min(ends)
    shared = [number for number in np.unique(pool) if np.sum(pool == number) > 1]
    return np.array([shared.index(number) + 1 if number in shared else 0 for number in pool])


@style.styled
def draw(table: Table) -> Figure:
    """For each example the bars before and after, and below them the labels with their multipliers."""
    figure, axes = style.new_figure(
        columns=2, height=3.2, rows=2, cols=2, sharex="col", sharey="row", height_ratios=(2.3, 1)
    )
    for column, (name, letter) in enumerate(zip(EXAMPLES, "ab", strict=True)):
        bars(axes[0, column], table, name)
        edges(axes[1, column], table, name)
        style.panel_letter(axes[0, column], letter, _TITLES[name])
    axes[0, 0].set_ylabel("probability")
    axes[0, 0].legend(loc="upper right", fontsize=7)
    return figure


def bars(ax, table: Table, name: str) -> None:
    """Probabilities before and after, pooled responses on a common ground."""
    before, after, pool = (table[f"{what}_{name}"] for what in ("before", "after", "pool"))
    at = np.arange(len(before))
    for number in range(1, pool.max() + 1):
        for member in at[pool == number]:
            ax.add_patch(Rectangle((member - 0.5, 0), 1, after[member], color=_POOL, linewidth=0, zorder=0))
    ax.plot([], [], color=_POOL, linewidth=6, label="a pool")
    rlhf, hard = style.LOOKS["rlhf"], style.LOOKS["cpo"]
    ax.bar(at - 0.19, before, 0.34, facecolor="white", edgecolor=rlhf.color, linewidth=1.1, label=rlhf.label)
    ax.bar(at + 0.19, after, 0.34, color=hard.color, label=hard.label)
    ax.set(ylim=(0, 0.5), xlim=(-0.6, len(before) - 0.4))
    ax.tick_params(bottom=False, labelbottom=False)
    ax.set_xlabel(r"responses; labels winner $\to$ loser with multipliers $\lambda/\beta$")


def edges(ax, table: Table, name: str) -> None:
    """One arrow from winner to loser for each label, thick where it binds, with its multiplier."""
    winner, loser, multiplier = (table[f"{what}_{name}"] for what in ("winner", "loser", "multiplier"))
    for w, lo, value in zip(winner, loser, multiplier, strict=True):
        binds = value > 0
        span = abs(int(lo) - int(w))
        color = style.LOOKS["cpo"].color if binds else "#9A9A9A"
        bend = 0.0 if span == 1 else (0.35 if w == 0 else -0.35)
        ax.add_patch(
            FancyArrowPatch(
                (w, 0),
                (lo, 0),
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>",
                mutation_scale=8,
                color=color,
                linewidth=1.4 if binds else 0.8,
                linestyle="-" if binds else (0, (2, 2)),
                shrinkA=9,
                shrinkB=9,
            )
        )
        under = bend > 0 or (span == 1 and w == 2 and name == "order")  # where no other arrow passes
        height = 0.2 if span == 1 else 1.0
        ax.text(
            (w + lo) / 2,
            -height if under else height,
            f"{value:.2f}" if binds else "slack",
            ha="center",
            va="top" if under else "bottom",
            fontsize=7,
            color=color if binds else "#6A6A6A",
        )
    for response in range(len(table[f"before_{name}"])):
        ax.text(response, 0, f"$y_{response}$", ha="center", va="center")
    ax.set(ylim=(-1.7, 1.7))
    ax.set_axis_off()


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    return (
        f"The RLHF optimum π* (outlined) and its KL projection onto π_w ≥ e^m π_l on every label (filled), m = "
        f"{n(s['margin'])}, β = {n(s['beta'])}. Responses that binding labels join form a pool (shaded), whose members "
        "take equal shares at m = 0, proportional to the geometric mean of their π*; others keep their proportions. "
        "Below, each label as an arrow from winner to loser with its multiplier λ/β; dashed labels are slack. Price of "
        f"alignment, β KL(π‖π*): {n(s['price_chain'], '.4f')} (chain) and {n(s['price_order'], '.4f')} (partial "
        "order), in units of reward. Exact: the tight labels are found first, the levels of the pools they form are "
        "then closed forms, and the optimality conditions hold to rounding."
    )
