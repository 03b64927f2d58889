"""Which directions there are, many questions at once: against exchanges, and against linear programmes."""

import numpy as np
import pytest
from scipy.optimize import linprog

from tabular.base import nonnegative
from tabular.failures import movement
from tabular.failures.rays import FASTER


@pytest.mark.parametrize("n", [1, 2])
def test_blocked_is_what_exchanges_say(n):
    rng = np.random.default_rng(n)
    rising = movement._unit(rng.normal(size=(60, n, 4)))
    own = movement._unit(rng.normal(size=(60, 4)))
    own[:30] = movement._unit(-np.einsum("qk,qkn->qn", rng.uniform(0.1, 1, (30, n)), rising[:30]))
    own[:10] = movement._unit(own[:10] + 1e-6 * rng.normal(size=(10, 4)))
    rising[30:40, -1] = -own[30:40]  # one alone blocks
    left = [nonnegative.nearest(rows.T, -target)[1] for rows, target in zip(rising, own, strict=True)]
    found = movement._blocked(own, rising)
    assert found.tolist() == [distance <= movement._PARALLEL for distance in left]
    assert found[10:40].all()
    assert not found[:10].any()


@pytest.mark.parametrize("own", [0, 1])
@pytest.mark.parametrize("n", [1, 2])
def test_along_lets_all_rows_rise_at_their_rates_for_the_least_length(n, own):
    rng = np.random.default_rng(7)
    rising, falling = (movement._unit(rng.normal(size=(20, k, 5))) for k in (n, own))
    found = movement._along(rising, falling)
    rows = np.concatenate([rising, falling], axis=1)
    for way, mine in zip(found, rows, strict=True):
        for number, rate in enumerate(FASTER):
            rates = np.array([1.0] * n + [rate] * own)
            unit = way[number] / np.linalg.norm(way[number])
            slowest = (mine @ unit / rates).min()
            assert slowest > 0
            assert np.abs(way[number]).max() == pytest.approx(1)
            # of all directions of a square that holds the ball none lets the slowest rise faster
            wide = linprog(
                np.r_[np.zeros(5), -1.0], np.c_[-mine / rates[:, None], np.ones(len(mine))], np.zeros(len(mine)),
                bounds=[(-1, 1)] * 5 + [(None, None)],
            )  # fmt: skip
            assert slowest <= -wide.fun * (1 + 1e-9)
            for other in rng.normal(size=(200, 5)):
                assert (mine @ other / rates).min() / np.linalg.norm(other) <= slowest * (1 + 1e-9)
