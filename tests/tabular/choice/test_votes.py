"""Votes and rules: printed witnesses with their controls, brute force, and real votes."""

from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from tabular import InputError, Status, dpo, logs
from tabular.choice import games, matrix, rules, votes
from tabular.choice.votes import Profile

A, B, C = range(3)


@st.composite
def preference_matrices(draw, largest=6, grid=8):
    """Entries on a grid, so that ties, cycles and certain preferences are common."""
    n = draw(st.integers(1, largest))
    upper = np.array(draw(st.lists(st.integers(0, grid), min_size=n * n, max_size=n * n))).reshape(n, n) / grid
    return np.triu(upper, 1) + np.tril(1 - upper.T, -1) + np.eye(n) / 2


def fit(profile):
    return rules.bradley_terry(profile.wins).strength


def test_bradley_terry_fails_the_majority_order():
    profile = Profile([[A, B, C], [B, C, A]], [4, 3])
    assert fit(profile) == pytest.approx([0.2209152956, 0.6542142362, -0.8751295318], abs=6e-11)
    policy = np.exp(dpo.solve(profile.problem(), profile.preferences()).log_policy[0])
    assert policy == pytest.approx([0.3476413869, 0.5361802499, 0.1161783632], abs=6e-11)
    assert games.maximal_lottery(matrix.from_wins(profile.wins)).support == (A,)  # the control


def test_a_clone_of_the_loser_turns_the_first_two_round():
    profile = Profile([[A, C, B], [B, A, C]], [2, 5])
    before = rules.bradley_terry(profile.wins)
    assert before.status is Status.UNIQUE
    assert before.strength == pytest.approx([0.483608, 0.714058, -1.197666], abs=6e-7)
    after = fit(profile.with_clone(C, [True, False]))
    assert after[[A, B]] == pytest.approx([1.009471, 0.816518], abs=6e-7)
    assert after[A] > after[B]
    even = profile.with_clone(C).wins.astype(float)
    even[2, 3] = even[3, 2] = 3.5
    assert rules.bradley_terry(even).strength[[A, B]] == pytest.approx([0.9936800036, 0.8013798417], abs=6e-11)
    for wins in (profile.wins, profile.with_clone(C, [True, False]).wins):
        assert games.maximal_lottery(matrix.from_wins(wins)).support == (B,)  # the Nash policy does not care


def test_irrelevant_comparisons_turn_two_responses_round():
    def gap(ac, bc):
        wins = np.array([[0, 5, ac], [4, 0, bc], [8 - ac, 8 - bc, 0]])
        strength = rules.bradley_terry(wins).strength
        return strength[0] - strength[1]

    assert gap(2, 6) == pytest.approx(-0.4679779922, abs=6e-11)
    assert gap(6, 2) == pytest.approx(0.8002523760, abs=6e-11)


def test_pareto_holds_for_dominated_counts_and_not_for_dominated_rates():
    rates = {
        (0, 1): (0.55, 2),
        (0, 2): (0.9, 1),
        (0, 3): (0.2, 20),
        (1, 2): (0.85, 20),
        (1, 3): (0.15, 1),
        (2, 3): (0.5, 50),
    }
    wins = np.zeros((4, 4))
    for (i, j), (rate, number) in rates.items():
        wins[i, j], wins[j, i] = rate * number, (1 - rate) * number
    strength = rules.bradley_terry(wins).strength
    assert strength == pytest.approx([-0.9620862418, 1.0958264860, -0.1495633348, 0.0158230906], abs=6e-11)
    share = matrix.from_wins(wins)
    assert all(share[0, k] >= share[1, k] for k in range(4))  # 0 dominates 1 in rates, and stands below it
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = rng.integers(1, 9, (4, 4)).astype(float)
        np.fill_diagonal(low, 0)
        for k in (2, 3):  # make 0 dominate 1 in counts
            low[0, k], low[k, 0] = low[1, k] + rng.integers(0, 3), max(low[k, 1] - rng.integers(0, 3), 0)
        low[0, 1] = low[1, 0] + 1
        found = rules.bradley_terry(low)
        if found.status is Status.UNIQUE:
            assert found.strength[0] > found.strength[1]


