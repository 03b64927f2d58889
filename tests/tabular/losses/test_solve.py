"""Losses of differences on label graphs: existence against every cut, minima against 60 digits, Clarabel and search."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit, logit

from tabular import InputError, Preferences, Problem, Status, dpo, losses
from tabular.fits import cutting_planes, polyhedral, whole_levels
from tabular.fits.convex import Labels
from tests import descents, strategies
from tests.tabular.losses import routes
from tests.tabular.losses.test_facts import USERS

EXISTS = (Status.UNIQUE, Status.SET)


def instance(rng, pairs, n, weight, beta=0.5):
    problem = Problem.from_unnormalized(rng.normal(0, 2, n), beta)
    return problem, Preferences.from_pairs([(0, w, y, c) for (w, y), c in zip(pairs, weight, strict=True)])


def both_ways(rng, pairs, weight, spread):
    """Each label answered by one of the opposite kind, of another weight."""
    answer = weight * np.exp(rng.uniform(-spread, spread, len(weight)))
    return pairs + [(y, w) for w, y in pairs], np.r_[weight, answer]


def verdict(status):
    return "attained" if status in EXISTS else status.value


# --- existence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [0.125, 0.25, 0.1, 0.4])
def test_rdpo_exists_iff_every_cut_gives_each_side_its_share(eps):
    """All cuts in rationals against the flow; whole weights, so that equality happens."""
    rng, seen = np.random.default_rng(int(1000 * eps)), set()
    for k in range(250):
        n, pairs, weight = routes.random_graph(rng)
        if k % 2:
            pairs += [(y, w) for w, y in pairs]
            weight = rng.choice([1.0, 3.0, 7.0], len(pairs)) if k % 4 == 1 else np.exp(rng.uniform(-40, 40, len(pairs)))
        problem, labels = instance(rng, pairs, n, weight)
        found = losses.solve(problem, labels, losses.get("rdpo", eps=eps))
        worst = min(balance for _, balance in routes.cuts(n, pairs, weight, eps))
        wanted = "unbounded" if worst < 0 else "unattained" if worst == 0 else "attained"
        assert verdict(found.status) == wanted
        seen.add(wanted)
        if wanted != "attained":
            check_cut(found, pairs, weight, eps, wanted)
    assert {"unbounded", "attained"} <= seen
    assert eps in (0.1, 0.4) or "unattained" in seen  # 1/10 is no float, so no cut can balance against it


def check_cut(found, pairs, weight, eps, wanted):
    cut = found.certificate
    balance = dict(routes.cuts(found.problem.n_responses, pairs, weight, eps))[tuple(sorted(cut.inside))]
    assert balance < 0 if wanted == "unbounded" else balance == 0
    total = weight.sum()
    inside = set(cut.inside)
    won = sum(c for (w, y), c in zip(pairs, weight, strict=True) if w in inside and y not in inside) / total
    assert cut.wins == pytest.approx(won, rel=1e-9)
    assert found.recession[0][sorted(inside)].tolist() == [0] * len(inside)


def test_a_share_given_as_a_fraction_balances_exactly():
    problem, labels = Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 0, 1, 9), (0, 1, 0, 1)])
    statuses = [losses.solve(problem, labels, losses.get("rdpo", eps=e)).status for e in (Fraction(1, 10), 0.1, 0.0999)]
    assert statuses == [Status.UNATTAINED, Status.UNBOUNDED, Status.UNIQUE]  # the float 0.1 is above 1/10


def test_unbounded_along_the_certificate_and_only_there():
    rng, loss = np.random.default_rng(4), losses.get("rdpo", eps=0.2)
    problem = Problem.from_unnormalized(rng.normal(size=(2, 3)), 0.5)
    labels = Preferences.from_pairs([(0, 0, 1), (0, 1, 2), (1, 0, 1, 3), (1, 1, 0, 2)])
    found = losses.solve(problem, labels, loss)
    assert [s.value for s in found.statuses] == ["unbounded", "set"]
    assert (found.status, found.infimum) == (Status.UNBOUNDED, -np.inf)
    near, far = (
        mean_loss(problem.log_ref + found.log_ratio + step * found.recession, problem, labels, loss)
        for step in (500.0, 1000.0)
    )
    assert (far - near) / 500 == pytest.approx(problem.beta * found.certificate.balance, rel=1e-9)
    assert found.certificate.balance == pytest.approx(-0.2 / 0.6 / 7)  # one label of weight 1 in 7 crosses, won
    assert np.exp(found.log_policy[0])[list(found.certificate.inside)].sum() == pytest.approx(1)
    assert not found.contains(problem.log_ref)


def mean_loss(log_policy, problem, labels, loss):
    ends = (labels.prompt, labels.winner), (labels.prompt, labels.loser)
    cost = loss(*(x[e] for x in (log_policy, problem.log_ref) for e in ends), problem.beta)
    return float(np.exp(labels.log_share) @ cost)


def test_balanced_cuts_have_a_finite_infimum_that_the_recession_approaches():
    """Three blocks: two cuts balance exactly at eps = 1/4, the loss falls for ever and stays above the infimum."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], 0.7)
    labels = Preferences.from_pairs(
        [(0, 0, 1, 3), (0, 1, 0, 2), (0, 1, 2, 3), (0, 2, 1, 1), (0, 2, 3, 1), (0, 3, 2, 1)]
    )
    loss = losses.get("rdpo", eps=0.25)
    found = losses.solve(problem, labels, loss)
    assert found.status is Status.UNATTAINED
    values = []
    for far in (0.0, 5.0, 10.0, 20.0):
        values.append(mean_loss(problem.log_ref + found.log_ratio + far * found.recession, problem, labels, loss))
    assert values == sorted(values, reverse=True)
    assert values[-1] > found.infimum
    assert values[-1] == pytest.approx(found.infimum, abs=1e-6)
    assert found.margin_range(0, 1, 2) == (np.inf, np.inf)
    near = losses.solve(problem, labels, losses.get("rdpo", eps=0.2499))
    assert near.status is Status.UNIQUE
    assert found.infimum < near.infimum


