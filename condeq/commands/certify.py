"""``condeq certify``: the results of one problem as a file for Coq."""

from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, examples
from condeq.options import PROBLEM
from condeq.terminal import console, writing

__all__ = ["certify"]


def certify(
    file: Annotated[Path, typer.Argument(help=PROBLEM, autocompletion=completion.problems)],
    margin: Annotated[float, typer.Option(help="The margin m of the hard constraint pi_w >= e^m pi_l.")] = 0.0,
    out: Annotated[
        Path | None, typer.Option(help="A file to save it in, such as certificate.v; printed without.")
    ] = None,
) -> None:
    """Write the results of a small problem as theorems with proofs, for Coq to check without trusting this program."""
    from condeq import certificate, problem_file

    source = problem_file.read(examples.located(file, examples.PROBLEMS))
    text = certificate.certificate(source, "certificate.v" if out is None else out.name, margin)
    if out is None:
        print(text)
        return
    with writing(out):
        out.write_text(text, encoding="utf-8")
    console.print(f"saved {out}; its first lines say how to check it", markup=False, soft_wrap=True)
