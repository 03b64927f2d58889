"""Target margins of the pairwise losses, and the soft-margin bound."""

import inspect

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit

from tabular import InputError, Preferences, Problem, dpo, losses, margins
from tests import strategies


@given(strategies.labelled_problems(max_prompts=1), st.data())
def test_dpo_is_ranking_with_the_reference_as_target(case, data):
    problem, labels = case
    policy = data.draw(strategies.policies_of(problem))
    cost = margins.loss(labels.delta(policy), margins.target("dpo", labels.delta(problem.log_ref)), problem.beta)
    assert np.exp(labels.log_share) @ cost == pytest.approx(dpo.loss(policy, problem, labels), rel=1e-9, abs=1e-12)


@given(strategies.log_odds(1e4), strategies.log_odds(1e4), strategies.betas)
@example(0.0, 0.0, 1.0)  # equality
@example(0.0, 0.0, 1e-4)
def test_soft_margin_bound(delta, delta_ref, beta):
    gap = margins.soft_margin_gap(delta, delta_ref, beta)
    assert 0 <= gap <= np.log(2) / beta
    assert gap == pytest.approx(np.log(2) / beta, rel=1e-15) or delta != delta_ref
    assert gap < np.log(2) / beta or beta * abs(delta - delta_ref) < 1e-15
    hinge = margins.hinge(delta, delta_ref)
    assert gap == pytest.approx(margins.loss(delta, delta_ref, beta) / beta - hinge, abs=1e-15 * (hinge + 1 / beta))


def test_hypo_never_asks_for_a_negative_margin_and_clip_is_hypo():
    delta_ref = np.array([-3.0, -0.1, 0.0, 2.0])
    assert margins.target("hypo", delta_ref).tolist() == [0, 0, 0, 2]
    np.testing.assert_array_equal(margins.target("code_clip", delta_ref), margins.target("hypo", delta_ref))


@given(strategies.log_odds(30), st.floats(0.05, 5), st.floats(0.001, 2))
def test_reference_margin_of_two_responses(delta_ref, beta, gamma):
    """Eq. (17) with the probabilities written out, against the default that derives them from delta_ref."""
    given_probabilities = margins.target(
        "ecpo",
        delta_ref,
        beta=beta,
        gamma=gamma,
        log_ref_winner=np.log(expit(delta_ref)),
        log_ref_loser=np.log(expit(-delta_ref)),
    )
    derived = margins.target("ecpo", delta_ref, beta=beta, gamma=gamma)
    assert derived == pytest.approx(given_probabilities, rel=1e-9)
    assert derived == pytest.approx(delta_ref + gamma / beta * (2 + 2 * np.cosh(delta_ref)), rel=1e-12)
    assert derived > delta_ref


def test_reference_margin_overflows_to_infinity_not_nan():
    assert margins.target("ecpo", -1e4, beta=1, gamma=1) == np.inf


def test_released_easy_loss_asks_for_less_than_dpo():
    delta_ref = np.array([-2.0, 0.5])
    target = margins.target("code_easy", delta_ref, log_ref_winner=[-1.5, -0.5], log_ref_loser=[-0.5, -1.0])
    np.testing.assert_allclose(target, delta_ref + 5 * np.array([-1 / 1.5 - 2, -2 - 1]))
    assert (target < delta_ref).all()


@given(strategies.log_odds(200), st.floats(0.01, 3), st.floats(0.1, 5))
def test_released_cpo_loss_is_a_smooth_maximum(delta_ref, gamma, tau):
    target = margins.target("code_cpo", delta_ref, gamma=gamma, tau=tau)
    assert target == pytest.approx(np.logaddexp(tau * delta_ref, tau * gamma) / tau, abs=1e-9)
    assert -1e-9 <= target - max(delta_ref, gamma) <= np.log(2) / tau + 1e-9
    halved = margins.target("code_cpo", delta_ref, gamma=gamma, tau=tau, alpha=2.0)
    assert halved - delta_ref == pytest.approx((target - delta_ref) / 2, abs=1e-9)


