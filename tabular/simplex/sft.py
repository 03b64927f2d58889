r"""DPO with an SFT term (RPO, and without a reference Xu et al.'s CPO): never-winners vanish, the rest is one Newton.

.. math:: F=\sum_en_e\,\mathrm{sp}(-(\beta(x_w-x_l)-o_e))-\sum_ya_yx_y,\qquad x=\log\pi,\quad
   a_y=\alpha\sum_{e:\,w_e=y}n_e/n_w,\quad A=\sum_ya_y>0.

**Convex in logits.** With :math:`x=\theta-\log\sum e^\theta` the differences are those of :math:`\theta`, and the last
term is :math:`A\log\sum e^\theta-\sum a\theta`.

**Theorem.** Let the winners be the responses with :math:`a_y>0`. The infimum is the minimum of F over policies on the
winners alone, without the labels that a never-winner loses; this restricted minimum is attained at exactly one policy.
Minimising sequences converge to it: never-winners, unlabelled responses among them, tend to probability 0. F has a
minimiser iff every response wins at least once.

*Proof.* On the winners F tends to infinity with any :math:`x_y\to-\infty`, as :math:`-a_yx_y` does and nothing is
negative; and it is strictly convex in :math:`\theta` up to a constant, as :math:`\log\sum e^\theta` is. So the
restricted minimum m exists and is unique. For any policy, dividing the probability of the winners by their sum leaves
the labels among them and lowers the last term by A times the log of that sum; the labels lost by never-winners cost
more than 0, and a never-winner has no others. So F >= m, with a gap of at least A times -log of the winners' mass:
minimising sequences end on the winners, at the unique minimum. Never-winners at probabilities tending to 0 reach m in
the limit, and no policy with such responses does. ∎

At the minimum :math:`\nu=\sum_yG_y=-A`, so :math:`G_y=-A\pi_y`.

**Newton.** With the gauge :math:`\sum\pi d=0` the step solves
:math:`(\mathrm{Lap}+A\,\mathrm{diag}(\pi))d=-\nabla F`: the Laplacian of a graph with one more node, the ground, joined
to y with weight :math:`A\pi_y`, from which :math:`A\pi_y` flows to y and :math:`a_y` back. That is solved without a
subtraction by :mod:`tabular.fits.laplacian`. Third derivatives are at most R times second ones, R the larger of the
range of d and :math:`\beta` times that on labels (a third cumulant is at most the range times the variance), so the
damped step of :mod:`tabular.fits.block_solvers` descends; from there up to the full step, the least value is sought.

**Where it ends.** As in :mod:`tabular.fits.tree_cuts`, with k + 1 nodes and m labels and k edges to the ground:
:math:`R_+\le CR^2`, :math:`C=\max(1,\beta)(k+1)(m+k)`, so that below 1/(2C) R halves for ever. And let
neighbouring levels of the minimum be g apart, T those below. Summed over T, stationarity reads
:math:`\sum_TA\pi_y\ge\sum_Ta_y-\beta\sum_en_ee^{o_e-\beta g}`, over labels won above the gap and lost below it,
and the left side is at most :math:`kAe^{-g}`: so g is at most :math:`\log(2kA/a)` or
:math:`(\log(2\beta\sum n/a)+\max o)/\beta`, a the least pull. Nobody has to walk further than k times that,
and back from where a step ended beyond.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu
from scipy.special import expit

from tabular.base import roots, tolerances
from tabular.base.log_space import log_sum_exp, normalised, softplus
from tabular.base.stops import Walks
from tabular.fits import laplacian

__all__ = ["Batch", "minimise"]

_LONGEST = 1e150  # nats of a step: products with it are still floats
_NEAR = 0.1  # a reach from which full Newton steps converge
_LINE = 0.01  # of the log of a step's length, outside of that
_DENSE = 400  # winners up to which dense elimination, exact over any range, is affordable
_STEEP = 500.0  # nats of range that products of two floats still hold


@dataclass(frozen=True, eq=False)
class Batch:
    """Prompts with the same number k of winners: dense arrays.

    Attributes:
        log_pull: ``(p, k)`` of log a; row, winner, loser: of each label among winners, its prompt in the batch and its
            responses among the k; log_weight, offset: of each label.
    """

    log_pull: np.ndarray
    row: np.ndarray
    winner: np.ndarray
    loser: np.ndarray
    log_weight: np.ndarray
    offset: np.ndarray
    beta: float

    @cached_property
    def log_total(self):
        """``(p,)`` of log A."""
        return np.logaddexp.reduce(self.log_pull, axis=1)

    def margin(self, x):
        return self.beta * (x[self.row, self.winner] - x[self.row, self.loser]) - self.offset

    def slope(self, x, d):
        """The derivative of F along logits d, of each prompt, at normalised x, over its largest term, or 0.

        From the heaviest response on, whose own terms, the largest by far, would all but cancel.
        """
        d = d - np.take_along_axis(d, x.argmax(axis=1)[:, None], 1)
        along = d[self.row, self.winner] - d[self.row, self.loser]
        log_push = np.log(self.beta) + self.log_weight - softplus(self.margin(x))
        with np.errstate(divide="ignore"):
            log_along, log_d = np.log(np.abs(along)), np.log(np.abs(d))
        label, up, down = log_push + log_along, self.log_total[:, None] + x + log_d, self.log_pull + log_d
        top = np.maximum(up, down).max(axis=1)
        np.maximum.at(top, self.row, label)
        top = np.maximum(top, np.finfo(float).min)
        own = ((np.exp(up - top[:, None]) - np.exp(down - top[:, None])) * np.sign(d)).sum(axis=1)
        return own - np.bincount(self.row, np.exp(label - top[self.row]) * np.sign(along), len(x))

    def reach(self, d):
        """R of each prompt."""
        along = np.zeros(len(d))
        np.maximum.at(along, self.row, self.beta * np.abs(d[self.row, self.winner] - d[self.row, self.loser]))
        return np.maximum(along, np.ptp(d, axis=1))


def minimise(batch: Batch) -> np.ndarray:
    """``(p, k)``: the minimisers over policies on the winners.

    >>> halves = np.log([[0.5, 0.5]])  # each wins once, alpha = 1
    >>> labels = np.array([0, 0]), np.array([0, 1]), np.array([1, 0]), halves[0]
    >>> np.exp(minimise(Batch(halves, *labels, np.zeros(2), 1.0))).round(9).tolist()
    [[0.5, 0.5]]
    """
    x = normalised(batch.log_pull)
    left, walks = np.arange(len(x)), _walks(batch, x)
    while left.size:
        part = _part(batch, left)
        d = np.clip(_step(part, x[left]), -_LONGEST, _LONGEST)
        reach = part.reach(d)
        x[left] = _moved(part, x[left], d, reach)
        walks.farther(left, 2 * max(1.0, batch.beta) * np.ptp(x[left], axis=1))  # there, and back
        left = left[~walks.after(left, reach) & (reach > tolerances.NEWTON_STEP)]
    return x - log_sum_exp(x, keepdims=True)  # what is next to 0 keeps its digits: it is pulled at


def _walks(batch, x):
    """From where the steps of each prompt halve, and how far they may go: twice as far as they have to."""
    (prompts, k), steep = x.shape, max(1.0, batch.beta)
    labels = np.bincount(batch.row, minlength=prompts)
    log_weight, offset = np.full((2, prompts), -np.inf)
    np.logaddexp.at(log_weight, batch.row, batch.log_weight)
    np.maximum.at(offset, batch.row, batch.offset)
    least = batch.log_pull.min(axis=1)
    by_labels = np.log(2 * batch.beta) + log_weight - least + np.maximum(offset, 0.0)
    widest = np.maximum(np.log(2 * k) + batch.log_total - least, np.where(labels > 0, by_labels / batch.beta, 0.0))
    furthest = steep * (np.ptp(x, axis=1) + k * np.maximum(widest, 0.0))
    return Walks(1 / (2 * steep * (k + 1) * (labels + k)), 2 * furthest)


def _part(batch, rows):
    """The batch of some of its prompts."""
    place = np.full(len(batch.log_pull), -1)
    place[rows] = np.arange(len(rows))
    kept = place[batch.row] >= 0
    columns = (column[kept] for column in (batch.winner, batch.loser, batch.log_weight, batch.offset))
    return Batch(batch.log_pull[rows], place[batch.row][kept], *columns, batch.beta)


def _step(batch, x):
    """The Newton direction of each prompt, by elimination on the graph with a ground (node 0)."""
    prompts, k = x.shape
    if k > _DENSE:
        return _sparse_step(batch, x)
    z, ground = batch.margin(x), batch.log_total[:, None] + x
    log_push = np.log(batch.beta) + batch.log_weight - softplus(z)
    log_curvature = np.log(batch.beta) + log_push - softplus(-z)
    weight, flow = np.full((2, prompts, k + 1, k + 1), -np.inf)
    np.logaddexp.at(weight, (batch.row, batch.winner + 1, batch.loser + 1), log_curvature)
    weight = np.logaddexp(weight, weight.swapaxes(1, 2))
    weight[:, 0, 1:] = weight[:, 1:, 0] = ground
    np.logaddexp.at(flow, (batch.row, batch.winner + 1, batch.loser + 1), log_push)
    flow[:, 0, 1:], flow[:, 1:, 0] = ground, batch.log_pull
    top = weight.max(axis=(1, 2), keepdims=True)
    weight, flow = weight - top, flow - top
    if max(np.ptp(part[part > -np.inf]) for part in (weight, flow)) < _STEEP and flow.max() < _STEEP:
        return laplacian.solve_dense(np.exp(weight), np.exp(flow))[:, 1:]
    return laplacian.solve_dense_log(weight, flow)[:, 1:]


def _sparse_step(batch, x):
    """The same by sparse factors, in floats."""
    prompts, k = x.shape
    z, size = batch.margin(x), prompts * k
    push = batch.beta * np.exp(batch.log_weight) * expit(-z)
    bend = batch.beta * push * expit(z)
    w, v = batch.row * k + batch.winner, batch.row * k + batch.loser
    ground = np.exp(batch.log_total[:, None] + x).ravel()
    degree = ground + np.bincount(w, bend, size) + np.bincount(v, bend, size)
    graph = coo_array((np.r_[bend, bend], (np.r_[w, v], np.r_[v, w])), shape=(size, size))
    right = np.exp(batch.log_pull).ravel() - ground + np.bincount(w, push, size) - np.bincount(v, push, size)
    matrix = (diags_array(np.maximum(degree, np.finfo(float).tiny)) - graph).tocsc()
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return factors.solve(right).reshape(prompts, k)


def _moved(batch, x, d, reach):
    """The policies after a step along d: to the least value there, of at least the damped length and at most 1.

    By the sign of the slope along d. The value itself has no digits for responses whose labels weigh next to nothing.
    """
    least = np.log(np.where(reach > _NEAR, np.log1p(reach) / np.maximum(reach, _NEAR), 1.0))
    log_share = roots.increasing(
        lambda t: batch.slope(normalised(x + np.exp(t)[:, None] * d), d), least, np.zeros(len(x)), _LINE
    )
    return normalised(x + np.exp(log_share)[:, None] * d)
