"""Losses of the log-ratios themselves: the worked example, one-way labels, and random graphs by a second route."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit

from tabular import InputError, Preferences, Problem, Status, losses
from tabular.simplex import absolute, dpop
from tabular.simplex.minimum import refuse_beyond, slopes, stationarity
from tests.tabular.simplex.routes import clarabel, loss_at, lowest_in_logits, random_case

EXAMPLE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
MOSTLY = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
ONE_WAY = Preferences.from_pairs([(0, 1)])


def solve(problem, labels, name, **params):
    return absolute.solve(problem, labels, losses.get(name, **params))


@pytest.mark.parametrize(
    ("name", "params", "least", "policy", "nu", "status"),
    [
        ("nca_pair", {}, 1.3186502100, [0.45, 0.075, 0.475], 0, Status.UNIQUE),
        ("sppo_hard", {}, 1.5, [0.3297442541, 0.1819591979, 0.4882965480], 0, Status.UNIQUE),
        ("bco_pair_unshifted", {}, 1.1341738951, [0.9674098, 0.0325902, 0], -0.0323, Status.UNATTAINED),
        ("dpo_sft", {"alpha": 1}, 1.1339469296, [0.777118, 0.222882, 0], -1, Status.UNATTAINED),
        ("cpo_xu", {"alpha": 1}, 1.1483089620, [0.7938013, 0.2061987, 0], -1, Status.UNATTAINED),
        ("apo_zero", {}, 0.6545084972, [1, 0, 0], -0.0533814, Status.UNATTAINED),
        ("kto", {}, 0.6545084972, [1, 0, 0], -0.0533814, Status.UNATTAINED),
    ],
)
def test_the_worked_example(name, params, least, policy, nu, status):
    found = solve(EXAMPLE, MOSTLY, name, **params)
    assert found.status is status
    assert found.infimum == pytest.approx(least, abs=6e-11)
    assert found.bound == found.infimum
    np.testing.assert_allclose(np.exp(found.log_policy[0]), policy, atol=6e-7 if 0 in policy else 6e-11)
    assert found.multiplier[0] == pytest.approx(nu, abs=5e-5)
    assert found.residual < 1e-14
    form = losses.get(name, **params).form
    direct = lowest_in_logits(EXAMPLE, MOSTLY, form, np.random.default_rng(0))
    assert found.infimum - 1e-12 <= direct < found.infimum + 1e-4
    assert loss_at(EXAMPLE, MOSTLY, form, found.log_policy) == pytest.approx(found.infimum, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "params", "beta", "least", "policy", "status"),
    [
        ("kto", {}, 0.5, 0.2**0.5 / (1 + 0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("apo_zero", {}, 0.5, 0.2**0.5 / (1 + 0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("bco_pair_unshifted", {}, 0.5, np.log1p(0.2**0.5), [1, 0, 0], Status.UNATTAINED),
        ("nca_pair", {}, 0.5, np.log(1.5) + np.log(3) / 2, [0.8, 0, 0.2], Status.UNATTAINED),
        ("nca_pair", {}, 0.4, None, [1, 0, 0], Status.UNATTAINED),  # .2 x 2^2.5 > 1
        ("sppo_hard", {}, 0.5, 0, [0.2 * np.e, 0.3 / np.e, 1 - 0.2 * np.e - 0.3 / np.e], Status.UNIQUE),
        ("sppo_hard", {}, 0.25, 0.1863051, [0.9601202, 0.0398798, 0], Status.UNATTAINED),
        ("dpo_sft", {"alpha": 1}, 0.5, 0, [1, 0, 0], Status.UNATTAINED),
        ("cpo_xu", {"alpha": 1}, 0.5, 0, [1, 0, 0], Status.UNATTAINED),
    ],
)
def test_one_label(name, params, beta, least, policy, status):
    problem = Problem(EXAMPLE.log_ref, beta)
    found = solve(problem, ONE_WAY, name, **params)
    assert found.status is status
    np.testing.assert_allclose(np.exp(found.log_policy[0]), policy, atol=5e-8)
    if least is not None:
        assert found.infimum == pytest.approx(least, abs=5e-8)
    direct = lowest_in_logits(problem, ONE_WAY, losses.get(name, **params).form, np.random.default_rng(0))
    assert found.infimum - 1e-12 <= direct < found.infimum + 3e-3


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nca_pair", {}),
        ("bco_pair", {"shift": 0.4}),
        ("sppo_hard", {}),
        ("dpo_sft", {"alpha": 0.3}),
    ],
)
def test_against_clarabel(name, params):
    rng = np.random.default_rng(5)
    for _ in range(15):
        problem, labels = random_case(rng, unlabelled=True)
        found = solve(problem, labels, name, **params)
        value, _ = clarabel(problem, labels, name, params)
        assert found.residual < 1e-12
        assert found.infimum == pytest.approx(value, rel=1e-6, abs=1e-6)
        assert loss_at(problem, labels, losses.get(name, **params).form, found.log_policy) == pytest.approx(
            found.infimum, rel=1e-13
        )
        assert np.exp(found.log_policy).sum() == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize(
    ("name", "params", "labels", "least", "policy", "status"),
    [
        ("orpo", {"lam": 0.25}, MOSTLY, 0.7165574959, [0.7015945, 0.2984055, 0], Status.LOCAL),
        ("orpo", {"lam": 0.25}, ONE_WAY, 0.0, [1, 0, 0], Status.LOCAL),
        ("dpop", {"lam": 5}, MOSTLY, 0.5848146182, [0.7, 0.3, 0], Status.UNATTAINED),
        ("dpop", {"lam": 5}, ONE_WAY, 0.0, [2 / 7, 0, 5 / 7], Status.UNATTAINED),
        ("apo_down", {}, MOSTLY, 0.25, [0, 0, 1], Status.UNATTAINED),
        ("apo_down", {}, ONE_WAY, 0.0, [0, 0, 1], Status.UNATTAINED),
    ],
)
def test_the_losses_that_couple_their_responses(name, params, labels, least, policy, status):
    found = solve(EXAMPLE, labels, name, **params)
    assert found.status is status
    assert found.infimum == pytest.approx(least, abs=6e-11)
    assert found.bound <= found.infimum
    np.testing.assert_allclose(np.exp(found.log_policy[0]), policy, atol=6e-8)
    direct = lowest_in_logits(EXAMPLE, labels, losses.get(name, **params).form, np.random.default_rng(0))
    assert found.infimum - 1e-12 <= direct < found.infimum + 2e-3


def test_the_multipliers_of_the_worked_example():
    assert solve(EXAMPLE, MOSTLY, "orpo", lam=0.25).multiplier[0] == pytest.approx(-0.9534, abs=5e-5)
    assert solve(Problem(EXAMPLE.log_ref, 0.25), ONE_WAY, "sppo_hard").multiplier[0] == pytest.approx(
        -0.8983435, abs=5e-8
    )


@pytest.mark.parametrize(("lam", "spread"), [(0.3, 1.0), (5.0, 1.0), (5.0, 5.0)])
def test_dpop_against_clarabel(lam, spread):
    rng = np.random.default_rng(int(10 * lam + spread))
    for trial in range(15):
        problem, labels = random_case(rng, n_labels=9, spread=spread, unlabelled=trial % 2 == 0)
        found = solve(problem, labels, "dpop", lam=lam)
        value, _ = clarabel(problem, labels, "dpop", {"lam": lam})
        assert found.residual < 1e-11
        assert found.infimum == pytest.approx(value, abs=2e-6)
        core = np.isfinite(found.log_policy[0])
        if found.status is not Status.UNATTAINED:
            assert core.all()
            form = losses.get("dpop", lam=lam).form
            assert loss_at(problem, labels, form, found.log_policy) == pytest.approx(found.infimum, abs=1e-12)


@pytest.mark.parametrize(
    ("beta", "lam", "log_ref", "reversed_by"),
    [
        (0.13376409620578852, 638.0734729211975, [0.0, 0.0], -15.039),
        (0.1, 381.57869209722367, [0.0, 0.0], -16.53),
        (0.1, 148.89209287324863, [19.03, 0.0], -18.45),
        (1.0, 621.3826249440752, [-550.907, 0.0], -10.68),
    ],
)
def test_dpop_comes_back_from_where_the_loss_is_straight(beta, lam, log_ref, reversed_by):
    """A light label against a heavy one: a whole step of Newton's ends where no label has curvature left."""
    problem = Problem.from_unnormalized(log_ref, beta)
    heavy = int(log_ref[0] < log_ref[1])
    labels = Preferences([0, 0], [heavy, 1 - heavy], [1 - heavy, heavy], log_weight=[0.0, reversed_by])
    found, form = solve(problem, labels, "dpop", lam=lam), losses.get("dpop", lam=lam).form

    def at(depth):  # log-odds of the heavy label's loser
        policy = np.empty(2)
        policy[[heavy, 1 - heavy]] = -np.logaddexp(0, depth), -np.logaddexp(0, -depth)
        return loss_at(problem, labels, form, policy)

    depths = np.linspace(-1200, 0, 2401)
    near = depths[np.argmin([at(depth) for depth in depths])]
    least = minimize_scalar(at, bounds=(near - 1, near + 1), method="bounded", options={"xatol": 1e-9}).fun
    assert found.status is Status.UNIQUE
    assert found.infimum == pytest.approx(least, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("name", "log_ref", "beta", "pairs", "log_weight", "pull"),
    [
        ("dpo_sft", [-3.57, -0.04, -4.2], 1.0, [(2, 0), (1, 0), (0, 1)], [-8.36, -4.03, 0.0], 1.3e-5),
        ("cpo_xu", [0.0] * 4, 0.1, [(2, 1), (3, 0), (3, 0), (0, 1)], [0.0] * 4, 1.28e-6),
    ],
)
def test_an_sft_term_of_next_to_no_weight_is_walked_to(name, log_ref, beta, pairs, log_weight, pull):
    """The first steps end hundreds of nats beyond, and the walk ended there."""
    winner, loser = np.transpose(pairs)
    labels = Preferences(np.zeros(len(pairs), int), winner, loser, log_weight=log_weight)
    found = solve(Problem.from_unnormalized(log_ref, beta), labels, name, alpha=pull)
    assert found.status in (Status.UNIQUE, Status.UNATTAINED)
    assert found.residual < 1e-15