# --- minima ----------------------------------------------------------------------------------------------------------


def logistic(linear):
    return (lambda x: linear - routes.sg(-x)), (lambda x: routes.sg(x) * routes.sg(-x))


EXACT = {
    "dpo": (losses.get("dpo"), logistic(fmpq(0))),
    "cdpo": (losses.get("cdpo", eps=0.125), logistic(fmpq(1, 8))),
    "rdpo": (losses.get("rdpo", eps=2.0**-20), logistic(fmpq(-1, 2**20) / (1 - fmpq(1, 2**19)))),
    "ipo": (losses.get("ipo"), ((lambda x: 2 * (x - 1)), (lambda x: arb(2)))),
    "exponential": (USERS["exponential"], ((lambda x: -(-x).exp()), (lambda x: (-x).exp()))),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("spread", [2.0, 40.0])
def test_minimisers_to_thirteen_digits_over_eighty_nats_of_weights(name, spread):
    loss, shape = EXACT[name]
    rng, seen = np.random.default_rng(len(name)), 0
    spread = min(spread, 12.0) if name == "exponential" else spread  # Newton in floats: no promise over 80 nats
    for _ in range(25):
        n, pairs, weight = routes.random_graph(rng, weights=spread)
        if name != "cdpo":
            pairs, weight = both_ways(rng, pairs, weight, 9)
        problem, labels = instance(rng, pairs, n, weight)
        found = losses.solve(problem, labels, loss)
        if len(routes.components(n, pairs)) > 1 or found.status not in EXISTS:
            continue
        wanted = [float(v) for v in routes.least(n, pairs, weight, *shape, dps=90)]
        rate = loss.form.rate(problem.beta)
        tolerance = (1e-7 if name == "exponential" else 1e-13) * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(found.log_ratio[0] * rate, wanted, rtol=0, atol=tolerance)
        assert found.residual < (1e-9 if name == "exponential" else 1e-12)
        seen += 1
    assert seen >= 5


CONVEX = {
    "dpo": losses.get("dpo"),
    "cdpo": losses.get("cdpo", eps=0.1),
    "rdpo": losses.get("rdpo", eps=0.02),
    "ipo": losses.get("ipo"),
    "hinge": losses.get("hinge"),
    "slic": losses.get("slic", margin=1.0),
    "hypo": losses.get("hypo"),
    "odpo": losses.get("odpo", offset=0.7),
    "ecpo": losses.get("ecpo", gamma=0.05),
    **USERS,
}


@pytest.mark.parametrize("name", CONVEX)
def test_infimum_and_margins_against_clarabel(name):
    """Several prompts, unlabelled responses, components, cycles, one-way labels, offsets of either sign."""
    loss, rng, seen = CONVEX[name], np.random.default_rng(7), set()
    for k in range(16):
        problem = Problem.from_unnormalized(rng.normal(0, 1.5, (2, 5)), 0.5)
        rows = []
        for prompt in (0, 1):
            _n, pairs, weight = routes.random_graph(rng, one_way=k % 4 == 3)
            if name == "rdpo" or k % 4 == 2:
                pairs, weight = both_ways(rng, pairs, weight, 2)
            rows += [(prompt, w, y, c) for (w, y), c in zip(pairs, weight, strict=True)]
        labels = Preferences.from_pairs(rows)
        found = losses.solve(problem, labels, loss)
        seen.add(found.status)
        if found.status is Status.UNBOUNDED:
            continue
        value, h = routes.by_clarabel(problem, labels, loss)
        assert found.infimum == pytest.approx(value, abs=2e-7)
        assert found.infimum <= value + 1e-9
        if found.status in EXISTS:
            assert mean_loss(found.log_policy, problem, labels, loss) == pytest.approx(found.infimum, abs=1e-12)
            assert found.contains(found.log_policy)
            strictly = name not in ("hinge", "slic", "squared hinge", "huber")
            ours = labels.delta(found.log_policy) - labels.delta(problem.log_ref)
            assert not strictly or np.abs(ours - h).max() < 1e-2
    assert seen & set(EXISTS)
    assert name != "dpo" or Status.UNATTAINED in seen


def test_dpo_is_dpo_and_margins_are_its_margins():
    rng = np.random.default_rng(1)
    problem = Problem.from_unnormalized(rng.normal(size=(3, 4)), 0.3)
    labels = Preferences.from_pairs(
        [(p, *rng.choice(4, 2, replace=False), rng.exponential()) for p in (0, 0, 0, 1, 1, 2)]
    )
    delta_ref = labels.delta(problem.log_ref)
    for loss, margin in ((losses.get("dpo"), 0.0), (losses.get("hypo"), 0.3 * np.maximum(-delta_ref, 0))):
        ours, theirs = losses.solve(problem, labels, loss), dpo.solve(problem, labels, margin)
        assert (ours.status, ours.infimum, ours.dimension) == (theirs.status, theirs.infimum, theirs.dimension)
        np.testing.assert_array_equal(ours.log_policy, theirs.log_policy)
        np.testing.assert_array_equal(ours.recession, theirs.recession)


def test_cdpo_spreads_a_chain_by_logit_each_step_and_one_edge_does_not_bound_itself():
    zeta = logit(1 - 0.1)
    chain = [(0, 0, 1, 1.0), (0, 1, 2, 5.0), (0, 2, 3, 0.01)]
    problem = Problem.from_probabilities([0.25] * 4, 1)
    for rows, spread, within in (
        (chain, 3.0, 1e-12),
        ([(0, w, w + 1, 1.0) for w in range(3)] + [(0, 0, 3, 0.001)], 2.9985, 5e-5),
    ):
        found = losses.solve(problem, Preferences.from_pairs(rows), losses.get("cdpo", eps=0.1))
        assert (found.log_ratio[0, 0] - found.log_ratio[0, 3]) / zeta == pytest.approx(spread, abs=within)


def test_ipo_is_least_squares_ranking():
    """numpy's lstsq on the incidence matrix, 30 responses, beta at both extremes."""
    rng = np.random.default_rng(0)
    for beta in (1e-4, 0.5, 1e4):
        problem = Problem.from_unnormalized(rng.normal(size=30), beta)
        winner = rng.integers(0, 30, 80)
        loser = (winner + rng.integers(1, 30, 80)) % 30
        labels = Preferences(np.zeros(80, int), winner, loser, rng.exponential(size=80))
        rows = np.sqrt(labels.weight)[:, None] * (np.eye(30)[winner] - np.eye(30)[loser])
        wanted = np.linalg.lstsq(rows, np.sqrt(labels.weight) / (2 * beta))[0]
        found = losses.solve(problem, labels, losses.get("ipo")).log_ratio[0]
        np.testing.assert_allclose(beta * (found - found.mean()), beta * (wanted - wanted.mean()), atol=1e-12)


@pytest.mark.parametrize("name", ["dpo", "cdpo", "rdpo", "ipo", "exponential"])
def test_large_sparse_graphs_are_stationary(name):
    """3000 responses, the gradient checked label by label with numpy alone."""
    rng, n = np.random.default_rng(2), 3000
    strength = rng.normal(0, 0.5, n)
    ring = np.arange(n)
    first = np.r_[ring, rng.integers(0, n, 4 * n)]
    second = np.r_[(ring + 1) % n, (first[n:] + rng.integers(1, n, 4 * n)) % n]
    share = 1 / (1 + np.exp(strength[second] - strength[first]))
    labels = Preferences(np.zeros(10 * n, int), np.r_[first, second], np.r_[second, first], np.r_[share, 1 - share])
    problem, loss = Problem.from_unnormalized(rng.normal(size=n), 0.5), EXACT[name][0]
    found = losses.solve(problem, labels, loss)
    assert found.status is Status.UNIQUE
    ends = (labels.prompt, labels.winner), (labels.prompt, labels.loser)
    logs = [x[e] for x in (found.log_policy, problem.log_ref) for e in ends]
    up = labels.weight * loss.gradient(*logs, problem.beta)[0]
    net = np.bincount(labels.winner, up, n) - np.bincount(labels.loser, up, n)
    assert np.abs(net).max() < 1e-9 * np.abs(up).sum() / n
    assert found.residual < 1e-9
    assert mean_loss(found.log_policy, problem, labels, loss) == pytest.approx(found.infimum, rel=1e-12)


def test_labels_beyond_the_pairs_own_shares_still_balance_round_a_cycle():
    """A cycle of one-way labels has no pair with both shares, and rDPO exists: the flow goes round."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    found = losses.solve(problem, cycle, losses.get("rdpo", eps=0.3))
    assert found.status is Status.UNIQUE
    assert found.log_ratio[0] == pytest.approx([0, 0, 0], abs=1e-12)
    heavier = Preferences.from_pairs([(0, 0, 1, 1), (0, 1, 2, 1), (0, 2, 0, 0.42)])  # losses of 0: 0.42 of 1.42
    assert losses.solve(problem, heavier, losses.get("rdpo", eps=0.3)).status is Status.UNBOUNDED
    assert losses.solve(problem, heavier, losses.get("rdpo", eps=0.29)).status is Status.UNIQUE


# --- hinges ----------------------------------------------------------------------------------------------------------


def test_hinge_is_zero_iff_the_labels_hold_no_cycle():
    rng = np.random.default_rng(3)
    for k in range(60):
        n, pairs, weight = routes.random_graph(rng, one_way=k % 2 == 0)
        problem, labels = instance(rng, pairs, n, weight)
        found = losses.solve(problem, labels, losses.get("hinge"))
        alone = all(len(block) == 1 for block in labels.blocks(problem)[0])
        assert (found.infimum == 0) == alone


def by_program(problem, labels, loss, objective, infimum):
    """Extremes of a linear function of h over the near-optimal set: HiGHS."""
    n, m, rate = problem.n_responses, labels.n_pairs, loss.form.rate(problem.beta)
    ref = problem.log_ref[0]
    offset = np.broadcast_to(loss.form.offset(ref[labels.winner], ref[labels.loser], problem.beta), m)
    incidence = np.eye(n)[labels.winner] - np.eye(n)[labels.loser]
    rows = np.vstack([np.hstack([-rate * incidence, -np.eye(m)]), np.r_[np.zeros(n), np.exp(labels.log_share)]])
    bound = np.r_[-offset, infimum + 1e-9]
    found = linprog(np.r_[objective, np.zeros(m)], rows, bound, bounds=[(None, None)] * n + [(0, None)] * m)
    return found.fun if found.status == 0 else -np.inf


@pytest.mark.parametrize("name", ["hinge", "slic"])
def test_the_face_of_a_hinge(name):
    """Vertices are optimal and extreme; the range of every difference is that of a linear programme."""
    rng, dimensions = np.random.default_rng(5), set()
    for _ in range(20):
        n, pairs, weight = routes.random_graph(rng, most=4, weights=1.0)
        weight = np.round(weight) + 1
        problem, labels = instance(rng, pairs, n, weight)
        loss = losses.get(name, **({"margin": 1.0} if name == "slic" else {}))
        found = losses.solve(problem, labels, loss)
        dimensions.add(found.face.dimension)
        assert found.residual < 1e-14
        corners = found.vertices()
        for corner in corners:
            assert mean_loss(problem.log_ref + corner, problem, labels, loss) == pytest.approx(found.infimum, abs=1e-12)
            others = [c for c in corners if c is not corner]
            for a, b in product(others, others):
                assert not np.allclose((a + b) / 2, corner, atol=1e-9) or np.allclose(a, corner)
        for i, j in product(range(n), range(n)):
            if i == j:
                continue
            low, _high = found.margin_range(0, i, j)
            objective = np.eye(n)[i] - np.eye(n)[j]
            shift = problem.log_ref[0, i] - problem.log_ref[0, j]
            wanted = by_program(problem, labels, loss, objective, found.infimum) + shift
            if np.isfinite(low) or np.isfinite(wanted):
                assert low == pytest.approx(wanted, abs=1e-5)
        assert found.dimension == found.face.dimension + len(routes.components(n, pairs)) - 1
    assert len(dimensions) >= 3


@pytest.mark.parametrize("name", ["hinge", "slic"])
def test_hinges_by_flows_by_cycles_and_by_highs(name, monkeypatch):
    """Whole numbers, flows and HiGHS: one optimum, one face. Flows balance to the last digits and prove it."""
    rng, loss = np.random.default_rng(6), losses.get(name, **({"margin": 0.7} if name == "slic" else {}))
    for k in range(24):
        n, pairs, weight = routes.random_graph(rng, most=12, one_way=k % 4 == 0)
        pairs, weight = pairs * 2, np.r_[weight, np.round(weight)]  # repeated labels, one of weight 0 here and there
        problem, labels = instance(rng, [*pairs, (n, n + 1)], n + 3, np.r_[weight, 1.0])
        exact = losses.solve(problem, labels, loss)
        monkeypatch.setattr(polyhedral, "_EXACT", 0)
        with monkeypatch.context() as patch:
            patch.delattr(polyhedral, "linprog")  # offsets of one margin need no programme
            flows = losses.solve(problem, labels, loss)
        monkeypatch.setattr(polyhedral.whole_levels, "solve", lambda *_: None)
        highs = losses.solve(problem, labels, loss)
        monkeypatch.undo()
        share, pull = np.exp(labels.log_share)[labels.weight > 0], flows.certificate.pull
        assert flows.residual < 1e-15
        assert ((pull >= 0) & (pull <= share)).all()
        for other in (flows, highs):
            assert other.infimum == pytest.approx(exact.infimum, rel=1e-12, abs=1e-15)
            assert other.dimension == exact.dimension
            np.testing.assert_allclose(other.face.farthest, exact.face.farthest, rtol=1e-9, atol=1e-9)


def test_hinges_at_equality_are_all_met_by_equal_levels():
    """Without offsets max(0, -x) is least, 0, at equal levels alone on a cycle; nothing is left between the bounds."""
    for count in (3, 300):  # by cycles in whole numbers, and by a linear programme
        nodes = np.arange(count)
        face = polyhedral.solve(
            Labels(count, nodes, np.roll(nodes, -1), np.zeros(count), np.zeros(count), np.ones(count))
        )
        assert (face.minimum.tolist(), face.gap, face.dimension) == ([0.0], 0.0, 0)
        assert not face.strength.any()


def test_classes_are_what_keeps_its_difference_and_bounds_are_shortest_paths():
    """Strong components of tight constraints against all bounds, and these against Floyd and Warshall."""
    rng, loss, seen = np.random.default_rng(8), losses.get("hinge"), set()
    for _ in range(40):
        n, pairs, weight = routes.random_graph(rng, most=7)
        problem, labels = instance(rng, [*pairs, (n, n + 1)], n + 2, np.r_[np.ceil(weight), 1.0])
        face = losses.solve(problem, labels, loss).face
        reach = np.where(np.eye(n + 2, dtype=bool), 0.0, np.inf)
        np.minimum.at(reach, face.bounds[:2], face.bounds[2])
        for k in range(n + 2):
            reach = np.minimum(reach, reach[:, k, None] + reach[k])
        np.testing.assert_allclose(face.farthest, reach, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose([face.farthest_from(i) for i in range(n + 2)], reach, rtol=1e-12, atol=1e-12)
        assert ((np.abs(reach + reach.T) <= 1e-9) == (face.classes[:, None] == face.classes)).all()
        seen.add(face.dimension)
    assert len(seen) >= 3


def test_the_face_of_a_thousand_responses_has_a_status_and_bounds():
    n, rng = 1000, np.random.default_rng(9)
    ring, chord = np.arange(n), rng.integers(1, n, n)
    problem = Problem.from_unnormalized(np.zeros(n), 1.0)
    one_way = Preferences(np.zeros(n - 1, int), ring[:-1], ring[1:])
    found = losses.solve(problem, one_way, losses.get("hinge"))
    assert (found.status, found.dimension, found.infimum) == (Status.SET, n - 1, 0.0)  # every level at least 1 below
    assert found.margin_range(0, 3, 10) == (7.0, np.inf)
    both = Preferences(np.zeros(2 * n, int), np.r_[ring, ring], np.r_[(ring + 1) % n, (ring + chord) % n])
    found = losses.solve(problem, both, losses.get("hinge"))
    assert found.residual < 1e-12
    low, high = found.margin_range(0, 0, 500)
    assert low <= found.log_ratio[0, 0] - found.log_ratio[0, 500] <= high


def test_flows_balance_and_no_step_of_one_response_betters_them():
    ends, log_weight = (np.array([0, 1, 2, 0]), np.array([1, 2, 0, 2])), np.log([0.5, 0.5, 0.6, 0.2])
    levels, pull = whole_levels.solve(np.zeros(3, dtype=int), *ends, log_weight)
    np.testing.assert_allclose(np.bincount(ends[0], pull, 3), np.bincount(ends[1], pull, 3), atol=1e-15)
    arcs = whole_levels._Arcs(3, *ends, np.exp(log_weight))
    cost = arcs.costs(levels).sum()
    assert cost == pytest.approx(pull.sum(), abs=1e-15)  # weak duality: no level does better
    betters = [arcs.costs(levels + sign * step).sum() for step in np.eye(3) for sign in (-1, 1)]
    assert min(betters) >= cost - 1e-15
    assert arcs.costs(levels + np.array([0, 1, 1])).sum() > cost + 0.05  # not a flat place


def test_hinges_of_many_prompts_are_those_of_each():
    rng, loss = np.random.default_rng(7), losses.get("hinge")
    prompts, n, m = 30, 5, 9
    problem = Problem.from_unnormalized(rng.normal(size=(prompts, n)), 0.3)
    winner = rng.integers(0, n, (prompts, m))
    loser = (winner + rng.integers(1, n, (prompts, m))) % n
    weight = rng.uniform(0.1, 2, (prompts, m))
    labels = Preferences(np.repeat(np.arange(prompts), m), winner.ravel(), loser.ravel(), weight.ravel())
    found = losses.solve(problem, labels, loss)
    alone = [
        losses.solve(
            Problem.from_unnormalized(problem.log_ref[p], 0.3),
            Preferences(np.zeros(m, int), winner[p], loser[p], weight[p]),
            loss,
        )
        for p in range(prompts)
    ]
    assert labels.n_pairs > 200
    assert found.residual < 1e-15
    share = weight.sum(axis=1) / weight.sum()
    assert found.infimum == pytest.approx(share @ [one.infimum for one in alone], rel=1e-13)
    assert [one.status for one in alone] == found.statuses


# --- losses that are not convex --------------------------------------------------------------------------------------


def by_descent(problem, labels, loss, rng, starts=40):
    """The lowest mean loss that descents from random log-ratios of one prompt reach, of the loss's scalar function."""
    share, winner, loser = np.exp(labels.log_share), labels.winner, labels.loser

    def cost(r):
        return loss.scalar.value(problem.beta * (r[:, winner] - r[:, loser])) @ share

    return descents.lowest(cost, rng.normal(0, 6, (starts, problem.log_ref.size)))


@pytest.mark.parametrize("name", ["exo_pair", "discopop"])
def test_certified_global_minima_are_below_every_descent(name):
    loss = losses.get(name, **({"eps": 0.1} if name == "exo_pair" else {}))
    rng, seen = np.random.default_rng(9), set()
    for k in range(8):
        n, pairs, weight = routes.random_graph(rng, most=3, weights=1.0)
        if k % 2:
            pairs, weight = both_ways(rng, pairs, weight, 1)
        problem, labels = instance(rng, pairs, n, weight)
        found = losses.solve(problem, labels, loss)
        seen.add(found.status)
        descended = by_descent(problem, labels, loss, rng)
        assert found.infimum <= descended + 1e-8
        if found.status in EXISTS:
            assert found.certificate.lower <= found.infimum <= found.certificate.lower + 1e-8
            assert mean_loss(found.log_policy, problem, labels, loss) == pytest.approx(found.infimum, abs=1e-12)
            assert found.infimum == pytest.approx(descended, abs=1e-6)
    assert Status.UNIQUE in seen
    assert name == "exo_pair" or Status.UNATTAINED in seen


def test_exo_of_one_pair_is_the_closed_form_and_proved_to_be_the_only_minimum():
    problem = Problem.from_probabilities([0.3, 0.7], 0.5)
    for p in (0.5, 0.75, 1.0):
        labels = Preferences.from_pairs([(0, 0, 1, p), (0, 1, 0, 1 - p)])
        found = losses.solve(problem, labels, losses.get("exo_pair", eps=0.125))
        z = 0.5 * (found.log_ratio[0, 0] - found.log_ratio[0, 1])
        assert (found.status, z) == (Status.UNIQUE, pytest.approx((2 * p - 1) * logit(0.875), abs=1e-9))


def test_larger_problems_of_losses_that_are_not_convex_are_local():
    rng = np.random.default_rng(0)
    problem = Problem.from_unnormalized(rng.normal(size=8), 0.5)
    labels = Preferences.from_pairs([rng.choice(8, 2, replace=False) for _ in range(20)])
    found = losses.solve(problem, labels, losses.get("exo_pair", eps=0.1))
    assert found.status is Status.LOCAL
    assert found.certificate.lower == -np.inf
    assert found.infimum <= by_descent(problem, labels, found.loss, rng, starts=5) + 1e-9
    wave = losses.custom(
        "wave", lambda x: np.log1p(np.exp(-x)) + 0.3 * np.sin(x), lambda x: -1 / (1 + np.exp(x)) + 0.3 * np.cos(x)
    )
    pair = losses.solve(Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 1), (1, 0)]), wave)
    assert pair.status is Status.LOCAL  # nothing is known of a user's function that is not convex


