"""Labels e^500 and more lighter than the heaviest: they move policies and no value, and nothing leaves the floats."""

import numpy as np
import pytest

from tabular import Preferences, Problem, Status, failure_modes, losses

CASES = {
    "three far apart": (
        Problem.from_unnormalized([-5749.0, -22085.0, 0.0], 10.0),
        Preferences([0] * 5, [1, 0, 0, 2, 2], [0, 2, 2, 0, 0], log_weight=[-482.0, 598.0, 39.0, -292.0, -781.0]),
        [1],
    ),
    "five near": (
        Problem.from_unnormalized([-1.7, -2.5, -0.7, -1.8, -2.8], 1.0),
        Preferences(
            [0] * 7,
            [0, 4, 2, 3, 4, 0, 1],
            [1, 2, 3, 1, 1, 2, 0],
            log_weight=[-1119.0, -1075, -794, 243, 241, -280, -290],
        ),
        [3, 4],
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["dpo", "ipo", "dpop", "orpo", "dpo_sft", "cpo_xu", "kto", "hinge", "nca_pair"])
def test_the_infimum_is_that_of_the_others(case, name):
    problem, labels, heavy = CASES[case]
    loss = losses.typical(name)
    some = Preferences(
        *(part[heavy] for part in (labels.prompt, labels.winner, labels.loser)), log_weight=labels.log_weight[heavy]
    )
    found, alone = losses.solve(problem, labels, loss), losses.solve(problem, some, loss)
    assert found.infimum == pytest.approx(alone.infimum, rel=1e-10, abs=1e-15)


def test_a_search_that_ends_out_of_balance_proves_no_bound():
    """Responses whose labels weigh e^-200 could hold what is left over, and SPPO's least is 0."""
    problem, labels, _ = CASES["five near"]
    labels = Preferences(labels.prompt, labels.winner, labels.loser, log_weight=np.maximum(labels.log_weight, 41.0))
    found = losses.solve(problem, labels, losses.typical("sppo_hard"))
    assert found.bound <= 1e-60
    assert found.status is Status.LOCAL or found.infimum == pytest.approx(0, abs=1e-60)


@pytest.mark.parametrize(
    ("name", "log_ref", "beta", "pairs", "log_weight", "heaviest"),
    [
        (
            "orpo",
            [-3342.81, -9507.35, -5148.14, -10517.9, 0],
            10,
            [(1, 4), (4, 2), (2, 1), (2, 0)],
            [-1289, -1841, 271, 156],
            2,
        ),
        ("exo_pair", [0.0] * 5, 10, [(1, 2), (2, 3)], [-720, -1207], 0),
    ],
)
def test_a_minimiser_is_soon_found(name, log_ref, beta, pairs, log_weight, heaviest):
    """A slope of infinity times a share of 0; and a label lighter than the curvature that stands in for none."""
    problem, loss = Problem.from_unnormalized(log_ref, beta), losses.typical(name)
    labels = Preferences([0] * len(pairs), *np.transpose(pairs), log_weight=np.array(log_weight, dtype=float))
    alone = losses.solve(problem, Preferences.from_pairs([pairs[heaviest]]), loss)
    assert losses.solve(problem, labels, loss).infimum == pytest.approx(alone.infimum, abs=1e-9)


def test_shares_that_are_worth_nothing_are_compared():
    """KTO of references e^26414 apart: the best that is known may be worth 0, and less than that nothing."""
    problem = Problem.from_unnormalized([-6144.87, -26414.36, -5838.6, 0.0, -9907.32], 10.0)
    labels = Preferences([0] * 4, [3, 1, 4, 1], [1, 4, 0, 0], log_weight=[-1868.49, 577.91, 623.56, -425.57])
    found = losses.self_consistent(problem, labels, losses.typical("kto"))
    assert found.error < 1e-6
    assert found.minimum.infimum == pytest.approx(0.5, abs=0.5)


def test_a_bend_beside_a_slope_below_the_floats_is_steep():
    problem = Problem.from_unnormalized([-113.0, 0.0, -223.0, -318.0], 1.0)
    labels = Preferences([0] * 3, [3, 0, 1], [1, 3, 2], log_weight=[191.0, -520.0, -1260.0])
    assert losses.solve(problem, labels, losses.typical("sppo_hard")).bound >= -1e-60


@pytest.mark.parametrize("case", CASES)
def test_what_else_is_asked_is_answered(case):
    problem, labels, _ = CASES[case]
    assert losses.mean(problem.log_ref, problem, labels, losses.typical("ecpo")) > 0
    for name in ("ecpo", "dpop"):
        assert failure_modes.movement(problem, labels, losses.typical(name))
    bounds = failure_modes.accuracy_bounds(problem, labels, 0.5)
    assert 0 <= bounds.lower <= bounds.upper <= 1
    assert losses.self_consistent(problem, labels, losses.typical("bco_pair")).error < 1e-9
