"""Worst-case accuracy: below every policy's, reached by a policy, equal to trying all sets with a convex solver."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, dpo, failure_modes, oracle
from tabular.base.log_space import softplus
from tabular.failures import joint, knapsack
from tabular.failures.frontier import _units, frontier, label_units, search, separable
from tabular.failures.infimum import infimum
from tabular.failures.knapsack import _hull
from tabular.failures.thresholds import solve
from tests.strategies import labelled_problems, policies_of


def accuracy(policy, preferences):
    return np.exp(preferences.log_share) @ (preferences.delta(policy) > 0)


@given(labelled_problems(), st.data())
def test_no_policy_is_less_accurate_at_its_loss(case, data):
    problem, preferences = case
    policy = data.draw(policies_of(problem))
    level = dpo.loss(policy, problem, preferences) * (1 + 1e-15)  # it is known to rounding, and worst cases jump
    assume(level > 1e-300)  # the loss itself underflows, and no policy has loss 0
    worst = failure_modes.worst_case_accuracy(problem, preferences, level)
    assert worst <= accuracy(policy, preferences) + 1e-9


@given(labelled_problems(), st.floats(0, 1))
def test_the_largest_set_is_a_policy_of_that_loss_and_accuracy(case, share):
    problem, preferences = case
    found = solve(problem, preferences)
    level = found.at.value + share * (max(np.log(2), found.value.max()) - found.at.value)
    largest = failure_modes.largest_inverted_set(problem, preferences, level)
    assert largest.proved
    assert np.all(preferences.delta(largest.log_policy)[largest.pairs] <= 0)
    loss = dpo.loss(largest.log_policy, problem, preferences)
    assert loss == pytest.approx(largest.loss, rel=1e-8, abs=1e-8)
    assert loss <= level + 1e-8 * max(1, level)
    worst = failure_modes.worst_case_accuracy(problem, preferences, level)
    assert 1 - largest.share <= worst + 1e-9  # more may be inverted than was asked for, never less


@pytest.mark.parametrize("seed", range(3))
def test_every_subset_tried_with_clarabel_gives_the_same(seed):
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(2, 4)), rng.uniform(0.3, 2))
    labels = [(x, *rng.choice(4, 2, replace=False), rng.choice([1.0, 1.7])) for x in (0, 0, 0, 1, 1)]
    preferences = Preferences.from_pairs(labels)
    at = solve(problem, preferences)
    for level in at.at.value + np.array([0.03, 0.2, 0.45]):
        ours = failure_modes.worst_case_accuracy(problem, preferences, level)
        assert ours == pytest.approx(oracle.worst_case_accuracy(problem, preferences, level), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_joint_thresholds_agree_with_clarabel(seed):
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(1, 5)), 1.3)
    labels = [(0, *rng.choice(5, 2, replace=False), rng.uniform(0.5, 2)) for _ in range(6)]
    preferences = Preferences.from_pairs(labels)
    for pairs in [*[*combinations(range(6), 2)][::3], (0, 1, 2, 3, 4, 5)]:
        value, _ = oracle.inversion_cost(problem, preferences, list(pairs))
        assert failure_modes.joint_threshold(problem, preferences, pairs) == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize("seed", range(6))
def test_at_the_very_level_of_a_threshold_its_pair_is_inverted_and_below_it_is_not(seed):
    """However the sums are rounded: of one prompt or three, and of any beta."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(1 + 2 * (seed % 2), 4)), [0.1, 1.0, 10.0][seed % 3])
    labels = [
        (rng.integers(problem.n_prompts), *rng.choice(4, 2, replace=False), rng.uniform(0.5, 2)) for _ in range(5)
    ]
    preferences = Preferences.from_pairs(labels)
    found, share = solve(problem, preferences), np.exp(preferences.log_share)
    for pair in np.flatnonzero(found.binds):
        level = found.value[pair]
        largest = failure_modes.largest_inverted_set(problem, preferences, level)
        sets = failure_modes.inverted_sets(problem, preferences, level)
        assert largest.share >= share[pair] * (1 - 1e-12)
        assert largest.loss == pytest.approx(level, rel=1e-9) or largest.loss < level
        assert any(pair in s for s in sets)
        assert max(share[list(s)].sum() for s in sets) == pytest.approx(largest.share)
        assert failure_modes.worst_case_accuracy(problem, preferences, level) == pytest.approx(1 - largest.share)
        assert failure_modes.joint_threshold(problem, preferences, [pair]) == pytest.approx(level, rel=1e-12)
        below = level - max(1e-6 * found.excess[pair], 1e-9)
        if below > found.at.value:
            assert not any(pair in s for s in failure_modes.inverted_sets(problem, preferences, below))


