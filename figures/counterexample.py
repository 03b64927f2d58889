"""A counterexample to a conjecture of one's own: the policies at stake, and where the claim fails.

It is drawn by ``condeq check mine.py --out``, of what was found; it is no figure of the toolkit's own, so it stands in
no list. The violated claim and the hypotheses are read off :class:`proofs_checks.Counterexample`.
"""

import math
import re
from functools import partial

import numpy as np

from figures import style
from figures.drawing import Panels, drawing
from figures.table import Table
from proofs_checks import Counterexample
from tabular import Status, cpo, losses, rlhf
from tabular.testing.made import preferences_of, problem_of

__all__ = ["MOST", "TITLE", "caption", "compute", "draw"]

TITLE = "A counterexample"

#: prompts that a figure has room for
MOST = 5
#: symbols of a conjecture -> the policy that they speak of
_ASKED = {"δ_rlhf": "rlhf", "δ_dpo": "dpo", "attained": "dpo", "dimension": "dpo", "δ_cpo": "cpo"}
_ASKED |= {"δ_policy": "drawn", "L_policy": "drawn"}
#: policies that are no objects of every figure
_MORE = {"drawn": style.Look("the policy drawn", "#963F90", "P", "-")}
_OF_LOSSES = (("#4EA8F5", "v"), ("#D2981A", "X"), ("#5A1600", "*"))
_INDEXED = re.compile(r"([^\W\d_]+)_(\w+)")
_GROUND = {"facecolor": "white", "linewidth": 0, "pad": 0.8}
_FAILS = style.LOOKS["dpo"].color


def compute(found: Counterexample) -> Table:
    """The policies that the conjecture asks for at its counterexample, and both sides of every relation there.

    ``<policy>_<prompt>``: probabilities of the responses. ``left``, ``right``: a row a hypothesis or part of the claim;
    nan where it is no relation. Settings: the words, what holds, the labels.

    >>> from proofs_checks import conjecture
    >>> from proofs_checks.kernel.relation import relation
    >>> from proofs_checks.quantities import δ_rlhf, Δr
    >>> from tabular.testing import problems
    >>> wrong = conjecture("ranked", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 0)])
    >>> table = compute(wrong.check().counterexample)
    >>> table.settings["words"], table.settings["holds"]
    (['Δr > 0', 'δ_rlhf > 0'], [True, False])
    >>> table["reference_0"].round(4).tolist(), bool(table["rlhf_0"][0] < table["rlhf_0"][1])
    ([0.3333, 0.6667], True)
    """
    sides = np.array([told.sides or (np.nan, np.nan) for told in found.told]).reshape(-1, 2)
    columns = {"left": sides[:, 0], "right": sides[:, 1]}
    settings = {"title": found.title, "certified": found.certified, "shown": found.shown, "looks": {}, "prompts": 0}
    for name in ("words", "role", "holds"):
        settings[name] = [getattr(told, name) for told in found.told]
    if not found.is_a_problem:
        return Table(columns, settings)
    problem = problem_of(found.parts)
    policies, limits = _policies(found, problem)
    for name, policy in policies.items():
        rows = zip(policy[:MOST], problem.present, strict=False)
        columns |= {f"{name}_{i}": np.exp(row[there]) for i, (row, there) in enumerate(rows)}
    settings |= {"beta": float(problem.beta), "prompts": problem.n_prompts, "labels": _labels(found.parts)}
    settings["responses"] = [np.flatnonzero(there).tolist() for there in problem.present[:MOST]]
    settings["looks"] = {name: _label(name, found) + ", a limit" * (name in limits) for name in policies}
    return Table(columns, settings)


def _policies(found, problem):
    """The reference and what the conjecture's symbols ask for, or else RLHF's and DPO's optima; which are limits."""
    labels = preferences_of(found.parts, problem) if "labels" in found.parts else None
    asked = list(dict.fromkeys(_ASKED[name] for name in found.at if name in _ASKED))
    if not asked and not found.losses:
        asked = ["rlhf"] if labels is None else ["rlhf", "dpo"]
    policies = {"reference": problem.log_ref}
    closed = {
        "rlhf": lambda: rlhf.optimal_policy(problem),
        "cpo": lambda: cpo.constrained_optimum(problem, labels).log_policy,
        "drawn": lambda: problem_of({**_without_log_ref(found.parts), "ref": found.parts["policy"]}).log_ref,
    }
    minimised = {"dpo": losses.get("dpo"), **dict(list(found.losses.items())[: len(_OF_LOSSES)])}
    solved = {
        name: losses.solve(problem, labels, loss) for name, loss in minimised.items() if name in {*asked, *found.losses}
    }
    policies |= {name: closed[name]() for name in asked if name in closed}
    policies |= {name: solution.log_policy for name, solution in solved.items()}
    return policies, {name for name, solution in solved.items() if solution.status is Status.UNATTAINED}


def _without_log_ref(parts):
    return {name: part for name, part in parts.items() if name != "log_ref"}


def _labels(parts):
    """(prompt, words) of every label; one of the population without a weight."""
    rows = parts.get("labels", ())
    return [[i, f"{w} > {y}" + (f" (×{n})" if n is not None and n != 1 else "")] for i, w, y, n in rows]


