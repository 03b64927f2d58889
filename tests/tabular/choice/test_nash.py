"""The regularised equilibrium: printed values, a convex program, self-play, extremes, and bounds that bind."""

from fractions import Fraction

import cvxpy as cp
import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from tabular import InputError, Problem, Status, rlhf
from tabular.base import cones
from tabular.base.log_space import kl, normalised
from tabular.choice import games, matrix, nash

CYCLE = np.array([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])
BEATEN_BORDA = np.array([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]])


def game(rng, n, n_prompts=None):
    shape = (n, n) if n_prompts is None else (n_prompts, n, n)
    upper = np.triu(rng.random(shape), 1)
    return upper + np.tril(1 - np.swapaxes(upper, -1, -2), -1) + np.eye(n) / 2


def solved(*args, **kwargs):
    return np.exp(nash.regularised(*args, **kwargs).log_policy[0])


@pytest.mark.parametrize(
    ("preference", "ref", "tau", "printed"),
    [
        (CYCLE, [0.5, 0.3, 0.2], 1.0, [0.5108675583, 0.2615561887, 0.2275762530]),
        (CYCLE, [0.5, 0.3, 0.2], 0.1, [0.3753269575, 0.2774326283, 0.3472404143]),
        (BEATEN_BORDA, None, 1.0, [0.3538349722, 0.3707479589, 0.2754170689]),
        ([[0.5, 0.9, 0.6], [0.1, 0.5, 0.9], [0.4, 0.1, 0.5]], None, 0.2, [0.6213530520, 0.1728246488, 0.2058222992]),
        (matrix.from_reward([2, 0, -1]), [0.2, 0.3, 0.5], 1.0, [0.2769503989, 0.3034859149, 0.4195636862]),
    ],
)
def test_printed_equilibria(preference, ref, tau, printed):
    log_ref = None if ref is None else np.log(ref)
    assert solved(preference, tau, log_ref) == pytest.approx(printed, abs=6e-11)
    assert solved(preference, 1.01 * tau, log_ref) != pytest.approx(printed, abs=1e-5)  # a near miss


def test_the_condorcet_winner_is_first_below_one_tau_only():
    def lead(tau):
        policy = solved(BEATEN_BORDA, tau)
        return policy[0] - policy[1]

    assert brentq(lead, 0.2, 1.0, xtol=1e-12) == pytest.approx(0.31213965, abs=5e-9)
    assert lead(0.3) > 0 > lead(0.32)


@given(st.integers(2, 6), st.sampled_from([1e-4, 1e-2, 0.3, 1.0, 1e4]), st.floats(0, 1e4), st.integers(0, 2**32 - 1))
@example(3, 1e-4, 1e4, 0)
@example(2, 1e4, 1e4, 0)
def test_it_is_its_own_best_reply_and_nobody_gains(n, tau, spread, seed):
    rng = np.random.default_rng(seed)
    preference, log_ref = game(rng, n), rng.uniform(-spread, 0, n)
    found = nash.regularised(preference, tau, log_ref)
    reply = nash.best_reply(preference, tau, found.log_policy, log_ref)
    assert found.status is Status.UNIQUE
    assert np.abs(reply - found.log_policy).max() <= found.log_error[0]
    assert found.log_error[0] < 1e-13 * (1 + spread) + 1e-12 / tau**1.5
    assert found.gap[0] < 1e-20
    assert np.exp(found.log_policy).sum() == pytest.approx(1, abs=1e-12)
    assert np.ptp(found.log_policy[0] - log_ref) <= 1 / tau + 1e-9 * (1 + spread)  # the spread stays below 1/tau


