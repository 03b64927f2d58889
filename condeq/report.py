"""The report: every statement verified, every figure drawn, one self-contained page to read without the code."""

import base64
import json
import platform
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import figures
import proofs_checks
import tabular
from condeq import (
    pages,
    report_audit,
    report_failures,
    report_guarantees,
    report_headlines,
    report_losses,
    report_text,
    report_votes,
)
from condeq.examples import RUN
from figures import style
from proofs_checks.text import MEANINGS, as_dict, summary
from tabular import logs

__all__ = ["FORMATS", "PACKAGES", "Summary", "build"]

FORMATS = figures.FORMATS

PACKAGES = (
    "numpy",
    "scipy",
    "cvxpy",
    "clarabel",
    "python-flint",
    "sympy",
    "matplotlib",
    "Jinja2",
)


@dataclass(frozen=True)
class Summary:
    """What a build found: where the page is, the results, and one sentence for each missing part."""

    page: Path
    results: list[proofs_checks.Result]
    missing: list[str]


def build(out: str | Path, progress: Callable[[int, int, str], None] | None = None) -> Summary:
    """Verify every statement, draw every figure, audit the real run, and write ``out/index.html``.

    Beside the page: ``figures/`` with the images and their tables, ``verdicts.json``. Everything but the page's last
    line, the time it took, is the same bytes each time.

    Args:
        out: a directory, made if need be.
        progress: called as ``progress(done, total, what)``.

    A part whose real data is neither stored nor reachable is left out and its place says why; any other exception is
    a bug and surfaces.
    """
    start = time.perf_counter()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda done, total, what: None)
    n_statements = len(proofs_checks.statements())
    total = n_statements + len(figures.FIGURES) + 2
    verified = proofs_checks.verify(progress=lambda n, _, r: tell(n, total, r.statement.title), processes=2)
    results = [as_dict(result) for result in verified]
    missing = {}
    drawn = {}
    for done, name in enumerate(figures.FIGURES, start=n_statements):
        tell(done, total, f"figure {name}")
        drawn[name] = _unless_missing(missing, f"figure {name}", figures.save, name, out / "figures", FORMATS)
    tell(total - 2, total, "failure lists")
    examples = report_failures.examples()
    tell(total - 1, total, "real data")
    sections = {
        "examples": examples,
        "guarantees": report_guarantees.small(),
        "real_guarantees": _unless_missing(missing, "guarantees", report_guarantees.real),
        "votes": _unless_missing(missing, "votes", report_votes.section),
        "audit": _unless_missing(missing, "audit", report_audit.section, RUN),
        "tally": summary(verified).splitlines()[1:],
    }
    _write_verdicts(out / "verdicts.json", results)
    page = _page(results, drawn, sections, missing, time.perf_counter() - start)
    (out / "index.html").write_text(page, encoding="utf-8")
    tell(total, total, "report")
    return Summary(out / "index.html", verified, [f"{part}: {why}" for part, why in missing.items()])


def _unless_missing(missing, part, make, *args):
    """The part, or None with the reason noted."""
    try:
        return make(*args)
    except logs.DataUnavailable as why:
        missing[part] = f"{why}."
        return None


def _write_verdicts(path, results):
    """The results as JSON without their times."""
    timeless = [{key: value for key, value in result.items() if key != "seconds"} for result in results]
    path.write_text(json.dumps(timeless, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _page(results, drawn, sections, missing, seconds):
    results = [result | {"folder": result["file"].split("/")[1]} for result in results]
    controls = [control for result in results for check in result["checks"] for control in check["controls"]]
    count = Counter(result["verdict"] for result in results)
    slowest = max(results, key=lambda result: result["seconds"])
    undecided = ("UNDECIDED", "NOT CHECKABLE HERE")
    return (
        _environment([result["id"] for result in results])
        .get_template("report.html.j2")
        .render(
            results=results,
            filters=_filters(results),
            verdicts={verdict: count[verdict] for verdict in MEANINGS if count[verdict]},
            meaning=MEANINGS,
            headlines=report_headlines.headlines(results),
            not_holding=[result for result in results if result["verdict"] in ("REFUTED", "VACUOUS")],
            n_decided=sum(result["verdict"] not in undecided for result in results),
            as_expected=sum(result["as_expected"] for result in results),
            n_checks=sum(len(result["checks"]) for result in results),
            n_controls=len(controls),
            n_controls_refused=sum(control["failed_as_it_should"] for control in controls),
            figures=[
                (name, figures.module(name).TITLE, figure, _data_uri(figure), _columns(figure))
                for name, figure in drawn.items()
            ],
            formats=FORMATS,
            guarantee_columns=report_guarantees.COLUMNS,
            loss_map=report_losses.section(results),
            missing_parts=missing,
            **sections,
            versions=_versions(),
            seconds={"total": f"{seconds:.0f}", "slowest": slowest["title"], "statements": f"{slowest['seconds']:.1f}"},
        )
    )


def _filters(results):
    """What the table can be narrowed to: (value, words) of each verdict, source and origin, with their counts."""
    found = {}
    for key, of in (("verdict", "verdict"), ("source", "folder"), ("origin", "origin")):
        count = Counter(result[of] for result in results)
        slug = report_text.slug if of != "folder" else str
        found[key] = [(slug(value), f"{value} ({count[value]})") for value in sorted(count)]
    return found


def _environment(ids):
    environment = pages.environment()
    plain = (report_text.slug, report_text.number, report_text.plain, report_text.math, report_text.count)
    environment.filters |= {part.__name__: part for part in plain}
    environment.filters["finding"] = lambda text: report_text.linked(report_text.math(text), ids)
    return environment


def _data_uri(figure):
    """The SVG inside the page: nothing is fetched."""
    if figure is None:
        return None
    return "data:image/svg+xml;base64," + base64.b64encode(figure.paths["svg"].read_bytes()).decode()


def _columns(figure):
    """How many text columns wide the figure was made, from the width of its SVG."""
    if figure is None:
        return None
    points = float(re.search(r'width="([\d.]+)pt"', figure.paths["svg"].read_text(encoding="utf-8"))[1])
    return round(points / 72 / style.ONE_COLUMN)


def _versions():
    """Ours as the code itself says it: what an installer noted may be older than an editable clone."""
    found = {"Python": platform.python_version(), "conditional-equivalence": tabular.__version__}
    return found | {package: version(package) for package in PACKAGES}
