"""The overview shows the other figures' own tables, and four small facts of its own."""

import numpy as np
import pytest

from figures import overview, two_readings, undesirable_region
from figures.table import Table


@pytest.fixture(scope="module")
def table():
    return overview.compute()


def test_parts_are_the_other_figures_tables(table):
    for name, module in (("region", undesirable_region), ("readings", two_readings)):
        assert table.part(name).to_text() == module.compute().to_text()


def test_escape_is_exponential_for_dpo_and_linear_for_hypo(table):
    part = table.part("escape")
    x = part["climb"]
    assert part["dpo"] == pytest.approx(x + np.expm1(x), rel=1e-12)
    assert part["hypo"] == pytest.approx(x - np.expm1(-x), rel=1e-12)
    assert (part["ecpo"] <= part["dpo"]).all()


def test_the_penalised_objective_rises_without_bound_and_has_its_local_maximum_in_the_window(table):
    part = table.part("penalty")
    star, top = part.settings["gamma_star"], part.settings["gamma_max"]
    assert 0 < star < 0.34 < top < 0.6
    assert part["local_delta_0.34"][0] > 0 > part["local_delta_0"][0]
    assert "local_delta_0.6" not in part
    assert (np.diff(part["objective_0.6"]) > 0).all()
    inside = part["objective_0.34"]
    rising = np.diff(inside) > 0
    assert np.flatnonzero(np.diff(rising.astype(int))).size == 2  # up to the local maximum, down, up for good
    near = np.abs(part["delta"] - part["local_delta_0.34"]).argmin()
    assert inside[near] == pytest.approx(part["local_objective_0.34"][0], abs=1e-4)
    pi = 1 / (1 + np.exp(-part["delta"]))
    divergence = pi * np.log(4 * pi) + (1 - pi) * np.log(4 * (1 - pi) / 3)
    assert part["objective_0.6"] == pytest.approx(0.6 * part["delta"] - divergence, abs=1e-12)


def test_the_projection_ties_the_pair_at_its_geometric_mean(table):
    part = table.part("projection")
    assert part["rlhf"] == pytest.approx([0.1, 0.4, 0.3, 0.2])
    assert part["cpo"] == pytest.approx([2 / 9, 2 / 9, 1 / 3, 2 / 9])
    assert part.settings["price_in_beta"] == pytest.approx(-np.log(0.9))


def test_targets_below_zero_are_dpos_and_eq_17s(table):
    part = table.part("targets")
    negative = {name for name in ("dpo", "hypo", "ecpo", "code_cpo") if part[name].min() < 0}
    assert negative == {"dpo", "ecpo"}


def test_eight_panels_with_their_letters(table):
    figure = overview.draw(table)
    assert [ax.get_title(loc="left").split("}")[0][-1] for ax in figure.axes] == list("abcdefgh")


def test_joined_tables_come_apart_again():
    parts = {"a": Table({"x": [1.0], "a.x": [2]}, {"n": 1}), "b": Table({"x": ["one", "two"]})}
    joined = Table.joined(parts)
    for name, part in parts.items():
        assert joined.part(name).to_text() == part.to_text()
