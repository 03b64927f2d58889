"""Random mutants of a part of the house: how many of them its checks notice.

    python tests/mutants.py kernel --count 60 --seed 0

A mutant changes one thing: a comparison, an operator, a number, a truth value, a returned value; it drops a statement,
an entry of a list, an argument. In ``kernel`` and ``tabular`` the tests have to notice; in ``statements`` the verdict
has to, or the pinned list of statements and their evidence (``tests/words.py``): an exception, a verdict that is not
the expected one, a step or a statement that is gone. Words that were regenerated do not count. What can only make a
near miss more wrong, or a search longer, is not mutated in statements: controls, ``wrong`` and ``right`` versions,
efforts, the ranges that are drawn from. Nor are annotations, which are for type checkers, and ``strict=`` of ``zip``,
which changes nothing where lengths are equal.
"""

import argparse
import ast
import json
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proofs_checks import statements

ROOT = Path(__file__).parents[1]
SOURCES = ("tabular", "proofs_checks", "figures", "condeq", "tests", "pyproject.toml", "README.md", "THEOREMS.md")

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}

_SLOW = ("/test_ball.py", "/test_verdict.py")
_PLANTED = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/proofs_checks/test_planted_*.py"))
_VERDICTS = """
import importlib, json, sys
sys.path.insert(0, "tests")
from words import PINNED, digests
from proofs_checks.kernel.statement import Verdict
from proofs_checks.kernel.verdict import run
module = importlib.import_module(sys.argv[1])
pinned = json.loads(PINNED.read_text(encoding="utf-8"))
known = {statement.id: digests(statement)["evidence"] for statement in module.STATEMENTS}
verdicts, *held = json.loads(sys.argv[2]), *sys.argv[3:]
sys.exit(1) if known != {name: pinned[name]["evidence"] for name in held} else None
for statement in module.STATEMENTS:
    result = run(statement, known={name: Verdict(verdicts[name]) for name in statement.rests_on})
    sys.exit(1) if not result.as_expected else None
"""


def files(part: str) -> list[Path]:
    """The files that a part mutates."""
    if part == "statements":
        folders = [path for path in (ROOT / "proofs_checks").iterdir() if path.is_dir()]
        held = [path for folder in folders for path in sorted(folder.glob("*.py"))]
        return [path for path in held if "STATEMENTS = (" in path.read_text(encoding="utf-8")]
    folder = ROOT / {"kernel": "proofs_checks/kernel", "tabular": "tabular"}[part]
    return [path for path in sorted(folder.rglob("*.py")) if path.name != "__init__.py"]


def mutations(tree: ast.Module, spare=()):
    """Every place of a module that can be mutated, as a function that changes the tree in place."""
    spared = {id(inside) for node in spare for inside in ast.walk(node)}
    for parent in ast.walk(tree):
        if id(parent) in spared:
            continue
        if isinstance(parent, ast.FunctionDef):
            for k, line in enumerate(parent.body):
                if isinstance(line, ast.Assign | ast.AugAssign | ast.If):
                    yield line, "statement dropped", lambda b=parent.body, k=k: b.__setitem__(k, ast.Pass())
        yield from _of_node(parent)


def _without_effect(tree):
    """What only a type checker reads, and the guards of ``zip``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "zip":
            yield from (word.value for word in node.keywords)
        said = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        yield from (annotation for annotation in said if annotation is not None)


def _near_misses(tree):
    """The parts of a statement's file that only say what must fail, or how long and where a search looks."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in ("Identity", "Sign", "Box", "Exact", "Exhaustive", "Sampled") and len(call.args) > 1:
            yield call.args[1]
        if name in ("Effort", "integer", "number", "choice"):
            yield call
        yield from (word.value for word in call.keywords if word.arg in ("controls", "wrong", "right", "effort"))


