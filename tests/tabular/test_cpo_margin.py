"""The reference-margin loss and the released losses: their solutions, contradictions and regions, by second routes."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit

from tabular import InputError, Preferences, Problem, Status, cpo, dpo, guarantees, logs, margins, oracle, rlhf
from tabular.base.log_space import kl, softplus
from tabular.fits.reference_margin import _side
from tabular.preferences import _all_pairs
from tests.strategies import labelled_problems

PAIR = Preferences.from_pairs([(0, 1)])
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "cpo.json").read_text())


def two_responses(delta_ref, beta, reward):
    return Problem(np.array([log_expit(delta_ref), log_expit(-delta_ref)]), beta, reward=[reward, 0.0])


# --- Eq. 17 ----------------------------------------------------------------------------------------------------------


@given(st.floats(-4, 4), st.floats(-2, 2), st.sampled_from([0.1, 1.0, 10.0]), st.floats(0, 1))
def test_population_optimum_of_one_pair(delta_ref, reward, beta, gamma):
    assume(abs(reward) > 1e-6)
    problem = two_responses(delta_ref, beta, reward)
    labels = Preferences.from_bradley_terry(problem, [(0, 1) if reward > 0 else (1, 0)])
    pair = Preferences.from_pairs([(0, 1) if reward > 0 else (1, 0)])
    psi = cpo.reference_margin(problem, pair, gamma)[0]
    found = cpo.reference_margin_solve(problem, labels, gamma, margin_of="pair")
    assert found.status is Status.UNIQUE
    expected = pair.delta(problem.log_ref)[0] + (abs(reward) + psi) / beta
    np.testing.assert_allclose(pair.delta(found.log_policy), expected, rtol=1e-9, atol=1e-9)
    least = -(beta * pair.delta(problem.log_ref)[0] + abs(reward)) / (psi / gamma if gamma else 1)
    assert (expected > 0) == (gamma > least) or not gamma or abs(expected) < 1e-9


@given(st.floats(0.51, 0.99), st.floats(0.01, 3))
def test_each_label_with_its_own_margin(rate, gamma):
    """One pair labelled both ways: rate sigma(psi - z) = (1 - rate) sigma(psi + z) at z = beta h."""
    problem = Problem.from_probabilities([0.3, 0.7], beta=0.5)
    labels = Preferences.from_pairs([(0, 0, 1, rate), (0, 1, 0, 1 - rate)])
    psi = cpo.reference_margin(problem, labels, gamma)[0]
    found = cpo.reference_margin_solve(problem, labels, gamma)
    root = brentq(lambda z: rate * expit(psi - z) - (1 - rate) * expit(psi + z), -200, 200, xtol=1e-14)
    h = PAIR.delta(found.log_policy) - PAIR.delta(problem.log_ref)
    np.testing.assert_allclose(0.5 * h, root, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_fixed_margin_loss_agrees_with_the_solver(seed):
    rng = np.random.default_rng(seed)
    problem = Problem(np.log(rng.dirichlet(np.ones(4) * 3)), beta=0.5, reward=rng.normal(size=4))
    labels = Preferences.from_bradley_terry(problem)
    psi = cpo.reference_margin(problem, labels, 0.1)
    found = cpo.reference_margin_solve(problem, labels, 0.1)
    np.testing.assert_allclose(found.infimum, oracle.margin_loss(problem, labels, psi), rtol=1e-6)
    h = dpo.improvement(found.log_policy, problem, labels)
    at_ours = np.exp(labels.log_share) @ softplus(-(problem.beta * h - psi))
    np.testing.assert_allclose(at_ours, found.infimum, rtol=1e-12)


@given(labelled_problems(spread=3.0, beta=st.just(0.5)), st.sampled_from([0.0, 0.01, 0.3]))
def test_a_margin_changes_no_existence(case, gamma):
    problem, preferences = case
    found = cpo.reference_margin_solve(problem, preferences, gamma)
    assert found.statuses == dpo.solve(problem, preferences).statuses


@given(st.floats(-6, -0.5), st.floats(0.05, 0.95))
def test_the_substitute_over_states_the_margin_of_a_misaligned_reference(delta_ref, share):
    """Where the local maximum lies between the reference and equality, 1/pi_w + 1/pi_l has come down on the way."""
    problem = two_responses(delta_ref, 1.0, 0.0)
    gamma = share * cpo.gamma_window(problem, PAIR)[1][0]
    local = cpo.penalized_optimum(problem, PAIR, gamma).local
    assume(abs(PAIR.delta(local)[0]) < abs(delta_ref))
    assert cpo.reference_margin(problem, PAIR, gamma)[0] > cpo.exact_margin(local, problem, PAIR, gamma)[0]


def test_the_substitute_may_under_state_it_too():
    problem = two_responses(-0.1, 1.0, 1.0)
    local = cpo.penalized_optimum(problem, PAIR, 0.05).local
    assert PAIR.delta(local)[0] > 0.1
    assert cpo.reference_margin(problem, PAIR, 0.05)[0] < cpo.exact_margin(local, problem, PAIR, 0.05)[0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scale", [1.0, 1e-200])
def test_the_margin_of_a_pair_is_demanded_in_the_direction_of_its_heavier_label(seed, scale):
    """Label by label, over prompts and repeated, opposite and even labels: dpo's offsets, counted by hand."""
    rng = np.random.default_rng(seed)
    problem = Problem.from_unnormalized(rng.normal(size=(6, 4)), 0.7)
    ends = [(rng.integers(6), *rng.choice(4, 2, replace=False)) for _ in range(40)]
    ends += [(x, y, w) for x, w, y in ends[:24]]
    weight = scale * rng.choice([1.0, 2.0, 3.0], len(ends))
    labels = Preferences.from_pairs([(*label, w) for label, w in zip(ends, weight, strict=True)])
    total = {label: sum(w for other, w in zip(ends, weight, strict=True) if other == label) for label in ends}
    chance, offset = np.exp(problem.log_ref), []
    for x, w, y in ends:
        lead = total[x, w, y] - total.get((x, y, w), 0.0)
        offset.append(np.sign(lead) * 0.2 * (1 / chance[x, w] + 1 / chance[x, y]))
    found = cpo.reference_margin_solve(problem, labels, 0.2, margin_of="pair")
    wanted = dpo.solve(problem, labels, np.array(offset))
    assert found.statuses == wanted.statuses
    assert found.infimum == pytest.approx(wanted.infimum, rel=1e-12)


