"""dpo.solve: existence from the digraph, the infimum and the solution, against three independent routes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_expit, log_softmax

from tabular import InputError, Preferences, Problem, Status, dpo, logs, oracle, rlhf
from tests.strategies import betas, labelled_problems, preferences_on, problems
from tests.tabular.fits.test_bradley_terry import GOLDEN

EXAMPLE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
ONE_PAIR = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])


def quasi_newton(problem, preferences):
    """L-BFGS on the raw loss in softmax logits, from the reference: nothing in common with the solver."""
    start = np.where(problem.present, problem.log_ref, 0.0)

    def policy(logits):
        logits = np.where(problem.present, logits.reshape(start.shape), -np.inf)
        return log_softmax(logits, axis=1)

    return minimize(
        lambda x: dpo.loss(policy(x), problem, preferences),
        start.ravel(),
        jac=lambda x: dpo.gradient(policy(x), problem, preferences).ravel(),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-11, "maxiter": 2000},
    )


def test_the_papers_example_three_responses_one_pair():
    solution = dpo.solve(EXAMPLE, ONE_PAIR)
    assert solution.status is Status.SET
    assert solution.infimum == pytest.approx(0.5623351446, abs=1e-10)
    assert np.exp(solution.log_policy[0]) == pytest.approx([1 / 2, 1 / 12, 5 / 12], abs=1e-14)
    assert np.exp(solution.closest_to_reference()[0]) == pytest.approx(
        [0.3340943383, 0.0556823897, 0.6102232719], abs=1e-10
    )
    for t in (1e-6, 0.05, 0.14):
        assert solution.contains(np.log([6 * t, t, 1 - 7 * t]))


@given(problems(reward_scale=3.0))
@example(Problem.from_probabilities([0.01, 0.99], beta=1.0, reward=[1.0, 0.0]))  # the optimum still prefers l
@example(Problem.from_probabilities([0.5, 0.5], beta=1e-4, reward=[1.0, 0.0]))  # delta* = 10^4
def test_population_labels_give_the_rlhf_optimum(problem):
    """For every reference, beta and sign of delta*: the repaired Theorem 3.5."""
    preferences = Preferences.from_bradley_terry(problem)
    solution = dpo.solve(problem, preferences)
    assert solution.status is Status.UNIQUE
    star = rlhf.optimal_policy(problem)
    there = problem.present
    assert solution.log_policy[there] == pytest.approx(star[there], abs=1e-10 / min(problem.beta, 1), rel=1e-10)
    difference = (
        problem.reward[preferences.prompt, preferences.winner] - problem.reward[preferences.prompt, preferences.loser]
    )
    entropy = -np.exp(preferences.log_share) @ log_expit(difference)
    assert solution.infimum == pytest.approx(entropy, rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([10.0, 1e3, 1e4]), betas)
@example(0, 1e4, 1e-4)
def test_population_labels_with_rewards_thousands_apart(seed, gap, beta):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 7))
    problem = Problem(log_softmax(rng.normal(0, 5, n)), beta, rng.uniform(-gap / 2, gap / 2, n))
    solution = dpo.solve(problem, Preferences.from_bradley_terry(problem))
    assert solution.status is Status.UNIQUE
    fitted = (solution.log_ratio - solution.log_ratio[0, 0]) * beta
    assert fitted[0] == pytest.approx(problem.reward[0] - problem.reward[0, 0], rel=1e-9, abs=1e-9)


@given(labelled_problems(), betas)
def test_the_least_loss_depends_on_the_labels_alone(labelled, beta):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    uniform = Problem.from_unnormalized(np.where(problem.present, 0.0, -np.inf), beta)
    other = dpo.solve(uniform, preferences)
    assert other.infimum == pytest.approx(solution.infimum, rel=1e-12, abs=1e-300)
    assert other.statuses == solution.statuses
    assert other.log_ratio * beta == pytest.approx(solution.log_ratio * problem.beta, rel=1e-9, abs=1e-12)


@given(labelled_problems())
def test_attained_exactly_when_no_label_joins_two_blocks(labelled):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    number = {(p, y): k for p, row in enumerate(preferences.blocks(problem)) for k, b in enumerate(row) for y in b}
    crossing = [
        number[p, w] != number[p, v]
        for p, w, v in zip(preferences.prompt, preferences.winner, preferences.loser, strict=True)
    ]
    for prompt, status in enumerate(solution.statuses):
        expected = Status.UNIQUE if len(preferences.blocks(problem)[prompt]) == 1 else Status.SET
        if any(np.array(crossing) & (preferences.prompt == prompt)):
            expected = Status.UNATTAINED
        assert status is expected
    u = solution.recession
    gain = u[preferences.prompt, preferences.winner] - u[preferences.prompt, preferences.loser]
    assert np.array_equal(gain > 0, crossing)
    assert (gain >= 0).all()


@given(labelled_problems(reward_scale=1.0), st.integers(0, 2**32 - 1))
def test_no_policy_does_better_and_the_certificate_comes_arbitrarily_close(labelled, seed):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    rng = np.random.default_rng(seed)
    jitter = solution.log_ratio + rng.normal(0, 1, problem.log_ref.shape) / problem.beta
    for step in (0.0, 1e-3, 1.0):
        row = problem.log_ref + (1 - step) * solution.log_ratio + step * jitter
        assert dpo.loss(log_softmax(row, axis=1), problem, preferences) >= solution.infimum * (1 - 1e-12)
    spread = np.ptp(solution.log_ratio * problem.beta)
    far = problem.log_ref + solution.log_ratio + solution.recession * (2 * spread + 800) / problem.beta
    reached = dpo.loss(log_softmax(far, axis=1), problem, preferences)
    assert reached == pytest.approx(solution.infimum, rel=1e-9, abs=1e-12)
    if solution.status is not Status.UNATTAINED:
        at = dpo.loss(solution.log_policy, problem, preferences)
        assert at == pytest.approx(solution.infimum, rel=1e-9)
        assert np.abs(dpo.gradient(solution.log_policy, problem, preferences)).max() < 1e-9 * problem.beta


@pytest.mark.parametrize("seed", range(6))
def test_three_routes_where_a_minimiser_exists(seed):
    """cvxpy, quasi-Newton in logits, and ours: a ring of labels makes every prompt one block."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(0, 1, (2, 4)), float(rng.uniform(0.3, 3)))
    ring = [(p, i, (i + 1) % 4, rng.uniform(0.5, 2)) for p in range(2) for i in range(4)]
    extra = [(int(rng.integers(2)), *rng.permutation(4)[:2].tolist(), 1.0) for _ in range(4)]
    preferences = Preferences.from_pairs(ring + extra)
    solution = dpo.solve(problem, preferences)
    assert solution.status is Status.UNIQUE
    assert solution.residual < 1e-14
    status, value, log_ratio = oracle.dpo_minimum(problem, preferences)
    assert status == "optimal"
    assert value == pytest.approx(solution.infimum, abs=1e-8)
    assert log_softmax(problem.log_ref + log_ratio, axis=1) == pytest.approx(solution.log_policy, abs=1e-3)
    found = quasi_newton(problem, preferences)
    assert found.fun == pytest.approx(solution.infimum, abs=1e-10)
    assert log_softmax(found.x.reshape(2, 4), axis=1) == pytest.approx(solution.log_policy, abs=1e-4)


