"""The optima of RLHF, DPO and CPO side by side while the reference turns from aligned to misaligned."""

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import Preferences, Problem, cpo, dpo, losses, margins, rlhf
from tabular.base.log_space import kl, softplus

__all__ = ["OBJECTS", "TITLE", "caption", "compute", "draw", "optima_panel"]

TITLE = "RLHF, DPO and CPO optima as the reference turns"
OBJECTS = ("rlhf", "dpo", "hypo", "ecpo", "cpo")
_CALLED = {"rlhf": "RLHF", "dpo": "DPO", "hypo": "HyPO", "ecpo": "Eq. 17", "cpo": "CPO"}


def compute(
    *,
    beta: float = 0.5,
    reward_difference: float = 1.0,
    gamma: float = 0.02,
    low: float = -6.0,
    high: float = 3.0,
    points: int = 181,
    problem: subject.Given | None = None,
    loss: losses.Loss | None = None,
) -> Table:
    r"""One pair for each reference log-ratio: where RLHF, DPO, HyPO, the margin of Eq. 17 and the constraint end.

    The labels are population labels: both orders at the Bradley-Terry rates of the reward. Then a loss with target
    margin T ends at :math:`\delta=T(\delta_{\rm ref})+\Delta r/\beta`, and DPO ends at the RLHF optimum. The
    constraint :math:`\pi_w\ge\pi_l` is hard.

    Columns: ``delta_ref``; ``delta_<object>``, the optimum's log-ratio in nats, for each of ``OBJECTS``;
    ``price_<object>`` :math:`=V-J(\pi)=\beta\,\mathrm{KL}(\pi\|\pi^*)`, what it gives up of RLHF's objective, in units
    of reward.

    Args:
        problem: one pair of two responses with a reward: its beta and reward difference in the place of those, and the
            columns ``own_delta_ref`` and ``own_<object>``, where each object ends for its own reference.
        loss: another loss beside them, on the same labels; its columns are ``delta_loss`` and ``price_loss``.

    >>> table = compute(points=10)
    >>> bool(abs(table["delta_dpo"] - table["delta_rlhf"]).max() < 1e-12), float(table["delta_cpo"].min())
    (True, 0.0)
    """
    own = {}
    if problem is not None:
        beta, at, reward_difference = subject.two_responses(problem, "optima_vs_reference")
        low, high = min(low, 1.2 * at), max(high, 1.2 * at)
        ends = _policies(_problem(np.array([at]), beta, reward_difference), np.array([at]), gamma)
        own = {"own_delta_ref": [at]} | {f"own_{name}": policy[:, 0] - policy[:, 1] for name, policy in ends.items()}
    delta_ref = np.linspace(low, high, points)
    problem = _problem(delta_ref, beta, reward_difference)
    policies = _policies(problem, delta_ref, gamma)
    settings = {"beta": beta, "reward_difference": reward_difference, "gamma": gamma, "loss": None}
    if loss is not None:
        policies["loss"] = losses.solve(problem, Preferences.from_bradley_terry(problem), loss).log_policy
        settings["loss"] = repr(loss)
    columns = {"delta_ref": delta_ref}
    columns |= {f"delta_{name}": policy[:, 0] - policy[:, 1] for name, policy in policies.items()}
    columns |= {f"price_{name}": problem.beta * kl(policy, policies["rlhf"]) for name, policy in policies.items()}
    return Table(columns | own, settings | {"boundary": -reward_difference / beta, "own": bool(own)})


def _problem(delta_ref, beta, reward_difference):
    """Two responses for each reference."""
    reward = np.tile([reward_difference, 0.0], (len(delta_ref), 1))
    return Problem.from_unnormalized(np.column_stack([delta_ref, np.zeros(len(delta_ref))]), beta, reward)


def _policies(problem, delta_ref, gamma):
    gain = problem.reward[0, 0] / problem.beta
    population = Preferences.from_bradley_terry(problem)
    prompts = np.arange(problem.n_prompts)
    labels = Preferences(prompts, np.zeros_like(prompts), np.ones_like(prompts))
    return {
        "rlhf": rlhf.optimal_policy(problem),
        "dpo": dpo.solve(problem, population).log_policy,
        "hypo": _policy(margins.target("hypo", delta_ref) + gain),
        "ecpo": _policy(margins.target("ecpo", delta_ref, beta=problem.beta, gamma=gamma) + gain),
        "cpo": cpo.constrained_optimum(problem, labels).log_policy,
    }


def _policy(delta):
    return np.column_stack([-softplus(-delta), -softplus(delta)])


