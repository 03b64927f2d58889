"""Three ways to make one policy of conflicting preferences, on the simplex of three responses."""

from functools import partial

import numpy as np

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import Preferences, Problem, dpo
from tabular.choice import nash, rules

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "Nash, Borda and Bradley–Terry on three responses"

_CORNERS = np.array([[0.5, np.sqrt(3) / 2], [0.0, 0.0], [1.0, 0.0]])
_GAMES = {
    "winner": (0.58, 0.58, 0.96),
    "cycle": (0.9, 0.2, 0.8),
}
_WORDS = {"winner": "A beats both, barely", "cycle": "A beats B beats C beats A"}
_PATHS = {
    "nash": ("Nash policy, regularised", style.LOOKS["rlhf"].color, "-"),
    "dpo": ("DPO, that is Bradley–Terry", style.LOOKS["dpo"].color, (0, (5, 1.6))),
    "ipo": ("IPO, that is Borda", style.LOOKS["cpo"].color, (0, (1, 1.2))),
}


def compute(*, least=0.02, most=20.0, steps=160) -> Table:
    """Three paths from the uniform reference as the price of a nat falls from ``most`` to ``least``.

    ``<game>_<path>_<response>``: probabilities of the regularised Nash policy, of DPO's minimiser and of IPO's, every
    pair compared equally often. Settings hold the rates and the end of the Nash path in the limit.

    >>> table = compute(steps=5)
    >>> bool(table["winner_nash_A"][-1] > 0.9), bool(table["winner_dpo_B"][-1] > 0.9)
    (True, True)
    """
    prices = np.geomspace(most, least, steps)
    columns, settings = {"price": prices}, {"least": least, "most": most, "games": list(_GAMES)}
    for name, rates in _GAMES.items():
        known = _matrix(*rates)
        strength = _fitted(known)
        found = {
            "nash": nash.regularised(np.repeat(known[None], steps, axis=0), prices).log_policy,
            "dpo": strength[None, :] / prices[:, None],
            "ipo": np.ravel(rules.borda(known))[None, :] / 3 / prices[:, None],
        }
        for path, logits in found.items():
            chance = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
            columns |= {f"{name}_{path}_{letter}": chance[:, k] for k, letter in enumerate("ABC")}
        settings[f"rates_{name}"] = list(rates)
        settings[f"limit_{name}"] = np.exp(nash.limit(known)).tolist()
    return Table(columns, settings)


def _matrix(first, second, third):
    """P from the rates of A over B, of A over C and of B over C."""
    return np.array([[0.5, first, second], [1 - first, 0.5, third], [1 - second, 1 - third, 0.5]])


def _fitted(known):
    """DPO's scores, at β = 1 from a uniform reference."""
    labels = [(0, i, j, known[i, j]) for i in range(3) for j in range(3) if i != j]
    return dpo.solve(Problem.from_unnormalized(np.zeros(3), 1.0), Preferences.from_pairs(labels)).log_policy[0]


@drawing(columns=2, height=3.0)
def draw(table: Table) -> Panels:
    """One triangle a game: a dot at the reference, three curves, a ring at the limit of the Nash path."""
    named = zip("ab", table.settings["games"], strict=True)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    _triangle(ax)
    for path, (label, color, linestyle) in _PATHS.items():
        chance = np.column_stack([table[f"{name}_{path}_{response}"] for response in "ABC"])
        ax.plot(*(chance @ _CORNERS).T, color=color, linestyle=linestyle, linewidth=1.4, label=label)
    ax.plot(*(np.full(3, 1 / 3) @ _CORNERS), **style.points("reference", markersize=5))
    ring = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "linestyle": "none", "color": style.RULE}
    ax.plot(*(np.array(table.settings[f"limit_{name}"]) @ _CORNERS), **ring, label="Nash policy, unregularised")
    if letter == "a":
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=1, fontsize="small")
    style.panel_letter(ax, letter, _WORDS[name])


def _triangle(ax):
    ax.plot(*np.vstack([_CORNERS, _CORNERS[:1]]).T, color=style.RULE, linewidth=0.7)
    shift = np.array([[0, 0.05], [-0.05, -0.03], [0.05, -0.03]])
    for letter, place in zip("ABC", _CORNERS + shift, strict=True):
        ax.text(*place, letter, ha="center", va="center")
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.1, 0.98), aspect="equal")
    ax.axis("off")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    rates = {name: ", ".join(n(rate) for rate in s[f"rates_{name}"]) for name in s["games"]}
    return (
        "Policies on the simplex of three responses A, B and C as the price of a nat falls from "
        f"{n(s['most'])} to {n(s['least'])}, from the uniform reference, every pair compared equally often. (a) "
        f"Rates of "
        f"A over B, A over C, B over C: {rates['winner']}. A is a Condorcet winner and the only Nash policy (ring), "
        f"yet "
        "B, which beats C by much, has the better Borda count: DPO and IPO go to B at every temperature, the "
        "regularised "
        f"Nash policy turns to A once its price is low. (b) {rates['cycle']}, a cycle: the Nash policy stays inside "
        "at every price, DPO and IPO end at a corner. IPO's scores are Borda counts less their mean over the price, "
        "DPO's the Bradley–Terry fit over it: the same order, and here almost the same curve. Exact, no sampling."
    )
