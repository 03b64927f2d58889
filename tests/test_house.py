"""The arrows of the house, figures -> proofs_checks -> tabular; no drawing, printing or files in the mathematics."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "tabular": {"tabular"},
    "proofs_checks": {"proofs_checks", "tabular"},
    "figures": {"figures", "proofs_checks", "tabular"},
    "condeq": {"condeq", "figures", "proofs_checks", "tabular"},
}
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def imported(tree):
    """Every absolute module name imported anywhere in a file, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


def calls(tree):
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def violations(path, source):
    """What the module at a path of the house does that the house forbids."""
    package = path.split("/")[0]
    tree = ast.parse(source)
    tops = {module.split(".")[0] for module in imported(tree)}
    found = {f"imports {top}" for top in tops & set(ALLOWED) - ALLOWED[package]}
    if package == "tabular":
        found |= {f"imports {top}" for top in tops & {"matplotlib", "rich", "typer"}}
        with_files = path.startswith(("tabular/logs.py", "tabular/logged/", "tabular/sweeping/"))
        found |= {f"calls {call}" for call in calls(tree) & ({"print"} if with_files else {"print", "open"})}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_the_house_rules(path):
    assert violations(path.relative_to(ROOT).as_posix(), path.read_text()) == set()


def test_the_rules_are_seen_to_be_broken():
    assert violations("tabular/x.py", "import matplotlib.pyplot\nprint(1)") == {
        "imports matplotlib",
        "calls print",
    }
    assert violations("tabular/x.py", "def f():\n    from figures import style") == {"imports figures"}
    assert violations("proofs_checks/x.py", "import condeq.cli") == {"imports condeq"}
    assert violations("tabular/x.py", "open('a')") == {"calls open"}
    assert violations("tabular/logs.py", "open('a')") == set()
    assert violations("tabular/logged/store.py", "open('a')") == set()
    assert violations("tabular/logs.py", "print(1)") == {"calls print"}


def test_importing_the_mathematics_loads_no_plotting_and_no_solver_front_end():
    heavy = ("matplotlib", "cvxpy", "sympy", "flint", "pyarrow")
    code = f"import sys, tabular; print([module for module in {heavy} if module in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
