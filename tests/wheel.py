"""The wheel and the source distribution of the working tree, and environments that hold the wheel's files."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command, **settings):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, **settings)


def build(place):
    """Both, built from a copy, or a skip where that cannot be."""
    ignored = shutil.ignore_patterns(".git", ".venv", "report", "*cache*", ".hypothesis", "build", "*.egg-info")
    shutil.copytree(ROOT, place / "source", ignore=ignored)
    has = int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
    done = run(sys.executable, "-m", "build", *["--no-isolation"] * has, "--outdir", place, place / "source")
    if done.returncode and not has:
        shutil.rmtree(place)
        pytest.skip("no wheel could be built: neither setuptools 77 nor a network that has it")
    assert done.returncode == 0, done.stdout + done.stderr


def unpacked(wheel, place, *libraries):
    """An environment of the wheel's files and the libraries named, as links: nothing else can be imported."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    for library in libraries:
        home = Path(library.__file__)
        home = home.parent if home.name == "__init__.py" else home
        for beside in (home, home.parent / f"{home.name}.libs"):
            if beside.exists():
                (place / beside.name).symlink_to(beside)
    return place


def alone(place, code):
    """Python with the standard library and one directory."""
    setup = f"import sys; sys.path.insert(0, {str(place)!r})\n"
    return run(sys.executable, "-I", "-S", "-c", setup + code, env={"PATH": os.environ["PATH"]})
