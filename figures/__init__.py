"""Every figure of the toolkit: a module that computes one table and draws it.

How to write a figure
    A module ``figures/<name>.py`` has four things:

    ``TITLE``
        a few words, plain Unicode (no LaTeX: the report shows it as it is).
    ``compute(*, beta=0.1, ...) -> Table``
        the numbers, from the finished parts of ``tabular``; every parameter keyword-only with a default, so that a
        reader can re-make the figure with others; randomness only from a ``seed`` parameter. Everything the caption
        tells goes into ``Table.settings``.
    ``draw(table) -> panels``
        the panels by their letters, each a function of one axes that draws only what the table holds, each object with
        its own look (``ax.plot(x, y, **style.line("dpo"))``, ``style.shade_region_u``). The decorator
        ``@drawing(columns=..., height=...)`` makes of it the one drawing function that every figure has,
        ``draw(table, *, ax=None, axes=None, width=None) -> Drawn``: a figure of its own in any width, or the caller's
        axes, one or a mapping from panels; it returns what it drew.
    ``caption(table) -> str``
        plain Unicode (δ_ref, π*, β): what is drawn, then exactly what was computed and with which settings.

    A figure that shows a problem takes one of the reader's (``problem=``, read with :mod:`figures.subject`), one whose
    loss can be another takes ``loss=``.

    Then add a line to ``FIGURES``. ``save`` does the rest: one computation, a CSV and a caption beside the images, the
    same bytes each time.

>>> from matplotlib.figure import Figure
>>> region = module("undesirable_region")
>>> page, (left, right) = (made := Figure()), made.subplots(1, 2)  # the reader's own figure
>>> drawn = region.draw(region.compute(beta=0.5), axes={"a": right})
>>> drawn.axes[0] is right, left.has_data(), list(drawn.panels)
(True, False, ['a'])
"""

import importlib
import inspect
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from figures import beside  # noqa: F401  it has to come first
from figures.table import Table
from tabular.base import checks, outside
from tabular.errors import InputError

__all__ = [
    "ALL_FORMATS",
    "FIGURES",
    "FORMATS",
    "GROUP",
    "Saved",
    "defaults",
    "module",
    "names",
    "save",
    "takes",
    "write",
]

#: name -> module, in reading order
FIGURES = {
    "overview": "figures.overview",
    "undesirable_region": "figures.undesirable_region",
    "phase_diagram": "figures.phase_diagram",
    "two_readings": "figures.two_readings",
    "solution_sets": "figures.solution_sets",
    "win_digraph": "figures.win_digraph",
    "optima_vs_reference": "figures.optima_vs_reference",
    "target_margins": "figures.target_margins",
    "penalized_objective": "figures.penalized_objective",
    "projection": "figures.projection",
    "nash_and_borda": "figures.nash_and_borda",
    "best_of_n_and_tilt": "figures.best_of_n_and_tilt",
    "literature": "figures.literature",
    "escape_time": "figures.escape_time",
    "real_run": "figures.real_run",
    "frontier": "figures.frontier",
    "paper_figure_2": "figures.paper_figure_2",
    "loss_map": "figures.loss_map",
}

#: the entry points by which other packages lend figures: modules of the same four things, by name
GROUP = "condeq.figures"

#: what is saved unless another is asked for, and what can be
FORMATS = ("pdf", "svg", "png")
ALL_FORMATS = (*FORMATS, "pgf")
_NO_DATES = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Saved:
    """What was written for one figure; ``paths`` by suffix: the image formats, "csv", "txt", and on request
    "caption.tex" and "table.tex"."""

    name: str
    title: str
    caption: str
    settings: dict[str, object]
    paths: dict[str, Path]


def module(name: str) -> ModuleType:
    """The module of a registered figure.

    >>> module("undesirable_region").TITLE
    'The undesirable region of the DPO loss'
    """
    if name in FIGURES:
        return importlib.import_module(FIGURES[name])
    plugins = outside.by_name(GROUP, FIGURES)
    if name not in plugins:
        raise InputError(f"there is no figure named {name!r}: choose from {', '.join((*FIGURES, *plugins))}")
    lent = outside.loaded(plugins[name])
    missing = [part for part in ("TITLE", "compute", "draw", "caption") if not hasattr(lent, part)]
    if missing:
        raise outside.broken(plugins[name], f"a figure has TITLE, compute, draw and caption, it lacks {missing[0]}")
    return lent


def names() -> tuple[str, ...]:
    """The registered figures, and after them those that other packages lend by entry points.

    >>> names()[:3]
    ('overview', 'undesirable_region', 'phase_diagram')
    """
    return (*FIGURES, *outside.by_name(GROUP, FIGURES))


def defaults(name: str) -> dict[str, object]:
    """The settings of a figure and their defaults.

    >>> defaults("undesirable_region")["beta"]
    1.0
    """
    return {key: p.default for key, p in inspect.signature(module(name).compute).parameters.items()}


def takes(name: str, setting: str) -> bool:
    """Whether a figure has a setting, such as "problem" or "loss".

    >>> takes("solution_sets", "problem"), takes("loss_map", "problem")
    (True, False)
    """
    return setting in defaults(name)


