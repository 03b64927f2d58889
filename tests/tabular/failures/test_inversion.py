"""The deepest inversion at a loss level: no drawn policy is deeper, and the witness is that deep at that loss."""

import cvxpy
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, dpo, failure_modes
from tabular.failures.infimum import Relation, infimum
from tabular.failures.inversion import deepest
from tabular.failures.thresholds import solve
from tests.benchmarks.test_small_inputs import small
from tests.strategies import labelled_problems, policies_of


@given(labelled_problems(), st.data())
def test_no_policy_at_that_loss_is_deeper(case, data):
    problem, preferences = case
    policy = data.draw(policies_of(problem))
    level = dpo.loss(policy, problem, preferences)
    assume(level > 1e-300)  # the loss itself underflows
    found = deepest(problem, preferences, level)
    scale = np.maximum(1, np.abs(preferences.delta(policy))) + 1 / problem.beta
    assert np.all(found.delta <= preferences.delta(policy) + 1e-6 * scale)


@given(labelled_problems(), st.floats(0.01, 1.0))
def test_the_witness_is_that_deep_at_that_loss(case, share):
    problem, preferences = case
    found = solve(problem, preferences)
    level = found.value + share * np.maximum(np.log(2) - found.value, 0.1)
    deep = deepest(problem, preferences, level)
    assert np.all(deep.delta < 1e-6 / problem.beta)  # above v_i some policy is inverted
    for pair in range(preferences.n_pairs):
        witness = deep.witness(pair)
        assert dpo.loss(witness, problem, preferences) == pytest.approx(level[pair], rel=1e-6, abs=1e-6)
        assert preferences.delta(witness)[pair] == pytest.approx(deep.delta[pair], rel=1e-9, abs=1e-9 / problem.beta)


@given(labelled_problems())
def test_at_its_threshold_a_binding_pair_is_tied_and_below_it_certainly_right(case):
    problem, preferences = case
    found = solve(problem, preferences)
    bound = np.flatnonzero(found.binds & (found.multiplier > 1e-6 * problem.beta))
    if bound.size:
        at_threshold = deepest(problem, preferences, found.value[bound], bound)
        np.testing.assert_allclose(at_threshold.delta, 0, atol=1e-4 / problem.beta)


def test_one_pair_by_hand():
    problem = Problem.from_probabilities([0.1, 0.9], beta=0.5)
    found = deepest(problem, Preferences.from_pairs([(0, 1)]), [np.log(2)])
    assert found.delta[0] == pytest.approx(np.log(0.1 / 0.9))  # untrained: no deeper than the reference


@pytest.mark.parametrize(
    ("level", "delta", "shown"),
    [
        (0.0, np.inf, 40),
        (1e-300, 300 * np.log(10) + np.log(0.25), 300 * np.log(10) + np.log(0.25)),
        (np.inf, -np.inf, -1e8),
    ],
)
def test_the_ends_of_the_levels(level, delta, shown):
    """delta_ref - log(e^tau - 1) at the smallest and largest tau; at 0 the witness stops at beta delta = 40."""
    problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    found = deepest(problem, Preferences.from_pairs([(0, 1)]), level)
    assert found.delta[0] == pytest.approx(delta)
    witness = found.witness(0)
    assert np.exp(witness).sum() == pytest.approx(1)
    assert witness[0, 0] - witness[0, 1] == pytest.approx(shown)