def test_separable_pairs_are_sorted_costs():
    rng = np.random.default_rng(0)
    delta_ref = 20 * rng.normal(size=400)
    cost = np.sort(softplus(0.1 * delta_ref)) / 400
    levels = np.r_[0.0, np.cumsum(cost)[[3, 100, 399]], 0.3]
    by_hand = 1 - np.searchsorted(np.cumsum(cost), levels + 1e-12, side="right") / 400
    found = separable(delta_ref, 0.1)
    assert found.exact
    np.testing.assert_allclose(found.worst_case_accuracy(levels), by_hand, atol=1e-15)


def test_unequal_weights_are_a_knapsack_that_highs_agrees_with():
    rng = np.random.default_rng(1)
    delta_ref, weight = 10 * rng.normal(size=80), rng.exponential(size=80)
    found = separable(delta_ref, 0.1, weight)
    share = weight / weight.sum()
    for level in (0.05, 0.2, 0.5):
        most = oracle.knapsack(share * softplus(0.1 * delta_ref), share, level)
        assert found.worst_case_accuracy(level) == pytest.approx(1 - most, abs=1e-9)
        by_slope = found.relaxation.bounds(level)
        assert by_slope[0] <= most * (1 + 1e-12) <= by_slope[1] * (1 + 1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_multiple_choice_knapsack_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(0, 4, size=8))
    group = np.unique(group, return_inverse=True)[1]
    options = knapsack.Options(group, rng.exponential(size=8), rng.integers(1, 5, size=8).astype(float))
    budget = 2 * rng.exponential()
    if seed % 2:  # whole costs, that tie and that fill the budget
        options, budget = replace(options, cost=rng.integers(1, 4, size=8).astype(float)), float(rng.integers(2, 7))
    feasible = [
        s
        for k in range(5)
        for s in map(list, combinations(range(8), k))
        if len(set(group[s])) == len(s) and options.cost[s].sum() <= budget
    ]
    most = max(options.gain[s].sum() for s in feasible)
    chosen, proved = knapsack.best(options, knapsack.relax(options), budget)
    assert proved
    assert chosen.tolist() in [list(s) for s in feasible]
    assert options.gain[chosen].sum() == pytest.approx(most)


def _options(seed, whole=False, n_groups=12):
    rng = np.random.default_rng(seed)
    gain = rng.integers(3, 9, 3 * n_groups).astype(float)
    cost = gain + rng.exponential(size=3 * n_groups)
    return knapsack.Options(np.repeat(np.arange(n_groups), 3), np.round(cost) if whole else cost, gain)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_few_states_are_kept_where_weights_are_uneven_and_slopes_are_not(monkeypatch, seed):
    """Those that may not reach what another surely has are left: else some 100,000 would be kept."""
    rng = np.random.default_rng(seed)
    gain = np.exp(rng.uniform(-8, 0, 40))
    cost = gain * (1 + 0.01 * rng.random(40))
    options, budget = knapsack.Options(np.arange(40), cost, gain), cost.sum() / 3
    monkeypatch.setattr(knapsack, "_STATES", 4000)
    chosen, proved = knapsack.best(options, knapsack.relax(options), budget)
    assert proved
    assert cost[chosen].sum() <= budget
    assert gain[chosen].sum() == pytest.approx(oracle.knapsack(cost, gain, budget), rel=1e-6)


