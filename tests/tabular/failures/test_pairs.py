"""Labels merged by their responses lose and count what they did one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tabular.base.log_space import softplus
from tabular.failures.pairs import Pairs


@given(st.integers(0, 10**6))
def test_pairs_lose_and_count_what_their_labels_do(seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 6)), int(rng.integers(1, 15))
    winner = rng.integers(0, n, k)
    loser, s, reference = (winner + rng.integers(1, n, k)) % n, rng.normal(size=n), rng.normal(size=n)
    share, weight = rng.random(k), rng.integers(1, 9, k).astype(float)
    pairs = Pairs(winner, loser, share, reference[winner] - reference[loser])
    assert len(pairs) == len({frozenset(ends) for ends in zip(winner.tolist(), loser.tolist(), strict=True)})
    h = s[pairs.winner] - s[pairs.loser]
    one_by_one = share @ softplus(s[loser] - s[winner])
    np.testing.assert_allclose(pairs.share @ (softplus(-h) + pairs.back * h), one_by_one, rtol=1e-12)
    np.testing.assert_allclose(pairs.bound, reference[pairs.winner] - reference[pairs.loser], rtol=1e-12)
    up, down = pairs.ends
    assert (up[pairs.way] == winner).all()
    assert (down[pairs.way] == loser).all()
    inverted = s[up] <= s[down]
    assert pairs.sums(weight) @ inverted == weight @ (s[winner] <= s[loser])
    there, back = pairs.split(inverted[None], False)
    assert (there[0] == (h <= 0)).all()
    assert (back[0] == ((h >= 0) & (pairs.back > 0))).all()
    assert (pairs.joined(there, back) == inverted).all()
