"""Small pictures: what they show is read back from them, nothing lies outside, and they are those that are pinned.

    PYTHONPATH=. python tests/tabular/base/test_drawings.py

writes the pictures anew, each of them a file that a browser shows: look at those that changed.
"""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from tabular.base import drawings

PINNED = Path(__file__).parents[2] / "golden" / "drawings"
_SVG = "{http://www.w3.org/2000/svg}"
_MANY = [[0.4 / (1 + x), *np.full(12, 0.05)] for x in range(5)]
PICTURES = {
    "bars": lambda: drawings.bars([[0.25, 0.75], [1.0, 0.0]]),
    "bars_over_a_reference": lambda: drawings.bars([[0.25, 0.6, 0.15]], [[0.5, 0.125, 0.375]], "the data"),
    "bars_of_too_many": lambda: drawings.bars(_MANY, _MANY),
    "curves": lambda: drawings.curves(
        {"first": [0.0, 0.5, 0.25], "second": [1.0, 2.0], "a < b": [-1.0]}, "three & more"
    ),
    "curves_between_levels": lambda: drawings.curves({"loss": [0.5, 2.0, 1.25, 0.75]}, "loss", low=0.5, high=2.0),
    "shares": lambda: drawings.shares({"right": 0.6, "tied": 0.15, "wrong": 0.25}, "of 1"),
    "shares_without_one": lambda: drawings.shares({"right": 0.9, "tied": 0.0, "wrong": 0.1}, "of 1"),
    "arrows": lambda: drawings.arrows([(0, 1), (1, 0), (2, 0), (0, 1)], 3, "labels"),
    "arrows_of_too_many": lambda: drawings.arrows([(0, 11), (12, 0), (0, 12)], 14, "labels"),
    "cells": lambda: drawings.cells(["a", "bb"], ["one", "three"], [[True, None], [False, True]], "kinds"),
    "cells_of_too_many": lambda: drawings.cells(range(25), ["x"], [[True]] * 25, "kinds"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_one_that_is_pinned(name):
    assert PICTURES[name]() + "\n" == (PINNED / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_drawn_outside_a_picture(name):
    picture = ET.fromstring(PICTURES[name]())
    width, height = map(float, picture.get("viewBox").split()[2:])
    for each in picture.iter():
        across = [float(each.get(key)) for key in ("x", "x1", "x2", "cx") if each.get(key)]
        down = [float(each.get(key)) for key in ("y", "y1", "y2", "cy") if each.get(key)]
        ends = [float(each.get("x", 0)) + float(each.get("width", 0)), float(each.get("y", 0))]
        assert all(0 <= x <= width for x in [*across, ends[0]])
        assert all(0 <= y <= height for y in [*down, ends[1] + float(each.get("height", 0))])
        if each.tag == _SVG + "polyline":
            points = [tuple(map(float, point.split(","))) for point in each.get("points").split()]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


def _numbers(picture, tag, *names):
    found = ET.fromstring(picture).iter(_SVG + tag)
    return np.array([[float(each.get(name)) for name in names] for each in found if each.get(names[0])])


def test_bars_are_as_high_as_their_probabilities_and_ticks_lie_at_those_of_the_reference():
    policy, reference = np.array([[0.25, 0.75, 0.0], [0.1, 0.2, 0.7]]), np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    picture = drawings.bars(policy, reference)
    bars = _numbers(picture, "rect", "x", "y", "width", "height")
    ticks = [line for line in ET.fromstring(picture).iter(_SVG + "line") if line.get("stroke") == drawings.COMPARED]
    level = np.array([float(tick.get("y1")) for tick in ticks])
    foot, unit = bars[:, 1] + bars[:, 3], bars[1, 3] / 0.75
    np.testing.assert_allclose(bars[:, 3] / unit, policy.ravel(), atol=0.05 / unit)
    np.testing.assert_allclose((foot - level) / unit, reference.ravel(), atol=0.15 / unit)
    assert np.ptp(foot[:3]) == np.ptp(foot[3:]) == 0
    assert foot[3] - unit > foot[0]  # a bar of the second prompt ends below the first prompt's
    assert np.all(bars[[0, 1, 3, 4], 0] + bars[[0, 1, 3, 4], 2] < bars[[1, 2, 4, 5], 0])


def test_curves_pass_through_their_values():
    picture = ET.fromstring(drawings.curves({"loss": [0.5, 2.0, 1.25, 3.0]}, "loss", low=0.5, high=2.0))
    x, y = np.array(re.findall(r"([0-9.]+),([0-9.]+)", picture.find(_SVG + "polyline").get("points")), dtype=float).T
    np.testing.assert_allclose((y[0] - y) / (y[0] - y[1]), [0, 1, 0.5, 1], atol=1e-3)  # what is above ends at the top
    np.testing.assert_allclose(np.diff(x), x[1] - x[0], atol=0.11)


def test_shares_are_as_wide_as_they_are_large_one_after_the_other():
    x, width = _numbers(drawings.shares({"a": 0.5, "b": 0.0, "c": 0.3, "d": 0.2}, "of 1"), "rect", "x", "width").T
    np.testing.assert_allclose(width / width.sum(), [5 / 8, 3 / 8], atol=1e-3)  # a fourth has no look of its own
    np.testing.assert_allclose(x, [0, width[0]], atol=0.1)


if __name__ == "__main__":
    PINNED.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        (PINNED / f"{name}.svg").write_text(picture() + "\n", encoding="utf-8")
