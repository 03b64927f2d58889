"""Thresholds of a thousand labels against one Clarabel solve for each, and the frontier of a million pairs."""

from time import perf_counter

import numpy as np
import pytest
from scipy.optimize import brentq

from tabular import Preferences, Problem, failure_modes, oracle
from tabular.base.log_space import softplus
from tabular.failures import joint
from tabular.failures.infimum import infimum
from tabular.failures.thresholds import tied
from tests.benchmarks.timing import median_of, timed


def labelled_prompts(n_prompts=200, n_responses=6, labels=5):
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(2 * rng.normal(size=(n_prompts, n_responses)), beta=0.5)
    pairs = [(x, *rng.choice(n_responses, 2, replace=False)) for x in range(n_prompts) for _ in range(labels)]
    return problem, Preferences.from_pairs(pairs)


def one_prompt(problem, preferences, pair):
    """The pair's prompt alone, with its own labels: all that a solver need be given."""
    prompt = preferences.prompt[pair]
    mine = np.flatnonzero(preferences.prompt == prompt)
    alone = Preferences(np.zeros(len(mine), dtype=int), preferences.winner[mine], preferences.loser[mine])
    return Problem(problem.log_ref[prompt], problem.beta), alone, [int(np.flatnonzero(mine == pair)[0])]


def test_thresholds_of_1000_labels_against_clarabel(benchmark):
    problem, preferences = labelled_prompts()
    found = benchmark.pedantic(failure_modes.solve_thresholds, (problem, preferences), rounds=7, warmup_rounds=1)
    sample = np.random.default_rng(1).choice(preferences.n_pairs, 40, replace=False)
    cases = [one_prompt(problem, preferences, pair) for pair in sample]
    oracle.inversion_cost(*cases[0])
    start = perf_counter()
    theirs = np.array([oracle.inversion_cost(*case)[0] for case in cases])
    each = (perf_counter() - start) / len(sample)
    least = np.array([infimum(*case[:2]).value for case in cases])
    ours = least + found.excess[sample] * preferences.n_pairs / 5  # as a mean over the prompt's five labels
    error = np.abs(ours - theirs).max()
    assert error < 1e-5  # the solver's: it stops on the way to infinity where labels part
    ratio = each * preferences.n_pairs / median_of(benchmark)
    print(
        f"\nthresholds, 1000 labels (200 prompts x 6): {1e3 * median_of(benchmark):.1f} ms, {ratio:.0f}x faster than a "
        f"Clarabel solve of its own prompt for each (40 timed, {1e3 * each:.1f} ms each); they differ by {error:.0e}"
    )


def test_thresholds_along_a_chain_against_whole_components(benchmark):
    rng = np.random.default_rng(4)
    problem, n = Problem.from_unnormalized(rng.normal(size=1000), beta=0.5), 1000
    chain = Preferences(np.zeros(n - 1, dtype=int), np.arange(n - 1), np.arange(1, n))
    found = benchmark.pedantic(failure_modes.solve_thresholds, (problem, chain), rounds=7, warmup_rounds=1)
    general, peer = timed(tied, found.at, found.at.components, rounds=2)
    error = np.abs(found.value - general.value).max()
    assert error < 1e-12
    print(
        f"\nthresholds along a chain of 1000 responses: {1e3 * median_of(benchmark):.0f} ms, "
        f"{peer / median_of(benchmark):.0f}x faster than a fit of the whole chain for each; they differ by {error:.0e}"
    )


def test_worst_case_accuracy_of_a_dense_prompt_against_trying_every_tie_pattern(benchmark):
    rng = np.random.default_rng(5)
    problem = Problem.from_unnormalized(rng.normal(size=9), beta=0.5)
    preferences = Preferences.from_pairs([rng.choice(9, 2, replace=False) for _ in range(30)])
    at = infimum(problem, preferences)
    level = at.value + 0.02

    def all_patterns():
        return joint.ways(at, at.parts.graph.labelled)

    accuracy = benchmark.pedantic(
        failure_modes.worst_case_accuracy, (problem, preferences, level), rounds=5, warmup_rounds=1
    )
    ways, peer = timed(all_patterns, rounds=2)
    most = max(len(ways.inverted[k]) for k in np.flatnonzero(ways.cost <= level - at.value))
    assert abs(accuracy - (1 - most / 30)) < 1e-12
    print(
        f"\nworst case of 30 labels on 9 responses: {1e3 * median_of(benchmark):.0f} ms, "
        f"{peer / median_of(benchmark):.0f}x faster than the search without a budget ({len(ways.cost)} patterns)"
    )


