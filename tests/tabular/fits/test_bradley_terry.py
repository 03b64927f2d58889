"""The fit against published tables, other algorithms, 80-digit arithmetic and labels whose fit is known."""

import json
from functools import partial
from pathlib import Path

import choix
import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from tabular import logs
from tabular.base import digraph
from tabular.fits import block_solvers, bradley_terry, laplacian, tilted
from tabular.fits.cuts import whole_weights

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "bradley_terry.json").read_text())


def fit_wins(wins):
    wins = np.asarray(wins, dtype=float)
    winner, loser = np.nonzero(wins)
    return bradley_terry.fit(len(wins), winner, loser, np.log(wins[winner, loser]))


def both_ways(first, second, strength):
    """Population labels: each pair in both orders, weights sigma(+-difference)."""
    winner, loser = np.r_[first, second], np.r_[second, first]
    return winner, loser, log_expit(strength[winner] - strength[loser])


def ring(size, rng, extra, log_weight):
    """A random strongly connected digraph: a ring and extra edges."""
    order = rng.permutation(size)
    winner = np.r_[order, rng.integers(0, size, extra)]
    loser = np.r_[np.roll(order, -1), (winner[size:] + rng.integers(1, size, extra)) % size]
    return winner, loser, log_weight(len(winner))


@pytest.mark.parametrize("name", ["baseball1987", "citations"])
def test_published_coefficients(name):
    table = GOLDEN[name]
    fitted = fit_wins(table["wins"])
    published = np.array(table["log_strength"])
    baseline = int(np.flatnonzero(published == 0)[0])
    assert np.abs(fitted.strength - fitted.strength[baseline] - published).max() < 5.1e-5  # four printed digits
    assert fitted.residual < 1e-14


@pytest.mark.parametrize("name", ["baseball1987", "citations"])
def test_golden_counts_are_those_of_the_files(name, real_data):
    table = logs.load("classic-bradley-terry")[name]
    assert list(table.names) == GOLDEN[name]["teams"]
    assert np.array_equal(table.wins, GOLDEN[name]["wins"])


@pytest.mark.parametrize("name", ["baseball1987", "citations"])
def test_three_independent_optimisers(name):
    wins = np.array(GOLDEN[name]["wins"], dtype=float)
    fitted = fit_wins(wins)
    pairs = [(i, j) for i, j in zip(*np.nonzero(wins), strict=True) for _ in range(int(wins[i, j]))]
    for peer in (choix.ilsr_pairwise, choix.mm_pairwise):
        assert np.abs(peer(len(wins), pairs, tol=1e-10, max_iter=10_000) - fitted.strength).max() < 1e-7
    winner, loser = np.nonzero(wins)
    count = wins[winner, loser]

    def negative_log_likelihood(s):
        return -(count * log_expit(s[winner] - s[loser])).sum()

    found = minimize(negative_log_likelihood, np.zeros(len(wins)), method="BFGS", options={"gtol": 1e-4})
    assert np.abs(found.x - found.x.mean() - fitted.strength).max() < 1e-4
    assert fitted.infimum == pytest.approx(negative_log_likelihood(fitted.strength), rel=1e-13)
    assert fitted.infimum <= found.fun + 1e-9


@given(st.integers(2, 6), st.floats(0, 1e4), st.integers(0, 2**32 - 1), st.booleans())
@example(3, 1e4, 0, True)
@example(6, 1e4, 1, False)
def test_population_labels_give_the_strengths_back_over_any_range(size, spread, seed, complete):
    """Gaps of thousands: the weights are far below the smallest float."""
    rng = np.random.default_rng(seed)
    strength = rng.uniform(-spread / 2, spread / 2, size)
    first, second = np.triu_indices(size, 1) if complete else (np.arange(size - 1), np.arange(1, size))
    fitted = bradley_terry.fit(size, *both_ways(first, second, strength))
    assert fitted.strength == pytest.approx(strength - strength.mean(), rel=1e-9, abs=1e-9)
    assert fitted.residual < 1e-11


