"""How a record shows itself: one line for the prompt, a table and a small picture for a notebook."""

import html as html_module
import reprlib
import textwrap
from dataclasses import fields
from enum import Enum
from functools import cached_property

import numpy as np

from tabular.base import drawings

__all__ = ["beside", "html", "line", "picture", "rows"]

_LEAD = ("status", "log_policy", "certificate")
_DIGITS = 4
_CORNER = 7  # one more than reprlib shows of a list, so that it says there is more


def line(record) -> str:
    """``Class(status=SET, policy=[[0.5, 0.5]], ...)``.

    >>> from tabular import Problem
    >>> line(Problem.from_probabilities([0.25, 0.75], beta=0.5))
    'Problem(ref=[[0.25, 0.75]], beta=0.5, prompt_weights=[1])'
    """
    return f"{type(record).__name__}({', '.join(f'{name}={text}' for name, text in rows(record))})"


def rows(record) -> list[tuple[str, str]]:
    """What is shown of a record: names and texts, ``log_`` probabilities as probabilities."""
    names = type(record).shown or _by_default(record)
    found = ((name, getattr(record, name)) for name in names)
    return [_row(name, value) for name, value in found if value is not None]


def html(record) -> str:
    """A table of :func:`rows` beside the record's picture."""
    return beside(type(record).__name__, rows(record), record.picture())


def beside(title, words, drawing) -> str:
    """A titled table of names and texts beside a drawing, or below it on a narrow page.

    >>> beside("Title", [("name", "a < b")], "").count("a &lt; b")
    1
    """
    cells = "".join(
        f'<tr><th style="text-align:left">{_escaped(name)}</th><td style="text-align:left">{_escaped(text)}</td></tr>'
        for name, text in words
    )
    table = f"<table><caption><b>{_escaped(title)}</b></caption>{cells}</table>"
    there = f'<div style="flex:0 1 auto;max-width:100%">{drawing}</div>' if drawing else ""
    style = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    return f'<div style="{style}"><div style="max-width:100%;overflow-x:auto">{table}</div>{there}</div>'


def picture(record) -> str:
    """The probabilities of a record's policy, over those of its reference where it knows its problem."""
    policy = getattr(record, "log_policy", None)
    if policy is None or np.ndim(policy) != 2:
        return ""
    problem = getattr(record, "problem", None)
    return drawings.bars(np.exp(policy), None if problem is None else np.exp(problem.log_ref))


def _by_default(record):
    own = fields(record)
    lead = [name for name in _LEAD if _is_value(type(record), name) or name in {each.name for each in own}]
    return lead + [each.name for each in own if each.repr and each.name not in lead]


def _is_value(cls, name):
    return isinstance(getattr(cls, name, None), property | cached_property)


def _row(name, value):
    if name in ("log_policy", "log_ref"):
        return name.removeprefix("log_"), _text(np.exp(value))
    return name, _text(value)


def _text(value):
    return _SHORT.repr(value)


class _Short(reprlib.Repr):
    """Long lists and texts cut short, numbers to a few digits, members by their names, records by their own line."""

    def __init__(self):
        super().__init__()
        self.maxstring, self.maxother = 160, 240

    def repr1(self, x, level):
        if isinstance(x, Enum):
            return x.name
        if isinstance(x, np.generic):
            return self.repr1(x.item(), level)
        return super().repr1(x, level)

    def repr_float(self, x, level):
        return f"{x:.6g}"

    def repr_Fraction(self, x, level):
        return str(x) if x.denominator < 10**6 else f"{float(x):.6g}"

    def repr_ndarray(self, x, level):
        return self.repr1(_significant(x).tolist() if x.dtype.kind == "f" else x.tolist(), level)

    def repr_instance(self, x, level):
        return textwrap.shorten(repr(x), self.maxother, placeholder=" ...")


_SHORT = _Short()


def _significant(array):
    """The corner that is shown, to a few significant digits: small probabilities do not become 0."""
    array = array[(slice(_CORNER),) * array.ndim]
    return np.array([float(f"{x:.{_DIGITS}g}") for x in array.ravel()]).reshape(array.shape)


def _escaped(text):
    return html_module.escape(str(text))
