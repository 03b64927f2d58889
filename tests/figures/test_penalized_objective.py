"""Facts of the penalised-objective figure."""

import numpy as np
import pytest

from figures import penalized_objective
from tabular import InputError


@pytest.fixture(scope="module")
def table():
    return penalized_objective.compute()


def test_local_maxima_are_where_the_curves_peak(table):
    delta = table["delta"]
    by_gamma = dict(zip(table["local_gamma"], table["local_delta"], strict=True))
    for name in penalized_objective.CURVES:
        values, gamma = table[f"objective_{name}"], table.settings[f"gamma_{name}"]
        peaks = delta[1:-1][(values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])]
        if gamma < table.settings["gamma_max"]:
            assert peaks == pytest.approx([by_gamma[gamma]], abs=delta[1] - delta[0])
        elif gamma > table.settings["gamma_max"]:
            assert len(peaks) == 0


def test_the_window_is_where_the_branch_says(table):
    delta, gamma = table["branch_delta"], table["branch_gamma"]
    fold = int(np.argmax(gamma))
    assert gamma[fold] == pytest.approx(table.settings["gamma_max"], rel=1e-4)
    assert np.interp(table.settings["gamma_star"], gamma[:fold], delta[:fold]) == pytest.approx(0, abs=1e-3)


def test_the_shading_is_the_window(table):
    left, right = penalized_objective.draw(table).axes
    span = right.patches[0]
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx(
        (table.settings["gamma_star"], table.settings["gamma_max"])
    )
    assert len([line for line in left.get_lines() if line.get_marker() == "o"]) == 3  # no mark at or beyond the fold


def test_an_aligned_optimum_is_refused():
    with pytest.raises(InputError, match="below 0"):
        penalized_objective.compute(delta_ref=1.0)


def test_the_caption_names_the_bounds(table):
    assert f"γ_max = {table.settings['gamma_max']:.3f}" in penalized_objective.caption(table)
