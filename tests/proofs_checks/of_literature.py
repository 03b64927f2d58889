"""The witnesses against the literature, each put to the library or to brute force; called with its parts by name."""

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar

from tabular import Preferences, Problem, Status, dpo, log_linear, losses, rlhf
from tabular.choice import best_of_n, nash, rules
from tabular.choice.matrix import preference_matrix
from tabular.simplex import divergences, expected_costs


def uniform(n, β=1.0, reward=None):
    return Problem.from_unnormalized(np.zeros(n), β, reward)


def both_ways(rates):
    """Labels of a pair at its rate, weighted: (i, j) -> (rate of i, weight)."""
    found = []
    for (i, j), (rate, weight) in rates.items():
        found += [(0, i, j, weight * rate), (0, j, i, weight * (1 - rate))]
    return Preferences.from_pairs([label for label in found if label[3] > 0])


def sampling_dependence(point):
    """DPO's order of i and j under the witness's weights, and under equal ones."""
    rates = [point[name] + 0.5 for name in "abc"]
    pairs, weights = ((0, 1), (0, 2), (1, 2)), [point[f"w_{pair}"] for pair in ("ij", "ik", "jk")]
    gaps = []
    for chosen in (weights, [1.0] * 3):
        labels = both_ways({pair: (p, w) for pair, p, w in zip(pairs, rates, chosen, strict=True)})
        fitted = dpo.solve(uniform(3), labels).log_policy[0]
        gaps.append(fitted[0] - fitted[1])
    assert min(gaps) < 1e-6
    assert max(gaps) > -1e-6
    assert abs(gaps[0] - gaps[1]) > 1e-6


def support(point):
    first = [point["r_1"], point["r_2"], point["r_3"]]
    second = [first[0] + point["t"], first[1] + point["t"], point["r_3′"]]
    ref = np.log([0.5, 0.5])
    optima = [rlhf.optimal_policy(Problem(np.r_[ref, -np.inf], point["β"], reward)) for reward in (first, second)]
    assert np.allclose(np.exp(optima[0]), np.exp(optima[1]))
    assert np.ptp(np.subtract(second, first)) > 0.01


def table_1(point):
    q = point["q_0"] / (1 + point["q_0"])
    best = rlhf.optimal_policy(Problem.from_probabilities([q, 1 - q], point["β"], [point["g"], 0.0]))
    assert np.exp(best[0, 0]) < 1 - 1e-3


def d3(point):
    """A policy with mass on c and the reference's odds of a and b has the least loss there is."""
    problem, labels = uniform(3, point["β"]), Preferences.from_pairs([(0, 1), (1, 0)])
    policy = np.log([[(1 - point["π_c"]) / 2, (1 - point["π_c"]) / 2, point["π_c"]]])
    assert point["h"] == 0 < point["π_c"]
    assert dpo.loss(policy, problem, labels) == pytest.approx(dpo.solve(problem, labels).infimum)


def variance(point):
    q = 1 / (1 + np.exp(-point["b"]))
    known = Problem.from_probabilities([q, 1 - q], 1 / point["y"], [1.0, 0.0])
    p = np.exp(rlhf.optimal_policy(known)[0])
    kl = (p * (np.log(p) - known.log_ref[0])).sum()
    assert p[0] - q > np.sqrt(2 * q * (1 - q) * kl)


def best_of_two(point):
    known = uniform(3, reward=[0.0, point["a"], 1.0])
    nats = best_of_n.kl_from_reference(known, 2)
    tilt = rlhf.optimal_policy(uniform(3, 1 / point["y"], [0.0, point["a"], 1.0]))[0]
    assert (np.exp(tilt) * (tilt - known.log_ref[0])).sum() < nats[0]
    assert np.exp(tilt) @ known.reward[0] > best_of_n.expected_reward(known, 2)[0]
    assert best_of_n.tilt_of_equal_kl(known, nats).reward[0] > best_of_n.expected_reward(known, 2)[0]


