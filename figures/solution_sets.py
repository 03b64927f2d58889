"""Every solution of DPO with three responses: the labels decide whether it is a point, a ray, a face or a corner."""

import numpy as np
from matplotlib.figure import Figure

from figures import style
from figures.table import Table
from tabular import Preferences, Problem, dpo, rlhf

TITLE = "What DPO converges to, with three responses"

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_NAMES = "abc"
_PANELS = {
    "point": "a point",
    "ray": "a ray",
    "face": "a face",
    "corner": "a corner",
}
_POINTS = ("reference", "rlhf", "flow", "closest")


def compute(*, ref=(0.2, 0.3, 0.5), beta=0.5, reward=(1.0986122886681098, 0.0, -0.3)) -> Table:
    """Four sets of labels on one problem. Columns start with the panel's name.

    ``*_set_a``, ``*_set_b``, ``*_set_c``: the vertices of the solution set, or of the set of limits. ``*_reference``,
    ``*_rlhf``, ``*_flow``, ``*_closest``: policies, one probability for each response. ``*_winner``, ``*_loser``:
    the labels. Settings: the status and the dimension of each panel.

    >>> table = compute()
    >>> table.settings["status_ray"], table["ray_flow"].round(4).tolist()
    ('set', [0.5, 0.0833, 0.4167])
    """
    problem = Problem.from_probabilities(ref, beta, reward)
    labels = {
        "point": Preferences.from_bradley_terry(problem),
        "ray": Preferences.from_bradley_terry(problem, [(0, 1)]),
        "face": Preferences.from_pairs([(0, 1)]),
        "corner": Preferences.from_pairs([(0, 1), (1, 2)]),
    }
    columns, settings = {}, {"ref": list(ref), "beta": beta, "reward": list(reward)}
    for panel, preferences in labels.items():
        solution = dpo.solve(problem, preferences)
        vertices = np.exp(solution.limit_vertices[0])
        columns |= {f"{panel}_set_{name}": vertices[:, i] for i, name in enumerate(_NAMES)}
        policies = (problem.log_ref, rlhf.optimal_policy(problem), solution.log_policy, solution.closest_to_reference())
        columns |= {f"{panel}_{name}": np.exp(policy[0]) for name, policy in zip(_POINTS, policies, strict=True)}
        columns |= {f"{panel}_winner": preferences.winner, f"{panel}_loser": preferences.loser}
        settings |= {f"status_{panel}": solution.status.value, f"dimension_{panel}": solution.dimension}
    return Table(columns, settings)


@style.styled
def draw(table: Table) -> Figure:
    """A simplex for each set of labels; arrows outside it are the labels, from winner to loser."""
    figure, axes = style.new_figure(columns=2, height=2.15, cols=4)
    for ax, panel, letter in zip(axes, _PANELS, "abcd", strict=True):
        _simplex(ax)
        _labels(ax, table[f"{panel}_winner"], table[f"{panel}_loser"])
        _solution(ax, table, panel)
        style.panel_letter(ax, letter, f"{table.settings[f'status_{panel}'].upper()}: {_PANELS[panel]}")
    minimisers, *points = axes[1].get_legend_handles_labels()[0]
    limits = axes[2].get_legend_handles_labels()[0][0]
    handles = [minimisers, limits, *points]
    figure.legend(handles, [h.get_label() for h in handles], loc="outside lower center", ncols=3, frameon=False)
    return figure


def _place(policy):
    """Barycentric coordinates in the plane."""
    return np.asarray(policy) @ _CORNERS


def _simplex(ax):
    ax.fill(*_CORNERS.T, facecolor="#F6F6F6", edgecolor=style.RULE, linewidth=0.7, zorder=0)
    for name, corner in zip(_NAMES, _CORNERS, strict=True):
        x, y = corner + 0.13 * (corner - _CORNERS.mean(axis=0)) / np.linalg.norm(corner - _CORNERS.mean(axis=0))
        ax.text(x, y, name, ha="center", va="center", style="italic", fontsize=9)
    ax.set(xlim=(-0.22, 1.22), ylim=(-0.17, 1.04), aspect="equal")
    ax.axis("off")


def _labels(ax, winner, loser):
    """An arrow beside the edge of the simplex for each label; the two directions of a pair side by side."""
    centre = _CORNERS.mean(axis=0)
    both = {(w, v) for w, v in zip(winner.tolist(), loser.tolist(), strict=True)}
    for w, v in sorted(both):
        start, end = _CORNERS[w], _CORNERS[v]
        outward = (start + end) / 2 - centre
        outward /= np.linalg.norm(outward)
        out = 0.07 + (0.055 if (v, w) in both and w > v else 0.0)
        tail, head = start + 0.2 * (end - start) + out * outward, end + 0.2 * (start - end) + out * outward
        arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "color": style.RULE, "linewidth": 0.8}
        ax.annotate("", xy=head, xytext=tail, arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0})


def _solution(ax, table, panel):
    attained = table.settings[f"status_{panel}"] != "unattained"
    vertices = _place(np.column_stack([table[f"{panel}_set_{name}"] for name in _NAMES]))
    look = style.LOOKS["dpo"]
    ax.plot(
        *vertices.T,
        color=look.color,
        linewidth=2.6,
        linestyle="-" if attained else (0, (1.2, 0.9)),
        alpha=0.55,
        solid_capstyle="butt",
        zorder=2,
        label="DPO minimisers" if attained else "limits, no minimiser",
    )
    at = {name: _place(table[f"{panel}_{name}"]) for name in _POINTS}
    ring = {"markerfacecolor": "white", "markeredgewidth": 1.1, "zorder": 4}
    ax.plot(*at["closest"], **style.points("dpo", marker="o", markersize=7.5, label="closest to the reference"), **ring)
    ax.plot(*at["flow"], **style.points("dpo", markersize=4, zorder=5, label="end of gradient flow"))
    ax.plot(*at["reference"], **style.points("reference", markersize=4, zorder=6))
    ax.plot(*at["rlhf"], **style.points("rlhf", markersize=3.2, zorder=7))


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    flow, closest = table["ray_flow"], table["ray_closest"]
    return (
        "All solutions of DPO on the simplex of three responses a, b, c; arrows beside it are the labels, from winner "
        "to loser. Labelled both ways on every pair at Bradley-Terry rates (a), DPO has one minimiser, the RLHF "
        "optimum. With c unlabelled (b) it has a ray of them, all with the same π(a)/π(b): the RLHF optimum is one, "
        f"gradient flow from the reference ends at another, ({', '.join(n(x, '.3f') for x in flow)}), and the one "
        f"closest to the reference in KL(π‖π_ref) is ({', '.join(n(x, '.3f') for x in closest)}). With the one-sided "
        "label a over b (c) there is no minimiser: every policy on the face π(b) = 0 is a limit, the one that puts "
        "all mass on the unlabelled c included, and the flow goes to a. With a over b over c (d) all limits are a. "
        f"π_ref = ({', '.join(n(x) for x in s['ref'])}), β = {n(s['beta'])}, reward "
        f"({', '.join(n(x, '.4g') for x in s['reward'])}). Exact: blocks of the win digraph, Newton inside blocks."
    )
