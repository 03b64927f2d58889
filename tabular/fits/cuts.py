r"""Is a convex loss of differences bounded below on a label graph, is its infimum attained? Cuts decide, exactly.

Let :math:`f(s)=\sum_iW_i\,g(s_{w_i}-s_{l_i}-o_i)` with g convex, of slopes -a at -inf and b at +inf, and, for a set S
of nodes, W(S) the weight of the labels that S wins against the rest, W(S^c) of those it loses. The recession function
of f is the Lovasz extension of

.. math:: F(S)=b\,W(S)+a\,W(S^c)=\sum_{y\in S}b\,(\text{wins}_y-\text{losses}_y)+(a+b)\,W(S^c),

which is submodular as a + b >= 0. So, with asymptotes at finite distance from g:

* **f is bounded below iff F(S) >= 0 for every S** (rDPO, a : b = 1 - eps : -eps: in every cut each side wins at least a
  share eps of the weight that crosses it);
* **it attains its infimum if F(S) > 0 for every S that some label crosses**; where F(S) = 0 and some crossing label is
  never on its asymptote, f falls strictly along the indicator of S, for ever: not attained.

By Hoffman's theorem F >= 0 iff the network with an arc from the loser to the winner of each label, of capacity
(a + b) W, carries a flow of net outflow -b (wins - losses) from each node: the flow is the certificate, a minimum cut
the refutation. A set with F(S) = 0 is one that no residual arc leaves, so all of them are unions of strongly connected
components of the residual graph, closed under its arcs (Picard and Queyranne 1980).

**The flow is a relabelling.** For the logistic loss with a linear term, :math:`g=\mathrm{sp}(-x)+kx`, a label's flow is
the part y of its weight that changes sides: f is, up to a constant, the DPO loss in which the label (w, l) of weight W
stands as (w, l) of weight (1 - y) W and (l, w) of weight y W. *Proof:* :math:`(1-y)\mathrm{sp}(-x)+y\,\mathrm{sp}(x)=
\mathrm{sp}(-x)+yx`, and :math:`\sum_i W_i(y_i-k)(s_{w_i}-s_{l_i})=0` for all s says that yW has the divergence of kW. ∎
For 0 <= k <= 1, y = k will do (cDPO). For k < 0 it takes a flow, and where a pair's own labels have both a share of at
least eps they can settle it among themselves: :math:`y=(1-\epsilon-\rho)/(1-2\epsilon)` of the pair's weight goes to
the second response, rho being the first one's share.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tabular.base import digraph

__all__ = ["Balance", "Pairs", "balance", "in_one_unit", "whole_weights"]

_SAFE = 1e-9  # shares this far inside [0, 1] are inside it whatever rounding did


@dataclass(frozen=True, eq=False)
class Pairs:
    """The labels of each unordered pair (low, high) together."""

    low: np.ndarray
    high: np.ndarray
    of_label: np.ndarray
    upward: np.ndarray  # of each label: whether low wins

    @classmethod
    def of(cls, n_nodes, winner, loser):
        low, high = np.minimum(winner, loser), np.maximum(winner, loser)
        key, of_label = np.unique(low * n_nodes + high, return_inverse=True)
        return cls(*np.divmod(key, n_nodes), of_label, winner < loser)

    def log_totals(self, log_weight):
        """Log of the weight that low wins, and that high wins."""
        shape = (2, len(self.low))
        place = np.where(self.upward, 0, len(self.low)) + self.of_label
        top = np.full(shape[0] * shape[1], -np.inf)
        np.maximum.at(top, place, log_weight)
        scale = np.where(np.isneginf(top), 0.0, top)
        total = np.bincount(place, np.exp(log_weight - scale[place]), len(top))
        with np.errstate(divide="ignore"):
            return (np.log(total) + scale).reshape(shape)


@dataclass(frozen=True, eq=False)
class Balance:
    """What decides existence for a loss with growth (-a, b), b < 0.

    Attributes:
        swapped: ``(n_pairs,)`` share of each pair's weight that stands for "high over low" once relabelled; exact 0
            and 1 where a cut is tight.
        violated: ``(n_nodes,)`` mask of a set S with F(S) < 0, all its components together; empty if bounded below.
        log_swapped, log_kept: logs of ``swapped`` and of 1 - ``swapped``, without cancellation.
    """

    swapped: np.ndarray
    log_swapped: np.ndarray
    log_kept: np.ndarray
    violated: np.ndarray


def balance(n_nodes, pairs: Pairs, log_weight, whole: Callable[[], list[int]], excess: Fraction) -> Balance:
    """Relabel the pairs so that the linear term -excess x is gone, or find a set that makes it unbounded.

    Args:
        whole: called for the weights as whole numbers, in one unit, where exact decisions need them.
        excess: -b / (a + b), above 0: eps / (1 - 2 eps) for rDPO.

    >>> pairs = Pairs.of(2, np.array([0, 1]), np.array([1, 0]))
    >>> for wins in (3, 9, 10):  # of 0 over 1, against 1; eps = 1/10
    ...     found = balance(2, pairs, np.log([wins, 1.0]), lambda wins=wins: [wins, 1], Fraction(1, 8))
    ...     print(found.swapped.tolist(), found.violated.tolist())
    [0.1875] [False, False]
    [0.0] [False, False]
    [0.0] [True, False]
    """
    won, lost = pairs.log_totals(log_weight)
    with np.errstate(over="ignore"):
        share = 1 / (1 + np.exp(lost - won))
        other = 1 / (1 + np.exp(won - lost))
    c = float(excess)
    swapped, kept = other - c * (share - other), share + c * (share - other)
    if (np.minimum(swapped, kept) > _SAFE).all():
        return Balance(swapped, np.log(swapped), np.log(kept), np.zeros(n_nodes, dtype=bool))
    return _exactly(n_nodes, pairs, whole(), excess)


def whole_weights(log_weight, weight=None) -> list[int]:
    """Weights as whole numbers in one unit: floats exactly as they are, or logs of them to 53 digits.

    >>> whole_weights(np.log([0.5, 3.0]), np.array([0.5, 3.0]))
    [1, 6]
    """
    if weight is not None and (np.isfinite(weight) & ((weight > 1e-300) | np.isneginf(log_weight))).all():
        return in_one_unit(weight)[0]
    least = log_weight[log_weight > -np.inf].min()
    return [_scaled(relative) for relative in (log_weight - least).tolist()]


def in_one_unit(values) -> tuple[list[int], int]:
    """Floats as whole numbers of one unit, exactly, and how many units are 1.

    >>> in_one_unit([0.5, -3.0])
    ([1, -6], 2)
    """
    rationals = [float(v).as_integer_ratio() for v in values]
    unit = max(below for _, below in rationals)
    return [above * (unit // below) for above, below in rationals], unit


def _scaled(log_ratio):
    if log_ratio == -np.inf:
        return 0
    powers = int(log_ratio / np.log(2))
    return int(np.exp(log_ratio - powers * np.log(2)) * 2.0**60) << powers


def _exactly(n_nodes, pairs, weight, excess) -> Balance:
    """The same in whole numbers: what the pairs cannot settle alone is sent round by a maximum flow.

    Responses that win or lose too much all by themselves refute their component at once.
    """
    n_pairs, part = len(pairs.low), excess.denominator
    won, lost = [0] * n_pairs, [0] * n_pairs
    for pair, up, w in zip(pairs.of_label.tolist(), pairs.upward.tolist(), weight, strict=True):
        if up:
            won[pair] += w
        else:
            lost[pair] += w
    total = [part * (p + q) for p, q in zip(won, lost, strict=True)]
    wanted = [part * q - excess.numerator * (p - q) for p, q in zip(won, lost, strict=True)]
    held = [min(max(v, 0), t) for v, t in zip(wanted, total, strict=True)]
    component = digraph.components(n_nodes, pairs.low, pairs.high)
    violated = _alone(component, pairs, won, lost, excess)
    refuted = np.isin(component, component[violated])
    left = np.flatnonzero(~refuted[pairs.low]).tolist()
    ends = pairs.low[left].tolist(), pairs.high[left].tolist()
    network = _Network(n_nodes, *ends, [total[k] for k in left], [held[k] for k in left])
    for low, high, k in zip(*ends, left, strict=True):
        network.surplus[high] += wanted[k] - held[k]  # what high should still send to low
        network.surplus[low] -= wanted[k] - held[k]
    violated |= np.array(network.route(), dtype=bool)
    for k, h in zip(left, network.held, strict=True):
        held[k] = h
    swapped = np.array([h / t for h, t in zip(held, total, strict=True)])
    logs = [(_log(h) - _log(t), _log(t - h) - _log(t)) for h, t in zip(held, total, strict=True)]
    return Balance(swapped, *np.array(logs).reshape(-1, 2).T, violated)


def _alone(component, pairs, won, lost, excess):
    """In each component one set with F < 0 at most: a response that rarely loses, or all but one that rarely wins."""
    n_nodes = len(component)
    wins, losses = [0] * n_nodes, [0] * n_nodes
    for low, high, p, q in zip(pairs.low.tolist(), pairs.high.tolist(), won, lost, strict=True):
        wins[low], losses[low] = wins[low] + p, losses[low] + q
        wins[high], losses[high] = wins[high] + q, losses[high] + p
    violated, seen = np.zeros(n_nodes, dtype=bool), set()
    above, below = excess.denominator + excess.numerator, excess.numerator
    for node, (p, q) in enumerate(zip(wins, losses, strict=True)):
        if int(component[node]) in seen or not (above * q < below * p or above * p < below * q):
            continue
        seen.add(int(component[node]))
        if above * q < below * p:
            violated[node] = True
        else:
            violated |= (component == component[node]) & (np.arange(n_nodes) != node)
    return violated


def _log(whole):
    """Log of a whole number of any size."""
    if whole <= 0:
        return -np.inf
    shift = max(whole.bit_length() - 64, 0)
    return float(np.log(float(whole >> shift))) + shift * float(np.log(2))


class _Network:
    """Flow from high to low of each pair within [0, total], in whole numbers; Dinic's algorithm on what is left."""

    def __init__(self, n_nodes, low, high, total, held):
        self.n_nodes, self.low, self.high, self.total, self.held = n_nodes, low, high, total, held
        self.surplus = [0] * n_nodes
        self.at = [[] for _ in range(n_nodes)]
        for pair, (a, b) in enumerate(zip(low, high, strict=True)):
            self.at[a].append(pair)
            self.at[b].append(pair)

    def room(self, pair, node):
        """How much more the pair can carry away from one of its ends."""
        return self.total[pair] - self.held[pair] if node == self.high[pair] else self.held[pair]

    def other(self, pair, node):
        return self.low[pair] if node == self.high[pair] else self.high[pair]

    def route(self):
        """Send surpluses to deficits; the nodes that a surplus left over still reaches."""
        while True:
            level = self._levels()
            targets = [y for y in range(self.n_nodes) if self.surplus[y] < 0 and level[y] >= 0]
            if not targets:
                return [reached >= 0 for reached in level]
            tried = [0] * self.n_nodes
            for source in [y for y in range(self.n_nodes) if self.surplus[y] > 0]:
                while self.surplus[source] > 0 and self._push_along(source, level, tried):
                    pass

    def _levels(self):
        level = [0 if left > 0 else -1 for left in self.surplus]
        waiting = deque(y for y in range(self.n_nodes) if level[y] == 0)
        while waiting:
            node = waiting.popleft()
            for pair in self.at[node]:
                to = self.other(pair, node)
                if level[to] < 0 and self.room(pair, node) > 0:
                    level[to] = level[node] + 1
                    waiting.append(to)
        return level

    def _push_along(self, source, level, tried):
        """One augmenting path from the source, depth first; False where none is left in this phase."""
        path, node = [], source
        while self.surplus[node] >= 0:
            while tried[node] < len(self.at[node]):
                pair = self.at[node][tried[node]]
                if level[self.other(pair, node)] == level[node] + 1 and self.room(pair, node) > 0:
                    break
                tried[node] += 1
            else:
                if node == source:
                    return False
                node = path.pop()[1]
                tried[node] += 1
                continue
            path.append((pair, node))
            node = self.other(pair, node)
        amount = min(self.surplus[source], -self.surplus[node], *(self.room(pair, y) for pair, y in path))
        for pair, y in path:
            self.held[pair] += amount if y == self.high[pair] else -amount
        self.surplus[source] -= amount
        self.surplus[node] += amount
        return True
