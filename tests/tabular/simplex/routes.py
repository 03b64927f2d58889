"""Second routes for losses of the log-ratios: random labels, direct minimisation in logits, Clarabel."""

import cvxpy as cp
import numpy as np

from tabular import Preferences, Problem
from tabular.losses.forms import Pair
from tests import descents


def random_case(rng, n_responses=5, n_labels=6, log_weight_range=1.0, spread=1.0, unlabelled=False, beta=None):
    """One prompt; with ``unlabelled`` the last response has no label."""
    n = int(rng.integers(2, n_responses + 1)) + unlabelled
    log_ref = rng.normal(0, spread, n)
    problem = Problem.from_unnormalized(log_ref, float(10 ** rng.uniform(-1, 0.5)) if beta is None else beta)
    labels = int(rng.integers(1, n_labels + 1))
    winner = rng.integers(0, n - unlabelled, labels)
    loser = (winner + rng.integers(1, n - unlabelled, labels)) % (n - unlabelled)
    weight = rng.uniform(-log_weight_range, log_weight_range, labels)
    return problem, Preferences(np.zeros(labels, int), winner, loser, log_weight=weight)


def loss_at(problem, preferences, form, log_policy):
    """The weighted mean over the labels, from the definition."""
    return float(losses_at(problem, preferences, form, np.ravel(log_policy)))


def losses_at(problem, preferences, form, log_policies):
    """The same of each of many policies, one a row."""
    x, ref = log_policies, problem.log_ref[0]
    w, v = preferences.winner, preferences.loser
    share = np.exp(preferences.log_weight - np.logaddexp.reduce(preferences.log_weight))
    return form.value(Pair(x[..., w], x[..., v], ref[w], ref[v], problem.beta)) @ share


def lowest_in_logits(problem, preferences, form, rng, starts=6):
    """The lowest value that BFGS finds in logits from the reference and from random policies."""

    def value(logits):
        return losses_at(problem, preferences, form, logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))

    others = [rng.normal(0, 2, problem.n_responses) for _ in range(starts - 1)]
    return descents.lowest(value, [problem.log_ref[0] + away for away in (0, *others)])


def clarabel(problem, preferences, name, params=None):
    """The least value of a loss that is convex in r, over sum pi <= 1, by Clarabel; for NCA, BCO, SPPO, DPOP, SFT."""
    x, ref, beta = cp.Variable(problem.n_responses), problem.log_ref[0], problem.beta
    share = np.exp(preferences.log_weight - np.logaddexp.reduce(preferences.log_weight))
    r = x - ref
    r_w, r_l = r[preferences.winner], r[preferences.loser]
    cost = CONVEX[name](r_w, r_l, x[preferences.winner], beta, params or {})
    program = cp.Problem(cp.Minimize(share @ cost), [cp.log_sum_exp(x) <= 0])
    program.solve(solver=cp.CLARABEL)
    return program.value, x.value


def _sft(r_w, r_l, x_w, beta, p):
    return cp.logistic(-beta * (r_w - r_l)) - p["alpha"] * x_w


CONVEX = {
    "nca_pair": lambda r_w, r_l, x_w, b, p: cp.logistic(-b * r_w) + cp.logistic(b * r_w) / 2 + cp.logistic(b * r_l) / 2,
    "bco_pair": lambda r_w, r_l, x_w, b, p: cp.logistic(p["shift"] - b * r_w) + cp.logistic(b * r_l - p["shift"]),
    "sppo_hard": lambda r_w, r_l, x_w, b, p: cp.square(r_w - 0.5 / b) + cp.square(r_l + 0.5 / b),
    "dpo_sft": _sft,
    "dpop": lambda r_w, r_l, x_w, b, p: cp.logistic(-b * (r_w - r_l + p["lam"] * cp.minimum(r_w, 0))),
}
