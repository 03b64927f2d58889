"""Games, rankings and best of n against the libraries that one would use instead."""

import choix
import numpy as np

from tabular.choice import plackett_luce
from tabular.choice.rankings import Rankings
from tabular.problem import Problem
from tests.benchmarks.timing import timed


def median_of(benchmark):
    return benchmark.stats.stats.median


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
    theirs, peer_seconds = timed(choix.ilsr_rankings, n, orders, rounds=1)
    ours = found.log_ratio[0]
    error, peer_error = newton_error(ours, orders), newton_error(theirs - theirs.mean(), orders)
    assert error < 1e-10
    print(
        f"\nplackett_luce.solve, 1000 responses, {len(orders)} rankings: "
        f"{peer_seconds / median_of(benchmark):.1f}x faster than choix.ilsr_rankings; "
        f"errors {error:.1e} and {peer_error:.1e} nats"
    )


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
