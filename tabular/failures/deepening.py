r"""The deltas at which the losses of many pairs of one block have gained so much: a search that starts at its optimum.

Near the optimum the loss is :math:`\inf L+x^2/2R`, x the change of :math:`s_w-s_l` and R the resistance between the
two; far below it is a straight line. A step goes to where a hyperbola that is both, with the loss and the slope of the
last fit, has gained what is wanted, and the fit there begins on the parabola in t through the last fits.

As long as steps are long, fits are rough, as rough as the square of a step lets them be, and only say where to go.
Those after them tell the loss to rounding; they keep the root between the largest tangent's and the least point found
below what is wanted. Where a step is not half the last, it goes to the tangent's root or to the middle. It ends where
a step is below rounding, and with a short one that the tangent's repeats to rounding.
"""

import numpy as np

from tabular.base import tolerances
from tabular.fits.many import LEVEL

__all__ = ["deepened"]

_ROUGH = 0.01  # of what the loss has to gain, left to fall in the first fits
_FINER = 0.01  # of the square of a step: what a hyperbola leaves
_FINE = 1e-9  # of that gain: finer fits tell the loss to rounding
_FAR = 20.0  # of beta delta: a first step below a tie
_SETTLED = 1e-6  # of delta: after a shorter step a fit that tells no loss is made alone
_PUSH = 1e-6  # of a push, where the loss is told to rounding
_ROUNDING = 4 * np.finfo(float).eps  # of the loss: by so much nobody can tell a level from it
_POINTS = 3  # of a parabola
_AHEAD = 7.0  # of the sizes of an extrapolation's coefficients: larger ones tell of noise


