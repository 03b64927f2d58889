"""Losses: the catalogue over a million pairs against bare numpy; solving against dpo.solve, scipy and Clarabel."""

import numpy as np
import pytest
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit

from tabular import Preferences, Problem, Status, dpo, losses
from tests.benchmarks.test_dpo_solve import random_votes, uniform
from tests.benchmarks.timing import median_of, processor, timed
from tests.tabular.losses import routes
from tests.tabular.losses.test_facts import USERS
from tests.tabular.losses.test_golden import GOLDEN, golden


def both_ways(rng, n, pairs):
    """Pairs on a ring and at random, each labelled both ways at the rates of a Bradley-Terry model."""
    strength, ring = rng.normal(size=n), np.arange(n)
    first = np.r_[ring, rng.integers(0, n, pairs - n)]
    second = np.r_[(ring + 1) % n, (first[n:] + rng.integers(1, n, pairs - n)) % n]
    share = expit(strength[first] - strength[second])
    ends = np.r_[first, second], np.r_[second, first]
    return Preferences(np.zeros(2 * pairs, int), *ends, np.r_[share, 1 - share])


def gradient_error(found, loss):
    """Distance to the optimum, in nats, of a fit close to it: one dense Newton step."""
    log_ref, labels, beta = found.problem.log_ref[0], found.preferences, found.problem.beta
    n, w, y, policy = len(log_ref), labels.winner, labels.loser, log_ref + found.log_ratio[0]
    share, pair = np.exp(labels.log_share), (policy[w], policy[y], log_ref[w], log_ref[y], beta)
    push, bend = (share * f(*pair)[0] for f in (loss.gradient, loss.curvature))
    gradient = np.bincount(w, push, n) - np.bincount(y, push, n)
    hessian = np.zeros((n, n))
    for a, b, sign in ((w, w, 1), (y, y, 1), (w, y, -1), (y, w, -1)):
        np.add.at(hessian, (a, b), sign * bend)
    step = np.linalg.solve(hessian + np.trace(hessian) / n**2, gradient)
    return float(np.abs(step - step.mean()).max())


LARGE = {
    "1000 responses, 40 votes each": lambda: (1000, random_votes(np.random.default_rng(0), 1000, 40_000)),
    "25000 responses, 10 votes each": lambda: (25_000, random_votes(np.random.default_rng(0), 25_000, 250_000)),
    "10^5 responses, 5 10^5 pairs both ways": lambda: (100_000, both_ways(np.random.default_rng(1), 100_000, 500_000)),
}


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize(("name", "eps"), [("cdpo", 0.1), ("rdpo", 1e-3)])
def test_cdpo_and_rdpo_against_dpo_solve(benchmark, size, name, eps):
    """One loss after the other, in the same loop, so that both meet the same machine."""
    n, votes = LARGE[size]()
    problem, loss = uniform(1, n), losses.get(name, eps=eps)
    rounds = 7 if n < 5000 else 3
    solution = benchmark.pedantic(losses.solve, (problem, votes, loss), rounds=rounds, warmup_rounds=1)
    _, peer = timed(dpo.solve, problem, votes, rounds=rounds)
    assert solution.status is Status.UNIQUE
    assert solution.residual < 1e-12
    print(f"\n{name}, {size}: {median_of(benchmark) / peer:.2f}x dpo.solve, residual {solution.residual:.0e}")


def test_ipo_against_one_sparse_solve(benchmark):
    """Scipy's conjugate gradients with Jacobi's preconditioner on the same normal equations, to the same accuracy."""
    n, m = 100_000, 1_000_000
    problem, votes, loss = uniform(1, n), random_votes(np.random.default_rng(0), n, m), losses.get("ipo")

    def peer():
        share, w, y = np.exp(votes.log_share), votes.winner, votes.loser
        ends = np.r_[w, y], np.r_[y, w]
        weight = coo_array((np.r_[share, share], ends), shape=(n, n)).tocsr()
        degree = weight.sum(axis=1)
        right = 0.5 * (np.bincount(w, share, n) - np.bincount(y, share, n))
        jacobi = LinearOperator((n, n), matvec=lambda v: v / degree)
        return cg(diags_array(degree) - weight, right, rtol=1e-13, M=jacobi)[0]

    solution = benchmark.pedantic(losses.solve, (problem, votes, loss), rounds=3, warmup_rounds=1)
    theirs, seconds = timed(peer, rounds=3)
    ours = solution.log_ratio[0]
    difference = np.abs(ours - ours.mean() - theirs + theirs.mean()).max()
    assert solution.residual < 1e-12
    assert difference < 1e-10
    print(
        f"\nipo, 10^5 responses, 10^6 comparisons: {median_of(benchmark) / seconds:.2f}x one scipy solve of its normal "
        f"equations; they differ by {difference:.0e}"
    )


