"""v_i is a lower bound on every inverted policy's loss, and a policy reaches it: together, it is the threshold."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from tabular import InputError, Preferences, Problem, Status, dpo, oracle
from tabular.base.log_space import softplus
from tabular.failures.infimum import Relation, infimum
from tabular.failures.inversion import deepest
from tabular.failures.thresholds import solve
from tabular.fits import many
from tests.strategies import betas, labelled_problems, log_odds, policies_of

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "failure_modes.json").read_text())


def tolerance(value):
    return 1e-9 * max(1.0, value)


def inverted(policy, preferences, pair):
    """The policy with w brought down to l where it is above, renormalised."""
    policy = policy.copy()
    prompt, w, loser = preferences.prompt[pair], preferences.winner[pair], preferences.loser[pair]
    policy[prompt, w] = min(policy[prompt, w], policy[prompt, loser])
    return policy - np.log(np.exp(policy).sum(axis=1, keepdims=True))


@given(labelled_problems(), st.data())
def test_no_policy_with_the_pair_inverted_has_less_loss(case, data):
    problem, preferences = case
    policy = data.draw(policies_of(problem))
    found = solve(problem, preferences)
    for pair in range(preferences.n_pairs):
        loss = dpo.loss(inverted(policy, preferences, pair), problem, preferences)
        assert loss >= found.value[pair] - tolerance(loss)


@given(labelled_problems())
@example((Problem.from_probabilities([0.2, 0.3, 0.5], 1e4), Preferences.from_pairs([(0, 1), (1, 2), (2, 1)])))
@example((Problem.from_probabilities([0.2, 0.3, 0.5], 1e-4), Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])))
def test_the_witness_inverts_the_pair_at_that_loss(case):
    problem, preferences = case
    found = solve(problem, preferences)
    for pair in range(preferences.n_pairs):
        witness = found.witness(pair)
        delta = preferences.delta(witness)[pair]
        assert delta == 0 if found.binds[pair] else delta <= 1e-9
        assert dpo.loss(witness, problem, preferences) == pytest.approx(found.value[pair], rel=1e-9, abs=1e-9)


@given(log_odds(), betas)
def test_one_pair_alone_flips_at_softplus_of_beta_delta_ref(delta_ref, beta):
    problem = Problem.from_unnormalized([delta_ref, 0.0], beta)
    found = solve(problem, Preferences.from_pairs([(0, 1)]))
    delta_ref = problem.log_ref[0, 0] - problem.log_ref[0, 1]
    assert found.value[0] == pytest.approx(softplus(beta * delta_ref), rel=1e-12)
    assert found.multiplier[0] == pytest.approx(beta * expit(beta * delta_ref), rel=1e-9, abs=1e-300)
    assert found.status(0) is Status.UNIQUE


def test_one_pair_of_population_labels_by_hand():
    """A tie costs p sp(b) + (1 - p) sp(-b), b = beta delta_ref; it binds for the winning label only."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    found = solve(problem, Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)]))
    b = 0.5 * np.log(0.2 / 0.3)
    assert found.value[0] == pytest.approx(0.75 * softplus(b) + 0.25 * softplus(-b), abs=1e-15)
    assert found.value[1] == pytest.approx(0.5623351446, abs=1e-10)
    assert found.binds.tolist() == [True, False]
    assert found.multiplier[1] == 0
    assert [found.status(0), found.status(1)] == [Status.SET, Status.SET]  # response 2 takes any mass


