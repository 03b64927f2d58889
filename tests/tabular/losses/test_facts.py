"""All facts of every loss, asked in one file: derivatives, minimum, ends, monotonicity, growth, convexity.

A loss that is added to the catalogue is asked all of them, and so are losses built from a user's functions.
"""

import copy
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, logit

from tabular import InputError, Preferences, Problem, Status, losses, rlhf
from tabular.base.log_space import normalised
from tabular.losses import guarantees
from tabular.losses.guarantees import SETTINGS, Answer, settings
from tabular.losses.mean import means
from tests.tabular.losses import formulas
from tests.tabular.losses.test_golden import GOLDEN, golden

USERS = {
    "exponential": losses.custom("exponential", lambda x: np.exp(-x), lambda x: -np.exp(-x)),
    "squared hinge": losses.custom(
        "squared hinge", lambda x: np.maximum(1 - x, 0) ** 2, lambda x: -2 * np.maximum(1 - x, 0)
    ),
    "huber": losses.custom(
        "huber",
        lambda x: np.where(np.abs(x - 1) < 1, (x - 1) ** 2 / 2, np.abs(x - 1) - 0.5),
        lambda x: np.clip(x - 1, -1, 1),
    ),
}
LOSSES = {name: golden(name) for name in GOLDEN["losses"]} | USERS
OF_MARGIN = [name for name, loss in LOSSES.items() if loss.scalar is not None]
DIFFERENCES = [name for name, loss in LOSSES.items() if loss.kind == "difference"]


def points(rng, n=8):
    """Log-probabilities of pairs at several scales, and beta."""
    for _ in range(n):
        scale = rng.choice([0.3, 3.0, 30.0])
        policy, ref = -rng.exponential(scale, 2) - 0.05, -rng.exponential(scale, 2) - 0.05
        yield (*policy, *ref, float(rng.choice([0.05, 0.5, 2.0])))


@pytest.mark.parametrize("name", GOLDEN["losses"])
def test_derivatives_at_three_hundred_digits(name):
    loss, rng = LOSSES[name], np.random.default_rng(len(name))
    for point in points(rng):
        wanted = [float(v) for v in formulas.exactly(name, loss.params, *point)]
        found = [loss(*point), *loss.gradient(*point), *loss.curvature(*point)]
        size = max(np.abs(point)) * point[-1] + 1  # what a rounding of the margin moves
        for number, exact in zip(found, wanted, strict=True):
            assert abs(number - exact) <= 1e-13 * size * max(abs(exact), abs(wanted[0]), 1e-290) + 1e-290, (
                point,
                exact,
            )


@pytest.mark.parametrize("name", USERS)
def test_derivatives_of_a_users_loss_against_differences(name):
    loss = LOSSES[name]
    for a, b, *rest in points(np.random.default_rng(1)):
        up, down = loss.gradient(a, b, *rest)
        assert up == -down
        step = 1e-6
        slope = (loss(a + step, b, *rest) - loss(a - step, b, *rest)) / (2 * step)
        assert up == pytest.approx(slope, rel=1e-5, abs=1e-6 * (1 + abs(loss(a, b, *rest))))


def test_differences_stand_for_a_users_second_derivatives():
    """Three of them, all different, of a loss that is no function of one margin."""

    def value(a, b):
        return np.exp(-a) + a * b**2

    def slopes(a, b):
        return b**2 - np.exp(-a), 2 * a * b

    def seconds(a, b):
        return np.exp(-a), 2 * b, 2 * a

    own = losses.custom("own", value, slopes, curvature=seconds, kind="absolute")
    differenced = losses.custom("differenced", value, slopes, kind="absolute")
    for point in points(np.random.default_rng(2)):
        for exact, found in zip(own.curvature(*point), differenced.curvature(*point), strict=True):
            assert found == pytest.approx(exact, rel=1e-5, abs=1e-5 * max(map(abs, own.gradient(*point))))


@pytest.mark.parametrize(("low", "high"), [(-9, -2), (-2, 0), (0, 2), (2, 9)])
def test_a_derivative_that_is_wrong_somewhere_is_refused(low, high):
    """On either side of 0, near and far: a slip in one branch of a user's function is one of these."""

    def slipped(x):
        return np.where((low < x) & (x < high), 2.0, 1.0) * -np.exp(-x)

    with pytest.raises(InputError, match="the derivative of slipped at"):
        losses.custom("slipped", lambda x: np.exp(-x), slipped)


@pytest.mark.parametrize("name", LOSSES)
def test_extremes_are_never_nan(name):
    loss = LOSSES[name]
    far = np.array([-1e4, -1e3, -50.0, -1e-3])
    grid = np.array(np.meshgrid(far, far, far, far)).reshape(4, -1)
    for beta in (1e-4, 1.0, 1e4):
        for found in (loss(*grid, beta), *loss.gradient(*grid, beta)):
            assert not np.isnan(found).any()
        if name not in USERS:
            assert not np.isnan(loss.curvature(*grid, beta)).any()


