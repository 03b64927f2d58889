r"""Bradley-Terry fits of blocks with steep weights or offsets: Newton in the cuts of the heaviest spanning tree.

A Newton step solves :math:`\sum_ec_eA_eA_e^{\mathsf T}d=\sum_ep_eA_e` with :math:`A_e=e_w-e_l`, the pushes
:math:`p=n\,\sigma(-h)` and the curvatures :math:`c=p\,\sigma(h)`, which may be e^1000 apart. Take a spanning tree T of
largest curvatures, and for unknowns the differences :math:`x_t` of d along its edges. Edge e sees
:math:`A_e^{\mathsf T}d=\sum_tN_{te}x_t`, where :math:`N_{te}=\pm1` if t lies on the tree path between its ends, and
these are the edges that cross the cut which opens as t is removed. Divide the equation of cut t by :math:`c_t`:

.. math:: Bx=r,\qquad B_{ts}=\sum_eN_{te}N_{se}\frac{c_e}{c_t},\qquad r_t=\frac1{c_t}\sum_eN_{te}p_e .

**B is well conditioned whatever the weights.** Its entries are at most m, the number of edges: the tree is heaviest, so
:math:`c_e\le c_t` for all t on the path of e. Those of its inverse are at most 1: column t is what a current
:math:`c_t` sent from one end of t to the other does to the voltages; all voltages lie between those of the two ends
(maximum principle), and these differ by :math:`c_t` times an effective resistance of at most :math:`1/c_t`. A tree that
is nearly heaviest, by a factor of e^2, serves as well, with entries of e^2 m. Where few
edges lie off the tree their voltages :math:`z=N_o^{\mathsf T}x` are fewer unknowns:
:math:`(I+N_o^{\mathsf T}C_T^{-1}N_oC_o)z=N_o^{\mathsf T}r` (entries at most n, of the inverse at most 1, by the same
principle for a unit battery in an edge), and :math:`x=r-C_T^{-1}N_oC_oz`.

**Factors of B serve on** from step to step: what those of an older one leave of r is solved again, as long as no more
than a third is left each time, until what is left is the square of the step. Newton's own is no less.

**r loses nothing that its data hold.** An inverted edge, h < 0, pushes with its whole weight n but for
:math:`n\sigma(-|h|)\le2c`. So r is a sum of terms of size 2 at most, and of whole weights over :math:`c_t`, which where
labels contradict one another by 60 nats must cancel to e^-60 of themselves: they are summed exactly, as whole numbers
where their ratios are such.

**Steep problems are approached from flat ones.** With log-weights and offsets over tau the optimum, times tau, hardly
moves from one tau to the next, and ever more along a line, so each is a few steps from where the last two point. Where
offsets are steeper than log-weights these are whole while offsets are still flat: weights decide which labels give way,
and would move levels by the offsets' size later on. Far from the optimum a quadratic says little: Newton overshoots
where a cut has lost its curvature and crawls, 1 nat a step, where only exponential tails are left. Alone, cut t would
be balanced by :math:`x_t=\log(p_+/p_-)\,/\,(c_+/p_++c_-/p_-)`, the pushes and curvatures either way across it, where
both pushes are exponentials or one is a constant, and by :math:`r_t=(p_+-p_-)/(c_++c_-)\cdot (c_++c_-)/c_t` to first
order. So in r the mean :math:`(p_+-p_-)` gives way to its logarithmic kin as long as steps are long; in a cut that
Newton would move by several nats, only to shorten that, and while the loss falls at the step's end.

**Where it ends.** Let R be the largest :math:`|A_e^{\mathsf T}d|` of a block. In exact arithmetic
:math:`R_+\le nmR^2` once R is below 1, so that below 1/(2nm) it halves for ever; a block is done when R is below what
is asked, or when it does not do so. Where rounding leaves nothing of R it is done unless the loss falls, and not at a
crawl: far from the optimum one cut, whose weights cancel, may blur all others. At the optimum neighbouring levels are
at most :math:`\mathtt{steep}+\log2m` apart (a wider gap could not be balanced: only edges down across it push the
other way), so no block has to walk further than n times that; who has walked twice as far is moved by rounding.

**Where it begins.** A start from where the first step is long is worth less than unrolling. From the fit of a similar
block few steps lead to the next where weights are steep, though they are long: curvature that a cut has lost comes back
with them. Even weights under steep offsets leave corners, and steps from one corner to the next: what such a start is
off by is that over tau in a flatter problem, and unrolling begins where it is no more than one tau leaves for the next.
Where four long steps in a row are of one length, or of as many as a block has nodes none is half as long as the
shortest before them, many more follow: then, as where rounding hides all of the last step, or a block has walked too
far, it is unrolled from the flattest after all.
"""

