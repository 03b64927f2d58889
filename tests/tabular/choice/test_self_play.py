"""Maps of self-play against their definitions; bounds that hold, and near misses that do not."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from tabular.base.log_space import kl, normalised
from tabular.choice import matrix, nash, self_play

CYCLE = np.array([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]])


def game(rng, n, n_prompts):
    upper = np.triu(rng.random((n_prompts, n, n)) ** rng.choice([0.1, 1, 10]), 1)
    return upper + np.tril(1 - upper.swapaxes(1, 2), -1) + np.eye(n) / 2


def total_order(n):
    return np.triu(np.ones((n, n)), 1) + np.eye(n) / 2


@given(st.integers(1, 6), st.sampled_from([1e-6, 0.05, 0.5, 2.0, 8.0, 1e3]), st.integers(0, 2**32 - 1))
def test_the_partition_error_is_bounded(n, eta, seed):
    rng = np.random.default_rng(seed)
    preference, log_policy = game(rng, n, 20), np.log(rng.dirichlet(np.full(n, 0.5), 20) + 1e-300)
    error = self_play.partition_error(preference, normalised(log_policy), eta)
    assert (error >= 0).all()
    assert (error <= self_play.partition_bound(eta)).all()


@pytest.mark.parametrize("eta", [1e-6, 1e-3, 3e-3, 0.02, 1.0, 30.0, 2000.0])
def test_the_partition_error_in_every_range(eta):
    """Its definition in 60 digits, at lopsided policies: there odd powers of the step do not cancel."""
    import mpmath as mp

    with mp.workdps(60):
        for chance in ([0.9, 0.08, 0.02], [0.05, 0.15, 0.8]):
            given = np.log(chance)
            share = [mp.exp(mp.mpf(x)) for x in given]
            won = [sum(mp.mpf(row[j]) * share[j] for j in range(3)) / sum(share) for row in CYCLE]
            total = sum(
                p / sum(share) * mp.exp(eta * (score - mp.mpf(1) / 2)) for p, score in zip(share, won, strict=True)
            )
            error = self_play.partition_error(CYCLE, given, eta)[0]
            assert error == pytest.approx(float(mp.log(total)), rel=1e-9)


@pytest.mark.parametrize(("eta", "printed"), [(0.5, 0.0103950510), (2.0, 0.1614393616), (8.0, 1.9202229394)])
def test_the_printed_bounds_are_suprema(eta, printed):
    n = 800
    bound = self_play.partition_bound(eta)[0]
    error = self_play.partition_error(total_order(n), np.full(n, -np.log(n)), eta)[0]
    assert bound == pytest.approx(printed, abs=6e-11)
    assert bound * (1 - 1e-5) < error < bound
    assert bound <= eta**2 / 24


def test_a_twenty_fourth_is_sharp_for_small_steps():
    n = 800
    error = self_play.partition_error(total_order(n), np.full(n, -np.log(n)), 0.05)[0]
    assert 0.05**2 / 25 < error < 0.05**2 / 24


@pytest.mark.parametrize("eta", [1e-8, 1e-3, 0.1999, 0.2001, 30.0, 1e4])
def test_the_bound_in_every_range(eta):
    import mpmath

    with mpmath.workdps(60):
        exact = mpmath.log(mpmath.sinh(mpmath.mpf(eta) / 2) / (mpmath.mpf(eta) / 2))
    assert self_play.partition_bound(eta)[0] == pytest.approx(float(exact), rel=1e-13)


def test_nash_md_by_its_definition():
    rng = np.random.default_rng(0)
    preference, policy, ref = game(rng, 4, 1), rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4))
    tau, eta = 0.5, 0.7
    mixed = policy ** (1 - eta * tau) * ref ** (eta * tau)
    mixed /= mixed.sum()
    wanted = mixed * np.exp(eta * preference[0] @ mixed)
    found = np.exp(self_play.nash_md(preference, tau, np.log(policy), eta, np.log(ref)))[0]
    assert found == pytest.approx(wanted / wanted.sum(), rel=1e-13)


def test_nash_md_with_a_constant_step_ends_beside_the_equilibrium():
    """Its mixture is drawn to the reference at every step: the bias falls with the step, and only so."""
    rng = np.random.default_rng(1)
    preference, log_ref = game(rng, 4, 1), np.log(rng.dirichlet(np.ones(4)))
    target = nash.regularised(preference, 0.5, log_ref).log_policy
    miss = []
    for eta in (0.2, 0.02):
        policy = log_ref
        for _ in range(int(100 / eta)):
            policy = self_play.nash_md(preference, 0.5, policy, eta, log_ref)
        assert np.abs(self_play.nash_md(preference, 0.5, policy, eta, log_ref) - policy).max() < 1e-12
        miss.append(np.abs(policy - target).max())
    assert 5 < miss[0] / miss[1] < 20


@pytest.mark.parametrize("seed", range(3))
def test_nash_md_rate(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    preference, log_ref = game(rng, n, 100), np.log(rng.dirichlet(np.ones(n), 100))
    tau = 10.0 ** rng.uniform(-2, 0, 100)
    run = self_play.nash_md_run(preference, tau, 40, log_ref)
    assert (run.measured <= run.proved).all()
    t = np.arange(1, 41)
    assert run.proved == pytest.approx(1 / (6 * tau**2 * (t[:, None] + 1)))
    assert run.printed == pytest.approx(8 / (tau**2 * (t[:, None] + 1)))
    one = self_play.nash_md_run(preference[:1], tau[0], 40, log_ref[0])
    assert one.proved == pytest.approx(run.proved[:, 0])
    assert one.measured == pytest.approx(run.measured[:, :1], rel=1e-9)


def test_a_twenty_fifth_is_too_little_for_nash_md():
    """A sixth is proved; on this tournament .051 is needed, so the best constant lies between."""
    tournament = np.array([[0, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1], [0, 1, 1, 0, 0]])
    ref = [0.16855986, 0.12611158, 0.2604405, 0.15639744, 0.28849062]
    run = self_play.nash_md_run(tournament + np.eye(5) / 2, 0.039, 30, np.log(ref))
    needed = (run.measured[:, 0] * 0.039**2 * np.arange(2, 32)).max()
    assert 0.051 < needed < 1 / 6


@pytest.mark.parametrize("eta", [0.1, 1.0, 3.0])
def test_hedge_average(eta):
    rng = np.random.default_rng(2)
    preference, start = game(rng, 5, 50), np.log(rng.dirichlet(np.ones(5), 50))
    run = self_play.hedge_run(preference, eta, 100, start)
    assert (run.measured <= run.proved).all()
    np.testing.assert_allclose(run.printed - run.proved, eta * (1 / 8 - 1 / 24), atol=1e-12)  # Hoeffding's eighth


def test_the_last_iterate_of_hedge_obeys_no_such_bound():
    run = self_play.hedge_run(CYCLE, 0.5, 400, np.log([0.4, 0.3, 0.3]))
    beaten_by = (matrix.skew_part(CYCLE) @ np.exp(run.iterates[1:])[..., None]).max(axis=(1, 2, 3))
    assert beaten_by[-1] > 3 * run.printed[-1, 0] > 3 * run.measured[-1, 0]


def test_hedge_moves_away_from_rock_paper_scissors():
    uniform = np.log(np.full((1, 3), 1 / 3))
    run = self_play.hedge_run(CYCLE, 0.5, 100, np.log([0.4, 0.3, 0.3]))
    distance = np.array([kl(uniform, policy)[0] for policy in run.iterates])
    assert (np.diff(distance) > 0).all()
    assert distance[[0, 20, 100]] == pytest.approx([0.009466, 0.014154, 0.0672], abs=6e-5)


def test_the_equilibrium_repels_hedge_and_attracts_nash_md():
    uniform = np.log(np.full(3, 1 / 3))
    size = np.abs(self_play.multipliers(CYCLE, uniform, 1.0)).max()
    assert size == pytest.approx(np.sqrt(1 + 1 / 12), abs=1e-14)
    run = self_play.nash_md_run(CYCLE, 0.1, 200, np.log([0.4, 0.3, 0.3]))
    assert run.measured[-1, 0] < run.measured[0, 0] / 100


@given(st.integers(2, 5), st.sampled_from([1e-3, 0.5, 3.0, 100.0]), st.integers(0, 2**32 - 1))
@example(4, 100.0, 3)
def test_sppo_solves_its_least_squares(n, eta, seed):
    rng = np.random.default_rng(seed)
    preference, policy = game(rng, n, 1), rng.dirichlet(np.ones(n))
    target = eta * (preference[0] @ policy - 0.5)
    found = self_play.sppo(preference, np.log(policy), eta)[0]

    def cost(log_policy):
        return policy @ (log_policy - np.log(policy) - target) ** 2

    def on_simplex(logits):
        return cost(normalised(np.r_[0.0, logits]))

    started = minimize(on_simplex, (found - found[0])[1:] + 0.1 * rng.normal(size=n - 1), tol=1e-12)
    assert cost(found) <= started.fun * (1 + 1e-9) + 1e-15
    other = normalised(found + 1e-3 * rng.normal(size=n))
    assert cost(other) > cost(found)


def test_sppo_and_its_exact_form_agree_on_constant_scores_only():
    uniform = np.log(np.full((1, 3), 1 / 3))
    assert np.abs(self_play.sppo(CYCLE, uniform, 5.0) - self_play.hedge(CYCLE, uniform, 5.0)).max() < 1e-15
    tilted = np.log([[0.5, 0.3, 0.2]])
    assert np.abs(self_play.sppo(CYCLE, tilted, 5.0) - self_play.hedge(CYCLE, tilted, 5.0)).max() > 0.05


@pytest.mark.parametrize(("rare", "eta"), [(-750.0, 1400.0), (-750.0, 1460.0), (-750.0, 1510.0), (-5000.0, 1e5)])
def test_a_chance_that_underflows_counts_in_the_partition_error(rare, eta):
    """Two responses, the rare one always preferred: log(1 - p + p e^(eta / 2 + ...)) in mpmath."""
    import mpmath as mp

    log_policy = normalised(np.array([[0.0, rare]]))
    with mp.workdps(3000):
        p = mp.exp(mp.mpf(rare)) / (1 + mp.exp(mp.mpf(rare)))
        wanted = mp.log((1 - p) * mp.exp(-eta * p / 2) + p * mp.exp(eta * (1 - p) / 2))
    error = self_play.partition_error([[0.5, 0.0], [1.0, 0.5]], log_policy, eta)[0]
    assert error == pytest.approx(float(wanted), rel=1e-10, abs=0)
