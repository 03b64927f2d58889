"""Games, rankings and best of n against the libraries that one would use instead."""

import warnings

import choix
import cvxpy as cp
import nashpy
import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression

from tabular import Preferences, Problem, Status, log_linear
from tabular.choice import best_of_n, nash, plackett_luce
from tabular.choice.rankings import Rankings
from tabular.simplex import divergences
from tests.benchmarks.timing import in_turn, median_of, timed


def test_plackett_luce_against_choix(benchmark):
    """10^4 rankings of 5 of 1000 responses, drawn from Plackett-Luce; both errors by one dense Newton step."""
    rng = np.random.default_rng(0)
    n, number, length = 1000, 10_000, 5
    strength = rng.normal(0, 1, n)
    orders = []
    for _ in range(number):
        items = rng.choice(n, length, replace=False)
        orders.append(items[np.argsort(-(strength[items] + rng.gumbel(size=length)))].tolist())
    orders.extend([[k, (k + 1) % n] for k in range(n)])  # a ring keeps the digraph in one block
    problem, listed = Problem.from_unnormalized(np.zeros(n), 1.0), Rankings(orders)
    found = benchmark.pedantic(plackett_luce.solve, (problem, listed), rounds=5, warmup_rounds=1)
    error = newton_error(found.log_ratio[0], orders)
    assert error < 1e-10
    for tolerance in (1e-12, 1e-8):  # the first for an error below 1e-10, as ours; the second is choix's own
        theirs = choix.ilsr_rankings(n, orders, tol=tolerance)
        solved, read = (
            1 / in_turn(ours, lambda tol=tolerance: choix.ilsr_rankings(n, orders, tol=tol), rounds=3)
            for ours in (
                lambda: plackett_luce.solve(problem, listed),
                lambda: plackett_luce.solve(problem, Rankings(orders)),
            )
        )
        print(
            f"\nplackett_luce.solve, 1000 responses, {len(orders)} rankings: {solved:.1f}x faster than choix's "
            f"ilsr_rankings to {tolerance:g}, {read:.1f}x with the lists read; errors {error:.1e} and "
            f"{newton_error(theirs - theirs.mean(), orders):.1e} nats",
            end="",
        )
    print()


def newton_error(s, orders):
    """The distance to the optimum of a fit close to it: one dense Newton step, stage by stage."""
    n = len(s)
    gradient, hessian = np.zeros(n), np.zeros((n, n))
    for order in orders:
        for k in range(len(order) - 1):
            left = order[k:]
            p = np.exp(s[left] - s[left].max())
            p /= p.sum()
            gradient[left] -= p
            gradient[order[k]] += 1
            hessian[np.ix_(left, left)] += np.diag(p) - np.outer(p, p)
    step = np.linalg.solve(hessian + 1 / n, gradient)
    return float(np.abs(step - step.mean()).max())


def test_regularised_equilibria_against_loops(benchmark):
    """10^4 games of 8 responses: against one conic program a game (20 timed) and one nashpy call a game (20 timed)."""
    rng = np.random.default_rng(1)
    games, n, tau, sample = 10_000, 8, 0.1, 20
    upper = np.triu(rng.random((games, n, n)), 1)
    preference = upper + np.tril(1 - upper.swapaxes(1, 2), -1) + np.eye(n) / 2
    ref = rng.dirichlet(np.ones(n), games)
    found = benchmark.pedantic(nash.regularised, (preference, tau, np.log(ref)), rounds=5, warmup_rounds=1)
    policy, matrix, log_ref = cp.Variable(n), cp.Parameter((n, n)), cp.Parameter(n)
    kl = -cp.sum(cp.entr(policy)) - log_ref @ policy
    program = cp.Problem(cp.Minimize(kl + cp.log_sum_exp(log_ref + matrix @ policy / tau)), [cp.sum(policy) == 1])

    def conic():
        answers = []
        for k in range(sample):
            matrix.value, log_ref.value = preference[k], np.log(ref[k])
            program.solve(solver=cp.CLARABEL)
            answers.append(policy.value)
        return np.array(answers)

    def pivots():
        return [nashpy.Game(m, 3 - m).lemke_howson(initial_dropped_label=0) for m in preference[:sample] + 1]

    answers, conic_seconds = timed(conic, rounds=1)
    _, nashpy_seconds = timed(pivots, rounds=1)
    assert found.log_error.max() < 1e-12
    assert np.abs(answers - np.exp(found.log_policy[:sample])).max() < 1e-4
    ours = median_of(benchmark) / games
    print(
        f"\nnash.regularised, 10^4 games of 8: {median_of(benchmark):.2f} s, errors below "
        f"{found.log_error.max():.0e} nats; "
        f"{conic_seconds / sample / ours:.0f}x faster than a loop of cvxpy, "
        f"{nashpy_seconds / sample / ours:.0f}x than one of nashpy (which solves the unregularised games)"
    )


