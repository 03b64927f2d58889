r"""Many fits of one block that differ in the difference that is held: one factorisation serves all.

The block's fit :math:`s^0` has the Hessian :math:`H_0=\sum_ec_eA_eA_e^{\mathsf T}`, :math:`A_e=e_w-e_l`. Hold
:math:`a^{\mathsf T}s=t`, a one of the differences. To first order the minimiser moves along :math:`H_0^+a`, so
:math:`s^0+(t-a^{\mathsf T}s^0)H_0^+a/(a^{\mathsf T}H_0^+a)` is a start that meets the constraint, and every Newton step
from there solves :math:`Hd=b-\mu a,\ a^{\mathsf T}d=0` by conjugate gradients in a metric, projected (Gould, Hribar and
Nocedal 2001): that of :math:`S^{-1}H_0S^{-1}`, which S, a diagonal, gives the diagonal of H, as nodes that are torn off
lose their curvature; the two held ones move as one. Else few labels change theirs by much, so that few steps do. All
copies move together, one column each. The same serves fits that differ in their offsets, with nothing held.

A direction d of conjugate gradients, however early they stop, has :math:`d^{\mathsf T}Hd=d^{\mathsf T}b`, which is all
that the damping of :mod:`tabular.fits.block_solvers` asks: every step lowers the loss. So does, by the same bound
integrated, a whole one that moves no margin by more than R = 1/2: by 0.4 of what its slope promises at least,
:math:`1-(e^R-R-1)/R^2`, and it leaves less. Where only exponential tails are left to be balanced Newton moves them by
1 nat, and many of these are one way: a long step is doubled as long as the loss still falls at its end, which by
convexity it did all along. In exact arithmetic the gradients end after n steps; where labels have lost their curvature
they crawl, and after some steps factors of the copy's own Hessian go on, as far along as the quadratic is least, which
keeps :math:`d^{\mathsf T}Hd=d^{\mathsf T}b`, where that promises more. The descent ends with the step that moves no
margin by more than ``tolerances.NEWTON_STEP``, or when neither the loss nor the length of the step has fallen twice:
then rounding rules, or labels have lost their curvature and Newton crawls, which is for the cuts; the residual says
what is known. Where only the loss is asked for, it ends when a step, by the same measure, leaves less than may be left.

**What counts as told.** The loss of a copy that a tree proves to be above its least by no more than rounding. What a
node that is torn off has left of pushes, all one way, is often more than one label of a tree can deliver: then half of
what rounding allows is spent on labels that give up their shares, the softest first.

**What counts as fitted.** A copy that :mod:`tabular.fits.tree_bound` proves to be as near to its optimum as a step of
``BALANCED`` at its most curved label. Any tree serves: first that of the block's own largest curvatures, then one whose
leaves that one has inside, as nothing can be delivered through a node that is torn off; then that of the copy's. An
inverted label pushes with its whole weight but for a little; the two are summed apart, whole numbers exactly, so that
the pushes left of a soft node are not the rounding of those that cancel there.

**Labels between blocks** are not fitted, until a held difference joins the blocks of its two nodes, and all between,
into one: such a copy has labels of its own, and what the factors hold of them is a quarter of their weights.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import softplus
from tabular.fits import laplacian
from tabular.fits.tree_bound import Tree, distance

__all__ = ["LARGEST", "LEVEL", "Block", "Fits"]

LARGEST = 1500  # responses: the factorisation is dense
_STEEPEST = 1e6  # between curvatures that one metric serves: steps of gradients stay few, and margins keep 10 digits
_OFF = 1e-10  # nats of a margin
_WHOLE = 0.5  # nats: steps up to there are taken whole
_LONG = 0.5  # nats: steps from which on a longer one is tried
_FAR = 1e150  # nats: products of longer steps leave the floats
LEVEL = np.finfo(float).tiny  # of loss that may be left: no more than rounding
_ROUNDING = 2 * np.finfo(float).eps  # of the loss
_ROUGH, _SHARP = 1e-2, 1e-8  # relative accuracies of Newton's direction: no more than the length of the step is worth
_KEPT = 50.0  # of the length of a step, or the accuracy of its direction: that share of its way is left, or less
_LEFT = 0.7  # of the copies: when no more of them need further gradients, the others are put aside
_ENTRIES = 200_000  # of a matrix with a row a label and a column a copy: it stays near the processor
_INSIDE = 1e-2  # of its curvature counts of a label for each end that a tree had inside: the next one goes round it
_CRAWLING = 40  # steps of gradients, one by one as long as factors of a copy's own Hessian take


@dataclass(frozen=True, eq=False)
class Fits:
    """What became of each copy.

    Attributes:
        strength: ``(n_nodes, n_copies)``.
        cost: ``(n_copies,)`` the loss; push: ``(n_copies,)`` minus its derivative in the held difference.
        step: ``(n_copies,)`` the largest Newton step, in nats, that a node alone would still take.
        fitted: ``(n_copies,)`` whether the score equations hold to rounding; where not, nothing else means anything.
        told: ``(n_copies,)`` whether the loss at least is the optimum's to rounding, wherever softer directions end.
    """

    strength: np.ndarray
    cost: np.ndarray
    push: np.ndarray
    step: np.ndarray
    fitted: np.ndarray
    told: np.ndarray


class Block:
    """Nodes whose fit is known, block by block, and factors of its Hessian there.

    ``inner`` masks the labels inside blocks, all by default. Its factors serve where curvatures are no more than a
    factor of 1e6 apart, those of all labels, or of a tree that keeps it ``connected``.
    """

    def __init__(self, winner, loser, weight, offset, strength, inner=None, connected=False):
        n, n_edges = len(strength), len(winner)
        inner = np.ones(n_edges, dtype=bool) if inner is None else inner
        self.winner, self.loser, self.strength = winner, loser, strength
        self.weight, self.offset = weight[:, None], offset[:, None]
        self.inner, self.whole = inner[:, None], _whole(weight)[:, None]
        ends, rows = np.column_stack([winner, loser]).ravel(), np.arange(0, 2 * n_edges + 1, 2)
        self.rise = csr_array((np.tile([1.0, -1.0], n_edges), ends, rows), shape=(n_edges, n))
        self.fall = csr_array(self.rise.T)
        self.touch = abs(self.fall)
        h = strength[winner] - strength[loser] - offset
        curvature = weight * np.where(inner, expit(h) * expit(-h), 0.25)
        if connected:
            label = self.tree[0]
            told, holding = len(label) == n - 1, curvature[label]
        else:
            told, holding = bool(curvature.min(initial=1) > 0), curvature[inner]
        least, most = holding.min(initial=1), curvature[inner].max(initial=0)
        self.even = n <= LARGEST and told and bool(least > 0 and least * _STEEPEST >= most)
        self.cost = float(weight[inner] @ softplus(-h[inner]))
        if self.even:
            hessian = laplacian.dense(n, winner, loser, curvature)
            self.inverse = np.linalg.inv(hessian + hessian.trace() / n**2)  # of a constant it may make what it likes
            self.inverse -= self.inverse.mean(axis=0)
            self.degree = hessian.diagonal()[:, None]

    @cached_property
    def tree(self):
        """The labels of the tree of the largest curvatures at the fit, and what each delivers of the push at a node."""
        return self._spanned(self._curvature)

    @cached_property
    def turned(self):
        """The same of a tree whose leaves are inside the first one, where labels allow it.

        A copy's node that is torn off has no curvature left to deliver through: in one of the two it is a leaf.
        """
        label = self.tree[0]
        inside = np.bincount(np.r_[self.winner[label], self.loser[label]], minlength=len(self.strength)) > 1
        return self._spanned(self._curvature * _INSIDE ** (inside[self.winner].astype(int) + inside[self.loser]))

    @property
    def _curvature(self):
        h = (self.rise @ self.strength) - self.offset[:, 0]
        return self.weight[:, 0] * expit(h) * expit(-h)

    def _spanned(self, curvature):
        tree = Tree(len(self.strength), self.winner, self.loser, curvature, 0)
        below = tree.label >= 0
        return tree.label[below], tree.cuts()[below]

    def resistance(self, winner, loser):
        """``a'H+a`` of each pair: how far its difference moves for one unit of push."""
        inverse = self.inverse
        return inverse[winner, winner] + inverse[loser, loser] - inverse[winner, loser] - inverse[loser, winner]

    def steepest(self, winner, loser):
        """What pushes at most as the winner falls below, or the loser rises above, all others: for each of the two."""
        n, weight = len(self.strength), np.where(self.inner, self.weight, 0.0)[:, 0]
        won, lost = (np.bincount(end, weight, n) for end in (self.winner, self.loser))
        return won[winner], lost[loser]

    def strained(self, winner, loser, difference):
        """Strengths near the fits with a difference held: the end that has less to hold it goes alone, once it is torn.

        Of a loss like ``ax^2/(1 + bx)``, a parabola and then a line as steep as what holds that end, the push moves the
        others by its share of their resistance, and the rest of x is the end's.
        """
        fall = np.maximum(self.strength[winner] - self.strength[loser] - difference, 0.0)
        held, resistance = np.array(self.steepest(winner, loser)), self.resistance(winner, loser)
        bx = fall / (2 * resistance * held.min(axis=0))
        together = fall * (1 + bx / 2) / np.square(1 + bx)
        strength = self.strength[:, None] - (self.inverse[:, winner] - self.inverse[:, loser]) * (together / resistance)
        lower, columns = held[0] <= held[1], np.arange(len(winner))
        strength[np.where(lower, winner, loser), columns] += np.where(lower, together - fall, fall - together)
        return strength

    def held(self, winner, loser, difference, start=None, joined=None, spare=0.0, near=_ROUGH) -> Fits:
        """The fits with ``strength[winner] - strength[loser]`` held, one copy for each of the three arrays' entries.

        ``start``, ``(n_nodes, n_copies)``, are strengths that may be near; they only save time. ``joined``,
        ``(n_nodes, n_copies)``, masks the nodes of the blocks that the held difference makes one: the others stay.
        ``spare``, for each copy, is the loss that may be left to fall: none for a fit, ``LEVEL`` where only the loss is
        told, to rounding, more for a policy that is near. ``near`` is how long a step may be needed, in nats.

        >>> block = Block(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 1.0]), np.zeros(2), np.log([3.0, 1.0]) / 2)
        >>> fits = block.held(np.array([0]), np.array([1]), np.array([0.0]))
        >>> fits.cost.round(6).tolist(), fits.push.round(6).tolist(), fits.fitted.tolist()  # 4 log 2, 3/2 - 1/2
        ([2.772589], [1.0], [True])
        """
        pull = self.inverse[:, winner] - self.inverse[:, loser]
        columns, drawn = np.arange(len(winner)), self.inner
        if joined is not None:
            pull, drawn = np.where(joined, pull, 0.0), drawn | (joined[self.winner] & joined[self.loser])
        pull /= pull[winner, columns] - pull[loser, columns]
        if start is None:
            alone = np.broadcast_to(self.strength[:, None], pull.shape)
            start = self.strained(winner, loser, difference) if joined is None else alone
        start = start + pull * (difference - (start[winner, columns] - start[loser, columns]))
        spare = np.broadcast_to(spare, winner.shape)
        copies = _Copies(self, winner, loser, pull, drawn, joined)
        return Fits(*copies.descend(start, spare, np.broadcast_to(near, winner.shape)))

    def freely(self, offset, start) -> Fits:
        """The fits with nothing held and other offsets, ``(n_labels, n_copies)``, from strengths near them.

        Of those that are ``fitted`` no margin is off by more than 1e-10, which a tree proves; rounding leaves far less.

        >>> block = Block(np.array([0, 1]), np.array([1, 0]), np.array([3.0, 1.0]), np.zeros(2), np.log([3.0, 1.0]) / 2)
        >>> fits = block.freely(np.array([[0.0, 0.1], [0.0, -0.1]]), np.zeros((2, 2)))
        >>> (fits.strength[0] - fits.strength[1]).round(6).tolist(), fits.fitted.tolist()  # log 3, and 0.1 more
        ([1.098612, 1.198612], [True, True])
        """
        none, pull = np.zeros(offset.shape[1], dtype=np.int64), np.zeros_like(start)
        copies = _Copies(self, none, none, pull, self.inner, None, offset, _OFF)
        return Fits(*copies.descend(start, np.zeros(len(none)), np.full(len(none), _SHARP)))


