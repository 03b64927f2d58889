r"""The logistic loss with a linear term, :math:`\sum_iW_i[\mathrm{sp}(-x_i)+kx_i]`, on graphs of even weights.

cDPO (k > 0) and rDPO (k < 0) are DPO but for the term kx, which changes the gradient by a constant and the curvature
not at all: the damped Newton step of :mod:`tabular.fits.block_solvers` serves all three.

**A stationary point is its own certificate.** For k < 0 a minimiser need not exist. Let y = sigma(-x) at any s. The
flow yW has the divergence of kW but for r, what is left of the gradient. Sent round a spanning tree, r changes no
label's flow by more than half the sum of \|r\| over its component; where that is below the least W y(1 - y), a flow
strictly inside [0, W] exists, so every crossed cut has F > 0 and a minimiser exists (:mod:`tabular.fits.cuts`).

A descent ends where its step is short or its loss falls no more, and for k < 0 where a margin is so far that nothing
is proved there: a loss that is not bounded below falls for ever, and floats have no curvature left to say how fast.
"""

import numpy as np
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import softplus
from tabular.base.stops import Stalls
from tabular.fits import laplacian
from tabular.fits.block_solvers import SMALL
from tabular.fits.pair_graph import PairGraph
from tabular.fits.parts import Part, centred, parts

__all__ = ["solve"]

_FAR = 40.0  # nats: where a margin is that large its sigma(-x) is rounding, and with k < 0 nothing is proved there


def solve(
    component, winner, loser, log_weight, offset, linear, graph: PairGraph | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """``(n_nodes,)`` strengths, mean 0 over each component; and whether each node's component is proved to have a fit.

    ``graph``: the labels' pairs, where they are known.

    >>> strength, proved = solve(np.zeros(2, int), np.array([0]), np.array([1]), np.zeros(1), np.zeros(1), 0.25)
    >>> (strength[0] - strength[1]).round(12) == np.log(3).round(12), proved.tolist()
    (np.True_, [True, True])
    """
    strength, proved = np.zeros(len(component)), np.ones(len(component), dtype=bool)
    for part in parts(component, winner, loser, log_weight):
        wanted = offset[part.edges]
        step = _batch(part) if part.size <= SMALL else _sparse(part, graph if part.size == len(component) else None)
        s = _descended(part, wanted, linear, step)
        strength[part.nodes], proved[part.nodes] = s, linear >= 0 or _inside(part, s, wanted, linear)
    return centred(strength, component), proved


def _descended(part: Part, offset, linear, step):
    n, block = len(part.nodes), part.copy_of_edge
    weight = np.exp(part.log_weight)
    won, lost = (np.bincount(end, weight, n) for end in (part.winner, part.loser))
    share = np.clip((won * (1 - linear) + lost * linear) / (won + lost), 1e-3, 1 - 1e-3)
    s = np.log(share / (1 - share)) if part.size > SMALL else np.zeros(n)
    stalls, settled = Stalls(block.max() + 1), False
    while not settled:
        x = part.gaps(s) - offset
        up = expit(x)
        d = step(weight * up * (1 - up), weight * ((1 - up) - linear))
        reach = np.zeros(block.max() + 1)
        with np.errstate(invalid="ignore"):  # of infinite steps
            np.maximum.at(reach, block, np.abs(part.gaps(d)))
        lost = ~(reach < np.inf)
        if linear < 0:
            furthest = np.zeros(len(reach))
            np.maximum.at(furthest, block, np.abs(x))
            lost |= furthest > _FAR
        if lost.any():
            reach, d = np.where(lost, 0.0, reach), np.where(lost[part.copy_of_node], 0.0, d)
        damping = np.where(reach > 0, np.log1p(reach) / np.where(reach > 0, reach, 1), 1)
        loss = np.bincount(block, weight * (softplus(-x) + linear * x))
        ended = lost | (reach <= tolerances.NEWTON_STEP) | stalls.after(loss)
        s, settled = s + damping[part.copy_of_node] * d, bool(ended.all())
    return s


def _batch(part: Part):
    def step(bend, push):
        weight, flow = part.matrix(bend), part.matrix(push)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                return laplacian.solve_even(weight + weight.swapaxes(1, 2), flow).ravel()
            except np.linalg.LinAlgError:  # on its way to infinity: stop here
                return np.zeros(len(part.nodes))

    return step


def _sparse(part: Part, pairs):
    graph = laplacian.Sparse(len(part.nodes), part.winner, part.loser, part.copy_of_node, pairs)

    def step(bend, push):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return graph.solve(bend, push)

    return step


def _inside(part: Part, s, offset, linear):
    """``(n_nodes,)``: whether each component's flow can be corrected without leaving [0, W]."""
    weight = np.exp(part.log_weight)
    with np.errstate(invalid="ignore"):
        down = expit(offset - part.gaps(s))
    push, room = weight * (down - linear), weight * np.minimum(down, 1 - down)
    n = len(part.nodes)
    left = np.bincount(part.winner, push, n) - np.bincount(part.loser, push, n)
    rounding = 1e-13 * (np.bincount(part.winner, weight, n) + np.bincount(part.loser, weight, n)) * (1 + abs(linear))
    total = np.bincount(part.copy_of_node, np.abs(left) + rounding)
    least = np.full(len(total), np.inf)
    np.minimum.at(least, part.copy_of_edge, room)
    return (total < least)[part.copy_of_node]
