r"""The two readings of DPO: ordered labels drive delta to infinity, population labels stop at the RLHF optimum."""

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, Preferences, Problem, flow, losses, rlhf
from tabular.base.log_space import softplus

__all__ = ["ORDERED", "POPULATION", "TITLE", "caption", "compute", "draw", "losses_panel"]

TITLE = "Two readings of DPO: where each loss stops"
ORDERED = {"linestyle": "-", "label": "ordered labels"}
POPULATION = {"linestyle": (0, (4, 1.5)), "label": "population labels"}


def compute(
    *,
    beta: float = 1.0,
    reward_difference: float = 1.0,
    aligned: float = 0.0,
    misaligned: float = -2.0,
    span: float = 4.0,
    horizon: float = 60.0,
    points: int = 301,
    problem: subject.Given | None = None,
    loss: losses.Loss | None = None,
) -> Table:
    r"""Both losses of one pair against delta for two references, and their gradient flows for the misaligned one.

    Columns: ``delta``; for kind ``aligned`` and ``misaligned`` the ``ordered_<kind>`` and ``population_<kind>`` loss in
    nats; ``time``, ``flow_ordered`` (of DPO in closed form) and ``flow_population`` (integrated), delta along gradient
    flow from the misaligned reference in tabular softmax logits.
    Settings hold the RLHF optimum ``delta_star_<kind>``, and the time at which the ordered labels leave U, if they do.

    Args:
        problem: one pair of two responses with a reward: its beta, reward difference and reference, beside a second
            reference as far on the other side of the assumption's boundary.
        loss: another loss of pairs, differentiable.

    Raises:
        InputError: the two references do not lie on the two sides of the assumption's boundary -reward_difference/beta;
            a loss without a gradient flow.

    >>> table = compute()
    >>> [round(table.settings[f"delta_star_{kind}"], 12) for kind in ("aligned", "misaligned")]
    [1.0, -1.0]
    """
    if problem is not None:
        beta, own, reward_difference = subject.two_responses(problem, "two_readings")
        other = -2 * reward_difference / beta - own
        misaligned, aligned = min(own, other), max(own, other)
        span = max(span, 1.3 * max(abs(misaligned), abs(aligned)))
    if not misaligned < -reward_difference / beta < aligned:
        raise InputError(
            f"misaligned is {misaligned} and aligned {aligned}: the assumption's boundary "
            f"{-reward_difference / beta:g} must lie between them"
        )
    delta = np.linspace(-span, span, points)
    loss = losses.get("dpo") if loss is None else loss
    columns, settings = {"delta": delta}, {"beta": beta, "reward_difference": reward_difference, "loss": repr(loss)}
    settings["name"] = "DPO" if loss.name == "dpo" else loss.name
    for kind, delta_ref in (("aligned", aligned), ("misaligned", misaligned)):
        problem = _problem(delta_ref, beta, reward_difference)
        columns |= {
            f"ordered_{kind}": _losses(delta, problem, Preferences.from_pairs([(0, 1)]), loss),
            f"population_{kind}": _losses(delta, problem, Preferences.from_bradley_terry(problem), loss),
        }
        optimum = rlhf.optimal_policy(problem)[0]
        settings |= {f"delta_ref_{kind}": delta_ref, f"delta_star_{kind}": optimum[0] - optimum[1]}
        settings[f"start_{kind}"] = float(_losses([delta_ref], problem, Preferences.from_pairs([(0, 1)]), loss)[0])
    time = np.linspace(0.0, horizon, points)
    columns |= {
        "time": time,
        "flow_ordered": _flow(time, problem, Preferences.from_pairs([(0, 1)]), loss),
        "flow_population": _flow(time, problem, Preferences.from_bradley_terry(problem), loss),
    }
    if loss.name == "dpo":
        columns["flow_ordered"] = flow.margin_at(time, misaligned, beta)
        escape = float(flow.escape_time(misaligned, beta))
    else:
        escape = _crossing(time, columns["flow_ordered"])
    return Table(columns, settings | {"escape_time": escape})


def _problem(delta_ref, beta, reward_difference):
    return Problem.from_unnormalized([delta_ref, 0.0], beta, [reward_difference, 0.0])


def _policy(delta):
    return np.array([-softplus(-delta), -softplus(delta)])


def _losses(delta, problem, labels, loss):
    return np.array([losses.mean(_policy(value), problem, labels, loss) for value in delta])


def _flow(time, problem, labels, loss):
    """delta along gradient descent of the loss in logits, in continuous time."""
    return flow.trajectory(problem, labels, loss, times=time).delta[:, 0]


def _crossing(time, delta):
    """When delta first is 0, between two times; ``None`` where it stays below."""
    ahead = np.flatnonzero(delta >= 0)
    if not len(ahead):
        return None
    k = int(ahead[0])
    return float(np.interp(0.0, delta[k - 1 : k + 1], time[k - 1 : k + 1]))


