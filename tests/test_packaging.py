"""What an installed wheel holds and needs, what the source distribution holds, and what is said of what is missing."""

import importlib.metadata
import json
import os
import re
import shutil
import sys
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import scipy
import threadpoolctl
import yaml
from packaging.requirements import Requirement

import tabular
from condeq import examples, problem_file, surroundings
from tabular import logs
from tests.wheel import alone, run, unpacked

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETTINGS = PYPROJECT["tool"]["setuptools"]
NEEDED = np, scipy, threadpoolctl
TOPS = ["condeq", "demos", "figures", "proofs_checks", "tabular"]
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


def test_the_five_packages_are_found_and_nothing_else():
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


def test_version_is_said_once_and_the_same_everywhere():
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert SETTINGS["dynamic"]["version"] == {"attr": "tabular.__version__"}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == tabular.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest[1] == tabular.__version__


def test_the_hooks_are_those_of_the_pinned_versions():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    pinned = re.search(r"^ruff==(\S+)", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    assert hooks[0]["rev"] == f"v{pinned[1]}"


def test_every_hook_is_a_command_that_there_is():
    """Ruff's hooks by what this environment's ruff calls them; of the local ones, every file that they name."""
    (ruff, local) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in ruff["hooks"]:
        command = hook["id"].removeprefix("ruff-")
        done = run(sys.executable, "-m", "ruff", command, *hook.get("args", ()), "--help")
        assert done.returncode == 0, done.stderr
    for hook in local["hooks"]:
        named = [word for word in hook["entry"].split() if word.endswith(".py")]
        assert named
        assert all((ROOT / name).is_file() for name in named)
        assert hook["entry"].startswith(".venv/bin/python -m pytest")


def test_the_lines_for_conda_and_windows_name_what_there_is():
    """No conda and no Windows is here: that the Python is one we support, and the extras and commands are ours."""
    words = (ROOT / "README.md").read_text() + (ROOT / "docs" / "site" / "start.md").read_text()
    (python,) = re.findall(r"conda create -n \w+ python=(\S+) pip", words)
    least = re.fullmatch(r">=(\d+)\.(\d+)", PYPROJECT["project"]["requires-python"])
    assert tuple(map(int, python.split("."))) >= tuple(map(int, least.groups()))
    extras = {name for listed in re.findall(r"\[([a-z,]+)\](?:'|\"|`)", words) for name in listed.split(",")}
    assert {"all", "demo"} <= extras <= set(PYPROJECT["project"]["optional-dependencies"])
    scripts = set(re.findall(r"\.venv\\Scripts\\(\w+)", words))
    assert scripts - {"activate", "python"} <= set(PYPROJECT["project"]["scripts"])


def test_the_library_needs_three_libraries_and_all_has_the_rest():
    names = {re.match(r"[\w-]+", each)[0] for each in PYPROJECT["project"]["dependencies"]}
    assert names == {"numpy", "scipy", "threadpoolctl"}
    extras = PYPROJECT["project"]["optional-dependencies"]
    parts = re.fullmatch(r"conditional-equivalence\[(.+)\]", extras["all"][0])[1].split(",")
    everything = {re.match(r"[\w-]+", each)[0] for part in parts for each in extras[part]}
    everything |= {re.match(r"[\w-]+", each)[0] for each in extras["all"][1:]}
    modules = {"flint": "python-flint", "yaml": "pyyaml"}
    assert {modules.get(name, name) for name in surroundings.LIBRARIES} <= everything


def test_wheel_and_source_distribution_are_complete(built):
    wheel, source = built
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name) for name in archive.namelist() if ".dist-info" not in name}
        assert held == set(FILES)
        metadata = archive.read(f"conditional_equivalence-{tabular.__version__}.dist-info/METADATA").decode()
    assert "Requires-Python: >=3.11" in metadata
    tracked = run("git", "-C", ROOT, "ls-files", check=False).stdout.split("\n")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    ours = {name for name in tracked if name and not name.startswith((".ci/", ".gitignore"))}
    assert ours <= held
    assert {name for name in held if name.startswith(("tests/", "demos/", "docs/")) and "cache" in name} == set()


