"""Many labels of few parameters: a part of them leads to the fit of all, proves it, or says that it cannot."""

import numpy as np
import pytest
from scipy.special import expit

from tabular import Preferences, Problem, Status, log_linear
from tabular.fits import logistic


def labels(n=60, k=3, m=4000, seed=0, spread=0.0):
    """Responses, and the winner and loser of each label, drawn from Bradley-Terry with linear rewards."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, k)) + spread
    first = rng.integers(0, n, m)
    second = (first + rng.integers(1, n, m)) % n
    wins = rng.random(m) < expit((features[first] - features[second]) @ rng.normal(size=k))
    return logistic.Responses(features, np.where(wins, first, second), np.where(wins, second, first))


@pytest.mark.parametrize("spread", [0.0, 1e4], ids=["scores", "rows, where scores cancel"])
def test_a_part_leads_to_the_fit_of_all(spread):
    compared = labels(spread=spread)
    rows, weight = compared.rows(), np.full(4000, 1 / 4000)
    found = logistic.from_a_part(compared, weight)
    assert found.theta == pytest.approx(logistic.newton(rows, weight, np.eye(3)), abs=1e-11)
    assert (found.balance > 0).all()
    assert found.balance == pytest.approx(weight * expit(-rows @ found.theta), rel=1e-11)
    assert found.residual < 1e-13
    assert found.infimum == pytest.approx(weight @ np.logaddexp(0, -rows @ found.theta), rel=1e-12)


def test_scores_of_responses_are_the_rows():
    compared = labels()
    direct, push = logistic.Rows(compared.rows()), np.random.default_rng(1).random(4000)
    theta = np.array([1.0, -2.0, 0.5])
    assert compared.margins(theta) == pytest.approx(direct.margins(theta), abs=1e-13)
    assert compared.pull(push) == pytest.approx(direct.pull(push), rel=1e-10)
    assert (compared.some(7) == direct.some(7)).all()
    assert (compared.sizes(push) >= direct.sizes(push)).all()


def test_what_a_part_cannot_decide_is_left_to_the_whole():
    compared, weight = labels(), np.full(4000, 1 / 4000)
    better = compared.features @ np.ones(3)
    up = better[compared.winner] > better[compared.loser]
    sorted_ends = np.where(up, compared.winner, compared.loser), np.where(up, compared.loser, compared.winner)
    assert logistic.from_a_part(logistic.Responses(compared.features, *sorted_ends), weight) is None
    flat = logistic.Responses(compared.features * [1, 1, 0], compared.winner, compared.loser)
    assert logistic.from_a_part(flat, weight) is None  # a feature that no label sees
    assert logistic.from_a_part(labels(m=2000), np.full(2000, 1 / 2000)) is None  # too few


def test_one_label_that_the_part_overlooks_may_separate():
    """Feature 1 differs in one label alone, which the part holds or does not: unattained either way."""
    compared = labels(k=2)
    features = np.r_[np.c_[compared.features, np.zeros(60)], [[0.0, 0.0, 1.0]]]
    problem = Problem(np.full(61, -np.log(61)), 1.0)
    for place in (0, 1):
        winner, loser = np.insert(compared.winner, place, 60), np.insert(compared.loser, place, 0)
        found = log_linear.dpo(problem, Preferences(np.zeros(4001, int), winner, loser), features)
        assert found.status is Status.UNATTAINED
        assert found.overlapping.sum() == 4000
        assert not found.overlapping[place]


def test_a_gradient_too_large_proves_nothing():
    rows, push = labels().rows(), np.full(4000, 1 / 4000)
    gram = logistic.squares(rows, push)
    size = np.sqrt(push[0] / 4)  # what the bound allows, in the direction of one feature, whitened
    lower = np.linalg.cholesky(gram)
    assert not logistic._proves(rows, push, np.abs(lower[:, 2]) * 1.01 * size, push[0])
    assert logistic._proves(rows, push, np.abs(lower[:, 2]) * 1e-3 * size, push[0])
    assert not logistic._proves(rows, push, np.zeros(3), 0.0)
