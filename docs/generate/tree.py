"""Which statement rests on which: a drawing with one column a depth, and the same as a nested list."""

from pathlib import Path

from matplotlib.figure import Figure

from docs.generate.statements import environment
from figures import style

COLOURS = {
    "PROVED": "#0E6E42",
    "CERTIFIED": "#1D2290",
    "SUPPORTED": "#5A5A5A",
    "REFUTED": "#A8320A",
    "VACUOUS": "#7A3A00",
}


def depths(rests_on: dict[str, list[str]]) -> dict[str, int]:
    """How many statements stand below each, along the longest way.

    >>> depths({"a": [], "b": ["a"], "c": ["a", "b"], "d": []})
    {'a': 0, 'b': 1, 'c': 2, 'd': 0}
    """
    found = {}

    def depth(name):
        if name not in found:
            found[name] = 1 + max(map(depth, rests_on[name]), default=-1)
        return found[name]

    return {name: depth(name) for name in rests_on}


def joined(rests_on: dict[str, list[str]]) -> list[str]:
    """The statements that rest on another or carry one.

    >>> joined({"a": [], "b": ["a"], "d": []})
    ['a', 'b']
    """
    carrying = {name for below in rests_on.values() for name in below}
    return [name for name, below in rests_on.items() if below or name in carrying]


def write(out: Path, results: list[dict]) -> None:
    """``out/statements/tree.md`` and its drawing."""
    rests_on = {result["id"]: result["rests_on"] for result in results}
    verdicts = {result["id"]: result["verdict"] for result in results}
    style.write_image(
        draw(rests_on, verdicts), out / "statements" / "tree.svg", metadata={"Date": None, "Creator": None}
    )
    above = {name: [other for other, below in rests_on.items() if name in below] for name in rests_on}
    page = environment().get_template("tree.md.j2")
    rows = [name for name in joined(rests_on) if rests_on[name]]
    text = page.render(rows=rows, rests_on=rests_on, above=above, alone=len(results) - len(joined(rests_on)))
    (out / "statements" / "tree.md").write_text(text, encoding="utf-8")


@style.styled
def draw(rests_on: dict[str, list[str]], verdicts: dict[str, str]) -> Figure:
    """A column for each depth, an arrow from each statement to what it rests on."""
    shown = joined(rests_on)
    level = {name: depth for name, depth in depths(rests_on).items() if name in shown}
    columns = [[name for name in shown if level[name] == depth] for depth in range(1 + max(level.values()))]
    tallest = max(map(len, columns))
    place = {
        name: (depth, (row + 0.5) / len(column) * tallest)
        for depth, column in enumerate(_ordered(columns, rests_on))
        for row, name in enumerate(column)
    }
    figure, ax = style.new_figure(columns=2, height=max(2.4, 0.21 * tallest))
    for name in shown:
        for below in rests_on[name]:
            (x, y), (to_x, to_y) = place[name], place[below]
            ax.plot([to_x + 0.34, x - 0.34], [to_y, y], color="#9A9A9A", linewidth=0.6, zorder=1)
    for name, (x, y) in place.items():
        ax.text(
            x, y, name, ha="center", va="center", fontsize=6.5, color=COLOURS.get(verdicts[name], style.RULE), zorder=2
        )
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(tallest, 0))
    ax.axis("off")
    return figure


def _ordered(columns, rests_on):
    """Each column in the order of the mean height of what its statements rest on: fewer crossings."""
    height = dict.fromkeys(rests_on, 0.0)

    def mean(name):
        below = rests_on[name]
        return sum(height[other] for other in below) / len(below) if below else 0.0

    for column in columns:
        ordered = sorted(column, key=lambda name: (mean(name), name))
        height |= {name: (row + 0.5) / len(ordered) for row, name in enumerate(ordered)}
        yield ordered
