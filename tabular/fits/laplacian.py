r"""Weighted least squares on a graph: the linear system inside every Newton step of a Bradley-Terry fit.

Given weights :math:`w_{ij}=w_{ji}\ge 0` and flows :math:`p_{ij}\ge 0` from i to j, find the d with

.. math:: \sum_j w_{ij}(d_i-d_j)=\sum_j(p_{ij}-p_{ji})\quad\text{for all } i,

a graph Laplacian whose right-hand side is the divergence of a flow. Eliminating a node m joins its neighbours
pairwise (the star-mesh transform of electrical networks):

.. math:: w_{ij}\mathrel{+}=q_iw_{mj},\qquad p_{ij}\mathrel{+}=q_ip_{mj}+p_{im}q_j,\qquad
   q_i=\frac{w_{mi}}{W_m},\quad W_m=\sum_jw_{mj},

and :math:`d_m=\sum_jq_jd_j+\sum_j(p_{mj}-p_{jm})/W_m` comes back at the end. *Proof:* solve row m for d_m, put it
into row i; the terms in w are the Schur complement, and :math:`q_i\sum_j(p_{mj}-p_{jm})` is the divergence at i of
:math:`q_ip_{mj}+p_{im}q_j` less what p sends from i to m directly, as the q sum to 1.

Nothing is subtracted before the last line, so weights and flows keep their relative accuracy over any range
(Grassmann, Taksar and Heyman 1985). The flow is carried per edge, because its divergence would lose the small flow
between two groups of nodes in the rounding of the large flows inside them.
"""

import math

import numpy as np
from scipy.linalg.blas import daxpy
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu

from tabular.fits.pair_graph import PairGraph

__all__ = [
    "Sparse",
    "dense",
    "gradients",
    "solve_dense",
    "solve_dense_log",
    "solve_even",
    "solve_labels",
    "stationary_log",
]

_MOST = 600.0  # e^600 and sums of a million such are still floats
#: Steps of gradients: as many as a graph is long, and a long graph has factors with little fill. Either route ends in
#: what is left of its equations, and gradients that have not got there hand over: the count only chooses.
_CRAWLING = 300


def dense(size, winner, loser, weight):
    """The matrix of a graph's Laplacian, from labels of one block.

    >>> dense(2, np.array([0, 1]), np.array([1, 0]), np.array([2.0, 1.0])).tolist()
    [[3.0, -3.0], [-3.0, 3.0]]
    """
    joint = np.bincount(winner * size + loser, weight, size * size).reshape(size, size)
    return np.diag(joint.sum(axis=0) + joint.sum(axis=1)) - joint - joint.T


def solve_even(weight, flow):
    """``d`` with ``d[..., 0] = 0``, ``(..., k)``, for connected graphs ``weight, flow (..., k, k)``: by LAPACK.

    Fast, and good for weights that are not many orders of magnitude apart.
    """
    matrix = -weight[..., 1:, 1:]
    diagonal = np.arange(matrix.shape[-1])
    matrix[..., diagonal, diagonal] += weight[..., 1:, :].sum(axis=-1)
    divergence = (flow.sum(axis=-1) - flow.sum(axis=-2))[..., 1:, None]
    d = np.zeros(weight.shape[:-1])
    d[..., 1:] = np.linalg.solve(matrix, divergence)[..., 0]
    return d


def solve_dense(weight, flow):
    """The same by elimination, for weights far apart; both arguments are overwritten.

    >>> solve_dense(np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([[0.0, 1.0], [7.0, 0.0]])).tolist()
    [0.0, 3.0]
    """
    size = weight.shape[-1]
    total = np.zeros(weight.shape[:-1])
    for m in range(size - 1, 0, -1):
        to = weight[..., m, :m]
        total[..., m] = to.sum(axis=-1)
        share = to / total[..., m, None]
        weight[..., :m, :m] += share[..., :, None] * to[..., None, :]
        flow[..., :m, :m] += share[..., :, None] * flow[..., m, None, :m] + flow[..., :m, m, None] * share[..., None, :]
    d = np.zeros(total.shape)
    for m in range(1, size):
        pull = weight[..., m, :m] * d[..., :m] + flow[..., m, :m] - flow[..., :m, m]
        d[..., m] = pull.sum(axis=-1) / total[..., m]
    return d


