"""Mended patterns: policies within the budget, each heavier than the one before, and the last with nothing to add."""

import numpy as np
import pytest

from tabular import dpo
from tabular.base.log_space import softplus
from tabular.failures import joint
from tabular.failures.infimum import infimum
from tabular.failures.mended import Patterns
from tabular.failures.work import Work
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
    assert (patterns.fitted([start], patterns.start).total[0] > budget) == (tied == "all")
    got = []
    for found in patterns.mended(start, patterns.start):
        pattern, costs, inverted = found.pattern[0], found.cost[0], found.inverted[0]
        assert costs.sum() <= budget
        parts = [pattern[patterns.copies.node_copy == k] - first for k, first in enumerate(patterns.copies.start)]
        policy = joint.policy(at, patterns.copies.component, parts)
        assert dpo.loss(policy, problem, labels) == pytest.approx(at.value + costs.sum(), rel=1e-9)
        assert set(edge[inverted]) == set(np.flatnonzero(labels.delta(policy) <= 0))
        assert found.weight[0] == pytest.approx(weight[edge[inverted]].sum())
        got.append(found.weight[0])
    assert len(got) > 0
    assert np.all(np.diff(got) > 0)
    ends = np.sort([pattern[patterns.copies.winner], pattern[patterns.copies.loser]], axis=0)[:, ~inverted]
    more = patterns.fitted([np.where(pattern == high, low, pattern) for low, high in ends.T], patterns.start)
    assert not ((more.total <= budget) & (more.weight > got[-1])).any()
    assert [*patterns.mended(start, patterns.start)] == []  # what was mended once is not mended again


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_of_a_change_is_told_by_policies(monkeypatch, seed):
    """One who moves alone, and two who meet, by the loss of many policies; the patterns cost no more than these."""
    problem, labels = tangle(6, 24, seed)
    at = infimum(problem, labels)
    patterns, told = Patterns(at, np.exp(labels.log_share), 0.4 * (np.log(2) - at.value)), []
    rough = Patterns._rough
    monkeypatch.setattr(Patterns, "_rough", lambda self, *given: told.append(rough(self, *given)) or told[-1])
    response = at.parts.graph.response[patterns.copies.node]
    for tied, change in (([0, 1], patterns._without_one), ([], patterns._with_one)):
        here = patterns.fitted([patterns.tied(tied)], patterns.start)
        assert np.all(np.isfinite(here.margin))
        others, level = change(here), problem.log_ref[0, response[here.pattern[0]]] + here.strength[0]
        least = []
        for there in others:
            moved = np.flatnonzero(there != here.pattern[0])
            if tied:  # of two that are tied the second moves, as the leader that is left tells
                mates = np.flatnonzero(here.pattern[0] == here.pattern[0][moved[0]])
                alone = [k for k in mates if np.sum(there == there[k]) == 1][-1]
                policies = level + np.linspace(-15, 15, 3001)[:, None] * (np.arange(6) == alone)
            else:
                ends = [moved[0], there[moved[0]]]
                policies = np.tile(level, (1001, 1))
                policies[:, ends] = np.linspace(*level[ends], 1001)[:, None]
            delta = np.subtract(*(policies[:, np.argsort(response)][:, end] for end in (labels.winner, labels.loser)))
            losses = softplus(labels.delta(problem.log_ref) - delta) @ np.exp(labels.log_share)
            least.append(losses.min() - at.value)
        cost, weight = told.pop()
        assert np.all(np.sort(cost) >= np.sort(least) * (1 - 1e-4))
        assert np.all(np.sort(cost) <= np.sort(least) * 1.1)
        found = patterns.fitted(others, here.strength)
        assert np.all(np.sort(cost) >= np.sort(found.total) * (1 - 1e-9))
        assert 0 <= weight.min() <= weight.max() <= 1


def test_mending_ends_where_enough_is_done():
    problem, labels = tangle(7, 18, 0)
    work = Work()
    patterns = Patterns(infimum(problem, labels), np.ones(18), 0.1, work)
    start = patterns.tied(np.arange(18))
    assert [*patterns.mended(start, patterns.start, 1.0)] == []
    assert 0 < work.done < 5_000


def test_a_response_lets_go_of_the_others_of_its_group():
    problem, labels = tangle(5, 12, 1)
    patterns = Patterns(infimum(problem, labels), np.ones(12), 1.0)
    here = patterns.fitted([np.array([0, 0, 0, 3, 3])], patterns.start)
    found = {tuple(row) for row in patterns._without_one(here).tolist()}
    assert found == {(0, 1, 1, 3, 3), (0, 1, 0, 3, 3), (0, 0, 2, 3, 3), (0, 0, 0, 3, 4)}
