"""Every figure, saved once for all tests that need no more than its picture, its table and its caption."""

import os
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


def save_all(directory: Path) -> None:
    """Every figure with its table and caption: as SVG, one of them in every format."""
    for name in FIGURES:
        if "CONDEQ_DATA" in os.environ or name not in REAL:
            formats = FORMATS if name == IN_EVERY_FORMAT else ["svg"]
            figures.save(name, directory, formats, **SMALL.get(name, {}))


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