def solve_labels(bend, push, size, winner, loser):
    """The same by elimination for labels, ``(..., n_labels)``: each of weight ``bend``, pushing its winner up and its
    loser down.

    >>> solve_labels(np.array([2.0]), np.array([3.0]), 2, np.array([0]), np.array([1])).tolist()
    [0.0, -1.5]
    """
    shape = (*bend.shape[:-1], size, size)
    n_graphs = math.prod(shape[:-2])
    base = np.arange(n_graphs)[:, None] * size**2
    at = np.concatenate([base + winner * size + loser, base + loser * size + winner], axis=1).ravel()
    pushes = np.concatenate([np.maximum(push, 0), np.maximum(-push, 0)], axis=-1)
    flow, both = (
        np.bincount(at, values.ravel(), n_graphs * size**2).reshape(shape)
        for values in (pushes, np.concatenate([bend, bend], axis=-1))
    )
    return solve_dense(both, flow)


def solve_dense_log(log_weight, log_flow):
    """The same by elimination in logs, ``-inf`` for no edge, for any weights; both arguments are overwritten.

    >>> log_weight = np.array([[-np.inf, -9e3], [-9e3, -np.inf]])
    >>> log_flow = np.array([[-np.inf, -np.inf], [np.log(3) - 9e3, -np.inf]])
    >>> solve_dense_log(log_weight, log_flow).round(9).tolist()
    [0.0, 3.0]
    """
    size = log_weight.shape[-1]
    log_total = np.zeros(log_weight.shape[:-1])
    for m in range(size - 1, 0, -1):
        to = log_weight[..., m, :m]
        log_total[..., m] = np.logaddexp.reduce(to, axis=-1)
        share = to - log_total[..., m, None]
        _add(log_weight[..., :m, :m], share[..., :, None] + to[..., None, :])
        _add(log_flow[..., :m, :m], share[..., :, None] + log_flow[..., m, None, :m])
        _add(log_flow[..., :m, :m], log_flow[..., :m, m, None] + share[..., None, :])
    d = np.zeros(log_total.shape)
    for m in range(1, size):
        share = np.exp(log_weight[..., m, :m] - log_total[..., m, None])
        out = np.logaddexp.reduce(log_flow[..., m, :m], axis=-1)
        back = np.logaddexp.reduce(log_flow[..., :m, m], axis=-1)
        d[..., m] = (share * d[..., :m]).sum(axis=-1) + _difference(out - log_total[..., m], back - log_total[..., m])
    return d


def _add(log_sum, log_term):
    np.logaddexp(log_sum, log_term, out=log_sum)


def _difference(log_a, log_b):
    """a - b from logs, kept within the floats."""
    larger, smaller = np.maximum(log_a, log_b), np.minimum(log_a, log_b)
    size = np.exp(np.minimum(larger, _MOST)) * -np.expm1(smaller - larger)
    return np.where(log_a >= log_b, size, -size)


