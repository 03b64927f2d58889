"""Failure modes under any loss: thresholds and worst cases against Clarabel, movements against policies and search."""

import json
from itertools import combinations

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, Status, failure_modes, losses
from tabular.base.log_space import normalised
from tabular.failures.kinds import Kind
from tabular.fits import circulation
from tabular.losses.mean import gradient
from tests.benchmarks.test_small_inputs import small
from tests.tabular.losses import routes
from tests.tabular.losses.test_facts import LOSSES, USERS
from tests.tabular.losses.test_solve import both_ways

KINKED = {
    "absolute": losses.custom("absolute", lambda x: np.abs(x - 1), lambda x: np.sign(x - 1)),
    "own hinge": losses.custom("own hinge", lambda x: np.maximum(1 - x, 0), lambda x: np.where(x < 1, -1.0, 0.0)),
}
CONVEX = {
    "dpo": losses.get("dpo"),
    "cdpo": losses.get("cdpo", eps=0.1),
    "rdpo": losses.get("rdpo", eps=0.05),
    "ipo": losses.get("ipo"),
    "hinge": losses.get("hinge"),
    "slic": losses.get("slic", margin=1.0),
    "hypo": losses.get("hypo"),
    **USERS,
    **KINKED,
}


def instances(rng, n, most=4, labels=99):
    for k in range(n):
        size, pairs, weight = routes.random_graph(rng, most)
        pairs, weight = pairs[:labels], weight[:labels]
        if k % 2 and labels == 99:
            pairs, weight = both_ways(rng, pairs, weight, 2)
        problem = Problem.from_unnormalized(rng.normal(0, 1.5, size), 0.5)
        yield problem, Preferences.from_pairs([(0, w, y, c) for (w, y), c in zip(pairs, weight, strict=True)])


@pytest.mark.parametrize("name", CONVEX)
def test_thresholds_and_their_witnesses_against_clarabel(name):
    loss, rng, binding, decided = CONVEX[name], np.random.default_rng(3), 0, 0
    for problem, labels in instances(rng, 8):
        found = failure_modes.solve_loss_thresholds(problem, labels, loss)
        np.testing.assert_array_equal(
            found.value, failure_modes.thresholds(problem, labels, loss) if name != "dpo" else found.value
        )
        least = routes.with_inverted(problem, labels, loss)
        for pair in range(labels.n_pairs):
            value, _ = least([pair])
            if np.isinf(value) or np.isinf(found.value[pair]):
                assert value == found.value[pair]
                continue
            assert found.value[pair] == pytest.approx(value, rel=1e-6, abs=1e-6)
            binding, decided = binding + found.binds[pair], decided + 1
            policy = found.witness(pair)
            assert policy[0, labels.winner[pair]] <= policy[0, labels.loser[pair]]
            if found.attained[pair]:
                assert losses.mean(policy, problem, labels, loss) == pytest.approx(
                    found.value[pair], rel=1e-6, abs=1e-8
                )
    assert decided > 20
    assert 0 < binding < decided or name == "slic"


@pytest.mark.parametrize("name", ["dpo", "hypo"])
def test_dpo_and_margins_by_the_route_that_is_theirs(name):
    rng, loss = np.random.default_rng(5), CONVEX[name]
    for problem, labels in instances(rng, 20, most=5):
        delta_ref = labels.delta(problem.log_ref)
        offset = problem.beta * np.maximum(-delta_ref, 0) if name == "hypo" else None
        theirs = failure_modes.solve_thresholds(problem, labels, offset)
        ours = failure_modes.solve_loss_thresholds(problem, labels, loss)
        np.testing.assert_allclose(ours.value, theirs.value, atol=1e-12)
        np.testing.assert_allclose(ours.multiplier, theirs.multiplier, atol=1e-7)
        np.testing.assert_array_equal(ours.attained, theirs.attained)


@pytest.mark.parametrize("name", ["cdpo", "ipo"])
def test_pairs_of_weight_0_have_the_minimiser_s_delta(name):
    """Where labels settle it, those of another prompt apart."""
    problem = Problem.from_probabilities([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8]], 0.7)
    rows = [(0, 0, 1, 5), (0, 1, 0, 1), (0, 1, 2, 2), (0, 0, 2, 0), (1, 0, 1, 0)]
    found = failure_modes.solve_loss_thresholds(problem, Preferences.from_pairs(rows), CONVEX[name])
    policy = losses.solve(problem, Preferences.from_pairs(rows[:3]), CONVEX[name]).log_policy
    np.testing.assert_allclose(found.delta[:4], Preferences.from_pairs(rows[:4]).delta(policy), atol=1e-9)
    assert np.isnan(found.delta[4])


