"""Intervals at their edges: where an operation just has a value, and comparisons that have to be answered."""

import operator
from fractions import Fraction

import flint
import pytest

from proofs_checks.kernel.interval import Interval, Undefined, precisely

hull = Interval.hull


def ends(interval):
    return float(interval.lo), float(interval.hi)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-1, 0, (0, 1)), (0, 2, (0, 2)), (-3, 2, (0, 3)), (-2, 3, (0, 3)), (1, 2, (1, 2)), (-2, -1, (1, 2))],
)
def test_sizes(low, high, expected):
    assert ends(abs(hull(low, high))) == expected


@pytest.mark.parametrize(
    "undefined",
    [
        lambda: hull(-1, 0).reciprocal(),
        lambda: hull(0, 1).reciprocal(),
        lambda: hull(0, 1) ** -1,
        lambda: hull(0, 1).log(),
        lambda: hull(-1, -1).log(),
        lambda: hull(-1, 1).log1p(),
        lambda: hull(-2, 1).log1p(),
        lambda: hull(Fraction(-1, 10**9), 1).sqrt(),
        lambda: Interval(flint.arb(1), flint.arb("inf")),
        lambda: Interval(flint.arb("-inf"), flint.arb(1)),
    ],
)
def test_one_end_without_a_value_is_enough(undefined):
    with pytest.raises(Undefined):
        undefined()


def test_where_it_just_has_a_value():
    assert ends(hull(0, 4).sqrt()) == (0, 2)
    assert ends(hull(0, 1) ** 0) == (1, 1)
    assert ends(hull(1, 2).reciprocal()) == (0.5, 1)
    assert ends(hull(-2, -1) ** -2) == (0.25, 1)


@pytest.mark.parametrize(
    ("first", "second", "less", "equal"),
    [
        (hull(1, 1), hull(1, 1), False, True),
        (hull(1, 2), hull(3, 4), True, False),
        (hull(3, 4), hull(1, 2), False, False),
    ],
)
def test_a_comparison_that_holds_for_all_pairs_or_for_none_is_answered(first, second, less, equal):
    compared = {op: getattr(operator, op)(first, second) for op in ("lt", "gt", "le", "ge", "eq", "ne")}
    assert compared == {
        "lt": less,
        "gt": not less and not equal,
        "le": less or equal,
        "ge": not less,
        "eq": equal,
        "ne": not equal,
    }


def test_intervals_that_touch():
    low, high = hull(0, 1), hull(1, 2)
    assert (low <= high, high >= low, low > high, high < low) == (True, True, False, False)
    for open_question in (operator.lt, operator.eq, operator.ne, operator.ge):
        with pytest.raises(Undefined):
            open_question(low, high)


def test_a_truth_value_is_no_number():
    with pytest.raises(TypeError, match="True is no exact number"):
        Interval.of(True)


def test_an_interval_shows_its_ends():
    assert repr(hull(Fraction(1, 2), 3)) == "[0.5, 3]"


def test_other_objects_may_know_how_to_work_with_intervals():
    class Other:
        def __radd__(self, interval):
            return "added"

    assert hull(0, 1) + Other() == "added"
    with pytest.raises(TypeError):
        hull(0, 1) * Other()


def test_the_working_precision_is_that_of_doubles_and_a_half_again():
    @precisely
    def third():
        return Interval.of(1) / 3

    assert 2.0**-92 < float(third().hi - third().lo) < 2.0**-88
    with flint.ctx.workprec(20):
        assert float((Interval.of(1) / 3).hi - (Interval.of(1) / 3).lo) > 2.0**-24
        assert float(third().hi - third().lo) < 2.0**-88


def test_products_of_ends_enclose_and_are_no_wider_than_those_of_all_four():
    sides = [hull(*ends) for ends in ((-3, -2), (-2, 0), (-2, 5), (-1, 3), (0, 0), (0, 4), (1, 7))]
    for first in sides:
        for second in sides:
            products = [a * b for a in ends(first) for b in ends(second)]
            assert ends(first * second) == (min(products), max(products))
            assert ends(first - second) == (first.lo - second.hi, first.hi - second.lo)