def stationary_log(log_rate):
    """Log of the stationary measure, ``(..., k)``, of irreducible chains with ``log_rate (..., k, k)``; overwritten.

    Entry (i, j) is the log-rate of the jump i -> j, ``-inf`` for none. Grassmann-Taksar-Heyman elimination in logs:
    no subtraction, so each entry is accurate over any range. The measure of state 0 is 1.

    >>> stationary_log(np.array([[-np.inf, 5000.0], [-5000.0, -np.inf]])).tolist()
    [0.0, 10000.0]
    """
    size = log_rate.shape[-1]
    leaving = np.zeros(log_rate.shape[:-1])
    for m in range(size - 1, 0, -1):
        away = log_rate[..., m, :m]
        leaving[..., m] = np.logaddexp.reduce(away, axis=-1)
        through = log_rate[..., :m, m, None] + (away - leaving[..., m, None])[..., None, :]
        _add(log_rate[..., :m, :m], through)
    log_measure = np.zeros(log_rate.shape[:-1])
    for m in range(1, size):
        arriving = np.logaddexp.reduce(log_measure[..., :m] + log_rate[..., :m, m], axis=-1)
        log_measure[..., m] = arriving - leaving[..., m]
    return log_measure


class Sparse:
    """The same system on large sparse graphs, for edge quantities given per directed edge winner -> loser.

    Jacobi-preconditioned conjugate gradients: near-linear on random comparison graphs. On graphs with few cycles
    (chains, trees) they would need as many steps as nodes, while elimination there creates no fill: sparse factors.
    So have graphs where gradients turn out to crawl (rings, ladders, grids), once and for all.
    A truncated conjugate-gradient solution d still satisfies d'Ld = d'b, which is all that descent needs.
    """

    def __init__(self, n_nodes, winner, loser, block, pairs=None):
        self.n_nodes, self.winner, self.loser = n_nodes, winner, loser
        self.pairs = PairGraph.of(n_nodes, winner, loser) if pairs is None else pairs
        self.block, self.block_size = block, np.bincount(block)
        self.ground = np.cumsum(self.block_size) - self.block_size
        self.tree_like = len(self.pairs.high) < 1.5 * n_nodes

    def solve(self, weight, flow):
        """``d`` for weights and flows from winner to loser; parallel edges add. nan where floats do not reach."""
        won, lost = (np.bincount(end, flow, self.n_nodes) for end in (self.winner, self.loser))
        return self.potential(weight, won - lost, (won + lost).max())

    def potential(self, weight, divergence, size=np.inf, exactly=False):
        """``d`` whose current has this divergence: to rounding, or the closer the smaller it is beside ``size``."""
        # it sums to 0 over a block but for rounding, which gradients would blow up
        divergence = divergence - (np.bincount(self.block, divergence) / self.block_size)[self.block]
        if not (exactly or self.tree_like):
            graph, root = self.pairs.of_unit_degree(weight)
            accuracy = np.clip(np.abs(divergence).max() / size, 1e-9, 1e-4)
            d = gradients(graph, divergence / root, accuracy, _CRAWLING)
            if d is not None:
                return d / root
            self.tree_like = True
        return self._factored(self.pairs.matrix(weight), divergence)

    def _factored(self, graph, divergence):
        degree = graph @ np.ones(self.n_nodes)
        degree[degree == 0] = 1  # weights below the floats: nothing is known of this node's step
        kept = np.delete(np.arange(self.n_nodes), self.ground)
        matrix = (diags_array(degree) - graph).tocsc()[kept][:, kept]
        d = np.zeros(self.n_nodes)
        try:
            factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        except RuntimeError:  # a pivot that underflowed: the weights are further apart than floats reach
            return np.full(self.n_nodes, np.nan)
        d[kept] = factors.solve(divergence[kept])
        return d


def gradients(graph, left, accuracy, most):
    """The d with d - graph d = left, for unit degrees, by conjugate gradients; ``None`` where they crawl.

    What is left, overwritten, ends at most ``accuracy`` times what it was, in ``most`` steps at most.
    """
    d, along = np.zeros(len(left)), left.copy()
    energy = first = left @ left
    for _ in range(most):
        if energy <= accuracy**2 * first:
            return d
        image = graph @ along
        np.subtract(along, image, out=image)
        length = energy / (along @ image)
        daxpy(along, d, a=length)  # in place, as is the next
        daxpy(image, left, a=-length)
        energy, before = left @ left, energy
        along *= energy / before
        along += left
    return None
