r"""Functions g of one margin x, :math:`x=\beta h-\Psi`: value, slope, curvature, and what decides existence.

What decides existence of a minimiser on any label graph is how g behaves at both ends. With slopes
:math:`-a=\lim_{x\to-\infty}g'` and :math:`b=\lim_{x\to+\infty}g'`, ``growth`` is (-a, b); ``exact_growth`` is
proportional to it, in rationals wherever both are finite, so that cuts can be decided exactly; ``settles`` says whether
g *equals* its asymptote beyond some point (a hinge does, a logistic never), ``kinked`` whether its slope jumps, and
``shape`` picks the solver.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import expit, logit

from tabular.base.log_space import softplus

__all__ = ["INFINITE", "ClippedLogistic", "Disco", "Exo", "Hinge", "Logistic", "Square"]

INFINITE = float("inf")
_CANCELS = 1.0  # nats from zeta, within which EXO's two terms cancel


@dataclass(frozen=True)
class Logistic:
    r""":math:`\mathrm{sp}(-x)+kx`: DPO at k = 0, cDPO at k = eps, rDPO at k = -eps/(1 - 2 eps).

    >>> Logistic(Fraction(1, 8)).growth, float(Logistic().value(0.0).round(6))
    ((-0.875, 0.125), 0.693147)
    """

    linear: Fraction = Fraction(0)
    shape = "logistic"
    convex = True
    settles = (False, False)
    kinked = False

    @property
    def exact_growth(self):
        return (self.linear - 1, self.linear)

    @property
    def growth(self):
        return (float(self.linear - 1), float(self.linear))

    def value(self, x):
        if not self.linear:
            return softplus(-x)
        left, right = self.growth
        return np.where(np.asarray(x) < 0, left, right) * x + np.log1p(np.exp(-np.abs(x)))

    def slope(self, x):
        slope = -expit(-x)
        return slope + float(self.linear) if self.linear else slope

    def curvature(self, x):
        return expit(x) * expit(-x)


@dataclass(frozen=True)
class Square:
    """x^2: IPO.

    >>> Square().growth, Square().slope(3.0)
    ((-inf, inf), 6.0)
    """

    shape = "square"
    convex = True
    settles = (False, False)
    kinked = False
    growth = exact_growth = (-INFINITE, INFINITE)

    def value(self, x):
        return x * x

    def slope(self, x):
        return 2 * x

    def curvature(self, x):
        return np.full(np.shape(x), 2.0)


@dataclass(frozen=True)
class Hinge:
    """max(0, -x), slope 0 at the kink: the hinge and SLiC.

    >>> Hinge().growth, Hinge().slope([-1.0, 0.0]).tolist()
    ((-1.0, 0.0), [-1.0, 0.0])
    """

    shape = "hinge"
    convex = True
    settles = (True, True)
    kinked = True
    growth = (-1.0, 0.0)
    exact_growth = (Fraction(-1), Fraction(0))

    def value(self, x):
        return np.maximum(-x, 0.0)

    def slope(self, x):
        return np.where(np.asarray(x) < 0, -1.0, 0.0)

    def curvature(self, x):
        return np.zeros(np.shape(x))


@dataclass(frozen=True)
class Exo:
    r""":math:`\mathrm{KL}(\sigma(x)\|1-\epsilon)` of two coins: least, 0, at :math:`\zeta=\mathrm{logit}(1-\epsilon)`.

    Falling before, rising after, not convex; bounded by :math:`-\log\epsilon`.

    >>> coin = Exo(0.125)
    >>> float(coin.zeta.round(6)), float(coin.slope(coin.zeta))
    (1.94591, 0.0)
    """

    eps: float
    shape = "other"
    convex = False
    settles = (False, False)
    kinked = False
    growth = (0.0, 0.0)
    exact_growth = (Fraction(0), Fraction(0))

    existence = "everywhere"

    @property
    def zeta(self):
        return -logit(self.eps)

    @property
    def steepest_bend(self):
        """A bound on the second derivative: sigma' <= 1/4 and |x| sigma' <= 1/4."""
        return 0.5 + self.zeta / 4

    def third_between(self, low, high):
        """A bound on the third derivative on [low, high]: at most sigma' (2 + 3/2 |x - zeta|)."""
        peak = np.clip(0.0, low, high)
        far = np.maximum(np.abs(low - self.zeta), np.abs(high - self.zeta))
        return expit(peak) * expit(-peak) * (2 + 1.5 * far)

    def least_between(self, low, high):
        """The least value on [low, high]: g falls up to zeta and rises beyond."""
        return self.value(np.clip(self.zeta, low, high))

    def widest_gap(self, log_ratio):
        """Between neighbouring levels of any minimiser: closing a wider one helps every label across it."""
        return self.zeta

    def value(self, x):
        """Next to zeta the terms cancel: as softplus above its tangent, log(1 + q (e^d - 1)) - q d, q = sigma(-x)."""
        up, down = softplus(-x), softplus(x)  # -log sigma(+-x)
        far = np.exp(-up) * (-up - np.log1p(-self.eps)) + np.exp(-down) * (-down - np.log(self.eps))
        d, rare = x - self.zeta, np.exp(-down)
        near = np.clip(d, -_CANCELS, _CANCELS)
        return np.where(near == d, np.maximum(np.log1p(rare * np.expm1(near)) - rare * near, 0.0), far)

    def jet(self, x):
        """Value, slope and curvature."""
        return self.value(x), self.slope(x), self.curvature(x)

    def slope(self, x):
        return _times(expit(x) * expit(-x), x - self.zeta)

    def curvature(self, x):
        return _times(expit(x) * expit(-x), 1 - np.tanh(x / 2) * (x - self.zeta))


