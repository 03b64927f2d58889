"""Random mutants of a part of the house: how many of them its checks notice.

    PYTHONPATH=. python tests/mutants.py kernel --count 60 --seed 0

A mutant changes one thing: a comparison, an operator, a number, a truth value, a returned value; it drops a statement,
an entry of a list, an argument. In ``kernel`` and ``tabular`` the tests have to notice: in ``tabular`` those that run
the changed statement, the quickest first, as one run of all of them has recorded (``--seen`` keeps the record for the
next samples of the same files). In ``statements`` the verdict has to, or the pinned list of statements and their
evidence (``tests/words.py``): an exception, a verdict that is not the expected one, a step or a statement that is gone.
Words that were regenerated do not count. What can only make a near miss more wrong, or a search longer, is not mutated
in statements: controls, ``wrong`` and ``right`` versions, efforts, the ranges that are drawn from. Nor are annotations,
which are for type checkers, ``strict=`` of ``zip``, which changes nothing where lengths are equal, and an index's last
``:``, which numpy takes for granted.

Survivors that were found to change nothing that anyone sees are listed in ``tests/golden/equivalents.json``, each with
the reason; they count as not noticed, and are told apart. So is a comparison with a named bound or a tolerance that
takes the bound itself to the other side: a number that is the bound to the last bit is served on either.
"""

import argparse
import ast
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from queue import SimpleQueue

from coverage import CoverageData

from proofs_checks import statements

ROOT = Path(__file__).parents[1]
EQUIVALENTS = ROOT / "tests" / "golden" / "equivalents.json"
SOURCES = ("tabular", "proofs_checks", "figures", "condeq", "tests", "pyproject.toml", "README.md", "THEOREMS.md")

_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}

_PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
_LINT = [sys.executable, "-m", "ruff", "check", "--quiet", "--select", "F"]  # names imported for nobody, as `make test`
_NEAR = 15.0  # seconds of tests in the first turn: what ends there ends soon, even where a mutant runs for ever
_MEMORY = 4 << 30  # bytes that a mutant may ask for
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
        for k in range(len(node.elts) - _is_whole(node.elts[-1])):
            yield node.elts[k], "entry dropped", lambda k=k: node.elts.__delitem__(k)
    elif isinstance(node, ast.Dict) and node.keys:
        for k in range(len(node.keys)):
            yield node.values[k], "entry dropped", lambda k=k: (node.keys.__delitem__(k), node.values.__delitem__(k))


def _is_whole(node):
    return isinstance(node, ast.Slice) and node.lower is node.upper is node.step is None


def _is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def choose(part: str, count: int, seed: int, only=()) -> list[tuple[Path, int]]:
    """Places drawn at random over all places of all files, or of ``only`` some: (file, number of the place)."""
    chosen = [path for path in files(part) if not only or path in only]
    places = [(path, k) for path in chosen for k in range(sum(1 for _ in _places(_tree(path), path)))]
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
    statement, _ = _statement(tree, node)
    within = ast.unparse(statement).splitlines()[0][:100]
    before = before if within.startswith(before) else f"{before} in {within}"
    change()
    where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
    return ast.unparse(ast.fix_missing_locations(tree)), f"{where} {what}: {before}"


class Seen:
    """Which tests run which statement of ``tabular``, and for how long: recorded into a folder unless it is there."""

    def __init__(self, folder: Path):
        data, times = folder / "coverage", folder / "seconds.json"
        if not times.exists():
            folder.mkdir(parents=True, exist_ok=True)
            recorded = ("--cov=tabular", "--cov-context=test", "--cov-report=", "--durations=0", "--durations-min=0")
            words = [*_PYTEST, "tabular", "tests/tabular", *recorded]
            said = {**os.environ, "COVERAGE_FILE": str(data.resolve())}
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=said, check=False)
            if done.returncode:
                raise SystemExit(f"these fail without any mutant:\n{_failed(done.stdout)}")
            times.write_text(json.dumps(_seconds(done.stdout)), encoding="utf-8")
        self.seconds = json.loads(times.read_text(encoding="utf-8"))
        self._data = CoverageData(str(data))
        self._data.read()

    def tests(self, path: Path, lines: range | None) -> list[str]:
        """The tests that run one of these lines of a file, or with None any of them, the quickest first.

        What runs before any test, as something is imported, is no test's own: there every test of the file is asked,
        and of a file of nothing else those of its folder.
        """
        ran = self._data.contexts_by_lineno(str(path))
        lines = None if any("" in ran.get(line, ()) for line in lines or ()) else lines
        held = {name for line, names in ran.items() if lines is None or line in lines for name in names if name}
        if lines is None and not held:
            beside = f"tests/{path.parent.relative_to(ROOT).as_posix()}/test_"
            held = {name for name in self.seconds if name.startswith(beside)}
        # met before any import of the file, its doctests would make a second module of it
        order = {name: (name.startswith("tabular/"), self.seconds.get(name, 0.0), name) for name in map(_named, held)}
        return sorted(order, key=order.get)


