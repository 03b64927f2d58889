"""The lessons of the course: where they are, what they are called, as pages and notebooks for others to serve."""

import contextlib
import difflib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from tabular import InputError

__all__ = ["book", "export", "gallery", "lessons", "located", "marimo"]


def lessons() -> dict[str, Path]:
    """{name: notebook} in the order of the course; the name is the file's, without its number.

    >>> next(iter(lessons()))
    'rlhf_prefers_the_wrong_response'
    """
    return {path.stem[3:]: path for path in sorted(gallery().glob("[0-9][0-9]_*.py"))}


def gallery() -> Path:
    """The folder of all lessons, which marimo shows as a gallery."""
    return Path(str(resources.files("demos")))


def located(name: str | None) -> Path:
    """The notebook of a name or a number, or the folder of all.

    >>> located("2").name
    '02_loss_falls_policy_stays_wrong.py'

    Raises:
        InputError: a name that no lesson has, with the close ones.
    """
    known = lessons()
    if name is None:
        return gallery()
    numbered = {str(int(path.stem[:2])): path for path in known.values()}
    if name in numbered or name in known:
        return numbered.get(name) or known[name]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
    raise InputError(f"there is no lesson {name!r}: choose a number up to {len(known)}, or {', '.join(close or known)}")


class _Pages(http.server.SimpleHTTPRequestHandler):
    """The files of a folder, without a line in the terminal for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def book(place: str | None) -> Iterator[str]:
    """The address that the lessons link to: ``place`` itself, or that of a folder, served to this machine meanwhile.

    Without a place it is the book that ``make docs`` left here; without that there is no address, and no link.

    >>> with book("https://example.org/book") as address:
    ...     address
    'https://example.org/book'

    Raises:
        InputError: a place that is neither.
    """
    folder = Path(place) if place else gallery().parent / "build" / "docs" / "html"
    if not folder.is_dir():
        if place and "://" not in place:
            raise InputError(
                f"--book {place} is no folder here and no address such as https://...: make docs writes one"
            )
        yield place or ""
        return
    pages = functools.partial(_Pages, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def marimo(*arguments: str, book: str = "") -> subprocess.CompletedProcess:
    """Run marimo in this Python, for lessons that link to a book at this address.

    Raises:
        InputError: it is not installed.
    """
    try:
        import marimo as _  # noqa: F401
    except ImportError:
        raise InputError("the lessons need marimo: pip install 'conditional-equivalence[demo]'") from None
    command = [sys.executable, "-m", "marimo", "--log-level", "ERROR", *arguments]
    return subprocess.run(command, check=False, env=os.environ | {"CONDEQ_BOOK": book})


def export(chosen: list[Path], out: Path, book: str = "") -> list[Path]:
    """A page and a notebook (.ipynb) of each lesson in ``out``, linked to the book at this address.

    Raises:
        InputError: marimo is missing or could not export one.
    """
    written = []
    with tempfile.TemporaryDirectory() as folder:  # marimo keeps a session beside what it exports
        for path in chosen:
            copy = str(shutil.copy(path, folder))
            shutil.copy(path.with_name("lesson.css"), folder)
            for kind in ("html", "ipynb"):
                target = out / f"{path.stem}.{kind}"
                answer = marimo("export", kind, copy, "--output", str(target), "--force", "--no-sandbox", book=book)
                if answer.returncode:
                    raise InputError(f"{path.name} could not be exported as {kind}: marimo says why above")
                written.append(target)
    return written