def test_an_sft_term_of_a_weight_below_the_floats_is_balanced():
    """beta e^(-beta u) = e^-5000 (1 + beta): one label holds (0, 1) and the other, e^5000 lighter, pulls back at 1."""
    beta, gap = 1e4, 8000.0
    problem = Problem.from_unnormalized([-gap, 0.0], beta)
    found = losses.solve(
        problem, Preferences([0, 0], [1, 0], [0, 1], log_weight=[0.0, -5000.0]), losses.typical("dpo_sft")
    )
    u = (5000 + np.log(beta) - np.log(1 + beta)) / beta
    assert found.status is Status.UNIQUE
    assert found.log_policy[0, 0] == pytest.approx(-gap - u, rel=1e-14)


@pytest.mark.parametrize("name", ["dpo_sft", "cpo_xu"])
def test_an_sft_term_is_refused_where_margins_are_rounding(name):
    """Labels that contradict each other hold all at the reference, or evenly, the closer the larger beta is."""
    labels, log_ref = Preferences.from_pairs([(0, 0, 1), (0, 1, 2), (0, 2, 0), (0, 1, 0)]), np.log([0.3, 0.2, 0.5])
    held = [1 / 3, 1 / 3, 1 / 3] if name == "cpo_xu" else [0.3, 0.2, 0.5]
    found = losses.solve(Problem(log_ref, 1e12), labels, losses.typical(name))
    np.testing.assert_allclose(np.exp(found.log_policy[0]), held, rtol=1e-11)
    with pytest.raises(InputError, match=r"beta is 1.01e\+12: with an SFT term margins .* give a smaller one"):
        losses.solve(Problem(log_ref, 1.01e12), labels, losses.typical(name))


