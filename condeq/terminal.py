"""What every command does with a terminal and with files: tables, JSON, progress, and places to write."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tabular import InputError
from tabular.base.plain import in_unicode

__all__ = ["BEYOND", "Screen", "as_text", "console", "print_json", "progress", "saved", "writing"]

BEYOND = "a result is beyond the floating-point numbers: give a less extreme beta or reward"
#: columns of a line that is read by another program: one line an item, however long
_ENDLESS = 100_000


class Screen:
    """Standard output: fitted to a terminal, one line an item when piped; an address is never broken."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return sys.stdout.isatty()

    def print(self, part, markup=False, soft_wrap=False) -> None:
        """Print a table, a sentence, or a line of an item."""
        piped = not self.is_terminal and "COLUMNS" not in os.environ
        whole = soft_wrap or "://" in getattr(part, "plain", "")
        Console(width=_ENDLESS if piped else None).print(part, markup=markup, soft_wrap=whole)


console = Screen()


def print_json(content, indent=2) -> None:
    """Print JSON; where the output's encoding is not Unicode, what it has no letter for is escaped as JSON has it."""
    print(as_text(content, indent, escaped=not in_unicode(sys.stdout)))


def as_text(content, indent=2, escaped=False) -> str:
    try:
        return json.dumps(content, indent=indent, ensure_ascii=escaped, allow_nan=False)
    except ValueError:
        raise InputError(BEYOND) from None


@contextmanager
def saved(content, path: Path | None):
    """Save as JSON, if a place is named, before anything is shown: one that cannot be written is said first."""
    text = as_text(content)
    if path is not None:
        with writing(path):
            path.write_text(f"{text}\n", encoding="utf-8")
    yield
    if path is not None:
        console.print(f"saved {path}", soft_wrap=True)


@contextmanager
def writing(place: Path, option="--out"):
    """Say in one sentence that a place cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{place} cannot be written ({error.strerror}): name another place with {option}") from None


@contextmanager
def progress():
    """A progress bar on standard error; what it yields is called with (done, total, what is under way)."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
