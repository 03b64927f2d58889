"""The constrained optimum: optimal by its own certificate, with the structure that the statement gives it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from tabular import InputError, Preferences, Problem, Status, cpo, rlhf
from tabular.base.log_space import kl
from tabular.cpo import _residuals
from tests.strategies import labelled_problems


def assert_certified(found, problem, margin, atol=1e-12):
    """Every optimality condition holds to rounding of the numbers that it compares."""
    size = 1 + np.abs(rlhf.optimal_policy(problem)[problem.present]).max() + np.abs(margin).max(initial=0.0)
    residuals = found.residuals
    assert residuals.dual == 0
    assert residuals.primal <= atol * size
    assert residuals.complementarity <= atol * size
    assert residuals.stationarity <= atol * size
    assert residuals.gap <= atol * size


@given(labelled_problems(max_responses=6), st.sampled_from([0.0, 0.3, 2.0, 1000.0, -1.0, -500.0]))
def test_certificate_holds_for_any_labels_and_scales(case, margin):
    problem, preferences = case
    found = cpo.constrained_optimum(problem, preferences, margin)
    assert_certified(found, problem, np.array([margin]))
    rows = np.isfinite(found.price)
    np.testing.assert_allclose(logsumexp(found.log_policy[rows], axis=1), 0, atol=1e-9)
    assert (found.status is Status.INFEASIBLE) == (not rows.all())
    for prompt, members in found.cycle:
        assert_positive_cycle(prompt, members, preferences, margin)


@given(labelled_problems(max_responses=6), st.data())
def test_certificate_holds_for_margins_of_each_pair(case, data):
    problem, preferences = case
    scale = data.draw(st.sampled_from([0.0, 0.5, 3.0]))
    margin = np.round(
        data.draw(st.lists(st.floats(-1, 1), min_size=preferences.n_pairs, max_size=preferences.n_pairs)), 3
    )
    found = cpo.constrained_optimum(problem, preferences, scale * margin)
    assert_certified(found, problem, scale * margin, atol=1e-11)


def assert_positive_cycle(prompt, members, preferences, margin):
    margin = np.broadcast_to(margin, preferences.n_pairs)
    total = 0.0
    for winner, loser in zip(members, members[1:] + members[:1], strict=True):
        here = (preferences.prompt == prompt) & (preferences.winner == winner) & (preferences.loser == loser)
        total += margin[here].max()
    assert total > 0


def test_worked_examples():
    problem = Problem.from_probabilities([0.1, 0.4, 0.5], beta=2, reward=[0, 0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1)]), np.log(2))
    np.testing.assert_allclose(np.exp(found.log_policy), [[1 / 4, 1 / 8, 5 / 8]], rtol=1e-14)
    np.testing.assert_allclose(found.price, 2 * np.log(5 / 4), rtol=1e-14)
    problem = Problem.from_probabilities([0.1, 0.4, 0.3, 0.2], beta=1, reward=[0, 0, 0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1)]))
    np.testing.assert_allclose(np.exp(found.log_policy), [[2 / 9, 2 / 9, 1 / 3, 2 / 9]], rtol=1e-14)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.01, 100))
def test_one_pair_has_the_closed_form(delta_star, margin, beta):
    problem = Problem.from_unnormalized([delta_star, 0.0], beta, reward=[0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1)]), margin)
    expected = beta * max(0.0, margin - delta_star) / (1 + np.exp(margin))
    np.testing.assert_allclose(found.multipliers, expected, rtol=1e-9, atol=1e-12 * beta)
    delta = found.log_policy[0, 0] - found.log_policy[0, 1]
    assert abs(delta - max(margin, delta_star)) <= 1e-12 * (1 + abs(delta))


def test_cycle_is_equality_at_zero_margin_with_multipliers_that_explain_it():
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=1, reward=[0, 0, 0, 0])
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0), (2, 3)])
    found = cpo.constrained_optimum(problem, cycle)
    assert found.status is Status.UNIQUE
    np.testing.assert_allclose(found.log_policy[0, :3], found.log_policy[0, 0], atol=1e-14)
    assert_certified(found, problem, np.zeros(1))


def test_balanced_cycle_of_uneven_margins_keeps_its_ratios():
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=1, reward=[0, 0, 0, 0])
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0), (3, 0), (0, 1)])
    found = cpo.constrained_optimum(problem, cycle, [0.1, 0.2, -0.3, 1.5, -4.0])  # 0.1 + 0.2 - 0.3 is 5e-17
    assert found.status is Status.UNIQUE
    log_pi = found.log_policy[0]
    np.testing.assert_allclose([log_pi[0] - log_pi[1], log_pi[1] - log_pi[2]], [0.1, 0.2], atol=1e-12)
    assert_certified(found, problem, np.array([4.0]))


def test_positive_cycle_forces_zeros_and_names_itself():
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.3, 0.1], beta=1, reward=[0] * 5)
    labels = Preferences.from_pairs([(1, 2), (2, 1), (2, 3), (0, 1)])  # 3 is dominated by the cycle, 0 dominates it
    found = cpo.constrained_optimum(problem, labels, 0.5)
    assert found.status is Status.UNIQUE
    np.testing.assert_allclose(np.exp(found.log_policy), [[0.5, 0, 0, 0, 0.5]], rtol=1e-14)
    assert len(found.cycle) == 1
    assert set(found.cycle[0][1]) == {1, 2}
    assert_certified(found, problem, np.array([0.5]))


def test_nothing_left_is_infeasible_and_the_other_prompts_are_solved():
    problem = Problem.from_probabilities([[0.5, 0.5], [0.2, 0.8]], beta=1, reward=[[0, 0], [0, 0]])
    labels = Preferences.from_pairs([(0, 0, 1), (0, 1, 0), (1, 0, 1)])
    found = cpo.constrained_optimum(problem, labels, [0.2, -0.1, 0.0])
    assert found.status is Status.INFEASIBLE
    assert found.price[0] == np.inf
    assert np.isneginf(found.log_policy[0]).all()
    np.testing.assert_allclose(np.exp(found.log_policy[1]), 0.5, rtol=1e-14)
    assert_positive_cycle(*found.cycle[0], labels, np.array([0.2, -0.1, 0.0]))


NINE = [-1.3, -1.2, -0.6, -2.6, -0.4, -1.9, 1.0, 0.4, 6.600000000009899]  # total 1e-11, contradicted itself once


@pytest.mark.parametrize("share", [0.0, 1e-17, 1e-15, 3e-14, 1e-13, 1e-12, 3e-12, 1e-11, 1e-9])
@pytest.mark.parametrize("n", [2, 3, 4, 6, 9])
def test_a_cycle_next_to_balance_is_solved_either_way(n, share):
    """Zeros only where the total is above 0, and then surely from 1e-12 of all margins on; else fixed ratios."""
    rng = np.random.default_rng(n)
    problem = Problem(np.log(rng.dirichlet(np.ones(n + 1))), 1.0, np.zeros(n + 1))
    labels = Preferences.from_pairs([*((i, (i + 1) % n) for i in range(n)), (n, 0)])
    for sign in (1, -1):
        for _ in range(5):
            margin = rng.normal(size=n + 1).round(1)
            margin[n - 1] = -margin[: n - 1].sum() + sign * share * np.abs(margin[: n - 1]).sum()
            found = cpo.constrained_optimum(problem, labels, margin)
            zeros = np.isneginf(found.log_policy[0, :n]).all()
            assert not zeros or (sign > 0 and share > 1e-15)
            assert zeros or sign < 0 or share < 3e-12
            missed = 0.0 if zeros else abs(margin[:n].sum())  # members at fixed ratios cannot meet such a total
            assert_certified(found, problem, margin, atol=1e-12 + 10 * missed)


def test_a_positive_cycle_too_small_for_any_of_its_edges_to_improve_is_contracted():
    problem = Problem(np.log(np.random.default_rng(0).dirichlet(np.ones(9))), 1.0, np.zeros(9))
    labels = Preferences.from_pairs([(i, (i + 1) % 9) for i in range(9)])
    for scale in (1e-6, 1e-3, 0.01, 0.1, 0.5, 1.0):
        margin = np.array(NINE)
        margin[-1] -= (1 - scale) * margin.sum()
        assert_certified(cpo.constrained_optimum(problem, labels, margin), problem, margin, atol=1e-11)


def test_negative_cycle_forces_nothing():
    problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 0)]), [0.5, -0.6])
    np.testing.assert_allclose(found.log_policy[0, 0] - found.log_policy[0, 1], 0.5, atol=1e-14)
    assert not found.cycle


def test_a_label_of_weight_zero_constrains_nothing():
    problem = Problem.from_probabilities([0.25, 0.75], beta=1, reward=[0, 0])
    found = cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1, 0, 1.0), (0, 0, 1, 0.0)]))
    np.testing.assert_allclose(found.log_policy, problem.log_ref, atol=1e-15)


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        (np.inf, "finite"),
        ([0.0, np.nan], "finite"),
        ([0.0] * 3, "shape"),
        ("a", "numbers"),
    ],
)
def test_bad_margins_are_refused(margin, said):
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1, reward=[0, 0, 0])
    with pytest.raises(InputError, match=said):
        cpo.constrained_optimum(problem, Preferences.from_pairs([(0, 1), (1, 2)]), margin)


def test_multipliers_beyond_a_double_are_refused():
    """x_2 >= e^m x_0 >= x_1 with x_0 near e^-m: the tilt of both pairs is the lack of one nat, e^m times."""
    pairs = Preferences.from_pairs([(2, 0), (0, 1)])
    for m in (300.0, 700.0):
        problem = Problem.from_unnormalized([-m, 2.0, 0.0], beta=1, reward=[0, 0, 0])
        found = cpo.constrained_optimum(problem, pairs, [m, -m])
        np.testing.assert_allclose(np.log(found.tilt), m, rtol=1e-13)
        np.testing.assert_allclose(np.exp(found.log_policy[0, 1:]), 0.5, rtol=1e-12)
    problem = Problem.from_unnormalized([-800.0, 2.0, 0.0], beta=1, reward=[0, 0, 0])
    with pytest.raises(InputError, match=r"^margins go from -800.0 to 800.0: the multiplier of pair 0 exceeds"):
        cpo.constrained_optimum(problem, pairs, [800.0, -800.0])


# --- The residuals as evidence ---------------------------------------------------------------------------------------


def residuals_of(pi, tilt, pairs, margin):
    star = np.log([[0.1, 0.4, 0.5]])
    log_policy, (winner, loser) = np.log([pi]), np.array(pairs).T
    return _residuals(log_policy, star, kl(log_policy, star), np.array(tilt), winner, loser, np.array(margin))


def test_residuals_of_a_feasible_policy_that_is_not_optimal():
    """pi* = (.1, .4, .5) under 0 >= 1, margin 0, has the optimum (2, 2, 5)/9: the gap is what it leaves to gain."""
    pi, star = np.array([0.3, 0.3, 0.4]), np.array([0.1, 0.4, 0.5])
    found = residuals_of(pi, [np.log(4)], [(0, 1)], [0.0])  # the optimum's tilt: lambda = log(4)/2, so t = 2 lambda
    optimum = np.array([2, 2, 5]) / 9
    assert found.gap == pytest.approx(pi @ np.log(pi / star) - optimum @ np.log(optimum / star), abs=1e-14)
    assert found.gap == pytest.approx(0.0487, abs=5e-5)
    assert found.stationarity == pytest.approx(np.abs(np.log(pi / optimum)).max(), abs=1e-14)
    assert found.stationarity == pytest.approx(0.3285, abs=5e-5)
    assert (found.primal, found.dual, found.complementarity) == (0, 0, 0)


def test_residuals_of_wrong_multipliers():
    pi = [0.4, 0.2, 0.4]
    slack = np.log(2) - 0.1
    assert residuals_of(pi, [0.3], [(0, 1)], [0.1]).complementarity == pytest.approx(0.3, abs=1e-14)  # the tilt
    assert residuals_of(pi, [3.0], [(0, 1)], [0.1]).complementarity == pytest.approx(slack, abs=1e-14)
    untrue = residuals_of(pi, [-0.3], [(1, 2)], [0.1])
    assert (untrue.dual, untrue.complementarity) == (0.3, 0)
    assert untrue.primal == pytest.approx(0.1 + np.log(2), abs=1e-14)


def test_a_light_response_in_the_wrong_place_shows_in_its_slack():
    """Its multipliers are too large for the stationarity equation to see a nat, so their pairs must be tight."""
    problem = Problem.from_unnormalized([-40.0, 2.0, 0.0], beta=1, reward=[0, 0, 0])
    labels, margin = Preferences.from_pairs([(2, 0), (0, 1)]), np.array([40.0, -40.0])
    found, star = cpo.constrained_optimum(problem, labels, margin), rlhf.optimal_policy(problem)
    assert found.tilt.min() > 1e17
    for move in (1.0, -1.0):
        wrong = found.log_policy + np.array([move, 0, 0])
        residuals = _residuals(wrong, star, kl(wrong, star), found.tilt, labels.winner, labels.loser, margin)
        assert residuals.primal == pytest.approx(1)
        assert residuals.complementarity == pytest.approx(1)
    for factor in (1 + 1e-9, 1 - 1e-9, 2.0):
        wrong = found.tilt * [factor, 1]
        residuals = _residuals(
            found.log_policy, star, kl(found.log_policy, star), wrong, labels.winner, labels.loser, margin
        )
        assert residuals.stationarity > 1e6


def test_margins_beyond_rounding_leave_the_light_responses_alone():
    """Two labels (1, 0): response 0 loses all, the others keep their odds, which are no rounding of 1e18."""
    problem = Problem.from_unnormalized(np.zeros(3), 1.0, [60.0, 2.0, -24.0])
    labels = Preferences.from_pairs([(0, 1, 0), (0, 1, 0)])
    for margin in (1e16, 1e17, 1e18, 1e300):
        found = cpo.constrained_optimum(problem, labels, margin=np.array([margin, -margin / 4]))
        np.testing.assert_allclose(
            found.log_policy, [[-margin, -np.log1p(np.exp(-26)), -26 - np.log1p(np.exp(-26))]], atol=1e-15
        )


@pytest.mark.parametrize("seed", range(100))
def test_responses_that_keep_mass_do_not_tell_large_margins_from_larger_ones(seed):
    """Scaled from 1e10 to 1e17 and 1e200 nats, margins still take all from the same responses, and leave the rest."""
    rng = np.random.default_rng(seed)
    n, k = rng.integers(3, 7), rng.integers(1, 5)
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    margin = np.round(rng.normal(size=k), 2) + 0.005  # no two sums of them are alike
    problem = Problem.from_unnormalized(np.zeros(n), 1.0, rng.normal(size=n) * rng.choice([1, 10, 60]))
    labels = Preferences.from_pairs([(0, *pair) for pair in zip(winner.tolist(), loser.tolist(), strict=True)])
    try:
        least, *larger = [cpo.constrained_optimum(problem, labels, margin=margin * s) for s in (1e10, 1e17, 1e200)]
    except InputError:  # a multiplier beyond double precision is said
        return
    kept = least.log_policy > -1e5
    for found in larger:
        assert found.status is least.status
        assert ((found.log_policy > -1e5) == kept).all()
        np.testing.assert_allclose(found.log_policy[kept], least.log_policy[kept], atol=1e-9)
