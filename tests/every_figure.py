"""Every figure, saved once for all tests that need no more than its picture, its table and its caption."""

import os
import re
import shutil
from pathlib import Path

import figures
from figures import FIGURES, FORMATS
from figures.table import Table
from tabular import logs

REAL = {"real_run", "frontier"}
SMALL = {
    "paper_figure_2": {"pairs": 40, "seeds": 2, "epochs": 5},
    "escape_time": {"descents": 2},
    "frontier": {"responses": 3},
}
IN_EVERY_FORMAT = "undesirable_region"


def names() -> list[str]:
    """The figures that can be drawn here: some are of real data."""
    return [name for name in FIGURES if "CONDEQ_DATA" in os.environ or name not in REAL]


def save_all(directory: Path) -> None:
    """Every figure with its table and caption: as SVG, one of them in every format."""
    for name in names():
        formats = FORMATS if name == IN_EVERY_FORMAT else ["svg"]
        figures.save(name, directory, formats, **SMALL.get(name, {}))


def sketch_all(directory: Path) -> None:
    """The same, with a sketch in place of all images but those of the one figure: to write them takes longest."""
    for name in names():
        saved = figures.save(name, directory, FORMATS if name == IN_EVERY_FORMAT else [], **SMALL.get(name, {}))
        saved.paths["csv"].with_suffix(".sketch").write_text(sketch(name, saved.paths["csv"]), encoding="utf-8")


def sketch(name: str, table: Path) -> str:
    """What is drawn of a table, in the order in which it is drawn: kinds, places, words and colours."""
    parts = figures.module(name).draw(Table.from_csv(table)).figure.findobj()
    told = [f"{part} {getattr(part, 'get_color', str)()}" for part in parts]
    return re.sub(r" object at 0x\w+", "", "\n".join(told))


def copied(drawn: Path):
    """In place of ``figures.save``, for SVG: what :func:`save_all` wrote, copied."""

    def save(name, folder, formats):
        assert formats == ["svg"]
        if not (drawn / f"{name}.svg").exists():
            raise logs.DataUnavailable("no real data")
        folder.mkdir(parents=True, exist_ok=True)
        paths = {suffix: Path(shutil.copy(drawn / f"{name}.{suffix}", folder)) for suffix in ("svg", "csv", "txt")}
        caption = paths["txt"].read_text(encoding="utf-8").rstrip("\n")
        settings = Table.from_csv(paths["csv"]).settings
        return figures.Saved(name, figures.module(name).TITLE, caption, settings, paths)

    return save
