"""Best of n: enumeration of draws, printed numbers, the bound and its near misses, ties, extremes."""

from itertools import accumulate, pairwise, product

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import log_softmax

from tabular import InputError, Problem, rlhf
from tabular.base.log_space import kl
from tabular.choice import best_of_n


def uniform(reward):
    return Problem(np.full(len(reward), -np.log(len(reward))), 1.0, reward)


def enumerated(ref, reward, n):
    """Every n draws, their best kept, one of those tied at random."""
    chance = np.zeros(len(ref))
    for draws in product(range(len(ref)), repeat=n):
        best = [y for y in draws if reward[y] == max(reward[d] for d in draws)]
        for y in best:
            chance[y] += np.prod([ref[d] for d in draws]) / len(best)
    return chance


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1))
@example(4, 3, 1, 0)
def test_against_every_draw(size, n, levels, seed):
    rng = np.random.default_rng(seed)
    ref, reward = rng.dirichlet(np.ones(size)), rng.integers(0, levels, size)
    problem = Problem.from_probabilities(ref, 1.0, reward)
    found, wanted = np.exp(best_of_n.policy(problem, n))[0], enumerated(ref, reward, n)
    assert found == pytest.approx(wanted, abs=1e-13)
    assert best_of_n.expected_reward(problem, n)[0] == pytest.approx(wanted @ reward, abs=1e-12)
    beats = (reward[:, None] > reward) + (reward[:, None] == reward) / 2
    assert best_of_n.win_rate(problem, n)[0] == pytest.approx(wanted @ beats @ ref, abs=1e-12)


@pytest.mark.parametrize(("m", "printed"), [(2, 0.4593555219), (10, 0.6288251364), (1000, 0.6362936111)])
def test_printed_divergences(m, printed):
    found = best_of_n.kl_from_reference(uniform(np.arange(m)), 4)[0]
    assert found == pytest.approx(printed, abs=6e-11)
    assert found < best_of_n.classical_kl(4) == pytest.approx(0.6362943611, abs=6e-11)