def deepened(block, pairs, gain, low) -> np.ndarray:
    """The deltas at which the loss of each pair has gained so much; they are not below some that are known.

    Inside a block the search starts on a hyperbola that is the parabola at its optimum and as steep, far below, as what
    holds the two ends, across blocks from the tie.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # what leaves the floats is not inside
        search = _Search(block, pairs, gain, low)
        while search.moving.size:
            search.step()
    return search.t


class _Search:
    """Where each pair is, and what is known of it.

    Attributes:
        low, high: ends of the bracket; top: the delta of the optimum, infinite where there is none.
        share: of the gain that the next fit may leave; 0 for one that tells the loss.
        at: ``(3, n_pairs)`` the last deltas, newest first.
        off: ``(3, n_nodes, n_pairs)`` how far the fits there are from the strengths that are near.
    """

    def __init__(self, block, pairs, gain, low):
        self.block, self.pairs, self.gain, n = block, pairs, gain, len(pairs)
        self.beta, (winner, loser) = block.pieces.graph.problem.beta, block.ends(pairs)
        if block.joins:
            self.top, first = np.full(n, np.inf), np.zeros(n)
        else:
            self.top = (block.fit.strength[winner] - block.fit.strength[loser] + block.shift(pairs)) / self.beta
            curvature, line = 0.5 / block.fit.resistance(winner, loser), np.minimum(*block.fit.steepest(winner, loser))
            far = gain + np.sqrt(gain * gain + 4 * gain * line * line / curvature)  # down a hyperbola to that line
            first = self.top - far / (2 * line) / self.beta
        self.least, self.low, self.high, self.t = low, low.copy(), self.top.copy(), np.maximum(low, first)
        self.at, self.off = np.tile(self.top, (_POINTS, 1)), np.zeros((_POINTS, len(block.fit.strength), n))
        self.moving, self.last, self.share = np.arange(n), np.full(n, np.inf), np.full(n, _ROUGH)
        self.turn, self.settled = np.zeros((2, n), dtype=bool)

    def step(self):
        """A fit of each pair that still moves, and where it leads."""
        block, m, beta = self.block, self.moving, self.beta
        here, wanted, rough = self.t[m], self.gain[m], self.share[m] > 0
        spare = np.where(rough, self.share[m] * wanted, LEVEL)
        near = block.near(self.pairs[m], here)
        fits = block.held(self.pairs[m], here, near + self._ahead(), spare, self.settled[m], beta * self.last[m])
        known = ~rough & (fits.told | fits.fitted)
        gained, push = np.maximum(fits.cost - block.fit.cost, 0.0), beta * np.maximum(fits.push, np.finfo(float).tiny)
        newton = (gained - wanted) / push
        left, right, unit = self.low[m], self.high[m], np.maximum(np.abs(here), 1 / beta)
        left = np.where(known, np.maximum(left, here + newton - _PUSH * np.abs(newton)), left)
        right = np.where(known & (gained <= wanted), np.minimum(right, here), right)
        self._remember(fits.strength - near)
        step, reach = _step(self.top[m] - here, gained, push, wanted, newton), (_FAR + 2 * np.abs(beta * here)) / beta
        capped = block.joins & rough & (step < -reach)  # near the tie no slope tells of the straight line
        step = np.where(capped, -reach, step)
        inside = (here + step >= left) & (here + step <= right) & (capped | (np.abs(step) <= self.last[m] / 2))
        inside &= np.isfinite(step)  # a fit that is none may push the wrong way
        halved = (right < np.inf) & (self.turn[m] | (left == self.least[m]))
        aside = np.where(halved, (left + right) / 2, left)
        nearer = np.clip(here + step, (left + here) / 2, np.minimum((here + right) / 2, here + reach))
        aside = np.where(rough, nearer, aside)
        told = (np.abs(gained - wanted) > _ROUNDING * (block.fit.cost + wanted)) | ~known
        step = np.where(told, np.where(inside, step, aside - here), 0.0)
        short, close = np.abs(step) <= _SETTLED * unit, tolerances.LOSS * unit
        repeated = inside & short & (np.abs(step - newton) <= close)
        self.turn[m] ^= ~inside & ~rough
        self.settled[m] = ~known & ~rough & (~inside | short)
        self._refine(np.abs(step) / np.maximum(np.abs(self.top[m] - here), 1 / beta), inside)
        self.t[m], self.low[m], self.high[m] = here + step, left, right
        self.last[m] = np.where(capped, np.inf, np.abs(step))
        self.moving = m[told & (~known | (np.abs(step) > close) & (right - left > close) & ~repeated)]

    def _refine(self, way, inside):
        """How rough the next fits may be: by the share of the way that was left, and more so after a step aside."""
        finer = np.minimum(self.share[self.moving], _FINER * np.square(way))
        finer = np.where(inside, finer, _FINER * finer)
        self.share[self.moving] = np.where(finer > _FINE, finer, 0.0)

    def _ahead(self):
        """Where the fits begin: on the parabola, or the straight line, through the last; or at the last."""
        m, x = self.moving, self.t[self.moving]
        start = self.off[0][:, m]
        kept = np.ones(len(m), dtype=bool)
        for n_points in (3, 2):
            at = self.at[:n_points, m]
            others = [np.delete(at, k, axis=0) for k in range(n_points)]
            parts = [np.prod((x - o) / (at[k] - o), axis=0) for k, o in enumerate(others)]
            near = kept & (np.abs(parts).sum(axis=0) <= _AHEAD)
            part = np.flatnonzero(near)
            start[:, part] = sum(self.off[k][:, m[part]] * parts[k][part] for k in range(n_points))
            kept &= ~near
        return start

    def _remember(self, off):
        m = self.moving
        for k in range(_POINTS - 1, 0, -1):
            self.at[k, m] = self.at[k - 1, m]
            self.off[k][:, m] = self.off[k - 1][:, m]
        self.at[0, m], self.off[0][:, m] = self.t[m], off


def _step(down, gained, push, wanted, newton):
    """To where ``g = a u^2 / (1 + b u)`` is what is wanted: u below the optimum g and its slope are known.

    It is a parabola near the optimum and a straight line far below it, as the loss is; without an optimum, and where
    rounding makes it neither, the step is Newton's.
    """
    bent = push * down / gained - 1  # from 1, a parabola, to 0, a line
    bu = (1 - bent) / bent
    ratio = wanted / gained / (1 + bu)  # of a root U over u: (U/u)^2 = ratio (1 + bu U/u)
    far = (ratio * bu + np.sqrt(np.square(ratio * bu) + 4 * ratio)) / 2
    step = down * (1 - far)
    return np.where((bent > 0) & (bent <= 1) & np.isfinite(step), step, newton)
