r"""The minimiser of any smooth convex loss of one margin on a label graph, with existence decided first.

:math:`f(s)=\sum_iW_ig(s_{w_i}-s_{l_i}-o_i)`, slopes of g -a at -inf and b at +inf (theorems in
:mod:`tabular.fits.cuts`). By the signs:

* a, b > 0: attained on every graph. cDPO is DPO on the labels (1 - k) W and, reversed, k W; squares are one linear
  system; others take Newton.
* b = 0: the strongly connected components of the win digraph each have a minimum, and labels between them cost the
  limit of g at +inf: not attained with such a label, unless g settles.
* b < 0: a maximum flow decides; the logistic loss is then DPO on relabelled weights.
* a <= 0: the same with labels and margin reversed.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from tabular.base import digraph
from tabular.errors import InputError
from tabular.fits import bradley_terry, cuts, least_squares, newton, tilted
from tabular.fits.block_solvers import EVEN
from tabular.fits.bradley_terry import Fit
from tabular.fits.pair_graph import PairGraph
from tabular.fits.parts import centred

__all__ = ["ConvexFit", "Labels", "fit", "relabelled", "residual"]

_FAR = 10.0 ** np.array([9, 50])  # where the limit of a user's function is read
_BALANCED = 1e-9  # of what a node's labels pull: its imbalance where Newton has not failed
_ONE_SCALE = 600.0  # range of log-weights that floats of one scale hold


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels that carry weight, on flat nodes.

    Attributes:
        log_weight: log of each label's share; offset: of x.
        weight: the weights as they were given, for exact decisions, or ``None``: they are then read off the logs.
    """

    n_nodes: int
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    offset: np.ndarray
    weight: np.ndarray | None = None

    @cached_property
    def pairs(self) -> PairGraph:
        """The labels by unordered pairs."""
        return PairGraph.of(self.n_nodes, self.winner, self.loser)

    def component(self):
        """Component number of each node."""
        return self.pairs.components()

    def whole(self) -> list[int]:
        """The weights as whole numbers in one unit, for exact decisions."""
        return cuts.whole_weights(self.log_weight, self.weight)

    def reversed(self):
        """Losers for winners."""
        return Labels(self.n_nodes, self.loser, self.winner, self.log_weight, -self.offset, self.weight)


@dataclass(frozen=True, eq=False)
class ConvexFit:
    """What was found.

    Attributes:
        fit: strengths in units of x; blocks and ranks: every label between two blocks wants to grow without bound.
        violated: ``(n_nodes,)`` mask of the sets along whose indicator the loss falls without bound.
        settled: whether labels between blocks have reached their least, so that nothing is unattained.
        labels: the labels on which the loss is DPO's, where it is, else ``None``.
        pull: ``(n_labels,)`` minus the derivative of the mean loss in each margin, where all labels were fitted.
    """

    fit: Fit
    violated: np.ndarray
    settled: bool = False
    labels: Labels | None = None
    pull: np.ndarray | None = None

    @property
    def infimum(self):
        return -np.inf if self.violated.any() else self.fit.infimum


@dataclass(frozen=True)
class _Mirrored:
    """g(-x)."""

    scalar: Any
    shape = "other"

    @property
    def growth(self):
        return (-self.scalar.growth[1], -self.scalar.growth[0])

    @property
    def exact_growth(self):
        return tuple(-s for s in reversed(self.scalar.exact_growth))

    @property
    def settles(self):
        return self.scalar.settles[::-1]

    def value(self, x):
        return self.scalar.value(-x)

    def slope(self, x):
        return -self.scalar.slope(-x)

    def curvature(self, x):
        return self.scalar.curvature(-x)


def fit(labels: Labels, scalar, guess=None) -> ConvexFit:
    """The fit of a scalar g of :mod:`tabular.losses.scalars`, or of a user's.

    ``guess``, ``(n_nodes,)``, are strengths near the fit; they only save time, that of the logistic loss.

    >>> from tabular import losses
    >>> labels = Labels(2, np.array([0]), np.array([1]), np.zeros(1), np.zeros(1))
    >>> found = fit(labels, losses.get("cdpo", eps=0.25).scalar)
    >>> (found.fit.strength[0] - found.fit.strength[1]).round(12) == np.log(3).round(12)  # logit(1 - eps)
    np.True_
    >>> fit(labels, losses.get("rdpo", eps=0.25).scalar).violated.tolist()
    [True, False]
    """
    left, right = scalar.growth
    if left == right:
        raise InputError("this loss grows alike at both ends, so it is a straight line: no labels bound it")
    if left >= 0:  # a <= 0, b > 0
        return fit(labels.reversed(), _Mirrored(scalar))
    if scalar.shape == "logistic":
        return _logistic(labels, scalar, guess)
    if right > 0:
        return _everywhere(labels, scalar)
    if right == 0:
        return _by_blocks(labels, scalar)
    return _with_a_flow(labels, scalar)