@pytest.mark.parametrize("unit", [1.0, 0.1, 1e-200])
def test_a_pair_whose_labels_weigh_the_same_together_is_tied(unit):
    """1 + 2 against 3, whose shares are off by rounding: no margin, and no triangle."""
    problem = Problem.from_unnormalized([0.3, -1.0, 0.5], 0.7)
    even = [(0, 0, 1, unit), (0, 0, 1, 2 * unit), (0, 1, 0, 3 * unit)]
    labels = Preferences.from_pairs([*even, (0, 1, 2, unit), (0, 0, 2, unit)])
    psi = cpo.reference_margin(problem, labels, 0.4)
    found = cpo.reference_margin_solve(problem, labels, 0.4, margin_of="pair")
    assert found.infimum == pytest.approx(dpo.solve(problem, labels, psi * [0, 0, 0, 1, 1]).infimum, rel=1e-12)
    assert cpo.triangle_defect(problem, labels, 0.4)[0].size == 0


def test_margins_beyond_double_precision():
    problem = Problem(np.array([-1e4, 0.0]), 1.0)
    assert cpo.reference_margin(problem, PAIR, 0.1)[0] == np.inf
    assert cpo.reference_margin(problem, PAIR, 0.0)[0] == 0
    with pytest.raises(InputError, match="overflows"):
        cpo.reference_margin_solve(problem, PAIR, 0.1)
    with pytest.raises(InputError, match="margin_of"):
        cpo.reference_margin_solve(Problem(np.log([0.5, 0.5]), 1.0), PAIR, 0.1, margin_of="prompt")


# --- Triangles -------------------------------------------------------------------------------------------------------


def test_labels_of_weight_0_make_no_triangle():
    problem = Problem.from_probabilities([[0.2, 0.3, 0.5]] * 2, beta=1)
    ring = [(0, 1), (1, 2), (2, 0)]
    labels = Preferences.from_pairs([(0, *pair, 0.0) for pair in ring] + [(1, *pair, 1.0) for pair in ring])
    triangles, _ = cpo.triangle_defect(problem, labels, 0.1)
    assert triangles[:, 0].tolist() == [1]