@pytest.mark.parametrize(("n", "m"), [(3, 4), (5, 8), (12, 30)])
def test_exo_is_stationary_at_every_level_of_the_weights(n, m):
    """Labels of weights e^-40 to e^40: each set of responses that heavier labels hold together is balanced as a whole.

    For the sets that the labels above each weight join, what crosses a set's border cancels, relative to the weight
    that crosses. A descent of the sum leaves them anywhere: their pulls are rounding in it.
    """
    for seed in range(6):
        rng = np.random.default_rng(seed)
        problem = Problem.from_unnormalized(rng.normal(size=n), 1.0)
        winner = rng.integers(0, n, m)
        loser = (winner + rng.integers(1, n, m)) % n
        log_weight = rng.uniform(-40, 40, m)
        labels = Preferences(np.zeros(m, int), winner, loser, log_weight=log_weight)
        found = losses.solve(problem, labels, losses.get("exo_pair", eps=0.1))
        assert n == 3 or found.status is Status.LOCAL  # nor does a search tell what so light a label wants
        assert found.residual < 1e-12
        x = found.log_ratio[0, winner] - found.log_ratio[0, loser]
        pull = np.exp(log_weight) * expit(x) * expit(-x) * (x - logit(0.9))
        for level in log_weight:
            heavier = [(w, y) for w, y, k in zip(winner, loser, log_weight, strict=True) if k >= level]
            for group in routes.components(n, heavier):
                out, back = (
                    np.isin(winner, group) & ~np.isin(loser, group),
                    np.isin(loser, group) & ~np.isin(winner, group),
                )
                net, size = pull[out].sum() - pull[back].sum(), np.exp(log_weight[out | back]).sum()
                assert abs(net) <= 1e-12 * size


