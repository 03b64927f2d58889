r"""The three classes of losses, by what they depend on: a difference of log-ratios, of links, or the log-ratios.

Each form evaluates value, both derivatives and the three second derivatives on a :class:`Pair`. A difference is a link
whose link is the identity; both are a scalar function g of

.. math:: x=\rho\,(u_w-u_l)-\Psi,\qquad u=\varphi(r)/n,

with rate :math:`\rho=\beta` or 1, a margin Psi that no policy moves, and token counts n.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tabular.losses.links import Identity

__all__ = [
    "IDENTITY",
    "NO_MARGIN",
    "Constant",
    "HalfOverBeta",
    "InverseReference",
    "NeverNegative",
    "OfMargin",
    "Pair",
    "through",
]


class Pair(NamedTuple):
    """Sequence log-probabilities of pairs, in nats, and beta: what trainers have."""

    chosen: np.ndarray
    rejected: np.ndarray
    ref_chosen: np.ndarray
    ref_rejected: np.ndarray
    beta: Any

    @property
    def gains(self):
        """beta r_w and beta r_l."""
        return self.beta * (self.chosen - self.ref_chosen), self.beta * (self.rejected - self.ref_rejected)


@dataclass(frozen=True)
class Constant:
    """The same Psi everywhere."""

    psi: float = 0.0

    def __call__(self, ref_chosen, ref_rejected, beta):
        return self.psi


@dataclass(frozen=True)
class HalfOverBeta:
    """IPO's target of h, 1 / (2 tau), with tau given as beta."""

    def __call__(self, ref_chosen, ref_rejected, beta):
        return 0.5 / beta


@dataclass(frozen=True)
class NeverNegative:
    """HyPO's: what lifts a negative reference margin to 0."""

    def __call__(self, ref_chosen, ref_rejected, beta):
        return beta * np.maximum(ref_rejected - ref_chosen, 0.0)


@dataclass(frozen=True)
class InverseReference:
    """E-CPO's: gamma (1 / pi_ref(w) + 1 / pi_ref(l))."""

    gamma: float

    def __call__(self, ref_chosen, ref_rejected, beta):
        if self.gamma == 0:
            return 0.0
        with np.errstate(over="ignore"):
            return self.gamma * (np.exp(-ref_chosen) + np.exp(-ref_rejected))


IDENTITY, NO_MARGIN = Identity(), Constant()


@dataclass(frozen=True)
class OfMargin:
    """g(x) of :mod:`tabular.losses.scalars` with x = rate (u_w - u_l) - Psi.

    Attributes:
        scalar: g; link: phi; psi: the margin, a function of (ref_chosen, ref_rejected, beta).
        in_nats: whether the rate is 1, else it is beta.
        reference_free: whether u is of log pi, else of log pi / pi_ref.
        n_w, n_l: token counts that divide u: numbers, or one for each pair.
    """

    scalar: Any
    link: Any = IDENTITY
    psi: Any = NO_MARGIN
    in_nats: bool = False
    reference_free: bool = False
    n_w: Any = 1.0
    n_l: Any = 1.0
    per_token: bool = False

    @property
    def kind(self):
        if not self.link.monotone:
            return "absolute"
        return "link" if self.per_token or not isinstance(self.link, Identity) else "difference"

    @property
    def convex(self):
        """In h, or in the difference of the links."""
        return self.scalar.convex and self.link.monotone

    @property
    def growth(self):
        return self.scalar.growth if self.link.monotone else None

    def rate(self, beta):
        return 1.0 if self.in_nats else beta

    def offset(self, ref_chosen, ref_rejected, beta):
        """Psi' with x = rate h / n - Psi', where both token counts are n: with delta_ref where it has no reference."""
        psi = self.psi(ref_chosen, ref_rejected, beta)
        return psi - self.rate(beta) * (ref_chosen - ref_rejected) / self.n_w if self.reference_free else psi

    def _logs(self, pair):
        if self.reference_free:
            return pair.chosen, pair.rejected
        return pair.chosen - pair.ref_chosen, pair.rejected - pair.ref_rejected

    def _margin(self, pair, r_w, r_l):
        if self.per_token:
            u = self.link.value(r_w) / self.n_w - self.link.value(r_l) / self.n_l
        else:
            u = self.link.difference(r_w, r_l)
        return self.rate(pair.beta) * u - self.psi(pair.ref_chosen, pair.ref_rejected, pair.beta)

    def margin(self, pair):
        """x."""
        return self._margin(pair, *self._logs(pair))

    def value(self, pair):
        return self.scalar.value(self.margin(pair))

    def gradient(self, pair):
        r_w, r_l = self._logs(pair)
        push = self.rate(pair.beta) * self.scalar.slope(self._margin(pair, r_w, r_l))
        if self.kind == "difference":
            return push, -push
        return through(push, self.link.slope(r_w) / self.n_w), -through(push, self.link.slope(r_l) / self.n_l)

    def curvature(self, pair):
        r_w, r_l = self._logs(pair)
        x, rate = self._margin(pair, r_w, r_l), self.rate(pair.beta)
        push, bend = rate * self.scalar.slope(x), rate**2 * self.scalar.curvature(x)
        if self.kind == "difference":
            return bend, -bend, bend
        up, down = self.link.slope(r_w) / self.n_w, self.link.slope(r_l) / self.n_l
        ww = _dominant(through(through(bend, up), up), through(push, self.link.bend(r_w) / self.n_w))
        ll = _dominant(through(through(bend, down), down), -through(push, self.link.bend(r_l) / self.n_l))
        return ww, -through(through(bend, up), down), ll


def _dominant(square, linear):
    """Their sum; where both overflow, the one that is quadratic in the link's slope wins."""
    return square + np.where(np.isinf(square), 0.0, linear)


def through(push, slope):
    """push x slope; 0 where the push has vanished, faster than any link's slope grows."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(push == 0, 0.0, push * slope)[()]