@pytest.mark.parametrize("name", ["cdpo", "ipo", "hinge"])
def test_multipliers_are_slopes_of_the_threshold(name):
    """Of v in the bound on delta: a higher reference of the winner asks h to fall further, and nothing else changes."""
    problem = Problem.from_probabilities([0.5, 0.2, 0.3], 0.7)
    labels = Preferences.from_pairs([(0, 0, 1, 5), (0, 1, 0, 1), (0, 1, 2, 2)])
    found = failure_modes.solve_loss_thresholds(problem, labels, CONVEX[name])
    assert found.binds.any()
    for pair in np.flatnonzero(found.binds):
        step, values = 1e-5, []
        for side in (1, -1):
            moved = problem.log_ref.copy()
            moved[0, labels.winner[pair]] += side * step
            other = Problem.from_unnormalized(moved, 0.7)
            values.append(failure_modes.thresholds(other, labels, CONVEX[name])[pair])
        assert found.multiplier[pair] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo", "hinge", "slic", "hypo", *USERS])
def test_worst_cases_against_every_set_of_labels(name):
    loss, rng, below = CONVEX[name], np.random.default_rng(8), 0
    for problem, labels in instances(rng, 4, labels=5):
        found = failure_modes.loss_frontier(problem, labels, loss)
        share, n = np.exp(labels.log_share), labels.n_pairs
        least = routes.with_inverted(problem, labels, loss)
        cost = {inverted: least(inverted)[0] for size in range(n + 1) for inverted in combinations(range(n), size)}
        for level in found.infimum + np.geomspace(1e-3, 2.0, 6):
            wanted = min(1 - share[list(inverted)].sum() for inverted, c in cost.items() if c <= level)
            given = failure_modes.worst_case_accuracy(problem, labels, level, loss=loss)
            assert given == pytest.approx(wanted, abs=1e-9)
            below += given < 1
        for size in range(1, n + 1):
            inverted = rng.choice(n, size, replace=False)
            joint = failure_modes.joint_threshold(problem, labels, inverted, loss=loss)
            assert joint == pytest.approx(cost[tuple(sorted(inverted.tolist()))], rel=1e-6, abs=1e-6)
    assert below


