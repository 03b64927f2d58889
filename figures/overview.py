"""The story of the paper and of the repairs on one page, from the tables of the other figures."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import optima_vs_reference, paper_figure_2, style, two_readings, undesirable_region
from figures.table import Table
from tabular import Preferences, Problem, cpo, flow, margins, rlhf
from tabular.log_space import softplus

TITLE = "The story on one page"
TITLES = {
    "region": "DPO’s loss falls while the ranking stays wrong",
    "readings": "what DPO converges to depends on the labels",
    "optima": "DPO agrees with RLHF, on the wrong side too",
    "escape": "“trapped” means exponentially slow",
    "penalty": "CPO’s penalised objective has no maximum",
    "targets": "every loss is a target for δ",
    "projection": "the hard constraint is a projection of π*",
    "training": "what that does in training",
}
GAMMAS = (0.0, 0.34, 0.6)


def compute(*, misalignment=0.3, gamma=0.02) -> Table:
    r"""The tables of four other figures at their own settings, and of four small panels.

    Parts (see :meth:`Table.part`): ``region``, ``readings``, ``optima``, ``training`` are those of
    ``undesirable_region``, ``two_readings``, ``optima_vs_reference`` and ``paper_figure_2``. ``escape``: the horizon
    :math:`2\beta^2t` at which a pair leaves U against :math:`\beta|\delta_{\rm ref}|`. ``penalty``: the objective of
    Eq. 10 against delta for several gamma. ``targets``: target margins against the reference. ``projection``: an RLHF
    optimum and its projection.

    Args:
        misalignment: of the training panel.
        gamma: of the margin of Eq. 17 in the panels of optima, escape and targets.
    """
    return Table.joined(
        {
            "region": undesirable_region.compute(),
            "readings": two_readings.compute(),
            "optima": optima_vs_reference.compute(gamma=gamma),
            "escape": _escape(gamma),
            "penalty": _penalty(),
            "targets": _targets(gamma),
            "projection": _projection(),
            "training": paper_figure_2.compute(misalignment=[misalignment]),
        }
    )


def _escape(gamma, beta=0.5):
    climb = np.linspace(0.02, 12, 300)
    delta_ref = -climb / beta
    psi = {
        "dpo": np.zeros_like(climb),
        "hypo": beta * (margins.target("hypo", delta_ref) - delta_ref),
        "ecpo": beta * (margins.target("ecpo", delta_ref, beta=beta, gamma=gamma) - delta_ref),
    }
    horizon = {name: 2 * beta**2 * flow.escape_time(delta_ref, beta, margin) for name, margin in psi.items()}
    return Table({"climb": climb} | horizon, {"beta": beta, "gamma": gamma})


def _penalty():
    delta = np.linspace(-3, 6, 181)
    problem = Problem.from_probabilities(np.tile([0.25, 0.75], (len(delta), 1)), 1.0, np.zeros((len(delta), 2)))
    prompts = np.arange(len(delta))
    labels = Preferences(prompts, 0 * prompts, 0 * prompts + 1)
    policy = np.column_stack([-softplus(-delta), -softplus(delta)])
    columns = {"delta": delta}
    for gamma in GAMMAS:
        columns[f"objective_{gamma:g}"] = cpo.penalized_objective(policy, problem, labels, gamma)
        local = cpo.penalized_optimum(problem, labels, gamma).local
        if local is not None:
            columns[f"local_delta_{gamma:g}"] = labels.delta(local)[:1]
            columns[f"local_objective_{gamma:g}"] = cpo.penalized_objective(local, problem, labels, gamma)[:1]
    star, top = cpo.gamma_window(problem, labels)
    return Table(columns, {"reference": [0.25, 0.75], "beta": 1.0, "gamma_star": star[0], "gamma_max": top[0]})


def _targets(gamma, beta=0.5):
    delta_ref = np.linspace(-6, 3, 181)
    parameters = {"dpo": {}, "hypo": {}, "ecpo": {"beta": beta, "gamma": gamma}, "code_cpo": {}}
    columns = {name: margins.target(name, delta_ref, **given) for name, given in parameters.items()}
    return Table({"delta_ref": delta_ref} | columns, {"beta": beta, "gamma": gamma})


def _projection():
    star = np.array([0.1, 0.4, 0.3, 0.2])
    problem = Problem.from_probabilities(np.full(4, 0.25), 1.0, np.log(star))
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1)]))
    columns = {"rlhf": np.exp(rlhf.optimal_policy(problem)[0]), "cpo": np.exp(found.log_policy[0])}
    return Table(columns, {"price_in_beta": found.price[0]})


@style.styled
def draw(table: Table) -> Figure:
    """Eight panels, four rows of two, one legend for the objects that all share."""
    layout = [["region", "readings"], ["optima", "escape"], ["penalty", "targets"], ["projection", "training"]]
    figure, axes = style.new_mosaic(layout, height=9.0)
    undesirable_region.panel(axes["region"], table.part("region"), "misaligned")
    two_readings.losses_panel(axes["readings"], table.part("readings"), "misaligned")
    optima_vs_reference.optima_panel(axes["optima"], table.part("optima"))
    _draw_escape(axes["escape"], table.part("escape"))
    _draw_penalty(axes["penalty"], table.part("penalty"))
    _draw_targets(axes["targets"], table.part("targets"))
    _draw_projection(axes["projection"], table.part("projection"))
    training = table.part("training")
    paper_figure_2.course_panel(axes["training"], training, training.settings["misalignment"][0])
    for name in ("region", "readings"):
        axes[name].set(xlabel=r"$\delta$ (nats)", ylabel=style.SYMBOLS["loss"])
    axes["optima"].set(xlabel=r"$\delta_{\rm ref}$ (nats)", xlim=table["optima.delta_ref"][[0, -1]])
    axes["training"].set_ylabel("share of pairs in $U$ (%)")
    axes["region"].legend(*_entries(axes["region"], slice(2, 4)), loc="upper right", handlelength=1)
    axes["readings"].legend(*_entries(axes["readings"], slice(1, 3)), loc="upper center", bbox_to_anchor=(0.72, 1))
    for letter, (name, title) in zip("abcdefgh", TITLES.items(), strict=True):
        style.panel_letter(axes[name], letter, title)
    shared = [Patch(color=style.REGION_U, label=style.SYMBOLS["region_u"])]
    shared += [Line2D([], [], **style.line(name)) for name in style.LOOKS]
    figure.legend(handles=shared, loc="outside lower center", ncols=4, columnspacing=1.6)
    return figure


def _entries(ax, chosen):
    handles, labels = ax.get_legend_handles_labels()
    return handles[chosen], labels[chosen]


def _draw_escape(ax, part):
    for name in ("dpo", "hypo", "ecpo"):
        ax.plot(part["climb"], part[name], **style.line(name))
    ax.set_yscale("log")
    ax.set(
        xlabel=r"$\beta|\delta_{\rm ref}|$", ylabel=r"horizon $2\beta^2t$ to leave $U$", xlim=(0, 12), ylim=(0.1, 3e5)
    )


def _draw_penalty(ax, part):
    widths = {0.0: ":", 0.34: "-", 0.6: "--"}
    for gamma in GAMMAS:
        ax.plot(
            part["delta"],
            part[f"objective_{gamma:g}"],
            color=style.LOOKS["ecpo"].color,
            linestyle=widths[gamma],
            label=rf"$\gamma={gamma:g}$",
        )
        if f"local_delta_{gamma:g}" in part:
            ax.plot(part[f"local_delta_{gamma:g}"], part[f"local_objective_{gamma:g}"], marker="o", color=style.RULE)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=r"$\delta$ (nats)", ylabel="objective of Eq. 10", xlim=part["delta"][[0, -1]])
    ax.legend(loc="upper left")


def _draw_targets(ax, part):
    delta_ref = part["delta_ref"]
    ax.axhspan(delta_ref[0], 0, color=style.REGION_U, linewidth=0, alpha=0.5)
    looks = {"dpo": "dpo", "hypo": "hypo", "ecpo": "ecpo", "code_cpo": "code"}
    for name, look in looks.items():
        ax.plot(delta_ref, part[name], **style.line(look))
    ax.annotate(
        "negative target: the wrong order is allowed",
        (0.98, 0.04),
        xycoords="axes fraction",
        ha="right",
        fontsize="small",
        color=style.RULE,
    )
    ax.set(xlabel=r"$\delta_{\rm ref}$ (nats)", ylabel=r"target $T$ (nats)", xlim=delta_ref[[0, -1]], ylim=(-6, 6))


def _draw_projection(ax, part):
    place = np.arange(4)
    ax.bar(place - 0.2, part["rlhf"], 0.38, color=style.LOOKS["rlhf"].color)
    ax.bar(place + 0.2, part["cpo"], 0.38, color=style.LOOKS["cpo"].color, hatch="///", edgecolor="white", linewidth=0)
    ax.set(xlabel="response", ylabel="probability", xticks=place, xticklabels=["$w$", "$l$", "third", "fourth"])


def caption(table: Table) -> str:
    n = style.number
    region, readings, optima, training = (table.settings[name] for name in ("region", "readings", "optima", "training"))
    penalty, price = table.settings["penalty"], table.settings["projection"]["price_in_beta"]
    eq17 = f"γ = {n(table.settings['escape']['gamma'])}"
    return (
        f"(a) DPO’s loss of one pair, β = {n(region['beta'])}, δ_ref = {n(region['delta_ref_misaligned'])}: on U it is "
        "below its start and the pair is still ranked wrong, until the flip threshold. "
        f"(b) β = {n(readings['beta'])}, Δr = {n(readings['reward_difference'])}, δ_ref = "
        f"{n(readings['delta_ref_misaligned'])}: ordered labels have no minimiser, population labels stop at the RLHF "
        f"optimum, here inside U. (c) Where each ends with population labels, β = {n(optima['beta'])}, "
        f"Δr = {n(optima['reward_difference'])}, Eq. 17 with {eq17} in the direction of w; dashed: the boundary of "
        "Assumption 3.1. (d) The horizon 2β²t of gradient flow at which a pair leaves U, exactly, for β = "
        f"{n(table.settings['escape']['beta'])} and {eq17}: exponential in β|δ_ref| for DPO, linear for HyPO. "
        f"(e) Eq. 10 for π_ref = (1/4, 3/4), equal rewards, β = {n(penalty['beta'])}: unbounded above for every γ > 0; "
        f"a local maximum (marked) with δ > 0 exists only for γ between {n(penalty['gamma_star'], '.3f')} and "
        f"{n(penalty['gamma_max'], '.3f')}. (f) The target T in sp(−β(δ − T)) of each loss; released code: its “cpo” "
        f"loss at its defaults; Eq. 17 for two responses, β = {n(table.settings['targets']['beta'])}, {eq17}. (g) The "
        "RLHF optimum (0.1, 0.4, 0.3, 0.2) and its KL projection onto π(w) ≥ π(l): the tied pair gets its geometric "
        f"mean, all are renormalised; price {n(price, '.4f')} β. (h) Share of pairs in U over training, "
        f"{n(100 * training['misalignment'][0])} % of the pairs misaligned, bands over {training['seeds']} seeds, "
        "dotted: exact gradient flow; settings as in the figure in the spirit of the paper’s Figure 2."
    )
