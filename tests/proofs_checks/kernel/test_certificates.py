"""Dual bounds of single instances: what is not a certificate is refused."""

from fractions import Fraction

import pytest

from proofs_checks.kernel.certificates import bradley_terry_gap, circulation, has_minimiser

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
