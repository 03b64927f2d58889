"""Facts of the undesirable-region figure, on the table and on the artists."""

import mpmath
import numpy as np
import pytest
from matplotlib.colors import to_hex

from figures import undesirable_region
from figures.style import REGION_U


@pytest.fixture(scope="module")
def table():
    return undesirable_region.compute(beta=0.5, misaligned=-3.0, aligned=0.5)


def test_in_u_the_loss_is_below_its_start_and_above_the_threshold(table):
    delta, loss = table["delta"], table["loss_misaligned"]
    inside = (delta > -3) & (delta < 0)
    threshold = table.settings["threshold_misaligned"]
    assert (loss[inside] < np.log(2)).all()
    assert (loss[inside] > threshold).all()
    assert (loss[delta > 0] < threshold).all()
    assert table.settings["threshold_aligned"] > np.log(2)


def test_the_curve_is_the_loss(table):
    for kind, at in (("misaligned", -3), ("aligned", 0.5)):
        expected = [float(mpmath.log1p(mpmath.exp(-0.5 * (x - at)))) for x in table["delta"][::50]]
        assert table[f"loss_{kind}"][::50] == pytest.approx(expected, rel=1e-14)


def test_the_shading_is_u(table):
    misaligned, aligned = undesirable_region.draw(table).axes
    spans = [patch for patch in misaligned.patches if to_hex(patch.get_facecolor()) == REGION_U.lower()]
    assert len(spans) == 1
    x = spans[0].get_x(), spans[0].get_x() + spans[0].get_width()
    assert x == (-3.0, 0.0)
    assert not aligned.patches


def test_the_marks_lie_on_the_curve(table):
    for ax, kind in zip(undesirable_region.draw(table).axes, ("misaligned", "aligned"), strict=True):
        curve, start, flip = ax.get_lines()[:3]
        at = table.settings[f"delta_ref_{kind}"]
        assert start.get_xydata().tolist() == [[at, np.log(2)]]
        assert flip.get_xydata().tolist() == [[0.0, table.settings[f"threshold_{kind}"]]]
        for point in (start, flip):
            (x,), (y,) = point.get_data()
            assert np.interp(x, *curve.get_data()) == pytest.approx(y, abs=1e-4)


def test_the_caption_names_the_thresholds(table):
    caption = undesirable_region.caption(table)
    for part in ("β = 0.5", "δ_ref = −3", f"{np.log1p(np.exp(-1.5)):.4f}", f"{np.log1p(np.exp(0.25)):.4f}"):
        assert part in caption
