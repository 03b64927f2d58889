"""Rows of a listing that are taken over, or told by few points, are those of the whole work."""

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path
from scipy.special import log_softmax

from tabular import Preferences, Problem
from tabular.failures import displacement
from tabular.failures.infimum import infimum
from tabular.failures.kinds import Kind
from tabular.failures.report import find
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


def test_rows_of_pairs_across_blocks_begin_where_thresholds_ended():
    """Two blocks with labels across, and a response more that is beaten once: the piece is not the component."""
    rng, n, k = np.random.default_rng(4), 9, 60
    problem = Problem.from_unnormalized(rng.normal(size=2 * n + 1), 0.7)
    winner, across = rng.integers(0, n, (2, k)), rng.integers(0, n, (2, 12))
    loser = (winner + rng.integers(1, n, (2, k))) % n
    winner = np.r_[winner[0], winner[1] + n, across[0], 0] + 1
    labels = Preferences(0 * winner, winner, np.r_[loser[0] + 1, loser[1] + n + 1, across[1] + n + 1, 0])
    found, anew = solve(problem, labels), infimum(problem, labels)
    pairs = np.arange(2 * k, 2 * k + 12)
    rows = found.at.rows(pairs, 0.0)
    np.testing.assert_allclose(rows, anew.rows(pairs, 0.0), rtol=0, atol=1e-11)
    (whole,) = found.at.components.shared.whole.values()
    known, delta, strength = whole.known
    assert known.tolist() == pairs.tolist()
    assert not delta.any()
    kept, fitted = (s[1:] - s[1] for s in (strength, whole.held(pairs, delta).strength))  # but for a constant
    np.testing.assert_allclose(kept, fitted, rtol=0, atol=1e-10)
    np.testing.assert_allclose(rows, found.at.rows(pairs, 0.0), rtol=0, atol=1e-13)
    assert whole.known[0].size == len(pairs)  # what is known is not remembered again


def test_the_lowest_probability_of_the_winner_is_found_wherever_in_the_order_the_first_fall_is():
    problem, labels = one_block()
    at, rng = infimum(problem, labels), np.random.default_rng(0)
    local, seen = displacement._Prompt(at, 0), set()
    for size in np.geomspace(0.01, 3, 60):
        s = size * rng.normal(size=(100, problem.n_responses))
        row = local.lowest(2, s)
        every = problem.log_ref[0] + s / problem.beta
        every -= np.log(np.exp(every).sum(axis=1, keepdims=True))
        falls = (local.loss(s) < local.loss(0 * s[:1]) - 1e-9) & (every[:, 2] < problem.log_ref[0, 2] - 1e-9)
        if row is None:
            assert not falls.any()
            seen.add("none")
            continue
        wanted = every[falls][every[falls, 2].argmin()]
        np.testing.assert_allclose(row, wanted, rtol=0, atol=1e-12)
        seen.add("lowest of all" if every[:, 2].min() == wanted[2] else "lower ones do not fall")
    assert seen == {"none", "lowest of all", "lower ones do not fall"}


@pytest.mark.parametrize("room", [0.0, 0.3])
def test_the_farthest_fall_along_a_direction_is_found_wherever_it_begins_and_ends(room):
    """Against a look at every step; directions that fall from the start on, later on (by rounding), and nowhere."""
    (problem, labels), rng, ends = one_block(), np.random.default_rng(0), set()
    at = infimum(problem, labels, rng.normal(size=labels.n_pairs) / 3)
    local = displacement._Prompt(at, 0)
    winners = rng.integers(0, problem.n_responses, 200)
    uphill = displacement.push(at)[0] * rng.choice([-1.0, 0.3, 1.0, 1e-9], size=200)[:, None]
    direction = uphill + rng.normal(size=uphill.shape) * np.exp(rng.uniform(-15, 0, size=(200, 1)))
    direction[np.arange(200), winners] = direction.min(axis=1) - 0.1
    for winner, along, row in zip(winners, direction, local.along(winners, direction, room), strict=True):
        s = displacement._STEPS[:, None] * along / np.abs(along).max()
        rows = log_softmax(problem.log_ref[0] + s / problem.beta, axis=1)
        lower = rows[:, winner] < problem.log_ref[0, winner] - 1e-11
        falls = lower & (local.loss(s) < local.own_start + room - 1e-11)
        assert (row is not None) == falls.any()
        ends.add(int(falls.argmax()) if falls.any() else None)
        if row is not None:
            np.testing.assert_allclose(row, rows[falls.argmax()], rtol=1e-12, atol=1e-12)
    assert len(ends) > 4
    assert room > 0 or None in ends


