"""Where gradient flow ends, against an integrator: in tau = log time, where the far future is near."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from scipy.integrate import solve_ivp
from scipy.special import log_softmax

from tabular import Preferences, Problem, Status, dpo, flow
from tabular.fits import flow_limit
from tests.strategies import labelled_problems


def integrated(problem, preferences, log_time, margin=0.0):
    """Policy of the flow of one prompt at time e^log_time, by an implicit integrator on the raw equations."""
    share, w, v = preferences.log_share, preferences.winner, preferences.loser
    n, beta = problem.n_responses, problem.beta

    def velocity(tau, s):
        push = beta**2 * np.exp(share + tau - np.logaddexp(0, s[w] - s[v] - margin))
        return np.bincount(w, push, n) - np.bincount(v, push, n)

    def jacobian(tau, s):
        h = s[w] - s[v] - margin
        bend = beta**2 * np.exp(share + tau - np.logaddexp(0, h) - np.logaddexp(0, -h))
        matrix = np.zeros((n, n))
        for a, b, sign in ((w, w, -1), (v, v, -1), (w, v, 1), (v, w, 1)):
            np.add.at(matrix, (a, b), sign * bend)
        return matrix

    end = solve_ivp(velocity, (-20, log_time), np.zeros(n), "Radau", jac=jacobian, rtol=1e-8, atol=1e-9).y[:, -1]
    return np.exp(log_softmax(problem.log_ref[0] + end / beta))


CASES = {
    "one pair and an unlabelled response": ([(0, 1)], [1, 0, 0]),
    "two winners of one loser: proportions of the weights": ([(0, 0, 2, 1), (0, 1, 2, 3)], [1 / 4, 3 / 4, 0]),
    "two pairs apart: roots of the weights, by conservation": ([(0, 0, 1, 1), (0, 2, 3, 4)], [1 / 3, 0, 2 / 3, 0]),
    "a winner of two pairs rises faster than a winner of one": ([(0, 0, 1), (0, 2, 3), (0, 2, 4)], [0, 0, 1, 0, 0]),
    "a lone source above a cycle": ([(0, 1), (1, 2), (2, 1)], [1, 0, 0]),
    "a cycle above a loser keeps its proportions": ([(0, 0, 1, 3), (0, 1, 0, 1), (0, 1, 2, 1)], [3 / 4, 1 / 4, 0]),
}


@pytest.mark.parametrize("name", CASES)
def test_limits_with_a_uniform_reference(name):
    pairs, expected = CASES[name]
    problem = Problem.from_unnormalized(np.zeros(len(expected)), beta=1.0)
    solution = dpo.solve(problem, Preferences.from_pairs(pairs))
    assert solution.status is Status.UNATTAINED
    assert solution.flow_limit_known.all()
    assert np.exp(solution.log_policy[0]) == pytest.approx(expected, abs=1e-12)


def test_the_limit_of_more_winners_than_fit_a_small_matrix():
    """A hundred winners of one loser: proportions of the weights."""
    wins = np.arange(1.0, 101.0)
    labels = Preferences.from_pairs([(0, k, 100, weight) for k, weight in enumerate(wins)])
    solution = dpo.solve(Problem.from_unnormalized(np.zeros(101), beta=1.0), labels)
    assert np.exp(solution.log_policy[0]) == pytest.approx(np.r_[wins, 0] / wins.sum(), abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_integrator_goes_there(name):
    """Slow by nature: relative to the winner an outrun source falls like a small power of time."""
    pairs, expected = CASES[name]
    problem = Problem.from_unnormalized(np.linspace(0, 0.5, len(expected)), beta=0.8)
    preferences = Preferences.from_pairs(pairs)
    limit = np.exp(dpo.solve(problem, preferences).log_policy[0])
    slow = name.startswith("a winner of two")
    off = [np.abs(integrated(problem, preferences, t) - limit).max() for t in ((6, 12) if slow else (8, 12))]
    assert off[1] < off[0] < (0.6 if slow else 0.05)
    assert off[1] < (0.35 if slow else 0.005)


def test_tied_blocks_of_different_sizes_against_the_integrator():
    """{0, 1}, of unequal strengths, beats 2 and 3; 4 beats 5: both rise at the rate 1/2, and share the mass."""
    problem = Problem.from_probabilities([0.1, 0.2, 0.1, 0.1, 0.3, 0.2], beta=0.9)
    labels = [(0, 0, 1, 3), (0, 1, 0, 1), (0, 0, 2, 1), (0, 0, 3, 2), (0, 4, 5, 1)]
    preferences = Preferences.from_pairs(labels)
    solution = dpo.solve(problem, preferences)
    assert solution.flow_limit_known.all()
    limit = np.exp(solution.log_policy[0])
    assert (limit[[0, 1, 4]] > 0.05).all()
    assert limit[[2, 3, 5]].tolist() == [0, 0, 0]
    off = [np.abs(integrated(problem, preferences, log_time) - limit).max() for log_time in (8, 14)]
    assert off[1] < off[0]
    assert off[1] < 5e-4


def test_of_more_than_400_pairs_of_blocks_the_limit_is_unknown():
    """Two responses win against 200 others each, and one of them against one more."""
    problem = Problem.from_unnormalized(np.zeros(203), beta=1.0)
    pairs = [(k % 2, 2 + k // 2) for k in range(400)]
    for labels in (pairs, [*pairs, (0, 202)]):
        assert dpo.solve(problem, Preferences.from_pairs(labels)).flow_limit_known.tolist() == [len(labels) == 400]


def test_tied_sources_with_fixed_margins_against_the_integrator():
    """Two pairs apart share the mass as the roots of w e^Psi: 1 e^log 9 against 4."""
    problem = Problem.from_unnormalized(np.zeros(4), beta=1.0)
    preferences, margin = Preferences.from_pairs([(0, 0, 1, 1), (0, 2, 3, 4)]), np.log([9.0, 1.0])
    solution = dpo.solve(problem, preferences, margin)
    assert solution.flow_limit_known.all()
    assert np.exp(solution.log_policy[0]) == pytest.approx([3 / 5, 0, 2 / 5, 0], abs=1e-12)
    assert integrated(problem, preferences, 14, margin) == pytest.approx([3 / 5, 0, 2 / 5, 0], abs=1e-2)


def test_the_attained_member_against_the_integrator():
    problem = Problem.from_probabilities([0.2, 0.3, 0.1, 0.15, 0.25], beta=0.5)
    preferences = Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 0, 1), (0, 2, 3, 1), (0, 3, 2, 2)])
    solution = dpo.solve(problem, preferences)
    assert solution.status is Status.SET
    assert integrated(problem, preferences, 8) == pytest.approx(np.exp(solution.log_policy[0]), abs=1e-7)
    ratio = (solution.log_policy - problem.log_ref)[0]
    assert ratio[0] + ratio[1] == pytest.approx(2 * ratio[4], abs=1e-12)  # gauge: mean 0, and 0 on the unlabelled
    assert ratio[2] + ratio[3] == pytest.approx(2 * ratio[4], abs=1e-12)


def test_one_pair_against_the_closed_form_of_the_flow():
    """The winner's share of {w, third} at a large time, by the closed form of tabular.flow."""
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    preferences = Preferences.from_pairs([(0, 1)])
    time = 1e6
    delta = float(flow.margin_at(time, np.log(2 / 3), 0.5))
    h = delta - np.log(2 / 3)
    policy = np.array([0.2 * np.exp(h / 2), 0.3 * np.exp(-h / 2), 0.5])
    assert integrated(problem, preferences, np.log(time)) == pytest.approx(policy / policy.sum(), abs=1e-6)


