"""Best of n against the RLHF optimum of the same KL, on a few responses."""

from functools import partial

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, Problem
from tabular.base import checks
from tabular.choice import best_of_n

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "Best of n against RLHF at equal KL"

_REWARDS = {
    "near-ties": (0.0, 0.9, 1.0),
    "one rare best": (0.0, 0.1, 0.2, 1.0),
}
_REFERENCES = {"near-ties": (1 / 3, 1 / 3, 1 / 3), "one rare best": (0.5, 0.3, 0.19, 0.01)}


def compute(*, most: int = 64, problem: subject.Given | None = None) -> Table:
    """KL and mean reward of best of n, n = 1, ..., ``most``, and of the RLHF optimum of the same KL.

    ``<space>_kl``, ``_bon``, ``_tilt``, the latter also on a grid (``_curve_kl``, ``_curve``), and the formula
    ``classical`` = log n - (n - 1)/n.

    Args:
        problem: a problem of your own with a reward: its labelled prompts in the place of the two spaces. Its beta
            plays no part, the curve runs over all.

    Raises:
        InputError: a problem without a reward.

    >>> table = compute(most=3)
    >>> table["near-ties_bon"].round(6).tolist(), table["near-ties_tilt"].round(6).tolist()
    ([0.633333, 0.855556, 0.937037], [0.633333, 0.864263, 0.951119])
    """
    draws = np.arange(1, checks.whole_number(most, "most", least=2) + 1)
    columns = {"n": draws, "classical": best_of_n.classical_kl(draws)}
    spaces = _spaces() if problem is None else _own(problem)
    settings = {"most": most, "spaces": list(spaces), "own": problem is not None}
    if problem is not None:
        settings["beta"] = float(subject.parts(problem)[0].beta)
    for name, space in spaces.items():
        reward = space.reward[0]
        nats = np.array([best_of_n.kl_from_reference(space, n)[0] for n in draws])
        reached = np.array([best_of_n.expected_reward(space, n)[0] for n in draws])
        best = reward == reward[space.present[0]].max()
        top = -np.logaddexp.reduce(space.log_ref[0, best])
        tilt = np.array([best_of_n.tilt_of_equal_kl(space, min(kl, top)).reward[0] for kl in nats])
        grid = np.linspace(0, min(nats.max(), top), 120)
        curve = np.array([best_of_n.tilt_of_equal_kl(space, kl).reward[0] for kl in grid])
        columns |= {f"{name}_kl": nats, f"{name}_bon": reached, f"{name}_tilt": tilt}
        columns |= {f"{name}_curve_kl": grid, f"{name}_curve": curve}
        lost = (tilt - reached)[1:] / (tilt - tilt[0])[1:]
        settings |= {f"lost_{name}": float(lost.max()), f"at_{name}": int(draws[1:][np.argmax(lost)])}
        settings |= {f"reward_{name}": reward.tolist(), f"reference_{name}": np.exp(space.log_ref[0]).tolist()}
    return Table(columns, settings)


def _spaces():
    return {name: Problem.from_probabilities(_REFERENCES[name], 1.0, reward) for name, reward in _REWARDS.items()}


def _own(problem):
    """The labelled prompts of a user's problem."""
    if subject.parts(problem)[0].reward is None:
        raise InputError("best of n chooses by the reward and the problem has none: add rewards")
    found = {prompt.title: prompt.problem for prompt in subject.prompts(problem)}
    flat = [name for name, space in found.items() if np.ptp(space.reward[0][space.present[0]]) == 0]
    if flat:
        raise InputError(f"in {flat[0]} all rewards are equal, so nothing is gained: give different rewards")
    return found


@drawing(columns=2, height=2.5)
def draw(table: Table) -> Panels:
    """Mean reward over KL for each space, and the KL against its formula."""
    *letters, last = "abcdefghi"[: len(table.settings["spaces"]) + 1]
    named = zip(letters, table.settings["spaces"], strict=True)
    panels = {letter: partial(_space, table=table, letter=letter, name=name) for letter, name in named}
    return {**panels, last: lambda ax: _formula(ax, table, last)}


def _space(ax, table, letter, name):
    ax.plot(table[f"{name}_curve_kl"], table[f"{name}_curve"], **style.line("rlhf"))
    ax.plot(table[f"{name}_kl"], table[f"{name}_bon"], **style.points("dpo", markersize=3, label="best of $n$"))
    ax.set(xlabel="KL from the reference (nats)", ylabel="mean reward")
    if letter == "a":
        ax.legend(loc="lower right", fontsize="small")
    style.panel_letter(ax, letter, name)


def _formula(ax, table, letter):
    ax.plot(table["n"], table["classical"], color=style.RULE, linestyle=(0, (3, 1.2)), label=r"$\log n-(n-1)/n$")
    for name, marker in zip(table.settings["spaces"], "s^vDPX*p", strict=False):
        look = {"color": style.LOOKS["dpo"].color, "linestyle": "none", "marker": marker, "markersize": 3}
        ax.plot(table["n"], table[f"{name}_kl"], **look, markerfacecolor="none", label=name)
    ax.set(xscale="log", xlabel="draws $n$", ylabel="KL (nats)")
    ax.legend(loc="upper left", fontsize="small")
    style.panel_letter(ax, letter, "below the formula")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    told = []
    for name, letter in zip(s["spaces"], "abcdefgh", strict=False):
        values = ", ".join(n(x) for x in s[f"reward_{name}"])
        chances = ", ".join(n(x, ".3g") for x in s[f"reference_{name}"])
        told.append(
            f"({letter}) rewards {values} under the reference ({chances}): up to {100 * s[f'lost_{name}']:.1f} % of "
            f"the gain is lost, at n = {s[f'at_{name}']}"
        )
    last = "abcdefghi"[len(s["spaces"])]
    own = f" Your problem; its β = {n(s['beta'])} plays no part, the curve runs over all." if s["own"] else ""
    return (
        f"Best of n (points, n = 1 to {s['most']}) and the RLHF optimum of the same KL from the reference (curve), "
        f"which has the most reward that this KL can buy. {'; '.join(told)}. ({last}) The KL of best of n and the "
        "formula log n − (n − 1)/n, an upper bound that no finite space reaches for n ≥ 2; it stays below −log of the "
        f"reference's mass of the best. Exact.{own}"
    )
