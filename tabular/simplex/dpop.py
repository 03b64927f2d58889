r"""DPOP: a penalty on chosen responses that fell below their reference, and what it protects.

.. math:: F=\sum_en_e\,\mathrm{sp}(-\beta g_e),\qquad g_e=r_w-r_l+\lambda\min(0,r_w),\qquad r=\log\pi/\pi_{\rm ref},

with :math:`\lambda>0`.

**Convex in logits.** :math:`g_e` is concave in r, and raising all r by one number never lowers it: F is convex in
:math:`\log\pi` and :math:`\nu\le 0` everywhere, so its second derivative in logits, that of F plus :math:`-\nu` times
that of the log-normaliser, is positive semidefinite.

**Theorem.** Let the *core* be the responses from which a chain of labels leads to a cycle of labels, and call the
others *sinking* if they lose a label, *free* if not.

1. The infimum of F is the minimum over policies on the core of the labels among them, which is attained; 0 without a
   core.
2. Minimising sequences send all sinking responses to 0. Let :math:`\nu\le 0` be the multiplier of the minimum on the
   core. If :math:`\nu<0` they converge to it, unique, and free responses vanish too; without a core the mass is divided
   among the free responses in any way, as by DPO.

*Proof.* Give sinking responses :math:`r=-T^{k}` with k the longest chain of labels from a free response or the core:
every label lost by a sinking response then costs nothing in the limit, as its winner either stays or has
:math:`(1+\lambda)r_w-r_l\to\infty`. Every label lost by a core response is won by one, and free responses lose none; so
inf F is at most the infimum over the core. It is at least that: F is bounded below by its labels within the core, and
these do not rise when all core responses are raised until their sum is 1. On the core a level of F bounds :math:`g_e`
below: :math:`r_l\le(1+\lambda)r_w+C` for :math:`r_w\le 0`. If :math:`r_y\to-\infty`, then so do all responses down the
chain to the cycle, and once around it :math:`r\le(1+\lambda)^kr+C'`, which fails for :math:`r\to-\infty`. So levels are
compact, and the minimum is attained. A label lost by a sinking response costs more than 0 unless its
:math:`r_l\to-\infty`. Let :math:`\nu<0`. Then :math:`F\ge\min F+|\nu|(1-\sum\pi)` on :math:`\sum\pi\le 1`, the sum over
the core, so minimising sequences leave nothing elsewhere. F being strictly convex in the :math:`g_e`, two minimisers
have the same ones; on each connected piece one of the two has all the lower log-ratios, as each end of a label is an
increasing function of the other at given :math:`g_e`. The lower of each piece together keep the :math:`g_e`, with a sum
below 1 if they differ: a contradiction. ∎

**Solving.** The kink is smoothed, :math:`\min(0,r)\approx-\tau\,\mathrm{sp}(-r/\tau)`, which keeps all of the above;
Newton in logits for falling :math:`\tau` tells which r are 0. Holding these at 0, Newton on the smooth rest gives the
last digits, and a subgradient between the two slopes of each kink certifies the point. The r of a response with nearly
all of the mass is next to 0 wherever the rest is: it counts as off its kink first. Heavy labels leave a shift of all
their responses to light ones, and of its curvature nothing but rounding, by which a step goes anywhere: a ridge stands
above that, so low that what it holds back is not felt. All this is done in floats: weights or log-ratios many orders of
magnitude apart may leave a point that is not certified, and is said not to be.
"""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import expit

from tabular.base.log_space import normalised, softplus
from tabular.base.stops import Stalls

__all__ = ["CERTIFIED", "LARGEST", "Core", "core", "minimise", "violation"]

