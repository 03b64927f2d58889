"""Allocations on any scale against the theorem, every slope written out anew in 50 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf

from tabular import Preferences, Problem, losses
from tabular.simplex import absolute, allocation


def sg(x):
    return 1 / (1 + mp.exp(-x))


def bell(x):
    return sg(x) * sg(-x)


SLOPES = {  # of what a response wins and loses, in z = beta (log pi - log ref)
    "nca_pair": lambda z, b: (b * (sg(z) / 2 - sg(-z)), b * sg(z) / 2),
    "bco_pair": lambda z, b: (-b * sg(mpf("0.4") - z), b * sg(z - mpf("0.4"))),
    "sppo_hard": lambda z, b: (2 * (z - mpf(1) / 2) / b, 2 * (z + mpf(1) / 2) / b),
    "kto": lambda z, b: (-b * 2 * bell(z - b * mpf("0.3")), b * 3 * bell(z - b * mpf("0.3"))),
    "apo_zero": lambda z, b: (-b * bell(z), b * bell(z)),
}
PARAMS = {"bco_pair": {"shift": 0.4}, "kto": {"z0": 0.3, "l_d": 2.0, "l_u": 3.0}}


def case(name, seed):
    """Prompts whose references, weights and beta are of many sizes, a response without labels among them or not."""
    rng = np.random.default_rng(seed)
    n, beta = int(rng.integers(2, 7)), float(10 ** rng.uniform(-2, 2))
    if name in ("kto", "apo_zero"):
        beta = 1.0 if seed % 4 == 0 else min(beta, 1 / beta)
    problem = Problem.from_unnormalized(rng.normal(0, 10 ** rng.uniform(-1, 2.5), (6, n)), beta)
    k, named = 6 * int(rng.integers(1, 12)), max(2, n - seed % 2)
    winner = rng.integers(0, named, k)
    loser = (winner + rng.integers(1, named, k)) % named
    log_weight = rng.normal(0, 10 ** rng.uniform(-1, 2), k)
    return problem, Preferences(rng.integers(0, 6, k), winner, loser, log_weight=log_weight).counted()


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("seed", range(8))
def test_each_response_pulls_as_much_as_the_others_or_wants_no_more(name, seed):
    """What is wanted less than all is not decided: there each has what it wants, and nobody takes the rest."""
    problem, labels = case(name, seed)
    wishes = absolute.wishes(problem, labels, losses.get(name, **PARAMS.get(name, {})).form)
    found = allocation.allocate(wishes)
    mass, neutral = np.exp(found.log_policy).sum(axis=1), _neutral(name, wishes)
    np.testing.assert_allclose(mass[found.decided], 1, atol=1e-13)
    assert np.all(mass[~found.decided] < 1)
    assert not neutral[~found.decided].any()
    for row in range(6):
        shared = neutral[row] & np.isfinite(found.log_policy[row])
        assert found.n_neutral[row] == shared.sum()
        ratio = (found.log_policy[row] - wishes.log_ref[row])[shared]
        np.testing.assert_allclose(ratio, ratio[:1].repeat(shared.sum()), rtol=1e-12, atol=1e-12)
        for y in np.flatnonzero(~shared):
            assert _has_its_own(name, wishes, row, y, float(found.log_policy[row, y]), found.nu[row]), (row, y)


def _neutral(name, wishes):
    """Who wins and loses as much of one bell, or nothing."""
    factor = PARAMS["kto"]["l_d"] / PARAMS["kto"]["l_u"] if name == "kto" else 1.0
    cancels = (name in ("kto", "apo_zero")) & np.isclose(wishes.log_won + np.log(factor), wishes.log_lost, 0, 1e-12)
    return cancels | ((wishes.log_won == -np.inf) & (wishes.log_lost == -np.inf))


@pytest.mark.parametrize("beta", [1e-3, 0.5, 1.0, 30.0])
def test_neutral_is_who_cancels_at_every_share_not_in_a_band_about_the_reference(beta):
    """A user's loss that is flat for half a nat of beta r about the reference: beyond, a and b are pulled back."""
    flat = losses.custom(
        "band",
        lambda x, y: (np.maximum(-x - 0.5, 0) ** 2 + np.maximum(y - 0.5, 0) ** 2) / 2,
        lambda x, y: (-np.maximum(-x - 0.5, 0), np.maximum(y - 0.5, 0)),
        kind="absolute",
        convex=True,
    )
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta)
    both_ways = Preferences.from_pairs([(0, 0, 1), (0, 1, 0)])
    neutral, wanted = absolute.wishes(problem, both_ways, flat.form).kinds()
    assert (neutral.tolist(), wanted.tolist()) == ([[False, False, True]], [[True, True, False]])


