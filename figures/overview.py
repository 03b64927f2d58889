"""The story of the paper and of the repairs on one page, drawn from the tables of the other figures."""

from functools import partial

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import (
    escape_time,
    optima_vs_reference,
    paper_figure_2,
    penalized_objective,
    projection,
    style,
    target_margins,
    two_readings,
    undesirable_region,
)
from figures.drawing import Panels, drawing, two_a_row
from figures.table import Table

__all__ = ["SHARED", "TITLE", "TITLES", "caption", "compute", "draw"]

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
SHARED = ("reference", "rlhf", "dpo", "cpo", "ecpo", "hypo", "code", "easy")


def compute(*, misalignment: float = 0.3) -> Table:
    """The tables of eight other figures, each at its own settings but for the one share of misaligned pairs.

    The parts (see :meth:`Table.part`) are named as in :data:`TITLES`.

    Args:
        misalignment: of the training panel.

    >>> compute(misalignment=0.2).settings["training"]["misalignment"]
    [0.2]
    """
    return Table.joined(
        {
            "region": undesirable_region.compute(),
            "readings": two_readings.compute(),
            "optima": optima_vs_reference.compute(),
            "escape": escape_time.compute(),
            "penalty": penalized_objective.compute(),
            "targets": target_margins.compute(),
            "projection": projection.compute(),
            "training": paper_figure_2.compute(misalignment=[misalignment]),
        }
    )


def _shared(panels):
    """What the legend that all panels share explains."""
    return [
        Patch(color=style.REGION_U, label=style.SYMBOLS["region_u"]),
        *(Line2D([], [], **style.line(name)) for name in SHARED),
    ]


@drawing(columns=2, height=2.35, layout=two_a_row, legend=3, entries=_shared)
def draw(table: Table) -> Panels:
    """Eight panels, four rows of two, one legend for the objects that all share."""
    named = zip("abcdefgh", TITLES, strict=True)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    _DRAW[name](ax, table.part(name))
    style.panel_letter(ax, letter, TITLES[name])


def _region(ax, part):
    undesirable_region.panel(ax, part, "misaligned")
    ax.set(xlabel=r"$\delta$ (nats)", ylabel=style.SYMBOLS["loss"])
    ax.legend(*_entries(ax, slice(2, 4)), loc="upper right", handlelength=1)


def _readings(ax, part):
    two_readings.losses_panel(ax, part, "misaligned")
    ax.set(xlabel=r"$\delta$ (nats)", ylabel=style.SYMBOLS["loss"])
    ax.legend(*_entries(ax, slice(1, 3)), loc="upper center", bbox_to_anchor=(0.72, 1))


def _optima(ax, part):
    optima_vs_reference.optima_panel(ax, part)
    ax.set(xlabel=r"$\delta_{\rm ref}$ (nats)", xlim=part["delta_ref"][[0, -1]])


def _penalty(ax, part):
    penalized_objective.objective_panel(ax, part)
    ax.set(xlabel=r"$\delta$ (nats)")
    ax.set_ylim(top=4.8)  # room for its legend


def _targets(ax, part):
    target_margins.panel(ax, part)
    ax.set(xlabel=r"$\delta_{\rm ref}$ (nats)", xlim=part["delta_ref"][[0, -1]])


def _projection(ax, part):
    after = part["after_chain"]
    projection.bars(ax, part, "chain")
    ax.set(xlabel="responses", ylabel="probability", xticks=range(len(after)))
    ax.set_xticklabels([f"$y_{response}$" for response in range(len(after))])
    ax.legend(loc="upper right", fontsize="small")


def _training(ax, part):
    paper_figure_2.course_panel(ax, part, part.settings["misalignment"][0])
    ax.set_ylabel(r"share of pairs in $U$ (%)")


_DRAW = {
    "region": _region,
    "readings": _readings,
    "optima": _optima,
    "escape": escape_time.panel,
    "penalty": _penalty,
    "targets": _targets,
    "projection": _projection,
    "training": _training,
}


def _entries(ax, chosen):
    handles, labels = ax.get_legend_handles_labels()
    return handles[chosen], labels[chosen]


def caption(table: Table) -> str:
    n, s = style.number, table.settings
    region, readings, optima, escape = (s[name] for name in ("region", "readings", "optima", "escape"))
    penalty, targets, projected, training = (s[name] for name in ("penalty", "targets", "projection", "training"))
    return (
        "Each panel is drawn from the table of a figure of its own, whose caption says more. "
        f"(a) DPO’s loss of one pair, β = {n(region['beta'])}, δ_ref = {n(region['delta_ref_misaligned'])}: on U it is "
        "below its start and the pair is still ranked wrong, until the flip threshold. "
        f"(b) β = {n(readings['beta'])}, Δr = {n(readings['reward_difference'])}, δ_ref = "
        f"{n(readings['delta_ref_misaligned'])}: ordered labels have no minimiser, population labels stop at the RLHF "
        f"optimum, here inside U. (c) Where each ends with population labels, β = {n(optima['beta'])}, "
        f"Δr = {n(optima['reward_difference'])}, Eq. 17 with γ = {n(optima['gamma'])} in the direction of w; dashed: "
        "the boundary of Assumption 3.1. (d) The horizon 2β²t of gradient flow at which a pair leaves U: exponential "
        "in β|δ_ref| for DPO, close to linear up to a fixed margin Ψ; squares: gradient descent, "
        f"β = {n(escape['beta'])}. (e) Eq. 10, less the RLHF value, for δ_ref = {n(penalty['delta_ref'])}, "
        f"Δr = {n(penalty['reward_gap'])}, β = {n(penalty['beta'])}: unbounded above for every γ > 0; a local maximum "
        f"(marked) with δ > 0 exists only for γ between {n(penalty['gamma_star'], '.3f')} and "
        f"{n(penalty['gamma_max'], '.3f')}. (f) The target T in sp(−β(δ − T)) of each loss; Eq. 17 with "
        f"γ/β = {n(targets['kappa_ecpo'])}, released losses at their defaults, γ = {n(targets['gamma'])}, "
        f"β = {n(targets['beta'])}. (g) An RLHF optimum and its KL projection onto y₀ ≥ y₁ ≥ … ≥ y₄: responses that "
        "violate the order pool and share their geometric mean, then all are renormalised; price "
        f"{n(projected['price_chain'], '.4f')}, β = {n(projected['beta'])}. (h) Share of pairs in U over training, "
        f"{n(100 * training['misalignment'][0])} % of the pairs misaligned, bands over {training['seeds']} seeds, "
        "dotted: exact gradient flow; settings as in the figure in the spirit of the paper’s Figure 2."
    )
