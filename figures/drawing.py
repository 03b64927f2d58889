"""How a table becomes a picture: one drawing function a figure, the same signature everywhere, in any width.

A module's ``draw`` returns its panels, one function of an axes each, and :func:`drawing` makes the figure around them:
its own, as wide as it is asked to be, or the caller's axes.
"""

import functools
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import IO, Any, Protocol

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from figures import latex, style
from figures.table import Table
from tabular.base import checks
from tabular.errors import InputError

__all__ = ["WIDTHS", "Draw", "Drawn", "Panels", "drawing", "inches", "two_a_row"]

Panels = Mapping[str, Callable[[Axes], object]]

#: inches by name: a column and the text of the usual two-column proceedings, and a slide, whose letters grow with it
WIDTHS = {"column": style.ONE_COLUMN, "two-columns": style.TWO_COLUMNS, "slide": 10.0}
_LEGEND_ROW = 0.17  # inches that one more row of the shared legend takes


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a ``draw`` function drew.

    Attributes:
        figure: the Matplotlib figure, its own or the caller's.
        panels: the axes by the name of the panel.
        artists: what each panel added to its axes.
        entries: label -> artist, for a legend; a figure of its own has one already.
        scale: of letters and lines, 1 in print.
    """

    figure: Figure
    panels: Mapping[str, Axes]
    artists: Mapping[str, list[Artist]]
    entries: Mapping[str, Artist] = field(default_factory=dict)
    scale: float = 1.0

    @property
    def axes(self) -> tuple[Axes, ...]:
        """The axes in the order of the panels."""
        return tuple(self.panels.values())

    def save(self, path: str | Path | IO[bytes], texsystem: str | None = None, **how: Any) -> None:
        """Write an image, in the style of all figures; ``how`` as for ``Figure.savefig``, ``texsystem`` for PGF."""
        with style.context(self.scale):
            if texsystem:
                matplotlib.rcParams.update({"pgf.texsystem": texsystem, "pgf.rcfonts": False})
            with _in_latex(self.figure) if texsystem else nullcontext():
                self.figure.savefig(path, **how)
        if texsystem and isinstance(path, str | Path):  # what Matplotlib would have the reader put into her preamble
            written = Path(path).read_text(encoding="utf-8")
            Path(path).write_text(latex.PGF_NEEDS + written, encoding="utf-8")

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        self.save(image, metadata={"Software": None})
        return image.getvalue()


@contextmanager
def _in_latex(figure):
    """The figure's words in ASCII, which every LaTeX engine sets; afterwards they are what they were."""
    words = {text: text.get_text() for text in figure.findobj(Text)}
    for text, before in words.items():
        text.set_text(latex.label(before))
    try:
        yield
    finally:
        for text, before in words.items():
            text.set_text(before)


def inches(width: str | float) -> float:
    """The width that is meant: a name of :data:`WIDTHS`, or inches.

    >>> inches("column"), inches("4.5")
    (3.25, 4.5)
    """
    try:
        found = WIDTHS.get(width) or float(width)
    except (TypeError, ValueError):
        found = 0.0
    if not 2 <= found <= 40:
        raise InputError(f"width is {checks.brief(width)}: give {', '.join(WIDTHS)} or inches, from 2 to 40")
    return found


class Draw(Protocol):
    """The drawing function of every figure."""

    def __call__(
        self,
        table: Table,
        *,
        ax: Axes | None = None,
        axes: Mapping[str, Axes] | Iterable[Axes] | None = None,
        width: str | float | None = None,
    ) -> Drawn: ...


