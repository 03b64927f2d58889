"""Preferences: every way to build them, their meaning, and one sentence for everything that is refused."""

import numpy as np
import pytest
from hypothesis import given
from scipy.special import expit

from tabular import InputError, Preferences, Problem
from tests import strategies

INF = np.inf
PROBLEM = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.5, 0.5, 0.0]], 1, reward=[[1, 2, 3], [1, 0, 0]])

LABEL = Preferences.from_pairs([(0, 1)])

REFUSED = {
    "empty": (lambda: Preferences.from_pairs([]), "there are no labels"),
    "w = l": (lambda: Preferences.from_pairs([(0, 1), (1, 1)]), "label 1 prefers response 1 to itself"),
    "weight < 0": (lambda: Preferences([0], [0], [1], [-1]), r"weight\[0\] is -1.0: .* at least 0"),
    "weight nan": (lambda: Preferences([0], [0], [1], [np.nan]), r"weight\[0\] is nan"),
    "weight inf": (lambda: Preferences([0], [0], [1], [INF]), r"weight\[0\] is inf"),
    "log-weight inf": (lambda: Preferences([0], [0], [1], log_weight=[INF]), r"log_weight\[0\] is inf"),
    "all weights 0": (lambda: Preferences([0], [0], [1], [0]), "every label has weight 0"),
    "too many weights": (lambda: Preferences([0], [0], [1], [1, 1]), r"weights have shape \(2,\) for 1 labels"),
    "lengths": (lambda: Preferences([0], [0, 1], [1, 2]), "lengths 1, 2, 2"),
    "both weights": (lambda: Preferences([0], [0], [1], [1], log_weight=[1]), "weight and log_weight disagree"),
    "weights in a column": (lambda: Preferences([0], [0], [1], [[1]]), r"weights have shape \(1, 1\) for 1 labels"),
    "weights in words": (lambda: Preferences([0], [0], [1], ["much"]), r"weight is \['much'\]: give numbers"),
    "ragged wins": (
        lambda: Preferences.from_wins([[0, 1], [1]]),
        r"wins is \[\[0, 1\], \[1\]\], with rows of different lengths",
    ),
    "no tuple": (lambda: Preferences.from_pairs([3]), r"label 0 is \(3,\): write"),
    "2-D": (lambda: Preferences([[0]], [0], [1]), r"prompt has shape \(1, 1\)"),
    "negative index": (lambda: Preferences([0], [-1], [1]), r"winner\[0\] is -1"),
    "fractional index": (lambda: Preferences([0], [0.5], [1]), r"winner\[0\] is 0.5: it must be a whole number"),
    "the second index": (lambda: Preferences([0, 0], [0, 0.5], [1, 1]), r"winner\[1\] is 0.5: it must be a whole"),
    "index beyond int64": (
        lambda: Preferences([0], np.array([2**63], dtype=np.uint64), [1]),
        r"winner\[0\] is 9223.*2\^63",
    ),
    "index with digits without end": (
        lambda: Preferences([0], [10**400], [1]),
        r"winner\[0\] is 1000.*\.\.\..*below 2\^63",
    ),
    "ragged index": (lambda: Preferences([[0], [0, 1]], [0], [1]), r"prompt is \[\[0\], \[0, 1\]\], with rows of"),
    "truth for an index": (lambda: Preferences([0], [True], [1]), r"winner\[0\] is True: it must be a whole number"),
    "no pairs": (lambda: Preferences.from_pairs(None), "pairs is None: give a list of labels"),
    "masked": (lambda: Preferences([0], [0], [1], np.ma.array([1.0], mask=[True])), "weight has masked entries"),
    "margin in words": (lambda: LABEL.per_pair("wide", "margin"), "margin is 'wide': give numbers"),
    "ragged margin": (lambda: LABEL.per_pair([[1, 2], [3]], "margin"), r"margin is \[\[1, 2\], \[3\]\], with rows"),
    "infinite margin": (lambda: LABEL.per_pair(INF, "margin"), "margin is inf: it must be finite"),
    "policy of fewer prompts": (
        lambda: Preferences.from_pairs([(1, 0, 1)]).delta([0.0, 0.0]),
        r"log_policy has shape \(1, 2\), the labels go up to prompt 1 and response 1",
    ),
    "policy of fewer responses": (lambda: LABEL.delta([0.0]), r"shape \(1, 1\), the labels go up to prompt 0 and resp"),
    "many policies": (lambda: LABEL.delta(np.zeros((2, 2, 2))), r"log_policy has shape \(2, 2, 2\)"),
    "nan policy": (lambda: LABEL.delta([np.nan, 0.0]), "label 0: its responses have log-probabilities nan and 0.0"),
    "5-tuple": (lambda: Preferences.from_pairs([(0, 1, 2, 3, 4)]), r"label 0 is \(0, 1, 2, 3, 4\): write"),
    "prompt beyond": (
        lambda: Preferences.from_pairs([(2, 0, 1)]).check_against(PROBLEM),
        r"label 0 is about prompt 2, the problem has 2 \(counted from 0\)",
    ),
    "response beyond": (
        lambda: Preferences.from_pairs([(0, 3)]).check_against(PROBLEM),
        "label 0: loser 3 of prompt 0 is not there",
    ),
    "absent response": (
        lambda: Preferences.from_pairs([(0, 0, 1), (1, 0, 2)]).check_against(PROBLEM),
        "label 1: loser 2 of prompt 1 has reference probability 0",
    ),
    "wins shape": (lambda: Preferences.from_wins([[1, 2, 3]]), r"wins has shape \(1, 1, 3\)"),
    "wins diagonal": (lambda: Preferences.from_wins([[0, 1], [1, 5]]), r"wins\[0, 1, 1\] is not 0"),
    "wins negative": (lambda: Preferences.from_wins([[0, -1], [1, 0]]), r"weight\[0\] is -1.0"),
    "no reward": (lambda: Preferences.from_bradley_terry(Problem([0.0], 1)), "no reward"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_gets_one_sentence(name):
    make, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_any_mix_of_tuples():
    labels = Preferences.from_pairs([(0, 1), (1, 2, 0), (1, 0, 1, 2.5)])
    assert labels.n_pairs == 3
    assert labels.prompt.tolist() == [0, 1, 1]
    assert labels.winner.tolist() == [0, 2, 0]
    assert labels.loser.tolist() == [1, 0, 1]
    assert labels.weight.tolist() == [1, 1, 2.5]
    np.testing.assert_allclose(np.exp(labels.log_share), np.array([1, 1, 2.5]) / 4.5)


def test_frozen_and_copied_from_the_caller():
    winner = np.array([0])
    labels = Preferences([0], winner, [1])
    winner[0] = 1
    assert labels.winner.tolist() == [0]
    with pytest.raises(ValueError, match="read-only"):
        labels.winner[0] = 1


def test_win_matrices_list_their_positive_entries():
    labels = Preferences.from_wins([[[0, 2], [0, 0]], [[0, 0], [3, 0]]])
    rows = zip(labels.prompt.tolist(), labels.winner.tolist(), labels.loser.tolist(), labels.weight, strict=True)
    assert list(rows) == [(0, 0, 1, 2), (1, 1, 0, 3)]


def test_population_labels_are_both_orders_at_bradley_terry_rates():
    labels = Preferences.from_bradley_terry(PROBLEM)
    assert labels.prompt.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    reward = PROBLEM.reward
    difference = reward[labels.prompt, labels.winner] - reward[labels.prompt, labels.loser]
    np.testing.assert_allclose(labels.weight, expit(difference))
    np.testing.assert_array_equal(labels.winner[::2], labels.loser[1::2])
    np.testing.assert_allclose(labels.weight[::2] + labels.weight[1::2], 1)


def test_population_labels_of_chosen_pairs_name_each_pair_once():
    labels = Preferences.from_bradley_terry(PROBLEM, [(1, 0), (0, 1), (0, 2, 1)])
    assert labels.winner.tolist() == [1, 0, 2, 1]


def test_population_labels_keep_what_a_float_cannot_hold():
    far = Problem.from_probabilities([0.5, 0.5], 1, reward=[0, 2000])
    labels = Preferences.from_bradley_terry(far)
    assert Preferences([0], [0], [1], log_weight=[2000]).weight == INF
    assert labels.weight[0] == 0
    assert labels.log_weight[0] == -2000
    assert [block.tolist() for block in labels.blocks(far)[0]] == [[0, 1]]  # both orders are edges


def test_a_label_of_weight_zero_draws_no_edge():
    labels = Preferences.from_pairs([(0, 0, 1, 1), (0, 1, 0, 0)])
    assert [block.tolist() for block in labels.blocks(PROBLEM)[0]] == [[0], [2], [1]]


def test_delta_of_impossible_responses():
    policy = np.array([[0, -INF, -INF]])
    assert Preferences.from_pairs([(0, 1)]).delta(policy).tolist() == [INF]
    assert Preferences.from_pairs([(1, 0)]).delta(policy).tolist() == [-INF]
    with pytest.raises(InputError, match="label 0: its responses have log-probabilities -inf and -inf"):
        Preferences.from_pairs([(1, 2)]).delta(policy)


@given(strategies.labelled_problems())
def test_shares_sum_to_one_and_delta_is_a_difference(case):
    problem, labels = case
    np.testing.assert_allclose(np.exp(labels.log_share).sum(), 1)
    winner = problem.log_ref[labels.prompt, labels.winner]
    np.testing.assert_array_equal(labels.delta(problem.log_ref), winner - problem.log_ref[labels.prompt, labels.loser])
