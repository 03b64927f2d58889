"""The constrained optimum against active sets enumerated in 60 digits and more, deep in the tails."""

from itertools import combinations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabular import Preferences, Problem, cpo, rlhf
from tests.tabular.test_cpo_constrained import assert_certified

mp.mp.dps = 60


def reference_optimum(log_star, pairs, margin):
    """The optimum in 60-digit arithmetic: the active set whose KKT conditions hold in *probability* space."""
    n = len(log_star)
    p = [mp.e ** mp.mpf(float(a)) for a in log_star]
    ratio = [mp.e ** mp.mpf(float(m)) for m in margin]
    for size in range(len(pairs) + 1):
        for active in combinations(range(len(pairs)), size):
            x, multiplier = _tight_optimum(p, pairs, ratio, active)
            if x is None or any(multiplier[i] < 0 for i in active):
                continue
            if all(x[w] >= ratio[i] * x[lo] * (1 - mp.mpf(10) ** -45) for i, (w, lo) in enumerate(pairs)):
                for y in range(n):
                    pull = sum(multiplier[i] * ((y == w) - ratio[i] * (y == lo)) for i, (w, lo) in enumerate(pairs))
                    assert abs(mp.log(x[y] / p[y]) - pull) < mp.mpf(10) ** -40
                total = sum(x)
                return [mp.log(value / total) for value in x], multiplier
    raise AssertionError("no active set is optimal")


def _tight_optimum(p, pairs, ratio, active):
    """Un-normalised optimum with some constraints tight, by Newton's equations solved in mp: B^T log x = m, linear."""
    multiplier = [mp.mpf(0)] * len(pairs)
    if active:
        k = len(active)
        matrix, wanted = mp.matrix(k, k), mp.matrix(k, 1)
        for row, i in enumerate(active):
            w, lo = pairs[i]
            wanted[row] = mp.log(ratio[i]) - mp.log(p[w] / p[lo])
            for column, j in enumerate(active):
                v, s = pairs[j]
                matrix[row, column] = (w == v) - (lo == v) - ratio[j] * ((w == s) - (lo == s))
        try:
            solved = mp.lu_solve(matrix, wanted)
        except ZeroDivisionError:
            return None, None
        for row, i in enumerate(active):
            multiplier[i] = solved[row]
        if max(abs(entry) for entry in matrix * solved - wanted) > mp.mpf(10) ** -40:
            return None, None
    x = []
    for y in range(len(p)):
        pull = sum(multiplier[i] * ((y == w) - ratio[i] * (y == lo)) for i, (w, lo) in enumerate(pairs))
        x.append(p[y] * mp.e**pull)
    return x, multiplier


@st.composite
def small_cases(draw):
    n = draw(st.integers(2, 4))
    logits = draw(st.lists(st.one_of(st.sampled_from([0.0, -690.0]), st.floats(-690, 0)), min_size=n, max_size=n))
    edges = [(w, lo) for w in range(n) for lo in range(w + 1, n)]
    pairs = draw(st.lists(st.sampled_from(edges), min_size=1, max_size=4, unique=True))
    margin = draw(st.lists(st.one_of(st.just(0.0), st.floats(-3, 8)), min_size=len(pairs), max_size=len(pairs)))
    return logits, pairs, margin


@given(small_cases())
@example(([0.0, -690.0], [(0, 1)], [5.0]))
@example(([-690.0, 0.0, -690.0, -345.0], [(0, 1), (1, 2), (2, 3)], [0.0, 0.0, 0.0]))
@example(([-690.0, -600.0, 0.0], [(0, 1)], [1.0]))  # a pool whose members all have probability 1e-260
def test_log_probabilities_match_sixty_digits_down_to_1e_300(case):
    logits, pairs, margin = case
    problem = Problem.from_unnormalized(logits, beta=1, reward=np.zeros(len(logits)))
    found = cpo.constrained_optimum(problem, Preferences.from_pairs(pairs), margin)
    exact, _ = reference_optimum(rlhf.optimal_policy(problem)[0], pairs, margin)
    for ours, true in zip(found.log_policy[0], exact, strict=True):
        assert abs(mp.e ** (mp.mpf(float(ours)) - true) - 1) < 1e-11  # relative, in probability
    assert_certified(found, problem, np.array(margin))


def steep_case(seed):
    """Responses e^steep apart, and margins that ask for it: light ones hold heavy ones in place and vice versa."""
    rng = np.random.default_rng(seed)
    n, steep = int(rng.integers(3, 7)), [8.0, 16.0, 31.0, 90.0, 300.0][seed % 5]
    u = steep * rng.integers(-1, 1, size=n)
    order = rng.permutation(n)
    edges = [(int(order[i]), int(order[j])) for i, j in combinations(range(n), 2)]
    pairs = [edges[i] for i in rng.permutation(len(edges))[: rng.integers(2, 7)]]
    margin = [u[w] - u[lo] + rng.normal() for w, lo in pairs]
    return u + rng.normal(size=n) * 2, pairs, margin


STARS = [  # 0 holds heavy responses in place from far below: the active set itself was wrong here once
    ([-21.0, -1.3, -0.4, 1.2], [(1, 0), (2, 0), (0, 3)], [19.95, 19.9, -19.97]),
    ([-16.0, -1.3, -0.4, 1.2, 0.3], [(1, 0), (2, 0), (0, 3), (0, 4)], [15.0, 14.95, -14.93, -15.0]),
    ([-26.0, -1.0, 1.2, 0.3, 0.7], [(1, 0), (0, 2), (0, 3), (0, 4)], [25.0, -24.95, -24.93, -25.0]),
    ([-10.0, 0.0, 0.0, 0.0, 0.0], [(1, 0), (2, 0), (3, 0), (4, 0)], [12.0, 12.0, 12.0, 12.0]),  # tied winners
    ([-30.0, 0.0, 0.0, 0.0, 0.0], [(1, 0), (2, 0), (3, 0), (4, 0)], [31.0, 31.0, 31.0, 31.0]),
]


@pytest.mark.parametrize("case", [*map(steep_case, range(60)), *STARS])
def test_steep_margins_of_both_signs_match_three_hundred_digits(case):
    """Log-probabilities and, where they are unique, multipliers."""
    logits, pairs, margin = case
    problem = Problem.from_unnormalized(logits, beta=1, reward=np.zeros(len(logits)))
    found = cpo.constrained_optimum(problem, Preferences.from_pairs(pairs), margin)
    with mp.workdps(300 + 300):
        exact, multiplier = reference_optimum(rlhf.optimal_policy(problem)[0], pairs, margin)
        for ours, true in zip(found.log_policy[0], exact, strict=True):
            assert abs(mp.expm1(mp.mpf(float(ours)) - true)) < 1e-12
        for ours, true in zip(found.multipliers, multiplier, strict=True):
            assert abs(mp.mpf(float(ours)) - true) <= 1e-10 * true
    assert_certified(found, problem, np.array(margin))
