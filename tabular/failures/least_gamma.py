r"""The least gamma at which Eq. 17's margins turn an inverted optimum: every pair of a piece is read off one curve.

The margins :math:`\Psi_e=\gamma u_e`, :math:`u_e=1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l)`, are those of a single number,
whichever pair is asked about: the fits of a piece are one curve :math:`s(\gamma)`, analytic, as every label of a block
keeps its curvature. It is followed from gamma = 0, each fit begun where the two before point, on a scale that all
pieces share: the margin M of the piece's steepest label. Those between are fitted at once. The first two fits between
which a pair's delta becomes positive bracket its root. A polynomial M(delta) through fits about it gives an estimate:
of those through 4 to 12 of them the one that the last fit changed least. The fits at some of these are further points
of the same curve, which all pairs read again; so near to one another their polynomials have all digits, and most pairs
need one more fit. Where that lies next to the root, and the last two polynomials agree on it to rounding, it closes the
bracket. That of a pair that is left is closed by itself: at the root of a polynomial through the last points, as far
beyond it again where that left the bracket longer than half, and half-way where that did. The number returned is the
bracket's upper end, 1e-12 of it above the lower: delta is positive there.

Fits of nearly the same M have nearly the same Hessian: in a block of many labels one factorisation, at the guess of the
middle one, serves all of them (:meth:`tabular.fits.many.Block.freely`). Those that do not pass its check are fitted in
cuts.

"Least" is among the fits of the curve: a delta that becomes positive and negative again between two of them, M apart
by a third or less, goes unseen.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import tolerances
from tabular.failures import ties
from tabular.failures.infimum import Infimum, Relation
from tabular.fits import many

__all__ = ["STEEPEST", "least_gammas"]

STEEPEST = 1e3  # nats, of M: with a margin beyond it the loss is piecewise linear, and the search stops
_SCANNED = np.r_[0.0, np.geomspace(0.01, STEEPEST, 61)]
_ANCHORS = np.r_[np.arange(0, len(_SCANNED), 4), len(_SCANNED) - 1]  # each begun where the two before point
_POINTS, _FEWEST = 12, 4  # of a polynomial: no more, and no fewer
_CLOSE = 1e-6  # of M: a root this far from a fit may be told by polynomials through it
_ONE_OF = 4, 1  # roots side by side, of which one is fitted first, then every one that is left
_APART = 12.0  # nats, of M: fits no further from one another share factors
_MANY = 400  # labels of a block: those of fewer are fitted sooner one by one than with shared factors
_NEAR = 1e-5  # fits closer than this, relative, tell a polynomial no more than one of them


def least_gammas(at: Infimum, log_inverse) -> np.ndarray:
    """``(n_pairs,)`` least gamma found that turns an inverted optimum, nan where none does.

    Args:
        log_inverse: ``(n_pairs,)`` of log u.
    """
    gamma = np.full(len(log_inverse), np.nan)
    inverted = np.flatnonzero((at.relation == Relation.SAME) & (at.delta <= 0))
    pieces, owner = np.unique(at.parts.piece(inverted), return_inverse=True)
    for batch in at.parts.graph.batches(pieces) if len(pieces) else ():
        mine = np.flatnonzero((batch[0] <= owner) & (owner <= batch[-1]))
        curve = _Curve(at, pieces[batch], log_inverse[at.graph.label])
        gamma[inverted[mine]] = curve.turns(inverted[mine], owner[mine] - batch[0])
    return gamma


@dataclass(frozen=True, eq=False)
class _Fits:
    """Fits of pieces at many M, those of a piece together in order of M.

    Attributes:
        piece, margin: ``(n_fits,)``; start: where in ``strength`` a fit's own begin.
    """

    piece: np.ndarray
    margin: np.ndarray
    start: np.ndarray
    strength: np.ndarray

    def joined(self, more):
        """With further fits, but for those next to others."""
        start = np.r_[self.start, more.start + len(self.strength)]
        piece, margin = np.r_[self.piece, more.piece], np.r_[self.margin, more.margin]
        order = np.lexsort((margin, piece))
        near = (np.diff(piece[order]) == 0) & (np.diff(margin[order]) < _NEAR * margin[order][1:])
        order = order[np.r_[True, ~near]]
        return _Fits(piece[order], margin[order], start[order], np.r_[self.strength, more.strength])

    def of(self, piece):
        """The fits of each listed piece, concatenated, and the position in the list that each belongs to."""
        return ties.Groups(np.arange(len(self.piece)), np.r_[0, np.cumsum(np.bincount(self.piece))]).gather(piece)


class _Several:
    """A block of many labels, whose fits of nearly one M share factors.

    Attributes:
        unit: ``(n_labels,)`` each label's offset over M; nodes: of the block, their places in the piece.
    """

    def __init__(self, block, log_unit):
        graph, labels = block.pieces.graph, block.labels
        self.unit, self.nodes = np.exp(log_unit[labels]), graph.place[block.nodes]
        self.ends = block.place[graph.winner[labels]], block.place[graph.loser[labels]]
        self.weight = np.exp(graph.log_share[labels])
        self._block = {}

    def fit(self, strength, start, margin):
        """Replace the strengths of copies that start there by the fits, and tell which are."""
        fitted, order = np.zeros(len(start), dtype=bool), np.argsort(margin, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(margin[order] // _APART)) + 1):
            at, middle = self.nodes[:, None] + start[some], some[len(some) // 2]
            block = self._about(margin[middle], strength[self.nodes + start[middle]])
            if block.even:
                fits = block.freely(np.outer(self.unit, margin[some]), strength[at])
                strength[at[:, fits.fitted]] = (fits.strength - fits.strength.mean(axis=0))[:, fits.fitted]
                fitted[some] = fits.fitted
        return fitted

    def _about(self, margin, strength):
        """The block with factors at an M as near as that, of these strengths where there are none yet."""
        steep = [key for key, block in self._block.items() if not block.even]  # as are those beyond
        key = min([int(margin // _APART), *steep])
        if key not in self._block:
            self._block[key] = many.Block(*self.ends, self.weight, self.unit * margin, strength, connected=True)
        return self._block[key]


class _Curve:
    """The fits of some pieces as M grows."""

    def __init__(self, at, pieces, log_u):
        self.at, self.pieces, self.log_u = at, pieces, log_u
        self.copies = ties.Copies(at.parts.graph, pieces)
        self.log_top = np.full(len(pieces), -np.inf)
        np.maximum.at(self.log_top, self.copies.edge_copy, log_u[self.copies.edge])
        blocks = [at.parts.shared.only(piece) for piece in pieces]
        blocks = [block if block and len(block.labels) >= _MANY else None for block in blocks]
        self.several = [block and _Several(block, log_u - top) for block, top in zip(blocks, self.log_top, strict=True)]

    def fit(self, copies, piece, margin, guess):
        """Strengths of a copy of each listed piece, at its M."""
        strength, left = guess.copy(), np.ones(len(copies), dtype=bool)
        for own in np.unique(piece):
            if self.several[own] is not None:
                mine = np.flatnonzero(piece == own)
                left[mine] = ~self.several[own].fit(strength, copies.start[mine], margin[mine])
        left = np.flatnonzero(left)
        if left.size:
            nodes, others = np.isin(copies.node_copy, left), ties.Copies(copies.graph, copies.component[left])
            scale = margin[left][others.edge_copy]
            offset = np.exp(self.log_u[others.edge] - self.log_top[piece[left]][others.edge_copy]) * scale
            strength[nodes] = others.fit(offset=offset, guess=strength[nodes]).strength
        return strength

    def delta(self, pairs, strength, start):
        """Of each pair, where its piece's strengths start there."""
        at, parts = self.at, self.at.parts
        up, down = (start + parts.graph.place[end[pairs]] for end in (parts.winner, parts.loser))
        log_ref = at.graph.log_ref
        moved = (strength[up] - strength[down]) / at.graph.problem.beta
        return log_ref[at.winner[pairs]] - log_ref[at.loser[pairs]] + moved

    def turns(self, pairs, piece):
        """The gamma at which each pair's delta becomes positive; ``piece`` is the position of its own."""
        fits, margin = self._followed(pairs, piece), np.full(len(pairs), np.nan)
        turned = np.flatnonzero(self.first_above(fits, pairs, piece) >= 0)
        for one_of in _ONE_OF:
            for batch in self.at.parts.batches(pairs[turned]):
                mine = turned[batch]
                fits = fits.joined(_Roots(self, fits, pairs[mine], piece[mine]).estimates(one_of))
        for batch in self.at.parts.batches(pairs[turned]):
            mine = turned[batch]
            margin[mine] = _Roots(self, fits, pairs[mine], piece[mine]).found()
        return np.exp(np.log(margin) - self.log_top[piece])

    def first_above(self, fits, pairs, piece):
        """The first fit of each pair's piece, M above 0, at which delta is positive; -1 where none is."""
        fit, owner = fits.of(piece)
        delta = self.delta(pairs[owner], fits.strength, fits.start[fit])
        none, first = len(fits.piece), np.flatnonzero(np.diff(owner, prepend=-1))
        fit = np.minimum.reduceat(np.where((delta > 0) & (fits.margin[fit] > 0), fit, none), first)
        return np.where(fit < none, fit, -1)

    def _followed(self, pairs, piece):
        """The fits at one M after the other until all pairs have turned: every few of them, then those between."""
        copies, every = self.copies, np.arange(len(self.pieces))
        far, up = {0: self.at.parts.strength[copies.node]}, np.zeros(len(pairs), dtype=bool)
        for before, last, k in zip(np.r_[0, _ANCHORS], _ANCHORS, _ANCHORS[1:], strict=False):
            guess = _between(far[before], far[last], *_SCANNED[[before, last, k]]) if before < last else far[last]
            far[k] = self.fit(copies, every, np.full(len(every), _SCANNED[k]), guess)
            up |= self.delta(pairs, far[k], copies.start[piece]) > 0
            if up.all() and k + 1 >= _POINTS:
                break
        path = np.empty((k + 1, len(copies.node)))
        for low, high in zip(list(far), list(far)[1:], strict=False):
            for m in range(low, high + 1):
                path[m] = _between(far[low], far[high], *_SCANNED[[low, high, m]])
        between = np.setdiff1d(np.arange(k + 1), list(far))
        self._fill(path, between)
        owner, row = (a.ravel() for a in np.meshgrid(every, np.arange(k + 1), indexing="ij"))
        return _Fits(owner, _SCANNED[row], row * path.shape[1] + copies.start[owner], path.ravel())

    def _fill(self, path, rows):
        """Fit what some rows of the path guess."""
        piece, margin = np.tile(np.arange(len(self.pieces)), len(rows)), np.repeat(_SCANNED[rows], len(self.pieces))
        size = self.at.parts.graph.nodes_of.size[self.pieces[piece]]
        fitted, end = path[rows].ravel(), np.cumsum(size)
        for batch in self.at.parts.graph.batches(self.pieces[piece]):
            copies = ties.Copies(self.at.parts.graph, self.pieces[piece[batch]])
            nodes = slice(end[batch[0]] - size[batch[0]], end[batch[-1]])
            fitted[nodes] = self.fit(copies, piece[batch], margin[batch], fitted[nodes])
        path[rows] = fitted.reshape(len(rows), -1)


