"""Statements and results in words: the table, the long explanation of one statement, THEOREMS.md."""

import textwrap
from collections import Counter
from itertools import groupby

from proofs_checks.formal import record
from proofs_checks.kernel.evidence import Quantifier
from proofs_checks.kernel.statement import Verdict
from proofs_checks.kernel.verdict import Result
from proofs_checks.registry import require, verify
from tabular.base import checks
from tabular.errors import InputError

__all__ = [
    "MEANINGS",
    "as_dict",
    "carrier",
    "explain",
    "markdown_of",
    "slowest",
    "summary",
    "table_rows",
    "theorems_markdown",
]

#: What each verdict means: the same words on the command line, in THEOREMS.md and on the report page.
MEANINGS = {
    "PROVED": "for all values; each part by identities and signs that a machine checks, by an argument in words that "
    "joins such steps, or by words alone, and which of these is printed with it",
    "CERTIFIED": "rigorously in exact or interval arithmetic, on the stated box, list or instance",
    "SUPPORTED": "by a search among instances that meet the hypotheses, which found no violation",
    "REFUTED": "by a witness in exact or interval arithmetic, or by a proof of the contrary",
    "VACUOUS": "nothing meets the hypotheses",
    "UNDECIDED": "a check failed, was not run, or let a wrong version pass",
    "NOT CHECKABLE HERE": "needs data or training that this toolkit does not have",
}


def table_rows(results: list[Result]) -> list[tuple[str, str, str, str]]:
    """``(id, title, verdict, note)`` of each result; the note is empty when all is as expected.

    >>> table_rows(verify(["def-3.3"]))
    [('def-3.3', 'When the undesirable set U is non-empty', 'PROVED', '')]
    """
    return [(r.statement.id, r.statement.title, r.verdict.value, _note(r)) for r in _checked(results)]


def _checked(results):
    if not isinstance(results, list | tuple) or not all(isinstance(result, Result) for result in results):
        raise InputError(f"results is {checks.brief(results)}: give a list of results, as verify() returns it")
    return results


def _note(result):
    if not result.as_expected:
        unsure = [o for o in result.outcomes if not o.decided or not o.sound]
        return f"expected {result.statement.expected.value}" + (f"; {unsure[0].name}" if unsure else "")
    return result.statement.out_of_reach


def summary(results: list[Result]) -> str:
    """How many statements have which verdict, whose words they are in, what carries the proofs.

    >>> print(summary(verify(["prop-3.4"])))  # doctest: +ELLIPSIS
    1 statement: 1 PROVED; every verdict is the expected one
    In a paper's own words 1: 1 PROVED
    Checked by the kernel of Coq ..., not re-checked here: in full 1, in part 0, not 0
    PROVED by the machine alone 0, by the machine and an argument in words 1, by words alone in some part 0
    """
    off = [result.statement.id for result in _checked(results) if not result.as_expected]
    ending = f"; not as expected: {', '.join(off)}" if off else "; every verdict is the expected one"
    lines = [f"{len(results)} statement{'s' * (len(results) != 1)}: {_counted(results)}{ending}"]
    papers = [result for result in results if result.statement.origin.is_the_papers]
    if papers:
        lines.append(f"In a paper's own words {len(papers)}: {_counted(papers)}")
    carriers = Counter(carrier(result) for result in results if result.verdict is Verdict.PROVED)
    checked = [record.kernel(result.statement.id).split(":")[0] for result in results]
    in_full = len(checked) - checked.count("part") - checked.count("no")
    lines.append(
        f"{record.said().replace('checked', 'Checked', 1)}: in full {in_full}, in part {checked.count('part')}, not "
        f"{checked.count('no')}"
    )
    if carriers:
        shown = ("the machine alone", "the machine and an argument in words", "words alone in some part")
        lines.append("PROVED " + ", ".join(f"by {by} {carriers[by]}" for by in shown))
    return "\n".join(lines)


def _counted(results):
    counts = Counter(result.verdict.value for result in results)
    return ", ".join(f"{counts[name]} {name}" for name in MEANINGS if counts[name])


def carrier(result: Result) -> str:
    """What carries a proof: the weakest of its parts, said so that nothing adds machine and words up silently."""
    by = {carried.by for carried in result.carried}
    if "words" in by:
        return "words alone in some part"
    return "the machine and an argument in words" if "the machine and words" in by else "the machine alone"


def slowest(results: list[Result], count: int = 5) -> list[tuple[str, float]]:
    """The statements that took longest, in seconds.

    >>> [name for name, seconds in slowest(verify(["def-3.3"]))]
    ['def-3.3']
    """
    ordered = sorted(_checked(results), key=lambda result: -result.seconds)
    return [(result.statement.id, result.seconds) for result in ordered[:count]]


def explain(name: str, result: Result | None = None) -> str:
    """One statement at length: what it says, what carries it, the witness, what to conclude.

    Raises:
        InputError: an unknown name, with the close ones.

    >>> print(explain("def-3.3").splitlines()[0])
    def-3.3: When the undesirable set U is non-empty
    """
    require(name)
    known = as_dict(result or verify([name])[0])
    lines = [f"{known['id']}: {known['title']}", ""]
    lines.append(_entry("Verdict", f"{known['verdict']} ({MEANINGS[known['verdict']]})"))
    lines += [_entry(key.capitalize(), known[key]) for key in ("source", "origin", "file", "policies", "hypotheses")]
    lines.append(_entry("Claim", known["statement"]))
    if known["form"] != "executable":
        lines.append(_entry("Form", f"in words only: {known['form']}"))
    lines += _parts_lines(known)
    lines += _kernel_lines(known)
    lines += ["", "Checks"] if known["checks"] else []
    for check in known["checks"]:
        lines += _check_lines(check)
    lines += ["", _entry("Conclusion", known["conclusion"])]
    if known["instead"]:
        lines.append(_entry("Instead", ", ".join(known["instead"])))
    if not known["as_expected"]:
        lines.append(f"This is not the expected verdict, which is {known['expected']}.")
    return "\n".join(lines)