def test_the_best_reply_is_the_rlhf_optimum_of_the_win_rates():
    rng = np.random.default_rng(0)
    preference, ref, policy = game(rng, 4), rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
    reply = nash.best_reply(preference, 0.3, np.log(policy), np.log(ref))
    wanted = rlhf.optimal_policy(Problem.from_probabilities(ref, 0.3, preference @ policy))
    assert np.abs(reply - wanted).max() < 1e-14
    # what the reply gains is the exploitability, from the definition of the game
    best = np.exp(reply[0])
    value = best @ preference @ policy - 0.3 * kl(reply, np.log([ref])) + 0.3 * kl(np.log([policy]), np.log([ref]))
    assert nash.exploitability(preference, 0.3, np.log(policy), np.log(ref)) == pytest.approx(value - 0.5, abs=1e-13)


def test_against_a_conic_solver():
    """The equilibrium minimises the convex tau KL(pi | ref) + tau log sum ref e^{P pi / tau}: another route to it."""
    rng = np.random.default_rng(1)
    for n in (2, 3, 5):
        preference, ref, tau = game(rng, n), rng.dirichlet(np.ones(n)), 0.4
        policy = cp.Variable(n)
        worst = cp.log_sum_exp(np.log(ref) + preference @ policy / tau)
        program = cp.Problem(cp.Minimize(cp.sum(cp.kl_div(policy, ref)) + worst), [cp.sum(policy) == 1])
        program.solve(solver=cp.CLARABEL)
        assert policy.value == pytest.approx(
            solved(preference, tau, np.log(ref)), abs=1e-4
        )  # the objective is flat there


def test_against_plain_iteration_where_it_contracts():
    rng = np.random.default_rng(2)
    preference, log_ref = game(rng, 4), np.log(rng.dirichlet(np.ones(4)))
    policy = log_ref
    for _ in range(60):  # by 1/(2 tau) a step at least
        policy = nash.best_reply(preference, 0.8, policy, log_ref)
    assert np.abs(policy - nash.regularised(preference, 0.8, log_ref).log_policy).max() < 1e-12


def test_plain_iteration_leaves_rock_paper_scissors_below_a_sixth_of_root_three():
    start = np.log([[0.34, 0.33, 0.33]])
    for tau, stays in ((0.99 * np.sqrt(3) / 6, False), (1.01 * np.sqrt(3) / 6, True)):
        policy = start
        for _ in range(2000):
            policy = nash.best_reply(CYCLE, tau, policy)
        assert (np.ptp(policy) < np.ptp(start)) == stays


def test_the_gap_bounds_the_distance_to_the_equilibrium():
    rng = np.random.default_rng(3)
    preference, log_policy = game(rng, 5, 200), np.log(rng.dirichlet(np.ones(5), 200))
    distance = kl(log_policy, nash.regularised(preference, 0.2).log_policy)
    assert (nash.exploitability(preference, 0.2, log_policy) >= 0.2 * distance).all()
    assert (nash.exploitability(preference, 0.2, log_policy) < 0.5 * distance).any()  # not for a constant of 1/2


def test_plain_iteration_contracts_as_printed_and_not_better():
    """1/(2 tau) in the span of log pi on four responses: reached, so .49/tau fails; 3/(8 tau) on three; 0 on two."""
    worst = {2: 0.0, 3: 0.0, 4: 0.0}
    rng = np.random.default_rng(4)
    for n in worst:
        signs = game(rng, n, 3000).round()
        signs[:, range(n), range(n)] = 0.5
        if n == 4:  # rows 0 and 1 differ by 1 up on response 2 and 1 down on 3
            signs[0] = [[0.5, 0.5, 1, 0], [0.5, 0.5, 0, 1], [0, 1, 0.5, 0.5], [1, 0, 0.5, 0.5]]
        policy = rng.dirichlet(np.full(n, 0.3), 3000)
        step = 1e-5 * rng.normal(size=(3000, n))
        if n == 4:
            policy[0], step[0] = [1e-9, 1e-9, 0.5, 0.5 - 2e-9], [0, 0, 1e-5, -1e-5]
        near = normalised(np.log(policy) + step)
        moved = nash.best_reply(signs, 1.0, near) - nash.best_reply(signs, 1.0, np.log(policy))
        worst[n] = (np.ptp(moved, axis=1) / np.ptp(near - np.log(policy), axis=1)).max()
    assert worst[2] < 1e-4
    assert 0.3 < worst[3] < 3 / 8 + 1e-4
    assert 0.49 < worst[4] < 0.5 + 1e-4


