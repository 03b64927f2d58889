"""The palette holds up for colour-blind readers, and without colour; one look for each object."""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from figures import style

# Machado, Oliveira and Fernandes (2009), severity 1, acting on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = XYZ.sum(axis=1)


def linear(color):
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(color, vision="normal"):
    """CIE L*a*b* of a colour as it is seen."""
    xyz = XYZ @ np.clip(VISION[vision] @ linear(color), 0, 1) / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colors, vision):
    return min((float(np.linalg.norm(lab(a, vision) - lab(b, vision))), a, b) for a, b in combinations(colors, 2))


PALETTE = [look.color for look in style.LOOKS.values()]


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_stay_apart(vision):
    assert closest(PALETTE, vision)[0] > 20  # a difference of 2 is just noticeable


def test_the_measure_sees_a_palette_that_fails():
    red_and_green = ["#c85200", "#7a7a00"]
    assert closest(red_and_green, "normal")[0] > 30
    assert closest(red_and_green, "deuteranopia")[0] < 10


def test_curves_are_told_apart_without_colour():
    assert len({str(look.linestyle) for look in style.LOOKS.values()}) == len(style.LOOKS)
    assert len({look.marker for look in style.LOOKS.values()}) == len(style.LOOKS)


@pytest.mark.parametrize("name", style.LOOKS)
def test_every_curve_stands_out_from_white_and_from_the_shading(name):
    for background in ("#ffffff", style.REGION_U):
        luminance = sorted(XYZ[1] @ linear(color) for color in (style.LOOKS[name].color, background))
        assert (luminance[1] + 0.05) / (luminance[0] + 0.05) > 1.6


def test_style_leaves_the_callers_settings_alone():
    before = matplotlib.rcParams["font.size"]
    inside = style.styled(lambda: matplotlib.rcParams["font.size"])()
    assert matplotlib.rcParams["font.size"] == before != inside