def test_an_sft_term_pulls_at_a_probability_next_to_1_by_all_its_digits():
    labels = Preferences([0, 0], [0, 1], [1, 0], log_weight=[0.0, -30.0])
    found = solve(Problem.from_probabilities([0.5, 0.5], 1.0), labels, "cpo_xu", alpha=600)
    w, y = found.log_policy[0]
    assert w == pytest.approx(-np.exp(y), rel=1e-12, abs=0)
    share = np.exp(labels.log_share)
    terms = share[0] * (np.log1p(np.exp(y - w)) - 600 * w), share[1] * (np.logaddexp(0, w - y) - 600 * y)
    assert found.infimum == pytest.approx(sum(terms), rel=1e-12, abs=0)


def test_a_reversed_label_stops_dpop_where_the_rejected_is_at_its_reference():
    """Below, DPO's minimum is reached without it: b keeps more than its reference, and some mass is to spare."""
    for p, status in ((0.6, Status.SET), (0.7, Status.UNATTAINED), (0.75, Status.UNATTAINED)):
        labels = Preferences.from_pairs([(0, 0, 1, p), (0, 1, 0, 1 - p)])
        found = solve(EXAMPLE, labels, "dpop", lam=5)
        assert found.status is status
        if status is Status.SET:
            assert found.infimum == pytest.approx(losses.solve(EXAMPLE, labels, losses.get("dpo")).infimum, abs=1e-13)
        else:
            np.testing.assert_allclose(np.exp(found.log_policy[0]), [0.7, 0.3, 0], atol=1e-13)