def test_a_knapsack_is_searched_only_where_the_relaxation_leaves_it_open(monkeypatch):
    options = _options(2)
    relaxed, budget = knapsack.relax(options), 40.0
    chosen, proved = knapsack.best(options, relaxed, budget)
    by_slope = relaxed.bounds(budget)[0]
    assert proved
    assert by_slope < options.gain[chosen].sum() < relaxed.bounds(budget)[1]
    for name, most in (("_WORK", 12 * len(relaxed.option) - 1), ("_STATES", 3)):
        with monkeypatch.context() as few:
            few.setattr(knapsack, name, most)
            assert knapsack.searchable(options, relaxed) == (name == "_STATES")
            feasible, proved = knapsack.best(options, relaxed, budget)
        assert not proved
        assert options.gain[feasible].sum() == by_slope
        assert options.cost[feasible].sum() <= budget
        assert len(set(options.group[feasible])) == len(feasible)
    with monkeypatch.context() as enough:
        enough.setattr(knapsack, "_WORK", 12 * len(relaxed.option))
        assert knapsack.best(options, relaxed, budget)[1]
    monkeypatch.setattr(knapsack, "_search", lambda *_: pytest.fail("nothing is open"))
    even = knapsack.Options(np.arange(5), np.arange(5) + 1.0, np.full(5, 2.0))
    assert knapsack.best(even, knapsack.relax(even), 6.5)[0].tolist() == [0, 1, 2]
    everything, proved = knapsack.best(options, relaxed, 1e3)
    assert (options.gain[everything].sum(), proved) == (relaxed.gain[-1], True)


def test_a_frontier_searches_only_at_levels_that_the_relaxation_leaves_open(monkeypatch):
    rng = np.random.default_rng(2)
    found = separable(rng.normal(size=9), 1.0, rng.uniform(0.5, 2, 9))
    levels, accuracy = found.steps
    np.testing.assert_allclose(found.bounds(levels).lower, accuracy, atol=1e-12)
    between = (levels[:-1] + levels[1:]) / 2
    exact = found.worst_case_accuracy(between)
    with monkeypatch.context() as small:
        small.setattr(knapsack, "_WORK", 0)
        bounds = found.bounds(between)
    assert (bounds.lower <= exact).all()
    assert (exact <= bounds.upper).all()
    assert (bounds.lower < bounds.upper).any()
    monkeypatch.setattr(knapsack, "best", lambda *_: pytest.fail("nothing is open"))
    np.testing.assert_allclose(found.worst_case_accuracy([0.0, 100.0]), [1.0, 0.0], atol=1e-15)


STATES = {False: [96, 248, 718, 728], True: [568, 389, 552, 178, 728, 654]}


@pytest.mark.parametrize(("whole", "seed"), [(whole, seed) for whole in STATES for seed in range(len(STATES[whole]))])
def test_states_that_cannot_win_are_dropped(monkeypatch, whole, seed):
    options, seen, kept = _options(seed, whole), [], knapsack._undominated
    monkeypatch.setattr(knapsack, "_undominated", lambda gain: seen.append(len(gain)) or kept(gain))
    chosen, proved = knapsack.best(options, knapsack.relax(options), 40.0)
    share = options.gain[chosen].sum()
    grown = np.full(int(options.gain.sum()) + 1, np.inf)  # the least cost of each whole gain, group by group
    grown[0] = 0.0
    for group in range(12):
        ways = [(0.0, 0), *((options.cost[k], int(options.gain[k])) for k in np.flatnonzero(options.group == group))]
        grown = np.min([cost + np.r_[np.full(g, np.inf), grown[: len(grown) - g]] for cost, g in ways], axis=0)
    assert proved
    assert share == np.flatnonzero(grown <= 40.0).max()
    assert sum(seen) <= STATES[whole][seed]


def test_population_labels_offer_three_ways_for_a_pair():
    """Both orders of one pair: at the optimum one label is right; a tie makes both wrong, going beyond frees one."""
    problem = Problem.from_probabilities([0.3, 0.7], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1)])
    found = solve(problem, labels)
    levels = [found.at.value, found.value[0], 5.0]
    assert failure_modes.worst_case_accuracy(problem, labels, levels).tolist() == [0.75, 0.0, 0.0]
    assert found.value[0] > found.at.value
    assert failure_modes.inverted_sets(problem, labels, levels[0]) == [(1,)]
    assert failure_modes.inverted_sets(problem, labels, levels[1]) == [(0, 1)]