def test_a_users_loss_that_is_straight_where_newton_starts():
    """Huber's curvature is 0 more than 1 from its least: no share of a Newton step helps, slopes do."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.1, 0.4], 0.5)
    labels, huber = Preferences.from_pairs([(0, 1), (1, 2)]), USERS["huber"]
    wanted = [routes.by_clarabel(problem, labels, huber, [k])[0] for k in (0, 1)]
    np.testing.assert_allclose(failure_modes.thresholds(problem, labels, loss=huber), wanted, atol=1e-7)


def test_worst_cases_of_several_prompts_fill_one_budget():
    problem = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1), (2, 0, 1)])
    loss = losses.get("cdpo", eps=0.2)
    alone = failure_modes.thresholds(problem, labels, loss) - losses.solve(problem, labels, loss).infimum
    infimum = losses.solve(problem, labels, loss).infimum
    for level in (0.01, alone[0] * 1.01, alone[0] + alone[1] * 1.01, alone.sum() * 1.01):
        wanted = min(
            1 - len(s) / 3 for k in range(4) for s in combinations(range(3), k) if alone[list(s)].sum() <= level
        )
        given = failure_modes.worst_case_accuracy(problem, labels, infimum + level, loss=loss)
        assert given == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", ["ipo", "rdpo", "hinge", "cdpo"])
def test_the_listing_of_every_kind_shows_what_it_says(name):
    loss, rng, kinds = CONVEX[name], np.random.default_rng(9), set()
    for problem, labels in instances(rng, 6):
        report = failure_modes.find(problem, labels, loss=loss)
        assert report.reference_loss == pytest.approx(losses.mean(problem.log_ref, problem, labels, loss))
        for row in report.rows:
            row.readable()
            kinds |= set(row.kinds)
            for kind, finding in row.findings.items():
                assert finding.why
                if finding.witness is None:
                    continue
                policy, delta = finding.witness.log_policy, finding.witness.delta
                assert finding.witness.loss == losses.mean(policy, problem, labels, loss)
                if kind is failure_modes.Kind.LOSS_FALLS_WHILE_INVERTED:
                    assert delta < 0
                    assert finding.witness.loss < report.reference_loss
                if kind is failure_modes.Kind.DPO_OPTIMUM_INVERTED:
                    assert delta <= 1e-9
                    assert finding.witness.loss == pytest.approx(report.infimum, abs=1e-9)
    assert failure_modes.Kind.LOSS_FALLS_WHILE_INVERTED in kinds
    assert failure_modes.Kind.CHOSEN_PROBABILITY_FALLS in kinds


@pytest.mark.parametrize("name", CONVEX)
def test_witnesses_come_as_near_as_floats_tell_however_far_the_reference(name):
    """Losses that are least only in the limit, over references of hundreds of nats: blocks are parted by more."""
    short, chain = 0, [(0, 0, 1, 1.0), (0, 1, 2, 2.0), (0, 3, 4, 1.0), (0, 4, 3, 0.5), (0, 0, 3, 1.0)]
    for seed in range(6):
        problem = Problem.from_unnormalized(np.random.default_rng(seed).normal(0, 60, (1, 5)), 0.5)
        labels = Preferences.from_pairs(chain)
        found = failure_modes.solve_loss_thresholds(problem, labels, CONVEX[name])
        for pair in np.flatnonzero(np.isfinite(found.value)):
            policy = found.witness(pair)
            assert labels.delta(policy)[pair] <= 0
            loss = losses.mean(policy, problem, labels, CONVEX[name])
            assert loss == pytest.approx(found.value[pair], rel=1e-9, abs=1e-12)
            short += not found.attained[pair]
    assert short or CONVEX[name].scalar.growth[1] != 0 or CONVEX[name].scalar.settles[1]


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("beta", [0.5, 20.0])
def test_no_loss_below_that_of_an_even_reference_inverts_its_one_label(name, beta):
    """There v is the reference's own loss, and what is not below it is no fall."""
    problem, label = Problem.from_probabilities([1 / 3] * 3, beta), Preferences.from_pairs([(0, 1)])
    report = failure_modes.find(problem, label, loss=CONVEX[name])
    (row,) = report.rows
    assert row.threshold == pytest.approx(report.reference_loss, abs=1e-9)
    assert report.infimum < report.reference_loss
    finding = row.findings[failure_modes.Kind.LOSS_FALLS_WHILE_INVERTED]
    assert not finding.occurs
    assert finding.witness is None
    assert not row.findings[failure_modes.Kind.PESSIMISTIC_REFERENCE].occurs


def test_where_the_loss_falls_without_end_nothing_is_said_of_its_optimum():
    """rDPO on one label: no policy has the least loss, and questions about those that have it have no answer."""
    problem, label = Problem.from_probabilities([0.2, 0.8], 1), Preferences.from_pairs([(0, 1)])
    (row,) = failure_modes.find(problem, label, loss=losses.get("rdpo", eps=0.1)).rows
    for kind in (Kind.DPO_OPTIMUM_INVERTED, Kind.INVERTED_SOMEWHERE_IN_THE_SET):
        assert row.findings[kind].occurs is None
        assert "unbounded below" in row.findings[kind].why


@pytest.mark.parametrize("name", ["simpo", "discopop", "squared_po", "fdpo_js"])
def test_a_pair_that_vanishes_in_the_limit_is_listed(name):
    """Response 1 takes all the mass, and the ratio of 0 and 2, which beat each other, has no value there."""
    problem = Problem.from_probabilities([0.6, 0.3, 0.1], beta=0.3)
    labels = Preferences.from_pairs([(2, 0), (0, 2), (1, 2)])
    report = failure_modes.find(problem, labels, loss=losses.typical(name))
    assert report.rows[0].findings[failure_modes.Kind.INVERTED_SOMEWHERE_IN_THE_SET].occurs is None
    assert report.rows[0].findings[failure_modes.Kind.PESSIMISTIC_REFERENCE].occurs