def test_at_the_infimum_every_delta_is_that_of_the_optimum():
    """{0, 1} contradict one another and 0 beats 2: the first two have one delta there, the third grows for ever."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    labels = Preferences.from_pairs([(0, 1), (1, 0), (0, 2)])
    found = deepest(problem, labels, infimum(problem, labels).value)
    np.testing.assert_allclose(found.delta, [np.log(0.2 / 0.3), np.log(0.3 / 0.2), np.inf], rtol=1e-12)
    for pair in range(3):
        assert dpo.loss(found.witness(pair), problem, labels) == pytest.approx(found.loss_level[pair], abs=1e-15)


def test_a_level_that_no_policy_has_is_refused():
    problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1)])
    with pytest.raises(InputError, match=r"loss_level 0\.5 is below the infimum of the loss, 0\.562335"):
        deepest(problem, labels, 0.5)


@pytest.mark.parametrize("pair", [7, -1])
def test_a_position_without_a_label_is_refused(pair):
    problem, labels = Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match=rf"pairs\[0\] is {pair}: "):
        deepest(problem, labels, 0.5, pairs=[pair])


def test_levels_are_one_number_or_one_for_each_pair():
    problem, labels = Problem.from_probabilities([0.5, 0.5], beta=1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match=r"loss_level has shape \(2,\) for 1 pairs: give one number, or one for each"):
        deepest(problem, labels, [0.5, 0.6])
    with pytest.raises(InputError, match=r"loss_level\[0\] is nan: give a number, in nats"):
        deepest(problem, labels, np.nan)


def test_a_pair_only_asked_about_is_bounded_by_the_chain_between():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1), (0, 1, 2), (0, 0, 2, 0), (0, 2, 0, 0)])
    found = deepest(problem, labels, np.log(2))
    # two equal labels share the fall evenly by symmetry: each at its own log 2, the chain where the reference has it
    assert found.delta[2] == pytest.approx(np.log(0.2 / 0.5))
    assert found.delta[3] == -np.inf
    assert labels.delta(found.witness(3))[3] <= -1


def test_a_witness_that_stops_short_stays_on_the_falling_side():
    """beta delta is -1.5e8 where the loss is least: stopping above that, at -1e8, would lose 5e7 nats of it."""
    problem = Problem.from_unnormalized([-15489.0, 0.0], 1e4)
    labels = Preferences.from_pairs([(0, 0, 1, 1e6), (0, 1, 0, 1.0)])
    found = deepest(problem, labels, np.log(2))
    for pair in range(2):
        assert dpo.loss(found.witness(pair), problem, labels) <= np.log(2) * (1 + 1e-9)
    report = failure_modes.find(problem, labels)
    witness = report.rows[0].findings[failure_modes.Kind.LOSS_FALLS_WHILE_INVERTED].witness
    assert witness.delta < 0
    assert witness.loss < np.log(2)


def test_a_light_label_held_deep_beside_heavy_ones():
    """3 > 2 and 0 > 2 stand and fall together: 0 and 3 are held to one another by labels heavier by a factor 10^6."""
    problem = Problem.from_probabilities([0.25] * 4, 1e4)
    heavy, light = [(0, 3, 0, 1e10), (0, 0, 3, 4e11)], [(0, 0, 2, 1e4), (0, 3, 2, 4e-7), (0, 1, 2, 3e-7)]
    labels = Preferences.from_pairs([*heavy, *light])
    least = infimum(problem, labels)
    level = 0.45
    found = deepest(problem, labels, level)
    gap = np.log(1e10 / 4e11) / problem.beta  # delta of 3 over 0
    alone = -(level - least.value) / np.exp(labels.log_share[2]) / problem.beta
    assert found.delta[2] == pytest.approx(alone, rel=1e-6)
    assert found.delta[3] == pytest.approx(alone + gap, rel=1e-6)
    for pair in (2, 3):
        assert dpo.loss(found.witness(pair), problem, labels) == pytest.approx(level, rel=1e-6)
        assert labels.delta(found.witness(pair))[pair] == pytest.approx(found.delta[pair], rel=1e-9)


@pytest.mark.parametrize("pairs", [[(0, 1)], [(0, 1), (1, 0)], [(0, 1), (1, 2), (2, 0)]])
def test_levels_at_the_ends_of_the_floats(pairs):
    """A cycle of k labels can be inverted by k L: as far as that is a float it is said, beyond it refused."""
    problem, labels = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1.0), Preferences.from_pairs(pairs)
    np.testing.assert_allclose(failure_modes.deepest(problem, labels, 1e290).delta, -1e290 * len(pairs), rtol=1e-12)
    assert np.isneginf(failure_modes.deepest(problem, labels, np.inf).delta).all()
    with pytest.raises(InputError, match="delta leaves double precision there"):
        failure_modes.deepest(problem, labels, 1.7e308)


@pytest.mark.parametrize("spread", [1.0, 1e5])
def test_one_ulp_above_the_infimum_and_far_above_it(spread):
    """Labels of one block, solved together: at one ulp the optimum's own depths but for the root of an ulp."""
    rng = np.random.default_rng(4)
    problem = Problem.from_unnormalized(rng.normal(size=8) * spread, beta=1.0)
    winner = np.r_[np.arange(8), rng.integers(0, 8, 34)]
    loser = (winner + np.r_[np.ones(8, int), rng.integers(1, 8, 34)]) % 8
    labels = Preferences(0 * winner, winner, loser)
    at = infimum(problem, labels)
    found = deepest(problem, labels, np.nextafter(at.value, np.inf))
    np.testing.assert_allclose(found.delta, labels.delta(dpo.solve(problem, labels).log_policy), atol=1e-5)
    levels = [at.value + gain for gain in (1e-12, 1e-3, 1e3)]
    depths = np.array([found.delta, *(deepest(problem, labels, level).delta for level in levels)])
    assert (np.diff(depths, axis=0) < 1e-12 * spread).all()
    assert np.isfinite(depths).all()


