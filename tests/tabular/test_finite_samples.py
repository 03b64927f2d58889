"""Samples of labels: closed forms, enumeration label by label, two routes to one probability, large samples."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit

from tabular import InputError, Preferences, Problem, Status, dpo, finite_samples, rlhf


def problem(reward=(1.0, 0.0, -0.5), beta=1.0, ref=None):
    n = len(reward)
    return Problem.from_probabilities(np.full(n, 1 / n) if ref is None else ref, beta, reward)


def test_against_every_sequence_of_labels():
    """Four labels one by one: 6^4 sequences, each solved on its own."""
    given = problem(ref=[0.5, 0.3, 0.2])
    cells = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)]
    reward = given.reward[0]
    rate = np.array([expit(reward[i] - reward[j]) / 3 for i, j in cells])
    status, total, accuracy = dict.fromkeys(Status, 0.0), 0.0, 0.0
    cache = {}
    for sequence in product(range(6), repeat=4):
        key = tuple(np.bincount(sequence, minlength=6))
        if key not in cache:
            labels = Preferences.from_pairs([cells[c] for c in sequence])
            solution = dpo.solve(given, labels)
            policy = np.exp(solution.closest_to_reference()[0])
            right = [(policy[i] > policy[j] + 1e-13) + (abs(policy[i] - policy[j]) <= 1e-13) / 2 for i, j in cells[:3]]
            cache[key] = solution.status, policy @ reward, np.mean(right)
        chance = rate[list(sequence)].prod()
        status[cache[key][0]] += chance
        total += chance * cache[key][1]
        accuracy += chance * cache[key][2]
    found = finite_samples.distribution(given, 4)
    assert found.probability.sum() == pytest.approx(1, abs=1e-14)
    for kind, chance in found.status.items():
        assert chance == pytest.approx(status[kind], abs=1e-13)
    assert found.mean_reward == pytest.approx(total, abs=1e-12)
    assert found.mean_accuracy == pytest.approx(accuracy, abs=1e-12)


@pytest.mark.parametrize("labels", [1, 2, 5, 9])
def test_two_routes_to_the_statuses(labels):
    given = problem((2.0, 0.0, -1.0))
    weights = [1.0, 0.0, 3.0]
    listed = finite_samples.distribution(given, labels, weights=weights).status
    inverted = finite_samples.status_probabilities(given, labels, weights=weights)
    for status in listed:
        assert inverted[status] == pytest.approx(listed[status], abs=1e-12)


def test_existence_grows_to_certainty_with_the_labels_and_slowly_for_sure_pairs():
    share = [
        finite_samples.status_probabilities(problem((5.0, 0.0, -5.0)), n)[Status.UNIQUE] for n in (3, 30, 300, 3000)
    ]
    assert (np.diff(share) > 0).all()
    assert share[1] < 0.05 < 0.5 < share[3]
    rare = expit(-5.0)
    only = finite_samples.status_probabilities(problem((5.0, 0.0)), 1000)[Status.UNIQUE]
    assert only == pytest.approx(1 - (1 - rare) ** 1000 - rare**1000, abs=1e-13)
    assert finite_samples.status_probabilities(problem((5.0, 0.0)), 1)[Status.UNIQUE] == 0


def test_the_sample_agrees_with_the_list_and_says_that_it_is_one():
    given = problem()
    exact = finite_samples.distribution(given, 12)
    drawn = finite_samples.sampled(given, 12, np.random.default_rng(0), size=4000)
    assert (exact.exact, drawn.exact) == (True, False)
    for status in (Status.UNIQUE, Status.UNATTAINED):
        low, high = drawn.interval(status, 0.999)
        assert low <= exact.status[status] <= high
        assert high - low < 0.1
    assert drawn.mean_reward == pytest.approx(exact.mean_reward, abs=0.05)
    assert exact.interval(Status.UNIQUE) == (exact.status[Status.UNIQUE],) * 2


def test_many_labels_reach_the_rlhf_optimum():
    given = problem(beta=0.5)
    drawn = finite_samples.sampled(given, 1_000_000, np.random.default_rng(1), size=20)
    best = np.exp(rlhf.optimal_policy(given)[0]) @ given.reward[0]
    assert drawn.reward == pytest.approx(np.full(20, best), abs=0.01)
    assert (drawn.accuracy == 1).all()
    few = finite_samples.distribution(given, 3)
    assert abs(few.mean_reward - best) > 0.05


def test_responses_that_no_pair_names_leave_a_set():
    found = finite_samples.status_probabilities(problem(), 50, pairs=[(0, 1)])
    assert found[Status.UNIQUE] == 0
    assert found[Status.SET] == pytest.approx(1 - expit(1.0) ** 50 - expit(-1.0) ** 50, abs=1e-14)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: finite_samples.distribution(problem(np.arange(5.0)), 20),
            "draw some of them with finite_samples.sampled",
        ),
        (lambda: finite_samples.status_probabilities(problem(np.arange(5.0)), 20), "10 pairs"),
        (lambda: finite_samples.distribution(problem(), 0), "labels is 0"),
        (lambda: finite_samples.distribution(problem(), 3, pairs=3), "pairs is 3: list pairs"),
        (
            lambda: finite_samples.distribution(problem(), 3, pairs=[(0, 1, 2)]),
            r"pairs has \(0, 1, 2\): each must be two",
        ),
        (lambda: finite_samples.distribution(Problem(np.log([[0.5, 0.5]]), 1.0), 3), "no reward"),
    ],
)
def test_bad_input_is_said(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_powers_of_many_labels_keep_their_digits():
    """1 - p^n - (1 - p)^n in mpmath; a power of 10^12 makes 1e-4 of the last digit of a probability near 1."""
    import mpmath as mp

    gap, labels = 30.0, 10**13
    with mp.workdps(50):
        rate = 1 / (1 + mp.exp(-mp.mpf(gap)))
        wanted = 1 - rate**labels - (1 - rate) ** labels
    found = finite_samples.status_probabilities(Problem.from_probabilities([0.5, 0.5], 1, [gap, 0.0]), labels)
    assert found[Status.UNIQUE] == pytest.approx(float(wanted), rel=1e-13, abs=0)
    three = Problem.from_probabilities([0.3, 0.3, 0.4], beta=1, reward=[-1.18075594, 0.40944322, -0.46051919])
    for labels in (10**12, 10**15):
        assert finite_samples.status_probabilities(three, labels)[Status.UNIQUE] == pytest.approx(1.0, abs=1e-15)
