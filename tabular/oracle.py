"""The same problems as convex models for a solver: an independent second route, slow and approximate.

cvxpy is imported inside the functions, so that nothing else needs it, and the solver is named in every call. A solver's
status is not an answer: it reports success on problems without a minimiser. Use the values only where existence is
known, and never take the logarithm of its probabilities.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

# --- failure thresholds (THEORY: failure modes) ---------------------------------------------------------------------


def inversion_cost(problem, preferences, pairs) -> tuple[float, np.ndarray]:
    r"""The least mean DPO loss with :math:`\delta_i\le 0` on the listed pairs, and the constraints' multipliers.

    Multipliers are per nat of delta, as in :class:`tabular.thresholds.Thresholds`. Where the value is not attained the
    solver stops on the way to infinity; the value it reports is then above the infimum by its own tolerance.

    >>> from tabular import Preferences, Problem
    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> value, multiplier = inversion_cost(problem, Preferences.from_pairs([(0, 1)]), [0])
    >>> round(value, 6), multiplier.round(3).tolist()
    (0.223144, [0.2])
    """
    import cvxpy as cp

    preferences.check_against(problem)
    pairs = np.asarray(pairs)
    base = preferences.prompt * problem.n_responses
    winner, loser = base + preferences.winner, base + preferences.loser
    s = cp.Variable(problem.n_prompts * problem.n_responses)
    loss = np.exp(preferences.log_share) @ cp.logistic(-(s[winner] - s[loser]))
    bound = -problem.beta * preferences.delta(problem.log_ref)[pairs]
    held = [s[winner[pairs]] - s[loser[pairs]] <= bound] if len(pairs) else []
    model = cp.Problem(cp.Minimize(loss), held)
    model.solve(solver=cp.CLARABEL)
    return float(model.value), problem.beta * np.ravel(held[0].dual_value) if held else np.zeros(0)


def worst_case_accuracy(problem, preferences, loss_level) -> float:
    """The same as :func:`tabular.failure_modes.worst_case_accuracy` by trying every set of labels: a handful of labels.

    >>> from tabular import Preferences, Problem
    >>> problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    >>> worst_case_accuracy(problem, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)]), 0.2)
    0.5
    """
    share = np.exp(preferences.log_share)
    counted = np.flatnonzero(share > 0)
    least = 1.0
    for size in range(len(counted) + 1):
        for inverted in combinations(counted, size):
            left = 1 - share[list(inverted)].sum()
            if left < least - 1e-12 and inversion_cost(problem, preferences, list(inverted))[0] <= loss_level:
                least = left
    return float(max(least, 0.0))


def knapsack(cost, gain, budget) -> float:
    """The most gain within a budget, items whole, one of each: HiGHS branch and cut with no gap allowed.

    >>> knapsack(np.array([6.0, 5.0, 5.0]), np.array([9.0, 7.0, 7.0]), 10.0)
    14.0
    """
    found = milp(
        -np.asarray(gain, dtype=float),
        constraints=LinearConstraint(np.atleast_2d(cost), -np.inf, budget),
        integrality=np.ones(len(gain)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    return float(np.asarray(gain) @ np.round(found.x))
