"""Statements about many losses at once: a family of claims, one a loss, each carried by evidence of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import sympy

from proofs_checks.kernel.evidence import Evidence, Exact
from proofs_checks.kernel.instances import Instances, Numbers
from proofs_checks.kernel.interval import precisely
from proofs_checks.kernel.relation import At, Condition, Saying, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.kernel.symbolic import enclose
from tabular.losses.guarantees import settings

__all__ = ["EFFORT", "At", "Cell", "Family", "Worded", "gap", "witnessed"]

#: Each loss's claim is climbed on by itself: a short climb each.
EFFORT = Effort(draws=400, climbs=1, steps=25)
_MORE = Fraction(101, 100)


@dataclass(frozen=True)
class Cell:
    """What is claimed of one loss, in an executable form, and what carries it."""

    claim: Condition
    argument: str = ""
    steps: tuple[Evidence, ...] = ()

    def used(self, claim: Condition, before: str, after: str = "") -> "Cell":
        """Another claim that follows from what this one is carried by: its argument and steps, between more words."""
        return Cell(claim, before + self.argument + after, self.steps)


@dataclass(frozen=True)
class Family:
    """One property and one answer.

    Args:
        answer: "holds", "fails" or "if".
        means: what the claim of a loss says, in words; the losses' names follow.
        cells: loss -> cell.
        wrong: near misses of the whole claim.
        words: loss -> the condition under which it holds.
    """

    property: str
    answer: str
    title: str
    means: str
    instances: Numbers
    cells: Mapping[str, Cell]
    wrong: Mapping[str, Condition]
    conclusion: str
    expected: Verdict = Verdict.PROVED
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def statement(self) -> Statement:
        return Statement(
            id=f"map-{self.property}-{self.answer}",
            title=self.title,
            origin=Origin.OURS,
            source="own derivation for the map of losses; formulas as in their papers",
            form=Form(
                Worded(self.instances, self.means),
                (),
                claim={loss: Saying(self._said(loss), cell.claim) for loss, cell in self.cells.items()},
                wrong=self.wrong,
                effort=EFFORT,
            ),
            parts={loss: Part(cell.argument, cell.steps) for loss, cell in self.cells.items()},
            conclusion=self.conclusion,
            expected=self.expected,
        )

    def _said(self, loss):
        condition = self.words.get(loss, "")
        setting = settings(loss, condition)
        return loss + (f" at {setting}" if setting else "") + (f" if {condition}" if condition else "")


def Worded(instances: Numbers, means: str) -> Instances:
    """The same numbers, introduced by what is claimed of each loss."""
    return Numbers(instances.ranges, f"{means}, ", instances.points)


def witnessed(name: str, left, op: str, right, point: Mapping, argument="«{}».") -> Cell:
    """A cell that one exact inequality carries; its near miss asks for 1 % more of the difference than there is."""
    point = {symbol: Fraction(value) for symbol, value in point.items()}
    more = relation(left - right, op, _MORE * gap(left - right, point))
    step = Exact(name, {"by 1 % more than it is": more}, relation(left, op, right), point)
    return Cell(At(step.condition, point), argument.format(name), (step,))


@precisely
def gap(difference, point) -> Fraction:
    """About the value of an expression at exact numbers."""
    value = enclose(sympy.sympify(difference), point)
    return Fraction(float(value.lo + value.hi) / 2)