def relabelled(labels: Labels, linear: Fraction):
    """The labels on which sp(-x) + linear x is DPO's loss, each row as given, then each reversed; and the violated set.

    >>> labels = Labels(2, np.array([0]), np.array([1]), np.zeros(1), np.zeros(1))
    >>> np.exp(relabelled(labels, Fraction(1, 4))[0].log_weight).tolist()
    [0.75, 0.25]
    """
    bounded = np.zeros(labels.n_nodes, dtype=bool)
    if linear == 0:
        return labels, bounded
    if linear > 0:
        kept, swapped = np.log1p(-float(linear)), np.log(float(linear))
    else:
        pairs = cuts.Pairs.of(labels.n_nodes, labels.winner, labels.loser)
        balance = cuts.balance(labels.n_nodes, pairs, labels.log_weight, labels.whole, -linear)
        bounded = balance.violated
        up = pairs.upward
        high, low = balance.log_swapped[pairs.of_label], balance.log_kept[pairs.of_label]
        kept, swapped = np.where(up, low, high), np.where(up, high, low)
    log_weight = np.r_[labels.log_weight + kept, labels.log_weight + swapped]
    ends = np.r_[labels.winner, labels.loser], np.r_[labels.loser, labels.winner]
    return Labels(labels.n_nodes, *ends, log_weight, np.r_[labels.offset, -labels.offset]), bounded


def _logistic(labels, scalar, guess):
    linear = scalar.linear
    if linear and np.ptp(labels.log_weight) <= EVEN:
        found = _tilted(labels, scalar)
        if found is not None:
            return found
    same, violated = relabelled(labels, linear)
    log_weight = same.log_weight
    if violated.any():
        component = labels.component()
        lost = np.isin(component, np.unique(component[violated]))
        log_weight = np.where(lost[same.winner], -np.inf, log_weight)
    found = bradley_terry.fit(same.n_nodes, same.winner, same.loser, log_weight, same.offset, guess)
    if linear < 0 and labels.offset.any():
        found = replace(found, block_minimum=found.block_minimum + _constant(labels, same, linear, found.block))
    return ConvexFit(found, violated, labels=same)


def _constant(labels, same, linear, block):
    """What relabelling leaves out: sum (yW - kW) o over labels, by the winner's block."""
    swapped = np.exp(same.log_weight[len(labels.winner) :])
    left_out = (swapped - float(linear) * np.exp(labels.log_weight)) * labels.offset
    return np.bincount(block[labels.winner], left_out, block.max() + 1)


def _tilted(labels, scalar):
    """Newton on the labels as they are; ``None`` where that fails or proves nothing, or a response alone refutes it."""
    component, n, linear = labels.component(), labels.n_nodes, scalar.linear
    if linear < 0:
        weight = np.exp(labels.log_weight - labels.log_weight.max())
        won, lost = np.bincount(labels.winner, weight, n), np.bincount(labels.loser, weight, n)
        k = float(linear)
        if (k * won + (1 - k) * lost < 0).any() or ((1 - k) * won + k * lost < 0).any():
            return None
    edges = labels.winner, labels.loser, labels.log_weight, labels.offset
    s, proved = tilted.solve(component, *edges, float(linear), labels.pairs)
    if not proved.all():
        return None
    found, pull = _fit_of(component, edges, s, scalar)
    if not found.residual <= _BALANCED:  # margins so far apart that the curvatures of labels are, too
        return None
    return ConvexFit(found, np.zeros(n, dtype=bool), pull=pull)


def _everywhere(labels, scalar):
    """a, b > 0: one block a component."""
    found, pull = _fitted(labels, scalar, labels.component())
    return ConvexFit(found, np.zeros(labels.n_nodes, dtype=bool), pull=pull)


def _by_blocks(labels, scalar):
    block, rank = digraph.ranked_blocks(digraph.adjacency(labels.n_nodes, labels.winner, labels.loser))
    inner = block[labels.winner] == block[labels.loser]
    found, _ = _fitted(labels, scalar, block, inner)
    limit = _limit(scalar)
    if not scalar.settles[1]:
        cost = np.exp(labels.log_weight[~inner]) * limit
        minimum = found.block_minimum + np.bincount(block[labels.loser[~inner]], cost, len(rank))
        whole = Fit(found.strength, block, rank, minimum, found.residual)
        return ConvexFit(whole, np.zeros(labels.n_nodes, dtype=bool))
    reach = found.strength - found.strength.min(initial=0.0)
    apart = 2 * (reach.max(initial=0.0) + np.abs(labels.offset).max(initial=0.0)) + 100
    component = labels.component()
    strength = centred(found.strength - apart * rank[block], component)
    x = strength[labels.winner] - strength[labels.loser] - labels.offset
    cost = np.bincount(component[labels.winner], np.exp(labels.log_weight) * scalar.value(x), component.max() + 1)
    flat = Fit(strength, component, np.zeros(len(cost), dtype=np.int64), cost, found.residual)
    return ConvexFit(flat, np.zeros(labels.n_nodes, dtype=bool), settled=True)


