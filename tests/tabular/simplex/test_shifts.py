"""Self-consistent shifts: by iteration as a trainer does it, by hand, and where there are none."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, losses
from tabular.base.log_space import kl
from tabular.simplex import absolute, shifts
from tabular.simplex.wishes import Logistic
from tests.benchmarks.test_small_inputs import small

PROBLEM = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], beta=0.5, prompt_weights=[0.3, 0.7])
LABELS = Preferences(
    [0, 0, 0, 0, 1, 1], [0, 1, 1, 2, 0, 1], [1, 0, 2, 1, 1, 0], [0.75, 0.25, 0.5, 0.3, 0.6, 0.5]
)  # every labelled response wins; prompt 1 has an unlabelled one


def test_kto_by_iterating_the_divergence():
    shift = 0.0
    for _ in range(300):
        found = losses.solve(PROBLEM, LABELS, losses.get("kto", z0=shift, l_u=0.6))
        shift = float(PROBLEM.prompt_weights @ kl(found.log_policy, PROBLEM.log_ref))
    settled = losses.self_consistent(PROBLEM, LABELS, losses.get("kto", l_u=0.6))
    assert settled.shift == pytest.approx(shift, abs=1e-9)
    assert settled.error < 1e-9
    assert 0 < settled.shift < 1.6


def test_bco_by_iterating_the_mean_reward():
    def mean_reward(log_policy):
        r = log_policy - PROBLEM.log_ref
        both = r[LABELS.prompt, LABELS.winner] + r[LABELS.prompt, LABELS.loser]
        return float(PROBLEM.beta * np.exp(LABELS.log_share) @ both / 2)

    settled = losses.self_consistent(PROBLEM, LABELS, losses.get("bco_pair", shift=3.0))
    shift = 0.0
    for _ in range(200):
        shift = mean_reward(losses.solve(PROBLEM, LABELS, losses.get("bco_pair", shift=shift)).log_policy)
    assert settled.shift == pytest.approx(shift, abs=1e-6)
    assert mean_reward(settled.minimum.log_policy) == pytest.approx(settled.shift, abs=1e-9)


def test_bco_of_one_pair_by_hand():
    """x = d + log 3 and y = d - log 3 fill the simplex: e^2d (.2 x 9 + .3 / 9) = 1."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    found = losses.self_consistent(problem, labels, losses.get("bco_pair", shift=0.0))
    assert found.shift == pytest.approx(-np.log(0.2 * 9 + 0.3 / 9) / 2, abs=1e-9)


def test_where_there_is_none():
    with pytest.raises(InputError, match="response 1 of prompt 0 never wins, so the mean reward is -inf"):
        losses.self_consistent(PROBLEM, Preferences.from_pairs([(0, 1)]), losses.get("bco_pair", shift=0.0))
    with pytest.raises(InputError, match="there is no loss with a shift named 'nca_pair'"):
        losses.self_consistent(PROBLEM, LABELS, losses.get("nca_pair"))


def bco_own(problem, labels, shift):
    policy = losses.solve(problem, labels, losses.get("bco_pair", shift=shift)).log_policy
    r = policy - problem.log_ref
    both = r[labels.prompt, labels.winner] + r[labels.prompt, labels.loser]
    return float(problem.beta * np.exp(labels.log_share) @ both / 2)


@pytest.mark.parametrize("seed", [0, 4, 9, 14, 21, 31, 48, 51])
def test_no_shift_above_the_one_found_is_one_by_a_scan(seed):
    """BCO's own is below every shift above, down to -60."""
    _, problem, labels, _ = small(seed)
    own, _ = shifts._bco(problem, labels, None)
    try:
        found = losses.self_consistent(problem, labels, losses.typical("bco_pair")).shift
    except InputError:
        found = -60.0
    assert own(losses.solve(problem, labels, losses.get("bco_pair", shift=0.5)).log_policy) == pytest.approx(
        bco_own(problem, labels, 0.5), abs=1e-9
    )
    share = (
        np.bincount(labels.winner, np.exp(labels.log_share)) + np.bincount(labels.loser, np.exp(labels.log_share))
    ) / 2
    with np.errstate(divide="ignore"):
        high = own(np.log(share / share.sum())[None])  # the largest mean reward of all
    assert found <= high
    for shift in np.arange(max(found, -60.0) + 0.1, high + 1, max(0.25, (high - max(found, -60.0)) / 40)):
        assert bco_own(problem, labels, float(shift)) < shift


def test_weights_of_e40_end_as_soon_as_a_bound_says_that_there_is_none():
    """Seed 35: all but a share of e^-40 of the rewards stays below the shift, to -1e6 and far beyond."""
    _, problem, labels, _ = small(35)
    with pytest.raises(InputError, match=r"no shift from -1e\+06 on is a fixed point"):
        losses.self_consistent(problem, labels, losses.typical("bco_pair"))