LARGEST = 1000  # core responses: Newton there is dense
_SMOOTHINGS = 10.0 ** -np.arange(0, 9)  # tau, in units of min(1, 1 / beta)
_KINK = 40.0  # |r| below this many tau: a subgradient within e^-40 of an end is that end
_NEAR = 1e-3  # of the kink's width, where Newton for one tau ends
# Curvature that each response of a label has at least, of the label's pull times beta: more than rounding leaves of
# sums of heavy labels. Steps are shorter only along pulls that are no larger; pulls that matter are above CERTIFIED.
_RIDGE = 1e-13
_UNFELT = np.finfo(float).smallest_subnormal  # of a diagonal: a response that no label feels stays where it is
_FARTHEST = 1e150  # nats of a step: beyond that its products leave the floats
_PATIENCE = 10  # steps in a row that are no shorter than all before: rounding rules
_NOTED = 8  # of a halving: steps of Newton's that shrink by less are no shorter
_WORTH = 1e-3  # of a loss, by which half a step lowers it more than the whole: less is not worth a shorter one
_TOGETHER = 2**16  # log-probabilities of halved steps that are looked at together
_ABOVE = 1.0  # nats: a log-probability on its way may be above 0 by so much
_SETTLED = 1e-13  # nats that the last Newton step moves; its square is left
_ROUNDED = 1e-3  # a violation that is no rounding: it is not to be had again
CERTIFIED = 1e-11  # relative violation of stationarity


@dataclass(frozen=True, eq=False)
class Core:
    """Core problems of equally many responses k, dense: ``log_ref (p, k)`` and labels as columns."""

    log_ref: np.ndarray
    row: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    weight: np.ndarray
    beta: float
    lam: float

    def parts(self, x, share, floor):
        """Value, G, H of each prompt; ``floor (p, k)`` stands for min(0, r) and ``share`` for its slope."""
        r = x - self.log_ref
        w, v = (self.row, self.winner), (self.row, self.loser)
        z = self.beta * (r[w] - r[v] + self.lam * floor[w])
        push, steep = self.weight * self.beta * expit(-z), 1 + self.lam * share[w]
        bend, ridge = push * self.beta * expit(z), push * self.beta * _RIDGE
        prompts, k = x.shape
        value = np.bincount(self.row, self.weight * softplus(-z), prompts)
        g = self._node(v, push, k) - self._node(w, steep * push, k)
        corner = self.row * k * k
        places = [corner + a * k + b for a in (self.winner, self.loser) for b in (self.winner, self.loser)]
        entries = [steep * steep * (bend + ridge), -steep * bend, -steep * bend, bend + ridge]
        h = np.bincount(np.concatenate(places), np.concatenate(entries), prompts * k * k).reshape(prompts, k, k)
        return value, g, h, self._node(w, push, k)

    def value(self, x, tau):
        """Of each prompt, at points ``(..., p, k)``."""
        r = x - self.log_ref
        won, lost = r[..., self.row, self.winner], r[..., self.row, self.loser]
        cost = self.weight * softplus(-self.beta * (won - lost - self.lam * tau * softplus(-won / tau)))
        row, shape = self.row, x.shape[:-1]
        at = row if x.ndim == 2 else np.arange(0, math.prod(shape), shape[-1])[:, None] + row
        return np.bincount(at.ravel(), cost.ravel(), math.prod(shape)).reshape(shape)

    def of(self, rows):
        place = np.full(len(self.log_ref), -1)
        place[rows] = np.arange(len(rows))
        kept = place[self.row] >= 0
        columns = {name: getattr(self, name)[kept] for name in ("winner", "loser", "weight")}
        return replace(self, log_ref=self.log_ref[rows], row=place[self.row][kept], **columns)

    def _node(self, end, values, k):
        shape = self.log_ref.shape
        return np.bincount(end[0] * k + end[1], values, shape[0] * k).reshape(shape)


def core(n_nodes, winner, loser) -> np.ndarray:
    """Mask of the nodes from which a chain of labels leads to a cycle.

    >>> core(4, np.array([0, 1, 2, 1]), np.array([1, 2, 1, 3])).tolist()
    [True, True, True, False]
    """
    left = np.ones(n_nodes, dtype=bool)
    while True:
        still = left & (np.bincount(winner[left[loser]], minlength=n_nodes) > 0)
        if np.array_equal(still, left):
            return left
        left = still


