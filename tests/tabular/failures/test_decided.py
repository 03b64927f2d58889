"""Worst cases at one level by deciding about labels: against every way there is, and every bound against policies."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, dpo, failure_modes
from tabular.base.log_space import softplus
from tabular.failures import decided, joint
from tabular.failures.decided import implied
from tabular.failures.divided import INVERTED, OPEN, RIGHT, Divided, Near
from tabular.failures.infimum import infimum
from tabular.failures.pairs import Pairs
from tests.benchmarks.test_small_inputs import small
from tests.tabular.failures.test_joint import every_way
from tests.tabular.failures.test_work import counted, tangle


def drawn(seed):
    """Labels on one prompt, joined, of any weights, at any beta and scale of the reference."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    problem = Problem.from_unnormalized(rng.normal(size=n) * 10 ** rng.uniform(-1, 2), 10 ** rng.uniform(-1, 1))
    labels = [(0, int(rng.integers(0, k)), k) for k in range(1, n)]
    labels += [(0, *rng.choice(n, 2, replace=False)) for _ in range(rng.integers(2, 8))]
    spread = rng.choice([0.0, 1.0, 8.0])
    pairs = [(0, *rng.permutation(ends), np.exp(rng.uniform(-spread, spread))) for _, *ends in labels]
    return problem, Preferences.from_pairs(pairs), rng


def test_the_worst_case_is_that_of_every_way(monkeypatch):
    """With one pattern fitted before, so that decisions have to find the rest; at levels low and high."""
    monkeypatch.setattr(joint, "few", lambda at: 1)
    searches, run = [], decided.Decisions.run
    monkeypatch.setattr(decided.Decisions, "run", lambda self, limit: searches.append(self) or run(self, limit))
    for seed in range(6):
        problem, labels, rng = drawn(seed)
        at, share = infimum(problem, labels), np.exp(labels.log_share)
        ways = [*every_way(at)]
        dearest, told = max(cost for cost, _ in ways), {}
        for gain in (*rng.uniform(0, 1, 2) * dearest, 0.05 * dearest):
            most, level = max(share[[*inverted]].sum() for cost, inverted in ways if cost <= gain), at.value + gain
            bounds = failure_modes.accuracy_bounds(problem, labels, level)
            assert bounds.lower - 1e-9 <= 1 - most <= bounds.upper + 1e-9
            assert failure_modes.worst_case_accuracy(problem, labels, level) == pytest.approx(1 - most, abs=1e-9)
            told[level] = 1 - most
            found = failure_modes.largest_inverted_set(problem, labels, level)
            assert not found.proved or found.share == pytest.approx(most, abs=1e-9)
            assert dpo.loss(found.log_policy, problem, labels) <= level * (1 + 1e-9) + 1e-15
            assert np.all(labels.delta(found.log_policy)[found.pairs] <= 0)
        together = failure_modes.worst_case_accuracy(problem, labels, [*told])
        assert together == pytest.approx(np.array([*told.values()]), abs=1e-9)
    assert len(searches) > 30
    assert sum(search.unproved for search in searches) < len(searches) / 10  # levels of 1e-50, say


