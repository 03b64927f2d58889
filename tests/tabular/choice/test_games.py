"""Unregularised games in fractions, against nashpy, kernels by support, and each other."""

import itertools
from collections import Counter
from fractions import Fraction

import nashpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabular import InputError, Status
from tabular.base import cones
from tabular.choice import games, only


def from_margins(margins):
    """P = 1/2 + margins/4, in fractions."""
    return Fraction(1, 2) + np.array(margins, dtype=object) * Fraction(1, 4)


@st.composite
def margins(draw, largest=6, values=(0, 1, -1, 2, -2)):
    n = draw(st.integers(1, largest))
    upper = draw(st.lists(st.sampled_from(values), min_size=n * n, max_size=n * n))
    matrix = np.triu(np.array(upper).reshape(n, n), 1)
    return matrix - matrix.T


@given(margins())
def test_certificates_and_the_polytope_agree(matrix):
    preference = from_margins(matrix)
    found, vertices = games.maximal_lottery(preference), games.all_equilibria(preference)
    skew = games.exact_skew(preference)
    assert sum(found.policy) == 1
    assert all(p >= 0 for p in found.policy)
    assert (skew @ found.policy == -found.advantage).all()
    assert [a > 0 for a in found.advantage] == [p == 0 for p in found.policy]  # strictly complementary
    assert {i for vertex in vertices for i in np.flatnonzero(vertex)} == set(found.support)
    assert (found.status is Status.UNIQUE) == (len(vertices) == 1) == (found.dimension == 0)
    differences = vertices[1:] - vertices[0]
    rank = len(skew) - len(cones.kernel(differences)) if len(vertices) > 1 else 0
    assert rank == found.dimension
    for vertex in vertices:
        assert max(skew @ vertex) <= 0


@pytest.mark.parametrize("values", [(0, 1, -1), (1, -1), (0, 1e-30, -1, 0.3), (0, 0, 0, 1)])
def test_a_guess_in_floats_changes_no_equilibrium(monkeypatch, values):
    """With ties, dominated responses and entries that no float next to 1/2 would see: all is the same in fractions."""
    rng, statuses, guesses = np.random.default_rng(0), set(), []
    proved = only.proved
    monkeypatch.setattr(only, "proved", lambda *given: guesses.append(proved(*given)) or guesses[-1])
    for n in (8, 9, 10):
        upper = np.triu(rng.choice(values, (n, n)), 1)
        half = np.vectorize(Fraction, otypes=[object])(upper - upper.T) / 2 + Fraction(1, 2)
        monkeypatch.setattr(only, "_SMALL", 0)
        found = games.maximal_lottery(half)
        monkeypatch.setattr(only, "_SMALL", n)
        assert found == games.maximal_lottery(half)
        statuses.add(found.status)
    assert all(guesses) if values == (1, -1) else Status.SET in statuses or not all(guesses)


@given(margins())
@settings(max_examples=30)  # nashpy goes through all supports
def test_all_equilibria_against_nashpy(matrix):
    if len(matrix) < 2:
        return
    game = nashpy.Game(3.0 + matrix, 3.0 - matrix)  # positive payoffs, as it needs
    theirs = {tuple(np.round(row, 8) + 0.0) for row, _ in game.vertex_enumeration()}
    ours = {tuple(np.round(vertex.astype(float), 8) + 0.0) for vertex in games.all_equilibria(from_margins(matrix))}
    assert ours == theirs


def tournaments(n):
    pairs = list(itertools.combinations(range(n), 2))
    for signs in itertools.product((1, -1), repeat=len(pairs)):
        matrix = np.zeros((n, n), dtype=int)
        for (i, j), sign in zip(pairs, signs, strict=True):
            matrix[i, j], matrix[j, i] = sign, -sign
        yield matrix


@pytest.mark.parametrize(("n", "sizes"), [(3, {1: 6, 3: 2}), (4, {1: 32, 3: 32}), (5, {1: 320, 3: 640, 5: 64})])
def test_every_tournament_has_one_equilibrium_of_odd_support(n, sizes):
    found = [games.maximal_lottery(Fraction(1, 2) + matrix * Fraction(1, 2)) for matrix in tournaments(n)]
    assert all(one.status is Status.UNIQUE for one in found)
    assert Counter(len(one.support) for one in found) == sizes


