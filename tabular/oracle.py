"""The same problems as convex models for a solver: an independent second route, slow and approximate.

cvxpy is imported inside the functions, so that nothing else needs it, and the solver is named in every call. A solver's
status is not an answer: it reports success on problems without a minimiser. Use the values only where existence is
known, and never take the logarithm of its probabilities.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from tabular import rlhf
from tabular.base.extras import library

__all__ = ["constrained_optimum", "dpo_minimum", "inversion_cost", "knapsack", "margin_loss", "worst_case_accuracy"]

# --- failure thresholds ----------------------------------------------------------------------------------------------


def inversion_cost(problem, preferences, pairs) -> tuple[float, np.ndarray]:
    r"""The least mean DPO loss with :math:`\delta_i\le 0` on the listed pairs, and the constraints' multipliers.

    Multipliers are per nat of delta, as in :class:`tabular.failures.thresholds.Thresholds`. Where the value is not
    attained the solver stops on the way to infinity; the value it reports is then above the infimum by its own
    tolerance.

    >>> from tabular import Preferences, Problem
    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> value, multiplier = inversion_cost(problem, Preferences.from_pairs([(0, 1)]), [0])
    >>> round(value, 6), multiplier.round(3).tolist()
    (0.223144, [0.2])
    """
    cp = library("cvxpy", "oracle", "to ask a solver")

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
    gain, cost = np.asarray(gain, dtype=float), np.asarray(cost, dtype=float)
    fine = 1e4 / gain.sum(), 1e4 / budget  # its tolerances are absolute, 1e-6: large numbers make them small
    found = milp(
        -fine[0] * gain,
        constraints=LinearConstraint(fine[1] * cost[None], -np.inf, 1e4),
        integrality=np.ones(len(gain)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    return float(gain @ np.round(found.x))


# --- the DPO loss ---------------------------------------------------------------------------------------------------


def dpo_minimum(problem, preferences) -> tuple[str, float, np.ndarray]:
    r"""The solver's status, least mean DPO loss and :math:`\log\pi/\pi_{\rm ref}` (each row up to a constant).

    Where no minimiser exists it says "optimal" all the same, of a point on its way to infinity.

    >>> from tabular import Preferences, Problem
    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=0.5)
    >>> status, value, log_ratio = dpo_minimum(problem, Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1)]))
    >>> status, round(value, 6), round(log_ratio[0, 0] - log_ratio[0, 1], 3)  # log 3 / 0.5
    ('optimal', 0.562335, np.float64(2.197))
    """
    cp = library("cvxpy", "oracle", "to ask a solver")

    preferences.check_against(problem)
    base = preferences.prompt * problem.n_responses
    s = cp.Variable(problem.n_prompts * problem.n_responses)
    margin = s[base + preferences.winner] - s[base + preferences.loser]
    model = cp.Problem(cp.Minimize(np.exp(preferences.log_share) @ cp.logistic(-margin)))
    model.solve(solver=cp.CLARABEL)
    return model.status, float(model.value), s.value.reshape(problem.log_ref.shape) / problem.beta


# --- CPO -------------------------------------------------------------------------------------------------------------


def constrained_optimum(problem, preferences, margin=0.0):
    r"""The hard constraint as one exponential-cone program in probability space: ``(probabilities, multipliers)``.

    Minimises :math:`\mathrm{KL}(\pi\|\pi^*)` subject to :math:`\pi_w\ge e^m\pi_l`; one prompt at a time. The
    multipliers are those of the constraints as written, divided into units of reward. ``None`` where the solver finds
    the constraints contradictory.

    >>> from tabular import Preferences, Problem
    >>> problem = Problem.from_probabilities([0.1, 0.4, 0.5], beta=1, reward=[0, 0, 0])
    >>> probabilities, _ = constrained_optimum(problem, Preferences.from_pairs([(0, 1)]))
    >>> (probabilities * 9).round(3).tolist()
    [[2.0, 2.0, 5.0]]
    """
    cp = library("cvxpy", "oracle", "to ask a solver")

    star = np.exp(rlhf.optimal_policy(problem))
    margin = np.broadcast_to(margin, preferences.n_pairs)
    rows, multipliers = np.zeros(star.shape), np.zeros(preferences.n_pairs)
    for prompt in range(problem.n_prompts):
        here = np.flatnonzero((preferences.prompt == prompt) & (preferences.weight > 0))
        pi = cp.Variable(problem.n_responses, nonneg=True)
        present = problem.present[prompt]
        rules = [pi[preferences.winner[i]] - np.exp(margin[i]) * pi[preferences.loser[i]] >= 0 for i in here]
        fixed = [cp.sum(pi) == 1] + ([pi[~present] == 0] if not present.all() else [])
        goal = cp.Minimize(cp.sum(cp.rel_entr(pi[present], star[prompt, present])))
        program = cp.Problem(goal, rules + fixed)
        program.solve(solver=cp.CLARABEL)
        if program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return None
        rows[prompt] = pi.value
        multipliers[here] = [problem.beta * float(rule.dual_value) for rule in rules]
    return rows, multipliers


def margin_loss(problem, preferences, psi) -> float:
    r"""The least weighted mean of :math:`\mathrm{sp}(-(s_w-s_l-\Psi))`, s being beta times the log-ratios."""
    cp = library("cvxpy", "oracle", "to ask a solver")

    s = cp.Variable(problem.log_ref.size)
    base = preferences.prompt * problem.n_responses
    gap = s[base + preferences.winner] - s[base + preferences.loser] - np.broadcast_to(psi, preferences.n_pairs)
    program = cp.Problem(cp.Minimize(np.exp(preferences.log_share) @ cp.logistic(-gap)), [cp.sum(s) == 0])
    program.solve(solver=cp.CLARABEL)
    return float(program.value)
