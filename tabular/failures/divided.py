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

The fits are Newton's, many at once. Bends are rounded off a little, about where the fit before had its pushes (the
method of multipliers), which leaves no error where these settle.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import entr, expit

from tabular.base import digraph, roots, tolerances
from tabular.base.log_space import softplus
from tabular.base.rows import Rows
from tabular.failures import knapsack

__all__ = ["INVERTED", "OPEN", "RIGHT", "Divided", "Fits", "Most"]

INVERTED, OPEN, RIGHT = 1, 0, -1
_ROUNDING = 8 * np.finfo(float).eps  # of the terms of a bound
_ROUND, _OF_SPAN = 0.3, 0.02  # nats over which a bend is rounded off, or of the widest margin that is asked for
_RIDGE, _PINNED = 1e-8, 1e-13  # of a label's share, curvature where it has none; and of all curvature, of a node
_FURTHEST = 1e3  # nats: no step is longer
_TURNED = 0.3  # of the slope at the start of a step: what may be left of it at its end
_SHORTEST, _LONGEST = 1e-6, 1e12  # of a step: how well it is known, and how long it grows
_STEPS = 100  # of one fit: bounds hold wherever it ends
_UNSEEN = 1e-16  # of the level: pushes that change nothing
_CLOSER = 1e-4  # of what may be left to fall: where the pushes are no circulation yet
_SMALLEST = -745.0  # the log of the least float


@dataclass(frozen=True, eq=False)
class Fits(Rows):
    """A row each.

    Attributes:
        state: ``(n_fits, n_labels)`` of INVERTED, OPEN, RIGHT.
        strength: ``(n_fits, n_nodes)``; hold: ``(n_fits, n_labels)`` what holds each label at its bend, of its share.
    """

    state: np.ndarray
    strength: np.ndarray
    hold: np.ndarray


@dataclass(frozen=True, eq=False)
class Most(Rows):
    """A row each.

    Attributes:
        weight: ``(n_fits,)`` no policy inverts more; inf where the pushes prove nothing, -inf where there is no policy.
        less: ``(n_fits, n_labels)`` how much less it is if an open label is right; minus that if it is inverted.
        price: ``(n_fits,)`` weight for a nat; 0 where all can be inverted.
        loss: ``(n_fits,)`` no policy has less.
    """

    weight: np.ndarray
    less: np.ndarray
    price: np.ndarray
    loss: np.ndarray