@given(preference_matrices())
def test_balanced_bradley_terry_is_borda(preference):
    n = len(preference)
    if n < 2:
        return
    inner = np.clip(preference, 0.01, 0.99)
    np.fill_diagonal(inner, 0)
    strength, score = rules.bradley_terry(inner).strength, rules.borda(preference=inner + np.eye(n) / 2)[0]
    assert (np.sign(np.round(strength[:, None] - strength, 9)) == np.sign(np.round(score[:, None] - score, 9))).all()


def test_unbalanced_bradley_terry_is_not_the_order_of_win_shares():
    reward, number = np.array([2, 1.9, 0, -3]), {(0, 2): 9, (1, 3): 9, (2, 3): 1}
    wins = np.zeros((4, 4))
    for (i, j), k in number.items():
        wins[i, j], wins[j, i] = k * expit(reward[i] - reward[j]), k * expit(reward[j] - reward[i])
    share = wins.sum(axis=1) / (wins + wins.T).sum(axis=1)
    assert share == pytest.approx([0.880797, 0.992608, 0.202540, 0.011395], abs=6e-7)
    assert rules.bradley_terry(wins).strength == pytest.approx(reward - reward.mean(), abs=1e-12)


def test_the_mean_utility_may_have_the_other_sign():
    rate = 0.7 * expit(2) + 0.3 * expit(-10)
    assert rate == pytest.approx(0.6165715739, abs=6e-11)
    strength = rules.bradley_terry([[0, rate], [1 - rate, 0]]).strength
    assert strength[0] - strength[1] == pytest.approx(0.4750214432, abs=6e-11)
    assert 0.7 * 2 - 0.3 * 10 < 0


@given(preference_matrices(), st.integers(0, 2**32 - 1))
def test_condorcet_losers_are_never_first(preference, seed):
    loser, winner = rules.condorcet_loser(preference)[0], rules.condorcet_winner(preference)[0]
    score = rules.borda(preference)[0]
    if loser >= 0 and len(score) > 1:
        assert score[loser] < score.mean()
    if winner >= 0 and len(score) > 1:
        assert score[winner] > score.mean()


def test_the_printed_condorcet_winner_that_borda_and_bradley_terry_miss():
    preference = np.array([[0.5, 0.58, 0.58], [0.42, 0.5, 0.96], [0.42, 0.04, 0.5]])
    assert rules.condorcet_winner(preference).tolist() == [0]
    assert rules.borda(preference)[0].argmax() == 1
    assert rules.bradley_terry(preference - np.eye(3) / 2).strength.argmax() == 1
    cost, order = rules.kemeny(preference)
    assert (cost[0], order[0].tolist()) == (pytest.approx(0.88), [0, 1, 2])
    assert preference[[1, 1, 0], [0, 2, 2]].sum() == pytest.approx(3 - 1.04)  # what the logistic order 1, 0, 2 costs


@given(preference_matrices(largest=5))
def test_sets_and_orders_by_brute_force(preference):
    n = len(preference)
    subsets = [[i for i in range(n) if mask >> i & 1] for mask in range(1, 2**n)]

    def dominates(inside, strict):
        return all(
            preference[i, j] > 0.5 if strict else preference[j, i] <= 0.5
            for i in inside
            for j in range(n)
            if j not in inside
        )

    smith = min((s for s in subsets if dominates(s, True)), key=len)
    assert np.flatnonzero(rules.smith_set(preference)[0]).tolist() == smith
    undominated = [s for s in subsets if dominates(s, False)]
    minimal = [s for s in undominated if not any(set(t) < set(s) for t in undominated)]
    assert np.flatnonzero(rules.schwartz_set(preference)[0]).tolist() == sorted({i for s in minimal for i in s})
    cost, order = rules.kemeny(preference)
    every = [sum(preference[b, a] for k, a in enumerate(p) for b in p[k + 1 :]) for p in permutations(range(n))]
    own = order[0].tolist()
    assert cost[0] == pytest.approx(min(every))
    assert sum(preference[b, a] for k, a in enumerate(own) for b in own[k + 1 :]) == pytest.approx(min(every))


@pytest.mark.parametrize("n", [2, 4, 6])
def test_majorities_far_below_the_cost_of_every_order_decide(n):
    """By a hair the last beats all, the next to last the rest, and so on: its order reversed alone costs least."""
    preference = 0.5 + 1e-13 * np.sign(np.subtract.outer(np.arange(n), np.arange(n)))
    assert rules.condorcet_winner(preference).tolist() == [n - 1]
    cost, order = rules.kemeny(preference)
    assert order[0].tolist() == list(range(n))[::-1]
    assert cost[0] == pytest.approx(n * (n - 1) / 2 * (0.5 - 1e-13), rel=1e-15)