@pytest.mark.parametrize(
    "point",
    [
        (-27.0, -7.0, 11.0),  # odds e^-27, pi - 1 and 1 cancelled in d2
        (-700.0, -2.0, 1.0),
        (-1e-9, -1e-9, 0.5),
        (-3.0, -1e-12, 600.0),
    ],
)
def test_odds_keep_their_digits_where_they_are_next_to_nothing_or_huge(point):
    """ORPO against 400 digits, each of its derivatives relative to itself."""
    chosen, rejected, lam = point
    loss = losses.get("orpo", lam=lam)
    found = [loss(chosen, rejected, -1, -1, 1), *loss.gradient(chosen, rejected, -1, -1, 1)]
    found += loss.curvature(chosen, rejected, -1, -1, 1)
    wanted = formulas.exactly("orpo", loss.params, chosen, rejected, -1, -1, 1)
    np.testing.assert_allclose(found, np.array(wanted, dtype=float), rtol=1e-12, atol=1e-290)


@pytest.mark.parametrize("eps", [1e-4, 0.25, 0.45])
def test_exo_keeps_its_digits_where_it_is_next_to_nothing_and_is_never_below_0(eps):
    coin = losses.get("exo_pair", eps=eps).scalar
    gaps = np.r_[-2.0, -1.0, -0.999, 1e-5 * np.array([-300, -1, 1, 300]), 0.999, 1.0, 2.0]
    with formulas.mp.workdps(50):
        exact = [formulas._exo(formulas.mpf(float(coin.zeta + gap)), 1, formulas.mpf(eps)) for gap in gaps]
    np.testing.assert_allclose(coin.value(coin.zeta + gaps), np.array(exact, dtype=float), rtol=1e-9)
    assert (coin.value(coin.zeta + np.linspace(-1e-7, 1e-7, 101)) >= 0).all()


def test_odds_at_certainty_are_infinite_of_the_right_sign_or_refused():
    """At 0 nats, -0 too, the loser's slope is +inf; two certainties have equal odds, so that lam sp(0) is left."""
    loss = losses.get("orpo", lam=2.0)
    for certain in (0.0, -0.0):
        assert loss(-1.0, certain, -1, -1, 1) == np.inf == loss.gradient(-1.0, certain, -1, -1, 1)[1]
        assert loss(certain, certain, -1, -1, 1) == 2 * np.log(2)
        assert loss.gradient(certain, certain, -1, -1, 1) == (-np.inf, np.inf)
        assert loss.curvature(certain, certain, -1, -1, 1) == (-np.inf, -np.inf, np.inf)
        assert loss.gradient(certain, -1.0, -1, -1, 1) == (-1.0, 0.0)
    with pytest.raises(InputError, match=r"policy_rejected\[1\] is 0.1: odds, which orpo takes, need at most 0"):
        loss(-1.0, [-1.0, 0.1], -1, -1, 1)


@pytest.mark.parametrize("name", OF_MARGIN)
def test_growth_at_both_ends(name):
    g, growth = LOSSES[name].scalar, LOSSES[name].scalar.growth
    for side, slope in zip((-1, 1), growth, strict=True):
        if np.isfinite(slope):
            assert g.slope(side * 1e6) == pytest.approx(slope, abs=1e-9)
            steps = (g.value(side * 2e6) - g.value(side * 1e6)) / (side * 1e6)
            assert steps == pytest.approx(slope, abs=1e-6)
        else:
            assert g.slope(side * 1e6) * np.sign(slope) > 100
    exact = tuple(float(s) for s in g.exact_growth)
    assert exact == growth


@pytest.mark.parametrize("name", OF_MARGIN)
def test_settled_ends_equal_their_asymptote_and_no_others_do(name):
    g = LOSSES[name].scalar
    for side, slope, settled in zip((-1, 1), g.growth, g.settles, strict=True):
        if np.isfinite(slope):
            away = float(g.slope(side * 30.0)) - slope
            assert (away == 0) == settled or (name == "huber" and away == 0)


@pytest.mark.parametrize("name", OF_MARGIN)
def test_a_slope_jumps_only_where_it_is_said_to(name):
    g, x = LOSSES[name].scalar, np.linspace(-12, 12, 240_001)
    steps = np.abs(np.diff(g.slope(x)))  # a smooth slope rises by its curvature times the width
    assert (steps > 1e-3 * (1 + np.abs(g.slope(x[1:])))).any() == g.kinked
    mine = losses.custom("mine", g.value, g.slope)
    assert mine.scalar.kinked == g.kinked


@pytest.mark.parametrize("name", OF_MARGIN)
def test_convexity_of_the_function_of_the_margin(name):
    g = LOSSES[name].scalar
    x = np.linspace(-12, 12, 4801)
    far = np.random.default_rng(0).permutation(x)
    midpoints = g.value((x + far) / 2) - (g.value(x) + g.value(far)) / 2
    slopes = np.diff(g.slope(x))
    rounding = 1e-14 * (1 + np.abs(g.value(x)) + np.abs(g.value(far)))
    if g.convex:
        assert (midpoints <= rounding).all()
        assert (slopes >= -1e-12 * (1 + np.abs(g.slope(x[1:])))).all()
        assert (g.curvature(x) >= -1e-6).all()
    else:
        assert (midpoints > 10 * rounding).any()
        assert (slopes < -1e-9).any()


