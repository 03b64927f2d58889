"""From outside: the wheel in an empty directory, and a foreign project's test file that asks for the strategies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def run(*command, **settings):
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, **settings)


def test_a_foreign_project_tests_with_the_installed_strategies(tmp_path):
    """The true property holds and the false one falls; nothing of the source tree is on the path."""
    source, site, project = tmp_path / "source", tmp_path / "site", tmp_path / "project"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    built = run("-m", "build", "--wheel", "--outdir", tmp_path, source)
    if "No matching distribution" in built.stdout + built.stderr:
        pytest.skip("the build's own setuptools cannot be fetched here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    installed = run("-m", "pip", "install", "--no-deps", "--no-index", "--target", site, wheel)
    assert installed.returncode == 0, installed.stderr
    project.mkdir()
    (project / "test_mine.py").write_text(FOREIGN.replace("{installed!r}", repr(str(site))), encoding="utf-8")
    seen = run("-m", "pytest", "-q", "test_mine.py", cwd=project, env={**os.environ, "PYTHONPATH": str(site)})
    assert "1 failed, 2 passed" in seen.stdout, seen.stdout
    assert "test_every_label_is_ranked_right" in seen.stdout
