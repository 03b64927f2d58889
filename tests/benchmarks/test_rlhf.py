"""The RLHF optimum of a million prompts, against scipy's log_softmax of the same array."""

import numpy as np
from scipy.special import log_softmax

from tabular import Problem, rlhf
from tests.benchmarks.timing import median_of, timed


def test_rlhf_optimum_against_log_softmax(benchmark):
    rng = np.random.default_rng(0)
    problem = Problem(log_softmax(rng.normal(size=(1_000_000, 8)), axis=1), 0.5, rng.normal(size=(1_000_000, 8)))
    logits = problem.log_ref + problem.reward / problem.beta
    ours = benchmark.pedantic(rlhf.optimal_policy, (problem,), rounds=7, warmup_rounds=1)
    theirs, peer_seconds = timed(log_softmax, logits, axis=1, rounds=7)
    error = np.abs(ours - theirs).max()
    assert error < 1e-13
    ratio = median_of(benchmark) / peer_seconds
    print(f"\nrlhf.optimal_policy, 10^6 x 8: {ratio:.2f}x the time of scipy log_softmax; they differ by {error:.1e}")
