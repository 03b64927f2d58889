"""A loss that rises is one that falls with its labels turned round; links are undone by what lowers them."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, Status, losses
from tabular.losses import links
from tabular.simplex import divergences

PAIRS = [(0, 0, 1, 3.0), (0, 1, 2, 1.0), (0, 2, 0, 2.0), (0, 1, 0, 0.5), (1, 0, 1, 1.0), (1, 1, 2, 4.0)]


def turned(pairs):
    return Preferences.from_pairs([(k, y, w, c) for k, w, y, c in pairs])


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (lambda x: np.exp(-x), lambda x: -np.exp(-x)),
        (lambda x: np.maximum(1 - x, 0) ** 2, lambda x: -2 * np.maximum(1 - x, 0)),
        (lambda x: np.logaddexp(0, -x), lambda x: -1 / (1 + np.exp(np.clip(x, -700, 700)))),
        (lambda x: np.logaddexp(0, -x) - 0.1 * x, lambda x: -0.1 - 1 / (1 + np.exp(np.clip(x, -700, 700)))),
    ],
    ids=["exponential", "squared hinge", "logistic", "logistic that falls"],
)
@pytest.mark.parametrize("count", [4, 6])
def test_a_rising_loss_is_its_mirror_image_on_labels_the_other_way(value, slope, count):
    """Some blocks are joined one way: attained or not, and along which cut, they are the same."""
    falling = losses.custom("falling", value, slope)
    rising = losses.custom("rising", lambda x: value(-x), lambda x: -slope(-x))
    problem = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], 0.5)
    one = losses.solve(problem, Preferences.from_pairs(PAIRS[:count]), falling)
    other = losses.solve(problem, turned(PAIRS[:count]), rising)
    assert other.statuses == one.statuses
    assert other.infimum == pytest.approx(one.infimum, rel=1e-9)
    np.testing.assert_allclose(np.exp(other.log_policy), np.exp(one.log_policy), atol=1e-7)
    assert type(other.certificate) is type(one.certificate)
    assert {Status.UNATTAINED, Status.UNIQUE, Status.SET, Status.UNBOUNDED} >= set(one.statuses)


def test_what_falls_along_a_line_and_rises_faster_is_refused():
    steep = losses.custom("steep", lambda x: np.exp(-x) - x, lambda x: -np.exp(-x) - 1)
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    with pytest.raises(InputError, match="grows beyond every straight line on the left and falls along one"):
        losses.solve(problem, Preferences.from_pairs(PAIRS[:4]), steep)


@pytest.mark.parametrize("limit", [0.0, -3.0, 7.25], ids=lambda limit: f"to {limit:g}")
@pytest.mark.parametrize(("power", "no_number"), [(1, 1e80), (4, 1e80), (8, 1e13)])
def test_labels_between_blocks_cost_the_limit_of_the_loss(limit, power, no_number):
    """It is read far out, where a slow function is near it, and no further than the function can be evaluated."""

    def value(x):
        x = np.asarray(x, dtype=float)
        fall = np.where(x < 0, 1 - power * x, (1 + np.maximum(x, 0)) ** -power)
        return np.where(x < no_number, limit + fall, np.nan)

    def slope(x):
        return np.where(x < 0, -power, -power * (1 + np.maximum(x, 0.0)) ** (-power - 1.0))

    loss = losses.custom("slow", value, slope)
    problem = Problem.from_probabilities([0.5, 0.5], 1.0)
    found = losses.solve(problem, Preferences.from_pairs([(0, 1)]), loss)
    assert found.status is Status.UNATTAINED
    assert found.infimum == pytest.approx(limit, abs=1e-15 * (1 + abs(limit)))


LINKS = [
    links.Identity(),
    links.ForwardKL(),
    links.JensenShannon(),
    links.Alpha(0.5),
    links.Alpha(2.0),
    links.ChiSquared(),
]


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_lowered_link_is_lower_by_so_much(link):
    r, d = np.meshgrid(np.linspace(-3, 3, 13), [0.0, 1e-6, 0.3, 1.0, 2.0, 30.0])
    np.testing.assert_allclose(link.value(link.lowered(r, d)), link.value(r) - d, rtol=1e-11, atol=1e-11)
    u = link.value(np.linspace(-3, 3, 13))
    np.testing.assert_allclose(link.value(link.inverse(u)), u, rtol=1e-11, atol=1e-11)
    assert (link.value(r) <= link.supremum).all()


@pytest.mark.parametrize("kind", [*divergences.DIVERGENCES.values(), divergences.Alpha(2.0), divergences.Alpha(-3.0)])
def test_a_lowered_divergence_is_lower_by_so_much_and_its_slope_is_one(kind):
    r, d = np.meshgrid(np.linspace(-3, 3, 13), [0.0, 1e-6, 0.3, 1.0, 2.0, 30.0])
    lowered = kind.lowered(r, d)
    there = np.isfinite(lowered)
    np.testing.assert_allclose(kind.value(lowered)[there], (kind.value(r) - d)[there], rtol=1e-11, atol=1e-11)
    if not kind.full_support:  # what would lie below the link's least is played no more
        least = kind.value(np.array(-np.inf))
        assert ((kind.value(r) - d)[~there] <= least + 1e-11).all()
    else:
        assert there.all()
    step = 1e-6
    slope = (kind.value(r + step) - kind.value(r - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(kind.log_slope(r)), slope, rtol=1e-6)
    ref = np.log(0.3) + 0 * r
    rise = (kind.cost(ref, r + step) - kind.cost(ref, r - step)) / (2 * step)  # ref f(e^r) has slope ref e^r f'(e^r)
    offset = kind.value(np.array(0.0))
    np.testing.assert_allclose(rise, np.exp(ref + r) * (kind.value(r) - offset), rtol=1e-5, atol=1e-7)
    assert kind.cost(ref, 0 * r) == pytest.approx(0, abs=1e-15)


def test_the_loss_of_a_policy_that_leaves_the_support_is_infinite():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    found = losses.solve(problem, Preferences.from_pairs(PAIRS[:4]), losses.get("chi_po_unclipped"))
    assert found.contains(found.log_policy)
    assert not found.contains(np.log([0.5, 0.25, 0.25]))
    with np.errstate(divide="ignore"):
        assert not found.contains(np.log([0.5, 0.5, 0.0]))
    for wrong, said in (([-0.7, -0.7], r"has shape \(1, 2\)"), ([0.0, 0.0, 0.0], "sum")):
        with pytest.raises(InputError, match=said):
            found.contains(wrong)
    assert found.residual < 1e-9
