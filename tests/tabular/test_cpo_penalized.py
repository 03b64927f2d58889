"""The penalised objective: unbounded along its certificate, its local maximum by search and in balls."""

from itertools import pairwise

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.special import log_expit

from tabular import InputError, Preferences, Problem, Status, cpo, rlhf
from tabular.simplex.penalized import _relative_objective, win_excess
from tests.strategies import labelled_problems, policies_of

PAIR = Preferences.from_pairs([(0, 1)])


def two_responses(delta_star, beta=1.0):
    return Problem.from_unnormalized([delta_star, 0.0], beta, reward=[0.0, 0.0])


# --- Unbounded -------------------------------------------------------------------------------------------------------


@given(labelled_problems(beta=st.sampled_from([0.1, 1.0, 10.0])), st.data())
def test_the_certificate_certifies(case, data):
    """Along the direction the objective grows at the stated rate, up to the bounded reward and KL."""
    problem, preferences = case
    gamma = 0.7
    found = cpo.penalized_optimum(problem, preferences, gamma)
    start = data.draw(policies_of(problem, spread=3.0))

    def value(distance):
        logits = start + distance * found.direction
        log_policy = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        return cpo.penalized_objective(log_policy, problem, preferences, gamma)

    near, far = value(2000.0), value(12000.0)
    np.testing.assert_allclose(far - near, 10000 * found.rate, rtol=1e-6, atol=1e-6)
    assert (found.status is Status.UNBOUNDED) == bool((found.rate > 0).any())


def test_it_is_the_penalised_mean_of_delta():
    problem = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], beta=0.5, reward=[[1, 0, 2], [0, 1, 0]])
    labels = Preferences.from_pairs([(0, 0, 1, 3.0), (0, 2, 1, 1.0), (1, 1, 0, 7.0)])
    policy = np.log([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    mean = [0.75 * np.log(0.1 / 0.2) + 0.25 * np.log(0.7 / 0.2), np.log(0.3 / 0.3)]
    expected = rlhf.objective(policy, problem) + 0.3 * np.array(mean)
    np.testing.assert_allclose(cpo.penalized_objective(policy, problem, labels, 0.3), expected, rtol=1e-13)


def test_balanced_labels_leave_rlhf():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[1.0, 0.0, 0.3])
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    found = cpo.penalized_optimum(problem, cycle, 5.0)
    assert found.status is Status.UNIQUE
    assert not found.direction.any()
    np.testing.assert_allclose(found.local, rlhf.optimal_policy(problem), atol=1e-15)


def test_both_ends_at_zero_have_no_value():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[1.0, 0.0, 0.3])
    with pytest.raises(InputError, match="inf - inf"):
        cpo.penalized_objective([-np.inf, -np.inf, 0.0], problem, PAIR, 0.1)
    assert cpo.penalized_objective([0.0, -np.inf, -np.inf], problem, PAIR, 0.1)[0] == np.inf


def test_wins_that_cancel_but_for_rounding_leave_no_excess():
    labels = Preferences.from_pairs([(0, 0, 1, 0.1), (0, 0, 1, 0.2), (0, 1, 0, 0.3)])
    share = np.exp(labels.log_weight - labels.log_weight.max())
    assert share[0] + share[1] != share[2]
    for pairs in (labels, Preferences(labels.prompt, labels.loser, labels.winner, log_weight=labels.log_weight)):
        assert win_excess(two_responses(0.0), pairs).tolist() == [[0.0, 0.0]]


def test_local_maxima_are_compared_by_the_objective():
    """Over beta, and up to a constant of the prompt; a response that is not there plays no part."""
    rng = np.random.default_rng(4)
    problem = Problem.from_probabilities([0.2, 0.3, 0.5, 0.0], beta=0.5, reward=[1.0, 0.0, 0.3, 9.0])
    labels, gamma = Preferences.from_pairs([(0, 1), (0, 2), (1, 2), (1, 2)]), 0.1
    star, c = rlhf.optimal_policy(problem)[0], gamma / 0.5 * win_excess(problem, labels)[0]
    policies = np.log(
        np.c_[rng.dirichlet(np.ones(3), 5), np.zeros(5)], where=np.arange(4) < 3, out=np.full((5, 4), -np.inf)
    )
    exactly = np.array([cpo.penalized_objective(policy, problem, labels, gamma)[0] for policy in policies])
    compared = np.array([_relative_objective(policy, star, c) for policy in policies])
    np.testing.assert_allclose(np.diff(compared), np.diff(exactly) / 0.5, rtol=1e-12)