def test_gaps_are_a_quarter_of_the_reward_gaps_at_most():
    """Bradley-Terry preferences: log-ratios in the order of r, gaps of at most (r_i - r_j)/(4 tau); 1/5 fails."""
    rng = np.random.default_rng(5)
    reward = np.sort(rng.normal(size=(300, 4)) * rng.choice([0.1, 1, 10], (300, 1)), axis=1)
    ratio = nash.regularised(matrix.from_reward(reward), 0.7).log_policy
    gap, bound = np.diff(ratio, axis=1), np.diff(reward, axis=1) / 4 / 0.7
    assert (gap > 0).all()
    assert (gap <= bound).all()
    assert (gap > 0.8 * bound).any()


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
@example(6, 1134)  # two responses that nobody plays drowned the others in the model of a step: 3e-8 were left
def test_the_limit_is_the_equilibrium_closest_to_the_reference(n, seed):
    """Ties and duplicated responses give games with many equilibria; tau = 1e-6 of the regularised game goes there."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.integers(-1, 2, (n, n)), 1) / 4
    preference, log_ref = 0.5 + upper - upper.T, np.log(rng.dirichlet(np.ones(n)))
    found = nash.limit(preference, log_ref)
    exact = games.maximal_lottery(preference)
    assert set(np.flatnonzero(np.exp(found) > 0)) == set(exact.support)
    assert ((preference - 0.5) @ np.exp(found)).max() < 1e-12
    near = nash.regularised(preference, 1e-6, log_ref).log_policy[0]
    assert np.exp(near) == pytest.approx(np.exp(found), abs=2e-4)
    distance = kl(found[None], log_ref[None])[0]
    for vertex in games.all_equilibria(preference):
        mixed = 0.9 * np.exp(found) + 0.1 * vertex.astype(float)
        with np.errstate(divide="ignore"):
            assert kl(np.log([mixed]), log_ref[None])[0] >= distance - 1e-9


def test_the_limit_of_a_game_of_one_equilibrium_is_that_in_fractions(monkeypatch):
    """Among those whom the reference has, whatever it says of them; of others nothing is solved in fractions alone."""
    rng = np.random.default_rng(3)
    preference = game(rng, 10)
    log_ref = np.where(np.arange(10) == 4, -np.inf, 50 * rng.normal(size=10))
    with monkeypatch.context() as patch:
        patch.setattr(cones, "largest_support", None)
        found = nash.limit(preference, log_ref)
    there = np.delete(np.arange(10), 4)
    exact = games.maximal_lottery(preference[np.ix_(there, there)])
    assert (exact.status, found[4]) == (Status.UNIQUE, -np.inf)
    np.testing.assert_allclose(np.exp(found[there]), exact.probabilities, rtol=1e-14)
    first, last = exact.support[0], 9
    preference[:, last], preference[last] = preference[:, first], preference[first]
    preference[last, [first, last]] = preference[first, last] = 0.5
    twice = nash.limit(preference)  # a polytope of equilibria: the uniform reference has both alike
    assert np.isfinite(twice[first])
    assert twice[last] == pytest.approx(twice[first], abs=1e-12)


def test_logs_of_probabilities_below_the_floats():
    assert nash._log(Fraction(1, 10**400)) == pytest.approx(-400 * np.log(10), rel=1e-14)
    assert (nash._log(Fraction(1, 4)), nash._log(Fraction(0))) == (np.log(0.25), -np.inf)


def _in_forty_digits(preference, tau, log_ref, start):
    """The root of F by Newton's steps in 40 digits, from a policy near it."""
    with mpmath.workdps(40):
        n, pull = len(log_ref), mpmath.matrix((np.array(preference) - 0.5).tolist()) / mpmath.mpf(tau)
        base = mpmath.matrix(np.asarray(log_ref).tolist())
        policy = mpmath.matrix([mpmath.exp(mpmath.mpf(float(p))) for p in start])
        reply, x = base + pull * policy, mpmath.matrix([mpmath.mpf(float(p)) for p in start])
        x += mpmath.matrix([sum(p * (r - v) for p, r, v in zip(policy, reply, x, strict=True))] * n)
        for _ in range(6):
            weight = [mpmath.exp(v - max(x)) for v in x]
            policy = mpmath.matrix([w / sum(weight) for w in weight])
            short = x - base - pull * policy
            jacobian = mpmath.eye(n) - pull * (mpmath.diag(list(policy)) - policy * policy.T)
            x -= (step := mpmath.lu_solve(jacobian, short))
        return np.array([float(mpmath.log(p)) for p in policy]), max(abs(v) for v in step)


