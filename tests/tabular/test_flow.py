"""The closed-form flow of one pair against an ODE integrator, against 60 digits, and where numbers overflow."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tabular import InputError, Preferences, Problem, dpo, flow
from tests import strategies

INF = np.inf


@pytest.mark.parametrize("margin", [-3.0, 0.0, 0.5, 20.0])
@pytest.mark.parametrize(("delta_ref", "beta"), [(-4.0, 0.5), (-1.0, 2.0), (1.5, 0.1)])
def test_against_an_ode_integrator_in_softmax_logits(delta_ref, beta, margin):
    def descend(_, logits):
        push = beta / (1 + np.exp(beta * (logits[0] - logits[1] - delta_ref) - margin))
        return [push, -push]

    times = np.array([0.0, 0.3, 3.0, 30.0, 300.0])
    path = solve_ivp(descend, (0, 300), [delta_ref, 0.0], t_eval=times, rtol=1e-10, atol=1e-12, method="DOP853")
    np.testing.assert_allclose(flow.margin_at(times, delta_ref, beta, margin), path.y[0] - path.y[1], rtol=1e-7)


def test_the_flow_follows_the_gradient_of_the_library_loss():
    problem, label = Problem.from_probabilities([0.1, 0.9], 0.7), Preferences.from_pairs([(0, 1)])
    delta_ref = label.delta(problem.log_ref)[0]
    delta = flow.margin_at(5.0, delta_ref, 0.7)
    speed = (flow.margin_at(5.001, delta_ref, 0.7) - flow.margin_at(4.999, delta_ref, 0.7)) / 0.002
    here = -np.logaddexp(0, [-delta, delta])
    gradient = dpo.gradient(here, problem, label)[0]
    assert speed == pytest.approx(gradient[1] - gradient[0], rel=1e-6)


def exact_climb(time, beta, margin):
    """beta h in 60 digits, from the implicit equation by bisection."""
    with mpmath.workdps(60):
        s, psi = 2 * mpmath.mpf(beta) ** 2 * mpmath.mpf(time), mpmath.mpf(margin)
        low, high = mpmath.mpf(0), s + 1
        for _ in range(250):
            middle = (low + high) / 2
            travelled = middle + mpmath.exp(-psi) * mpmath.expm1(middle)
            low, high = (middle, high) if travelled < s else (low, middle)
        return float(low)


@given(st.floats(0, 1e6), st.floats(0.01, 10), st.one_of(st.just(0.0), st.floats(-300, 300)))
@example(1.0, 1.0, 1e4)
@example(1.0, 1.0, -39.9)  # across the switch to the steep form
@example(1.0, 1.0, -40.1)
@example(1e-9, 1.0, 0.0)
@example(1e-6, 1e-4, 0.0)  # the climb is far below the rounding of e^-Psi - Psi
@example(1e-12, 1e-4, 0.7)
@example(1e-12, 1e-2, -30.0)
@example(1.175494351e-38, 1.0, 0.015625)  # far below the rounding of the first guess
def test_against_sixty_digits(time, beta, margin):
    climb = beta * flow.margin_at(time, 0.0, beta, margin)
    assert climb == pytest.approx(exact_climb(time, beta, margin), rel=1e-9, abs=1e-60)


@given(strategies.log_odds(30), st.floats(0.01, 5), st.floats(-5, 30))
def test_at_its_escape_time_the_pair_is_at_zero(delta_ref, beta, margin):
    time = flow.escape_time(delta_ref, beta, margin)
    assert flow.margin_at(time, delta_ref, beta, margin) == pytest.approx(max(delta_ref, 0), abs=1e-7)


@given(strategies.log_odds(1e6), st.sampled_from([1e-4, 1.0, 1e4]), st.sampled_from([-1e6, -1.0, 0.0, 1.0, 1e6]))
@example(-1e6, 1.0, 0.0)
@example(-1e2, 1e4, -1e6)
def test_never_nan_where_exponentials_overflow(delta_ref, beta, margin):
    escape = flow.escape_time(delta_ref, beta, margin)
    assert escape >= 0
    assert not np.isnan(escape)
    for time in (0.0, 1e-300, 1.0, 1e300, INF):
        delta = flow.margin_at(time, delta_ref, beta, margin)
        assert not np.isnan(delta)
        assert delta >= delta_ref


def test_escape_is_exponential_for_dpo_and_linear_under_a_large_margin():
    distance = np.array([100.0, 200.0, 300.0])
    np.testing.assert_allclose(np.diff(np.log(flow.escape_time(-distance, 1.0))), 100, rtol=1e-12)
    np.testing.assert_allclose(flow.escape_time(-distance, 0.5, margin=1e3), distance, rtol=1e-12)
    assert flow.escape_time(-1e6, 1.0) == INF
    assert flow.escape_time(-1e6, 1.0, margin=2e6) == 5e5


@given(strategies.log_odds(1e4), strategies.betas, st.floats(-1e3, 1e3))
@example(-1.1, 0.3, 0.7)
def test_the_flow_starts_at_the_reference_exactly(delta_ref, beta, margin):
    assert flow.margin_at(0.0, delta_ref, beta, margin) == delta_ref


def test_there_is_no_time_before_the_reference():
    with pytest.raises(InputError, match=r"time\[1\] is -1.0: the flow starts at time 0"):
        flow.margin_at([0.0, -1.0], -2.0, 3.0)


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("delta_ref", np.nan, "delta_ref is nan: it must be finite"),
        ("delta_ref", "low", "delta_ref is 'low': give numbers"),
        ("delta_ref", [0.0, -INF], r"delta_ref\[1\] is -inf: it must be finite"),
        ("beta", 0, "beta is 0.0: it must be finite and above 0"),
        ("beta", [1.0, -1.0], r"beta\[1\] is -1.0: it must be finite and above 0"),
        ("beta", None, "beta is None: give numbers"),
        ("beta", INF, "beta is inf: it must be finite"),
        ("margin", np.nan, "margin is nan: it must be a number"),
        ("margin", [1, [2]], "margin is .*, with rows of different lengths"),
        ("margin", np.zeros(3), r"have shapes .*\(2,\), .*\(3,\): give each one number, or one for each pair"),
    ],
)
def test_what_starts_no_flow_is_refused(name, wrong, said):
    given_ = {"delta_ref": -1.0, "beta": [1.0, 1.0], "margin": 0.0} | {name: wrong}
    for start in (lambda **pair: flow.margin_at(1.0, **pair), flow.escape_time):
        with pytest.raises(InputError, match=said):
            start(**given_)
    with pytest.raises(InputError, match="time is nan: the flow starts at time 0"):
        flow.margin_at(np.nan, -1.0, 1.0)


def test_an_infinite_margin_moves_at_constant_speed_or_not_at_all():
    assert flow.escape_time(-3.0, 0.5, margin=[INF, -INF]).tolist() == [3.0, INF]
    np.testing.assert_allclose(flow.margin_at(2.0, -3.0, 0.5, margin=[1e9, INF, -INF]), [-1.0, -1.0, -3.0])


def test_no_time_no_move_and_no_end():
    assert flow.margin_at(0.0, -2.0, 3.0, [-1e3, 0.0, 1e3]).tolist() == [-2, -2, -2]
    assert flow.margin_at(INF, -2.0, 3.0, [-1e3, 0.0, 1e3]).tolist() == [INF, INF, INF]


@given(strategies.log_odds(20), st.floats(0.1, 3))
def test_delta_grows_with_time_and_with_the_margin(delta_ref, beta):
    path = flow.margin_at(np.array([0, 1, 10, 100.0])[:, None], delta_ref, beta, np.array([-1.0, 0.0, 1.0]))
    assert (np.diff(path, axis=0) > 0).all()
    assert (np.diff(path[1:], axis=1) > 0).all()


@pytest.mark.parametrize(
    ("delta_ref", "beta", "margin", "time"),
    [
        (0, 1, -np.inf, 0),
        (1, 1e-170, 0, 0),
        (0, 1e308, 0, 0),
        (-1, 1, -np.inf, np.inf),
        (-1, 1, np.inf, 0.5),
        (-1, 1e-170, 0, 1e170),
        (-1e308, 1e308, 1.7e308, np.inf),
        (-0.5, 2.0**-1025, np.inf, 2.0**1023),  # d/beta is no float, its half is one
        (-1e-170, 1e-170, 0, 1),
        (-5e-324, 1e-20, 745, 5e-324 / 1e-20 / 2),  # d / 2 would be 0,
    ],
)
def test_escape_time_at_the_ends_of_the_floats(delta_ref, beta, margin, time):
    np.testing.assert_allclose(flow.escape_time(delta_ref, beta, margin), time, rtol=1e-12)


def test_a_loss_without_force_moves_nothing_however_long():
    assert flow.margin_at(np.inf, -1, 1, -np.inf) == -1
    assert flow.margin_at([0, 1, np.inf], 0.5, 1e-300, -np.inf).tolist() == [0.5, 0.5, 0.5]


def test_early_times_whose_beta_h_underflows():
    """delta moves at the first speed, 2 beta sigma(Psi), long before beta h is a float."""
    np.testing.assert_allclose(flow.margin_at(1e10, 0.0, 1e-170, 0.0), 1e-160, rtol=1e-14)
    early = np.logspace(
        -250, -17, 300
    )  # sigma(0) is 1/2; Newton on the rounding of a first guess was off from 1e-32 on
    np.testing.assert_allclose(flow.margin_at(early, 0.0, 1.0, 0.0), early, rtol=1e-14)
    np.testing.assert_allclose(flow.margin_at(1e10, 0.0, 1e-170, 2.0), 2e-160 / (1 + np.exp(-2)), rtol=1e-14)


@pytest.mark.parametrize(
    ("time", "beta", "margin", "moved"),
    [
        (1e296, 1e-164, -850.0, 2e132 * np.exp(-425.0) * np.exp(-425.0)),  # e^-850 alone is no float
        (1e300, 1e-150, -900.0, 2e150 * np.exp(-450.0) * np.exp(-450.0)),  # beta^2 t is 1: e^Psi keeps beta h small
        (1e200, 1e150, -1400.0, 2.0 * np.exp(350 * np.log(10) - 1400)),  # 2 beta t is no float
    ],
)
def test_slow_starts_whose_speed_underflows(time, beta, margin, moved):
    np.testing.assert_allclose(flow.margin_at(time, 0.0, beta, margin), moved, rtol=1e-12)
    np.testing.assert_allclose(flow.margin_at(time, -1.0, beta, margin), -1.0 + moved, rtol=1e-12)


@pytest.mark.parametrize(
    ("time", "beta", "margin"),
    [(1e308, 1.0, 0.0), (1e308, 1e4, -1e4), (1e308, 1e20, 745.0), (1e10, 1e150, -600.0), (1e-3, 1e160, 1e-3)],
)
def test_times_whose_square_of_beta_overflows(time, beta, margin):
    """s = 2 beta^2 t leaves the floats, log(1 + s e^Psi) does not."""
    with mpmath.workdps(400):
        s = 2 * mpmath.mpf(beta) ** 2 * mpmath.mpf(time)
        climb = mpmath.log1p(s * mpmath.exp(margin))  # but for the climb itself, some thousand, beside s
        assert s - climb > mpmath.mpf(10) ** 300
        wanted = float(climb / beta)
    np.testing.assert_allclose(flow.margin_at(time, 0.0, beta, margin), wanted, rtol=1e-13)


def test_an_infinite_margin_moves_at_twice_beta_however_large():
    np.testing.assert_allclose(flow.margin_at(1e-3, 0.0, 1e160, np.inf), 2e157, rtol=1e-15)


def test_every_extreme_is_a_number():
    ends = np.array([1e-300, 1e-170, 1e-3, 1.0, 700.0, 1e4, 1e170, 1e308])
    signed = np.r_[0.0, ends, -ends]
    delta_ref, beta, margin = np.ix_(signed, ends, np.r_[signed, np.inf, -np.inf])
    assert (flow.escape_time(delta_ref, beta, margin) >= 0).all()
    for time in (0.0, *ends, np.inf):
        assert (flow.margin_at(time, delta_ref, beta, margin) >= delta_ref).all()