@pytest.mark.parametrize("name", [n for n, loss in LOSSES.items() if loss.kind == "absolute" and n != "orpo"])
def test_convexity_in_the_log_ratios(name):
    """The Hessian in (r_w, r_l) is positive semidefinite everywhere, or somewhere it is not."""
    loss, rng = LOSSES[name], np.random.default_rng(0)
    r = rng.normal(0, 4, (2, 4000))
    ww, wl, ll = loss.curvature(r[0] - 9, r[1] - 9, -9.0, -9.0, 0.7)
    least = (ww + ll) / 2 - np.hypot((ww - ll) / 2, wl)
    assert (least >= -1e-12).all() == loss.convex


def at_margins(loss, h, beta, delta_ref=-0.7):
    """The loss and its derivative in h, at a reference ratio."""
    ref = np.array([-1.5, -1.5 - delta_ref])
    a = ref[0] + h
    return loss(a, ref[1], *ref, beta), loss.gradient(a, ref[1], *ref, beta)[0]


MONOTONE = {"dpo", "hinge", "slic", "hypo", "odpo", "ecpo", "exponential", "squared hinge", "rdpo"}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_monotone_exactly_where_it_should_be(name):
    value, slope = at_margins(LOSSES[name], np.linspace(-25, 25, 2001), 0.8)
    falls = (slope <= 0).all() and (np.diff(value) <= 0).all()
    assert falls == (name in MONOTONE)


def minimiser(loss, p, beta, delta_ref):
    """z of the least p L(h) + (1 - p) L'(-h), L' with the reference's ratio turned round: by bisection on slopes."""

    def slope(h):
        return p * at_margins(loss, h, beta, delta_ref)[1] - (1 - p) * at_margins(loss, -h, beta, -delta_ref)[1]

    return beta * brentq(slope, -400, 400, xtol=1e-13)


def quadratic(p, m):
    return np.log(((2 * p - 1) * m + np.sqrt((2 * p - 1) ** 2 * m**2 + 4 * p * (1 - p))) / (2 * (1 - p)))


def hypo(p, beta, delta_ref):
    """For w the response that the reference disfavours, and by symmetry for the other."""
    if delta_ref > 0:
        return -hypo(1 - p, beta, -delta_ref)
    d = np.exp(beta * abs(delta_ref))
    root = np.sqrt((2 * p - 1) ** 2 * d**2 + 4 * p * (1 - p) * d)
    return np.log(((2 * p - 1) * d + root) / (2 * (1 - p) * d)) - beta * delta_ref


POPULATION = {
    "dpo": lambda p, **_: logit(p),
    "cdpo": lambda p, eps, **_: logit(p * (1 - eps) + (1 - p) * eps),
    "rdpo": lambda p, eps, **_: logit((p - eps) / (1 - 2 * eps)),
    "ipo": lambda p, beta, **_: beta * (2 * p - 1) / (2 * beta),
    "exo_pair": lambda p, eps, **_: (2 * p - 1) * logit(1 - eps),
    "odpo": lambda p, offset, **_: quadratic(p, np.exp(offset)),
    "hypo": lambda p, beta, delta_ref, **_: hypo(p, beta, delta_ref),
    "exponential": lambda p, **_: logit(p) / 2,
}


@pytest.mark.parametrize("name", POPULATION)
@pytest.mark.parametrize("p", [0.2, 0.5, 0.61, 0.85])
def test_population_minimum_is_the_closed_form(name, p):
    loss = LOSSES[name]
    for beta, delta_ref in ((0.4, -0.7), (1.3, -2.0), (1.3, 0.9)):
        wanted = POPULATION[name](
            p, beta=beta, delta_ref=delta_ref, **{k: v for k, v in loss.params.items() if name not in USERS}
        )
        assert minimiser(loss, p, beta, delta_ref) == pytest.approx(wanted, abs=1e-9)

        def mean(z, beta=beta, delta_ref=delta_ref):
            there, back = (at_margins(loss, side * z / beta, beta, side * delta_ref)[0] for side in (1, -1))
            return p * there + (1 - p) * back

        by_search = minimize_scalar(mean, bracket=(wanted - 1, wanted + 1), options={"xtol": 1e-10}).x
        assert by_search == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "near"), [("cdpo", {"eps": 0.1251}), ("rdpo", {"eps": 0.1249}), ("odpo", {"offset": 0.751})]
)
def test_a_parameter_off_by_a_thousandth_moves_the_population_minimum(name, near):
    wanted = POPULATION[name](0.61, **golden(name).params)
    assert abs(minimiser(golden(name, **near), 0.61, 1.0, -0.7) - wanted) > 1e-5