def _named(context):
    """The test function of a context of coverage: its cases are one."""
    return context.partition("|")[0].partition("[")[0]


def _seconds(printed):
    """Seconds of each test function, all its cases together, as pytest prints them."""
    found: dict[str, float] = {}
    for took, name in re.findall(r"^([0-9.]+)s (?:setup|call|teardown) +([^\s\[]+)", printed, re.MULTILINE):
        found[name] = found.get(name, 0.0) + float(took)
    return found


def _failed(printed):
    return "\n".join(line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR")))


def _statement(tree, node):
    """The innermost statement that a node is part of, and whether it runs when a function is called."""

    def found(place, within, called):
        if isinstance(place, ast.stmt):
            within, called = (place, called), called or isinstance(place, ast.FunctionDef)
        if place is node:
            return [within]
        return [each for child in ast.iter_child_nodes(place) for each in found(child, within, called)]

    return found(tree, (tree, False), False)[0]


def statement_lines(tree: ast.Module, node: ast.AST) -> range | None:
    """The lines of the statement that a node is part of, without the statements it holds; None if it runs at import."""
    statement, called = _statement(tree, node)
    body = getattr(statement, "body", None)
    last = max(statement.lineno, body[0].lineno - 1) if isinstance(body, list) else statement.end_lineno
    return range(statement.lineno, last + 1) if called else None


def turns(part: str, path: Path, place: int, seen: Seen | None) -> list[tuple[list[str], float]]:
    """What has to fail on a mutant, in turns: a command, and the processor's seconds after which it has failed.

    What runs as a module is imported is checked as ``make test`` checks it, too: for names that nobody uses.
    """
    if part == "statements":
        return [(_verdicts(path), 300.0)]
    if part == "kernel":
        return [(_kernel_tests(path), 300.0)]
    tree = _tree(path)
    lines = statement_lines(tree, list(_places(tree, path))[place][0])
    tests = seen.tests(path, lines)
    spent = list(accumulate((seen.seconds.get(name, 0.0) for name in tests), initial=0.0))
    near = sum(1 for seconds in spent[1:] if seconds < _NEAR)
    house = [] if lines else ["tests/test_house.py"]
    parts = [([*tests[:near], *house], 60.0 + 3 * _NEAR), (tests[near:], 60.0 + 3 * spent[-1])]
    linted = [] if lines else [([*_LINT, path.relative_to(ROOT).as_posix()], 60.0)]
    return [*linted, *(([*_PYTEST, *some], seconds) for some, seconds in parts if some)]


def without_line(what: str) -> str:
    """A mutant by its file and what it changes: lines move.

    >>> without_line("tabular/rlhf.py:7 number: 0")
    'tabular/rlhf.py number: 0'
    """
    return re.sub(r":[0-9]+ ", " ", what, count=1)


def reason(what: str, known: dict[str, str]) -> str:
    """Why nobody sees a mutant, as far as is known.

    >>> reason("tabular/rlhf.py:7 comparison Lt: error < tolerances.LOSS", {})
    'a number that is the bound to the last bit is served on either side'
    >>> reason("tabular/rlhf.py:7 comparison Lt: error < reward in small = (error < reward, step < _LONG)", {})
    ''
    """
    bound = r"tolerances\.|\b1e-[0-9]|(?<!\.)\b_?[A-Z][A-Z_]+\b"
    at_a_bound = re.search(rf" comparison (Lt|LtE|Gt|GtE): .*({bound})", what.partition(" in ")[0])
    rule = "a number that is the bound to the last bit is served on either side" if at_a_bound else ""
    return known.get(without_line(what), rule)


def _verdicts(path):
    inside = path.relative_to(ROOT)
    known = statements()
    held = [name for name, (_, file) in known.items() if file == inside.as_posix()]
    verdicts = {name: statement.expected.value for name, (statement, _) in known.items()}
    return [sys.executable, "-c", _VERDICTS, ".".join(inside.with_suffix("").parts), json.dumps(verdicts), *held]


def _kernel_tests(path):
    found = sorted(name.relative_to(ROOT).as_posix() for name in ROOT.glob("tests/proofs_checks/kernel/**/test_*.py"))
    # the likeliest to notice is first, the slowest are last
    own = sorted(found, key=lambda name: (not name.endswith(f"/test_{path.stem}.py"), name.endswith(_SLOW)))
    # the file's doctests come last: met before any import of the file, they would make a second module of it
    return [*_PYTEST, *own, *_PLANTED, "tests/test_house.py", path.relative_to(ROOT).as_posix()]


class Copy:
    """A copy of the house in a folder, its bytecode kept, where one file at a time is mutated."""

    def __init__(self, folder: Path, part: str):
        self.folder = folder
        folder.mkdir()
        for name in SOURCES:
            whole = ROOT / name
            (shutil.copytree if whole.is_dir() else shutil.copy)(whole, folder / name)
        if part != "statements":
            tests = "tests/tabular" if part == "tabular" else "tests/proofs_checks/kernel"
            self._run([*_PYTEST, "--collect-only", tests, "tests/test_house.py"], 300.0, PYTHONDONTWRITEBYTECODE="")

    def noticed(self, path: Path, source: str, asked) -> str:
        """What fails first with that source in place of the file's own, also by taking far too long; or nothing."""
        place = self.folder / path.relative_to(ROOT)
        place.write_text(source, encoding="utf-8")
        try:
            for words, seconds in asked:
                done = self._run(words, seconds, PYTHONDONTWRITEBYTECODE="1")
                if done.returncode:
                    said = _failed(done.stdout) or f"ended with {done.returncode}"
                    return "took too long, or crashed" if done.returncode < 0 else said.splitlines()[0]
        finally:
            shutil.copy2(path, place)
        return ""

    def _run(self, words, seconds, **more):
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"), **more}

        def limited():
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))

        shown = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(words, cwd=self.folder, env=env, preexec_fn=limited, **shown)


