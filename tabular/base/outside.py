"""What other packages lend by entry points: statements, losses and figures, by the groups ``condeq.<what>``."""

import functools
import sys
from collections.abc import Collection
from importlib.metadata import EntryPoint
from typing import Any

from tabular.errors import InputError

__all__ = ["broken", "by_name", "lent", "loaded", "said"]


def lent(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, in the order of the path; nothing is loaded for them.

    >>> lent("condeq.nothing")
    ()
    """
    return _lent(group, tuple(sys.path))


@functools.cache
def _lent(group, path):
    from importlib.metadata import entry_points  # 60 ms that a library without a plugin need not wait for

    return tuple(entry_points(group=group))


def by_name(group: str, ours: Collection[str]) -> dict[str, EntryPoint]:
    """The entry points of a group whose names are what they lend.

    Raises:
        InputError: a name that is one of ours, or that two of them use.
    """
    found = {}
    for entry in lent(group):
        if entry.name in ours or entry.name in found:
            other = said(found[entry.name]) if entry.name in found else "this toolkit"
            raise InputError(f"{said(entry)} has the name of one of {other}: rename it, or uninstall its package")
        found[entry.name] = entry
    return found


def loaded(entry: EntryPoint) -> Any:
    """What an entry point names.

    Raises:
        InputError: whatever keeps it from being imported, with its name.
    """
    try:
        return entry.load()
    except Exception as problem:
        raise broken(entry, f"{type(problem).__name__}: {problem}") from None


def broken(entry: EntryPoint, why: str) -> InputError:
    """The sentence that names a plugin and what is wrong with it."""
    return InputError(f"{said(entry)} cannot be used: {why}: mend it, or uninstall its package")


def said(entry: EntryPoint) -> str:
    """A plugin in words: its name, its package, its group and what it names there.

    >>> said(EntryPoint("mild", "mine.losses:mild", "condeq.losses"))
    'the plugin mild (condeq.losses, mine.losses:mild)'
    """
    package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist is not None else ""
    return f"the plugin {entry.name}{package} ({entry.group}, {entry.value})"