KINK = losses.custom("kink", lambda x: np.maximum(0, 1 - x), lambda x: -1.0 * (x < 1))
TENT = losses.custom("tent", lambda x: np.abs(1 - x), lambda x: np.where(x < 1, -1.0, 1.0))
BENT = losses.custom(
    "bent",
    lambda x: np.maximum(0, 1 - x) + x * x / 10,
    lambda x: -1.0 * (x < 1) + x / 5,
    curvature=lambda x: 0.2 + 0 * x,
)


def test_at_a_kink_of_a_users_loss_the_slopes_between_its_sides_prove_the_minimum():
    """max(0, 1 - x) twice for one response, once for the other: least at x = 1, where no derivative is 0.

    Its neighbour that rounds the kink over 1/4 is solved by its derivatives.
    """
    rounded = losses.custom(
        "rounded",
        lambda x: np.logaddexp(0, 4 * (1 - x)) / 4,
        lambda x: -1 / (1 + np.exp(np.clip(4 * (x - 1), -700, 700))),
    )
    problem, labels = Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 0, 1, 2), (0, 1, 0, 1)])
    found = losses.solve(problem, labels, KINK)
    assert (found.status, found.infimum) == (Status.UNIQUE, pytest.approx(2 / 3, rel=1e-15))
    assert found.log_ratio[0, 0] - found.log_ratio[0, 1] == pytest.approx(1, rel=1e-15)
    np.testing.assert_allclose(found.certificate.pull, [1 / 3, 1 / 3], rtol=1e-14)
    even = losses.solve(problem, Preferences.from_pairs([(0, 1), (1, 0)]), KINK)  # all of [-1, 1]
    assert (even.status, even.infimum) == (Status.SET, pytest.approx(1, rel=1e-15))
    smooth = losses.solve(problem, labels, rounded)
    assert smooth.status is Status.UNIQUE
    margin = smooth.log_ratio[0, 0] - smooth.log_ratio[0, 1]
    assert 2 / (1 + np.exp(4 * (margin - 1))) == pytest.approx(1 / (1 + np.exp(-4 * (margin + 1))), rel=1e-9)


