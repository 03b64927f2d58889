"""The lessons of the course: where they are, what they are called, as pages and notebooks for others to serve."""

import difflib
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from tabular import InputError


def lessons() -> dict[str, Path]:
    """{name: notebook} in the order of the course; the name is the file's, without its number.

    >>> next(iter(lessons()))
    'rlhf_prefers_the_wrong_response'
    """
    folder = Path(str(resources.files("demos")))
    return {path.stem[3:]: path for path in sorted(folder.glob("[0-9][0-9]_*.py"))}


def located(name: str | None) -> Path:
    """The notebook of a name or a number, or the folder of all.

    >>> located("2").name
    '02_loss_falls_policy_stays_wrong.py'

    Raises:
        InputError: a name that no lesson has, with the close ones.
    """
    known = lessons()
    if name is None:
        return next(iter(known.values())).parent
    numbered = {str(int(path.stem[:2])): path for path in known.values()}
    if name in numbered or name in known:
        return numbered.get(name) or known[name]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
    raise InputError(f"there is no lesson {name!r}: choose a number up to {len(known)}, or {', '.join(close or known)}")


def marimo(*arguments: str) -> subprocess.CompletedProcess:
    """Run marimo in this Python.

    Raises:
        InputError: it is not installed.
    """
    try:
        import marimo as _  # noqa: F401
    except ImportError:
        raise InputError("the lessons need marimo: pip install 'conditional-equivalence[demo]'") from None
    return subprocess.run([sys.executable, "-m", "marimo", "--log-level", "ERROR", *arguments], check=False)


def export(chosen: list[Path], out: Path) -> list[Path]:
    """A page and a notebook (.ipynb) of each lesson in ``out``.

    Raises:
        InputError: marimo is missing or could not export one.
    """
    written = []
    with tempfile.TemporaryDirectory() as folder:  # marimo keeps a session beside what it exports
        for path in chosen:
            copy = shutil.copy(path, folder)
            for kind in ("html", "ipynb"):
                target = out / f"{path.stem}.{kind}"
                answer = marimo("export", kind, str(copy), "--output", str(target), "--force", "--no-sandbox")
                if answer.returncode:
                    raise InputError(f"{path.name} could not be exported as {kind}: marimo says why above")
                written.append(target)
    return written
