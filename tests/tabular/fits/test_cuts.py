"""Balance of labels against every set of responses, in fractions; where a slope is kept, and far graphs of Newton's."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from tabular import InputError, losses
from tabular.fits import block_solvers, cuts, cutting_planes, newton, polyhedral, tree_cuts
from tabular.fits.convex import Labels
from tests.tabular.losses.routes import components


def instance(rng):
    """Labels with small whole weights, on one component or two; opposite labels now and then."""
    n = int(rng.integers(2, 7))
    parts = [np.arange(n)] if n < 4 or rng.random() < 0.6 else np.split(rng.permutation(n), [n // 2])
    pairs = [rng.choice(part, 2, replace=False).tolist() for part in parts for _ in range(len(part) + rng.integers(3))]
    pairs += [(y, w) for w, y in pairs if rng.random() < 0.6]
    return n, pairs, [int(w) for w in rng.choice([1, 2, 3, 8], len(pairs))]


def slope(inside, pairs, weight, excess):
    """F of a set, a + b = 1: its wins cost -b each, its losses gain a."""
    won = sum(w for (a, b), w in zip(pairs, weight, strict=True) if a in inside and b not in inside)
    lost = sum(w for (a, b), w in zip(pairs, weight, strict=True) if a not in inside and b in inside)
    return (1 + excess) * lost - excess * won, won + lost


def sets(nodes):
    return (set(chosen) for size in range(1, len(nodes)) for chosen in combinations(nodes, size))


@pytest.mark.parametrize("excess", [Fraction(1, 8), Fraction(1, 2), Fraction(2)])
def test_a_balance_is_a_flow_or_a_set_that_has_none(excess):
    rng, seen = np.random.default_rng(int(8 * excess)), set()
    for _ in range(120):
        n, pairs, weight = instance(rng)
        ends = np.array(pairs).T
        of = cuts.Pairs.of(n, *ends)
        found = cuts.balance(n, of, np.log(weight), lambda weight=weight: weight, excess)
        assert np.exp(found.log_swapped) == pytest.approx(found.swapped, abs=1e-15)
        assert np.exp(found.log_kept) == pytest.approx(1 - found.swapped, abs=1e-15)
        up = [sum(w for p, w in zip(pairs, weight, strict=True) if p == (a, b) or p == [a, b]) for a, b in _both(of)]
        down = [sum(w for p, w in zip(pairs, weight, strict=True) if tuple(p) == (b, a)) for a, b in _both(of)]
        for component in components(n, [tuple(p) for p in pairs]):
            worst = min((slope(chosen, pairs, weight, excess)[0] for chosen in sets(component)), default=1)
            violated = {y for y in component if found.violated[y]}
            assert bool(violated) == (worst < 0)
            seen.add(np.sign(worst))
            if violated:
                assert slope(violated, pairs, weight, excess)[0] < 0
                continue
            here = [k for k, pair in enumerate(_both(of)) if pair[0] in component]
            left = np.zeros(n)  # what is left of the linear term, which no response feels
            for k in here:
                over = down[k] - float(excess) * (up[k] - down[k]) - found.swapped[k] * (up[k] + down[k])
                left[of.low[k]] += over
                left[of.high[k]] -= over
            assert np.abs(left).max() < 1e-9
            for chosen in sets(component):
                if slope(chosen, pairs, weight, excess)[0] == 0:
                    crossing = [k for k in here if (of.low[k] in chosen) != (of.high[k] in chosen)]
                    assert all(
                        found.swapped[k] == (of.low[k] in chosen) * 0.0 + (of.high[k] in chosen) for k in crossing
                    )
    assert {-1, 1} <= seen


def _both(of):
    return list(zip(of.low.tolist(), of.high.tolist(), strict=True))


def test_a_response_that_refutes_its_component_alone_is_found_without_a_flow():
    rng = np.random.default_rng(5)
    for _ in range(200):
        n, pairs, weight = instance(rng)
        excess = Fraction(1, 3)
        of = cuts.Pairs.of(n, *np.array(pairs).T)
        won, lost = ([0] * len(of.low) for _ in range(2))
        for pair, up, w in zip(of.of_label, of.upward, weight, strict=True):
            (won if up else lost)[pair] += w
        group = cuts.digraph.components(n, of.low, of.high)
        violated = cuts._alone(group, of, won, lost, excess)
        for component in components(n, [tuple(p) for p in pairs]):
            single = [{y} for y in component] + [set(component) - {y} for y in component]
            some = len(component) > 1 and min(slope(each, pairs, weight, excess)[0] for each in single) < 0
            found = {y for y in component if violated[y]}
            assert bool(found) == some
            assert not found or (found in single and slope(found, pairs, weight, excess)[0] < 0)


def test_how_far_a_slope_is_kept():
    """|x - 2| - 1 where that is above 0: slopes -1, 0 and 1 change at 1 and 3."""
    flat = losses.custom(
        "flat", lambda x: np.maximum(np.abs(x - 2) - 1, 0), lambda x: 1.0 * (x > 3) - 1.0 * (x < 1)
    ).scalar
    x, slopes = np.array([1.7, 0.0, 3.25, 1.0]), np.array([0.0, -1.0, 1.0, -0.5])
    back, out = (cutting_planes._reach(flat, x, slopes, side) for side in (-1, 1))
    np.testing.assert_allclose(back, [0.7, np.inf, 0.25, 0.0], atol=1e-9)
    np.testing.assert_allclose(out, [1.3, 1.0, np.inf, 0.0], atol=1e-9)
    assert cutting_planes._bends(flat, x, slopes, 1).tolist() == [False] * 4


def test_tangents_of_many_labels_are_drawn_until_value_and_bound_meet():
    """What every one of 100 labels may still lack is a hundredth of what all may."""
    bent = losses.custom("bent", lambda x: np.maximum(1 - x, 0) + x**2 / 50, lambda x: x / 25 - 1.0 * (x < 1)).scalar
    for seed in range(2):
        rng = np.random.default_rng(seed)
        winner = rng.integers(0, 6, 100)
        loser = (winner + rng.integers(1, 6, 100)) % 6
        share, offset = rng.exponential(size=100) / 100, 3 * rng.normal(size=100)
        assert cutting_planes.solve_block(np.zeros(6), winner, loser, share, offset, bent).gap < 2e-11


def test_large_components_beside_others_are_each_solved_as_alone():
    """Sparse and dense side by side, with the pairs of the whole at hand."""
    rng, quartic = np.random.default_rng(0), losses.custom("q", lambda x: x**4 + x**2, lambda x: 4 * x**3 + 2 * x)
    sizes = (310, 4, 310)
    component = np.repeat([0, 1, 2], sizes)
    first = np.cumsum((0, *sizes[:-1]))
    winner = np.concatenate([start + np.tile(np.arange(size), 3) for start, size in zip(first, sizes, strict=True)])
    size, start = np.array(sizes)[component[winner]], first[component[winner]]
    loser = start + (winner - start + rng.integers(1, 9, len(winner)) % (size - 1) + 1) % size
    offset, log_weight = rng.normal(size=len(winner)), rng.uniform(-1, 0, len(winner))
    graph = newton.PairGraph.of(len(component), winner, loser)
    found = newton.solve(component, winner, loser, log_weight, offset, quartic.scalar, graph)
    for k, n in enumerate(sizes):
        here = component[winner] == k
        ends = winner[here] - first[k], loser[here] - first[k]
        alone = newton.solve(np.zeros(n, int), *ends, log_weight[here], offset[here], quartic.scalar)
        np.testing.assert_allclose(found[component == k], alone, atol=1e-9)


@pytest.mark.parametrize("light", [0.0, -900.0, 900.0])
def test_a_loss_falls_at_the_end_of_a_step_iff_its_slope_there_is_negative(light):
    """Of blocks side by side, of any weights: a pair whose labels balance at log 3, in steps along its difference."""
    ends = np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2])
    log_weight = np.log([3.0, 1.0, 3.0, 1.0]) + np.array([0, 0, light, light])
    edges = block_solvers.Edges(4, *ends, log_weight, np.zeros(4), np.array([0, 2]), np.array([0, 0, 1, 1]))
    for length, falls in ((0.5, True), (1.0, True), (1.2, False), (9.0, False)):
        d, step, both = np.array([1.0, 0.0, 0.5, 0.0]), np.array([length, 2 * length]), np.ones(2, dtype=bool)
        assert tree_cuts._Ray(edges, np.zeros(4), d, both).falls(step).tolist() == [falls] * 2
        assert tree_cuts._Ray(edges, np.zeros(4), -d, both).falls(step).tolist() == [False] * 2
        assert tree_cuts._Ray(edges, np.zeros(4), d, np.array([False, True])).falls(step[1:]) == [falls]
    assert tree_cuts._Ray(edges, np.zeros(4), np.zeros(4), both).falls(np.ones(2)).tolist() == [False] * 2


def test_a_face_has_as_many_vertices_as_are_allowed_and_no_more(monkeypatch):
    """Ties of two responses leave an interval each: two vertices, and four of two such pairs."""
    pairs = [np.array([0, 1]), np.array([1, 0])], [np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2])]
    for (winner, loser), count, said in zip(pairs, (2, 4), ("fewer responses", "fewer prompts"), strict=True):
        face = polyhedral.solve(Labels(count, winner, loser, np.zeros(count), np.ones(count), np.ones(count)))
        monkeypatch.setattr(polyhedral, "_VERTICES", count)
        found = face.vertices()
        assert sorted(map(tuple, np.abs(found))) == [(0.5,) * count] * count
        assert len(set(map(tuple, found))) == count
        monkeypatch.setattr(polyhedral, "_VERTICES", count - 1)
        with pytest.raises(InputError, match=said):
            face.vertices()