def save(
    name: str,
    out: str | Path,
    formats: Sequence[str] = FORMATS,
    *,
    width: str | float | None = None,
    dpi: float | None = None,
    latex: bool = False,
    **settings: Any,
) -> Saved:
    """Compute a figure once and write its CSV, its caption and one image for each format into ``out``.

    The bytes depend on the settings alone: no dates, no random identifiers.

    Args:
        name: a key of ``FIGURES``.
        out: a directory, made if need be.
        formats: any of "pdf", "svg", "png", and "pgf" where a LaTeX engine is installed.
        width: "column" (3.25 in), "two-columns", "slide", or inches; by default as it is printed.
        dpi: dots an inch of the PNG, and of what is an image inside the others.
        latex: write the caption and the table as LaTeX too.
        settings: keyword arguments of the figure's ``compute``.

    Raises:
        InputError: an unknown figure, format or setting, or a setting of the wrong kind.
        logs.DataUnavailable: real data is missing.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(save("undesirable_region", folder, formats=["svg"], latex=True, beta=0.2).paths)
    ['caption.tex', 'csv', 'svg', 'table.tex', 'txt']
    """
    out, known = checks.path(out), defaults(name)
    if not isinstance(formats, list | tuple):
        raise InputError(f"formats is {checks.brief(formats)}: give a list, of {', '.join(ALL_FORMATS)}")
    _check_choice(formats, ALL_FORMATS, "format")
    for setting in ("problem", "loss"):
        if setting in settings and setting not in known:
            able = ", ".join(figure for figure in names() if takes(figure, setting))
            raise InputError(f"{name} takes no {setting}: these do, {able}")
    _check_choice(settings, known, f"setting of {name}")
    for key, value in settings.items():
        _check_value(key, value, known[key])
    if dpi is not None and not (_is_number(dpi) and 10 <= dpi <= 2400):
        raise InputError(f"dpi is {checks.brief(dpi)}: it must be a number from 10 to 2400")
    if width is not None:
        from figures.drawing import inches

        width = inches(width)
    texsystem = _texsystem() if "pgf" in formats else None
    table = module(name).compute(**settings)
    return write(module(name), name, table, out, formats, width, dpi, latex, texsystem)


def _texsystem():
    """The LaTeX engine that measures the letters of a PGF file."""
    found = [engine for engine in ("xelatex", "lualatex", "pdflatex") if shutil.which(engine)]
    if not found:
        raise InputError(
            "pgf needs a LaTeX engine to measure letters and xelatex, lualatex and pdflatex are not installed: "
            "install one, or choose pdf"
        )
    return found[0]


def _check_choice(given, known, what):
    unknown = [item for item in given if item not in known]
    if unknown:
        raise InputError(f"there is no {what} named {unknown[0]!r}: choose from {', '.join(known)}")


def _check_value(key, value, default):
    """A setting is of the kind of its default; counts are at least 1, seeds at least 0, beta is above 0."""
    if isinstance(default, str):
        good, rule = isinstance(value, str), "a text"
    elif isinstance(default, int):
        least = 0 if key == "seed" else 1
        good, rule = isinstance(value, int) and value >= least, f"a whole number, at least {least}"
    elif isinstance(default, float):
        good, rule = _is_number(value) and (key != "beta" or value > 0), "a number" + " above 0" * (key == "beta")
    elif isinstance(default, tuple):
        good = isinstance(value, list | tuple) and len(value) > 0 and all(map(_is_number, value))
        rule = "a list of numbers, such as [0.2, 0.3]"
    else:
        return
    if not good or isinstance(value, bool):
        raise InputError(f"{key} is {checks.brief(value)}: it must be {rule}")


def _is_number(value):
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max  # 10**400 is an int, and finite


def write(
    drawn_by: Any,
    name: str,
    table: Table,
    out: Path,
    formats: Sequence[str] = FORMATS,
    width: str | float | None = None,
    dpi: float | None = None,
    latex: bool = False,
    texsystem: str | None = None,
) -> Saved:
    """What :func:`save` writes of a table that a figure's module computed; the files have the given name.

    >>> import tempfile
    >>> region = module("undesirable_region")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write(region, "mine", region.compute(beta=0.2), Path(folder), ["svg"])
    >>> sorted(path.name for path in written.paths.values())
    ['mine.csv', 'mine.svg', 'mine.txt']
    """
    from figures import latex as tex

    out.mkdir(parents=True, exist_ok=True)
    texts = ("caption.tex", "table.tex") if latex else ()
    paths = {suffix: out / f"{name}.{suffix}" for suffix in (*formats, "csv", "txt", *texts)}
    table.to_csv(paths["csv"])
    title, text = drawn_by.TITLE, drawn_by.caption(table)
    paths["txt"].write_bytes(f"{text}\n".encode())
    if latex:
        paths["caption.tex"].write_bytes(tex.caption(title, text, name).encode("ascii"))
        paths["table.tex"].write_bytes(tex.table(table).encode("ascii"))
    drawn = drawn_by.draw(table, width=width)
    for suffix in formats:
        how = ({"metadata": _NO_DATES[suffix]} if suffix in _NO_DATES else {}) | ({} if dpi is None else {"dpi": dpi})
        drawn.save(paths[suffix], texsystem=texsystem if suffix == "pgf" else None, **how)
    return Saved(name, title, text, table.settings, paths)
