"""One look for every figure: what each object is drawn with, in which words and sizes.

Every object of the theory keeps its colour, its line and its marker everywhere, so a reader learns them once. The
colours stay apart for the common kinds of colour blindness and the line styles alone tell the curves apart in print
without colour (both are tested).
"""

import functools
import io
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

__all__ = [
    "LOOKS",
    "ONE_COLUMN",
    "REGION_U",
    "RULE",
    "STYLE_FILE",
    "SYMBOLS",
    "TWO_COLUMNS",
    "Look",
    "context",
    "line",
    "new_figure",
    "number",
    "panel_letter",
    "plain",
    "points",
    "shade_region_u",
    "styled",
    "write_image",
]

ONE_COLUMN, TWO_COLUMNS = 3.25, 6.75  # inches: the text widths of the usual two-column proceedings
STYLE_FILE = Path(__file__).with_name("paper.mplstyle")


@dataclass(frozen=True)
class Look:
    """How one object of the theory is drawn, and what it is called in a legend."""

    label: str
    color: str
    marker: str
    linestyle: str | tuple


LOOKS = {
    "reference": Look(r"reference $\pi_{\rm ref}$", "#515151", "o", (0, (1, 1.2))),
    "rlhf": Look(r"RLHF optimum $\pi^{\mathrm{*}}$", "#1D2290", "D", (0, (5, 1.6))),
    "dpo": Look("DPO", "#BC3D0A", "s", "-"),
    "cpo": Look("CPO, hard constraint", "#0E8B52", "^", (0, (6, 1.5, 1, 1.5))),
    "ecpo": Look("CPO, margin of Eq. 17", "#4EA8F5", "v", (0, (3, 1.3))),
    "hypo": Look("HyPO (released “clip”)", "#963F90", "P", (0, (4, 1.2, 1, 1.2, 1, 1.2))),
    "code": Look("released “cpo”", "#D2981A", "X", (0, (8, 1.6))),
    "easy": Look("released “easy”", "#5A1600", "*", (0, (9, 1.2, 2.6, 1.2))),
    "penalty": Look("CPO, penalised objective", "#7A5AF0", "p", (0, (2.2, 1))),
}
#: what grows with a figure that is wider than a page
_SCALED = (
    "font.size",
    "axes.titlesize",
    "axes.labelsize",
    "legend.fontsize",
    "xtick.labelsize",
    "ytick.labelsize",
    "axes.linewidth",
    "lines.linewidth",
    "lines.markersize",
)
REGION_U = "#F3D9CC"
RULE = "#404040"  # axes through zero, thresholds

SYMBOLS = {
    "delta": r"policy log-ratio $\delta=\log\,\pi(w)/\pi(l)$ (nats)",
    "delta_ref": r"reference log-ratio $\delta_{\rm ref}=\log\,\pi_{\rm ref}(w)/\pi_{\rm ref}(l)$ (nats)",
    "loss": r"DPO loss (nats)",
    "region_u": r"$U=\{\delta_{\rm ref}<\delta<0\}$",
    "share_u": r"share of pairs in $U$",
}


def line(name: str, **changes) -> dict:
    """Keyword arguments of ``Axes.plot`` for the curve of an object: colour, line style, label.

    >>> line("dpo")["label"], line("dpo", label="DPO, beta = 1")["label"]
    ('DPO', 'DPO, beta = 1')
    """
    look = LOOKS[name]
    return {"color": look.color, "linestyle": look.linestyle, "label": look.label} | changes


def points(name: str, **changes) -> dict:
    """The same for points without a line: colour, marker, label."""
    look = LOOKS[name]
    return {"color": look.color, "linestyle": "none", "marker": look.marker, "label": look.label} | changes


class _Shown(Figure):
    """A figure that a notebook shows by itself, without a backend or a magic line.

    >>> _Shown()._repr_png_()[1:4]
    b'PNG'
    """

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        write_image(self, image, metadata={"Software": None})
        return image.getvalue()


def new_figure(columns: int = 1, height: float = 2.4, rows: int = 1, cols: int = 1, **subplots):
    """A figure one or two text columns wide with its axes, by the object interface: nothing global is touched.

    Args:
        columns: 1 or 2, the width in text columns of a two-column paper.
        height: in inches.
        rows, cols, subplots: as for ``Figure.subplots``.

    >>> figure, axes = new_figure(columns=2, cols=2)
    >>> float(figure.get_figwidth()), len(axes)
    (6.75, 2)
    """
    width = {1: ONE_COLUMN, 2: TWO_COLUMNS}[columns]
    figure = _Shown(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, cols, **subplots)


def shade_region_u(ax, delta_ref: float, **changes):
    r"""Shade :math:`\delta_{\rm ref}<\delta<0` on a horizontal delta axis; the span is returned."""
    settings = {"color": REGION_U, "linewidth": 0, "label": SYMBOLS["region_u"], "zorder": 0} | changes
    return ax.axvspan(delta_ref, 0.0, **settings)


def panel_letter(ax, letter: str, title: str = ""):
    """A bold panel letter and a short title, flush left above the axes."""
    return ax.set_title(rf"$\bf{{{letter}}}$  {title}".rstrip())


def plain(words: str) -> str:
    r"""A name of the reader's as Matplotlib writes it letter by letter: a dollar in it opens no mathematics.

    >>> plain("costs $5")
    'costs \\$5'
    """
    return words.replace("$", r"\$")


def number(value: float, spec: str = "g") -> str:
    """A number for a caption, with a true minus sign.

    >>> number(-2.0), number(0.12693, ".3f")
    ('−2', '0.127')
    """
    return format(value, spec).replace("-", "−")


@contextmanager
def context(scale: float = 1.0):
    """The style of all figures, its letters and lines larger by a factor, whatever the caller's settings are."""
    with matplotlib.rc_context(fname=STYLE_FILE):
        matplotlib.rcParams.update({name: scale * matplotlib.rcParams[name] for name in _SCALED})
        yield


def styled(draw):
    """Decorator: run a ``draw`` function under the style file, whatever the caller's settings are."""

    @functools.wraps(draw)
    def wrapper(*args, **kwargs):
        with context():
            return draw(*args, **kwargs)

    return wrapper


@styled
def write_image(figure: Figure, path: Path, metadata: dict) -> None:
    """The figure as a file; under the style, because fonts and identifiers are settled when the file is written."""
    figure.savefig(path, metadata=metadata)
