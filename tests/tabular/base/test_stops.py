"""Where descents and walks end: each on its own, by their rules in words, along random courses."""

import numpy as np
import pytest

from tabular.base.stops import Stalls, Walks


def stalled(course, patience):
    """After which steps a descent has ended: so many in a row without a new least of any number."""
    least, still, ended = [np.inf] * len(course[0]), 0, []
    for numbers in course:
        falls = [number < best for number, best in zip(numbers, least, strict=True)]
        least = [min(number, best) for number, best in zip(numbers, least, strict=True)]
        still = 0 if any(falls) else still + 1
        ended.append(still >= patience)
    return ended


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_descents_end_where_nothing_falls_any_more(patience):
    rng = np.random.default_rng(patience)
    steps, count = 30, 6
    course = np.round(np.cumsum(rng.normal(-0.2, 1, (steps, count, 2)), axis=0), 1)
    one_by_one = np.array([stalled(course[:, k].tolist(), patience) for k in range(count)]).T
    stalls = Stalls(count, patience)
    together = [stalls.after(*now.T) for now in course]
    np.testing.assert_array_equal(together, one_by_one)
    assert 0 < one_by_one.mean() < 1
    some = Stalls(count, patience)  # those left alone keep what they know
    which = np.array([1, 4])
    for now, wanted in zip(course, one_by_one, strict=True):
        np.testing.assert_array_equal(some.after(*now[which].T, which=which), wanted[which])
    plain = Stalls(1)
    ended = [bool(plain.after([value])[0]) for value in (3.0, 2.0, 2.0, np.nan, 1.0, 1.0)]
    assert ended == [False, False, False, True, False, False]


def walked(course, near, furthest):
    """After which steps a walk ends: near and no longer halving, too far, or five short steps without a new least."""
    before, least, gone, still, ended = np.inf, np.inf, 0.0, 0, []
    for reach in course:
        gone += np.log1p(reach)
        still = 0 if reach < least or reach > 0.1 else still + 1
        ended.append((before <= near and reach > before / 2) or gone > furthest or still >= 5)
        before, least = reach, min(least, reach)
    return ended


def test_walks_end_where_exact_arithmetic_would_not():
    rng = np.random.default_rng(0)
    steps, count = 40, 8
    reach = 10.0 ** np.round(
        rng.uniform(-3, 1, (steps, count)) - np.linspace(0, 3, steps)[:, None] * rng.random(count), 1
    )
    near, furthest = 10.0 ** rng.uniform(-3, -1, count), np.array([3.0, 1e9] * 4)
    one_by_one = [walked(reach[:, k], *ends) for k, ends in enumerate(zip(near, furthest, strict=True))]
    walks, which = Walks(near, furthest), np.array([0, 1, 2, 5, 6, 7])
    for step in range(steps):
        found = walks.after(which, reach[step, which])
        assert found.tolist() == [one_by_one[k][step] for k in which]
    assert 0 < np.mean(one_by_one) < 1


def test_a_walk_that_went_beyond_may_come_back():
    """7 nats at most: 3 steps of 3 are too many, but not where the first of them ends 8 away, once."""
    for first, second, ends in ((6.0, 0.0, [False, False, True]), (8.0, 0.0, [False] * 3), (8.0, 8.0, [False] * 3)):
        walks, found = Walks(np.zeros(1), np.array([7.0])), []
        for out in (first, second, 0.0):
            walks.farther([0], np.array([out]))
            found += walks.after([0], np.expm1(np.array([3.0]))).tolist()
        assert found == ends
    walks = Walks(np.zeros(1), np.array([7.0]))
    assert [walks.farther([0], np.array([8.0])) or walks.after([0], np.expm1([3.0]))[0] for _ in range(6)][-1]
