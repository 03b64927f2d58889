r"""The hard-constraint optimum is a projection: violating neighbours pool, and each label has its multiplier."""

from functools import partial

import numpy as np
from matplotlib.patches import FancyArrowPatch, Rectangle

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.subject import Prompt
from figures.table import Table
from tabular import InputError, Preferences, Problem, cpo, rlhf

__all__ = ["EXAMPLES", "TITLE", "bars", "caption", "compute", "draw", "edges"]

TITLE = "Alignment as projection: which responses pool, and what it costs"

EXAMPLES = {
    "chain": ([0.08, 0.30, 0.34, 0.06, 0.22], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    "order": ([0.08, 0.28, 0.26, 0.14, 0.24], [(0, 1), (0, 2), (1, 3), (2, 3)]),
}
_POOL = "#CDE7DA"
_TITLES = {"chain": "a chain of labels", "order": "a partial order; the last response is unlabelled"}


def compute(*, beta: float = 1.0, margin: float = 0.0, problem: subject.Given | None = None) -> Table:
    """RLHF optimum and constrained optimum of two small problems, or of the prompts of your own, with multipliers.

    Columns for each example: ``before_<name>`` and ``after_<name>``, probabilities; ``pool_<name>``, the number of each
    response's pool, 0 where it has none; ``winner_<name>``, ``loser_<name>`` and ``multiplier_<name>`` (lambda/beta).

    Raises:
        InputError: a problem without a reward.

    >>> table = compute()
    >>> table["before_chain"].round(2).tolist(), table["pool_chain"].tolist()
    ([0.08, 0.3, 0.34, 0.06, 0.22], [1, 1, 1, 2, 2])
    """
    panels = _two(beta) if problem is None else subject.prompts(problem)
    beta = panels[0].problem.beta
    if panels[0].problem.reward is None:
        raise InputError("projection starts from the RLHF optimum and the problem has no reward: add rewards")
    columns = {}
    settings = {"beta": beta, "margin": margin, "examples": [panel.title for panel in panels]}
    settings |= {"own": problem is not None, "names": {panel.title: panel.names for panel in panels}}
    for panel in panels:
        name, labels = panel.title, panel.preferences
        found = cpo.constrained_optimum(panel.problem, labels, margin)
        star = np.exp(rlhf.optimal_policy(panel.problem)[0])
        columns |= {f"before_{name}": star, f"after_{name}": np.exp(found.log_policy[0])}
        columns |= {f"pool_{name}": _pool_numbers(len(star), labels, found.multipliers)}
        columns |= {f"winner_{name}": labels.winner, f"loser_{name}": labels.loser}
        columns |= {f"multiplier_{name}": found.multipliers / beta}
        settings |= {f"price_{name}": float(found.price[0])}
    return Table(columns, settings)


def _two(beta):
    """The two examples: their reference is the RLHF optimum itself, for the reward is 0."""
    return [
        Prompt(
            name,
            Problem.from_probabilities(star, beta, np.zeros(len(star))),
            Preferences.from_pairs(pairs),
            [f"$y_{y}$" for y in range(len(star))],
        )
        for name, (star, pairs) in EXAMPLES.items()
    ]


def _pool_numbers(n_responses, labels, multipliers):
    """1, 2, ... for the sets of responses that binding labels join, 0 for responses on their own."""
    pool = np.arange(n_responses)
    for pair in np.flatnonzero(multipliers > 0):
        ends = pool[labels.winner[pair]], pool[labels.loser[pair]]
        pool[np.isin(pool, ends)] = min(ends)
    shared = [number for number in np.unique(pool) if np.sum(pool == number) > 1]
    return np.array([shared.index(number) + 1 if number in shared else 0 for number in pool])


@drawing(columns=2, height=3.2)
def draw(table: Table) -> Panels:
    """For each example the bars before and after, and below them the labels with their multipliers."""
    named = zip("abcdefgh", table.settings["examples"], strict=False)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    top = bars(ax, table, name)
    edges(ax, table, name, top)
    style.panel_letter(ax, letter, _TITLES.get(name, name))
    ax.set_ylabel("probability", y=0.7)
    ax.set_xlabel(r"labels winner $\to$ loser, multipliers $\lambda/\beta$")
    ax.xaxis.set_label_coords(0.5, -0.01)
    if letter == "a":
        ax.legend(loc="upper right", fontsize="small")


def bars(ax, table: Table, name: str) -> float:
    """Probabilities before and after, pooled responses on a common ground; returns the height of the axis."""
    before, after, pool = (table[f"{what}_{name}"] for what in ("before", "after", "pool"))
    at = np.arange(len(before))
    for number in range(1, pool.max() + 1):
        for member in at[pool == number]:
            ax.add_patch(Rectangle((member - 0.5, 0), 1, after[member], color=_POOL, linewidth=0, zorder=0))
    ax.plot([], [], color=_POOL, linewidth=6, label="a pool")
    rlhf_look, hard = style.LOOKS["rlhf"], style.LOOKS["cpo"]
    ax.bar(at - 0.19, before, 0.34, facecolor="white", edgecolor=rlhf_look.color, linewidth=1.1, label=rlhf_look.label)
    ax.bar(at + 0.19, after, 0.34, color=hard.color, label=hard.label)
    top = 1.3 * max(before.max(), after.max())  # room for the legend
    ax.set(ylim=(0, top), xlim=(-0.6, len(before) - 0.4))
    return float(top)


def edges(ax, table: Table, name: str, top: float) -> None:
    """Below the bars one arrow from winner to loser for each label, thick where it binds, with its multiplier."""
    winner, loser, multiplier = (table[f"{what}_{name}"] for what in ("winner", "loser", "multiplier"))
    names, unit = table.settings["names"][name], top / 7.5  # inches and data differ by this on the axis of the bars
    ground = -1.7 * unit
    labels = [(int(w), int(y)) for w, y in zip(winner, loser, strict=True)]
    for (w, lo), value in zip(labels, multiplier, strict=True):
        span, under = abs(lo - w), _under(w, lo, labels)
        color = style.LOOKS["cpo"].color if value > 0 else "#9A9A9A"
        straight = span == 1 and (lo, w) not in labels
        bend = 0.0 if straight else (0.7 / span) * (1 if under == (lo > w) else -1)
        shape = {"connectionstyle": f"arc3,rad={bend}", "arrowstyle": "-|>", "mutation_scale": 8}
        look = {"linewidth": 1.4, "linestyle": "-"} if value > 0 else {"linewidth": 0.8, "linestyle": (0, (2, 2))}
        ends = ((w, ground), (lo, ground))
        ax.add_patch(FancyArrowPatch(*ends, color=color, shrinkA=9, shrinkB=9, clip_on=False, **shape, **look))
        height = (0.2 if straight else 0.75 if span == 1 else 1.0) * unit
        ax.text(
            (w + lo) / 2,
            ground + (-height if under else height),
            f"{value:.2f}" if value > 0 else "slack",
            ha="center",
            va="top" if under else "bottom",
            fontsize="small",
            color=color if value > 0 else "#6A6A6A",
        )
    for response, words in enumerate(map(style.plain, names) if table.settings["own"] else names):
        ax.text(
            response, ground, words, ha="center", va="center", bbox={"facecolor": "white", "pad": 1, "linewidth": 0}
        )
    ax.set_ylim(-3.4 * unit, top)
    ax.spines["left"].set_bounds(0, top)
    ax.spines["bottom"].set_position(("data", 0))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= min(top, 1)])
    ax.tick_params(bottom=False, labelbottom=False)