def test_a_users_hinge_is_the_hinge():
    """By cutting planes, and by cancelling cycles in whole numbers: one value, one verdict."""
    rng, seen = np.random.default_rng(12), set()
    for _ in range(40):
        n, pairs, weight = routes.random_graph(rng, weights=1.0)
        problem, labels = instance(rng, pairs, n, np.ceil(4 * weight))
        found, exact = losses.solve(problem, labels, KINK), losses.solve(problem, labels, losses.get("hinge"))
        assert found.infimum == pytest.approx(exact.infimum, rel=1e-12, abs=1e-12)
        assert mean_loss(found.log_policy, problem, labels, KINK) == pytest.approx(exact.infimum, rel=1e-12, abs=1e-12)
        connected = len(routes.components(n, pairs)) == 1
        assert not connected or found.status is exact.status
        seen.add((found.status, found.infimum > 0))
    assert {(Status.UNIQUE, True), (Status.SET, True)} <= seen


@pytest.mark.parametrize("loss", [TENT, BENT], ids=lambda loss: loss.name)
def test_the_slopes_at_kinks_bound_every_policy(loss):
    """The pulls cancel, and what they prove, by conjugates on a grid that holds the kink, is the value.

    Other slopes whose pulls cancel prove less, never more.
    """
    rng, less = np.random.default_rng(5), 0
    grid = np.sort(np.r_[1.0, np.linspace(-20, 20, 100_001)])
    for _ in range(7):
        n, pairs, weight = routes.random_graph(rng, weights=1.0)
        problem, labels = instance(rng, pairs, n, weight)
        found = losses.solve(problem, labels, loss)
        assert found.status in (Status.UNIQUE, Status.SET)
        share = np.exp(labels.log_share)
        net = np.bincount(labels.winner, found.certificate.pull, n) - np.bincount(
            labels.loser, found.certificate.pull, n
        )
        np.testing.assert_allclose(net, 0, atol=1e-12)

        def bound(slope, share=share):
            return float(share @ [(loss.scalar.value(grid) - q * grid).min() for q in slope])

        slope = -found.certificate.pull / share
        assert bound(slope) == pytest.approx(found.infimum, abs=1e-7)
        assert bound(0.9 * slope) <= found.infimum + 1e-7
        less += bound(0.9 * slope) < found.infimum - 1e-3
        assert found.infimum <= by_descent(problem, labels, loss, rng, starts=5) + 1e-9
    assert less


