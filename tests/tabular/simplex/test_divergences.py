"""f-divergence optima: printed numbers, closed forms, a conic solver, KKT, bounds that bind, extremes."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import lambertw, wrightomega

from tabular import InputError, Problem, rlhf
from tabular.base.log_space import kl
from tabular.simplex import divergences
from tabular.simplex.divergences import Alpha

KINDS = [*divergences.DIVERGENCES, Alpha(2.0), Alpha(-0.5), Alpha(-3.0)]


def solved(ref, reward, kind, beta=1.0):
    return np.exp(divergences.optimum(Problem.from_probabilities(ref, beta, reward), kind).log_policy[0])


@pytest.mark.parametrize(
    ("kind", "alone", "with_third"),
    [
        ("reverse-kl", 1.648721, 1.648721),
        ("chi-square", 1.625, 2.052632),
        ("chi-po", 1.280844, 1.311088),
        ("jensen-shannon", 2.689915, 1.900488),
        ("forward-kl", 1.655869, 1.345899),
    ],
)
def test_odds_depend_on_a_third_response_for_all_but_kl(kind, alone, with_third):
    two, three = np.array([0.4, 0.6]), np.array([0.3, 0.45, 0.25])
    u, v = solved(two, [0.5, 0], kind) / two, solved(three, [0.5, 0, 1.5], kind) / three
    assert (u[0] / u[1], v[0] / v[1]) == (pytest.approx(alone, abs=6e-7), pytest.approx(with_third, abs=6e-7))


@pytest.mark.parametrize("x", [1.0, 5.0, 20.0])
def test_chi_po_ratios_stay_below_lambert(x):
    bound = lambertw(np.exp(1 + x)).real
    printed = {1.0: 1.557146, 5.0: 4.496664, 20.0: 18.103874}[x]
    assert bound == pytest.approx(printed, abs=6e-7)
    ratio = [solved([top, 1 - top], [x, 0], "chi-po")[0] / top for top in (0.5, 1e-2, 1e-4, 1e-8)]
    assert (np.diff(ratio) > 0).all()
    assert bound * (1 - 1e-6) < ratio[-1] < bound < 1 + x
    if x == 20:
        assert ratio[-1] > 1 + 0.8 * x  # a bound of 1 + .8x fails there


def test_chi_square_drops_a_response_at_a_threshold():
    """Two responses: nothing for l iff the rewards differ by beta/ref_w or more; then no reward can be read back."""
    for gap, zero in ((2 - 1e-9, False), (2.0, True), (3.0, True)):
        assert (solved([0.5, 0.5], [gap, 0], "chi-square")[1] == 0) == zero
    assert solved([0.5, 0.5], [2.0, 0], "chi-square") == pytest.approx(solved([0.5, 0.5], [3.0, 0], "chi-square"))
    assert solved([0.2, 0.8], [4.0, 0], "chi-square")[1] > 0  # beta / ref_w is 5, beta / ref_l would be 1.25


@given(
    st.sampled_from(KINDS),
    st.integers(1, 6),
    st.sampled_from([1e-4, 0.1, 1.0, 1e4]),
    st.sampled_from([1.0, 30.0, 1e4]),
    st.integers(0, 2**32 - 1),
)
@example("chi-po", 4, 1e-4, 1e4, 0)
@example("jensen-shannon", 3, 1e-4, 1e4, 1)
@example("forward-kl", 3, 1e-4, 1e4, 1)
def test_the_optimum_meets_its_conditions(kind, n, beta, spread, seed):
    rng = np.random.default_rng(seed)
    log_ref = rng.uniform(-spread, 0, (5, n))
    problem = Problem.from_unnormalized(log_ref, beta, rng.normal(size=(5, n)))
    found = divergences.optimum(problem, kind)
    assert found.residual.max() < 1e-11
    assert np.exp(found.log_policy).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-12)
    link = divergences.get(kind) if isinstance(kind, str) else kind
    if link.full_support:
        assert np.isfinite(found.log_policy).all()


@given(st.sampled_from(KINDS), st.integers(2, 5), st.sampled_from([0.1, 1.0, 10.0]), st.integers(0, 2**32 - 1))
def test_no_other_policy_is_better(kind, n, beta, seed):
    rng = np.random.default_rng(seed)
    problem = Problem.from_probabilities(rng.dirichlet(np.ones(n)), beta, rng.normal(size=n))
    found = divergences.optimum(problem, kind)
    for scale in (1e-3, 0.3, 1.0):
        other = np.exp(found.log_policy[0]) + scale * rng.dirichlet(np.ones(n))
        other = np.log(other / other.sum())
        value = np.exp(other) @ problem.reward[0] - beta * divergences.divergence(other, problem, kind)[0]
        assert value <= found.value[0] + 1e-12 * (1 + abs(found.value[0]))


def test_reverse_kl_is_rlhf_and_alpha_passes_through_it():
    rng = np.random.default_rng(0)
    problem = Problem(np.log(rng.dirichlet(np.ones(5), 20)), 0.3, rng.normal(size=(20, 5)))
    exact = rlhf.optimal_policy(problem)
    assert np.abs(divergences.optimum(problem, "reverse-kl").log_policy - exact).max() < 1e-13
    assert divergences.optimum(problem, "reverse-kl").value == pytest.approx(rlhf.value(problem))
    for alpha in (1e-7, -1e-7):
        assert 0 < np.abs(divergences.optimum(problem, Alpha(alpha)).log_policy - exact).max() < 1e-4


def test_divergences_by_their_definitions():
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.ones(4), 2)
    problem = Problem.from_probabilities(q, 1.0)

    def found(kind):
        return divergences.divergence(np.log(p), problem, kind)[0]

    middle = (p + q) / 2
    shannon = kl(np.log([p]), np.log([middle]))[0] + kl(np.log([q]), np.log([middle]))[0]
    assert found("reverse-kl") == pytest.approx(p @ np.log(p / q))
    assert found("forward-kl") == pytest.approx(q @ np.log(q / p))
    assert found("chi-square") == pytest.approx(((p - q) ** 2 / q).sum() / 2)
    assert found("jensen-shannon") == pytest.approx(shannon)
    assert found("hellinger") == pytest.approx(2 * ((np.sqrt(p) - np.sqrt(q)) ** 2).sum())
    assert found("chi-po") == pytest.approx(found("chi-square") + found("reverse-kl"))


def test_against_a_conic_solver():
    rng = np.random.default_rng(2)
    ref, reward, beta = rng.dirichlet(np.ones(4)), rng.normal(size=4), 0.5
    for kind in ("forward-kl", "chi-square", "chi-po"):
        policy = cp.Variable(4)
        forward, square = cp.sum(cp.kl_div(ref, policy)), cp.sum(cp.multiply(1 / ref, (policy - ref) ** 2)) / 2
        cost = {"forward-kl": forward, "chi-square": square, "chi-po": square + cp.sum(cp.kl_div(policy, ref))}[kind]
        program = cp.Problem(cp.Maximize(reward @ policy - beta * cost), [cp.sum(policy) == 1, policy >= 0])
        program.solve(solver=cp.CLARABEL)
        assert policy.value == pytest.approx(solved(ref, reward, kind, beta), abs=1e-4)


def test_many_responses_and_absent_ones():
    rng = np.random.default_rng(3)
    n = 100_000
    problem = Problem.from_unnormalized(rng.normal(size=n), 0.1, rng.normal(size=n))
    for kind in KINDS:
        assert divergences.optimum(problem, kind).residual.max() < 1e-11
    small = Problem.from_probabilities([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]], 1.0, [[1, 0, 9], [1, 0, 2]])
    found = np.exp(divergences.optimum(small, "chi-po").log_policy)
    assert found[0] == pytest.approx([*solved([0.5, 0.5], [1, 0], "chi-po"), 0])


def test_omega_against_scipy():
    c = np.r_[-700.0, np.linspace(-50, 50, 4001), 1e4, 1e300]
    wanted = wrightomega(c)
    conditioned = 1 + np.abs(c) / (1 + wanted)  # a relative change of c moves log w by that much
    assert (np.abs(divergences._omega(c) / wanted - 1) < 4e-16 * conditioned).all()


def test_preference_matching():
    """softmax(r) maximises E[r - log pi]; with -2 log pi it is softmax(r/2): a near miss."""
    rng = np.random.default_rng(4)
    reward = rng.normal(size=4)
    matched = divergences.preference_matching(Problem.from_probabilities(rng.dirichlet(np.ones(4)), 0.1, reward))[0]
    assert np.exp(matched[0] - matched[1]) == pytest.approx(np.exp(reward[0] - reward[1]))

    def gain(log_policy, k):
        return np.exp(log_policy) @ (reward - k * log_policy)

    for _ in range(50):
        other = matched + 0.1 * rng.normal(size=4)
        other -= np.log(np.exp(other).sum())
        assert gain(other, 1) < gain(matched, 1)
    halved = reward / 2 - np.log(np.exp(reward / 2).sum())
    assert gain(halved, 2) > gain(matched, 2)


def test_unknown_divergences_are_said():
    with pytest.raises(InputError, match="there is no divergence 'kl': choose one of reverse-kl"):
        divergences.get("kl")
    with pytest.raises(InputError, match="alpha is nan"):
        divergences.get("alpha", alpha=np.nan)
