"""The search: it finds what is there, the worst first, the same whoever looks, and says how much it saw."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

from proofs_checks.kernel import search
from proofs_checks.kernel.arithmetic import log, softplus
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.judging import no_violation
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort, NoValue, seek

x, y = sympy.symbols("x y", real=True)
PLANE = Numbers({x: (-10, 10), y: (-10, 10)})
LINE = Numbers({x: (-10, 10)})


def test_quantities_are_computed_when_asked_for():
    (asked, unasked) = named("a", "b")
    some = Instances(lambda draw: {"x": draw.number(1, 2)}, "x", {asked: lambda x: x, unasked: lambda x: 1 / 0})
    assert no_violation(some, (), relation(asked, ">", 0)).passed is True
    with pytest.raises(ZeroDivisionError):
        no_violation(some, (), relation(unasked, ">", 0))


def test_no_value_is_no_answer():
    with pytest.raises(NoValue):
        seek(LINE, (), relation(log(x), "<", 5))
    assert seek(LINE, (relation(x, ">", 0),), relation(log(x), "<", 5)).candidates == ()


def test_the_same_seed_gives_the_same_search():
    claim = relation(softplus(x), ">", x + y)
    first, again = (seek(PLANE, (), claim, Effort(seed=3)) for _ in range(2))
    assert first == again
    assert first != seek(PLANE, (), claim, Effort(seed=4))


def test_candidates_come_worst_first_and_number_those_that_met():
    sought = seek(PLANE, (relation(y, "<", 0),), relation(x, "<", 0), Effort(draws=500))
    values = [value for value, _ in sought.candidates]
    assert values == sorted(values, reverse=True)
    assert values[0] > 9
    assert 200 < sought.met < 300


def test_a_step_stays_in_range_in_its_own_scale():
    rng = np.random.default_rng(0)
    scaled = [search._step(("number", Fraction(1, 100), 100, 1.0), 0.3, rng) for _ in range(400)]
    assert min(scaled) > 0
    assert 0.8 < math.exp(np.mean(np.log(scaled))) < 1.25
    assert np.std(np.log(scaled)) == pytest.approx(0.3 * math.log(10**4), rel=0.2)
    moved = [search._step(("number", -10, 10, 1.0), 0.1, rng) for _ in range(400)]
    assert np.std(moved) == pytest.approx(2.0, rel=0.2)
    whole = [search._step(("integer", 0, 5, 3), 0.3, rng) for _ in range(300)]
    assert all(isinstance(value, int) for value in whole)
    assert 0.75 < np.mean(np.array(whole) == 3) < 0.97