def drawing(
    *,
    columns: int,
    height: float,
    layout: Any = None,
    heights: Sequence[float] = (1.0,),
    legend: int = 0,
    entries: Callable[[Panels], Iterable[Artist]] | None = None,
) -> Callable[[Callable[[Table], Panels]], Draw]:
    """Decorator of a module's ``draw(table) -> panels``: it becomes ``draw(table, *, ax, axes, width) -> Drawn``.

    Args:
        columns, height: of the figure as it is printed: 1 or 2 text columns, and inches for a row.
        layout: rows of panel names, or a function of the names that gives them; by default rows of up to four.
        heights: of the rows, in turn, in units of ``height``.
        legend: entries beside each other in a legend below all panels, as printed; 0 for none.
        entries: the artists of that legend; by default every labelled one, once.
    """
    printed = {1: style.ONE_COLUMN, 2: style.TWO_COLUMNS}[columns]

    def decorate(panels_of):
        @functools.wraps(panels_of, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def draw(
            table: Table,
            *,
            ax: Axes | None = None,
            axes: Mapping[str, Axes] | Iterable[Axes] | None = None,
            width: str | float | None = None,
        ) -> Drawn:
            panels = panels_of(table)
            if ax is not None or axes is not None:
                return _on(panels, _given(panels, ax, axes), 1.0)
            rows = _rows(layout, list(panels))
            inches_of = [height * ratio for ratio, _ in zip(cycle(heights), rows, strict=False)]
            page = _Page(rows, inches_of, printed, legend)
            return _own(panels, page, inches(printed if width is None else width), entries)

        del draw.__wrapped__  # its signature is its own
        return draw

    return decorate


@dataclass(frozen=True)
class _Page:
    """How a figure is laid out in print."""

    rows: list[list[str]]
    heights: list[float]
    width: float
    legend: int

    def at(self, width):
        """Rows, their heights in inches and the entries of the legend beside each other, at another width.

        Where there is less room, a row breaks into several of the same height.
        """
        room = min(1.0, width / self.width)
        rows, heights = [], []
        for row, height in zip(self.rows, self.heights, strict=True):
            names = list(dict.fromkeys(row))
            most = max(1, round(len(names) * room))
            parts = [row] if most == len(names) else [names[i : i + most] for i in range(0, len(names), most)]
            rows += parts
            heights += [height] * len(parts)
        return rows, heights, max(1, round(self.legend * room)) if self.legend else 0


def _own(panels, page, width, entries):
    """A figure of its own. Wider than two columns everything grows; wider than printed it is flatter than enlarged."""
    scale = max(1.0, width / style.TWO_COLUMNS)
    rows, heights, beside = page.at(width / scale)
    heights = [height * scale * min(max(1.0, width / scale / page.width), 1.4) for height in heights]
    with style.context(scale):
        figure = Figure(figsize=(width, sum(heights)), layout="constrained")
        places = figure.subplot_mosaic(_even(rows), height_ratios=heights, empty_sentinel="")
        drawn = _on(panels, places, scale, figure)
        if page.legend:
            shown = drawn.entries if entries is None else {artist.get_label(): artist for artist in entries(panels)}
            more = ceil(len(shown) / beside) - ceil(len(shown) / page.legend)
            figure.set_figheight(sum(heights) + more * _LEGEND_ROW * scale)
            figure.legend(shown.values(), shown, loc="outside lower center", ncols=beside, columnspacing=1.4)
    return drawn


def _even(rows):
    """The rows of a mosaic brought to one length; a last row that is not full stays so."""
    length = max(map(len, rows))
    return [row * length if len(set(row)) < 2 else row + [""] * (length - len(row)) for row in map(_once, rows)]


def _once(row):
    return row[:1] if len(set(row)) == 1 else row


def _rows(layout, names):
    if callable(layout):
        return layout(names)
    rows = ceil(len(names) / 4)  # as even as they can be: five panels are three and two
    beside = ceil(len(names) / rows)
    return [names[i : i + beside] for i in range(0, len(names), beside)] if layout is None else [*map(list, layout)]


def two_a_row(names: list[str]) -> list[list[str]]:
    """A layout for panels that need half the page each.

    >>> two_a_row(["a", "b", "c"])
    [['a', 'b'], ['c']]
    """
    return [names[i : i + 2] for i in range(0, len(names), 2)]


def _given(panels, ax, axes):
    """The caller's axes by panel: one for a figure of one panel, a mapping for some panels, a sequence for all."""
    names = ", ".join(panels)
    if ax is not None and axes is not None:
        raise InputError("ax and axes are both given: give ax for a figure of one panel, axes for several")
    if ax is not None:
        if len(panels) > 1:
            raise InputError(f"the figure has the panels {names} and ax is one: give axes={{name: axes}} for some")
        axes = {next(iter(panels)): ax}
    if not isinstance(axes, Mapping):
        axes = list(getattr(axes, "flat", axes))
        if len(axes) != len(panels):
            raise InputError(f"axes has {len(axes)} entries for the panels {names}: give one each, or a mapping")
        axes = dict(zip(panels, axes, strict=True))
    for name, place in axes.items():
        if name not in panels:
            raise InputError(f"there is no panel {name!r}: the panels are {names}")
        if not isinstance(place, Axes):
            raise InputError(f"the axes of panel {name!r} is {checks.brief(place)}: give a Matplotlib Axes")
    if not axes:
        raise InputError(f"axes is empty: give axes for some of the panels {names}")
    return axes


def _on(panels, places, scale, figure=None):
    """The panels drawn on their axes."""
    artists = {}
    with style.context(scale):
        for name, ax in places.items():
            before = set(ax.get_children())
            panels[name](ax)
            artists[name] = [artist for artist in ax.get_children() if artist not in before]
    entries = {}
    for ax in places.values():
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure = figure or next(iter(places.values())).figure
    return Drawn(figure, dict(places), artists, entries, scale)