@given(labelled_problems(max_prompts=2), st.floats(0, 1))
@settings(max_examples=25)
def test_listed_sets_are_exactly_those_whose_joint_threshold_is_within_the_level(case, share):
    problem, preferences = case
    at = solve(problem, preferences)
    level = at.at.value + share * (np.log(2) - at.at.value) + 1e-9
    sets = [set(s) for s in failure_modes.inverted_sets(problem, preferences, level)]
    assert not any(s < t for s in sets for t in sets)
    for size in (1, 2, preferences.n_pairs):
        for pairs in [*combinations(range(preferences.n_pairs), size)][:6]:
            cost = failure_modes.joint_threshold(problem, preferences, pairs)
            if abs(cost - level) > 1e-7 * max(1, level):
                assert (cost <= level) == any(set(pairs) <= s for s in sets)


@pytest.mark.parametrize("limit", [1, 3, 12])
def test_bounds_hold_where_the_search_is_cut_short(limit):
    rng = np.random.default_rng(5)
    problem = Problem.from_unnormalized(rng.normal(size=(2, 7)), 0.7)
    labels = [(x, *rng.choice(7, 2, replace=False)) for x in np.repeat([0, 1], 9)]
    preferences = Preferences.from_pairs(labels)
    levels = np.linspace(solve(problem, preferences).at.value, np.log(2), 7)
    exact = frontier(problem, preferences, np.log(2)).worst_case_accuracy(levels)
    short = frontier(problem, preferences, np.log(2), limit=limit)
    bounds = short.bounds(levels)
    assert np.all(bounds.lower <= exact + 1e-12)
    assert np.all(exact <= bounds.upper + 1e-12)
    assert np.any(bounds.lower < bounds.upper)
    assert bounds.lower.max() > 0.3  # not empty words
    with pytest.raises(InputError, match="is only known to lie between"):
        short.worst_case_accuracy(levels)


@pytest.mark.parametrize("delta_ref", [-100.0, -1e8])
def test_at_level_0_nothing_is_inverted_however_little_it_costs(delta_ref):
    """sp(-1e8) is 0 in floats, but not free: no policy has loss 0."""
    found = separable([delta_ref, delta_ref], 1.0)
    assert found.worst_case_accuracy([0.0, 1e-40]).tolist() == [1, 0]
    problem = Problem.from_unnormalized([[delta_ref, 0.0], [delta_ref, 0.0]], 1.0)
    contradicted = Preferences.from_pairs([(0, 0, 1), (1, 0, 1, 1), (1, 0, 1, 2)])
    assert failure_modes.worst_case_accuracy(problem, contradicted, [0.0, 1e-40]).tolist() == [1, 0]
    assert failure_modes.inverted_sets(problem, contradicted, 0.0) == [()]