@pytest.mark.parametrize("name", ["simpo", "discopop", "squared_po", "fdpo_js", "kto", "sppo_hard"])
def test_where_the_loss_has_no_slope_at_the_reference_nothing_is_tried_along_it(name):
    """Both orders of one pair of even responses: at the reference what pulls one up pulls it down."""
    problem, labels = Problem.from_probabilities([0.25, 0.25, 0.5], beta=1.0), Preferences.from_pairs([(0, 1), (1, 0)])
    loss = losses.typical(name)
    assert not gradient(problem.log_ref, problem, labels, loss).any()
    report = failure_modes.find(problem, labels, loss=loss)
    for row in report.rows:
        finding = row.findings[failure_modes.Kind.LOSS_FALLS_WHILE_INVERTED]
        assert finding.occurs is None or (finding.occurs and finding.witness.loss < report.reference_loss)


def test_ipo_leaves_a_misaligned_pair_inverted_at_its_own_optimum_and_dpo_does_not():
    problem = Problem.from_probabilities([0.1, 0.9], beta=0.5)  # delta_ref = -2.2, IPO asks h = 1
    one = Preferences.from_pairs([(0, 1)])
    kind = failure_modes.Kind.DPO_OPTIMUM_INVERTED
    assert failure_modes.find(problem, one, loss=losses.get("ipo")).rows[0].findings[kind].occurs
    assert not failure_modes.find(problem, one).rows[0].findings[kind].occurs
    assert failure_modes.thresholds(problem, one, losses.get("ipo")).tolist() == [0]


# --- movements -------------------------------------------------------------------------------------------------------


SMOOTH = [name for name, loss in LOSSES.items() if name not in ("chi_po", "hinge", "slic", "dpop")]


@pytest.mark.parametrize("name", SMOOTH)
def test_movements_are_shown_by_policies_of_less_loss(name):
    loss, rng, shown = LOSSES[name], np.random.default_rng(10), 0
    for problem, labels in instances(rng, 4, labels=4):
        found = failure_modes.movement(problem, labels, loss)
        start = losses.mean(problem.log_ref, problem, labels, loss)
        for pair in range(labels.n_pairs):
            ends = labels.winner[pair], labels.loser[pair]
            free = np.setdiff1d(np.arange(problem.n_responses), np.r_[labels.winner, labels.loser])
            for kind in ("chosen_falls", "both_fall", "mass_to_unlabelled"):
                policy = found.witness(kind, pair)
                assert (policy is None) or getattr(found, kind)[pair]
                if policy is None:
                    continue
                shown += 1
                assert losses.mean(policy, problem, labels, loss) < start
                gain = np.exp(policy[0]) - np.exp(problem.log_ref[0])
                assert kind == "mass_to_unlabelled" or gain[ends[0]] < 0
                assert kind != "both_fall" or gain[ends[1]] < 0
                assert kind != "mass_to_unlabelled" or gain[free].sum() > 0
    assert shown


@pytest.mark.parametrize(
    ("seed", "name", "least"),
    [
        (10, "discopop", (80, 80, 0)),  # bends at once: a loss that falls as fast as what is asked rises shows 29
        (0, "dpop", (80, 80, 0)),  # kinked at the reference: that shows 18
        (15, "ipo", (80, 78, 0)),  # probabilities of e^-3000: only their logs move
        (9, "aot_unpaired", (70, 62, 0)),  # 64 or 65 of the second kind, by processor
        (322, "simpo", (26, 11, 0)),  # sums of gains beside a probability of 1 - e^-60 are all rounding
        (23, "ecpo", (0, 0, 0)),  # 1e64 at the start: no policy is seen to cost less
    ],
)
def test_movements_are_shown_where_that_is_hard(seed, name, least):
    _, problem, labels, _ = small(seed)
    loss = losses.typical(name)
    found, kinds = failure_modes.movement(problem, labels, loss), ("chosen_falls", "both_fall", "mass_to_unlabelled")
    shown = [sum(kind == k for k, _ in found.policies) for kind in kinds]
    assert all(np.array(shown) >= least)
    start = losses.mean(problem.log_ref, problem, labels, loss)
    for (kind, pair), policy in found.policies.items():
        assert losses.mean(policy, problem, labels, loss) < start
        ends = (labels.winner, labels.loser)[: 1 + (kind == "both_fall")]
        for end in ends:
            others = np.arange(problem.n_responses) != end[pair]
            rest = [np.logaddexp.reduce(rows[0, others]) for rows in (policy, problem.log_ref)]
            assert policy[0, end[pair]] < problem.log_ref[0, end[pair]] or rest[0] > rest[1]


