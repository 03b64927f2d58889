"""Forests of heaviest pairs: circulations to the last digit, and Newton's step at any range of weights."""

from fractions import Fraction

import numpy as np
import pytest

from tabular.failures.forests import heaviest


def drawn(seed, spread):
    """Pairs of a few nodes, parallel ones among them, their weights, and flows within limits that have 0 between."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 8)), int(rng.integers(1, 20))
    winner = rng.integers(0, n, m)
    loser = (winner + rng.integers(1, n, m)) % n
    weight = np.exp(rng.uniform(-spread, spread, (3, m)))
    high = np.where(rng.random((3, m)) < 0.1, np.inf, weight)
    low = np.where(rng.random((3, m)) < 0.3, -rng.random((3, m)) * weight, 0.0)
    flow = np.clip(rng.uniform(-0.2, 1.2, (3, m)) * weight, low, high)
    return (winner, loser, n), weight, flow, low, high


def left_at_nodes(flow, winner, loser, n_nodes):
    """Exact sums."""
    left = [Fraction(0)] * n_nodes
    for y, w, e in zip(flow, winner, loser, strict=True):
        left[w], left[e] = left[w] + Fraction(y), left[e] - Fraction(y)
    return left


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("spread", [0.0, 40.0])
def test_circulations_are_exact_and_within_limits(seed, spread):
    graph, weight, flow, low, high = drawn(seed, spread)
    forests = heaviest(*graph, weight)
    found = forests.circulations(flow, low, high)
    assert np.all((found >= low) & (found <= high))
    for row, asked in zip(found, flow, strict=True):
        assert not any(left_at_nodes(row, *graph))
        assert any(left_at_nodes(asked, *graph))
    inside = np.where(np.abs(found) > 0, found / 2, 0.0)
    again = forests.circulations(inside, low, high)
    assert again == pytest.approx(inside, abs=1e-14 * np.abs(inside).max())


def test_what_is_asked_for_too_much_is_lessened_where_it_crosses():
    """Two cycles share a pair that takes half of what they ask; a third, far lighter, is left as it is."""
    winner, loser = np.array([0, 1, 2, 1, 3, 4, 5]), np.array([1, 2, 0, 3, 0, 5, 4])
    high = np.array([[1.0, 4.0, 4.0, 4.0, 4.0, 1e-9, 1e-9]])
    flow = np.array([[2.0, 1.5, 1.5, 0.5, 0.5, 1e-10, 1e-10]])
    weight = np.array([[9.0, 1.0, 8.0, 1.0, 8.0, 1.0, 2.0]])  # 1-2 and 1-3 are in no tree
    found = heaviest(winner, loser, 6, weight).circulations(flow, 0 * high, high)
    assert found[0] == pytest.approx([1.0, 0.75, 0.75, 0.25, 0.25, 1e-10, 1e-10], rel=1e-5)


@pytest.mark.parametrize("spread", [1.0, 40.0])
def test_gaps_deliver_what_is_left_over(spread):
    """Currents and what they deliver, with conductances e^80 apart."""
    for seed in range(10):
        graph, weight, *_ = drawn(seed, spread)
        forests = heaviest(*graph, weight)
        assert not forests.stale(weight).size
        over = forests.left_over(weight * np.random.default_rng(seed).normal(size=weight.shape))
        current = weight * forests.across(forests.gaps(weight, over))
        size = (np.abs(current)[:, None] @ np.abs(forests.pairs))[:, 0]
        assert np.all(np.abs(forests.left_over(current) - over) <= 1e-12 * size)
