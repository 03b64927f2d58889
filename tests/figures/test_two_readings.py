"""Where the two readings of DPO stop: facts on the table against closed forms that the figure does not use."""

import numpy as np
import pytest
from scipy.special import expit, logit

from figures import two_readings

BETA, GAIN = 0.8, 1.2


@pytest.fixture(scope="module")
def table():
    return two_readings.compute(beta=BETA, reward_difference=GAIN, aligned=-0.5, misaligned=-2.5, horizon=30.0)


def test_population_labels_stop_at_the_rlhf_optimum(table):
    for kind, at in (("aligned", -0.5), ("misaligned", -2.5)):
        star = table.settings[f"delta_star_{kind}"]
        assert star == pytest.approx(at + GAIN / BETA, abs=1e-12)
        loss, delta = table[f"population_{kind}"], table["delta"]
        assert abs(delta[loss.argmin()] - star) <= np.diff(delta)[0]
    assert table.settings["delta_star_aligned"] > 0 > table.settings["delta_star_misaligned"]


def test_ordered_labels_never_stop(table):
    for kind in ("aligned", "misaligned"):
        assert (np.diff(table[f"ordered_{kind}"]) < 0).all()
    assert (np.diff(table["flow_ordered"]) > 0).all()


def test_both_losses_start_at_log_2(table):
    for kind, at in (("aligned", -0.5), ("misaligned", -2.5)):
        for reading in ("ordered", "population"):
            assert np.interp(at, table["delta"], table[f"{reading}_{kind}"]) == pytest.approx(np.log(2), abs=1e-4)


def test_population_flow_against_its_implicit_solution(table):
    """With s = beta h, v = e^s: 2 beta^2 t = s/p - log((p - q v)/(p - q))/(p q)."""
    p = expit(GAIN)
    q = 1 - p
    s = BETA * (table["flow_population"] + 2.5)
    early = s < 0.98 * logit(p)  # beyond it the solution's logarithm loses its digits
    time = (s / p - np.log((p - q * np.exp(s)) / (p - q)) / (p * q)) / (2 * BETA**2)
    assert early.sum() > 50
    assert time[early] == pytest.approx(table["time"][early], rel=1e-6, abs=1e-8)
    assert table["flow_population"][-1] == pytest.approx(table.settings["delta_star_misaligned"], abs=2e-3)


def test_ordered_flow_leaves_u_at_the_escape_time(table):
    crossing = np.interp(0.0, table["flow_ordered"], table["time"])
    assert crossing == pytest.approx(table.settings["escape_time"], abs=np.diff(table["time"])[0])


def test_the_optimum_is_marked_on_the_population_curve(table):
    figure = two_readings.draw(table)
    for ax, kind in zip(figure.axes, ("aligned", "misaligned"), strict=False):
        ordered, population, reference, optimum, _ = ax.get_lines()
        assert reference.get_xydata()[0].tolist() == [table.settings[f"delta_ref_{kind}"], np.log(2)]
        (x,), (y,) = optimum.get_data()
        assert x == table.settings[f"delta_star_{kind}"]
        assert y == pytest.approx(population.get_ydata().min(), abs=1e-4)
        assert y > ordered.get_ydata().min()
