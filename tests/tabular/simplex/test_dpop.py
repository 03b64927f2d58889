"""DPOP's steps, against halving them one by one."""

import numpy as np
import pytest

from tabular.base.log_space import normalised
from tabular.simplex import dpop


def halved_one_by_one(core, x, value, d, tau, near):
    """A row's step, halved while that lowers the loss by a thousandth, or the loss is not below where it began."""
    share, size = 1.0, np.abs(d).max()
    while share * size > near:
        reached, lower = (core.value(normalised(x + part * d), tau)[0] for part in (share, share / 2))
        if reached <= value[0] and not lower < reached * (1 - 1e-3):
            break
        share /= 2
    reached = core.value(normalised(x + share * d), tau)
    return (normalised(x + share * d), share * size) if reached <= value else (x, 0.0)


@pytest.mark.parametrize("reach", [0.1, 30.0, 1e8, 1e150])
def test_steps_beyond_all_sense_are_halved_as_one_by_one_in_few_looks(monkeypatch, reach):
    rng = np.random.default_rng(0)
    log_ref = normalised(rng.normal(size=(6, 5)))
    labels = np.tile(np.arange(5), 6)
    core = dpop.Core(log_ref, np.repeat(np.arange(6), 5), labels, (labels + 1) % 5, rng.random(30), 0.5, 5.0)
    d = reach * rng.normal(size=(6, 5)) * rng.choice([1.0, 1e-6], (6, 5))
    value, looks, whole = core.value(log_ref, 0.1), [], dpop.Core.value
    with monkeypatch.context() as patch:
        patch.setattr(dpop.Core, "value", lambda *args: looks.append(1) or whole(*args))
        moved, length = dpop._descended(core, log_ref, value, d, 0.1, 1e-3)
    assert len(looks) <= 14
    for row in range(6):
        alone = core.of(np.array([row]))
        wanted, size = halved_one_by_one(alone, log_ref[[row]], value[[row]], d[[row]], 0.1, 1e-3)
        np.testing.assert_array_equal(moved[[row]], wanted)
        assert length[row] == size


def test_steps_that_hardly_shrink_while_the_loss_stands_are_rounding(monkeypatch):
    """Each shorter than all before by a ten-thousandth: 70,000 would come, as with some processors' rounding."""
    taken, log_ref = [], np.log([[0.2, 0.3, 0.5]])
    core = dpop.Core(log_ref, np.zeros(3, dtype=int), np.arange(3), np.array([1, 2, 0]), np.ones(3), 1.0, 5.0)

    def crawling(core, x, *_):
        taken.append(0.9999 ** len(taken))
        return x, np.array(taken[-1:])

    monkeypatch.setattr(dpop, "_descended", crawling)
    dpop._smoothed(core, log_ref, 1.0)
    assert len(taken) < 100