@pytest.fixture(scope="module")
def plain(built, tmp_path_factory):
    """An environment of a plain install: the wheel's files and the libraries it needs."""
    return unpacked(built[0], tmp_path_factory.mktemp("plain"), *NEEDED)


ALONE = """
import tabular
from tabular import Preferences, Problem, cpo, dpo, failure_modes, flow, losses, rlhf
problem = Problem.from_probabilities([0.1, 0.6, 0.3], beta=0.5, reward=[0.5, 0.0, -1.0])
labels = Preferences.from_pairs([(0, 1)])
print(tabular.__version__, rlhf.optimal_policy(problem).shape, dpo.solve(problem, labels).status.value)
cpo.constrained_optimum(problem, labels), failure_modes.find(problem, labels), dpo.solve(problem, labels)._repr_html_()
losses.solve(problem, labels, losses.get("nca_pair")), flow.trajectory(problem, labels, times=[0.0, 1.0])
tops = {name.partition(".")[0] for name in sys.modules}
print(sorted(tops & {"matplotlib", "sympy", "cvxpy", "flint", "pooch", "typer", "rich", "yaml", "polars", "pyarrow"}))
"""


def test_the_library_works_with_what_it_needs_alone(plain):
    done = alone(plain, ALONE)
    assert done.stdout == f"{tabular.__version__} (1, 3) unattained\n[]\n", done.stderr
    size = sum(path.stat().st_size for top in plain.iterdir() for path in top.resolve().rglob("*") if path.is_file())
    assert size < 250e6, "a plain install is light"


MISSING = {
    "from tabular import *; from tabular import oracle\n"
    "oracle.inversion_cost(Problem([0.0], 1), Preferences([0], [0], [1]), [0])": (
        "InputError: to ask a solver cvxpy is needed: pip install 'conditional-equivalence[oracle]'"
    ),
    "from tabular import logs\nlogs.load('hh-pythia410m-dpo')": (
        "to download hh-pythia410m-dpo pooch is needed: pip install 'conditional-equivalence[data]'"
    ),
    "from condeq.__main__ import main\nmain()": "pip install 'conditional-equivalence[all]'",
    "import proofs_checks": "ImportError: proofs_checks needs flint: pip install 'conditional-equivalence[proofs]'",
    "import figures": "ImportError: figures needs matplotlib: pip install 'conditional-equivalence[figures]'",
    "import tabular.testing": "tabular.testing needs Hypothesis: pip install 'conditional-equivalence[testing]'",
}
TRIED = """
import contextlib, io, json, traceback
told = {}
for code in codes:
    ended = 0
    with contextlib.redirect_stderr(io.StringIO()) as words:
        try:
            exec(code, {})
        except SystemExit as ending:
            ended = ending.code
        except BaseException:
            ended = traceback.print_exc() or 1
    told[code] = words.getvalue().rstrip().rsplit("\\n", 1)[-1], ended
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def tried(plain):
    """``{code: [the last line that it writes, its exit code]}`` in a plain install: one process for all."""
    done = alone(plain, f"codes = {[*MISSING]!r}\n{TRIED}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("code", MISSING)
def test_what_is_missing_is_one_sentence(tried, code):
    last, ended = tried[code]
    assert MISSING[code] in last
    assert ended == (2 if "condeq" in code else 1)


def closure(extra):
    """The distributions that an extra of ours brings, by what each says that it needs."""
    waiting = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["project"]["optional-dependencies"][extra]]
    found = set()
    while waiting:
        needed = Requirement(waiting.pop())
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        if needed.name == "conditional-equivalence":
            waiting += [one for part in needed.extras for one in PYPROJECT["project"]["optional-dependencies"][part]]
        elif needed.name not in found:
            found.add(needed.name)
            waiting += importlib.metadata.requires(needed.name) or []
    return found


def with_extra(wheel, place, extra):
    """An environment of the wheel's files and all that its extra brings, as links."""
    unpacked(wheel, place)
    for name in closure(extra):
        here = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in here.files or ()} - {"..", "__pycache__"}:
            if not (place / top).exists():
                (place / top).symlink_to(here.locate_file(top))
    return place


