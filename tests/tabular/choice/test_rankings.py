"""Plackett-Luce: printed optima, choix, brute-force likelihoods, pairs as a special case, existence, extremes."""

from itertools import permutations

import choix
import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tabular import InputError, Preferences, Problem, Status, dpo, rlhf
from tabular.choice import plackett_luce, rankings, rules
from tabular.choice.rankings import Rankings
from tabular.fits import plackett_luce as listwise


def uniform(n, beta=1.0):
    return Problem.from_unnormalized(np.zeros(n), beta)


def test_a_ranking_of_weight_0_joins_and_moves_nothing():
    """It alone would put 2 above 0 and so make one block of all."""
    heard = [((0,), (1,)), ((1,), (0,)), ((1,), (2,))], np.log([3.0, 1.0, 2.0])
    alone = listwise.fit(3, *heard)
    beside = listwise.fit(3, [((2,), (0,)), *heard[0]], np.r_[-np.inf, heard[1]])
    assert beside.block.tolist() == alone.block.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(beside.strength, alone.strength)


def probability(order, value):
    """Of one full order of the listed responses, stage by stage."""
    left, total = list(order), 1.0
    for y in order:
        total *= np.exp(value[y]) / np.exp(value[left]).sum()
        left.remove(y)
    return total


def likelihood(groups, value):
    """Of a ranking with ties: the sum over all full orders of its responses that agree with it."""
    named = [y for group in groups for y in group]
    place = {y: k for k, group in enumerate(groups) for y in group}
    orders = (order for order in permutations(named) if list(map(place.get, order)) == sorted(place.values()))
    return sum(probability(order, value) for order in orders)


def random_rankings(rng, n, number, ties=False, partial=True):
    orders = []
    for _ in range(number):
        named = rng.permutation(n)[: rng.integers(2, n + 1) if partial else n]
        cuts = np.sort(rng.permutation(np.arange(1, len(named)))[: rng.integers(1, len(named)) if ties else len(named)])
        orders.append([tuple(group) for group in np.split(named, cuts)])
    return Rankings(orders, weight=rng.uniform(0.1, 1, number))


def test_printed_optima():
    listed = Rankings([[0, 1, 2], [1, 2, 0], [2, 1, 0]], weight=[0.5, 0.3, 0.2])
    found = plackett_luce.solve(uniform(3), listed)
    assert np.exp(found.log_policy[0]) == pytest.approx([0.2665830598, 0.5161984013, 0.2172185389], abs=1e-8)
    pairs = np.exp(dpo.solve(uniform(3), listed.broken()).log_policy[0])
    assert pairs == pytest.approx([0.3148150133, 0.4777262195, 0.2074587673], abs=6e-11)


def test_pairs_do_not_see_what_rankings_see():
    """Half a>b>c, half c>b>a: all pairs even, and yet the middle response leads."""
    both = Rankings([[0, 1, 2], [2, 1, 0]])
    policy = np.exp(plackett_luce.solve(uniform(3), both).log_policy[0])
    assert policy == pytest.approx([1 - np.sqrt(0.5), np.sqrt(2) - 1, 1 - np.sqrt(0.5)], abs=1e-14)
    assert np.exp(dpo.solve(uniform(3), both.broken()).log_policy[0]) == pytest.approx([1 / 3] * 3, abs=1e-15)


def test_plain_lists_and_lists_of_groups_are_the_same_rankings():
    rng = np.random.default_rng(0)
    plain = [rng.permutation(9)[: rng.integers(2, 10)].tolist() for _ in range(40)]
    read = [Rankings(plain), Rankings([[(y,) for y in order] for order in plain]), Rankings(map(np.array, plain))]
    for other in read[1:]:
        assert other.groups == read[0].groups
        for name in ("counts", "sizes", "members"):
            assert getattr(other.flat, name).tolist() == getattr(read[0].flat, name).tolist()
    for bad, words in (([0, 3, 0], "names response 0 twice"), ([0, -1], "it must be a whole"), ([0], "two groups")):
        with pytest.raises(InputError, match=f"ranking 40.*{words}"):
            Rankings([*plain, bad])