@pytest.mark.parametrize("name", ["dpo", "cdpo", "ipo", "odpo"])
def test_pulls_are_minus_the_derivatives_of_the_mean_loss_in_each_margin(name):
    """The derivative in a winner's log-probability, over the beta that margins of IPO are without."""
    loss, rng = CONVEX[name], np.random.default_rng(9)
    for _ in range(4):
        pairs = [(0, 1), (1, 2), (2, 0), (0, 2)]
        problem, labels = instance(rng, pairs, 3, rng.uniform(1, 5, 4))
        found = losses.solve(problem, labels, loss)
        ends = (labels.prompt, labels.winner), (labels.prompt, labels.loser)
        logs = [policy[end] for policy in (found.log_policy, problem.log_ref) for end in ends]
        per_nat = loss.gradient(*logs, problem.beta)[0] / (1.0 if name == "ipo" else problem.beta)
        np.testing.assert_allclose(found.certificate.pull, -np.exp(labels.log_share) * per_nat, rtol=1e-9)


def test_a_cut_s_balance_is_the_slope_of_the_loss_far_out():
    """rDPO on a set that wins twenty times and loses once."""
    loss = losses.get("rdpo", eps=0.1)
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    labels = Preferences.from_pairs([(0, 0, 1, 20), (0, 1, 0, 1), (0, 1, 2, 3), (0, 2, 1, 3)])
    cut = losses.solve(problem, labels, loss).certificate
    raised = np.isin(np.arange(3), cut.inside) * 1.0
    far = [mean_loss(problem.log_ref + t * raised, problem, labels, loss) for t in (500.0, 1500.0)]
    assert 0 < cut.losses < cut.wins
    assert cut.balance < 0
    assert cut.balance == pytest.approx((far[1] - far[0]) / 1000, rel=1e-9)


