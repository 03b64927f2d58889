"""What an installed wheel holds: every file of the packages, found from inside the package, and nothing else."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from condeq import examples, problem_file
from tabular import logs

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
TOPS = ["condeq", "figures", "proofs_checks", "tabular"]
FILES = [
    path.relative_to(ROOT)
    for top in TOPS
    for path in sorted((ROOT / top).rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
]


def is_package_data(path):
    """Whether a pattern of a package above the file covers it, as setuptools reads them."""
    return any(
        path.is_relative_to(package.replace(".", "/"))
        and fnmatch(path.relative_to(package.replace(".", "/")).as_posix(), pattern)
        for package, patterns in SETTINGS["package-data"].items()
        for pattern in patterns
    )


def test_the_four_packages_are_found_and_nothing_else():
    assert sorted(pattern.rstrip("*") for pattern in SETTINGS["packages"]["find"]["include"]) == TOPS


def test_every_file_is_in_the_wheel():
    """Code because its folder is a package, anything else because a pattern names it."""
    for path in FILES:
        assert (ROOT / path.parent / "__init__.py").is_file() if path.suffix == ".py" else is_package_data(path), path


def test_no_module_looks_for_files_outside_its_package():
    outside = re.compile(r"__file__\)?(\.resolve\(\))?\.parent|\.parents\[")
    assert [path for path in FILES if path.suffix == ".py" and outside.search((ROOT / path).read_text())] == []


def test_every_example_is_named_and_can_be_read():
    shipped = {path.name for path in (ROOT / "condeq" / "examples").iterdir() if path.suffix not in ("", ".py")}
    assert shipped == {*examples.PROBLEMS, *examples.LOGS}
    for file in examples.PROBLEMS:
        assert problem_file.read(examples.DIRECTORY / file).preferences.n_pairs
    for file in examples.LOGS:
        assert logs.read_pairs(examples.DIRECTORY / file).n_pairs


def test_a_file_goes_before_an_example_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert examples.located(Path("misaligned_pair"), examples.PROBLEMS).parent.name == "examples"
    Path("misaligned_pair").touch()
    assert examples.located(Path("misaligned_pair"), examples.PROBLEMS) == Path("misaligned_pair")