@drawing(columns=2, height=2.75, legend=5)
def draw(table: Table) -> Panels:
    """Loss curves for an aligned and a misaligned reference, then delta over time for the misaligned one."""
    return {
        "a": lambda ax: _reading(ax, table, "a", "aligned", "assumption holds"),
        "b": lambda ax: _reading(ax, table, "b", "misaligned", "assumption violated"),
        "c": lambda ax: _flow_panel(ax, table),
    }


def _reading(ax, table, letter, kind, title):
    losses_panel(ax, table, kind)
    ax.set_ylabel(f"{table.settings['name']} loss (nats)")
    style.panel_letter(ax, letter, title)


def losses_panel(ax, table: Table, kind: str) -> None:
    """Both losses for one reference, "aligned" or "misaligned"."""
    star, at = table.settings[f"delta_star_{kind}"], table.settings[f"delta_ref_{kind}"]
    delta, ordered, population = table["delta"], table[f"ordered_{kind}"], table[f"population_{kind}"]
    if at < 0:
        style.shade_region_u(ax, at)
    ax.plot(delta, ordered, **style.line("dpo", **ORDERED))
    ax.plot(delta, population, **style.line("dpo", **POPULATION))
    ax.plot([at], [table.settings[f"start_{kind}"]], **style.points("reference"))
    ax.plot([star], [np.interp(star, delta, population)], **style.points("rlhf"))
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=r"$\delta$ (nats)", xlim=(delta[0], delta[-1]))
    if table.settings["name"] == "DPO":
        ax.set(ylim=(0, 2), yticks=(0, 0.5, 1, 1.5, 2))


def _flow_panel(ax, table):
    s = table.settings
    ax.axhspan(s["delta_ref_misaligned"], 0, color=style.REGION_U, linewidth=0, zorder=0)
    ax.plot(table["time"], table["flow_ordered"], **style.line("dpo", **ORDERED))
    ax.plot(table["time"], table["flow_population"], **style.line("dpo", **POPULATION))
    ax.axhline(s["delta_star_misaligned"], **style.line("rlhf", linewidth=0.8))
    ax.axhline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.plot([0], [s["delta_ref_misaligned"]], clip_on=False, **style.points("reference"))
    ax.set(xlabel=r"gradient-flow time", ylabel=r"$\delta$ (nats)", xlim=(0, table["time"][-1]))
    style.panel_letter(ax, "c", "flows of (b)")


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    if s["name"] != "DPO":
        return _other_caption(table)
    return (
        f"DPO on one pair with β = {n(s['beta'])} and reward difference Δr = {n(s['reward_difference'])}. Ordered "
        "labels: the pair is labelled once, w over l. Population labels: both ways at the Bradley–Terry rates σ(±Δr). "
        f"(a) δ_ref = {n(s['delta_ref_aligned'])} > −Δr/β: the population loss has its minimum at the RLHF optimum "
        f"δ* = {n(s['delta_star_aligned'])}, the ordered loss keeps falling beyond it. "
        f"(b) δ_ref = {n(s['delta_ref_misaligned'])} < −Δr/β: the population loss still stops at the RLHF optimum, "
        f"δ* = {n(s['delta_star_misaligned'])}, inside U (shaded). (c) Gradient flow in tabular softmax logits from "
        f"the reference of (b): ordered labels leave U at time {n(s['escape_time'], '.3f')} and never stop (closed "
        "form), population labels end at δ* (integrated with relative tolerance 10⁻¹⁰)."
    )


def _other_caption(table):
    """Of another loss, which need not stop at the RLHF optimum."""
    s, n = table.settings, style.number
    leave = f"stay in U up to time {n(table['time'][-1])}"
    if s["escape_time"] is not None:
        leave = f"leave U at time {n(s['escape_time'], '.3f')}"
    least = {kind: float(table["delta"][table[f"population_{kind}"].argmin()]) for kind in ("aligned", "misaligned")}
    return (
        f"The loss {s['loss']} of one pair with β = {n(s['beta'])} and reward difference Δr = "
        f"{n(s['reward_difference'])}. Ordered labels: the pair is labelled once, w over l. Population labels: both "
        f"ways at the Bradley–Terry rates σ(±Δr). (a) δ_ref = {n(s['delta_ref_aligned'])} > −Δr/β: the RLHF optimum "
        f"has δ* = {n(s['delta_star_aligned'])}, the population loss is least near {n(least['aligned'], '.2f')}. (b) "
        f"δ_ref = {n(s['delta_ref_misaligned'])} < −Δr/β: δ* = {n(s['delta_star_misaligned'])} in U (shaded), least "
        f"near {n(least['misaligned'], '.2f')}. (c) Gradient flow in tabular softmax logits from the reference of (b): "
        f"ordered labels {leave} (integrated)."
    )
