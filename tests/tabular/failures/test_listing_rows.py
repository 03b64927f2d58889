"""Rows of a listing that are taken over, or told by few points, are those of the whole work."""

import numpy as np

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
