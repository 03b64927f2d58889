"""The distance to a fit that a spanning tree proves, against dense algebra and the fit itself."""

import numpy as np
import pytest
from scipy.special import expit

from tabular.base.log_space import softplus
from tabular.fits import bradley_terry
from tabular.fits.tree_bound import Tree, distance


def block(seed, n=9, m=24):
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    winner = np.r_[order, rng.integers(0, n, m)]
    loser = np.r_[np.roll(order, -1), (winner[n:] + rng.integers(1, n, m)) % n]
    return rng, winner, loser, rng.uniform(-4, 4, n + m)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("moved", [1e-8, 1e-5, 1e-3])
def test_lambda_and_the_loss_are_within_the_bound(seed, moved):
    rng, winner, loser, log_weight = block(seed)
    weight, best = np.exp(log_weight), bradley_terry.fit(9, winner, loser, log_weight)
    s = best.strength + moved * rng.normal(size=9)
    h = s[winner] - s[loser]
    push, curvature = weight * expit(-h), weight * expit(h) * expit(-h)
    left = np.bincount(winner, push, 9) - np.bincount(loser, push, 9)
    tree = Tree(9, winner, loser, curvature, root=3)
    below = np.flatnonzero(tree.label >= 0)
    assert len(below) == 8
    np.testing.assert_allclose(tree.cuts() @ left, tree.delivered(left), atol=1e-12 * np.abs(left).max())
    found, spread, share = distance(tree.delivered(left)[below], curvature[tree.label[below]])
    incidence = np.zeros((len(winner), 9))
    incidence[np.arange(len(winner)), winner] = 1
    incidence[np.arange(len(winner)), loser] -= 1
    exact = np.sqrt(left @ np.linalg.pinv(incidence.T @ (curvature[:, None] * incidence), rcond=1e-12) @ left)
    assert exact <= found * (1 + 1e-6)
    assert found <= 10 * exact  # and no wilder than paths are long
    above = weight @ softplus(-h) - best.infimum
    if share <= 1:
        assert above <= found**2 + 1e-14 * best.infimum
    if found * spread <= 0.5:
        assert share <= 1
        assert above <= 1.4 * found**2 + 1e-14 * best.infimum
        if moved > 1e-5:
            assert above > 0.3 * exact**2  # a tenth of lambda would not do


def test_of_parallel_labels_the_most_curved_is_taken_and_others_are_not_reached():
    tree = Tree(4, np.array([0, 1, 1]), np.array([1, 0, 2]), np.array([1.0, 5.0, 2.0]), root=2)
    assert tree.label.tolist() == [1, 2, -1, -1]
    assert tree.delivered(np.array([1.0, 2.0, 0.0, 7.0])).tolist() == [1.0, 3.0, 3.0, 7.0]


def test_trees_of_several_blocks_at_once_are_those_of_each():
    found, net = [], []
    for seed in range(3):
        rng, winner, loser, curvature = block(seed)
        found.append((winner, loser, np.exp(curvature)))
        net.append(rng.normal(size=9))
    ends = (np.concatenate([part[k] + 9 * i for i, part in enumerate(found)]) for k in (0, 1))
    together = Tree(27, *ends, np.concatenate([part[2] for part in found]), root=np.array([2, 9, 26]))
    assert together.reached.all()
    flows = together.delivered(np.concatenate(net)).reshape(3, 9)
    for i, root in enumerate((2, 0, 8)):
        alone = Tree(9, *found[i], root=root)
        np.testing.assert_allclose(flows[i], alone.delivered(net[i]), atol=1e-14)
        mine = together.label[9 * i : 9 * i + 9]
        assert np.where(mine < 0, -1, mine - 33 * i).tolist() == alone.label.tolist()


def test_labels_that_deliver_nothing_count_only_for_how_long_the_tree_is():
    delivered, curvature = np.array([[0.0, 0.0], [3e-3, 0.0], [-2e-3, 0.0]]), np.array([[1e-9], [4.0], [0.5]])
    lam, length, share = distance(delivered, curvature)
    np.testing.assert_allclose(lam, [np.sqrt(9e-6 / 4 + 4e-6 / 0.5), 0], rtol=1e-14)
    np.testing.assert_allclose(length, [1e-9**-0.5 + 0.5 + 2**0.5], rtol=1e-14)
    np.testing.assert_allclose(share, [4e-3, 0], rtol=1e-14)
    assert distance(np.array([0.0, 0.0]), np.array([0.0, 1.0]))[::2] == (0, 0)  # nor where no curvature is left