def test_what_theory_does_not_decide_is_said_so():
    """w -> l <- w' -> l': the middle edge is tight and carries nothing, so the flow has log log t terms."""
    problem = Problem.from_unnormalized(np.zeros(4), beta=1.0)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 2), (1, 2), (1, 3)]))
    assert solution.flow_limit_known.tolist() == [False]
    assert np.array_equal(solution.log_policy, solution.closest_to_reference())
    assert solution.contains(solution.log_policy, closure=True)
    assert solution.verdicts()[0]["mass"] is None
    assert len(solution.limit_vertices[0]) == 2


@pytest.mark.parametrize(("size", "known"), [(1e12, True), (1e27, False)])
def test_margins_whose_rounding_hides_the_limit_leave_it_unknown(size, known):
    """Two pairs apart, one margin .1 % below the other: by conservation half of the difference is between winners."""
    problem = Problem.from_unnormalized(np.zeros(4), beta=1.0)
    solution = dpo.solve(problem, Preferences.from_pairs([(0, 1), (2, 3)]), np.array([size, 0.999 * size]))
    assert solution.flow_limit_known.tolist() == [known]
    assert solution.log_policy[0, 2] == pytest.approx(-0.0005 * size if known else np.log(1 / 2))


JOINED = [(0, 1), (1, 2), (3, 4), (3, 2)]  # rates 1, 0, -1 and 1/2, -1/2: the label 3 > 2 joins them and is slack