def minimise(core: Core):
    """``(p, k)`` log-policies on the core, :math:`\\nu` and the relative violation of stationarity of each."""
    x, nu, residual = core.log_ref.copy(), np.zeros(len(core.log_ref)), np.full(len(core.log_ref), np.inf)
    x, wrong = normalised(x), np.full(x.shape, np.nan)  # sides that their own solution refutes
    left = np.arange(len(x))
    for tau, heavy in product(_SMOOTHINGS * min(1.0, 1 / core.beta), (False, True)):
        if not heavy:
            x[left] = _smoothed(core.of(left), x[left], tau)
        side = _sides(core.log_ref, x, tau, heavy)
        rows = left[(side != wrong)[left].any(axis=1)]
        if rows.size:
            found, multiplier, error = _polished(core.of(rows), x[rows], side[rows], tau)
            better, wrong[rows] = error < residual[rows], np.where((error > _ROUNDED)[:, None], side[rows], np.nan)
            x[rows] = np.where((error < np.minimum(CERTIFIED, residual[rows]))[:, None], found, x[rows])
            nu[rows], residual[rows] = np.where(better, multiplier, nu[rows]), np.where(better, error, residual[rows])
        left = left[residual[left] >= CERTIFIED]
        if not left.size:
            break
    return x, nu, residual


def _sides(log_ref, x, tau, heavy):
    """On which side of its kink each response is, 0 where tau shows its r to be 0.

    The ``heavy`` one may count as such. If it has all but e^-100 of the mass its r is what the others exchange, e^-100
    nats and yet off the kink.
    """
    r = x - log_ref
    held = (np.abs(r) <= _KINK * tau) & (heavy | (x < np.log(0.5)))
    return np.where(held, 0.0, np.where(r > 0, 1.0, -1.0))


def _smoothed(core, x, tau):
    """Newton in logits with the smoothed kink, while loss or step of a prompt come to a new least now and then."""
    left, stalls, near = np.arange(len(x)), Stalls(len(x), _PATIENCE), _NEAR * min(tau, 1 / core.beta)
    while left.size:
        part, here = core.of(left), x[left]
        r = here - part.log_ref
        share = expit(-r / tau)
        value, g, h, push = part.parts(here, share, -tau * softplus(-r / tau))
        diagonal = np.arange(r.shape[1])
        h[:, diagonal, diagonal] += core.lam * push * share * expit(r / tau) / tau
        nu = g.sum(axis=1)
        d, _ = _newton(h, g, nu, np.exp(here), np.zeros(r.shape, dtype=bool), np.zeros(r.shape))
        x[left], moved = _descended(part, here, value, d, tau, near)
        left = left[(moved > near) & ~stalls.after(value, _noted(moved, near), which=left)]
    return x


def _noted(moved, least):
    """Lengths of steps, down to ``least``, in parts of a halving: what shrinks by less is no shorter."""
    return np.ceil(_NOTED * np.log2(moved + least))


