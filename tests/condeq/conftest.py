"""What the tests share: the command, and a report built once from a few real statements and a few figures."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import figures
import proofs_checks
from condeq import cli, report
from proofs_checks.text import as_dict

STATEMENTS = ["def-3.3", "prop-3.4", "prop-3.4-necessity"]
DRAWN = ("undesirable_region", "real_run")
VERIFY = proofs_checks.verify


@dataclass(frozen=True)
class Built:
    """The page's text, its results as plain dictionaries, and what ``build`` returned and told."""

    page: str
    results: list[dict]
    summary: report.Summary
    told: list[tuple[int, int, str]]
    directory: Path


def build_small(directory: Path) -> Built:
    """A report of few parts, by the same code that makes the whole one."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proofs_checks, "verify", lambda progress, processes: VERIFY(STATEMENTS, progress))
        patch.setattr(proofs_checks, "statements", lambda: STATEMENTS)
        patch.setattr(figures, "FIGURES", {name: figures.FIGURES[name] for name in DRAWN})
        summary = report.build(directory, lambda *step: told.append(step))
    results = [as_dict(result) for result in summary.results]
    return Built(summary.page.read_text(encoding="utf-8"), results, summary, told, directory)


@pytest.fixture(scope="session")
def small_report(tmp_path_factory) -> Built:
    """The small report, with the real run where its data is at hand; nothing is downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONDEQ_DATA", os.environ.get("CONDEQ_DATA") or str(tmp_path_factory.mktemp("empty")))
        return build_small(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def report_without_data(tmp_path_factory) -> Built:
    """The same where neither the data directory nor the network has the real run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONDEQ_DATA", str(tmp_path_factory.mktemp("empty")))
        return build_small(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def two_workers():
    """The address of a Dask scheduler with two worker processes, which cost a tenth of a core as long as they are."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def condeq(monkeypatch, capsys, tmp_path):
    """Run the command in an empty directory: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["condeq", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
        printed = capsys.readouterr()
        return ending.value.code or 0, printed.out, printed.err

    return run
