"""DPOP's steps, against halving them one by one, and its minima, against many digits."""

from dataclasses import replace

import numpy as np
import pytest
from mpmath import exp, mpf, workdps

from tabular import Status, losses
from tabular.base.log_space import normalised
from tabular.simplex import dpop
from tests.benchmarks.test_small_inputs import small


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


def violation_in_many_digits(found, lam):
    """How far 0 is from the subdifferential, of all pulls: of core responses, at the policy and multiplier found."""
    problem, labels, x = found.problem, found.preferences, found.log_policy[0]
    r = [mpf(a) - mpf(b) for a, b in zip(x.tolist(), problem.log_ref[0].tolist(), strict=True)]
    gradient, won, size = ([mpf(0)] * len(x) for _ in range(3))
    for w, v, weight in zip(labels.winner, labels.loser, np.exp(labels.log_share), strict=True):
        if np.isfinite(x[v]):
            share = int(r[w] < 0)
            pull = weight * problem.beta / (1 + exp(problem.beta * ((1 + lam * share) * r[w] - r[v])))
            gradient[w], gradient[v], won[w] = gradient[w] - (1 + lam * share) * pull, gradient[v] + pull, won[w] + pull
            size[w], size[v] = size[w] + (1 + lam) * pull, size[v] + pull
    gaps = [g - mpf(found.multiplier[0]) * exp(mpf(a)) for g, a in zip(gradient, x.tolist(), strict=True)]
    kinked = [lam * pull * (a == 0) for pull, a in zip(won, r, strict=True)]
    return float(max(max(-gap, gap - room) for gap, room in zip(gaps, kinked, strict=True)) / sum(size))


@pytest.mark.parametrize("seed", [8, 22, 243, 295])
def test_light_labels_settle_what_heavy_ones_leave(seed):
    """Weights from e^-10 to e^10, and from e^-40 to e^40: steps once went anywhere, 13 seconds long of the last."""
    _, problem, preferences, _ = small(seed)
    found = losses.solve(problem, preferences, losses.get("dpop", lam=1.0))
    assert found.status is not Status.LOCAL
    moved = found.log_policy + 1e-6 * np.cos(np.arange(problem.n_responses))
    with workdps(60):
        assert violation_in_many_digits(found, 1) < 1e-13
        assert violation_in_many_digits(replace(found, log_policy=moved), 1) > 1e-9
