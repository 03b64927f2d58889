r"""RLHF under limits on expected costs, and under the worst of several rewards: convex programs in a few multipliers.

.. math:: \max_\pi\ \mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})\quad\text{subject to}\quad
   \mathbb E_\pi[c_k]\le b_k.

**Dual.** :math:`D(\lambda)=\beta\log\sum\pi_{\rm ref}e^{(r-\lambda\cdot c)/\beta}+\lambda\cdot b` over
:math:`\lambda\ge 0` is convex, with :math:`D'=b-\mathbb E_\lambda[c]` and
:math:`D''=\mathrm{Cov}_\lambda(c)/\beta`, of trace at most the sum of :math:`\mathrm{span}(c_k)^2/4\beta`. The optimum
is RLHF with the reward :math:`r-\lambda^*\cdot c`, without a gap.

**What exists** is decided first, in exact arithmetic, by which responses a feasible policy can play
(:mod:`tabular.base.cones`). All of them: the optimum has full support, and as the constraints are linear a multiplier
exists. Only some: every feasible policy lives on those, where the same holds; the limit on the others is approached
by multipliers that grow without end. None: INFEASIBLE, with a :math:`\lambda\ge 0` for which every response has
:math:`\lambda\cdot(c-b)>0`.

**Several rewards** (pessimism over an ensemble). :math:`\max_\pi\min_k\mathbb E_\pi[r_k]-\beta\mathrm{KL}` is, by the
minimax theorem, the least of :math:`V(\sum w_kr_k)` over mixtures w, and its optimum RLHF with that mixed reward. Over
a box of rewards the worst is the lower corner for every policy, so the optimum is RLHF with it.
"""

import numpy as np
from scipy.optimize import minimize

from tabular.base import checks, cones, nonnegative, roots
from tabular.base.log_space import kl, log_sum_exp, normalised
from tabular.base.record import Record
from tabular.base.stops import Stalls
from tabular.errors import InputError
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["ConstrainedOptimum", "RobustOptimum", "optimum", "robust_box", "robust_ensemble", "shared_limit"]

_FLAT = 1e-12  # of a curvature, costs being scaled to 1
_PATIENCE = 5  # steps in a row that bring neither the value nor its conditions to a new least: rounding rules
_SETTLED = 1e-9  # below this, conditions that no longer halve are met as well as the arithmetic can


class ConstrainedOptimum(Record):
    r"""The constrained optimum of one prompt, or the proof that there is none.

    Attributes:
        status: UNIQUE or INFEASIBLE.
        log_policy: ``(n_responses,)``, or None.
        multiplier: ``(n_costs,)``, in units of reward per unit of cost; one of those that attain the dual on the
            responses that can be played.
        playable: ``(n_responses,)`` mask: the responses that a feasible policy can play. Where it leaves one out, the
            multiplier belongs to the problem without that, and the dual of the whole is not attained.
        certificate: ``(n_costs,)`` non-negative weights under which every response that is left out costs more than the
            limits allow, and no other less; all 0 where nothing is left out. None is kept in fractions.
        cost: ``(n_costs,)`` expected costs.
        value: what is attained, in units of reward.
        gap: the dual value at the multiplier less the value.
    """

    status: Status
    log_policy: np.ndarray | None
    multiplier: np.ndarray | None
    playable: np.ndarray
    certificate: np.ndarray
    cost: np.ndarray | None
    value: float | None
    gap: float | None


class RobustOptimum(Record):
    """The best policy against the worst of several rewards, for one prompt.

    Attributes:
        log_policy: ``(n_responses,)``, RLHF with the mixed reward.
        weights: ``(n_rewards,)``, a worst mixture; 0 on rewards that are not the worst.
        value: what is attained.
        gap: the mixture's value less that, at least 0 up to rounding.
    """

    status: Status
    log_policy: np.ndarray
    weights: np.ndarray
    value: float
    gap: float


