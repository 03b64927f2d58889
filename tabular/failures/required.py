r"""The least loss with every label of a set inverted: a convex programme, solved and proved without a search.

:math:`C(S)=\inf\{L:h_e\le b_e\ \forall e\in S\}`. A fit of :mod:`tabular.failures.divided` that decides S and no more
has a circulation, which bounds C(S) from below; the labels that it holds are tied, and the least loss with those ties
(:mod:`tabular.failures.joint`) bounds it from above wherever it inverts S. Where the two meet the latter is C(S).
"""

from dataclasses import replace

import numpy as np

from tabular.base import tolerances
from tabular.base.log_space import softplus
from tabular.failures import ties
from tabular.failures.divided import INVERTED, OPEN, Divided, Near
from tabular.failures.infimum import Infimum
from tabular.failures.pairs import Pairs

__all__ = ["cost_of"]

_LARGEST = 300  # responses: each step of a fit factors as large a matrix
_LEFT = 1e-17  # of the loss, for a fit to fall: as close as floats come
_HELD, _SLOWEST = 1e-10, 0.9  # nats by which a label is off the side that it is held on; of those before, what is left


def cost_of(at: Infimum, labels) -> float | None:
    """``C(S) - inf L`` for S some kept labels; ``None`` where rounding keeps the two bounds apart, or they are many."""
    graph = at.parts.graph
    pieces = np.unique(graph.component[graph.winner[labels]])
    if graph.nodes_of.size[pieces].sum() > _LARGEST:
        return None
    copies, rest = ties.Copies(graph, pieces), float(at.parts.cost[pieces].sum())
    wanted = np.isin(copies.edge, labels)
    beta, log_ref = graph.problem.beta, graph.log_ref[copies.node]
    bound = -beta * (log_ref[copies.winner] - log_ref[copies.loser])
    share = np.exp(graph.log_share[copies.edge])
    tied = copies.tied(wanted)
    pairs = Pairs(copies.winner, copies.loser, share, bound)
    state = np.where(pairs.sums(wanted) > 0, INVERTED, OPEN)
    divided = Divided(pairs, np.zeros(len(state)), float(tied.cost.sum()), 1.0)
    for fits, loss in _held(divided, state, at.parts.strength[copies.node]):
        ends = divided.inverted(fits)[1][0][pairs.pair] & wanted
        tied = copies.tied(ends)
        while (up := wanted & (tied.delta > 0)).any():  # held with a push that rounds to none
            ends |= up
            tied = copies.tied(ends)
        cost = float(tied.cost.sum())
        there = replace(fits, strength=beta * (tied.log_policy() - log_ref)[None])
        loss = max(loss, float(divided.most(there).loss[0]))
        if (tied.delta[wanted] <= 0).all() and cost - loss <= tolerances.LOSS * (cost + share @ softplus(-bound)):
            return max(cost - rest, 0.0)
    return None


def _held(divided, state, strength):
    """Fits and the losses that they prove, ever closer to where the labels are held."""
    fits = Near(state[None].astype(np.int8), strength[None], np.zeros((1, len(divided.pairs))))
    off, before = np.inf, np.inf
    while off > _HELD and not off > _SLOWEST * before:
        fits, most = divided.fit(fits, np.full(1, _LEFT * divided.level))
        off, before = float(divided.off(fits)[0]), off
        yield fits, float(most.loss[0])
