"""Losses of the log-ratios themselves: the worked example, one-way labels, and random graphs by a second route."""

import numpy as np
import pytest

from tabular import Preferences, Problem, Status, losses
from tabular.simplex import absolute
from tests.tabular.simplex.routes import clarabel, loss_at, lowest_in_logits, random_case

EXAMPLE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
MOSTLY = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
ONE_WAY = Preferences.from_pairs([(0, 1)])


def solve(problem, labels, name, **params):
    return absolute.solve(problem, labels, losses.get(name, **params))


@pytest.mark.parametrize(
    ("name", "params", "least", "policy", "nu", "status"),
    [
        ("nca_pair", {}, 1.3186502100, [0.45, 0.075, 0.475], 0, Status.UNIQUE),
        ("sppo_hard", {}, 1.5, [0.3297442541, 0.1819591979, 0.4882965480], 0, Status.UNIQUE),
        ("bco_pair_unshifted", {}, 1.1341738951, [0.9674098, 0.0325902, 0], -0.0323, Status.UNATTAINED),
        ("dpo_sft", {"alpha": 1}, 1.1339469296, [0.777118, 0.222882, 0], -1, Status.UNATTAINED),
        ("cpo_xu", {"alpha": 1}, 1.1483089620, [0.7938013, 0.2061987, 0], -1, Status.UNATTAINED),
        ("apo_zero", {}, 0.6545084972, [1, 0, 0], -0.0533814, Status.UNATTAINED),
        ("kto", {}, 0.6545084972, [1, 0, 0], -0.0533814, Status.UNATTAINED),
    ],
)
def test_the_worked_example(name, params, least, policy, nu, status):
    found = solve(EXAMPLE, MOSTLY, name, **params)
    assert found.status is status
    assert found.infimum == pytest.approx(least, abs=6e-11)
    assert found.bound == found.infimum
    np.testing.assert_allclose(np.exp(found.log_policy[0]), policy, atol=6e-7 if 0 in policy else 6e-11)
    assert found.multiplier[0] == pytest.approx(nu, abs=5e-5)
    assert found.residual < 1e-14
    form = losses.get(name, **params).form
    direct = lowest_in_logits(EXAMPLE, MOSTLY, form, np.random.default_rng(0))
    assert found.infimum - 1e-12 <= direct < found.infimum + 1e-4
    assert loss_at(EXAMPLE, MOSTLY, form, found.log_policy) == pytest.approx(found.infimum, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "params", "beta", "least", "policy", "status"),
    [
        ("kto", {}, 0.5, 0.2**0.5 / (1 + 0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("apo_zero", {}, 0.5, 0.2**0.5 / (1 + 0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("bco_pair_unshifted", {}, 0.5, np.log1p(0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("nca_pair", {}, 0.5, np.log(1.5) + np.log(3) / 2, [0.8, 0, 0.2], Status.UNATTAINED),
        ("nca_pair", {}, 0.4, None, [1, 0, 0], Status.UNATTAINED),  # .2 x 2^2.5 > 1
        ("sppo_hard", {}, 0.5, 0, [0.2 * np.e, 0.3 / np.e, 1 - 0.2 * np.e - 0.3 / np.e], Status.UNIQUE),
        ("sppo_hard", {}, 0.25, 0.1863051, [0.9601202, 0.0398798, 0], Status.UNATTAINED),
        ("dpo_sft", {"alpha": 1}, 0.5, 0, [1, 0, 0], Status.UNATTAINED),
        ("cpo_xu", {"alpha": 1}, 0.5, 0, [1, 0, 0], Status.UNATTAINED),
    ],
)
def test_one_label(name, params, beta, least, policy, status):
    problem = Problem(EXAMPLE.log_ref, beta)
    found = solve(problem, ONE_WAY, name, **params)
    assert found.status is status
    np.testing.assert_allclose(np.exp(found.log_policy[0]), policy, atol=5e-8)
    if least is not None:
        assert found.infimum == pytest.approx(least, abs=5e-8)
    direct = lowest_in_logits(problem, ONE_WAY, losses.get(name, **params).form, np.random.default_rng(0))
    assert found.infimum - 1e-12 <= direct < found.infimum + 3e-3


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nca_pair", {}),
        ("bco_pair", {"shift": 0.4}),
        ("sppo_hard", {}),
        ("dpo_sft", {"alpha": 0.3}),
    ],
)
def test_against_clarabel(name, params):
    rng = np.random.default_rng(5)
    for _ in range(15):
        problem, labels = random_case(rng, unlabelled=True)
        found = solve(problem, labels, name, **params)
        value, _ = clarabel(problem, labels, name, params)
        assert found.residual < 1e-12
        assert found.infimum == pytest.approx(value, rel=1e-6, abs=1e-6)
        assert loss_at(problem, labels, losses.get(name, **params).form, found.log_policy) == pytest.approx(
            found.infimum, rel=1e-13
        )
        assert np.exp(found.log_policy).sum() == pytest.approx(1, abs=1e-13)
