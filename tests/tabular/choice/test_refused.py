"""What games, rankings and limits cannot take, each in its sentence."""

import numpy as np
import pytest

from tabular import InputError, Problem
from tabular.choice import matrix, nash, plackett_luce, self_play
from tabular.choice.rankings import Rankings
from tabular.simplex import expected_costs

TWO = Problem.from_probabilities([[0.5, 0.5], [0.3, 0.7]], 1.0, [[1, 0], [0, 1]])
ONE = Problem.from_probabilities([0.2, 0.3, 0.5], 1.0, [1, 0, 2])
EVEN = np.full((2, 2, 2), 0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: matrix.from_wins([[0, 1, 2]]), r"wins has shape \(1, 3\): give \(n, n\) counts"),
        (lambda: matrix.from_wins(np.zeros((0, 0))), r"wins has shape \(0, 0\)"),
        (lambda: matrix.from_wins([[0, -1], [1, 0]]), r"wins\[0, 1\] is -1.0: a count must be finite and at least 0"),
        (lambda: matrix.policies(np.zeros((3, 2)), np.zeros((2, 2))), r"log_policy has shape \(3, 2\), the reference"),
        (lambda: matrix.policies(np.zeros((2, 3)), np.zeros((2, 2))), r"log_policy has shape \(2, 3\), the reference"),
        (lambda: nash.limit(EVEN), "preference has 2 prompts: the limit is for one at a time"),
        (lambda: plackett_luce.mm_step(np.zeros(3), Rankings([[0, 1], [(0, 1), 2]])), "ranking 1 has ties"),
        (lambda: plackett_luce.mm_step(np.zeros(2), Rankings([[0, 1]])), "response 1 is never chosen before the last"),
        (
            lambda: plackett_luce.loss(_zero_on(2), ONE, Rankings([[0, 2]])),
            "log_policy is -inf on response 2, which ranking 0 names",
        ),
        (lambda: Rankings([[0, 1], [1, 0]], prompt=[0]), r"prompt has shape \(1,\) for 2 rankings: give one for each"),
        (lambda: Rankings.from_plackett_luce(ONE, tie=[1, 1]), "group sizes must sum to the 3 responses"),
        (lambda: self_play.nash_md(EVEN, 1.0, np.zeros((3, 2)), 0.5), r"log_policy has shape \(3, 2\), the reference"),
        (lambda: self_play.hedge(EVEN, np.log([0.5, 0.5]), [[0.5]]), r"eta has shape \(1, 1\): give one number"),
        (lambda: self_play.hedge(EVEN, np.log([0.5, 0.5]), 0.0), "a step must be finite and above 0"),
        (lambda: self_play.hedge(EVEN, np.log([0.5, 0.5]), np.inf), "a step must be finite and above 0"),
        (lambda: expected_costs.optimum(TWO, [1, 0], 0.5), "the problem has 2 prompts: solve one at a time"),
        (lambda: expected_costs.robust_ensemble(TWO, [[1, 0]]), "for 2 prompts of 2 responses: give one row"),
        (lambda: expected_costs.robust_ensemble(ONE, [[1, 0]]), "for 1 prompts of 3 responses: give one row"),
        (lambda: expected_costs.robust_ensemble(ONE, [[1, 0, np.nan]]), "a reward must be finite"),
        (lambda: expected_costs.shared_limit(TWO, [1, 0], 0.5), r"cost has shape \(2,\), the reward \(2, 2\)"),
        (lambda: expected_costs.shared_limit(TWO, [[1, 0], [np.inf, 0]], 0.5), "a cost must be finite"),
    ],
)
def test_the_sentence_says_what_is_wrong(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def _zero_on(response):
    rest = np.delete(ONE.log_ref[0], response)
    return np.insert(rest - np.logaddexp.reduce(rest), response, -np.inf)[None]


def test_a_limit_that_does_not_bind_leaves_the_optimum():
    policy, price = expected_costs.shared_limit(TWO, [[1.0, 0.0], [0.0, 1.0]], 5.0)
    assert price == 0
    gain = TWO.log_ref + TWO.reward
    np.testing.assert_allclose(policy, gain - np.logaddexp.reduce(gain, axis=1, keepdims=True), atol=1e-15)


def test_a_ranking_of_weight_0_counts_for_nothing():
    orders = [[0, 1, 2], [2, 1, 0], [1, 0], [2, 0, 1]]
    problem = Problem(np.full(3, -np.log(3)), 1.0)
    found = plackett_luce.solve(problem, Rankings(orders, weight=[2, 1, 0, 1]))
    kept = plackett_luce.solve(problem, Rankings([orders[0], orders[1], orders[3]], weight=[2, 1, 1]))
    np.testing.assert_allclose(found.log_policy, kept.log_policy, atol=1e-12)
    assert found.infimum == pytest.approx(kept.infimum, rel=1e-14)
    assert found.statuses == kept.statuses
