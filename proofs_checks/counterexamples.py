"""A counterexample as what a reader can do with it: words, a problem file, a line of LaTeX."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from tabular import rlhf
from tabular.base import drawings, plain, show
from tabular.errors import InputError
from tabular.losses import Loss
from tabular.testing.made import preferences_of, problem_of

__all__ = ["Counterexample", "Told"]


@dataclass(frozen=True)
class Told:
    """A hypothesis or a part of the claim at the counterexample.

    Attributes:
        words: its own.
        role: "hypothesis" or "claim".
        holds: whether it does there.
        sides: both sides of a relation, in floats.
    """

    words: str
    role: str
    holds: bool
    sides: tuple[float, float] | None = None


@dataclass(frozen=True)
class Counterexample:
    """An instance that meets the hypotheses and violates the claim.

    Attributes:
        certified: whether exact arithmetic confirms it; otherwise floats alone say so.
        shown: the instance in words.
        parts: its numbers, ints and Fractions.
        at: what the symbols of hypotheses and claim are there, in floats.
        title: the name of the conjecture.
        told: its hypotheses and the parts of its claim there.
        losses: the losses whose minimisers its quantities ask for, by symbol.
    """

    certified: bool
    shown: str
    parts: Mapping[str, Any]
    at: Mapping[str, float]
    title: str
    told: tuple[Told, ...] = ()
    losses: Mapping[str, Loss] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What a notebook shows: each condition with its sides, the instance, its problem file and its LaTeX."""
        known = [("exact arithmetic", "confirms it" if self.certified else "does not decide it, floats say so")]
        for told in self.told:
            sides = "" if told.sides is None else f" ({told.sides[0]:.6g} and {told.sides[1]:.6g})"
            known.append((told.role, f"{told.words} {'holds' if told.holds else 'fails'}{sides}"))
        known += [("instance", self.shown), ("problem file", self.problem_file()), ("LaTeX", self.latex())]
        return [(name, text) for name, text in known if text is not None]

    def picture(self) -> str:
        """A small SVG: the RLHF optimum of its problem, over the reference; empty where it is no problem."""
        if not self.is_a_problem:
            return ""
        problem = problem_of(self.parts)
        return drawings.bars(np.exp(rlhf.optimal_policy(problem)), np.exp(problem.log_ref))

    def _repr_html_(self) -> str:
        return show.beside(f"Counterexample to {self.title}", self.rows, self.picture())

    def to_dict(self) -> dict:
        """Plain JSON from which :meth:`from_dict` makes an equal one."""
        return plain.written(self)

    @classmethod
    def from_dict(cls, data: dict) -> "Counterexample":
        """What :meth:`to_dict` wrote.

        Raises:
            InputError: it wrote something else.
        """
        found = plain.read(data)
        if not isinstance(found, cls):
            raise InputError("this is no counterexample that to_dict wrote: check the conjecture again")
        return found

    @property
    def is_a_problem(self) -> bool:
        """Whether its numbers are a problem's, in the form of :mod:`tabular.testing.recipes`."""
        rows = self.parts.get("reward", ())
        return "beta" in self.parts and len(rows) > 0 and all(isinstance(row, list | tuple) for row in rows)

    def problem_file(self) -> str | None:
        """The instance as a problem file for ``condeq solve``; None where its numbers are no problem's."""
        if not self.is_a_problem:
            return None
        problem = problem_of(self.parts)
        lines = [f"# counterexample to {self.title}", f"# {self.shown}", f"beta: {problem.beta!r}", "prompts:"]
        key, rows = (
            ("log_reference", problem.log_ref) if "log_ref" in self.parts else ("reference", np.exp(problem.log_ref))
        )
        for i, row in enumerate(rows.tolist()):
            numbers = ", ".join("-.inf" if x == -np.inf else repr(x) for x in row[: len(self.parts["reward"][i])])
            lines += [f"  - {key}: [{numbers}]"]
            lines += [
                f"    reward: {[float(r) for r in self.parts['reward'][i]]}",
                f"    preferences: {self._labels(i)}",
            ]
        return "\n".join(lines) + "\n"

    def _labels(self, prompt):
        if "labels" not in self.parts:
            return "bradley-terry"
        preferences = preferences_of(self.parts, problem_of(self.parts))
        columns = (preferences.prompt, preferences.winner, preferences.loser, preferences.weight)
        return [[w, lo, n] for i, w, lo, n in zip(*(c.tolist() for c in columns), strict=True) if i == prompt]

    def latex(self) -> str:
        """The instance in one line of LaTeX, its numbers as fractions."""
        parts = ((_LATEX.get(name) or f"{_in_latex(name)} = ", value) for name, value in self.parts.items())
        shown = ", ".join(f"{name}{_latex(value)}" for name, value in parts)
        values = ", ".join(rf"{_in_latex(name)} \approx {value:.6g}" for name, value in self.at.items())
        rows = ", labels of prompt $i$, winner $w$, loser $l$ and weight $n$" if "labels" in self.parts else ""
        return f"${shown}${rows}; there ${values}$."


_LATEX = {"beta": r"\beta = ", "ref": r"\pi_{\mathrm{ref}} \propto ", "reward": "r = ", "policy": r"\pi \propto "}
_LATEX |= {"labels": "(i, w, l, n) = ", "log_ref": r"\log\pi_{\mathrm{ref}} = c + "}  # c is what normalises


def _in_latex(name):
    """A symbol's name, its Greek letters translated and its index upright."""
    stem, _, index = name.partition("_")
    return _greek(stem) + (rf"_{{\mathrm{{{_greek(index)}}}}}" if index else "")


def _greek(letters):
    return "".join(map(_letter, letters)).strip()


def _letter(letter):
    script, _, known = unicodedata.name(letter, "").partition(" LETTER ")
    case = {"GREEK SMALL": str.lower, "GREEK CAPITAL": str.capitalize}.get(script)
    return letter if case is None else rf"\{case(known)} "


def _latex(value):
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(_latex, value)) + ")"
    return r"\cdot" if value is None else sympy.latex(sympy.Rational(str(value)))
