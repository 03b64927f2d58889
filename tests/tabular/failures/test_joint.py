"""Trying every partition finds what the search for tie patterns finds; policies made of patterns are what they say."""

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import Preferences, Problem, dpo, failure_modes, oracle
from tabular.failures import joint, pattern_search, required, ties
from tabular.failures.infimum import infimum
from tabular.failures.thresholds import solve
from tests.strategies import labelled_problems
from tests.tabular.failures.test_work import counted, tangle


def partitions(n):
    """Every partition of 0..n-1, as the leader of each."""
    patterns = [()]
    for node in range(n):
        patterns = [(*p, leader) for p in patterns for leader in sorted({*p, node})]
    return patterns


def every_way(at):
    """(cost above the infimum, inverted labels) of every partition of one prompt's responses."""
    (component,) = at.graph.labelled
    copies = ties.Copies(at.graph, [component])
    for pattern in partitions(len(copies.node)):
        fit = copies.fit(np.array(pattern))
        yield fit.cost[0] - at.value, set(copies.edge[fit.delta <= 0].tolist())


@given(st.integers(0, 100_000))
@settings(max_examples=12)
def test_joint_thresholds_are_the_least_over_all_partitions(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    problem = Problem.from_unnormalized(rng.normal(size=n) * 10 ** rng.uniform(-1, 2), 10 ** rng.uniform(-2, 2))
    labels = [(0, int(rng.integers(0, k)), k) for k in range(1, n)]  # connected
    labels += [(0, *rng.choice(n, 2, replace=False)) for _ in range(rng.integers(0, 5))]
    labels = [(0, *rng.permutation(p), 10 ** rng.uniform(-2, 2)) for _, *p in labels]
    preferences = Preferences.from_pairs(labels)
    at = infimum(problem, preferences)
    ways = [*every_way(at)]
    subsets = [*chain(*(combinations(range(len(labels)), k) for k in (1, 2, 3)))]
    for pairs in subsets:
        least = min(cost for cost, inverted in ways if inverted.issuperset(pairs))
        found = failure_modes.joint_threshold(problem, preferences, pairs) - at.value
        assert found == pytest.approx(least, rel=1e-9, abs=1e-11)
    share = np.exp(preferences.log_share)
    for level in at.value + rng.exponential(size=4) * 0.2:
        most = max(share[[*inverted]].sum() for cost, inverted in ways if cost <= level - at.value + 1e-12)
        worst = failure_modes.worst_case_accuracy(problem, preferences, level)
        assert worst == pytest.approx(1 - most, abs=1e-9)


def test_what_has_to_be_searched_is_a_part_of_all_partitions():
    """Seven responses, all compared once, with cycles: merging what is wrong already, or too dear, is left out."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=7), 1.0)
    preferences = Preferences.from_pairs([rng.permutation(pair) for pair in combinations(range(7), 2)])
    at = infimum(problem, preferences)
    found = joint.ways(at, [0])
    assert len(partitions(7)) == 877
    assert len({tuple(p) for p in found.pattern}) == len(found.pattern) < 877
    again = joint.ways(at, [0], budget=np.median(found.cost))
    np.testing.assert_allclose(np.sort(again.cost), np.sort(found.cost[found.cost <= np.median(found.cost)]))


@given(labelled_problems(max_prompts=2), st.data())
@settings(max_examples=60)
def test_a_policy_made_of_patterns_costs_their_sum_and_inverts_their_labels(case, data):
    problem, preferences = case
    at = infimum(problem, preferences)
    pieces = data.draw(st.lists(st.sampled_from(range(len(at.parts.cost))), unique=True))
    found = joint.ways(at, pieces)
    chosen = [data.draw(st.sampled_from(np.flatnonzero(found.piece == piece).tolist())) for piece in pieces]
    policy = joint.policy(at, pieces, [found.pattern[k] for k in chosen])
    loss = at.value + found.cost[chosen].sum()
    assert dpo.loss(policy, problem, preferences) == pytest.approx(loss, rel=1e-9, abs=1e-9)
    delta = preferences.delta(policy)[at.graph.label]
    rounding = 1e-9 * max(1 / problem.beta, np.abs(preferences.delta(problem.log_ref)).max())
    for k in chosen:
        assert np.all(delta[found.inverted[k]] <= rounding)


@pytest.mark.parametrize(("beta", "low"), [(1e4, -1e4), (1.0, -1e4), (1e4, -1.0), (1e-4, -1e4), (1.0, -70.0)])
def test_at_an_unattained_infimum_the_policy_inverts_only_what_every_better_policy_does(beta, low):
    """0 > 1 > 2 in one prompt and 0 > 1 in another, the reference far the other way: at loss 0 all are ranked right."""
    problem = Problem.from_unnormalized([[2 * low, low, 0, 0, 0], [low, 0, low / 2, 0, 0]], beta)
    consistent = [(0, 0, 1), (0, 1, 2), (1, 0, 1)]
    preferences = Preferences.from_pairs(consistent)
    found = failure_modes.largest_inverted_set(problem, preferences, 0.0)
    assert (found.pairs.size, found.share, found.loss, found.proved) == (0, 0.0, 0.0, True)
    assert failure_modes.worst_case_accuracy(problem, preferences, 0.0) == 1
    assert dpo.loss(found.log_policy, problem, preferences) <= np.exp(-40)
    contradicted = Preferences.from_pairs([*consistent, (0, 3, 4, 1), (0, 4, 3, 3)])
    at = infimum(problem, contradicted)
    for policy in (found.log_policy, at.log_policy, solve(problem, contradicted).witness(4)):
        assert np.all(beta * preferences.delta(policy) > 40 * (1 - 1e-8))


@pytest.mark.parametrize("seed", range(30))
def test_a_set_of_labels_as_a_convex_programme(seed):
    """Against all ways that there are, whatever was merged; where rounding hides the proof, nothing is said."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    problem = Problem.from_unnormalized(rng.normal(size=n) * 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-1, 1))
    labels = [(0, *rng.choice(n, 2, replace=False), 10 ** rng.uniform(-1, 1)) for _ in range(9)]
    preferences = Preferences.from_pairs(labels)
    at, proved = infimum(problem, preferences), 0
    pieces = at.parts.graph.labelled
    found = joint.ways(at, pieces)
    piece = at.parts.graph.component[at.parts.graph.winner]
    for size in (1, 2, 4, 9):
        asked = np.sort(rng.choice(9, size, replace=False))
        least = 0.0
        for one in np.unique(piece[asked]):
            mine = set(asked[piece[asked] == one].tolist())
            able = [k for k in np.flatnonzero(found.piece == one) if mine <= set(found.inverted[k].tolist())]
            least += found.cost[able].min()
        cost = required.cost_of(at, asked)
        proved += cost is not None
        assert cost is None or cost == pytest.approx(least, rel=1e-9, abs=1e-12)
    assert proved >= 3


def test_many_pairs_together_are_no_search(monkeypatch):
    """40 of 80 labels among 20 responses had more than 20,000 tie patterns, and were refused."""
    problem, labels = tangle(20, 80, 1)
    fitted = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    half = np.arange(0, 80, 2)
    least = failure_modes.joint_threshold(problem, labels, half)
    assert sum(fitted) <= 64
    value, _ = oracle.inversion_cost(problem, labels, half)
    assert least == pytest.approx(value, rel=1e-6)
