"""A user's own file: its conjectures, found by their names here and in the processes that search for them."""

import importlib.util
from collections import Counter
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType

from proofs_checks.conjectures import Conjecture
from proofs_checks.kernel.search import Batch
from proofs_checks.kernel.statement import Statement
from tabular.base import checks
from tabular.errors import InputError

__all__ = ["batch", "of_file"]


def of_file(path: str | Path) -> list[Conjecture]:
    """The conjectures of a file of one's own, in its order; its ``STATEMENTS`` among them.

    Raises:
        InputError: a file that is not there, cannot be run, holds none, or two of one name.
    """
    path = checks.path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}: name a Python file that holds conjectures")
    content = path.read_bytes()
    return [
        replace(one, elsewhere=partial(batch, str(path), content, one.statement.id))
        for one in _conjectures(str(path), content)
    ]


def batch(path: str, content: bytes, name: str, number: int) -> Batch:
    """One batch of the search for a conjecture that is known by its file's content and its name.

    The content travels and no function does: a worker need not see the file, and runs what was read, not what the file
    holds by then.
    """
    found = {one.statement.id: one for one in _conjectures(path, content)}
    return found[name].batch(number)


@lru_cache(maxsize=8)
def _conjectures(path, content):
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    try:
        exec(compile(importlib.util.decode_source(content), path, "exec"), vars(module))
    except Exception as problem:
        raise InputError(f"{path} cannot be read as statements: {type(problem).__name__}: {problem}") from problem
    named = (item for item in vars(module).values() if isinstance(item, Conjecture))
    once = {id(item): item for item in (*getattr(module, "STATEMENTS", ()), *named)}
    found = tuple(Conjecture(item) if isinstance(item, Statement) else item for item in once.values())
    if not found:
        raise InputError(f"{path} holds no conjecture: give a name to what proofs_checks.conjecture(...) makes")
    name, times = Counter(one.statement.id for one in found).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path} holds {times} conjectures named {name!r}: give each a name of its own")
    return found
