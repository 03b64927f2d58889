"""KTO and APO-zero beyond beta = 1: against grids of few responses, subsets of equals, descents and 50 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf

from tabular import Preferences, Problem, Status, losses
from tabular.simplex import absolute, allocation, local, sigmoids
from tests.benchmarks.test_small_inputs import small
from tests.tabular.simplex.routes import loss_at, losses_at, random_case

RNG = np.random.default_rng


def case(seed):
    """Somebody to share with, of any sizes, a z0 at which some get nothing, and beta beyond 1."""
    rng = RNG(seed)
    problem, labels = random_case(
        rng, n_responses=9, n_labels=14, log_weight_range=2, beta=1 + 10 ** rng.uniform(-2, 1.5)
    )
    return problem, labels, losses.get("kto", z0=rng.uniform(0, 3), l_u=rng.uniform(0.2, 1.1))


@pytest.mark.parametrize("seed", range(30))
def test_no_descent_from_anywhere_ends_lower(seed):
    problem, labels, loss = case(seed)
    found = losses.solve(problem, labels, loss)
    wishes = absolute.wishes(problem, labels.counted(), loss.form)
    if wishes.kinds()[1].any():
        columns = labels.prompt, labels.winner, labels.loser, labels.log_weight
        prompts = local.Prompts(loss.form, problem.beta, problem.log_ref, *columns)
        (least,), _ = local.lowest(prompts, RNG(seed))
        assert found.infimum <= least + 1e-12
        assert found.status in (Status.UNIQUE, Status.UNATTAINED)
    assert loss_at(problem, labels, loss.form, found.log_policy) == pytest.approx(found.infimum, abs=1e-14)
    assert found.residual < 1e-11


@pytest.mark.parametrize("seed", range(12))
def test_no_policy_of_a_grid_is_lower(seed):
    """Three winners and one who only loses, in steps of a 300th, and in logs."""
    rng = RNG(100 + seed)
    problem = Problem.from_unnormalized(rng.normal(0, 0.7, 4), 1 + 10 ** rng.uniform(-1, 1))
    labels = Preferences.from_pairs(
        [(y, 3) for y in range(3)] + [(0, y, 3, w) for y, w in enumerate(rng.uniform(0, 2, 3))]
    )
    loss = losses.get("apo_zero") if seed % 3 == 0 else losses.get("kto", z0=rng.uniform(0.2, 1.5))
    found = losses.solve(problem, labels, loss)
    some = np.r_[np.linspace(0, 1, 301), np.exp(-np.linspace(0.1, 9, 60))]
    first, second = (part.ravel() for part in np.meshgrid(some, some))
    third = 1 - first - second
    kept = third >= 0
    with np.errstate(divide="ignore"):
        policies = np.log(np.stack([first, second, third, 0 * first], axis=1)[kept])
    least = losses_at(problem, labels, loss.form, policies).min()
    assert found.infimum <= least + 1e-14
    assert least <= found.infimum + 2e-3  # the grid is near to the least


@pytest.mark.parametrize("seed", range(20))
def test_all_pull_alike_in_many_digits_and_others_have_nothing(seed):
    problem, labels, loss = case(200 + seed)
    wishes = absolute.wishes(problem, labels.counted(), loss.form)
    wanted = wishes.kinds()[1]
    if not wanted.any():
        return
    x = allocation.allocate(wishes).log_policy[0]
    assert np.isneginf(x[~wanted[0]]).all()
    assert np.exp(x).sum() == pytest.approx(1, abs=1e-14)
    with mp.workdps(50):
        slopes = []
        for y in np.flatnonzero(x > -np.inf):
            a = mp.exp(mpf(wishes.log_won[0, y])) * loss.form.l_d - mp.exp(mpf(wishes.log_lost[0, y])) * loss.form.l_u
            z = mpf(problem.beta) * (mpf(x[y]) - mpf(problem.log_ref[0, y]) - loss.form.z0)
            slopes.append(mp.log(a) + z - 2 * mp.log1p(mp.exp(z)) - mpf(x[y]))
        assert max(slopes) - min(slopes) < 1e-11 * problem.beta


@pytest.mark.parametrize(("beta", "z0"), [(1.5, 0.5), (4.0, 0.0), (4.0, 1.0), (30.0, 0.7), (30.0, 5.0)])
def test_of_equals_as_many_share_as_is_best(beta, z0):
    """Twelve: any k of them have 1/k each, of the same gain, and so have all of their subsets; larger weights first."""
    k, middle = np.arange(1, 13), np.exp(z0) / 13
    gain = k / (1 + (k * middle) ** beta)
    problem, pairs = Problem.from_probabilities(np.full(13, 1 / 13), beta), [(y, 12) for y in range(12)]
    found = losses.solve(problem, Preferences.from_pairs(pairs), losses.get("kto", z0=z0))
    assert found.infimum == pytest.approx(1 - gain.max() / 12, rel=1e-13)
    assert np.isfinite(found.log_policy[0]).sum() == gain.argmax() + 1
    weight = 1 + np.arange(12.0) / 40
    found = losses.solve(
        problem, Preferences.from_pairs([(0, *p, w) for p, w in zip(pairs, weight, strict=True)]), found.loss
    )
    assert (np.diff(np.exp(found.log_policy[0, :12])) >= -1e-15).all()  # one m: more weight, no smaller share


def test_a_riser_between_nothing_and_where_its_gain_bends():
    """Two, by their one odds: the lighter has a share at which its own gain is convex, and no odds are better."""
    problem = Problem.from_probabilities([0.45, 0.45, 0.1], 2.0)
    found = None
    for weight in np.linspace(0.3, 1, 71):
        labels = Preferences.from_pairs([(0, 0, 2, 1.0), (0, 1, 2, weight)])
        loss = losses.get("kto", z0=0.15)
        found = losses.solve(problem, labels, loss)
        odds = np.r_[-np.linspace(-12, 12, 4001), np.inf]
        with np.errstate(invalid="ignore"):
            ends = np.stack([-np.logaddexp(0, -odds), -np.logaddexp(0, odds), np.full(odds.size, -np.inf)], axis=1)
        assert found.infimum <= min(loss_at(problem, labels, loss.form, x) for x in ends[::40]) + 1e-15


def test_nearly_equal_responses_are_local_with_a_bound():
    """Too many shares are as good: the bound is below what was found, and below all subsets that share evenly."""
    rng = RNG(0)
    problem = Problem.from_unnormalized(np.append(rng.normal(0, 1e-3, 30), 0.0), 9.0)
    weight = np.exp(rng.normal(0, 1e-3, 30))
    labels = Preferences.from_pairs([(0, y, 30, w) for y, w in enumerate(weight)])
    loss = losses.get("kto", z0=1.5)
    found = losses.solve(problem, labels, loss)
    assert found.status is Status.LOCAL
    assert 0 < found.bound < found.infimum < found.bound + 0.02
    assert found.residual < 1e-12
    order = np.argsort(-np.log(weight) + 9 * problem.log_ref[0, :30])
    for size in range(1, 31):
        x = np.where(np.isin(np.arange(31), order[:size]), -np.log(size), -np.inf)
        assert found.infimum <= loss_at(problem, labels, loss.form, x) + 1e-15


def test_what_descents_had_missed():
    _, problem, labels, _ = small(0)
    assert losses.solve(problem, labels, losses.get("kto", z0=2.0)).infimum == pytest.approx(
        0.82030806438625, abs=1e-13
    )


def test_losses_that_are_1_to_the_last_bit_have_their_least_all_the_same():
    """All references e^z0 too high: who gains most by having everything has it, at beta = 10 and at 1e4."""
    for beta in (10.0, 1e4):
        problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta)
        found = losses.solve(problem, Preferences.from_pairs([(0, 2), (0, 1, 2, 1.2)]), losses.get("kto", z0=40.0))
        np.testing.assert_array_equal(np.exp(found.log_policy[0]), [1, 0, 0])
        assert found.status is Status.UNATTAINED


@pytest.mark.parametrize("seed", range(8))
def test_bounds_are_above_every_policy(seed):
    """A node's bound is its value and what the tangent is above the gain: no policy of the node gains more."""
    rng = RNG(seed)
    gains = sigmoids.Gains(float(1 + rng.exponential(3)), rng.normal(0, 1, (1, 5)), rng.uniform(-3, 0.5, (1, 5)))
    out, inner = np.zeros((2, 1, 5), dtype=bool)
    nothing = np.array([-np.inf])
    nodes = sigmoids.Nodes(np.array([0]), out, inner, np.array([-1]), nothing, nothing)
    found = sigmoids.relaxed(gains, nodes)
    value = np.exp(gains.log_gain(found.x)).sum()
    bound = value + np.exp(found.log_missed[0])
    for policy in np.concatenate([rng.dirichlet(np.full(5, a), 400) for a in (0.1, 0.5, 1, 5)]):
        with np.errstate(divide="ignore"):
            assert np.exp(gains.log_gain(np.log(policy)[None])).sum() <= bound * (1 + 1e-12)
    assert np.exp(found.x).sum() == pytest.approx(1, abs=1e-13)


