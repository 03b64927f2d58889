"""The statements, found in the folders of their sources, and how to verify them."""

import difflib
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import proofs_checks
from proofs_checks.kernel.statement import Statement
from proofs_checks.kernel.verdict import Result, run
from tabular.base import checks, outside
from tabular.errors import InputError

__all__ = ["close_names", "in_order", "modules", "of_source", "require", "statements", "title", "verify"]

#: The folders that are no source: what verdicts rest on, and the same statements for a proof assistant.
_NOT_SOURCES = {"kernel", "formal", "spaces"}


@functools.cache
def modules() -> tuple[str, ...]:
    """The files in the sources' folders, found by walking them: sources by name, files by name."""
    walked = (info.name.split(".")[1:] for info in pkgutil.walk_packages(proofs_checks.__path__, "proofs_checks."))
    return tuple(sorted(".".join(path) for path in walked if len(path) == 2 and path[0] not in _NOT_SOURCES))


def statements() -> dict[str, tuple[Statement, str]]:
    """Every statement by its id, with the file that holds it; files without ``STATEMENTS`` help others.

    Raises:
        InputError: a file that cannot be imported, an id that two files use, a statement that rests on one that nobody
            has, or on itself through others: each named.

    >>> statement, file = statements()["prop-5.1"]
    >>> statement.origin.value, file
    ('as transcribed', 'proofs_checks/yang_2026/proposition_5_1.py')
    """
    found = {}
    for name in modules():
        file = f"proofs_checks/{name.replace('.', '/')}.py"
        for statement in getattr(_imported(name, file), "STATEMENTS", ()):
            if statement.id in found:
                raise InputError(f"the id {statement.id!r} stands in {found[statement.id][1]} and again in {file}")
            found[statement.id] = (statement, file)
    for statement, place in _outside():
        if statement.id in found:
            raise InputError(f"the id {statement.id!r} stands in {found[statement.id][1]} and again in {place}")
        found[statement.id] = (statement, place)
    in_order(found, {name: statement.rests_on for name, (statement, _) in found.items()})
    for name, (statement, place) in found.items():
        if strange := [other for other in statement.instead if other not in found]:
            raise InputError(f"{place}: {name} names {strange[0]!r} as what holds instead, which no file has")
    return found


def _outside():
    """The statements of other packages: modules with ``STATEMENTS``, named by entry points of ``condeq.statements``."""
    for entry in outside.lent("condeq.statements"):
        listed = getattr(outside.loaded(entry), "STATEMENTS", None)
        if not isinstance(listed, tuple | list) or not all(isinstance(item, Statement) for item in listed):
            raise outside.broken(entry, "it names no module with STATEMENTS, a tuple of statements")
        yield from ((statement, f"{entry.module.split('.')[0]}/{entry.name}") for statement in listed)


def _imported(name, file):
    try:
        return importlib.import_module(f"proofs_checks.{name}")
    except Exception as problem:
        raise InputError(f"{file} cannot be read as statements: {type(problem).__name__}: {problem}") from problem


def in_order(names, rests_on: dict[str, tuple[str, ...]]) -> list[str]:
    """The names and all that they rest on, each after what it rests on.

    Raises:
        InputError: a name that rests on a statement that nobody has, or a circle.

    >>> in_order(["c"], {"a": (), "b": ("a",), "c": ("b", "a")})
    ['a', 'b', 'c']
    """
    needed, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed[name] = rests_on[name]
        for other in rests_on[name]:
            if other not in rests_on:
                raise InputError(f"the statement {name!r} rests on {other!r}, which there is not")
            waiting.append(other)
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as circle:
        raise InputError(f"these statements rest on one another in a circle: {' -> '.join(circle.args[1])}") from None


def of_source(source: str | None) -> list[str] | None:
    """The ids of one source's statements; None, all of them, where no source is named.

    Raises:
        InputError: a source that is no folder.

    >>> of_source("schulman_2020")
    ['kl-estimators-gradient', 'kl-k3-optimum']
    """
    if source is None:
        return None
    found = {name: file.split("/")[1] for name, (_, file) in statements().items()}
    chosen = [name for name, folder in found.items() if folder == source]
    if not chosen:
        raise InputError(f"there is no source {source!r}: one of {', '.join(dict.fromkeys(found.values()))}")
    return chosen


def title(folder: str) -> str:
    """What a source's folder is called in headings: its own TITLE; of a package that lends statements, its name.

    Raises:
        InputError: no name at all.

    >>> title("chen_2024"), title("my_package")
    ('Chen et al. 2024, SPIN', 'My package')
    """
    if not isinstance(folder, str) or not folder.isidentifier():
        raise InputError(f"there is no source {checks.brief(folder)}: name a folder of statements, such as chen_2024")
    if importlib.util.find_spec(f"proofs_checks.{folder}") is None:
        return folder.replace("_", " ").capitalize()
    return importlib.import_module(f"proofs_checks.{folder}").TITLE


def close_names(name: str) -> list[str]:
    """The ids that look like a name nobody has, best first.

    >>> close_names("prop-3.5")[:1]
    ['prop-3.4']
    """
    if not isinstance(name, str):
        return []
    known = list(statements())
    inside = [known_id for known_id in known if name and name.lower() in known_id]
    return list(dict.fromkeys(inside + difflib.get_close_matches(name.lower(), known, n=5, cutoff=0.5)))


def require(name: str) -> tuple[Statement, str]:
    """The statement of that id and its file, or one sentence that lists the close ones."""
    known = statements()
    if not isinstance(name, str) or name not in known:
        close = close_names(name)
        hint = f"did you mean {', '.join(close)}?" if close else f"there are {len(known)}, from {next(iter(known))} on"
        raise InputError(f"there is no statement {checks.brief(name)}: {hint}")
    return known[name]


def verify(
    names: list[str] | None = None,
    progress: Callable[[int, int, Result], None] | None = None,
    processes: int = 1,
    executor: Executor | None = None,
) -> list[Result]:
    """Run the checks of the named statements, or of all, and of those they rest on; results in the order asked for.

    Args:
        progress: called as ``progress(done, total, result)`` whenever a statement is finished.
        processes: how many statements run at a time.
        executor: who runs them instead, by the interface of :mod:`concurrent.futures`; the results are the same.

    Raises:
        InputError: an unknown name, with the close ones.

    >>> [result.verdict.value for result in verify(["def-3.3"])]
    ['PROVED']
    """
    known = statements()
    if not isinstance(names, list | tuple | None):
        raise InputError(f"names is {checks.brief(names)}: give a list of ids, or None for all")
    checks.executor(executor)
    names = list(known) if names is None else list(names)
    for name in names:
        require(name)
    order = in_order(names, {name: statement.rests_on for name, (statement, _) in known.items()})
    done = {}
    for name, outcomes, seconds in _run_all(order, processes, executor):
        done[name] = Result(*known[name], outcomes, seconds, {})
        if progress is not None:
            progress(len(done), len(order), done[name])
    for name in order:
        lent = {other: done[other].verdict for other in done[name].statement.rests_on}
        done[name] = replace(done[name], known=lent)
    return [done[name] for name in names]


def _run_all(names, processes, executor):
    if executor is None and processes == 1:
        yield from map(_run_one, names)
        return
    with nullcontext(executor) if executor is not None else ProcessPoolExecutor(processes) as pool:
        for job in as_completed([pool.submit(_run_one, name) for name in names]):
            yield job.result()


def _run_one(name):
    """What can travel between processes: statements hold functions and stay behind."""
    result = run(*require(name))
    return name, result.outcomes, result.seconds