def _label(name, found):
    if name in found.losses:
        return repr(found.losses[name])
    return (_MORE | style.LOOKS)[name].label


@drawing(columns=2, height=2.3, legend=4)
def draw(table: Table) -> Panels:
    """A panel a prompt with its policies, and one with the hypotheses and the claim."""
    shown = min(table.settings["prompts"], MOST)
    panels = {letter: partial(_prompt, table=table, letter=letter, i=i) for i, letter in enumerate("abcde"[:shown])}
    last = "abcdef"[shown]
    return panels | {last: partial(_told, table=table, letter=last)}


def _prompt(ax, table, letter, i):
    s, names = table.settings, list(table.settings["looks"])
    responses = s["responses"][i]
    for k, name in enumerate(names):
        at = np.arange(len(responses)) + 0.13 * (k - (len(names) - 1) / 2)
        color, marker = _look(name, names)
        shares = table[f"{name}_{i}"]
        ax.vlines(at, 0, shares, color=color, linewidth=1)
        ax.plot(at, shares, linestyle="none", marker=marker, color=color, label=s["looks"][name], clip_on=False)
    labels = [words for prompt, words in s["labels"] if prompt == i]
    ax.set(ylim=(0, 1), xlim=(-0.5, len(responses) - 0.5), ylabel="probability")
    ax.set_xticks(range(len(responses)), [str(y) for y in responses])
    ax.set_xlabel("response" + (f"; labels {_broken(labels)}" if labels else ""))
    style.panel_letter(ax, letter, "the policies" + (f", prompt {i}" if s["prompts"] > 1 else ""))


def _broken(labels):
    """Labels in words, three on a line."""
    return ",\n".join(", ".join(labels[k : k + 3]) for k in range(0, len(labels), 3))


def _look(name, names):
    known = (_MORE | style.LOOKS).get(name)
    if known is not None:
        return known.color, known.marker
    others = [one for one in names if one not in style.LOOKS and one not in _MORE]
    return _OF_LOSSES[others.index(name)]


def _told(ax, table, letter):
    """A row a condition, from the top: its two sides on one axis, with the words above it."""
    s = table.settings
    finite = [x for side in ("left", "right") for x in table[side].tolist() if math.isfinite(x)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    room = 0.12 * (high - low or 1.0)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=0)
    for k, words in enumerate(s["words"]):
        color = style.RULE if s["holds"][k] else _FAILS
        ends = [_placed(float(table[side][k]), low, high, room) for side in ("left", "right")]
        state = (
            "hypothesis, holds" if s["role"][k] == "hypothesis" else "claim, " + ("violated", "holds")[s["holds"][k]]
        )
        place = ax.get_yaxis_transform()
        ax.text(
            0.02,
            -k + 0.34,
            f"{state}: {_set(words)}",
            transform=place,
            va="center",
            color=color,
            fontsize="small",
            bbox=_GROUND,
        )
        if not math.isnan(ends[0]):
            ax.plot(ends, [-k, -k], color=color, linewidth=1)
            ax.plot(ends[:1], [-k], marker="o", color=color, linestyle="none")
            ax.plot(ends[1:], [-k], marker="o", color=color, markerfacecolor="white", linestyle="none")
            _numbers(ax, k, ends, [float(table[side][k]) for side in ("left", "right")], color)
    ax.set(xlim=(low - 3 * room, high + 3 * room), ylim=(-len(s["words"]) + 0.45, 0.6))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("left side (full) and right side (open)")
    style.panel_letter(ax, letter, "where the claim fails")


def _set(words):
    """Symbols with an index as a paper sets them; a dollar is a dollar."""
    return _INDEXED.sub(r"$\1_{\\mathrm{\2}}$", words.replace("$", r"\$"))


def _placed(value, low, high, room):
    """Infinite values stand beyond the ends of the finite ones."""
    if math.isinf(value):
        return high + 2 * room if value > 0 else low - 2 * room
    return value


def _numbers(ax, k, ends, values, color):
    """Each side's value, the smaller to the left of its dot, the larger to the right."""
    for here, other, value in zip(ends, reversed(ends), values, strict=True):
        left = here < other
        shown = {math.inf: "∞", -math.inf: "−∞"}.get(value) or style.number(value, ".4g")
        ax.annotate(
            shown,
            (here, -k),
            (-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize="small",
            color=color,
        )


def caption(table: Table) -> str:
    s = table.settings
    failed = [words for words, holds in zip(s["words"], s["holds"], strict=True) if not holds]
    sure = "certified in exact arithmetic" if s["certified"] else "seen in floats only"
    more = f" The first {MOST} of {s['prompts']} prompts are drawn." if s["prompts"] > MOST else ""
    beta = f" β = {style.number(s['beta'])}." if "beta" in s else ""
    return (
        f"A counterexample to {s['title']}, {sure}: {'; '.join(failed)} fails where {s['shown']}.{beta}{more} Both "
        "sides of every relation are shown. Where a loss has no minimiser, the limit that its flow goes to is drawn."
    )
