"""The residual of a fit by its words: what pulls at a node, over all that pulls and what rounding moves of that."""

import numpy as np
import pytest

from tabular import losses
from tabular.fits import convex


def scaled(size):
    return losses.custom("scaled", lambda x: size * np.exp(-x), lambda x: -size * np.exp(-x)).scalar


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize("spread", [0.0, 5.0, 900.0])
def test_the_residual_is_relative_to_what_pulls_each_node(size, spread):
    """Of any size of the loss, and of any weights: each node is asked in its own unit."""
    winner, loser = np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2])
    log_weight, offset = np.array([0.0, -1.0, -spread, -spread - 2]), np.array([0.5, 0.0, -1.0, 0.25])
    strength = np.array([0.0, -0.7, 0.0, 0.4])
    found = convex.residual(4, (winner, loser, log_weight, offset), strength, scaled(size))
    x = strength[winner] - strength[loser] - offset
    pull, level = np.exp(-x), np.abs(strength[winner]) + np.abs(strength[loser]) + np.abs(offset)
    weight = np.exp(log_weight - np.array([0.0, 0.0, -spread, -spread]))
    net, whole = weight * pull, weight * pull * (1 + level)  # of an exponential slope and curvature are one
    expected = max(abs(net[0] - net[1]) / whole[:2].sum(), abs(net[2] - net[3]) / whole[2:].sum())
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_balanced_fit_has_none():
    strength = np.array([0.3, 0.3 - np.log(2) / 2])  # weights 1 and 2, pulls e^-d and e^d
    edges = np.array([0, 1]), np.array([1, 0]), np.log([2.0, 1.0]), np.zeros(2)
    assert convex.residual(2, edges, strength, scaled(1.0)) < 1e-9
    assert (
        convex.residual(3, edges, np.r_[strength, 7.0], scaled(1.0)) < 1e-9
    )  # a node without labels is pulled by nothing