def test_one_end_at_zero_decides_whatever_else_is_there():
    """Wins less losses of three labels are 2/3, 0 and -2/3: two thirds of a label are as good as a whole one."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[1.0, 0.0, 0.3])
    labels = Preferences.from_pairs([(0, 1), (0, 2), (1, 2)])
    half = np.log(0.5)
    for policy, value in (
        ([-np.inf, half, half], -np.inf),
        ([-np.inf, -np.inf, 0.0], -np.inf),
        ([half, half, -np.inf], np.inf),
        ([0.0, -np.inf, -np.inf], np.inf),
    ):
        assert cpo.penalized_objective(policy, problem, labels, 0.1)[0] == value
    with pytest.raises(InputError, match="inf - inf"):
        cpo.penalized_objective([-np.inf, 0.0, -np.inf], problem, labels, 0.1)


# --- The local maximum -----------------------------------------------------------------------------------------------


def grid_maxima(log_star, c, n=240):
    """Lattice points of the 3-simplex that beat their six neighbours."""
    i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    inside = (i > 0) & (j > 0) & (i + j < n)
    p = np.stack([i, j, n - i - j], axis=-1)[inside] / n
    value = np.full((n + 3, n + 3), -np.inf)
    value[1:-1, 1:-1][inside] = (c * np.log(p)).sum(axis=1) - (p * (np.log(p) - log_star)).sum(axis=1)
    here = value[1:-1, 1:-1]
    shifts = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)]
    border = (i <= 1) | (j <= 1) | (i + j >= n - 1)  # next to an edge of the simplex the lattice says nothing
    best = inside & ~border
    for a, b in shifts:
        best &= here > value[1 + a : n + 2 + a, 1 + b : n + 2 + b]
    return np.stack([i, j, n - i - j], axis=-1)[best] / n


@pytest.mark.parametrize("seed", range(60))
def test_three_responses_against_search(seed):
    rng = np.random.default_rng(seed)
    problem = Problem(np.log(rng.dirichlet(np.ones(3) * 3)), beta=1.0, reward=rng.normal(size=3) * 0.3)
    pairs = [[(0, 1)], [(0, 1), (0, 2)], [(0, 1), (2, 1)], [(0, 1), (1, 2), (0, 2)]][seed % 4]
    labels = Preferences.from_pairs(pairs)
    gamma = 10 ** rng.uniform(-2.5, -0.3)
    found = cpo.penalized_optimum(problem, labels, gamma)
    searched = grid_maxima(rlhf.optimal_policy(problem)[0], gamma * win_excess(problem, labels)[0])
    local = [] if found.local is None else [np.exp(found.local[0])]
    if local and local[0].min() < 3 / 240:
        pytest.skip("the local maximum is too close to the lattice's border")
    assert len(searched) == len(local)
    if local:
        assert np.abs(searched[0] - local[0]).max() < 2 / 240


@given(st.floats(-8, 8), st.floats(0.01, 3), st.floats(0.1, 10))
@example(-4.0, 1.0, 1.0)  # the local maximum's loser is below kappa: branch -1 of Lambert W
def test_two_responses_against_the_scalar_equation(delta_star, kappa, beta):
    found = cpo.penalized_optimum(two_responses(delta_star, beta), PAIR, kappa * beta)
    peak = np.arcsinh(0.5 / kappa)
    height = peak - 2 * kappa - np.sqrt(4 * kappa * kappa + 1)
    assume(abs(height - delta_star) > 1e-6)
    assert (found.local is not None) == (delta_star < height)
    if found.local is not None:
        delta = found.local[0, 0] - found.local[0, 1]
        assert abs(delta - 2 * kappa * (1 + np.cosh(delta)) - delta_star) < 1e-9 * (1 + abs(delta_star))
        assert delta < peak


@given(labelled_problems(max_prompts=2, max_responses=5, beta=st.sampled_from([0.1, 1.0, 100.0])), st.floats(-4, 0))
def test_a_local_maximum_beats_its_neighbours(case, log_gamma):
    problem, preferences = case
    gamma = problem.beta * 10**log_gamma
    found = cpo.penalized_optimum(problem, preferences, gamma)
    assert found.residual < 1e-9
    assume(found.local is not None)
    assume(np.min(found.local[problem.present]) > -12)  # or a step below is far in the tail
    here = cpo.penalized_objective(found.local, problem, preferences, gamma)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = 1e-4 * np.exp(found.local.min(axis=1, where=problem.present, initial=0.0))[:, None]
        noise = np.where(problem.present, rng.normal(size=found.local.shape), 0.0)
        noise = np.where(
            problem.present, noise - noise.sum(1, keepdims=True) / problem.present.sum(1, keepdims=True), 0
        )
        near = np.log(np.where(problem.present, np.exp(found.local) + step * noise, 1.0))
        near = np.where(problem.present, near, -np.inf)
        there = cpo.penalized_objective(near, problem, preferences, gamma)
        assert (there <= here + 1e-12 * (1 + np.abs(here)) * (1 + problem.beta)).all()


def test_a_local_maximum_right_at_the_fold_of_two_losers_is_found():
    """Its curve turns before the first interior grid point; the optimum is checked by its gradient and Hessian."""
    wins, losses = [0.7008543874349036, 0.9646729629065317, 2.007191411532405], [0.7342747312495331, 1.3428614224655397]
    labels = Preferences.from_pairs([(0, 1, 2, w) for w in wins] + [(0, 2, 0, w) for w in losses])
    logits = np.array([-3.0663402069688037, -0.1777173603375153, -2.1521874583488296])
    reward = [-0.24355867907910456, 1.0023136012756912, -0.8864599431605871]
    problem = Problem(logits - np.logaddexp.reduce(logits), 1.0, reward)
    gamma = 0.01579896690646177
    found = cpo.penalized_optimum(problem, labels, gamma)
    assert found.n_local.tolist() == [1]
    pi = np.exp(found.local[0])
    np.testing.assert_allclose(pi, [0.005698, 0.979032, 0.015270], atol=1e-6)
    c = gamma * np.array([-sum(losses), sum(wins), sum(losses) - sum(wins)]) / (sum(wins) + sum(losses))
    gradient = np.array(reward) - (found.local[0] - problem.log_ref[0]) + c / pi
    assert np.ptp(gradient) < 1e-9
    tangent = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]])
    assert np.linalg.eigvalsh(tangent @ np.diag(-1 / pi - c / pi**2) @ tangent.T).max() < 0


@pytest.mark.parametrize("gamma", ["a", None, [0.1, 0.2], -1.0, np.inf, np.nan])
def test_a_gamma_that_is_no_weight_is_refused(gamma):
    for function in (cpo.penalized_optimum, cpo.reference_margin):
        with pytest.raises(InputError, match=r"^gamma is .* at least 0$"):
            function(two_responses(0.0), PAIR, gamma)


# --- The window ------------------------------------------------------------------------------------------------------


@given(st.floats(-6, 6), st.sampled_from([1e-4, 0.1, 1.0, 1e4]))
def test_theorem_4_9_holds_of_the_local_maximum_exactly_inside_the_window(delta_star, beta):
    assume(abs(delta_star) > 1e-6)  # nearer, delta's sign is rounding
    problem = two_responses(delta_star, beta)
    (low,), (high,) = cpo.gamma_window(problem, PAIR)
    assert low < high
    for share in (0.02, 0.5, 0.98):
        inside = max(low, 0.0) + share * (high - max(low, 0.0))
        local = cpo.penalized_optimum(problem, PAIR, inside).local
        assert local is not None
        assert local[0, 0] > local[0, 1]
        if low > 0:
            below = cpo.penalized_optimum(problem, PAIR, share * low).local
            assert below[0, 0] < below[0, 1]
    assert cpo.penalized_optimum(problem, PAIR, 1.02 * high).local is None


def test_gamma_star_is_negative_for_an_aligned_optimum():
    (low,), (high,) = cpo.gamma_window(two_responses(2.0, beta=0.5), PAIR)
    assert low == -0.25
    assert high > 0


def test_gamma_max_shrinks_to_0_with_the_smallest_double():
    assert cpo.gamma_window(two_responses(700.0), PAIR)[1][0] == pytest.approx(np.exp(-701.0), rel=1e-9)
    assert cpo.gamma_window(two_responses(800.0), PAIR)[1][0] == 0


def test_the_window_needs_two_responses():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1, reward=[0, 0, 0])
    with pytest.raises(InputError, match="two responses and one pair"):
        cpo.gamma_window(problem, PAIR)


# --- Ball arithmetic -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _precision():
    before, ctx.prec = ctx.prec, 160
    yield
    ctx.prec = before


def slope(delta, kappa):
    return 1 - 2 * kappa * delta.sinh()


def stationarity(delta, kappa, delta_star):
    return delta - 2 * kappa * (1 + delta.cosh()) - delta_star


@pytest.mark.parametrize("delta_star", [-3.0, -1.0, -0.1, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95, 0.999])
def test_the_local_maximum_is_enclosed(delta_star, share):
    """A root of the stationarity equation within 1e-9 of ours, on the rising side: a strict local maximum of J."""
    problem = two_responses(delta_star)
    gamma = share * cpo.gamma_window(problem, PAIR)[1][0]
    local = cpo.penalized_optimum(problem, PAIR, gamma).local
    delta, kappa = float(local[0, 0] - local[0, 1]), arb(float(gamma))
    star = arb(float(rlhf.optimal_policy(problem)[0, 0] - rlhf.optimal_policy(problem)[0, 1]))
    left, right = arb(delta) - arb("1e-9"), arb(delta) + arb("1e-9")
    assert stationarity(left, kappa, star) < 0
    assert stationarity(right, kappa, star) > 0
    assert slope(left.union(right), kappa) > 0
    if abs(delta) > 1e-8:  # its sign is the window's, proved
        low = cpo.gamma_window(problem, PAIR)[0][0]
        assert (left > 0) == (gamma > low)


def fold_ball(kappa):
    return (1 / (2 * kappa)).asinh() - 2 * kappa - (4 * kappa * kappa + 1).sqrt()


def test_the_fold_lies_above_gamma_star():
    r"""F(kappa) + 4 kappa > 0 in balls, in the form without cancellation, and that form against F itself."""
    edges = np.geomspace(1e-6, 1e6, 600)
    for left, right in pairwise(edges):
        u = arb(left).union(arb(right))
        assert u.asinh() - u / (1 + (1 + u * u).sqrt()) > 0
        kappa = 1 / (2 * arb(left))
        assert (fold_ball(kappa) + 4 * kappa).overlaps(
            arb(left).asinh() - arb(left) / (1 + (1 + arb(left) ** 2).sqrt())
        )


@pytest.mark.parametrize("delta_star", [-5.0, -1.0, 0.0, 3.0])
def test_gamma_max_is_enclosed(delta_star):
    (_,), (high,) = cpo.gamma_window(two_responses(delta_star), PAIR)
    star = arb(float(rlhf.optimal_policy(two_responses(delta_star))[0] @ [1, -1]))
    assert fold_ball(arb(float(high)) * (1 - arb("1e-12"))) > star
    assert fold_ball(arb(float(high)) * (1 + arb("1e-12"))) < star


# --- Eq. 13 ----------------------------------------------------------------------------------------------------------


@given(st.floats(-5, 2), st.floats(-2, 2), st.floats(0.05, 0.95))
def test_exact_margin_is_the_stationarity_identity(delta_ref, reward, share):
    problem = Problem(np.array([log_expit(delta_ref), log_expit(-delta_ref)]), 0.7, reward=[reward, 0.0])
    gamma = share * cpo.gamma_window(problem, PAIR)[1][0]
    local = cpo.penalized_optimum(problem, PAIR, gamma).local
    moved = problem.beta * (PAIR.delta(local) - PAIR.delta(problem.log_ref)) - reward
    exact = cpo.exact_margin(local, problem, PAIR, gamma)
    np.testing.assert_allclose(moved, exact, rtol=1e-8, atol=1e-9)
    by_hand = gamma * (np.exp(-local[0, 0]) + np.exp(-local[0, 1]))
    np.testing.assert_allclose(exact, by_hand, rtol=1e-13)
