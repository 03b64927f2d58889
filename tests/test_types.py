"""What type checkers see: every public argument and result has a type, and a typed program is checked by it."""

import inspect
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import figures
import proofs_checks
import tabular
from tests.public import functions

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "tests" / "typed_client"


def unannotated(function):
    """The arguments without a type, and "return" where the result has none."""
    signature = inspect.signature(inspect.unwrap(function))
    arguments = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    missing = [p.name for p in arguments if p.annotation is p.empty]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


def drawing_functions():
    """``{"figure.part": function}`` of what every figure has."""
    modules = {name: figures.module(name) for name in figures.FIGURES}
    parts = ("compute", "draw", "caption")
    return {f"{name}.{part}": getattr(module, part) for name, module in modules.items() for part in parts}


PUBLIC = functions(tabular) | functions(figures) | functions(proofs_checks) | drawing_functions()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_argument_and_result_has_a_type(name):
    assert unannotated(PUBLIC[name]) == []


def test_an_unannotated_argument_would_be_seen():
    def half(x: int, y):
        return x + y

    assert unannotated(half) == ["y", "return"]
    assert len(functions(tabular)) > 200


def expected(path):
    """``{line: code}`` of the marked lines."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    return {number: found[1] for number, line in lines if (found := re.search(r"# E: ([a-z-]+)$", line))}


def test_mypy_accepts_the_right_program_and_refuses_each_near_miss(request):
    cache = request.config.cache.mkdir("mypy")
    strict = ["--strict", "--follow-imports=silent", f"--cache-dir={cache}"]
    command = [sys.executable, "-m", "mypy", *strict, str(CLIENT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = re.findall(r"(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, flags=re.MULTILINE)
    refused = {(int(line), code) for file, line, code in found if file == "wrong"}
    assert refused == set(expected(CLIENT / "wrong.py").items()), done.stdout
    assert {file for file, _, _ in found} == {"wrong"}, done.stdout + done.stderr


def test_pyright_agrees():
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(CLIENT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        pytest.skip("pyright could not start: it needs Node.js, or a network to bring it")
    complaints = json.loads(done.stdout)["generalDiagnostics"]
    found = {(Path(each["file"]).stem, each["range"]["start"]["line"] + 1) for each in complaints}
    assert found == {("wrong", line) for line in expected(CLIENT / "wrong.py")}


def test_the_right_program_runs(capsys):
    runpy.run_path(str(CLIENT / "right.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith(tabular.__version__)