@given(st.integers(0, 10**6))
def test_no_policy_inverts_more_than_a_node_that_decides_like_it_says(seed):
    """Any policy, at its own loss, with any of its labels decided as they are; whatever the price, and the fit."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 7)), int(rng.integers(1, 15))
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    there, ends = np.unique(np.r_[winner, loser], return_inverse=True)
    (winner, loser), n = np.split(ends, 2), len(there)
    share, scale = rng.dirichlet(np.ones(k) * rng.choice([0.2, 5.0])) + 1e-12, 10 ** rng.uniform(-1, 2)
    reference, weight = scale * rng.normal(size=n), rng.integers(1, 4, k).astype(float)
    bound, policies = reference[winner] - reference[loser], scale * rng.normal(size=(6, n))
    policies = np.where(rng.random((6, n)) < rng.choice([0.0, 0.5]), reference, policies)  # some responses are tied
    h = policies[:, winner] - policies[:, loser]
    pairs = Pairs(winner, loser, share, bound)
    up, down = pairs.ends
    loss = (share * softplus(-h)).sum(axis=1)
    inverted = policies[:, up] - policies[:, down] <= reference[up] - reference[down]
    decided = rng.random(inverted.shape) < rng.random((6, 1))
    state, weight = np.where(decided, np.where(inverted, INVERTED, RIGHT), OPEN).astype(np.int8), pairs.sums(weight)
    for row in range(6):
        nodes = Divided(pairs, weight, loss[row] * (1 + 1e-12), 10 ** rng.uniform(-3, 2) / k)
        near = Near(state[[row]], policies[[row]] * rng.choice([0.0, 1.0]), np.zeros((1, len(pairs))))
        _, most = nodes.fit(near, np.full(1, 10 ** rng.uniform(-9, 0)))
        assert most.loss[0] <= loss[row] * (1 + 1e-12)
        assert most.weight[0] >= weight @ inverted[row] * (1 - 1e-12)
        is_open = state[row] == OPEN
        otherwise = most.weight[0] - np.where(inverted[row], np.maximum(-most.less[0], 0), np.maximum(most.less[0], 0))
        assert np.all(otherwise[is_open] >= weight @ inverted[row] * (1 - 1e-12))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from([INVERTED, OPEN, RIGHT])), min_size=1))
@settings(max_examples=100)
def test_what_an_order_implies(labels):
    """Four responses: all their orders, ties among them, that agree with what is decided."""
    labels = labels[:8]
    winner, loser = np.array([w for w, _, _ in labels]), np.array([(w + d) % 4 for w, d, _ in labels])
    state = np.array([[s for *_, s in labels]])
    orders = np.array([*product(range(4), repeat=4)])
    inverted = orders[:, winner] <= orders[:, loser]
    agree = inverted[np.where(state == OPEN, True, inverted == (state == INVERTED)).all(axis=1)]
    found, possible = implied(state, winner, loser)
    assert possible[0] == (len(agree) > 0)
    if len(agree):
        expected = np.where(agree.all(axis=0), INVERTED, np.where(~agree.any(axis=0), RIGHT, OPEN))
        assert found[0].tolist() == np.where(state[0] == OPEN, expected, state[0]).tolist()


@pytest.mark.parametrize(
    ("acyclic", "share", "nodes"),
    [(False, 0.3, 600), (False, 0.9, 450), (True, 0.6, 4_000)],
)
def test_how_many_nodes_are_looked_at(monkeypatch, acyclic, share, nodes):
    """20 responses and 80 labels of unequal weights: of 2^80 sets."""
    problem, labels = tangle(20, 80, 1)
    if acyclic:
        ends = np.sort([labels.winner, labels.loser], axis=0)
        labels = Preferences(labels.prompt, *ends, np.exp(labels.log_weight))
    at = infimum(problem, labels)
    level = at.value + share * (np.log(2) - at.value)
    looked = counted(monkeypatch, decided.Decisions, "_looked_at", lambda self, near, most: len(near.state))
    failure_modes.worst_case_accuracy(problem, labels, level, limit=20_000)
    assert sum(looked) < nodes


@pytest.mark.parametrize(("seed", "worst"), [(165, 0.8297479), (958, 0.4079532)])
def test_weights_that_lie_far_apart_hide_no_bound(monkeypatch, seed, worst):
    """Of e^-40 to e^40: what is proved of the light labels is not lost beside the heavy ones."""
    _, problem, labels, _ = small(seed)
    looked = counted(monkeypatch, decided.Decisions, "_looked_at", lambda self, near, most: len(near.state))
    found = failure_modes.worst_case_accuracy(problem, labels, np.log(2) / 2, limit=1_000)
    assert found == pytest.approx(worst, abs=1e-7)
    assert 0 < sum(looked) < 50


def test_weights_that_lie_far_apart_hide_no_policy():
    """One of 30 labels has nearly all of the weight; 25 of the others are inverted for less than a hundredth of it."""
    _, problem, labels, _ = small(737)
    level = np.log(2) / 2
    found = failure_modes.largest_inverted_set(problem, labels, level)
    assert dpo.loss(found.log_policy, problem, labels) < 0.01
    share = np.exp(labels.log_share) @ (labels.delta(found.log_policy) <= 0)
    assert found.most >= share == pytest.approx(0.0015464, abs=1e-7)
    bounds = failure_modes.accuracy_bounds(problem, labels, level)
    assert bounds.lower <= bounds.upper == pytest.approx(1 - share, abs=1e-15)


def test_of_even_labels_and_responses_the_worst_case_is_that_of_every_way(monkeypatch):
    """Nothing is spread: all costs tie, and all patterns are of one kind."""
    monkeypatch.setattr(joint, "few", lambda at: 1)
    problem = Problem.from_unnormalized(np.zeros(4), 1.0)
    labels = Preferences.from_pairs([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)])
    at = infimum(problem, labels)
    ways = [*every_way(at)]
    for gain in (0.1, 0.5, 0.9):
        gain *= np.log(2) - at.value
        most = max(len(inverted) for cost, inverted in ways if cost <= gain)
        assert failure_modes.worst_case_accuracy(problem, labels, at.value + gain) == pytest.approx(1 - most / 5)


def test_a_search_ends_where_enough_is_done_and_goes_further_if_asked(monkeypatch):
    """All phases are counted; what is told then still holds, and a higher limit tells the rest."""
    searches, run = [], decided.Decisions.run
    monkeypatch.setattr(decided.Decisions, "run", lambda self, limit: searches.append(self) or run(self, limit))
    problem, labels = tangle(12, 40, 1)
    level = (infimum(problem, labels).value + np.log(2)) / 2
    worst = failure_modes.worst_case_accuracy(problem, labels, level, limit=2_000)
    widths = []
    for most in (0.0, 1_000.0, 60_000.0):
        monkeypatch.setattr(decided, "_WORK", most)
        bounds = failure_modes.accuracy_bounds(problem, labels, level)
        assert bounds.lower - 1e-12 <= worst <= bounds.upper + 1e-12
        assert searches[-1].work.done < most + 40_000  # what the batch that was begun takes
        widths.append(bounds.upper - bounds.lower)
    assert widths[0] > widths[-1] > 0
    assert searches[0].work.done > 100_000
    with pytest.raises(InputError, match="only known to lie between"):
        failure_modes.worst_case_accuracy(problem, labels, level)
    assert not failure_modes.largest_inverted_set(problem, labels, level).proved
    assert failure_modes.largest_inverted_set(problem, labels, level, limit=2_000).share == pytest.approx(1 - worst)
    for ask in (failure_modes.accuracy_bounds, failure_modes.largest_inverted_set):
        with pytest.raises(InputError, match="limit is 0"):
            ask(problem, labels, level, limit=0)