def tied_features(point):
    problem, features = uniform(3), [[0.0], [-point["a"]], [point["b"]]]
    labels = Preferences.from_pairs([(0, 1)])
    step = 1e-4 * point["a"]
    assert log_linear.policy(problem, features, [step])[0, 0] < problem.log_ref[0, 0]
    assert log_linear.displacement(problem.log_ref, problem, labels, features)[0] < 0


def chain(point):
    """The flow by small steps of the library's gradient, from uniform to the witness."""
    problem, labels, logits = uniform(3), Preferences.from_pairs([(0, 1), (1, 2)]), np.zeros(3)
    for _ in range(20_000):
        if logits[0] >= point["s"]:
            break
        log_policy = logits - np.logaddexp.reduce(logits)
        logits = logits - 0.02 * dpo.gradient(log_policy, problem, labels)[0]
    assert logits[0] >= point["s"]
    assert np.exp(logits[1] - np.logaddexp.reduce(logits)) < 1 / 3 - 1e-3


def three_losses(point):
    """The exponential risk by a descent in two scores; the logistic by the library."""
    pairs = ((0, 1), (0, 2), (1, 2))
    rates = [point[name] / (1 + point[name]) for name in ("o_12", "o_13", "o_23")]

    def risk(s):
        s = np.r_[s, 0.0]
        terms = [
            p * np.exp(s[j] - s[i]) + (1 - p) * np.exp(s[i] - s[j]) for (i, j), p in zip(pairs, rates, strict=True)
        ]
        return np.sum(terms)

    found = minimize(risk, [0.0, 0.0], method="BFGS", options={"gtol": 1e-9}).x
    fitted = dpo.solve(uniform(3), both_ways({pair: (p, 1.0) for pair, p in zip(pairs, rates, strict=True)}))
    assert (found[0] - found[1]) * (fitted.log_policy[0, 0] - fitted.log_policy[0, 1]) < 0


def wins_of(rankings):
    """Counts of (number of voters, ranking)."""
    names = sorted({name for _, ranking in rankings for name in ranking})
    wins = np.zeros((len(names), len(names)))
    for voters, ranking in rankings:
        for first, second in itertools.combinations(ranking, 2):
            wins[names.index(first), names.index(second)] += voters
    return wins


def fitted(rankings):
    return rules.bradley_terry(wins_of(rankings)).strength


def clones(point):
    before = fitted([(point["u"], "ACB"), (point["v"], "BAC")])
    after = fitted([(point["u"], "ACDB"), (point["v"], "BACD")])
    assert (before[0] - before[1]) * (after[0] - after[1]) < 0


def majority(point):
    s = fitted([(point["u"], "ABC"), (point["v"], "BCA")])
    assert point["u"] > point["v"]
    assert s[0] < s[1]


def mean_utility(point):
    pooled = point["q"] / (1 + np.exp(-point["a"])) + (1 - point["q"]) / (1 + np.exp(point["b"]))
    labels = both_ways({(0, 1): (pooled, 1.0)})
    s = dpo.solve(uniform(2), labels).log_policy[0]
    assert (s[0] - s[1]) * (point["q"] * point["a"] - (1 - point["q"]) * point["b"]) < 0


def condorcet(point):
    """The rates of response 0 from the equilibrium's equations by linear algebra, then the library's equilibrium."""
    weight = np.array([1.0, point["π_1/π_0"], point["π_2/π_0"]])
    π, p, τ = weight / weight.sum(), point["P_12"], point["τ"]
    table = np.array([[π[1] + π[0], π[2]], [π[1], π[2] + π[0]]])
    rest = np.array(
        [
            τ * np.log(π[0] / π[1]) - π[0] / 2 + π[0] + π[1] / 2 + p * π[2],
            τ * np.log(π[0] / π[2]) - π[0] / 2 + π[0] + (1 - p) * π[1] + π[2] / 2,
        ]
    )
    to_1, to_2 = np.linalg.solve(table, rest)
    known = preference_matrix([[0.5, to_1, to_2], [1 - to_1, 0.5, p], [1 - to_2, 1 - p, 0.5]])
    assert rules.condorcet_winner(known)[0] == 0
    found = np.exp(nash.regularised(known, τ).log_policy[0])
    assert found == pytest.approx(π)
    assert found[1] > found[0] + 1e-3


