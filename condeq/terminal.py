"""What every command does with a terminal and with files: tables, JSON, progress, and places to write."""

import json
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tabular import InputError

console = Console()


def print_json(content, indent=2) -> None:
    print(as_text(content, indent))


def as_text(content, indent=2) -> str:
    try:
        return json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InputError("a result is beyond the floating-point numbers: give a less extreme beta or reward") from None


@contextmanager
def saved(content, path: Path):
    """Save as JSON before anything is shown, so that a place that cannot be written is said first."""
    text = as_text(content)
    with writing(path):
        path.write_text(f"{text}\n", encoding="utf-8")
    yield
    console.print(f"saved {path}", markup=False, soft_wrap=True)


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
