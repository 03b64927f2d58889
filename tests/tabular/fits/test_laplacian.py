"""The one linear system, by every route: each against its definition in exact fractions, lopsided and of any size."""

from fractions import Fraction

import numpy as np
import pytest

from tabular.fits import laplacian


def system(rng, n, spread, density=0.6):
    """Symmetric weights of a connected graph, e^(-spread) to 1, and flows of which hardly two are alike."""
    tree = np.zeros((n, n), dtype=bool)
    for k in range(1, n):
        tree[k, rng.integers(k)] = True
    there = tree | np.tril(rng.random((n, n)) < density, -1)
    low = np.where(there, np.exp(rng.uniform(-spread, 0, (n, n))), 0.0)
    weight = low + low.T
    flow = np.where(weight > 0, rng.exponential(size=(n, n)) * np.sqrt(weight), 0.0)
    return weight, flow


def exactly(weight, flow):
    """The solution in fractions, by Gauss and Jordan, 0 at the first node."""
    n = len(weight)
    w, p = ([[Fraction(float(x)) for x in row] for row in part] for part in (weight, flow))
    rows = [
        [(sum(w[i]) if i == j else -w[i][j]) for j in range(1, n)] + [sum(p[i]) - sum(row[i] for row in p)]
        for i in range(1, n)
    ]
    for k in range(n - 1):
        rows[k] = [x / rows[k][k] for x in rows[k]]
        rows = [
            row if i == k else [x - row[k] * y for x, y in zip(row, rows[k], strict=True)] for i, row in enumerate(rows)
        ]
    return np.array([0.0, *(float(row[-1]) for row in rows)])


CASES = [(seed, n, spread) for seed, n in enumerate((2, 3, 4, 6, 9)) for spread in (0.0, 3.0, 25.0)]


@pytest.mark.parametrize(("seed", "n", "spread"), CASES)
def test_every_elimination_solves_the_system(seed, n, spread):
    rng = np.random.default_rng(seed)
    systems = [system(rng, n, spread) for _ in range(3)]
    weight, flow = (np.array(part) for part in zip(*systems, strict=True))
    exact = np.array([exactly(*each) for each in systems])
    close = {"rtol": 1e-9, "atol": 1e-12 * np.abs(exact).max()}
    with np.errstate(divide="ignore"):
        logs = np.log(weight), np.log(flow)
    np.testing.assert_allclose(laplacian.solve_dense_log(*logs), exact, **close)
    np.testing.assert_allclose(laplacian.solve_dense(weight.copy(), flow.copy()), exact, **close)
    if spread < 10:
        np.testing.assert_allclose(laplacian.solve_even(weight, flow), exact, **close)


@pytest.mark.parametrize(("seed", "n", "spread"), CASES)
def test_labels_and_sparse_graphs_have_the_same_solution(seed, n, spread):
    """Parallel and opposite labels of a pair, pushes of either sign; two blocks side by side, each from its own 0."""
    rng = np.random.default_rng(100 + seed)
    weight, _ = system(rng, n, spread)
    winner, loser = (np.r_[end, end[::2]] for end in np.nonzero(weight))
    bend = weight[winner, loser] * rng.uniform(0.5, 2, len(winner))
    push = rng.normal(size=len(winner)) * np.sqrt(bend)
    full, flow = np.zeros((2, n, n))
    np.add.at(full, (winner, loser), bend)
    np.add.at(flow, (winner, loser), push)
    exact = exactly(full + full.T, flow)
    close = {"rtol": 1e-8, "atol": 1e-11 * np.abs(exact).max()}
    np.testing.assert_allclose(laplacian.solve_labels(bend, push, n, winner, loser), exact, **close)
    if spread > 10:
        return  # further apart than factors tell to eight digits
    block = np.repeat([0, 1], n)
    twice = laplacian.Sparse(2 * n, np.r_[winner, winner + n], np.r_[loser, loser + n], block)
    won, lost = (np.bincount(np.r_[end, end + n], np.r_[push, -2 * push], 2 * n) for end in (winner, loser))
    found = twice.potential(np.r_[bend, bend], won - lost, exactly=True)
    np.testing.assert_allclose(found[:n] - found[0], exact, **close)
    np.testing.assert_allclose(found[n:] - found[n], -2 * exact, **close)
    found = twice.solve(np.r_[bend, bend], np.r_[push, -2 * push])
    np.testing.assert_allclose(found[:n] - found[0], exact, rtol=1e-3, atol=1e-3 * np.abs(exact).max())


