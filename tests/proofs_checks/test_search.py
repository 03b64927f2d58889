"""Counterexamples are found from nothing, shrunk, and count only once certified."""

from fractions import Fraction

import numpy as np
import pytest

from proofs_checks import search
from proofs_checks.arithmetic import exp, least, softplus
from proofs_checks.statement import Quantifier


@pytest.mark.parametrize("seed", range(5))
def test_a_violation_in_a_corner_of_many_dimensions_is_climbed_to(seed):
    space = dict.fromkeys("abcdef", (-1, 1))

    def violation(**point):
        return sum(point.values()) - 5

    found = search.find(violation, space, np.random.default_rng(seed))
    assert found is not None
    assert violation(**found) > 0
    assert all(-1 <= value <= 1 for value in found.values())


def test_nothing_is_found_where_nothing_is():
    assert search.find(lambda x: -(x**2), {"x": (-1, 1)}, np.random.default_rng(0)) is None


def test_shrinking_keeps_the_violation_and_the_space():
    space = {"β": (Fraction(1, 10), 10), "δ": (-9, 9)}

    def violation(β, δ):
        return least(δ - β, 5 - δ)

    point = search.shrink(violation, space, {"β": 0.7231, "δ": 3.3331})
    assert point == {"β": 1, "δ": 2}
    assert violation(**point) > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_refutation_of_theorem_3_5_is_rediscovered_small(seed):
    from proofs_checks import theorem_3_5 as thm

    check = search.counterexample("if", thm._better_than_rlhf, thm._SPACE, seed=seed)
    finding = check.run()
    assert check.quantifier is Quantifier.COUNTEREXAMPLE
    assert finding.passed is True
    numbers = [Fraction(part.split(" = ")[1]) for part in finding.witness.split(", ")]
    assert all(abs(number) <= 10 and number.denominator <= 10 for number in numbers)


def test_infinities_and_errors_are_no_violation():
    assert search._score(lambda x: float("nan"), {"x": 1.0}) == -float("inf")
    assert search._score(lambda x: 1 / (x - x), {"x": 1.0}) == -float("inf")
    assert search._score(lambda x: exp(x), {"x": 1e6}) == -float("inf")


def test_a_search_that_should_find_nothing_reports_what_it_found():
    finding = search.nothing_found("x", lambda x: softplus(x) - 1, {"x": (0, 3)}).run()
    assert finding.passed is False
    assert finding.witness == "x = 1"