COMMANDS = """
from condeq.__main__ import main
for arguments, ends in asked.items():
    sys.argv, ended = ["condeq", *arguments], 0
    try:
        main()
    except SystemExit as ending:
        ended = ending.code or 0
    assert ended == ends, (arguments, ended)
"""


def test_the_command_is_complete_with_all(built, tmp_path):
    """Every command that the README says needs no other extra, with nothing installed but what the extra brings."""
    place = with_extra(built[0], tmp_path / "all", "all")
    mine = "from proofs_checks import conjecture\nfrom proofs_checks.kernel.relation import relation\n"
    mine += "from proofs_checks.quantities import β\nfrom tabular.testing import problems\n"
    (tmp_path / "mine.py").write_text(f"{mine}A = conjecture('a', problems(), relation(β, '>', 3))\n", encoding="utf-8")
    asked = {
        ("check", "def-3.3"): 0,
        ("check", str(tmp_path / "mine.py")): 1,
        ("list", "demos"): 0,
        ("figures", "win_digraph", "--out", str(tmp_path / "drawn")): 0,
        ("solve", "misaligned_pair"): 0,
        ("failures", "misaligned_pair"): 0,
        ("certify", "misaligned_pair"): 0,
        ("audit", "trainer_log", "--beta", "0.1", "--html", str(tmp_path / "page.html")): 0,
        ("sweep", "--out", str(tmp_path / "swept"), "--gain", "0", "1", "2", "--delta-ref", "0", "1", "2"): 0,
    }
    done = alone(place, f"asked = {asked!r}\n{COMMANDS}")
    assert done.returncode == 0, done.stderr[-1500:]


def interpreter(version):
    """A Python of that version with pip: on the path, or beside the running one, where version managers put them."""
    beside = Path(sys.base_prefix).parent.glob(f"*{version}*/bin/python{version}")
    found = [shutil.which(f"python{version}"), *map(str, sorted(beside))]
    return next((name for name in found if name and run(name, "-c", "import pip").returncode == 0), None)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_wheel_installs_and_compiles(built, tmp_path, version):
    """On each Python that is here; what it imports is not asked of those that have no numpy."""
    name = interpreter(version)
    if name is None:
        pytest.skip(f"no Python {version} with pip is here")
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--target", tmp_path, built[0]]
    done = run(name, "-I", "-m", "pip", "--disable-pip-version-check", *install)
    assert done.returncode == 0, done.stderr
    compiled = run(name, "-W", "error", "-m", "compileall", "-q", tmp_path)
    assert compiled.returncode == 0, compiled.stdout


def test_python_m_condeq_is_the_command(tmp_path):
    done = run(sys.executable, "-m", "condeq", "losses", cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0
    assert "simpo" in done.stdout


@pytest.mark.parametrize("shadow", ["tabular.py", "figures/__init__.py", "proofs_checks.py"])
def test_a_file_that_takes_a_package_s_name_is_named(tmp_path, shadow):
    (tmp_path / shadow).parent.mkdir(exist_ok=True)
    (tmp_path / shadow).write_text("raise RuntimeError('somebody else')")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(sys.executable, "-m", "condeq", "losses", cwd=ROOT.parent, env=os.environ | {"PYTHONPATH": paths})
    assert done.returncode == 2
    assert done.stdout == ""
    name = Path(shadow).parts[0].removesuffix(".py")
    assert done.stderr.startswith(f"condeq: the name {name} means {tmp_path / shadow}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("package", ["figures", "proofs_checks"])
@pytest.mark.parametrize("shadow", ["tabular.py", "tabular/__init__.py"])
def test_python_says_so_too(tmp_path, package, shadow):
    """Where one of our packages is imported and the library's name is taken by a file of the reader's."""
    (tmp_path / shadow).parent.mkdir(exist_ok=True)
    (tmp_path / shadow).write_text("mine = 1")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run(sys.executable, "-c", f"import {package}", cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths})
    last = done.stderr.rstrip().split("\n")[-1]
    assert last.startswith(f"ImportError: the name tabular means {tmp_path / shadow} here, which is not this toolkit's")
