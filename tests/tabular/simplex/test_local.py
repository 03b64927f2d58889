"""Bounds behind descents: rankings by enumeration, Gumbel rankings by sampling; DPOP's core by reachability."""

from itertools import permutations

import numpy as np
import pytest
from scipy.special import expit

from tabular import InputError, Preferences, Problem, losses
from tabular.simplex import descents, dpop, local, rankings
from tests.benchmarks.test_small_inputs import small


@pytest.mark.parametrize("seed", range(10))
def test_the_least_violated_weight_is_that_of_the_best_of_all_rankings(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    winner = rng.integers(0, n, 12)
    loser = (winner + rng.integers(1, n, 12)) % n
    weight = rng.uniform(0, 1, 12)
    best = min(weight[np.argsort(p)[winner] > np.argsort(p)[loser]].sum() for p in permutations(range(n)))
    assert rankings.least_violated(n, winner, loser, weight) == pytest.approx(best, abs=1e-12)


def test_a_logistic_of_a_difference_is_the_chance_of_an_inversion_by_gumbel_noise():
    rng = np.random.default_rng(0)
    z = np.array([0.3, -1.1])
    noisy = z + rng.gumbel(size=(400_000, 2))
    assert (noisy[:, 1] > noisy[:, 0]).mean() == pytest.approx(expit(z[1] - z[0]), abs=0.003)


@pytest.mark.parametrize("seed", range(30))
def test_the_core_is_what_reaches_a_cycle(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    winner = rng.integers(0, n, n)
    loser = (winner + rng.integers(1, n, n)) % n
    reach = np.zeros((n, n), dtype=bool)
    reach[winner, loser] = True
    for middle in range(n):
        reach |= reach[:, [middle]] & reach[[middle]]
    on_cycle = np.diag(reach)
    assert (dpop.core(n, winner, loser) == (on_cycle | (reach & on_cycle).any(axis=1))).all()


def test_the_search_over_two_responses_sees_both_basins():
    """KTO at beta = 6 with both responses wanted: each nearly alone is a local minimum; the bound is of the lower."""
    problem = Problem.from_probabilities([0.45, 0.55], beta=6.0)
    labels = np.array([0, 0]), np.array([0, 1]), np.array([1, 0]), np.log([0.5, 0.5])
    prompts = local.Prompts(losses.get("kto", l_u=0.2).form, 6.0, problem.log_ref, *labels)
    (value,), _ = local.lowest(prompts, np.random.default_rng(0))
    odds = np.linspace(-30, 30, 200_001)
    rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 2), bool))
    path = rows.value(np.stack([-np.logaddexp(0, -odds), -np.logaddexp(0, odds)], axis=-1)[:, None])[:, 0]
    dips = (path[1:-1] < path[:-2]) & (path[1:-1] < path[2:])
    assert dips.sum() >= 1
    assert value <= path.min() + 1e-12
    assert value - 2e-9 <= local.bound_of_two(prompts, 0, value) <= value
    assert local.bound_of_two(prompts, 0, value + 0.01) <= path.min()  # no bound of a value that is not the least


def test_what_is_too_large_is_said():
    problem = Problem.from_unnormalized(np.zeros(400), 1.0)
    with pytest.raises(InputError, match=r"a prompt has 400 responses: .*at most 300"):
        losses.solve(problem, Preferences.from_pairs([(0, 1), (1, 0)]), losses.get("orpo", lam=1.0))


def test_of_many_winners_those_that_win_most_may_share_the_mass_alone():
    """KTO at beta = 10, 17 responses: no higher than any k of them in the reference's proportions, by what they win."""
    _, problem, labels, _ = small(73)
    loss, log_ref = losses.get("kto"), problem.log_ref[0]
    share = np.exp(labels.log_share)
    net = np.bincount(labels.winner, share, 17) - np.bincount(labels.loser, share, 17)
    order, least = np.argsort(-net), np.inf
    for k in range(1, 18):
        alone = np.full(17, -60.0)  # as good as nothing
        alone[order[:k]] = log_ref[order[:k]]
        least = min(least, losses.mean(alone - np.logaddexp.reduce(alone), problem, labels, loss))
    assert losses.solve(problem, labels, loss).infimum <= least