def optimum(problem: Problem, cost, limit) -> ConstrainedOptimum:
    r"""RLHF with :math:`\mathbb E_\pi[c_k]\le b_k`, for one prompt.

    Args:
        problem: one prompt, with a reward.
        cost: ``(n_costs, n_responses)`` or ``(n_responses,)``, finite.
        limit: ``(n_costs,)`` or one number.

    Raises:
        InputError: more than one prompt, no reward, or costs that do not fit.

    >>> problem = Problem.from_probabilities([0.2, 0.5, 0.3], beta=1, reward=[2.0, 1.0, 0.0])
    >>> found = optimum(problem, [1.0, 0.5, 0.0], 0.4)
    >>> found.status, found.multiplier.round(10).tolist(), np.exp(found.log_policy).round(10).tolist()
    (<Status.UNIQUE: 'unique'>, [2.4137099763], [0.1576506721, 0.4846986557, 0.3576506721])
    >>> optimum(problem, [1.0, 0.5, 0.0], -0.1).status
    <Status.INFEASIBLE: 'infeasible'>
    """
    reward, log_ref, excess = _validated(problem, cost, limit)
    there = problem.present[0]
    found = cones.largest_support(_exact_excess(cost, limit)[:, there])
    playable = np.zeros(len(there), dtype=bool)
    playable[there] = found.members
    scale = max(found.witness, default=1) or 1
    certificate = np.array([float(x / scale) for x in found.witness])
    if not playable.any():
        return ConstrainedOptimum(Status.INFEASIBLE, None, None, playable, certificate, None, None, None)
    table = excess[:, playable]
    log_star = normalised(log_ref[playable] + reward[playable] / problem.beta)
    price = _orthant(log_star, table)
    inner = normalised(log_star - price @ table)
    log_policy = np.full(len(there), -np.inf)
    log_policy[playable] = inner
    divergence = kl(log_policy[None], log_ref[None])[0]
    value = np.exp(inner) @ reward[playable] - problem.beta * divergence
    tilted = reward[playable] - problem.beta * price @ table
    top = tilted.max()
    dual = top + problem.beta * log_sum_exp(log_ref[playable] + (tilted - top) / problem.beta)
    costs = np.atleast_2d(checks.numbers(cost, "cost"))[:, playable] @ np.exp(inner)
    return ConstrainedOptimum(
        Status.UNIQUE, log_policy, problem.beta * price, playable, certificate, costs, float(value), float(dual - value)
    )


def robust_box(problem: Problem, lower) -> np.ndarray:
    r"""``(n_prompts, n_responses)`` log-policy: the best against the worst reward with :math:`r\ge\mathtt{lower}`.

    For every policy the worst is ``lower`` itself, whatever the upper end of the box.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1, reward=[1.0, 0.0])
    >>> np.exp(robust_box(problem, [0.0, np.log(3)])).round(6).tolist()
    [[0.25, 0.75]]
    """
    from tabular import rlhf

    return rlhf.optimal_policy(Problem(problem.log_ref, problem.beta, lower, problem.prompt_weights))


def robust_ensemble(problem: Problem, rewards) -> RobustOptimum:
    r"""The best policy against the worst of an ensemble: :math:`\max_\pi\min_k\mathbb E_\pi[r_k]-\beta\mathrm{KL}`.

    Args:
        problem: one prompt; its own reward, if any, plays no part.
        rewards: ``(n_rewards, n_responses)``, finite.

    Raises:
        InputError: more than one prompt, or rewards that do not fit.

    >>> problem = Problem.from_probabilities([0.5, 0.3, 0.2], beta=0.2)
    >>> found = robust_ensemble(problem, [[1.0, 0.0, 0.4], [0.0, 1.0, 0.4]])
    >>> found.weights.round(10).tolist(), round(found.value, 10)
    ([0.4489174376, 0.5510825624], 0.4780153295)
    """
    rewards = np.atleast_2d(checks.numbers(rewards, "rewards"))
    if problem.n_prompts != 1 or rewards.ndim != 2 or rewards.shape[1] != problem.n_responses:
        raise InputError(
            f"rewards has shape {rewards.shape} for {problem.n_prompts} prompts of {problem.n_responses} responses: "
            "give one row of the responses of one prompt for each reward"
        )
    checks.refuse(~np.isfinite(rewards), rewards, "rewards", "a reward must be finite")
    there = problem.present[0]
    log_ref, table = problem.log_ref[0, there], rewards[:, there]
    weights = _mixture(log_ref, table / problem.beta)
    inner = normalised(log_ref + weights @ table / problem.beta)
    log_policy = np.full(len(there), -np.inf)
    log_policy[there] = inner
    worst = (table @ np.exp(inner)).min()
    cost = problem.beta * kl(inner[None], log_ref[None])[0]
    gap = weights @ (table @ np.exp(inner)) - worst
    return RobustOptimum(Status.UNIQUE, log_policy, weights, float(worst - cost), float(gap))


