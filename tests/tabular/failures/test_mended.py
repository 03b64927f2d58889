"""Mended patterns: policies within the budget, each heavier than the one before, and the last with nothing to add."""

import numpy as np
import pytest

from tabular import Preferences, Problem, dpo
from tabular.base.log_space import softplus
from tabular.failures import joint, mended
from tabular.failures.infimum import infimum
from tabular.failures.mended import Patterns
from tabular.failures.work import Work
from tests.tabular.failures.test_work import counted, tangle


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


def told(monkeypatch, total, weight):
    """Instead of telling it roughly: what comes of the first, the second ... change."""
    monkeypatch.setattr(Patterns, "_rough", lambda self, here, start, along, tried: (total, weight))


def test_responses_are_let_go_in_the_order_of_what_they_promise(monkeypatch):
    """Within the budget the heaviest, then those that save most for the weight they lose."""
    problem, labels = tangle(6, 24, 0)
    patterns = Patterns(infimum(problem, labels), np.exp(labels.log_share), 1.0)
    here = patterns.fitted([np.zeros(6, dtype=int)], patterns.start)
    assert here.weight[0] == pytest.approx(1)
    patterns.budget = here.total[0] / 2
    cost, weight = [0.4, 0.45, 0.9, 0.8, 0.6, 0.7], [0.3, 0.5, 0.9, 0.4, 0.5, 0.9]
    told(monkeypatch, here.total[0] * np.array(cost), np.array(weight))
    alone = [np.flatnonzero(np.bincount(row, minlength=6)[row] == 1).item() for row in patterns._without_one(here)]
    assert alone == [1, 0, 5, 2, 4, 3]


def test_labels_are_tied_in_the_order_of_what_they_promise_and_only_where_they_may_be_affordable(monkeypatch):
    """The cheapest for their weight are looked at; what exceeds the budget counts as so much of all weight."""
    problem, labels = tangle(6, 24, 0)
    at = infimum(problem, labels)
    patterns = Patterns(at, np.exp(labels.log_share), 0.02)
    here = patterns.fitted([patterns.tied([])], patterns.start)
    ends = np.sort([patterns.copies.winner, patterns.copies.loser], axis=0).T.tolist()
    right, dear = ~here.inverted[0], here.least[0] / patterns.weight
    able = [tuple(ends[k]) for k in np.argsort(dear) if right[k] and here.least[0, k] <= patterns.budget]
    able = list(dict.fromkeys(able))
    assert 5 < len(able) < len({tuple(ends[k]) for k in np.flatnonzero(right)})

    def tied(total, weight):
        told(monkeypatch, np.array(total), np.array(weight))
        rows = patterns._with_one(here)
        return [(row[k].item(), k.item()) for row in rows for k in np.flatnonzero(row != np.arange(6))]

    assert tied(np.zeros(len(able)), np.zeros(len(able))) == able
    monkeypatch.setattr(mended, "_AT_MOST", 4)
    most = at.value + patterns.budget
    promise = [0.02, 0.01, 0.02 + most, 0.02 + 0.14 * most], [0.2, 0.6, 0.9, 0.0]
    assert tied(*promise) == [able[k] for k in (1, 0, 2, 3)]


def test_what_comes_of_tying_a_label_on_no_cycle_is_what_it_costs_alone(monkeypatch):
    """Of a path: margins are infinite where the loss is least, and groups that meet leave all others there."""
    problem = Problem.from_unnormalized(np.array([3.0, -1.0, 0.5, 2.0]), 0.7)
    labels = Preferences.from_pairs([(0, 1, 0, 1.0), (0, 1, 2, 2.0), (0, 2, 3, 4.0)])
    patterns, seen, rough = Patterns(infimum(problem, labels), np.exp(labels.log_share), 1.0), [], Patterns._rough
    monkeypatch.setattr(Patterns, "_rough", lambda self, *given: seen.append(rough(self, *given)) or seen[-1])
    here = patterns.fitted([patterns.tied([])], patterns.start)
    assert np.isinf(here.margin).all()
    fitted = patterns.fitted(patterns._with_one(here), here.strength)
    (cost, weight), alone = seen.pop(), np.exp(labels.log_share) * softplus(labels.delta(problem.log_ref) * 0.7)
    assert sorted(cost) == pytest.approx(sorted(alone), rel=1e-9) == sorted(fitted.total)
    assert sorted(weight) == pytest.approx([1 / 7, 2 / 7, 4 / 7]) == sorted(fitted.weight)


@pytest.mark.parametrize(("share", "sizes"), [(0.9, [1, 4]), (0.4, [1, 1])])
def test_of_patterns_that_are_far_too_dear_the_first_is_taken(monkeypatch, share, sizes):
    """Of one that costs less than twice the budget the best of four."""
    problem, labels = tangle(7, 18, 0)
    at = infimum(problem, labels)
    even = Patterns(at, np.ones(18), 1.0).fitted([np.zeros(7, dtype=int)], np.zeros(7))
    patterns = Patterns(at, np.ones(18), share * even.total[0])
    fitted = counted(monkeypatch, Patterns, "fitted", lambda self, patterns, near: len(patterns))
    next(patterns.mended(np.zeros(7, dtype=int), patterns.start))
    assert fitted[:2] == sizes


def test_fits_beside_weights_far_apart_count_for_more():
    done = []
    for spread in (1.0, 20.0):
        problem, labels = tangle(5, 12, 1)
        labels = Preferences(labels.prompt, labels.winner, labels.loser, np.exp(np.linspace(-spread, spread, 12)))
        work = Work()
        patterns = Patterns(infimum(problem, labels), np.ones(12), 1.0, work)
        patterns.fitted([patterns.tied([0])] * 100, patterns.start)
        done.append(work.done)
    assert done[1] > 2 * done[0]
