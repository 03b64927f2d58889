"""The listing: witnesses are what they claim and refusals have their reason."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from tabular import InputError, Preferences, Problem, dpo, failure_modes
from tabular.failure_modes import Kind, find
from tabular.failures import displacement
from tests.strategies import labelled_problems

START = np.log(2)
BY_LOSS = (Kind.LOSS_FALLS_WHILE_INVERTED, Kind.CHOSEN_PROBABILITY_FALLS, Kind.MASS_TO_UNLABELLED)


def unlabelled_mass(log_policy, problem, preferences, prompt):
    labelled = {*preferences.winner[preferences.prompt == prompt], *preferences.loser[preferences.prompt == prompt]}
    free = [y for y in range(problem.n_responses) if problem.present[prompt, y] and y not in labelled]
    return np.exp(log_policy[prompt, free]).sum()


@given(labelled_problems())
@settings(max_examples=40)
def test_every_witness_is_a_policy_that_shows_its_kind(case):
    problem, preferences = case
    for row in find(problem, preferences).rows:
        for kind in row.kinds:
            finding = row.findings[kind]
            witness = finding.witness
            policy = witness.log_policy
            np.testing.assert_allclose(np.exp(policy).sum(axis=1), 1, rtol=1e-9)
            loss, delta = dpo.loss(policy, problem, preferences), preferences.delta(policy)[row.pair]
            assert (witness.loss, witness.delta) == (loss, delta)
            if kind in BY_LOSS:
                assert loss < START
            if kind in (Kind.PESSIMISTIC_REFERENCE, Kind.LOSS_FALLS_WHILE_INVERTED):
                assert delta < 0
            if kind in (Kind.ASSUMPTION_VIOLATED, Kind.DPO_OPTIMUM_INVERTED):
                assert delta <= 1e-9 * max(1, abs(row.delta_ref))
            if kind is Kind.CHOSEN_PROBABILITY_FALLS:
                assert policy[row.prompt, row.winner] < problem.log_ref[row.prompt, row.winner]
            if kind is Kind.MASS_TO_UNLABELLED:
                before = unlabelled_mass(problem.log_ref, problem, preferences, row.prompt)
                assert unlabelled_mass(policy, problem, preferences, row.prompt) > before or before == 1
            if kind is Kind.CONTRADICTORY_LABELS:
                edges = {
                    (x, w, y) for x, w, y in zip(preferences.prompt, preferences.winner, preferences.loser, strict=True)
                }
                assert finding.cycle[:2] == (row.winner, row.loser)
                assert all((row.prompt, a, b) in edges for a, b in pairwise((*finding.cycle, finding.cycle[0])))


@given(labelled_problems())
@settings(max_examples=40)
def test_what_is_ruled_out_is_ruled_out(case):
    problem, preferences = case
    for row in find(problem, preferences).rows:
        assert set(row.findings) == set(Kind)
        for kind, finding in row.findings.items():
            assert finding.why
            assert finding.occurs or not finding.remedies
            if not finding.occurs and kind is Kind.LOSS_FALLS_WHILE_INVERTED:
                assert row.threshold >= START - 1e-11
        assert Kind.INVERTED_SOMEWHERE_IN_THE_SET not in row.kinds  # every label here carries weight
        assert (Kind.PESSIMISTIC_REFERENCE in row.kinds) == (row.delta_ref < 0)
        assert (Kind.ASSUMPTION_VIOLATED in row.kinds) == (row.delta_rlhf <= 0)


@given(labelled_problems(max_prompts=2))
@settings(max_examples=25)
def test_a_report_is_plain_json_and_a_table(case):
    report = find(*case)
    for row, told in zip(report.rows, report.to_dicts(), strict=True):
        for kind, finding in row.findings.items():
            said = told["findings"][kind.value]
            assert (said["occurs"], said["why"], said["cycle"]) == (finding.occurs, finding.why, list(finding.cycle))
            assert said["remedies"].keys() == finding.remedies.keys()
            assert (said["witness"] is None) == (finding.witness is None)
            if finding.witness:
                told_of = finding.witness
                known = {"loss": told_of.loss, "delta": told_of.delta, "elsewhere": told_of.elsewhere}
                assert {name: said["witness"][name] for name in known} == known
            for name, remedy in finding.remedies.items():
                assert said["remedies"][name] == {"removes": remedy.removes, "value": remedy.value, "how": remedy.how}
    assert json.loads(json.dumps(report.to_dicts(), allow_nan=False))[0]["pair"] == 0
    assert len(report.summary().splitlines()) == len(report.rows) + 3 + len(Kind)


def rows_of(ref, beta, labels, reward=None):
    problem = Problem.from_probabilities(ref, beta, reward)
    preferences = Preferences.from_pairs(labels)
    return problem, preferences, find(problem, preferences).rows


def test_an_aligned_pair_of_two_responses_cannot_fail():
    _, _, (row,) = rows_of([0.7, 0.3], 1.0, [(0, 1)], reward=[1, 0])
    assert row.kinds == ()
    assert "only as the chosen probability grows" in row.findings[Kind.CHOSEN_PROBABILITY_FALLS].why


def test_an_aligned_pair_can_fail_while_others_pay():
    """delta_ref > 0 does not protect: the mean loss can fall through the other prompt while this pair inverts."""
    _, _, (row, _) = rows_of([[0.6, 0.4], [0.5, 0.5]], 1.0, [(0, 0, 1), (1, 0, 1)])
    assert row.delta_ref > 0
    assert Kind.LOSS_FALLS_WHILE_INVERTED in row.kinds
    assert row.findings[Kind.CHOSEN_PROBABILITY_FALLS].witness.elsewhere == "near_optimum"


def test_without_a_reward_the_assumption_is_left_open():
    _, _, (row,) = rows_of([0.7, 0.3], 1.0, [(0, 1)])
    assert row.findings[Kind.ASSUMPTION_VIOLATED].occurs is None
    assert "needs a reward" in row.findings[Kind.ASSUMPTION_VIOLATED].why


def test_a_reference_at_the_optimum_has_nowhere_to_fall():
    _, _, rows = rows_of([0.2, 0.3, 0.5], 1.0, [(0, 1), (1, 0)])
    for row in rows:
        for kind in BY_LOSS:
            assert row.findings[kind].why == "the reference already has the least loss: it cannot fall"
            assert row.findings[kind].occurs is False
        assert Kind.CONTRADICTORY_LABELS in row.kinds
        assert rows[0].findings[Kind.CONTRADICTORY_LABELS].cycle == (0, 1)


@pytest.mark.parametrize(("beta", "falls"), [(1.0, True), (1.95, True), (2.05, False), (10.0, False)])
def test_one_winner_over_two_equals_loses_probability_only_below_beta_2(beta, falls):
    """The push is then exactly along w's own probability; second order: V/(2 beta) against V/4, V the variance of s."""
    _, _, rows = rows_of([1 / 3] * 3, beta, [(0, 1), (0, 2)])
    assert [Kind.CHOSEN_PROBABILITY_FALLS in row.kinds for row in rows] == [falls, falls]
    for row in rows:
        finding = row.findings[Kind.CHOSEN_PROBABILITY_FALLS]
        assert finding.readable()["occurs"] is (True if falls else None)  # a search that finds nothing is no proof
        assert falls or finding.why.startswith("undecided")
        if falls:
            assert finding.witness.loss < START - 1e-12
            assert finding.witness.row[0] < np.log(1 / 3) - 1e-12


