"""Descents: derivatives against differences; what they find against scipy's descents; rankings against insertions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from tabular import Preferences, Problem, losses
from tabular.simplex import descents, local, rankings

NAMES = ("kto", "apo_zero", "apo_down", "nca_pair", "sppo_hard", "bco_pair", "orpo")


def prompts_of(name, beta=1.0, n=5, count=1, seed=0, labels=9):
    """Prompts of n responses, and an absent one each beyond the first prompt."""
    rng = np.random.default_rng(seed)
    log_ref = rng.normal(0, 2, (count, n))
    log_ref[1:, -1] = -np.inf
    log_ref -= np.logaddexp.reduce(log_ref, axis=1)[:, None]
    prompt = np.repeat(np.arange(count), labels)
    most = np.where(prompt, n - 1, n)
    winner = rng.integers(0, most)
    loser = (winner + rng.integers(1, most)) % most
    weight = rng.uniform(-2, 0, len(prompt))
    form = losses.typical(name).form
    return local.Prompts(form, beta, log_ref, prompt, winner, loser, weight)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("beta", [0.3, 4.0])
def test_derivatives_in_logits_are_those_of_differences(name, beta):
    prompts = prompts_of(name, beta)
    rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 5), bool))
    x = rows.policy(np.random.default_rng(1).normal(size=(1, 5)))
    step = 1e-5 * np.concatenate([np.eye(5), -np.eye(5)])[:, None]
    up, down = np.split(rows.value(rows.policy(x + step))[:, 0], 2)
    slope = rows.slope(x)[0][0]
    assert slope == pytest.approx((up - down) / 2e-5, abs=1e-7 * (1 + np.abs(slope).max()))
    g, pi = rows.slope(x)[1][0], np.exp(x)
    hessian = rows._hessian(
        [rows.share * entry for entry in rows.form.curvature(rows.pair(x))], pi, g.sum(keepdims=True)
    )
    ends = np.array([rows.slope(rows.policy(x + one))[0][0] for one in step])
    differences = (ends[:5] - ends[5:]) / 2e-5
    assert hessian[0] == pytest.approx(differences, abs=1e-6 * (1 + np.abs(differences).max()))


def test_a_step_descends_where_the_hessian_is_indefinite():
    indefinite = 0
    for seed in range(20):
        prompts = prompts_of("apo_down", 3.0, seed=seed)
        rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 5), bool))
        x = rows.policy(np.random.default_rng(seed).normal(size=(1, 5)))
        slope, d, *_ = rows.direction(x)
        assert (slope * d).sum() < 0
        curvature = [rows.share * entry for entry in rows.form.curvature(rows.pair(x))]
        hessian = rows._hessian(curvature, np.exp(x), rows.slope(x)[1].sum(axis=1))
        indefinite += np.linalg.eigvalsh(hessian[0])[0] < -1e-6
    assert indefinite > 5


@pytest.mark.parametrize("name", NAMES)
def test_a_step_ends_no_higher_than_in_logits_and_where_one_response_gives_way(name):
    """Both ways are taken as they are said to be, at the step's full length; neither is the lower one always."""
    lower = np.zeros(2, dtype=bool)
    for seed in range(6):
        prompts = prompts_of(name, 2.0, seed=seed)
        rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 5), bool))
        x = rows.policy(np.random.default_rng(seed).normal(size=(1, 5)))
        _, d, (way,), _ = rows.direction(x)
        moved = x + d
        others = np.delete(moved - np.exp(x) @ d[0], way)
        given = np.insert(others, way, np.log1p(-np.exp(others).sum())) if np.exp(others).sum() < 1 else x[0]
        ends = rows.value(np.array([moved - np.logaddexp.reduce(moved[0]), [given]]))[:, 0]
        _, (found,), _ = descents._lowest_step(rows, x, np.ones(1))
        assert found <= ends.min() + 1e-14 * abs(ends.min())
        lower[ends.argmin()] = True
    assert lower.any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("beta", "seed"), [(0.3, 0), (1.0, 1), (5.0, 2), (5.0, 3)])
def test_nothing_lower_is_found_by_twenty_descents_of_scipy(name, beta, seed):
    prompts, rng = prompts_of(name, beta, seed=seed), np.random.default_rng(seed)
    (value,), x = local.lowest(prompts, np.random.default_rng(0))
    rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 5), bool))
    assert np.exp(x).sum() == pytest.approx(1, abs=1e-12)
    assert rows.value(x)[0] == pytest.approx(value, rel=1e-12)

    def both(logits):
        at = rows.policy(logits[None])
        return rows.value(at)[0], rows.slope(at)[0][0]

    found = [minimize(both, rng.normal(0, 4, 5), jac=True, method="BFGS").fun for _ in range(20)]
    assert value <= min(found) + 1e-12 * abs(min(found))