def test_a_pair_across_blocks_of_many_labels_goes_all_the_way():
    """Pair 217 lies above a block of 290: a step that lost its difference once ended at -61 where -137 is allowed."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=300), 1.0, rng.normal(size=300))
    winner = rng.integers(0, 300, 1200)
    labels = Preferences(np.zeros(1200, int), winner, (winner + rng.integers(1, 300, 1200)) % 300)
    at = infimum(problem, labels)
    pairs = np.flatnonzero(at.relation == Relation.ABOVE)
    found = deepest(problem, labels, np.log(2), pairs, at)
    which = np.flatnonzero(pairs == 217)
    assert found.delta[which].item() == pytest.approx(-137.28202328, abs=1e-7)
    _, alone, _ = at.parts.hold(pairs[which], found.delta[which])
    cost = alone - at.parts.cost[at.parts.piece(pairs[which])]
    assert at.value + cost.item() == pytest.approx(np.log(2), abs=1e-12)


@pytest.mark.parametrize("spread", [1.0, 40.0])
def test_one_pair_at_many_levels_is_at_each_as_deep_as_when_it_is_asked_alone(spread):
    """Fits begin where those of the same pair ended; where they end does not depend on that, nor on the order."""
    rng = np.random.default_rng(7)
    n, k = 8, 20
    winner = rng.integers(0, n, k)
    weight = np.exp(spread * rng.uniform(-1, 1, k))
    labels = Preferences(0 * winner, winner, (winner + rng.integers(1, n, k)) % n, weight)
    problem = Problem.from_unnormalized(rng.normal(size=n), beta=0.5)
    at = infimum(problem, labels)
    pairs, above = np.repeat(np.arange(k), 4), np.tile([1e-3, 0.1, 30.0, 3.0], k)
    together = deepest(problem, labels, at.value + above, pairs, at)
    again = deepest(problem, labels, at.value + above[::-1], pairs[::-1], at)
    assert again.delta[::-1] == pytest.approx(together.delta, rel=1e-10, abs=1e-10)
    some = slice(None, None, 3)  # which goes through all levels
    asked = zip(pairs[some], above[some], strict=True)
    alone = np.concatenate([deepest(problem, labels, at.value + a, [p]).delta for p, a in asked])
    assert together.delta[some] == pytest.approx(alone, rel=1e-10, abs=1e-10)
    rows = deepest(problem, labels, at.value + above[:4], pairs[:4]).rows()
    assert together.rows()[:4] == pytest.approx(rows, rel=1e-9, abs=1e-9)


def test_levels_that_once_took_newton_for_ever():
    """Half-way between its threshold and log 2 the pair 90 > 95 was begun at a loss of 10^5, and lost 7 a step."""
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=300), 1.0, rng.normal(size=300))
    winner = rng.integers(0, 300, 1200)
    labels = Preferences(np.zeros(1200, int), winner, (winner + rng.integers(1, 300, 1200)) % 300)
    value = failure_modes.solve_thresholds(problem, labels)
    at, pair = value.at, np.flatnonzero((labels.winner == 90) & (labels.loser == 95))
    pairs = np.flatnonzero(at.relation == Relation.ABOVE)
    level = (value.value[pairs] + np.log(2)) / 2
    found, some = deepest(problem, labels, level, pairs, at), np.flatnonzero(pairs == pair)
    _, cost, flow = at.components.hold(pairs[some], found.delta[some])  # each alone, in cuts
    left = cost + at.value - at.components.cost[at.components.piece(pairs[some])] - level[some]
    np.testing.assert_allclose(left / flow, 0, atol=1e-10)


def test_a_pair_that_costs_next_to_nothing_to_push_overflows_nothing():
    """References of 1e3 nats and rewards of hundreds: tangents of known fits are as flat as floats go."""
    _, problem, labels, _ = small(509)
    found = deepest(problem, labels, 1e3)
    for pair in range(labels.n_pairs):
        assert dpo.loss(found.witness(pair), problem, labels) == pytest.approx(1e3, rel=1e-12)


def test_a_fit_that_pushes_the_wrong_way_by_rounding_sends_no_pair_to_infinity():
    """References and rewards of hundreds of nats: a rough fit of two blocks held together can have no push at all."""
    _, problem, labels, _ = small(275)
    least = dpo.solve(problem, labels).infimum
    level = (least + np.log(2)) / 2
    found = deepest(problem, labels, level)
    for pair in range(labels.n_pairs):
        policy = found.witness(pair)
        assert dpo.loss(policy, problem, labels) == pytest.approx(level, abs=1e-12)
        assert labels.delta(policy)[pair] == pytest.approx(found.delta[pair], rel=1e-9)


@pytest.mark.parametrize(("n", "seed", "pair"), [(16, 4, 24), (16, 30, 24), (24, 1, 33), (16, 23, 27)])
@pytest.mark.parametrize("level", [10.0, 30.0, 1e3])
def test_population_labels_of_two_rewards_far_down(n, seed, pair, level):
    """Their weights cancel across many cuts, to nothing but rounding, and fits on the way down once ended there."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.integers(-3, 4, n) * 1.0, 7.0, rng.integers(0, 2, n) * 1.0)
    winner = rng.integers(0, n, n)
    loser = (winner + rng.integers(1, n, n)) % n
    labels = Preferences.from_bradley_terry(problem, np.column_stack([winner, loser]).tolist())
    found = deepest(problem, labels, level, [pair])
    assert dpo.loss(found.witness(0), problem, labels) == pytest.approx(level, rel=1e-12)
    assert found.delta[0] == pytest.approx(_deepest_by_clarabel(problem, labels, level, pair), rel=1e-6)


def _deepest_by_clarabel(problem, labels, level, pair):
    s = cvxpy.Variable(problem.n_responses)
    delta_ref, strength = labels.delta(problem.log_ref), s[labels.winner] - s[labels.loser]
    loss = np.exp(labels.log_share) @ cvxpy.logistic(-strength)
    found = cvxpy.Problem(cvxpy.Minimize(strength[pair]), [loss <= level, s[0] == 0])
    found.solve(solver="CLARABEL")
    return delta_ref[pair] + found.value / problem.beta


@pytest.mark.parametrize("level", [0.69, 1.0, 1.2, 50.0, 1e5])
def test_a_pair_that_is_only_asked_about_falls_as_deep_as_the_same_pair_labelled(level):
    """Its own weight, 0, bounds nothing: levels above 1 were refused for it."""
    problem = Problem.from_unnormalized([0.3, -1.0, 0.5, 0.0], 0.7)
    labels = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 2, 1), (0, 2, 0, 2), (0, 0, 1, 0), (0, 0, 2, 0)])
    found = deepest(problem, labels, level)
    assert found.delta[3] == pytest.approx(found.delta[0], rel=1e-9)
    assert dpo.loss(found.witness(4), problem, labels) == pytest.approx(level, rel=1e-6)