def test_where_theory_says_that_nothing_falls_nothing_is_searched(monkeypatch):
    """Two responses and an aligned push: what is left is one direction."""
    monkeypatch.setattr(displacement, "_rays", lambda *_: pytest.fail("a search that is in vain"))
    _, _, (row,) = rows_of([0.7, 0.3], 1.0, [(0, 1)])
    assert row.findings[Kind.CHOSEN_PROBABILITY_FALLS].occurs is False


def test_hypo_removes_a_falling_chosen_probability_only_where_that_is_proved():
    """From a uniform reference HyPO's loss is DPO's, whose witness falls; two responses leave one direction."""
    _, _, rows = rows_of([1 / 3] * 3, 1.0, [(0, 1), (0, 2)])
    remedy = rows[0].findings[Kind.CHOSEN_PROBABILITY_FALLS].remedies["hypo"]
    assert (remedy.removes, "curvature decides, which is left open" in remedy.how) == (False, True)
    for weight, removes in ((2, True), (1, False)):  # 0.9 of the lighter label's pull against half the heavier's
        _, _, rows = rows_of([0.1, 0.9], 1.0, [(0, 0, 1, weight), (0, 1, 0, 3)])
        assert rows[0].findings[Kind.CHOSEN_PROBABILITY_FALLS].remedies["hypo"].removes == removes


def test_the_minority_label_of_two_responses_loses_probability():
    _, _, (minority, majority) = rows_of([0.3, 0.7], 1.0, [(0, 0, 1, 1), (0, 1, 0, 3)])
    assert Kind.CHOSEN_PROBABILITY_FALLS in minority.kinds
    assert "gradient flow from the reference starts out" in minority.findings[Kind.CHOSEN_PROBABILITY_FALLS].why
    assert Kind.CHOSEN_PROBABILITY_FALLS not in majority.kinds


@pytest.mark.parametrize("depth", [30.0, 1e4])
def test_a_chosen_probability_that_rounds_to_1_falls_where_the_rest_grows(depth):
    problem = Problem.from_unnormalized([0.0, -depth], 1.0)
    minority, majority = find(problem, Preferences.from_pairs([(0, 0, 1, 1), (0, 1, 0, 3)])).rows
    found = minority.findings[Kind.CHOSEN_PROBABILITY_FALLS]
    assert found.occurs
    assert found.witness.row[1] > -depth + 0.1
    assert "gradient flow from the reference starts out" in found.why
    assert Kind.CHOSEN_PROBABILITY_FALLS not in majority.kinds


