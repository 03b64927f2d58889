r"""Where gradient flow of the DPO loss from the reference ends.

In tabular softmax logits :math:`\dot\theta=-\nabla L`. The :math:`s=\beta\log\pi/\pi_{\rm ref}`, up to a constant per
prompt, obeys :math:`\dot s=-\beta^2\nabla f(s)`, :math:`s(0)=0`, with the convex f of
:mod:`tabular.fits.bradley_terry`. The gradient of f sums to 0 over every weakly connected component of the win digraph,
so the sum of s over each is conserved: 0 for ever, and s = 0 on unlabelled responses.

**Attained.** s converges to the minimiser of f with mean 0 over each component.

**Unattained.** :math:`s(t)=\hat u\log t+x(t)` with :math:`x(t)=o(\log t)`, where

.. math:: \hat u=\arg\min\|u\|^2\ \text{ subject to }\ u_w-u_l\ge 1\text{ on labels between blocks, }
   u\text{ constant on blocks}

(Soudry et al. 2018, Thm 3, where every block is one response; Ji and Telgarsky 2019 in general). All mass goes where
:math:`\hat u` is largest: to source blocks of components with an edge between blocks, as the largest value in such a
component belongs to a source and is positive (:math:`\hat u` sums to 0 over the component). Unlabelled responses and
attained components have :math:`\hat u=0` and vanish. So the limit is

* one source block in the prompt's unattained components: all mass on it, inner proportions fixed;
* several, one of them with the largest :math:`\hat u`: all mass on that one;
* several tied: decided by x. Let :math:`\alpha_e\ge 0` be the multipliers of the program. Where every tight edge
  (:math:`\hat u_w-\hat u_l=1`) can carry :math:`\alpha_e>0`, x converges, and its block levels solve
  :math:`\sum_en_ee^{-(x_w-x_l)}(e_w-e_l)=\sum_e\alpha_e(e_w-e_l)` over the tight edges (Soudry et al. 2018, Thm 4:
  :math:`\dot s\to\hat u/t`, which the tight edges carry, as all others decay faster than 1/t). That fixes x up to a
  constant on each piece joined by tight edges, and the constant too where the piece is a whole component, by
  conservation.
* Theory gives no closed form where tied source blocks lie in different pieces and one of these is not a whole
  component (the levels then depend on the whole trajectory), or where some tight edge must have :math:`\alpha_e=0`
  (log log t terms). Such prompts are reported as unknown, and so are prompts with more than 400 pairs of
  blocks, for which the program is not solved, and those where tight edges' margins go beyond 1e13 nats, whose
  rounding hides x.
"""

from dataclasses import dataclass

import numpy as np

from tabular.base import digraph, nonnegative, tolerances
from tabular.base.log_space import normalised
from tabular.fits import reach, tree_cuts
from tabular.fits.block_solvers import Edges

__all__ = ["of"]

_LARGEST = 400
_TAIL = 40.0  # nats from where sigma(-h) is e^-h in floats


@dataclass(frozen=True, eq=False)
class _Condensation:
    """The blocks of one prompt that have an edge to or from another block, and those edges, parallel ones added."""

    size: np.ndarray  # responses in each block
    tail: np.ndarray
    head: np.ndarray
    log_weight: np.ndarray  # of the labels, at the fitted levels of the responses inside their blocks

    def pieces(self, chosen):
        """Number of the connected piece of each block, joined by the chosen edges."""
        return digraph.components(len(self.size), self.tail[chosen], self.head[chosen])


def of(solution):
    """``log_policy (n_prompts, n_responses)``, and the mask of the prompts where it is the limit of the flow."""
    log_policy = normalised(solution.problem.log_ref + solution.log_ratio)
    known = np.ones(len(log_policy), dtype=bool)
    crossing = _crossing(solution)
    rising = solution.source & np.isin(solution.label, solution.label.ravel()[crossing.winner])
    n_rising = solution.n_blocks(rising)
    log_policy[n_rising > 0] = solution.closest_to_reference()[n_rising > 0]
    lone = n_rising == 1
    log_policy[lone] = np.where(rising, solution.log_inner, -np.inf)[lone]
    for prompt in np.flatnonzero(n_rising > 1):
        level = _levels(solution, crossing, prompt)
        known[prompt] = level is not None
        if level is not None:
            level += solution.problem.log_ref[prompt] + solution.log_ratio[prompt]
            log_policy[prompt] = normalised(level)
    return log_policy, known


@dataclass(frozen=True, eq=False)
class _Crossing:
    """The labels between blocks, as nodes ``prompt * n_responses + response``."""

    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray  # log share of the loss, at the fitted levels inside the two blocks


def _crossing(solution):
    labels, n_responses = solution.preferences, solution.problem.n_responses
    winner, loser = labels.prompt * n_responses + labels.winner, labels.prompt * n_responses + labels.loser
    block, strength = solution.fit.block, solution.fit.strength
    chosen = (block[winner] != block[loser]) & (labels.log_weight > -np.inf)
    log_weight = labels.log_share - (strength[winner] - strength[loser] - solution.margin)
    return _Crossing(winner[chosen], loser[chosen], log_weight[chosen])


