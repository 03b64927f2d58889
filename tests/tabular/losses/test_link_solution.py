"""Losses in a link: policies to 50 digits, infima by DPO's own and by direct minimisation, limits approached."""

import mpmath as mp
import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, Status, dpo, losses
from tabular.fits import links
from tests.tabular.simplex.routes import loss_at, lowest_in_logits, random_case

EXAMPLE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
MOSTLY = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
F_DPO = {
    "fdpo_forward_kl": ({}, lambda r: -mp.exp(-r)),
    "fdpo_js": ({}, lambda r: -mp.log1p(mp.exp(-r))),
    "fdpo_alpha": ({"alpha": 0.5}, lambda r: -mp.expm1(-r / 2) * 2),
    "chi_po_unclipped": ({}, lambda r: r + mp.exp(r)),
    "squared_po": ({}, lambda r: r * mp.exp(-r)),
}
INVERSE = {  # of the largest u, for the mass of one group; the rising branch of SquaredPO by Lambert's W
    "fdpo_forward_kl": lambda u: -mp.log(-u),
    "fdpo_js": lambda u: -mp.log(mp.expm1(-u)),
    "fdpo_alpha": lambda u: -2 * mp.log1p(-u / 2),
    "chi_po_unclipped": lambda u: u - mp.lambertw(mp.exp(u)).real,
}


@pytest.mark.parametrize("name", F_DPO)
def test_the_worked_example_has_the_same_least_loss_in_every_link(name):
    params, phi = F_DPO[name]
    found = losses.solve(EXAMPLE, MOSTLY, losses.get(name, **params))
    assert found.status is Status.SET
    assert found.dimension == 1
    assert found.infimum == pytest.approx(0.5623351446188083, abs=1e-14)
    r = (found.log_policy - EXAMPLE.log_ref)[0]
    assert float(phi(mp.mpf(r[0])) - phi(mp.mpf(r[1]))) == pytest.approx(np.log(3) / 0.5, rel=1e-12)
    assert r[2] == pytest.approx(0, abs=1e-15)
    assert np.exp(found.log_policy).sum() == pytest.approx(1, abs=1e-14)
    assert found.contains(found.log_policy)
    assert not found.contains(EXAMPLE.log_ref)


@pytest.mark.parametrize("name", F_DPO)
def test_random_graphs_against_dpo_and_direct_minimisation(name):
    params, _ = F_DPO[name]
    rng, loss = np.random.default_rng(3), losses.get(name, **params)
    for trial in range(12):
        problem, labels = random_case(rng, n_responses=4, n_labels=7, unlabelled=trial % 2 == 0)
        found = losses.solve(problem, labels, loss)
        plain = dpo.solve(problem, labels)
        assert found.infimum == pytest.approx(plain.infimum, abs=1e-12)  # neither reference, beta nor link matters
        if found.status is not Status.UNATTAINED:
            assert loss_at(problem, labels, loss.form, found.log_policy) == pytest.approx(found.infimum, abs=1e-12)
        direct = lowest_in_logits(problem, labels, loss.form, rng, starts=3)
        assert direct > found.infimum - 1e-12
        assert direct < found.infimum + (1e-6 if found.status is not Status.UNATTAINED else 0.15)


@pytest.mark.parametrize("name", F_DPO)
def test_random_policies_never_do_better(name):
    params, _ = F_DPO[name]
    rng, loss = np.random.default_rng(4), losses.get(name, **params)
    for _ in range(20):
        problem, labels = random_case(rng, n_responses=5, log_weight_range=40.0, unlabelled=True)
        least = losses.solve(problem, labels, loss).infimum
        for _ in range(50):
            x = problem.log_ref[0] + rng.normal(0, 5, problem.n_responses)
            assert loss_at(problem, labels, loss.form, x - np.logaddexp.reduce(x)) >= least * (1 - 1e-12)


