"""Stationary points of losses that are not convex: every pull balances, in 60 digits, on any scale of weights."""

import numpy as np
import pytest
from mpmath import mp, mpf

from tabular import losses
from tabular.fits import graded
from tests.tabular.losses.formulas import FORMULAS

CASES = {"exo_pair": {"eps": 0.1}, "discopop": {"tau": 0.5}}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("spread", [1.0, 60.0])
@pytest.mark.parametrize("seed", range(3))
def test_pulls_balance_to_what_rounding_of_the_levels_leaves(name, spread, seed):
    rng = np.random.default_rng(seed)
    n, order = 5, rng.permutation(5)
    winner = np.r_[order, np.roll(order, -1), rng.integers(0, n, 4)]
    loser = np.r_[np.roll(order, -1), order, (winner[2 * n :] + rng.integers(1, n, 4)) % n]
    log_weight, offset = rng.uniform(-spread, 0, len(winner)), 0.3 * rng.normal(size=len(winner))
    scalar = losses.get(name, **CASES[name]).scalar
    start = rng.normal(size=n)
    s = graded.stationary(start[None], winner, loser, log_weight, offset, scalar)[0]
    assert abs(s.mean()) < 1e-15 * max(1.0, np.abs(s).max())
    with mp.workdps(60):
        pull, bend = [mpf(0)] * n, [mpf(0)] * n
        for w, v, c, o in zip(winner.tolist(), loser.tolist(), log_weight.tolist(), offset.tolist(), strict=True):
            h = mpf(float(s[w])) - mpf(float(s[v])) - mpf(o)
            first, second = (mp.exp(mpf(c)) * mp.diff(lambda z: _loss(name, z), h, k) for k in (1, 2))
            for y, sign in ((w, 1), (v, -1)):
                pull[y], bend[y] = pull[y] + sign * first, bend[y] + abs(second)
        assert all(abs(one) <= 3e-14 * other for one, other in zip(pull, bend, strict=True))
    before, after = (np.exp(log_weight) @ scalar.value(at[winner] - at[loser] - offset) for at in (start, s))
    assert after <= before


def _loss(name, z):
    return FORMULAS[name](z, mpf(0), mpf(0), mpf(0), mpf(1), **{key: mpf(x) for key, x in CASES[name].items()})