@pytest.mark.parametrize("far", [50.0, 150.0, 3000.0])
@pytest.mark.parametrize(("won", "lost"), [(33.0, 23.0), (23.0, 33.0), (10.0, 46.0)])
@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
def test_dpop_where_the_reference_is_all_but_certain_of_one_response(beta, won, lost, far):
    """The other moves alone, above its kink, at it or below; the first one's r, e^-150 nats, is off its own."""
    problem = Problem.from_unnormalized([-far, 0.0], beta)
    labels = Preferences.from_pairs([(0, 0, 1, won), (0, 1, 0, lost)])
    found = solve(problem, labels, "dpop", lam=1.0)
    z = np.log(won / lost) if won > lost else 0.0
    if lost > 2 * won:  # it gives way though it falls below: 2 won s(-2z) = lost s(z)
        z = brentq(lambda z: 2 * won * expit(-2 * z) - lost * expit(z), -10, 0, xtol=1e-15)
    least = won * np.log1p(np.exp(-z - min(z, 0))) + lost * np.log1p(np.exp(z))
    assert found.status is Status.UNIQUE
    assert found.residual < 1e-11
    assert found.infimum == pytest.approx(least / (won + lost), rel=1e-14)
    assert beta * (found.log_policy - problem.log_ref)[0, 0] == pytest.approx(z, abs=1e-11)


def test_dpop_saves_no_loser_without_a_cycle_and_every_member_of_one():
    chain = solve(EXAMPLE, Preferences.from_pairs([(0, 1), (1, 2)]), "dpop", lam=5)
    assert (chain.status, chain.infimum) == (Status.UNATTAINED, 0.0)
    np.testing.assert_allclose(np.exp(chain.log_policy[0]), [1, 0, 0])
    above = solve(EXAMPLE, Preferences.from_pairs([(0, 1), (1, 2), (2, 1)]), "dpop", lam=5)
    assert above.status is Status.UNIQUE  # 0 beats the pair one way, and DPO has no minimiser
    assert losses.solve(EXAMPLE, above.preferences, losses.get("dpo")).status is Status.UNATTAINED
    direct = lowest_in_logits(EXAMPLE, above.preferences, above.loss.form, np.random.default_rng(0))
    assert direct == pytest.approx(above.infimum, abs=1e-6)