@given(labelled_problems(max_prompts=2, min_responses=3, spread=2.0))
def test_a_triangle_cannot_be_fitted_better_than_its_defect_allows(case):
    problem, preferences = case
    gamma = 0.2
    triangles, defect = cpo.triangle_defect(problem, preferences, gamma)
    weight = np.zeros((problem.n_prompts, problem.n_responses, problem.n_responses))
    np.add.at(weight, (preferences.prompt, preferences.winner, preferences.loser), preferences.weight)
    for (prompt, a, b, c), size in zip(triangles[:3], defect, strict=False):
        pairs = [(i, j) if weight[prompt, i, j] > weight[prompt, j, i] else (j, i) for i, j in ((a, b), (b, c), (a, c))]
        psi = [gamma * (np.exp(-problem.log_ref[prompt, i]) + np.exp(-problem.log_ref[prompt, j])) for i, j in pairs]
        goal = [0.0] * 3 + [1.0]  # least t with |s_w - s_l - psi| <= t
        rows, bounds = [], []
        for (i, j), p in zip(pairs, psi, strict=True):
            row = [(x == i) * 1.0 - (x == j) * 1.0 for x in (a, b, c)]
            rows += [[*row, -1.0], [*[-x for x in row], -1.0]]
            bounds += [p, -p]
        from scipy.optimize import linprog

        best = linprog(goal, A_ub=rows, b_ub=bounds, bounds=[(None, None)] * 4).fun
        np.testing.assert_allclose(best, size / 3, rtol=1e-6, atol=1e-9)  # the third is attained


def test_transitive_triangle_has_the_closed_form():
    problem = Problem.from_probabilities([[0.2, 0.1, 0.3, 0.4]], beta=1)
    labels = Preferences.from_pairs([(3, 1), (1, 0), (3, 0), (0, 2)])
    triangles, defect = cpo.triangle_defect(problem, labels, 0.05)
    assert triangles.tolist() == [[0, 0, 1, 3]]
    np.testing.assert_allclose(defect, 2 * 0.05 / 0.1)
    faint = Problem(np.array([[-600.0, np.log(0.1), -800.0, np.log(0.9)]]), 1.0)  # e^600 and inf come in and go out
    for between in (labels, Preferences.from_pairs([(0, 1), (1, 2), (0, 2)])):
        assert cpo.triangle_defect(faint, between, 0.05)[1] == pytest.approx(2 * 0.05 / 0.1, rel=1e-12)
    assert cpo.triangle_defect(faint, Preferences.from_pairs([(0, 2), (2, 3), (0, 3)]), 0.05)[1].tolist() == [np.inf]
    cycle = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])
    np.testing.assert_allclose(cpo.triangle_defect(problem, cycle, 0.05)[1], 0.1 * (5 + 10 + 10 / 3))


def test_gamma_over_a_probability_is_told_where_the_inverse_leaves_the_floats():
    faint = Problem(np.array([[-600.0, np.log(0.1), -712.0, np.log(0.9)]]), 1.0)
    labels, gamma = Preferences.from_pairs([(0, 2), (2, 3), (0, 3)]), np.exp(-700.0)
    assert cpo.triangle_defect(faint, labels, gamma)[1] == pytest.approx(2 * np.exp(12.0), rel=1e-12)
    margin = cpo.reference_margin(faint, labels, gamma)
    np.testing.assert_allclose(margin, [np.exp(12.0), np.exp(12.0), np.exp(-100.0)], rtol=1e-12)
    np.testing.assert_array_equal(cpo.reference_margin_solve(faint, labels, gamma).margin, margin)
    assert not cpo.triangle_defect(faint, labels, 0.0)[1].any()


# --- The released losses ---------------------------------------------------------------------------------------------