def test_released_defaults():
    easy, cpo = (inspect.signature(margins.TARGETS[name]).parameters for name in ("code_easy", "code_cpo"))
    assert [easy[name].default for name in ("beta", "gamma")] == [0.1, 0.5]
    assert [cpo[name].default for name in ("gamma", "tau", "alpha")] == [0.5, 2.0, 1.0]


def test_targets_leave_the_callers_array_alone():
    delta_ref = np.array([-1.0])
    margins.target("dpo", delta_ref)[0] = 5
    assert delta_ref.tolist() == [-1]


def test_an_unknown_loss_lists_the_known_ones():
    with pytest.raises(InputError, match="no loss named 'ppo': choose one of dpo, hypo, ecpo"):
        margins.target("ppo", 0.0)


def test_no_margin_asked_for_is_dpo_however_far_the_reference():
    assert margins.target("ecpo", [-1e4, 1e4], beta=0.1, gamma=0.0).tolist() == [-1e4, 1e4]
    assert margins.positive_target("ecpo", beta=0.1, gamma=0.0) == [(0.0, np.inf)]
    assert margins.positive_target("code_cpo", gamma=0.0) == [(-np.inf, np.inf)]


EASY = {"log_ref_winner": -1.0, "log_ref_loser": -2.0}


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("ecpo", {}, "ecpo needs beta: pass beta="),
        ("ecpo", {"beta": 0.1}, "ecpo needs gamma"),
        ("ecpo", {"beta": 0.1, "gamma": -0.1}, "gamma of ecpo is -0.1: it must be one number, finite and at least 0"),
        ("ecpo", {"beta": 0.0, "gamma": 1.0}, "beta of ecpo is 0.0: it must be one number, finite and above 0"),
        ("ecpo", {"beta": np.nan, "gamma": 1.0}, "beta of ecpo is nan"),
        ("ecpo", {"beta": None, "gamma": 1.0}, "beta of ecpo is None"),
        (
            "ecpo",
            {"beta": 1.0, "gamma": 1.0, "log_ref_winner": [-1.0, 0.5], "log_ref_loser": -1.0},
            r"log_ref_winner of ecpo\[1\] is 0.5: it must be at most 0",
        ),
        ("ecpo", {"beta": 1.0, "gamma": 1.0, "log_ref_winner": -1.0}, "ecpo has no log_ref_loser beside the other"),
        ("ecpo", {"beta": 1.0, "gamma": 1.0, "log_ref_loser": -1.0}, "ecpo has no log_ref_winner beside the other"),
        ("code_easy", {"log_ref_winner": -1.0}, "code_easy needs log_ref_loser"),
        (
            "code_easy",
            EASY | {"log_ref_loser": 0.0},
            "log_ref_loser of code_easy is 0.0: it must be below 0",
        ),
        ("code_easy", EASY | {"gamma": -1.0}, "gamma of code_easy is -1.0"),
        ("code_easy", EASY | {"beta": -1.0}, "beta of code_easy is -1.0"),
        ("code_cpo", {"tau": 0.0}, "tau of code_cpo is 0.0: it must be one number, finite and above 0"),
        ("code_cpo", {"alpha": 0.0}, "alpha of code_cpo is 0.0"),
        ("code_cpo", {"alpha": -1}, "alpha of code_cpo is -1: "),
        ("code_cpo", {"gamma": np.inf}, "gamma of code_cpo is inf: it must be one number, finite$"),
        ("code_cpo", {"gamma": "a"}, "gamma of code_cpo is 'a': it must be one number"),
        ("code_cpo", {"gamma": [0.1, 0.2]}, r"gamma of code_cpo is \[0.1, 0.2\]: it must be one number"),
        ("code_cpo", {"beta": 0.1}, "code_cpo has no parameter 'beta' here: it takes gamma, tau, alpha"),
        ("dpo", {"beta": 0.1}, "dpo has no parameter 'beta' here: it takes none"),
    ],
)
def test_parameters_that_a_loss_cannot_take_are_refused(name, params, said):
    for function in (
        lambda **given: margins.target(name, 0.5, **given),
        lambda **given: margins.TARGETS[name](0.5, **given),
    ):
        with pytest.raises(InputError, match=said):
            function(**params)
    regions = {key: value for key, value in params.items() if key != "log_ref_loser"}
    if "log_ref" not in said:  # a region lets them follow
        for function in (margins.positive_target, margins.asks_less_than_dpo):
            with pytest.raises(InputError, match=said):
                function(name, **regions)