@drawing(columns=2, height=3.1, legend=4)
def draw(table: Table) -> Panels:
    """The optimum's log-ratio, and what it costs, against the reference's log-ratio."""
    return {"a": lambda ax: _where(ax, table), "b": lambda ax: _prices(ax, table)}


def _where(ax, table):
    optima_panel(ax, table)
    ax.set(xlabel=style.SYMBOLS["delta_ref"], xlim=table["delta_ref"][[0, -1]])
    style.panel_letter(ax, "a", "where each ends")


def optima_panel(ax, table: Table) -> None:
    """The log-ratio at each optimum against the reference's."""
    delta_ref, low = table["delta_ref"], table["delta_ref"][0]
    ax.fill([low, 0, low], [low, 0, 0], color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    ax.axhline(0, color=style.RULE, linewidth=0.6)
    _boundary(ax, table)
    ax.plot(delta_ref, delta_ref, **style.line("reference"))
    ax.plot(delta_ref, table["delta_dpo"], **style.line("dpo", linewidth=3.2, alpha=0.45))
    for name in ("rlhf", "hypo", "ecpo", "cpo"):
        ax.plot(delta_ref, table[f"delta_{name}"], **style.line(name))
    _other(ax, table, "delta_loss")
    if table.settings["own"]:
        at = table["own_delta_ref"]
        ax.axvline(at[0], color=style.RULE, linewidth=0.5, zorder=1)
        for name in OBJECTS:
            ax.plot(at, table[f"own_{name}"], **style.points(name, label="_", markersize=5, zorder=4))
    ax.annotate(
        "assumption holds →",
        (table.settings["boundary"], 0),
        (4, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="bottom",
        fontsize="small",
        color=style.RULE,
    )
    ax.set(ylabel=r"log-ratio $\delta$ at the optimum (nats)", ylim=(low / 1.5, -low))


def _boundary(ax, table):
    ax.axvline(table.settings["boundary"], color=style.RULE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)


def _other(ax, table, column):
    """The curve of another loss, if there is one."""
    if table.settings["loss"] is not None:
        ax.plot(table["delta_ref"], table[column], **style.line("code", label=table.settings["loss"]))


def _prices(ax, table):
    _boundary(ax, table)
    for name in ("dpo", "hypo", "ecpo", "cpo"):
        at_zero = {"clip_on": False} if name == "dpo" else {}
        ax.plot(table["delta_ref"], table[f"price_{name}"], **style.line(name), **at_zero)
    _other(ax, table, "price_loss")
    ax.set(
        ylabel=r"price $\beta\,\mathrm{KL}(\pi\,\|\,\pi^{\mathrm{*}})$ (units of reward)",
        ylim=(0, 1.1 * table["price_cpo"].max()),
        xlabel=style.SYMBOLS["delta_ref"],
        xlim=table["delta_ref"][[0, -1]],
    )
    style.panel_letter(ax, "b", "what it gives up of RLHF’s objective")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    own = ""
    if s["own"]:
        ends = ", ".join(f"{_CALLED[name]} {n(float(table[f'own_{name}'][0]), '.3g')}" for name in OBJECTS)
        own = f" Markers: your problem, δ_ref = {n(float(table['own_delta_ref'][0]), '.3g')}, ends at δ = {ends}."
    other = "" if s["loss"] is None else f" {s['loss']}: its minimiser on the same labels."
    short = "it leaves some pairs inverted, and " if table["delta_ecpo"].min() < 0 else ""
    return (
        f"One pair, β = {n(s['beta'])}, reward difference Δr = {n(s['reward_difference'])}, population labels (both "
        "orders at the Bradley–Terry rates); the reference runs from misaligned to aligned. Dashed vertical line: "
        f"δ_ref = −Δr/β = {n(s['boundary'])}, to its right Assumption 3.1 holds. (a) DPO ends at the RLHF optimum on "
        "both sides of the line; to its left that common optimum lies in U (shaded) and prefers the dispreferred "
        "response. The hard constraint π(w) ≥ π(l) ends at max(δ*, 0), HyPO at max(δ_ref, 0) + Δr/β. The margin of "
        f"Eq. 17 with γ = {n(s['gamma'])}, in the direction of w, is held at the reference: {short}it "
        "overshoots wherever one response is rare. Ordered labels have no optimum to show: δ grows without bound. "
        "(b) The loss in RLHF’s objective, β KL(π‖π*), zero for DPO. Closed forms and exact projections at "
        f"{len(table['delta_ref'])} references.{own}{other}"
    )