def _has_its_own(name, wishes, row, y, x, nu):
    """Whether f' = nu pi, to rounding, where y has a probability, and f' >= nu pi in the limit where it has none."""
    beta, nu, ref = mpf(wishes.beta), mpf(float(nu)), mpf(float(wishes.log_ref[row, y]))
    weights = [mp.exp(mpf(float(log_weight[row, y]))) for log_weight in (wishes.log_won, wishes.log_lost)]

    def lacks(at):
        return sum(weight * slope for weight, slope in zip(weights, SLOPES[name](beta * (at - ref), beta), strict=True))

    with mp.workdps(50):
        if x == -np.inf:
            at = min(ref, 0) - 200 / beta
            return lacks(at) >= nu * mp.exp(at)
        off = 1e-14 * (1 + abs(x) + abs(ref) + 1 / beta)
        less, more = (lacks(at) - nu * mp.exp(at) for at in (x - off, x + off))
        return less <= 0 and more >= -np.finfo(float).tiny  # below it nu is 0


@pytest.mark.parametrize("z0", [0.0, 5.0, 20.0, 32.0, 35.0, 60.0, 500.0, 4015.0])
def test_a_share_that_no_float_of_mu_tells_is_what_others_leave(z0):
    """KTO at beta = 1: who wins w of reference p pulls up to w/p, and gets p (e^h - 1) where all of one w/p have one h.

    So those of 1/.2 = 2/.4 share 1 : 2, and of 1/.2 > 1/.4 one has all where z0 is far.
    """
    problem = Problem.from_probabilities([0.2, 0.4, 0.4], beta=1)
    tied = losses.solve(problem, Preferences([0, 0], [0, 1], [2, 2], [1, 2]), losses.get("kto", z0=z0))
    np.testing.assert_allclose(
        np.exp(tied.log_policy[0]), [1 / 3, 2 / 3, 0], rtol=2e-8, atol=0
    )  # h, e^-z0, is told by mu
    if z0 >= 5:
        alone = losses.solve(problem, Preferences([0, 0], [0, 1], [2, 2]), losses.get("kto", z0=z0))
        np.testing.assert_allclose(np.exp(alone.log_policy[0]), [1, 0, 0], rtol=1e-12, atol=0)


@pytest.mark.parametrize("log_weight", [-30.1, -30.4, -32.0])
def test_what_others_leave_is_less_than_everything(log_weight):
    """A response 40 nats below, with a light label, has a share of its own when the other starts to take the rest."""
    problem = Problem.from_unnormalized([-40.0, 0.0, 0.0], 1.0)
    labels = Preferences([0, 0], [0, 1], [2, 2], np.exp([log_weight, 0.0]))
    found = np.exp(losses.solve(problem, labels, losses.get("kto", z0=35.0 + np.log(2))).log_policy[0])
    own = np.exp(-5.0) * np.expm1((40 + log_weight) / 2)
    np.testing.assert_allclose(found, [own, 1 - own, 0], rtol=1e-9)
    assert 0.1 < own < 0.99
