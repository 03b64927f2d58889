"""The parameters of the named losses of :mod:`tabular.margins`: which a loss takes, and the range of each."""

import functools
import inspect

import numpy as np

from tabular.base import checks
from tabular.errors import InputError

__all__ = ["LOG_PROBABILITIES", "checked", "parameters"]

LOG_PROBABILITIES = ("log_ref_winner", "log_ref_loser")


def checked(function):
    """A target margin whose parameters are checked before it sees them.

    >>> @checked
    ... def doubled(delta_ref, *, beta):
    ...     return 2 * delta_ref
    >>> doubled([1.0], beta=0)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: beta of doubled is 0: it must be one number, finite and above 0
    """

    @functools.wraps(function)
    def target_of(delta_ref, **params):
        delta_ref = _parameter(function.__name__, "delta_ref", delta_ref)
        params = parameters(function, params)
        checks.require_fit(delta_ref=delta_ref, **{key: params[key] for key in LOG_PROBABILITIES if key in params})
        return function(delta_ref, **params)

    return target_of


def parameters(function, params, absent=()):
    """All parameters of a loss as numbers; the log-probabilities may be left out together where they are optional."""
    name, (_, *takes) = function.__name__, inspect.signature(function).parameters.values()
    takes = {parameter.name: parameter.default for parameter in takes if parameter.name not in absent}
    for key in params:
        if key not in takes:
            raise InputError(f"{name} has no parameter {key!r} here: it takes {', '.join(takes) or 'none'}")
    for key, default in takes.items():
        if default is inspect.Parameter.empty and key not in params:
            raise InputError(f"{name} needs {key}: pass {key}=...")
    given = {key: value for key, value in (takes | params).items() if value is not None or takes[key] is not None}
    left_out = [key for key in LOG_PROBABILITIES if key in takes and key not in given]
    if len(left_out) == 1:
        raise InputError(f"{name} has no {left_out[0]} beside the other: pass both, or neither for two responses")
    return {key: _parameter(name, key, value) for key, value in given.items()}


def _parameter(loss, key, value):
    """One number in its range, or an array where it differs from pair to pair."""
    name = f"{key} of {loss}"
    if key == "gamma":
        return checks.number(value, name, checks.FINITE if loss == "code_cpo" else checks.NOT_NEGATIVE)
    if key not in ("delta_ref", *LOG_PROBABILITIES):
        return checks.number(value, name)
    array = checks.numbers(value, name)
    checks.refuse(~np.isfinite(array), array, name, "it must be finite")
    if key in LOG_PROBABILITIES:
        zero_is_bad = loss == "code_easy"
        rule = "it must be below 0" if zero_is_bad else "it must be at most 0"
        checks.refuse((array > 0) | (zero_is_bad & (array == 0)), array, name, rule)
    return array