def plain_iteration(point):
    """From near the equilibrium the iteration leaves it."""
    cycle = np.array([[0.5, 1.0, 0.0], [0.0, 0.5, 1.0], [1.0, 0.0, 0.5]])
    policy = np.log([[1 / 3 + 1e-6, 1 / 3, 1 / 3 - 1e-6]])
    for _ in range(300):
        policy = nash.best_reply(cycle, point["τ"], policy)
    assert np.abs(np.exp(policy) - 1 / 3).max() > 1e-3


def menu(point):
    weights = np.array([point["p"], 1.0, point["q"]])
    reward = [point["r_a"], 0.0, point["r_c"]]
    odds = []
    for size in (2, 3):
        ref = weights[:size] / weights[:size].sum()
        found = divergences.optimum(Problem.from_probabilities(ref, 1.0, reward[:size]), "chi-square").log_policy[0]
        odds.append(found[0] - found[1])
    assert abs(odds[0] - odds[1]) > 1e-3


def ipo_label(point):
    """Least squares in the scores, with a row for each label."""
    rows = {(0, 1): point["W_01"], (1, 2): point["W_12"], (2, 0): point["W_20"]}

    def margin(labels):
        table = np.array([np.sqrt(w) * (np.eye(3)[i] - np.eye(3)[j]) for (i, j), w in labels.items()])
        s = np.linalg.lstsq(table, np.sqrt(list(labels.values())), rcond=None)[0]
        return s[0] - s[2]

    assert margin({**rows, (0, 2): point["t"]}) < margin(rows) - 1e-6


def ranked(point, pairs):
    """The Bradley-Terry fit of all six rankings by their probabilities, each broken into ``pairs`` of places."""
    v, wins = np.array([point[f"v_{k}"] for k in range(3)]), np.zeros((3, 3))
    for order in itertools.permutations(range(3)):
        a, b, c = v[list(order)]
        for first, second in pairs:
            wins[order[first], order[second]] += a / v.sum() * b / (b + c)
    return np.ptp(rules.bradley_terry(wins).strength - np.log(v))


def adjacent(point):
    assert ranked(point, ((0, 1), (0, 2), (1, 2))) < 1e-9
    assert ranked(point, ((0, 1), (1, 2))) > 1e-2


def extremes(point):
    assert ranked(point, ((0, 2),)) > 1e-2


def token(point):
    best = rlhf.optimal_policy(uniform(4, point["β"], [point["r_00"], point["r_01"], 0.0, 0.0]))[0]
    assert abs(np.logaddexp(best[0], best[1]) - np.log(0.5)) > 1e-3


def two_optima(point):
    """The objective falls from the witness's θ and is higher again further on, on a grid."""
    known = uniform(3, point["β"], [point["r_1"], 0.0, point["r_2"]])
    features = [[-1.0], [0.0], [1.0]]
    values = [
        float(rlhf.objective(log_linear.policy(known, features, [θ]), known)[0])
        for θ in (point["θ"], point["θ"] + 1e-4, point["θ"] + point["Δθ"], point["θ"] + point["Δθ"] + 1e-4)
    ]
    assert values[1] < values[0]
    assert values[3] > values[2]
    assert len(log_linear.local_maxima(known, [-1.0, 0.0, 1.0])) == 2


def shared_parameter(point):
    """One logit in two prompts by the library's class, and the root of the slope."""
    problem = Problem.from_unnormalized(np.zeros((2, 2)), 1.0)
    labels = Preferences.from_pairs(
        [
            (prompt, *pair, weight * rate)
            for prompt, p, weight in ((0, point["p_1"], point["w"]), (1, point["p_2"], 1 - point["w"]))
            for pair, rate in (((0, 1), p), ((1, 0), 1 - p))
        ]
    )
    θ = log_linear.dpo(problem, labels, [[[1.0], [0.0]], [[1.0], [0.0]]]).theta[0]
    assert abs(1 / (1 + np.exp(-θ)) - point["p_1"]) > 1e-3