def test_a_node_whose_weights_vanish_leaves_the_others_their_solution():
    """A sixth node hangs on a tree or a dense graph of five by weights below the floats."""
    rng = np.random.default_rng(5)
    for density in (0.0, 1.0):
        weight, _ = system(rng, 5, 3.0, density)
        winner, loser = np.nonzero(np.tril(weight))
        push, flow = rng.normal(size=len(winner)), np.zeros((5, 5))
        flow[winner, loser] = push
        graph = laplacian.Sparse(6, np.r_[winner, 5, 5], np.r_[loser, 1, 3], np.zeros(6, dtype=int))
        won, lost = (np.bincount(end, push, 6) for end in (winner, loser))
        found = graph.potential(np.r_[weight[winner, loser], 0.0, 0.0], won - lost, exactly=True)
        np.testing.assert_allclose(found[:5], exactly(weight, flow), rtol=1e-9, atol=1e-12)


def test_what_floats_do_not_join_has_no_potential():
    """Two nodes hang on the ground by a weight of 0: any level of theirs would do."""
    graph = laplacian.Sparse(3, np.array([0, 1]), np.array([1, 2]), np.zeros(3, dtype=int))
    assert np.isnan(graph.potential(np.array([0.0, 1.0]), np.array([1.0, -1.0, 0.0]), exactly=True)).all()


@pytest.mark.parametrize("n", [40, 400])
def test_gradients_end_within_their_accuracy_or_say_that_they_crawl(n):
    rng = np.random.default_rng(n)
    first, second = np.tile(np.arange(n), 4), rng.integers(n, size=4 * n)
    winner, loser = first[first != second], second[first != second]
    weight, push = rng.exponential(size=(2, len(winner)))
    graph = laplacian.Sparse(n, winner, loser, np.zeros(n, dtype=int))
    won, lost = (np.bincount(end, push, n) for end in (winner, loser))
    exact = graph.potential(weight, won - lost, exactly=True)
    for size, accuracy in ((np.abs(won - lost).max() * 1e3, 1e-3), (np.abs(won - lost).max() * 1e9, 1e-8)):
        found = graph.potential(weight, won - lost, size=size)
        assert not graph.tree_like
        off = (found - found[0]) - (exact - exact[0])
        assert np.abs(off).max() <= 30 * accuracy * np.ptp(exact)
    ring = laplacian.Sparse(
        4 * n,
        np.tile(np.arange(4 * n), 2),
        np.r_[np.arange(1, 4 * n + 1), np.arange(3, 4 * n + 3)] % (4 * n),
        np.zeros(4 * n, dtype=int),
    )
    around = np.cos(2 * np.pi * np.arange(4 * n) / (4 * n))
    found = ring.potential(np.ones(8 * n), around, size=1e9)
    step = 2 * np.pi / (4 * n)
    np.testing.assert_allclose(
        found - found.mean(), around / (4 - 2 * np.cos(step) - 2 * np.cos(3 * step)), atol=1e-4 * np.ptp(found)
    )


def test_left_over_is_bounded_by_what_was_asked():
    rng = np.random.default_rng(0)
    weight, _ = system(rng, 12, 1.0)
    root = np.sqrt(weight.sum(axis=1))
    unit = weight / root / root[:, None]
    left = rng.normal(size=12)
    left -= root * (root @ left) / (root @ root)  # what the system can deliver
    for accuracy in (1e-1, 1e-4, 1e-9):
        d = laplacian.gradients(unit, left.copy(), accuracy, 50)
        assert np.linalg.norm(left - (d - unit @ d)) <= accuracy * np.linalg.norm(left) * (1 + 1e-3) + 1e-14
    assert laplacian.gradients(unit, left.copy(), 1e-9, 2) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_stationary_measure_balances_every_state(seed):
    """In log-rates over hundreds of nats, against what flows in and out of each state; two chains at once."""
    rng = np.random.default_rng(seed)
    n = 2 + seed
    for spread in (1.0, 300.0):
        log_rate = rng.uniform(-spread, spread, (2, n, n))
        log_rate[:, np.arange(n), np.arange(n)] = -np.inf
        measure = laplacian.stationary_log(log_rate.copy())
        assert measure[:, 0].tolist() == [0, 0]
        leaving = measure + np.logaddexp.reduce(log_rate, axis=2)
        arriving = np.logaddexp.reduce(measure[:, :, None] + log_rate, axis=1)
        np.testing.assert_allclose(arriving, leaving, rtol=1e-12, atol=1e-9)