@given(st.integers(2, 8), st.sampled_from([1.0001, 1.5, 2.0, 7.0, 1e3, 1e9]), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_classical_formula_is_a_strict_bound(size, n, ties, seed):
    rng = np.random.default_rng(seed)
    reward = rng.integers(0, 3, size) if ties else rng.permutation(size)
    problem = Problem.from_probabilities(rng.dirichlet(np.ones(size)), 1.0, reward)
    found = best_of_n.kl_from_reference(problem, n)[0]
    assert found < best_of_n.classical_kl(n)
    top = best_of_n.limit_policy(problem)
    assert found <= kl(top, problem.log_ref)[0] + 1e-12
    assert best_of_n.win_rate(problem, n)[0] <= n / (n + 1) + 1e-12


def test_the_bound_is_a_supremum_and_no_smaller_one_holds():
    found = best_of_n.kl_from_reference(uniform(np.arange(100_000)), 4)[0]
    assert 0.99999 * best_of_n.classical_kl(4) < found < best_of_n.classical_kl(4)


def test_the_tilt_of_equal_kl():
    problem = uniform([0.0, 0.9, 1.0])
    tilt = best_of_n.tilt_of_equal_kl(problem, best_of_n.kl_from_reference(problem, 2))
    assert best_of_n.expected_reward(problem, 2)[0] == pytest.approx(0.8555555556, abs=6e-11)
    assert tilt.reward[0] == pytest.approx(0.8642629420, abs=1.1e-10)
    assert tilt.beta[0] == pytest.approx(0.60618834, abs=6e-9)
    again = rlhf.optimal_policy(Problem(problem.log_ref[0], tilt.beta[0], problem.reward[0]))
    assert np.abs(again - tilt.log_policy).max() < 1e-14


@given(st.integers(2, 6), st.sampled_from([1.5, 2.0, 8.0, 100.0]), st.integers(0, 2**32 - 1))
def test_the_tilt_is_at_least_as_good(size, n, seed):
    rng = np.random.default_rng(seed)
    reward = rng.normal(size=(10, size)) * 10.0 ** rng.uniform(-3, 3)
    problem = Problem(np.log(rng.dirichlet(np.ones(size), 10)), 1.0, reward)
    nats = best_of_n.kl_from_reference(problem, n)
    tilt = best_of_n.tilt_of_equal_kl(problem, nats)
    assert kl(tilt.log_policy, problem.log_ref) == pytest.approx(nats, rel=1e-9)
    gain = tilt.reward - best_of_n.expected_reward(problem, n)
    assert (gain >= -1e-9 * np.ptp(reward)).all()


def test_no_share_of_the_gain_is_sure():
    """Best of two at most doubles the chance of a rare best response; the tilt of its KL gives it far more."""
    kept = []
    for rare in (1e-2, 1e-4, 1e-8):
        problem = Problem.from_probabilities([0.5, 0.5 - rare, rare], beta=1, reward=[0, 1e-12, 1])
        start = (np.exp(problem.log_ref) * problem.reward).sum()
        tilt = best_of_n.tilt_of_equal_kl(problem, best_of_n.kl_from_reference(problem, 2))
        kept.append((best_of_n.expected_reward(problem, 2)[0] - start) / (tilt.reward[0] - start))
    assert kept[0] > kept[1] > kept[2]
    assert kept[2] < 1e-5


def test_ends_of_the_tilt():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1, reward=[1, 1, 0])
    start, end = (best_of_n.tilt_of_equal_kl(problem, nats) for nats in (0.0, np.log(2)))
    assert (start.beta[0], end.beta[0]) == (np.inf, 0.0)
    assert start.log_policy == pytest.approx(problem.log_ref)
    assert np.exp(end.log_policy[0]) == pytest.approx([0.4, 0.6, 0])
    with pytest.raises(InputError, match="no tilt has this KL"):
        best_of_n.tilt_of_equal_kl(problem, 0.7)
    with pytest.raises(InputError, match="no tilt has this KL"):
        best_of_n.tilt_of_equal_kl(Problem.from_probabilities([0.5, 0.5], 1, [1, 1]), 0.1)


def exact(log_ref, n):
    """Best of n in the order of the responses, in 6000 digits."""
    with ctx.workdps(6000):
        cumulated = list(accumulate((arb(x).exp() for x in log_ref.tolist()), initial=arb(0)))
        power = [(c / cumulated[-1]) ** arb(n) for c in cumulated]
        return np.array([float((b - a).log()) for a, b in pairwise(power)])


@pytest.mark.parametrize("n", [1.0, 0.5, 3.0, 1e4, 1e8])
@pytest.mark.parametrize(
    "log_ref",
    [
        [-1e4, -5e3, -1.0, np.log1p(-np.exp(-1.0))],
        [np.log1p(-1e-12), np.log(1e-12), -1e4],
        [-1e3, -1e3, -0.1, np.log(-np.expm1(-0.1))],
    ],
)
def test_extremes_against_many_digits(log_ref, n):
    problem = Problem.from_unnormalized(log_ref, 1.0, np.arange(len(log_ref)))
    found, wanted = best_of_n.policy(problem, n)[0], exact(problem.log_ref[0], n)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 32, 63, 64])