def test_two_minima_of_nca_where_nobody_takes_the_rest():
    problem = Problem.from_probabilities([0.01, 0.99], beta=0.2)
    found = solve(problem, MOSTLY, "nca_pair")
    assert found.status is Status.LOCAL
    assert found.infimum == pytest.approx(1.35583, abs=5e-6)
    assert np.exp(found.log_policy[0, 0]) == pytest.approx(0.9637, abs=5e-5)
    form = losses.get("nca_pair").form
    odds = np.linspace(-8, 8, 100_001)
    values = [loss_at(problem, MOSTLY, form, [-np.logaddexp(0, -t), -np.logaddexp(0, t)]) for t in odds[::50]]
    dips = [i for i in range(1, len(values) - 1) if values[i] < min(values[i - 1], values[i + 1])]
    assert len(dips) == 2
    assert min(values) == pytest.approx(found.infimum, abs=1e-5)


def test_nca_without_a_rest_has_a_positive_multiplier():
    found = solve(Problem.from_probabilities([0.5, 0.5], beta=2), MOSTLY, "nca_pair")
    np.testing.assert_allclose(np.exp(found.log_policy[0]), [0.6338085, 0.3661915], atol=5e-8)
    assert found.multiplier[0] == pytest.approx(0.0646713, abs=5e-8)


def test_kto_beyond_beta_one_leaves_out_some_that_it_wants():
    """Ten equal net winners at beta = 4: eight share, by counting all shares of k."""
    problem = Problem.from_probabilities(np.full(11, 1 / 11), beta=4.0)
    found = solve(problem, Preferences.from_pairs([(y, 10) for y in range(10)]), "kto")
    assert found.status is Status.UNATTAINED
    k = np.arange(1, 11)
    assert found.infimum == pytest.approx((1 - k / 10 / (1 + (k / 11.0) ** 4)).min(), abs=1e-12)
    assert (np.isfinite(found.log_policy[0]).sum(), found.bound) == (8, found.infimum)


@pytest.mark.parametrize(("name", "params"), [("orpo", {"lam": 0.7}), ("kto", {"l_u": 1.3}), ("apo_zero", {})])
def test_two_responses_are_certified(name, params):
    rng = np.random.default_rng(8)
    for _ in range(5):
        problem = Problem.from_unnormalized(rng.normal(0, 2, 2), float(rng.uniform(1.5, 4)))
        labels = Preferences([0, 0], [0, 1], [1, 0], rng.uniform(0.1, 1, 2))
        found = solve(problem, labels, name, **params)
        assert found.infimum - 2e-9 <= found.bound <= found.infimum
        form, odds = losses.get(name, **params).form, rng.normal(0, 5, 300)
        some = [loss_at(problem, labels, form, [-np.logaddexp(0, -t), -np.logaddexp(0, t)]) for t in odds]
        assert min(some) >= found.bound


def test_apo_down_is_a_minimum_feedback_arc_set():
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta=0.5)
    cycle = Preferences.from_pairs([(0, 0, 1, 3.0), (0, 1, 2, 2.0), (0, 2, 0, 1.0)])
    found = solve(problem, cycle, "apo_down")
    assert found.infimum == pytest.approx(1 / 6, abs=1e-15)
    form, rng = losses.get("apo_down").form, np.random.default_rng(0)
    for _ in range(2000):
        x = problem.log_ref[0] + rng.normal(0, 10 ** rng.uniform(-1, 2), 4)
        assert loss_at(problem, cycle, form, x - np.logaddexp.reduce(x)) > 1 / 6
    low = np.array([-100.0, -200.0, -300.0, 0.0])
    assert loss_at(problem, cycle, form, low) == pytest.approx(1 / 6, abs=1e-12)


