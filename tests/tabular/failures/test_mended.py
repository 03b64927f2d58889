"""Mended patterns: policies within the budget, each heavier than the one before, and the last with nothing to add."""

import numpy as np
import pytest

from tabular import dpo
from tabular.failures import joint
from tabular.failures.infimum import infimum
from tabular.failures.mended import Patterns
from tests.tabular.failures.test_work import tangle


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tied", ["all", "none"])
def test_mended_patterns_are_policies_within_the_budget(seed, tied):
    """From the pattern that ties all labels, which costs too much, and from the one that ties none and leaves room."""
    problem, labels = tangle(7, 18, seed)
    at = infimum(problem, labels)
    weight, budget = np.exp(labels.log_share), 0.4 * (np.log(2) - at.value)
    patterns = Patterns(at, weight, budget)
    edge = patterns.copies.edge
    start = patterns.tied(np.arange(len(edge)) if tied == "all" else np.zeros(0, dtype=int))
    cost = patterns.fitted([start], patterns.start)[0].sum()
    assert (cost > budget) == (tied == "all")
    got = []
    for pattern, costs, inverted in patterns.mended(start, patterns.start):
        assert costs.sum() <= budget
        parts = [pattern[patterns.copies.node_copy == k] - first for k, first in enumerate(patterns.copies.start)]
        policy = joint.policy(at, patterns.copies.component, parts)
        assert dpo.loss(policy, problem, labels) == pytest.approx(at.value + costs.sum(), rel=1e-9)
        assert set(edge[inverted]) == set(np.flatnonzero(labels.delta(policy) <= 0))
        got.append(weight[edge[inverted]].sum())
    assert len(got) > 0
    assert np.all(np.diff(got) > 0)
    ends = np.sort([pattern[patterns.copies.winner], pattern[patterns.copies.loser]], axis=0)[:, ~inverted]
    more = [np.where(pattern == high, low, pattern) for low, high in ends.T]
    costs, weights, *_ = patterns.fitted(more, patterns.start)
    assert not ((costs.sum(axis=1) <= budget) & (weights > got[-1])).any()


def test_a_response_lets_go_of_the_others_of_its_group():
    problem, labels = tangle(5, 12, 1)
    patterns = Patterns(infimum(problem, labels), np.ones(12), 1.0)
    found = {tuple(row) for row in patterns._without_one(np.array([0, 0, 0, 3, 3])).tolist()}
    assert found == {(0, 1, 1, 3, 3), (0, 1, 0, 3, 3), (0, 0, 2, 3, 3), (0, 0, 0, 3, 4)}
