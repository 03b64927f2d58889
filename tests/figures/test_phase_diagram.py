"""Facts of the phase diagram, on the table and on the artists."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from figures import phase_diagram


@pytest.fixture(scope="module")
def table():
    return phase_diagram.compute(columns=33, rows=21)


def test_the_phases_are_those_of_theory(table):
    delta_ref, gain, phase = table["delta_ref"], table["gain"], table["phase"]
    inside = (delta_ref + gain < -1e-6) & (gain > 1e-6)  # Prop. 3.4's condition: pi* strictly inside U
    assert (phase[inside] == 2).all()
    assert (phase[delta_ref >= 0] == 0).all()
    assert (phase[(delta_ref < 0) & (delta_ref + gain > 1e-6)] == 1).all()  # not necessary


def test_numbers_are_the_closed_forms(table):
    np.testing.assert_allclose(table["delta_rlhf"], table["delta_ref"] + table["gain"], atol=1e-12)
    np.testing.assert_allclose(table["threshold"], np.logaddexp(0, table["delta_ref"]), rtol=1e-12)


def test_the_assumption_line_is_drawn_where_the_phases_meet(table):
    ax = phase_diagram.draw(table).axes[0]
    thick = max(ax.get_lines(), key=lambda line: line.get_linewidth())
    x, y = thick.get_data()
    assert np.all(x == -y)
    mesh = ax.collections[0].get_array().ravel()
    assert np.array_equal(mesh, table["phase"])
    assert to_hex(ax.collections[0].cmap(2)) == phase_diagram.DARK.lower()


def test_the_caption_gives_the_shares(table):
    assert f"{100 * (table['phase'] == 2).mean():.0f} % dark" in phase_diagram.caption(table)