def test_a_chain_of_wins_between_the_two_raises_the_threshold():
    """a > b > c and a > c: to tie a and c, a > b or b > c must yield too; a and b can be tied above c for free."""
    problem = Problem.from_probabilities([1 / 3] * 3, beta=1)
    found = solve(problem, Preferences.from_pairs([(0, 1), (1, 2), (0, 2)]))
    np.testing.assert_allclose(found.value, [np.log(2) / 3, np.log(2) / 3, np.log(2)], rtol=1e-14)
    skewed = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    b = np.log(0.2 / 0.5)  # s_0 - s_2 = -b; by symmetry s_1 is halfway
    tied = (2 * softplus(b / 2) + softplus(b)) / 3
    assert solve(skewed, Preferences.from_pairs([(0, 1), (1, 2), (0, 2)])).value[2] == pytest.approx(tied, abs=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_clarabel_finds_the_same_values_and_the_same_binding_constraints(seed):
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(2, 4)), rng.uniform(0.3, 2))
    labels = [(x, *rng.choice(4, 2, replace=False), rng.uniform(0.5, 2)) for x in (0, 0, 0, 0, 1, 1)]
    preferences = Preferences.from_pairs(labels)
    found = solve(problem, preferences)
    for pair in range(preferences.n_pairs):
        value, multiplier = oracle.inversion_cost(problem, preferences, [pair])
        assert found.value[pair] == pytest.approx(value, abs=2e-6)
        assert found.multiplier[pair] == pytest.approx(multiplier[0], abs=2e-4)
        assert found.binds[pair] == (multiplier[0] > 1e-5)


@given(labelled_problems(beta=st.floats(0.1, 2), spread=2.0), st.data())
@settings(max_examples=30)
def test_the_multiplier_is_the_derivative_of_the_threshold(case, data):
    """Moving the bound delta <= e moves v by -e times the multiplier: the tied fit at delta = +-h, without the flow."""
    problem, preferences = case
    found = solve(problem, preferences)
    pair = data.draw(st.integers(0, preferences.n_pairs - 1))
    h = 1e-5
    at = infimum(problem, preferences)
    cost = (
        [at.components.hold(np.array([pair]), shift)[0].cost[0] for shift in (-h, h)] if found.binds[pair] else [0, 0]
    )
    assert found.multiplier[pair] == pytest.approx((cost[0] - cost[1]) / (2 * h), abs=1e-8)
    assert found.multiplier[pair] >= 0


@given(labelled_problems())
def test_thresholds_lie_above_the_infimum_and_below_the_start_where_the_reference_is_inverted(case):
    problem, preferences = case
    found = solve(problem, preferences)
    assert np.all(found.value >= found.at.value)
    behind = preferences.delta(problem.log_ref) <= 0
    assert np.all(found.value[behind] <= np.log(2) + 1e-12)


@given(labelled_problems(), st.floats(0.5, 2))
def test_only_beta_times_log_ratios_count(case, factor):
    problem, preferences = case
    sharper = Problem.from_unnormalized(
        np.where(problem.present, factor * problem.log_ref, -np.inf), problem.beta / factor
    )
    values = solve(sharper, preferences).value
    np.testing.assert_allclose(values, solve(problem, preferences).value, rtol=1e-8, atol=1e-9)


@given(labelled_problems(), st.randoms(use_true_random=False))
def test_thresholds_follow_a_renaming_of_the_responses(case, random):
    problem, preferences = case
    names = list(range(problem.n_responses))
    random.shuffle(names)
    renamed = np.empty_like(problem.log_ref)
    renamed[:, names] = problem.log_ref
    relabelled = Preferences(
        preferences.prompt, np.array(names)[preferences.winner], np.array(names)[preferences.loser], preferences.weight
    )
    values = solve(Problem(renamed, problem.beta), relabelled).value
    np.testing.assert_allclose(values, solve(problem, preferences).value, rtol=1e-8, atol=1e-10)