def test_hinge_population_minimum_is_a_face():
    for p, low, high in ((0.7, 1.0, 1.0), (0.3, -1.0, -1.0), (0.5, -1.0, 1.0)):
        z = np.linspace(-3, 3, 601)
        cost = p * at_margins(LOSSES["hinge"], z, 1.0)[0] + (1 - p) * at_margins(LOSSES["hinge"], -z, 1.0)[0]
        flat = z[cost <= cost.min() + 1e-12]
        assert (flat[0], flat[-1]) == pytest.approx((low, high), abs=1e-9)


def test_discopop_rises_at_the_reference_and_traps_descent():
    g = losses.get("discopop").scalar
    assert float(g.slope(0.0)) == pytest.approx(0.784, abs=5e-4)
    trap = brentq(g.slope, -0.2, -0.05)
    peak = brentq(g.slope, 0.02, 0.3)
    assert (trap / 0.05, peak / 0.05) == pytest.approx((-2.3714, 1.4401), abs=5e-5)
    assert (float(g.value(trap)), float(g.value(0.0))) == pytest.approx((0.78592, 0.84657), abs=5e-6)


@pytest.mark.parametrize(
    ("name", "parameter", "values"), [("exo_pair", "eps", (0.05, 0.49)), ("discopop", "tau", (0.05, 1.0))]
)
def test_third_derivatives_in_digits_are_within_their_bounds(name, parameter, values):
    """On random intervals; in the right tail, at the last value, the bound falls to twice the derivative."""
    rng = np.random.default_rng(8)

    def third(x):
        with formulas.mp.workdps(60):
            params = {parameter: formulas.mpf(value)}
            return abs(float(formulas.mp.diff(lambda x: formulas.FORMULAS[name](x, 0, 0, 0, 1, **params), float(x), 3)))

    for value in values:
        g = losses.get(name, **{parameter: value}).scalar
        low = rng.uniform(-20, 20, 40)
        high = low + rng.exponential(0.3, 40)
        for x in (low, *(low + (high - low) * rng.random((4, 40))), high):
            assert (np.array([third(each) for each in x]) <= g.third_between(low, high) * (1 + 1e-12)).all()
    far = np.array([20.0, 28.0, 36.0])
    assert (g.third_between(far, far) <= 2.001 * np.array([third(each) for each in far])).all()


@pytest.mark.parametrize("tau", [0.05, 0.3, 1.0])
def test_the_bound_on_discopops_third_derivative_is_one_on_each_product(tau):
    """At a point, every product of derivatives with its own size: no sum of them is below what is bounded."""
    x = np.linspace(-3, 3, 241)
    s, left, p = expit(x / tau), expit(-x / tau), expit(-x)
    of_s = [s, s * left / tau, s * left * abs(left - s) / tau**2, s * left * abs(1 - 6 * s * left) / tau**3]
    of_logistic = [np.logaddexp(0, -x), p, p * (1 - p), p * (1 - p) * abs(1 - 2 * p)]
    sizes = sum(
        times * (of_left * logistic + of_right * np.exp(-x))
        for times, of_left, logistic, of_right in zip(
            (1, 3, 3, 1), [left, *of_s[1:]], of_logistic[::-1], of_s, strict=True
        )
    )
    bound = losses.get("discopop", tau=tau).scalar.third_between(x, x)
    assert (sizes <= bound * (1 + 1e-14)).all()


@pytest.mark.parametrize("name", ["exo_pair", "discopop"])
def test_bounds_that_a_search_relies_on(name):
    """Second and third derivatives, and lower bounds on intervals, on a fine grid."""
    rng = np.random.default_rng(3)
    for loss in (golden(name), losses.get(name, **({"eps": 0.3} if name == "exo_pair" else {"tau": 1.0}))):
        g, x = loss.scalar, np.linspace(-15, 15, 60001)
        assert np.abs(g.curvature(x)).max() <= g.steepest_bend
        third = np.abs(np.diff(g.curvature(x)) / np.diff(x))
        assert (third <= g.third_between(x[:-1], x[1:]) + 1e-8).all()
        low = rng.uniform(-10, 10, 500)
        high = low + rng.exponential(0.5, 500)
        within = g.value(low + (high - low) * np.linspace(0, 1, 201)[:, None])
        assert (g.least_between(low, high) <= within.min(axis=0) + 1e-15).all()


def test_identities_between_losses():
    rng = np.random.default_rng(5)
    columns = -rng.exponential(3, (4, 200))
    point = (*columns, 0.3)
    dpo = LOSSES["dpo"](*point)
    z = 0.3 * (columns[0] - columns[2] - columns[1] + columns[3])
    for name, params, wanted in (
        ("cdpo", {"eps": 0.2}, dpo + 0.2 * z),
        ("rdpo", {"eps": 0.2}, dpo - 0.2 / 0.6 * z),
        ("odpo", {"offset": 0.0}, dpo),
        ("ecpo", {"gamma": 0.0}, dpo),
        ("dpop", {"lam": 0.0}, dpo),
        ("dpo_sft", {"alpha": 0.0}, dpo),
        ("sigmoid_norm", {"n_w": 1, "n_l": 1}, dpo),
        ("fdpo_alpha", {"alpha": 1.0}, LOSSES["fdpo_forward_kl"](*point)),
        ("kto", {"z0": 0.0, "l_d": 1.0, "l_u": 1.0}, LOSSES["apo_zero"](*point)),
        ("chi_po", {"r_max": 1e99}, LOSSES["chi_po_unclipped"](*point)),
    ):
        np.testing.assert_allclose(losses.get(name, **params)(*point), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["aot", "aot_unpaired", "dpo", "ecpo"])
