"""Single cases that are hard for their size, each with its target in seconds of the processor; one is run by its name.

``python -m tests.benchmarks.hard_cases NAME`` prints the seconds that it took, and what came out.
"""

import sys
from time import process_time

import numpy as np

from tabular import Preferences, Problem, cpo, dpo, failure_modes, guarantees

LOG2 = float(np.log(2))


def even(n, k, spread=1.0):
    """One prompt of n responses with k random labels, all even."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(spread * rng.normal(size=n), 1.0, rng.normal(size=n))
    winner = rng.integers(0, n, k)
    return problem, Preferences(np.zeros(k, int), winner, (winner + rng.integers(1, n, k)) % n)


def ring(n, turned=0.0):
    """A cycle of labels, a share of them the other way round."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=n), 1.0)
    winner, loser, turn = np.arange(n), np.r_[1:n, 0], rng.random(n) < turned
    return problem, Preferences(np.zeros(n, int), np.where(turn, loser, winner), np.where(turn, winner, loser))


def level(problem, labels, share=0.5):
    """A loss level on the way from the infimum to log 2."""
    least = dpo.solve(problem, labels).infimum
    return least + share * (LOG2 - least)


def middle(function, *case):
    """A function of a level, half-way."""
    return lambda: function(*case, level(*case))


def half_way(*case):
    """The deepest inversions half-way from each pair's threshold to log 2."""
    found = failure_modes.solve_thresholds(*case)
    return lambda: failure_modes.deepest(*case, (found.value + LOG2) / 2, at=found.at)


def offsets(largest):
    """Residuals of cycles with margins of that size."""
    rng = np.random.default_rng(0)
    cases = [(ring(n), largest * rng.normal(size=n)) for n in (3, 10, 50)]
    return lambda: [dpo.solve(*case, margin) for case, margin in cases]


def large():
    return even(300, 1200)


CASES = {
    "thresholds, 200 responses": (1, lambda: (lambda case: lambda: failure_modes.thresholds(*case))(even(200, 1000))),
    "find, 30 responses and 870 labels": (3, lambda: (lambda case: lambda: failure_modes.find(*case))(even(30, 870))),
    "find": (3, lambda: (lambda case: lambda: failure_modes.find(*case))(large())),
    "deepest": (3, lambda: (lambda case: lambda: failure_modes.deepest(*case, LOG2))(large())),
    "deepest, half-way to log 2": (3, lambda: half_way(*large())),
    "accuracy_bounds": (3, lambda: middle(failure_modes.accuracy_bounds, *large())),
    "largest_inverted_set": (3, lambda: middle(failure_modes.largest_inverted_set, *large())),
    "guarantees": (3, lambda: (lambda case: lambda: guarantees.table(*case, 1e-3))(large())),
    "reference_margin_solve": (0.5, lambda: (lambda case: lambda: cpo.reference_margin_solve(*case, 1e-3))(large())),
    "accuracy_bounds, ring of 2000": (
        10,
        lambda: (lambda case: lambda: failure_modes.accuracy_bounds(*case, LOG2 + 0.02))(ring(2000)),
    ),
    "accuracy_bounds, mixed ring of 2000": (10, lambda: middle(failure_modes.accuracy_bounds, *ring(2000, 0.5))),
    "cycles with margins of 1e12 nats": (1, lambda: offsets(1e12)),
}


def told(found):
    """What came out, in a few words."""
    if isinstance(found, failure_modes.Bounds):
        return f"between {found.lower:.4f} and {found.upper:.4f}"
    if isinstance(found, failure_modes.InvertedSet):
        return f"a share of {found.share:.4f}, {'proved' if found.proved else f'at most {found.most:.4f}'}"
    if isinstance(found, list) and hasattr(found[0], "residual"):
        return f"residuals up to {max(one.residual for one in found):.0e}"
    return f"residual {found.residual:.0e}" if hasattr(found, "residual") else "done"


if __name__ == "__main__":
    call = CASES[sys.argv[1]][1]()
    begun = process_time()
    answer = call()
    print(f"{process_time() - begun:.2f} s, {told(answer)}")
