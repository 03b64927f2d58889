"""What a formula may run: arithmetic and its helpers; nothing that looks at the argument, and nobody who might."""

import math
import operator
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import arithmetic, formulas
from proofs_checks.kernel.arithmetic import derivative, exp, softplus, total
from proofs_checks.kernel.formulas import Attribute, looks, peeks, reached
from proofs_checks.kernel.interval import Interval


def doubled(x, k=2):
    return k * x


def branching(x):
    return x if x > 1 else 2 * x


def through_another(x):
    return doubled(x) + branching(x)


THREE, HALF, PAIR, HELPERS = 3, Fraction(1, 2), (1, Fraction(2, 3)), {"twice": doubled}


@pytest.mark.parametrize(
    "blind",
    [
        lambda x: exp(x) + THREE * HALF * PAIR[1],
        lambda x: doubled(x) + HELPERS["twice"](x),
        lambda x: derivative(lambda t: softplus(t) ** 2)(x) - total(lambda k: k * x, 1, 4),
        lambda x: sum(k * x for k in range(4)) + abs(x) + sum([a * b for a, b in zip((1, 2), (x, x), strict=True)]),
        lambda x, f=doubled, *, g=exp: f(x) + g(x) + Fraction(1, 7),
        lambda x: arithmetic.exp(x) + sum(tuple(k * x for k in (1, 2))) + [x][0],
        lambda x: sum(list(range(3))) * x,
        exp,
    ],
)
def test_arithmetic_and_its_helpers_are_blind(blind):
    assert looks(blind) == looks(lambda x: blind(x)) == ""


@pytest.mark.parametrize("inside", [branching, through_another, lambda x: (lambda y: y > 1)(x)])
def test_a_branch_is_seen_wherever_it_stands(inside):
    by_default, by_keyword = (lambda x, f=inside: f(x)), (lambda x, *, f=inside: f(x))
    in_a_list = (lambda held: lambda x: held[0](x))([inside])
    in_a_table = (lambda held: lambda x: held["f"](x))({"f": (inside,)})
    for formula in (inside, lambda x: inside(x), by_default, by_keyword, in_a_list, in_a_table):
        assert looks(formula) == "branches on its argument"


def importing(x):
    from math import floor

    return floor(x)


def defining(x):
    class Own:
        value = branching(x)

    return Own.value


@pytest.mark.parametrize("formula", [importing, defining, lambda x: importing(x)])
def test_what_a_formula_makes_for_itself_is_not_gone_into(formula):
    assert looks(formula) == "imports or defines something of its own"
    assert (math in list(reached(formula))) is (formula is not defining)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda x: Interval.of(x), f"hands its argument to {Interval!r}"),
        (lambda x: x.exp(), "asks an object for its exp"),
        (lambda x: {6: 1}.get(x, 0), "asks an object for its get"),
        (lambda x: operator.eq(x, 6) + x, f"hands its argument to {operator.eq!r}"),
        (lambda x: bool(x) + x, f"hands its argument to {bool!r}"),
        (lambda x: int(x), f"hands its argument to {int!r}"),
        (lambda x: max(x, 0), f"hands its argument to {max!r}"),
        (lambda x: math.floor(x), f"hands its argument to {math.floor!r}"),
    ],
)
def test_who_might_look_is_named(formula, words):
    assert looks(formula) == words


@pytest.mark.parametrize(
    "held", [defaultdict(int), object(), {1, 2}, np.zeros(1), Interval, type("own", (dict,), {})()]
)
def test_an_object_that_might_answer_for_itself_is_refused(held):
    assert looks(lambda x: held + x).startswith("hands its argument to")


@pytest.mark.parametrize("held", [1, 0.5, "a", None, HALF, sympy.pi, Interval.of(1), (1, [2, {"a": 3}]), math])
def test_what_is_plain_is_not(held):
    assert looks(lambda x: x + held) == ""


def test_what_is_reached_is_the_code_and_what_its_names_stand_for():
    def outer(x):
        return [math.pi * y * THREE for y in (x, 7)] + doubled(x).real

    found = list(reached(outer))
    assert found[0] is outer
    assert outer.__code__ in found
    assert {math, math.pi, THREE, 7, doubled, 2} <= {one for one in found if getattr(one, "__hash__", None)}
    assert [one for one in found if isinstance(one, Attribute)] == ["real"]
    assert doubled.__code__ in found


def test_each_is_reached_once_also_in_a_circle():
    def again(x):
        return x * again(x - 1)

    found = list(reached(again))
    assert found.count(again) == found.count(again.__code__) == 1


def test_the_kernels_arithmetic_is_not_gone_into():
    assert arithmetic.exp.__code__ not in list(reached(lambda x: exp(x)))
    assert all(callable(known) for known in formulas._BLIND)


@pytest.mark.parametrize(("formula", "asks"), [(lambda x: x.lo, True), (lambda x: doubled(x.hi), True), (exp, False)])
def test_an_end_of_an_interval_is_asked_for(formula, asks):
    assert peeks(formula) is peeks(lambda x: formula(x)) is asks
    assert peeks(lambda x: x.low) is False