def test_never_winners_vanish_and_the_winners_are_unique():
    rng = np.random.default_rng(9)
    for _ in range(20):
        problem, labels = random_case(rng, n_responses=5, n_labels=8, log_weight_range=3, unlabelled=True)
        found = solve(problem, labels, "dpo_sft", alpha=0.5)
        wins = np.isin(np.arange(problem.n_responses), labels.winner)
        assert (np.isfinite(found.log_policy[0]) == wins).all()
        assert found.multiplier[0] == pytest.approx(-0.5, abs=1e-12)
        assert found.status is (Status.UNIQUE if wins.all() else Status.UNATTAINED)
        near = np.logaddexp(found.log_policy[0], -60)
        form = losses.get("dpo_sft", alpha=0.5).form
        assert loss_at(problem, labels, form, near) < found.infimum + 1e-3 + 2 * np.exp(-60 * min(problem.beta, 1) / 2)


EXTREME = [
    ("nca_pair", {}, (1e-4, 1e4)),
    ("sppo_hard", {}, (1e-4, 1e3)),
    ("bco_pair", {"shift": 0.3}, (1e-4, 1e4)),
    ("apo_zero", {}, (1e-4, 1.0)),
    ("kto", {"z0": 0.5, "l_u": 1.5}, (1e-4, 1.0)),
    ("dpo_sft", {"alpha": 0.1}, (1e-4, 1e4)),
    ("cpo_xu", {"alpha": 1.0}, (1e-4, 1e4)),
]


@pytest.mark.parametrize(("name", "params", "betas"), EXTREME)
def test_extreme_references_prices_and_weights(name, params, betas):
    """Stationarity within what log-probabilities of 10^4 nats leave of beta times them."""
    rng = np.random.default_rng(10)
    for _ in range(25):
        beta = float(np.exp(rng.uniform(*np.log(betas))))
        problem = Problem.from_unnormalized(rng.normal(0, 10 ** rng.uniform(-1, 4), (2, 6)), beta)  # 5 is unlabelled
        winner = rng.integers(0, 5, 8)
        labels = Preferences(
            rng.integers(0, 2, 8), winner, (winner + rng.integers(1, 5, 8)) % 5, log_weight=rng.uniform(-40, 40, 8)
        )
        found = solve(problem, labels, name, **params)
        assert found.residual < 1e-12 * (1 + beta) * 1e3
        np.testing.assert_allclose(np.exp(found.log_policy).sum(axis=1), 1, atol=1e-12)
        assert np.isfinite(found.infimum)


def test_a_weight_of_zero_is_dpo():
    for name, params in (("dpo_sft", {"alpha": 0}), ("dpop", {"lam": 0})):
        found = losses.solve(EXAMPLE, MOSTLY, losses.get(name, **params))
        assert (found.status, round(found.infimum, 10)) == (Status.SET, 0.5623351446)
    free = losses.solve(EXAMPLE, MOSTLY, losses.get("cpo_xu", alpha=0))
    assert MOSTLY.delta(free.log_policy)[0] == pytest.approx(2 * np.log(3), abs=1e-12)