def test_movements_where_the_reference_is_all_but_certain():
    """At 5000 nats the answers are those at 5, or first order decides nothing: what tells is below the floats."""
    rng = np.random.default_rng(12)
    for _ in range(6):
        logits, winner = rng.permutation(5).astype(float), rng.integers(0, 5, 3)
        labels = Preferences(np.zeros(3, int), winner, (winner + rng.integers(1, 5, 3)) % 5)
        answers = []
        for scale in (5.0, 5000.0):
            found = failure_modes.movement(Problem.from_unnormalized(scale * logits, 0.5), labels, LOSSES["dpo"])
            answers.append((found.chosen_falls, found.both_fall, found.mass_to_unlabelled))
        for near, far in zip(*answers, strict=True):
            assert all(b in (a, None) for a, b in zip(near, far, strict=True))


def test_what_is_called_impossible_no_random_policy_does():
    rng = np.random.default_rng(11)
    for name in ("dpo", "cdpo", "ipo", "nca_pair", "cpo_xu"):
        loss = LOSSES[name]
        for n, rows in ((2, [(0, 1)]), (3, [(0, 1), (1, 0)]), (3, [(0, 1), (1, 2), (2, 0)])):
            problem = Problem.from_unnormalized(rng.normal(size=n), 0.5)
            labels = Preferences.from_pairs(rows)
            found = failure_modes.movement(problem, labels, loss)
            start = losses.mean(problem.log_ref, problem, labels, loss)
            for _ in range(400):
                policy = normalised(problem.log_ref + rng.normal(0, rng.choice([0.01, 0.3, 3.0]), (1, n)))
                if losses.mean(policy, problem, labels, loss) >= start - 1e-12:
                    continue
                gain = np.exp(policy[0]) - np.exp(problem.log_ref[0])
                for pair in range(labels.n_pairs):
                    falls = gain[labels.winner[pair]] < 0, gain[labels.loser[pair]] < 0
                    assert found.chosen_falls[pair] is not False or not falls[0]
                    assert found.both_fall[pair] is not False or not all(falls)


@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo"])
def test_prompts_that_no_label_pushes_pay_for_nothing(name):
    """Beside one aligned pair of two responses: prompts without labels, with one of weight 0, and of balanced ones."""
    problem = Problem.from_probabilities([[0.6, 0.4, 0], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [1 / 3] * 3], 0.1)
    labels = Preferences.from_pairs([(0, 0, 1), (1, 0, 1, 0), (3, 0, 1, 1), (3, 1, 0, 1)])
    found = failure_modes.movement(problem, labels, LOSSES[name])
    assert (found.chosen_falls[0], found.both_fall[0], found.mass_to_unlabelled[0]) == (False, False, False)
    push = -gradient(problem.log_ref, problem, labels, LOSSES[name])
    assert np.abs(push[1:]).max() < 1e-15
    pushed = failure_modes.movement(problem, Preferences.from_pairs([(0, 0, 1), (1, 0, 1, 1)]), LOSSES[name])
    assert pushed.chosen_falls[0]


def test_labels_of_weight_0_change_no_witness_where_their_loss_is_infinite():
    """The reverse label's exp(beta h) leaves the floats at every step that is tried."""
    steep = losses.custom("exponential", lambda x: np.exp(-x), lambda x: -np.exp(-x))
    problem = Problem.from_probabilities([0.5, 0.3, 0.2], 1e16)
    alone = failure_modes.movement(problem, Preferences.from_pairs([(0, 1)]), steep)
    beside = failure_modes.movement(problem, Preferences.from_pairs([(0, 0, 1, 1), (0, 1, 0, 0)]), steep)
    for kind in ("chosen_falls", "both_fall", "mass_to_unlabelled"):
        assert alone.witness(kind, 0) is not None
        np.testing.assert_array_equal(beside.witness(kind, 0), alone.witness(kind, 0))


@pytest.mark.parametrize("name", ["cdpo", "ipo", "hinge", "rdpo"])
def test_what_an_inversion_costs_is_what_its_threshold_is_above_the_infimum(name):
    for problem, labels in instances(np.random.default_rng(4), 4):
        found = failure_modes.solve_loss_thresholds(problem, labels, CONVEX[name])
        assert (found.excess >= 0).all()
        assert ((found.excess > 0) == (found.value > found.infimum)).all()
        finite = np.isfinite(found.value)
        np.testing.assert_allclose(found.infimum + found.excess[finite], found.value[finite], rtol=1e-14)
        assert [found.status(k) is Status.UNBOUNDED for k in range(labels.n_pairs)] == np.isneginf(found.value).tolist()


