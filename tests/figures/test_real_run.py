"""The real run's figure against numbers counted straight from the stored files."""

import numpy as np
import pytest

from figures import real_run
from tabular import logs


@pytest.fixture(scope="module")
def table(real_data):
    return real_run.compute()


def test_shares_against_the_derived_table_of_pairs(table, real_data):
    pairs = np.genfromtxt(real_data / "hh-pythia410m-dpo" / "pairs.csv", delimiter=",", names=True)
    names = pairs.dtype.names
    reference = pairs[names[1]] - pairs[names[2]]
    policy = pairs[names[3]] - pairs[names[4]]
    assert table["delta_ref"] == pytest.approx(reference, abs=1e-3)
    assert table["delta_last"] == pytest.approx(policy, abs=1e-3)


def test_the_known_numbers(table):
    assert (table["delta_ref"] < 0).sum() == 300
    assert table["relative_accuracy"][-1] == 1.0
    assert table["absolute_accuracy"][-1] == pytest.approx(0.742)
    assert table["share_u"][[0, -1]] == pytest.approx([0.0, 0.258])
    assert table["loss"][0] == pytest.approx(np.log(2))
    assert table["loss"][-1] == pytest.approx(0.0005, abs=5e-5)
    assert len(table["examples"]) == 50


def test_the_coloured_points_are_the_pairs_in_u(table):
    planes = real_run.draw(table).axes[:2]
    for ax, when in zip(planes, ("middle", "last"), strict=True):
        inside = next(line for line in ax.get_lines() if line.get_label() == "pair in $U$")
        x, y = inside.get_data()
        assert ((x < y) & (y < 0)).all()
        assert len(x) == ((table["delta_ref"] < table[f"delta_{when}"]) & (table[f"delta_{when}"] < 0)).sum()


def test_the_shaded_triangle_is_u(table):
    corners = real_run.draw(table).axes[0].patches[0].get_xy()
    assert {tuple(corner) for corner in corners} == {(-300, -300), (0, 0), (-300, 0)}


def test_without_data_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("CONDEQ_DATA", str(tmp_path))
    with pytest.raises(logs.DataUnavailable, match="hh-pythia410m-dpo"):
        real_run.compute()
