"""All maximal sets of labels that one policy inverts, and the worst case: what is compared, what is never fitted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem, dpo, failure_modes
from tabular.failures import decided, pattern_search, together
from tests.tabular.failures.test_work import counted, tangle


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 3))), min_size=1, max_size=12), st.integers(1, 5))
def test_ways_that_no_cheaper_one_contains(ways, rows):
    """Of sets of equal cost the largest stays, of equal sets one; by the definition, one pair at a time."""
    cost = np.array([c for c, _ in ways], dtype=float)
    inverted = np.array([[k in s for k in range(4)] for _, s in ways])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(together, "_ROWS", rows)
        columns = zip(*together._cheapest(cost, inverted), strict=True)
        found = [(c, frozenset(np.flatnonzero(s).tolist()), m) for c, s, m in columns]
    kept = {(c, frozenset(s)) for c, s in ways if not any((s < t and d <= c) or (s == t and d < c) for d, t in ways)}
    more = {(c, s): min((d - c for d, t in kept if s < t), default=np.inf) for c, s in kept}
    assert len(found) == len(kept)
    assert {(c, s): m for c, s, m in found} == more


def uneven(spread, n=15, k=27):
    """Labels whose weights are spread over that many nats, among responses of a reference that is far from even."""
    rng = np.random.default_rng(8)
    problem = Problem.from_unnormalized(5 * rng.normal(size=n), 0.1)
    winner = rng.integers(0, n, k)
    loser = (winner + rng.integers(1, n, k)) % n
    return problem, Preferences(0 * winner, winner, loser, np.exp(rng.uniform(-spread, spread, k)))


@pytest.mark.parametrize("spread", [0.0, 3.0, 10.0, 40.0])
def test_where_all_labels_can_be_inverted_nothing_is_searched_for_long(monkeypatch, spread):
    """The even policy ties all labels; what is listed is one set, and the worst case 0, which few patterns show."""
    problem, labels = uneven(spread)
    even = dpo.loss(np.zeros((1, problem.n_responses)) - np.log(problem.n_responses), problem, labels)
    fitted = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    assert failure_modes.inverted_sets(problem, labels, 1.001 * even) == [tuple(range(labels.n_pairs))]
    assert not fitted
    assert failure_modes.worst_case_accuracy(problem, labels, 1.001 * even) == pytest.approx(0, abs=1e-12)
    assert sum(fitted) < 1_000


def test_a_list_that_is_too_long_is_refused_before_it_is_made(monkeypatch):
    """As soon as the patterns to come are more than may be fitted: of 13 responses after a part of these."""
    problem, labels = tangle(13, 31, 1)
    fitted = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    with pytest.raises(InputError, match="take more than 2500 tie patterns of a piece: ask for largest_inverted_set"):
        failure_modes.inverted_sets(problem, labels, 0.6)
    assert sum(fitted) < 2_500
    problem, labels = tangle(8, 24, 3)
    fitted.clear()
    sets = failure_modes.inverted_sets(problem, labels, 0.6)
    assert failure_modes.inverted_sets(problem, labels, 0.6, limit=sum(fitted)) == sets
    with pytest.raises(InputError, match="take more than"):
        failure_modes.inverted_sets(problem, labels, 0.6, limit=len(sets))
    with pytest.raises(InputError, match="limit"):
        failure_modes.inverted_sets(problem, labels, 0.6, limit=0)


def test_a_worst_case_that_few_patterns_do_not_settle_is_decided_label_by_label(monkeypatch):
    """Of 375 patterns the bounds lie apart, of 27 labels a few decisions make them meet."""
    problem, labels = uneven(10.0)
    level = dpo.loss(np.zeros((1, problem.n_responses)) - np.log(problem.n_responses), problem, labels) / 2
    patterns = counted(monkeypatch, pattern_search.Search, "_fit", lambda self, layer: len(layer.piece))
    looked = counted(monkeypatch, decided.Decisions, "_looked_at", lambda self, near, most: len(near.state))
    apart = failure_modes.frontier(problem, labels, level, None).bounds(level)
    assert apart.upper > apart.lower
    assert not looked
    worst = failure_modes.worst_case_accuracy(problem, labels, level)
    assert apart.lower <= worst <= apart.upper
    assert sum(patterns) < 400
    assert 0 < sum(looked) < 60
