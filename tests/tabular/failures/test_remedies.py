"""Remedies: each turns an inverted optimum exactly where it says, and is not promised elsewhere."""

import numpy as np
import pytest

from tabular import Preferences, Problem, cpo, rlhf
from tabular.failure_modes import Kind, find
from tabular.failures import displacement
from tabular.failures.infimum import infimum
from tabular.failures.thresholds import solve
from tabular.fits import bradley_terry
from tests.tabular.test_failure_modes import rows_of


def delta_at(problem, preferences, pair, beta=None, offset=None):
    problem = Problem(problem.log_ref, beta or problem.beta, problem.reward)
    return infimum(problem, preferences, offset).delta[pair]


def test_a_smaller_beta_turns_an_inverted_optimum_exactly_there():
    problem, preferences, rows = rows_of([0.1, 0.6, 0.3], 2.0, [(0, 0, 1, 3), (0, 1, 2), (0, 2, 0)], reward=[1, 0, 0])
    for kind, delta in (
        (Kind.DPO_OPTIMUM_INVERTED, lambda b: delta_at(problem, preferences, 0, beta=b)),
        (
            Kind.ASSUMPTION_VIOLATED,
            lambda b: preferences.delta(rlhf.optimal_policy(Problem(problem.log_ref, b, problem.reward)))[0],
        ),
    ):
        remedy = rows[0].findings[kind].remedies["beta"]
        assert remedy.removes
        assert delta(remedy.value * (1 - 1e-6)) > 0 > delta(remedy.value * (1 + 1e-6))


def test_where_the_reference_is_right_it_takes_a_larger_beta():
    problem, preferences, rows = rows_of([0.6, 0.4], 0.1, [(0, 0, 1, 1), (0, 1, 0, 3)], reward=[0, 1])
    remedy = rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["beta"]
    assert not remedy.removes
    assert delta_at(problem, preferences, 0, beta=remedy.value * (1 + 1e-6)) > 0
    window = rows[0].findings[Kind.LOSS_FALLS_WHILE_INVERTED].remedies["beta"]
    assert not window.removes
    for factor, falls in ((1 - 1e-4, True), (1 + 1e-4, False)):
        again = Problem(problem.log_ref, window.value * factor)
        assert (solve(again, preferences).value[0] < np.log(2)) == falls


def test_eq_17_turns_two_responses_at_the_gamma_in_closed_form():
    """Both orders, p > 1/2, Psi on each as it stands: e^Psi = ((1-p) e^b - p e^-b)/(2p - 1), b = beta |delta_ref|."""
    p, beta, ref = 0.6, 2.0, np.array([0.1, 0.9])
    _, _, rows = rows_of(ref, beta, [(0, 0, 1, p), (0, 1, 0, 1 - p)])
    b = beta * np.log(9)
    psi = np.log(((1 - p) * np.exp(b) - p * np.exp(-b)) / (2 * p - 1))
    remedy = rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["eq17"]
    assert remedy.removes
    assert remedy.value == pytest.approx(psi / (1 / ref).sum(), rel=1e-9)
    _, _, rows = rows_of([0.9, 0.1], beta, [(0, 0, 1, p), (0, 1, 0, 1 - p)])
    assert not rows[1].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["eq17"].removes  # the minority is not turned


def test_eq_17_turns_a_coupled_optimum_at_that_gamma():
    ref = np.array([0.15, 0.5, 0.35])
    _, preferences, rows = rows_of(ref, 2.0, [(0, 0, 1, 3), (0, 1, 2), (0, 2, 0)])
    remedy = rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["eq17"]
    inverse = 1 / ref[preferences.winner] + 1 / ref[preferences.loser]
    for factor, above in ((1 - 1e-6, False), (1 + 1e-6, True)):
        fit = bradley_terry.fit(
            3, preferences.winner, preferences.loser, preferences.log_share, remedy.value * factor * inverse
        )
        delta = np.log(ref[0] / ref[1]) + (fit.strength[0] - fit.strength[1]) / 2.0
        assert (delta > 0) == above


def test_the_population_gamma_of_a_violated_assumption():
    problem, _, rows = rows_of([0.1, 0.9], 1.0, [(0, 1)], reward=[1, 0])
    remedy = rows[0].findings[Kind.ASSUMPTION_VIOLATED].remedies["eq17"]
    assert remedy.value == pytest.approx((np.log(9) - 1) / (1 / 0.1 + 1 / 0.9))
    multiplier = rows[0].findings[Kind.ASSUMPTION_VIOLATED].remedies["hard_constraint"].value
    tilted = rlhf.optimal_policy(problem) + multiplier * np.array([[1, -1]])  # pi* e^(+-lambda/beta)
    assert tilted[0, 0] == pytest.approx(tilted[0, 1])


