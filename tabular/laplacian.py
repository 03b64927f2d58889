r"""Weighted least squares on a graph: the linear system inside every Newton step of a Bradley-Terry fit.

Given weights :math:`w_{ij}=w_{ji}\ge 0` and wished differences :math:`v_{ij}=-v_{ji}`, find

.. math:: d=\arg\min_d\tfrac14\sum_{ij}w_{ij}(d_i-d_j-v_{ij})^2,\qquad\text{that is}\qquad
   \sum_j w_{ij}(d_i-d_j)=\sum_j w_{ij}v_{ij}\ \text{ for all } i:

a graph Laplacian with a right-hand side that is the divergence of a flow :math:`f_{ij}=w_{ij}v_{ij}`. Eliminating a
node m joins its neighbours pairwise (the star-mesh transform of electrical networks),

.. math:: w_{ij}\mathrel{+}=\frac{w_{im}w_{mj}}{W_m},\qquad f_{ij}\mathrel{+}=\frac{w_{mi}f_{mj}-f_{mi}w_{mj}}{W_m},
   \qquad W_m=\sum_j w_{mj},

and :math:`d_m=\sum_j\frac{w_{mj}}{W_m}(d_j+v_{mj})` comes back at the end. Weights are only added, multiplied and
divided, never subtracted, so each keeps its relative accuracy over any range (Grassmann, Taksar and Heyman 1985); and
the flow is kept per edge, because its divergence would lose the small flow between two groups of nodes in the rounding
of the large flows inside them.
"""

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu

_MOST = 600.0  # e^600 and sums of a million such are still floats
_GRADIENT_STEPS = 1000


def solve_dense(weight, flow):
    """``d`` with ``d[..., 0] = 0``, ``(..., k)``, for connected graphs ``weight, flow (..., k, k)``; both overwritten.

    >>> weight, flow = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([[0.0, -6.0], [6.0, 0.0]])
    >>> solve_dense(weight, flow).tolist()
    [0.0, 3.0]
    """
    size = weight.shape[-1]
    for m in range(size - 1, 1, -1):
        to, along = weight[..., m, :m], flow[..., m, :m]
        share = to / to.sum(axis=-1, keepdims=True)
        turn = share[..., :, None] * along[..., None, :]
        weight[..., :m, :m] += share[..., :, None] * to[..., None, :]
        flow[..., :m, :m] += turn - np.swapaxes(turn, -1, -2)
    d = np.zeros(weight.shape[:-1])
    for m in range(1, size):
        to, along = weight[..., m, :m], flow[..., m, :m]
        d[..., m] = (to * d[..., :m] + along).sum(axis=-1) / to.sum(axis=-1)
    return d


def solve_dense_log(log_weight, wish):
    """The same from ``log w (..., k, k)``, ``-inf`` for no edge, and the wished differences v; both overwritten.

    >>> solve_dense_log(np.array([[-np.inf, -9e3], [-9e3, -np.inf]]), np.array([[0.0, -3.0], [3.0, 0.0]])).tolist()
    [0.0, 3.0]
    """
    size = log_weight.shape[-1]
    for m in range(size - 1, 1, -1):
        log_to, v = log_weight[..., m, :m], wish[..., m, :m]
        log_share = log_to - np.logaddexp.reduce(log_to, axis=-1, keepdims=True)
        added = log_to[..., :, None] + log_share[..., None, :]
        old = log_weight[..., :m, :m]
        new = np.logaddexp(old, added)
        detour = v[..., None, :] - v[..., :, None]
        wish[..., :m, :m] = part(old, new) * wish[..., :m, :m] + part(added, new) * detour
        log_weight[..., :m, :m] = new
    d = np.zeros(log_weight.shape[:-1])
    for m in range(1, size):
        log_to = log_weight[..., m, :m]
        share = part(log_to, np.logaddexp.reduce(log_to, axis=-1, keepdims=True))
        d[..., m] = (share * (d[..., :m] + wish[..., m, :m])).sum(axis=-1)
    return d


def part(log_part, log_whole):
    """part/whole from their logs: 0 for ``-inf``, and nothing overflows."""
    with np.errstate(invalid="ignore"):
        ratio = np.exp(np.minimum(log_part - log_whole, _MOST))
    return np.where(np.isneginf(log_part), 0.0, ratio)


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
        log_rate[..., :m, :m] = np.logaddexp(log_rate[..., :m, :m], through)
    log_measure = np.zeros(log_rate.shape[:-1])
    for m in range(1, size):
        arriving = np.logaddexp.reduce(log_measure[..., :m] + log_rate[..., :m, m], axis=-1)
        log_measure[..., m] = arriving - leaving[..., m]
    return log_measure


class Sparse:
    """The same system on large sparse graphs, for edge quantities given per directed edge winner -> loser.

    Jacobi-preconditioned conjugate gradients: near-linear on random comparison graphs. On graphs with few cycles
    (chains, trees) they would need as many steps as nodes, while elimination there creates no fill: sparse factors.
    A truncated conjugate-gradient solution d still satisfies d'Ld = d'b, which is all that descent needs.
    """

    def __init__(self, n_nodes, winner, loser, block):
        self.n_nodes, self.winner, self.loser = n_nodes, winner, loser
        low, high = np.minimum(winner, loser), np.maximum(winner, loser)
        pairs, self.pair = np.unique(low * n_nodes + high, return_inverse=True)
        low, high = np.divmod(pairs, n_nodes)
        number = np.arange(1, len(pairs) + 1)
        ends = (np.r_[low, high], np.r_[high, low])
        self.graph = coo_array((np.r_[number, number], ends), shape=(n_nodes, n_nodes)).tocsr()
        self.number = self.graph.data - 1
        self.block, self.block_size = block, np.bincount(block)
        self.ground = np.cumsum(self.block_size) - self.block_size
        self.tree_like = len(pairs) < 1.5 * n_nodes

    def solve(self, weight, flow):
        """``d`` for weights and flows from winner to loser; parallel edges add."""
        size = self.n_nodes
        won, lost = np.bincount(self.winner, flow, size), np.bincount(self.loser, flow, size)
        divergence = won - lost  # sums to 0 over a block but for rounding, which gradients would blow up
        divergence -= (np.bincount(self.block, divergence) / self.block_size)[self.block]
        self.graph.data = np.bincount(self.pair, weight)[self.number]
        degree = self.graph @ np.ones(size)
        if self.tree_like:
            return self._factored(degree, divergence)
        imbalance = np.abs(divergence).max() / (won + lost).max()
        return self._gradients(degree, divergence, np.clip(imbalance, 1e-9, 1e-2))

    def _factored(self, degree, divergence):
        kept = np.delete(np.arange(self.n_nodes), self.ground)
        matrix = (diags_array(degree) - self.graph).tocsc()[kept][:, kept]
        d = np.zeros(self.n_nodes)
        factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        d[kept] = factors.solve(divergence[kept])
        return d

    def _gradients(self, degree, divergence, accuracy):
        d, left = np.zeros(self.n_nodes), divergence.copy()
        along = left / degree
        energy = first = left @ along
        for _ in range(_GRADIENT_STEPS):
            if energy <= accuracy**2 * first:
                break
            image = degree * along - self.graph @ along
            length = energy / (along @ image)
            d += length * along
            left -= length * image
            scaled = left / degree
            energy, before = left @ scaled, energy
            along = scaled + energy / before * along
        return d