def test_levels_and_labels_that_make_no_sense_are_refused():
    problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1)])
    with pytest.raises(InputError, match="below the infimum"):
        failure_modes.worst_case_accuracy(problem, labels, 0.1)
    with pytest.raises(InputError, match=r"pairs\[1\] is 2: name labels by position, 0 to 1"):
        failure_modes.joint_threshold(problem, labels, [1, 2])
    with pytest.raises(InputError, match="pair 1 has weight 0: leave it out"):
        failure_modes.joint_threshold(problem, Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 0)]), [1])
    with pytest.raises(InputError, match=r"pairs\[1\] is 0\.7: it must be a whole number"):
        failure_modes.joint_threshold(problem, labels, [0, 0.7])
    with pytest.raises(InputError, match=r"pairs is \[\[0\], \[0, 1\]\], with rows of different lengths"):
        failure_modes.joint_threshold(problem, labels, [[0], [0, 1]])
    for accuracy_at in (failure_modes.worst_case_accuracy, failure_modes.accuracy_bounds):
        with pytest.raises(InputError, match="loss_level is empty: give at least one level"):
            accuracy_at(problem, labels, [])
        with pytest.raises(InputError, match="loss_level is nan: give a number"):
            accuracy_at(problem, labels, np.nan)
        for level in ("low", [[0.5], [0.5, 0.6]]):
            with pytest.raises(InputError, match="loss_level is "):
                accuracy_at(problem, labels, level)
    for set_at in (failure_modes.largest_inverted_set, failure_modes.inverted_sets):
        for level in ("low", [0.6, 0.7], None, np.inf):
            with pytest.raises(InputError, match=r"loss_level is .*: it must be one number, finite"):
                set_at(problem, labels, level)
    for highest in ("all", [0.6], np.nan, None):
        with pytest.raises(InputError, match=r"highest is .*: it must be one number, finite or infinite"):
            frontier(problem, labels, highest=highest)
    for offset, said in (("wide", "is 'wide'"), (np.nan, "is nan"), ([0.0], r"has shape \(1,\) for 2 pairs")):
        with pytest.raises(InputError, match=f"offset {said}"):
            failure_modes.solve_thresholds(problem, labels, offset)
    for beta in (np.nan, -1, 0, np.inf, "0.1", None):
        with pytest.raises(InputError, match=f"beta is {beta!r}: it must be one number, finite and above 0"):
            separable([1.0, -1.0], beta)
    with pytest.raises(InputError, match=r"delta_ref\[1\] is nan"):
        separable([0.0, np.nan], 0.1)
    with pytest.raises(InputError, match=r"weight\[0\] is 0"):
        separable([0.0, 1.0], 0.1, [0.0, 1.0])
    with pytest.raises(InputError, match=r"delta_ref has shape \(2,\), weight \(1,\): give one of each"):
        separable([0.0, 1.0], 0.1, [1.0])
    for delta_ref in ([], 0.5, [[0.0, 1.0]]):
        with pytest.raises(InputError, match=r"delta_ref has shape .* at least 1"):
            separable(delta_ref, 0.1)
    with pytest.raises(InputError, match=r"delta_ref is \[\[0.0\], \[1.0, 2.0\]\], with rows of different lengths"):
        separable([[0.0], [1.0, 2.0]], 0.1)


def test_weights_whose_sum_overflows_still_count():
    np.testing.assert_allclose(
        failure_modes.separable_thresholds([1.0, -1.0], 1.0, [1.5e308, 1.5e308]),
        failure_modes.separable_thresholds([1.0, -1.0], 1.0),
    )


def test_a_frontier_answers_only_as_high_as_it_was_searched():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    labels = Preferences.from_pairs([(0, 1), (1, 2)])
    with pytest.raises(InputError, match=r"loss_level 0.6 is above 0.1, the highest that was searched"):
        frontier(problem, labels, highest=0.1).worst_case_accuracy(0.6)
    assert frontier(problem, labels).worst_case_accuracy(0.6) == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_hull_is_what_no_chord_passes_over(seed):
    """Chords join points on both sides, the origin among them; whole numbers, so that edges are met exactly."""
    rng = np.random.default_rng(seed)
    cost, gain = (np.cumsum(rng.integers(1, 5, 9)).astype(float) for _ in range(2))
    c, g = np.r_[0.0, cost], np.r_[0.0, gain]
    below = [
        any(
            (g[k] - g[i]) * (c[j] - c[i]) < (g[j] - g[i]) * (c[k] - c[i])
            for i in range(k)
            for j in range(k + 1, len(c))
        )
        for k in range(1, len(c))
    ]
    assert _hull(cost, gain).tolist() == np.flatnonzero(~np.array(below)).tolist()


def test_weights_in_whole_ratios_are_whole_and_others_shares():
    assert _units(np.array([0.25, 0.75, 0.5])).tolist() == [1, 3, 2]
    assert _units(np.array([0.0, 2.0])).tolist() == [0, 2]
    np.testing.assert_allclose(_units(np.array([1.0, np.pi])), np.array([1.0, np.pi]) / (1 + np.pi), rtol=1e-15)


