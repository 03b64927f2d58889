"""Losses of the log-ratios themselves, many prompts as one batch, against a loop of cvxpy with Clarabel."""

import cvxpy as cp
import numpy as np
import pytest

from tabular import Preferences, Problem, losses
from tests.benchmarks.timing import median_of, timed
from tests.tabular.simplex.routes import CONVEX

PROMPTS, RESPONSES, LABELS, SAMPLE = 10_000, 6, 6, 40


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nca_pair", {}),
        ("sppo_hard", {}),
        ("bco_pair", {"shift": 0.3}),
        ("dpo_sft", {"alpha": 0.1}),
        ("dpop", {"lam": 5.0}),
    ],
)
def test_many_prompts_against_cvxpy(benchmark, name, params):
    """10^4 prompts x 6 responses, one of them unlabelled, 6 labels; the loop is timed on 40 of them and scaled up."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=(PROMPTS, RESPONSES)), 0.5)
    winner = rng.integers(0, RESPONSES - 1, (PROMPTS, LABELS))
    loser = (winner + rng.integers(1, RESPONSES - 1, (PROMPTS, LABELS))) % (RESPONSES - 1)
    weight = rng.uniform(0.2, 2, (PROMPTS, LABELS))
    labels = Preferences(np.repeat(np.arange(PROMPTS), LABELS), winner.ravel(), loser.ravel(), weight.ravel())
    loss = losses.get(name, **params)
    found = benchmark.pedantic(losses.solve, (problem, labels, loss), rounds=3, warmup_rounds=1)
    assert found.residual < 1e-11

    def loop():
        return [_clarabel(problem.log_ref[p], 0.5, winner[p], loser[p], weight[p], name, params) for p in range(SAMPLE)]

    values, seconds = timed(loop, rounds=1)
    share = weight / weight.sum(axis=1, keepdims=True)
    x, ref = found.log_policy[:SAMPLE], problem.log_ref[:SAMPLE]
    rows = np.arange(SAMPLE)[:, None]
    ends = (winner[:SAMPLE], loser[:SAMPLE])
    with np.errstate(invalid="ignore"):
        cost = loss.form.value(_pair(x, ref, rows, ends, problem.beta))
    ours = np.where(np.isnan(cost), 0.0, share[:SAMPLE] * cost).sum(axis=1)  # nan: both vanish, 0 in the limit
    mean = median_of(benchmark)
    print(
        f"\n{name}, 10^4 prompts x 6 responses: {mean:.2f} s as one batch, "
        f"{seconds * PROMPTS / SAMPLE / mean:.0f}x faster than a cvxpy/Clarabel loop; "
        f"residual {found.residual:.0e}, Clarabel is above by {np.max(values - ours):.0e} at most, "
        f"below by {np.max(ours - values):.0e}"
    )


def _pair(x, ref, rows, ends, beta):
    from tabular.losses.forms import Pair

    w, v = ends
    return Pair(x[rows, w], x[rows, v], ref[rows, w], ref[rows, v], beta)


def _clarabel(log_ref, beta, winner, loser, weight, name, params):
    x = cp.Variable(len(log_ref))
    r = x - log_ref
    cost = CONVEX[name](r[winner], r[loser], x[winner], beta, params)
    program = cp.Problem(cp.Minimize((weight / weight.sum()) @ cost), [cp.log_sum_exp(x) <= 0])
    program.solve(solver=cp.CLARABEL)
    return program.value
