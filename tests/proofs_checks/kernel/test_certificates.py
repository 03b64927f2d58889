"""Dual bounds of single instances: what is not a certificate is refused."""

import math
from fractions import Fraction

import pytest

from proofs_checks.kernel import certificates
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


def test_what_a_solver_gives_is_made_feasible_exactly_and_stays_near():
    chain = [(0, 1, Fraction(2)), (1, 2, Fraction(3, 2))]
    rough = [math.log(6 / 10), math.log(3 / 10), math.log(2 / 10)]
    policy = certificates._feasible(rough, chain)
    assert sum(policy) == 1
    assert all(policy[win] > ratio * policy[lose] for win, lose, ratio in chain), "both were tight"
    assert [float(mass) for mass in policy] == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=1e-9)


def test_what_is_mended_is_the_rounding_of_a_solver_and_no_more():
    """A hundred-billionth of (2/3, 1/3), which is safe for π_0 ≥ π_1, makes up for a third of it."""
    tie = [(0, 1, ONE)]

    def short_by(d):
        return certificates._feasible(logs((1 - d) / 2, (1 + d) / 2), tie)

    assert 0 < short_by(3.3e-12)[0] - short_by(3.3e-12)[1] < Fraction(1, 10**12)
    with pytest.raises(ArithmeticError, match="too far from feasible"):
        short_by(3.4e-12)


@pytest.mark.parametrize("ratio", [Fraction(1, 10), Fraction(1), Fraction(7)])
def test_a_chain_of_constraints_is_met_strictly(ratio):
    backwards = [(1, 2, ratio), (0, 1, ratio), (3, 2, ratio)]
    safe = certificates._strictly_feasible(5, backwards)
    assert all(safe[win] > ratio * safe[lose] for win, lose, _ in backwards)
    assert min(safe) > 0


def test_a_multiplier_of_zero_proves_the_optimum_where_nothing_binds():
    gap = projection_gap(logs(1 / 10, 2 / 5, 1 / 2), [0.0], BASE, [(1, 0, Fraction(2))])
    assert -1e-9 < float(gap.lo) <= float(gap.hi) < 1e-9


def test_each_multiplier_belongs_to_its_constraint():
    """π* = (1, 2, 4)/7 with π_0 ≥ π_1 and π_1 ≥ π_2 / 2: the first binds alone, at (√2, √2, 4)/(4 + 2√2)."""
    base, root = [Fraction(1, 7), Fraction(2, 7), Fraction(4, 7)], math.sqrt(2)
    constraints = [(0, 1, Fraction(1)), (1, 2, Fraction(1, 4))]
    best = logs(root / (4 + 2 * root), root / (4 + 2 * root), 4 / (4 + 2 * root))
    assert float(projection_gap(best, [math.log(2) / 2, 0.0], base, constraints).hi) < 1e-9
    assert projection_gap(best, [0.0, math.log(2) / 2], base, constraints) > Fraction(1, 100)


def test_the_entropy_of_a_share():
    assert float(certificates._entropy(Fraction(1, 4)).lo) == pytest.approx(2 * math.log(2) - 0.75 * math.log(3))
    for outside in (Fraction(0), Fraction(1), Fraction(-1, 9), Fraction(10, 9)):
        with pytest.raises(ArithmeticError, match=r"left \[0, 1\]"):
            certificates._entropy(outside)


def test_the_divergence_of_two_policies():
    half = [Fraction(1, 2), Fraction(1, 2)]
    found = certificates.divergence([Fraction(1, 4), Fraction(3, 4)], half)
    assert float(found.lo) == pytest.approx(math.log(1 / 2) / 4 + 3 * math.log(3 / 2) / 4, abs=1e-12)


def test_a_long_cycle_is_conserved_and_a_forest_reaches_every_node():
    """Six responses in a ring with a tail, in an order in which the ends come first."""
    ring = [
        (3, 4, ONE),
        (4, 5, 2 * ONE),
        (5, 0, ONE),
        (0, 1, 3 * ONE),
        (1, 2, ONE),
        (2, 3, ONE),
        (2, 6, ONE),
        (6, 2, ONE),
    ]
    forest = certificates._spanning_forest([*ring, (8, 9, ONE)])
    assert {node for node, _, _ in forest} == {1, 2, 3, 4, 5, 6, 9}
    assert len(forest) == 7
    reached = {0, 8}
    for node, parent, edge in forest:
        assert parent in reached
        assert {node, parent} == set([*ring, (8, 9, ONE)][edge][:2])
        reached.add(node)
    flow = circulation(ring, [Fraction(0)] * 7)
    assert len({flow[k] for k in range(6)}) == 1
    assert flow[6] == flow[7]


def test_lists_of_two_lengths_are_refused():
    third = [Fraction(1, 3)] * 3
    for two_lengths in (
        lambda: certificates.divergence(third, third[:2]),
        lambda: projection_gap(logs(1 / 4, 1 / 8, 5 / 8), [0.0, 0.0], BASE, TWICE),
    ):
        with pytest.raises(ValueError, match=r"is (longer|shorter)"):
            two_lengths()
