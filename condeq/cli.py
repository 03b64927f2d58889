"""The ``condeq`` command: every file of ``condeq/commands`` is one of its commands."""

import codecs
import importlib
import pkgutil
import sys
from typing import Annotated

import typer

import tabular
from condeq import commands, wording
from tabular import InputError

__all__ = ["app", "main", "options"]

app = typer.Typer(
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Exact tabular experiments on DPO, RLHF and CPO: verify statements, draw figures, audit a training log.",
)
for _, name, _ in pkgutil.iter_modules(commands.__path__):
    app.command(name)(getattr(importlib.import_module(f"{commands.__name__}.{name}"), name))


def _version(asked: bool) -> None:
    if asked:
        print(f"condeq {tabular.__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself; its help is that of the application."""


def main() -> None:
    """Run the command; bad input ends with one sentence and exit code 2."""
    codecs.register_error("spelled", wording.spelled)
    for stream in (sys.stdout, sys.stderr):  # a letter, a name of a file or response need not be in their encoding
        stream.reconfigure(errors="spelled")
    try:
        app()
    except InputError as error:
        print(f"condeq: {wording.in_command_words(str(error))}", file=sys.stderr)
        sys.exit(2)