@pytest.mark.parametrize("size", [2, 8, 40])
def test_products_and_logs_agree(n, size):
    """Also with ties, absent responses and uneven references."""
    rng = np.random.default_rng(n)
    log_ref = log_softmax(rng.normal(size=(30, size)), axis=1)
    log_ref[rng.random(log_ref.shape) < 0.2] = -np.inf
    log_ref[:, 0] = -1.0
    problem = Problem.from_unnormalized(log_ref, 1.0, rng.integers(0, 1 + size // 2, (30, size)))
    found, by_logs = np.empty((2, *log_ref.shape))
    assert best_of_n._by_products(problem.log_ref, problem.reward, n, found)
    best_of_n._by_logs(problem.log_ref, problem.reward, np.array([[float(n)]]), by_logs)
    there = problem.present
    assert found[there] == pytest.approx(by_logs[there], rel=1e-13, abs=1e-13)
    assert (found[~there] == -np.inf).all()


def test_powers_that_leave_the_floats_are_taken_in_logs():
    for log_ref, n, fits in (([-9.0, -1.0], 64, True), ([-11.0, -1.0], 64, False), ([-800.0, -1.0, 0.0], 1, False)):
        problem = Problem.from_unnormalized(log_ref, 1.0, np.arange(len(log_ref)))
        assert best_of_n._by_products(problem.log_ref, problem.reward, n, np.empty((1, len(log_ref)))) == fits
        assert best_of_n.policy(problem, n)[0] == pytest.approx(exact(problem.log_ref[0], n), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("n", [0.5, 2.0, 5.0, 40.0])
def test_a_response_below_the_floats_is_drawn_n_times_over_what_lies_below_it(n):
    """p_k = n q F^(n-1), below, between and above the others; F is far from 1 between."""
    for log_ref in ([-900.0, -1.0, 0.0], [-1.0, -900.0, 0.0], [-3.0, 0.0, -900.0], [-1.0, -900.0, -900.0, 0.0]):
        problem = Problem.from_unnormalized(log_ref, 1.0, np.arange(len(log_ref)))
        assert best_of_n.policy(problem, n)[0] == pytest.approx(exact(problem.log_ref[0], n), rel=1e-12, abs=1e-12)


def test_many_draws_end_at_the_best_responses():
    problem = Problem.from_probabilities([0.1, 0.3, 0.6], beta=1, reward=[1, 1, 0])
    assert np.exp(best_of_n.policy(problem, 1e6)) == pytest.approx(np.exp(best_of_n.limit_policy(problem)), abs=1e-15)
    assert best_of_n.policy(problem, 1) == pytest.approx(problem.log_ref)
    assert best_of_n.kl_from_reference(problem, 1e6)[0] == pytest.approx(-np.log(0.4))


def test_absent_responses_stay_absent():
    problem = Problem.from_probabilities([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]], beta=1, reward=[[1, 0, 9], [1, 1, 1]])
    found = np.exp(best_of_n.policy(problem, 2))
    assert found[0] == pytest.approx([0.75, 0.25, 0])
    assert found[1] == pytest.approx([0.2, 0.3, 0.5])


def test_over_optimisation_turns_once_for_one_hump():
    """The true reward along best of n of a proxy: at most as many turns as it has extrema in the proxy's order."""
    rng = np.random.default_rng(1)
    draws = np.geomspace(0.01, 1e4, 400)
    for true, most in (([0.0, 1.0, 0.3, -1.0], 1), ([0.0, 1.0, -1.0, 2.0], 2)):
        problem = Problem(np.log(rng.dirichlet(np.ones(4), 200)), 1.0, np.tile(np.arange(4.0), (200, 1)))
        path = np.array([np.exp(best_of_n.policy(problem, n)) @ true for n in draws])
        turns = []
        for rise in np.sign(np.round(np.diff(path, axis=0), 12)).T:
            turns.append((np.diff(rise[rise != 0]) != 0).sum())
        assert max(turns) == most


@pytest.mark.parametrize("n", [0, -1, np.nan, np.inf, [1.0, 2.0]])
def test_bad_numbers_of_draws(n):
    with pytest.raises(InputError, match="n"):
        best_of_n.policy(uniform([0, 1, 2]), n)


@pytest.mark.parametrize("nats", [8e-33, 1e-24, 1e-17, 1e-15, 1e-12])
def test_the_tilt_of_a_tiny_kl_is_its_second_order(nats):
    """Rounding of the KL once kept the bracket from closing."""
    problem = Problem.from_probabilities([1 / 3] * 3, 1.0, [0.0, 0.9, 1.0])
    price = np.sqrt(2 * nats / np.var([0.0, 0.9, 1.0]))
    tilt = best_of_n.tilt_of_equal_kl(problem, nats)
    assert 1 / tilt.beta[0] == pytest.approx(price, rel=1e-5)
    assert tilt.reward[0] == pytest.approx(1.9 / 3, abs=1e-5)


@pytest.mark.parametrize("n", [1.5, 3.0, 40.0])
def test_responses_that_tie_share_their_level_however_small(n):
    """One response in the place of two of its level: their chances are the parts of its, in several prompts at once."""
    rows = [
        [-900.0, -901.0, -1.0, 0.0],
        [-1.0, 0.0, -700.0, -699.0],
        [-2.0, -1.0, -3.0, 0.0],
        [0.0, -650.0, -1.0, -1e4],
    ]
    level = np.array([[0, 0, 1, 2], [0, 1, 2, 2], [1, 0, 1, 2], [0, 1, 1, 2]])
    problem = Problem.from_unnormalized(np.array(rows), 1.0, level)
    found = best_of_n.policy(problem, n)
    for row, log_ref, reward in zip(found, problem.log_ref, level, strict=True):
        merged = np.array([np.logaddexp.reduce(log_ref[reward == k]) for k in range(3)])
        wanted = exact(merged, n)[reward] + log_ref - merged[reward]
        assert row == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    rates = best_of_n.win_rate(problem, n)
    for rate, log_ref, log_best, reward in zip(rates, problem.log_ref, found, level, strict=True):
        beats = (reward[:, None] > reward) + (reward[:, None] == reward) / 2
        assert rate == pytest.approx(np.exp(log_best) @ beats @ np.exp(log_ref), abs=1e-12)


@pytest.mark.parametrize("n", [0.01, 0.5, 1.5, 1e4, 1e300])
def test_any_power_of_any_reference_against_many_digits(n):
    """Powers below 1 raise masses that sums in floats have rounded away; great ones make products with the faintest."""
    rng = np.random.default_rng(0)
    for spread in (1, 10, 40, 200, 400) * 2:
        size = rng.integers(2, 7)
        reward = rng.integers(0, 4, size).astype(float)
        problem = Problem.from_unnormalized(spread * rng.normal(size=size), 1.0, reward)
        with ctx.workdps(1000):
            mass = [arb(level).exp() for level in problem.log_ref[0].tolist()]
            mass = [part / sum(mass) for part in mass]
            for y, found in enumerate(best_of_n.policy(problem, n)[0]):
                below = sum((mass[k] for k in range(size) if reward[k] < reward[y]), arb(0))
                upto = below + sum(mass[k] for k in range(size) if reward[k] == reward[y])
                exact = ((upto ** arb(n) - below ** arb(n)) * mass[y] / (upto - below)).log()
                assert found == pytest.approx(float(exact), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize(("log_odds", "nats"), [(-800.0, 1e-3), (-5000.0, 1.0), (-5000.0, 4999.0)])
def test_a_tilt_away_from_a_reference_that_all_but_excludes_the_best(log_odds, nats):
    """At the first prices its KL underflows."""
    problem = Problem.from_unnormalized([0.0, log_odds, log_odds - 1], 1.0, [0.0, 1.0, -1.0])
    found = best_of_n.tilt_of_equal_kl(problem, nats)
    np.testing.assert_allclose(kl(found.log_policy, problem.log_ref), nats, rtol=1e-11)
    np.testing.assert_allclose(found.log_policy[0, 1] - found.log_policy[0, 0], log_odds + 1 / found.beta, rtol=1e-11)


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
def test_a_tilt_is_the_same_in_any_unit_of_reward(unit):
    """Squares of a price of 1e300 leave the floats."""
    reward = np.array([[0.0, 0.3, 0.9]])
    ref = np.full((1, 3), -np.log(3))
    plain, other = (best_of_n.tilt_of_equal_kl(Problem(ref, 1.0, size * reward), 0.2) for size in (1.0, unit))
    assert other.log_policy == pytest.approx(plain.log_policy, rel=1e-12)
    assert other.beta / unit == pytest.approx(plain.beta, rel=1e-12)