def test_pairs_that_are_only_asked_about():
    """0 > 1 > 2 and 3 alone: 2 > 0 is against the labels, 3 > 0 is open, 0 > 2 follows from them."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=1)
    labels = [(0, 0, 1), (0, 1, 2), (0, 2, 0, 0), (0, 3, 0, 0), (0, 0, 2, 0)]
    found = solve(problem, Preferences.from_pairs(labels))
    assert [Relation(r).name for r in found.at.relation] == ["ABOVE", "ABOVE", "BELOW", "FREE", "ABOVE"]
    assert found.value[2] == found.value[3] == found.at.value == 0
    assert found.value[4] == pytest.approx(
        oracle.inversion_cost(problem, Preferences.from_pairs(labels), [4])[0], abs=1e-6
    )
    for pair in (2, 3):
        assert Preferences.from_pairs(labels).delta(found.witness(pair))[pair] <= -1


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_weight_0_among_the_others_against_clarabel(seed):
    """What they are asked about binds, is left free or follows; their witnesses lie in every prompt."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(2, 5)), rng.uniform(0.3, 3))
    rows = [(x, *rng.choice(5, 2, replace=False), rng.uniform(0.5, 2)) for x in (0, 0, 0, 0, 1)]
    asked = [(x, *rng.choice(5, 2, replace=False), 0.0) for x in (0, 0, 0, 1, 1, 1)]
    order = rng.permutation(11)
    labels = Preferences.from_pairs([[*rows, *asked][k] for k in order])
    found, alone = solve(problem, labels), solve(problem, labels.counted())
    assert found.at.value == pytest.approx(alone.at.value, rel=1e-14)
    np.testing.assert_allclose(found.value[order < 5], alone.value, rtol=1e-12)
    deep = deepest(problem, labels, np.log(2))
    for pair in range(11):
        value, multiplier = oracle.inversion_cost(problem, labels, [pair])
        assert found.value[pair] == pytest.approx(value, abs=2e-6)
        assert found.multiplier[pair] == pytest.approx(multiplier[0], abs=2e-4)
        for witness, level in ((found.witness(pair), found.value[pair]), (deep.witness(pair), np.log(2))):
            np.testing.assert_allclose(np.exp(witness).sum(axis=1), 1, rtol=1e-12)
            assert dpo.loss(witness, problem, labels) <= level * (1 + 1e-9) + 1e-15
        assert labels.delta(found.witness(pair))[pair] <= 0
        shown = labels.delta(deep.witness(pair))[pair]
        assert shown <= -1 if deep.delta[pair] == -np.inf else shown == pytest.approx(deep.delta[pair], rel=1e-9)


@pytest.mark.parametrize("delta", [-3.0, 0.0, 0.7])
def test_a_fit_has_the_delta_at_which_its_pair_is_held(delta):
    problem = Problem.from_unnormalized(np.random.default_rng(1).normal(size=4), 0.3)
    labels = Preferences.from_pairs([(0, 0, 1, 2), (0, 1, 2, 1), (0, 2, 0, 1), (0, 1, 0, 1), (0, 0, 3, 1)])
    at = infimum(problem, labels)
    for pair in range(labels.n_pairs):
        fit, *_ = at.components.hold(np.array([pair]), delta)
        sign = 1 - 2 * (labels.winner[fit.copies.edge] != labels.winner[pair])
        same = (np.minimum(labels.winner, labels.loser) == min(labels.winner[pair], labels.loser[pair])) & (
            np.maximum(labels.winner, labels.loser) == max(labels.winner[pair], labels.loser[pair])
        )
        held = same[fit.copies.edge]
        np.testing.assert_allclose(fit.delta[held], delta * sign[held])
        assert at.rows(np.array([pair]), delta)[0] @ _difference(labels, pair, 4) == pytest.approx(delta, abs=1e-12)


def _difference(labels, pair, n):
    return np.eye(n)[labels.winner[pair]] - np.eye(n)[labels.loser[pair]]


def test_fits_that_fail_their_check_are_made_alone(monkeypatch):
    """Of a block whose labels share factors: what is left of such a fit is a place to begin."""
    rng = np.random.default_rng(6)
    winner = rng.integers(0, 9, 90)
    labels = Preferences(0 * winner, winner, (winner + rng.integers(1, 9, 90)) % 9, rng.uniform(0.5, 2, 90))
    problem = Problem.from_unnormalized(rng.normal(size=9), 2.0)
    sound, held, failed = solve(problem, labels), many.Block.held, []

    def wrong(block, *given):
        fits = held(block, *given)
        some = np.arange(0, len(fits.cost), 3)
        fits.strength[:, some] += rng.normal(size=(9, len(some)))
        fits.cost[some], fits.push[some], fits.fitted[some], fits.told[some] = np.nan, np.nan, False, False
        failed.extend(some)
        return fits

    rows = sound.at.rows(np.flatnonzero(sound.binds), 0.0)
    monkeypatch.setattr(many.Block, "held", wrong)
    found = solve(problem, labels)
    np.testing.assert_allclose(found.value, sound.value, rtol=1e-13)
    np.testing.assert_allclose(found.multiplier, sound.multiplier, rtol=1e-10)
    np.testing.assert_allclose(found.at.rows(np.flatnonzero(found.binds), 0.0), rows, atol=1e-9)
    assert failed


