"""Blocks and ranks of the win digraph, against reachability computed by brute force."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tabular import Preferences, Problem
from tabular.base import digraph


@st.composite
def digraphs(draw):
    size = draw(st.integers(1, 8))
    edges = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=20))
    edges = [(a, b) for a, b in edges if a != b]
    return size, np.array(edges, dtype=int).reshape(-1, 2)


def reachability(size, edges):
    reach = np.eye(size, dtype=bool)
    reach[edges[:, 0], edges[:, 1]] = True
    for middle in range(size):
        reach |= reach[:, [middle]] & reach[[middle]]
    return reach


@given(digraphs())
def test_blocks_are_the_mutually_reachable_and_edges_go_up(graph):
    size, edges = graph
    label, rank = digraph.ranked_blocks(digraph.adjacency(size, *edges.T))
    reach = reachability(size, edges)
    assert np.array_equal(label[:, None] == label, reach & reach.T)
    assert sorted(set(label)) == list(range(len(rank)))
    assert np.array_equal(np.sort(rank), rank)
    tail, head = label[edges[:, 0]], label[edges[:, 1]]
    between = tail != head
    assert (tail <= head).all()
    assert (rank[tail] < rank[head])[between].all()


@given(digraphs())
def test_rank_is_the_longest_path_of_blocks(graph):
    size, edges = graph
    label, rank = digraph.ranked_blocks(digraph.adjacency(size, *edges.T))
    longest = np.zeros(len(rank), dtype=int)
    for _ in range(len(rank)):
        for tail, head in label[edges]:
            if tail != head:
                longest[head] = max(longest[head], longest[tail] + 1)
    assert np.array_equal(rank, longest)


def test_blocks_of_a_problem_leave_absent_responses_out():
    problem = Problem.from_probabilities([[0.5, 0.0, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]], beta=1)
    labels = Preferences.from_pairs([(0, 2, 0), (1, 0, 1), (1, 1, 0), (1, 3, 1)])
    blocks = [[block.tolist() for block in row] for row in labels.blocks(problem)]
    assert blocks == [[[2], [3], [0]], [[2], [3], [0, 1]]]


def test_a_long_chain_is_ranked_in_order():
    size = 3000
    label, rank = digraph.ranked_blocks(digraph.adjacency(size, np.arange(size - 1), np.arange(1, size)))
    assert np.array_equal(label, np.arange(size))
    assert np.array_equal(rank, np.arange(size))
