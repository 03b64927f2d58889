"""``condeq check``: the verdicts, of our statements and of a user's own."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion
from condeq.options import AsJson
from tabular import InputError
from tabular.base import checks

__all__ = ["check"]


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Statements, such as prop-3.4, or files of your own, such as mine.py; all by default.",
            autocompletion=completion.statements,
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Those of one source only, such as yang_2026.")] = None,
    verdict: Annotated[str | None, typer.Option(help="Show those of one verdict only, such as refuted.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes: 2 for statements by default, 1 for what searches a file of your own."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers do it instead.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to save the counterexamples to your own.")] = None,
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print theorem environments to paste into a paper.")] = False,
) -> None:
    """Verify the statements; exit 1 if a verdict is not the expected one. One name alone is explained at length.

    A file holds conjectures, made by proofs_checks.conjecture: each is refuted by a counterexample, or stands as far as
    a search and its own checks go; exit 1 if one does not stand.
    """
    from condeq.sweeps import AGAIN, workers
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
        from condeq import own_statements

        raise typer.Exit(own_statements.check(files, out, as_json, jobs or 1, cluster))
    for name in names or []:
        require(name)
    if verdict:
        checks.choice(verdict.upper().replace("-", "_").replace(" ", "_"), Verdict.__members__, "verdict")
    of_source(source)
    wanted = [*(["--source", source] if source else []), *(["--verdict", verdict] if verdict else [])]
    with workers(1, cluster, AGAIN) as executor:
        if latex:
            from condeq import theorem_latex

            raise typer.Exit(theorem_latex.print_theorems(names, source, jobs or 2, executor))
        arguments = [*(names or []), *wanted, "--jobs", str(jobs or 2), *(["--json"] if as_json else [])]
        raise typer.Exit(verify(arguments, executor))