@pytest.mark.parametrize("n", [2, 3, 4])
def test_plackett_luce_rankings_give_the_reward_back_and_so_do_their_pairs(n):
    rng = np.random.default_rng(n)
    problem = Problem.from_probabilities(rng.dirichlet(np.ones(n)), 0.4, rng.normal(size=n))
    population = Rankings.from_plackett_luce(problem)
    optimum = rlhf.optimal_policy(problem)
    for found in (
        plackett_luce.solve(problem, population),
        *(dpo.solve(problem, population.broken(h)) for h in ("all", "top")),
    ):
        assert np.abs(found.log_policy - optimum).max() < 1e-13
    wrong = plackett_luce.solve(problem, Rankings([[*range(n)], [*range(n)[::-1]]])).log_policy
    assert np.abs(wrong - optimum).max() > 0.05


def test_adjacent_pairs_and_ends_miss_the_reward():
    problem = Problem(np.log([1 / 3] * 3), 1.0, np.log([4, 2, 1]))
    population = Rankings.from_plackett_luce(problem)

    def scores(how):
        return dpo.solve(problem, population.broken(how)).log_ratio[0]

    assert scores("all") == pytest.approx([0.6931471806, 0, -0.6931471806], abs=6e-11)
    assert scores("adjacent") == pytest.approx([0.5263810691, 0.0199959770, -0.5463770460], abs=6e-11)
    assert scores("ends") == pytest.approx([1.0944714487, -0.1095013557, -0.9849700930], abs=6e-11)
    flat = Problem(np.log([1 / 3] * 3), 1.0, np.zeros(3))
    assert dpo.solve(flat, Rankings.from_plackett_luce(flat).broken("ends")).log_ratio[0] == pytest.approx([0] * 3)
    # with three responses best against worst is Bradley-Terry in logit(share)
    share = np.array([4, 2, 1]) / 7
    wanted = np.log(share / (1 - share))
    assert scores("ends") == pytest.approx(wanted - wanted.mean(), abs=1e-13)


@given(st.integers(2, 5), st.booleans(), st.integers(0, 2**32 - 1))
@example(4, True, 0)
def test_the_loss_is_the_sum_over_orders(n, ties, seed):
    rng = np.random.default_rng(seed)
    listed, value = random_rankings(rng, n, 3, ties), rng.normal(0, 2, n)
    problem = uniform(n)
    policy = value - np.log(np.exp(value).sum())
    by_hand = -sum(
        weight * np.log(likelihood(groups, value))
        for groups, weight in zip(listed.groups, listed.weight / listed.weight.sum(), strict=True)
    )
    assert plackett_luce.loss(policy, problem, listed) == pytest.approx(by_hand, rel=1e-12)