def _under(winner, loser, labels):
    """Whether a label's arrow bends, or its number stands, below: arcs take turns, numbers avoid the arcs."""
    low, high = sorted((winner, loser))
    if (loser, winner) in labels:
        return winner > loser  # the two directions of a pair on either side
    if high - low > 1:
        return low % 2 == 0
    arcs = {min(pair) % 2 == 0 for pair in labels if abs(pair[0] - pair[1]) > 1 and min(pair) <= low < max(pair)}
    return arcs == {False}


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    where = {"chain": "chain", "order": "partial order"}
    prices = [f"{n(s[f'price_{name}'], '.4f')} ({where.get(name, name)})" for name in s["examples"]]
    return (
        f"The RLHF optimum π* (outlined) and its KL projection onto π_w ≥ e^m π_l on every label (filled), m = "
        f"{n(s['margin'])}, β = {n(s['beta'])}. Responses that binding labels join form a pool (shaded), whose members "
        "take equal shares at m = 0, proportional to the geometric mean of their π*; others keep their proportions. "
        "Below, each label as an arrow from winner to loser with its multiplier λ/β; dashed labels are slack. Price of "
        f"alignment, β KL(π‖π*): {' and '.join(prices)}, in units of reward. Exact: the tight labels are "
        "found first, the levels of the pools they form are then closed forms, and the optimality "
        "conditions hold to rounding."
    )
