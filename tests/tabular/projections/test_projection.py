"""The projection's parts: every method for the tight pairs against the others, on problems of every shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression, nnls
from scipy.special import expit

from tabular.base.digraph import components
from tabular.projections import partition, projection
from tabular.projections import pool_and_split as pool_and_split_module
from tabular.projections.chain import _pool_exactly, pool_chain, project_chain, single_path
from tabular.projections.enumeration import enumerate_active_sets
from tabular.projections.order_structure import analyse
from tabular.projections.partition import isotonic
from tabular.projections.pool_and_split import pool_and_split
from tabular.projections.pooling import potentials
from tabular.projections.projection import project
from tabular.projections.refine import refined


def acyclic_edges(rng, n_nodes, n_edges):
    a, b = rng.integers(n_nodes, size=(2, n_edges))
    keep = a != b
    return np.minimum(a, b)[keep], np.maximum(a, b)[keep]


def lift(winner, loser, margin, tilt, n_nodes):
    """What the multipliers of x_w >= e^m x_l, scaled to coefficients that add up to 1, do to each log-weight."""
    return np.bincount(winner, tilt * expit(-margin), n_nodes) - np.bincount(loser, tilt * expit(margin), n_nodes)


def solves(log_p, winner, loser, margin, tilt, atol=1e-11):
    level = log_p + lift(winner, loser, margin, tilt, len(log_p))
    slack = level[winner] - level[loser] - margin
    assert tilt.min(initial=0.0) >= 0
    assert slack.min(initial=0.0) >= -atol
    assert np.minimum(tilt, slack).max(initial=0.0) <= atol


@pytest.mark.parametrize("seed", range(8))
def test_pool_and_split_meets_its_conditions_for_general_margins(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    winner, loser = acyclic_edges(rng, n, 4 * n)
    log_p, margin = rng.normal(size=n) * 3, rng.normal(size=len(winner)) * (seed % 4)
    solves(log_p, winner, loser, margin, pool_and_split(log_p, winner, loser, margin)[0])


@pytest.mark.parametrize("seed", range(20))
def test_multipliers_of_a_tree_are_refined_to_what_its_equations_say(seed):
    """Any tree, masses within e^3 of one another: whatever they were, one pass from the leaves makes them exact."""
    rng, n = np.random.default_rng(seed), 8
    child = np.arange(1, n)
    above = np.array([rng.integers(0, k) for k in child])
    winner, loser = np.where(rng.random(n - 1) < 0.5, [child, above], [above, child])
    shift = rng.uniform(-1.5, 1.5, n)
    margin, exact = shift[winner] - shift[loser], rng.uniform(1, 2, n - 1)
    level = rng.normal() + shift
    log_p = level - lift(winner, loser, margin, exact, n)
    found = refined(log_p, level, shift, winner, loser, margin, exact * rng.uniform(0.5, 1.5, n - 1))
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    wrong = refined(level - lift(winner, loser, margin, -exact, n), level, shift, winner, loser, margin, exact)
    assert wrong.min() >= 0  # equations that ask for less than nothing


@pytest.mark.parametrize("seed", range(6))
def test_minimum_cuts_agree_with_pool_and_split(seed):
    rng = np.random.default_rng(seed)
    n = [5, 20, 80, 150, 200, 120][seed]
    winner, loser = acyclic_edges(rng, n, 3 * n)
    assert len(np.unique(np.column_stack([winner, loser]), axis=0)) < len(winner)  # some edges more than once
    value, log_weight = rng.normal(size=n), rng.uniform(-1, 1, size=n) * (seed % 2)
    weight = np.exp(log_weight)
    flow, tied = isotonic(value, weight, winner, loser)
    fitted = _means(value, weight, components(len(value), winner[tied], loser[tied]))
    assert flow.min() >= 0
    moved = np.bincount(winner, flow, n) - np.bincount(loser, flow, n)
    np.testing.assert_allclose(weight * (fitted - value), moved, atol=1e-10)
    assert (fitted[winner] - fitted[loser]).min() >= -1e-12
    margin = log_weight[winner] - log_weight[loser]
    tilt, _ = pool_and_split(value + log_weight, winner, loser, margin)
    np.testing.assert_allclose(
        value + log_weight + lift(winner, loser, margin, tilt, n) - log_weight, fitted, atol=1e-10
    )


@pytest.mark.parametrize("whole", [True, False])
def test_large_orders_of_nearly_equal_weights_are_cut_and_others_are_not(monkeypatch, whole):
    """Margins that are differences of potentials, of both signs; and the same but for one of them."""
    rng = np.random.default_rng(5)
    winner, loser = np.unique(np.column_stack(acyclic_edges(rng, 70, 300)), axis=0).T
    u, log_p = rng.uniform(-2, 2, size=70), rng.normal(size=70)
    margin = u[winner] - u[loser] + (0 if whole else np.eye(len(winner))[0])
    wanted = log_p + lift(winner, loser, margin, pool_and_split(log_p, winner, loser, margin)[0], 70)
    name = "pool_and_split" if whole else "isotonic"
    monkeypatch.setattr(projection, name, lambda *_: pytest.fail("by the other method"))
    np.testing.assert_allclose(project(log_p, winner, loser, margin).log_x, wanted, atol=1e-11)


@pytest.mark.parametrize(("n", "ties", "most_cuts", "most_raised"), [(80, 0, 7, 64), (400, 0, 9, 340), (90, 3, 6, 63)])
def test_how_many_cuts_are_made_and_multipliers_raised(monkeypatch, n, ties, most_cuts, most_raised):
    rng = np.random.default_rng(4)
    winner, loser = np.unique(np.column_stack(acyclic_edges(rng, n, 3 * n)), axis=0).T
    value, log_weight = rng.normal(size=n), rng.uniform(-1, 1, size=n)
    if ties:
        value, log_weight = rng.integers(-ties, ties + 1, size=n).astype(float), np.zeros(n)
    cuts, raised = [], []
    for module, name, seen in ((partition, "_route", cuts), (pool_and_split_module, "_raise_until_tight", raised)):
        called = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, called=called, seen=seen: seen.append(0) or called(*given))
    isotonic(value, np.exp(log_weight), winner, loser)
    pool_and_split(value + log_weight, winner, loser, log_weight[winner] - log_weight[loser])
    assert 0 < len(cuts) <= most_cuts
    assert 0 < len(raised) <= most_raised


def _means(value, weight, pool):
    return (np.bincount(pool, weight * value) / np.bincount(pool, weight))[pool]


def test_ties_everywhere_are_no_trouble():
    rng = np.random.default_rng(3)
    winner, loser = acyclic_edges(rng, 100, 400)
    value = rng.integers(3, size=100).astype(float)
    flow, tied = isotonic(value, np.ones(100), winner, loser)
    fitted = _means(value, np.ones(100), components(len(value), winner[tied], loser[tied]))
    moved = np.bincount(winner, flow, 100) - np.bincount(loser, flow, 100)
    np.testing.assert_allclose(fitted - value, moved, atol=1e-11)
    margin = np.zeros(len(winner))
    solves(value, winner, loser, margin, pool_and_split(value, winner, loser, margin)[0])


def test_isotonic_regression_is_least_squares():
    """Against a non-negative least-squares solver on the dual: fitted = value + D^T flow."""
    rng = np.random.default_rng(2)
    winner, loser = acyclic_edges(rng, 15, 40)
    value = rng.normal(size=15)
    design = np.zeros((15, len(winner)))
    design[winner, np.arange(len(winner))] += 1
    design[loser, np.arange(len(winner))] -= 1
    best = value + design @ nnls(design, -value)[0]
    # min |value + D f| over f >= 0 is the dual of the projection onto {D^T v >= 0}, its residual the projection itself
    _flow, tied = isotonic(value, np.ones(15), *np.unique(np.column_stack([winner, loser]), axis=0).T)
    edges = np.unique(np.column_stack([winner, loser]), axis=0).T
    fitted = _means(value, np.ones(15), components(15, edges[0][tied], edges[1][tied]))
    np.testing.assert_allclose(fitted, best, atol=1e-10)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=30), st.sampled_from([0.0, 0.5, -2.0, 40.0]))
def test_chains_agree_with_pool_and_split(log_p, step):
    log_p = np.array(log_p)
    margin = step * np.linspace(0.5, 1, len(log_p) - 1)
    winner = np.arange(len(log_p) - 1)
    _, tilt, tight = project_chain(log_p, margin)
    solves(log_p, winner, winner + 1, margin, tilt, atol=1e-9)
    assert not tilt[~tight].any()
    other, _ = pool_and_split(log_p, winner, winner + 1, margin)
    np.testing.assert_allclose(tilt, other, atol=1e-9 * (1 + other.max()))


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=40), st.floats(0, 3))
def test_log_weights_pool_as_numbers_do(value, spread):
    value = np.array(value)
    log_weight = spread * np.cos(np.arange(len(value)))
    ours = pool_chain(value, log_weight)
    by_logs = _pool_exactly((value + log_weight).tolist(), log_weight.tolist())
    levels = isotonic_regression(value, weights=np.exp(log_weight), increasing=False).x
    differ = ours != by_logs
    assert np.all(np.abs(np.diff(levels))[differ] < 1e-12)  # they part only over ties


def test_weights_beyond_a_double_still_pool():
    """The lighter of two pooled responses 3000 nats apart has no say in their level."""
    _, tilt, tight = project_chain(np.array([-5.0, -4.0, -4000.0]), np.array([3000.0, 500.0]))
    assert tight.tolist() == [True, False]
    np.testing.assert_allclose(tilt, [3001.0, 0.0])
    found = project(np.array([-5.0, -4.0, -4000.0]), np.array([0, 1]), np.array([1, 2]), np.array([3000.0, 500.0]))
    np.testing.assert_allclose(found.log_x, [-5.0, -3005.0, -4000.0])


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("steep", [1.0, 12.0, 300.0])
def test_enumeration_agrees_with_pool_and_split(k, steep):
    """Margins that follow or oppose a potential as steep as e^300, so that pools of very unequal weights form."""
    rng = np.random.default_rng(k)
    n_problems, n = 60, 5
    winner, loser = np.sort(np.argsort(rng.random((n_problems, k, n)), axis=2)[..., :2], axis=2).transpose(2, 0, 1)
    u = steep * rng.integers(-1, 2, size=(n_problems, n))
    log_p, row = u + rng.normal(size=(n_problems, n)) * 2, np.arange(n_problems)[:, None]
    margin = u[row, winner] - u[row, loser] + rng.normal(size=(n_problems, k)).round(1)
    tilt = enumerate_active_sets(log_p.ravel(), row * n + winner, row * n + loser, margin)
    for i in range(n_problems):
        other, tight = pool_and_split(log_p[i], winner[i], loser[i], margin[i])
        np.testing.assert_array_equal(tilt[i] > 0, tight)
        np.testing.assert_allclose(tilt[i], other, rtol=1e-11, atol=0)


def test_potentials_of_a_long_path_come_by_doubling():
    step = np.full(9999, 0.25)
    u = potentials(10000, np.arange(9999), np.arange(1, 10000), step)
    np.testing.assert_allclose(np.diff(u), -0.25, atol=1e-11)


@pytest.mark.parametrize("seed", range(20))
def test_cycles_are_judged_as_by_walking_them(seed):
    """Forced zeros by brute force: a node dies iff a longest walk into it from anywhere grows without end."""
    rng = np.random.default_rng(seed)
    n = 7
    winner = rng.integers(n, size=10)
    loser = (winner + rng.integers(1, n, size=10)) % n
    margin = rng.integers(-2, 2, size=10).astype(float) * (seed % 5 > 0)  # and none at all
    closure = np.full((n, n), -np.inf)  # largest total margin of a walk w -> ... -> l
    np.maximum.at(closure, (winner, loser), margin)
    for _ in range(6):
        closure = np.maximum(closure, (closure[:, :, None] + closure[None]).max(axis=1))
    on_cycle = np.diag(closure) > 0
    reaches = closure > -np.inf
    dead = on_cycle | (on_cycle[:, None] & reaches).any(axis=0)
    structure = analyse(n, winner, loser, margin)
    assert structure.dead.tolist() == dead.tolist()
    balanced = np.isclose(closure + closure.T, 0) & ~dead[:, None] & ~dead[None]
    together = (structure.group[:, None] == structure.group[None]) & ~np.eye(n, dtype=bool)
    assert (together & ~dead[:, None] & ~dead[None]).tolist() == (balanced & ~np.eye(n, dtype=bool)).tolist()


@pytest.mark.parametrize("n", [2, 3, 5, 9, 20])
def test_a_cycle_is_balanced_up_to_1e_12_of_its_margins_and_slack_beyond(n):
    rng = np.random.default_rng(n)
    winner, loser = np.arange(n), (np.arange(n) + 1) % n
    for total, tied in ((0.0, True), (-3e-13, True), (-9e-13, True), (-4e-12, False)):
        margin = rng.normal(size=n)
        margin[-1] = -margin[:-1].sum()
        margin[rng.integers(n)] += total * np.abs(margin).sum()
        structure = analyse(n, winner, loser, margin)
        assert not structure.dead.any()
        assert structure.tied.all() == structure.tied.any() == tied


@pytest.mark.parametrize("seed", range(40))
def test_the_named_cycle_has_positive_total_among_negative_and_balanced_ones(seed):
    rng = np.random.default_rng(seed)
    u = rng.normal(size=6).round(1)
    winner = rng.integers(6, size=14)
    loser = (winner + rng.integers(1, 6, size=14)) % 6
    margin = u[winner] - u[loser] - rng.choice([0.0, 0.0, 2.0, 9.0], size=14)  # no cycle is positive but by rounding
    assert not analyse(6, winner, loser, margin).cycles
    margin[0] += 0.05
    for cycle in analyse(6, winner, loser, margin).cycles:
        steps = [(winner == w) & (loser == lo) for w, lo in zip(cycle, (*cycle[1:], cycle[0]), strict=True)]
        assert sum(margin[step].max() for step in steps) > 0.04


@given(st.permutations(range(6)), st.integers(2, 6), st.permutations(range(5)))
def test_a_single_path_is_found_in_order_however_it_is_listed(names, length, listing):
    path = np.array(names[:length])
    edges = np.array([e for e in listing if e < length - 1])
    nodes, order = single_path(6, path[:-1][edges], path[1:][edges])
    np.testing.assert_array_equal(nodes, path)
    np.testing.assert_array_equal(edges[order], np.arange(length - 1))


@pytest.mark.parametrize(
    "edges",
    [
        [(0, 1), (1, 0)],  # a cycle
        [(0, 1), (2, 3), (3, 4), (4, 2)],  # a path and a cycle
        [(0, 1), (2, 3)],  # two paths
        [(0, 1), (0, 2)],  # a fork
        [(0, 2), (1, 2)],  # a meeting
        [(0, 1), (0, 1)],  # a label twice
        [],
    ],
)
def test_what_is_not_a_single_path(edges):
    winner, loser = np.array(edges, dtype=int).reshape(-1, 2).T
    assert single_path(5, winner, loser) is None
