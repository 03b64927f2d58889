"""One drawing function a figure: in any width, on the reader's own axes, returning what it drew."""

import inspect

import matplotlib
import pytest
from matplotlib.figure import Figure

import figures
from figures import projection, solution_sets, target_margins, two_readings, undesirable_region, win_digraph
from figures.drawing import Drawn
from figures.inline import data_url
from tabular import InputError


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_draw_has_the_same_signature(name):
    draw = figures.module(name).draw
    inner = inspect.signature(draw)
    assert list(inner.parameters) == ["table", "ax", "axes", "width"]
    assert inner.return_annotation is Drawn
    assert draw.__doc__


@pytest.mark.parametrize("module", [undesirable_region, solution_sets, win_digraph, projection])
def test_on_the_readers_axes_the_same_is_drawn(module):
    """Panel for panel as in the figure of its own, one panel alone, and nothing elsewhere."""
    table = module.compute()
    own = module.draw(table)
    page = Figure()
    places = page.subplots(1, len(own.panels) + 1)
    drawn = module.draw(table, axes=places[:-1])
    assert drawn.figure is page
    assert drawn.axes == tuple(places[:-1])
    assert not places[-1].has_data()
    for name in own.panels:
        theirs, ours = ([type(artist) for artist in made.artists[name]] for made in (drawn, own))
        assert theirs == ours
    one = module.draw(table, axes={"b": places[-1]})
    assert list(one.panels) == ["b"]
    assert [type(artist) for artist in one.artists["b"]] == [type(artist) for artist in own.artists["b"]]
    assert page.legends == []


def test_a_figure_of_one_panel_takes_ax_and_gives_its_legend():
    ax = Figure().subplots()
    drawn = target_margins.draw(target_margins.compute(), ax=ax)
    assert drawn.axes == (ax,)
    assert {line.get_label() for line in ax.get_lines()} >= set(drawn.entries)
    ax.legend(drawn.entries.values(), drawn.entries)


def test_the_readers_style_is_left_alone():
    before = {name: value for name, value in matplotlib.rcParams.items() if name != "backend"}
    drawn = two_readings.draw(two_readings.compute(), width="slide")
    assert before.items() <= matplotlib.rcParams.items()
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert data_url(drawn).startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"ax": 1}, "the figure has the panels a, b and ax is one"),
        ({"axes": {"c": Figure().subplots()}}, "there is no panel 'c': the panels are a, b"),
        ({"axes": {"a": 3}}, "the axes of panel 'a' is 3: give a Matplotlib Axes"),
        ({"axes": [Figure().subplots()]}, "axes has 1 entries for the panels a, b"),
        ({"axes": {}}, "axes is empty"),
        ({"ax": 1, "axes": 2}, "ax and axes are both given"),
        ({"width": 1}, "width is 1: give column"),
    ],
)
def test_wrong_axes_get_one_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        undesirable_region.draw(undesirable_region.compute(), **given)


def columns_of(drawn):
    """How many panels stand beside each other, and whether any two overlap."""
    drawn.figure.draw_without_rendering()
    boxes = [ax.get_position() for ax in drawn.axes]
    rows = {round(box.y1, 2) for box in boxes}
    apart = all(not a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    return -(-len(boxes) // len(rows)), apart


@pytest.mark.parametrize(("width", "beside"), [("two-columns", 4), ("column", 2), ("slide", 4)])
def test_panels_break_into_rows_where_there_is_less_room(width, beside):
    assert columns_of(solution_sets.draw(solution_sets.compute(), width=width)) == (beside, True)


def test_letters_grow_with_a_slide_and_not_with_a_column():
    sizes = {}
    for width in ("column", "two-columns", "slide"):
        (ax, *_) = undesirable_region.draw(undesirable_region.compute(), width=width).axes
        sizes[width] = ax.xaxis.label.get_fontsize()
    assert sizes["column"] == sizes["two-columns"]
    assert sizes["slide"] == pytest.approx(sizes["column"] * 10 / 6.75)


@pytest.mark.parametrize("width", ["column", "two-columns", "slide"])
@pytest.mark.parametrize("name", ["undesirable_region", "solution_sets", "projection", "win_digraph", "two_readings"])
def test_nothing_is_clipped(name, width):
    """All that is drawn lies inside the page, to a hundredth of an inch."""
    module = figures.module(name)
    drawn = module.draw(module.compute(), width=width)
    drawn.figure.draw_without_rendering()
    wide, high = drawn.figure.get_size_inches()
    tight = drawn.figure.get_tightbbox()
    assert min(tight.x0, tight.y0) > -0.01
    assert tight.x1 < wide + 0.01
    assert tight.y1 < high + 0.01
