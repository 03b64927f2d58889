"""Rows of a listing that are taken over, or told by few points, are those of the whole work."""

import numpy as np
import pytest

from tabular import Preferences, Problem
from tabular.failures import displacement
from tabular.failures.infimum import infimum
from tabular.failures.thresholds import solve


def one_block(n=12, k=80):
    """Random labels among n responses, and a response more that is beaten once: a piece of its own."""
    rng = np.random.default_rng(3)
    problem = Problem.from_unnormalized(rng.normal(size=n + 1), 0.7)
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    return problem, Preferences(np.zeros(k + 1, int), np.r_[winner, 0], np.r_[loser, n])


def test_rows_of_ties_that_thresholds_remember_are_those_fitted_anew():
    problem, labels = one_block()
    found, anew = solve(problem, labels), infimum(problem, labels)
    pairs = np.flatnonzero(found.binds)
    rows = found.at.rows(pairs, 0.0)
    taken, fresh = (part.shared.blocks[0].known for part in (found.at.components, anew.parts))
    assert found.at.parts is not found.at.components
    assert taken is found.at.parts.shared.blocks[0].known
    assert taken[0].size > fresh[0].size == 0
    np.testing.assert_allclose(rows, anew.rows(pairs, 0.0), rtol=0, atol=1e-11)


def test_the_lowest_probability_of_the_winner_is_found_wherever_in_the_order_the_first_fall_is():
    problem, labels = one_block()
    at, rng = infimum(problem, labels), np.random.default_rng(0)
    local, seen = displacement._Prompt(at, 0), set()
    for size in np.geomspace(0.01, 3, 60):
        s = size * rng.normal(size=(100, problem.n_responses))
        row = local.lowest(2, s, 0.0)
        every = problem.log_ref[0] + s / problem.beta
        every -= np.log(np.exp(every).sum(axis=1, keepdims=True))
        falls = (local.loss(s) < local.loss(0 * s[:1]) - 1e-9) & (every[:, 2] < problem.log_ref[0, 2] - 1e-9)
        if row is None:
            assert not falls.any()
            seen.add("none")
            continue
        wanted = every[falls][every[falls, 2].argmin()]
        np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-12)
        seen.add("first" if (every[:, 2] < wanted[2]).sum() < 8 else "later")
    assert seen == {"none", "first", "later"}


@pytest.mark.parametrize("seed", range(6))
def test_rays_end_just_below_the_loss_of_the_reference(seed):
    """One response is raised as far as lowering all others but the winner pays for; what is free, for ever."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized([*rng.normal(size=4), -np.inf if seed % 2 else 0.0], 0.6)
    labels = Preferences.from_pairs([(0, *rng.choice(4, 2, replace=False), rng.uniform(0.5, 2)) for _ in range(6)])
    local, winner = displacement._Prompt(infimum(problem, labels), 0), int(labels.winner[0])
    s = displacement._rays(local, winner)
    raised = np.flatnonzero(problem.present[0] & (np.arange(5) != winner))
    column = np.tile(raised, len(s) // len(raised))
    row, x = np.arange(len(s)), rng.normal(size=len(s)) * 3
    moved = s.copy()
    moved[row, column] = x
    np.testing.assert_allclose(displacement._along(local, s, column)(x), local.loss(moved), rtol=1e-13)
    assert (s[:, winner] == 0).all()
    others = s + np.where(np.arange(5) == column[:, None], np.inf, 0.0)
    others[:, winner] = np.inf
    assert (others.min(axis=1) == -np.repeat(np.exp2(np.arange(-12, 9, 0.25)), len(raised))).all()
    assert (np.where(others < np.inf, others, others.min(axis=1)[:, None]) == others.min(axis=1)[:, None]).all()
    paid = local.loss(s)
    below = s[row, column] > 0
    assert (paid[below] < local.own_start).all()
    beyond = s.copy()
    beyond[row, column] += 1e-6
    ended = below & (s[row, column] < 4096 - 1e-6)
    assert (local.loss(beyond)[ended] > local.own_start - 1e-10).all()
    assert ended.any()
