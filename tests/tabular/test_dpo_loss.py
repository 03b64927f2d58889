"""The DPO loss and its gradient, for any labels."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, dpo, rlhf
from tests import strategies

INF = np.inf


@st.composite
def cases(draw, **kwargs):
    problem, labels = draw(strategies.labelled_problems(**kwargs))
    return problem, labels, draw(strategies.policies_of(problem))


@given(cases())
def test_loss_against_fifty_digits(case):
    problem, labels, policy = case
    with mpmath.workdps(50):
        total = mpmath.mpf(0)
        for prompt, winner, loser, weight in zip(
            labels.prompt, labels.winner, labels.loser, labels.weight, strict=True
        ):
            log_ratio = [
                mpmath.mpf(policy[prompt, y]) - mpmath.mpf(problem.log_ref[prompt, y]) for y in (winner, loser)
            ]
            h = log_ratio[0] - log_ratio[1]
            total += mpmath.mpf(weight) * mpmath.log1p(mpmath.exp(-mpmath.mpf(problem.beta) * h))
        exact = float(total / mpmath.fsum(labels.weight))
    assert dpo.loss(policy, problem, labels) == pytest.approx(exact, rel=1e-11, abs=1e-11 * problem.beta)


@given(cases(spread=2.0, beta=st.floats(0.1, 3)))
def test_gradient_is_the_derivative_in_the_logits(case):
    problem, labels, policy = case
    gradient = dpo.gradient(policy, problem, labels)
    direction = np.random.default_rng(0).normal(size=policy.shape)

    def loss_along(step):
        logits = policy + step * direction
        return dpo.loss(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True), problem, labels)

    numeric = (loss_along(1e-5) - loss_along(-1e-5)) / 2e-5
    assert (gradient * np.where(problem.present, direction, 0)).sum() == pytest.approx(numeric, abs=1e-7)


@given(cases())
def test_gradient_rows_sum_to_zero_and_leave_unlabelled_responses_alone(case):
    problem, labels, policy = case
    gradient = dpo.gradient(policy, problem, labels)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12 * problem.beta)
    named = np.zeros(gradient.shape, dtype=bool)
    named[labels.prompt, labels.winner] = named[labels.prompt, labels.loser] = True
    assert (gradient[~named] == 0).all()


@given(strategies.labelled_problems())
def test_the_reference_always_costs_log_two(case):
    problem, labels = case
    assert dpo.loss(problem.log_ref, problem, labels) == pytest.approx(np.log(2), rel=1e-14)


@given(strategies.problems(reward_scale=5.0))
def test_population_labels_are_stationary_at_the_rlhf_optimum_for_either_sign(problem):
    labels = Preferences.from_bradley_terry(problem)
    gradient = dpo.gradient(rlhf.optimal_policy(problem), problem, labels)
    # h = Dr/beta is a difference of log-probabilities up to 1e5 in size: its rounding enters the gradient times beta
    assert np.abs(gradient).max() / problem.beta < 1e-10 * (1 + problem.beta)


def test_gradient_at_delta_zero_is_weaker_but_never_zero():
    for delta_ref in (-1.0, -10.0, -100.0):
        problem = Problem.from_unnormalized([delta_ref, 0.0], beta=0.5)
        gradient = dpo.gradient(np.log([0.5, 0.5]), problem, Preferences.from_pairs([(0, 1)]))
        exact = -0.5 / (1 + np.exp(-0.5 * delta_ref))
        assert gradient[0, 0] == pytest.approx(exact, rel=1e-12)
        assert gradient[0, 0] < 0


def test_weights_are_a_mean_and_weight_zero_is_free():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    policy = np.log([0.6, 0.1, 0.3])
    one, two = (dpo.loss(policy, problem, Preferences.from_pairs([pair])) for pair in ((0, 1), (2, 1)))
    both = Preferences.from_pairs([(0, 0, 1, 3.0), (0, 2, 1, 1.0), (0, 2, 0, 0.0)])
    assert dpo.loss(policy, problem, both) == pytest.approx((3 * one + two) / 4)
    # a label of weight 0 stays free where it would cost everything
    assert dpo.loss([-INF, 0, -INF], problem, Preferences.from_pairs([(0, 1, 0, 1.0), (0, 2, 1, 0.0)])) == 0


def test_loss_at_the_border():
    problem = Problem.from_probabilities([0.5, 0.5], 1)
    label = Preferences.from_pairs([(0, 1)])
    assert dpo.loss([0, -INF], problem, label) == 0
    assert dpo.loss([-INF, 0], problem, label) == INF
    assert dpo.gradient([0, -INF], problem, label).tolist() == [[0, 0]]
    assert dpo.gradient([-INF, 0], problem, label).tolist() == [[-1, 1]]
    three = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    with pytest.raises(InputError, match="its responses have log-probabilities -inf and -inf"):
        dpo.loss([-INF, -INF, 0], three, label)


@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
def test_extreme_log_probabilities(beta):
    problem = Problem([[0.0, -1e4]], beta)
    label = Preferences.from_pairs([(1, 0)])
    flipped = [[-1e4, 0.0]]
    assert dpo.loss(flipped, problem, label) == pytest.approx(np.log1p(np.exp(-min(beta * 2e4, 700))), abs=1e-300)
    assert np.isfinite(dpo.gradient(flipped, problem, label)).all()


def test_a_label_of_weight_zero_may_be_undefined():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    labels = Preferences.from_pairs([(0, 0, 1, 1.0), (0, 1, 2, 0.0)])
    assert dpo.loss([0, -INF, -INF], problem, labels) == 0
    assert dpo.gradient([0, -INF, -INF], problem, labels).tolist() == [[0, 0, 0]]


def test_labels_that_do_not_fit_the_problem_are_refused():
    with pytest.raises(InputError, match="prompt 1"):
        dpo.loss([0.0], Problem([0.0], 1), Preferences.from_pairs([(1, 0, 1)]))