def _validated(problem, cost, limit):
    """The reward, the reference, and what each response costs above the limits."""
    reward = problem.require_reward()
    cost = np.atleast_2d(checks.numbers(cost, "cost"))
    limit = np.atleast_1d(checks.numbers(limit, "limit"))
    if problem.n_prompts != 1:
        raise InputError(f"the problem has {problem.n_prompts} prompts: solve one at a time, or use shared_limit")
    if cost.ndim != 2 or cost.shape[1] != problem.n_responses or limit.shape != (len(cost),):
        raise InputError(
            f"cost has shape {cost.shape} and limit {limit.shape} for {problem.n_responses} responses: "
            "give one cost for each response, and one limit for each row of costs"
        )
    checks.refuse(~np.isfinite(cost), cost, "cost", "a cost must be finite")
    checks.refuse(~np.isfinite(limit), limit, "limit", "a limit must be finite; leave a cost out to drop it")
    return reward[0], problem.log_ref[0], cost - limit[:, None]


def _exact_excess(cost, limit):
    """The same in fractions: whether a limit can be met is no matter of rounding."""
    return cones.exact(np.atleast_2d(cost)) - cones.exact(np.atleast_2d(limit)).T


def shared_limit(problem: Problem, cost, limit) -> tuple[np.ndarray, float]:
    r"""One cost, limited on average over the prompts: ``(log_policy (n_prompts, n_responses), multiplier)``.

    One multiplier serves all prompts, so the optimum depends on their weights, as RLHF's does not. The mean cost falls
    as the multiplier grows.

    Raises:
        InputError: costs that do not fit, or a limit that is not above the least mean cost.

    >>> problem = Problem.from_probabilities([[0.5, 0.5]] * 2, beta=1, reward=[[1, 0], [3, 0]])
    >>> policy, multiplier = shared_limit(problem, [[1, 0], [1, 0]], 0.5)
    >>> round(multiplier, 10), np.exp(policy[:, 0]).round(10).tolist()
    (2.0, [0.2689414214, 0.7310585786])
    """
    reward, there, weights = problem.require_reward(), problem.present, problem.prompt_weights
    cost, limit = checks.numbers(cost, "cost"), checks.number(limit, "limit", checks.FINITE)
    if cost.shape != reward.shape:
        raise InputError(f"cost has shape {cost.shape}, the reward {reward.shape}: give one cost for each response")
    checks.refuse(there & ~np.isfinite(cost), cost, "cost", "a cost must be finite")
    cost = np.where(there, cost, 0.0)
    least = weights @ np.where(there, cost, np.inf).min(axis=1)
    if limit <= least:
        raise InputError(f"limit is {limit:g}: a multiplier exists above {least:g} only, the least mean cost")

    def policy(price):
        return normalised(np.where(there, problem.log_ref + (reward - price * cost) / problem.beta, -np.inf))

    def excess(price, _):
        chance = np.exp(policy(price[0]))
        mean = (chance * cost).sum(axis=1)
        spread = (chance * (cost - mean[:, None]) ** 2).sum(axis=1)
        return np.array([weights @ mean - limit]), np.array([-(weights @ spread) / problem.beta])

    if excess(np.zeros(1), None)[0][0] <= 0:
        return policy(0.0), 0.0
    high = problem.beta
    while excess(np.array([high]), None)[0][0] > 0:
        high *= 2
    price = float(roots.decreasing(excess, np.zeros(1), np.array([high]))[0])
    return policy(price), price


