"""The solution set as an object: membership, ranges, the closest member, sampling, and its vertices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from tabular import InputError, Preferences, Problem, Status, dpo
from tabular.base.log_space import kl
from tests.strategies import labelled_problems

REFERENCE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
SEGMENT = dpo.solve(REFERENCE, Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)]))
COLLAPSE = dpo.solve(REFERENCE, Preferences.from_pairs([(0, 1)]))
seeds = st.integers(0, 2**32 - 1)


def test_mass_escapes_to_a_response_nobody_labelled():
    """Xu et al. 2404.10719, Thm 4.1: every {pi_l = 0, pi_w = t, pi_3 = 1 - t} is a limit."""
    assert COLLAPSE.status is Status.UNATTAINED
    for t in (0.0, 0.3, 1.0):
        with np.errstate(divide="ignore"):
            limit = np.log([t, 0.0, 1 - t])
        assert COLLAPSE.contains(limit, closure=True)
        assert not COLLAPSE.contains(limit)
        towards = np.log(np.array([t + 1e-9, 1e-60, 1 - t + 1e-9]))
        assert dpo.loss(log_softmax(towards), REFERENCE, COLLAPSE.preferences) < 1e-20
    assert not COLLAPSE.contains(np.log([0.4, 0.1, 0.5]), closure=True)
    assert COLLAPSE.log_policy[0].tolist() == [0.0, -np.inf, -np.inf]  # gradient flow goes to w, not there


def test_membership_is_exact_in_the_tails_where_probabilities_cannot_tell():
    t = 1e-200
    assert SEGMENT.contains([np.log(6 * t), np.log(t), np.log1p(-7 * t)])
    assert not SEGMENT.contains([np.log(6 * t) + 1e-6, np.log(t), np.log1p(-7 * t)])
    assert not SEGMENT.contains([np.log(6 / 7), np.log(1 / 7), -np.inf])  # a limit, not a member
    assert SEGMENT.contains([np.log(6 / 7), np.log(1 / 7), -np.inf], closure=True)
    one_way = dpo.solve(Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 1)]))
    assert one_way.contains([0.0, -np.inf], atol=0.0, closure=True)
    assert SEGMENT.contains([-np.inf, -np.inf, 0.0], closure=True)
    assert not SEGMENT.contains([0.0, -np.inf, -np.inf], closure=True)


def test_a_policy_outside_the_reference_is_no_member():
    problem = Problem.from_probabilities([0.5, 0.5, 0.0], beta=1)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 1), (1, 0)]))
    assert solution.contains(problem.log_ref)
    assert not solution.contains(np.log([0.4, 0.4, 0.2]))
    assert not solution.contains(np.log([0.4, 0.4, 0.2]), closure=True)


@given(labelled_problems(), seeds)
def test_samples_and_vertices_belong_and_perturbations_do_not(labelled, seed):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    rng = np.random.default_rng(seed)
    for member in solution.sample(rng, 3):
        assert solution.contains(member, closure=True)
        assert solution.contains(member) == (solution.status is not Status.UNATTAINED)
    for prompt, vertices in enumerate(solution.limit_vertices):
        assert np.exp(vertices).sum(axis=1) == pytest.approx(1.0)
        weights = rng.dirichlet(np.ones(len(vertices)))
        mixed = np.array(solution.log_policy)
        with np.errstate(divide="ignore"):
            mixed[prompt] = np.log(weights @ np.exp(vertices))
        assert solution.contains(mixed, closure=True)
    assert solution.contains(solution.log_policy, closure=True)
    assert solution.contains(solution.closest_to_reference(), closure=True)
    assert sum(len(v) - 1 for v in solution.limit_vertices) == solution.dimension
    if solution.status is not Status.UNATTAINED:
        assert solution.contains(solution.log_policy)
        pushed = np.array(solution.log_policy)
        pushed[preferences.prompt[0], preferences.winner[0]] += 1e-3
        assert not solution.contains(log_softmax(pushed, axis=1))


@given(labelled_problems(), seeds)
def test_members_have_the_least_loss(labelled, seed):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    if solution.status is Status.UNATTAINED:
        return
    for member in solution.sample(np.random.default_rng(seed), 3):
        assert dpo.loss(member, problem, preferences) == pytest.approx(solution.infimum, rel=1e-9, abs=1e-300)


@given(labelled_problems(spread=3.0), seeds)
def test_closest_to_the_reference_beats_every_sample(labelled, seed):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    closest = solution.closest_to_reference()
    least = kl(closest, problem.log_ref)
    for member in solution.sample(np.random.default_rng(seed), 20):
        between = np.logaddexp(closest + np.log(0.99), member + np.log(0.01))
        for rival in (member, between):
            assert (kl(rival, problem.log_ref) >= least * (1 - 1e-12) - 1e-12).all()


def test_closest_to_the_reference_against_a_search_over_block_masses():
    problem = Problem.from_probabilities([0.1, 0.2, 0.05, 0.3, 0.35], beta=0.7)
    pairs = [(0, 0, 1, 5), (0, 1, 0, 1), (0, 2, 3, 2), (0, 3, 2, 3)]
    solution = dpo.solve(problem, Preferences.from_pairs(pairs))
    inner = np.exp(solution.limit_vertices[0])

    def divergence(logits):
        return kl(np.log(softmax(logits) @ inner), problem.log_ref[0])

    found = minimize(divergence, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert np.exp(solution.closest_to_reference()[0]) == pytest.approx(softmax(found.x) @ inner, abs=1e-6)


@given(labelled_problems(), seeds)
def test_margin_ranges_hold_on_samples_and_are_reached(labelled, seed):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    members = solution.sample(np.random.default_rng(seed), 4)
    for prompt in range(problem.n_prompts):
        there = np.flatnonzero(problem.present[prompt])
        for w, v in [(w, v) for w in there for v in there if w != v]:
            low, high = solution.margin_range(prompt, w, v)
            assert low <= high
            assert solution.margin_range(prompt, v, w) == (-high, -low)
            if solution.source[prompt, w] and solution.source[prompt, v]:
                delta = members[:, prompt, w] - members[:, prompt, v]
                assert (delta >= low - 1e-9).all()
                assert (delta <= high + 1e-9).all()
                assert (low == high) == (solution.label[prompt, w] == solution.label[prompt, v])


def test_margin_ranges_by_hand():
    """3 beats the pair {0, 1}, which beats 2 through 1; 4 is unlabelled."""
    problem = Problem.from_probabilities([0.2, 0.2, 0.2, 0.2, 0.2], beta=1)
    pairs = [(0, 0, 1, 3), (0, 1, 0, 1), (0, 1, 2, 1), (0, 3, 0, 1)]
    solution = dpo.solve(problem, Preferences.from_pairs(pairs))
    assert solution.margin_range(0, 0, 1) == pytest.approx((np.log(3), np.log(3)))
    assert solution.margin_range(0, 3, 2) == (np.inf, np.inf)
    assert solution.margin_range(0, 2, 0) == (-np.inf, -np.inf)
    assert solution.margin_range(0, 4, 2) == (-np.inf, np.inf)
    assert solution.margin_range(0, 4, 3) == (-np.inf, np.inf)
    assert [b.tolist() for b in solution.blocks[0]] == [[3], [4], [0, 1], [2]]
    with pytest.raises(InputError, match="prefers response 1 to itself"):
        solution.margin_range(0, 1, 1)


def test_sampling_is_uniform_over_block_masses_and_reproducible():
    drawn = np.exp(SEGMENT.sample(np.random.default_rng(1), 4000))
    assert drawn.shape == (4000, 1, 3)
    mass = drawn[:, 0, 2]  # uniform on [0, 1]: two blocks
    assert np.sort(mass) == pytest.approx((np.arange(4000) + 0.5) / 4000, abs=0.03)
    assert np.array_equal(drawn, np.exp(SEGMENT.sample(np.random.default_rng(1), 4000)))


def test_a_verdict_says_where_the_mass_goes():
    row = COLLAPSE.verdicts()[0]
    assert row == {
        "prompt": 0,
        "status": "unattained",
        "blocks": [[0], [2], [1]],
        "sources": [[0], [2]],
        "mass": [1.0, 0.0],
    }


def test_nothing_overflows():
    log_ref = log_softmax([-1e4, 0.0, -5e3, -1.0])
    for beta in (1e-4, 1e4):
        for labels in ([(0, 1), (1, 0)], [(0, 1), (2, 3)], [(0, 1, 2, 1e-200), (0, 2, 1, 1e200)]):
            problem = Problem(log_ref, beta)
            solution = dpo.solve(problem, Preferences.from_pairs(labels))
            for policy in (solution.log_policy, solution.closest_to_reference(), *solution.limit_vertices):
                assert not np.isnan(policy).any()
                assert np.exp(policy).sum(axis=-1) == pytest.approx(1.0)


def test_what_a_solution_hands_out_is_read_only():
    solution = dpo.solve(Problem.from_probabilities([0.2, 0.3, 0.5], 1), Preferences.from_pairs([(0, 1)]))
    for array in (solution.log_policy, solution.log_ratio, solution.log_inner, solution.limit_vertices[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 7


@pytest.mark.parametrize("size", [-1, 2.0, "2", None, True])
def test_a_sample_has_a_whole_size(size):
    solution = dpo.solve(Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 1)]))
    with pytest.raises(InputError, match=r"size is .*: it must be one whole number, an int of 0 or more"):
        solution.sample(np.random.default_rng(0), size)
