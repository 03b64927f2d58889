"""The public strategies: what they draw is what they say, reaches the corners, and shrinks to what one can read."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from scipy.special import logsumexp

from tabular import InputError, Problem, Status, dpo, testing
from tabular.testing import recipes
from tabular.testing.recipes import LABELLED

KINDS = list(LABELLED)
DRAWN = settings(phases=[Phase.generate], max_examples=5000)  # once is enough where nobody looks at what it is
SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def directed(preferences):
    """The labels of each prompt as a set of ordered pairs."""
    return {(int(i), int(w), int(lo)) for i, w, lo in zip(*_columns(preferences), strict=True)}


def _columns(preferences):
    return preferences.prompt, preferences.winner, preferences.loser


@SLOW
@given(testing.labelled_problems(prompts=(1, 3), absent=True, extreme=True))
def test_draws_obey_the_rules(case):
    problem, preferences = case
    np.testing.assert_allclose(logsumexp(problem.log_ref, axis=1), 0, atol=1e-9)
    assert (problem.present.sum(axis=1) >= 2).all()
    for side in (preferences.winner, preferences.loser):
        assert problem.present[preferences.prompt, side].all()


@SLOW
@given(testing.labelled_problems("one-way", prompts=(1, 2), alignment="misaligned"))
def test_one_way_labels_have_no_cycle_and_follow_the_reward_where_the_reference_is_against_it(case):
    problem, preferences = case
    reward = problem.reward[preferences.prompt]
    row = np.arange(preferences.n_pairs)
    assert (reward[row, preferences.winner] >= reward[row, preferences.loser]).all()
    pairs = directed(preferences)
    assert not any((i, lo, w) in pairs for i, w, lo in pairs)
    assert dpo.solve(problem, preferences).status is Status.UNATTAINED


@SLOW
@given(testing.labelled_problems("cyclic", prompts=(1, 2)))
def test_cyclic_labels_leave_one_minimiser(case):
    assert dpo.solve(*case).status is Status.UNIQUE


@SLOW
@given(testing.labelled_problems("disconnected", responses=(3, 5)))
def test_disconnected_labels_leave_a_set(case):
    problem, preferences = case
    assert dpo.solve(problem, preferences).status is Status.SET
    assert len(np.union1d(preferences.winner, preferences.loser)) < problem.n_responses
    assert all((i, lo, w) in directed(preferences) for i, w, lo in directed(preferences))


@SLOW
@given(testing.labelled_problems("population"))
def test_population_labels_have_the_rates_of_the_reward(case):
    problem, preferences = case
    first, second = preferences.log_weight.reshape(-1, 2).T
    r = problem.reward[0]
    np.testing.assert_allclose(first - second, r[preferences.winner[::2]] - r[preferences.loser[::2]], atol=1e-9)


@pytest.mark.parametrize(("alignment", "sign"), [("aligned", 1), ("misaligned", -1)])
def test_the_reference_stands_in_the_order_of_the_reward_or_against_it(alignment, sign):
    @SLOW
    @given(testing.problems(prompts=(1, 2), alignment=alignment, absent=True))
    def ordered(problem):
        for log_ref, reward in zip(problem.log_ref, problem.reward, strict=True):
            there = log_ref > -np.inf
            gaps = np.subtract.outer(log_ref[there], log_ref[there]) * np.subtract.outer(reward[there], reward[there])
            assert (sign * gaps >= -1e-12).all()

    ordered()


def test_corners_are_reached():
    labelled = testing.labelled_problems(prompts=(1, 3), absent=True, extreme=True)
    for corner in (
        lambda case: not case[0].present[:, 0].all(),
        lambda case: case[0].n_prompts == 3,
        lambda case: case[0].beta == 1e-4,
        lambda case: case[0].beta == 1e4,
        lambda case: case[0].log_ref[case[0].present].min() < -1e4,
        lambda case: len(directed(case[1])) < case[1].n_pairs,
        lambda case: (case[1].delta(case[0].log_ref) < 0).any(),
    ):
        find(labelled, corner, settings=DRAWN)  # raises NoSuchExample where it is never drawn


@pytest.mark.parametrize("kind", KINDS)
def test_labels_on_a_given_problem_are_of_the_same_kinds(kind):
    problem = Problem.from_probabilities([[0.5, 0.25, 0.25], [0.5, 0.5, 0], [0, 0.1, 0.9]], 1, [[1, 0, -1]] * 3)
    if kind == "disconnected":
        problem = Problem.from_probabilities([[0.5, 0.25, 0.25], [1, 0, 0]], 1)
    preferences = find(testing.preferences(problem, kind), lambda labels: labels.n_pairs > 1, settings=DRAWN)
    assert problem.present[preferences.prompt, preferences.winner].all()


@given(testing.problems(beta=(0.7, 0.7)))
def test_a_range_of_one_number_is_that_number(problem):
    assert problem.beta == 0.7


def test_what_they_find_is_small_and_round():
    """A reference against a label: two responses, one label, small whole numbers."""
    problem, preferences = find(
        testing.labelled_problems(prompts=(1, 3), absent=True),
        lambda case: (case[1].delta(case[0].log_ref) < -0.1).any(),
    )
    assert (problem.n_prompts, problem.n_responses, preferences.n_pairs) == (1, 2, 1)
    assert problem.beta == 1
    assert problem.reward.tolist() == [[0, 0]]
    odds = np.exp(problem.log_ref[0].max() - problem.log_ref[0].min())
    assert odds == pytest.approx(round(odds))


@given(testing.problems(absent=True).flatmap(lambda p: testing.policies(p).map(lambda policy: (p, policy))))
def test_policies_are_normalised_on_the_support(case):
    problem, policy = case
    np.testing.assert_allclose(np.exp(policy).sum(axis=1), 1, rtol=1e-12)
    assert ((policy > -np.inf) == problem.present).all()


def test_losses_are_those_of_the_kind():
    assert find(testing.losses(convex=False), lambda loss: True, settings=DRAWN).convex is False
    assert {
        find(testing.losses(kind), lambda loss: True, settings=DRAWN).kind
        for kind in ("difference", "link", "absolute")
    } == {
        "difference",
        "link",
        "absolute",
    }


def test_rankings_and_votes_reach_ties_partial_ones_and_several_voters():
    tied = find(testing.rankings(), lambda found: any(len(group) > 1 for order in found.groups for group in order))
    assert len(tied.groups[0]) >= 2
    find(testing.rankings(responses=(4, 4)), lambda found: sum(map(len, found.groups[0])) < 4, settings=DRAWN)
    cyclic = find(testing.votes(responses=(3, 3)), lambda profile: _has_cycle(profile.wins))
    assert len(cyclic.rankings) == 3, "the Condorcet cycle, and nothing else"
    assert cyclic.voters.max() <= 2, "from (1, 2, 2) no single voter can go"


class Largest:
    """Who answers every question by the largest there is."""

    def integer(self, low, high):
        return high

    def number(self, low, high):
        return high

    def choice(self, options):
        return options[-1]


def test_a_policy_is_drawn_where_it_is_asked_for():
    asked, plain = (recipes.ProblemRecipe(policy=policy)(Largest()) for policy in (True, False))
    assert asked["policy"] == [[20] * 4]
    assert "policy" not in plain


def _named(rankings):
    return 1 + max(response for order in rankings.groups for group in order for response in group)


ONE = Problem.from_probabilities([0.25] * 4, 1)


@pytest.mark.parametrize(
    ("strategy", "sizes"),
    [
        (testing.problems(), {"n_prompts": (1, 1), "n_responses": (2, 4)}),
        (testing.problems(prompts=(2, 3)), {"n_prompts": (2, 3)}),
        (testing.labelled_problems().map(lambda case: case[1]), {"n_pairs": (1, 6)}),
        (testing.labelled_problems(pairs=(3, 4)).map(lambda case: case[1]), {"n_pairs": (3, 4)}),
        (testing.preferences(ONE), {"n_pairs": (1, 6)}),
        (testing.rankings(), {_named: (2, 5), lambda rankings: len(rankings.groups): (1, 6)}),
        (
            testing.votes(),
            {
                "n_responses": (2, 5),
                lambda profile: len(profile.rankings): (1, 6),
                lambda profile: profile.voters.max(): (1, 9),
            },
        ),
        (testing.logs(), {"n_pairs": (1, 8)}),
    ],
)
def test_draws_are_of_the_sizes_that_are_said(strategy, sizes):
    seen = []

    @settings(DRAWN, max_examples=150, deadline=None, database=None)
    @given(strategy)
    def drawn(found):
        seen.append([size(found) if callable(size) else getattr(found, size) for size in sizes])

    drawn()
    assert [(min(column), max(column)) for column in zip(*seen, strict=True)] == list(sizes.values())


def _has_cycle(wins):
    beats = wins > wins.T
    return beats[0, 1] and beats[1, 2] and beats[2, 0]


@given(testing.logs(reward=False))
def test_logs_hold_both_policies_and_no_reward_unasked(log):
    assert log.delta.shape == log.delta_ref.shape
    assert log.reward_difference is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: testing.problems(beta=(0, 1)), "beta is drawn from"),
        (lambda: testing.problems(responses=(1, 3)), "from 2 on"),
        (lambda: testing.problems(size=3), "no setting 'size'"),
        (lambda: testing.labelled_problems("both"), "no kind of labels"),
        (lambda: testing.labelled_problems("disconnected"), "3 responses or more"),
        (lambda: testing.problems(alignment="wrong"), "no alignment"),
        (lambda: testing.preferences(Problem.from_probabilities([0.5, 0.5], 1), "disconnected"), "more responses"),
        (lambda: testing.losses("sum"), "no loss is of kind 'sum'"),
        (lambda: testing.recipe_of(testing.votes()), "says not how it is made"),
        (lambda: testing.problems(reward=-1), "reward is -1: it must be one number"),
        (lambda: testing.problems(spread=float("nan")), "spread is nan: it must be one number"),
        (lambda: testing.problems(beta=(1,)), "beta is drawn from"),
        (lambda: testing.problems(beta=(1, "x")), "beta is"),
        (lambda: testing.problems(responses=3), "responses is 3: give the least"),
        (lambda: testing.preferences(Problem.from_probabilities([0.5, 0.5], 1), pairs=(0, 0)), "pairs is"),
    ],
)
def test_what_cannot_be_drawn_is_said(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("name", ["beta", "weight"])
def test_a_range_of_positive_numbers_that_reaches_0_is_refused(name):
    with pytest.raises(InputError, match=f"{name} is drawn from"):
        testing.labelled_problems(**{name: (0.0, 1.0)})


def test_ranges_lie_evenly_around_1():
    """As many doublings below as above, the wide ones around the usual ones: small and large are met alike."""
    for low, high in (recipes.WEIGHT, recipes.BETA, recipes.WIDE_BETA, recipes.LABEL, recipes.WIDE_LABEL):
        assert low * high == 1
        assert low < 1
    assert recipes.WIDE_BETA[1] > 100 * recipes.BETA[1]
    assert recipes.WIDE_LABEL[1] > 100 * recipes.LABEL[1]
    assert recipes.LABEL[1] < recipes.BETA[1] < recipes.WEIGHT[1]
