"""Target margins of the pairwise losses, and the soft-margin bound."""

import inspect

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit

from tabular import InputError, Preferences, Problem, dpo, margins
from tests import strategies


@given(strategies.labelled_problems(max_prompts=1), st.data())
def test_dpo_is_ranking_with_the_reference_as_target(case, data):
    problem, labels = case
    policy = data.draw(strategies.policies_of(problem))
    cost = margins.loss(labels.delta(policy), margins.target("dpo", labels.delta(problem.log_ref)), problem.beta)
    assert np.exp(labels.log_share) @ cost == pytest.approx(dpo.loss(policy, problem, labels), rel=1e-9, abs=1e-12)


@given(strategies.log_odds(1e4), strategies.log_odds(1e4), strategies.betas)
@example(0.0, 0.0, 1.0)  # equality
@example(0.0, 0.0, 1e-4)
def test_soft_margin_bound(delta, delta_ref, beta):
    gap = margins.soft_margin_gap(delta, delta_ref, beta)
    assert 0 <= gap <= np.log(2) / beta
    assert gap == pytest.approx(np.log(2) / beta, rel=1e-15) or delta != delta_ref
    assert gap < np.log(2) / beta or beta * abs(delta - delta_ref) < 1e-15
    hinge = margins.hinge(delta, delta_ref)
    assert gap == pytest.approx(margins.loss(delta, delta_ref, beta) / beta - hinge, abs=1e-15 * (hinge + 1 / beta))


def test_hypo_never_asks_for_a_negative_margin_and_clip_is_hypo():
    delta_ref = np.array([-3.0, -0.1, 0.0, 2.0])
    assert margins.target("hypo", delta_ref).tolist() == [0, 0, 0, 2]
    np.testing.assert_array_equal(margins.target("code_clip", delta_ref), margins.target("hypo", delta_ref))


@given(strategies.log_odds(30), st.floats(0.05, 5), st.floats(0.001, 2))
def test_reference_margin_of_two_responses(delta_ref, beta, gamma):
    """Eq. (17) with the probabilities written out, against the default that derives them from delta_ref."""
    given_probabilities = margins.target(
        "ecpo",
        delta_ref,
        beta=beta,
        gamma=gamma,
        log_ref_winner=np.log(expit(delta_ref)),
        log_ref_loser=np.log(expit(-delta_ref)),
    )
    derived = margins.target("ecpo", delta_ref, beta=beta, gamma=gamma)
    assert derived == pytest.approx(given_probabilities, rel=1e-9)
    assert derived == pytest.approx(delta_ref + gamma / beta * (2 + 2 * np.cosh(delta_ref)), rel=1e-12)
    assert derived > delta_ref


def test_reference_margin_overflows_to_infinity_not_nan():
    assert margins.target("ecpo", -1e4, beta=1, gamma=1) == np.inf


def test_released_easy_loss_asks_for_less_than_dpo():
    delta_ref = np.array([-2.0, 0.5])
    target = margins.target("code_easy", delta_ref, log_ref_winner=[-1.5, -0.5], log_ref_loser=[-0.5, -1.0])
    np.testing.assert_allclose(target, delta_ref + 5 * np.array([-1 / 1.5 - 2, -2 - 1]))
    assert (target < delta_ref).all()


@given(strategies.log_odds(200), st.floats(0.01, 3), st.floats(0.1, 5))
def test_released_cpo_loss_is_a_smooth_maximum(delta_ref, gamma, tau):
    target = margins.target("code_cpo", delta_ref, gamma=gamma, tau=tau)
    assert target == pytest.approx(np.logaddexp(tau * delta_ref, tau * gamma) / tau, abs=1e-9)
    assert -1e-9 <= target - max(delta_ref, gamma) <= np.log(2) / tau + 1e-9
    halved = margins.target("code_cpo", delta_ref, gamma=gamma, tau=tau, alpha=2.0)
    assert halved - delta_ref == pytest.approx((target - delta_ref) / 2, abs=1e-9)


def test_released_defaults():
    easy, cpo = (inspect.signature(margins.TARGETS[name]).parameters for name in ("code_easy", "code_cpo"))
    assert [easy[name].default for name in ("beta", "gamma")] == [0.1, 0.5]
    assert [cpo[name].default for name in ("gamma", "tau", "alpha")] == [0.5, 2.0, 1.0]


def test_targets_leave_the_callers_array_alone():
    delta_ref = np.array([-1.0])
    margins.target("dpo", delta_ref)[0] = 5
    assert delta_ref.tolist() == [-1]


def test_an_unknown_loss_lists_the_known_ones():
    with pytest.raises(InputError, match="no loss named 'ppo': choose one of dpo, hypo, ecpo"):
        margins.target("ppo", 0.0)


def test_the_minimiser_of_a_population_pair_sits_at_target_plus_the_label_margin():
    """sp with weights sigma(+-Dr): minimiser delta = T + Dr/beta, by a dense grid."""
    problem = Problem.from_probabilities([0.2, 0.8], 0.5, reward=[0.7, 0.0])
    rates = Preferences.from_bradley_terry(problem).weight
    target = margins.target("ecpo", np.log(0.25), beta=0.5, gamma=0.1)
    delta = np.linspace(-5, 10, 150_001)
    cost = rates[0] * margins.loss(delta, target, 0.5) + rates[1] * margins.loss(-delta, -target, 0.5)
    assert delta[cost.argmin()] == pytest.approx(target + 0.7 / 0.5, abs=1e-3)
