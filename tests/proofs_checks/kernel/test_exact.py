"""Guarded numbers: exact in every operation, and no way from one to a float that goes unnoticed."""

import cmath
import math
from fractions import Fraction

import numpy as np
import pytest

from proofs_checks.kernel.exact import Inexact, by_floats, hashed, only
from proofs_checks.kernel.relation import Holds

OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}
HALF, ROUNDED = 0.5, math.exp


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("k", [Fraction(5, 2), 3])
def test_an_operation_with_a_float_and_a_float_of_an_operation_are_refused(name, k):
    operation, guarded, two = OPERATIONS[name], only(k), type(k)(2)
    for rounded in (
        lambda: operation(guarded, HALF),
        lambda: math.exp(operation(guarded, two)),
        lambda: math.exp(operation(two, guarded)),
        lambda: math.exp(operation(guarded, only(two))),
    ):
        with pytest.raises(Inexact):
            rounded()
    exactly = OPERATIONS[name](Fraction(k), Fraction(two))
    assert operation(guarded, two) == operation(guarded, only(two)) == exactly
    if name != "**" or k == 3:
        assert operation(only(two), k) == operation(two, guarded) == operation(Fraction(two), Fraction(k))


def test_a_float_before_a_fraction_is_refused():
    with pytest.raises(Inexact):
        HALF * only(Fraction(1, 2))


def test_a_root_is_none_of_an_exact_number():
    for k in (2, Fraction(1, 2)):
        with pytest.raises(Inexact):
            only(k) ** Fraction(1, 2)
        with pytest.raises(Inexact):
            k ** only(Fraction(1, 2))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_whole_number_and_a_fraction_make_a_guarded_one(name):
    operation, third = OPERATIONS[name], Fraction(4, 3)
    for number in (third, only(third)) if name != "**" else ():
        made = operation(only(5), number)
        assert made == operation(5, third)
        with pytest.raises(Inexact):
            math.exp(made)


@pytest.mark.parametrize("k", [Fraction(-5, 2), -3])
def test_signs_and_sizes_stay_exact(k):
    for sign in (lambda k: -k, lambda k: +k, abs):
        assert sign(only(k)) == sign(k)
        with pytest.raises(Inexact):
            math.exp(sign(only(k)))


def test_quotients_of_whole_numbers_are_fractions():
    """0.1·3 is not 0.3 in floats."""
    assert Holds(lambda k: k / 10 + k / 5 == 3 * k / 10).decide({"k": 1}) is True
    assert Holds(lambda k: 1 / k + 1 / k + 1 / k == 1).decide({"k": 3}) is True
    assert Holds(lambda k: [k, 5][k - 1] + len(range(k)) + -k == 3 and not -abs(+k) > 0).decide({"k": 2}) is False
    assert Holds(lambda flag: flag is True).decide({"flag": True}) is True


def test_each_number_in_a_value_is_guarded_and_its_form_stays():
    known = only({"a": [1, (Fraction(1, 2), None)], "b": {True, "c"}, 2: frozenset({3})})
    assert known == {"a": [1, (Fraction(1, 2), None)], "b": {True, "c"}, 2: frozenset({3})}
    assert [type(part) for part in (known["a"], known["a"][1], known["b"], known[2])] == [list, tuple, set, frozenset]
    for number in (known["a"][0], known["a"][1][0], *known[2], *(name for name in known if name == 2)):
        with pytest.raises(Inexact):
            float(number)
    assert only(True) is True


@pytest.mark.parametrize("value", [0.5, [(0.5,)], {"a": 0.5}, {0.5: 1}, np.zeros(1), object(), 1j])
def test_what_is_a_float_or_may_hold_one_is_refused(value):
    with pytest.raises(Inexact):
        only(value)


def importing(k):
    import math

    return math.sqrt(k) < 9


def multiplied(k):
    return 0.1 * k < 9


@pytest.mark.parametrize(
    ("predicate", "names_a_float"),
    [
        (lambda k: 0.1 * k < 9, True),
        (lambda k: (lambda j: 0.1 * j < 9)(k), True),
        (lambda k: HALF * k < 9, True),
        (multiplied, True),
        (importing, True),
        (lambda k: multiplied(k), True),
        (lambda k: float(k) < 9, True),
        (lambda k: math.sqrt(k) < 9, True),
        (lambda k: ROUNDED(k) < 9, True),
        (lambda k: cmath.exp(k) == 1, True),
        (lambda k: np.sqrt(k) < 9, True),
        (lambda k: k * Fraction(1, 10) < max(9, sum([k, k])), False),
        (lambda k: len(OPERATIONS) > k, False),
    ],
)
def test_who_names_floats_is_seen(predicate, names_a_float):
    assert by_floats(predicate) is names_a_float
    assert (Holds(predicate).decide({"k": 3}) is None) is names_a_float


def test_equal_cases_are_one_in_a_set_however_they_are_written():
    one = ([1, (2, Fraction(1, 2))], {"a": {3}}, "b")
    again = (([True, [2, Fraction(2, 4)]]), {"a": {Fraction(3)}}, "b")
    assert hashed(one) == hashed(again)
    assert len({hashed(one), hashed(again)}) == 1
    for other in (([1, (2, 1)], *one[1:]), (one[0], {"a": {4}}, "b"), (one[0], {"c": {3}}, "b"), one[:2]):
        assert hashed(one) != hashed(other)
