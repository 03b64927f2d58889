"""The optima side by side, against closed forms and a brute-force search that the figure does not use."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from figures import optima_vs_reference

BETA, GAIN, GAMMA = 0.7, 0.9, 0.05


@pytest.fixture(scope="module")
def table():
    return optima_vs_reference.compute(beta=BETA, reward_difference=GAIN, gamma=GAMMA, points=31)


def objective(delta, delta_ref):
    """RLHF's objective of a two-response policy, in probabilities."""
    pi, ref = expit(delta), expit(delta_ref)
    divergence = pi * np.log(pi / ref) + (1 - pi) * np.log((1 - pi) / (1 - ref))
    return GAIN * pi - BETA * divergence


def test_dpo_ends_at_the_rlhf_optimum_on_both_sides_of_the_boundary(table):
    star = table["delta_ref"] + GAIN / BETA
    assert table["delta_rlhf"] == pytest.approx(star, abs=1e-12)
    assert table["delta_dpo"] == pytest.approx(star, abs=1e-10)
    violated = table["delta_ref"] < table.settings["boundary"]
    assert violated.any()
    assert not violated.all()
    assert ((star < 0) == violated).all()
    assert ((table["delta_ref"] < star) & (star < 0))[violated].all()  # that optimum lies in U


def test_the_constraint_against_a_search(table):
    assert table["delta_cpo"] == pytest.approx(np.maximum(table["delta_rlhf"], 0), abs=1e-12)
    for i in (0, 9, 20):
        best = minimize_scalar(
            lambda delta, i=i: -objective(delta, table["delta_ref"][i]),
            bounds=(0, 20),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert table["delta_cpo"][i] == pytest.approx(best.x, abs=1e-5)


@pytest.mark.parametrize("name", ["hypo", "ecpo"])
def test_population_optimum_of_a_target_margin(table, name):
    """Where p sp(-beta(delta - T)) + (1 - p) sp(beta(delta - T)) is least."""
    p = expit(GAIN)
    ref = expit(table["delta_ref"])
    gap = GAMMA / BETA * (1 / ref + 1 / (1 - ref)) if name == "ecpo" else np.maximum(-table["delta_ref"], 0)
    z = BETA * (table[f"delta_{name}"] - table["delta_ref"] - gap)
    slope = -p * expit(-z) + (1 - p) * expit(z)
    assert slope == pytest.approx(np.zeros(31), abs=1e-12)


@pytest.mark.parametrize("name", ["hypo", "ecpo", "cpo", "dpo"])
def test_price_is_what_the_objective_loses(table, name):
    moderate = table[f"delta_{name}"] < 20  # beyond it the probabilities of the check round to 1
    lost = objective(table["delta_rlhf"], table["delta_ref"]) - objective(table[f"delta_{name}"], table["delta_ref"])
    assert table[f"price_{name}"][moderate] == pytest.approx(lost[moderate], abs=1e-9)


def test_the_boundary_is_drawn(table):
    for ax in optima_vs_reference.draw(table).axes:
        verticals = [line for line in ax.get_lines() if len(set(line.get_xdata())) == 1]
        assert [line.get_xdata()[0] for line in verticals] == [-GAIN / BETA]