def test_solvers_call_optimal_what_has_no_minimiser():
    """One ordered pair: Clarabel and L-BFGS both report success, at two different policies. We say UNATTAINED."""
    problem = Problem.from_probabilities([0.5, 0.5], beta=1.0)
    one_sided = Preferences.from_pairs([(0, 1)])
    status, value, log_ratio = oracle.dpo_minimum(problem, one_sided)
    found = quasi_newton(problem, one_sided)
    gaps = [log_ratio[0, 0] - log_ratio[0, 1], found.x[0] - found.x[1]]
    assert status == "optimal"
    assert found.success
    assert value >= -1e-8
    assert min(gaps) > 10
    assert abs(gaps[0] - gaps[1]) > 1
    solution = dpo.solve(problem, one_sided)
    assert solution.status is Status.UNATTAINED
    assert solution.infimum == 0
    assert solution.recession.tolist() == [[0, -1]]
    assert dpo.loss(log_softmax([gaps[0] + 5.0, 0.0]), problem, one_sided) < dpo.loss(
        log_softmax([gaps[0], 0.0]), problem, one_sided
    )


def test_labels_that_are_not_bradley_terry_give_the_fitted_reward():
    """A cycle of preferences: RLHF with the fitted reward, whatever the reference and beta."""
    cyclic = Preferences.from_wins([[0, 7, 2], [3, 0, 6], [8, 4, 0]])
    reward = None
    for beta, ref in ((0.1, [0.1, 0.2, 0.7]), (5.0, [0.6, 0.3, 0.1])):
        solution = dpo.solve(Problem.from_probabilities(ref, beta), cyclic)
        fitted = solution.log_ratio[0] * beta
        reward = fitted if reward is None else reward
        assert fitted == pytest.approx(reward, abs=1e-12)
        with_reward = Problem.from_probabilities(ref, beta, reward)
        assert solution.log_policy == pytest.approx(rlhf.optimal_policy(with_reward), abs=1e-9)
    wins, games = np.array([9, 9, 12]), np.array([[0, 10, 10], [10, 0, 10], [10, 10, 0]])
    expected = (games / (1 + np.exp(reward[None, :] - reward[:, None]))).sum(axis=1)
    assert expected == pytest.approx(wins, abs=1e-12)  # score equations


