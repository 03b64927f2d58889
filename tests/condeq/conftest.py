"""What the tests share: the command, and a report built once from a few real statements and a few figures."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import figures
import proofs_checks
from condeq import cli, report
from proofs_checks.text import as_dict

STATEMENTS = ["def-3.3", "prop-3.4", "prop-3.4-necessity"]
DRAWN = ("undesirable_region", "real_run")
VERIFY = proofs_checks.verify
NAMES = ("ref_chosen_logps", "ref_rejected_logps", "policy_chosen_logps", "policy_rejected_logps")


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


@pytest.fixture
def parts(tmp_path):
    """A directory of a log in three parts of unequal length."""
    rng = np.random.default_rng(0)
    (tmp_path / "parts").mkdir()
    for part, n in enumerate((70_000, 1, 3_000)):
        ref = -rng.gamma(4, 30, (2, n))
        policy = np.minimum(ref + rng.normal([[0], [-20]], 15, (2, n)), 0)
        pl.DataFrame(dict(zip(NAMES, [*ref, *policy], strict=True))).write_parquet(tmp_path / f"parts/{part}.parquet")
    return tmp_path / "parts"


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
