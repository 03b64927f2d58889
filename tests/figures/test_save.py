"""What is saved for a figure: the same bytes in every process, one sentence for bad input."""

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import figures
from figures import FIGURES, FORMATS
from figures.table import Table
from tabular import InputError
from tests.every_figure import IN_EVERY_FORMAT, names, sketch

ROOT = Path(__file__).parents[2]


def hashes(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


def test_two_processes_write_the_same_bytes(drawn, tmp_path):
    """Of every figure's table and caption and one's images, whatever the hash seed, the clock and the time zone.

    Of the other images what is drawn, in its order, is compared: how it becomes bytes is the same for all.
    """
    code = f"from tests.every_figure import sketch_all; sketch_all({str(tmp_path)!r})"
    other = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "86400"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | other, check=True)
    here, there = hashes(drawn), hashes(tmp_path)
    same = {f"{name}.{suffix}" for name in names() for suffix in ("csv", "txt")}
    same |= {f"{IN_EVERY_FORMAT}.{suffix}" for suffix in FORMATS}
    assert [name for name in sorted(same) if here[name] != there[name]] == []
    assert {f"{name}.svg" for name in names()} <= here.keys()
    for name in names():
        assert sketch(name, drawn / f"{name}.csv") == (tmp_path / f"{name}.sketch").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_the_four_things(name, drawn):
    if name not in names():
        pytest.skip("no real data: set CONDEQ_DATA to the directory that holds it")
    module, table = figures.module(name), Table.from_csv(drawn / f"{name}.csv")
    caption = module.caption(table)
    assert caption == (drawn / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    assert module.TITLE
    assert not module.TITLE.endswith(".")
    assert caption.endswith(".")
    assert "\\" not in module.TITLE + caption  # plain Unicode, no LaTeX
    assert "nan" not in caption
    assert all(series.size for series in table.columns.values())
    drawn = module.draw(Table(table.columns, table.settings))
    assert drawn.figure.get_figwidth() in (3.25, 6.75)
    assert all(ax.get_xlabel() for ax in drawn.axes if ax.axison)
    assert all(drawn.artists.values())


def test_a_figure_is_drawn_from_its_table_alone(tmp_path):
    """The table that was saved gives the image that was saved."""
    saved = figures.save("two_readings", tmp_path, formats=["svg"])
    again = figures.module("two_readings").draw(Table.from_csv(saved.paths["csv"]))
    again.save(tmp_path / "again.svg", metadata={"Date": None, "Creator": None})
    assert (tmp_path / "again.svg").read_bytes() == saved.paths["svg"].read_bytes()


def test_settings_reach_the_caption_and_the_table(tmp_path):
    saved = figures.save("undesirable_region", tmp_path, formats=["png"], beta=0.25)
    assert "β = 0.25" in saved.caption
    assert Table.from_csv(saved.paths["csv"]).settings["beta"] == 0.25
    assert saved.paths["txt"].read_text(encoding="utf-8") == saved.caption + "\n"
    assert set(saved.paths) == {"png", "csv", "txt"}


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("no_such", "x"), {}, "there is no figure named 'no_such': choose from overview"),
        (("undesirable_region", "x", ["jpg"]), {}, "there is no format named 'jpg': choose from pdf, svg, png"),
        (("undesirable_region", "x"), {"betta": 1}, "no setting of undesirable_region named 'betta': choose from beta"),
        (("undesirable_region", "x"), {"beta": -1}, "beta is -1: it must be a number above 0"),
        (("undesirable_region", "x"), {"points": 2.5}, "points is 2.5: it must be a whole number, at least 1"),
        (("undesirable_region", "x"), {"low": "far"}, "low is 'far': it must be a number"),
        (("paper_figure_2", "x"), {"seeds": 0}, "seeds is 0: it must be a whole number, at least 1"),
        (("paper_figure_2", "x"), {"misalignment": 0.3}, "misalignment is 0.3: it must be a list of numbers"),
        (("paper_figure_2", "x"), {"misalignment": [1.3]}, "each between 0 and 1"),
        (("real_run", "x"), {"run": 3}, "run is 3: it must be a text"),
        (("undesirable_region", "x"), {"misaligned": 2.0}, "misaligned is 2.0"),
        (("undesirable_region", "x"), {"width": "wide"}, "width is 'wide': give column, two-columns, slide or inches"),
        (("undesirable_region", "x"), {"width": 1}, "width is 1: give column"),
        (("undesirable_region", "x"), {"dpi": 0}, "dpi is 0: it must be a number from 10 to 2400"),
        (("loss_map", "x"), {"problem": 1}, "loss_map takes no problem: these do, undesirable_region"),
        (("win_digraph", "x"), {"problem": 1}, "problem is 1: give a problem file, or a Problem and its Preferences"),
        (("two_readings", "x"), {"misaligned": -0.5}, "the assumption's boundary -1 must lie between them"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path, monkeypatch, arguments, settings, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        figures.save(*arguments, **settings)
    assert list(tmp_path.iterdir()) == []


def test_pgf_without_latex_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(figures.shutil, "which", lambda engine: None)
    with pytest.raises(InputError, match=r"pgf needs a LaTeX engine .* install one, or choose pdf"):
        figures.save("undesirable_region", tmp_path, ["pgf"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("width", "inches"), [("column", 3.25), ("two-columns", 6.75), ("slide", 10), (4.5, 4.5)])
def test_the_saved_image_has_the_width_and_the_dots(tmp_path, width, inches):
    saved = figures.save("undesirable_region", tmp_path, ["png", "svg"], width=width, dpi=80)
    wide, _ = struct.unpack(">II", saved.paths["png"].read_bytes()[16:24])
    assert wide == pytest.approx(80 * inches, abs=1)
    assert f'width="{72 * inches:g}pt"' in saved.paths["svg"].read_text()