@pytest.mark.parametrize(("seed", "least"), [(5, 12.5376), (7, 13.3393), (59, 6.9291), (88, 55.987), (171, 2517.76)])
def test_kto_beyond_beta_one_has_a_large_fixed_point(seed, least):
    """What was found once, at most: several policies are each the lowest at their own divergence."""
    _, problem, labels, _ = small(seed)
    found = losses.self_consistent(problem, labels, losses.typical("kto"))
    assert found.shift >= least
    own = problem.prompt_weights @ kl(found.minimum.log_policy, problem.log_ref)
    assert own == pytest.approx(found.shift, rel=1e-9)
    assert found.minimum.infimum == losses.solve(problem, labels, losses.get("kto", z0=found.shift)).infimum


@pytest.mark.parametrize("seed", [2, 7, 21, 25, 54, 57, 67, 76])
def test_no_shift_above_kto_s_is_one_by_a_finer_scan(seed):
    """Of several the largest: where every response but one has nothing, too, as at a shift of -log of its reference."""
    _, problem, labels, _ = small(seed)
    found = losses.self_consistent(problem, labels, losses.typical("kto"))
    assert found.error <= 1e-9 * max(1.0, found.shift)
    for shift in np.linspace(found.shift, -problem.log_ref.min(), 102)[1:]:
        policy = losses.solve(problem, labels, losses.get("kto", z0=float(shift))).log_policy
        assert problem.prompt_weights @ kl(policy, problem.log_ref) < shift + 1e-12


def test_where_the_minimiser_jumps_it_is_said(monkeypatch):
    """No such instance is known: here the crossing is put beside the fixed point."""
    monkeypatch.setattr(shifts, "_crossing", lambda *_: 0.1)
    with pytest.raises(InputError, match=r"kto: the minimiser jumps at shift 0\.1, past every fixed point; fix one"):
        losses.self_consistent(PROBLEM, LABELS, losses.get("kto"))


@pytest.mark.parametrize(("seed", "jump"), [(554, -2.274), (567, 0.491)])
def test_bco_past_a_jump_has_no_fixed_point_which_few_solutions_tell(monkeypatch, seed, jump):
    """Halved to the last digit a jump took 48 solutions; a shift to either side has its own on the other's side."""
    _, problem, labels, _ = small(seed)
    solved, solve = [], absolute.solve
    monkeypatch.setattr(absolute, "solve", lambda *case: solved.append(case) or solve(*case))
    with pytest.raises(InputError, match=f"bco_pair: the minimiser jumps at shift {jump}, past every fixed point"):
        losses.self_consistent(problem, labels, losses.typical("bco_pair"))
    assert len(solved) <= 28
    each, share = np.r_[labels.winner, labels.loser], np.exp(np.tile(labels.log_share, 2)) / 2
    for side in (-1.0, 1.0):
        shift = jump + 0.001 * side
        policy = solve(problem, labels, losses.get("bco_pair", shift=shift)).log_policy[0]
        own = problem.beta * share @ (policy - problem.log_ref[0])[each]
        assert side * (shift - own) > 1e-3


def test_a_crossing_is_the_root_and_a_jump_is_where_it_is():
    """Of x^3 - 2 to the last digits, and of a step to a thousandth of what it steps by."""
    asked = []

    def gaps(x):
        asked.append(len(x))
        return x**3 - 2

    grid = np.linspace(0, 3, 5)
    assert shifts._crossing(gaps, grid, gaps(grid), 1) == pytest.approx(2 ** (1 / 3), abs=1e-13)
    assert sum(asked) < 80
    step = shifts._crossing(
        lambda x: np.where(x < np.pi / 3, -1.0, 1.0) + x / 10, grid, np.where(grid < 1, -1.0, 1.0), 1
    )
    assert step == pytest.approx(np.pi / 3, abs=2e-3)


@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
def test_an_even_pair_leaves_bco_where_it_is_and_soon(monkeypatch, beta):
    """Next to a goal slopes are rounding, by which a root there, or at 1, was walked to: it took 278,156 of them."""
    asked, sides = [], Logistic._sides
    monkeypatch.setattr(Logistic, "_sides", lambda wishes, x: asked.append(x) or sides(wishes, x))
    problem = Problem.from_probabilities([0.96, 0.04], beta)
    found = losses.self_consistent(problem, Preferences.from_pairs([(0, 1), (1, 0)]), losses.typical("bco_pair"))
    assert found.shift == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.minimum.log_policy, problem.log_ref, atol=1e-7)
    assert len(asked) <= 500


@pytest.mark.parametrize("beta", [0.05, 0.4, 1.0])
def test_from_the_floor_down_no_policy_has_a_larger_shift(beta):
    """Against the tops' own quadratic equation, in floats."""
    rng = np.random.default_rng(1)
    problem = Problem.from_unnormalized(rng.normal(size=4), beta)
    odds, share, named = rng.normal(-3.0, 1.0, (1, 4)), rng.random((1, 4)), np.ones((1, 4), dtype=bool)
    p, r = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(odds))
    e = np.array([max(np.roots([a, r_ - a - beta, -r_]).real) for a, r_ in zip(p[0], r[0], strict=True)])
    top = odds[0] + np.log(e)

    def most(d):
        beyond = np.maximum(-beta * problem.log_ref[0] - d - top, 0.0)
        return share[0] @ top + (share[0] * beyond).max()

    assert most(50.0) < 0
    assert most(shifts._floor(problem, named, share, odds, 50.0)) == pytest.approx(0, abs=1e-9)
