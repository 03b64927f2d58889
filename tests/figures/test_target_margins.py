"""Facts of the target-margins figure."""

import numpy as np
import pytest

from figures import style, target_margins


@pytest.fixture(scope="module")
def table():
    return target_margins.compute()


def test_only_easy_asks_for_less_than_dpo(table):
    assert (table["code_easy"] < table["delta_ref_easy"]).all()
    for name in ("hypo", "ecpo", "code_cpo"):
        assert (table[name] >= table["delta_ref"]).all()


def test_where_targets_are_positive(table):
    assert (table["code_cpo"] > 0).all()
    assert table.settings["positive_code_cpo"] == "[(-inf, inf)]"
    crossing = np.interp(0.0, table["code_easy"], table["delta_ref_easy"])
    assert crossing == pytest.approx(table.settings["easy_positive_from"], abs=1e-3)
    assert table["ecpo"].min() < 0  # at the default kappa, below .2239
    assert target_margins.compute(kappa_ecpo=0.23)["ecpo"].min() > 0


def test_every_loss_is_drawn(table):
    """Each target is drawn once, with the look its loss has in every figure."""
    figure = target_margins.draw(table)
    (ax,), (legend,) = figure.axes, figure.figure.legends
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert {text.get_text() for text in legend.get_texts()} <= set(drawn)
    for name, look in target_margins.LOSSES.items():
        line = drawn[style.LOOKS[look].label]
        assert np.array_equal(line.get_ydata(), table[name])
        assert line.get_color() == style.LOOKS[look].color


def test_the_caption_names_the_settings(table):
    caption = target_margins.caption(table)
    for part in ("τ = 2", "α = 1", "κ = γ/β = 0.05", "log π_ref(w) = −4"):
        assert part in caption