def test_two_responses_can_only_rise_under_convex_losses_of_differences():
    problem, one = Problem.from_probabilities([0.3, 0.7], 1), Preferences.from_pairs([(0, 1)])
    for name in ("dpo", "cdpo", "rdpo", "ipo", "hypo"):
        found = failure_modes.movement(problem, one, LOSSES[name])
        assert (found.chosen_falls, found.both_fall, found.mass_to_unlabelled) == ((False,), (False,), (False,))
    # DiscoPOP's loss rises with the margin at the reference: the chosen probability falls first
    assert failure_modes.movement(problem, one, losses.get("discopop")).chosen_falls == (True,)
    # NCA's push on one pair is along the chosen probability too, but it is no loss of differences
    assert failure_modes.movement(problem, one, LOSSES["nca_pair"]).chosen_falls == (None,)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nca_pair", "exact for losses of differences; nca_pair is one of kind 'absolute'"),
        ("fdpo_js", "exact for losses of differences; fdpo_js is one of kind 'link'"),
        ("exo_pair", "exact for convex losses; exo_pair is not convex"),
    ],
)
def test_losses_that_are_not_exact_are_refused(name, said):
    problem, one = Problem.from_probabilities([0.3, 0.7], 1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match=said):
        failure_modes.thresholds(problem, one, loss=LOSSES[name])
    with pytest.raises(InputError, match=said):
        failure_modes.worst_case_accuracy(problem, one, 0.5, loss=LOSSES[name])


@pytest.mark.parametrize("name", [*losses.names()[:31], "user"])
def test_what_is_exact_of_any_loss_is_listed(name):
    """Every finding of a policy is checked by the policy itself; a pair that starts wrong can always stay wrong."""
    loss = losses.typical(name) if name != "user" else USERS["exponential"]
    problem = Problem.from_probabilities([0.1, 0.6, 0.3], 0.5, reward=[1.0, 0.0, 0.5])
    labels = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1), (0, 0, 2, 2)])
    report = failure_modes.find(problem, labels, loss)
    start = losses.mean(problem.log_ref, problem, labels, loss)
    for row in report.rows:
        for kind, finding in row.findings.items():
            assert finding.why
            if finding.witness is not None and kind is Kind.LOSS_FALLS_WHILE_INVERTED:
                policy = finding.witness.log_policy
                assert losses.mean(policy, problem, labels, loss) < start
                assert finding.witness.delta < 0
    first, second, third = report.rows
    assert [row.findings[Kind.PESSIMISTIC_REFERENCE].occurs for row in report.rows] == [True, False, True]
    assert first.findings[Kind.CONTRADICTORY_LABELS].occurs
    assert second.findings[Kind.CONTRADICTORY_LABELS].occurs
    assert not third.findings[Kind.CONTRADICTORY_LABELS].occurs
    moved = np.abs(losses.gradient(problem.log_ref, problem, labels, loss)).max() > 0
    assert first.findings[Kind.LOSS_FALLS_WHILE_INVERTED].occurs or not moved
    found = losses.solve(problem, labels, loss)
    certain = Status.LOCAL not in found.statuses
    assert report.infimum == pytest.approx(found.infimum if certain else np.nan, abs=1e-12, nan_ok=True)
    if loss.kind != "difference" and found.status is Status.UNIQUE:
        for row, delta in zip(report.rows, labels.delta(found.log_policy), strict=True):
            assert row.findings[Kind.DPO_OPTIMUM_INVERTED].occurs == (delta <= 0)
    json.dumps(report.to_dicts(), allow_nan=False)


def test_losses_of_a_batch_have_no_failures_of_labels():
    problem, one = Problem.from_probabilities([0.3, 0.7], 1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match="mixes the pairs of a batch"):
        failure_modes.find(problem, one, losses.get("aot"))


