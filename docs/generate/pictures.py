"""The figures of the project for the pages: images, tables, captions, and what is missing where data is."""

import json
from pathlib import Path

import figures
from tabular import logs


def write(out: Path, names=None) -> None:
    """``out/figures`` and ``out/figures.json``; a figure without its real data says so in its place."""
    known = {name: _saved(name, out / "figures") for name in names or figures.FIGURES}
    (out / "figures.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")


def _saved(name, folder):
    title = figures.module(name).TITLE
    try:
        saved = figures.save(name, folder, ["svg"])
    except logs.DataUnavailable as why:
        return {"title": title, "caption": "", "missing": f"not drawn, {why}"}
    return {"title": title, "caption": saved.caption, "missing": ""}