class Divided:
    """Labels, what each counts for, a loss level, and the price of a unit of weight, in nats.

    Args:
        winner, loser: ``(n_labels,)`` nodes from 0; share, bound: as in :mod:`tabular.failures.least_cost`.
        weight: ``(n_labels,)`` what each counts for; level: of the labels' part of the loss.
    """

    def __init__(self, winner, loser, share, bound, weight, level, price):
        self.winner, self.loser, self.share, self.bound = winner, loser, share, bound
        self.weight, self.level, self.price = weight, level, price
        self.n_nodes, each = int(max(winner.max(), loser.max())) + 1, np.arange(len(winner))
        self.ends = np.zeros((len(winner), self.n_nodes))
        self.ends[each, winner], self.ends[each, loser] = 1.0, -1.0
        self.stiff = np.clip(share.mean() / share, 1.0, 1e6)  # light labels are held against heavy ones
        self.round = max(_ROUND, _OF_SPAN * float(np.abs(bound).max()))
        beyond = _tangent(bound, price * weight / share)
        self.push, self.bend = expit(-bound), np.maximum(expit(-bound) - beyond, 0.0)
        with np.errstate(divide="ignore"):
            self.far = np.log1p(-beyond) - np.log(beyond)

    def first(self, strength, left) -> tuple[Fits, Most]:
        """With all labels open, from any strengths: bends are sharpened step by step."""
        state = np.zeros((1, len(self.winner)), dtype=np.int8)
        fits, wide = Fits(state, strength[None], np.zeros(state.shape)), 10 * max(np.abs(self.bound).max(), 1.0)
        for width in np.geomspace(wide, self.round, 2 + int(np.log10(wide / self.round))):
            fits = self._newton(fits, self.inner(state), width, np.full(1, left))
        return self.fit(fits, np.full(1, left))

    def fit(self, near: Fits, left) -> tuple[Fits, Most]:
        """From fits with a similar state; ``left`` is the loss that each may have left to fall."""
        inner, left = self.inner(near.state), left.copy()
        fits = self._newton(replace(near, hold=np.clip(near.hold, *self._limits(near.state))), inner, self.round, left)
        most = self.most(fits, inner)
        while (again := np.flatnonzero(np.isposinf(most.weight) & (left > tolerances.LOSS * self.level))).size:
            left[again] *= _CLOSER
            some = self._newton(fits[again], inner[again], self.round, left[again])
            fits, most = fits.put(again, some), most.put(again, self.most(some, inner[again]))
        return fits, most

    def most(self, fits, inner) -> Most:
        """What the fits' pushes say of all policies that decide like that."""
        push, proved = self._circulations(fits, inner)
        free, inverted, right, terms = self._least(push / self.share)
        is_open, held = fits.state == OPEN, fits.state == INVERTED
        least = np.where(is_open, free, np.where(held, inverted, right)) - _ROUNDING * terms
        loss = np.where(proved, (self.share * least).sum(axis=1), 0.0)
        cost = self.share * np.maximum(inverted - free - _ROUNDING * terms, 0.0)
        gain = np.where(is_open, self.weight, 0.0)
        room = np.where(proved, self.level - loss, 0.0)
        weight, less, price = knapsack.divided(room, np.where(is_open, cost, 0.0), gain)
        weight = np.where(room < 0, -np.inf, weight + held @ self.weight)
        return Most(np.where(proved, weight, np.inf), np.where(proved[:, None], less, 0.0), price, loss)

    def shares(self, fits):
        """``(n_fits, n_labels)`` how much of each label is inverted: 1 up to the bend, 0 from the tangent on."""
        h = self._margins(fits, self.inner(fits.state))
        beyond = np.where(np.isinf(h), 0.0, np.maximum(h - self.bound, 0.0))
        length = self.far - self.bound
        part = np.where(np.isinf(h), 0.0, 1 - np.minimum(beyond / np.maximum(length, np.finfo(float).tiny), 1.0))
        return np.where(fits.state == OPEN, part, fits.state == INVERTED)

    def off(self, fits):
        """``(n_fits,)`` how far a label is at most on the other side than decided, in nats."""
        inner = self.inner(fits.state)
        return (fits.state * np.where(inner, self._margins(fits, inner) - self.bound, 0.0)).max(axis=1)

    def inverted(self, fits):
        """``(n_fits, n_labels)`` masks of the labels that the fits' strengths invert, and of those at their bends."""
        inner = self.inner(fits.state)
        high = self._limits(fits.state)[1]
        bend = inner & (fits.hold > 0) & (fits.hold < high)
        return bend | (self._margins(fits, inner) <= self.bound), bend

    def inner(self, state):
        """``(n_fits, n_labels)`` of labels on cycles of pushes: from winners to losers, and back where it is held."""
        base = np.arange(len(state))[:, None] * self.n_nodes
        tail, head, held = base + self.winner, base + self.loser, state == INVERTED
        ends = np.r_[tail.ravel(), head[held]], np.r_[head.ravel(), tail[held]]
        block = connected_components(digraph.adjacency(base.size * self.n_nodes, *ends), connection="strong")[1]
        return block[tail] == block[head]

    def _margins(self, fits, inner):
        return np.where(inner, fits.strength[:, self.winner] - fits.strength[:, self.loser], np.inf)

    def _limits(self, state):
        """Of what holds a label at its bend, in shares."""
        high = np.where(state == OPEN, self.bend, np.where(state == INVERTED, np.inf, 0.0))
        return np.where(state == RIGHT, -np.inf, 0.0), high

    def _slopes(self, fits, inner, width):
        """Of each label over its share: slope, curvature, and what holds it."""
        h, (low, high) = self._margins(fits, inner), self._limits(fits.state)
        is_open, push, finite = fits.state == OPEN, expit(-h), np.where(inner, h, 0.0)
        rate = np.where(is_open, self.bend, self.stiff) / width
        hold = np.where(inner, np.clip(rate * (finite - self.bound) + fits.hold, low, high), 0.0)
        flat, beyond = is_open & (h > self.bound) & (h < self.far), is_open & inner & (h >= self.far)
        slope = np.where(flat, -self.push, -push - np.where(beyond, self.bend, 0.0)) + hold
        curvature = np.where(flat, 0.0, push * (1 - push)) + np.where((hold > low) & (hold < high), rate, 0.0) + _RIDGE
        return slope, np.where(inner, curvature, 0.0), hold

    def _newton(self, fits, inner, width, left):
        """Bends rounded off over so many nats: until no step would gain what may be left."""
        fits, live = replace(fits, strength=fits.strength.copy()), np.arange(len(fits))
        for _ in range(_STEPS):
            now, cycles = fits[live], inner[live]
            slope, curvature, _ = self._slopes(now, cycles, width)
            way = -self._potentials(self.share * curvature, self.share * slope)
            moved = way @ self.ends.T
            falls = -(self.share * slope * moved).sum(axis=1)
            go = np.flatnonzero(falls > left[live])
            if not go.size:
                break
            short = np.minimum(_FURTHEST / np.abs(moved[go]).max(axis=1), 1.0)
            live, steps = live[go], (short[:, None] * way[go], short[:, None] * moved[go], short * falls[go])
            fits.strength[live] = self._along(now[go], cycles[go], width, *steps)
        return replace(fits, hold=self._slopes(fits, inner, width)[2])

    def _potentials(self, conductance, flow):
        """``(n_fits, n_nodes)`` whose currents are what labels' flows leave at nodes; where nothing conducts, small."""
        laplacian = (self.ends.T * conductance[:, None, :]) @ self.ends
        size = np.trace(laplacian, axis1=1, axis2=2)[:, None, None] / self.n_nodes
        size = np.where(size > np.finfo(float).tiny, size, 1.0)
        matrix = laplacian / size + _PINNED * np.eye(self.n_nodes)
        return np.linalg.solve(matrix, (flow @ self.ends)[..., None] / size)[..., 0]

    def _along(self, fits, inner, width, way, moved, falls):
        """Strengths so far along a way that most of the slope is gone, which rises all the way."""
        step, low, high = np.ones(len(way)), np.zeros(len(way)), np.full(len(way), np.inf)
        while True:
            there = fits.strength + step[:, None] * way
            slope = (self.share * self._slopes(replace(fits, strength=there), inner, width)[0] * moved).sum(axis=1)
            low, high = np.where(slope <= 0, step, low), np.where(slope > 0, step, high)
            between = np.where(np.isinf(high), 2 * low, (low + high) / 2)
            going = (np.abs(slope) > _TURNED * falls) & (between - low > _SHORTEST * between) & (between < _LONGEST)
            if not going.any():
                return there
            step = np.where(going, between, step)

    def _circulations(self, fits, inner):
        """``(n_fits, n_labels)`` pushes near the fits', within their limits; and whether they are circulations."""
        held, right = fits.state == INVERTED, fits.state == RIGHT
        low, high = np.where(held, -np.inf, 0.0), np.where(right, np.inf, self.share)
        push = np.where(inner, np.clip(-self.share * self._slopes(fits, inner, self.round)[0], low, high), 0.0)
        for _ in range(2):  # what rounding left of the first correction is the second
            push = np.where(np.abs(push) > _UNSEEN * self.level, push, 0.0)
            room = np.where(held, np.inf, push)
            room = np.where(inner, np.minimum(room, np.where(right, np.inf, self.share - push)), 0.0)
            push = np.clip(push - room * (self._potentials(room, push) @ self.ends.T), low, high)
        return push, np.abs(push @ self.ends).sum(axis=1) <= tolerances.LOSS * np.abs(push).sum(axis=1)

    def _least(self, push):
        """Of each label over its share: the infimum on either side, inverted, right; and the size of its terms."""
        part = np.clip(push, 0.0, 1.0)
        with np.errstate(divide="ignore"):
            h = np.log1p(-part) - np.log(part)
        free, bent = entr(part) + entr(1 - part), softplus(-self.bound) + push * self.bound
        inverted = np.where((h <= self.bound) & (push >= 0), free, bent)
        right = np.where((h >= self.bound) & (push <= 1), free, bent)
        return free, inverted, right, free + softplus(-self.bound) + np.abs(push * self.bound)


def _tangent(bound, worth):
    """sigma(-t) of the tangents that are so much above softplus(-b) at b: D(b, t) = worth; 0 where none is."""

    def short(log_push):
        """Of the worth: the steeper the tangent, the less it is above."""
        push = np.exp(log_push)
        return worth - (softplus(-bound) + push * bound - entr(push) - entr(1 - push))

    log_push = roots.increasing(short, np.full(len(bound), _SMALLEST), -softplus(bound))
    return np.where(worth < softplus(-bound), np.exp(log_push), 0.0)
