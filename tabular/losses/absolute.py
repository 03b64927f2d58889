r"""Losses of r_w and r_l, or of pi itself: class B, where the normalisation of the policy binds.

Written with :math:`x=\beta r_w`, :math:`y=\beta r_l`; each gives value, both derivatives and the three second
derivatives in the two log-probabilities.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit

from tabular.base.log_space import softplus
from tabular.losses.forms import through

__all__ = ["Absolute", "ApoDown", "ApoZero", "Bco", "CustomAbsolute", "Dpop", "Kto", "Nca", "Orpo", "Sppo", "WithSft"]


class Absolute:
    """A loss of r_w and r_l (or of pi itself): the normalisation of the policy binds."""

    kind = "absolute"
    growth = None
    convex = False
    reference_free = False


def _bell(x):
    return expit(x) * expit(-x)


def _turn(x):
    """The second derivative of the logistic function."""
    return _bell(x) * -np.tanh(x / 2)


@dataclass(frozen=True)
class Kto(Absolute):
    """l_d sg(-(x - beta z0)) + l_u sg(y - beta z0), one desirable and one undesirable response."""

    z0: float
    l_d: float
    l_u: float

    def _gaps(self, pair):
        x, y = pair.gains
        return x - pair.beta * self.z0, y - pair.beta * self.z0

    def value(self, pair):
        x, y = self._gaps(pair)
        return self.l_d * expit(-x) + self.l_u * expit(y)

    def gradient(self, pair):
        x, y = self._gaps(pair)
        return -self.l_d * pair.beta * _bell(x), self.l_u * pair.beta * _bell(y)

    def curvature(self, pair):
        x, y = self._gaps(pair)
        scale = pair.beta**2
        return -self.l_d * scale * _turn(x), np.zeros(np.shape(x + y)), self.l_u * scale * _turn(y)


@dataclass(frozen=True)
class Nca(Absolute):
    """sp(-x) + sp(x)/2 + sp(y)/2."""

    convex = True

    def value(self, pair):
        x, y = pair.gains
        return softplus(-x) + 0.5 * softplus(x) + 0.5 * softplus(y)

    def gradient(self, pair):
        x, y = pair.gains
        return pair.beta * (0.5 * expit(x) - expit(-x)), 0.5 * pair.beta * expit(y)

    def curvature(self, pair):
        x, y = pair.gains
        scale = pair.beta**2
        return 1.5 * scale * _bell(x), np.zeros(np.shape(x + y)), 0.5 * scale * _bell(y)


@dataclass(frozen=True)
class Bco(Absolute):
    """sp(-(x - d)) + sp(y - d), the shift d fixed, in units of beta r."""

    shift: float
    convex = True

    def _gaps(self, pair):
        x, y = pair.gains
        return x - self.shift, y - self.shift

    def value(self, pair):
        x, y = self._gaps(pair)
        return softplus(-x) + softplus(y)

    def gradient(self, pair):
        x, y = self._gaps(pair)
        return -pair.beta * expit(-x), pair.beta * expit(y)

    def curvature(self, pair):
        x, y = self._gaps(pair)
        scale = pair.beta**2
        return scale * _bell(x), np.zeros(np.shape(x + y)), scale * _bell(y)


@dataclass(frozen=True)
class ApoZero(Absolute):
    """sg(-x) + sg(y)."""

    def value(self, pair):
        x, y = pair.gains
        return expit(-x) + expit(y)

    def gradient(self, pair):
        x, y = pair.gains
        return -pair.beta * _bell(x), pair.beta * _bell(y)

    def curvature(self, pair):
        x, y = pair.gains
        scale = pair.beta**2
        return -scale * _turn(x), np.zeros(np.shape(x + y)), scale * _turn(y)


@dataclass(frozen=True)
class ApoDown(Absolute):
    """sg(x) + sg(y - x)."""

    def value(self, pair):
        x, y = pair.gains
        return expit(x) + expit(y - x)

    def gradient(self, pair):
        x, y = pair.gains
        return pair.beta * (_bell(x) - _bell(y - x)), pair.beta * _bell(y - x)

    def curvature(self, pair):
        x, y = pair.gains
        scale, cross = pair.beta**2, pair.beta**2 * _turn(y - x)
        return scale * _turn(x) + cross, -cross, cross


@dataclass(frozen=True)
class Sppo(Absolute):
    """(r_w - 1/(2 beta))^2 + (r_l + 1/(2 beta))^2."""

    convex = True

    def _gaps(self, pair):
        half = 0.5 / pair.beta
        return pair.chosen - pair.ref_chosen - half, pair.rejected - pair.ref_rejected + half

    def value(self, pair):
        x, y = self._gaps(pair)
        return x * x + y * y

    def gradient(self, pair):
        x, y = self._gaps(pair)
        return 2 * x, 2 * y

    def curvature(self, pair):
        x, y = self._gaps(pair)
        flat = np.zeros(np.shape(x + y))
        return flat + 2, flat, flat + 2


@dataclass(frozen=True)
class Dpop(Absolute):
    """sp(-beta (h + lam min(0, r_w))), with a kink at r_w = 0, where the derivative is the one from the right."""

    lam: float
    convex = True

    def _parts(self, pair):
        x, y = pair.gains
        steep = 1 + self.lam * (x < 0)
        return steep * x - y, steep

    def value(self, pair):
        return softplus(-self._parts(pair)[0])

    def gradient(self, pair):
        z, steep = self._parts(pair)
        push = pair.beta * expit(-z)
        return -steep * push, push

    def curvature(self, pair):
        z, steep = self._parts(pair)
        bend = pair.beta**2 * _bell(z)
        return steep**2 * bend, -steep * bend, bend


@dataclass(frozen=True)
class WithSft(Absolute):
    """sp(-z) - alpha log pi_w / n_w, with z = beta h, or beta delta without a reference."""

    alpha: float
    n_w: Any
    reference_free: bool = False
    convex = True

    def _margin(self, pair):
        if self.reference_free:
            return pair.beta * (pair.chosen - pair.rejected)
        return pair.beta * (pair.chosen - pair.ref_chosen - (pair.rejected - pair.ref_rejected))

    def value(self, pair):
        return softplus(-self._margin(pair)) - self.alpha * pair.chosen / self.n_w

    def gradient(self, pair):
        push = pair.beta * expit(-self._margin(pair))
        return -push - self.alpha / self.n_w, push

    def curvature(self, pair):
        bend = pair.beta**2 * _bell(self._margin(pair))
        return bend, -bend, bend


@dataclass(frozen=True)
class Orpo(Absolute):
    """-log pi_w + lam sp(-o), o the difference of the logits of pi_w and pi_l; neither reference nor beta."""

    lam: float
    reference_free = True
    of_odds = True

    def _parts(self, pair):
        """o, and the odds pi / (1 - pi) of both, to which d logit / d log pi adds 1; equal odds differ by 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            up, down = (1 / np.abs(np.expm1(-log_pi)) for log_pi in (pair.chosen, pair.rejected))
            odds = pair.chosen - np.log(-np.expm1(pair.chosen)) - pair.rejected + np.log(-np.expm1(pair.rejected))
            return np.where(pair.chosen == pair.rejected, 0.0, odds), up, down

    def value(self, pair):
        return self.lam * softplus(-self._parts(pair)[0]) - pair.chosen

    def gradient(self, pair):
        odds, up, down = self._parts(pair)
        push = self.lam * expit(-odds)
        return -1 - through(push, 1 + up), through(push, 1 + down)

    def curvature(self, pair):
        """As products of what does not cancel, though the odds be next to nothing or infinite."""
        odds, up, down = self._parts(pair)
        right, wrong = expit(odds), expit(-odds)
        by_up, by_down = through(self.lam * wrong, 1 + up), through(self.lam * wrong, 1 + down)
        ww, ll = through(by_up, right - through(wrong, up)), through(by_down, right + through(1 + right, down))
        return ww, -through(through(right, by_up), 1 + down), ll


@dataclass(frozen=True)
class CustomAbsolute(Absolute):
    """A user's functions of x = beta r_w and y = beta r_l."""

    function: Any
    derivatives: Any
    second: Any = None
    convex: bool = field(default=False)

    def value(self, pair):
        return np.asarray(self.function(*pair.gains), dtype=float)

    def gradient(self, pair):
        up, down = self.derivatives(*pair.gains)
        return pair.beta * np.asarray(up, dtype=float), pair.beta * np.asarray(down, dtype=float)

    def curvature(self, pair):
        if self.second is None:
            return _differenced(self, pair)
        return tuple(pair.beta**2 * np.asarray(entry, dtype=float) for entry in self.second(*pair.gains))


def _differenced(form, pair):
    """Central differences of the derivatives, of step 1e-5: about ten digits."""
    step = 1e-5
    up, down = (form.gradient(pair._replace(chosen=pair.chosen + s)) for s in (step, -step))
    right, left = (form.gradient(pair._replace(rejected=pair.rejected + s)) for s in (step, -step))
    return (up[0] - down[0]) / (2 * step), (right[0] - left[0]) / (2 * step), (right[1] - left[1]) / (2 * step)
