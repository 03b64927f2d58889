"""What every test shares: the Hypothesis profile, the real data's place, and the last lines about what was skipped."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "condeq",
    deadline=None,  # two shared cores: time says nothing about correctness
    derandomize=True,  # the same cases on every machine; found counterexamples stay as @example
    print_blob=True,
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
def compiled_proofs(tmp_path_factory) -> Path:
    """The proofs for Coq, compiled from nothing once for all processes of the run, or a skip that says what stands."""
    from filelock import FileLock

    from proofs_checks.formal import check, record

    if not check.available():
        pytest.skip(record.said())
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(str(shared / "formal.lock")):
        check.compile_all(shared / "formal")
    return shared / "formal"


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({report.longrepr[2].removeprefix("Skipped: ") for report in skipped})
    terminalreporter.write_line(f"{len(skipped)} tests were skipped" if skipped else "no test was skipped")
    for reason in reasons:
        terminalreporter.write_line(f"  because: {reason}")