@pytest.mark.parametrize("weight", [2.0, 2.001])
def test_a_tie_under_hypos_target_removes_nothing(weight):
    """n sigma(m - h) = sigma(h), which is 1 to rounding: h = m + log(n - 1), so that n = 2 ties, whatever rounds."""
    for depth in np.linspace(60, 900, 30):
        problem = Problem.from_unnormalized([0.1, depth, 0.3], 0.7)
        rows = find(problem, Preferences.from_pairs([(0, 0, 1, weight), (0, 1, 0, 1.0)])).rows
        assert rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["hypo"].removes == (weight > 2)


def test_hypo_is_judged_by_its_own_optimum_and_threshold():
    problem, preferences, rows = rows_of([0.1, 0.9], 2.0, [(0, 0, 1, 0.6), (0, 1, 0, 0.4)])
    remedy = rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["hypo"]
    margin = 2.0 * np.maximum(-preferences.delta(problem.log_ref), 0)
    assert remedy.removes == (delta_at(problem, preferences, 0, offset=margin) > 0)
    _, _, (row,) = rows_of([0.1, 0.9], 2.0, [(0, 1)])
    window = row.findings[Kind.LOSS_FALLS_WHILE_INVERTED].remedies["hypo"]
    assert not window.removes
    assert window.value == pytest.approx(np.log(2))  # whatever the reference


def test_the_hard_constraint_removes_inversion_unless_labels_contradict():
    _, _, (row,) = rows_of([0.1, 0.9], 2.0, [(0, 1)])
    assert row.findings[Kind.LOSS_FALLS_WHILE_INVERTED].remedies["hard_constraint"].removes
    _, _, rows = rows_of([0.1, 0.9], 2.0, [(0, 0, 1, 2), (0, 1, 0)])
    assert not rows[0].findings[Kind.LOSS_FALLS_WHILE_INVERTED].remedies["hard_constraint"].removes


def test_with_two_responses_it_keeps_the_chosen_probability_only_where_that_is_at_most_half():
    for chosen, kept in ((0.4, True), (0.5, True), (0.6, False)):
        _, _, rows = rows_of([[chosen, 1 - chosen], [0.5, 0.5]], 1.0, [(0, 0, 1), (1, 0, 1)])
        remedy = rows[0].findings[Kind.CHOSEN_PROBABILITY_FALLS].remedies["hard_constraint"]
        assert remedy.removes == kept


def test_at_first_order_two_responses_fall_only_against_the_push():
    problem = Problem.from_probabilities([0.3, 0.7], 1.0)
    at = infimum(problem, Preferences.from_pairs([(0, 0, 1, 1), (0, 1, 0, 3)]))
    assert displacement.allowed_at_first_order(at).tolist() == [True, False]


def test_the_search_for_gamma_stops_where_another_label_is_too_steep():
    """1/pi of response 2 is 1e9: whatever the pair's own margin from 0.01 on, the other labels' exceed 1e3 nats.

    Unless they share no cycle with the pair: then they do not bear on it.
    """
    around, aside = [(0, 1, 2, 0.01), (0, 2, 0, 0.01)], [(0, 0, 2), (0, 2, 0)]
    for third, others, found in ((1e-9, around, False), (0.2, around, True), (1e-9, aside, True)):
        ref = np.array([0.1, 0.9 - third, third])
        _, _, rows = rows_of(ref, 2.0, [(0, 0, 1, 0.8), (0, 1, 0, 0.2), *others])
        assert rows[0].findings[Kind.DPO_OPTIMUM_INVERTED].remedies["eq17"].removes == found


def test_a_remedy_keeps_its_digits_far_from_the_reference():
    """What decides is the rewards' and the strengths' own difference, here 1e-8 of beta delta_ref."""
    depth, share, gap = 9443.72744272426, np.array([0.513, 0.487]), 0.4578428392637714
    problem = Problem.from_unnormalized([0.0, depth], 1e4, [gap, 0.0])
    row = find(problem, Preferences([0, 0], [0, 1], [1, 0], share)).rows[0]
    moved = {Kind.ASSUMPTION_VIOLATED: gap, Kind.DPO_OPTIMUM_INVERTED: np.log(share[0] / share[1])}
    for kind, by in moved.items():
        assert row.findings[kind].remedies["beta"].value == pytest.approx(by / depth, rel=1e-13, abs=0)


