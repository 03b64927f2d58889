"""Losses of other packages: entry points of the group ``condeq.losses`` that name a loss, or a function that makes one.

The arguments of the function are the parameters of the loss, numbers by keyword; it says itself what they may be.
"""

import inspect
from importlib.metadata import EntryPoint
from typing import Any

from tabular.base import checks, outside
from tabular.errors import InputError
from tabular.losses.loss import Loss

__all__ = ["GROUP", "RANGE", "found", "get", "parameters"]

GROUP = "condeq.losses"
#: what is known here of the range of a parameter
RANGE = "as its package says"


def found(ours: tuple[str, ...]) -> dict[str, EntryPoint]:
    """The plugins by the names of their losses, none of them a name of ours."""
    return outside.by_name(GROUP, ours)


def parameters(entry: EntryPoint) -> dict[str, tuple[str, float | None]]:
    """{parameter: (its range in words, its default or None where it has to be given)}."""
    return {
        key: (RANGE, None if given.default is given.empty else given.default)
        for key, given in _arguments(entry).items()
    }


def get(entry: EntryPoint, params: dict[str, Any]) -> Loss:
    """The loss that a plugin makes with these parameters, under the plugin's name.

    Raises:
        InputError: a parameter that it does not have or needs, one that is no number, or a plugin that makes no loss.
    """
    takes = _arguments(entry)
    for key in params:
        if key not in takes:
            raise InputError(f"{entry.name} has no parameter {checks.brief(key)} here: it takes {', '.join(takes)}")
    given = {key: argument.default for key, argument in takes.items()} | params
    for key, value in given.items():
        if value is inspect.Parameter.empty:
            raise InputError(f"{entry.name} needs {key}: pass {key}=...")
        given[key] = checks.number(value, f"{key} of {entry.name}", checks.FINITE)
    made = _made(entry, given)
    return Loss(entry.name, tuple(given.items()), made.source, made.form)


def _arguments(entry):
    named = outside.loaded(entry)
    if isinstance(named, Loss):
        return {}
    if not callable(named):
        raise outside.broken(entry, "it names neither a Loss nor a function that makes one")
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {key: given for key, given in inspect.signature(named).parameters.items() if given.kind in kinds}


def _made(entry, given):
    named = outside.loaded(entry)
    try:
        made = named if isinstance(named, Loss) else named(**given)
    except InputError:
        raise
    except Exception as problem:
        raise outside.broken(entry, f"{type(problem).__name__}: {problem}") from None
    if not isinstance(made, Loss):
        raise outside.broken(entry, f"it makes a {type(made).__name__} and no Loss: let it return losses.custom(...)")
    return made
