"""Limits on expected costs: printed numbers, a conic solver, KKT, what has no multiplier, what is infeasible."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, Status, cpo, rlhf
from tabular.simplex import expected_costs

REF, REWARD, COST = [0.2, 0.5, 0.3], [2.0, 1.0, 0.0], [1.0, 0.5, 0.0]


def problem(beta=1.0):
    return Problem.from_probabilities(REF, beta, REWARD)


def test_printed_multiplier():
    found = expected_costs.optimum(problem(), COST, 0.4)
    assert found.multiplier[0] == pytest.approx(2.4137099763, abs=6e-11)
    assert np.exp(found.log_policy) == pytest.approx([0.1576506721, 0.4846986557, 0.3576506721], abs=6e-11)
    assert found.value == pytest.approx(0.7897097313, abs=6e-11)
    assert found.cost[0] == pytest.approx(0.4, abs=1e-13)
    assert abs(found.gap) < 1e-13


def test_a_limit_at_the_least_cost_has_no_multiplier():
    found = expected_costs.optimum(problem(), COST, 0.0)
    assert found.status is Status.UNIQUE
    assert found.playable.tolist() == [False, False, True]
    assert found.value == pytest.approx(np.log(0.3), abs=1e-14)  # -1.2039728043, the infimum of the dual
    assert found.certificate.tolist() == [1.0]
    near = expected_costs.optimum(problem(), COST, 0.01)
    assert near.playable.all()
    assert near.multiplier[0] > 5


def test_infeasible_limits_come_with_their_proof():
    found = expected_costs.optimum(problem(), [COST, [0.0, 0.5, 1.0]], [0.3, 0.3])
    assert found.status is Status.INFEASIBLE
    excess = np.array([COST, [0.0, 0.5, 1.0]]) - 0.3
    assert (found.certificate @ excess > 0).all()
    assert (found.certificate >= 0).all()
    assert expected_costs.optimum(problem(), [COST, [0.0, 0.5, 1.0]], [0.5, 0.5]).status is Status.UNIQUE


def test_feasibility_is_no_matter_of_rounding():
    limits = (0.1 + 0.2) / 3  # above .1 by one digit in the last place
    costs = [0.1, 0.1 if limits == 0.1 else limits, 1.0]
    tight = expected_costs.optimum(problem(), costs, costs[1])
    assert tight.playable.tolist() == [True, True, costs[0] < costs[1]]


@given(st.integers(2, 6), st.integers(1, 4), st.sampled_from([0.01, 0.3, 1.0, 100.0]), st.integers(0, 2**32 - 1))
def test_the_conditions_of_the_optimum(n, k, beta, seed):
    rng = np.random.default_rng(seed)
    given_problem = Problem.from_probabilities(rng.dirichlet(np.ones(n)), beta, rng.normal(size=n))
    cost = rng.integers(-3, 4, (k, n)).astype(float)
    met = rng.multinomial(64, rng.dirichlet(np.ones(n))) / 64  # a policy that meets the limits, exactly
    limit = cost @ met + rng.choice([0.0, 0.125], k)
    found = expected_costs.optimum(given_problem, cost, limit)
    assert found.status is Status.UNIQUE
    assert (found.multiplier >= 0).all()
    assert (found.cost <= limit + 1e-8).all()
    assert (found.multiplier * (limit - found.cost) <= 1e-8 * (1 + found.multiplier)).all()
    assert abs(found.gap) <= 1e-8 * (1 + np.abs(found.multiplier).max())
    tilted = Problem(given_problem.log_ref, beta, (given_problem.reward[0] - found.multiplier @ cost)[None])
    if found.playable.all():
        assert found.log_policy == pytest.approx(rlhf.optimal_policy(tilted)[0], abs=1e-9 * (1 + 1 / beta))


def test_against_a_conic_solver():
    rng = np.random.default_rng(0)
    for _ in range(5):
        ref, reward, cost = rng.dirichlet(np.ones(5)), rng.normal(size=5), rng.normal(size=(3, 5))
        limit = cost @ rng.dirichlet(np.ones(5)) + 0.05
        policy = cp.Variable(5)
        objective = cp.Maximize(reward @ policy - 0.5 * cp.sum(cp.kl_div(policy, ref)))
        cp.Problem(objective, [cp.sum(policy) == 1, cost @ policy <= limit]).solve(solver=cp.CLARABEL)
        found = expected_costs.optimum(Problem.from_probabilities(ref, 0.5, reward), cost, limit)
        assert np.exp(found.log_policy) == pytest.approx(policy.value, abs=1e-4)


def test_the_dual_is_smooth_with_the_printed_constant_and_no_less():
    """D'' = Var(c)/beta <= span^2/(4 beta), reached by costs half and half: span^2/(5 beta) fails."""
    beta = 0.7

    def dual(price, cost):
        tilted = Problem(np.log([[0.5, 0.5]]), beta, [[-price * cost[0], -price * cost[1]]])
        return rlhf.value(tilted)[0]

    step = 1e-3
    curved = (dual(step, [1, 0]) - 2 * dual(0, [1, 0]) + dual(-step, [1, 0])) / step**2
    assert 1 / (5 * beta) < curved <= 1 / (4 * beta) * (1 + 1e-6)
    assert curved == pytest.approx(0.25 / beta, rel=1e-5)


@pytest.mark.parametrize("ref", [[0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
def test_an_order_as_a_cost_is_the_hard_constraint(ref):
    """c = 1_l - 1_w, limit 0: the KL projection onto pi_w >= pi_l, with multiplier beta max(0, -delta*)/2."""
    given_problem = Problem.from_probabilities(ref, 0.6, REWARD)
    found = expected_costs.optimum(given_problem, [1.0, -1.0, 0.0], 0.0)  # response 1 over response 0
    hard = cpo.constrained_optimum(given_problem, Preferences.from_pairs([(1, 0)]), 0.0)
    assert found.log_policy == pytest.approx(hard.log_policy[0], abs=1e-12)
    star = rlhf.optimal_policy(given_problem)[0]
    assert found.multiplier[0] == pytest.approx(0.6 * max(0, star[0] - star[1]) / 2, abs=1e-12)


def test_a_shared_limit_depends_on_the_weights_of_the_prompts():
    def solved(weights):
        two = Problem(np.log([[0.5, 0.5]] * 2), 1.0, [[1, 0], [3, 0]], weights)
        policy, multiplier = expected_costs.shared_limit(two, [[1, 0], [1, 0]], 0.5)
        return multiplier, np.exp(policy[:, 0])

    multiplier, policy = solved([0.5, 0.5])
    assert (multiplier, *policy) == pytest.approx((2, 0.2689414214, 0.7310585786), abs=6e-11)
    multiplier, policy = solved([0.8, 0.2])
    assert (multiplier, *policy) == pytest.approx((1.34314343, 0.4150461040, 0.8398155841), abs=6e-9)
    alone = expected_costs.optimum(Problem(np.log([0.5, 0.5]), 1.0, [1, 0]), [1, 0], 0.5)
    assert np.exp(alone.log_policy) == pytest.approx([0.5, 0.5], abs=1e-12)
    loose = Problem(np.log([[0.5, 0.5]] * 2), 1.0, [[1, 0], [3, 0]])
    assert expected_costs.shared_limit(loose, [[1, 0], [1, 0]], 2.0)[1] == 0
    with pytest.raises(InputError, match="a multiplier exists above 0 only"):
        expected_costs.shared_limit(loose, [[1, 0], [1, 0]], 0.0)


def test_the_printed_ensemble():
    given_problem = Problem.from_probabilities([0.5, 0.3, 0.2], beta=0.2)
    rewards = np.array([[1, 0, 0.4], [0, 1, 0.4]])
    found = expected_costs.robust_ensemble(given_problem, rewards)
    assert found.weights[0] == pytest.approx(0.5 + 0.1 * np.log(3 / 5), abs=1e-13)
    assert found.weights[0] == pytest.approx(0.4489174383, abs=1e-9)  # as printed; the last two digits are not exact
    assert np.exp(found.log_policy) == pytest.approx([0.4322995018, 0.4322995018, 0.1354009964], abs=6e-11)
    assert found.value == pytest.approx(0.4780153295, abs=6e-11)
    each = [rlhf.value(Problem(given_problem.log_ref, 0.2, [row]))[0] for row in rewards]
    assert min(each) == pytest.approx(0.7678980278, abs=6e-11)  # the least of the values is no bound that is met


@given(st.integers(2, 5), st.integers(1, 5), st.sampled_from([0.02, 0.3, 3.0]), st.integers(0, 2**32 - 1))
def test_the_ensemble_is_a_saddle(n, k, beta, seed):
    rng = np.random.default_rng(seed)
    given_problem = Problem.from_probabilities(rng.dirichlet(np.ones(n)), beta)
    rewards = rng.normal(size=(k, n))
    found = expected_costs.robust_ensemble(given_problem, rewards)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    assert -1e-12 <= found.gap < 1e-7
    mixed = Problem(given_problem.log_ref, beta, (found.weights @ rewards)[None])
    assert found.log_policy == pytest.approx(rlhf.optimal_policy(mixed)[0], abs=1e-10 / beta)
    assert found.value == pytest.approx(rlhf.value(mixed)[0] - found.gap, abs=1e-10)


def test_one_reward_below_all_others_is_the_worst():
    given_problem = Problem.from_probabilities(REF, 0.5)
    found = expected_costs.robust_ensemble(given_problem, [REWARD, np.array(REWARD) - 1, np.array(REWARD) + 2])
    assert found.weights == pytest.approx([0, 1, 0], abs=1e-12)


def test_a_box_is_its_lower_corner():
    rng = np.random.default_rng(1)
    lower, width = rng.normal(size=3), rng.random(3)
    policy = expected_costs.robust_box(problem(), lower)[0]
    corners = np.array(np.meshgrid(*[[0, w] for w in width])).reshape(3, -1).T + lower
    found = expected_costs.robust_ensemble(problem(), corners)
    assert found.log_policy == pytest.approx(policy, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((COST[:2], 0.1), "cost has shape"),
        (([COST, COST], 0.1), "give one cost for each response, and one limit"),
        (([np.inf, 0, 0], 0.1), "cost\\[0, 0\\] is inf"),
        ((COST, np.nan), "limit\\[0\\] is nan"),
    ],
)
def test_bad_costs_are_said(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        expected_costs.optimum(problem(), *arguments)
