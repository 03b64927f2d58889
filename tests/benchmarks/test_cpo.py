"""The constrained optimum against the exponential-cone program of cvxpy with Clarabel, and at the largest sizes."""

import warnings
from statistics import median
from time import perf_counter

import cvxpy as cp
import numpy as np
from scipy.special import log_softmax

from tabular import Preferences, Problem, cpo, rlhf
from tabular.base.log_space import kl
from tabular.simplex.penalized import win_excess
from tests import maxima_one_by_one
from tests.benchmarks.timing import median_of, of_both, quartiles_in_turn, timed


def conic(problem, labels, rounds):
    """The cone program in vector form; each round writes it afresh, or cvxpy would keep its work from the last one."""
    star, seconds = np.exp(rlhf.optimal_policy(problem)[0]), []
    for _ in range(rounds):
        pi = cp.Variable(len(star))
        rules = [pi[labels.winner] >= pi[labels.loser], cp.sum(pi) == 1]
        program = cp.Problem(cp.Minimize(cp.sum(cp.kl_div(pi, star))), rules)
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it announces optimal_inaccurate
            program.solve(solver=cp.CLARABEL)
        seconds.append(perf_counter() - start)
    return pi.value, program.status, median(seconds)


def solved(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program.solve(solver=cp.CLARABEL)


def chain(n, rng):
    problem = Problem(log_softmax(rng.normal(size=n) * 2), 1.0, np.zeros(n))
    return problem, Preferences(np.zeros(n - 1, dtype=int), np.arange(n - 1), np.arange(1, n))


def partial_order(n, n_pairs, rng):
    problem = Problem(log_softmax(rng.normal(size=n) * 3), 1.0, np.zeros(n))
    order = rng.permutation(n)
    a, b = rng.integers(n, size=(2, 2 * n_pairs))
    pairs = np.unique(np.sort(np.stack([a, b])[:, a != b], axis=0), axis=1)
    pairs = order[pairs[:, rng.permutation(pairs.shape[1])[:n_pairs]]]
    return problem, Preferences(np.zeros(n_pairs, dtype=int), *pairs)


def report(name, ours, seconds, problem, labels, rounds=1):
    theirs, status, peer = conic(problem, labels, rounds)
    star = rlhf.optimal_policy(problem)
    shortfall = np.max(theirs[labels.loser] - theirs[labels.winner])
    feasible = np.maximum(theirs, 1e-300) / np.maximum(theirs, 1e-300).sum()
    above = kl(np.log(feasible[None]), star)[0] - ours.price[0]
    tail = np.max(np.abs(np.log(np.maximum(theirs, 1e-300)) - ours.log_policy[0]))
    residuals = ours.residuals
    print(
        f"\n{name}: {peer / seconds:.0f}x faster than Clarabel ({seconds * 1e3:.1f} ms, {peer * 1e3:.0f} ms)\n"
        f"  ours: gap {residuals.gap:.0e}, primal {residuals.primal:.0e}, stationarity {residuals.stationarity:.0e}\n"
        f"  Clarabel: {status}, KL {above:+.0e} from the optimum, constraints violated by {shortfall:.0e}, "
        f"largest error of a log-probability {tail:.0e}"
    )


def test_chain_of_500(benchmark):
    problem, labels = chain(500, np.random.default_rng(0))
    ours = benchmark.pedantic(cpo.constrained_optimum, (problem, labels), rounds=200, warmup_rounds=5)
    assert ours.residuals.gap < 1e-12
    report("chain of 500 responses", ours, median_of(benchmark), problem, labels, rounds=5)
    star = np.exp(rlhf.optimal_policy(problem)[0])

    def written():
        pi = cp.Variable(500)
        rules = [pi[labels.winner] >= pi[labels.loser], cp.sum(pi) == 1]
        return cp.Problem(cp.Minimize(cp.sum(cp.kl_div(pi, star))), rules)

    clocks = quartiles_in_turn(lambda: cpo.constrained_optimum(problem, labels), solved, written)
    print(f"\nchain of 500 responses, cvxpy with Clarabel over ours, {of_both(clocks)}")


def test_chain_of_a_million(benchmark):
    problem, labels = chain(10**6, np.random.default_rng(1))
    ours = benchmark.pedantic(cpo.constrained_optimum, (problem, labels), rounds=3, warmup_rounds=1)
    assert ours.residuals.primal == 0
    assert ours.residuals.gap < 1e-9
    print(
        f"\nchain of 10^6 responses: {median_of(benchmark):.2f} s; gap {ours.residuals.gap:.0e}, "
        f"stationarity {ours.residuals.stationarity:.0e} nats"
    )


def test_partial_order(benchmark):
    problem, labels = partial_order(1000, 5000, np.random.default_rng(0))
    ours = benchmark.pedantic(cpo.constrained_optimum, (problem, labels), rounds=5, warmup_rounds=1)
    assert ours.residuals.gap < 1e-11
    assert ours.residuals.primal < 1e-12
    report("partial order, 1000 responses, 5000 pairs", ours, median_of(benchmark), problem, labels)


def test_a_batch_of_small_problems(benchmark):
    rng = np.random.default_rng(2)
    n_problems = 100_000
    problem = Problem(log_softmax(rng.normal(size=(n_problems, 4)), axis=1), 0.5, rng.normal(size=(n_problems, 4)))
    pairs = np.sort(np.argsort(rng.random((n_problems, 3, 4)), axis=2)[..., :2], axis=2).reshape(-1, 2)
    labels = Preferences(np.repeat(np.arange(n_problems), 3), *pairs.T)
    margin = rng.normal(size=len(pairs)) / 2
    ours = benchmark.pedantic(cpo.constrained_optimum, (problem, labels, margin), rounds=3, warmup_rounds=1)
    assert ours.residuals.gap < 1e-12
    assert ours.residuals.primal < 1e-12
    seconds = median_of(benchmark) / n_problems
    few = Problem(problem.log_ref[:20], 0.5, problem.reward[:20])
    start = perf_counter()
    for row in range(20):
        star, here = np.exp(rlhf.optimal_policy(few)[row]), slice(3 * row, 3 * row + 3)
        pi = cp.Variable(4)
        rules = [pi[labels.winner[here]] >= cp.multiply(np.exp(margin[here]), pi[labels.loser[here]]), cp.sum(pi) == 1]
        cp.Problem(cp.Minimize(cp.sum(cp.kl_div(pi, star))), rules).solve(solver=cp.CLARABEL)
    peer = (perf_counter() - start) / 20
    worst = np.abs(pi.value - np.exp(ours.log_policy[19])).max()
    print(
        f"\n10^5 problems of 4 responses and 3 pairs: {seconds * 1e6:.1f} us each, {peer / seconds:.0f}x faster than "
        f"Clarabel; gap {ours.residuals.gap:.0e}, they differ by {worst:.0e}"
    )


def test_local_maxima_of_a_thousand_penalised_prompts(benchmark):
    """Four responses each, from far below the fold to beyond it; the peer is a curve at a time, on every fortieth."""
    rng = np.random.default_rng(2)
    problem = Problem(log_softmax(rng.normal(size=(1000, 4)) * 2, axis=1), 1.0, np.zeros((1000, 4)))
    prompt, winner = np.repeat(np.arange(1000), 3), rng.integers(0, 4, 3000)
    labels = Preferences(prompt, winner, (winner + rng.integers(1, 4, 3000)) % 4)
    found = benchmark.pedantic(cpo.penalized_optimum, (problem, labels, 0.05), rounds=3, warmup_rounds=1)
    assert found.certified.all()
    star, excess = rlhf.optimal_policy(problem)[::40], 0.05 * win_excess(problem, labels)[::40]
    pulled = excess.any(axis=1)
    peer, seconds = timed(
        lambda: [maxima_one_by_one.local_maxima(*case) for case in zip(star[pulled], excess[pulled], strict=True)],
        rounds=1,
    )
    assert [len(maxima) for maxima in peer] == found.n_local[::40][pulled].tolist()
    ours, theirs = median_of(benchmark) / 1000, seconds / pulled.sum()
    print(f"\nall local maxima: {ours * 1e3:.2f} ms a prompt together, {theirs / ours:.0f}x faster than one by one")
