"""Multipliers that balance a group, added up in 60 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf

from tabular.projections.balance import balance


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_what_a_group_wants_is_what_its_edges_lift(seed, spread):
    """Two groups, each one cycle and edges anyhow; what the second wants is 0 but for rounding, and stays so."""
    rng = np.random.default_rng(seed)
    shift, n = rng.normal(0, spread, 10), 10
    group = np.r_[np.zeros(6, int), np.ones(4, int)]
    ends = [(group_of * 6 + np.array(pair)) for group_of, size in enumerate((6, 4)) for pair in _edges(rng, size)]
    winner, loser = np.transpose(rng.permutation(ends))
    wanted = rng.normal(size=n)
    with mp.workdps(60):
        size = [mp.exp(mpf(float(x))) for x in shift]
        rounding = np.exp(rng.normal(-20, spread / 10, n))
        root = int(np.argmax(shift[:6] + np.log(rounding[:6])))
        others = sum(mpf(float(wanted[y])) * size[y] for y in range(6) if y != root)
        wanted[root] = float(-others / size[root]) + 0.9 * rounding[root]
        wanted[6:] = 0.9 * rounding[6:]
        tilt = balance(wanted, rounding, shift, group, winner, loser)
        assert np.all(tilt >= 0)
        assert np.all(tilt[group[winner] == 1] == 0)
        lifted, terms = [mpf(0)] * n, [mpf(0)] * n
        for w, v, t in zip(winner, loser, tilt.tolist(), strict=True):
            up, down = (mpf(t) / (1 + size[a] / size[b]) for a, b in ((w, v), (v, w)))
            lifted[w], lifted[v] = lifted[w] + up, lifted[v] - down
            terms[w], terms[v] = terms[w] + up, terms[v] + down
        for y in range(6):
            wanted_here = mpf(float(wanted[y]))
            wanted_here = wanted_here if abs(wanted_here) > rounding[y] else 0
            left = 6 * rounding[root] if y == root else 0  # its own, and what others round away
            assert abs(lifted[y] - wanted_here) <= left + 1e-13 * terms[y]


def _edges(rng, size):
    order = rng.permutation(size)
    extra = [tuple(rng.choice(size, 2, replace=False)) for _ in range(size)]
    return [*zip(order, np.roll(order, -1), strict=True), *extra]
