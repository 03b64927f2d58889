r"""Sums of S-shaped gains over one mass to share, KTO's and APO-zero's beyond beta = 1, and a bound on them.

By its probability a wanted response gains :math:`a\,\sigma(z)`, :math:`z=\beta(\log\pi-m)` with m its log-reference,
plus KTO's z0: convex up to :math:`z_i=\log\frac{\beta-1}{\beta+1}`, concave beyond. Where the sum is largest one
response at most is where its gain is convex, the *riser*: of two, one would give to the other. The rest have nothing,
or are beyond :math:`z_i`.

**Bound.** For every price :math:`\mu` no policy gains more than :math:`\mu+\sum_y\max_\pi(a_y\sigma(z)-\mu\pi)`.
A response that may have nothing has nothing where the price is above the slope of its tangent from the origin, which
touches where :math:`\sigma=1-1/\beta`, and below that what its falling side says. Where the mass that they take is 1,
the bound is a policy's own. Otherwise there is a price, the slope of somebody's tangent, at which it is less than 1
without him and more with him: with him at the part that is left the bound is missed by what the tangent is above his
gain there.

:math:`\log\mu=\log a\beta-m-\varphi(z)` with :math:`\varphi(z)=2\log(1+e^z)-z+z/\beta`, one convex function: inverting
its rising side gives all falling sides.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import roots
from tabular.base.log_space import log_sum_exp, softplus
from tabular.base.rows import Rows
from tabular.simplex.wishes import relative_step

__all__ = ["Gains", "Nodes", "Relaxed", "relaxed"]

_FLAT = 4 * np.finfo(float).eps  # of a sum, or of a root: rounding


@dataclass(frozen=True, eq=False)
class Gains:
    """``(k, n)`` of a prompt in each row: log a, -inf where nobody is wanted, and m."""

    beta: float
    log_size: np.ndarray
    middle: np.ndarray

    @classmethod
    def of_wanted(cls, wishes, wanted):
        """Those of :class:`tabular.simplex.wishes.Bells`."""
        return cls(wishes.beta, np.where(wanted, wishes.excess[1], -np.inf), wishes.middle)

    def of(self, rows):
        return Gains(self.beta, self.log_size[rows], self.middle[rows])

    @property
    def bend(self):
        """Log-probabilities where gains turn concave, 0 at most."""
        return np.minimum(self.middle + np.log((self.beta - 1) / (self.beta + 1)) / self.beta, 0.0)

    def log_gain(self, x):
        return self.log_size - softplus(-self.beta * (x - self.middle))

    def log_lack(self, x):
        """Of what is missing to all that there is to gain."""
        return self.log_size - softplus(self.beta * (x - self.middle))

    def log_slope(self, x):
        """By the probability."""
        z = self.beta * (x - self.middle)
        return self.log_size + np.log(self.beta) + z - 2 * softplus(z) - x

    def step(self, x, log_price, _sign=1):
        """Newton's to where the log-slope is the price, and by how much a share more of the price adds to it."""
        return relative_step(
            log_price[:, None] - self.log_slope(x), np.tanh(self.beta * (x - self.middle) / 2) * self.beta
        )

    def log_tangent(self):
        """Slopes of the tangents from the origin, or of the chords up to 1."""
        x = np.minimum(self.middle + np.log(self.beta - 1) / self.beta, 0.0)
        return self.log_gain(x) - x

    def log_rise(self, low, high):
        """What more there is to gain at one log-probability than at a lower one."""
        return _log_less(self.log_gain(high), self.log_gain(low))

    def falling(self, log_price):
        """Log-probabilities, 0 at most, where gains are concave and have that slope; where they bend if nowhere."""
        beta, least = self.beta, np.log((self.beta - 1) / (self.beta + 1))
        target = self.log_size + np.log(beta) - self.middle - log_price[:, None]
        above = target - (2 * softplus(least) - least + least / beta)
        going = above > 0
        above, curved = np.where(going, above, 0.0), np.exp(least - 2 * softplus(least))
        # both are beyond the root, and so is every Newton step on a convex function from there
        near, far = np.minimum(least + np.sqrt(above / curved), 0.0), target * beta / (1 + beta)
        z = np.where(going, np.where(target < 2 * np.log(2), near, far), least)
        while going.any():
            size = np.abs(z)
            small = np.exp(-size)
            over = size + 2 * np.log1p(small) + z / beta - target
            with np.errstate(divide="ignore", invalid="ignore"):  # where it bends
                step = over / (np.copysign((1 - small) / (1 + small), z) + 1 / beta)
            going &= step > _FLAT * np.maximum(size, 1.0)
            z = np.where(going, np.maximum(z - step, least), z)
        return np.minimum(self.middle + z / beta, 0.0)


@dataclass(frozen=True, eq=False)
class Nodes(Rows):
    """What is decided: who has nothing, who is beyond its bend, and who rises (-1 for nobody) between which shares.

    Attributes:
        row: ``(k,)``, the prompts. out, inner: ``(k, n)``. riser, low, high: ``(k,)``, the last two log-probabilities.
    """

    row: np.ndarray
    out: np.ndarray
    inner: np.ndarray
    riser: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def rises(self):
        return self.riser[:, None] == np.arange(self.out.shape[1])