def test_means_of_several_policies_are_the_mean_of_each(name):
    problem = Problem.from_unnormalized([[1.0, 0, 2, -1], [0, 1, 1, 3]], 0.7)
    labels = Preferences.from_pairs([(0, 0, 1, 2), (0, 2, 1, 1), (0, 3, 2, 0), (1, 1, 0, 3), (1, 3, 2, 1)])
    policies = normalised(np.random.default_rng(0).normal(size=(6, 2, 4)))
    each = [losses.mean(policy, problem, labels, losses.typical(name)) for policy in policies]
    np.testing.assert_allclose(means(policies, problem, labels, losses.typical(name)), each, rtol=1e-14)


@pytest.mark.parametrize("name", ["aot", "aot_unpaired"])
def test_a_batch_of_plain_numbers_is_none(name):
    loss, sentence = losses.get(name), f"{name} mixes the pairs of a batch: give arrays, an entry a pair, or use dpo"
    for asked in (loss, loss.gradient):
        with pytest.raises(InputError, match=sentence):
            asked(-1.0, -2.0, -1.0, -1.0, 0.1)


def test_aot_matches_by_rank_and_is_the_best_matching():
    """Optimal transport on the line: the least mean over all permutations of the reference's ratios."""
    from itertools import permutations

    rng = np.random.default_rng(2)
    for _ in range(20):
        a, b, ref_a, ref_b = -rng.exponential(2, (4, 5))
        aot, dpo = losses.get("aot"), LOSSES["dpo"]
        best = min(dpo(a - b, 0.0, (ref_a - ref_b)[list(order)], 0.0, 0.7).mean() for order in permutations(range(5)))
        assert aot(a, b, ref_a, ref_b, 0.7).mean() == pytest.approx(best, abs=4e-15)
        for loss in (aot, losses.get("aot_unpaired")):
            step, up, down = 1e-6, *loss.gradient(a, b, ref_a, ref_b, 0.7)
            for k in range(5):
                moved = [(a + s * np.eye(5)[k], b) for s in (step, -step)] + [
                    (a, b + s * np.eye(5)[k]) for s in (step, -step)
                ]
                means = [5 * loss(x, y, ref_a, ref_b, 0.7).mean() for x, y in moved]
                slopes = ((means[0] - means[1]) / (2 * step), (means[2] - means[3]) / (2 * step))
                assert (up[k], down[k]) == pytest.approx(slopes, abs=1e-8)
            check_bends_of_a_batch(loss, a, b, ref_a, ref_b)


def check_bends_of_a_batch(loss, *point, step=1e-6):
    """The second derivatives of each pair's term are differences of the gradients of the whole batch."""
    ww, wl, ll = loss.curvature(*point, 0.7)
    own = np.zeros(len(ww))
    for k in range(len(ww)):
        away = step * np.eye(len(ww))[k]
        change = [
            (np.array(loss.gradient(*up, 0.7)) - loss.gradient(*down, 0.7)) / (2 * step)
            for up, down in (
                [(point[0] + s * away, *point[1:]) for s in (1, -1)],
                [(point[0], point[1] + s * away, *point[2:]) for s in (1, -1)],
            )
        ]
        assert (change[0][0, k], change[0][1].sum()) == pytest.approx((ww[k], wl[k]), abs=1e-8)
        own[k] = change[1][1, k]
    assert np.sort(own) == pytest.approx(np.sort(ll), abs=1e-8)  # unpaired: each term's at its partner


