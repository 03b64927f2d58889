"""The pages written by hand: every example runs and prints what stands there, every id and file they name exists."""

import re
from pathlib import Path

import pytest

from docs import check
from docs.generate import statements
from figures import FIGURES
from proofs_checks import statements as registry

SITE = Path(__file__).parents[2] / "docs" / "site"
PAGES = sorted(SITE.rglob("*.md"))
NAMES = [str(page.relative_to(SITE)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_example_prints_what_stands_there(page):
    assert check.examples([page]) == []


def test_an_example_that_prints_something_else_is_named(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("```python\n>>> 1 + 1\n3\n\n```\n")
    assert check.examples([page]) == [f"{page}: 1 of 1 examples fail"]


def test_every_chapter_has_examples_and_exercises_with_answers_that_run():
    chapters = sorted((SITE / "theory").glob("[0-9]_*.md"))
    assert [int(chapter.name[0]) for chapter in chapters] == list(range(1, 10))
    for chapter in chapters:
        text = chapter.read_text()
        exercises = text.split("## Exercises")[1]
        assert len(re.findall(r"^\*\*\d\.\*\*", exercises, flags=re.MULTILINE)) == 2, chapter.name
        answers = re.findall(r":::\{dropdown\} Answer\n(.*?)\n:::", exercises, flags=re.DOTALL)
        assert len(answers) == 2
        assert all(">>>" in answer for answer in answers), chapter.name
        assert "{verdict}`" in text


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_names_only_statements_and_figures_that_there_are(page):
    text = page.read_text()
    assert set(statements.cited(text)) <= set(registry())
    assert set(re.findall(r"\{project-figure\} (\S+)", text)) <= set(FIGURES)


def test_the_book_tells_of_nearly_every_figure():
    told = "".join(page.read_text() for page in PAGES)
    assert set(FIGURES) - set(re.findall(r"\{project-figure\} (\S+)", told)) <= {"overview"}


def test_a_picture_of_a_statement_is_of_a_statement_and_a_figure():
    assert set(statements.PICTURES) <= set(registry())
    assert set(statements.PICTURES.values()) <= set(FIGURES)
