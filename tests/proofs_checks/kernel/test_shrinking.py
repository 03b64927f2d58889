"""A violation made simple: the smallest instance that keeps a part of it."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel import shrinking
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import no_violation
from proofs_checks.kernel.relation import Condition, relation
from proofs_checks.kernel.shrinking import as_rationals, short, shrink, simplicity

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


COUNT, TOTAL = named("n", "Σ")


def numbers(low, high, most):
    def make(draw):
        return {"values": [draw.number(low, high) for _ in range(draw.integer(0, most))]}

    total, count = {TOTAL: lambda values: sum(values)}, {COUNT: lambda values: len(values)}
    return Instances(make, "lists", {**total, **count}, {**total, **count})


def test_what_a_smaller_list_makes_needless_is_left_out_wherever_it_stands():
    """Only the 9 matters: what stands before it goes, and what stands after it."""
    claim = relation(TOTAL, "<", Fraction(44, 5))
    assert shrink(numbers(0, 9, 6), (), claim, (0.5, [4, 0.0, 0.25, 9.0, 0.25])) == [1, 9]
    assert shrink(numbers(0, 9, 6), (), claim, (0.5, [3, 9.0, 0.25, 0.25])) == [1, 9]
    assert shrink(numbers(0, 9, 6), (), claim, (0.5, [3, 0.25, 0.25, 9.0])) == [1, 9]
    assert shrink(numbers(0, 9, 6), (), claim, (0.5, [2, 0.25, 9.0])) == [1, 9], "a single one, too"


def test_each_way_to_leave_out_a_run_is_tried_once():
    assert list(shrinking._with_room(numbers(0, 9, 6), [2, 0.1, 0.2, 0.3], 0)) == [
        [2, 0.1, 0.2, 0.3],
        [2, 0.2, 0.3],
        [2, 0.1, 0.3],
    ]
    assert list(shrinking._with_room(numbers(0, 9, 6), [3, 0.1, 0.2], 0)) == [[3, 0.1, 0.2]], "it needs more"


def test_hypotheses_still_hold_of_the_simple_one():
    given = (relation(COUNT, ">", 1), relation(TOTAL, "<", 9))
    assert shrink(numbers(0, 9, 4), given, relation(TOTAL, "<", 5), (2.6, [3, 2.6, 2.5, 2.5])) == [2, 3, 3]


def test_where_the_claim_has_no_value_nothing_survives():
    """At −1 and 0 there is no logarithm, at 0 no inverse; both come before the simplest number that will do."""
    assert shrink(LINE, (), relation(sympy.log(x), "<", Fraction(1, 2)), (1.5, [7.4])) == [2]
    (inverse,) = named("1/t")
    one = Instances(lambda draw: {"t": draw.number(-5, 5)}, "t", {inverse: lambda t: 1 / t})
    assert shrink(one, (), relation(inverse, "<", 3), (2.0, [0.2])) == [Fraction(1, 4)]


def test_a_part_of_the_violation_is_kept():
    """Of a violation of 1/2 a fiftieth; of 50 no more than of 1."""
    wide = Numbers({x: (0, 1000)})
    assert shrink(wide, (), relation(x, "<", Fraction(399, 100)), (0.5, [4.49])) == [5], "1/100 is not enough of it"
    assert shrink(wide, (), relation(x, "<", Fraction(397, 100)), (0.5, [4.47])) == [4]
    assert shrink(wide, (), relation(x, "<", Fraction(397, 100)), (50.0, [53.97])) == [4]


class Steps(Condition):
    """Violated by a fiftieth at 1, by the next float at 2, by 1 elsewhere."""

    words = "steps"

    def violated(self, values):
        return np.where(values[x] == 1, 0.02, np.where(values[x] == 2, np.nextafter(0.02, 1), 1.0))


def test_a_fiftieth_itself_is_not_enough():
    assert shrink(Numbers({x: (1, 9)}), (), Steps(), (1.0, [7.3])) == [2]


def test_simpler_is_shorter_then_of_smaller_numbers():
    ordered = [[1], [2], [Fraction(1, 2)], [3], [0.25], [1, 1], [1, Fraction(1, 2)], [1, 7]]
    assert [simplicity(values) for values in ordered] == sorted(simplicity(values) for values in ordered)
    assert simplicity([2, Fraction(-3, 4)]) == (2, 2 + 1 + 3 + 4)


def test_floats_as_fractions():
    third = Fraction(1, 3)
    assert as_rationals([2, third, 0.5, 1 / 3]) == [2, third, Fraction(1, 2), Fraction(1 / 3)]
    assert short([2, third, 0.5, 1 / 3, 1 / 999, 0.0001]) == [2, third, Fraction(1, 2), third, Fraction(1, 999), 0]
    assert short([0.00099]) == [Fraction(1, 1000)], "a thousandth is the finest"
    assert short([1 / 1001]) == [Fraction(1, 1000)]
    assert [type(value) for value in (*as_rationals([2, 0.5]), *short([2, 0.5]))] == [int, Fraction] * 2