def mpmath_fit(size, winner, loser, log_weight, offset, start):
    """Newton in 80 digits, started at ours: (the fit, the distance gone)."""
    with mpmath.workdps(int(max(80, -min(log_weight) / 1.1))):
        s = [mpmath.mpf(float(x)) for x in start]
        for _ in range(6):
            gradient, hessian = mpmath.zeros(size - 1, 1), mpmath.zeros(size - 1)
            for w, v, lw, o in zip(winner, loser, log_weight, offset, strict=True):
                n, h = mpmath.exp(mpmath.mpf(float(lw))), s[w] - s[v] - mpmath.mpf(float(o))
                push = n / (1 + mpmath.exp(h))
                curvature = push / (1 + mpmath.exp(-h))
                for node, sign in ((int(w), 1), (int(v), -1)):
                    if node:
                        gradient[node - 1] += sign * push
                        hessian[node - 1, node - 1] += curvature
                if w and v:
                    hessian[int(w) - 1, int(v) - 1] -= curvature
                    hessian[int(v) - 1, int(w) - 1] -= curvature
            step = mpmath.lu_solve(hessian, gradient)
            s = [s[0]] + [a + b for a, b in zip(s[1:], step, strict=True)]
        return np.array([float(x - s[0]) for x in s])


@pytest.mark.parametrize(("scale", "with_offset"), [(3, False), (50, False), (50, True), (400, False), (400, True)])
def test_contradictory_labels_with_extreme_weights_against_high_precision(scale, with_offset):
    """No closed form here: cycles, upsets, weights over hundreds of orders of magnitude."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(3, 6))
        winner, loser, log_weight = ring(size, rng, size, partial(rng.uniform, -scale, 0))
        offset = rng.uniform(-scale, scale, len(winner)) / 4 if with_offset else np.zeros(len(winner))
        ours = bradley_terry.fit(size, winner, loser, log_weight, offset).strength
        reference = mpmath_fit(size, winner, loser, log_weight, offset, ours)
        assert np.abs(ours - ours[0] - reference).max() < 1e-10 * max(1, scale / 10)


@given(st.integers(0, 2**32 - 1), st.floats(1, 1e4), st.booleans())
@example(45, 8e3, False)  # full spectral steps swing between two points for ever
@example(249, 6.7e3, True)  # flows that differ by e^1064 at one node
def test_any_strongly_connected_graph_balances(seed, scale, with_offset):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 8))
    winner, loser, log_weight = ring(size, rng, size, lambda m: -rng.uniform(0, scale, m))
    offset = rng.uniform(-scale, scale, len(winner)) / 3 if with_offset else None
    fitted = bradley_terry.fit(size, winner, loser, log_weight, offset)
    assert len(fitted.rank) == 1
    assert fitted.residual < 1e-10


@pytest.mark.parametrize("size", [20, 60, 300])
def test_every_solver_gives_the_same_fit(size):
    """Dense, dense in logs and sparse, on one graph: they share nothing but the Newton loop."""
    rng = np.random.default_rng(size)
    winner, loser, log_weight = ring(size, rng, 4 * size, np.zeros)
    edges = block_solvers.Edges(
        size, winner, loser, log_weight, np.zeros(len(winner)), np.array([0]), np.zeros(size, int)
    )
    solvers = block_solvers.SOLVERS[1:]
    fits = [solve(edges) for solve in solvers]
    fits = [s - s.mean() for s in fits]
    for other in fits[1:]:
        assert np.abs(other - fits[0]).max() < 1e-11


@pytest.mark.parametrize("shape", ["chain", "star", "tree", "cycle"])
def test_long_sparse_graphs(shape):
    rng = np.random.default_rng(0)
    size = 2000
    child = np.arange(1, size)
    parent = {"chain": child - 1, "cycle": child - 1, "star": 0 * child, "tree": rng.integers(0, child)}[shape]
    strength = rng.normal(0, 2, size)
    first, second = (np.r_[parent, size - 1], np.r_[child, 0]) if shape == "cycle" else (parent, child)
    fitted = bradley_terry.fit(size, *both_ways(first, second, strength))
    error = fitted.strength - strength
    assert np.ptp(error) < 1e-9 if shape == "cycle" else np.abs(error[first] - error[second]).max() < 1e-10


def test_a_long_ring_with_few_chords_and_contradictory_labels():
    """Nearly a tree: solved by sparse factors; conjugate gradients would crawl around it."""
    rng = np.random.default_rng(3)
    winner, loser, log_weight = ring(800, rng, 100, np.zeros)
    winner, loser = np.r_[winner, loser], np.r_[loser, winner]
    log_weight = np.r_[log_weight, rng.uniform(-2, 0, len(log_weight))]
    fitted = bradley_terry.fit(800, winner, loser, log_weight)
    assert fitted.residual < 1e-12
    push = np.exp(log_weight + log_expit(-(fitted.strength[winner] - fitted.strength[loser])))
    assert np.bincount(winner, push) == pytest.approx(np.bincount(loser, push), rel=1e-11)


@pytest.mark.parametrize("spread", [5, 30, 300, 3000])
@pytest.mark.parametrize("tree", [True, False])
def test_large_blocks_with_rewards_far_apart(spread, tree):
    """Too large for arithmetic in logs, exact all the same: the labels agree with a spanning tree."""
    rng = np.random.default_rng(spread)
    size = 1000
    child = np.arange(1, size)
    first, second = rng.integers(0, child), child
    if not tree:
        first, second = np.r_[first, rng.integers(0, size - 1, 5 * size)], np.r_[second, np.full(5 * size, size - 1)]
    strength = rng.normal(0, spread, size)
    fitted = bradley_terry.fit(size, *both_ways(first, second, strength))
    assert np.ptp(fitted.strength - strength) < 1e-12 * spread * np.sqrt(size)
    assert fitted.residual < 1e-11


@pytest.mark.parametrize("scale", [5, 30, 1000])
def test_large_contradictory_blocks_are_fitted(scale):
    rng = np.random.default_rng(0)
    winner, loser, log_weight = ring(400, rng, 2500, partial(rng.uniform, -scale, 0))
    fitted = bradley_terry.fit(400, winner, loser, log_weight)
    assert fitted.residual <= 1e-11


@given(st.integers(0, 2**32 - 1))
def test_offsets_shift_what_is_fitted(seed):
    """Offsets that are potential differences only shift the strengths; a pair with any offsets solves its equation."""
    rng = np.random.default_rng(seed)
    winner, loser, log_weight = ring(5, rng, 5, lambda m: rng.normal(0, 1, m))
    potential = rng.normal(0, 3, 5)
    plain = bradley_terry.fit(5, winner, loser, log_weight)
    shifted = bradley_terry.fit(5, winner, loser, log_weight, potential[winner] - potential[loser])
    assert shifted.strength - plain.strength == pytest.approx(potential - potential.mean(), abs=1e-9)
    assert shifted.infimum == pytest.approx(plain.infimum, rel=1e-12)
    (a, b), (o_a, o_b) = rng.normal(0, 3, 2), rng.normal(0, 3, 2)
    pair = bradley_terry.fit(2, [0, 1], [1, 0], [a, b], [o_a, o_b])
    gap = pair.strength[0] - pair.strength[1]
    assert np.exp(a) * expit(-(gap - o_a)) == pytest.approx(np.exp(b) * expit(gap + o_b), rel=1e-11)


def test_only_edges_inside_blocks_are_fitted():
    """Two cycles of three, the first beating the second, and a node nobody compared."""
    winner, loser = [0, 1, 2, 3, 4, 5, 0, 1], [1, 2, 0, 4, 5, 3, 3, 4]
    fitted = bradley_terry.fit(7, winner, loser, np.log([1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 9.0, 9.0]))
    alone = bradley_terry.fit(3, [0, 1, 2], [1, 2, 0], np.log([1.0, 2.0, 3.0]))
    assert fitted.strength[:3] == pytest.approx(alone.strength, abs=1e-14)
    assert fitted.strength[3:] == pytest.approx([0, 0, 0, 0], abs=1e-14)
    assert fitted.infimum == pytest.approx(alone.infimum + 3 * np.log(2))
    assert fitted.rank[fitted.block].tolist() == [0, 0, 0, 1, 1, 1, 0]


def test_parallel_edges_add_and_the_scale_does_not_matter():
    rng = np.random.default_rng(5)
    winner, loser, log_weight = ring(6, rng, 12, lambda m: rng.normal(0, 2, m))
    fitted = bradley_terry.fit(6, winner, loser, log_weight)
    split = bradley_terry.fit(6, np.tile(winner, 2), np.tile(loser, 2), np.tile(log_weight - np.log(2), 2))
    scaled = bradley_terry.fit(6, winner, loser, log_weight - 1e5)
    assert split.strength == pytest.approx(fitted.strength, abs=1e-12)
    assert scaled.strength == pytest.approx(fitted.strength, abs=1e-9)  # logs near 1e5 keep 11 digits


@pytest.mark.parametrize("light", [1.0, 1e-30])
def test_a_light_block_beside_a_heavy_one_is_fitted_as_it_is_alone(light):
    """The loss of the heavy block, done at once, has no digits for that of the other, which takes eight steps."""
    rng = np.random.default_rng(34)
    first, second = np.nonzero(~np.eye(4, dtype=bool))
    log_weight = rng.uniform(0, 9, len(first))
    alone = bradley_terry.fit(4, first, second, log_weight)
    ends = np.r_[first, first + 4], np.r_[second, second + 4]
    both = bradley_terry.fit(8, *ends, np.r_[np.zeros(len(first)), log_weight + np.log(light)])
    np.testing.assert_allclose(both.strength[4:], alone.strength, atol=1e-12)
    assert both.residual < 1e-11


def test_a_wrong_sign_is_seen():
    """Negative control: the score equations fail at the mirrored strengths."""
    wins = np.array(GOLDEN["citations"]["wins"], dtype=float)
    winner, loser = np.nonzero(wins)
    right = fit_wins(wins).strength
    block = digraph.block_labels(digraph.adjacency(4, winner, loser))
    for strength, small in ((right, True), (-right, False)):
        labels = winner, loser, np.log(wins[winner, loser]), np.zeros(len(winner)), wins[winner, loser]
        _, residual = bradley_terry._checked(strength, block, 1, *labels)
        assert (residual < 1e-13) == small


@given(st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_eliminations_against_lapack(size, seed):
    rng = np.random.default_rng(seed)
    weight, flow = rng.random((3, size, size)), rng.random((3, size, size))
    weight += np.swapaxes(weight, 1, 2)
    weight[:, np.arange(size), np.arange(size)] = 0
    exact = laplacian.solve_even(weight.copy(), flow.copy())
    with np.errstate(divide="ignore"):
        assert laplacian.solve_dense_log(np.log(weight), np.log(flow)) == pytest.approx(exact, abs=1e-9)


def test_a_stationary_point_with_a_negative_linear_term_is_its_own_certificate():
    """rDPO on labels both ways: the flow is inside (0, W), so a fit is proved without asking every cut."""
    ends = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    strength, proved = tilted.solve(np.zeros(3, int), *ends, np.log([3.0, 1.0, 1.0, 2.0]), np.zeros(4), -0.1)
    assert proved.all()
    up = 1 / (1 + np.exp(strength[ends[1]] - strength[ends[0]]))
    pull = np.array([3.0, 1.0, 1.0, 2.0]) * (1 - up + 0.1)
    np.testing.assert_allclose(pull[0::2], pull[1::2], rtol=1e-12)


def test_a_weight_of_0_among_whole_numbers_is_0():
    assert whole_weights(np.array([0.0, -np.inf, np.log(3.0)])) == [2**60, 0, pytest.approx(3 * 2**60, rel=1e-15)]


def test_labels_of_equal_weight_cancel_exactly_when_they_are_merged():
    """5 and 2 equal labels are in no whole ratio, but each is whole: 3,900 nats once ended a thousandth beside."""
    pairs = [(0, 1)] * 5 + [(0, 2)] * 5 + [(1, 0)] * 7 + [(1, 2)] * 7 + [(2, 0)] * 8 + [(2, 1)] * 6
    far = [(0, 2)] * 2 + [(1, 2)] * 5, [(2, 0)] * 5 + [(2, 1)] * 7
    winner, loser = np.array(pairs + far[0] + far[1]).T
    offset = np.r_[np.zeros(len(pairs)), np.full(7, -3894.25), np.full(12, 3894.25)]
    fitted = bradley_terry.fit(3, winner, loser, np.zeros(len(winner)) - np.log(57), offset)
    assert fitted.residual < 1e-9
    best = fitted.infimum
    for node in range(3):  # a convex function: no step along a node, or both ways, lowers it
        for step in (-1e-3, 1e-3):
            moved = fitted.strength + step * (np.arange(3) == node)
            h = moved[winner] - moved[loser] - offset
            assert np.logaddexp(0, -h).mean() >= best


@pytest.mark.parametrize("offsets", [1, 3])
def test_merged_labels_are_sums_over_equal_ones_in_order(offsets):
    rng = np.random.default_rng(offsets)
    winner, loser = rng.integers(0, 4, (2, 90))
    offset = rng.choice([0.0, -1.5, 2.0][:offsets], 90)
    log_weight, whole = rng.uniform(-700, 700, 90), rng.integers(1, 9, 90).astype(float)
    sums = {}
    for *key, one, number in zip(winner, loser, offset, log_weight, whole, strict=True):
        log_sum, total = sums.get(tuple(key), (-np.inf, 0.0))
        sums[tuple(key)] = np.logaddexp(log_sum, one), total + number
    found = bradley_terry.merged(4, winner, loser, log_weight, offset, whole)
    keys = sorted(sums)
    assert [tuple(key) for key in zip(found[0], found[1], found[3], strict=True)] == keys
    np.testing.assert_allclose(np.transpose(found[2::2]), [sums[key] for key in keys], rtol=1e-14)