@pytest.mark.parametrize("margin", [-1.0, 0.3, 2.0])
def test_a_face_reaches_as_far_as_the_slope_is_kept_on_either_side(margin):
    """Of max(-1 - x, 0, x - 2), from either end of its flat part and from within."""
    flat = losses.custom(
        "flat", lambda x: np.maximum(np.maximum(-1 - x, x - 2), 0.0), lambda x: np.where(x > 2, 1.0, -1.0 * (x < -1))
    )
    ends = np.array([margin, 0.0]), np.zeros(2, dtype=int), np.array([0]), np.array([1])
    face = cutting_planes.face(*ends, np.zeros(1), np.zeros(1), flat.scalar)
    assert face.dimension == 1
    np.testing.assert_allclose(np.sort(face.vertices() @ [1, -1]), [-1, 2], atol=1e-9)


def test_kinks_under_weights_that_a_programme_does_not_see_are_local_and_nothing_is_claimed():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 1)
    labels = Preferences.from_pairs([(0, 0, 1, 2), (0, 1, 0, 1), (0, 1, 2, 2e-9), (0, 2, 1, 1e-9)])
    found = losses.solve(problem, labels, KINK)
    assert (found.status, found.certificate.lower) == (Status.LOCAL, -np.inf)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (losses.get("aot"), "aot mixes the pairs of a batch"),
        (losses.custom("line", lambda x: 1 - x, lambda x: -1 + 0 * x), "grows alike at both ends"),
    ],
)
def test_what_cannot_be_solved_is_refused(loss, said):
    problem, labels = Problem.from_probabilities([0.5, 0.5], 1), Preferences.from_pairs([(0, 1)])
    with pytest.raises(InputError, match=said):
        losses.solve(problem, labels, loss)


def test_a_margin_beyond_the_floats_is_refused():
    problem = Problem([-1e4, 0.0], 1.0)
    with pytest.raises(InputError, match="the margin of ecpo"):
        losses.solve(problem, Preferences.from_pairs([(0, 1)]), losses.get("ecpo", gamma=0.1))


def test_a_users_loss_that_falls_on_both_sides_of_a_cut():
    """Slopes -1 and -1/4: a user's rDPO; its flow decides, and equality is refused in one sentence."""
    mine = losses.custom(
        "mine",
        lambda x: np.logaddexp(0, -0.75 * x) - 0.25 * x,
        lambda x: -0.75 / (1 + np.exp(np.minimum(0.75 * x, 700))) - 0.25,
        growth=(-1.0, -0.25),
    )
    problem = Problem.from_probabilities([0.5, 0.5], 1)

    def solved(wins):
        return losses.solve(problem, Preferences.from_pairs([(0, 0, 1, wins), (0, 1, 0, 1)]), mine)

    assert solved(5).status is Status.UNBOUNDED  # F = lost - won / 4
    inside = solved(3)
    assert inside.status is Status.UNIQUE
    assert inside.infimum == pytest.approx(routes_minimum(mine, 0.75), abs=1e-10)
    with pytest.raises(InputError, match="balanced exactly"):
        solved(4)


def routes_minimum(loss, p):
    grid = np.linspace(-20, 20, 400001)
    return float((p * loss.scalar.value(grid) + (1 - p) * loss.scalar.value(-grid)).min())


# --- extremes --------------------------------------------------------------------------------------------------------


EXTREME = [
    (name, beta) for name in ("dpo", "cdpo", "rdpo", "ipo", "hinge", "slic", "odpo") for beta in (1e-4, 1.0, 1e4)
]
EXTREME += [(name, beta) for name in ("hypo", "exo_pair") for beta in (1e-4, 1.0)]


@pytest.mark.parametrize(("name", "beta"), EXTREME)
def test_extreme_references_and_betas(name, beta):
    """Log-probabilities down to -1e4, weights e^+-40 (e^+-1 for EXO): attained, stationary, never nan."""
    loss = CONVEX.get(name) or losses.get(name, eps=0.1)
    problem = Problem.from_unnormalized([[0.0, -1e4, -3.0], [-1e4, 0.0, -1.0]], beta)
    heavy = 1.0 if name == "exo_pair" else 40.0
    weights = ((0, 1, np.exp(heavy)), (1, 0, np.exp(heavy - 1)), (1, 2, 1.0), (2, 1, 0.3), (0, 1, np.exp(-heavy)))
    labels = Preferences.from_pairs([(p, *label) for p in (0, 1) for label in weights])
    found = losses.solve(problem, labels, loss)
    assert found.status in EXISTS
    assert found.residual < 1e-8
    assert not np.isnan(found.log_policy).any()
    reached = mean_loss(found.log_policy, problem, labels, loss)
    rounding = 1e-15 * (1 + 1e4 * (max(beta, 1 / beta) if name == "ipo" else beta))
    assert reached == pytest.approx(found.infimum, rel=1e-9, abs=1e-9 + 100 * rounding)
    delta = labels.delta(found.log_policy)[0]
    if name == "dpo":
        assert delta == pytest.approx((problem.log_ref[0, 0] - problem.log_ref[0, 1]) + 1 / beta, rel=1e-9)