def test_falling_sides_are_the_inverse_of_the_slope():
    gains = sigmoids.Gains(3.0, np.array([[0.0, -2.0, -40.0]]), np.array([[-2.0, -1.0, -30.0]]))
    for log_price in (-5.0, -1.0, 0.5, 1.5):
        x = gains.falling(np.array([log_price]))
        slope = gains.log_slope(x)
        inside = (x > gains.bend) & (x < 0)
        np.testing.assert_allclose(slope[inside], log_price, atol=1e-12)
        assert (gains.log_slope(gains.bend)[x == gains.bend] <= log_price).all()


@pytest.mark.parametrize("beta", [1.01, 2.0, 1e3])
def test_falling_sides_are_found_however_near_the_bend(beta):
    gains = sigmoids.Gains(beta, np.zeros((1, 1)), np.full((1, 1), -50.0))
    steepest = gains.log_slope(gains.bend)[0]
    for less in np.geomspace(1e-12, 10, 14):
        x = gains.falling(steepest - less)
        assert x[0, 0] > gains.bend[0, 0]
        np.testing.assert_allclose(gains.log_slope(x)[0], steepest - less, atol=1e-12 + 1e-14 * beta)


def test_a_policy_of_the_least_value_that_is_not_in_balance_is_not_told_as_the_minimiser():
    """z0 of 100 nats: losses of e^-1000 that no float tells from 0 leave one response at 0 slope, another at 1."""
    _, problem, labels, _ = small(41)
    found = losses.solve(problem, labels, losses.get("kto", z0=100.0))
    assert found.infimum == found.bound
    assert (found.status is Status.LOCAL) == (found.residual > 1e-6)
