"""Problem: what is accepted, how it is stored, and one sentence for everything that is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from tabular import InputError, Preferences, Problem, dpo, rlhf
from tabular.problem import as_log_policy
from tests import strategies

NAN, INF = np.nan, np.inf

# what is given -> the sentence: the rule, the value, where, what to do
REFUSED = {
    "row sum": (lambda: Problem.from_probabilities([[0.5, 0.5], [0.5, 0.4]], 1), r"ref row 1 sums to 0.9, not 1: "),
    "row sum in logs": (lambda: Problem(np.log([[0.5, 0.4]]), 1), r"log_ref row 0 sums to 0.9, not 1: rescale"),
    "row without mass": (lambda: Problem([[-INF, -INF]], 1), r"log_ref row 0 sums to 0, not 1"),
    "overflowing row": (lambda: Problem([[800.0, 0.0]], 1), r"log_ref row 0 sums to inf, not 1"),
    "nan probability": (lambda: Problem.from_probabilities([0.5, NAN], 1), r"ref\[0, 1\] is nan: .* finite"),
    "negative": (lambda: Problem.from_probabilities([1.5, -0.5], 1), r"ref\[0, 1\] is -0.5: .* at least 0"),
    "nan": (lambda: Problem([[0.0, NAN]], 1), r"log_ref\[0, 1\] is nan: a log-probability must be"),
    "+inf": (lambda: Problem([[0.0, INF]], 1), r"log_ref\[0, 1\] is inf: a log-probability must be"),
    "nan logits": (lambda: Problem.from_unnormalized([0.0, NAN], 1), r"log_weight\[0, 1\] is nan"),
    "no response": (lambda: Problem.from_unnormalized([[0.0], [-INF]], 1), r"log_weight row 1 has no response"),
    "beta 0": (lambda: Problem([0.0], 0), r"beta is 0: it must be one number, finite and above 0"),
    "beta < 0": (lambda: Problem([0.0], -1), r"beta is -1: "),
    "beta nan": (lambda: Problem([0.0], NAN), r"beta is nan: "),
    "beta inf": (lambda: Problem([0.0], INF), r"beta is inf: "),
    "beta words": (lambda: Problem([0.0], "big"), r"beta is 'big': it must be one number"),
    "reward shape": (
        lambda: Problem.from_probabilities([0.5, 0.5], 1, [1, 2, 3]),
        r"reward has shape \(1, 3\), log_ref \(1, 2\)",
    ),
    "reward rows": (
        lambda: Problem.from_probabilities([0.5, 0.5], 1, [[1, 2], [1, 2]]),
        r"reward has shape \(2, 2\), log_ref \(1, 2\)",
    ),
    "reward too short": (
        lambda: Problem.from_probabilities([[0.5, 0.5], [0.2, 0.3, 0.5]], 1, [[1, 2], [1, 2]]),
        r"reward row 1 has 2 entries for 3 responses: give one for each",
    ),
    "reward too long for its row": (
        lambda: Problem.from_probabilities([[0.5, 0.5], [0.2, 0.3, 0.5]], 1, [[1, 2, 9], [1, 2, 3]]),
        r"reward row 0 has 3 entries for 2 responses: give one for each",
    ),
    "the same from logits": (
        lambda: Problem.from_unnormalized([[0, 0, 0], [0]], 1, [[1, 2, 3], [1, 2]]),
        r"reward row 1 has 2 entries for 1 responses",
    ),
    "the same in logs": (
        lambda: Problem([[0.0], np.log([0.5, 0.5])], 1, [[1, 0], [1, 2]]),
        r"reward row 0 has 2 entries for 1 responses",
    ),
    "reward nan": (lambda: Problem.from_probabilities([0.5, 0.5], 1, [1, NAN]), r"reward\[0, 1\] is nan: "),
    "reward inf": (lambda: Problem.from_probabilities([0.5, 0.5], 1, [1, INF]), r"reward\[0, 1\] is inf: "),
    "weights length": (
        lambda: Problem([0.0], 1, None, [1, 1]),
        r"prompt_weights has shape \(2,\) for 1 prompts: give one for each",
    ),
    "weights sign": (lambda: Problem([[0.0], [0.0]], 1, None, [2, -1]), r"prompt_weights\[1\] is -1.0: "),
    "weights in a square": (
        lambda: Problem(np.zeros((4, 1)), 1, None, np.ones((2, 2))),
        r"prompt_weights has shape \(2, 2\) for 4 prompts",
    ),
    "weights in words": (lambda: Problem([0.0], 1, None, ["a"]), r"prompt_weights is \['a'\]: give numbers"),
    "beta beyond floats": (
        lambda: Problem([0.0], 10**400),
        r"beta is 1000.*\.\.\..*000: it must be one number, finite",
    ),
    "beta next to 0": (
        lambda: Problem([0.0], 0.99e-100),
        "beta is 9.9e-101: products of betas leave double precision; give one from 1e-100 to 1e.100",
    ),
    "beta next to inf": (lambda: Problem([0.0], 1.01e100), r"beta is 1.01e\+100: products of betas leave"),
    "log_ref beyond its digits": (
        lambda: Problem.from_unnormalized([[0.0, 0.0], [0.0, -1e16]], 1),
        r"log_ref\[1, 1\] is -1e\+16: below -1e\+15 nats its rounding is as large; -inf marks",
    ),
    "beta in text": (lambda: Problem([0.0], "0.5"), "beta is '0.5': it must be one number"),
    "beta true": (lambda: Problem([0.0], True), "beta is True: it must be one number"),
    "beta in a list": (lambda: Problem([0.0], [0.5]), r"beta is \[0.5\]: it must be one number"),
    "overflowing sum": (lambda: Problem.from_probabilities([1e308, 1e308], 1), "ref row 0 sums to inf, not 1"),
    "rewards far apart": (
        lambda: Problem([[0.0, -np.inf], [-np.log(2)] * 2], 0.1, [[0.0, 1e308], [-1e308, 0.0]]),
        "reward row 1 goes from -1e.308 to 0, which over beta, 0.1, leaves double precision: give less",
    ),
    "weights zero": (lambda: Problem([[0.0], [0.0]], 1, None, [0, 0]), r"prompt_weights are all 0"),
    "no numbers": (lambda: Problem([["a", "b"]], 1), r"log_ref row 0 is \['a', 'b'\]: give numbers"),
    "nothing": (lambda: Problem(None, 1), "log_ref is None: give numbers"),
    "complex": (lambda: Problem.from_unnormalized(np.array([1j, 0]), 1), "log_weight row 0 is 1j: give numbers"),
    "empty": (lambda: Problem([], 1), r"log_ref has shape \(0,\): give one row"),
    "3-D": (lambda: Problem(np.zeros((1, 1, 1)), 1), r"log_ref has shape \(1, 1, 1\): give one row"),
    "ragged 3-D": (lambda: Problem([[[0.0]], [0.0]], 1), r"log_ref must hold one non-empty 1-D row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_gets_one_sentence(name):
    make, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("beta", [1e-100, 1e100])
def test_the_widest_problem_is_solved(beta):
    """At the ends of what is not refused: nothing warns, which here is an error, and the optimum is in closed form."""
    problem = Problem.from_unnormalized([0.0, -0.99e15, 1.0], beta, np.array([0.0, 3e15, 1.0]) * beta)
    np.testing.assert_allclose(rlhf.optimal_policy(problem), [[-2.01e15, 0.0, -2.01e15]], rtol=1e-15)
    labels = Preferences.from_pairs([(0, 0, 2, 3.0), (0, 2, 0, 1.0)])
    log_ratio = dpo.solve(problem, labels).log_ratio[0]
    np.testing.assert_allclose(log_ratio[0] - log_ratio[2], np.log(3) / beta, rtol=1e-12)


def test_one_dimensional_input_is_one_prompt():
    problem = Problem(np.log([0.25, 0.75]), beta=2, reward=[1, 0])
    assert problem.log_ref.shape == problem.reward.shape == (1, 2)


def test_rows_of_different_lengths_are_padded_with_absent_responses():
    ragged = Problem.from_probabilities([[0.5, 0.5], [0.2, 0.3, 0.5]], 1, reward=[[1, 2], [3, 4, 5]])
    rectangular = Problem.from_probabilities([[0.5, 0.5, 0], [0.2, 0.3, 0.5]], 1, reward=[[1, 2, 0], [3, 4, 5]])
    np.testing.assert_array_equal(ragged.log_ref, rectangular.log_ref)
    np.testing.assert_array_equal(ragged.reward, rectangular.reward)
    assert ragged.present.tolist() == [[True, True, False], [True, True, True]]
    assert ragged.log_ref[0, 2] == -INF


@pytest.mark.parametrize("given", [[[1.0], [4.0]], [[1.0, 2.0], [4.0, 5.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
def test_a_reward_may_leave_out_what_is_absent_at_the_end(given):
    there = np.arange(3) < len(given[0])
    problem = Problem.from_unnormalized(np.where(there, 0.0, -np.inf) + np.zeros((2, 1)), 1.0, given)
    assert problem.reward[:, there].tolist() == given
    assert not problem.reward[:, ~there].any()


def test_what_a_reward_says_of_absent_responses_is_ignored():
    assert Problem.from_probabilities([1.0, 0.0], 1, reward=[2, NAN]).reward.tolist() == [[2, 0]]


def test_prompt_weights_are_scaled_to_sum_to_one():
    assert Problem([[0.0], [0.0]], 1, prompt_weights=[3, 1]).prompt_weights.tolist() == [0.75, 0.25]
    assert Problem([[0.0], [0.0]], 1).prompt_weights.tolist() == [0.5, 0.5]
    assert Problem([[0.0], [0.0]], 1, prompt_weights=[1.7e308, 1.7e308]).prompt_weights.tolist() == [0.5, 0.5]


def test_frozen_and_copied_from_the_caller():
    given_ref, given_reward = np.log([[0.5, 0.5]]), np.array([[1.0, 2.0]])
    before = given_ref.copy(), given_reward.copy()
    problem = Problem(given_ref, 1, given_reward)
    given_ref[:], given_reward[:] = 0, 0
    np.testing.assert_array_equal(problem.log_ref, before[0])
    np.testing.assert_array_equal(problem.reward, before[1])
    for array in (problem.log_ref, problem.reward, problem.prompt_weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        problem.beta = 2


@given(strategies.problems())
def test_rows_are_normalised_and_survive_a_second_construction(problem):
    np.testing.assert_allclose(logsumexp(problem.log_ref, axis=1), 0, atol=1e-14)
    again = Problem(problem.log_ref, problem.beta, problem.reward)
    np.testing.assert_allclose(again.log_ref, problem.log_ref, atol=1e-14)


@given(st.lists(st.floats(-1e4, 0), min_size=2, max_size=6), st.floats(-1e4, 1e4))
def test_unnormalized_weights_mean_their_ratios(log_weight, shift):
    problem = Problem.from_unnormalized(np.array(log_weight) + shift, 1)
    np.testing.assert_allclose(np.diff(problem.log_ref[0]), np.diff(log_weight), atol=1e-11)


def test_log_probabilities_of_minus_ten_thousand_are_kept():
    problem = Problem([[0.0, -1e4]], 1)
    assert problem.log_ref[0, 1] == -1e4
    assert problem.present.all()


def test_a_hundred_thousand_responses():
    problem = Problem.from_unnormalized(np.linspace(-1e4, 0, 100_000), 1)
    assert abs(logsumexp(problem.log_ref)) < 1e-14


def test_a_row_is_renormalised_exactly_after_a_tiny_slip():
    slipped = Problem(np.log([[0.5, 0.5]]) + 5e-9, 1)
    np.testing.assert_allclose(slipped.log_ref, np.log([[0.5, 0.5]]), rtol=0, atol=1e-15)


def test_rows_are_padded_in_the_order_given():
    """Independent of the constructor's own padding: every row alone."""
    rows = [[0.5, 0.5], [1.0], [0.2, 0.3, 0.5]]
    problem = Problem.from_probabilities(rows, 1, reward=[[1, 2], [3], [4, 5, 6]])
    for prompt, row in enumerate(rows):
        alone = Problem.from_probabilities(row, 1, reward=problem.reward[prompt, : len(row)])
        np.testing.assert_array_equal(problem.log_ref[prompt, : len(row)], alone.log_ref[0])
        assert not problem.present[prompt, len(row) :].any()
    assert problem.reward.tolist() == [[1, 2, 0], [3, 0, 0], [4, 5, 6]]


def test_missing_reward_is_said():
    with pytest.raises(InputError, match="no reward"):
        Problem([0.0], 1).require_reward()


def test_policies_are_checked_against_the_problem():
    problem = Problem.from_probabilities([0.5, 0.5], 1)
    with pytest.raises(InputError, match=r"log_policy has shape \(1, 3\), the problem \(1, 2\)"):
        as_log_policy(np.log([0.2, 0.3, 0.5]), problem)
    with pytest.raises(InputError, match=r"log_policy\[0, 0\] is nan"):
        as_log_policy([NAN, 0.0], problem)
    with pytest.raises(InputError, match=r"log_policy row 0 sums to 2, not 1: subtract its logsumexp"):
        as_log_policy([0.0, 0.0], problem)


def test_rewards_may_lie_as_far_apart_as_floats_go():
    problem = Problem([[-np.log(2)] * 2], 1e4, [[-8e307, 8e307]])
    assert rlhf.optimal_policy(problem)[0].tolist() == [-1.6e304, 0.0]
