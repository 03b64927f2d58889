r"""Labels divided: how much weight policies can invert that decide some labels, by one convex fit.

Some labels are decided: *inverted*, :math:`h_e\le b_e`, or *right*, :math:`h_e\ge b_e` (the names are those of
:mod:`tabular.failures.least_cost`). An open one may be either: where a unit of weight is worth :math:`\lambda` nats it
adds :math:`\bar w_e\,\mathrm{sp}(-h_e)`, less :math:`\lambda\omega_e` where :math:`h_e\le b_e`. Of that function, which
jumps, take the largest convex one below. It goes straight on from the jump at b to the point t where the tangent of
softplus is worth the jump, :math:`\bar w_eD(b_e,t_e)=\lambda\omega_e`: at b it bends by
:math:`\kappa_e=\sigma(-b_e)-\sigma(-t_e)` of the label's share, and between b and t the label is divided.

**The bound.** Where the sum of these is least its slopes, with what holds the decided labels, are a circulation p. Any
circulation that has :math:`0\le p_e\le\bar w_e` on the open labels, :math:`p_e\le\bar w_e` on those that are inverted
and :math:`0\le p_e` on the right ones bounds the loss of every policy that decides like that:

.. math:: L=\sum_e(\bar w_e\,\mathrm{sp}(-h_e)+p_eh_e)\ge\sum_e\inf_h(\bar w_e\,\mathrm{sp}(-h)+p_eh),

each infimum over the side on which the label is. For an open label that is inverted it is higher, by what the label
costs at least: these are the items of a knapsack, whose room is the level less the sum where none of them is inverted.
Divided, they bound the weight; and its price tells of each label by how much less it is if the label is decided
otherwise. ∎ A fit need not be good for that: where it is not, the bound is only higher than the least there is.

Labels of the same two responses are one here, with a bend both ways (:mod:`tabular.failures.pairs`). The fits are
Newton's, many at once, in the cuts of heaviest trees (:mod:`tabular.failures.forests`), which makes circulations of
their slopes that are exact. Bends are rounded off a little, about where the fit before had its pushes (the method of
multipliers), which leaves no error where these settle.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import entr, expit

from tabular.base import digraph, roots
from tabular.base.log_space import softplus
from tabular.base.rows import Rows
from tabular.failures import knapsack
from tabular.failures.forests import heaviest
from tabular.failures.work import Work

__all__ = ["INVERTED", "OPEN", "RIGHT", "Divided", "Fits", "Most", "Near"]

INVERTED, OPEN, RIGHT = 1, 0, -1
_ROUNDING = 8 * np.finfo(float).eps  # of the terms of a bound
_ROUND, _OF_SPAN = 0.3, 0.02  # nats over which a bend is rounded off, or of the widest margin that is asked for
_RIDGE, _LEAST = 1e-8, 1e-25  # curvature where there is none, of what a label pushes; and of its share
_NEAR, _FAR = 1e-6, 30.0  # nats over which curvatures are taken; no step is longer
_TURNED = 0.3  # of the slope at the start of a step: what may be left of it at its end
_SHORTEST, _LONGEST = 1e-6, 1e12  # of a step: how well it is known, and how long it grows
_PARTS = 0.5 ** np.arange(7.0, 0.0, -1.0)  # of a bracket, tried at once
_FURTHER = 2.0 ** np.arange(1.0, 8.0)  # times as far, where no end is known
_STEP, _OF_ENTRIES, _BOUND = 700.0, 0.0024, 1_500.0  # work of a step, of its matrices' entries, and of a bound
_STEPS = 20  # of one fit: bounds hold wherever it ends
_SMALLEST = -745.0  # the log of the least float
_TANGENT = 1e-8  # of the push of a tangent: a bend need not be known better


@dataclass(frozen=True, eq=False)
class Near(Rows):
    """Where fits begin, a row each.

    Attributes:
        state: ``(n_fits, n_ways)`` of INVERTED, OPEN, RIGHT.
        strength: ``(n_fits, n_nodes)``; hold: ``(n_fits, n_pairs)`` what holds each at its bend, of its share.
    """

    state: np.ndarray
    strength: np.ndarray
    hold: np.ndarray


@dataclass(frozen=True, eq=False)
class Fits(Near):
    """Where they end; margin: ``(n_fits, n_pairs)``, ``inf`` on no cycle of pushes."""

    margin: np.ndarray


@dataclass(frozen=True, eq=False)
class Most(Rows):
    """A row each.

    Attributes:
        weight: ``(n_fits,)`` no policy inverts more; -inf where there is no policy.
        less: ``(n_fits, n_ways)`` how much less it is if an open way is right; minus that if it is inverted.
        loss: ``(n_fits,)`` no policy has less.
    """

    weight: np.ndarray
    less: np.ndarray
    loss: np.ndarray


class Divided:
    """Pairs of responses, what the ways of each count for, a loss level, and the price of a unit of weight, in nats.

    Args:
        pairs: :class:`tabular.failures.pairs.Pairs`.
        weight: ``(n_ways,)`` what each counts for; level: of the labels' part of the loss.
        work: where steps are counted, and after which fits end where they are.
    """

    def __init__(self, pairs, weight, level, price, work: Work | None = None):
        self.pairs, self.weight, self.level, self.work = pairs, weight, level, work or Work()
        self.share, self.bound, self.back = pairs.share, pairs.bound, pairs.back
        self.n_nodes, each = int(max(pairs.winner.max(), pairs.loser.max())) + 1, np.arange(len(pairs))
        self.ends = np.zeros((len(pairs), self.n_nodes))
        self.ends[each, pairs.winner], self.ends[each, pairs.loser] = 1.0, -1.0
        self.stiff = np.clip(self.share.mean() / self.share, 1.0, 1e6)  # light labels are held against heavy ones
        self.round = max(_ROUND, _OF_SPAN * float(np.abs(self.bound).max()))
        self.gains = tuple(part[0] for part in pairs.split(weight[None], 0.0))
        above, below = _tangent(np.array([self.bound, -self.bound]), price * np.array(self.gains) / self.share)
        self.push = expit(-self.bound)
        self.bends = -np.maximum(expit(self.bound) - below, 0.0), np.maximum(self.push - above, 0.0)
        with np.errstate(divide="ignore"):
            self.far = np.log(below) - np.log1p(-below), np.log1p(-above) - np.log(above)

    def first(self, strength, left) -> tuple[Fits, Most]:
        """With all labels open, from any strengths: bends are sharpened step by step."""
        fits = Near(np.zeros((1, len(self.weight)), dtype=np.int8), strength[None], np.zeros((1, len(self.pairs))))
        bends, wide = self._bends(fits.state), 10 * max(np.abs(self.bound).max(), 1.0)
        for width in np.geomspace(wide, self.round, 2 + int(np.log10(wide / self.round))):
            fits = self._newton(fits, bends, width, np.full(1, left))
        return self.fit(fits, np.full(1, left))

    def fit(self, near: Near, left) -> tuple[Fits, Most]:
        """From fits with a similar state; ``left`` is the loss that each may have left to fall."""
        bends = self._bends(near.state)
        near = Near(near.state, near.strength, np.clip(near.hold, bends.low, bends.high))
        fits = self._newton(near, bends, self.round, left)
        margin = np.where(bends.inner, fits.strength @ self.ends.T, np.inf)
        return Fits(fits.state, fits.strength, fits.hold, margin), self._most(fits, bends)

    def most(self, fits: Near) -> Most:
        """What the fits' pushes say of all policies that decide like that."""
        return self._most(fits, self._bends(fits.state))

    def shares(self, fits):
        """``(n_fits, n_ways)`` how much of each is inverted: 1 up to the bend, 0 from the tangent on."""
        h, ways, parts = fits.margin, self.pairs.split(fits.state, OPEN), []
        finite = np.isfinite(h)
        for sign, state, far in zip((1, -1), ways, (self.far[1], self.far[0]), strict=True):
            length, beyond = sign * (far - self.bound), sign * np.where(finite, h - self.bound, 0.0)
            part = 1 - np.clip(beyond, 0.0, length) / np.maximum(length, np.finfo(float).tiny)
            part = np.where(finite, part, np.isinf(far))
            parts.append(np.where(state == OPEN, part, state == INVERTED))
        return self.pairs.joined(*parts)

    def apart(self, fits):
        """``(n_fits, n_ways)`` masks of those on no cycle of pushes: right, in the limit, at no cost."""
        apart = np.isinf(fits.margin)
        return self.pairs.joined(apart, apart)

    def off(self, fits):
        """``(n_fits,)`` how far a label is at most on the other side than decided, in nats."""
        there, back = self.pairs.split(fits.state, OPEN)
        beyond = np.where(np.isinf(fits.margin), 0.0, fits.margin - self.bound)
        return np.maximum(there * beyond, -back * beyond).max(axis=1)

    def inverted(self, fits):
        """Masks of the ways that the fits' strengths invert, ``(n_fits, n_ways)``, and of the pairs at their bends."""
        (there, back), (low, high) = self.pairs.split(fits.state, OPEN), self._limits(fits.state)
        bend = np.isfinite(fits.margin) & (fits.hold > low) & (fits.hold < high) & (there != RIGHT) & (back != RIGHT)
        return self.pairs.joined(bend | (fits.margin <= self.bound), bend | (fits.margin >= self.bound)), bend

    def _limits(self, state):
        """Between what each is held at its bend, over its share."""
        there, back = self.pairs.split(state, OPEN)
        high = np.where(there == OPEN, self.bends[1], 0.0)
        low = np.where(back == OPEN, self.bends[0], 0.0)
        high = np.where((there == INVERTED) | (back == RIGHT), np.inf, high)
        low = np.where((there == RIGHT) | (back == INVERTED), -np.inf, low)
        return low, high

    def _bends(self, state):
        there = state[:, : len(self.pairs)]
        return _Bends(*self._limits(state), self._inner((self.back > 0) | (there == INVERTED)))

    def _inner(self, both):
        """Masks of the pairs on cycles of pushes: from winners to losers, and back where that can be."""
        base = np.arange(len(both))[:, None] * self.n_nodes
        tail, head = base + self.pairs.winner, base + self.pairs.loser
        ends = np.r_[tail.ravel(), head[both]], np.r_[head.ravel(), tail[both]]
        block = connected_components(digraph.adjacency(base.size * self.n_nodes, *ends), connection="strong")[1]
        return block[tail] == block[head]

    def _rounded(self, fits, bends, width):
        """The bends rounded off over so many nats, about where they are held."""
        with np.errstate(invalid="ignore"):
            rate = np.where(np.isinf(bends.high - bends.low), self.stiff, bends.high - bends.low) / width
        line, at = (np.broadcast_to(part, rate.shape) for part in (self.back, self.push))
        return _Rounded(bends.low, bends.high, bends.inner, rate, fits.hold - rate * self.bound, line, at)

    def _newton(self, fits, bends, width, left):
        """Until no step would gain what may be left, with curvatures over about what the step before has moved."""
        strength, live, rounded = fits.strength.copy(), np.arange(len(fits)), self._rounded(fits, bends, width)
        now, reach, forests = rounded, np.full(rounded.low.shape, width), None
        for _ in range(_STEPS):
            self.work.add(_STEP + _OF_ENTRIES * live.size * self.ends.size * self.n_nodes)
            h = strength[live] @ self.ends.T
            conductance, slope = self.share * now.curvature(h, reach), self.share * now.slope(h)
            forests = self._forests(forests, conductance)
            over = forests.left_over(slope)
            gaps = -forests.gaps(conductance, over)
            falls = -(over * gaps).sum(axis=1)
            go = np.flatnonzero(falls > left[live])
            if not go.size or self.work.over:
                break
            if go.size < live.size:
                live, now, forests, h, gaps, falls = (part[go] for part in (live, now, forests, h, gaps, falls))
            moved = forests.across(gaps)
            short = _FAR / np.maximum(np.abs(moved).max(axis=1), _FAR)
            gaps, moved = short[:, None] * gaps, short[:, None] * moved
            step = self._along(now, h, moved, short * falls)[:, None]
            strength[live] += step * (forests.below @ gaps[..., None])[..., 0]
            reach = np.clip(np.abs(step * moved), _NEAR, _FAR)
        return replace(fits, strength=strength, hold=rounded.hold(strength @ self.ends.T))

    def _forests(self, before, weight):
        """The heaviest; those before as long as they serve."""
        if before is None:
            return heaviest(self.pairs.winner, self.pairs.loser, self.n_nodes, weight)
        stale = before.stale(weight)
        return before.put(stale, self._forests(None, weight[stale])) if stale.size else before

    def _along(self, rounded, h, moved, falls):
        """``(n_fits,)`` steps so far along a way that most of the slope is gone, which rises all the way."""
        step, low, high = np.ones(len(h)), np.zeros(len(h)), np.full(len(h), np.inf)
        going, tried = np.arange(len(h)), np.ones((len(h), 1))
        while going.size:
            there = h[going, None] + tried[..., None] * moved[going, None]
            slope = (self.share * rounded[going, None].slope(there)) @ moved[going, :, None]
            rises = slope[..., 0] > 0
            low[going] = np.maximum(low[going], np.where(rises, 0.0, tried).max(axis=1))
            high[going] = np.minimum(high[going], np.where(rises, tried, np.inf).min(axis=1))
            rows, best = np.arange(len(going)), np.abs(slope[..., 0]).argmin(axis=1)
            step[going] = tried[rows, best]
            on = (np.abs(slope[rows, best, 0]) > _TURNED * falls[going]) & (low[going] < _LONGEST)
            on &= high[going] - low[going] > _SHORTEST * high[going]
            going = going[on]
            between = low[going, None] + np.where(np.isinf(high), 0.0, high - low)[going, None] * _PARTS
            tried = np.where(np.isinf(high[going, None]), low[going, None] * _FURTHER, between)
        return step

    def _circulations(self, fits, bends):
        """What labels push beyond the straight lines of their pairs, near the fits."""
        low = self.share * np.where(np.isposinf(bends.high), -np.inf, -self.back)
        high = self.share * np.where(np.isneginf(bends.low), np.inf, 1 - self.back)
        slope = self._rounded(fits, bends, self.round).slope(fits.strength @ self.ends.T)
        flow = np.clip(-self.share * slope, low, high)
        room = np.minimum(flow - low, high - flow)
        room = np.where(np.isinf(room), self.share, np.maximum(room, _LEAST * self.share)) * bends.inner
        forests = self._forests(None, room)
        flow -= room * forests.across(forests.gaps(room, forests.left_over(flow)))
        return forests.circulations(np.clip(flow, low, high), low, high)

    def _most(self, fits, bends):
        self.work.add(_BOUND)
        push = self.back + self._circulations(fits, bends) / self.share
        free, tie, side, terms = self._least(push)
        up = side > 0
        off = np.where(up, np.isposinf(bends.high), np.isneginf(bends.low))  # it is decided to be on the other side
        least = np.where(off, tie, free)
        loss = (self.share * (least - _ROUNDING * terms)).sum(axis=1)
        cost = self.share * np.maximum(tie - least, 0.0)
        is_open = [state == OPEN for state in self.pairs.split(fits.state, RIGHT)]
        sides = is_open[0] & ~up, is_open[1] & up  # those inverted for free; the others of a pair cost what a tie does
        gain = np.where(up, *(np.where(one, gain, 0.0) for one, gain in zip(is_open, self.gains, strict=True)))
        base = (fits.state == INVERTED) @ self.weight + sides[0] @ self.gains[0] + sides[1] @ self.gains[1]
        room = self.level - loss
        weight, _, price = knapsack.divided(room, np.where(gain > 0, cost, 0.0), gain)
        weight = np.where(room < 0, -np.inf, weight + base)
        less = np.maximum(gain - price[:, None] * cost, -2 * self.weight.sum())  # more than there is
        ways = [np.where(one, g + np.maximum(-less, 0.0), less) for one, g in zip(sides, self.gains, strict=True)]
        less = np.where(fits.state == OPEN, self.pairs.joined(*ways), 0.0)
        return Most(weight, less, loss)

    def _least(self, push):
        """Of each pair over its share: the infimum, that of a tie, on which side the first is, and its terms' size."""
        part = np.clip(push, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            h = np.log1p(-part) - np.log(part)
        free, tie = entr(part) + entr(1 - part), softplus(-self.bound) + push * self.bound
        side = np.where(push < 0, np.inf, np.where(push > 1, -np.inf, h)) - self.bound
        return free, tie, side, free + softplus(-self.bound) + np.abs(push * self.bound)


@dataclass(frozen=True, eq=False)
class _Bends(Rows):
    """``(n_fits, n_pairs)`` between what each is held at its bend, over its share, and whether it is on a cycle."""

    low: np.ndarray
    high: np.ndarray
    inner: np.ndarray


@dataclass(frozen=True, eq=False)
class _Rounded(_Bends):
    """And how steeply it is held, from where; its straight line, and what it pushes at the bend."""

    rate: np.ndarray
    held: np.ndarray
    line: np.ndarray
    at: np.ndarray

    @cached_property
    def divided(self):
        """How much less, and more, labels push that are divided above the bend, and below."""
        return np.where(np.isinf(self.high), 0.0, self.high), np.where(np.isinf(self.low), 0.0, self.low)

    def hold(self, h):
        return np.where(self.inner, np.clip(self.rate * h + self.held, self.low, self.high), 0.0)

    def push(self, h):
        """On a straight line from the bend to the tangent's end."""
        (less, more), push = self.divided, expit(-h)
        return np.where(self.inner, np.clip(self.at, push + more, push + less), self.line)

    def slope(self, h):
        return self.line - self.push(h) + self.hold(h)

    def curvature(self, h, reach):
        """Between slopes so far to both sides."""
        push, hold = ([part(h + side) for side in (-reach, reach)] for part in (self.push, self.hold))
        between = (push[0] - push[1] + hold[1] - hold[0]) / (2 * reach)
        return np.where(self.inner, between + _RIDGE * np.minimum(push[0], 1 - push[1]) + _LEAST, 0.0)


def _tangent(bound, worth):
    """sigma(-t) of the tangents that are so much above softplus(-b) at b: D(b, t) = worth; 0 where none is."""

    def short(log_push):
        """Of the worth: the steeper the tangent, the less it is above."""
        push = np.exp(log_push)
        return worth - (softplus(-bound) + push * bound - entr(push) - entr(1 - push))

    log_push = roots.increasing(short, np.full(bound.shape, _SMALLEST), -softplus(bound), atol=_TANGENT)
    return np.where(worth < softplus(-bound), np.exp(log_push), 0.0)
