r"""CPO's penalised objective has no maximum; a local one ranks right between gamma* and gamma_max, then folds away."""

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, Preferences, Problem, cpo, rlhf

__all__ = ["CURVES", "TITLE", "WINDOW", "branch_panel", "caption", "compute", "draw", "objective_panel"]

TITLE = "CPO's penalised objective and the window of Theorem 4.9"

#: the curves of the left panel: what gamma is, and the look; gamma = 0 is RLHF
CURVES = {
    "rlhf": ("RLHF", style.line("rlhf")),
    "below": (r"below $\gamma^{\mathrm{*}}$", style.line("penalty", linewidth=1.0)),
    "inside": ("in the window", style.line("penalty", linestyle="-")),
    "fold": (r"$\gamma_{\max}$, the fold", style.line("penalty", linestyle=(0, (6, 1.5, 1, 1.5)))),
    "beyond": (r"beyond $\gamma_{\max}$", style.line("penalty", linestyle=(0, (1, 1.2)), linewidth=1.9)),
}
WINDOW = "#E9E4FC"


def compute(
    *,
    beta: float = 1.0,
    delta_ref: float = -1.5,
    reward_gap: float = 0.5,
    low: float = -5.5,
    high: float = 5.0,
    points: int = 361,
    problem: subject.Given | None = None,
) -> Table:
    """Two responses, one labelled pair: the objective against delta for five gammas, and the stationary deltas.

    Columns: ``delta``; ``objective_<curve>`` for each of :data:`CURVES`, less the best RLHF value; ``branch_delta``
    and ``branch_gamma``, the stationary points in the order of delta; ``local_gamma`` and ``local_delta``, the local
    maxima found by ``cpo.penalized_optimum`` at the gammas of the curves.

    Args:
        problem: one pair of two responses with a reward, in the place of ``beta``, ``delta_ref`` and ``reward_gap``.

    Raises:
        InputError: delta* is not below 0, so that there is no gamma* > 0 to show.

    >>> table = compute(beta=1.0, delta_ref=-1.5, reward_gap=0.5)  # delta* = -1, so gamma* = 1/4
    >>> table.settings["gamma_star"], round(table.settings["gamma_max"], 6)
    (0.25, 0.393669)
    """
    if problem is not None:
        beta, delta_ref, reward_gap = subject.two_responses(problem, "penalized_objective")
    problem = Problem.from_unnormalized([delta_ref, 0.0], beta, [reward_gap, 0.0])
    pair = Preferences.from_pairs([(0, 1)])
    delta_star = float(pair.delta(rlhf.optimal_policy(problem))[0])
    if delta_star >= 0:
        raise InputError(f"delta* is {delta_star:g}: choose delta_ref and reward_gap so that it is below 0")
    gamma_star, gamma_max = (float(bound[0]) for bound in cpo.gamma_window(problem, pair))
    inside = (gamma_star + gamma_max) / 2
    gammas = dict(zip(CURVES, (0.0, gamma_star / 2, inside, gamma_max, 1.5 * gamma_max), strict=True))
    delta = np.linspace(low, high, points)
    columns = {"delta": delta}
    for name, gamma in gammas.items():
        columns[f"objective_{name}"] = _objective(delta, problem, pair, gamma)
    asked = [gamma for gamma in gammas.values() if gamma != gamma_max]  # at the fold, rounding would decide
    found = {gamma: cpo.penalized_optimum(problem, pair, gamma).local for gamma in asked}
    local = [(gamma, float(pair.delta(policy)[0])) for gamma, policy in found.items() if policy is not None]
    branch = np.linspace(delta_star, high, points)
    return Table(
        columns
        | {"branch_delta": branch, "branch_gamma": beta * (branch - delta_star) / (2 * (1 + np.cosh(branch)))}
        | {"local_gamma": [gamma for gamma, _ in local], "local_delta": [at for _, at in local]},
        {"beta": beta, "delta_ref": delta_ref, "reward_gap": reward_gap, "delta_star": delta_star}
        | {"gamma_star": gamma_star, "gamma_max": gamma_max}
        | {f"gamma_{name}": gamma for name, gamma in gammas.items()},
    )


def _objective(delta, problem, pair, gamma):
    """J at each delta, less V; one call with a prompt for each delta."""
    log_policy = np.stack([-np.logaddexp(0, -delta), -np.logaddexp(0, delta)], axis=1)
    many = Problem(
        np.repeat(problem.log_ref, len(delta), axis=0), problem.beta, np.repeat(problem.reward, len(delta), axis=0)
    )
    prompt = np.arange(len(delta))
    pairs = Preferences(prompt, np.zeros_like(prompt), np.ones_like(prompt))
    return cpo.penalized_objective(log_policy, many, pairs, gamma) - rlhf.value(problem)[0]


