"""The ``condeq`` command: every file of ``condeq/commands`` is one of its commands."""

import importlib
import pkgutil
import sys

import typer

from condeq import commands
from tabular import InputError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Exact tabular experiments on DPO, RLHF and CPO: verify statements, draw figures, audit a training log.",
)
for _, name, _ in pkgutil.iter_modules(commands.__path__):
    app.command(name)(getattr(importlib.import_module(f"{commands.__name__}.{name}"), name))


def main() -> None:
    """Run the command; bad input ends with one sentence and exit code 2."""
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files and responses need not be in its encoding
    try:
        app()
    except InputError as error:
        print(f"condeq: {error}", file=sys.stderr)
        sys.exit(2)
