"""The page on which policies move over the simplex of three responses: gradient flow under several losses, a slider."""

import json
from pathlib import Path

import numpy as np

from docs.generate.statements import environment
from tabular import Preferences, Problem, flow, losses

REFERENCE = 0.2, 0.3, 0.5
#: (name, parameters, colour, dashes): colours that stay apart for the colour-blind, dashes that do without
SHOWN = (
    ("dpo", {}, "#BC3D0A", ""),
    ("cdpo", {"eps": 0.1}, "#1D2290", "6 3"),
    ("ipo", {}, "#0E8B52", "2 2"),
    ("nca_pair", {}, "#7A5AF0", "8 2 2 2"),
    ("dpo_sft", {"alpha": 0.25}, "#D2981A", "10 3"),
    ("apo_down", {}, "#4EA8F5", "1 3"),
)
LABELS = {
    "once": ("a over b, labelled once; nobody labelled c", ((0, 1),)),
    "both": ("a over b in 3 of 4; nobody labelled c", ((0, 0, 1, 0.75), (0, 1, 0, 0.25))),
    "circle": ("a over b twice, b over c, c over a", ((0, 0, 1, 2.0), (0, 1, 2, 1.0), (0, 2, 0, 1.0))),
}
TIMES = np.concatenate([[0.0], np.logspace(-1, 4, 60)])
_CORNERS = np.array([[30.0, 330.0], [390.0, 330.0], [210.0, 18.2]])


def paths(labels) -> dict[str, list[list[float]]]:
    """{loss: the policy at each of ``TIMES``} of gradient flow from the reference.

    >>> [row[-1] for row in paths(LABELS["both"][1]).values()][0]
    [0.5, 0.0833, 0.4167]
    """
    problem = Problem.from_probabilities(REFERENCE, beta=0.5)
    pairs = Preferences.from_pairs(labels)
    found = {}
    for name, params, *_ in SHOWN:
        log_policy = flow.trajectory(problem, pairs, losses.get(name, **params), times=TIMES).log_policy
        found[name] = np.exp(log_policy[:, 0]).round(4).tolist()
    return found


def drawn(policies) -> str:
    """A path as points of an SVG.

    >>> drawn([[1, 0, 0], [0, 1, 0]])
    '30.0,330.0 390.0,330.0'
    """
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in np.asarray(policies) @ _CORNERS)


def write(out: Path) -> None:
    """``out/how_to/watch_it_move.md``."""
    scenes = []
    for key, (words, labels) in LABELS.items():
        found = paths(labels)
        lines = [
            {"name": name, "colour": colour, "dash": dash, "points": drawn(found[name]), "end": found[name][-1]}
            for name, _, colour, dash in SHOWN
        ]
        scenes.append({"key": key, "words": words, "lines": lines, "data": json.dumps(found)})
    page = environment().get_template("moving.md.j2")
    text = page.render(
        scenes=scenes, last=len(TIMES) - 1, times=json.dumps(TIMES.round(3).tolist()), ref=drawn([REFERENCE])
    )
    (out / "how_to" / "watch_it_move.md").write_text(text, encoding="utf-8")