def _with_a_flow(labels, scalar):
    left, right = scalar.exact_growth
    excess = Fraction(0) if left == -np.inf else -right / (right - left)
    if left == -np.inf:
        raise InputError(
            "this loss grows beyond every straight line on the left and falls along one on the right: the cuts of such "
            "a loss are not decided here"
        )
    pairs = cuts.Pairs.of(labels.n_nodes, labels.winner, labels.loser)
    balance = cuts.balance(labels.n_nodes, pairs, labels.log_weight, labels.whole, excess)
    component = labels.component()
    if not balance.violated.any() and _tight(labels.n_nodes, pairs, balance, component):
        raise InputError(
            "a cut of the labels is balanced exactly against the slope of this loss at +inf: its infimum is not "
            "attained, and what it is depends on how the loss nears its asymptote; change a weight"
        )
    lost = np.isin(component, np.unique(component[balance.violated]))
    return ConvexFit(_fitted(labels, scalar, component, ~lost[labels.winner])[0], balance.violated)


def _tight(n_nodes, pairs, balance, component):
    up, down = balance.log_kept > -np.inf, balance.log_swapped > -np.inf
    ends = np.r_[pairs.low[up], pairs.high[down]], np.r_[pairs.high[up], pairs.low[down]]
    return digraph.ranked_blocks(digraph.adjacency(n_nodes, *ends))[1].size > component.max() + 1


def _fitted(labels, scalar, block, kept=None):
    """The minimum of each block over the labels kept, which lie inside blocks, and what each of these pulls."""
    edges = labels.winner, labels.loser, labels.log_weight, labels.offset
    if scalar.shape == "square":  # attained on every graph: all labels are kept
        s = least_squares.solve(block, *edges, labels.pairs)
    else:
        whole = kept is None or kept.all()
        edges = edges if whole else tuple(column[kept] for column in edges)
        s = newton.solve(block, *edges, scalar, labels.pairs if whole else None)
    return _fit_of(block, edges, s, scalar)


def _fit_of(block, edges, s, scalar):
    """What edges inside blocks cost at levels s, how far these are from balance, and what each edge pulls."""
    winner, loser, log_weight, offset = edges
    high, low = s[winner], s[loser]
    x, weight = high - low - offset, np.exp(log_weight)
    minimum, slope = _by_block(block, winner, weight * scalar.value(x)), scalar.slope(x)
    miss = _imbalance(len(s), edges, np.abs(high) + np.abs(low), slope, scalar.curvature(x))
    return Fit(s, block, np.zeros(len(minimum), dtype=np.int64), minimum, miss), -weight * slope


def _by_block(block, winner, cost):
    """``(n_blocks,)`` sums of what labels inside blocks cost."""
    n_blocks = block.max() + 1
    return np.bincount(block[winner], cost, n_blocks) if n_blocks > 1 else cost.sum(keepdims=True)


def residual(n_nodes, edges, s, scalar):
    """The largest imbalance of a node, relative to what its labels pull and to what rounding moves of that."""
    winner, loser, _, offset = edges
    high, low = s[winner], s[loser]
    x = high - low - offset
    return _imbalance(n_nodes, edges, np.abs(high) + np.abs(low), scalar.slope(x), scalar.curvature(x))


def _imbalance(n_nodes, edges, levels, slope, bend):
    winner, loser, log_weight, offset = edges
    size = np.abs(slope) + np.abs(bend) * (levels + np.abs(offset))
    won, lost = _shares(n_nodes, winner, loser, log_weight)
    net = np.bincount(winner, won * slope, n_nodes) - np.bincount(loser, lost * slope, n_nodes)
    all_of_it = np.bincount(winner, won * size, n_nodes) + np.bincount(loser, lost * size, n_nodes)
    return float((np.abs(net) / np.where(all_of_it > 0, all_of_it, 1)).max(initial=0.0))


def _shares(n_nodes, winner, loser, log_weight):
    """The labels' weights in a unit of each winner's own, and of each loser's."""
    highest = log_weight.max(initial=-np.inf)
    if log_weight.min(initial=np.inf) >= highest - _ONE_SCALE:
        share = np.exp(log_weight - highest)
        return share, share
    top = np.full(n_nodes, -np.inf)
    np.maximum.at(top, winner, log_weight)
    np.maximum.at(top, loser, log_weight)
    return np.exp(log_weight - top[winner]), np.exp(log_weight - top[loser])


def _limit(scalar):
    """The limit of g at +inf where its slope there is 0."""
    with np.errstate(all="ignore"):
        far = np.asarray(scalar.value(_FAR), dtype=float)
    return float(far[np.isfinite(far)][-1])
