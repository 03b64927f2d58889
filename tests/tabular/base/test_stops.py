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
    for reach, taken in course:
        gone += np.log1p(reach) if taken is None else taken
        still = 0 if reach < least or reach > 0.1 else still + 1
        ended.append((before <= near and reach > before / 2) or gone > furthest or still >= 5)
        before, least = reach, min(least, reach)
    return ended


@pytest.mark.parametrize("own", [True, False])
def test_walks_end_where_exact_arithmetic_would_not(own):
    rng = np.random.default_rng(int(own))
    steps, count = 40, 8
    reach = 10.0 ** np.round(
        rng.uniform(-3, 1, (steps, count)) - np.linspace(0, 3, steps)[:, None] * rng.random(count), 1
    )
    taken = reach * rng.random(reach.shape) if own else None
    near, furthest = 10.0 ** rng.uniform(-3, -1, count), np.array([3.0, 1e9] * 4)
    one_by_one = [
        walked(
            [(r, t) for r, t in zip(reach[:, k], [None] * steps if taken is None else taken[:, k], strict=True)], *ends
        )
        for k, ends in enumerate(zip(near, furthest, strict=True))
    ]
    walks, which = Walks(near, furthest), np.array([0, 1, 2, 5, 6, 7])
    for step in range(steps):
        more = () if taken is None else (taken[step, which],)
        found = walks.after(which, reach[step, which], *more)
        assert found.tolist() == [one_by_one[k][step] for k in which]
    assert 0 < np.mean(one_by_one) < 1