@pytest.mark.parametrize(("n", "seed"), [(n, seed) for n in (1, 2, 5, 6, 7) for seed in range(5)])
def test_of_several_kemeny_orders_the_first_by_index_is_told(n, seed):
    """Shares of ten votes tie in fractions, which floats of tenths do not."""
    votes = np.random.default_rng(seed).integers(0, 11, (n, n))
    votes = np.triu(votes, 1) + np.tril(10 - votes.T, -1) + 5 * np.eye(n, dtype=int)
    cost, order = rules.kemeny(votes / 10)
    least = {frozenset(): (0, ())}  # of ranking a set: its cost in tenths, and the first order by index
    for size in range(1, n + 1):
        for members in map(frozenset, combinations(range(n), size)):
            tops = [(least[members - {i}], sum(votes[j, i] for j in members), i) for i in members]
            least[members] = min((c + d - votes[i, i], (i, *rest)) for (c, rest), d, i in tops)
    exact, first = least[frozenset(range(n))]
    assert (cost[0], tuple(order[0])) == (pytest.approx(exact / 10), first)


@given(preference_matrices(largest=5))
def test_maximal_lotteries_live_on_the_smith_set(preference):
    support = games.maximal_lottery(preference).support
    assert set(support) <= set(np.flatnonzero(rules.smith_set(preference)[0]))


def test_maximal_lotteries_may_leave_the_schwartz_set():
    preference = [[0.5, 0, 0.5], [1, 0.5, 0], [0.5, 1, 0.5]]
    assert games.maximal_lottery(preference).support == (0, 2)
    assert rules.schwartz_set(preference).tolist() == [[False, False, True]]


def test_what_bradley_terry_optimises():
    rng = np.random.default_rng(1)
    wins = rng.integers(1, 9, (4, 4)).astype(float)
    np.fill_diagonal(wins, 0)
    found = rules.bradley_terry(wins)
    first, second = np.triu_indices(4, 1)
    total, share = (wins + wins.T)[first, second], (wins / np.where(wins + wins.T, wins + wins.T, 1))[first, second]

    def divergence(s):
        q = expit(s[first] - s[second])
        return total @ (share * np.log(share / q) + (1 - share) * np.log((1 - share) / (1 - q)))

    searched = minimize(divergence, np.zeros(4), tol=1e-12)
    assert found.divergence == pytest.approx(searched.fun, rel=1e-9)
    assert found.divergence == pytest.approx(divergence(found.strength), rel=1e-12)
    assert found.loss == pytest.approx(found.entropy + found.divergence)
    assert found.loss == pytest.approx(-(wins * np.log(expit(found.strength[:, None] - found.strength))).sum())
    assert rules.bradley_terry(matrix.from_reward([1.0, 0.2, -3]) - np.eye(3) / 2).divergence < 1e-14


def test_one_way_votes_have_no_fit():
    found = rules.bradley_terry([[0, 3, 1], [1, 0, 0], [0, 0, 0]])
    assert found.status is Status.UNATTAINED
    assert found.block.tolist() == [0, 0, 1]
    assert found.strength[0] - found.strength[1] == pytest.approx(logit(0.75))
    assert found.divergence == pytest.approx(0, abs=1e-14)
    assert rules.bradley_terry([[0, 3, 0], [1, 0, 0], [0, 0, 0]]).status is Status.SET


def test_a_voter_gains_by_lying_with_four_responses():
    honest = Profile([[1, 2, 3, 0], [2, 1, 0, 3]], [1, 2])
    lied = Profile([[1, 0, 3, 2], [2, 1, 0, 3]], [1, 2])
    assert honest.wins.sum(axis=1).tolist() == [2, 7, 8, 1]
    assert lied.wins.sum(axis=1).tolist() == [4, 7, 6, 1]
    added = 0.1 * (1 - np.eye(4))
    assert rules.bradley_terry(honest.wins + added).strength.argmax() == 2
    assert rules.bradley_terry(lied.wins + added).strength.argmax() == 1


