"""What every test shares: the Hypothesis profile, the real data's place, and the last lines about what was not run."""

import gc
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# with all that the suite imports in memory, looking for garbage as often as by default takes an eighth of its time
gc.set_threshold(50_000, 20, 50)

settings.register_profile(
    "condeq",
    deadline=None,  # two shared cores: time says nothing about correctness
    max_examples=40,  # of 84 properties that random mutants of tabular broke, 82 fell in the first 11, all in these
    derandomize=True,  # the same cases on every machine; found counterexamples stay as @example
    print_blob=True,
    phases=set(Phase) - {Phase.explain},  # which lines failures share is found by tracing, several times as slow
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("condeq")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real data sets, or a skip that says how to have it."""
    directory = os.environ.get("CONDEQ_DATA")
    if not directory or not Path(directory).is_dir():
        pytest.skip("no real data: set CONDEQ_DATA to the directory that holds it")
    return Path(directory).resolve()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """``once(name, make)``: the place that ``make(place)`` filled, for the first process of the run that asked."""
    from filelock import FileLock

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def filled(name, make):
        place, done = shared / name, shared / f"{name}.done"
        with FileLock(str(shared / f"{name}.lock")):
            if not done.exists():
                make(place)
                done.touch()
        return place

    return filled


@pytest.fixture(scope="session")
def compiled_proofs(once) -> Path:
    """The proofs for Coq, compiled from nothing, or a skip that says what stands."""
    from proofs_checks.formal import check, record

    if not check.available():
        pytest.skip(record.said())
    return once("formal", check.compile_all)


@pytest.fixture(scope="session")
def drawn(once) -> Path:
    """The folder of every figure with its table and caption, some of them small."""
    from tests.every_figure import save_all

    return once("drawn", save_all)


@pytest.fixture(scope="session")
def built(once) -> tuple[Path, Path]:
    """``(wheel, source distribution)`` of the working tree."""
    from tests.wheel import build

    place = once("built", build)
    return next(place.glob("*.whl")), next(place.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def verdicts(once) -> dict:
    """{id: result} of every statement, verified by two processes at a time; all but the statements is handed around."""
    from proofs_checks import statements, verify
    from proofs_checks.kernel.verdict import Result

    def verified(place):
        found = [
            (each.statement.id, (each.file, each.outcomes, each.seconds, each.known)) for each in verify(processes=2)
        ]
        place.write_bytes(pickle.dumps(found))

    known = statements()
    return {name: Result(known[name][0], *rest) for name, rest in pickle.loads(once("verdicts", verified).read_bytes())}


#: the files that take longest, longest first: the last file that a process begins keeps the others waiting
LONGEST = (
    "proofs_checks/test_verify",
    "docs/test_site_in_browser",
    "demos/test_demo_in_browser",
    "condeq/test_browser",
    "figures/test_save",
    "test_packaging",
    "condeq/test_workers",
    "tabular/losses/test_solve",
    "test_types",
    "proofs_checks/test_conjectures",
    "tabular/test_sweep",
    "tabular/failures/test_frontier",
    "tabular/failures/test_any_loss",
    "demos/test_demos",
    "condeq/test_report",
    "condeq/test_cli",
    "tabular/failures/test_decided",
    "tabular/test_testing",
    "figures/test_own_problem",
    "proofs_checks/test_false_words",
    "tabular/choice/test_axioms",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "compiled_proofs" in item.fixturenames:
            item.add_marker("coq")
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = {Path(__file__).parent / f"{name}.py": number for number, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_terminal_summary(terminalreporter, config):
    if config.option.markexpr == "not coq":
        from proofs_checks.formal import record

        terminalreporter.write_line(f"the proofs for Coq: {record.said()}")
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in skipped})
    terminalreporter.write_line(f"{len(skipped)} tests were skipped" if skipped else "no test was skipped")
    for reason in reasons:
        terminalreporter.write_line(f"  because: {reason}")