TOLD = {  # of each trainer's setting, under which losses: twice where versions differ
    "HALOs": {"ipo": ["ipo"], "SLiC": ["slic"]},
    "LLaMA-Factory": {
        "hinge, ipo, kto_pair": ["dpo"],
        "hinge": ["hinge"],
        "ipo": ["ipo"],
        "pref_ftx": ["dpo_sft"],
    },
    "Megatron DPO of ms-swift": {"any loss_type": ["dpo"]},
    "SimPO's own trainer": {"gamma_beta_ratio": ["simpo"]},
    "TRL CPOTrainer": {"cpo_alpha": ["cpo_xu"], "ipo": ["ipo"], "simpo": ["simpo"]},
    "TRL DPOTrainer": {
        "alpha_divergence": ["fdpo_alpha"],
        "alpha_divergence a": ["fdpo_alpha"],
        "alpha_divergence, default": ["fdpo_forward_kl"],
        "aot": ["aot"],
        "aot_pair": ["aot_unpaired"],
        "aot_unpaired": ["aot_unpaired"],
        "apo_down": ["apo_down"],
        "apo_zero": ["apo_zero"],
        "bco_pair": ["bco_pair", "bco_pair", "bco_pair_unshifted"],
        "discopop": ["discopop"],
        "exo_pair, label_smoothing 0": ["exo_pair"],
        "hinge": ["hinge"],
        "ipo": ["ipo", "ipo", "ipo_norm"],
        "ipo in a list of losses": ["ipo"],
        "kto_pair": ["kto"],
        "nca_pair": ["nca_pair"],
        "robust": ["rdpo"],
        "rpo_alpha": ["dpo_sft"],
        "sigmoid with label_smoothing": ["cdpo", "cdpo"],
        "sigmoid_norm": ["sigmoid_norm"],
        "sppo_hard": ["sppo_hard"],
    },
    "TRL KTOTrainer": {"kto": ["kto"]},
    "TRL ORPOTrainer": {"beta": ["orpo"]},
    "arXiv 2406.01462": {"HyPO": ["hypo"]},
    "axolotl": {"dpo_label_smoothing under sigmoid": ["cdpo"]},
    "open-instruct": {"dpo_norm": ["dpo"]},
    "ports": {"DPOP": ["dpop"]},
    "torchtune": {"RSOLoss": ["hinge"]},
}


@pytest.mark.parametrize("trainer", TOLD)
def test_every_setting_of_a_trainer_has_a_meaning(trainer):
    known = [(meaning, name) for name in losses.names() for meaning in losses.typical(name).trainers]
    for setting, under in TOLD[trainer].items():
        assert sorted(name for meaning, name in known if (meaning.trainer, meaning.name) == (trainer, setting)) == under


@pytest.mark.parametrize("name", losses.names())
def test_what_every_loss_says_of_itself(name):
    loss = losses.get(name, **GOLDEN["losses"].get(name, {"params": {}})["params"])
    assert loss.kind in ("difference", "link", "absolute")
    assert loss.source
    assert repr(loss).startswith(f"{name}(")
    assert loss == copy.deepcopy(loss) == pickle.loads(pickle.dumps(loss))
    assert hash(loss) == hash(copy.deepcopy(loss))
    with pytest.raises(AttributeError):
        loss.name = "other"
    for meaning in loss.trainers:
        assert meaning.trainer
        assert meaning.versions
        assert meaning.computes
        assert not meaning.thread or meaning.thread.count("#") == 1


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("ppo", {}, "there is no loss named 'ppo': choose one of dpo, cdpo"),
        ("dpo", {"beta": 1}, "dpo has no parameter 'beta' here: it takes none"),
        ("cdpo", {}, "cdpo needs eps: pass eps="),
        ("cdpo", {"eps": 0.5}, "eps of cdpo is 0.5: it must be one number, at least 0 and below 1/2"),
        ("exo_pair", {"eps": 0.0}, "eps of exo_pair is 0.0: it must be one number, above 0 and below 1/2"),
        ("rdpo", {"eps": [0.1]}, r"eps of rdpo is \[0.1\]: it must be one number"),
        ("rdpo", {"eps": "a"}, "eps of rdpo is 'a': give numbers"),
        ("simpo", {"n_w": [8, 0], "n_l": 1, "gamma": 0.5}, r"n_w of simpo\[1\] is 0.0: a token count must be finite"),
        ("simpo", {"n_w": -1, "n_l": 1, "gamma": 0.5}, "n_w of simpo is -1: it must be one number, finite and above 0"),
        ("ecpo", {"gamma": -0.1}, "gamma of ecpo is -0.1: it must be one number, finite and at least 0"),
        ("fdpo_alpha", {"alpha": 1.5}, "alpha of fdpo_alpha is 1.5: it must be one number, above 0 and at most 1"),
        ("bco_pair_unshifted", {"shift": 0.1}, "shift of bco_pair_unshifted is 0.1"),
        ("discopop", {"tau": np.inf}, "tau of discopop is inf"),
    ],
)
def test_a_parameter_that_a_loss_cannot_take_is_refused(name, params, said):
    with pytest.raises(InputError, match=said):
        losses.get(name, **params)


def test_arguments_that_are_no_log_probabilities_are_refused():
    loss = LOSSES["dpo"]
    for point, said in (
        ((-1, -2, -1, np.nan, 1), "ref_rejected is nan: it must be finite"),
        (([-1, -np.inf], -2, -1, -1, 1), r"policy_chosen\[1\] is -inf: it must be finite"),
        ((-1, -2, -1, -1, 0), "beta is 0.0: it must be above 0"),
        (([-1, -2], [-1, -2, -3], -1, -1, 1), "have shapes"),
    ):
        with pytest.raises(InputError, match=said):
            loss(*point)
    with pytest.raises(InputError, match="n_w"):
        losses.get("sigmoid_norm", n_w=[1, 2, 3], n_l=1)([-1, -2], -1, -1, -1, 1)