def test_divergence_optima_against_log_softmax(benchmark):
    """10^5 prompts of 8 responses, each divergence."""
    rng = np.random.default_rng(2)
    problem = Problem(log_softmax(rng.normal(size=(100_000, 8)), axis=1), 0.5, rng.normal(size=(100_000, 8)))
    logits = problem.log_ref + problem.reward / problem.beta
    benchmark.pedantic(divergences.optimum, (problem, "chi-po"), rounds=3, warmup_rounds=1)
    for kind in divergences.DIVERGENCES:
        assert divergences.optimum(problem, kind).residual.max() < 1e-12
        ratio = in_turn(lambda kind=kind: divergences.optimum(problem, kind), lambda: log_softmax(logits, axis=1))
        print(f"\ndivergences.optimum, 10^5 x 8, {kind}: {ratio:.1f}x the time of scipy log_softmax", end="")
    print()


def test_best_of_n_against_a_sort(benchmark):
    rng = np.random.default_rng(3)
    problem = Problem(log_softmax(rng.normal(size=(1_000_000, 8)), axis=1), 1.0, rng.normal(size=(1_000_000, 8)))
    found = benchmark.pedantic(best_of_n.policy, (problem, 4), rounds=5, warmup_rounds=1)
    assert np.abs(np.exp(found).sum(axis=1) - 1).max() < 1e-12
    by_sort, by_argsort = (
        in_turn(lambda: best_of_n.policy(problem, 4), lambda sort=sort: sort(problem.reward, axis=1))
        for sort in (np.sort, np.argsort)
    )
    print(f"\nbest_of_n.policy, 10^6 x 8: {by_sort:.1f}x the time of numpy sort, {by_argsort:.1f}x of numpy argsort")


@pytest.mark.parametrize(
    ("spread", "responses"),
    [(1.0, 20_000), (1e3, 20_000), (1.0, 2)],
    ids=["one prompt", "scales a thousand apart", "two responses a prompt"],
)
def test_log_linear_dpo_against_scikit_learn(benchmark, spread, responses):
    """50 parameters, 10^5 pairs. Newton (newton-cholesky) alone goes as far as we do; lbfgs stops before.

    The peer is given the differences of features, which we have to form; the second number has it form them, too.
    """
    rng = np.random.default_rng(4)
    k, pairs = 50, 100_000
    prompts = 1 if responses > 2 else pairs
    mixed = rng.normal(size=(k, k)) * np.geomspace(1, spread, k) if spread > 1 else np.eye(k)
    features = rng.normal(size=(prompts, responses, k)) @ mixed
    truth = np.linalg.solve(mixed, rng.normal(size=k)) / 5
    prompt = np.arange(pairs) % prompts
    first = rng.integers(0, responses, pairs)
    second = (first + rng.integers(1, responses, pairs)) % responses
    rows = features[prompt, first] - features[prompt, second]
    wins = rng.random(pairs) < expit(rows @ truth)
    labels = Preferences(prompt, np.where(wins, first, second), np.where(wins, second, first))
    problem = Problem(np.full((prompts, responses), -np.log(responses)), 1.0)
    found = benchmark.pedantic(log_linear.dpo, (problem, labels, features), rounds=5, warmup_rounds=1)
    assert found.status is Status.UNIQUE
    ours, target = relative_gradient(found.theta, rows, wins), wins.astype(int)
    assert ours < 1e-13
    print()
    for solver, steps in (("newton-cholesky", 100), ("lbfgs", 200)):

        def peer(read, solver=solver, steps=steps):
            given = features[prompt, first] - features[prompt, second] if read else rows
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-12, max_iter=steps, solver=solver)
                return fit.fit(given, target)

        fitted = peer(False)
        given, read = (
            1 / in_turn(lambda: log_linear.dpo(problem, labels, features), lambda r=r: peer(r), rounds=5)
            for r in (False, True)
        )
        print(
            f"log_linear.dpo, 50 parameters, 10^5 pairs, {responses} responses a prompt, scales within {spread:g}: "
            f"{given:.1f}x faster than scikit-learn's {solver} ({fitted.n_iter_[0]} steps), {read:.1f}x with the rows "
            f"formed; relative gradients {ours:.0e} and {relative_gradient(fitted.coef_[0], rows, wins):.0e}"
        )


def relative_gradient(theta, rows, wins):
    """The largest component of the gradient over the largest sum of the sizes of its terms."""
    push = wins - expit(rows @ theta)
    return np.abs(push @ rows).max() / (np.abs(push) @ np.abs(rows)).max()
