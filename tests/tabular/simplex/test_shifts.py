"""Self-consistent shifts: by iteration as a trainer does it, by hand, and where there are none."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, losses
from tabular.base.log_space import kl

PROBLEM = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], beta=0.5, prompt_weights=[0.3, 0.7])
LABELS = Preferences(
    [0, 0, 0, 0, 1, 1], [0, 1, 1, 2, 0, 1], [1, 0, 2, 1, 1, 0], [0.75, 0.25, 0.5, 0.3, 0.6, 0.5]
)  # every labelled response wins; prompt 1 has an unlabelled one


def test_kto_by_iterating_the_divergence():
    shift = 0.0
    for _ in range(300):
        found = losses.solve(PROBLEM, LABELS, losses.get("kto", z0=shift, l_u=0.6))
        shift = float(PROBLEM.prompt_weights @ kl(found.log_policy, PROBLEM.log_ref))
    settled = losses.self_consistent(PROBLEM, LABELS, losses.get("kto", l_u=0.6))
    assert settled.shift == pytest.approx(shift, abs=1e-9)
    assert settled.error < 1e-9
    assert 0 < settled.shift < 1.6


def test_bco_by_iterating_the_mean_reward():
    def mean_reward(log_policy):
        r = log_policy - PROBLEM.log_ref
        both = r[LABELS.prompt, LABELS.winner] + r[LABELS.prompt, LABELS.loser]
        return float(PROBLEM.beta * np.exp(LABELS.log_share) @ both / 2)

    settled = losses.self_consistent(PROBLEM, LABELS, losses.get("bco_pair", shift=3.0))
    shift = 0.0
    for _ in range(200):
        shift = mean_reward(losses.solve(PROBLEM, LABELS, losses.get("bco_pair", shift=shift)).log_policy)
    assert settled.shift == pytest.approx(shift, abs=1e-6)
    assert mean_reward(settled.minimum.log_policy) == pytest.approx(settled.shift, abs=1e-9)


def test_bco_of_one_pair_by_hand():
    """x = d + log 3 and y = d - log 3 fill the simplex: e^2d (.2 x 9 + .3 / 9) = 1."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    found = losses.self_consistent(problem, labels, losses.get("bco_pair", shift=0.0))
    assert found.shift == pytest.approx(-np.log(0.2 * 9 + 0.3 / 9) / 2, abs=1e-9)


def test_where_there_is_none():
    with pytest.raises(InputError, match="response 1 of prompt 0 never wins, so the mean reward is -inf"):
        losses.self_consistent(PROBLEM, Preferences.from_pairs([(0, 1)]), losses.get("bco_pair", shift=0.0))
    with pytest.raises(InputError, match="there is no loss with a shift named 'nca_pair'"):
        losses.self_consistent(PROBLEM, LABELS, losses.get("nca_pair"))