def test_inputs_are_left_alone():
    columns = [np.array([-1.0, -2.0]) for _ in range(4)]
    for loss in LOSSES.values():
        loss(*columns, 1.0), loss.gradient(*columns, 1.0)
    assert all(column.tolist() == [-1, -2] for column in columns)


def test_a_fraction_stays_exact_where_existence_depends_on_it():
    assert losses.get("rdpo", eps=Fraction(1, 10)).scalar.linear == Fraction(-1, 8)
    assert losses.get("rdpo", eps=0.1).scalar.linear != Fraction(-1, 8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (lambda x: -x, lambda x: 1 + 0 * x),
            "the derivative of mine at -3.0 is 1, where its values rise by -1: correct it",
        ),
        ((np.sqrt, lambda x: 0.5 / np.sqrt(x)), "mine gives .* let its functions map arrays to finite numbers"),
        ((lambda x: "a", lambda x: x), "mine gives"),
    ],
)
def test_a_users_functions_are_checked(arguments, said):
    with np.errstate(all="ignore"), pytest.raises(InputError, match=said):
        losses.custom("mine", *arguments)


def test_growth_is_found_or_refused():
    def found(value, derivative):
        return losses.custom("mine", value, derivative).growth

    with np.errstate(all="ignore"):
        assert found(lambda x: np.hypot(x, 1), lambda x: x / np.hypot(x, 1)) == (-1.0, 1.0)
        assert found(lambda x: np.logaddexp(0, -x) ** 2, lambda x: -2 * np.logaddexp(0, -x) * expit(-x)) == (
            -np.inf,
            0.0,
        )
        slow = (lambda x: x * np.arcsinh(x) - np.sqrt(1 + x * x), lambda x: np.arcsinh(x))  # slopes grow like a log
        assert found(*slow) == (-np.inf, np.inf)
    with pytest.raises(InputError, match=r"bends away from every straight line at \+inf, where its slope tends to 0"):
        # -log(1 + x) to the right of 0: convex, slope to 0, no lower bound
        losses.custom(
            "mine",
            lambda x: np.where(x > 0, -np.log1p(np.maximum(x, 0)), -x),
            lambda x: np.where(x > 0, -1 / (1 + np.maximum(x, 0)), -1.0),
        )
    with pytest.raises(InputError, match="dpo is a loss of the catalogue: give yours another name"):
        losses.custom("dpo", lambda x: np.exp(-x), lambda x: -np.exp(-x))


def test_convexity_that_is_claimed_is_looked_at():
    wave = (lambda x: np.cos(x), lambda x: -np.sin(x))
    assert not losses.custom("wave", *wave).convex
    with pytest.raises(InputError, match="wave is said to be convex, but its derivative falls somewhere"):
        losses.custom("wave", *wave, convex=True)


def test_a_users_logistic_is_dpo_and_a_users_absolute_loss_is_nca():
    mine = losses.custom("mine", lambda x: np.logaddexp(0, -x), lambda x: -expit(-x))
    nca = losses.custom(
        "mine too",
        lambda x, y: np.logaddexp(0, -x) + np.logaddexp(0, x) / 2 + np.logaddexp(0, y) / 2,
        lambda x, y: (expit(x) / 2 - expit(-x), expit(y) / 2),
        kind="absolute",
    )
    assert mine.convex
    assert mine.growth == (-1.0, 0.0)
    assert not any(mine.scalar.settles)
    for point in points(np.random.default_rng(8)):
        for ours, theirs in ((mine, LOSSES["dpo"]), (nca, LOSSES["nca_pair"])):
            assert ours(*point) == pytest.approx(theirs(*point), rel=1e-12)
            assert ours.gradient(*point) == pytest.approx(theirs.gradient(*point), rel=1e-12)
            assert ours.curvature(*point) == pytest.approx(theirs.curvature(*point), rel=1e-4, abs=1e-6)


class Planted:
    """DPO's function with one fact off by a little."""

    def __init__(self, **wrong):
        self.true, self.wrong = losses.get("dpo").scalar, wrong

    def __getattr__(self, fact):
        return self.wrong.get(fact, getattr(self.true, fact))


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        ({"growth": (-1.0, 0.01)}, test_growth_at_both_ends),
        ({"growth": (-0.99, 0.0)}, test_growth_at_both_ends),
        ({"exact_growth": (Fraction(-1), Fraction(1, 10**6))}, test_growth_at_both_ends),
        ({"settles": (False, True)}, test_settled_ends_equal_their_asymptote_and_no_others_do),
        ({"convex": False}, test_convexity_of_the_function_of_the_margin),
        ({"slope": lambda x: -expit(-x) + 1e-6 * np.sin(30 * x)}, test_convexity_of_the_function_of_the_margin),
        ({"curvature": lambda x: 1.01 * expit(x) * expit(-x)}, test_derivatives_at_three_hundred_digits),
        ({"slope": lambda x: -expit(-x * (1 + 1e-9))}, test_derivatives_at_three_hundred_digits),
        ({"slope": lambda x: 1e-6 - expit(-x)}, test_monotone_exactly_where_it_should_be),
        ({"value": lambda x: np.log1p(np.exp(-x))}, test_extremes_are_never_nan),
    ],
)
def test_a_planted_error_is_seen(monkeypatch, wrong, test):
    true = losses.get("dpo")
    test("dpo")
    monkeypatch.setitem(LOSSES, "dpo", replace(true, form=replace(true.form, scalar=Planted(**wrong))))
    with pytest.raises((AssertionError, RuntimeWarning)):
        test("dpo")


