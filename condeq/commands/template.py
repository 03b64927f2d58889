"""``condeq template``: a problem file to start from."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from condeq.terminal import as_text, console, writing
from tabular import InputError

__all__ = ["template"]


def template(
    out: Annotated[Path | None, typer.Option(help="A file to save it in, such as mine.yaml; printed without.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="The format as a JSON schema for editors instead.")] = False,
) -> None:
    """A commented problem file to start from, or the schema that editors check one by."""
    from condeq import problem_schema

    if schema:
        text = f"{as_text(problem_schema.schema())}\n"
    else:
        text = (resources.files("condeq") / "templates" / "problem.yaml").read_text(encoding="utf-8")
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise InputError(f"{out} is there already and would be lost: name another place with --out")
    with writing(out):
        out.write_text(text, encoding="utf-8")
    console.print(f"saved {out}", soft_wrap=True)
