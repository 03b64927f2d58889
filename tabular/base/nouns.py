"""Public functions are handed the right objects, or say in one sentence what they were handed."""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tabular.base.checks import brief
from tabular.errors import InputError

__all__ = ["F", "takes_nouns"]

F = TypeVar("F", bound=Callable[..., Any])


def takes_nouns(function: F) -> F:
    """The function, once every argument annotated with a class of this library is known to be one, or None if it may.

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
        (place, name, kinds)
        for place, (name, parameter) in enumerate(parameters.items())
        if (kinds := _kinds(parameter.annotation))
    ]
    refused = functools.partial(_refused, function.__name__, ", ".join(parameters))

    def checked(*args, **kwargs):
        for place, name, kinds in nouns:
            given = args[place : place + 1] or ((kwargs[name],) if name in kwargs else ())
            for value in given:
                if not isinstance(value, kinds):
                    raise refused(name, kinds[0], value)
        return function(*args, **kwargs)

    # made anew with the globals of the function's own module: by them doctest knows whose examples these are
    own = types.FunctionType(checked.__code__, inspect.unwrap(function).__globals__, closure=checked.__closure__)
    return cast(F, functools.wraps(function)(own))


def _kinds(annotation):
    """The classes of an argument that has to be a noun of this library or a generator of numpy's, None's among them."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if not all(inspect.isclass(kind) for kind in kinds):
        return ()
    own = [kind for kind in kinds if kind.__module__.startswith(("tabular.", "numpy.random"))]
    return (*own, *kinds) if len(own) == len([kind for kind in kinds if kind is not types.NoneType]) else ()


def _refused(function, order, name, noun, value):
    what = brief(value) if value is None or isinstance(value, str | int | float) else f"a {type(value).__name__}"
    a = "an" if noun.__name__[0] in "AEIOU" else "a"
    return InputError(f"{function}: {name} is {what}: give {a} {noun.__name__} (the order of arguments is: {order})")
