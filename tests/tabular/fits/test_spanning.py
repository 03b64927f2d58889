"""The fit along a spanning tree: each of its pairs solved on its own, by Kruskal's rule and a bracketed root."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_expit

from tabular.fits import block_solvers, spanning


def kruskal(n, pairs):
    """The pairs of the tree, where they are given from the dearest to the cheapest."""
    root, kept = list(range(n)), []
    for low, high in pairs:
        a, b = root[low], root[high]
        if a != b:
            root = [a if x == b else x for x in root]
            kept.append((low, high))
    return kept


def alone(labels):
    """s_low - s_high at which the pushes of the labels of one pair cancel; margin 0 where only one way is labelled."""
    if len(labels) == 1:
        (sign, _, offset), *_ = labels
        return sign * offset
    (_, up, o_up), (_, down, o_down) = sorted(labels, reverse=True)
    far = abs(up) + abs(down) + abs(o_up) + abs(o_down) + 1
    return brentq(lambda g: up + log_expit(o_up - g) - down - log_expit(g + o_down), -far, far, xtol=1e-13)


@pytest.mark.parametrize("seed", range(8))
def test_each_pair_of_the_heaviest_tree_is_solved_on_its_own(seed):
    """Two blocks in any order of nodes, offsets, heavy pairs labelled one way, which only a bridge brings in."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 8))
    rows, wanted = [], {}
    for block in (0, 1):
        nodes = block * size + rng.permutation(size)
        bridge, inside = nodes[:2], nodes[1:]
        pairs = {tuple(sorted((nodes[k], nodes[rng.integers(1, k)]))) for k in range(2, size)}
        pairs |= {tuple(sorted(rng.choice(inside, 2, replace=False))) for _ in range(size)}
        light = {pair: rng.uniform(-5, 5) for pair in sorted(pairs)}
        held = {tuple(sorted(bridge)): [(rng.choice([-1, 1]), rng.uniform(8, 9), rng.normal())]}
        held[tuple(sorted(nodes[[1, size - 1]]))] = [(1, 9.5, 0.3)]  # a rival, unless that pair has labels both ways
        for pair, least in light.items():
            ways = rng.permutation([-1, 1])
            held[pair] = [(ways[0], least, rng.normal()), (ways[1], least + rng.exponential(), rng.normal())]
        dearest = sorted(light, key=light.get, reverse=True)
        for pair in kruskal(2 * size, [*dearest, tuple(sorted(bridge))]):
            wanted[pair] = alone(held[pair])
        for (low, high), labels in held.items():
            rows += [(low, high, *rest) if sign > 0 else (high, low, *rest) for sign, *rest in labels]
    winner, loser, log_weight, offset = (np.array(column) for column in zip(*rows, strict=True))
    block = np.repeat([0, 1], size)
    order = np.argsort(block[winner], kind="stable")
    start = np.searchsorted(block[winner][order], [0, 1])
    columns = winner[order], loser[order], log_weight[order], offset[order]
    edges = block_solvers.Edges(2 * size, *columns, start, block)
    s = spanning.tree_fit(edges, block_solvers._gap)
    assert s[[0, size]].tolist() == [0, 0]
    assert len(wanted) == 2 * (size - 1)
    for (low, high), gap in wanted.items():
        assert s[low] - s[high] == pytest.approx(gap, abs=1e-9)
