"""Labels by pairs against plain sums, whichever way their keys are put in order."""

import numpy as np
import pytest

from tabular.fits.pair_graph import PairGraph, distinct

#: nodes, labels: a table of all keys; keys and places as one number; too large for that
SIZES = [(5, 40), (40, 60), (2**28, 30), (6, 0)]


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_distinct_keys_are_numbered_in_their_order(n, m):
    key = np.random.default_rng(0).integers(0, n**2, m)
    key[: m // 2] = key[m - m // 2 :]
    found, place = distinct(key, n**2)
    assert found.tolist() == sorted(set(key.tolist()))
    assert np.array_equal(found[place], key)


@pytest.mark.parametrize(("n", "m"), [(5, 40), (40, 60), (40, 20)])
def test_matrices_are_sums_over_the_labels_of_a_pair(n, m):
    rng = np.random.default_rng(1)
    winner = rng.integers(0, n, m)
    loser = (winner + rng.integers(1, n, m)) % n
    weight, dense = rng.exponential(1, m), np.zeros((n, n))
    np.add.at(dense, (winner, loser), weight)
    np.add.at(dense, (loser, winner), weight)
    pairs = PairGraph.of(n, winner, loser)
    matrix, (scaled, root) = pairs.matrix(weight), pairs.of_unit_degree(weight)
    np.testing.assert_allclose(matrix.toarray(), dense, rtol=1e-14)
    assert matrix.has_canonical_format
    degree = np.where(dense.any(axis=1), dense.sum(axis=1), 1)
    np.testing.assert_allclose(root, np.sqrt(degree), rtol=1e-14)
    np.testing.assert_allclose(scaled.toarray(), dense / np.sqrt(np.outer(degree, degree)), rtol=1e-14)
    np.testing.assert_allclose(pairs.matrix(2 * weight).toarray(), 2 * dense, rtol=1e-14)  # not the first one's data
    np.testing.assert_allclose(matrix.toarray(), dense, rtol=1e-14)


@pytest.mark.parametrize("m", [15, 60])
def test_components_are_those_of_the_reachable(m):
    rng, n = np.random.default_rng(2), 30
    winner = rng.integers(0, n, m)
    loser = (winner + rng.integers(1, n, m)) % n
    reach = np.eye(n, dtype=bool)
    reach[winner, loser] = reach[loser, winner] = True
    for _ in range(5):
        reach = reach @ reach
    component = PairGraph.of(n, winner, loser).components()
    assert np.array_equal(component[:, None] == component, reach)