import math
from dataclasses import replace

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse import csr_array
from scipy.special import log_expit

from tabular.base import tolerances
from tabular.fits import spanning
from tabular.fits.cut_equations import HEAVIER, LONG, MOST, SEVERAL, Equations
from tabular.fits.dense_cuts import LARGEST, DenseCuts
from tabular.fits.pair_graph import PairGraph

__all__ = ["cut_fit", "whole_weights"]

_EPS = np.finfo(float).eps
_ROUGH = 1.0  # nats: near enough on the way, where the next problem moves the optimum by more
_NEAR = 300.0  # nats: a start from which the step is no longer is worth more than one from a flatter problem
_TIED = 2e4  # nats: the same of the fit of a similar block, as it stands
_EVEN = math.log(1e4)  # nats of weights up to which offsets make corners
_ALIKE = 0.05  # of a step's length: by so little differ those of a method that crawls
_RATIO = 8.0  # of one tau to the next
_COUNTED = 30.0  # nats: sums of whole numbers up to e^30 are exact
_SMALLEST = 0.01  # of the least weight: a unit that measures all of them
_LEFT = 1e-10  # of a ratio: what a unit leaves by rounding, while it is looked for
_SQUARE = 1e-10, 1e-3  # of x: no less than rounding leaves, and no more than a long step needs
_FEW = 20  # paths walked one by one
_UNSEEN = 1e-20  # of an entry of B: what adds less to it does not show
_ENTRIES = 4_000_000  # of the matrices solved together