def test_prompts_and_labels_of_weight_0_and_token_counts_of_every_label():
    problem = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], beta=0.5)
    labels = Preferences([0, 0, 1, 1, 1], [0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [0.75, 0.25, 1.0, 2.0, 0.0])
    loss = losses.get("dpo_sft", alpha=1.0, n_w=[1.0, 2.0, 3.0, 4.0, 99.0])
    found = losses.solve(problem, labels, loss)
    assert found.statuses == [Status.UNATTAINED, Status.UNIQUE, Status.SET]
    np.testing.assert_allclose(found.log_policy[2], problem.log_ref[2])
    alone = losses.solve(
        Problem.from_probabilities([0.6, 0.4], beta=0.5),
        Preferences.from_pairs([(0, 0, 1, 1.0), (0, 1, 0, 2.0)]),
        losses.get("dpo_sft", alpha=1.0, n_w=[3.0, 4.0]),
    )
    np.testing.assert_allclose(found.log_policy[1, :2], alone.log_policy[0], atol=1e-12)
    for name, params in (("nca_pair", {}), ("dpop", {"lam": 2}), ("orpo", {"lam": 1}), ("apo_down", {})):
        several = losses.solve(problem, labels, losses.get(name, **params))
        assert several.statuses[2] is Status.SET
        parts = [
            losses.solve(Problem(problem.log_ref[p], 0.5), Preferences(0 * w, w, v, m), losses.get(name, **params))
            for p, w, v, m in ((0, [0, 1], [1, 0], [0.75, 0.25]), (1, [0, 1], [1, 0], [1.0, 2.0]))
            for w in [np.array(w)]
        ]
        assert several.infimum == pytest.approx(0.25 * parts[0].infimum + 0.75 * parts[1].infimum, abs=1e-9)


@pytest.mark.parametrize(
    ("spread", "weights", "certified"), [(1, 1, True), (10, 3, False), (1000, 3, False), (3, 40, False)]
)
def test_dpop_claims_a_minimum_only_where_it_is_certified(spread, weights, certified):
    rng = np.random.default_rng(3)
    for _ in range(15):
        beta = float(np.exp(rng.uniform(*np.log((1e-4, 1e4)))))
        problem = Problem.from_unnormalized(rng.normal(0, spread, (1, 6)), beta)
        winner = rng.integers(0, 5, 8)
        loser = (winner + rng.integers(1, 5, 8)) % 5
        labels = Preferences(0 * winner, winner, loser, log_weight=rng.uniform(-weights, weights, 8))
        found = solve(problem, labels, "dpop", lam=5.0)
        assert (found.status is Status.LOCAL) == (found.residual > 1e-11)
        assert found.bound == found.infimum or (found.status is Status.LOCAL and found.bound == 0)
        if certified:
            assert found.status is not Status.LOCAL
        form = losses.get("dpop", lam=5.0).form
        for _ in range(20):
            x = problem.log_ref[0] + rng.normal(0, 3 / min(beta, 1), 6)
            assert loss_at(problem, labels, form, x - np.logaddexp.reduce(x)) >= found.bound * (1 - 1e-9)


def test_a_prompt_that_is_not_certified_is_bounded_by_0_alone(monkeypatch):
    """As if no residual were small enough: the labels' costs are at least 0, and nothing more is claimed."""
    problem = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]], 0.5)
    labels = Preferences.from_pairs([(0, 0, 1), (0, 1, 0), (1, 1, 2), (1, 2, 1, 3.0)])
    sure = solve(problem, labels, "dpop", lam=5.0)
    assert Status.LOCAL not in sure.statuses
    assert sure.bound == sure.infimum > 0
    monkeypatch.setattr(dpop, "CERTIFIED", -1.0)
    unsure = solve(problem, labels, "dpop", lam=5.0)
    assert set(unsure.statuses) == {Status.LOCAL}
    assert unsure.infimum == pytest.approx(sure.infimum, rel=1e-6)
    assert unsure.bound == 0


def test_a_winner_at_0_is_not_stationary():
    """NCA's slope there is -beta, more than what any other response is off by."""
    problem, labels = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5), Preferences.from_pairs([(0, 1)])
    form, log_policy = losses.get("nca_pair").form, np.array([[-np.inf, np.log(0.5), np.log(0.5)]])
    total = max(slopes(problem, labels, form, row)[1].sum() for row in (log_policy, problem.log_ref))
    assert stationarity(problem, labels, form, log_policy, np.array([True]))[1][0] == pytest.approx(0.5 / total)


