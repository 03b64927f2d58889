"""What a formula runs and names, its helpers' code included: to tell whether it can look at its argument.

A formula that compares may have a value of its own at a number that no check meets. So may one that lets somebody else
compare: a helper, a table, a method. What is neither arithmetic nor a helper of arithmetic is therefore refused.
"""

import builtins
import dis
import functools
import sys
from collections.abc import Iterator
from fractions import Fraction
from types import CodeType, FunctionType, ModuleType

import sympy

from proofs_checks.kernel import arithmetic
from proofs_checks.kernel.interval import Interval

__all__ = ["Attribute", "looks", "peeks", "reached"]


_COMPARING = {"COMPARE_OP", "CONTAINS_OP", "IS_OP", "UNARY_NOT", "TO_BOOL"}
_MAKING = {"IMPORT_NAME", "LOAD_BUILD_CLASS"}
_BLIND = (
    abs,
    sum,
    zip,
    range,
    tuple,
    list,
    Fraction,
    *filter(callable, vars(arithmetic).values()),
)  # they ask nothing of a number
_PLAIN = (int, float, str, Fraction, Interval, sympy.Basic, ModuleType, type(None))


def looks(function) -> str:
    """What a formula has in it that may look at its argument, in words; empty where there is nothing.

    >>> looks(lambda x: arithmetic.exp(x) + sum(k * x for k in range(3)))
    ''
    >>> looks(lambda x: x if x > 0 else -x), looks(lambda x: {6: 1}.get(x, 0))
    ('branches on its argument', 'asks an object for its get')
    """
    for named in reached(function):
        if isinstance(named, CodeType):
            steps = {step.opname for step in _steps(named)}
            if steps & _COMPARING or any("_IF_" in name for name in steps):
                return "branches on its argument"
            if steps & _MAKING:
                return "imports or defines something of its own"
        elif isinstance(named, Attribute):
            return f"asks an object for its {named}"
        elif not (isinstance(named, _PLAIN) or type(named) in (tuple, list, dict, FunctionType) or named in _BLIND):
            return f"hands its argument to {named!r}"
    return ""


def peeks(function) -> bool:
    """Whether a function of intervals asks one for an end: it could then answer for that end alone.

    >>> peeks(lambda x: 1 - x), peeks(lambda x: 1 - Interval(x.lo, x.lo))
    (False, True)
    """
    return any(isinstance(named, Attribute) and named in ("lo", "hi") for named in reached(function))


class Attribute(str):
    """The name of an attribute of something that is no module."""


def reached(function) -> Iterator:
    """The code that a function runs and the values that it names, of its helpers outside the kernel, too."""
    waiting, seen = [function], {}
    for value in waiting:
        if id(value) in seen:
            continue
        seen[id(value)] = value
        yield value
        if isinstance(value, FunctionType) and value not in _BLIND:
            inside = list(_codes(value.__code__))
            yield from inside
            waiting += [named for code in inside for named in _named(value, code)]
            waiting += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        elif isinstance(value, tuple | list | dict):
            waiting += value.values() if isinstance(value, dict) else value


def _codes(code):
    """The code of a function and of those that are written inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=10_000)
def _steps(code):
    """The instructions of a code, read once: formulas share their helpers."""
    return tuple(dis.get_instructions(code))


def _named(function, code):
    """The values that a code names: its constants, globals and what it closes over, attributes of modules."""
    names = {**vars(builtins), **function.__globals__}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    names |= {name: cell.cell_contents for name, cell in cells}
    yield from (constant for constant in code.co_consts if not isinstance(constant, CodeType))
    last = None
    for step in _steps(code):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            last = getattr(last, step.argval) if isinstance(last, ModuleType) else Attribute(step.argval)
            yield last
        elif step.opname == "IMPORT_NAME":
            last = sys.modules.get(step.argval)
            yield last
        elif step.opname in ("LOAD_GLOBAL", "LOAD_DEREF") and step.argval in names:
            last = names[step.argval]
            yield last
        else:
            last = None