DIFFERENCES = {name: losses.typical(name) for name in losses.names() if losses.typical(name).kind == "difference"}
#: Every convex loss of differences of the catalogue, and a user's own
THOUSAND = {
    "dpo": losses.get("dpo"),
    "cdpo": losses.get("cdpo", eps=0.1),
    "rdpo": losses.get("rdpo", eps=1e-4),
    "ipo": losses.get("ipo"),
    "hypo": losses.get("hypo"),
    "odpo": losses.get("odpo", offset=0.5),
    "ecpo": losses.get("ecpo", gamma=1e-4),
    "hinge": losses.get("hinge"),
    "slic": losses.get("slic", margin=1.0),
    **USERS,
}


@pytest.mark.parametrize("pairs", [2000, 5000, 10_000, 20_000])
def test_every_convex_loss_of_a_thousand_responses_against_clarabel(benchmark, pairs):
    """Seconds of the processor, ours and theirs in turn, so that no other process counts for either."""
    assert set(THOUSAND) == {name for name, loss in DIFFERENCES.items() if loss.convex} | set(USERS)
    rng, n = np.random.default_rng(3), 1000
    problem, votes = Problem.from_unnormalized(rng.normal(size=n), 1.0), both_ways(rng, n, pairs)
    benchmark.pedantic(losses.solve, (problem, votes, THOUSAND["dpo"]), rounds=3, warmup_rounds=1)
    ratios = {}
    for name, loss in THOUSAND.items():
        found, ours = processor(losses.solve, problem, votes, loss, rounds=15)
        (value, _), theirs = processor(routes.by_clarabel, problem, votes, loss, rounds=3 if pairs < 10_000 else 1)
        error = found.residual if name in ("hinge", "slic") else gradient_error(found, loss)
        assert error < 1e-10
        assert abs(value - found.infimum) < 1e-5
        ratios[name] = theirs / ours
        print(
            f"\n{name}, {2 * pairs} labels: {1e3 * ours:.1f} ms, {ratios[name]:.0f}x Clarabel, error {error:.0e}",
            end="",
        )
    least = min(ratios, key=ratios.get)
    print(
        f"\nall {len(ratios)} convex losses of differences, 1000 responses, {2 * pairs} labels: at least "
        f"{ratios[least]:.0f}x faster than cvxpy/Clarabel ({least})"
    )


BARE = {
    "dpo": lambda z, k, p: (np.logaddexp(0, -z), -k * expit(-z)),
    "cdpo": lambda z, k, p: (np.logaddexp(0, -z) + p["eps"] * z, k * (p["eps"] - expit(-z))),
    "ipo": lambda z, k, p: ((z / k - 0.5 / k) ** 2, 2 * (z / k - 0.5 / k)),
    "hinge": lambda z, k, p: (np.maximum(0, 1 - z), -k * (z < 1)),
}


def test_the_catalogue_over_a_million_pairs(benchmark):
    """All 31, value and derivatives, against as many evaluations of DPO's two lines of numpy."""
    rng = np.random.default_rng(0)
    columns, beta = -rng.exponential(3, (4, 1_000_000)), 0.1
    catalogue = [golden(name) for name in GOLDEN["losses"]]

    def ours():
        for loss in catalogue:
            loss(*columns, beta), loss.gradient(*columns, beta)

    def bare():
        for _ in catalogue:
            z = beta * (columns[0] - columns[2] - columns[1] + columns[3])
            value, push = np.logaddexp(0, -z), -beta * expit(-z)
        return value, push, -push

    benchmark.pedantic(ours, rounds=2, warmup_rounds=1)
    _, seconds = timed(bare, rounds=2)
    print(f"\n31 losses over 10^6 pairs, value and derivatives: {median_of(benchmark) / seconds:.2f}x bare numpy DPO")


@pytest.mark.parametrize("name", BARE)
def test_one_loss_over_a_million_pairs(benchmark, name):
    rng, loss = np.random.default_rng(0), golden(name)
    columns, beta = -rng.exponential(3, (4, 1_000_000)), 0.1

    def bare():
        z = beta * (columns[0] - columns[2] - columns[1] + columns[3])
        return BARE[name](z, beta, loss.params)

    def ours():
        return loss(*columns, beta), *loss.gradient(*columns, beta)

    value, push, _ = benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
    (their_value, their_push), seconds = timed(bare, rounds=5)
    np.testing.assert_allclose(value, their_value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(push, their_push, rtol=1e-12, atol=1e-14)
    print(f"\n{name} over 10^6 pairs, value and derivatives: {median_of(benchmark) / seconds:.2f}x bare numpy")