def test_a_hundred_thousand_prompts_are_one_call():
    rng, n = np.random.default_rng(0), 100_000
    problem = Problem.from_unnormalized(rng.normal(0, 2, (n, 2)), 0.5)
    p = rng.uniform(0.2, 0.8, n)
    prompt, zero, one = np.arange(n), np.zeros(n, int), np.ones(n, int)
    labels = Preferences(np.r_[prompt, prompt], np.r_[zero, one], np.r_[one, zero], np.r_[p, 1 - p])
    for name, params, wanted in (
        ("cdpo", {"eps": 0.1}, logit(0.9 * p + 0.1 * (1 - p))),
        ("rdpo", {"eps": 0.1}, logit((p - 0.1) / 0.8)),
        ("ipo", {}, 0.5 * (2 * p - 1)),
    ):
        found = losses.solve(problem, labels, losses.get(name, **params))
        assert found.status is Status.UNIQUE
        np.testing.assert_allclose(0.5 * (found.log_ratio[:, 0] - found.log_ratio[:, 1]), wanted, atol=1e-12)


@given(strategies.labelled_problems(max_prompts=2, max_responses=4), st.sampled_from(["cdpo", "rdpo", "ipo", "hypo"]))
@settings(max_examples=60)
def test_any_labels_get_a_verdict_with_its_reason(case, name):
    """Any betas, references, weights, absent responses: stationary where attained, a cut that proves it where not."""
    problem, labels = case
    loss = CONVEX[name]
    found = losses.solve(problem, labels, loss)
    assert len(found.statuses) == problem.n_prompts
    assert not np.isnan(found.log_policy).any()
    assert (found.log_policy[~problem.present] == -np.inf).all()
    np.testing.assert_allclose(np.exp(found.log_policy).sum(axis=1), 1, atol=1e-9)
    if found.status in EXISTS:
        slope = losses.gradient(found.log_policy, problem, labels, loss)
        reach = 1 + np.abs(found.log_policy[problem.present]).max() + np.abs(problem.log_ref[problem.present]).max()
        # what a derivative is the difference of, and what a rounding of the log-probabilities moves it by
        terms = 2 * reach + 1 / problem.beta if name == "ipo" else problem.beta * (1 + problem.beta * reach)
        assert np.abs(slope).max() <= 1e-13 * terms
        assert isinstance(found.certificate.pull, np.ndarray)
    else:
        cut = found.certificate
        assert cut.balance < 0 if found.status is Status.UNBOUNDED else cut.balance == 0
        assert cut.wins + cut.losses > 0
        assert found.statuses[cut.prompt] is found.status


@pytest.mark.parametrize("weights", [(1e10, 4e10, 2e-5, 1e-5, 1e-9), (1e-9, 1e-5, 1e10, 2e-5, 1e12), (1, 1, 1, 1, 1)])
def test_weights_orders_of_magnitude_apart_cost_no_more_steps(weights):
    """What is flat is raised by a share of its own weight, not of the heaviest, beside which light labels stall."""
    calls = []

    def slope(x):
        calls.append(1)
        return np.clip(x - 1, -1, 1)

    huber = losses.custom("huber", lambda x: np.where(np.abs(x - 1) < 1, (x - 1) ** 2 / 2, np.abs(x - 1) - 0.5), slope)
    labels = Preferences([0] * 5, [0, 4, 4, 3, 3], [2, 5, 5, 5, 5], weights)
    found = losses.solve(Problem.from_unnormalized([-9, -30, 20, -10, 15, -40], beta=0.1), labels, huber)
    h = found.log_ratio[0][labels.winner] - found.log_ratio[0][labels.loser]
    np.testing.assert_allclose(h, 10, rtol=1e-9)  # each label has what it asks for
    assert len(calls) < 200


def test_a_margin_that_rounding_hides_is_refused_around_cycles_alone():
    """E-CPO asks for e^40 nats where the reference has e^-40: a cycle would weigh it against the other labels."""
    problem, loss = Problem.from_unnormalized([[0.0, -40.0, -1.0]], 0.5), losses.get("ecpo", gamma=1e-4)
    with pytest.raises(InputError, match=r"^the margin of ecpo\[1\] is .*: where labels form a cycle keep margins"):
        losses.solve(problem, Preferences.from_pairs([(0, 2), (0, 1), (1, 2), (2, 0)]), loss)
    assert losses.solve(problem, Preferences.from_pairs([(0, 1), (1, 2)]), loss).status is Status.UNATTAINED


def test_a_gradient_that_is_no_number_is_refused_where_a_probability_rounds_to_one():
    """ORPO's odds are infinite there; at the same policy a label of weight 0 and other losses have a gradient."""
    problem = Problem.from_unnormalized(np.array([0.0, -800.0, -900.0]), 1.0)
    labels = Preferences.from_pairs([(1, 0), (1, 2)])
    with pytest.raises(InputError, match=r"the slope of orpo by the log-probability of the loser\[0\] is .*finite"):
        losses.gradient(problem.log_ref, problem, labels, losses.typical("orpo"))
    idle = Preferences(np.array([0, 0]), np.array([1, 1]), np.array([0, 2]), np.array([0.0, 1.0]))
    slope = losses.gradient(problem.log_ref, problem, idle, losses.typical("orpo"))
    assert np.isfinite(slope).all()
    assert slope.sum() == pytest.approx(0, abs=1e-12)
    assert np.isfinite(losses.gradient(problem.log_ref, problem, labels, losses.typical("dpo"))).all()


def test_orpo_of_a_response_that_lacks_less_than_the_floats_of_certainty():
    """1/(1 - pi) leaves the floats before 1 - pi does: a warning; the loss is told, its slope at the loser is none."""
    problem, labels = Problem.from_unnormalized([-737.0, 0.0], 1.0), Preferences.from_pairs([(0, 1)])
    assert 0 > problem.log_ref[0, 1] > -1e-310
    assert losses.solve(problem, labels, losses.typical("orpo")).infimum >= 0
    with pytest.raises(InputError, match=r"the slope of orpo by the log-probability of the loser\[0\] is inf"):
        losses.gradient(problem.log_ref, problem, labels, losses.typical("orpo"))