def test_as_many_as_dense_arithmetic_holds_are_not_refused():
    refuse_beyond(np.array([7, 300]), 300, "responses", "a loss")
    with pytest.raises(InputError, match="a prompt has 301 responses: a loss is minimised over at most 300"):
        refuse_beyond(np.array([7, 301]), 300, "responses", "a loss")


@pytest.mark.parametrize(("name", "params"), [("kto", {"z0": 0.3, "l_d": 1.2}), ("apo_zero", {})])
def test_who_pulls_too_little_at_beta_one_gets_nothing_among_a_hundred(name, params):
    """At beta = 1 a pull per probability is at most E e^-(log ref + z0), however small the response is."""
    rng = np.random.default_rng(0)
    problem, won = Problem.from_unnormalized(2 * rng.normal(size=100), beta=1.0), rng.integers(0, 100, 400)
    labels = Preferences(np.zeros(400, dtype=int), won, (won + rng.integers(1, 100, 400)) % 100)
    found, log_ref = solve(problem, labels, name, **params), problem.log_ref[0]
    gain, shift = params.get("l_d", 1.0), params.get("z0", 0.0)
    excess = gain * np.bincount(labels.winner, minlength=100) - np.bincount(labels.loser, minlength=100)
    log_policy, wanted = found.log_policy[0], excess > 1e-9
    some = log_policy > -np.inf
    log_most = np.log(excess[wanted] / 400) - log_ref[wanted] - shift
    z = log_policy[some] - log_ref[some] - shift
    log_pull = np.log(excess[some] / 400) - np.logaddexp(0, z) - np.logaddexp(0, -z) - log_policy[some]
    assert found.status is Status.UNATTAINED
    assert 1 < some.sum() < wanted.sum()
    np.testing.assert_allclose(log_pull, log_pull[0], atol=1e-9)
    assert np.exp(log_policy[some]).sum() == pytest.approx(1)
    assert (log_most > log_pull[0]).tolist() == some[wanted].tolist()


def test_responses_that_share_the_rest_are_one_dimension_fewer():
    """Nobody labels them and SPPO's infimum leaves their sum alone: of n - 2 that is a simplex of dimension n - 3."""
    for n in (3, 4, 5):
        problem = Problem.from_probabilities([1 / n] * n, 1.0)
        found = losses.solve(problem, Preferences.from_pairs([(0, 1)]), losses.get("sppo_hard"))
        assert found.status is (Status.UNIQUE if n == 3 else Status.SET)
        assert found.dimension.tolist() == [n - 3]


def test_the_bound_of_nca_is_the_least_of_what_bounds_it():
    x = np.linspace(-5, 5, 100_001)
    least = (np.logaddexp(0, -x) + np.logaddexp(0, x) / 2).min()
    assert least - 1e-9 <= absolute._NCA_LEAST <= least


@pytest.mark.parametrize("name", ["sppo_hard", "nca_pair", "bco_pair"])
@pytest.mark.parametrize("beta", [1e-4, 0.01, 1.0, 100.0])
def test_responses_that_win_as_often_as_they_lose_keep_their_reference(name, beta):
    """Each wants what it has, so that the wishes fill the simplex, but for rounding of 1/beta, which is no surplus."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        n = int(rng.integers(2, 7))
        problem = Problem.from_unnormalized(3.0 * rng.integers(-6, 7, n), beta)
        rounds = [(rng.permutation(n), float(rng.integers(1, 4))) for _ in range(3)]
        labels = [(0, w, y, c) for turn, c in rounds for w, y in zip(turn, np.roll(turn, 1), strict=True)]
        found = losses.solve(problem, Preferences.from_pairs(labels), losses.typical(name))
        assert found.status is Status.UNIQUE
        np.testing.assert_allclose(found.log_policy, problem.log_ref, atol=1e-10 / min(beta, 1.0) ** 0.5)