@dataclass(frozen=True)
class Disco:
    r""":math:`(1-s)\,\mathrm{sp}(-x)+s\,e^{-x}` with :math:`s=\sigma(x/\tau)`: two losses mixed by the margin itself.

    Not convex: at tau = 0.05 it rises at x = 0 and has a local minimum left of it.

    >>> bool(Disco(0.05).slope(0.0) > 0), float(Disco(0.05).value(0.0).round(6))
    (True, 0.846574)
    """

    tau: float
    shape = "other"
    convex = False
    settles = (False, False)
    kinked = False

    @property
    def growth(self):
        return (-1.0 if self.tau <= 1 else -INFINITE, 0.0)

    @property
    def exact_growth(self):
        return (Fraction(-1) if self.tau <= 1 else -INFINITE, Fraction(0))

    existence = "blocks"

    @property
    def steepest_bend(self):
        """A bound on the second derivative for tau <= 1: s, 1 - s, s e^-x and s sp(-x) are at most 1."""
        return 2 * (1 + 1 / self.tau) ** 2

    def third_between(self, low, high):
        """A bound on the third derivative on [low, high], product by product.

        s(1 - s) bounds tau s', tau^2 s'' and tau^3 s'''; sp(-x) its own slope.
        """
        rate = 1 / self.tau
        s, left = expit(high * rate), expit(-low * rate)
        both = np.minimum(s * left, 0.25)
        logistic = left * 0.25 + both * (0.75 * rate + (3 * rate**2 + rate**3) * softplus(-low))
        with np.errstate(over="ignore", divide="ignore"):
            exponential = np.exp(-low - softplus(-high * rate))  # s e^-x, where s may vanish and e^-x overflow
            return logistic + exponential * (1 + np.minimum(left, 0.25 / s) * (3 * rate + 3 * rate**2 + rate**3))

    def least_between(self, low, high):
        """A lower bound on [low, high]: s rises, 1 - s, sp(-x) and e^-x fall."""
        return expit(-high / self.tau) * softplus(-high) + np.exp(-high - softplus(-low / self.tau))

    def widest_gap(self, log_ratio):
        r"""Between neighbouring levels of any minimiser, for tau <= 1.

        Across a gap G some label is won from below, as blocks are strongly connected: where :math:`x\le-4` its slope is
        below -3/4, since :math:`s\,e^{-x}(1/\tau-1)\le e^{x(1/\tau-1)}(1/\tau-1)\le 1/(4e)`. Those won from above have
        slopes above :math:`-3e^{-G}` where :math:`x\ge 4`. With both in balance :math:`e^G\le 4W/w`, W being the weight
        of all labels and w the least.
        """
        return max(4.0, np.log(4) + log_ratio)

    def _parts(self, x):
        """s, 1 - s, sp(-x), s e^-x: the last in logs, for e^-x overflows where s vanishes."""
        t = x / self.tau
        with np.errstate(over="ignore"):
            return expit(t), expit(-t), softplus(-x), np.exp(-x - softplus(-t))

    def value(self, x):
        """By e^-|x| and e^-|x / tau| alone: searches ask for nothing else, and often."""
        x = np.asarray(x, dtype=float)
        t, away = x / self.tau, np.exp(-np.abs(x))
        near, right = np.exp(-np.abs(t)), x > 0
        with np.errstate(over="ignore"):
            exponential = np.where(right, away, np.exp(np.minimum(t, 0.0) - x))
        logistic = np.maximum(-x, 0.0) + np.log1p(away)
        return (np.where(right, near, 1.0) * logistic + exponential) / (1 + near)

    def slope(self, x):
        return self._slope(*self._parts(x), expit(-x))

    def _slope(self, s, left, logistic, exponential, down):
        rate = 1 / self.tau
        return exponential * (left * rate - 1) - s * left * logistic * rate - left * down

    def curvature(self, x):
        return self.jet(x)[2]

    def jet(self, x):
        """Value, slope and curvature, which share their parts."""
        s, left, logistic, exponential = self._parts(x)
        up, down, tilt, rate = expit(x), expit(-x), left - s, 1 / self.tau
        slope = self._slope(s, left, logistic, exponential, down)
        steep = exponential * (left * tilt * rate**2 - 2 * left * rate + 1)
        mixed = s * left * (2 * down - tilt * logistic * rate) * rate
        return left * logistic + exponential, slope, steep + mixed + left * up * down


@dataclass(frozen=True)
class ClippedLogistic:
    r""":math:`\mathrm{sp}(-\mathrm{clip}(x,\pm c))`: flat, slope 0, beyond the clip.

    >>> ClippedLogistic(2.0).slope([-3.0, 3.0]).tolist()
    [0.0, 0.0]
    """

    clip: float
    shape = "other"
    convex = False
    settles = (True, True)
    kinked = True
    growth = (0.0, 0.0)
    exact_growth = (Fraction(0), Fraction(0))

    def jet(self, x):
        """Value, slope and curvature."""
        return self.value(x), self.slope(x), self.curvature(x)

    def value(self, x):
        return softplus(-np.clip(x, -self.clip, self.clip))

    def slope(self, x):
        return np.where(np.abs(x) < self.clip, -expit(-np.asarray(x)), 0.0)

    def curvature(self, x):
        return np.where(np.abs(x) < self.clip, expit(x) * expit(-np.asarray(x)), 0.0)


def _times(weight, factor):
    """weight x factor, 0 where the weight has underflowed and the factor is infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(weight > 0, weight * factor, 0.0)