def test_the_two_readings_of_dpo():
    """beta = Dr = 1, uniform reference. Ordered pairs go on past delta* = 1; population labels stop there."""
    problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[1.0, 0.0])
    ordered = Preferences.from_pairs([(0, 1)])
    at = [dpo.loss(log_softmax([delta, 0.0]), problem, ordered) for delta in (1.0, 2.0)]
    assert at == pytest.approx([0.3132616875, 0.1269280110], abs=1e-10)
    assert dpo.solve(problem, ordered).status is Status.UNATTAINED
    population = dpo.solve(problem, Preferences.from_bradley_terry(problem))
    assert population.log_policy[0, 0] - population.log_policy[0, 1] == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
def test_deterministic_labels_drive_the_loser_to_zero_whatever_beta_is(beta):
    problem = Problem.from_probabilities([0.001, 0.999], beta)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 1)]))
    assert np.exp(solution.log_policy).tolist() == [[1.0, 0.0]]
    assert solution.margin_range(0, 0, 1) == (np.inf, np.inf)


def test_prompts_are_solved_each_on_their_own():
    rows = [[0.2, 0.3, 0.5], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.1, 0.1, 0.8]]
    problem = Problem.from_probabilities(rows, beta=0.5)
    labels = [(0, 0, 1, 3), (0, 1, 0, 1), (1, 0, 1, 3), (1, 1, 0, 2), (2, 0, 1, 1)]
    solution = dpo.solve(problem, Preferences.from_pairs(labels))
    assert [s.name for s in solution.statuses] == ["SET", "UNIQUE", "UNATTAINED", "SET"]
    assert solution.status is Status.UNATTAINED
    assert solution.dimension == 1 + 0 + 1 + 2
    for prompt in range(3):
        alone = Problem.from_probabilities(rows[prompt], beta=0.5)
        own = dpo.solve(alone, Preferences.from_pairs([(w, v) for p, w, v, _ in labels if p == prompt]))
        weighted = dpo.solve(alone, Preferences.from_pairs([(0, *rest) for p, *rest in labels if p == prompt]))
        assert weighted.log_policy[0] == pytest.approx(solution.log_policy[prompt], abs=1e-13)
        assert own.statuses[0] is solution.statuses[prompt]
    assert solution.log_policy[3] == pytest.approx(problem.log_ref[3], abs=1e-15)  # nobody labelled it


@given(labelled_problems())
def test_order_and_repetition_of_labels_do_not_matter(labelled):
    problem, preferences = labelled
    again = Preferences(
        np.tile(preferences.prompt, 2)[::-1],
        np.tile(preferences.winner, 2)[::-1],
        np.tile(preferences.loser, 2)[::-1],
        log_weight=np.tile(preferences.log_weight, 2)[::-1],
    )
    first, second = dpo.solve(problem, preferences), dpo.solve(problem, again)
    assert second.infimum == pytest.approx(first.infimum, rel=1e-10, abs=1e-300)
    assert second.log_ratio * problem.beta == pytest.approx(first.log_ratio * problem.beta, rel=1e-9, abs=1e-10)


def test_a_margin_shifts_the_target():
    """Both orders with margin Psi each: the paper's Eq. 17 for one pair, delta = delta_ref + (Dr + Psi)/beta ... ."""
    problem = Problem.from_probabilities([0.3, 0.7], beta=0.5)
    both = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1)])
    antisymmetric = dpo.solve(problem, both, margin=[0.4, -0.4])
    delta = antisymmetric.log_policy[0, 0] - antisymmetric.log_policy[0, 1]
    assert delta == pytest.approx(np.log(3 / 7) + (np.log(3) + 0.4) / 0.5, abs=1e-12)
    symmetric = dpo.solve(problem, both, margin=0.4)
    h = 0.5 * (symmetric.log_policy[0, 0] - symmetric.log_policy[0, 1] - np.log(3 / 7))
    assert 3 / (1 + np.exp(h - 0.4)) == pytest.approx(1 / (1 + np.exp(-h - 0.4)), abs=1e-12)


