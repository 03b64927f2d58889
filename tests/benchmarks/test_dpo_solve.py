"""The exact solution of DPO against choix, against a loop over prompts, and on a million comparisons."""

import choix
import cvxpy as cp
import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax

from tabular import Preferences, Problem, Status, dpo, rlhf
from tests.benchmarks.test_cpo import solved
from tests.benchmarks.timing import median_of, of_both, quartiles_in_turn, timed


def random_votes(rng, n_responses, n_comparisons, spread=1.0):
    """Votes between random responses, drawn from Bradley-Terry rates, on a ring that keeps the graph in one block."""
    strength = rng.normal(0, spread, n_responses)
    ring = np.arange(n_responses)
    first = rng.integers(0, n_responses, n_comparisons - n_responses)
    second = (first + rng.integers(1, n_responses, len(first))) % n_responses
    wins = rng.random(len(first)) < expit(strength[first] - strength[second])
    winner = np.r_[ring, np.where(wins, first, second)]
    loser = np.r_[(ring + 1) % n_responses, np.where(wins, second, first)]
    return Preferences(np.zeros(n_comparisons, int), winner, loser)


def uniform(n_prompts, n_responses):
    return Problem.from_unnormalized(np.zeros((n_prompts, n_responses)), beta=1.0)


@pytest.mark.parametrize("n", [10, 200, 1000, 2000])
def test_against_choix(benchmark, n):
    """The same votes, 20 for each response; both errors are measured in the same way, by a dense Newton step."""
    problem, votes = uniform(1, n), random_votes(np.random.default_rng(n), n, 20 * n)
    pairs = list(zip(votes.winner.tolist(), votes.loser.tolist(), strict=True))
    solution = benchmark.pedantic(dpo.solve, (problem, votes), rounds=9, warmup_rounds=1)
    theirs, peer_seconds = timed(choix.ilsr_pairwise, n, pairs, rounds=5 if n < 1000 else 1)
    assert solution.status is Status.UNIQUE
    ours = solution.log_ratio[0]
    assert solution.residual < 1e-13
    error, peer_error = newton_error(ours, votes), newton_error(theirs - theirs.mean(), votes)
    assert error < 1e-10
    ratio = peer_seconds / median_of(benchmark)
    print(
        f"\ndpo.solve, {n} responses: {ratio:.1f}x faster than choix.ilsr_pairwise; "
        f"errors {error:.1e} and {peer_error:.1e} nats"
    )


def newton_error(s, votes):
    """The distance to the optimum of a fit close to it: one dense Newton step, by numpy's pseudo-inverse."""
    n, w, v = len(s), votes.winner, votes.loser
    push = expit(s[v] - s[w])
    gradient = np.bincount(w, push, n) - np.bincount(v, push, n)
    hessian = np.zeros((n, n))
    for a, b, sign in ((w, w, 1), (v, v, 1), (w, v, -1), (v, w, -1)):
        np.add.at(hessian, (a, b), sign * push * (1 - push))
    step = np.linalg.solve(hessian + 1 / n, gradient)
    return float(np.abs(step - step.mean()).max())


@pytest.mark.parametrize("n_comparisons", [250_000, 500_000, 1_000_000])
def test_one_prompt_with_many_responses(benchmark, n_comparisons):
    n = n_comparisons // 10
    problem, votes = uniform(1, n), random_votes(np.random.default_rng(0), n, n_comparisons)
    solution = benchmark.pedantic(dpo.solve, (problem, votes), rounds=3)
    assert solution.status is Status.UNIQUE
    assert solution.residual < 1e-12
    seconds = median_of(benchmark)
    print(f"\ndpo.solve, {n} responses, {n_comparisons} comparisons: {seconds:.2f} s, residual {solution.residual:.1e}")


def test_population_labels_of_many_responses(benchmark):
    """10^5 responses, 5 x 10^5 pairs labelled both ways: the answer is known, the RLHF optimum."""
    rng = np.random.default_rng(1)
    n, pairs = 100_000, 500_000
    reward = rng.normal(0, 1, n)
    problem = Problem(log_softmax(rng.normal(0, 1, n)), 0.1, reward)
    first = np.r_[np.arange(n), rng.integers(0, n, pairs - n)]
    second = (first + np.r_[np.ones(n, int), rng.integers(1, n, pairs - n)]) % n
    winner, loser = np.r_[first, second], np.r_[second, first]
    labels = Preferences(np.zeros(2 * pairs, int), winner, loser, log_weight=log_expit(reward[winner] - reward[loser]))
    solution = benchmark.pedantic(dpo.solve, (problem, labels), rounds=3)
    fitted = solution.log_ratio[0] * problem.beta
    error = np.abs(fitted - (reward - reward.mean())).max()
    assert error < 1e-10
    assert np.abs(solution.log_policy - rlhf.optimal_policy(problem)).max() < 1e-9
    print(f"\ndpo.solve, population labels, 10^5 responses: {median_of(benchmark):.2f} s, error in reward {error:.1e}")


