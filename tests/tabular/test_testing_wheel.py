"""From outside: the wheel in an empty directory, and a foreign project's test file that asks for the strategies."""

import os
import sys

from tests.wheel import run, unpacked

FOREIGN = """
from hypothesis import given, settings

import tabular
from tabular import Status, dpo
from tabular.testing import labelled_problems


@settings(max_examples=20, deadline=None)
@given(labelled_problems("cyclic"))
def test_cycles_leave_one_minimiser(case):
    assert dpo.solve(*case).status is Status.UNIQUE


@settings(max_examples=50, deadline=None)
@given(labelled_problems())
def test_every_label_is_ranked_right(case):
    problem, preferences = case
    assert (preferences.delta(problem.log_ref) > 0).all()


def test_it_is_the_installed_one():
    assert {installed!r} in tabular.__file__
"""


def test_a_foreign_project_tests_with_the_installed_strategies(built, tmp_path):
    """The true property holds and the false one falls; nothing of the source tree is on the path."""
    site, project = unpacked(built[0], tmp_path / "site"), tmp_path / "project"
    project.mkdir()
    (project / "test_mine.py").write_text(FOREIGN.replace("{installed!r}", repr(str(site))), encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "test_mine.py")
    seen = run(*command, cwd=project, env={**os.environ, "PYTHONPATH": str(site)})
    assert "1 failed, 2 passed" in seen.stdout, seen.stdout
    assert "test_every_label_is_ranked_right" in seen.stdout
