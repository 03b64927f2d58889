"""Every public function on at most 20 responses and 80 labels of every kind: the slowest call of each."""

import os
from contextlib import suppress
from time import process_time

import numpy as np

from tabular import (
    InputError,
    Preferences,
    Problem,
    cpo,
    dpo,
    failure_modes,
    finite_samples,
    flow,
    guarantees,
    log_linear,
    losses,
    rlhf,
)
from tabular.choice import (
    best_of_n,
    games,
    matrix,
    nash,
    plackett_luce,
    rankings,
    rules,
    self_play,
    transitivity,
    votes,
)

KINDS = (
    *("aligned", "misaligned", "extreme", "one way", "cyclic", "population", "even", "disconnected"),
    *("weights of e^10", "weights of e^40", "offsets of 30 to 60 nats", "margins of 1e3 nats", "margins of 1e5 nats"),
)
SEEDS = 2 * len(KINDS)
ENOUGH = 0.3  # seconds that a call may take


def small(seed):
    """The kind, a problem with a reward, its labels and fixed margins."""
    rng, kind = np.random.default_rng(seed), KINDS[seed % len(KINDS)]
    n, k = (20, 80) if seed % 5 == 0 else (int(rng.integers(2, 21)), int(rng.integers(2, 81)))
    beta, reward, scale = rng.choice([0.1, 1.0, 10.0]), rng.normal(size=n), rng.choice([0.0, 1.0, 5.0])
    if kind == "extreme":
        reward, scale = 100 * reward, 1e3
    if kind.startswith("offsets"):
        scale = rng.uniform(30, 60)
    level = {"aligned": 3 * reward, "misaligned": -3 * reward}.get(kind, scale * rng.normal(size=n))
    problem = Problem.from_unnormalized(level, beta, reward)
    if kind == "population":
        pairs = [tuple(rng.choice(n, 2, replace=False)) for _ in range(k // 2 + 1)]
        labels = Preferences.from_bradley_terry(problem, pairs)
    else:
        ends = _ends(kind, rng, n, k)
        spread = float(kind.removeprefix("weights of e^")) if kind.startswith("weights") else 0.0
        labels = Preferences(0 * ends[0], *ends, np.exp(rng.uniform(-spread, spread, len(ends[0]))))
    margins = {"margins of 1e3 nats": 1e3, "margins of 1e5 nats": 1e5}.get(kind, rng.choice([1.0, 30.0, 100.0]))
    return kind, problem, labels, margins * rng.normal(size=labels.n_pairs)


def _ends(kind, rng, n, k):
    if kind == "cyclic":
        return np.arange(k) % n, (np.arange(k) + 1) % n
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    if kind == "one way":
        return np.minimum(winner, loser), np.maximum(winner, loser)
    if kind == "disconnected":
        winner, loser = winner // 3 * 3, np.minimum(winner // 3 * 3 + 1 + loser % 2, n - 1)
        kept = winner != loser
        return (winner[kept], loser[kept]) if kept.any() else (np.array([0]), np.array([1]))
    return winner, loser


def calls(problem, labels, margins):
    """The public functions on one problem and its labels, each with its name."""
    least = dpo.solve(problem, labels).infimum
    features = np.random.default_rng(0).normal(size=(1, problem.n_responses, 3))
    half, even = max((least + np.log(2)) / 2, least), max(float(np.log(2)), least)
    return {
        "dpo.solve": lambda: dpo.solve(problem, labels),
        "dpo.solve, fixed margins": lambda: dpo.solve(problem, labels, margins),
        "dpo.gradient": lambda: dpo.gradient(problem.log_ref, problem, labels),
        "thresholds": lambda: failure_modes.thresholds(problem, labels),
        "find": lambda: failure_modes.find(problem, labels),
        "deepest at log 2": lambda: failure_modes.deepest(problem, labels, even),
        "deepest half way": lambda: failure_modes.deepest(problem, labels, half),
        "deepest at 1e3": lambda: failure_modes.deepest(problem, labels, 1e3),
        "deepest at 1e5": lambda: failure_modes.deepest(problem, labels, 1e5),
        "accuracy_bounds": lambda: failure_modes.accuracy_bounds(problem, labels, half),
        "worst_case_accuracy": lambda: failure_modes.worst_case_accuracy(problem, labels, half),
        "largest_inverted_set": lambda: failure_modes.largest_inverted_set(problem, labels, half),
        "reference_margin_solve": lambda: cpo.reference_margin_solve(problem, labels, 1e-3),
        "constrained_optimum": lambda: cpo.constrained_optimum(problem, labels),
        "constrained_optimum, margins": lambda: cpo.constrained_optimum(problem, labels, margins),
        "penalized_optimum": lambda: cpo.penalized_optimum(problem, labels, 0.1),
        "guarantees.table": lambda: guarantees.table(problem, labels, 0.1),
        "gamma_window": lambda: cpo.gamma_window(problem, labels),
        "triangle_defect": lambda: cpo.triangle_defect(problem, labels, 0.1),
        "solve_thresholds": lambda: failure_modes.solve_thresholds(problem, labels),
        "joint_threshold": lambda: failure_modes.joint_threshold(problem, labels, [0]),
        "joint_threshold, five": lambda: failure_modes.joint_threshold(problem, labels, np.arange(labels.n_pairs)[:5]),
        "inverted_sets": lambda: failure_modes.inverted_sets(problem, labels, half),
        "loss_frontier, hinge": lambda: failure_modes.loss_frontier(problem, labels, losses.get("hinge")),
        "separable_frontier": lambda: failure_modes.separable_frontier(labels.delta(problem.log_ref), problem.beta),
        "log_linear.two_stage": lambda: log_linear.two_stage(problem, labels, features),
        "log_linear.local_maxima": lambda: log_linear.local_maxima(problem, features[0, :, 0]),
        "log_linear.dpo": lambda: log_linear.dpo(problem, labels, features),
        "log_linear.ipo": lambda: log_linear.ipo(problem, labels, features),
        "log_linear.rlhf": lambda: log_linear.rlhf(problem, features),
        "self_consistent, kto": lambda: losses.self_consistent(problem, labels, losses.get("kto")),
        "self_consistent, bco": lambda: losses.self_consistent(problem, labels, losses.typical("bco_pair")),
        "rlhf.optimal_policy": lambda: rlhf.optimal_policy(problem),
        **of_losses(problem, labels),
        **of_solutions(problem, labels),
        **of_flows(problem, labels),
        **of_choices(problem, labels),
    }


def of_losses(problem, labels):
    """What solves each loss of the catalogue, and what goes by any of them."""

    def call(function, loss):
        return lambda: function(problem, labels, loss)

    functions = {
        "losses.solve": losses.solve,
        "movement": failure_modes.movement,
        "solve_loss_thresholds": failure_modes.solve_loss_thresholds,
        "find": failure_modes.find,
        "losses.gradient": lambda *case: losses.gradient(problem.log_ref, *case),
    }
    return {
        f"{called}, {name}": call(function, losses.typical(name))
        for called, function in functions.items()
        for name in losses.names()
    }


def of_solutions(problem, labels):
    """What is read off a solution, which is solved anew for each."""
    solve = dpo.solve
    return {
        "closest_to_reference": lambda: solve(problem, labels).closest_to_reference(),
        "limit_vertices": lambda: solve(problem, labels).limit_vertices,
        "limit of the flow": lambda: solve(problem, labels).log_policy,
        "verdicts": lambda: solve(problem, labels).verdicts(),
        "samples of solutions": lambda: solve(problem, labels).sample(np.random.default_rng(0), 100),
    }


def of_flows(problem, labels):
    """Flows at the times of a plot and long after their end, of stiff labels too."""

    def call(times, beta, loss=None):
        return lambda: flow.trajectory(Problem(problem.log_ref, beta), labels, loss, times=times)

    early, late = [0.0, 1.0, 100.0], [0.0, 1.0, 1e8]
    return {
        "trajectory": call(early, problem.beta),
        **{f"trajectory, beta {beta:g}, late": call(late, beta) for beta in (1e-4, 1.0, 1e2, 1e4)},
        **{f"trajectory, {name}": call(early, problem.beta, losses.typical(name)) for name in losses.names()},
    }


def of_choices(problem, labels):
    """Games, votes and rankings of as many responses: drawn ones and those of the labels' wins."""
    n, rng, log_ref = problem.n_responses, np.random.default_rng(1), problem.log_ref[0]
    upper, wins = np.triu(rng.random((n, n)), 1), votes.wins_of(problem, labels)[0]
    drawn, won = upper + np.tril(1 - upper.T, -1) + np.eye(n) / 2, matrix.from_wins(wins)
    of_game = {
        **{
            f"nash.regularised, {tau:g}": lambda p, tau=tau: nash.regularised(p, tau, log_ref)
            for tau in (1, 1e-3, 1e-6)
        },
        "nash.limit": lambda p: nash.limit(p, log_ref),
        "nash_md_run": lambda p: self_play.nash_md_run(p, 0.1, 100, log_ref),
        "hedge_run": lambda p: self_play.hedge_run(p, 0.1, 100),
        "sppo": lambda p: self_play.sppo(p, log_ref, 1.0),
        **{function.__name__: function for function in (games.maximal_lottery, games.all_equilibria)},
        **{name: getattr(rules, name) for name in ("borda", "copeland", "smith_set", "schwartz_set", "kemeny")},
        "hodge": lambda p: transitivity.hodge(matrix.skew_part(p)),
        "cyclic_triples": transitivity.cyclic_triples,
    }
    orders = [rng.permutation(n)[: max(2, n // 2)].tolist() for _ in range(20)]
    ranked = rankings.Rankings(orders, weight=rng.random(20))
    return {
        **{
            f"{name}, {of}": lambda f=f, p=p: f(p)
            for name, f in of_game.items()
            for of, p in (("drawn", drawn), ("wins", won))
        },
        "rules.bradley_terry": lambda: rules.bradley_terry(wins),
        "plackett_luce.solve": lambda: plackett_luce.solve(problem, ranked),
        "best_of_n.policy": lambda: best_of_n.policy(problem, 1000),
        "best_of_n.limit_policy": lambda: best_of_n.limit_policy(problem),
        "best_of_n.tilt_of_equal_kl": lambda: best_of_n.tilt_of_equal_kl(problem, 0.5),
        "finite_samples.sampled": lambda: finite_samples.sampled(problem, 80, np.random.default_rng(0), 1000),
    }


def test_small_inputs_of_every_kind(benchmark):
    """Two instances of each kind (``SMALL=1000`` draws more). Refusals count as answers."""
    times = {}

    def everything():
        for seed in range(int(os.environ.get("SMALL", SEEDS))):
            kind, *case = small(seed)
            for name, call in calls(*case).items():
                start = process_time()
                with suppress(InputError):
                    call()
                times.setdefault(name, []).append((process_time() - start, seed, kind))

    benchmark.pedantic(everything, rounds=1)
    for name, found in sorted(times.items(), key=lambda item: -max(item[1])[0]):
        (took, seed, kind), long = max(found), sum(t > ENOUGH for t, *_ in found)
        print(f"\n{name}: at most {took:.2f} s (seed {seed}, {kind}), {long} of {len(found)} over {ENOUGH} s", end="")
    print()