@pytest.mark.parametrize(("claim", "answer"), [("one-way", "if"), ("unique", "fails"), ("rlhf", "fails")])
def test_the_map_knows_holds_from_fails_and_from_open(claim, answer):
    """SPPO with hard labels: named under a condition, named among the failures, and one of the rest."""
    cell = guarantees("sppo_hard")[claim]
    assert cell.answer.value == answer
    assert cell.statement == f"map-{claim}-{answer}"


def at_the_map(name):
    return losses.get(name, **{key: float(value) for key, value in SETTINGS.get(name, {}).items()})


@pytest.mark.parametrize("name", guarantees())
def test_the_map_says_what_solutions_show(name):
    """One label of two responses, one that leaves a third out, labels at a reward's odds, and what a loss looks at."""
    loss, row = at_the_map(name), guarantees(name)
    exists = {Status.UNIQUE, Status.SET}

    def agrees(claim, shown):
        assert row[claim].answer in (Answer.IF, Answer.OPEN, Answer.HOLDS if shown else Answer.FAILS), claim

    two, three = Problem.from_probabilities([0.3, 0.7], 0.5), Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    one = losses.solve(two, Preferences.from_pairs([(0, 1)]), loss)
    if one.status is not Status.LOCAL:
        agrees("one-way", one.status in exists)
    agrees("bounded", one.infimum > -np.inf)
    some = [
        losses.solve(three, Preferences.from_pairs(pairs), loss).status in exists
        for pairs in ([(0, 1)], [(0, 1), (1, 2)], [(0, 1), (1, 0), (2, 1)])
    ]
    if row["any"].answer is Answer.HOLDS and loss.convex:
        assert all(some)
    if row["any"].answer is Answer.FAILS:
        assert not all(some)
    if row["finite"].answer is Answer.HOLDS:
        assert np.isfinite(one.log_policy).all()
    rewarded = Problem.from_probabilities([0.3, 0.7], 0.5, [0.4, 0.0])
    found = losses.solve(rewarded, Preferences.from_bradley_terry(rewarded), loss)
    agrees("rlhf", np.allclose(np.exp(found.log_policy), np.exp(rlhf.optimal_policy(rewarded)), atol=1e-6))
    values = [loss(-1.0, -2.0, *ref, 0.5) for ref in ((-1.5, -0.5), (-0.7, -3.0), (-4.0, -4.0))]
    agrees("reference", np.ptp(values) == 0)
    agrees("convex", loss.convex)
    assert all(cell.answer is not Answer.IF or cell.condition for cell in row.values())


def test_the_parameters_at_which_the_map_speaks():
    """Small and simple ones, as a reader is told them."""
    said = {name: settings(name) for name in losses.names() if settings(name)}
    assert said == {
        "cdpo": "eps = 1/10",
        "rdpo": "eps = 1/10",
        "ipo_norm": "n_w = 1, n_l = 1",
        "slic": "margin = 1",
        "exo_pair": "eps = 1/10",
        "odpo": "offset = 1/2",
        "ecpo": "gamma = 1/10",
        "simpo": "n_w = 1, n_l = 1, gamma = 1/10",
        "sigmoid_norm": "n_w = 1, n_l = 1",
        "discopop": "tau = 1/20",
        "fdpo_alpha": "alpha = 1/2",
        "chi_po": "r_max = 1",
        "kto": "z0 = 0, l_d = 1, l_u = 1",
        "bco_pair": "shift = 1/2",
        "bco_pair_unshifted": "shift = 0",
        "dpop": "lam = 1",
        "dpo_sft": "alpha = 1, n_w = 1",
        "cpo_xu": "alpha = 1, n_w = 1",
        "orpo": "lam = 1",
    }


def test_a_margin_of_weight_0_is_none_where_the_reference_overflows():
    """0 times infinity is no margin; at weight 1 it is what the inverse probabilities add up to."""
    point = (-1.0, -2.0, -1e4, -1e4, 0.5)
    assert losses.get("ecpo", gamma=0.0)(*point) == losses.get("dpo")(*point)
    near = (-1.0, -2.0, -0.5, -1.5, 0.5)
    wanted = np.logaddexp(0, np.exp(0.5) + np.exp(1.5) - 0.5 * (1.0 - 1.0))
    assert losses.get("ecpo", gamma=1.0)(*near) == pytest.approx(wanted, rel=1e-14)
