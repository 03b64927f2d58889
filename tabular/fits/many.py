r"""Many fits of one block that differ in the difference that is held: one factorisation serves all.

The block's fit :math:`s^0` has the Hessian :math:`H_0=\sum_ec_eA_eA_e^{\mathsf T}`, :math:`A_e=e_w-e_l`. Hold
:math:`a^{\mathsf T}s=t`, a one of the differences. To first order the minimiser moves along :math:`H_0^+a`, so
:math:`s^0+(t-a^{\mathsf T}s^0)H_0^+a/(a^{\mathsf T}H_0^+a)` is a start that meets the constraint, and every Newton step
from there solves :math:`Hd=b-\mu a,\ a^{\mathsf T}d=0` by conjugate gradients in the metric of :math:`H_0`, projected
(Gould, Hribar and Nocedal 2001). A held difference changes the curvature of few labels by much, so that few steps do.
All copies move together, one column each.

A direction d of conjugate gradients, however early they stop, has :math:`d^{\mathsf T}Hd=d^{\mathsf T}b`, which is all
that the damping of :mod:`tabular.fits.block_solvers` asks: every step lowers the loss. In exact arithmetic the
gradients end after n steps. The descent ends with the step that moves no margin by more than
``tolerances.NEWTON_STEP``, or when the loss has not fallen twice: then rounding rules, and the residual says what is
known.

**What counts as fitted.** A copy in which every node's own Newton step is below ``BALANCED``; or one whose cost is
right although some levels are soft (two equal cuts far apart leave what lies between them almost free). By convexity
:math:`f(s)-f(s^*)\le\sum_y|b_y|\,|s_y-s^*_y|`, b the pushes left unbalanced, and levels that are next to each other
at the optimum are at most :math:`|t|+\mathtt{steep}+\log 2m` apart (:mod:`tabular.fits.tree_cuts`): n times that, and
the width of s, bound the distance once one node of both is put at 0. The cost is right where the bound is below
``LOSS`` of it. An inverted label pushes with its whole weight but for a little; the two are summed apart, whole numbers
exactly, so that the pushes left of a soft node are not the rounding of those that cancel there.

**Labels between blocks** are not fitted, until a held difference joins the blocks of its two nodes, and all between,
into one: such a copy has labels of its own, and what the factors hold of them is a quarter of their weights.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import softplus

LARGEST = 1500  # responses: the factorisation is dense
STEEPEST = np.log(1e6)  # between the curvatures of a block: its factors leave the gradients few steps
_FAR = 1e150  # nats: products of longer steps leave the floats
_ENTRIES = 400_000  # of a matrix with a row a label and a column a copy


@dataclass(frozen=True, eq=False)
class Fits:
    """What became of each copy.

    Attributes:
        strength: ``(n_nodes, n_copies)``.
        cost: ``(n_copies,)`` the loss; push: ``(n_copies,)`` minus its derivative in the held difference.
        fitted: ``(n_copies,)`` whether the score equations hold to rounding; where not, nothing else means anything.
    """

    strength: np.ndarray
    cost: np.ndarray
    push: np.ndarray
    fitted: np.ndarray


class Block:
    """Nodes whose fit is known, block by block, and factors of its Hessian there.

    ``inner`` masks the labels inside blocks, all by default.
    """

    def __init__(self, winner, loser, weight, offset, strength, inner=None):
        n, n_edges = len(strength), len(winner)
        inner = np.ones(n_edges, dtype=bool) if inner is None else inner
        self.weight, self.offset, self.strength = weight[:, None], offset[:, None], strength
        self.inner, self.whole = inner[:, None], _whole(weight)[:, None]
        ends, rows = np.column_stack([winner, loser]).ravel(), np.arange(0, 2 * n_edges + 1, 2)
        self.rise = csr_array((np.tile([1.0, -1.0], n_edges), ends, rows), shape=(n_edges, n))
        self.fall = csr_array(self.rise.T)
        self.touch = abs(self.fall)
        h = strength[winner] - strength[loser] - offset
        curvature = weight * np.where(inner, expit(h) * expit(-h), 0.25)
        within = curvature[inner]
        self.even = n <= LARGEST and bool(within.min(initial=1) * np.exp(STEEPEST) >= within.max(initial=0))
        self.even &= curvature.min(initial=1) > 0
        self.cost = float(weight[inner] @ softplus(-h[inner]))
        if self.even:
            hessian = (self.fall @ (curvature[:, None] * self.rise.toarray())) if n_edges else np.zeros((n, n))
            self.inverse = np.linalg.inv(hessian + hessian.trace() / n**2)  # of a constant it may make what it likes
            self.inverse -= self.inverse.mean(axis=0)

    def resistance(self, winner, loser):
        """``a'H+a`` of each pair: how far its difference moves for one unit of push."""
        inverse = self.inverse
        return inverse[winner, winner] + inverse[loser, loser] - inverse[winner, loser] - inverse[loser, winner]

    def held(self, winner, loser, difference, start=None, drawn=None) -> Fits:
        """The fits with ``strength[winner] - strength[loser]`` held, one copy for each of the three arrays' entries.

        ``start``, ``(n_nodes, n_copies)``, are strengths that may be near; they only save time. ``drawn``,
        ``(n_edges, n_copies)``, masks the labels that are inside blocks once the difference is held.

        >>> block = Block(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 1.0]), np.zeros(2), np.log([3.0, 1.0]) / 2)
        >>> fits = block.held(np.array([0]), np.array([1]), np.array([0.0]))
        >>> fits.cost.round(6).tolist(), fits.push.round(6).tolist(), fits.fitted.tolist()  # 4 log 2, 3/2 - 1/2
        ([2.772589], [1.0], [True])
        """
        pull = self.inverse[:, winner] - self.inverse[:, loser]
        pull /= self.resistance(winner, loser)
        start = np.broadcast_to(self.strength[:, None], pull.shape) if start is None else start
        columns = np.arange(len(winner))
        start = start + pull * (difference - (start[winner, columns] - start[loser, columns]))
        drawn = self.inner if drawn is None else drawn
        return self._in_batches(_Copies(self, winner, loser, pull, drawn), start)

    def _in_batches(self, copies, start):
        size = max(1, _ENTRIES // max(len(self.weight), 1))
        parts = [slice(first, first + size) for first in range(0, start.shape[1], size)]
        found = [copies.take(part).descend(start[:, part]) for part in parts]
        return Fits(*(np.concatenate(columns, axis=-1) for columns in zip(*found, strict=True)))


class _Copies:
    """Copies of a block, a column each; ``pull`` is what spreads the held difference over the nodes."""

    def __init__(self, block, winner, loser, pull, drawn):
        self.block, self.winner, self.loser, self.pull, self.drawn = block, winner, loser, pull, drawn
        self.weight = np.where(drawn, block.weight, 0.0)

    def take(self, columns):
        drawn = self.drawn if self.drawn.shape[1] == 1 else self.drawn[:, columns]
        return _Copies(self.block, self.winner[columns], self.loser[columns], self.pull[:, columns], drawn)

    def descend(self, s):
        """Strengths, costs, pushes and whether they are fits."""
        n_copies = s.shape[1]
        s, before, stalled = s.copy(), np.full(n_copies, np.inf), np.zeros(n_copies, dtype=np.int64)
        moving, copies, accuracy = np.arange(n_copies), self, np.full(n_copies, 1e-2)
        while moving.size:
            with np.errstate(over="ignore", invalid="ignore"):
                d, loss = copies.newton(s[:, moving], accuracy[moving])
            held = np.abs(d).max(axis=0) < _FAR  # further apart curvatures underflow: no fit
            d = np.where(held, d, 0.0)
            reach = np.abs(copies.drawn * (self.block.rise @ d)).max(axis=0, initial=0.0)
            damping = np.where(reach > 0, np.log1p(reach) / np.where(reach > 0, reach, 1.0), 1.0)
            s[:, moving] += damping * d
            accuracy[moving] = np.clip(reach, 1e-8, 1e-2)
            stalled[moving] += loss >= before[moving]
            before[moving] = np.minimum(loss, before[moving])
            left = (reach > tolerances.NEWTON_STEP) & (stalled[moving] < 2)
            if not left.all():
                moving, copies = moving[left], copies.take(left)
        return self.polished(s)

    def polished(self, s):
        """Full steps as long as they halve what a node would still move by, and what they end in."""
        *found, step, fitted = self.checked(s)
        moving = np.flatnonzero(~fitted)
        while moving.size:
            copies = self.take(moving)
            new = s[:, moving] + copies.newton(s[:, moving], np.full(moving.size, 1e-8))[0]
            cost, push, left, there = copies.checked(new)
            better = left < step[moving] / 2
            kept = moving[better]
            s[:, kept], found[0][kept], found[1][kept] = new[:, better], cost[better], push[better]
            step[kept], fitted[kept] = left[better], there[better]
            moving = moving[better & ~there]
        return s, *found, fitted

    def pushes(self, s):
        """What is left of the pushes at each node, the curvature of each label, and the loss."""
        block = self.block
        h = block.rise @ s - block.offset
        small = self.weight * expit(-np.abs(h))
        inverted = np.where((h < 0) & self.drawn, block.whole, 0.0)
        net = block.fall @ np.where(h < 0, -small, small) + (block.fall @ inverted) * (block.weight[0] / block.whole[0])
        return net, small * expit(np.abs(h)), (self.weight * softplus(-h)).sum(axis=0)

    def newton(self, s, accuracy):
        """Newton's direction, to a relative accuracy of each copy, and the loss where it starts."""
        block = self.block
        left, curvature, loss = self.pushes(s)
        d, (left, scaled) = np.zeros_like(s), self._scaled(left)
        along, energy = scaled, np.einsum("ij,ij->j", left, scaled)
        enough = np.square(accuracy) * energy
        for _ in range(len(s)):  # in exact arithmetic they are done after as many steps
            rise = block.rise @ along
            bend = np.einsum("ij,ij,ij->j", curvature, rise, rise)
            active = (energy > enough) & (bend > 0)
            if not active.any():
                break
            length = np.where(active, energy / np.where(active, bend, 1.0), 0.0)
            d += length * along
            left, scaled = self._scaled(left - length * (block.fall @ (curvature * rise)))
            before, energy = energy, np.where(active, np.einsum("ij,ij->j", left, scaled), energy)
            along = scaled + np.where(active, energy / np.where(before > 0, before, 1.0), 0.0) * along
        return d, loss

    def _scaled(self, residual):
        """A residual less its multiplier's share, and its step in the metric of the block's own Hessian."""
        scaled = self.block.inverse @ residual
        columns = np.arange(residual.shape[1])
        apart = scaled[self.winner, columns] - scaled[self.loser, columns]
        residual = residual.copy()
        multiplier = apart / self.block.resistance(self.winner, self.loser)
        residual[self.winner, columns] -= multiplier
        residual[self.loser, columns] += multiplier
        return residual, scaled - self.pull * apart

    def checked(self, s):
        """Cost, push in the held difference, each copy's largest Newton step of a node, and whether it is rounding."""
        block, columns = self.block, np.arange(s.shape[1])
        net, curvature, cost = self.pushes(s)
        bend, ends = block.touch @ curvature, ([self.winner, columns], [self.loser, columns])
        held = (net[*ends[0]] - net[*ends[1]]) / 2
        both = net[*ends[0]] + net[*ends[1]], bend[*ends[0]] + bend[*ends[1]]
        for end in ends:  # they move as one
            net[*end], bend[*end] = both
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(net == 0, 0.0, np.abs(net) / bend).max(axis=0)
        unknown = np.abs(net).sum(axis=0) * (np.ptp(s, axis=0) + self._width(s))
        return cost, held, step, (step <= tolerances.BALANCED) | (unknown <= tolerances.LOSS * cost)

    def _width(self, s):
        """What the levels of a minimiser cannot be further apart than."""
        block = self.block
        steep = np.log(block.weight.max() / block.weight.min()) + 2 * np.abs(block.offset).max(initial=0.0)
        columns = np.arange(s.shape[1])
        difference = np.abs(s[self.winner, columns] - s[self.loser, columns])
        return difference + len(s) * (steep + np.log(2 * len(block.weight)))


def _whole(weight):
    """Weights over the least of them as whole numbers where they are such, else as they are."""
    ratio = weight / weight.min() if len(weight) else weight
    whole = np.round(ratio)
    return whole if (np.abs(ratio - whole) <= tolerances.WHOLE * whole).all() else weight