@pytest.mark.parametrize("region", [margins.positive_target, margins.asks_less_than_dpo])
def test_a_region_says_what_it_cannot_take(region):
    for name, params, said in (
        ("code_easy", {}, "code_easy needs log_ref_winner"),
        ("code_easy", {"log_ref_winner": 0.0}, "log_ref_winner of code_easy is 0.0"),
        ("code_easy", {"log_ref_winner": [-1.0, -2.0]}, "give one number"),
        ("code_easy", EASY, "no parameter 'log_ref_loser' here"),
        ("ecpo", {"beta": 1.0, "gamma": 0.1, "log_ref_winner": -1.0}, "no parameter 'log_ref_winner' here"),
        ("ppo", {}, "no loss named 'ppo'"),
    ):
        with pytest.raises(InputError, match=said):
            region(name, **params)


@pytest.mark.parametrize("wrong", [np.nan, [0.0, np.inf], "a"])
def test_a_reference_margin_that_is_no_number_is_refused(wrong):
    for name in ("dpo", "hypo", "code_clip", "code_cpo"):
        with pytest.raises(InputError, match="delta_ref of"):
            margins.target(name, wrong)


def test_the_loss_and_its_gap_need_a_positive_beta():
    for function in (margins.loss, margins.soft_margin_gap):
        with pytest.raises(InputError, match=r"beta is 0\.0: it must be one number, finite and above 0"):
            function(1.0, 0.0, beta=0.0)


@pytest.mark.parametrize(
    ("delta", "target", "said"),
    [
        ("a", 0.0, "delta is 'a': give numbers"),
        (0.0, None, "target_margin is None: give numbers"),
        (np.nan, 0.0, "target_margin - delta is nan: give numbers, not both infinite alike"),
        ([0.0, np.inf], np.inf, r"target_margin - delta\[1\] is nan"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], r"delta, target_margin have shapes \(2,\), \(3,\): give each one number"),
    ],
)
def test_what_no_loss_can_compare_is_refused(delta, target, said):
    for function in (
        lambda *pair: margins.loss(*pair, beta=1),
        margins.hinge,
        lambda *p: margins.soft_margin_gap(*p, 1),
    ):
        with pytest.raises(InputError, match=said):
            function(delta, target)


def test_a_pair_with_one_probability_0_has_its_loss():
    assert margins.loss([np.inf, -np.inf], 0.0, beta=1).tolist() == [0.0, np.inf]
    assert margins.hinge([np.inf, -np.inf], 0.0).tolist() == [0.0, np.inf]
    assert margins.soft_margin_gap([np.inf, -np.inf], 0.0, beta=1).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("tau", [1e-300, 1e300, 1e308])
def test_code_cpo_at_extreme_tau_is_its_limit(tau):
    """sp_tau grows without bound as tau falls to 0 and tends to max(0, .) as it rises."""
    target = margins.target("code_cpo", [-3.0, 5.0], gamma=-1.0, tau=tau, alpha=2.0)
    assert target.tolist() == ([np.log(2) / tau / 2] * 2 if tau < 1 else [-2.0, 5.0])


def test_log_probabilities_belong_to_the_pairs():
    with pytest.raises(InputError, match=r"delta_ref, log_ref_winner, log_ref_loser have shapes \(2,\), \(3,\), \(\)"):
        margins.target("code_easy", [0.0, 1.0], log_ref_winner=[-1.0, -2.0, -3.0], log_ref_loser=-1.0)
    spelled_out = margins.target("ecpo", 0.0, beta=1, gamma=0.1, log_ref_winner=None, log_ref_loser=None)
    assert spelled_out == margins.target("ecpo", 0.0, beta=1, gamma=0.1)


