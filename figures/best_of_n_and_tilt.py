"""Best of n against the RLHF optimum of the same KL, on a few responses."""

from functools import partial

import numpy as np

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import Problem
from tabular.choice import best_of_n

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "Best of n against RLHF at equal KL"

_REWARDS = {
    "near-ties": (0.0, 0.9, 1.0),
    "one rare best": (0.0, 0.1, 0.2, 1.0),
}
_REFERENCES = {"near-ties": (1 / 3, 1 / 3, 1 / 3), "one rare best": (0.5, 0.3, 0.19, 0.01)}


def compute(*, most=64) -> Table:
    """KL and mean reward of best of n, n = 1, ..., ``most``, and of the RLHF optimum of the same KL.

    ``<space>_kl``, ``_bon``, ``_tilt``, the latter also on a grid (``_curve_kl``, ``_curve``), and the formula
    ``classical`` = log n - (n - 1)/n.

    >>> table = compute(most=3)
    >>> table["near-ties_bon"].round(6).tolist(), table["near-ties_tilt"].round(6).tolist()
    ([0.633333, 0.855556, 0.937037], [0.633333, 0.864263, 0.951119])
    """
    draws = np.arange(1, most + 1)
    columns = {"n": draws, "classical": best_of_n.classical_kl(draws)}
    settings = {"most": most, "spaces": list(_REWARDS)}
    for name, reward in _REWARDS.items():
        problem = Problem.from_probabilities(_REFERENCES[name], 1.0, reward)
        nats = np.array([best_of_n.kl_from_reference(problem, n)[0] for n in draws])
        reached = np.array([best_of_n.expected_reward(problem, n)[0] for n in draws])
        top = -problem.log_ref[0, np.argmax(reward)]
        tilt = np.array([best_of_n.tilt_of_equal_kl(problem, min(kl, top)).reward[0] for kl in nats])
        grid = np.linspace(0, min(nats.max(), top), 120)
        curve = np.array([best_of_n.tilt_of_equal_kl(problem, kl).reward[0] for kl in grid])
        columns |= {f"{name}_kl": nats, f"{name}_bon": reached, f"{name}_tilt": tilt}
        columns |= {f"{name}_curve_kl": grid, f"{name}_curve": curve}
        lost = (tilt - reached)[1:] / (tilt - tilt[0])[1:]
        settings |= {f"lost_{name}": float(lost.max()), f"at_{name}": int(draws[1:][np.argmax(lost)])}
        settings |= {f"reward_{name}": list(reward), f"reference_{name}": list(_REFERENCES[name])}
    return Table(columns, settings)


@drawing(columns=2, height=2.5)
def draw(table: Table) -> Panels:
    """Mean reward over KL for each space, and the KL against its formula."""
    named = zip("ab", table.settings["spaces"], strict=True)
    panels = {letter: partial(_space, table=table, letter=letter, name=name) for letter, name in named}
    return {**panels, "c": lambda ax: _formula(ax, table)}


def _space(ax, table, letter, name):
    ax.plot(table[f"{name}_curve_kl"], table[f"{name}_curve"], **style.line("rlhf"))
    ax.plot(table[f"{name}_kl"], table[f"{name}_bon"], **style.points("dpo", markersize=3, label="best of $n$"))
    ax.set(xlabel="KL from the reference (nats)", ylabel="mean reward")
    if letter == "a":
        ax.legend(loc="lower right", fontsize="small")
    style.panel_letter(ax, letter, name)


def _formula(ax, table):
    ax.plot(table["n"], table["classical"], color=style.RULE, linestyle=(0, (3, 1.2)), label=r"$\log n-(n-1)/n$")
    for name, marker in zip(table.settings["spaces"], "s^", strict=True):
        look = {"color": style.LOOKS["dpo"].color, "linestyle": "none", "marker": marker, "markersize": 3}
        ax.plot(table["n"], table[f"{name}_kl"], **look, markerfacecolor="none", label=name)
    ax.set(xscale="log", xlabel="draws $n$", ylabel="KL (nats)")
    ax.legend(loc="upper left", fontsize="small")
    style.panel_letter(ax, "c", "below the formula")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    told = []
    for name, letter in zip(s["spaces"], "ab", strict=True):
        values = ", ".join(n(x) for x in s[f"reward_{name}"])
        chances = ", ".join(n(x, ".3g") for x in s[f"reference_{name}"])
        told.append(
            f"({letter}) rewards {values} under the reference ({chances}): up to {100 * s[f'lost_{name}']:.1f} % of "
            f"the "
            f"gain is lost, at n = {s[f'at_{name}']}"
        )
    return (
        f"Best of n (points, n = 1 to {s['most']}) and the RLHF optimum of the same KL from the reference (curve), "
        f"which "
        f"has the most reward that this KL can buy. {'; '.join(told)}. (c) The KL of best of n and the formula log n "
        f"− (n "
        "− 1)/n, an upper bound that no finite space reaches for n ≥ 2; it stays below −log of the reference's mass of "
        "the best. Exact."
    )