@pytest.mark.parametrize(
    ("labels", "known", "expected"),
    [
        pytest.param(JOINED, True, [1, 0, 0, 0, 0], id="one fastest source needs no levels"),
        pytest.param([*JOINED, (5, 6), (6, 7)], False, None, id="tied with a source of another component"),
        pytest.param(
            [(0, 0, 2, 1), (0, 1, 2, 3), (0, 2, 3, 1), (0, 4, 5, 1), (0, 4, 3, 1)],
            True,
            [1 / 4, 3 / 4, 0, 0, 0, 0],
            id="tied sources of one piece, though it is not a whole component",
        ),
    ],
)
def test_a_slack_label_leaves_the_level_of_a_piece_unknown(labels, known, expected):
    preferences = Preferences.from_pairs(labels)
    problem = Problem.from_unnormalized(np.zeros(1 + max(preferences.winner.max(), preferences.loser.max())), beta=1.0)
    solution = dpo.solve(problem, preferences)
    assert solution.flow_limit_known.tolist() == [known]
    if known:
        assert np.exp(solution.log_policy[0]) == pytest.approx(expected, abs=1e-9)


@given(labelled_problems())
def test_the_limit_is_a_limit_policy_on_the_fastest_sources(labelled):
    problem, preferences = labelled
    solution = dpo.solve(problem, preferences)
    assert solution.contains(solution.log_policy, closure=True)
    for prompt, status in enumerate(solution.statuses):
        if status is Status.UNATTAINED and solution.flow_limit_known[prompt]:
            labelled_here = preferences.prompt == prompt
            touched = np.union1d(preferences.winner[labelled_here], preferences.loser[labelled_here])
            untouched = np.setdiff1d(np.flatnonzero(problem.present[prompt]), touched)
            assert np.isneginf(solution.log_policy[prompt, untouched]).all()


# Tight edges: tail, head, log n and 36 alpha. Newton's own steps took 1,800 of them, .7 nat each.
FAR_APART = [
    *((0, 7, 17506, 82), (1, 4, 17542, 154), (2, 4, 28578, 154), (3, 5, 2535096, 0), (3, 7, 2535298, 82)),
    *((4, 6, 5790, 426), (5, 8, 1056259, 46), (6, 7, 1096, 508), (7, 8, 1056461, 718), (8, 9, 1056566, 774)),
    *((9, 10, 14273, 428), (9, 11, 840, 62), (9, 12, 6132, 258), (10, 13, 15232, 366), (11, 13, 1799, 0)),
    *((12, 14, 511967, 98), (12, 15, 15445, 98), (13, 16, 78496, 134), (13, 17, 1268, 134), (15, 16, 86851, 0)),
    (15, 17, 9622, 0),
]


def newton_step(tail, head, log_weight, multiplier, x):
    """How far one exact Newton step moves an edge's margin, to 60 digits: near 0 at the balance alone."""
    with mpmath.workdps(60):
        x, curvature, push = [mpmath.mpf(v) for v in x.tolist()], mpmath.zeros(len(x)), mpmath.zeros(len(x), 1)
        for t, h, log_n, alpha in zip(*(a.tolist() for a in (tail, head, log_weight, multiplier)), strict=True):
            up = mpmath.exp(log_n - (x[t] - x[h]))
            for a, b, sign in ((t, t, 1), (h, h, 1), (t, h, -1), (h, t, -1)):
                curvature[a, b] += sign * up
            push[t, 0] += up - alpha
            push[h, 0] -= up - alpha
        step = np.array([0.0, *map(float, mpmath.lu_solve(curvature[1:, 1:], push[1:, 0]))])
    return np.abs(step[tail] - step[head]).max()


def test_levels_of_tight_edges_millions_of_nats_apart_are_balanced_to_the_last_digit():
    tail, head, log_weight, multiplier = np.array(FAR_APART).T
    edges = tail, head, log_weight.astype(float), multiplier / 36
    x = flow_limit._balanced(*edges)
    assert newton_step(*edges, x) <= 1e-14 * np.ptp(x)
    x[3] += 1e-7
    assert newton_step(*edges, x) > 5e-8  # what the bound above would see of a wrong level


@pytest.mark.parametrize("spread", [1.0, 30.0, 1e3, 1e6])
def test_levels_of_random_tight_edges_are_balanced_to_the_last_digit(spread):
    """Layers of 3 nodes, each above the next; without the two edges that carry nothing they still hang together."""
    rng = np.random.default_rng(int(spread))
    for _ in range(10):
        tail, head = np.array([(a, b) for a in range(9) for b in range(9) if a // 3 + 1 == b // 3]).T
        multiplier = np.exp(rng.uniform(-3, 3, len(tail))) * (rng.permutation(len(tail)) > 1)
        edges = tail, head, spread * rng.normal(size=len(tail)), multiplier
        x = flow_limit._balanced(*edges)
        assert newton_step(*edges, x) <= 1e-14 * (1 + np.ptp(x))
