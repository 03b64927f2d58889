"""Counterexamples are found from nothing, shrunk, and count only once certified."""

from fractions import Fraction

import numpy as np
import pytest

from proofs_checks.kernel import search
from proofs_checks.kernel.arithmetic import exp, least, softplus
from proofs_checks.kernel.statement import Quantifier
from tabular import Preferences, Problem, dpo, rlhf


@pytest.mark.parametrize("seed", range(5))
def test_a_violation_in_a_corner_of_many_dimensions_is_climbed_to(seed):
    space = dict.fromkeys("abcdef", (-1, 1))

    def violation(**point):
        return sum(point.values()) - 5

    found = search.find(violation, space, np.random.default_rng(seed))
    assert found is not None
    assert violation(**found) > 0
    assert all(-1 <= value <= 1 for value in found.values())


def test_nothing_is_found_where_nothing_is():
    assert search.find(lambda x: -(x**2), {"x": (-1, 1)}, np.random.default_rng(0)) is None


def test_shrinking_keeps_the_violation_and_the_space():
    space = {"β": (Fraction(1, 10), 10), "δ": (-9, 9)}

    def violation(β, δ):
        return least(δ - β, 5 - δ)

    point = search.shrink(violation, space, {"β": 0.7231, "δ": 3.3331})
    assert point == {"β": 1, "δ": 2}
    assert violation(**point) > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_refutation_of_theorem_3_5_is_rediscovered_small(seed):
    from proofs_checks.yang_2026 import theorem_3_5 as thm

    check = search.counterexample("if", thm._better_than_rlhf, thm._SPACE, seed=seed)
    finding = check.run()
    assert check.quantifier is Quantifier.COUNTEREXAMPLE
    assert finding.passed is True
    numbers = [Fraction(part.split(" = ")[1]) for part in finding.witness.split(", ")]
    assert all(abs(number) <= 10 and number.denominator <= 10 for number in numbers)


@pytest.mark.parametrize("violation", [lambda x: float("nan"), lambda x: 1 / (x - x), lambda x: exp(1e6 * x)])
def test_what_has_no_value_is_not_taken_for_no_violation(violation):
    with pytest.raises(ArithmeticError):
        search.find(violation, {"x": (1.0, 2.0)}, np.random.default_rng(0))


def test_one_draw_without_a_value_is_enough():
    """A library that returns nan at one problem in a hundred has not been seen to agree there."""
    with pytest.raises(search.NoValue, match="not a number at x = "):
        search.find(lambda x: float("nan") if x > 0.99 else -1.0, {"x": (0, 1)}, np.random.default_rng(0))


def test_hypotheses_that_fail_are_no_violation_and_are_not_counted():
    """Draws and climbs below 1/2 meet no hypothesis: what was tried is said."""
    check = search.nothing_found(
        "x", lambda x: -x if x > 0.5 else -float("inf"), {"x": (0, 1)}, draws=100, climbs=1, steps=0
    )
    met = int(check.run().summary.split()[3])
    assert 35 <= met <= 65
    with pytest.raises(search.NoValue, match="no draw met"):
        search.find(lambda x: -float("inf"), {"x": (0, 1)}, np.random.default_rng(0))


def test_a_search_that_should_find_nothing_reports_what_it_found():
    finding = search.nothing_found("x", lambda x: softplus(x) - 1, {"x": (0, 3)}).run()
    assert finding.passed is False
    assert finding.witness == "x = 1"


def _condition(problem, labels):
    """The least β(δ_ref + Δr/β) over the labels: positive where the condition of Theorem 3.5 holds."""
    reward = problem.reward[0]
    gained = reward[labels.winner] - reward[labels.loser]
    return float((problem.beta * labels.delta(problem.log_ref) + gained).min())


CHAIN = Preferences.from_pairs([(0, 1), (1, 2)])
THREE = {"a": (-3, 3), "b": (-3, 3), "r_a": (-3, 3), "r_b": (-3, 3), "β": (Fraction(1, 5), 5)}


def _worse_than_another(a, b, r_a, r_b, β, u, v):
    """“If”, one label a pair: some policy has less DPO loss than π*, although the condition holds."""
    problem = Problem.from_unnormalized([a, b, 0.0], β, [r_a, r_b, 0.0])
    other = Problem.from_unnormalized([u, v, 0.0], β).log_ref
    gain = dpo.loss(rlhf.optimal_policy(problem), problem, CHAIN) - dpo.loss(other, problem, CHAIN)
    return min(_condition(problem, CHAIN), gain)


def _same_though_condition_fails(a, b, r_a, r_b, β):
    """“Only if”, population labels: the DPO solution is π* although the condition fails."""
    problem = Problem.from_unnormalized([a, b, 0.0], β, [r_a, r_b, 0.0])
    solution = dpo.solve(problem, Preferences.from_bradley_terry(problem)).log_policy
    distance = np.abs(solution - rlhf.optimal_policy(problem)).max()
    return min(-_condition(problem, CHAIN), 1e-6 - distance) if distance < 1e-6 else -1.0


@pytest.mark.parametrize("violation", [_worse_than_another, _same_though_condition_fails])
def test_theorem_3_5_is_refuted_from_scratch_over_problems_of_three_responses(violation):
    space = {**THREE, "u": (-3, 3), "v": (-3, 3)} if violation is _worse_than_another else THREE
    found = search.find(violation, space, np.random.default_rng(0), draws=300, climbs=2, steps=60)
    assert found is not None
    point = search.shrink(violation, space, found)
    assert violation(**{name: float(value) for name, value in point.items()}) > 0
    assert all(value.denominator <= 10 and abs(value) <= 3 for value in point.values())


def test_necessity_in_proposition_3_4_is_refuted_from_scratch_over_problems():
    def violation(δ_ref, Δr, β, δ):
        problem = Problem.from_unnormalized([δ_ref, 0.0], β, [Δr, 0.0])
        pair = Preferences.from_pairs([(0, 1)])
        policy = Problem.from_unnormalized([δ, 0.0], β).log_ref
        fallen = dpo.loss(problem.log_ref, problem, pair) - dpo.loss(policy, problem, pair)
        return min(fallen, -float(pair.delta(policy)[0]), _condition(problem, pair))

    space = {"δ_ref": (-5, 5), "Δr": (Fraction(1, 10), 5), "β": (Fraction(1, 10), 5), "δ": (-5, 5)}
    point = search.shrink(violation, space, search.find(violation, space, np.random.default_rng(0), draws=300))
    assert point["δ_ref"] < point["δ"] < 0 < point["δ_ref"] + point["Δr"] / point["β"]