def cut_fit(edges, start, similar=False):
    """``s`` of every block of an :class:`tabular.fits.block_solvers.Edges`, all of one size, from a first guess.

    Where that is the fit of a ``similar`` block it is worth beginning at, even where the first step from there is long.
    """
    size, n_blocks = edges.n_nodes // len(edges.start), len(edges.start)
    together = max(1, _ENTRIES // (size * (size + len(edges.winner) // n_blocks)))  # paths are no longer than blocks
    s = start.copy()
    for first in range(0, n_blocks, together):
        blocks = np.arange(first, min(first + together, n_blocks))
        nodes = slice(first * size, (int(blocks[-1]) + 1) * size)
        s[nodes] = _approached(edges.take(blocks), start[nodes], similar)
    return s


def _approached(edges, start, similar):
    """The fit of a few blocks, from their start where that is near, or from the flatter problem in which it is.

    Far from a start that is no similar fit, and lost from where they began, they begin at 0 in the flattest.
    """
    if edges.whole is None:
        edges = replace(edges, whole=whole_weights(edges.log_weight, edges.block[edges.winner], len(edges.start)))
    cuts, rows = _equations(edges), start.reshape(len(edges.start), -1).copy()
    uneven = np.ptp(edges.log_weight)
    flattest = max(int(_powers(uneven + 2 * edges.tilt().max())), 1)
    ahead = cuts.direction(start)
    _, step, _, rounding = ahead
    reach = edges.reach(step)
    if similar:
        near = _RATIO * _ROUGH
        first = np.where(reach > (near if uneven <= _EVEN else _TIED), np.fmin(_powers(reach / near), flattest), 0)
        zero = np.zeros(len(rows), dtype=bool)
    else:
        zero = (reach > _NEAR) | (rounding > LONG)
        first = np.where(zero, flattest, 0)
    rows[zero], first = 0.0, first.astype(np.int64)
    lost = np.flatnonzero(_unrolled(cuts, rows, first, flattest, ~zero, None if first.any() else ahead))
    if lost.size:
        again, never = np.zeros((len(lost), cuts.size)), np.zeros(len(lost), dtype=bool)
        _unrolled(cuts.take(lost), again, np.full(len(lost), flattest), flattest, never)
        rows[lost] = again
    return rows.ravel()


def _unrolled(cuts, rows, first, flattest, trying, ahead=None):
    """Fits in the place of rows, each block's from flatter ones, from its ``first`` power of the ratio on.

    Levels, times tau, move with tau as they last did. Returns the mask of who is lost of those that are ``trying``.
    """
    moved, lost, there = np.zeros_like(rows), np.zeros(len(rows), dtype=bool), ()
    for power in range(first.max(), -1, -1):
        here = np.flatnonzero((first >= power) & ~lost)
        if not here.size:
            continue
        if not np.array_equal(here, there):
            there, some = here, cuts if len(here) == len(rows) else cuts.take(here)
            edges = some.edges
        some = _scaled(some, edges, power, flattest)  # from tau to tau the trees serve on
        tau, wanted = _RATIO**power, _ROUGH if power else tolerances.NEWTON_STEP
        start = (rows + moved / _RATIO)[here].ravel() / tau
        s, lost[here] = _newton(some, start, wanted, trying[here], ahead)
        s = tau * s.reshape(len(here), -1)
        moved[here], rows[here] = np.where((first > power)[here, None], s - rows[here], 0.0), s
    return lost


def _scaled(cuts, edges, power, flattest):
    """The equations with log-weights and offsets over a power of the ratio, the former as soon as these are flat.

    Whole weights must cancel: they stay.
    """
    of_weights = flattest - int(_powers(np.ptp(edges.log_weight)))
    log_weight = edges.log_weight / _RATIO ** max(0, power - of_weights)
    log_weight = np.where(edges.whole > 0, edges.log_weight, log_weight)
    return cuts.weighted(replace(edges, log_weight=log_weight, offset=edges.offset / _RATIO**power))


def _powers(steep):
    """Of the ratio: how many make a problem so steep a flat one."""
    return np.ceil(np.log(np.maximum(steep, 1.0)) / math.log(_RATIO))


def whole_weights(log_weight, block, n_blocks):
    """Each edge's weight as a whole number of one unit of its block, where all of a block's are such; 0 elsewhere.

    >>> whole_weights(np.log([2.0, 6.0, 0.3, 0.7, 0.31, 0.7]), np.array([0, 0, 1, 1, 2, 2]), 3).tolist()
    [1.0, 3.0, 3.0, 7.0, 31.0, 70.0]
    >>> whole_weights(np.log([np.pi, 1.0]), np.array([0, 0]), 1).tolist()
    [0.0, 0.0]
    """
    least = np.full(n_blocks, np.inf)
    np.minimum.at(least, block, log_weight)
    above = log_weight - least[block]
    ratio = np.exp(np.minimum(above, _COUNTED))
    ratio *= _parts(ratio, block, n_blocks)[block]
    whole = np.round(ratio)
    odd = (above >= _COUNTED) | (np.abs(ratio - whole) > tolerances.WHOLE * whole)
    return np.where(np.bincount(block, odd, n_blocks)[block] > 0, 0.0, whole)


def _parts(ratio, block, n_blocks):
    """Of how many of the largest unit that measures all of a block the least, 1, consists: by Euclid's algorithm.

    What a unit leaves is the next one, half of it at most; where one is below a hundredth, none will do.
    """
    unit, again = np.ones(n_blocks), np.ones(n_blocks, dtype=bool)
    while again.any():
        left = np.abs(ratio - unit[block] * np.round(ratio / unit[block]))
        rest = np.full(n_blocks, np.inf)
        np.minimum.at(rest, block, np.where(left > _LEFT * ratio, left, np.inf))
        again &= (rest < np.inf) & (unit >= _SMALLEST)
        unit = np.where(again, rest, unit)
    return np.round(1 / unit)


def _newton(cuts, s, wanted, trying, ahead=None):
    """Damped Newton on all blocks, those still moving refitted, until every R is below ``wanted`` or rounding rules.

    ``ahead``, the direction at s, may be known. Also returns the mask of blocks that are better unrolled: they are left
    as soon as this shows, if a start is only ``trying``.
    """
    edges, n_blocks = cuts.edges, len(cuts.edges.start)
    size, n_edges = edges.n_nodes // n_blocks, np.diff(np.r_[edges.start, len(edges.winner)])
    halving = 1 / (2 * size * n_edges)
    furthest = 2 * (edges.reach(s) + size * cuts.widest)
    rows, before, walked = s.reshape(n_blocks, size).copy(), np.full(n_blocks, np.inf), np.zeros(n_blocks)
    last, least, lost = np.zeros(n_blocks), np.full(n_blocks, np.inf), np.zeros(n_blocks, dtype=bool)
    same, since = np.zeros((2, n_blocks), dtype=int)
    there, moving = np.arange(n_blocks), np.arange(n_blocks)  # the blocks of the equations, and of these who still move
    while moving.size:
        if 2 * len(moving) <= len(there):
            cuts, there = cuts.take(np.searchsorted(there, moving)), moving
        at = np.searchsorted(there, moving)
        here = rows[there].ravel()
        newton, step, several, rounding = cuts.direction(here) if ahead is None else ahead
        ahead = None
        reach, stride = cuts.edges.reach(newton), cuts.edges.reach(step)
        length = _length(cuts.edges, here, step, stride, several) if several[at].any() else np.ones(len(there))
        rows[moving] += (length[:, None] * step.reshape(len(there), size))[at]
        reach, stride, rounding = reach[at], (length * stride)[at], rounding[at]
        walked[moving] += stride
        astray = ~(walked <= furthest)[moving]
        alike = (stride > LONG) & (np.abs(stride - last[moving]) <= _ALIKE * stride)
        halved = stride <= np.maximum(least[moving] / 2, LONG)
        same[moving], since[moving] = np.where(alike, same[moving] + 1, 0), np.where(halved, 0, since[moving] + 1)
        least[moving] = np.where(halved, stride, least[moving])
        crawls = (same[moving] > 2) | (since[moving] > size)
        hidden = (reach > wanted) & ~(reach > rounding)
        falling = hidden & (rounding < np.inf) & ~crawls
        if falling.any():
            loss = cuts.edges.losses(rows[there].ravel())
            falling &= (loss < (1 - tolerances.LOSS) * cuts.edges.losses(here))[at]
        done = ~(reach > wanted) | (hidden & ~falling) | ((before <= halving)[moving] & (reach > before[moving] / 2))
        lost[moving] = trying[moving] & (astray | crawls | (done & (rounding > LONG)))
        before[moving], last[moving] = reach, stride
        moving = moving[~(done | astray | lost[moving])]
    return rows.ravel(), lost


def _length(edges, s, d, reach, several):
    """The damped step of :mod:`tabular.fits.block_solvers`, or a longer one, up to 1, at whose end the loss falls.

    Steps of less than several nats are taken whole.
    """
    length, reach, ray = np.ones(len(reach)), reach[several], _Ray(edges, s, d, several)
    low, high = np.log1p(reach) / np.where(reach > 0, reach, 1.0), np.ones(len(reach))
    low = np.where(ray.falls(high), 1.0, low)
    for _ in range(6 if (low < high).any() else 0):  # on the scale of logs: near enough to the least loss on the ray
        middle = np.sqrt(low * high)
        falls = ray.falls(middle)
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    length[several] = low
    return length


class _Ray:
    """The losses of some blocks, masked, along a step."""

    def __init__(self, edges, s, d, some):
        block = edges.block[edges.winner]
        kept = some[block]
        self.block, self.margin = (np.cumsum(some) - 1)[block[kept]], edges.margin(s)[kept]
        self.start = np.searchsorted(self.block, np.arange(np.count_nonzero(some)))
        self.along = (d[edges.winner] - d[edges.loser])[kept]
        with np.errstate(divide="ignore"):
            self.log_slope = edges.log_weight[kept] + np.log(np.abs(self.along))

    def falls(self, length):
        """Whether the loss of each block still falls at the end of a step, beyond what rounding can say."""
        log_pull = self.log_slope + log_expit(-self.margin - length[self.block] * self.along)
        top = np.maximum.reduceat(log_pull, self.start)
        pull = np.exp(log_pull - np.where(top > -np.inf, top, 0.0)[self.block])
        return np.add.reduceat(np.where(self.along > 0, pull, -(1 + tolerances.LOSS) * pull), self.start) > 0


def _equations(edges):
    """Newton's step in cuts, for blocks of one size."""
    return (DenseCuts if edges.n_nodes <= LARGEST * len(edges.start) else _Cuts)(edges)


class _Cuts(Equations):
    """Newton's step in cuts, N as triplets; what does not depend on s is prepared once."""

    def __init__(self, edges):
        graph = PairGraph.of(edges.n_nodes, edges.winner, edges.loser)
        self.low, self.high = graph.low, graph.high
        super().__init__(edges, graph.pair)
        self.roots = np.arange(0, edges.n_nodes, self.size)
        self.tree = self.paths = self.factors = None

    def take(self, blocks):
        """The equations of some of the blocks."""
        return _Cuts(self.edges.take(blocks))

    def direction(self, s):
        """Newton's step, the step to take, the blocks where it is of several nats, and what rounding blurs of it."""
        edges = self.edges
        h = edges.margin(s)
        log_small = edges.log_weight + log_expit(-np.abs(h))
        log_c = np.logaddexp.reduceat((log_small + log_expit(np.abs(h)))[self.by_pair], self.first_of_pair)
        (before, _), (node, pair, sign), log_cut = self._cuts(log_c)
        share = np.exp(np.minimum(log_c[pair] - log_cut[node], HEAVIER))  # c_e/c_t of each edge e across each cut t
        way = np.where(h < 0, -self.sign, self.sign)  # an inverted edge pushes by so little less than its whole weight
        small = way * np.exp(log_small - log_c[self.pair])
        r = np.bincount(node, sign * share * np.bincount(self.pair, small, len(self.low))[pair], edges.n_nodes)
        size = np.abs(s) + self.tilt[edges.block]
        blurred = 4 * _EPS * (1 + size) * np.bincount(node, share, edges.n_nodes)
        whole, log_unit = np.zeros(edges.n_nodes), np.zeros(edges.n_nodes)
        if (h < 0).any():
            whole, log_unit, inexact = self._whole_weights(np.flatnonzero(h < 0), node, pair, sign)
            over = np.exp(np.minimum(log_unit - log_cut, MOST))
            r, blurred = r + whole * over, blurred + inexact * over
        x = self._solved(r, share)
        newton = step = spanning.summed_from_roots(before, x)
        longest = self._longest(x)
        long, several = longest > LONG, longest > SEVERAL
        if long.any():
            kin = self._log_kin(r, h, log_small, way, whole, log_unit, log_cut)
            apart = np.abs(s - s[np.where(before < edges.n_nodes, before, np.arange(edges.n_nodes))])
            widest = self.widest[edges.block] + apart  # no cut has further to go
            widest = np.where(np.abs(x) > SEVERAL, np.minimum(np.abs(r), widest), widest)
            x = np.where(long[edges.block], self._solved(np.clip(kin, -widest, widest), share), x)
            step = spanning.summed_from_roots(before, x)
        coarse = _EPS * size.reshape(-1, self.size).max(axis=1) >= LONG  # the levels themselves are rounded by so much
        return newton, step, several, np.where(coarse, np.inf, np.bincount(edges.block, blurred))

    def _cuts(self, log_c):
        """Tree, paths and curvatures of the cuts: the last ones as long as no edge is much heavier than its tree."""
        log_cut = np.zeros(self.edges.n_nodes)
        if self.tree is not None:
            node, pair, _ = self.paths
            log_cut[node[: len(self.tree[1])]] = log_c[self.tree[1]]
        if self.tree is None or (log_c[pair] - log_cut[node]).max() > HEAVIER:
            self.tree = spanning.heaviest_tree(self.low, self.high, log_c, self.edges.n_nodes, self.roots)
            self.paths, self.factors = self._paths(*self.tree), None
            short = np.uint16 if max(self.edges.n_nodes, len(self.low)) < 2**16 else np.int64  # sorted in linear time
            self.by_node, self.by_path = (np.argsort(ids.astype(short), kind="stable") for ids in self.paths[:2])
            log_cut[self.paths[0][: len(self.tree[1])]] = log_c[self.tree[1]]
        return self.tree, self.paths, log_cut

    def _log_kin(self, r, h, log_small, way, whole, log_unit, log_cut):
        r"""r with :math:`\log(p_+/p_-)/(c_+/p_++c_-/p_-)` in the place of :math:`(p_+-p_-)/(c_++c_-)`.

        What whole weights of inverted edges leave of one another is a constant; what these edges lack pushes the other
        way, and grows as they are put right.
        """
        node, pair, sign = (column[self.by_node] for column in self.paths)
        first = np.flatnonzero(np.diff(node, prepend=-1))
        of_edge = (way < 0).astype(int), self.pair  # to the pair's lower or to its higher node

        def across(log_terms):
            total = np.full((2, len(self.low)), -np.inf)
            np.logaddexp.at(total, of_edge, log_terms)
            for side in (1.0, -1.0):
                yield np.logaddexp.reduceat(total[(sign != side).astype(int), pair], first)

        (p_up, p_down), (c_up, c_down) = across(log_small), across(log_small + log_expit(np.abs(h)))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            constant, sized = whole[node[first]], np.log(np.abs(whole)) + log_unit
            p_up = np.logaddexp(p_up, np.where(constant > 0, sized[node[first]], -np.inf))
            p_down = np.logaddexp(p_down, np.where(constant < 0, sized[node[first]], -np.inf))
            gap = p_up - p_down
            alone = gap / (np.exp(c_up - p_up) + np.exp(c_down - p_down))
            kin = alone * np.exp(np.logaddexp(c_up, c_down) - log_cut[node[first]])
        found = r.copy()
        found[node[first]] = np.where((np.abs(gap) > tolerances.NEWTON_STEP) & np.isfinite(kin), kin, r[node[first]])
        return found

    def _paths(self, before, tree):
        """N as triplets (child of the tree edge, pair, sign): first the tree's own, then the paths of all others."""
        n = self.edges.n_nodes
        child = np.flatnonzero(before < n)
        found = [(child, tree, np.where(child == self.low[tree], 1.0, -1.0))]
        pair = np.setdiff1d(np.arange(len(self.low)), tree, assume_unique=True)
        depth = spanning.summed_from_roots(before, np.ones(n)).astype(np.int64)
        a, b = self.low[pair], self.high[pair]
        if len(pair) < _FEW:  # long cycles: their paths may be as long as the block, too long to be walked in step
            found += [_walked(*ends, before.tolist(), depth.tolist()) for ends in zip(a, b, pair, strict=True)]
            pair = pair[:0]
        while pair.size:
            first, second = depth[a] >= depth[b], depth[b] >= depth[a]
            found += [(a[first], pair[first], np.ones(first.sum())), (b[second], pair[second], -np.ones(second.sum()))]
            a, b = np.where(first, before[a], a), np.where(second, before[b], b)
            apart = a != b
            a, b, pair = a[apart], b[apart], pair[apart]
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))

    def _whole_weights(self, inverted, node, pair, sign):
        """What inverted edges push with their whole weight across each cut, the log of its unit, and its rounding."""
        edges, n = self.edges, self.edges.n_nodes
        order, length = self.by_path, np.bincount(pair, minlength=len(self.low))
        first, length = (np.cumsum(length) - length)[self.pair[inverted]], length[self.pair[inverted]]
        at = order[np.repeat(first - (np.cumsum(length) - length), length) + np.arange(length.sum())]
        edge, cut = np.repeat(inverted, length), node[at]
        direction = sign[at] * self.sign[edge]
        log_weight, whole = edges.log_weight[edge], np.zeros(len(edge)) if edges.whole is None else edges.whole[edge]
        top, unit = np.full(n, -np.inf), log_weight - np.log(np.maximum(whole, 1.0))
        if (whole > 0).all():  # one number for each block, but for rounding
            top[cut] = unit
        else:
            np.maximum.at(top, cut, unit)
        top = np.where(top > -np.inf, top, 0.0)
        term = direction * np.where(whole > 0, whole, np.exp(log_weight - top[cut]))
        total, gross = np.bincount(cut, term, n), np.bincount(cut, np.abs(term), n)
        for t in np.flatnonzero((total != 0) & (np.abs(total) <= tolerances.LOSS * gross)):
            total[t] = math.fsum(term[cut == t])
        inexact = np.bincount(cut, np.where(whole > 0, 0.0, np.abs(term)), n)
        return total, top, 4 * _EPS * inexact

    def _solved(self, r, share):
        """The x of Bx = r, to its own square: by the last factors, as long as what they leave falls to a third."""
        if self.factors is not None:
            x = self.factors(r)
            size = self._longest(x)
            enough = size * np.clip(size, *_SQUARE)
            while (size > enough).any():
                left = self.factors(r - self._across(x, share))
                before, size = size, self._longest(left)
                if ((size > before / 3) & (size > enough)).any():
                    break
                x = x + left
            else:
                return x
        self.factors = self._solver(len(self.tree[1]), *self.paths, share)
        return self.factors(r)

    def _longest(self, x):
        return np.abs(x).reshape(-1, self.size).max(axis=1)

    def _across(self, x, share):
        """Bx."""
        node, pair, sign = self.paths
        return np.bincount(node, sign * share * np.bincount(pair, sign * x[node])[pair], len(x))

    def _solver(self, n_tree, node, pair, sign, share):
        """What takes r to the x of Bx = r: in the cuts or, for a lone large block, in fewer edges off the tree."""
        seen = share > _UNSEEN
        seen[:n_tree] = False
        crossing = np.bincount(pair[seen], minlength=len(self.low))
        there = crossing > 0
        n_edges, edge = int(there.sum()), (np.cumsum(there) - 1)[pair]
        cuts, edges = (order[seen[order]] for order in (self.by_node, self.by_path))
        of_cut = np.r_[0, np.cumsum(np.bincount(node[cuts], minlength=self.edges.n_nodes))]
        shares = csr_array(((sign * share)[cuts], edge[cuts], of_cut), shape=(self.edges.n_nodes, n_edges))
        of_edge = np.r_[0, np.cumsum(crossing[there])]
        within = node[edges] % self.size  # an edge crosses cuts of its own block alone
        paths = csr_array((sign[edges], within, of_edge), shape=(n_edges, self.size))
        if len(self.roots) == 1 and n_edges < self.size - 1:
            matrix = np.eye(n_edges) + (paths @ shares).toarray()
            return lambda r: r - shares @ np.linalg.solve(matrix, paths @ r)
        b = (shares @ paths).toarray()  # cuts cross few of the others' edges
        b[np.arange(len(b)), np.arange(len(b)) % self.size] += 1.0
        return self._in_cuts(b.reshape(-1, self.size, self.size))

    def _in_cuts(self, b):
        """Solves in B, but for the root's row of each block."""
        factors = [lu_factor(block[1:, 1:], overwrite_a=True, check_finite=False) for block in b]

        def solved(r):
            x = np.zeros((len(factors), self.size))
            for own, factor, known in zip(x, factors, r.reshape(x.shape), strict=True):
                own[1:] = lu_solve(factor, known[1:], check_finite=False)
            return x.ravel()

        return solved


def _walked(a, b, pair, before, depth):
    """One path of :meth:`_Cuts._paths`."""
    up, down = [], []
    while a != b:
        if depth[a] >= depth[b]:
            up.append(a)
            a = before[a]
        else:
            down.append(b)
            b = before[b]
    return np.array(up + down), np.full(len(up + down), pair), np.r_[np.ones(len(up)), -np.ones(len(down))]