def _levels(solution, crossing, prompt):
    """Limit of the block's level over beta on each tied response, ``-inf`` on all others; ``None`` if unknown."""
    blocks, condensation = _condensed(solution, crossing, prompt)
    if len(condensation.tail) > _LARGEST:
        return None
    found = _rates(condensation)
    if found is None:
        return None
    rate, multiplier = found
    top = np.flatnonzero(rate >= rate.max() - tolerances.RATE)
    level = np.zeros(len(rate)) if len(top) == 1 else _bounded_part(condensation, rate, multiplier, top)
    if level is None:
        return None
    row = np.full(solution.problem.n_responses, -np.inf)
    for block in top:
        row[solution.label[prompt] == blocks[block]] = level[block] / solution.problem.beta
    return row


def _condensed(solution, crossing, prompt):
    n_responses = solution.problem.n_responses
    here = crossing.winner // n_responses == prompt
    ends = solution.fit.block[np.column_stack([crossing.winner[here], crossing.loser[here]])]
    blocks, ends = np.unique(ends, return_inverse=True)
    ends, edge = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    log_weight = np.full(len(ends), -np.inf)
    np.logaddexp.at(log_weight, edge.ravel(), crossing.log_weight[here])
    size = (solution.label[prompt][:, None] == blocks).sum(axis=0)
    return blocks, _Condensation(size, *ends.T, log_weight)


def _rates(c):
    r"""The :math:`\hat u` of each block and the multiplier of each edge; ``None`` where rounding leaves them open.

    With :math:`v=\sqrt{\rm size}\,u` it is the least-distance program min |v| subject to Gv >= 1, which Lawson and
    Hanson (1974, ch. 23) reduce to non-negative least squares.
    """
    rows = np.arange(len(c.tail))
    g = np.zeros((len(c.tail), len(c.size)))
    g[rows, c.tail] = 1 / np.sqrt(c.size[c.tail])
    g[rows, c.head] = -1 / np.sqrt(c.size[c.head])
    system = np.vstack([g.T, np.ones(len(c.tail))])
    y, _, settled = nonnegative.nearest(system, np.r_[np.zeros(len(c.size)), 1.0])
    if not settled:
        return None
    multiplier = y / (1 - y.sum())
    return multiplier @ g / np.sqrt(c.size), multiplier


def _bounded_part(c, rate, multiplier, top):
    """Levels of the blocks, comparable on the tied ones; ``None`` where theory gives none."""
    tight = rate[c.tail] - rate[c.head] <= 1 + tolerances.RATE
    piece, component = c.pieces(tight), c.pieces(np.ones(len(tight), dtype=bool))
    whole = [np.array_equal(piece == piece[b], component == component[b]) for b in top]
    if len(set(piece[top])) > 1 and not all(whole):
        return None
    multiplier = np.where(multiplier > tolerances.RATE * multiplier.max(), multiplier, 0.0)
    level = np.zeros(len(c.size))
    for p in set(piece[top]):
        inside, mine = tight & (piece[c.tail] == p), piece == p
        place = np.cumsum(mine) - 1
        x = _balanced(place[c.tail[inside]], place[c.head[inside]], c.log_weight[inside], multiplier[inside])
        if x is None:
            return None
        level[mine] = x - np.average(x, weights=c.size[mine])
    return level


def _balanced(tail, head, log_weight, multiplier):
    r"""x with :math:`\sum_e(n_ee^{-(x_t-x_h)}-\alpha_e)(e_t-e_h)=0`, over edges from tail t to head h.

    A Bradley-Terry fit of edges all of whose losses are tails, in cuts (:mod:`tabular.fits.tree_cuts`). Down pushes
    :math:`\alpha_e`, a weight of which no level takes anything. Up pushes
    :math:`n_ee^{-z}=e^{D}A\,\sigma(-(z-o_e))(1+e^{-(z-o_e)})` with :math:`A=\sum\alpha` and
    :math:`o_e=\log n_e-\log A-D`. At the solution the last factor is 1 to :math:`e^{-D}`, below rounding: pushes up
    and :math:`\alpha` down make a circulation, which is a sum of cycles, and each of these runs down somewhere, as
    tight edges only lead from one rate to a lower one. So no push exceeds A, and :math:`z-o_e\ge D`.

    ``None`` where there is no x: where no flow of the same divergence is positive on every edge, which is where some
    edge without a multiplier is on no cycle of edges, taken backwards too where there is one to lower; and where
    rounding of the :math:`\log n_e` hides it.
    """
    if np.abs(log_weight).max() > reach.FARTHEST:
        return None
    size, drawn = int(max(tail.max(), head.max())) + 1, multiplier > 0
    winner, loser = np.r_[tail, head[drawn]], np.r_[head, tail[drawn]]
    block = digraph.ranked_blocks(digraph.adjacency(size, winner, loser))[0]
    if (block[tail] != block[head])[~drawn].any():
        return None
    total, down = np.log(multiplier.sum()), np.log(multiplier[drawn])
    weight = np.r_[np.full(len(tail), total + _TAIL), down]
    offset = np.r_[log_weight - total - _TAIL, np.full(len(down), np.inf)]
    edges = Edges(size, winner, loser, weight, offset, np.zeros(1, dtype=np.int64), np.zeros(size, dtype=np.int64))
    incidence = np.zeros((len(tail), size))
    incidence[np.arange(len(tail)), tail], incidence[np.arange(len(tail)), head] = 1, -1
    wanted = np.where(drawn, multiplier, multiplier[drawn].min())
    return tree_cuts.cut_fit(edges, np.linalg.lstsq(incidence, log_weight - np.log(wanted))[0])  # exact for a forest