@given(problems(max_prompts=2), st.data())
def test_input_is_left_alone(problem, data):
    preferences = data.draw(preferences_on(problem))
    before = [a.copy() for a in (problem.log_ref, preferences.log_weight, preferences.winner)]
    solution = dpo.solve(problem, preferences)
    np.exp(solution.log_policy), solution.closest_to_reference(), solution.limit_vertices
    for old, new in zip(before, (problem.log_ref, preferences.log_weight, preferences.winner), strict=True):
        assert np.array_equal(old, new)


def test_labels_of_another_problem_are_named():
    with pytest.raises(InputError, match="label 0: winner 7 of prompt 0 is not there"):
        dpo.solve(EXAMPLE, Preferences.from_pairs([(7, 1)]))


@pytest.mark.parametrize(("ties", "name"), [(0.5, "ties_as_half_wins"), (0.0, "ties_dropped")])
def test_verdicts_on_real_votes(real_data, ties, name):
    votes = logs.load("pandalm-human")
    preferences = votes.preferences(ties)
    solution = dpo.solve(votes.problem(beta=0.1), preferences)
    rows = solution.verdicts()
    counts = {s.value: sum(row["status"] == s.value for row in rows) for s in (Status.UNIQUE, Status.SET)}
    counts["unattained"] = len(rows) - sum(counts.values())
    assert counts == GOLDEN["pandalm-human"][name]
    assert solution.residual < 1e-13
    known = [row for row in rows if row["mass"] is not None]
    assert len(known) == 169
    assert all(abs(sum(row["mass"]) - 1) < 1e-12 for row in known)


@pytest.mark.parametrize("margin", [1e14, 1e20])
def test_margins_that_rounding_hides_are_refused_around_cycles_alone(margin):
    problem = Problem.from_unnormalized(np.zeros(3), beta=1)
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    with pytest.raises(InputError, match=r"^margin\[1\] is 1.*: where labels form a cycle keep margins within"):
        dpo.solve(problem, cycle, [0.0, margin, 0.0])
    assert dpo.solve(problem, Preferences.from_pairs([(0, 1), (1, 2)]), margin).infimum == 0


@pytest.mark.parametrize("seed", range(8))
def test_even_labels_with_margins_of_80_nats_balance(seed):
    """Labels of one weight cancel exactly, however many of them are merged: once 5 against 2 left steps of 2.6 nats."""
    rng = np.random.default_rng(seed)
    pairs, margins = np.argwhere(~np.eye(4, dtype=bool)), rng.uniform(20, 80, (4, 4))
    times = rng.integers(2, 8, len(pairs))
    winner, loser = np.repeat(pairs, times, axis=0).T
    labels, margin = Preferences(0 * winner, winner, loser), (margins + margins.T)[winner, loser] / 2
    solution = dpo.solve(Problem.from_unnormalized(np.zeros(4), beta=0.1), labels, margin)
    assert solution.residual < 1e-9


@pytest.mark.parametrize("n", [2, 8, 40, 300, 1200])
def test_a_block_far_lighter_than_the_rest_is_fitted_as_if_alone(n):
    """Labels of e^-500 beside labels of 1, in another prompt or block, by the solver of every size."""
    rng = np.random.default_rng(n)
    first = np.tile(np.arange(n), 5)
    second = (first + rng.integers(1, n, 5 * n)) % n
    problem = Problem.from_unnormalized(rng.normal(size=(2, n)), 0.8)
    winner, loser, prompt = np.r_[first, second, 0, 1], np.r_[second, first, 1, 0], np.r_[np.zeros(10 * n, int), 1, 1]
    weight = rng.uniform(-1, 1, 10 * n)
    alone, beside = (
        dpo.solve(problem, Preferences(prompt, winner, loser, log_weight=np.r_[weight + low, 0.0, -1.0]))
        for low in (0.0, -500.0)
    )
    assert beside.statuses == alone.statuses
    np.testing.assert_allclose(beside.log_policy[0], alone.log_policy[0], atol=1e-9)
