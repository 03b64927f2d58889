"""Newton's step in cuts of small blocks: against arithmetic of many digits, and the equations of large blocks."""

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from scipy.optimize import linprog

from tabular.fits import bradley_terry, dense_cuts, spanning, tree_cuts
from tabular.fits.block_solvers import Edges


def blocks(seed, n_blocks=3, size=7, spread=10.0, reach=30.0):
    """Some strongly connected blocks of one size, their labels of many weights and offsets."""
    rng = np.random.default_rng(seed)
    start, columns = [], []
    for block in range(n_blocks):
        more = rng.integers(0, size, rng.integers(3, 15))
        winner = np.r_[np.arange(size), more]
        loser = np.r_[(np.arange(size) + 1) % size, (more + rng.integers(1, size, len(more))) % size]
        start.append(sum(len(part[0]) for part in columns))
        columns.append((winner + block * size, loser + block * size))
    winner, loser = (np.concatenate(part) for part in zip(*columns, strict=True))
    weight, offset = rng.uniform(-spread, spread, len(winner)), rng.uniform(-reach, reach, len(winner))
    of_node = np.repeat(np.arange(n_blocks), size)
    edges = Edges(n_blocks * size, winner, loser, weight, offset, np.array(start), of_node)
    return replace(edges, whole=tree_cuts.whole_weights(weight, of_node[winner], n_blocks)), rng


def exact_step(edges, s, block):
    """Newton's step of one block, the first of its nodes at 0."""
    size = edges.n_nodes // len(edges.start)
    hessian, push = arb_mat(size, size), arb_mat(size, 1)
    hessian[0, 0] = 1  # all rows sum to 0: the first node does not move
    for k in np.flatnonzero(edges.block[edges.winner] == block):
        w, v = int(edges.winner[k]) - block * size, int(edges.loser[k]) - block * size
        h = arb(s[edges.winner[k]]) - arb(s[edges.loser[k]]) - arb(edges.offset[k])
        p = arb(edges.log_weight[k]).exp() / (1 + h.exp())
        c = p / (1 + (-h).exp())
        push[w, 0], push[v, 0] = push[w, 0] + p, push[v, 0] - p
        for a, b, sign in ((w, w, 1), (v, v, 1), (w, v, -1), (v, w, -1)):
            hessian[a, b] += sign * c
    first, *others = hessian.solve(push).entries()
    return np.array([0.0, *(float(x - first) for x in others)])


@pytest.mark.parametrize(
    ("spread", "reach", "away"), [(1.0, 1.0, 1.0), (10.0, 30.0, 3.0), (40.0, 1.0, 30.0), (400.0, 1.0, 30.0)]
)
def test_steps_are_those_of_exact_arithmetic(spread, reach, away):
    """After pivots, too, and with blocks left out: nothing of the range of weights is lost."""
    with ctx.workdps(200 if spread < 100 else 600):
        for seed in range(4 if spread < 100 else 1):
            edges, rng = blocks(seed, spread=spread, reach=reach)
            cuts, s = dense_cuts.DenseCuts(edges), away * rng.normal(size=edges.n_nodes)
            for _ in range(3):
                newton, step, _, rounding = cuts.direction(s)
                for block, found in enumerate(newton.reshape(3, -1)):
                    wanted = exact_step(edges, s, block)
                    allowed = 10 * rounding[block] + 1e-11 * np.abs(wanted).max()
                    np.testing.assert_allclose(found - found[0], wanted, atol=allowed)
                s = s + step
            fewer = cuts.take(np.array([0, 2]))
            left = s.reshape(3, -1)[[0, 2]].ravel()
            whole = cuts.direction(s)[0].reshape(3, -1)[[0, 2]].ravel()
            np.testing.assert_allclose(fewer.direction(left)[0], whole, rtol=1e-9, atol=1e-9)


def test_a_pivot_keeps_a_heaviest_tree_and_what_it_says():
    """N is the difference of the columns of D, and each cut's own pair crosses that cut alone."""
    edges, rng = blocks(5, spread=20.0)
    cuts = dense_cuts.DenseCuts(edges)
    for away in (1.0, 10.0, 100.0):
        cuts.direction(away * rng.normal(size=edges.n_nodes))
        low, high = (np.take_along_axis(cuts.moves, end[:, None], 2) for end in cuts.ends)
        np.testing.assert_array_equal(cuts.crosses, low - high)
        own = np.take_along_axis(cuts.crosses, cuts.basis[:, None], 2)
        np.testing.assert_array_equal(np.abs(own), np.tile(np.eye(6), (3, 1, 1)))


def test_sums_from_roots_of_rows():
    """Two trees, a chain and a star: each row is summed along its path, roots' own left out."""
    before = np.array([4, 0, 1, 4])
    rise = np.arange(8.0).reshape(4, 2)
    assert spanning.summed_from_roots(before, rise).tolist() == [[0, 0], [2, 3], [6, 8], [0, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_margins_just_below_balance_what_a_linear_programme_does(seed):
    """At 1e7 to 1e13 nats the loss is that of the piecewise linear problem, as it is on all other levels near."""
    rng = np.random.default_rng(seed)
    n, k, reach = int(rng.integers(3, 30)), int(rng.integers(5, 40)), 10 ** rng.uniform(7, 13)
    more = rng.integers(0, n, k)
    winner = np.r_[np.arange(n), more]
    loser = np.r_[(np.arange(n) + 1) % n, (more + rng.integers(1, n, k)) % n]
    offset = rng.uniform(-reach, reach, n + k)
    fitted = bradley_terry.fit(n, winner, loser, np.zeros(n + k), offset)
    assert fitted.residual < 1e-13 * reach + 1e-9
    h = fitted.strength[winner] - fitted.strength[loser] - offset
    tight = np.abs(h) < 100  # pulls between 0 and 1 there, 1 below, 0 above: a circulation proves the optimum
    pull = np.where(h < 0, 1.0, 0.0)
    net = np.bincount(winner, pull, n) - np.bincount(loser, pull, n)
    rows = np.zeros((n, int(tight.sum())))
    rows[winner[tight], np.arange(rows.shape[1])] += 1
    rows[loser[tight], np.arange(rows.shape[1])] -= 1

    if not tight.any():
        assert not net.any()
        return
    flow = linprog(np.zeros(rows.shape[1]), A_eq=rows, b_eq=rows @ pull[tight] - net, bounds=(0, 1))
    assert flow.status == 0