def _searched_in_full(problem, preferences, levels):
    """A from every tie pattern that the budget allows: nothing is bounded, nothing left out."""
    at = infimum(problem, preferences)
    weight, graph = label_units(at, preferences), at.parts.graph
    found = joint.ways(at, graph.labelled, levels.max() - at.value + 1e-9)
    gain = np.array([weight[inverted].sum() for inverted in found.inverted])
    first = dict(zip(found.piece[::-1].tolist(), gain[::-1].tolist(), strict=True))  # at rest
    more = gain - np.array([first[k] for k in found.piece.tolist()])
    group = np.unique(found.piece[more > 0], return_inverse=True)[1]
    options = knapsack.Options(group, found.cost[more > 0], more[more > 0])
    relaxed = knapsack.relax(options)
    most = [options.gain[knapsack.best(options, relaxed, level - at.value + 1e-12)[0]].sum() for level in levels]
    return 1 - (sum(first.values()) + np.array(most)) / weight.sum()


@pytest.mark.parametrize("seed", range(6))
def test_branch_and_bound_finds_what_the_whole_search_finds(seed):
    """At one level, between two, and cut short anywhere; one piece and several; whole weights and others."""
    rng = np.random.default_rng(seed)
    n_prompts = 1 + seed % 3
    problem = Problem.from_unnormalized(rng.normal(size=(n_prompts, 6)) * rng.choice([0.3, 3.0]), 1.0)
    weights = rng.choice([1.0, 2.0, 3.0], 16) if seed % 2 else np.exp(rng.normal(size=16) * 3)
    labels = [(rng.integers(n_prompts), *rng.choice(6, 2, replace=False), w) for w in weights]
    preferences = Preferences.from_pairs(labels)
    least = solve(problem, preferences).at.value
    levels = least + np.array([0.05, 0.3, 0.6, 0.9]) * (np.log(2) - least)
    exact = _searched_in_full(problem, preferences, levels)
    between = frontier(problem, preferences, levels[-1], lowest=levels[0])
    np.testing.assert_allclose(between.worst_case_accuracy(levels), exact, atol=1e-9)
    with pytest.raises(InputError, match="the lowest that was searched: build the frontier with a smaller lowest"):
        between.worst_case_accuracy(least)
    for level, truth in zip(levels, exact, strict=True):
        assert frontier(problem, preferences, level, lowest=level).worst_case_accuracy(level) == pytest.approx(truth)
        for limit in (1, 2, 5, 20, 60):
            bounds = frontier(problem, preferences, level, limit, level).bounds(level)
            assert bounds.lower - 1e-9 <= truth <= bounds.upper + 1e-9
    assert failure_modes.accuracy_bounds(problem, preferences, levels).upper == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 6])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_search_that_is_cut_short_leaves_no_more_open_than_it_says(seed, share):
    """One piece, with labels that are inverted at rest: A is at least what the open patterns leave of it."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(1, 6)) * rng.choice([0.3, 3.0]), 1.0)
    labels = Preferences.from_pairs([(0, *rng.choice(6, 2, replace=False), w) for w in rng.choice([1.0, 2, 3], 16)])
    at = infimum(problem, labels)
    weight, level = label_units(at, labels), at.value + share * (np.log(2) - at.value)
    items, bounds = search(at, weight, level, 1), frontier(problem, labels, level, 1).bounds(level)
    assert items.cut_short.size == 1
    assert items.most.sum() > items.base.sum() > 0
    assert 1 - (items.most.sum() + 1e-9) / weight.sum() <= bounds.lower
    assert bounds.upper <= 1 - items.base.sum() / weight.sum() + 1e-12


def test_a_label_that_was_inverted_may_be_right_again_once_others_are_tied():
    """24 even labels on 8 responses: bounds that struck out inverted labels for good had missed the best set."""
    rng = np.random.default_rng(6)
    problem = Problem.from_unnormalized(rng.normal(size=8), 1.0)
    preferences = Preferences.from_pairs([tuple(rng.choice(8, 2, replace=False)) for _ in range(24)])
    level = (solve(problem, preferences).at.value + np.log(2)) / 2
    exact = _searched_in_full(problem, preferences, np.array([level]))
    bounds = failure_modes.accuracy_bounds(problem, preferences, level)
    assert [bounds.lower, bounds.upper] == pytest.approx([exact[0], exact[0]], abs=1e-12)