def _of_node(node):
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if type(op) in _COMPARISONS:
                other = _COMPARISONS[type(op)]()
                yield node, f"comparison {type(op).__name__}", lambda k=k, o=other: node.ops.__setitem__(k, o)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield node, f"operator {type(node.op).__name__}", lambda: setattr(node, "op", _OPERATORS[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, "and/or", lambda: setattr(node, "op", other)
    elif isinstance(node, ast.If | ast.IfExp):
        yield node, "condition negated", lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield node, "returns None", lambda: setattr(node, "value", ast.Constant(None))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, "minus dropped", lambda: setattr(node, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, "truth value", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield node, "number", lambda: setattr(node, "value", node.value + 1)
    elif isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load) and node.elts:
        for k in range(len(node.elts)):
            yield node.elts[k], "entry dropped", lambda k=k: node.elts.__delitem__(k)
    elif isinstance(node, ast.Dict) and node.keys:
        for k in range(len(node.keys)):
            yield node.values[k], "entry dropped", lambda k=k: (node.keys.__delitem__(k), node.values.__delitem__(k))


def _is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def choose(part: str, count: int, seed: int) -> list[tuple[Path, int]]:
    """Places drawn at random over all places of all files: (file, number of the place)."""
    places = [(path, k) for path in files(part) for k in range(sum(1 for _ in _places(_tree(path), path)))]
    return sorted(random.Random(seed).sample(places, min(count, len(places))))


def _places(tree, path):
    stated = "STATEMENTS = (" in path.read_text(encoding="utf-8")
    return mutations(tree, [*_without_effect(tree), *(_near_misses(tree) if stated else ())])


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def mutated(path: Path, place: int) -> tuple[str, str]:
    """The mutant's source, and what it changed where."""
    tree = _tree(path)
    node, what, change = list(_places(tree, path))[place]
    before = ast.unparse(node).splitlines()[0][:70]
    change()
    where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
    return ast.unparse(ast.fix_missing_locations(tree)), f"{where} {what}: {before}"


def command(part: str, path: Path) -> list[str]:
    """What has to fail on a mutant of that file."""
    inside = path.relative_to(ROOT)
    if part == "statements":
        known = statements()
        held = [name for name, (_, file) in known.items() if file == inside.as_posix()]
        verdicts = {name: statement.expected.value for name, (statement, _) in known.items()}
        return [sys.executable, "-c", _VERDICTS, ".".join(inside.with_suffix("").parts), json.dumps(verdicts), *held]
    folder = "tests/proofs_checks/kernel" if part == "kernel" else "tests/tabular"
    found = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("test_*.py"))
    # the likeliest to notice is first, the slowest are last
    own = sorted(found, key=lambda name: (not name.endswith(f"/test_{path.stem}.py"), name.endswith(_SLOW)))
    # the file's doctests come last: met before any import of the file, they would make a second module of it
    tests = [*own, *(_PLANTED if part == "kernel" else ()), "tests/test_house.py", str(inside)]
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]


def survives(part: str, path: Path, place: int) -> tuple[str, bool]:
    """Whether nothing notices the mutant; one that does not end within minutes is noticed."""
    source, what = mutated(path, place)
    return what, passes(part, path, source)


def passes(part: str, path: Path, source: str) -> bool:
    """Whether all that has to fail on a mutant passes with that source in place of the file's own."""
    with tempfile.TemporaryDirectory() as folder:
        for name in SOURCES:
            whole = ROOT / name
            (shutil.copytree if whole.is_dir() else shutil.copy)(whole, Path(folder) / name)
        (Path(folder) / path.relative_to(ROOT)).write_text(source, encoding="utf-8")
        try:
            done = subprocess.run(command(part, path), cwd=folder, capture_output=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def red_without(part: str, chosen) -> list[Path]:
    """The files whose checks fail before anything is changed: there every mutant would seem to be noticed."""
    held = list(dict.fromkeys(path for path, _ in chosen))
    asked = held if part == "statements" else held[:1]  # elsewhere every file meets the same tests
    return [path for path in asked if not passes(part, path, ast.unparse(_tree(path)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("kernel", "statements", "tabular"))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=0.0, help="exit with 1 if fewer per cent are noticed")
    options = parser.parse_args()
    chosen = choose(options.part, options.count, options.seed)
    if red := red_without(options.part, chosen):
        print("these fail without any mutant:", *(path.relative_to(ROOT) for path in red))
        return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        fates = list(pool.map(lambda place: survives(options.part, *place), chosen))
    alive = [what for what, survived in fates if survived]
    noticed = 100 * (1 - len(alive) / len(fates))
    print(f"{options.part}, seed {options.seed}: {len(fates) - len(alive)} of {len(fates)} noticed ({noticed:.0f} %)")
    print(*(f"  survived: {what}" for what in alive), sep="\n")
    return int(noticed < options.least)


if __name__ == "__main__":
    sys.exit(main())
