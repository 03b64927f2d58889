"""Dual bounds of single instances: what is not a certificate is refused."""

import math
from fractions import Fraction

import pytest

from proofs_checks.kernel.certificates import bradley_terry_gap, circulation, has_minimiser, projection_gap

ONE = Fraction(1)
BOTH_WAYS = [(0, 1, 3 * ONE), (1, 0, ONE)]


def test_the_bound_meets_the_loss_at_the_optimum():
    loss, bound = bradley_terry_gap([*BOTH_WAYS, (2, 0, ONE)], [1.0986122886681098, 0.0, 0.0], [1, 1, 0])
    assert abs(loss - bound) < Fraction(1, 10**12)
    assert loss > Fraction(224, 100)


def test_block_numbers_that_fall_along_a_label_are_refused():
    """Apart, the two labels would cost nothing: but the second costs ever more."""
    with pytest.raises(ArithmeticError, match="fall along"):
        bradley_terry_gap(BOTH_WAYS, [0.0, 0.0], [0, 1])


def test_a_block_that_is_not_strongly_connected_is_refused():
    with pytest.raises(ArithmeticError, match=r"left \[0, 1\]"):
        bradley_terry_gap([(0, 1, ONE)], [0.0, 0.0], [0, 0])


def test_the_flow_is_conserved_exactly():
    labels = [*BOTH_WAYS, (1, 2, ONE), (2, 0, 2 * ONE), (3, 4, ONE), (4, 3, ONE)]
    flow = circulation(labels, [Fraction(k, 7) for k in (3, 1, -2, 0, 5)])
    for node in range(5):
        out = sum(f for f, (winner, _, _) in zip(flow, labels, strict=True) if winner == node)
        assert out == sum(f for f, (_, loser, _) in zip(flow, labels, strict=True) if loser == node)


@pytest.mark.parametrize(
    ("labels", "block", "expected"),
    [
        (BOTH_WAYS, [0, 0], True),
        ([*BOTH_WAYS, (2, 0, ONE)], [1, 1, 0], False),
        ([(0, 1, ONE), (1, 2, ONE), (2, 0, ONE)], [0, 0, 0], True),
        ([(0, 1, ONE), (1, 2, ONE)], [0, 0, 0], None),  # no way back: no positive conserved flow
        ([(0, 1, ONE), (1, 0, 0 * ONE)], [0, 0], None),  # the way back has weight 0
        (BOTH_WAYS, [0, 1], None),  # numbers that fall along a label
    ],
)
def test_existence_has_a_certificate_or_none_is_claimed(labels, block, expected):
    assert has_minimiser(labels, [0.0] * len(block), block) is expected


BASE = [Fraction(1, 10), Fraction(2, 5), Fraction(1, 2)]
TWICE = [(0, 1, Fraction(2))]


def logs(*masses):
    return [math.log(mass) for mass in masses]


def test_the_gap_of_an_optimum_and_its_multiplier_closes():
    """π* = (.1, .4, .5) under π_0 ≥ 2π_1: the optimum (1/4, 1/8, 5/8), λ = log 2."""
    gap = projection_gap(logs(1 / 4, 1 / 8, 5 / 8), [math.log(2)], BASE, TWICE)
    assert 0 <= float(gap.hi) < 1e-9
    for λ in (0.9 * math.log(2), 1.1 * math.log(2)):
        assert projection_gap(logs(1 / 4, 1 / 8, 5 / 8), [λ], BASE, TWICE) > Fraction(1, 1000)
    assert projection_gap(logs(0.3, 0.15, 0.55), [math.log(2)], BASE, TWICE) > Fraction(1, 1000)


def test_a_negative_multiplier_proves_no_bound():
    with pytest.raises(ArithmeticError, match="negative multiplier"):
        projection_gap(logs(1 / 4, 1 / 8, 5 / 8), [-1e-3], BASE, TWICE)


def test_a_policy_that_breaks_a_constraint_is_no_bound_either():
    with pytest.raises(ArithmeticError, match="too far from feasible"):
        projection_gap(logs(0.2, 0.3, 0.5), [math.log(2)], BASE, TWICE)
