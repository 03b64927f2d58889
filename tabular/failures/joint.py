r"""Which pairs can be inverted *together* at a given loss?

For a set S of labelled pairs let :math:`C(S)=\inf\{L:\delta_i\le 0\ \forall i\in S\}`. The pieces of the labels
separate (:mod:`tabular.failures.pieces`), so take one piece.

**Ties are all that has to be searched.** For a partition P of the responses into groups joined by labels, tie each
group (equal log-probabilities) and minimise the loss: the infimum is E(P), and since every label has one margin there
(softplus is strictly convex; +inf between blocks), so is the set I(P) of labels with :math:`\delta\le 0`. Then

.. math:: C(S)=\min\{E(P):I(P)\supseteq S\}.

Each E(P) on the right is reached with S inverted, so none is below C(S). Conversely, at the optimum for S let A be the
constraints with a positive multiplier: they hold with equality, and the same multipliers prove that the optimum is
also the least of L where the pairs of A are tied; so it is that of the partition P which A joins, S lies in I(P) by
uniqueness of the margins, and :math:`E(P)=C(S)`. (Where nothing is attained, the labels whose margin grows without
bound along a minimising sequence cost 0 in the limit and are not in S; drop them and repeat the argument.)

**Only labels that are still right have to be tied next.** The search goes from the partition of singletons by merging
the two ends of one label at a time, and a coarser partition costs at least as much. Let P and A be as above and Q
finer than P, or equal to it. If all of A is inverted at Q, then :math:`E(Q)\ge C(A)=E(P)`, hence Q has the loss, the
margins and the inverted labels of P, and P need not be visited. Else some label of A has :math:`\delta>0` at Q; merge
its ends: the result is finer than P or equal to it, too. So P, or a partition that does as well, is met by merging
labels with :math:`\delta>0` alone.

**What was too dear stays too dear.** If merging the ends of label i at Q exceeds the budget, so does every coarser
partition with i inverted: it costs at least the least loss with Q tied and :math:`\delta_i\le 0`, where i is tied.
Below Q the label is left alone.

A path of m labels has m pieces of 2 partitions; n responses all compared are one piece that has as many as there are
partitions of n (203 for 6, 4 million for 12) of which the two rules leave a part.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import digraph
from tabular.base.log_space import normalised
from tabular.errors import InputError
from tabular.failures import required, ties
from tabular.failures.infimum import Infimum
from tabular.failures.pattern_search import Aim, Search

__all__ = ["PARTITIONS", "TAME", "Ways", "cost_of", "few", "policy", "span", "ways"]

_FEW, _HARD = 150_000, 10  # responses squared, fitted in .1 s; and how many times fewer where fits take Newton in cuts
TAME = 10.0  # nats that weights and reference margins span where it does not
_SOON = 64  # patterns of a set of labels that are fitted sooner than it is solved as a convex programme
PARTITIONS = 20_000  # fitted for one piece at most: seconds; beyond it, certified bounds


@dataclass(frozen=True, eq=False)
class Ways:
    """Ways to invert some labels of one piece, each a tie pattern at its best.

    Attributes:
        piece: ``(n_ways,)``; pattern: for each way, the leader of each place of the piece.
        cost: ``(n_ways,)`` E(P) less the piece's infimum, in nats of mean loss.
        inverted: for each way, the kept labels (positions in ``LabelGraph.label``) with delta <= 0.
        cut_short: pieces whose search met the limit: further ways exist that are not listed.
        open: of each of these, a bound on the weight that further ways invert within the budget; inf without an aim.
    """

    piece: np.ndarray
    pattern: list
    cost: np.ndarray
    inverted: list
    cut_short: np.ndarray
    open: np.ndarray

    def with_way(self, piece, pattern, cost, inverted):
        """With one more way to invert labels of a piece."""
        lists = [*self.pattern, pattern], np.r_[self.cost, cost], [*self.inverted, inverted]
        return Ways(np.r_[self.piece, piece], *lists, self.cut_short, self.open)


def ways(at: Infimum, pieces, budget=np.inf, merge=None, limit=PARTITIONS, aim: Aim | None = None) -> Ways:
    """The tie patterns of the listed pieces that have to be known up to a budget, for each piece coarser ones later.

    Args:
        merge: mask ``(n_labels,)`` of the kept labels whose ends may be tied; all by default.
        limit: of patterns fitted for one piece; from there on a search is a sample, ever narrower.
        aim: what the ways are for, where not all of them are wanted; then all labels may be tied.
    """
    pieces = np.asarray(pieces, dtype=np.int64)
    merge = np.ones(len(at.graph.label), dtype=bool) if merge is None else merge
    size = at.parts.graph.nodes_of.size[pieces]
    found, cut_short, left = [], [], []
    for alike in np.unique(size):
        search = Search(at, pieces[size == alike], budget, merge, limit, aim)
        found += search.run()
        cut_short += search.pieces[search.cut_short].tolist()
        left += search.open[search.cut_short].tolist()
    piece, pattern, cost, inverted = zip(*found, strict=True) if found else ((), (), (), ())
    piece, cut_short = (np.array(a, dtype=np.int64) for a in (piece, cut_short))
    order = np.argsort(cut_short)
    return Ways(piece, list(pattern), np.array(cost), list(inverted), cut_short[order], np.array(left)[order])


def few(at: Infimum) -> int:
    """Patterns of the largest piece that are fitted in about a tenth of a second, for who asks for bounds."""
    graph = at.parts.graph
    squares = _FEW if span(at) <= TAME else _FEW // _HARD
    return min(max(squares // int(graph.nodes_of.size[graph.labelled].max()) ** 2, 1), PARTITIONS)


def span(at: Infimum) -> float:
    """How many nats weights and reference margins span: the more, the longer fits take."""
    graph = at.parts.graph
    margin = graph.problem.beta * (graph.log_ref[graph.winner] - graph.log_ref[graph.loser]) + graph.offset
    return float(np.ptp(graph.log_share) + np.abs(margin).max())


def policy(at: Infimum, pieces, patterns) -> np.ndarray:
    """``(n_prompts, n_responses)`` log-policy with some pieces tied like that, the rest near their infimum."""
    log_policy = at.unnormalised.copy()
    if len(pieces):
        graph = at.parts.graph
        node, copy = graph.nodes_of.gather(np.asarray(pieces))
        leader = node[np.concatenate(patterns) + np.searchsorted(copy, copy)]
        group = digraph.components(len(log_policy), graph.response[node], graph.response[leader])
        first = np.unique(group, return_index=True)[1][group]
        copies = ties.Copies(at.graph, np.unique(at.graph.component[graph.response[node]]))
        log_policy[copies.node] = copies.fit(copies.at(copies.node_copy, first[copies.node])).log_policy()
    return normalised(log_policy.reshape(at.graph.problem.log_ref.shape))


def cost_of(at: Infimum, labels, limit=PARTITIONS):
    """``C(S) - inf L`` for S a list of kept labels."""
    wanted = np.zeros(len(at.graph.label), dtype=bool)
    wanted[labels] = True
    graph = at.parts.graph
    piece = graph.component[graph.winner]
    found = ways(at, np.unique(piece[wanted]), merge=wanted, limit=min(limit, _SOON))
    if found.cut_short.size:
        least = required.cost_of(at, np.flatnonzero(wanted))
        if least is not None:
            return least
        found = ways(at, np.unique(piece[wanted]), merge=wanted, limit=limit)
    if found.cut_short.size:
        raise InputError(
            f"the {int(wanted.sum())} pairs have more than {limit} tie patterns, because so many share responses: "
            "ask about fewer at once, or use failure_modes.accuracy_bounds"
        )
    asked = np.bincount(piece[wanted], minlength=len(graph.labels_of.size))
    able = np.array([wanted[inverted].sum() for inverted in found.inverted]) == asked[found.piece]
    cost = np.full(len(asked), np.inf)
    np.minimum.at(cost, found.piece[able], found.cost[able])
    return float(cost[asked > 0].sum())
