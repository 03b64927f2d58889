r"""Links :math:`u=\varphi(r)` of a log-ratio :math:`r=\log\pi/\pi_{\rm ref}`: f-DPO's derivatives of f, and chi-PO's.

Each link gives ``value``, ``slope``, ``bend`` (second derivative), ``inverse``, its ``supremum``, the ``difference``
of two values without subtracting two infinities, and the log-ratio ``lowered`` by d >= 0 in the link,
:math:`\varphi^{-1}(\varphi(r)-d)`, with all digits also where :math:`\varphi(r)` has none left. All but the last are
strictly increasing with :math:`\varphi(-\infty)=-\infty`, which is what the theory of the label graph in u needs.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, lambertw, wrightomega

from tabular.base.log_space import softplus

__all__ = ["Alpha", "ChiSquared", "ForwardKL", "Identity", "JensenShannon", "SquaredLog"]


class _Increasing:
    """What the increasing links share."""

    monotone = True
    supremum = np.inf


@dataclass(frozen=True)
class Identity(_Increasing):
    """u = r: reverse KL, and log-probabilities or log-ratios themselves.

    >>> float(Identity().difference(1.0, 3.0))
    -2.0
    """

    def value(self, r):
        return r

    def slope(self, r):
        return np.ones(np.shape(r))

    def bend(self, r):
        return np.zeros(np.shape(r))

    def inverse(self, u):
        return u

    def difference(self, r, other):
        return r - other

    def lowered(self, r, d):
        return r - d


@dataclass(frozen=True)
class ForwardKL(_Increasing):
    """u = -e^-r.

    >>> float(ForwardKL().inverse(ForwardKL().value(2.0)).round(12)), ForwardKL().supremum
    (2.0, 0.0)
    """

    supremum = 0.0

    def value(self, r):
        return -_exp(-r)

    def slope(self, r):
        return _exp(-r)

    def bend(self, r):
        return -_exp(-r)

    def inverse(self, u):
        return -np.log(-u)

    def difference(self, r, other):
        return _falling_exponentials(r, other)

    def lowered(self, r, d):
        """e^-r rises by d."""
        return -np.logaddexp(-r, _log(d))


@dataclass(frozen=True)
class JensenShannon(_Increasing):
    """u = -log(1 + e^-r), up to the constant log 2.

    >>> float(JensenShannon().inverse(JensenShannon().value(-2.0)).round(12))
    -2.0
    """

    supremum = 0.0

    def value(self, r):
        return -softplus(-r)

    def slope(self, r):
        return expit(-r)

    def bend(self, r):
        return -expit(r) * expit(-r)

    def inverse(self, u):
        """-log(e^-u - 1), without overflow."""
        return u - np.log(-np.expm1(u))

    def difference(self, r, other):
        d = r - other
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.log1p(expit(-np.asarray(r)) * np.expm1(np.clip(d, -1, 1)))
        return np.where(np.abs(d) < 1, near, softplus(-other) - softplus(-r))

    def lowered(self, r, d):
        """1 + e^-r is multiplied by e^d."""
        return -np.logaddexp(d + _log(-np.expm1(-d)), d - r)


@dataclass(frozen=True)
class Alpha(_Increasing):
    r"""u = (1 - e^{-alpha r}) / alpha: forward KL at alpha = 1, reverse KL as alpha tends to 0.

    >>> float(Alpha(0.5).inverse(Alpha(0.5).value(-3.0)).round(12)), Alpha(0.5).supremum
    (-3.0, 2.0)
    """

    alpha: float

    @property
    def supremum(self):
        return 1 / self.alpha

    def value(self, r):
        with np.errstate(over="ignore"):
            return -np.expm1(-self.alpha * r) / self.alpha

    def slope(self, r):
        return _exp(-self.alpha * r)

    def bend(self, r):
        return -self.alpha * _exp(-self.alpha * r)

    def inverse(self, u):
        return -np.log1p(-self.alpha * u) / self.alpha

    def difference(self, r, other):
        return _falling_exponentials(self.alpha * r, self.alpha * other) / self.alpha

    def lowered(self, r, d):
        """e^(-alpha r) rises by alpha d."""
        return -np.logaddexp(-self.alpha * r, _log(self.alpha * d)) / self.alpha


@dataclass(frozen=True)
class ChiSquared(_Increasing):
    """u = r + e^r: chi-PO.

    >>> float(ChiSquared().inverse(ChiSquared().value(2.0)).round(12))
    2.0
    """

    def value(self, r):
        return r + _exp(r)

    def slope(self, r):
        return 1 + _exp(r)

    def bend(self, r):
        return _exp(r)

    def inverse(self, u):
        """r with r + e^r = u: log of Wright's omega, which for very negative u underflows and is e^u, r = u."""
        u = np.asarray(u, dtype=float)
        steep = u > 0
        omega = wrightomega(np.where(steep, u, np.maximum(u, -700.0)))
        return np.where(steep, np.log(np.maximum(omega, 1e-300)), u - omega)

    def difference(self, r, other):
        return r - other + _falling_exponentials(-np.asarray(other), -np.asarray(r))

    def lowered(self, r, d):
        """Beyond r = 700, where d is nothing beside e^r, r itself."""
        near = np.minimum(r, 700.0)
        return np.where((d == 0) | (near < r), r, self.inverse(near + np.exp(near) - d))


@dataclass(frozen=True)
class SquaredLog:
    """u = r e^-r, of f = (log t)^2 / 2: rises up to r = 1 and falls beyond, so it is no link in the theory's sense.

    >>> float(SquaredLog().slope(1.0)), SquaredLog().monotone
    (0.0, False)
    """

    monotone = False
    supremum = float(np.exp(-1))

    def value(self, r):
        return np.where(np.isposinf(r), 0.0, r * _exp(-r))

    def slope(self, r):
        return np.where(np.isposinf(r), 0.0, (1 - r) * _exp(-r))[()]

    def bend(self, r):
        return np.where(np.isposinf(r), 0.0, (r - 2) * _exp(-r))

    def difference(self, r, other):
        """With d = r - q: r e^-r - q e^-q is e^-q (d e^-d + q (e^-d - 1)), or e^-r (d - q (e^d - 1)) where d < 0."""
        d = np.asarray(r - other, dtype=float)
        fall = np.expm1(-np.abs(d))
        rest = np.where(d < 0, d - other * fall, d * (1 + fall) + other * fall)
        with np.errstate(invalid="ignore"):
            return np.where(rest == 0, 0.0, _exp(-np.minimum(r, other)) * rest)

    def lowered(self, r, d):
        """On the rising branch, r <= 1, which is minus Lambert's W of -u; r itself where d is 0. For r >= 0."""
        u = np.minimum(self.value(r) - d, self.supremum)
        return np.where(d == 0, r, -lambertw(-u).real)


def _log(d):
    with np.errstate(divide="ignore"):
        return np.log(d)


def _exp(x):
    with np.errstate(over="ignore"):
        return np.exp(x)


def _falling_exponentials(r, other):
    """e^-other - e^-r, infinite of the right sign where one overflows, 0 where the two are equal."""
    d = np.asarray(r - other)
    low = np.minimum(r, other)
    with np.errstate(invalid="ignore"):
        size = np.where(d == 0, 0.0, _exp(-low) * -np.expm1(-np.abs(d)))
    return np.sign(d) * size
