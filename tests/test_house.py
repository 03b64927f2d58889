"""The arrows of the house, figures -> proofs_checks -> tabular; no drawing, printing or files in the mathematics."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tabular.base import tolerances
from tests.conftest import LONGEST

ROOT = Path(__file__).parents[1]
SETTLED = {"frozen": True, "eq": False, "repr": False, "compare": False}
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


def unsettled(tree):
    """What dataclasses, frozen and compared by identity, and fields, hidden where they are told apart, are not."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if (name := getattr(call.func, "id", "")) in ("dataclass", "field"):
            said = {word.arg: getattr(word.value, "value", None) for word in call.keywords}
            said.setdefault("frozen", name != "dataclass")
            yield from (
                f"says {word}={said[word]}" for word in SETTLED.keys() & said if said[word] is not SETTLED[word]
            )


def violations(path, source):
    """What the module at a path of the house does that the house forbids."""
    package = path.split("/")[0]
    tree = ast.parse(source)
    tops = {module.split(".")[0] for module in imported(tree)}
    found = {f"imports {top}" for top in tops & set(ALLOWED) - ALLOWED[package]}
    if package == "tabular":
        found |= set(unsettled(tree))
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
    record = "@dataclass({})\nclass A:\n    x: np.ndarray = field(repr={})"
    assert violations("tabular/x.py", record.format("frozen=True, eq=False", False)) == set()
    found = {"says frozen=False", "says eq=True", "says repr=True"}
    assert violations("tabular/x.py", record.format("eq=True", True)) == found


def test_tolerances_are_small():
    """Those of the fits are shares and nats: one that is not would forgive anything."""
    values = {name: getattr(tolerances, name) for name in tolerances.__all__}
    assert {name for name, value in values.items() if not 0 < value <= 0.1} == set()
    assert len(values) > 10


def bound(statement):
    """The names that one statement of a module binds, and whether it takes them from elsewhere."""
    if isinstance(statement, ast.ImportFrom | ast.Import):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}, True
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}, False
    targets = {ast.Assign: lambda: statement.targets, ast.AnnAssign: lambda: [statement.target]}
    nodes = (node for target in targets.get(type(statement), list)() for node in ast.walk(target))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}, False


def offers(source):
    """What is wrong with a module's ``__all__``: it offers every name without an underscore that the module defines."""
    tree = ast.parse(source)
    found = [bound(statement) for statement in tree.body]
    own = {name for names, foreign in found if not foreign for name in names}
    known = {name for names, _ in found for name in names}
    written = [
        node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in bound(node)[0]
    ]
    if not written:
        return {"has no __all__"}
    offered = ast.literal_eval(written[0])
    hidden = {name for name in own if not name.startswith("_")} - set(offered)
    strange = set(offered) - known
    twice = {name for name in offered if offered.count(name) > 1}
    return {f"hides {n}" for n in hidden} | {f"lacks {n}" for n in strange} | {f"repeats {n}" for n in twice}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_what_is_public(path):
    assert offers(path.read_text(encoding="utf-8")) == set()


def test_what_is_wrong_with_an_offer_is_seen():
    assert offers("x = 1") == {"has no __all__"}
    assert offers('__all__ = ["f"]\ndef f(): ...\nclass C: ...\nα, _b = 1, 2') == {"hides C", "hides α"}
    assert offers('from a import f, g\n__all__ = ["f", "h"]') == {"lacks h"}
    assert offers('import a.b\n__all__ = ["a", "a"]') == {"repeats a"}
    assert offers('__all__: list[str] = ["y"]\ny = [x for x in "ab"]') == set()


def test_importing_the_mathematics_loads_no_plotting_and_no_solver_front_end():
    heavy = ("matplotlib", "cvxpy", "sympy", "flint", "pyarrow")
    code = f"import sys, tabular; print([module for module in {heavy} if module in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_the_files_that_are_begun_first_are_there():
    assert [name for name in LONGEST if not (ROOT / "tests" / f"{name}.py").is_file()] == []
