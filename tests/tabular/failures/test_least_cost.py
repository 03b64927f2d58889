"""What inverting labels costs at least: no policy pays less, and where nothing is shared it is what it costs."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import Preferences, Problem, dpo, failure_modes
from tabular.failures import joint, ties
from tabular.failures.frontier import frontier, label_units
from tabular.failures.grown import _Growth, grown
from tabular.failures.infimum import infimum
from tabular.failures.least_cost import Circulation, raised
from tests.strategies import labelled_problems, policies_of


def even(n, k, seed=0):
    rng = np.random.default_rng(seed)
    problem, winner = Problem.from_unnormalized(rng.normal(size=n), 1.3), rng.integers(0, n, k)
    return problem, Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n, rng.uniform(0.5, 2, k))


def circulations(problem, labels, level):
    """Where the loss is least, and raised; with the kept labels that they speak of."""
    at = infimum(problem, labels)
    copies = ties.Copies(at.graph, at.graph.labelled)
    start = Circulation.of(copies.fit())
    weight = label_units(at, labels)[copies.edge]
    return at.graph.label[copies.edge], [start, raised(start, weight, max(level, at.value))]


@given(labelled_problems(), st.data())
def test_no_policy_pays_less_for_what_it_inverts(case, data):
    problem, labels = case
    policy = data.draw(policies_of(problem))
    loss = dpo.loss(policy, problem, labels)
    edge, found = circulations(problem, labels, loss)
    inverted = labels.delta(policy)[edge] <= 0
    for pushes in found:
        assert pushes.infimum + pushes.cost[inverted].sum() <= loss * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_pushes_stay_a_circulation_and_bind_at_their_own_policy(seed):
    problem, labels = even(12, 40, seed)
    at = infimum(problem, labels)
    edge, (start, up) = circulations(problem, labels, (at.value + np.log(2)) / 2)
    for pushes in (start, up):
        push = pushes.share / (1 + np.exp(pushes.margin))
        net = np.bincount(labels.winner[edge], push, 12) - np.bincount(labels.loser[edge], push, 12)
        assert np.abs(net).max() < 1e-14
    assert start.infimum == pytest.approx(at.value, abs=1e-14)
    assert up.infimum < start.infimum - 1e-4  # it went somewhere


def test_rounding_makes_no_label_dearer_than_it_is():
    """D in 50 digits, of bounds to -1e4 and pushes next to 1, where its terms nearly cancel; and little is given up."""
    rng = np.random.default_rng(0)
    bound = -(10 ** rng.uniform(1, 4, 100))
    margin = -rng.uniform(0, 1, 100) * np.minimum(-bound, 30)
    ends, share = np.zeros(100, dtype=int), np.ones(100)
    found = Circulation(ends, ends + 1, share, bound, margin).cost
    with mpmath.workdps(50):
        for cost, *at in zip(found.tolist(), bound.tolist(), margin.tolist(), strict=True):
            b, h = map(mpmath.mpf, at)
            push = 1 / (1 + mpmath.exp(h))
            exact = mpmath.log1p(mpmath.exp(-b)) - mpmath.log1p(mpmath.exp(-h)) + push * (b - h)
            assert 0 <= exact - cost <= 1e-14 * -b


def test_a_label_that_shares_nothing_costs_its_threshold():
    problem = Problem.from_unnormalized(np.random.default_rng(1).normal(size=(1, 6)), 0.7)
    labels = Preferences.from_pairs([(0, 0, 1), (0, 2, 3), (0, 4, 5)])
    edge, (start, _) = circulations(problem, labels, 0.5)
    np.testing.assert_allclose(start.cost[np.argsort(edge)], failure_modes.solve_thresholds(problem, labels).excess)


@pytest.mark.parametrize("seed", range(3))
def test_each_label_costs_at_least_that_and_at_most_its_threshold(seed):
    problem, labels = even(8, 20, seed)
    edge, (start, _) = circulations(problem, labels, 0.5)
    excess = failure_modes.solve_thresholds(problem, labels).excess[edge]
    assert np.all(start.cost <= excess + 1e-14)
    assert np.any(start.cost > 0.5 * excess)
    assert np.array_equal(start.cost > 0, excess > 0)


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_what_is_grown_are_policies_within_the_budget(share):
    problem, labels = even(12, 40)
    at = infimum(problem, labels)
    budget = share * (np.log(2) - at.value)
    piece = int(np.argmax(at.parts.graph.labels_of.size))
    ways = list(grown(at, piece, np.ones(40), budget))
    assert ways
    for pattern, cost, inverted in ways:
        policy = joint.policy(at, [piece], [pattern])
        assert cost <= budget
        assert dpo.loss(policy, problem, labels) == pytest.approx(at.value + cost, abs=1e-9)
        assert np.all(labels.delta(policy)[at.graph.label[inverted]] <= 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("part", [0.1, 0.9, 3.0])
def test_it_grows_until_each_label_that_is_still_right_costs_more_than_is_left(seed, part):
    """Of few labels, some of them heavy, and fits enough: what was called too dear is too dear."""
    problem, labels = even(8, 20, seed)
    at = infimum(problem, labels)
    budget = 0.6 * (np.log(2) - at.value)
    piece = int(np.argmax(at.parts.graph.labels_of.size))
    copies = ties.Copies(at.parts.graph, [piece])
    weight = np.exp(np.random.default_rng(seed).normal(size=len(copies.edge)) * 2)
    growth = _Growth(at, piece, copies, weight, budget)
    ways = list(growth.run(part, 500))
    inverted = [len(edges) for _, _, edges in ways]
    assert inverted == sorted(inverted)  # nothing is right again
    for label in np.flatnonzero(growth.fit.delta > 0):
        assert not growth._tied([label])


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_halved_until_it_goes_and_no_more_than_doubled(seed, monkeypatch):
    problem, labels = even(12, 60, seed)
    at = infimum(problem, labels)
    copies, sizes, tied = ties.Copies(at.parts.graph, [0]), [], _Growth._tied
    growth = _Growth(at, 0, copies, np.ones(60), 0.5 * (np.log(2) - at.value))

    def spied(self, labels):
        sizes.append((len(labels), tied(self, labels)))
        return sizes[-1][1]

    monkeypatch.setattr(_Growth, "_tied", spied)
    list(growth.run(1e9, 100))  # as if every label were paid for: the sizes are ruled by what went alone
    assert len(sizes) > 8
    for (before, went), (size, _) in pairwise(sizes):
        assert size <= (2 * before if went else before // 2) or size == before == 1
    assert any(size == 2 * before for (before, went), (size, _) in pairwise(sizes) if went)


def test_a_ring_is_solved_by_its_bounds():
    """2^60 tie patterns: none of it is searched, and yet the largest set is proved."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=60), 1.0)
    ring = Preferences(np.zeros(60, int), np.arange(60), np.r_[1:60, 0])
    level = np.log(2) + 0.02
    bounds = frontier(problem, ring, level, limit=1).bounds(level)
    assert bounds.upper - bounds.lower < 2 / 60
    largest = failure_modes.largest_inverted_set(problem, ring, level)
    assert largest.share <= largest.most <= 1 - bounds.lower + 1e-12
    assert dpo.loss(largest.log_policy, problem, ring) <= level + 1e-9