def test_frontier_of_a_million_separable_pairs_against_a_bare_sort(benchmark):
    rng = np.random.default_rng(2)
    delta_ref, levels = 20 * rng.normal(size=1_000_000), np.linspace(0.05, 0.7, 50)

    def ours():
        return failure_modes.separable_frontier(delta_ref, 0.1).worst_case_accuracy(levels)

    accuracy = benchmark.pedantic(ours, rounds=3, warmup_rounds=1)

    def bare():
        total = np.cumsum(np.sort(softplus(0.1 * delta_ref)) / len(delta_ref))
        return 1 - np.searchsorted(total, levels, side="right") / len(delta_ref)

    by_hand, peer = timed(bare, rounds=3)
    error = np.abs(accuracy - by_hand).max()
    assert error < 2e-6
    print(
        f"\nfrontier of 10^6 separable pairs, 50 levels: {median_of(benchmark):.2f} s, "
        f"{median_of(benchmark) / peer:.1f}x a bare sort; they differ by {error:.0e}"
    )


def test_unequal_weights_against_highs(benchmark):
    rng = np.random.default_rng(3)
    delta_ref, weight = 20 * rng.normal(size=500), rng.exponential(size=500)
    share = weight / weight.sum()

    def ours():
        return failure_modes.separable_frontier(delta_ref, 0.1, weight).worst_case_accuracy(0.3)

    accuracy = benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
    most, peer = timed(oracle.knapsack, share * softplus(0.1 * delta_ref), share, 0.3, rounds=3)
    error = abs(accuracy - (1 - most))
    assert error < 1e-9
    print(
        f"\nworst case of 500 pairs of unequal weight: {1e3 * median_of(benchmark):.0f} ms, "
        f"{peer / median_of(benchmark):.1f}x faster than HiGHS; they differ by {error:.0e}"
    )


def test_every_failure_of_30_responses_all_compared(benchmark):
    """870 labels, one a pair and direction: the listing, its least gammas against a root search over whole fits."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=30), beta=0.5)
    winner, loser = np.nonzero(~np.eye(30, dtype=bool))
    labels = Preferences(np.zeros(870, int), winner, loser, rng.uniform(0.5, 2, 870))
    report = benchmark.pedantic(failure_modes.find, (problem, labels), rounds=1)
    inverse = np.exp(-problem.log_ref[0][winner]) + np.exp(-problem.log_ref[0][loser])
    rows = [row for row in report.rows if failure_modes.Kind.DPO_OPTIMUM_INVERTED in row.kinds]
    gammas = {row.pair: row.findings[failure_modes.Kind.DPO_OPTIMUM_INVERTED].remedies["eq17"].value for row in rows}
    found = {pair: gamma for pair, gamma in gammas.items() if gamma is not None}
    pair = min(found, key=found.get)

    def by_halving():
        return brentq(lambda g: infimum(problem, labels, g * inverse).delta[pair], 0.5 * found[pair], 2 * found[pair])

    theirs, each = timed(by_halving, rounds=1)
    assert abs(theirs / found[pair] - 1) < 1e-9
    ratio = each * len(found) / median_of(benchmark)
    print(
        f"\nfind, 30 responses and 870 labels: {median_of(benchmark):.1f} s with {len(found)} least gammas, "
        f"{ratio:.0f}x faster than Brent's method on fits of the whole for these alone (1 timed, {each:.2f} s)"
    )


@pytest.mark.parametrize("n", [25, 50, 100])
def test_depths_of_random_labels(benchmark, n):
    """Four labels a response, all even: the exponent shows by doubling."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=n), beta=1.0)
    winner = rng.integers(0, n, 4 * n)
    labels = Preferences(np.zeros(4 * n, int), winner, (winner + rng.integers(1, n, 4 * n)) % n)
    benchmark.pedantic(failure_modes.deepest, (problem, labels, float(np.log(2))), rounds=1)
    print(f"\ndeepest, {n} responses and {4 * n} labels at log 2: {median_of(benchmark):.2f} s")