@drawing(columns=2, height=2.8)
def draw(table: Table) -> Panels:
    """Left the objective, right its stationary points against gamma."""
    return {"a": lambda ax: objective_panel(ax, table), "b": lambda ax: branch_panel(ax, table)}


def objective_panel(ax, table: Table) -> None:
    """The objective for each gamma, with its local maximum where there is one."""
    delta, local = table["delta"], dict(zip(table["local_gamma"], table["local_delta"], strict=True))
    for name, (label, look) in CURVES.items():
        gamma, values = table.settings[f"gamma_{name}"], table[f"objective_{name}"]
        ax.plot(delta, values, **look | {"label": rf"$\gamma={gamma:.3f}$, {label}"})
        if gamma in local:
            ax.plot(local[gamma], np.interp(local[gamma], delta, values), "o", color=look["color"], zorder=3)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=style.SYMBOLS["delta"], ylabel=r"$J(\pi)-V$ (units of reward)", xlim=(delta[0], delta[-1]))
    ax.set_ylim(-2.6, 2.6)
    ax.legend(loc="upper left", fontsize="small")
    style.panel_letter(ax, "a", "the objective; marks: local maxima")


def branch_panel(ax, table: Table) -> None:
    """Where the objective is stationary: the rising branch holds the maxima, the falling one the minima."""
    s, delta, gamma = table.settings, table["branch_delta"], table["branch_gamma"]
    fold = int(np.argmax(gamma))
    ax.axvspan(s["gamma_star"], s["gamma_max"], color=WINDOW, linewidth=0, zorder=0)
    shade = style.LOOKS["penalty"].color
    ax.plot(gamma[: fold + 1], delta[: fold + 1], color=shade, label="local maximum")
    ax.plot(gamma[fold:], delta[fold:], color=shade, linestyle=(0, (3, 2)), label="local minimum")
    color = {s[f"gamma_{name}"]: look["color"] for name, (_, look) in CURVES.items()}
    for at, height in zip(table["local_gamma"], table["local_delta"], strict=True):
        ax.plot(at, height, "o", color=color[at], zorder=3)
    ax.plot(s["gamma_max"], delta[fold], "o", color=shade, markerfacecolor="white", zorder=3)
    ax.axhline(0, color=style.RULE, linewidth=0.6, zorder=1)
    top = 5.0
    ax.text(s["gamma_star"], top, r"$\gamma^{\mathrm{*}}$ ", ha="right", va="top")
    ax.text(s["gamma_max"], top, r" $\gamma_{\max}$", ha="left", va="top")
    ax.text((s["gamma_star"] + s["gamma_max"]) / 2, top, "window", ha="center", va="top", color=shade)
    ax.text(1.3 * s["gamma_max"], -0.15, "no local\nmaximum", ha="center", va="top", fontsize="small")
    ax.set(xlabel=r"penalty weight $\gamma$", ylabel=r"stationary $\delta$ (nats)")
    ax.set(xlim=(0, 1.6 * s["gamma_max"]), ylim=(s["delta_star"] - 0.4, top))
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9), fontsize="small")
    style.panel_letter(ax, "b", r"stationary points against $\gamma$")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    gammas = ", ".join(n(s[f"gamma_{name}"], ".3f") for name in CURVES)
    return (
        "The penalised objective J = E[r] − β KL(π‖π_ref) + γδ (Eq. 10, as transcribed), two responses and one label, "
        f"β = {n(s['beta'])}, δ_ref = {n(s['delta_ref'])}, Δr = {n(s['reward_gap'])}, so δ* = {n(s['delta_star'])} "
        f"and RLHF itself ranks the pair wrong. (a) J less the RLHF value V at γ = {gammas}: for every γ > 0 it grows "
        "without bound, so it has no maximiser. Marks are local maxima. (b) The stationary points: the local maximum "
        "(solid) and the local minimum (dashed) meet in a fold (open mark). Theorem 4.9, δ > 0, is true of the local "
        f"maximum exactly for γ between γ* = −βδ*/4 = {n(s['gamma_star'], '.3f')} and γ_max = "
        f"{n(s['gamma_max'], '.3f')} (shaded); beyond, there is none. Closed form on "
        f"{len(table['delta'])} points; marks by Lambert W."
    )
