"""Every solution of DPO with three responses: the labels decide whether it is a point, a ray, a face or a corner."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.subject import Prompt
from figures.table import Table
from tabular import InputError, Preferences, Problem, Status, dpo, losses, rlhf

__all__ = ["TITLE", "caption", "compute", "draw"]

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


def compute(
    *,
    ref: Sequence[float] = (0.2, 0.3, 0.5),
    beta: float = 0.5,
    reward: Sequence[float] = (1.0986122886681098, 0.0, -0.3),
    problem: subject.Given | None = None,
    loss: losses.Loss | None = None,
) -> Table:
    """Four sets of labels on one problem, or the prompts of a problem of your own. Columns start with the panel's name.

    ``*_set_a``, ``*_set_b``, ``*_set_c``: the vertices of the solution set, or of the set of limits. ``*_reference``,
    ``*_rlhf``, ``*_flow``, ``*_closest``: policies, one probability for each response. ``*_winner``, ``*_loser``:
    the labels. Settings: the status and the dimension of each panel.

    Args:
        ref, beta, reward: of the four panels.
        problem: a problem in their place; each of its labelled prompts has three responses.
        loss: a convex loss of differences in the place of DPO's.

    Raises:
        InputError: a prompt of another size, a loss whose solution set is not known.

    >>> table = compute()
    >>> table.settings["status_ray"], table["ray_flow"].round(4).tolist()
    ('set', [0.5, 0.0833, 0.4167])
    """
    columns, settings = {}, {"ref": list(ref), "beta": beta, "reward": list(reward)}
    panels = _four(Problem.from_probabilities(ref, beta, reward)) if problem is None else _own(problem)
    if problem is not None:
        settings = {"beta": panels[0].problem.beta}
    chosen = losses.get("dpo") if loss is None else loss
    settings |= {"panels": [panel.title for panel in panels], "own": problem is not None, "loss": repr(chosen)}
    settings |= {"name": "DPO" if chosen.name == "dpo" else chosen.name}
    settings |= {"responses": {panel.title: panel.names for panel in panels}}
    settings["rewarded"] = panels[0].problem.reward is not None
    for panel in panels:
        more, known = _panel_columns(panel, loss)
        columns |= more
        settings |= known
    return Table(columns, settings)


def _four(problem):
    """The four panels of the problem of the paper's kind."""
    labels = {
        "point": Preferences.from_bradley_terry(problem),
        "ray": Preferences.from_bradley_terry(problem, [(0, 1)]),
        "face": Preferences.from_pairs([(0, 1)]),
        "corner": Preferences.from_pairs([(0, 1), (1, 2)]),
    }
    return [Prompt(name, problem, preferences, list(_NAMES)) for name, preferences in labels.items()]


def _own(problem):
    """The prompts of a user's problem."""
    panels = subject.prompts(problem)
    for panel in panels:
        if len(panel.names) != 3:
            raise InputError(
                f"{panel.title} has {len(panel.names)} responses: solution_sets draws the triangle of three, "
                "so give prompts of three responses"
            )
    return panels


def _panel_columns(panel, loss):
    """What is solved for one panel, and its settings."""
    name, problem, labels = panel.title, panel.problem, panel.preferences
    solution = dpo.solve(problem, labels) if loss is None else losses.solve(problem, labels, loss)
    if not hasattr(solution, "limit_vertices") or solution.status in (Status.LOCAL, Status.UNBOUNDED):
        raise InputError(
            f"{loss!r} is {solution.status.value} on {name} and its set of minimisers is not known: "
            "choose a convex loss of differences, such as dpo, cdpo or ipo"
        )
    vertices = np.exp(solution.limit_vertices[0])
    policies = (problem.log_ref, _rlhf(panel), solution.log_policy, solution.closest_to_reference())
    columns = {f"{name}_set_{corner}": vertices[:, i] for i, corner in enumerate(_NAMES)}
    columns |= {f"{name}_{point}": np.exp(policy[0]) for point, policy in zip(_POINTS, policies, strict=True)}
    columns |= {f"{name}_winner": labels.winner, f"{name}_loser": labels.loser}
    return columns, {f"status_{name}": solution.status.value, f"dimension_{name}": solution.dimension}


def _rlhf(panel):
    """The RLHF optimum of a prompt, or its reference where it has no reward; only the former is drawn."""
    return panel.problem.log_ref if panel.problem.reward is None else rlhf.optimal_policy(panel.problem)


@drawing(columns=2, height=2.15, legend=3)
def draw(table: Table) -> Panels:
    """A simplex for each set of labels; arrows outside it are the labels, from winner to loser."""
    named = zip("abcdefgh", table.settings["panels"], strict=False)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    _simplex(ax, table.settings["responses"][name])
    _labels(ax, table[f"{name}_winner"], table[f"{name}_loser"])
    _solution(ax, table, name)
    status = table.settings[f"status_{name}"].upper()
    style.panel_letter(ax, letter, f"{status}: {_PANELS.get(name, name)}")


def _place(policy):
    """Barycentric coordinates in the plane."""
    return np.asarray(policy) @ _CORNERS


def _simplex(ax, names):
    ax.fill(*_CORNERS.T, facecolor="#F6F6F6", edgecolor=style.RULE, linewidth=0.7, zorder=0)
    for name, corner in zip(names, _CORNERS, strict=True):
        x, y = corner + 0.13 * (corner - _CORNERS.mean(axis=0)) / np.linalg.norm(corner - _CORNERS.mean(axis=0))
        ax.text(x, y, style.plain(name), ha="center", va="center", style="italic", fontsize=9)
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
        label=f"{table.settings['name']} minimisers" if attained else "limits, no minimiser",
    )
    at = {name: _place(table[f"{panel}_{name}"]) for name in _POINTS}
    ring = {"markerfacecolor": "white", "markeredgewidth": 1.1, "zorder": 4}
    ax.plot(*at["closest"], **style.points("dpo", marker="o", markersize=7.5, label="closest to the reference"), **ring)
    flow = "end of gradient flow" if table.settings["name"] == "DPO" else "the minimiser or limit that is shown"
    ax.plot(*at["flow"], **style.points("dpo", markersize=4, zorder=5, label=flow))
    ax.plot(*at["reference"], **style.points("reference", markersize=4, zorder=6))
    if table.settings["rewarded"]:
        ax.plot(*at["rlhf"], **style.points("rlhf", markersize=3.2, zorder=7))


def caption(table: Table) -> str:
    return _own_caption(table) if table.settings["own"] or table.settings["name"] != "DPO" else _four_caption(table)


def _own_caption(table):
    """Of a user's problem, or of another loss."""
    s, n = table.settings, style.number
    told = []
    for name in s["panels"]:
        ends = ", ".join(n(x, ".3f") for x in table[f"{name}_flow"])
        told.append(
            f"{name}: {s[f'status_{name}']}, dimension {s[f'dimension_{name}']}, shown ({ends}) of "
            f"({', '.join(s['responses'][name])})"
        )
    star = "" if s["rewarded"] else " The problem has no reward, so no RLHF optimum is shown."
    return (
        f"All solutions of {s['loss']} on the simplex of three responses, β = {n(s['beta'])}; arrows beside it are the "
        f"labels, from winner to loser. A solid set holds minimisers, a dotted one the limits of policies where there "
        f"is no minimiser. {'; '.join(told)}.{star} Exact: blocks of the win digraph, Newton inside blocks."
    )


def _four_caption(table: Table) -> str:
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