def no_cycle(point):
    features = [[point["x"]], [0.0], [0.0], [point["y"]]]
    found = log_linear.dpo(uniform(4), Preferences.from_pairs([(0, 1), (3, 2)]), features)
    assert found.status is not Status.UNATTAINED

    def slope(θ):
        return sum(-x / (1 + np.exp(x * θ)) for x in (point["x"], point["y"]))

    assert found.theta[0] == pytest.approx(brentq(slope, -50, 50), abs=1e-9)


def linear_reward(_):
    """The loss on all pairs of the three voters, by the library's class and by a descent."""
    features = np.array([[0, 1], [0, 0], [1, -3], [3, 1]], float)
    labels = [
        (0, i, j)
        for voter in ((20, 1), (20, 1), (-20, 1))
        for i, j in itertools.permutations(range(4), 2)
        if features[i] @ voter > features[j] @ voter
    ]
    θ = log_linear.dpo(uniform(4), Preferences.from_pairs(labels), features).theta
    assert θ[1] < -0.009
    rows = np.array([features[i] - features[j] for _, i, j in labels])
    assert minimize(lambda t: np.logaddexp(0, -rows @ t).sum(), [0.0, 0.0]).x == pytest.approx(θ, abs=1e-4)


def no_slater(_):
    known = Problem.from_probabilities([0.3, 0.7], 1.0, [0.0, 0.0])
    found = expected_costs.optimum(known, [0.0, 1.0], 0.0)
    assert not found.playable[1]
    dual = [np.log(0.3 + 0.7 * np.exp(-λ)) for λ in (1.0, 10.0, 30.0)]
    assert dual[0] > dual[1] > dual[2] > np.log(0.3) == pytest.approx(found.value)


def normalised_margin(point):
    """SimPO's own loss is below log 2, and yet the chosen response has no more probability."""
    loss = losses.get("simpo", gamma=0.0, n_w=point["n_w"], n_l=point["n_l"])
    assert loss(-point["a"], -point["b"], 0.0, 0.0, 1.0) < np.log(2)
    assert np.exp(-point["a"]) <= np.exp(-point["b"])


def smoothed_pair(point):
    """The least of EXO's loss on a pair at its rate, by a search, is not the logit."""
    loss, p = losses.get("exo_pair", eps=point["ε"]), point["p"]

    def population(z):
        return float(p * loss(z, 0.0, 0.0, 0.0, 1.0) + (1 - p) * loss(-z, 0.0, 0.0, 0.0, 1.0))

    least = minimize_scalar(population, bounds=(-9, 9), method="bounded", options={"xatol": 1e-9}).x
    assert least == pytest.approx((2 * p - 1) * np.log(1 / point["ε"] - 1), abs=1e-5)
    assert abs(least - np.log(p / (1 - p))) > 1e-3


#: id -> the second computation of its witness; those whose proof names the instance are called with None.
LITERATURE = {
    "dpo-sampling-dependence": sampling_dependence,
    "dpo-lemma2-support": support,
    "xu-table-1": table_1,
    "azar-d3-printed": d3,
    "gao-gain-by-variance": variance,
    "bon-kl-optimal": best_of_two,
    "pal-tied-features": tied_features,
    "razin-chain-middle": chain,
    "gpo-three-responses": three_losses,
    "bt-clone-flips": clones,
    "bt-majority-fails": majority,
    "dpl-mean-utility": mean_utility,
    "nlhf-condorcet-first": condorcet,
    "nlhf-plain-iteration": plain_iteration,
    "fdpo-odds-any-divergence": menu,
    "ipo-monotone-label": ipo_label,
    "adjacent-breaking-consistent": adjacent,
    "best-worst-consistent": extremes,
    "qstar-token-reward": token,
    "rlhf-in-class-two-optima": two_optima,
    "prompts-shared-parameter": shared_parameter,
    "cycle-needed": no_cycle,
    "ge-pareto-linear": linear_reward,
    "safe-dual-no-slater": no_slater,
    "simpo-margin-orders": normalised_margin,
    "exo-pair-optimum": smoothed_pair,
}
