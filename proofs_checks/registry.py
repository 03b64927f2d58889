"""The statements, found in the folders of their sources, and how to verify them."""

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed

import proofs_checks
from proofs_checks.kernel.statement import Result, Statement, run
from tabular.errors import InputError

#: The folders that are no source: what verdicts rest on, and the same statements for a proof assistant.
_NOT_SOURCES = {"kernel", "formal"}


@functools.cache
def modules() -> tuple[str, ...]:
    """The files in the sources' folders, found by walking them: sources by name, files by name."""
    walked = (info.name.split(".")[1:] for info in pkgutil.walk_packages(proofs_checks.__path__, "proofs_checks."))
    return tuple(sorted(".".join(path) for path in walked if len(path) == 2 and path[0] not in _NOT_SOURCES))


def statements() -> dict[str, tuple[Statement, str]]:
    """Every statement by its id, with the file that holds it; files without ``STATEMENTS`` help others.

    Raises:
        InputError: a file that cannot be imported, or an id that two files use, named.

    >>> statement, file = statements()["prop-5.1"]
    >>> statement.source
    'Yang et al. 2026, Proposition 5.1, as transcribed; the uniform error is ours'
    >>> file
    'proofs_checks/yang_2026/proposition_5_1.py'
    """
    found = {}
    for name in modules():
        file = f"proofs_checks/{name.replace('.', '/')}.py"
        for statement in getattr(_imported(name, file), "STATEMENTS", ()):
            if statement.id in found:
                raise InputError(f"the id {statement.id!r} stands in {found[statement.id][1]} and again in {file}")
            found[statement.id] = (statement, file)
    return found


def _imported(name, file):
    try:
        return importlib.import_module(f"proofs_checks.{name}")
    except Exception as problem:
        raise InputError(f"{file} cannot be read as statements: {type(problem).__name__}: {problem}") from problem


def close_names(name: str) -> list[str]:
    """The ids that look like a name nobody has, best first.

    >>> close_names("prop-3.5")[:1]
    ['prop-3.4']
    """
    known = list(statements())
    inside = [known_id for known_id in known if name and name.lower() in known_id]
    return list(dict.fromkeys(inside + difflib.get_close_matches(name.lower(), known, n=5, cutoff=0.5)))


def require(name: str) -> tuple[Statement, str]:
    """The statement of that id and its file, or one sentence that lists the close ones."""
    known = statements()
    if name not in known:
        close = close_names(name)
        hint = f"did you mean {', '.join(close)}?" if close else f"there are {len(known)}, from {next(iter(known))} on"
        raise InputError(f"there is no statement {name!r}: {hint}")
    return known[name]


def verify(
    names: list[str] | None = None, progress: Callable[[int, int, Result], None] | None = None, processes: int = 1
) -> list[Result]:
    """Run the checks of the named statements, or of all, in reading order.

    Args:
        progress: called as ``progress(done, total, result)`` whenever a statement is finished.
        processes: how many statements run at a time.

    Raises:
        InputError: an unknown name, with the close ones.

    >>> [result.verdict.value for result in verify(["def-3.3"])]
    ['PROVED']
    """
    names = list(statements()) if names is None else list(names)
    for name in names:
        require(name)
    done = {}
    for result in _run_all(names, processes):
        done[result.statement.id] = result
        if progress is not None:
            progress(len(done), len(set(names)), result)
    return [done[name] for name in names]


def _run_all(names, processes):
    if processes == 1:
        yield from map(_run_one, names)
        return
    with ProcessPoolExecutor(processes) as pool:
        jobs = {pool.submit(_run_elsewhere, name): name for name in names}
        for job in as_completed(jobs):
            yield Result(*require(jobs[job]), *job.result())


def _run_one(name):
    return run(*require(name))


def _run_elsewhere(name):
    """What can travel between processes: statements hold functions and stay behind."""
    result = _run_one(name)
    return result.outcomes, result.seconds
