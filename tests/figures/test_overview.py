"""The overview computes nothing: it draws the other figures' own tables."""

import numpy as np
import pytest

from figures import (
    escape_time,
    optima_vs_reference,
    overview,
    paper_figure_2,
    penalized_objective,
    projection,
    style,
    target_margins,
    two_readings,
    undesirable_region,
)
from figures.table import Table

PARTS = {
    "region": undesirable_region,
    "readings": two_readings,
    "optima": optima_vs_reference,
    "escape": escape_time,
    "penalty": penalized_objective,
    "targets": target_margins,
    "projection": projection,
}


@pytest.fixture(scope="module")
def table():
    return overview.compute()


def test_parts_are_the_other_figures_tables(table):
    for name, module in PARTS.items():
        assert table.part(name).to_text() == module.compute().to_text()
    training = paper_figure_2.compute(misalignment=[0.3])
    assert table.part("training").to_text() == training.to_text()
    assert set(overview.TITLES) == {*PARTS, "training"}


def test_eight_panels_with_their_letters(table):
    figure = overview.draw(table)
    assert [ax.get_title(loc="left").split("}")[0][-1] for ax in figure.axes] == list("abcdefgh")


def test_the_shared_legend_names_every_object_that_a_panel_leaves_unnamed(table):
    """Every curve in the colour of an object is in the shared legend, but for the penalised objective's own."""
    figure = overview.draw(table)
    named = {text.get_text() for text in figure.figure.legends[0].get_texts()}
    looks = {look.color: name for name, look in style.LOOKS.items()}
    drawn = {looks[line.get_color()] for ax in figure.axes for line in ax.get_lines() if line.get_color() in looks}
    assert {style.LOOKS[name].label for name in drawn - {"penalty"}} <= named
    penalty = next(ax for ax in figure.axes if "penalised" in ax.get_title(loc="left"))
    assert len(penalty.get_legend().get_texts()) == len(penalized_objective.CURVES)


def test_the_caption_tells_what_its_parts_hold(table):
    caption = overview.caption(table)
    assert f"{table.settings['penalty']['gamma_max']:.3f}" in caption
    assert f"{table.settings['projection']['price_chain']:.4f}" in caption
    assert np.isclose(table["escape.time_margin_0"][-1], 12 + np.expm1(12))


def test_joined_tables_come_apart_again():
    parts = {"a": Table({"x": [1.0], "a.x": [2]}, {"n": 1}), "b": Table({"x": ["one", "two"]})}
    joined = Table.joined(parts)
    for name, part in parts.items():
        assert joined.part(name).to_text() == part.to_text()