def test_contradictions_are_the_shortest_chains_of_wins():
    """Of two prompts, against Dijkstra's distances from l back to w; each chain is of labels, and ends with its own."""
    rng, n, k = np.random.default_rng(5), 9, 40
    prompt, winner = rng.integers(0, 2, k), rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    problem = Problem.from_unnormalized(rng.normal(size=(2, n)), 0.5)
    labels = Preferences(prompt, winner, loser)
    lengths = set()
    for row in find(problem, labels).rows:
        wins = np.full((n, n), np.inf)
        wins[winner[prompt == row.prompt], loser[prompt == row.prompt]] = 1
        away, cycle = shortest_path(wins)[row.loser, row.winner], row.findings[Kind.CONTRADICTORY_LABELS].cycle
        assert len(cycle) == (0 if np.isinf(away) else away + 1)
        assert not cycle or cycle[:2] == (row.winner, row.loser)
        assert all(wins[a, b] == 1 for a, b in zip(cycle, (*cycle[1:], *cycle[:1]), strict=True))
        lengths.add(len(cycle))
    assert {2, 3, 4} <= lengths


def test_rays_looked_at_in_parts_are_the_same(monkeypatch):
    problem, n = Problem.from_unnormalized(np.zeros(5), 0.01), 5
    labels = Preferences([0] * (n - 1), [0] * (n - 1), range(1, n))
    at = infimum(problem, labels)
    whole = displacement.falling_rows(at, np.array([0]), displacement.push(at))[0][0]
    monkeypatch.setattr(displacement, "_ENTRIES", 1)
    np.testing.assert_array_equal(displacement.falling_rows(at, np.array([0]), displacement.push(at))[0][0], whole)
    assert whole[0] < problem.log_ref[0, 0]


def test_a_prompt_may_rise_by_what_the_others_can_fall():
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=(3, 4)), 0.8)
    winner = rng.integers(0, 4, 24)
    columns = np.repeat(range(3), 8), winner, (winner + rng.integers(1, 4, 24)) % 4, rng.uniform(0.5, 2, 24)
    labels = Preferences(*columns)
    at = infimum(problem, labels)
    share = [np.exp(np.logaddexp.reduce(labels.log_share[labels.prompt == prompt])) for prompt in range(3)]
    alone = [infimum(problem, Preferences(*(c[columns[0] == prompt] for c in columns))).value for prompt in range(3)]
    falls = np.array(share) * (np.log(2) - np.array(alone))
    for prompt in range(3):
        local = displacement._Prompt(at, prompt)
        assert local.own_start == pytest.approx(share[prompt] * np.log(2), rel=1e-14)
        assert local.room == pytest.approx(falls.sum() - falls[prompt], rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_rays_end_just_below_the_loss_of_the_reference(seed):
    """One response is raised as far as lowering all others but the winner pays for; what is free, for ever."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized([*rng.normal(size=4), -np.inf if seed % 2 else 0.0], 0.6)
    labels = Preferences.from_pairs([(0, *rng.choice(4, 2, replace=False), rng.uniform(0.5, 2)) for _ in range(6)])
    local, winner = displacement._Prompt(infimum(problem, labels), 0), int(labels.winner[0])
    raised = np.flatnonzero(problem.present[0] & (np.arange(5) != winner))
    s = displacement._rays(local, winner, raised)
    column = np.tile(raised, len(s) // len(raised))
    row, x = np.arange(len(s)), rng.normal(size=len(s)) * 3
    moved = s.copy()
    moved[row, column] = x
    np.testing.assert_allclose(displacement._varied(local, s, column)(x), local.loss(moved), rtol=1e-13)
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