def red_without(part: str, chosen, copy: Copy) -> list[Path]:
    """The files whose checks fail before anything is changed: there every mutant would seem to be noticed."""
    held = list(dict.fromkeys(path for path, _ in chosen))
    asked = held if part == "statements" else held[:1]  # in kernel every file meets the same tests
    return [path for path in asked if copy.noticed(path, ast.unparse(_tree(path)), turns(part, path, 0, None))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("kernel", "statements", "tabular"))
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=Path, nargs="+", default=(), metavar="PATH", help="files, instead of all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=0.0, help="exit with 1 if fewer per cent are noticed")
    parser.add_argument("--seen", type=Path, help="folder of the record which tests run which statement of tabular")
    parser.add_argument("--all", action="store_true", help="say of every mutant what noticed it, once it is known")
    options = parser.parse_args()
    only = [path.resolve() for path in options.only]
    if strange := set(only) - set(files(options.part)):
        parser.error(f"not of {options.part}: {', '.join(map(str, sorted(strange)))}")
    chosen = choose(options.part, options.count, options.seed, only)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        seen = Seen(options.seen or Path(folder) / "seen") if options.part == "tabular" else None
        held = [Copy(Path(folder) / f"copy{k}", options.part) for k in range(options.jobs)]
        if options.part != "tabular" and (red := red_without(options.part, chosen, held[0])):
            print("these fail without any mutant:", *(path.relative_to(ROOT) for path in red))
            return 1
        copies: SimpleQueue[Copy] = SimpleQueue()
        for copy in held:
            copies.put(copy)

        def fate(place):
            source, what = mutated(*place)
            copy = copies.get()
            try:
                return what, copy.noticed(place[0], source, turns(options.part, *place, seen))
            finally:
                copies.put(copy)

        fates = []
        for what, by in pool.map(fate, chosen):
            fates.append((what, by))
            if options.all:
                print(f"  {what}\n      {by or 'survived'}", flush=True)
    known = json.loads(EQUIVALENTS.read_text(encoding="utf-8"))
    alive = [what for what, by in fates if not by]
    reasons = {what: reason(what, known) for what in alive}
    share = 100 * (1 - len(alive) / len(fates))
    print(f"{options.part}, seed {options.seed}: {len(fates) - len(alive)} of {len(fates)} noticed ({share:.0f} %)")
    for what in sorted(alive, key=lambda what: bool(reasons[what])):
        print(f"  equivalent: {what}\n      {reasons[what]}" if reasons[what] else f"  survived: {what}")
    return int(share < options.least)


if __name__ == "__main__":
    sys.exit(main())
