"""Policies that invert a pair below the start."""

import numpy as np
import pytest

from tabular import Preferences, Problem, dpo
from tabular.base.log_space import normalised
from tabular.failures import strictly, thresholds
from tabular.failures.strictly import inverting_rows

LOG2 = float(np.log(2))


def random_case(n, k, seed, beta=1.0, zeros=0):
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=n) / beta, beta)
    winner, weight = rng.integers(0, n, k), rng.integers(1, 9, k).astype(float)
    weight[:zeros] = 0.0
    return problem, Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n, weight=weight)


def checked(problem, labels):
    found = thresholds.solve(problem, labels)
    pairs = np.flatnonzero(found.value < LOG2 - 1e-12)
    rows = inverting_rows(found, labels, pairs, LOG2)
    for pair, row in zip(pairs, rows, strict=True):
        policy = found.at.with_row(labels.prompt[pair], row)
        assert labels.delta(policy)[pair] < 0
        assert dpo.loss(policy, problem, labels) <= (found.value[pair] + LOG2) / 2 + 1e-12
    return len(pairs)


@pytest.mark.parametrize("beta", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize(("n", "k", "zeros"), [(3, 4, 0), (6, 9, 3), (14, 90, 0), (40, 160, 5)])
def test_they_invert_and_lose_no_more_than_half_way(beta, n, k, zeros):
    assert sum(checked(*random_case(n, k, seed, beta, zeros)) for seed in range(3)) > 0


@pytest.mark.parametrize("seed", range(6))
def test_twice_the_step_costs_more_than_there_is_room_for(seed):
    """Each pair's winner, of labels won and lost, is lowered by the largest power of two."""
    problem, labels = random_case(8, 30, seed)
    found = thresholds.solve(problem, labels)
    pairs = np.flatnonzero(found.value < LOG2 - 1e-6)
    rows, room = strictly._tied_rows(found, pairs), (LOG2 - found.value[pairs]) / 2
    by = strictly._room_for(found.at, rows, pairs, room)
    for row, winner, step, left in zip(rows, labels.winner[pairs], by, room, strict=True):
        lower = normalised(row - np.outer([0.0, step, 2 * step], np.arange(8) == winner))
        start, within, beyond = (dpo.loss(policy[None], problem, labels) for policy in lower)
        assert within <= start + left < beyond


@pytest.mark.parametrize("room", [1e-3, 1e-7, 3e-12])
def test_a_pair_alone_is_lowered_by_a_power_of_two(room):
    """sp(-t) at the tie; it rises by sp(u - t) - sp(-t), which may be half of what is left to log 2."""
    t = -np.log(np.expm1(LOG2 - room))
    problem = Problem.from_unnormalized([0.0, t], 1.0)
    labels = Preferences.from_pairs([(0, 1)])
    assert checked(problem, labels) == 1
    row = inverting_rows(thresholds.solve(problem, labels), labels, np.array([0]), LOG2)[0]
    u = 2.0 ** np.floor(np.log2(np.log(np.expm1(LOG2 - room / 2)) + t))
    assert row[1] - row[0] == pytest.approx(u, rel=1e-3)


def test_where_no_step_is_small_enough_the_deepest_inversion_shows_it(monkeypatch):
    monkeypatch.setattr(strictly, "STEPS", np.array([8.0]))
    assert checked(*random_case(6, 9, 1)) > 0