LOSSES = {
    "dpo": {},
    "hypo": {},
    "code_clip": {},
    "ecpo": {"beta": 0.5, "gamma": 0.02},
    "ecpo ": {"beta": 0.1, "gamma": 0.5},
    "code_easy": {"log_ref_winner": -1.5},
    "code_easy ": {"log_ref_winner": -40.0},
    "code_cpo": {},
    "code_cpo ": {"gamma": -0.3},
    "code_cpo  ": {"alpha": 2.0},
    "code_cpo   ": {"alpha": 0.4, "gamma": -1.0},
    "code_cpo    ": {"alpha": 0.9, "gamma": 1.0},
    "code_cpo     ": {"alpha": 0.98, "gamma": -2.0, "tau": 0.5},
}


@pytest.mark.parametrize("loss", LOSSES)
def test_regions_agree_with_the_targets_on_a_grid(loss):
    name, settings = loss.strip(), LOSSES[loss]
    delta_ref = np.linspace(-30, 30, 24001) + 1e-5
    more = {}
    if name == "code_easy":
        delta_ref = delta_ref[delta_ref > settings["log_ref_winner"]]
        more = {"log_ref_loser": settings["log_ref_winner"] - delta_ref}
    target = margins.target(name, delta_ref, **settings, **more)
    positive = np.zeros(len(delta_ref), dtype=bool)
    for low, high in margins.positive_target(name, **settings):
        positive |= (delta_ref > low) & (delta_ref < high)
    clear = np.abs(target) > 1e-9
    assert (positive == (target > 0))[clear].all()
    less = np.zeros(len(delta_ref), dtype=bool)
    for low, high in margins.asks_less_than_dpo(name, **settings):
        less |= (delta_ref > low) & (delta_ref < high)
    assert (less == (target < delta_ref)).all()


def test_ecpo_is_positive_everywhere_from_the_vanishing_of_the_fold():
    assert len(margins.positive_target("ecpo", beta=1, gamma=0.2238)) == 2
    assert margins.positive_target("ecpo", beta=1, gamma=0.2239) == [(-np.inf, np.inf)]


# --- The table of guarantees -----------------------------------------------------------------------------------------


def problem_of(kind):
    rng = np.random.default_rng(11)
    n = {"two responses": 2, "chain": 4, "tree": 5, "cycle": 3, "random": 6}[kind]
    pairs = {
        "two responses": [(0, 1)],
        "chain": [(0, 1), (1, 2), (2, 3)],
        "tree": [(0, 1), (0, 2), (1, 3), (1, 4)],
        "cycle": [(0, 1), (1, 2), (2, 0)],
        "random": [(0, 3), (5, 2), (4, 1), (1, 5), (0, 5), (2, 3)],
    }[kind]
    return Problem(np.log(rng.dirichlet(np.ones(n))), 0.5, rng.normal(size=n) / 2), Preferences.from_pairs(pairs)


@pytest.mark.parametrize("kind", GOLDEN["guarantees"])
def test_guarantees_of_small_problems(kind):
    rows = guarantees.table(*problem_of(kind), gamma=0.02)
    assert [row.reading for row in rows] == list(guarantees.READINGS)
    for row, golden in zip(rows, GOLDEN["guarantees"][kind], strict=True):
        for key, value in golden.items():
            assert row.to_dict()[key] == (pytest.approx(value, abs=1e-7) if isinstance(value, float) else value)
    by_name = {row.reading: row for row in rows}
    constrained = by_name["constrained"]
    assert constrained.exists
    assert constrained.ranked_right + constrained.tied == pytest.approx(1)  # the only reading that promises it
    assert by_name["penalized"].exists == (kind == "cycle")
    assert by_name["dpo"].exists == (kind == "cycle")
    assert all(row.price >= -1e-12 for row in rows if row.price is not None)


def test_contradiction_leaves_no_numbers():
    problem, cycle = problem_of("cycle")
    row = guarantees.table(problem, cycle, gamma=0.1, margin=0.2)[2]
    assert (row.status, row.exists, row.price) == (Status.INFEASIBLE, False, None)


@pytest.mark.parametrize(
    ("pairs", "ends"), [([(0, 2), (1, 2)], "of gradient flow"), ([(0, 2), (1, 2), (1, 3)], "closest to the reference")]
)
def test_a_table_says_which_limit_it_describes(pairs, ends):
    """Of two winners, of whom one beats a second loser, too, theory does not say how they share the mass."""
    problem = Problem(np.log(np.ones(4) / 4), 1.0, np.zeros(4))
    rows = {row.reading: row for row in guarantees.table(problem, Preferences.from_pairs(pairs), gamma=0.1)}
    assert rows["dpo"].policy == "limit " + ends


