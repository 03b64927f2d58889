"""``condeq check``: the verdicts, of our statements and of a user's own."""

from pathlib import Path
from typing import Annotated

import typer

from condeq.options import AsJson
from condeq.terminal import console, print_json, writing
from tabular import InputError
from tabular.base import checks


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Statements, such as prop-3.4, or files of your own, such as mine.py; all by default."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Those of one source only, such as yang_2026.")] = None,
    verdict: Annotated[str | None, typer.Option(help="Show those of one verdict only, such as refuted.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Statements verified at a time.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Where to save the counterexamples to your own.")] = None,
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print theorem environments to paste into a paper.")] = False,
) -> None:
    """Verify the statements; exit 1 if a verdict is not the expected one. One name alone is explained at length.

    A file holds conjectures, made by proofs_checks.conjecture: each is refuted by a counterexample, or stands as far as
    a search and its own checks go; exit 1 if one does not stand.
    """
    from proofs_checks import Verdict
    from proofs_checks.__main__ import main as verify
    from proofs_checks.registry import of_source, require

    files = [name for name in names or [] if name.endswith(".py")]
    if names and source:
        raise InputError(f"--source {source} beside names: give names, or --source for all of one source")
    if files and (verdict or len(files) < len(names)):
        raise InputError(f"{files[0]} is a file of your own: check it without other statements, and without --verdict")
    if latex and (files or verdict):
        raise InputError("--latex prints statements of the registry: leave out --verdict, and files of your own")
    if out and not files:
        raise InputError("--out saves counterexamples to statements of your own: name a file that ends with .py")
    if files:
        raise typer.Exit(_own(files, out, as_json))
    for name in names or []:
        require(name)
    if verdict:
        checks.choice(verdict.upper().replace("-", "_").replace(" ", "_"), Verdict.__members__, "verdict")
    of_source(source)
    if latex:
        from condeq import theorem_latex

        raise typer.Exit(theorem_latex.print_theorems(names, source, jobs))
    wanted = [*(["--source", source] if source else []), *(["--verdict", verdict] if verdict else [])]
    raise typer.Exit(verify([*(names or []), *wanted, "--jobs", str(jobs), *(["--json"] if as_json else [])]))


def _own(files, out, as_json):
    from proofs_checks.registry import of_file

    standing, rows = ("PROVED", "CERTIFIED", "SUPPORTED"), []
    for own in [conjecture for file in files for conjecture in of_file(file)]:
        answer = own.check()
        rows.append({"id": own.statement.id, **answer.to_dict()})
        if not as_json:
            console.print(f"{own.statement.id}: {answer}", markup=False, soft_wrap=True)
            _counterexample(own.statement.id, answer.counterexample, out)
    if as_json:
        print_json(rows)
    return 0 if all(row["verdict"] in standing for row in rows) else 1


def _counterexample(name, found, out):
    if found is None:
        return
    texts = {"yaml": found.problem_file(), "tex": found.latex() + "\n"}
    for suffix, text in texts.items():
        if text is not None and out is None:
            console.print(text.rstrip(), markup=False, soft_wrap=True)
        elif text is not None:
            place = out / f"{name}.{suffix}"
            with writing(place):
                out.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            console.print(f"saved {place}", markup=False, soft_wrap=True)