def _orthant(log_star, table):
    r"""The least of :math:`\log\sum\pi^*e^{-x\cdot\mathtt{table}}` over :math:`x\ge 0`, which is attained.

    Newton's quadratic model over the orthant is a non-negative least-squares problem, solved exactly by its active set;
    along the step the least value is found to the last digit. Costs are scaled to 1.
    """
    span = np.maximum(np.abs(table).max(axis=1), 1e-300)
    table = table / span[:, None]
    x, miss, stalls = np.zeros(len(table)), np.inf, Stalls(1, _PATIENCE)
    while True:
        value, gradient, hessian = _log_sum(log_star, table, x)
        before, miss = miss, np.abs(x - np.maximum(x - gradient, 0)).max()  # 0 exactly at the optimum
        if miss == 0 or (miss < _SETTLED and miss >= before / 2) or stalls.after(value, miss)[0]:
            return x / span
        free = (x > 0) | (gradient < 0)  # where the model is flat the slopes of others would drown the rest
        step = np.zeros(len(x))
        step[free] = _quadratic(gradient[free], hessian[np.ix_(free, free)], x[free]) - x[free]
        if not gradient @ step < 0:
            return x / span
        x = np.maximum(x + _length(log_star, table, x, step) * step, 0.0)


def _length(log_star, table, x, step):
    """How much of a step to take, at most all of it: where the slope along it, which rises, is 0 or rounding."""

    def slope(t, _):
        _, gradient, hessian = _log_sum(log_star, table, x + t[0] * step)
        return np.array([-gradient @ step]), np.array([-step @ hessian @ step])

    noise = 8 * np.finfo(float).eps * np.abs(step).sum()  # costs are at most 1
    if slope(np.ones(1), None)[0][0] >= -noise:
        return 1.0
    return roots.decreasing(slope, np.zeros(1), np.ones(1), noise)[0]


def _log_sum(log_star, table, x):
    logits = log_star - x @ table
    top = logits.max()
    weight = np.exp(logits - top)
    total = weight.sum()
    chance = weight / total
    mean = table @ chance
    centred = table - mean[:, None]
    return top + np.log(total), -mean, (centred * chance) @ centred.T


def _quadratic(gradient, hessian, x):
    """The least of the quadratic model at x over the non-negative orthant; downhill where the model is flat."""
    size, vectors = np.linalg.eigh(hessian)
    if size.max() < _FLAT:
        return np.maximum(x - gradient / _FLAT, 0.0)
    root = np.sqrt(np.maximum(size, 1e-14 * size.max()))
    target = root * (vectors.T @ x) - (vectors.T @ gradient) / root
    return nonnegative.nearest(root[:, None] * vectors.T, target)[0]


def _mixture(log_ref, table):
    """The mixture w whose reward has the least log-partition sum: a convex program on a simplex of few corners."""
    count = len(table)
    table = table - table.max()
    if count == 1:
        return np.ones(1)

    def value(w):
        logits = log_ref + w @ table
        top = logits.max()
        weight = np.exp(logits - top)
        return top + np.log(weight.sum()), table @ (weight / weight.sum())

    scale = max(np.ptp(table), 1.0)
    start = minimize(
        lambda w: value(w)[0] / scale,
        np.full(count, 1 / count),
        jac=lambda w: value(w)[1] / scale,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(count)},
        options={"ftol": 1e-15, "maxiter": 500},  # a start, and no more
    )
    return _polished(log_ref, table, np.maximum(start.x, 0) / np.maximum(start.x, 0).sum())


def _polished(log_ref, table, w):
    """Newton on the rewards in play, those that the start gives weight or that are as bad as the worst."""
    chance = np.exp(normalised(log_ref + w @ table))
    mean = table @ chance
    active = (w > 1e-9) | (mean <= mean.min() + 1e-9 * (1 + np.abs(mean).max()))
    best, best_gap = w, w @ mean - mean.min()
    while True:  # the gap of the best falls from float to float
        chance = np.exp(normalised(log_ref + w @ table))
        mean = table @ chance
        centred = table[active] - mean[active][:, None]
        hessian = (centred * chance) @ centred.T
        size = active.sum()
        system = np.block([[hessian, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
        step = np.linalg.lstsq(system, np.r_[-mean[active], 0.0], rcond=1e-13)[0][:size]
        room = np.where(step < 0, -w[active] / np.where(step < 0, step, 1.0), np.inf).min()
        w = w.copy()
        w[active] = np.maximum(w[active] + min(1.0, room) * step, 0.0)
        w /= w.sum()
        if room < 1:
            active = active & (w > 0)
        mean = table @ np.exp(normalised(log_ref + w @ table))
        gap = w @ mean - mean.min()
        if not gap < best_gap:
            return best
        best, best_gap = w, gap