@given(st.integers(2, 5), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
@example(5, True, 1)
def test_the_minimum_against_a_general_optimiser(n, ties, seed):
    rng = np.random.default_rng(seed)
    listed, problem = random_rankings(rng, n, 12, ties), uniform(n, 0.5)
    found = plackett_luce.solve(problem, listed)
    if found.status is not Status.UNIQUE:
        return

    def loss(s):
        logits = np.r_[0, s] / problem.beta
        top = logits.max()
        return plackett_luce.loss(logits - top - np.log(np.exp(logits - top).sum()), problem, listed)

    start = (found.log_ratio[0, 1:] - found.log_ratio[0, 0]) * problem.beta + 0.1 * rng.normal(size=n - 1)
    searched = minimize(loss, start, method="BFGS", options={"gtol": 1e-7})
    assert found.residual < 1e-12
    assert found.infimum == pytest.approx(plackett_luce.loss(found.log_policy, problem, listed), rel=1e-12)
    assert found.infimum <= searched.fun + 1e-13
    ours = (found.log_ratio[0, 1:] - found.log_ratio[0, 0]) * problem.beta
    assert np.abs(ours - searched.x).max() < 1e-3 * (1 + np.abs(ours).max())


@pytest.mark.parametrize("seed", range(3))
def test_against_choix(seed):
    rng = np.random.default_rng(seed)
    n = 12
    listed = random_rankings(rng, n, 60)
    orders = [[group[0] for group in ranking] for ranking in listed.groups]
    flat = Rankings(orders)
    found = plackett_luce.solve(uniform(n), flat)
    for peer in (choix.ilsr_rankings, choix.mm_rankings):
        theirs = peer(n, orders, tol=1e-10, max_iter=10_000)
        assert np.abs(theirs - theirs.mean() - found.log_ratio[0]).max() < 1e-7


def test_rankings_of_two_are_pairs():
    rng = np.random.default_rng(5)
    pairs = [(0, *rng.permutation(4)[:2], rng.uniform(0.5, 1)) for _ in range(12)]
    pairs += [(0, k, (k + 1) % 4, 0.1) for k in range(4)]  # one block; response 4 is in no pair
    problem = Problem.from_probabilities(rng.dirichlet(np.ones(5)), 0.3)
    listed = Rankings([pair[1:3] for pair in pairs], weight=[pair[3] for pair in pairs])
    ours, theirs = plackett_luce.solve(problem, listed), dpo.solve(problem, Preferences.from_pairs(pairs))
    assert ours.status is theirs.status is Status.SET
    assert np.abs(ours.log_policy - theirs.log_policy).max() < 1e-13
    assert ours.infimum == pytest.approx(theirs.infimum, rel=1e-13)


@given(st.integers(2, 6), st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_existence_is_strong_connection(n, number, ties, seed):
    """By the digraph of Hunter 2004 drawn from all groups, not only neighbours; by the loss along the recession."""
    rng = np.random.default_rng(seed)
    listed = random_rankings(rng, n, number, ties)
    found = plackett_luce.solve(uniform(n), listed)
    reach = np.eye(n, dtype=int)
    for groups in listed.groups:
        for k, group in enumerate(groups):
            for below in groups[k + 1 :]:
                reach[np.ix_(group, below)] = 1
    strong = (np.linalg.matrix_power(reach, n) > 0).all()
    assert (found.status is Status.UNIQUE) == strong
    if found.status is Status.UNATTAINED:
        for far in (1e3, 1e4):
            s = found.log_ratio[0] + far * found.recession[0]
            value = plackett_luce.loss(s - s.max() - np.log(np.exp(s - s.max()).sum()), uniform(n), listed)
            assert value == pytest.approx(found.infimum, abs=1e-14 * far)  # rounding of scores this large
        for direction in np.random.default_rng(0).normal(0, 3, (20, n)):
            s = direction - np.log(np.exp(direction).sum())
            assert plackett_luce.loss(s, uniform(n), listed) > found.infimum


def test_first_above_last_is_not_the_digraph():
    """0>1>2 and 2>0>1: first above last draws 0>2 and 2>1 only, no circle; the true digraph is strongly connected."""
    listed = Rankings([[0, 1, 2], [2, 0, 1]])
    assert plackett_luce.solve(uniform(3), listed).status is Status.UNIQUE
    assert dpo.solve(uniform(3), listed.broken("ends")).status is Status.UNATTAINED
    assert dpo.solve(uniform(3), listed.broken("adjacent")).status is Status.UNIQUE


def test_unranked_responses_make_a_set():
    problem = Problem.from_probabilities([0.2, 0.3, 0.1, 0.4], beta=0.5)
    found = plackett_luce.solve(problem, Rankings([[0, 1, 2], [2, 1, 0]]))
    assert found.status is Status.SET
    assert found.dimension == 1
    assert found.contains(found.log_policy)
    assert found.log_ratio[0, :3].sum() == pytest.approx(0, abs=1e-13)


@pytest.mark.parametrize("spread", [30.0, 1e3, 1e4])
def test_population_rankings_over_any_range(spread):
    rng = np.random.default_rng(0)
    reward = rng.uniform(-spread, spread, 4)
    problem = Problem(np.log(rng.dirichlet(np.ones(4))), 1e-2, reward)
    found = plackett_luce.solve(problem, Rankings.from_plackett_luce(problem))
    fitted = found.log_ratio[0] * problem.beta
    assert fitted == pytest.approx(reward - reward.mean(), rel=1e-9)


@pytest.mark.parametrize("tie", [(1, 2), (2, 1), (1, 1, 2), (2, 2), (3, 1), (1, 2, 1)])
def test_forgotten_orders_leave_the_reward(tie):
    rng = np.random.default_rng(1)
    problem = Problem.from_probabilities(rng.dirichlet(np.ones(sum(tie))), 0.5, rng.normal(size=sum(tie)))
    found = plackett_luce.solve(problem, Rankings.from_plackett_luce(problem, tie))
    assert np.abs(found.log_policy - rlhf.optimal_policy(problem)).max() < 1e-11


def test_mm_never_lowers_the_likelihood_and_a_fourth_power_does():
    rng = np.random.default_rng(2)
    worse = 0
    for _ in range(30):
        listed = random_rankings(rng, 4, 12)
        found = plackett_luce.solve(uniform(4), listed)
        if found.status is not Status.UNIQUE:
            continue
        s = found.log_ratio[0] + 0.05 * rng.normal(size=4)

        def loss(s, listed=listed):
            return plackett_luce.loss(s - np.log(np.exp(s).sum()), uniform(4), listed)

        step = plackett_luce.mm_step(s, listed)
        assert loss(step) <= loss(s) + 1e-15
        worse += loss(s + 4 * (step - (s - s.mean()))) > loss(s)
        before = np.abs(s - found.log_ratio[0]).max()
        for _ in range(100):
            s = plackett_luce.mm_step(s, listed)
        assert np.abs(s - found.log_ratio[0]).max() < before / 10
    assert worse > 10


def test_one_mm_step_is_exact_for_two_responses_only():
    listed = Rankings([[0, 1], [1, 0]], weight=[5, 2])
    step = plackett_luce.mm_step([3.0, -1.0], listed)
    assert step[0] - step[1] == pytest.approx(np.log(2.5), abs=1e-14)
    three = Rankings([[0, 1], [1, 2], [2, 0], [0, 2]])
    first = plackett_luce.mm_step(np.zeros(3), three)
    assert np.abs(plackett_luce.mm_step(first, three) - first).max() > 1e-3


def test_pair_rates_are_those_of_all_full_rankings():
    reward = np.array([1.0, 0.3, -0.8, 0.1])
    problem = Problem(np.log([0.25] * 4), 1.0, reward)
    population = Rankings.from_plackett_luce(problem)
    rate = np.zeros((4, 4))
    labels = population.broken()
    np.add.at(rate, (labels.winner, labels.loser), labels.weight)
    assert rate == pytest.approx(rankings.pair_rates(reward) - np.eye(4) / 2, abs=1e-14)
    assert rules.bradley_terry(rate).strength == pytest.approx(reward - reward.mean(), abs=1e-13)


def test_a_batch_of_prompts_is_its_members():
    rng = np.random.default_rng(3)
    problem = Problem(np.log(rng.dirichlet(np.ones(4), 5)), 0.7)
    parts = [random_rankings(rng, 4, 8, ties=True) for _ in range(5)]
    together = Rankings(
        [ranking for part in parts for ranking in part.groups],
        np.repeat(range(5), 8),
        np.concatenate([part.weight for part in parts]),
    )
    found = plackett_luce.solve(problem, together)
    for k, part in enumerate(parts):
        alone = plackett_luce.solve(Problem(problem.log_ref[k], 0.7), part)
        assert alone.statuses[0] is found.statuses[k]
        assert np.abs(alone.log_ratio[0] - found.log_ratio[k]).max() < 1e-11


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Rankings([]), "no rankings"),
        (lambda: Rankings([[0]]), "compares nothing"),
        (lambda: Rankings([[0, 1], 5]), "ranking 1 is 5: list its responses, the best first"),
        (lambda: Rankings([[0, 1], "ab"]), "ranking 1 is 'ab': list its responses, the best first"),
        (lambda: Rankings([[0, (1, 0)]]), "names response 0 twice"),
        (lambda: Rankings([[0, (), 1]]), "empty group"),
        (lambda: Rankings([[0, 1]], weight=[-1]), "weight\\[0\\] is -1"),
        (lambda: plackett_luce.solve(uniform(2), Rankings([[0, 2]])), "loser 2 of prompt 0 is not there"),
        (lambda: plackett_luce.solve(uniform(2), Rankings([[0, 1]], [1])), "prompt 1"),
        (lambda: plackett_luce.solve(uniform(3), Rankings([[0, (1, 4)]])), "response 4 of prompt 0 is not there"),
        (lambda: plackett_luce.solve(uniform(20), Rankings([[tuple(range(13)), 13]])), "ties 13 responses"),
        (lambda: plackett_luce.mm_step(np.zeros(2), Rankings([[0, 1]])), "response 1 is never chosen"),
        (lambda: Rankings.from_plackett_luce(Problem(np.log([0.1] * 10), 1.0, np.zeros(10))), "8 at most"),
    ],
)
def test_bad_input_is_said(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_the_loss_of_a_ranking_that_is_all_but_certain_keeps_its_digits():
    """-log Pr of some e^-80, strict and tied, against 80 digits: differences of logs told it to 1e-16, or below 0."""
    problem, s = Problem.from_unnormalized(np.zeros(4), 1.0), np.array([100.0, 60.0, -20.0, -75.0])
    policy = s - np.logaddexp.reduce(s)
    with mpmath.workdps(80):
        v = [mpmath.exp(x) for x in s]
        strict = -sum(mpmath.log(v[k] / sum(v[k:])) for k in range(3))
        orders = permutations([0, 1])
        tied = -mpmath.log(sum(v[a] / sum(v) * v[b] / (sum(v) - v[a]) for a, b in orders))
    assert plackett_luce.loss(policy, problem, Rankings([[0, 1, 2, 3]])) == pytest.approx(float(strict), rel=1e-12)
    assert plackett_luce.loss(policy, problem, Rankings([[(0, 1), (2, 3)]])) == pytest.approx(float(tied), rel=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_rankings_of_two_whose_weights_are_worlds_apart_are_labels(seed):
    rng = np.random.default_rng(seed)
    winner = rng.integers(0, 4, 7)
    loser = (winner + rng.integers(1, 4, 7)) % 4
    problem, weight = Problem.from_unnormalized(rng.normal(size=4), 1.0), np.exp(rng.uniform(-40, 40, 7))
    ranked = plackett_luce.solve(
        problem, Rankings(list(zip(winner.tolist(), loser.tolist(), strict=True)), None, weight)
    )
    pairwise = dpo.solve(problem, Preferences(np.zeros(7, dtype=int), winner, loser, weight))
    assert ranked.status is pairwise.status
    assert ranked.infimum == pytest.approx(pairwise.infimum, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("size", "even", "sparse"),
    [
        (listwise.DENSE, False, False),
        (listwise.DENSE + 1, False, True),
        (listwise.SMALL, True, False),
        (listwise.SMALL + 1, True, True),
    ],
)
def test_blocks_that_are_large_or_even_are_stepped_without_tables_of_all_pairs(monkeypatch, size, even, sparse):
    """Either solver's step balances a cycle: as much arrives at each node as leaves."""
    asked, made = [], listwise.laplacian.Sparse
    monkeypatch.setattr(listwise.laplacian, "Sparse", lambda *graph: asked.append(graph) or made(*graph))
    winner = np.arange(size)
    step = listwise._stepper(winner, (winner + 1) % size, size, even)
    assert len(asked) == sparse
    flow = np.sin(winner)
    found = step(np.zeros(size), flow)
    current, pushed = found - np.roll(found, -1), np.exp(flow)
    np.testing.assert_allclose(current - np.roll(current, 1), pushed - np.roll(pushed, 1), atol=1e-9)