def _descended(core, x, value, d, tau, near):
    """A step halved until it lowers the loss, and on while that lowers it more: whole ones may end far up behind.

    One as short as ``near`` is the last. Steps of e^300 nats are halved a thousand times: ever more halves are looked
    at together.
    """
    share, size, every, ahead = np.ones(len(x)), np.abs(d).max(axis=1), np.arange(len(x)), 1
    reached, short = core.value(normalised(x + d), tau), np.ones(1, dtype=bool)
    while short.any():
        shares = share * np.exp2(-np.arange(ahead + 1))[:, None]
        values = np.vstack([reached, core.value(normalised(x + shares[1:, :, None] * d), tau)])
        worth = ~(values[:-1] <= value) | (values[1:] < values[:-1] * (1 - _WORTH))
        short = np.vstack([worth & (shares[:-1] * size > near), np.zeros(len(x), dtype=bool)])
        stop = short.argmin(axis=0)
        share, reached, short = shares[stop, every], values[stop, every], stop == ahead
        ahead = max(1, min(2 * ahead, _TOGETHER // x.size))
    falls = reached <= value
    return np.where(falls[:, None], normalised(x + share[:, None] * d), x), np.where(falls, share * size, 0.0)


def _newton(h, g, nu, p, held, r):
    """d and the change of nu from (H - nu diag p) d - p dnu = -(G - nu p), p'd = 0; held responses go to r = 0."""
    prompts, k = p.shape
    matrix, right = np.zeros((prompts, k + 1, k + 1)), np.zeros((prompts, k + 1))
    free = ~held
    matrix[:, :k, :k] = h * free[:, :, None] * free[:, None, :]
    diagonal = np.arange(k)
    matrix[:, diagonal, diagonal] += np.where(held, 1.0, _UNFELT - nu[:, None] * p)
    matrix[:, :k, k] = matrix[:, k, :k] = np.where(held, 0.0, -p)
    matrix[:, k, k] = -_UNFELT
    right[:, :k] = np.where(held, -r, nu[:, None] * p - g)
    right[:, k] = p.sum(axis=1) - 1
    scale = np.sqrt(np.abs(matrix).max(axis=2))
    matrix = matrix / scale[:, :, None] / scale[:, None, :]
    solved = np.linalg.solve(matrix, (right / scale)[:, :, None])
    solved = np.clip(solved[:, :, 0], -_FARTHEST * scale, _FARTHEST * scale) / scale
    return solved[:, :k], solved[:, k]


def _polished(core, x, side, tau):
    """With the r that are on neither ``side`` held at 0: the point, nu, and its relative violation of stationarity.

    That of the first point or the last: where nothing is felt of a shift, steps along it may lead away.
    """
    r, held, share = x - core.log_ref, side == 0, (side < 0).astype(float)
    x = np.where(held, core.log_ref, x)
    nu = core.parts(x, expit(-r / tau), np.minimum(x - core.log_ref, 0.0))[1].sum(axis=1)
    first = x, nu
    stalls, settled, longest = Stalls(len(x), _PATIENCE), False, max(1.0, 1 / core.beta)
    while not settled:
        r = x - core.log_ref
        _, g, h, _ = core.parts(x, share, share * r)
        d, change = _newton(h, g, nu, np.exp(x), held, np.where(held, r, 0.0))
        x = np.minimum(x + np.clip(d, -longest, longest), _ABOVE)
        nu, moved = nu + change, np.abs(d).max(axis=1)
        settled = bool(((moved <= _SETTLED) | stalls.after(_noted(moved, _SETTLED))).all())
    (x, nu, error), before = (_judged(core, *point, held, share) for point in ((x, nu), first))
    better = before[2] < error
    x = np.where(better[:, None], before[0], x)
    return x, np.where(better, before[1], nu), np.where(better, before[2], error)


def _judged(core, x, nu, held, share):
    nu = np.where(held.all(axis=1), np.nan_to_num(_middle(core, x, share)), nu)
    return x, nu, violation(core, x, nu, held, share)


def _middle(core, x, share):
    """The nu in the middle of those that the kinks allow, for policies that are the reference on the whole core."""
    _, g, _, push = core.parts(x, share, np.zeros(x.shape))
    p = np.exp(x)
    with np.errstate(all="ignore"):
        return np.minimum((((g - core.lam * push) / p).max(axis=1) + (g / p).min(axis=1)) / 2, 0.0)


def violation(core: Core, x, nu, held, share):
    """The least relative violation of 0 in the subdifferential; ``inf`` where a sign is not what was assumed."""
    r = x - core.log_ref
    _, g, _, push = core.parts(x, share, share * r)
    gap = g - nu[:, None] * np.exp(x)
    reach = np.where(held, core.lam * push, 0.0)  # G may be lower by up to this at a kink
    error = np.maximum(np.maximum(-gap, gap - reach), 0.0)
    size = (np.abs(g) + (1 + core.lam) * push).sum(axis=1)
    wrong = (~held & (np.where(share > 0, r, -r) > 0)).any(axis=1) | (nu > 1e-12 * size)
    total = np.abs(np.exp(x).sum(axis=1) - 1)
    with np.errstate(over="ignore"):  # far from any solution
        return np.where(wrong, np.inf, np.maximum(error.max(axis=1) / np.where(size > 0, size, 1.0), total))