def test_a_light_label_beside_a_heavy_one_is_inverted_as_deep_as_the_heavy_one_allows():
    problem = Problem.from_probabilities([0.5, 0.5], 1.0)
    labels = Preferences.from_pairs([(0, 0, 1, 1e-40), (0, 0, 1, 1.0)])
    deep = failure_modes.deepest(problem, labels, 1.0)
    np.testing.assert_allclose(deep.delta, -np.log(np.expm1(1.0)), rtol=1e-12)


def test_witnesses_are_policies_where_a_tiny_beta_makes_their_logs_large():
    """Logs of -7e7 less the log of a sum of that size would round the row's sum by 1e-9."""
    _, _, (row,) = rows_of([0.25] * 4, 1e-4, [(1, 0)])
    witness = row.findings[Kind.CHOSEN_PROBABILITY_FALLS].witness
    assert witness.row.min() < -1e7
    assert np.exp(witness.row).sum() == pytest.approx(1, abs=1e-14)


def test_pairs_only_asked_about():
    _, _, rows = rows_of([0.1, 0.2, 0.3, 0.4], 1.0, [(0, 0, 1), (0, 1, 2), (0, 2, 0, 0), (0, 3, 0, 0)])
    assert Kind.DPO_OPTIMUM_INVERTED in rows[2].kinds
    assert Kind.INVERTED_SOMEWHERE_IN_THE_SET in rows[3].kinds
    assert rows[3].readable()["delta_dpo"] == "free"
    assert rows[2].readable()["delta_dpo"] == "-inf"
    assert rows[3].findings[Kind.INVERTED_SOMEWHERE_IN_THE_SET].remedies["hard_constraint"].removes
    assert not any(r.removes for r in rows[2].findings[Kind.DPO_OPTIMUM_INVERTED].remedies.values())


def test_a_finite_example_with_an_unlabelled_response():
    """Minimisers (6t, t, 1 - 7t), so c can take all the mass."""
    _, _, rows = rows_of([0.2, 0.3, 0.5], 0.5, [(0, 0, 1, 3), (0, 1, 0, 1)])
    witness = rows[0].findings[Kind.MASS_TO_UNLABELLED].witness
    policy = np.exp(witness.log_policy[0])
    assert policy[0] / policy[1] == pytest.approx(6)
    assert policy[2] == pytest.approx(0.99)
    assert witness.loss == pytest.approx(0.5623351446)


def test_real_reward_prompts(real_data, monkeypatch):
    from tabular import logs

    log = logs.load("superhf-rewards")
    problem = log.problem(set="helpful", pool="base_sft", beta=0.25)
    assert problem.n_prompts == 200
    best = np.argmax(np.where(problem.present, problem.reward, -np.inf), axis=1)
    worst = np.argmin(np.where(problem.present, problem.reward, np.inf), axis=1)
    preferences = Preferences(np.arange(200), best, worst)
    values = failure_modes.thresholds(problem, preferences)
    delta_ref = preferences.delta(problem.log_ref)
    np.testing.assert_allclose(values, failure_modes.separable_thresholds(delta_ref, 0.25), rtol=1e-12)


def test_the_real_run_certifies_little_and_has_more(real_data):
    from tabular import logs

    run = logs.load("hh-pythia410m-dpo")
    reference, last = run.pairs(0), run.pairs(-1)
    found = failure_modes.separable_frontier(reference.delta_ref, run.beta)
    loss = np.logaddexp(0, -run.beta * (last.delta - last.delta_ref)).mean()
    certified, had = found.worst_case_accuracy(loss), (last.delta > 0).mean()
    assert had == pytest.approx(0.742)
    assert certified < had
    assert found.worst_case_accuracy(START) <= (reference.delta_ref > 0).mean() + 1e-12


def test_labels_of_another_problem_are_refused():
    with pytest.raises(InputError, match="winner 2"):
        find(Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(2, 0)]))


@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
def test_a_gap_of_rounding_has_no_sign(beta):
    """Wins .1 + .2 against .3: the labels move nothing, whatever their sum in floats says."""
    contradictory = Preferences.from_pairs([(0, 0, 1, 0.1), (0, 0, 1, 0.2), (0, 1, 0, 0.3)])
    pessimistic = failure_modes.find(Problem.from_probabilities([0.2, 0.8], beta), contradictory).rows[0]
    remedy = pessimistic.findings[failure_modes.Kind.DPO_OPTIMUM_INVERTED].remedies["beta"]
    assert not remedy.removes
    tied = failure_modes.find(Problem.from_probabilities([0.5, 0.5], beta), contradictory).rows[0]
    assert failure_modes.Kind.DPO_OPTIMUM_INVERTED in tied.kinds