# --- Real rewards ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def superhf(real_data):
    return logs.load("superhf-rewards")


def labelled_by_reward(problem):
    prompt, first, second = _all_pairs(problem)
    gap = problem.reward[prompt, first] - problem.reward[prompt, second]
    winner, loser = np.where(gap > 0, first, second), np.where(gap > 0, second, first)
    return Preferences(prompt[gap != 0], winner[gap != 0], loser[gap != 0])


@pytest.mark.parametrize(("beta", "reward", "spent"), [(0.25, 0.49, 1.60), (1, -0.12, 0.43), (4, -0.79, 0.04)])
def test_real_rewards_have_the_published_numbers(superhf, beta, reward, spent):
    problem = superhf.problem(set="helpful", pool="base_sft", beta=beta)
    star = rlhf.optimal_policy(problem)
    assert problem.n_prompts == 200
    assert round(float((np.exp(star) * problem.reward).sum(axis=1).mean()), 2) == reward
    assert round(float(kl(star, problem.log_ref).mean()), 2) == spent
    assert round(float((np.exp(problem.log_ref) * problem.reward).sum(axis=1).mean()), 2) == -1.09


def test_guarantees_of_real_rewards(superhf):
    problem = superhf.problem(set="helpful", pool="base_sft", beta=1.0)
    labels = labelled_by_reward(problem)
    rows = {row.reading: row for row in guarantees.table(problem, labels, gamma=0.001)}
    assert labels.n_pairs == GOLDEN["superhf"]["n_pairs"]
    for name, golden in GOLDEN["superhf"]["rows"].items():
        for key, value in golden.items():
            assert rows[name].to_dict()[key] == (pytest.approx(value, abs=1e-7) if isinstance(value, float) else value)
    found = cpo.constrained_optimum(problem, labels)
    assert found.residuals.primal < 1e-13
    assert found.residuals.stationarity < 1e-13
    assert found.residuals.gap < 1e-13


def test_one_real_prompt_against_a_general_optimiser(superhf):
    """The hard constraint by SLSQP in logits, from the reference: no better than ours, and near it."""
    whole = superhf.problem(set="helpful", pool="base_sft", beta=1.0)
    worst = int(np.argmax(cpo.constrained_optimum(whole, labelled_by_reward(whole)).price))
    there = whole.present[worst]
    problem = Problem(whole.log_ref[worst, there], 1.0, whole.reward[worst, there])
    order = np.argsort(-problem.reward[0])
    chain = Preferences.from_pairs(list(zip(order[:-1].tolist(), order[1:].tolist(), strict=True)))
    star = rlhf.optimal_policy(problem)[0]

    def price(pi):
        return float(pi @ (np.log(pi) - star))

    rules = [{"type": "eq", "fun": lambda pi: pi.sum() - 1}]
    rules += [{"type": "ineq", "fun": lambda pi, w=w, s=s: pi[w] - pi[s]} for w, s in itertools.pairwise(order)]
    start = np.full(len(star), 1 / len(star))
    other = minimize(price, start, method="SLSQP", constraints=rules, bounds=[(1e-9, 1)] * len(star))
    ours = cpo.constrained_optimum(problem, chain).price[0]
    assert ours <= other.fun + 1e-7
    assert other.fun <= ours + 1e-4


def test_the_side_of_a_label_is_that_of_its_pair_in_its_prompt():
    """The same responses in two prompts, a pair that weighs the same both ways, and weights below the floats."""
    problem = Problem(np.log(np.full((3, 3), 1 / 3)), 1.0)
    ends = [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (0, 1, 2), (0, 2, 1), (2, 2, 0), (2, 0, 2)]
    log_weight = np.log([3.0, 1.0, 1.0, 3.0, 2.0, 2.0, 5.0, 4.0]) - [0, 0, 0, 0, 0, 0, 800, 800]
    labels = Preferences(*np.array(ends).T, log_weight=log_weight)
    assert _side(labels, problem).tolist() == [1, -1, -1, 1, 0, 0, 1, -1]