def test_worst_cases_say_what_they_cannot_do():
    problem, one = Problem.from_probabilities([0.3, 0.7], 1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match="rdpo is unbounded below"):
        failure_modes.worst_case_accuracy(
            problem, Preferences.from_pairs([(0, 1), (0, 1)]), 0.5, loss=losses.get("rdpo", eps=0.1)
        )
    chain = Problem.from_probabilities([0.2, 0.3, 0.5], 1), Preferences.from_pairs([(0, 1), (1, 2), (0, 2)])
    with pytest.raises(InputError, match="absolute has a kink, where its gradient is one of several"):
        failure_modes.worst_case_accuracy(*chain, 0.5, loss=KINKED["absolute"])
    aot = losses.get("aot")
    with pytest.raises(InputError, match="aot is one of kind 'difference' that mixes a batch"):
        failure_modes.worst_case_accuracy(problem, one, 0.5, loss=aot)
    wide = Problem.from_unnormalized(np.zeros(12), 1)
    star = Preferences.from_pairs([(0, k) for k in range(1, 12)])
    with pytest.raises(InputError, match="a component has 11 labels"):
        failure_modes.worst_case_accuracy(wide, star, 0.5, loss=losses.get("ipo"))


def test_one_unbounded_pair_has_a_finite_threshold_where_nothing_else_is_unbounded():
    problem = Problem.from_probabilities([0.2, 0.8], 1)
    loss = losses.get("rdpo", eps=0.1)
    found = failure_modes.solve_loss_thresholds(problem, Preferences.from_pairs([(0, 1)]), loss)
    assert found.infimum == -np.inf
    delta_ref = np.log(0.25)
    assert found.value[0] == pytest.approx(np.log1p(np.exp(delta_ref)) + delta_ref / 8)  # at h = -delta_ref
    two = Problem.from_probabilities([[0.2, 0.8], [0.5, 0.5]], 1)
    both = failure_modes.solve_loss_thresholds(two, Preferences.from_pairs([(0, 0, 1), (1, 0, 1)]), loss)
    assert both.value.tolist() == [-np.inf, -np.inf]
    assert both.status(0) is Status.UNBOUNDED


@pytest.mark.parametrize("seed", range(12))
def test_thresholds_of_references_that_are_far_off(seed):
    """Reference margins of many nats: the curvatures of labels are further apart than a dense solver reaches."""
    rng = np.random.default_rng(seed)
    ends = [(1, 0), (3, 1), (0, 3), (1, 2), (3, 0), (3, 1), (3, 2)]
    problem = Problem.from_unnormalized([-0.49, -3.4, 3.51, 2.02], beta=16.0)
    labels = Preferences([0] * len(ends), *zip(*ends, strict=True), np.exp(rng.uniform(-2, 2, len(ends))))
    cdpo = losses.get("cdpo", eps=0.1)
    found = failure_modes.thresholds(problem, labels, loss=cdpo)
    for pair in range(len(ends)):
        least, _ = routes.by_clarabel(problem, labels, cdpo, inverted=(pair,))
        assert found[pair] == pytest.approx(least, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("seed", "most"), [(0, 360), (5, 600), (35, 1900)])
def test_a_hinges_thresholds_begin_at_its_optimum_and_cancel_wide_cycles_first(monkeypatch, seed, most):
    """Equal weights, population weights, and weights over e^80, where narrow cycles first would take for ever."""
    _, problem, labels, _ = small(seed)
    calls, cycles = [], circulation._negative_cycles
    monkeypatch.setattr(circulation, "_negative_cycles", lambda *given: calls.append(0) or cycles(*given))
    found = failure_modes.solve_loss_thresholds(problem, labels, losses.get("hinge"))
    assert len(calls) <= most
    for pair, levels in list(found.levels.items())[::9]:
        component = found.graph.component[found.graph.winner[pair]]
        alone = found.graph.hinged(component, np.array([pair]))
        assert alone.gap < 1e-13
        others = found.infimum - found.graph.hinged(component, np.array([], dtype=int)).minimum.sum()
        assert found.value[pair] == pytest.approx(others + alone.minimum.sum(), rel=1e-12)
        assert len(levels) == len(alone.strength)


def test_a_step_that_is_infinite_both_ways_warns_of_nothing():
    """With a pair held thousands of nats off, all curvatures of cDPO underflow at once."""
    _, problem, labels, _ = small(153)
    found = failure_modes.solve_loss_thresholds(problem, labels, losses.get("cdpo", eps=0.1))
    assert np.isfinite(found.value).all()
    assert (found.value >= found.infimum).all()
