"""``condeq check``: the verdicts."""

from typing import Annotated

import typer

from condeq.options import AsJson


def check(
    names: Annotated[list[str] | None, typer.Argument(help="Statements, such as prop-3.4; all by default.")] = None,
    source: Annotated[str | None, typer.Option(help="Those of one source only, such as yang_2026.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Statements verified at a time.")] = 2,
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print theorem environments to paste into a paper.")] = False,
) -> None:
    """Verify the statements; exit 1 if a verdict is not the expected one. One name alone is explained at length."""
    from proofs_checks.__main__ import main as verify
    from proofs_checks.registry import require

    for name in names or []:
        require(name)

    if latex:
        from condeq import theorem_latex

        raise typer.Exit(theorem_latex.print_theorems(names, source, jobs))

    wanted = ["--source", source] if source else []
    raise typer.Exit(verify([*(names or []), *wanted, "--jobs", str(jobs), *(["--json"] if as_json else [])]))