@pytest.mark.parametrize("log_kappa", [-690.0, -300.0, -30.0, -2.0, -1.4967])
@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
def test_the_interval_where_ecpo_is_not_positive_ends_at_its_roots(log_kappa, beta):
    """T by logs of its two terms, at both ends of the interval and on either side of them."""
    gamma = beta * np.exp(log_kappa)
    log_kappa = np.log(gamma) - np.log(beta)
    (_, farther), (nearer, _) = margins.positive_target("ecpo", beta=beta, gamma=gamma)
    for a in (-farther, -nearer):
        terms = 2 * np.exp(log_kappa) + np.exp(log_kappa + a) + np.exp(log_kappa - a)
        assert a == pytest.approx(terms, rel=1e-9, abs=1e-11)
    assert farther < nearer <= 0
    assert margins.target("ecpo", (farther + nearer) / 2, beta=beta, gamma=gamma) < 0


@pytest.mark.parametrize("gamma", [1e300, 1.0, 1e-300])
@pytest.mark.parametrize("beta", [1e-4, 1e4])
def test_extreme_parameters_overflow_to_infinity_or_nothing(beta, gamma):
    assert not np.isnan(margins.target("ecpo", [-1e4, 0.0, 1e4], beta=beta, gamma=gamma)).any()
    tiny = {"log_ref_winner": -1e-300, "log_ref_loser": [-1e-300, -1.0]}
    assert (margins.target("code_easy", [0.0, 1.0], beta=beta, gamma=gamma, **tiny) <= 1.0).all()
    assert margins.positive_target("ecpo", beta=beta, gamma=gamma)


def test_the_minimiser_of_a_population_pair_sits_at_target_plus_the_label_margin():
    """sp with weights sigma(+-Dr): minimiser delta = T + Dr/beta, by a dense grid."""
    problem = Problem.from_probabilities([0.2, 0.8], 0.5, reward=[0.7, 0.0])
    rates = Preferences.from_bradley_terry(problem).weight
    target = margins.target("ecpo", np.log(0.25), beta=0.5, gamma=0.1)
    delta = np.linspace(-5, 10, 150_001)
    cost = rates[0] * margins.loss(delta, target, 0.5) + rates[1] * margins.loss(-delta, -target, 0.5)
    assert delta[cost.argmin()] == pytest.approx(target + 0.7 / 0.5, abs=1e-3)


REGIONS = {
    "dpo": [{}],
    "hypo": [{}],
    "ecpo": [{"beta": 1.0, "gamma": 0.1}, {"beta": 1.0, "gamma": 0.5}],
    "code_easy": [{"log_ref_winner": -1.5}, {"log_ref_winner": -0.2, "beta": 2.0}],
    "code_cpo": [{}, {"alpha": 2.0}, {"alpha": 0.7, "gamma": -1.0}],
    "code_clip": [{}],
}


@pytest.mark.parametrize("name", margins.TARGETS)
def test_both_facts_of_every_target_are_those_of_its_formula(name):
    """On a fine grid: T > 0 and T < delta_ref, whatever is entered in TARGETS."""
    for params in REGIONS[name]:
        grid = np.linspace(-12, 12, 4001) + 1.7e-4
        given = dict(params)
        if name == "code_easy":
            grid = grid[grid > params["log_ref_winner"]]
            given["log_ref_loser"] = params["log_ref_winner"] - grid
        target = margins.target(name, grid, **given)
        for intervals, holds in (
            (margins.positive_target(name, **params), target > 0),
            (margins.asks_less_than_dpo(name, **params), target < grid),
        ):
            inside = np.zeros(len(grid), dtype=bool)
            for low, high in intervals:
                inside |= (grid > low) & (grid < high)
            assert (inside == holds).all()


def test_a_target_without_its_facts_cannot_be_entered():
    with pytest.raises(TypeError, match="missing 3 required"):
        margins.Target(margins.dpo)


def test_targets_are_the_margins_of_the_catalogue():
    """T = delta_ref + Psi / beta, for the losses that stand in both."""
    rng = np.random.default_rng(0)
    chosen, rejected, beta = -rng.exponential(3, 50), -rng.exponential(3, 50), 0.3
    for name, params, extra in (
        ("dpo", {}, {}),
        ("hypo", {}, {}),
        ("ecpo", {"gamma": 0.2}, {"beta": beta, "log_ref_winner": chosen, "log_ref_loser": rejected}),
    ):
        target = margins.target(name, chosen - rejected, **params, **extra)
        policy = -rng.exponential(3, (2, 50))
        wanted = margins.loss(policy[0] - policy[1], target, beta)
        ours = losses.get(name, **params)(*policy, chosen, rejected, beta)
        np.testing.assert_allclose(ours, wanted, rtol=1e-12)


