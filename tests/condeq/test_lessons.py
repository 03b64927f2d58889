"""``condeq demo``: every lesson is found by name and number; pages and notebooks come out whole."""

import urllib.request

import nbformat
import pytest
from typer.testing import CliRunner

from condeq import lessons
from condeq.cli import app
from tabular import InputError

pytest.importorskip("marimo", reason="no marimo: install the extra `demo`")


def test_every_lesson_has_a_number_a_name_and_a_title_in_the_gallery():
    for number, (name, path) in enumerate(lessons.lessons().items(), start=1):
        assert lessons.located(name) == path
        text = path.read_text()
        title = text.split('# title = "')[1].split('"')[0]
        assert title.startswith(f"{int(path.stem[:2])}. ")
        assert f'app_title="{title}"' in text
        assert f"# {title}\n" in text
        assert lessons.located(str(int(path.stem[:2]))) == path
        assert number <= int(path.stem[:2])


def test_without_a_name_it_is_the_folder_of_all():
    assert lessons.located(None).is_dir()


def test_an_unknown_lesson_is_answered_with_the_close_ones():
    with pytest.raises(InputError, match=r"there is no lesson 'what_dpo': .*what_dpo_converges_to"):
        lessons.located("what_dpo")


def test_a_lesson_is_exported_as_a_page_and_as_a_notebook_and_leaves_nothing_beside_it(tmp_path):
    before = sorted(lessons.located(None).iterdir())
    answer = CliRunner().invoke(app, ["demo", "1", "--export", str(tmp_path / "out"), "--book", "../book"])
    assert answer.exit_code == 0, answer.output
    (page,), (notebook,) = (tmp_path / "out").glob("*.html"), (tmp_path / "out").glob("*.ipynb")
    assert "prefers the wrong response" in page.read_text()
    assert "../book/theory/1_rlhf.html" in page.read_text()
    cells = nbformat.read(notebook, as_version=4).cells
    assert any("rlhf.optimal_policy" in cell.source for cell in cells)
    assert sorted(lessons.located(None).iterdir()) == before


def test_a_place_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    answer = CliRunner().invoke(app, ["demo", "1", "--export", str(tmp_path / "file" / "out")])
    assert isinstance(answer.exception, InputError)
    assert "cannot be made" in str(answer.exception)


def test_a_book_in_a_folder_is_served_until_the_lessons_end(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    with lessons.book(str(tmp_path)) as address, urllib.request.urlopen(f"{address}/index.html") as page:
        assert page.read() == b"the book"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{address}/index.html")


def test_a_book_that_is_not_there_is_said():
    answer = CliRunner().invoke(app, ["demo", "1", "--book", "no_such_folder"])
    assert isinstance(answer.exception, InputError)
    assert "--book no_such_folder is no folder here" in str(answer.exception)
