"""The RLHF optimum: closed form against 60 digits, against a solver's optimality conditions, and at every scale."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from tabular import InputError, Problem, rlhf
from tabular.base.log_space import kl
from tests import strategies


def exact(problem, prompt):
    """(log pi*, V) of one prompt in 60 digits; the reference is normalised again, in 60 digits."""
    with mpmath.workdps(60):
        there = problem.present[prompt]
        weight = [mpmath.exp(mpmath.mpf(v)) for v in problem.log_ref[prompt, there]]
        weight = [w / sum(weight) for w in weight]
        tilt = [mpmath.mpf(r) / mpmath.mpf(problem.beta) for r in problem.reward[prompt, there]]
        terms = [mpmath.log(w) + t for w, t in zip(weight, tilt, strict=True)]
        top = max(terms)
        log_z = top + mpmath.log(sum(mpmath.exp(t - top) for t in terms))
        return np.array([float(t - log_z) for t in terms]), float(problem.beta * log_z)


@given(strategies.problems(max_prompts=1))
@example(Problem([[0.0, -1e4]], 1e-4, reward=[[0.0, 1.0]]))
@example(Problem([[0.0, -1e4]], 1e4, reward=[[0.0, 1.0]]))
@example(Problem.from_probabilities([0.3, 0.7], 1e-4, reward=[[1e6 + 0.5, 1e6]]))
@example(Problem.from_probabilities([0.3, 0.7], 1e4, reward=[[-1e-3, 1e-3]]))
def test_optimum_and_value_against_sixty_digits(problem):
    log_policy, value = exact(problem, 0)
    there = problem.present[0]
    # the two summands of the logit round: four units in the last place of the larger one
    size = np.abs(problem.log_ref[0, there]).max() + np.ptp(problem.reward[0, there]) / problem.beta
    np.testing.assert_allclose(rlhf.optimal_policy(problem)[0, there], log_policy, rtol=0, atol=1e-15 * (1 + size))
    scale = np.abs(problem.reward).max() + problem.beta * 1e-15
    assert rlhf.value(problem)[0] == pytest.approx(value, rel=1e-13, abs=1e-14 * scale + 1e-300)


@given(st.data(), strategies.problems())
def test_the_optimum_beats_every_policy_by_exactly_beta_kl(data, problem):
    policy = data.draw(strategies.policies_of(problem))
    optimum, value = rlhf.optimal_policy(problem), rlhf.value(problem)
    regret = value - rlhf.objective(policy, problem)
    scale = 1 + np.abs(value) + problem.beta * kl(policy, problem.log_ref)
    np.testing.assert_array_less(-1e-11 * scale, regret)
    np.testing.assert_allclose(regret / scale, problem.beta * kl(policy, optimum) / scale, atol=1e-11)


@given(strategies.problems(), st.floats(-1e3, 1e3))
def test_a_constant_added_to_the_reward_changes_only_the_value(problem, constant):
    moved = Problem(problem.log_ref, problem.beta, problem.reward + constant)
    slip = 1e-12 * (1 + abs(constant)) / problem.beta  # the sum itself rounds
    np.testing.assert_allclose(rlhf.optimal_policy(moved), rlhf.optimal_policy(problem), atol=slip + 1e-13)
    np.testing.assert_allclose(rlhf.value(moved), rlhf.value(problem) + constant, atol=1e-11 * (1 + abs(constant)))


@given(strategies.problems(spread=3.0, beta=st.floats(0.1, 10)))
def test_derivative_of_the_value_in_beta_is_minus_the_kl(problem):
    step = 1e-5 * problem.beta
    up, down = (Problem(problem.log_ref, problem.beta + s, problem.reward) for s in (step, -step))
    slope = (rlhf.value(up) - rlhf.value(down)) / (2 * step)
    np.testing.assert_allclose(slope, -kl(rlhf.optimal_policy(problem), problem.log_ref), atol=1e-5, rtol=1e-4)


def test_a_numerical_optimiser_finds_the_same_policy():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[1.0, 0.5, -1.0])
    found = minimize(lambda logits: -rlhf.objective(log_softmax(logits), problem)[0], np.zeros(3), tol=1e-12)
    np.testing.assert_allclose(log_softmax(found.x), rlhf.optimal_policy(problem)[0], atol=1e-5)


def test_small_beta_takes_the_best_reward_and_large_beta_the_reference():
    ref, reward = [0.2, 0.3, 0.5], [3.0, 2.0, 1.0]
    cold, hot = (Problem.from_probabilities(ref, beta, reward) for beta in (1e-4, 1e4))
    np.testing.assert_allclose(rlhf.optimal_policy(cold)[0], [0, np.log(1.5) - 1e4, np.log(2.5) - 2e4], rtol=1e-13)
    np.testing.assert_allclose(rlhf.value(cold), 3 + 1e-4 * np.log(0.2), rtol=1e-14)
    np.testing.assert_allclose(np.exp(rlhf.optimal_policy(hot)[0]), ref, rtol=2e-4)
    np.testing.assert_allclose(rlhf.value(hot), np.dot(ref, reward), rtol=1e-4)


def test_absent_responses_stay_absent_and_leaving_the_support_costs_everything():
    problem = Problem.from_probabilities([0.5, 0.5, 0.0], 1, reward=[0, 1, 100])
    assert rlhf.optimal_policy(problem)[0, 2] == -np.inf
    assert rlhf.objective(np.log([0.25, 0.25, 0.5]), problem).tolist() == [-np.inf]
    assert rlhf.objective([0, -np.inf, -np.inf], problem)[0] == pytest.approx(-np.log(2))


def test_prompts_do_not_see_each_other():
    rng = np.random.default_rng(0)
    logits, reward = rng.normal(size=(2, 50, 4))
    together = Problem.from_unnormalized(logits, 0.7, reward)
    alone = [Problem.from_unnormalized(logits[i], 0.7, reward[i]) for i in range(50)]
    np.testing.assert_array_equal(rlhf.optimal_policy(together), [rlhf.optimal_policy(p)[0] for p in alone])
    np.testing.assert_array_equal(rlhf.value(together), [rlhf.value(p)[0] for p in alone])


@pytest.mark.parametrize("answer", [rlhf.optimal_policy, rlhf.value])
def test_a_missing_reward_is_said(answer):
    with pytest.raises(InputError, match="no reward"):
        answer(Problem([0.0], 1))
