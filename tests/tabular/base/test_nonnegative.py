"""Non-negative least squares, and what happens where its exchanges do not end."""

import numpy as np
import pytest

from tabular import Preferences, Problem, dpo
from tabular.base import nonnegative


def refused(*_):
    raise RuntimeError("Maximum number of iterations reached.")


@pytest.mark.parametrize("seed", range(5))
def test_both_routes_meet_the_conditions_of_optimality(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(7, 5)), rng.normal(size=7)
    x, left, settled = nonnegative.nearest(matrix, target)
    monkeypatch.setattr(nonnegative, "nnls", refused)
    other, distance, other_settled = nonnegative.nearest(matrix, target)
    assert settled
    assert not other_settled
    np.testing.assert_allclose(other, x, atol=1e-7)
    assert distance == pytest.approx(left, rel=1e-12)
    pull = matrix.T @ (matrix @ x - target)
    assert pull.min() > -1e-12
    assert abs(pull @ x) < 1e-12
    assert x.min() >= 0


def test_a_limit_whose_rates_stay_open_is_unknown(monkeypatch):
    """Two sources above one sink, which tie: their limit takes the program."""
    labels = Preferences.from_pairs([(0, 2), (1, 2)])
    assert dpo.solve(Problem.from_probabilities([0.2, 0.3, 0.5], beta=1.0), labels).flow_limit_known.all()
    monkeypatch.setattr(nonnegative, "nnls", refused)
    assert not dpo.solve(Problem.from_probabilities([0.1, 0.3, 0.6], beta=1.0), labels).flow_limit_known.any()
