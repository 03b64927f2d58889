"""A stranger's typed program: what mypy (strict) and pyright must accept, with the types that they must see."""

from typing import assert_type

import numpy as np
from matplotlib.figure import Figure

import tabular
from figures import solution_sets
from figures.drawing import Drawn
from figures.table import Table
from proofs_checks import Answer, Conjecture, Result, conjecture, verify
from proofs_checks.kernel.relation import relation
from proofs_checks.quantities import Δr, δ_rlhf
from tabular import (
    InputError,
    Preferences,
    Problem,
    Status,
    audit,
    choice,
    cpo,
    dpo,
    failure_modes,
    finite_samples,
    flow,
    guarantees,
    log_linear,
    logs,
    losses,
    margins,
    rlhf,
)
from tabular.choice.games import Equilibrium
from tabular.choice.rankings import Rankings
from tabular.choice.votes import Profile
from tabular.cpo import ConstrainedOptimum
from tabular.failures.report import FailureReport
from tabular.failures.thresholds import Thresholds
from tabular.fits.dpo_solution import DPOSolution
from tabular.guarantees import Guarantee
from tabular.losses import Loss
from tabular.testing import problems


def inputs() -> tuple[Problem, Preferences]:
    problem = Problem.from_probabilities([0.1, 0.6, 0.3], beta=0.5, reward=[0.5, 0.0, -1.0])
    assert_type(Problem(np.log([[0.5, 0.5]]), 1), Problem)
    assert_type(Problem([[0.0]], beta=0.5, prompt_weights=[1.0]), Problem)
    assert_type(problem.log_ref, np.ndarray)
    assert_type(problem.n_prompts, int)
    assert_type(Problem.from_dict(problem.to_dict()), Problem)
    labels = Preferences.from_pairs([(0, 1), (0, 1, 2), (0, 0, 2, 3.0)])
    assert_type(Preferences([0], [0], [1]).weight, np.ndarray)
    return problem, Preferences.from_wins([[0, 3], [1, 0]]) if problem.n_prompts > 1 else labels


def solved(problem: Problem, labels: Preferences) -> list[Status]:
    assert_type(rlhf.optimal_policy(problem), np.ndarray)
    solution = dpo.solve(problem, labels)
    assert_type(solution, DPOSolution)
    assert_type(solution.log_policy, np.ndarray)
    assert_type(solution.margin_range(0, 0, 1), tuple[float, float])
    optimum = cpo.constrained_optimum(problem, labels, margin=[0.0, 0.1, 0.2])
    assert_type(optimum, ConstrainedOptimum)
    loss = losses.get("cdpo", eps=0.1)
    assert_type(loss, Loss)
    assert_type(loss([-1.0], [-2.0], [-1.5], [-1.5], beta=0.1), np.ndarray)
    found = losses.solve(problem, labels, loss)
    return [solution.status, optimum.status, found.status]


def failures(problem: Problem, labels: Preferences) -> str:
    report = failure_modes.find(problem, labels, losses.get("dpo"))
    assert_type(report, FailureReport)
    assert_type(failure_modes.thresholds(problem, labels), np.ndarray)
    assert_type(failure_modes.solve_thresholds(problem, labels), Thresholds)
    witness = report.rows[0].findings[failure_modes.Kind.CHOSEN_PROBABILITY_FALLS].witness
    if witness is not None:
        assert_type(witness.log_policy, np.ndarray)
    assert_type(guarantees.table(problem, labels, gamma=0.5), list[Guarantee])
    assert_type(flow.escape_time([-2.0, -1.0], 0.5), np.ndarray)
    assert_type(margins.target("hypo", [-1.0, 1.0]), np.ndarray)
    return report.summary() + repr(finite_samples.distribution(problem, 2).status)


def aggregated() -> Equilibrium:
    profile = Profile([[0, 2, 1], [1, 0, 2]], voters=[2, 5])
    rankings = Rankings([[2, 0, 1], [(0, 1), 2]])
    assert_type(rankings.broken("top"), Preferences)
    assert_type(choice.rules.borda(choice.matrix.from_wins(profile.wins)), np.ndarray)
    return choice.games.maximal_lottery([[0.5, 0.9], [0.1, 0.5]])


def logged(path: str) -> dict[str, object]:
    try:
        log = logs.read_pairs(path, {"ref_chosen": "mine"})
    except InputError as error:
        return {"what is wrong": str(error)}
    assert_type(log, logs.PairLog)
    return dict(audit.audit(log, beta=0.1).to_dict())


def drawn(problem: Problem, labels: Preferences) -> list[str]:
    table = solution_sets.compute(problem=(problem, labels), loss=losses.get("cdpo", eps=0.1))
    assert_type(table, Table)
    page = Figure()
    assert_type(solution_sets.draw(table, ax=page.subplots()), Drawn)
    assert_type(solution_sets.caption(table), str)
    return list(solution_sets.draw(table, width="column").panels)


def checked() -> str:
    wrong = conjecture("wrong", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 0)])
    assert_type(wrong, Conjecture)
    assert_type(wrong.check(), Answer)
    assert_type(verify(["def-3.3"]), list[Result])
    return wrong.check().verdict.name


def features(problem: Problem, labels: Preferences) -> float:
    fit = log_linear.dpo(problem, labels, [[[1.0], [0.0], [0.5]]])
    assert_type(fit.theta, np.ndarray)
    return fit.infimum


if __name__ == "__main__":
    statuses, told = solved(*inputs()), failures(*inputs())
    print(tabular.__version__, statuses, told, aggregated(), logged("no.csv"), features(*inputs()))
    print(drawn(*inputs()), checked())
