"""Thresholds of a thousand labels against one Clarabel solve for each, and the frontier of a million pairs."""

from time import perf_counter

import numpy as np

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


def test_everything_about_small_prompts(benchmark):
    """At most 20 responses and 80 labels, of every kind: no call should take long, and the slowest is shown."""
    rng, cases = np.random.default_rng(6), []
    for _ in range(50):
        n, k = int(rng.integers(2, 21)), int(rng.integers(1, 81))
        problem = Problem.from_unnormalized(
            rng.choice([0, 1, 5, 30]) * rng.normal(size=n), rng.choice([0.01, 0.1, 1, 10])
        )
        winner = rng.integers(0, n, k)
        cases.append((problem, Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n)))
    slowest = {}

    def everything():
        for problem, labels in cases:
            for function in (failure_modes.thresholds, failure_modes.find):
                start = perf_counter()
                function(problem, labels)
                slowest[function.__name__] = max(slowest.get(function.__name__, 0.0), perf_counter() - start)

    benchmark.pedantic(everything, rounds=1)
    worst = ", ".join(f"{name} {took:.2f} s" for name, took in slowest.items())
    print(f"\n50 prompts of at most 20 responses and 80 labels: {median_of(benchmark):.1f} s; the slowest: {worst}")