@pytest.mark.parametrize("seed", range(12))
def test_every_remedy_is_what_the_changed_problem_shows(seed):
    """Random labels of three prompts, of both orders and of weight 0: all values, found anew on either side of them."""
    rng = np.random.default_rng(seed)
    beta, n = [0.2, 1.0, 5.0][seed % 3], [2, 4][seed % 2]
    reward = rng.integers(-2, 3, (3, n)).astype(float)
    problem = Problem.from_unnormalized(rng.choice([0.3, 2.0]) * rng.normal(size=(3, n)), beta, reward)
    winner = rng.integers(0, n, 10)
    weight = np.where(rng.random(10) < 0.15, 0.0, rng.integers(1, 4, 10)) + (np.arange(10) == 0)
    labels = Preferences(rng.integers(0, 3, 10), winner, (winner + rng.integers(1, n, 10)) % n, weight)
    delta_ref, star = labels.delta(problem.log_ref), labels.delta(rlhf.optimal_policy(problem))
    margin = beta * np.maximum(-delta_ref, 0)
    hypo, hypo_start = solve(problem, labels, margin), float(np.exp(labels.log_share) @ np.logaddexp(0, margin))
    block = {
        (p, y): (p, k)
        for p, blocks in enumerate(labels.blocks(problem))
        for k, nodes in enumerate(blocks)
        for y in nodes
    }

    def optimal(value, pair):
        return labels.delta(rlhf.optimal_policy(Problem(problem.log_ref, value, reward)))[pair]

    def turned(delta, remedy, pair):
        """Whether delta is positive just below the value, and just above it."""
        return [delta(remedy.value * (1 + side * 1e-6), pair) > 0 for side in (-1, 1)]

    for row in find(problem, labels).rows:
        pair, found = row.pair, {kind: finding.remedies for kind, finding in row.findings.items() if finding.occurs}
        prompt, w, y = row.prompt, row.winner, row.loser
        contradictory = block[prompt, w] == block[prompt, y]
        if remedies := found.get(Kind.ASSUMPTION_VIOLATED):
            gap = reward[prompt, w] - reward[prompt, y]
            assert remedies["beta"].removes == (gap > 0 > delta_ref[pair])
            if remedies["beta"].value is not None:
                assert turned(optimal, remedies["beta"], pair) == [gap > 0, gap < 0]
            inverse = np.exp(-problem.log_ref[prompt, [w, y]]).sum()
            assert remedies["eq17"].value * inverse == pytest.approx(-beta * star[pair], abs=1e-12)
            one = Preferences([prompt], [w], [y])
            held = cpo.constrained_optimum(problem, one)
            assert remedies["hard_constraint"].value == pytest.approx(held.multipliers[0], abs=1e-12)
            assert not remedies["hypo"].removes
        if remedies := found.get(Kind.DPO_OPTIMUM_INVERTED):
            if contradictory:
                assert remedies["hypo"].removes == (hypo.at.delta[pair] > 0)
                if remedies["beta"].value is not None:
                    up = turned(lambda value, pair: delta_at(problem, labels, pair, beta=value), remedies["beta"], pair)
                    assert up == [remedies["beta"].removes, not remedies["beta"].removes]
            else:
                assert not any(remedy.removes for remedy in remedies.values())
        if remedies := found.get(Kind.LOSS_FALLS_WHILE_INVERTED):
            assert remedies["hard_constraint"].removes != contradictory
            assert not remedies["eq17"].removes
            assert remedies["eq17"].how.startswith("the reference itself is inverted") == (delta_ref[pair] < 0)
            assert remedies["hypo"].removes == (delta_ref[pair] >= 0 and hypo.value[pair] >= hypo_start * (1 - 1e-12))
            assert remedies["hypo"].value == (hypo.value[pair] if delta_ref[pair] < 0 else None)
            if remedies["beta"].value is not None:
                falls = [
                    solve(Problem(problem.log_ref, remedies["beta"].value * (1 + side * 1e-4)), labels).value[pair]
                    < np.log(2)
                    for side in (-1, 1)
                ]
                assert falls == [True, False]
