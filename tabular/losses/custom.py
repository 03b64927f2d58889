"""A loss of one's own, from its functions: the same object as those of the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tabular.base import checks
from tabular.errors import InputError
from tabular.losses import absolute, links
from tabular.losses.catalogue import ours
from tabular.losses.forms import Constant, OfMargin
from tabular.losses.loss import Loss

__all__ = ["LINKS", "CustomScalar", "custom"]

LINKS = {
    "identity": links.Identity(),
    "forward_kl": links.ForwardKL(),
    "js": links.JensenShannon(),
    "chi_squared": links.ChiSquared(),
}

_STEP = 1e-5  # of central differences
_FAR = 10.0 ** np.array([3, 100, 150])  # where ends are looked at
_GRID = np.r_[-np.logspace(4, -3, 400), 0.0, np.logspace(-3, 4, 400)]
_SETTLED = 50.0  # beyond it a function that equals its asymptote is taken to have settled
_JUMP = 1e-9  # of a slope; a smooth one rises by its last digits between neighbouring floats
_SLACK = 1e-9  # relative: what rounding may leave of a slope or a limit


@dataclass(frozen=True)
class CustomScalar:
    """A user's g(x), its derivative, and what is known of it."""

    function: Any
    derivative: Any
    second: Any
    convex: bool
    growth: tuple[float, float]
    settles: tuple[bool, bool]
    kinked: bool
    shape = "other"

    @property
    def exact_growth(self):
        return tuple(Fraction(s) if np.isfinite(s) else s for s in self.growth)

    def value(self, x):
        return _called(self.function, x)

    def slope(self, x):
        return _called(self.derivative, x)

    def curvature(self, x):
        x = np.asarray(x, dtype=float)
        if self.second is None:
            return (self.slope(x + _STEP) - self.slope(x - _STEP)) / (2 * _STEP)
        return _called(self.second, x)


def _called(function, x):
    with np.errstate(over="ignore"):
        return np.asarray(function(np.asarray(x, dtype=float)), dtype=float)


def custom(
    name: str,
    value: Callable,
    derivative: Callable,
    *,
    curvature: Callable | None = None,
    growth: tuple[float, float] | None = None,
    convex: bool | None = None,
    settles: tuple[bool, bool] | None = None,
    kind: str = "difference",
    link: str = "identity",
    margin: float = 0.0,
    in_nats: bool = False,
) -> Loss:
    r"""A loss built from your own functions, which everything that takes a loss accepts.

    Args:
        name: any text that the catalogue does not use.
        value, derivative: vectorised functions. Of :math:`x=\beta h-\Psi` for "difference" and of
            :math:`x=\beta(\varphi(r_w)-\varphi(r_l))-\Psi` for "link"; of :math:`(\beta r_w,\beta r_l)` for "absolute",
            where ``derivative`` returns both partial derivatives.
        curvature: the second derivative (three of them for "absolute"); central differences by default.
        growth: slopes at -inf and +inf; found by default from the derivative at :math:`\pm10^3..10^{150}`.
        convex: found by default from the derivative on a grid over :math:`\pm10^4`: an observation, no proof. So is
            whether the slope jumps, as a hinge's does.
        settles: whether the function *equals* its asymptote beyond some point, at either end, as a hinge does.
        link: "identity", "forward_kl", "js" or "chi_squared"; margin: Psi; in_nats: x = h - Psi, without beta.

    Raises:
        InputError: a name of the catalogue, a derivative that is not the function's, a function claimed convex that is
            not, one without asymptotes where its slope is finite, values that are not numbers.

    >>> boosted = custom("exponential", lambda x: np.exp(-x), lambda x: -np.exp(-x))
    >>> boosted.convex, boosted.growth, float(boosted(-1.0, -2.0, -1.0, -1.0, beta=1.0).round(6))
    (True, (-inf, 0.0), 0.367879)
    >>> custom("typo", lambda x: np.exp(-x), lambda x: np.exp(-x))
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: the derivative of typo at -3.0 is 20.0855, where its values rise by -20.0855: correct it
    """
    name = checks.names([name], "name")[0]
    if name in ours():
        raise InputError(f"{name} is a loss of the catalogue: give yours another name")
    kinds = {"difference": "identity", "link": link, "absolute": "identity"}
    checks.choice(kind, kinds, "kind of loss")
    source, items = "a user's own", (("value", value), ("derivative", derivative))
    if kind == "absolute":
        form = absolute.CustomAbsolute(value, derivative, curvature, bool(convex))
        return Loss(name, items, source, form)
    with np.errstate(all="ignore"):
        _check_derivative(name, value, derivative)
        scalar = _understood(name, value, derivative, curvature, growth, convex, settles)
    psi = Constant(checks.number(margin, "margin", checks.FINITE))
    chosen = checks.choice(kinds[kind], LINKS, "link")
    return Loss(name, items, source, OfMargin(scalar, link=chosen, psi=psi, in_nats=in_nats))