@pytest.mark.parametrize("n_voters", [2, 3])
def test_nobody_gains_by_lying_with_three_responses_and_unique_winners(n_voters):
    orders = [list(order) for order in permutations(range(3))]
    for profile in votes.profiles(3, n_voters):
        before = profile.wins.sum(axis=1)
        if (before == before.max()).sum() > 1:
            continue
        for row, ranking in enumerate(profile.rankings.tolist()):
            others = profile.voters - (np.arange(len(profile.voters)) == row)
            for report in orders:
                after = Profile([*profile.rankings.tolist(), report], [*others, 1]).wins.sum(axis=1)
                if (after == after.max()).sum() == 1:
                    assert ranking.index(after.argmax()) >= ranking.index(before.argmax())


@pytest.mark.parametrize(("n", "transitive", "every"), [(3, 6, 8), (4, 24, 64), (5, 120, 1024)])
def test_rewards_realise_n_factorial_majority_patterns(n, transitive, every):
    first, second = np.triu_indices(n, 1)
    bits = (np.arange(2 ** len(first))[:, None] >> np.arange(len(first))) & 1
    preference = np.full((len(bits), n, n), 0.5)
    preference[:, first, second], preference[:, second, first] = bits, 1 - bits
    scores = np.sort(rules.copeland(preference), axis=1)
    assert len(bits) == every
    assert (scores == np.arange(n)).all(axis=1).sum() == transitive


def test_profiles_count_votes_of_each_pair():
    profile = Profile([[2, 0, 1], [1, 2, 0]], [3, 4])
    wins = np.zeros((3, 3), int)
    for ranking, voters in (([2, 0, 1], 3), ([1, 2, 0], 4)):
        for k, a in enumerate(ranking):
            for b in ranking[k + 1 :]:
                wins[a, b] += voters
    assert (profile.wins == wins).all()
    assert len(list(votes.profiles(3, 3))) == 56  # C(6 + 3 - 1, 3)


def test_real_votes(real_data):
    """PandaLM: three votes on each pair of responses; every prompt has a Smith set, cycles are real."""
    log = logs.load("pandalm-human")
    wins = votes.wins_of(log.problem(), log.preferences(0.5))
    sizes, cyclic = log.n_responses, 0
    for prompt, size in enumerate(sizes):
        preference = matrix.from_wins(wins[prompt, :size, :size])
        smith, lottery = rules.smith_set(preference)[0], games.maximal_lottery(preference)
        assert set(lottery.support) <= set(np.flatnonzero(smith))
        winner = rules.condorcet_winner(preference)[0]
        assert (smith.sum() == 1) == (winner >= 0)
        if winner >= 0:
            assert lottery.support == (winner,)
        cyclic += smith.sum() > 1
    assert len(sizes) == 170
    assert 0 < cyclic < 170


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Profile([[0, 0, 1]]), "ranking 0 is \\[0, 0, 1\\]: list each"),
        (lambda: Profile([[0, 1]], [0]), "give a number for each"),
        (lambda: Profile([0, 1]), "give one row"),
        (lambda: rules.bradley_terry(np.zeros((2, 2))), "at least one comparison"),
        (lambda: rules.bradley_terry([[1, 2], [1, 0]]), "cannot win against itself"),
        (lambda: rules.kemeny(np.full((21, 21), 0.5)), "20 at most"),
    ],
)
def test_bad_input_is_said(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_shares_of_votes_are_exact():
    """Three voters a pair: thirds are no floats, and a cycle of them balances in fractions alone."""
    wins = np.array([[0, 2, 1], [1, 0, 2], [2, 1, 0]])
    share = matrix.exact_from_wins(wins)
    assert share.astype(float) == pytest.approx(matrix.from_wins(wins), abs=1e-15)
    assert games.maximal_lottery(share).policy.tolist() == [Fraction(1, 3)] * 3
    unseen = matrix.exact_from_wins([[0, 0], [0, 0]])
    assert unseen.tolist() == [[Fraction(1, 2)] * 2] * 2
    tied = np.array([[0, 1, 2, 2], [2, 0, 1, 2], [1, 2, 0, 2], [1, 1, 1, 0]])
    exact = games.maximal_lottery(matrix.exact_from_wins(tied))
    assert (exact.status, exact.advantage.tolist()) == (Status.UNIQUE, [0, 0, 0, Fraction(1, 6)])