def test_margins_of_zero_are_another_matter():
    assert games.maximal_lottery([[0.5, 0.5], [0.5, 0.5]]).status is Status.SET


def test_a_condorcet_winner_is_the_only_equilibrium_and_a_close_tie_is_seen():
    winner = games.maximal_lottery([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]])
    assert winner.support == (0,)
    assert winner.status is Status.UNIQUE
    edge = Fraction(1, 10**30)
    one_way = [[Fraction(1, 2), Fraction(1, 2) + edge], [Fraction(1, 2) - edge, Fraction(1, 2)]]
    assert games.maximal_lottery(one_way).support == (0,)  # no float would see it
    assert games.maximal_lottery([[0.5, np.nextafter(0.5, 1)], [np.nextafter(0.5, 0), 0.5]]).support == (0,)


def test_clones_do_not_move_the_others():
    """5:2 for B over A whatever stands beside C: the Nash policy keeps B, where Borda and Bradley-Terry flip."""
    wins = np.array([[0, 2, 2 + 5], [5, 0, 5], [0, 2, 0]])
    before = games.maximal_lottery(_shares(wins))
    cloned = np.zeros((4, 4), int)
    cloned[:3, :3], cloned[:3, 3], cloned[3, :3] = wins, wins[:, 2], wins[2]
    cloned[2, 3], cloned[3, 2] = 2, 5
    assert before.support == games.maximal_lottery(_shares(cloned)).support == (1,)


def _shares(wins):
    total = wins + wins.T + np.eye(len(wins), dtype=int)
    share = [[Fraction(int(w), int(t)) for w, t in zip(*rows, strict=True)] for rows in zip(wins, total, strict=True)]
    for i in range(len(wins)):
        share[i][i] = Fraction(1, 2)
    return share


@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_the_largest_support_and_its_witness(m, n, data):
    entries = data.draw(st.lists(st.integers(-2, 2), min_size=m * n, max_size=m * n))
    matrix = np.array(entries).reshape(m, n)
    found = cones.largest_support(matrix)
    assert (matrix @ found.point <= 0).all()
    assert (found.point > 0).tolist() == found.members.tolist()
    assert (found.witness >= 0).all()
    assert (found.witness @ matrix >= 0).all()
    assert ((found.witness @ matrix) > 0).tolist() == (~found.members).tolist()


def test_two_prompts_are_one_too_many():
    with pytest.raises(InputError, match="one prompt"):
        games.maximal_lottery(np.full((2, 2, 2), 0.5))


def test_sixty_responses_of_three_qualities_have_a_polytope_of_equilibria():
    """All mixtures of the best, and nobody else: one linear program in fractions, of 60 unknowns, says so."""
    quality = np.random.default_rng(7).integers(0, 3, 60)
    found = games.maximal_lottery((1 + np.sign(quality[:, None] - quality)) / 2)
    best = np.flatnonzero(quality == 2)
    assert (found.status, found.support, found.dimension) == (Status.SET, tuple(best.tolist()), len(best) - 1)
    assert all(found.policy[best] > 0)
    assert all(found.advantage[quality < 2] > 0)


def test_clones_of_who_is_played_are_the_vertices_among_many_who_are_not():
    """Rock, paper and scissors, each twice, beat 14 others who tie: one clone of each makes a vertex."""
    cycle = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    skew = np.zeros((20, 20))
    skew[:6, :6], skew[:6, 6:], skew[6:, :6] = np.kron(cycle, np.ones((2, 2))), 1, -1
    found = games.all_equilibria(0.5 + skew / 2)
    assert found.shape == (8, 20)
    assert {tuple(np.flatnonzero(vertex)) for vertex in found} == set(itertools.product((0, 1), (2, 3), (4, 5)))
    assert all(p in (0, Fraction(1, 3)) for vertex in found for p in vertex)
    skew[0, 2] = 0.99 * skew[0, 2]  # 0 and 1 are no clones any more
    skew[2, 0] = -skew[0, 2]
    assert len(games.all_equilibria(0.5 + skew / 2)) < 8
