"""A violation made simple: the smallest instance that keeps a part of it."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import no_violation
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.shrinking import shrink

x = sympy.Symbol("x", real=True)
LINE = Numbers({x: (-10, 10)})


def test_objects_shrink_to_the_smallest():
    """Lists whose sum exceeds 7: one number is enough."""
    total = named("Σ")[0]

    def make(draw):
        return {"values": [draw.number(0, 9) for _ in range(draw.integer(1, 6))]}

    lists = Instances(make, "lists", {total: lambda values: sum(values)}, {total: lambda values: sum(values)})
    found = no_violation(lists, (), relation(total, "<=", 7))
    assert (found.passed, found.witness) == (False, "values = (8)")


def test_shrinking_keeps_a_part_of_the_violation():
    claim = relation(x, "<", 3)
    values = shrink(LINE, (), claim, (6.87, [9.87]))
    assert values == [4]
    assert (
        shrink(LINE, (), claim, (0.01, [3.01])) == [Fraction(301, 100)]
        or shrink(LINE, (), claim, (0.01, [3.01]))[0] > 3
    )
