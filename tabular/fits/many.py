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
``LOSS`` of it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import softplus

LARGEST = 1500  # responses: the factorisation is dense
STEEPEST = np.log(1e6)  # between the curvatures of a block: its factors leave the gradients few steps
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
    """A block whose fit is known, and the factors of its Hessian there."""

    def __init__(self, winner, loser, weight, offset, strength):
        n, n_edges = len(strength), len(winner)
        self.weight, self.offset, self.strength = weight[:, None], offset[:, None], strength
        ends, rows = np.column_stack([winner, loser]).ravel(), np.arange(0, 2 * n_edges + 1, 2)
        self.rise = csr_array((np.tile([1.0, -1.0], n_edges), ends, rows), shape=(n_edges, n))
        self.fall = csr_array(self.rise.T)
        self.touch = abs(self.fall)
        h = strength[winner] - strength[loser] - offset
        curvature = weight * expit(h) * expit(-h)
        self.even = n <= LARGEST and curvature.min() * np.exp(STEEPEST) >= curvature.max() > 0
        self.cost = float(weight @ softplus(-h))
        if self.even:
            hessian = (self.fall @ (curvature[:, None] * self.rise.toarray())) if n_edges else np.zeros((n, n))
            self.inverse = np.linalg.inv(hessian + hessian.trace() / n**2)  # of a constant it may make what it likes
            self.inverse -= self.inverse.mean(axis=0)

    def resistance(self, winner, loser):
        """``a'H+a`` of each pair: how far its difference moves for one unit of push."""
        inverse = self.inverse
        return inverse[winner, winner] + inverse[loser, loser] - inverse[winner, loser] - inverse[loser, winner]

    def held(self, winner, loser, difference, start=None) -> Fits:
        """The fits with ``strength[winner] - strength[loser]`` held, one copy for each of the three arrays' entries.

        ``start``, ``(n_nodes, n_copies)``, are strengths that may be near; they only save time.

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
        return self._in_batches(lambda part: _Copies(self, winner[part], loser[part], pull[:, part]), start)

    def _in_batches(self, copies, start):
        size = max(1, _ENTRIES // max(len(self.weight), 1))
        parts = [slice(first, first + size) for first in range(0, start.shape[1], size)]
        found = [copies(part).descend(start[:, part]) for part in parts]
        return Fits(*(np.concatenate(columns, axis=-1) for columns in zip(*found, strict=True)))


class _Copies:
    """Copies of a block, a column each; ``pull`` is what spreads the held difference over the nodes."""

    def __init__(self, block, winner, loser, pull):
        self.block, self.winner, self.loser, self.pull = block, winner, loser, pull

    def take(self, columns):
        return _Copies(self.block, self.winner[columns], self.loser[columns], self.pull[:, columns])

    def descend(self, s):
        """Strengths, costs, pushes and whether they are fits."""
        n_copies = s.shape[1]
        s, before, stalled = s.copy(), np.full(n_copies, np.inf), np.zeros(n_copies, dtype=np.int64)
        moving, copies, accuracy = np.arange(n_copies), self, np.full(n_copies, 1e-2)
        while moving.size:
            d, loss = copies.newton(s[:, moving], accuracy[moving])
            reach = np.abs(self.block.rise @ d).max(axis=0, initial=0.0)
            damping = np.where(reach > 0, np.log1p(reach) / np.where(reach > 0, reach, 1.0), 1.0)
            s[:, moving] += damping * d
            accuracy[moving] = np.clip(reach, 1e-8, 1e-2)
            stalled[moving] += loss >= before[moving]
            before[moving] = np.minimum(loss, before[moving])
            left = (reach > tolerances.NEWTON_STEP) & (stalled[moving] < 2)
            if not left.all():
                moving, copies = moving[left], copies.take(left)
        return (s, *self.checked(s))

    def newton(self, s, accuracy):
        """Newton's direction, to a relative accuracy of each copy, and the loss where it starts."""
        block = self.block
        h = block.rise @ s - block.offset
        push = block.weight * expit(-h)
        curvature, left = push * expit(h), block.fall @ push
        loss = (block.weight * softplus(-h)).sum(axis=0)
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
        """Cost, push in the held difference, and whether each node's own Newton step is rounding."""
        block, columns = self.block, np.arange(s.shape[1])
        h = block.rise @ s - block.offset
        push = block.weight * expit(-h)
        net, bend = block.fall @ push, block.touch @ (push * expit(h))
        cost, ends = (block.weight * softplus(-h)).sum(axis=0), ([self.winner, columns], [self.loser, columns])
        held = (net[*ends[0]] - net[*ends[1]]) / 2
        both = net[*ends[0]] + net[*ends[1]], bend[*ends[0]] + bend[*ends[1]]
        for end in ends:  # they move as one
            net[*end], bend[*end] = both
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.abs(net) / bend
        unknown = np.abs(net).sum(axis=0) * (np.ptp(s, axis=0) + self._width(s))
        return cost, held, (step <= tolerances.BALANCED).all(axis=0) | (unknown <= tolerances.LOSS * cost)

    def _width(self, s):
        """What the levels of a minimiser cannot be further apart than."""
        block = self.block
        steep = np.log(block.weight.max() / block.weight.min()) + 2 * np.abs(block.offset).max(initial=0.0)
        columns = np.arange(s.shape[1])
        difference = np.abs(s[self.winner, columns] - s[self.loser, columns])
        return difference + len(s) * (steep + np.log(2 * len(block.weight)))