class _Copies:
    """Copies of a block, a column each; ``pull`` is what spreads the held difference over the nodes.

    Where nothing is held, winner and loser are the first node, and nothing is pulled. ``offset``, by default the
    block's, has a row a label. ``off`` is what margins of a fit may be off, in nats.
    """

    def __init__(self, block, winner, loser, pull, drawn, joined=None, offset=None, off=np.inf):
        self.block, self.winner, self.loser, self.pull, self.drawn, self.off = block, winner, loser, pull, drawn, off
        self.joined, self.offset = joined, block.offset if offset is None else offset
        self.weight, self.whole = np.where(drawn, block.weight, 0.0), np.where(drawn, block.whole, 0.0)
        self.ends = (winner, columns := np.arange(len(winner))), (loser, columns)

    def take(self, columns):
        drawn = self.drawn if self.drawn.shape[1] == 1 else self.drawn[:, columns]
        joined = None if self.joined is None else self.joined[:, columns]
        offset = self.offset if self.offset.shape[1] == 1 else self.offset[:, columns]
        ends = self.winner[columns], self.loser[columns]
        return _Copies(self.block, *ends, self.pull[:, columns], drawn, joined, offset, self.off)

    def parts(self):
        """Slices of the columns, each of so few that its matrices stay near the processor, and these copies."""
        size = max(1, _ENTRIES // max(len(self.block.weight), 1))
        for first in range(0, len(self.winner), size):
            part = np.arange(first, min(first + size, len(self.winner)))
            yield part, self.take(part)

    def descend(self, s, spare, near):
        """Strengths, costs, pushes and whether they are fits."""
        n_copies = s.shape[1]
        s, stalled, (before, longest) = s.copy(), np.zeros(n_copies, dtype=np.int64), np.full((2, n_copies), np.inf)
        moving, copies, accuracy = np.arange(n_copies), self, np.clip(near, _SHARP, _ROUGH)
        difference = self.apart(s)
        while moving.size:
            loss, promised, reach = np.empty((3, moving.size))
            for part, some in copies.parts():
                mine = moving[part]
                s[:, mine], loss[part], promised[part], reach[part] = some.step(
                    s[:, mine], accuracy[mine], difference[mine]
                )
            kept = promised * np.square(np.minimum(_KEPT * np.maximum(accuracy[moving], reach), 1.0))
            accuracy[moving] = np.clip(reach, _SHARP, _ROUGH)
            stalled[moving] += (loss >= before[moving]) & (reach >= longest[moving])
            before[moving], longest[moving] = np.minimum(loss, before[moving]), np.minimum(reach, longest[moving])
            allowed = np.maximum(spare[moving], _ROUNDING * loss)
            longer = np.where(spare[moving] > 0, kept > allowed, reach > tolerances.NEWTON_STEP)  # nan is not
            left = longer & (stalled[moving] < 2)
            if not left.all():
                moving, copies = moving[left], copies.take(left)
        return self.polished(s, spare)

    def step(self, s, accuracy, difference):
        """Strengths after a damped step, the loss before it, what the step promised of it, and its length."""
        d, along, loss, promised = self.newton(s, accuracy)
        reach = np.abs(along).max(axis=0, initial=0.0)
        length = np.where(reach > _WHOLE, np.log1p(reach) / np.maximum(reach, _WHOLE), 1.0)
        several = np.flatnonzero((reach > _LONG) & (reach < _FAR))
        if several.size:
            length[several] = self.take(several)._stride(s[:, several], along[:, several], length[several])
        s = s + length * d
        s += self.pull * (difference - self.apart(s))  # what long steps lose of it
        return s, loss, promised, reach

    def _stride(self, s, along, length):
        """A step is doubled as long as the loss falls at its end: in the tail of an exponential Newton crawls."""
        h, growing = self.block.rise @ s - self.offset, np.arange(len(length))
        while growing.size:
            with np.errstate(over="ignore", invalid="ignore"):
                end = h[:, growing] + 2 * length[growing] * along[:, growing]
                pull = self.take(growing).weight * along[:, growing] / (1 + np.exp(end))
                growing = growing[pull.sum(axis=0) > 2 * _ROUNDING * np.maximum(-pull, 0.0).sum(axis=0)]
            length[growing] *= 2
        return length

    @staticmethod
    def _far(found, spare):
        """How far copies are from what is asked of them, which is up to 1."""
        cost, _, unbalanced, _, above = found
        asked = np.where(spare == LEVEL, above / (_ROUNDING * np.maximum(cost, np.finfo(float).tiny)), unbalanced)
        return np.where(spare <= LEVEL, asked, 0.0)

    def apart(self, s):
        """The held difference."""
        return s[self.ends[0]] - s[self.ends[1]]

    def polished(self, s, spare):
        """Full steps as long as they halve what is unbalanced, and what they end in."""
        checked = [some.checked(s[:, part], spare[part]) for part, some in self.parts()]
        found = tuple(np.concatenate(columns) for columns in zip(*checked, strict=True))
        moving = np.flatnonzero(self._far(found, spare) > 1)
        while moving.size:
            copies = self.take(moving)
            new = s[:, moving] + copies.newton(s[:, moving], np.full(moving.size, _SHARP))[0]
            there = copies.checked(new, spare[moving])
            better = self._far(there, spare[moving]) < self._far(found, spare)[moving] / 2
            kept = moving[better]
            s[:, kept] = new[:, better]
            for old, fresh in zip(found, there, strict=True):
                old[kept] = fresh[better]
            moving = moving[better & (self._far(there, spare[moving]) > 1)]
        cost, push, unbalanced, step, above = found
        return s, cost, push, step, unbalanced <= 1, above <= _ROUNDING * cost

    def pushes(self, s, spent=None):
        """What is left of the pushes at each node, the curvature of each label, and the loss.

        Where something may be ``spent`` the softest labels, that pushing like ones infinitely far costs no more, do so.
        """
        block = self.block
        h = block.rise @ s
        h -= self.offset
        less = np.exp(-np.abs(h))  # sigma(-|h|) / sigma(|h|)
        right = np.reciprocal(1 + less)
        small = less * right
        small *= self.weight
        loss = np.log1p(less, out=less)  # but for -h, where h < 0
        if spent is not None:
            small[_least(self.weight * loss, spent)] = 0.0
        right *= small
        net = block.fall @ np.copysign(small, h)  # h is no -0: the sums of a product begin at 0
        net += (block.fall @ ((h < 0) * self.whole)) * (block.weight[0] / block.whole[0])
        loss -= np.minimum(h, 0.0, out=h)
        return net, right, np.einsum("ij,ij->j", self.weight, loss)

    @np.errstate(over="ignore", invalid="ignore")  # where labels have no curvature left
    def newton(self, s, accuracy):
        """Newton's direction, to a relative accuracy of each copy, what it does to margins, the loss at its start.

        And the slope along it.
        """
        block = self.block
        left, curvature, loss = self.pushes(s)
        pushed, bends = left, curvature
        d, moving = np.zeros_like(s), np.arange(s.shape[1])
        metric = self._metric(curvature)
        part, (left, scaled) = d, metric.scaled(left.copy())
        along, energy = scaled, np.einsum("ij,ij->j", left, scaled)
        enough = np.square(accuracy) * energy
        for _ in range(min(len(s), _CRAWLING)):
            bent = block.rise @ along
            bent *= curvature
            bent = block.fall @ bent
            bend = np.einsum("ij,ij->j", along, bent)
            active = (energy > enough) & (bend > 0)
            if np.count_nonzero(active) <= active.size * _LEFT:
                d[:, moving] = part
                moving, metric, curvature = moving[active], metric.take(active), curvature[:, active]
                part, left, along, bent, energy, enough, bend = (
                    a[..., active] for a in (part, left, along, bent, energy, enough, bend)
                )
                if not moving.size:
                    break
                active = active[active]
            length = np.divide(energy, bend, out=np.zeros_like(bend), where=active)
            part += length * along
            bent *= length
            left -= bent
            left, scaled = metric.scaled(left)
            before, energy = energy, np.where(active, np.einsum("ij,ij->j", left, scaled), energy)
            along *= np.divide(energy, before, out=np.zeros_like(bend), where=active)
            along += scaled
        d[:, moving] = part
        d, along = self._relative(d - self.pull * self.apart(d))
        if moving.size:
            moving = moving[energy > enough]
            own, far = self.take(moving)._factored(pushed[:, moving], bends[:, moving])
            farther = np.einsum("ij,ij->j", own, pushed[:, moving]) > np.einsum("ij,ij->j", d, pushed)[moving]
            d[:, moving[farther]], along[:, moving[farther]] = own[:, farther], far[:, farther]
        return d, along, loss, np.einsum("ij,ij->j", d, pushed)

    def _factored(self, pushed, curvature):
        """Newton's direction by factors of each copy's own Hessian, as far along as it promises most."""
        d = np.zeros_like(pushed)
        for k in range(pushed.shape[1]):
            free, hessian = self._hessian(k, curvature[:, k])
            with suppress(np.linalg.LinAlgError), np.errstate(all="ignore"):
                d[free, k] = np.linalg.solve(hessian, pushed[free, k])
        d, along = self._relative(np.where(np.isfinite(d), d, 0.0))
        with np.errstate(all="ignore"):
            length = np.einsum("ij,ij->j", d, pushed) / (curvature * np.square(along)).sum(axis=0)
            told = np.isfinite(length) & (length > 0)
            return np.where(told, d * length, 0.0), np.where(told, along * length, 0.0)

    def _hessian(self, k, curvature):
        """Which nodes of a copy move as seen from the two that are held, and their Hessian, rounded up."""
        block, n, node = self.block, len(self.pull), np.arange(len(self.pull))
        free = np.ones(n, dtype=bool) if self.joined is None else self.joined[:, k].copy()
        free[[self.winner[k], self.loser[k]]] = False
        node[self.winner[k]] = self.loser[k]
        joint = np.bincount(node[block.winner] * n + node[block.loser], curvature, n * n).reshape(n, n)
        joint += joint.T
        degree = joint.sum(axis=0)[free] * (1 + n * np.finfo(float).eps)
        return free, np.diag(degree) - joint[np.ix_(free, free)]

    def _relative(self, d):
        """A direction less what moves all joined nodes, and what it does to margins: the sum of them bounds all nodes.

        But for rounding.
        """
        d = d - d[self.ends[1]]
        d = d if self.joined is None else np.where(self.joined, d, 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            along = self.block.rise @ d
            along *= self.drawn
            reach = np.maximum(along.max(axis=0, initial=0.0), -along.min(axis=0, initial=0.0))
            far = ~(np.abs(d).max(axis=0) <= np.minimum(2 * len(d) * reach, _FAR))
        d[:, far], along[:, far] = 0.0, 0.0
        return d, along

    def _metric(self, curvature):
        """In which residuals are measured where labels have these curvatures."""
        block, (winner, loser) = self.block, self.ends
        degree = block.touch @ curvature
        degree[winner] = degree[loser] = degree[winner] + degree[loser]
        own = np.broadcast_to(block.degree, degree.shape).copy()
        own[winner] = own[loser] = own[winner] + own[loser]
        scale = np.sqrt(np.where(degree > 0, own / np.maximum(degree, own / _STEEPEST), 1.0))
        scale = scale if self.joined is None else np.where(self.joined, scale, 0.0)
        pull = block.inverse[:, self.winner] * scale[winner] - block.inverse[:, self.loser] * scale[loser]
        pull *= scale
        resistance = np.where(self.winner == self.loser, 1.0, pull[winner] - pull[loser])
        return _Metric(block.inverse, self.winner, self.loser, scale, pull / resistance, resistance)

    def checked(self, s, spare):
        """Cost, push in the held difference, what is unbalanced (up to 1: nothing), a node's largest Newton step.

        And by how much the cost can be above the least; the third and last are infinite where they are not asked for.
        """
        (net, curvature, cost), (winner, loser) = self.pushes(s), self.ends
        held = (net[winner] - net[loser]) / 2
        net, step = self._as_one(net, curvature)
        unbalanced, above = np.full((2, len(cost)), np.inf)
        for kind in (0.0, LEVEL):
            asked = spare == kind
            if asked.any():
                allowed = np.sqrt(_ROUNDING * cost[asked]) if kind else 0.0
                told = self.take(asked)._unbalanced(net[:, asked], curvature[:, asked], allowed)
                unbalanced[asked], above[asked] = told
        soft = (spare == LEVEL) & (above > _ROUNDING * cost)
        if soft.any():
            above[soft] = self.take(soft)._without_softest(s[:, soft], _ROUNDING * cost[soft])
        return cost, held, unbalanced, step, above

    def _as_one(self, net, curvature):
        """What is left at each node as the two held ones move together, and the largest Newton step of one alone."""
        bend, (winner, loser) = self.block.touch @ curvature, self.ends
        both = net[winner] + net[loser], bend[winner] + bend[loser]
        softer = np.where(bend[winner] < bend[loser], self.winner, self.loser)
        for end in self.ends:
            net[end], bend[end] = both
        net = net if self.joined is None else np.where(self.joined, net, 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.where(net == 0, 0.0, np.abs(net) / bend).max(axis=0)
        net[softer, winner[1]] = 0.0
        return net, step

    def _without_softest(self, s, allowed):
        """By how much the cost can be above the least, where half of what is allowed is spent on the softest labels."""
        net, curvature, _ = self.pushes(s, allowed / 2)
        return self._unbalanced(self._as_one(net, curvature)[0], curvature, np.sqrt(allowed / 2))[1] + allowed / 2

    def _unbalanced(self, net, curvature, enough):
        """The bound on lambda over what is allowed of it, infinite where K is too large; and that on the loss.

        ``enough`` is the bound on lambda that is enough, for those of whom only the loss is asked.
        """
        allowed = tolerances.BALANCED * np.sqrt(curvature.max(axis=0))
        if self.off < np.inf:
            allowed = np.minimum(allowed, self.off / self._furthest(curvature))
        bounds, left = np.empty((3, len(allowed))), np.arange(len(allowed))
        enough = np.broadcast_to(enough, allowed.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            for spanned in (self._by_the_tree, self._by_the_other, self._by_their_own_trees):
                bounds[:, left] = found, spread, share = spanned(left, net[:, left], curvature[:, left])
                told = (share <= 1) & (found <= enough[left]) | (found * spread <= 0.5) & (found <= allowed[left])
                left = left[~told]
                if not left.size:
                    break
            found, spread, share = bounds
            unbalanced = np.where(found * spread <= 0.5, found / allowed, np.inf)
            return unbalanced, np.where(share <= 1, np.square(found), np.inf)

    def _by_the_tree(self, copies, net, curvature):
        label, flows = self.block.tree
        return distance(flows @ net, curvature[label])

    def _by_the_other(self, copies, net, curvature):
        label, flows = self.block.turned
        return distance(flows @ net, curvature[label])

    def _furthest(self, curvature):
        """How far the optimum moves any two nodes apart, at most, in lambdas: 1.4, and the root of their resistance.

        Which is at most that of the way along the tree, through its root.
        """
        label, flows = self.block.tree
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            from_root = flows.T @ (1 / curvature[label])
        return 1.4 * 2 * np.sqrt(from_root.max(axis=0))

    def _by_their_own_trees(self, copies, net, curvature):
        """The same from trees of the copies' own curvatures; the held difference is a label that costs nothing."""
        block, (n, n_copies) = self.block, net.shape
        label, copy = np.nonzero(curvature > 0)
        held = self.winner[copies] + n * np.arange(n_copies), self.loser[copies] + n * np.arange(n_copies)
        ends = (np.r_[at, end[label] + n * copy] for at, end in zip(held, (block.winner, block.loser), strict=True))
        bend = np.r_[np.full(n_copies, np.inf), curvature[label, copy]]
        tree = Tree(n * n_copies, *ends, bend, held[0])
        flow = np.where(tree.label >= 0, tree.delivered(net.T.ravel()), 0.0).reshape(n_copies, n).T
        bend = np.where(tree.label >= 0, bend[tree.label], np.inf).reshape(n_copies, n).T
        found = distance(flow, bend)
        lost = (~tree.reached.reshape(n_copies, n).T & (net != 0)).any(axis=0)  # pushed, and no curved label reaches it
        return tuple(np.where(lost, np.inf, part) for part in found)


@dataclass(frozen=True, eq=False)
class _Metric:
    """Of a block's Hessian, scaled, a column a copy, and the differences that are held in it.

    Attributes:
        scale: ``(n_nodes, n_copies)`` the roots of what each loses of its diagonal; 0 where it does not move.
        pull: ``(n_nodes, n_copies)`` what holding it moves; resistance: ``(n_copies,)`` by so much for a unit of push.
    """

    inverse: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    scale: np.ndarray
    pull: np.ndarray
    resistance: np.ndarray

    def take(self, columns):
        ends, held = (self.winner[columns], self.loser[columns]), (self.pull[:, columns], self.resistance[columns])
        return _Metric(self.inverse, *ends, self.scale[:, columns], *held)

    def scaled(self, residual):
        """A residual, less its multiplier's share from here on, and its step in this metric."""
        scaled, columns = self.inverse @ (self.scale * residual), np.arange(len(self.winner))
        scaled *= self.scale
        apart = scaled[self.winner, columns] - scaled[self.loser, columns]
        multiplier = apart / self.resistance
        residual[self.winner, columns] -= multiplier
        residual[self.loser, columns] += multiplier
        scaled -= self.pull * apart
        return residual, scaled


def _least(terms, total):
    """Mask of the least entries of each column, the sum of which is no more than its total."""
    ordered = np.sort(terms, axis=0)
    several = (np.cumsum(ordered, axis=0) <= total).sum(axis=0)
    return terms < np.r_[ordered, np.full((1, len(several)), np.inf)][several, np.arange(len(several))]


def _whole(weight):
    """Weights over the least of them as whole numbers where they are such, else as they are."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # the least may be 0, or as good as
        ratio = weight / weight.min() if len(weight) else weight
        whole = np.round(ratio)
        return whole if (np.abs(ratio - whole) <= tolerances.WHOLE * whole).all() else weight
