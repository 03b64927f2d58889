"""Biconnected pieces: told apart by deleting one response at a time, and thresholds the same as on whole components."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from tabular import Preferences, Problem, dpo, oracle
from tabular.base import digraph
from tabular.base.log_space import softplus
from tabular.failures.infimum import infimum
from tabular.failures.pieces import biconnected
from tabular.failures.thresholds import solve, tied
from tests.strategies import betas, labelled_problems


def parts_without(node, n_nodes, edges):
    """The component of each edge once a node is gone (-1: none): of an end that is left."""
    left = edges[(edges != node).all(axis=1)]
    _, component = connected_components(digraph.adjacency(n_nodes, *left.T), directed=False)
    return component[np.where(edges[:, 0] == node, edges[:, 1], edges[:, 0])]


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(2, 8))
    ends = st.lists(st.integers(0, n_nodes - 1), min_size=2, max_size=2, unique=True)
    return n_nodes, np.array(draw(st.lists(ends, min_size=1, max_size=12)))


@given(graphs())
def test_two_edges_are_in_one_piece_unless_deleting_some_node_parts_them(graph):
    n_nodes, edges = graph
    together = np.ones((len(edges), len(edges)), dtype=bool)
    for node in range(-1, n_nodes):
        component = parts_without(node, n_nodes, edges)
        together &= component[:, None] == component
    _, component = connected_components(digraph.adjacency(n_nodes, *edges.T), directed=False)
    piece = biconnected(n_nodes, *edges.T, component)
    np.testing.assert_array_equal(piece[:, None] == piece, together)
    assert set(piece) == set(range(piece.max() + 1))


def assert_same(found, general):
    """Up to the general route's rounding: a pair held there shifts the whole component, by beta delta_ref or so."""
    problem, log_ref = found.at.graph.problem, found.at.graph.log_ref
    beta, shift = problem.beta, problem.beta * np.abs(log_ref[found.at.winner] - log_ref[found.at.loser]).max()
    np.testing.assert_allclose(found.value, general.value, rtol=1e-9, atol=1e-12 + 1e-16 * shift)
    np.testing.assert_allclose(found.excess, general.excess, rtol=1e-6, atol=1e-13 + 1e-16 * shift)
    np.testing.assert_allclose(found.multiplier, general.multiplier, rtol=1e-6, atol=beta * (1e-13 + 1e-16 * shift))
    np.testing.assert_array_equal(found.attained, general.attained)


@given(labelled_problems(max_prompts=2, max_responses=7))
def test_thresholds_by_piece_are_those_by_component(case):
    found = solve(*case)
    assert_same(found, tied(found.at, found.at.components))
    assert found.at.parts.cost.sum() == pytest.approx(found.at.value, rel=1e-12)


def linked(shape, rng):
    """Labels on 12 responses: a path, a star of contradictions, triangles in a row, or a ring with a tail."""
    k = np.arange(11)
    edges = {
        "path": [*zip(k, k + 1, strict=True)],
        "star": [*zip(0 * k, k + 1, strict=True), *zip(k + 1, 0 * k, strict=True)],
        "triangles": [(i + a, i + b) for i in range(0, 10, 2) for a, b in ((0, 1), (1, 2), (2, 0))],
        "ring with a tail": [*((i, (i + 1) % 8) for i in range(8)), (7, 8), (8, 9), (9, 10), (11, 10)],
    }[shape]
    return Preferences.from_pairs([(0, *e, 10 ** rng.uniform(-6, 6)) for e in edges])


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("beta", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("shape", ["path", "star", "triangles", "ring with a tail"])
def test_by_piece_and_by_component_at_all_scales(shape, beta, scale):
    rng = np.random.default_rng(0)
    problem, preferences = Problem.from_unnormalized(scale * rng.normal(size=(1, 12)), beta), linked(shape, rng)
    found = solve(problem, preferences)
    assert_same(found, tied(found.at, found.at.components))
    n_pieces = {"path": 11, "star": 11, "triangles": 5, "ring with a tail": 5}[shape]
    assert len(found.at.parts.cost) == n_pieces
    for pair in range(preferences.n_pairs):  # the witness is fitted on the component: it shows what the piece claims
        witness = found.witness(pair)
        assert preferences.delta(witness)[pair] <= 0
        assert dpo.loss(witness, problem, preferences) == pytest.approx(found.value[pair], rel=1e-9, abs=1e-9)


@given(betas, st.integers(0, 1000))
def test_on_a_tree_each_label_stands_alone(beta, seed):
    """v_i = share_i sp(beta delta_ref,i), in closed form: nothing else is lost by a tie, however long the chain."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    problem = Problem.from_unnormalized(10 * rng.normal(size=n), beta)
    ends = np.column_stack([np.arange(1, n), rng.integers(0, np.arange(1, n))])
    ends = rng.permuted(ends, axis=1)
    preferences = Preferences(np.zeros(n - 1, dtype=int), *ends.T, weight=10 ** rng.uniform(-3, 3, n - 1))
    expected = np.exp(preferences.log_share) * softplus(beta * preferences.delta(problem.log_ref))
    np.testing.assert_allclose(solve(problem, preferences).value, expected, rtol=1e-12)


def test_a_pair_only_asked_about_joins_the_pieces_between():
    """0 > 1 > 2 > 3 and 4 > 3: 0 over 3 follows through three pieces, which the question makes one."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.25, 0.15], beta=1.3)
    preferences = Preferences.from_pairs([(0, 0, 1), (0, 1, 2, 3), (0, 2, 3), (0, 4, 3), (0, 0, 3, 0)])
    found = solve(problem, preferences)
    assert_same(found, tied(found.at, found.at.components))
    assert found.value[4] == pytest.approx(oracle.inversion_cost(problem, preferences, [4])[0], abs=1e-6)
    assert found.at.parts.piece([0, 1, 2, 4]).tolist() == [found.at.parts.piece([0])[0]] * 4
    assert found.at.parts.piece([3]) != found.at.parts.piece([0])
    assert len(infimum(problem, Preferences.from_pairs([(0, 1), (1, 2), (2, 3)])).parts.cost) == 3


def test_pairs_of_every_large_block_are_held_together():
    rng, prompt = np.random.default_rng(0), np.repeat([0, 1], 60)
    winner = rng.integers(0, 8, 120)
    labels = Preferences(prompt, winner, (winner + rng.integers(1, 8, 120)) % 8)
    at = infimum(Problem(np.full((2, 8), -np.log(8)), 1.0), labels)
    groups = list(at.parts.shared.groups(np.arange(120)))
    assert [sorted(index.tolist()) for index, _ in groups] == [[*range(60)], [*range(60, 120)]]
    assert [block for _, block in groups] == at.parts.shared.blocks