def test_many_prompts_as_one_batch(benchmark):
    """10^5 prompts, 4 responses, 6 votes each, against a loop of one call per prompt (timed on 1000 of them)."""
    rng = np.random.default_rng(2)
    n_prompts, sample = 100_000, 1000
    problem = uniform(n_prompts, 4)
    winner = rng.integers(0, 4, 6 * n_prompts)
    loser = (winner + rng.integers(1, 4, 6 * n_prompts)) % 4
    prompt = np.repeat(np.arange(n_prompts), 6)
    votes = Preferences(prompt, winner, loser)
    alone = uniform(1, 4)
    zeros = np.zeros(6, int)

    def loop():
        parts = (slice(6 * p, 6 * p + 6) for p in range(sample))
        return [dpo.solve(alone, Preferences(zeros, winner[part], loser[part])) for part in parts]

    solution = benchmark.pedantic(dpo.solve, (problem, votes), rounds=5, warmup_rounds=1)
    separate, loop_seconds = timed(loop, rounds=1)
    error = max(np.abs(one.log_ratio[0] - solution.log_ratio[p]).max() for p, one in enumerate(separate))
    assert error < 1e-10
    assert [one.status for one in separate] == solution.statuses[:sample]
    ratio = loop_seconds * n_prompts / sample / median_of(benchmark)
    print(
        f"\ndpo.solve, 10^5 prompts x 4 responses x 6 votes: {median_of(benchmark):.2f} s as one batch, "
        f"{ratio:.0f}x faster than a loop over prompts ({sample} timed, scaled up); they differ by {error:.1e}"
    )


@pytest.mark.parametrize("kind", ["both ways", "one way"])
def test_chain_of_500(benchmark, kind):
    """Against cvxpy with Clarabel, whose program is written beforehand and compiled in its solve."""
    rng = np.random.default_rng(0)
    winner, loser = np.r_[:499, 1:500], np.r_[1:500, :499]
    pairs = 998 if kind == "both ways" else 499  # one way, nothing is attained
    labels = Preferences(np.zeros(pairs, int), winner[:pairs], loser[:pairs], rng.uniform(0.5, 2, pairs))
    problem, weight = uniform(1, 500), np.exp(labels.log_share)
    solution = benchmark.pedantic(dpo.solve, (problem, labels), rounds=50, warmup_rounds=5)
    assert solution.residual < 1e-12

    def written():
        s = cp.Variable(500)
        loss = weight @ cp.logistic(s[labels.loser] - s[labels.winner])
        return cp.Problem(cp.Minimize(loss), [s[0] == 0])

    clocks = quartiles_in_turn(lambda: dpo.solve(problem, labels), solved, written)
    print(f"\ndpo.solve, chain of 500 labelled {kind}: cvxpy with Clarabel over ours, {of_both(clocks)}")


@pytest.mark.parametrize("n", [500, 1000, 2000])
def test_one_cycle_of_labels_over_e_80(benchmark, n):
    """Weights within e^+-40 around a cycle: the exponent shows by doubling. A float Newton step is singular here."""
    rng = np.random.default_rng(n)
    labels = Preferences(np.zeros(n, int), np.arange(n), np.r_[1:n, 0], log_weight=rng.uniform(-40, 40, n))
    solution = benchmark.pedantic(dpo.solve, (uniform(1, n), labels), rounds=3, warmup_rounds=1)
    assert solution.residual < 1e-11
    print(f"\ndpo.solve, one cycle of {n} labels, weights over e^80: {median_of(benchmark):.2f} s")


@pytest.mark.parametrize("n", [100, 200, 400])
def test_contradictory_labels_of_steep_weights(benchmark, n):
    """A ring and as many labels again, weights within e^+-10, against 40 of the dense solves of its Newton steps."""
    rng = np.random.default_rng(n)
    winner = np.r_[np.arange(n), rng.integers(0, n, n)]
    loser = np.r_[np.r_[1:n, 0], (winner[n:] + rng.integers(1, n, n)) % n]
    labels = Preferences(np.zeros(2 * n, int), winner, loser, log_weight=rng.uniform(-10, 10, 2 * n))
    solution = benchmark.pedantic(dpo.solve, (uniform(1, n), labels), rounds=3, warmup_rounds=1)
    assert solution.residual < 1e-11
    matrix = np.eye(n) + rng.random((n, n)) / n
    _, peer = timed(np.linalg.solve, matrix, np.ones(n))
    ratio = median_of(benchmark) / (40 * peer)
    print(f"\ndpo.solve, {n} responses, weights over e^20: {median_of(benchmark):.2f} s, {ratio:.1f}x 40 dense solves")
