"""Cycles and the Hodge decomposition: exact against floats, orthogonality, ranks, and Bradley-Terry as control."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError, Preferences, Problem
from tabular.choice import matrix, rules, transitivity


def skew(rng, n, values=5):
    upper = np.triu(rng.integers(-values, values + 1, (n, n)), 1)
    return upper - upper.T


@given(st.integers(2, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_three_orthogonal_parts_exactly(n, seed, complete):
    rng = np.random.default_rng(seed)
    flow = skew(rng, n)
    weight = np.ones((n, n), int) if complete else np.triu(rng.integers(0, 3, (n, n)), 1)
    weight = weight if complete else weight + weight.T
    if not np.triu(weight, 1).any():
        return
    parts = transitivity.hodge(flow.astype(object), weight)
    compared = np.where(np.triu(weight, 1) > 0, weight, 0)
    total = parts.gradient + parts.curl + parts.harmonic
    assert (np.where(compared, total - flow, 0) == 0).all()
    for one, other in ((parts.gradient, parts.curl), (parts.gradient, parts.harmonic), (parts.curl, parts.harmonic)):
        assert (compared * one * other).sum() == 0
    divergence = (weight * (parts.curl + parts.harmonic)).sum(axis=1)
    assert (divergence == 0).all()
    assert all(isinstance(share, Fraction) for share in parts.shares)
    assert sum(parts.shares) == (1 if (compared * flow).any() else 0)
    floats = transitivity.hodge(flow.astype(float), weight)
    for name in ("potential", "gradient", "curl", "harmonic"):
        assert getattr(floats, name) == pytest.approx(getattr(parts, name).astype(float), abs=1e-10)
    if complete:
        assert not parts.harmonic.any()
        assert (parts.potential * n == flow.sum(axis=1)).all()  # Borda: the mean of a row


@pytest.mark.parametrize(("seed", "n", "size"), [(1, 5, 1.0), (4, 5, 1e4), (5, 5, 1e-150), (9, 6, 1e150)])
def test_weights_forty_nats_apart_leave_floats_their_digits(seed, n, size):
    """The same in fractions; every entry to twelve digits of the flow, on graphs with and without all pairs."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.normal(size=(n, n)) * size, 1)
    weight = np.triu(np.exp(rng.uniform(-40, 40, (n, n))) * (rng.random((n, n)) > 0.3), 1)
    flow, weight = upper - upper.T, weight + weight.T
    floats = transitivity.hodge(flow, weight)
    exact = transitivity.hodge(np.vectorize(Fraction, otypes=[object])(flow), weight)
    for name in ("potential", "gradient", "curl", "harmonic"):
        wanted = getattr(exact, name).astype(float) / size
        np.testing.assert_allclose(getattr(floats, name) / size, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(floats.shares, np.array(exact.shares, dtype=float), rtol=1e-9, atol=1e-25)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_the_unit_of_weights_changes_no_share(size):
    flow, weight = skew(np.random.default_rng(2), 5) * 1.0, np.triu(np.arange(25.0).reshape(5, 5) % 7, 1)
    weight = weight + weight.T
    shares = transitivity.hodge(flow, weight).shares
    assert min(shares[:2]) > 0.1
    assert transitivity.hodge(flow, size * weight).shares == pytest.approx(shares, abs=1e-14)


def test_row_means_are_not_the_potential_under_unequal_weights():
    flow, weight = np.array([[0, 3, 1], [-3, 0, 2], [-1, -2, 0]]), np.array([[0, 5, 1], [5, 0, 1], [1, 1, 0]])
    assert np.abs(transitivity.hodge(flow * 1.0, weight).potential - flow.sum(axis=1) / 3).max() > 0.05


def test_the_square_has_a_harmonic_part_and_no_triangle():
    flow, weight = np.zeros((4, 4)), np.zeros((4, 4))
    for i in range(4):
        j = (i + 1) % 4
        flow[i, j], flow[j, i], weight[i, j], weight[j, i] = 1, -1, 1, 1
    assert transitivity.hodge(flow, weight).shares == pytest.approx((0, 0, 1))
    weight[0, 2] = weight[2, 0] = 1  # a diagonal makes triangles of it
    assert transitivity.hodge(flow, weight).shares == pytest.approx((0, 1, 0))


@pytest.mark.parametrize("n", [3, 4, 5])
def test_the_curl_has_its_rank(n):
    """Flows around triangles span a space of dimension C(n, 2) - n + 1."""
    rng = np.random.default_rng(n)
    curls = [transitivity.hodge(skew(rng, n) * 1.0).curl[np.triu_indices(n, 1)] for _ in range(3 * n * n)]
    assert np.linalg.matrix_rank(curls) == n * (n - 1) // 2 - n + 1


def test_sixty_responses_all_compared_have_no_harmonic_part():
    """And no equation of 34,220 triangles to be solved for it, whatever the weights."""
    rng = np.random.default_rng(0)
    flow, weight = skew(rng, 60) * 1.0, rng.integers(1, 5, (60, 60))
    weight = weight + weight.T
    parts = transitivity.hodge(flow, weight)
    assert not parts.harmonic.any()
    np.testing.assert_allclose((weight * parts.curl).sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(parts.potential[:, None] - parts.potential + parts.curl, flow, atol=1e-12)


def test_ipo_is_the_gradient_part():
    """The weighted least squares of h = (P - 1/2)/tau on the pairs: log-ratios of IPO's minimiser are the potential."""
    rng = np.random.default_rng(0)
    preference = matrix.preference_matrix(0.5 + skew(rng, 4) / 20)[0]
    weight = rng.integers(1, 5, (4, 4))
    weight = weight + weight.T
    tau = 0.3
    ratio = transitivity.hodge((preference - 0.5) / tau, weight).potential
    first, second = np.triu_indices(4, 1)

    def loss(h):
        return (weight[first, second] * (h[first] - h[second] - (preference[first, second] - 0.5) / tau) ** 2).sum()

    nudges = 1e-3 * rng.normal(size=(50, 4))
    assert all(loss(ratio + nudge) > loss(ratio) for nudge in nudges)


@given(st.integers(3, 6), st.integers(0, 2**32 - 1))
def test_rewards_have_no_cycles_of_any_kind(n, seed):
    rng = np.random.default_rng(seed)
    preference = matrix.from_reward(rng.normal(size=n))
    assert transitivity.cyclic_triples(preference) == [[]]
    assert all(short[0] < 1e-15 for short in transitivity.stochastic_transitivity(preference).values())
    assert np.abs(transitivity.triangle_defects(preference)).max() < 1e-13
    log_odds = np.log(preference) - np.log(preference.T)
    assert transitivity.hodge(log_odds).shares == pytest.approx((1, 0, 0), abs=1e-20)


def test_a_certain_preference_is_refused_where_it_is_first_met():
    with pytest.raises(InputError, match=r"preference\[0, 0, 1\] is 0.0: a certain preference has no finite log-odds"):
        transitivity.triangle_defects([[0.5, 0, 0.5], [1, 0.5, 0.5], [0.5, 0.5, 0.5]])


def test_bradley_terry_is_exact_iff_triangles_are():
    """On a complete graph the fit is exact iff every triangle closes; on a path it is, whatever the rates."""
    preference = matrix.from_reward([1.0, 0.0, -0.5])
    assert rules.bradley_terry(preference - np.eye(3) / 2).divergence < 1e-15
    preference[0, 1], preference[1, 0] = 0.6, 0.4
    assert np.abs(transitivity.triangle_defects(preference)).max() > 0.1
    assert rules.bradley_terry(preference - np.eye(3) / 2).divergence > 1e-4
    path = np.array([[0, 0.9, 0], [0.1, 0, 0.2], [0, 0.8, 0]])
    assert rules.bradley_terry(path).divergence < 1e-15


def test_kinds_of_transitivity_differ():
    moderate_only = [[0.5, 0.7, 0.7], [0.3, 0.5, 0.9], [0.3, 0.1, 0.5]]
    short = transitivity.stochastic_transitivity(moderate_only)
    assert (short["weak"][0], short["moderate"][0], round(short["strong"][0], 12)) == (0, 0, 0.2)
    weak_only = [[0.5, 0.7, 0.6], [0.3, 0.5, 0.9], [0.4, 0.1, 0.5]]
    short = transitivity.stochastic_transitivity(weak_only)
    assert (short["weak"][0], round(short["moderate"][0], 12)) == (0, 0.1)


def test_cyclic_triples_are_those_that_the_scores_count():
    """n(n-1)(n-2)/6 less the sum of C(wins, 2): Kendall and Babington Smith 1940."""
    rng = np.random.default_rng(1)
    for n in (3, 5, 7):
        upper = np.triu(rng.integers(0, 2, (n, n)), 1)
        preference = upper + np.tril(1 - upper.T, -1) + np.eye(n) / 2
        wins = rules.copeland(preference)[0]
        assert (
            len(transitivity.cyclic_triples(preference)[0])
            == n * (n - 1) * (n - 2) // 6 - (wins * (wins - 1) / 2).sum()
        )


def test_weights_of_labels_may_be_used_as_they_are():
    problem, labels = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1), Preferences.from_pairs([(0, 1), (1, 2)])
    from tabular.choice.votes import wins_of

    wins = wins_of(problem, labels)[0]
    parts = transitivity.hodge(wins - wins.T, wins + wins.T)
    assert parts.shares == pytest.approx((1, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[0, 1], [1, 0]],), "with its opposite it must sum to 0"),
        (([[0, 1, 2]],), "give an \\(n, n\\) matrix"),
        (([[0, 1], [-1, 0]], [[0, 1], [2, 0]]), "symmetric"),
        (([[0, 1], [-1, 0]], [[0, 0], [0, 0]]), "no pair has a positive weight"),
    ],
)
def test_bad_flows_are_said(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        transitivity.hodge(*arguments)
