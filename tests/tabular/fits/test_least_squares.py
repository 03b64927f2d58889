"""Least squares on label graphs: dense ones against elimination in 400 digits, sparse ones against scipy's."""

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr

from tabular.fits import least_squares


def graph(rng, n, extra):
    """A path through all nodes, and labels anyhow, parallel ones among them."""
    order = rng.permutation(n)
    winner = np.r_[order[:-1], rng.integers(0, n, extra)]
    loser = np.r_[order[1:], (winner[n - 1 :] + rng.integers(1, n, extra)) % n]
    return winner, loser


@pytest.mark.parametrize("spread", [0.0, 3.0, 200.0, 1500.0])
@pytest.mark.parametrize("seed", range(4))
def test_small_graphs_are_solved_to_the_last_digits_whatever_their_weights(spread, seed):
    """Two components at once; without a light label's digits the nodes it alone joins would be anywhere."""
    rng = np.random.default_rng(seed)
    sizes, ends = (int(rng.integers(2, 7)), int(rng.integers(2, 7))), []
    for first, n in zip((0, sizes[0]), sizes, strict=True):
        ends.append(np.array(graph(rng, n, int(rng.integers(0, 9)))) + first)
    (winner, loser), component = np.concatenate(ends, axis=1), np.repeat([0, 1], sizes)
    log_weight, offset = rng.uniform(-spread, spread, len(winner)), rng.normal(size=len(winner)) * 10.0 ** (seed - 1)
    found = least_squares.solve(component, winner, loser, log_weight, offset)
    with ctx.workdps(400 + 4 * int(spread)):
        n, weight = len(component), [arb(x).exp() for x in log_weight.tolist()]
        matrix, right = arb_mat(n, n), arb_mat(n, 1)
        for w, v, c, o in zip(winner.tolist(), loser.tolist(), weight, offset.tolist(), strict=True):
            matrix[w, w], matrix[v, v] = matrix[w, w] + c, matrix[v, v] + c
            matrix[w, v], matrix[v, w] = matrix[w, v] - c, matrix[v, w] - c
            right[w, 0], right[v, 0] = right[w, 0] + c * o, right[v, 0] - c * o
        for mine in (np.flatnonzero(component == k).tolist() for k in (0, 1)):
            for i in mine:  # of a constant nothing is known: the mean is 0
                matrix[mine[0], i] = 1
            right[mine[0], 0] = 0
        exact = [float(x) for x in matrix.solve(right).entries()]
    np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-13 * np.abs(offset).max())


@pytest.mark.parametrize(("n", "extra"), [(300, 900), (300, 20)])
def test_large_graphs_are_solved_by_gradients_or_as_nearly_trees(n, extra):
    rng = np.random.default_rng(extra)
    winner, loser = graph(rng, n, extra)
    log_weight, offset = rng.normal(size=len(winner)), rng.normal(size=len(winner))
    found = least_squares.solve(np.zeros(n, int), winner, loser, log_weight, offset)
    root, rows = np.exp(log_weight / 2), np.arange(len(winner))
    matrix = csr_array((np.r_[root, -root], (np.r_[rows, rows], np.r_[winner, loser])), shape=(len(winner), n))
    direct = lsqr(matrix, root * offset, atol=1e-15, btol=1e-15, iter_lim=20_000)[0]
    np.testing.assert_allclose(found, direct - direct.mean(), atol=1e-8)
    left = matrix.T @ (root * offset - matrix @ found)
    assert np.abs(left).max() < 1e-11
    assert abs(found.mean()) < 1e-13