@dataclass(frozen=True, eq=False)
class Relaxed(Rows):
    """Of each node the best price, and the policy that goes with it.

    Attributes:
        feasible: ``(k,)`` mask of the nodes that have a policy. log_price: ``(k,)``. x: ``(k, n)``.
        part: ``(k,)``, who takes a part of what he would, -1 for nobody. log_missed: ``(k,)``, by how much his tangent,
            and so the bound, is above what he gains.
    """

    feasible: np.ndarray
    log_price: np.ndarray
    x: np.ndarray
    part: np.ndarray
    log_missed: np.ndarray


def relaxed(gains: Gains, nodes: Nodes) -> Relaxed:
    """The least bound over prices of each node, a prompt in each row of the gains."""
    each, rises, free = np.arange(len(nodes.row)), nodes.rises, ~(nodes.out | nodes.inner)
    everything = slice(None)
    ends = nodes.low[:, None], nodes.high[:, None]
    with np.errstate(invalid="ignore"):  # -inf less -inf, where nobody rises
        chord = gains.log_rise(*ends) - _log_less(*ends[::-1])
    slope = np.where(free, np.where(rises, chord, gains.log_tangent()), -np.inf)
    order = np.argsort(-slope, axis=1, kind="stable")
    slope, place = np.take_along_axis(slope, order, axis=1), np.argsort(order, axis=1)

    def taken(log_price, first, rows=everything):
        """Log-policies at a price, where so many are not against having something, the steepest tangents first."""
        chosen = place[rows] < first[:, None]
        fall = np.where(nodes.inner[rows] | (free[rows] & chosen), gains.of(rows).falling(log_price), -np.inf)
        return np.where(rises[rows], np.where(chosen, nodes.high[rows, None], nodes.low[rows, None]), fall)

    count = free.sum(axis=1)
    first = _first_full(slope, count, taken)
    last = np.minimum(first, slope.shape[1]) - 1
    price = np.where(first <= count, slope[each, last], 0.0)
    x = taken(price, first - 1)
    mass = np.where(first <= count, np.exp(x).sum(axis=1), 1.0)
    part = np.where(mass < 1 - _FLAT, order[each, last], -1)
    low, high, feasible = _ends(gains, nodes, slope, first, free & ~rises)
    smooth = np.flatnonzero((part < 0) & feasible)
    if smooth.size:

        def mass_and_slope(log_price, index):
            rows = smooth[index]
            x = taken(log_price, first[rows] - 1, rows)
            part = gains.of(rows)
            moves = (x < 0) & (x > part.bend) & ~rises[rows]
            stiffness = 1 + part.beta * np.tanh(part.beta * (x - part.middle) / 2)
            log_mass = log_sum_exp(x)
            give = np.where(moves, np.exp(x - log_mass[:, None]) / np.where(moves, stiffness, 1.0), 0.0)
            return log_mass, -give.sum(axis=1)

        price[smooth] = roots.decreasing(mass_and_slope, low[smooth], high[smooth], noise=_FLAT)
        x[smooth] = taken(price[smooth], first[smooth] - 1, smooth)
    return Relaxed(feasible, price, *_parted(gains, x, part, price))


def _first_full(slope, count, taken):
    """How many have to have something for the mass to be 1 at the slope of the last one's tangent; one more if none."""
    low, high = np.zeros(len(count), dtype=np.int64), count + 1
    while (going := high - low > 1).any():
        middle = (low + high) // 2
        price = np.take_along_axis(slope, np.maximum(middle - 1, 0)[:, None], axis=1)[:, 0]
        full = np.exp(taken(np.where(going, price, 0.0), middle)).sum(axis=1) >= 1 - _FLAT
        low, high = np.where(going & ~full, middle, low), np.where(going & full, middle, high)
    return high


def _ends(gains, nodes, slope, first, may):
    """Log-prices between which the mass falls through 1 where nobody takes a part, and which nodes have a policy.

    Args:
        may: mask of the responses that have nothing or what their falling side says.
    """
    each, steepest = np.arange(len(first)), np.where(nodes.inner, gains.log_slope(gains.bend), -np.inf).max(axis=1)
    high = np.where(first > 1, slope[each, np.maximum(first - 2, 0)], steepest)
    whole = np.where(nodes.inner | may, gains.log_slope(np.zeros(may.shape)), -np.inf).max(axis=1)
    known = first <= (slope > -np.inf).sum(axis=1)
    low = np.where(known, slope[each, np.minimum(first, slope.shape[1]) - 1], np.minimum(whole, high))
    least = np.where(nodes.inner, np.exp(gains.bend), 0.0).sum(axis=1) + np.exp(nodes.low)
    return low, high, (least <= 1 + _FLAT) & (low > -np.inf)


def _parted(gains, x, part, price):
    """The policies with what is left given to those who take a part, who they are, and what the bound misses."""
    rows = np.flatnonzero(part >= 0)
    at, missed = (rows, part[rows]), np.full(len(part), -np.inf)
    low, x = x[at], x.copy()
    x[at] = -np.inf
    share = np.log1p(-np.exp(x[rows]).sum(axis=1))
    x[at] = share
    rise = gains.of(rows).log_rise(low[:, None], share[:, None])[np.arange(len(rows)), part[rows]]
    chord = price[rows] + _log_less(share, low)
    missed[rows] = np.where(rise < chord, _log_less(chord, np.minimum(rise, chord)), -np.inf)
    return x, part, missed


def _log_less(more, less):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(more > -np.inf, more + np.log(-np.expm1(less - more)), -np.inf)
