"""Libraries that only some functions need, and that a plain install of this one leaves out."""

import importlib
from types import ModuleType

from tabular.errors import InputError

__all__ = ["library"]


def library(name: str, extra: str, purpose: str, error: type[Exception] = InputError) -> ModuleType:
    """The library, imported where it is used, or one sentence that says how to have it.

    >>> library("json", "data", "to read logs").loads("1")
    1
    >>> library("no_such_library", "data", "to read logs")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: to read logs no_such_library is needed: pip install 'conditional-equivalence[data]'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise error(f"{purpose} {name} is needed: pip install 'conditional-equivalence[{extra}]'") from None