def _check_derivative(name, value, derivative):
    for x in (-3.0, -0.7, 0.4, 2.5):
        given = _one(name, derivative, x)
        steps = [(_one(name, value, x + s) - _one(name, value, x - s)) / (2 * s) for s in (1e-4, 1e-5)]
        if min(abs(given - found) for found in steps) > 1e-5 * max(1, abs(given)):
            raise InputError(
                f"the derivative of {name} at {x} is {given:.6g}, where its values rise by {steps[1]:.6g}: correct it"
            )


def _one(name, function, x):
    try:
        found = np.asarray(function(np.array([x])), dtype=float).reshape(-1)
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if found.shape != (1,) or not np.isfinite(found[0]):
        raise InputError(f"{name} gives {checks.brief(found)} at {x}: let its functions map arrays to finite numbers")
    return float(found[0])


def _understood(name, value, derivative, curvature, growth, convex, settles):
    slopes = np.asarray(derivative(_GRID), dtype=float)
    rises = np.diff(slopes[np.isfinite(slopes)])
    seen = bool((rises >= -_SLACK * (1 + np.abs(slopes[np.isfinite(slopes)][1:]))).all())
    if convex and not seen:
        raise InputError(f"{name} is said to be convex, but its derivative falls somewhere: leave convex out")
    if growth is None:
        growth = (_end(derivative, -1), _end(derivative, 1))
    else:
        growth = tuple(checks.number(s, f"growth of {name}", checks.NOT_NAN) for s in growth)
    if seen:
        _check_asymptotes(name, value, growth)
    if settles is None:
        at_ends = np.asarray(derivative(np.array([-_SETTLED, _SETTLED])), dtype=float)
        settles = (at_ends == 0) & (np.array(growth) == 0)
    return CustomScalar(
        value,
        derivative,
        curvature,
        seen if convex is None else bool(convex),
        growth,
        tuple(bool(s) for s in settles),
        _kinked(derivative),
    )


def _kinked(derivative):
    """Whether the slope jumps somewhere on the grid: halving an interval about a jump leaves all of its rise."""
    low, high = _GRID[:-1], _GRID[1:]
    left, right = (np.asarray(derivative(x), dtype=float) for x in (low, high))
    while (np.abs(high - low) > 1e-14 * (1 + np.abs(low))).any():
        middle = (low + high) / 2
        slope = np.asarray(derivative(middle), dtype=float)
        before = np.abs(slope - left) >= np.abs(right - slope)
        low, left = np.where(before, low, middle), np.where(before, left, slope)
        high, right = np.where(before, middle, high), np.where(before, slope, right)
    rise = np.abs(right - left)
    return bool((np.isfinite(rise) & (rise > np.maximum(_JUMP, _JUMP * 1e3 * (np.abs(left) + np.abs(right))))).any())


def _end(derivative, side):
    """The limit of the slope: the last of those that settle, infinite where they go on growing."""
    slopes = np.asarray(derivative(side * _FAR), dtype=float)
    finite = slopes[np.isfinite(slopes)]
    last = finite[-1] if len(finite) else side
    if len(finite) < len(slopes) or abs(last - finite[-2]) > 1e-6 * (1 + abs(last)):
        return float(np.sign(last) * np.inf)
    return 0.0 if abs(last) < _SLACK else float(last)


def _check_asymptotes(name, value, growth):
    """Where a slope tends to a finite limit, the function has to stay at a finite distance from a straight line."""
    for side, slope in zip((-1, 1), growth, strict=True):
        if np.isfinite(slope):
            x = side * np.array([1e6, 1e9])
            near, far = np.asarray(value(x), dtype=float) - slope * x
            if not abs(far - near) <= 0.01 + 1e-13 * abs(slope * x[1]):
                raise InputError(
                    f"{name} bends away from every straight line at {'-+'[side > 0]}inf, where its slope tends to "
                    f"{slope:g}: whether such a loss has a minimum is not decided here"
                )