@pytest.mark.parametrize("name", NAMES)
def test_prompts_together_are_each_as_low_as_alone(name):
    prompts = prompts_of(name, 2.0, count=4)
    together, x = local.lowest(prompts, np.random.default_rng(0))
    for number in range(4):
        mine = slice(*prompts.start[number : number + 2])
        there = 4 if number else 5
        ends = prompts.winner[mine], prompts.loser[mine], np.log(prompts.share[mine])
        ref = prompts.log_ref[[number], :there]
        alone = local.Prompts(prompts.form, 2.0, ref, np.zeros(len(ends[0]), int), *ends)
        (value,), _ = local.lowest(alone, np.random.default_rng(0))
        assert together[number] == pytest.approx(value, rel=1e-9)
        assert np.isneginf(x[number, there:]).all()


def test_of_descents_at_one_point_one_goes_on_in_every_prompt():
    x, prompts = np.log([[0.1, 0.2, 0.3, 0.4]] * 3), prompts_of("kto", 2.0, n=4, count=2)
    rows = descents.Rows.of(prompts, np.array([0, 1, 1]), np.ones((3, 4), bool))
    assert descents._apart(np.arange(3), rows, np.ones(3), x, np.zeros((3, 4))).tolist() == [0, 1]


def test_two_light_responses_exchange_their_mass_beside_heavy_ones():
    """SPPO with the weights of two responses e^-20 of the others': their slopes agree at the end, too."""
    problem = Problem.from_unnormalized(np.array([0.0, 0.5, -1.0, 0.3, 1.0]), 0.1)
    pairs, weight = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 3)], [1.0, 1.0, 1.0, 2e-9, 1e-9]
    labels = Preferences(np.zeros(5, int), *np.array(pairs).T, np.array(weight))
    form = losses.get("sppo_hard").form
    prompts = local.Prompts(form, 0.1, problem.log_ref, labels.prompt, labels.winner, labels.loser, labels.log_weight)
    _, x = local.lowest(prompts, np.random.default_rng(0))
    rows = descents.Rows.of(prompts, np.array([0]), np.ones((1, 5), bool))
    slope, g = rows.slope(x)
    assert np.abs(slope).max() < 1e-9 * np.abs(g).max()


def test_labels_given_in_parts_are_one_label():
    rng, problem = np.random.default_rng(0), Problem.from_unnormalized(np.array([0.2, 0.0, -1.0]), 4.0)
    winner, loser, weight = np.array([0, 1, 2, 0]), np.array([1, 0, 0, 2]), np.array([1.0, 2.0, 0.5, 3.0])
    parts = rng.dirichlet(np.ones(7), 4)
    once = Preferences(np.zeros(4, int), winner, loser, weight)
    often = Preferences(np.zeros(28, int), np.repeat(winner, 7), np.repeat(loser, 7), (weight[:, None] * parts).ravel())
    for name in NAMES:
        a, b = (losses.solve(problem, labels, losses.typical(name)) for labels in (once, often))
        assert a.infimum == pytest.approx(b.infimum, rel=1e-12)
        assert a.bound == pytest.approx(b.bound, rel=1e-9)


def test_no_insertion_improves_a_ranking_and_the_first_is_the_best():
    rng = np.random.default_rng(0)
    wins = rng.uniform(size=(7, 7)) * (rng.uniform(size=(7, 7)) < 0.5) * (1 - np.eye(7))

    def violated(order):
        return np.tril(wins[np.ix_(order, order)]).sum()

    found = rankings.inserted(wins, rng.permuted(np.tile(np.arange(7), (20, 1)), axis=1))
    costs = [violated(order) for order in found]
    assert costs == sorted(costs)
    for order, cost in zip(found, costs, strict=True):
        assert sorted(order) == list(range(7))
        others = [np.insert(np.delete(order, old), new, order[old]) for old in range(7) for new in range(7)]
        assert min(map(violated, others)) >= cost - 1e-9
    winner, loser = np.nonzero(wins)
    assert costs[0] == pytest.approx(rankings.least_violated(7, winner, loser, wins[winner, loser]))


@pytest.mark.parametrize(
    ("gap", "felt", "higher", "prompt", "left"),
    [
        (3.0, 0.0, 0.0, 0, [0]),  # nothing feels what differs
        (3.0, 1e-3, 0.0, 0, [0, 1]),  # by 1e-2 of the loss
        (3.0, 0.0, 1e-3, 0, [0, 1]),  # one has farther to fall
        (5.0, 0.0, 0.0, 0, [0, 1]),  # more than a step: from there the loss may see it
        (3.0, 0.0, 0.0, 1, [0, 1]),  # of another prompt
        (5e-4, 1e9, 1.0, 0, [0]),  # the same point, nearly
    ],
)
def test_descents_that_differ_by_nothing_that_is_felt_are_one(gap, felt, higher, prompt, left):
    prompts = prompts_of("orpo", 1.0, seed=0)
    rows = replace(descents.Rows.of(prompts, np.zeros(2, int), np.ones((2, 5), bool)), prompt=np.array([0, prompt]))
    x = rows.policy(np.zeros((2, 5)))
    x[1, 4] += gap
    weight = np.zeros((2, 5))
    weight[1, 4] = felt
    assert descents._apart(np.arange(2), rows, np.array([1.0, 1.0 + higher]), x, weight).tolist() == left