def test_statuses_and_directions():
    """A chain: tying 0 and 1 leaves {0, 1} > 2 unattained; the witness walks off along the recession direction."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.7], beta=1)
    found = solve(problem, Preferences.from_pairs([(0, 1), (1, 2)]))
    assert [found.status(0), found.status(1)] == [Status.UNATTAINED, Status.UNATTAINED]
    witness = found.witness(0)
    assert witness[0, 0] == witness[0, 1]
    assert witness[0, 1] - witness[0, 2] > 38


def test_a_pair_is_unattained_where_another_prompt_is():
    """The first prompt's labels contradict one another; only where the second's is tied does a policy have the loss."""
    problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], beta=1)
    found = solve(problem, Preferences.from_pairs([(0, 0, 1), (0, 1, 0), (1, 0, 1)]))
    assert [found.status(pair) for pair in range(3)] == [Status.UNATTAINED, Status.UNATTAINED, Status.UNIQUE]


def test_witnesses_keep_the_mean_log_ratio_of_a_component_as_gradient_flow_does():
    """The labels do not speak of response 3: its log-ratio is the row's constant, and 0, 1, 2 have it on average."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=0.5)
    found = solve(problem, Preferences.from_pairs([(0, 1), (1, 2)]))
    for policy in (found.at.log_policy, found.witness(0), found.witness(1)):
        ratio = (policy - problem.log_ref)[0]
        assert ratio[:3].mean() == pytest.approx(ratio[3], abs=1e-12)


@pytest.mark.parametrize("case", GOLDEN["thresholds"], ids=lambda case: case["name"])
def test_golden_thresholds(case):
    problem = Problem.from_probabilities(case["ref"], case["beta"])
    found = solve(problem, Preferences.from_pairs(map(tuple, case["labels"])))
    np.testing.assert_allclose(found.value, case["thresholds"], rtol=1e-12)
    np.testing.assert_allclose(found.multiplier, case["multipliers"], rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(("beta", "scale"), [(1e-4, 1e4), (1e4, 1e4), (1.0, 1e4), (1e4, 1.0)])
def test_extreme_scales_stay_finite(beta, scale):
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(scale * rng.normal(size=(3, 5)), beta)
    weights = 10.0 ** rng.uniform(-12, 12, size=12)
    labels = [(x, *rng.choice(5, 2, replace=False), w) for x, w in zip(rng.integers(0, 3, 12), weights, strict=True)]
    preferences = Preferences.from_pairs(labels)
    found = solve(problem, preferences)
    assert np.isfinite(found.value).all()
    for pair in range(12):
        witness = found.witness(pair)
        assert dpo.loss(witness, problem, preferences) == pytest.approx(found.value[pair], rel=1e-6, abs=1e-6)


def test_labels_of_another_problem_are_refused():
    with pytest.raises(InputError, match="label 0 is about prompt 1"):
        solve(Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(1, 0, 1)]))


@pytest.mark.parametrize("beta", [1.0, 1e10, 1e18, 1e23])
def test_a_tie_costs_what_it_costs_however_near_its_straight_line_begins(beta):
    """One label, beta delta_ref beyond 1 over the rounding of delta_ref: the line begins within that rounding."""
    problem = Problem.from_unnormalized([0.0, -48.0, -21.0], beta)
    labels = Preferences([0, 0], [0, 1], [2, 0], log_weight=[-np.log(beta), 0.0])
    share = np.exp(labels.log_share[0])
    assert solve(problem, labels).value[0] == pytest.approx(share * softplus(beta * 21.0), rel=1e-14)
