"""Public functions are handed the right objects, or say in one sentence what they were handed."""

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tabular.base.checks import brief
from tabular.errors import InputError

__all__ = ["F", "takes_nouns"]

F = TypeVar("F", bound=Callable[..., Any])


def takes_nouns(function: F) -> F:
    """The function, once every argument annotated with a class of this library is known to be one.

    >>> from tabular import Problem
    >>> @takes_nouns
    ... def beta_of(problem: Problem):
    ...     return problem.beta
    >>> beta_of(None)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: beta_of: problem is None: give a Problem (the order of arguments is: problem)
    """
    parameters = inspect.signature(function).parameters
    nouns = [
        (place, name, parameter.annotation)
        for place, (name, parameter) in enumerate(parameters.items())
        if inspect.isclass(parameter.annotation) and parameter.annotation.__module__.startswith("tabular.")
    ]
    refused = functools.partial(_refused, function.__name__, ", ".join(parameters))

    def checked(*args, **kwargs):
        for place, name, noun in nouns:
            given = args[place : place + 1] or ((kwargs[name],) if name in kwargs else ())
            for value in given:
                if not isinstance(value, noun):
                    raise refused(name, noun, value)
        return function(*args, **kwargs)

    # made anew with the globals of the function's own module: by them doctest knows whose examples these are
    own = types.FunctionType(checked.__code__, inspect.unwrap(function).__globals__, closure=checked.__closure__)
    return cast(F, functools.wraps(function)(own))


def _refused(function, order, name, noun, value):
    what = brief(value) if value is None or isinstance(value, str | int | float) else f"a {type(value).__name__}"
    a = "an" if noun.__name__[0] in "AEIOU" else "a"
    return InputError(f"{function}: {name} is {what}: give {a} {noun.__name__} (the order of arguments is: {order})")