def _parts_lines(known):
    if known["out_of_reach"]:
        yield _entry("Out of reach", known["out_of_reach"])
    if known["parts"]:
        yield ""
        yield f"What proves {known['settles']}"
    for part in known["parts"]:
        yield f"  {part['part']}: {part['verdict']}, carried by {part['carried_by']}"
        if part["argument"]:
            yield textwrap.indent(_filled(part["argument"]), "      ")
    if known["rests_on"]:
        yield f"  rests on {', '.join(known['rests_on'])}"


def _kernel_lines(known):
    """What the Coq kernel checked of it, as it prints the claim."""
    if not known["kernel_claim"]:
        return
    yield ""
    yield f"Kernel: {known['kernel']} ({known['kernel_shown']}; {record.said()})"
    yield textwrap.indent(known["kernel_claim"], "      ")


def as_dict(result: Result) -> dict:
    """The result as plain JSON, with what the Coq kernel checked of the statement.

    >>> as_dict(verify(["def-3.3"])[0])["kernel"]
    'full'
    """
    name = result.statement.id
    found = record.record()["claims"].get(name, {"shown": ""})
    kernel = {"kernel": record.kernel(name), "kernel_shown": found["shown"], "kernel_claim": record.printed(name)}
    return {**result.to_dict(), **kernel}


def _entry(label, text):
    return textwrap.fill(text, 100, initial_indent=f"{label:<13}", subsequent_indent=" " * 13, break_on_hyphens=False)


def _filled(text):
    return textwrap.fill(" ".join(text.split()), 94, break_on_hyphens=False)


def _check_lines(check):
    state = {True: "passed", False: "FAILED", None: "undecided"}[check["passed"]]
    role = f"carries “{check['carries']}”" if check["carries"] else "corroborates"
    if check["quantifier"] == Quantifier.SEARCH.value:
        role = "of hypotheses and claim as they are printed"
        state = "VIOLATED" if check["passed"] is False else state
    yield f"  [{state}] {check['name']} ({check['quantifier']}; {role})"
    if check["domain"]:
        yield f"      where {check['domain']}"
    yield f"      {check['summary']}"
    if check["residual"] is not None:
        yield f"      residual or margin {check['residual']:.3g}"
    if check["witness"]:
        yield f"      witness: {check['witness']}"
    for control in check["controls"]:
        fate = "fails, as it should" if control["failed_as_it_should"] else "DOES NOT FAIL"
        yield f"      wrong version, {control['name']}: {fate}"


def theorems_markdown(results: list[Result] | None = None) -> str:
    """THEOREMS.md: by source, a table of the verdicts and the words of each statement; no times, so reproducible.

    >>> print(theorems_markdown(verify(["def-3.3-loss"])).splitlines()[-2])
    ⊢ sp(−β·(δ − δ_ref)) < log(2)
    """
    return markdown_of(verify() if results is None else results)


def markdown_of(results: list[Result]) -> str:
    """The same of given results."""
    lines = [
        "# Theorems",
        "",
        "Generated by `python -m proofs_checks --write THEOREMS.md`; a test keeps it current. Numbers of Yang et al.",
        "(arXiv 2605.20834) are as transcribed by readers. `condeq check ID` explains one statement at length:",
        "hypotheses, claim, what carries each part, witnesses, the wrong versions that were refused.",
        "",
        *(f"- {line}" for line in summary(results).splitlines()),
        "",
        *(f"- **{name}**: {MEANINGS[name]}." for name in MEANINGS if any(r.verdict.value == name for r in results)),
    ]
    for folder, group in groupby(results, key=lambda result: result.file.split("/")[1]):
        together = list(group)
        lines += ["", f"## {folder}", "", "| id | statement | origin | verdict | Coq |", "|---|---|---|---|---|"]
        lines += [_row(result) for result in together]
        for result in together:
            lines += ["", *_in_words(result)]
    return "\n".join(lines) + "\n"


def _row(result):
    statement, verdict = result.statement, result.verdict.value
    if result.verdict is Verdict.PROVED:
        verdict += f", {carrier(result)}"
    name, kernel = f"[{statement.id}](#{_anchor(statement.id)})", record.kernel(statement.id)
    return "| " + " | ".join(map(_cell, (name, statement.title, statement.origin.value, verdict, kernel))) + " |"


def _anchor(name):
    """The anchor that renderers of Markdown make of a heading: lower case, letters, digits, hyphens, underscores."""
    return "".join(c for c in name.lower() if c.isalnum() or c in "-_")


def _in_words(result):
    """Hypotheses and claim as they are printed, in a block of their own: nothing of them is taken for Markdown."""
    statement = result.statement
    yield f"### {statement.id}"
    yield ""
    yield f"[{result.file}]({result.file})"
    yield ""
    yield "```text"
    for mark, text in (("", statement.hypotheses), ("⊢ ", statement.claim)):
        yield textwrap.fill(
            " ".join(text.split()), 100, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
        )
    yield "```"


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