@pytest.mark.parametrize("kappa", [1e-14, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("length", [1e-3, 1.0, 40.0])
def test_where_the_released_easy_loss_asks_for_something_is_a_root_to_all_digits(kappa, length):
    """d^2 + (a - kappa / a) d = 2 kappa in 60 digits, a = -log pi_ref(w): no form of the root cancels."""
    import mpmath as mp

    ((found, _),) = margins.positive_target("code_easy", log_ref_winner=-length, beta=1.0, gamma=kappa)
    with mp.workdps(60):
        half = (mp.mpf(length) - mp.mpf(kappa) / mp.mpf(length)) / 2
        exact = mp.sqrt(half**2 + 2 * mp.mpf(kappa)) - half
    assert found == pytest.approx(float(exact), rel=1e-12)


def exact_code_cpo(delta_ref, gamma, tau, alpha):
    """T in 400 digits, from its definition."""
    import mpmath as mp

    with mp.workdps(400):
        delta_ref, gamma, tau, alpha = map(mp.mpf, (delta_ref, gamma, tau, alpha))
        return delta_ref + mp.log1p(mp.exp(tau * (gamma - delta_ref))) / tau / alpha


@pytest.mark.parametrize(
    ("delta_ref", "params"),
    [
        (-174.717, {"gamma": 0.0, "tau": 7.225, "alpha": 1 + 1e-9}),
        (-30783.3, {"gamma": 0.0, "tau": 4e-4, "alpha": 1 - 1e-9}),
        (-1204.01, {"gamma": -0.0282, "tau": 0.4728, "alpha": 1.0}),
        (-1e4, {"gamma": 1e-20, "tau": 2.0, "alpha": 1.0}),
        (-200.0, {"gamma": 0.0, "tau": 1.5, "alpha": 1.0}),
        (-3.0, {"gamma": 0.5, "tau": 2.0, "alpha": 1e-3}),
        (3.0, {"gamma": 0.5, "tau": 2.0, "alpha": 7.0}),
    ],
)
def test_the_smooth_maximum_loses_no_digit_to_a_far_reference(delta_ref, params):
    assert margins.target("code_cpo", delta_ref, **params) == pytest.approx(
        float(exact_code_cpo(delta_ref, **params)), rel=1e-13, abs=0
    )


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("ecpo", {"beta": 6.5, "gamma": 2.9e-12}),  # at -1.8e-12
        ("ecpo", {"beta": 1.0, "gamma": 1e-300}),
        ("code_cpo", {"gamma": -40.0, "tau": 1.0}),  # at -4e-18: 1 - e^-40 rounds to 1
        ("code_cpo", {"gamma": -1e-9, "tau": 1.0}),
        ("code_cpo", {"gamma": -2e-11, "tau": 5730.0, "alpha": 1 - 1e-9}),
        ("code_cpo", {"gamma": 7e-10, "tau": 0.063, "alpha": 1 + 1e-9}),
        ("code_cpo", {"gamma": -40.0, "tau": 5.0, "alpha": 2.0}),
    ],
)
def test_targets_change_sign_at_the_ends_to_twelve_digits(name, params):
    """T on either side of each finite end, in 400 digits, however near 0 or far off the end lies."""
    import mpmath as mp

    def exact_ecpo(delta_ref, beta, gamma):
        with mp.workdps(400):
            return delta_ref + mp.mpf(gamma) / mp.mpf(beta) * (2 + 2 * mp.cosh(delta_ref))

    exact = {"ecpo": exact_ecpo, "code_cpo": exact_code_cpo}[name]
    given = {"alpha": 1.0} | params if name == "code_cpo" else params
    with mp.workdps(400):
        for low, high in margins.positive_target(name, **params):
            for end, inwards in ((low, 1), (high, -1)):
                if np.isfinite(end):
                    step = inwards * abs(mp.mpf(end)) / 10**12
                    assert exact(end + step, **given) > 0 > exact(end - step, **given)