def _between(first, second, a, b, x):
    """The straight line through two fits, at x."""
    return first + (x - a) / (b - a) * (second - first)


def _through(points, values, at):
    """What each value adds to a polynomial at ``at``, and how far off that through one point less is.

    Of those through the first few points the one where this is least; infinite where there is none.
    """
    parts, best = np.zeros((2, *points.shape))
    parts[0], last, least = 1.0, values[0], np.full(points.shape[1], np.inf)
    for k in range(1, len(points)):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            parts[:k] *= (at - points[k]) / (points[:k] - points[k])
            parts[k] = np.prod((at - points[:k]) / (points[k] - points[:k]), axis=0)
            value = values[0] + (parts * (values - values[0])).sum(axis=0)
            off = np.abs(value - last)
        better = (off < least) & (k + 1 >= _FEWEST)
        best[:, better], least[better], last = parts[:, better], off[better], value
    return best, least


class _Roots:
    """The M at which each of some pairs turns, in brackets that only shrink, a copy of its piece for each pair.

    Attributes:
        x, y: ``(12, n_pairs)`` M and delta of the points of the polynomials; s: the strengths there.
    """

    def __init__(self, curve, fits, pairs, piece):
        self.curve, self.pairs, self.piece = curve, pairs, piece
        above, last = curve.first_above(fits, pairs, piece), np.searchsorted(fits.piece, piece, side="right")
        self.low, self.high = fits.margin[above - 1], fits.margin[above]
        first = np.clip(above - _POINTS // 2, np.searchsorted(fits.piece, piece), last - _POINTS)
        near = first + np.arange(_POINTS)[:, None]
        self.x, self.y = fits.margin[near], curve.delta(pairs, fits.strength, fits.start[near])
        order = np.abs(self.x - self._interpolated(np.arange(len(pairs)))[0]).argsort(axis=0, kind="stable")
        self.x, self.y, near = (np.take_along_axis(a, order, axis=0) for a in (self.x, self.y, near))
        node, self.owner = curve.at.parts.graph.nodes_of.gather(curve.pieces[piece])
        self.s = fits.strength[fits.start[near][:, self.owner] + curve.at.parts.graph.place[node]]

    def estimates(self, one_of) -> _Fits:
        """The fits where some of the polynomials have their roots, one of several that are side by side.

        Those that have a fit near their root are left out.
        """
        root = self._interpolated(np.arange(len(self.pairs)))[0]
        order = np.lexsort((root, self.piece))
        some = np.sort(order[np.abs(root - self.x[0])[order] > _NEAR * root[order]][::one_of])
        x, strength, start = self._fitted(some, root[some])
        return _Fits(self.piece[some], x, start, strength)

    def found(self):
        """The upper ends of the closed brackets: at the root, as far beyond it, half-way, until one halves them."""
        width, kept = np.full(len(self.pairs), np.inf), np.zeros(len(self.pairs), dtype=np.int64)
        moving = np.arange(len(self.pairs))
        self._close(moving, self.x[0])
        moving = self._open(moving)
        while moving.size:
            span = (self.high - self.low)[moving]
            kept[moving] = np.where(span <= width[moving] / 2, 0, kept[moving] + 1)
            width[moving] = span
            root = self._interpolated(moving)[0]
            beyond = root + (root - np.where(self.y[0, moving] > 0, self.high[moving], self.low[moving]))
            wanted = np.choose(np.minimum(kept[moving], 2), [root, beyond, np.nan])
            x, strength, start = self._fitted(moving, wanted)
            y = self.curve.delta(self.pairs[moving], strength, start)
            self.low[moving] = np.where(y > 0, self.low[moving], x)
            self.high[moving] = np.where(y > 0, x, self.high[moving])
            nodes = np.isin(self.owner, moving)
            for points, own, new in ((self.x, moving, x), (self.y, moving, y), (self.s, nodes, strength)):
                points[:, own] = np.vstack([new, points[:-1, own]])
            self._close(moving, x)
            moving = self._open(moving)
        return self.high

    def _open(self, moving):
        return moving[(self.high - self.low)[moving] > 4 * self._least(moving)]

    def _close(self, moving, x):
        """Where two polynomials have their roots next to the newest point, at one M to rounding, delta turns there."""
        (root, off), least = self._interpolated(moving), self._least(moving)
        low, high = self.low[moving], self.high[moving]
        told = (off <= least / 4) & (np.abs(root - x) <= _CLOSE * x) & (root >= low - least) & (root <= high + least)
        self.low[moving] = np.where(told, np.maximum(root - least, low), low)
        self.high[moving] = np.where(told, np.minimum(root + least, high), high)

    def _interpolated(self, moving):
        """The root of a polynomial M(delta) through the newest points, and how far off that of one point less is."""
        x = self.x[:, moving]
        parts, off = _through(self.y[:, moving], x, 0.0)
        root = x[0] + (parts * (x - x[0])).sum(axis=0)
        return np.where(off < np.inf, root, np.nan), off  # points at one height have no polynomial

    def _least(self, moving):
        return tolerances.LOSS * np.maximum(self.high[moving], _SCANNED[1]) / 4

    def _fitted(self, moving, wanted):
        """M, strengths and where they start: at what is wanted, off the ends of the bracket, or half-way.

        A fit begins on a polynomial s(M) through the points, where there is none at the newest.
        """
        low, high, least = self.low[moving], self.high[moving], self._least(moving)
        inside = (wanted > low - least) & (wanted < high + least)
        x = np.where(inside, np.clip(wanted, low + least, high - least), (low + high) / 2)
        nodes = np.flatnonzero(np.isin(self.owner, moving))
        own = np.searchsorted(moving, self.owner[nodes])
        parts, off = _through(self.x[:, moving], self.y[:, moving], x)
        parts[0, np.isinf(off)] = 1.0
        guess = (parts[:, own] * self.s[:, nodes]).sum(axis=0)
        copies = ties.Copies(self.curve.at.parts.graph, self.curve.pieces[self.piece[moving]])
        return x, self.curve.fit(copies, self.piece[moving], x, guess), copies.start
