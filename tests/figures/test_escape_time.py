"""Facts of the escape-time figure."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from figures import escape_time


@pytest.fixture(scope="module")
def table():
    return escape_time.compute(points=13, descents=4)


def test_times_are_the_integral_of_the_flow(table):
    """dh/dt = 2 beta sigma(-(beta h - Psi)), so 2 beta^2 t is the integral of 1/sigma over beta h."""
    for k, margin in enumerate(table.settings["margins"]):
        for depth, time in zip(table["depth"][1::4], table[f"time_margin_{k}"][1::4], strict=True):
            assert time == pytest.approx(quad(lambda u, m=margin: 1 / expit(m - u), 0, depth)[0], rel=1e-8)


def test_gradient_descent_lies_on_the_curve(table):
    closed = table["descent_depth"] + np.expm1(table["descent_depth"])
    np.testing.assert_allclose(table["descent_time"], closed, rtol=0.03)


def test_exponential_for_dpo_linear_under_the_margin(table):
    dpo, margin = table["time_margin_0"], table["time_margin_3"]
    assert dpo[-1] / dpo[-2] == pytest.approx(np.e, rel=0.01)
    under = table["depth"] <= 5
    assert (margin[under] <= 1.1 * table["depth"][under]).all()


def test_every_curve_is_drawn_and_the_caption_gives_the_ends(table):
    ax = escape_time.draw(table).axes[0]
    for k in range(4):
        assert any(np.array_equal(line.get_ydata(), table[f"time_margin_{k}"]) for line in ax.get_lines())
    assert f"{table['time_margin_0'][-1]:,.0f}" in escape_time.caption(table)