@pytest.mark.parametrize(("tau", "spread"), [(1e-6, 1e4), (1e-4, 1e3), (1e-8, 300.0)])
def test_steep_references_at_low_prices(tau, spread):
    """Who is played changes many times on the path of equilibria there: from it Newton's steps went into thousands."""
    rng = np.random.default_rng(2)
    for n in (5, 8):
        preference = np.round(game(rng, n)) if n == 8 else game(rng, n)
        preference[np.diag_indices(n)] = 0.5
        log_ref = normalised(spread * rng.normal(size=n))
        found = nash.regularised(preference, tau, log_ref)
        exact, move = _in_forty_digits(preference, tau, log_ref, found.log_policy[0])
        assert move < 1e-20
        off, played = np.abs(found.log_policy[0] - exact), exact > -40
        rounding = 3e-16 / tau * (1 + tau * spread)
        assert off[played].max() < rounding
        assert (off <= found.log_error[0] + 1e-15 / tau).all()
        other, _ = _in_forty_digits(preference, 1.01 * tau, log_ref, found.log_policy[0])
        assert np.abs(found.log_policy[0] - other)[played].max() > rounding  # a near miss


def test_absent_responses_do_not_play():
    small = solved(CYCLE[:2, :2], 0.5, np.log([0.4, 0.6]))
    large = solved(CYCLE, 0.5, [*np.log([0.4, 0.6]), -np.inf])
    assert large == pytest.approx([*small, 0], abs=1e-15)


def test_a_batch_is_its_members():
    rng = np.random.default_rng(6)
    preference, log_ref, tau = game(rng, 6, 50), rng.normal(size=(50, 6)), 10.0 ** rng.uniform(-4, 2, 50)
    together = nash.regularised(preference, tau, log_ref).log_policy
    for k in (0, 13, 49):
        assert np.abs(nash.regularised(preference[k], tau[k], log_ref[k]).log_policy - together[k]).max() < 1e-8


def test_many_responses():
    n = 300
    reward = np.random.default_rng(7).normal(size=n)
    found = nash.regularised(matrix.from_reward(reward), 1e-3)
    assert found.log_policy[0].argmax() == reward.argmax()
    assert found.log_error[0] < 1e-9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[0.5, 0.9]], 1.0), "give \\(n, n\\)"),
        (([[0.5, 1.2], [-0.2, 0.5]], 1.0), "preference\\[0, 0, 1\\] is 1.2: a probability must lie"),
        (([[0.6, 0.5], [0.5, 0.5]], 1.0), "preference\\[0, 0, 0\\] is 0.6"),
        ((CYCLE, 0.0), "tau\\[0\\] is 0.0: it must be finite and above 0"),
        ((CYCLE, 1.0, [0.0, 0.0]), "log_ref has shape"),
        ((CYCLE, [1.0, 2.0], np.zeros((3, 3))), "1, 2, 3 prompts"),
        ((CYCLE, 1.0, [-np.inf] * 3), "no response"),
    ],
)
def test_bad_input_is_said(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        nash.regularised(*arguments)