FAR = [("fdpo_forward_kl", 1e4), ("fdpo_js", 1e4)]  # the others would need thousands of digits


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name in INVERSE for scale in (1.0, 30.0)] + FAR)
def test_the_constant_to_fifty_digits(name, scale):
    """The residual of the normalisation as a function of u alone, at extreme references and differences."""
    rng = np.random.default_rng(int(scale))
    params, phi = F_DPO[name]
    link = losses.get(name, **params).form.link
    for _ in range(4):
        n = int(rng.integers(2, 6))
        log_ref = rng.normal(0, scale, n)
        log_ref -= np.logaddexp.reduce(log_ref)
        u = rng.normal(0, min(scale, 100.0), n)
        found = links.policy(link, u, log_ref, links.grouped(np.zeros(n, int), [0.0]))
        with mp.workdps(150 if name.startswith("chi") else 60):
            top, exact = int(np.argmax(u)), []
            t = mp.mpf(found[top]) - mp.mpf(log_ref[top])
            low, high = t - mp.mpf(10) ** -6 * (1 + abs(t)), t + mp.mpf(10) ** -6 * (1 + abs(t))
            for _ in range(45):
                t = (low + high) / 2
                level = phi(t)
                exact = [mp.mpf(log_ref[y]) + INVERSE[name](level - (mp.mpf(u[top]) - mp.mpf(u[y]))) for y in range(n)]
                low, high = (t, high) if mp.fsum(mp.exp(x) for x in exact) < 1 else (low, t)
            for ours, theirs in zip(found, exact, strict=True):
                if theirs > -700:
                    assert ours == pytest.approx(float(theirs), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", [*F_DPO])
def test_one_label_has_its_limit_and_a_path_to_it(name):
    params, _ = F_DPO[name]
    loss, pair = losses.get(name, **params), Preferences.from_pairs([(0, 1)])
    found = losses.solve(EXAMPLE, pair, loss)
    assert (found.status, found.infimum, found.dimension) == (Status.UNATTAINED, 0.0, 1)
    np.testing.assert_allclose(np.exp(found.log_policy[0]), [2 / 7, 0, 5 / 7], atol=1e-15)
    near = np.log(np.maximum(np.exp(found.log_policy[0]), 1e-290))
    assert loss_at(EXAMPLE, pair, loss.form, near) < 1e-3
    assert not found.contains(near)


def test_a_small_loser_is_no_small_ratio_in_forward_kl():
    """pi_l = t, pi_w = 2t drives forward KL's loss to 0, and DPO's not."""
    pair = Preferences.from_pairs([(0, 1)])
    near = np.log([2e-9, 1e-9, 1 - 3e-9])
    assert loss_at(EXAMPLE, pair, losses.get("fdpo_forward_kl").form, near) < 1e-12
    assert loss_at(EXAMPLE, pair, losses.get("dpo").form, near) > 0.3


@pytest.mark.parametrize("name", ["simpo", "sigmoid_norm", "ipo_norm"])
def test_token_counts(name):
    counts = np.array([8.0, 16.0, 5.0])
    labels = Preferences.from_pairs([(0, 0, 1, 0.8), (0, 1, 0, 0.2), (0, 1, 2, 0.3), (0, 2, 1, 0.9)])
    params = {"n_w": counts[labels.winner], "n_l": counts[labels.loser]} | ({"gamma": 0.3} if name == "simpo" else {})
    loss = losses.get(name, **params)
    found = losses.solve(EXAMPLE, labels, loss)
    assert found.status is Status.UNIQUE
    assert loss_at(EXAMPLE, labels, loss.form, found.log_policy) == pytest.approx(found.infimum, abs=1e-13)
    direct = lowest_in_logits(EXAMPLE, labels, loss.form, np.random.default_rng(0))
    assert direct == pytest.approx(found.infimum, abs=1e-8)
    assert np.exp(found.log_policy).sum() == pytest.approx(1, abs=1e-13)


def test_a_response_has_one_length():
    """Otherwise u is of no response, and the least loss is not the graph's."""
    labels = Preferences.from_pairs([(0, 1), (0, 2)])
    with pytest.raises(InputError, match="response 0 of prompt 0 has 8 tokens in one pair and 9 in another"):
        losses.solve(EXAMPLE, labels, losses.get("sigmoid_norm", n_w=[8, 9], n_l=[4, 4]))
    chain = Preferences.from_pairs([(0, 1), (1, 2)])
    with pytest.raises(InputError, match="response 1 of prompt 0 has 1 tokens in one pair and 2 in another"):
        losses.solve(EXAMPLE, chain, losses.get("simpo", n_w=2, n_l=1, gamma=0.3))


def test_squared_po_beyond_the_bend():
    """A prompt of two labelled responses, none there to take what is left: some response passes r = 1."""
    problem = Problem.from_probabilities([0.01, 0.99], beta=1)
    labels = Preferences.from_pairs([(0, 0, 1, 0.9), (0, 1, 0, 0.1)])
    loss = losses.get("squared_po")
    found = losses.solve(problem, labels, loss)
    r = (found.log_policy - problem.log_ref)[0]
    assert r[0] > 1
    assert r[0] * np.exp(-r[0]) - r[1] * np.exp(-r[1]) == pytest.approx(np.log(9), abs=1e-12)
    assert loss_at(problem, labels, loss.form, found.log_policy) == pytest.approx(found.infimum, abs=1e-13)


def test_many_prompts_at_once_are_each_their_own():
    rng = np.random.default_rng(6)
    problem = Problem.from_unnormalized(rng.normal(size=(40, 4)), 0.3)
    prompt, winner = rng.integers(0, 40, 200), rng.integers(0, 4, 200)
    labels = Preferences(prompt, winner, (winner + rng.integers(1, 4, 200)) % 4, rng.uniform(0.1, 1, 200))
    together = losses.solve(problem, labels, losses.get("chi_po_unclipped"))
    for number in range(40):
        mine = prompt == number
        if not mine.any():
            continue
        columns = (labels.winner[mine], labels.loser[mine], labels.weight[mine])
        alone = losses.solve(
            Problem(problem.log_ref[number], 0.3), Preferences(0 * columns[0], *columns), losses.get("chi_po_unclipped")
        )
        assert alone.status is together.statuses[number]
        np.testing.assert_allclose(alone.log_policy[0], together.log_policy[number], atol=1e-10)
