"""Prompts do not mix, absent responses do not count, and it does not matter how responses are numbered."""

import numpy as np
import pytest

from tabular import Preferences, Problem, Status, cpo, losses
from tabular.base.log_space import kl
from tabular.choice import best_of_n, nash, plackett_luce, self_play
from tabular.choice.rankings import Rankings
from tabular.losses.mean import mean
from tabular.simplex import divergences

EXISTS = (Status.UNIQUE, Status.SET)
EACH = (3, 4, 2)  # responses of each prompt
WIDTH = 5


class Apart:
    """Three prompts, each alone, and together: padded by absent responses, in another order of responses."""

    def __init__(self, seed, beta=0.5, one_way=0.3):
        rng = np.random.default_rng(seed)
        self.alone, self.labels, self.weight = [], [], []
        rows, labels = np.full((2, len(EACH), WIDTH), -np.inf), []
        rows[1] = rng.normal(0, 9, rows[1].shape)  # a reward of what is not there says nothing
        self.place = [rng.permutation(WIDTH)[:n] for n in EACH]
        for prompt, (n, place) in enumerate(zip(EACH, self.place, strict=True)):
            one = Problem.from_unnormalized(rng.normal(0, 1.5, n), beta, rng.integers(-2, 3, n) / 2)
            pairs = [(w, y) for w in range(n) for y in range(w)]
            pairs = [pairs[k] for k in rng.permutation(len(pairs))[: max(1, n - rng.integers(2))]]
            mine = [(*rng.permutation(pair).tolist(), float(rng.choice([0.5, 1, 3]))) for pair in pairs]
            mine += [(y, w, float(rng.choice([0.5, 1, 2]))) for w, y, _ in mine if rng.random() > one_way]
            self.alone.append((one, Preferences.from_pairs([(0, *label) for label in mine])))
            self.weight.append(sum(label[2] for label in mine))
            labels += [(prompt, place[w], place[y], c) for w, y, c in mine]
            rows[0, prompt, place], rows[1, prompt, place] = one.log_ref[0], one.reward[0]
        self.problem = Problem(rows[0], beta, rows[1])
        self.preferences = Preferences.from_pairs([labels[k] for k in rng.permutation(len(labels))])

    def check(self, together, alone, **close):
        """Rows of all prompts against those of each; where nothing is, nothing is given."""
        for row, place, mine in zip(np.exp(together), self.place, alone, strict=True):
            np.testing.assert_allclose(row[place], np.exp(mine), **close)
            assert np.delete(row, place).max() == 0


@pytest.mark.parametrize("kind", [*divergences.DIVERGENCES, divergences.Alpha(2.0), divergences.Alpha(-3.0)], ids=str)
@pytest.mark.parametrize("beta", [0.1, 2.0])
def test_optima_of_divergences(kind, beta):
    for seed in range(4):
        case = Apart(seed, beta)
        found = divergences.optimum(case.problem, kind)
        alone = [divergences.optimum(one, kind) for one, _ in case.alone]
        case.check(found.log_policy, [each.log_policy[0] for each in alone], atol=1e-12)
        for name in ("multiplier", "value"):
            wanted = [getattr(each, name)[0] for each in alone]
            np.testing.assert_allclose(getattr(found, name), wanted, rtol=1e-9, atol=1e-10)
        assert found.residual.max() < 1e-11
        cost = divergences.divergence(found.log_policy, case.problem, kind)
        gain = [np.exp(each.log_policy[0]) @ one.reward[0] for each, (one, _) in zip(alone, case.alone, strict=True)]
        np.testing.assert_allclose(found.value, gain - beta * cost, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [1, 0.5, 2, 7, 65, 3000.5])
def test_best_of_n(n):
    for seed in range(4):
        case = Apart(seed)
        alone = [one for one, _ in case.alone]
        found = best_of_n.policy(case.problem, n)
        case.check(found, [best_of_n.policy(one, n)[0] for one in alone], atol=1e-13)
        for of in (best_of_n.win_rate, best_of_n.expected_reward, best_of_n.kl_from_reference):
            np.testing.assert_allclose(of(case.problem, n), [of(one, n)[0] for one in alone], atol=1e-12)
        case.check(best_of_n.limit_policy(case.problem), [best_of_n.limit_policy(one)[0] for one in alone], atol=1e-14)
        each = np.array([n, 2.0, 5.0])
        case.check(
            best_of_n.policy(case.problem, each),
            [best_of_n.policy(one, k)[0] for one, k in zip(alone, each, strict=True)],
            atol=1e-13,
        )
        if n >= 1:
            nats = kl(found, case.problem.log_ref)
            tilt = best_of_n.tilt_of_equal_kl(case.problem, nats)
            single = [best_of_n.tilt_of_equal_kl(one, size) for one, size in zip(alone, nats, strict=True)]
            case.check(tilt.log_policy, [each.log_policy[0] for each in single], atol=1e-7)
            np.testing.assert_allclose(tilt.reward, [each.reward[0] for each in single], atol=1e-7)


NAMES = [name for name in losses.names() if not losses.typical(name).batch]


@pytest.mark.parametrize("name", NAMES)
def test_minimisers_of_losses(name):
    loss = losses.typical(name)
    for seed in range(1 if loss.kind == "absolute" or loss.convex is False else 3):  # those that search take long
        case = Apart(seed, beta=(0.5, 1.0, 0.25)[seed], one_way=(0.0, 0.3, 1.0)[seed])
        found = losses.solve(case.problem, case.preferences, loss)
        alone = [losses.solve(*one, loss) for one in case.alone]
        assert found.statuses == [each.status for each in alone]
        assert np.sum(found.dimension) == sum(np.sum(each.dimension) for each in alone)
        for each in alone:  # SquaredPO's link and DiscoPOP bend: their minimisers may be several points
            wide = each.status is Status.SET and name not in ("squared_po", "discopop")
            assert (np.sum(each.dimension) > 0) == wide or each.status not in EXISTS
        share = np.array(case.weight) / sum(case.weight)
        wanted = share @ [each.infimum for each in alone]
        np.testing.assert_allclose(found.infimum, wanted, rtol=1e-7, atol=1e-9)
        if name in ("squared_po", "discopop") and Status.SET in found.statuses:  # rounding chooses one of the points
            attained = mean(found.log_policy, case.problem, case.preferences, loss)
            np.testing.assert_allclose(attained, found.infimum, rtol=1e-7, atol=1e-9)
        elif not {Status.LOCAL, Status.UNBOUNDED} & set(found.statuses):  # those have several ends
            case.check(found.log_policy, [each.log_policy[0] for each in alone], atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.1, 1.0])
def test_local_maxima_of_the_penalised_objective(gamma):
    for seed in range(4):
        case = Apart(seed)
        found = cpo.penalized_optimum(case.problem, case.preferences, gamma)
        alone = [cpo.penalized_optimum(*one, gamma) for one in case.alone]
        assert found.n_local.tolist() == [each.n_local[0] for each in alone]
        assert found.certified.tolist() == [each.certified[0] for each in alone]
        np.testing.assert_allclose(found.rate, [each.rate[0] for each in alone], atol=1e-14)
        assert found.status is max((each.status for each in alone), key=[Status.UNIQUE, Status.UNBOUNDED].index)
        for row, place, each, way in zip(found.local_by_prompt, case.place, alone, found.direction, strict=True):
            assert way[place].tolist() == each.direction[0].tolist()
            (mine,) = each.local_by_prompt
            assert (row is None) == (mine is None)
            if row is not None:
                np.testing.assert_allclose(row[place], mine, atol=1e-9)
        policy = case.problem.log_ref
        value = [cpo.penalized_objective(one.log_ref, one, labels, gamma)[0] for one, labels in case.alone]
        np.testing.assert_allclose(cpo.penalized_objective(policy, case.problem, case.preferences, gamma), value)


@pytest.mark.parametrize("tau", [2.0, 0.3, 0.02])
def test_equilibria_and_steps_of_self_play(tau):
    for seed in range(4):
        case, rng = Apart(seed), np.random.default_rng(seed)
        games, whole = [], np.full((len(EACH), WIDTH, WIDTH), 0.5)
        for prompt, (n, place) in enumerate(zip(EACH, case.place, strict=True)):
            upper = np.triu(rng.random((n, n)), 1)
            games.append(upper + np.tril(1 - upper.T, -1) + np.eye(n) / 2)
            whole[prompt][np.ix_(place, place)] = games[-1]
        price, refs = tau * np.array([1.0, 2.0, 0.5]), [one.log_ref[0] for one, _ in case.alone]
        each = list(zip(games, price, refs, strict=True))
        found, alone = nash.regularised(whole, price, case.problem.log_ref), [nash.regularised(*one) for one in each]
        case.check(found.log_policy, [one.log_policy[0] for one in alone], atol=1e-11)
        assert found.log_error.max() < 1e-6 / tau
        at = case.problem.log_ref
        for of in (nash.best_reply, self_play.nash_md):
            more = () if of is nash.best_reply else (0.2,)
            together = of(whole, price, at, *more, at)
            case.check(together, [of(*one[:2], one[2], *more, one[2])[0] for one in each], atol=1e-12)
        gain = [nash.exploitability(*one[:2], one[2], one[2])[0] for one in each]
        np.testing.assert_allclose(nash.exploitability(whole, price, at, at), gain, atol=1e-12)
        for of in (self_play.hedge, self_play.sppo):
            case.check(of(whole, at, price), [of(game, ref, eta)[0] for game, eta, ref in each], atol=1e-12)
        error = [self_play.partition_error(game, ref, eta)[0] for game, eta, ref in each]
        np.testing.assert_allclose(self_play.partition_error(whole, at, price), error, atol=1e-14)


def test_fits_of_rankings():
    for seed in range(4):
        case, rng = Apart(seed), np.random.default_rng(seed)
        rows, mine = [], [[] for _ in EACH]
        for prompt, n in enumerate(EACH):
            for _ in range(4):
                order, cut = rng.permutation(n)[: rng.integers(2, n + 1)].tolist(), int(rng.integers(1, n))
                groups = [*order[:cut], tuple(order[cut:])] if cut < len(order) else order
                mine[prompt].append((groups, float(rng.choice([0.5, 1, 2]))))
            name = case.place[prompt].tolist()
            renamed = [
                ([tuple(name[y] for y in g) if isinstance(g, tuple) else name[g] for g in groups], prompt, weight)
                for groups, weight in mine[prompt]
            ]
            rows += renamed
        rows = [rows[k] for k in rng.permutation(len(rows))]
        orders, prompts, weights = zip(*rows, strict=True)
        rankings = Rankings(list(orders), prompts, weights)
        found = plackett_luce.solve(case.problem, rankings)
        each = [Rankings(*map(list, zip(*((g, 0, w) for g, w in one), strict=True))) for one in mine]
        alone = [plackett_luce.solve(one, of) for (one, _), of in zip(case.alone, each, strict=True)]
        assert found.statuses == [one.status for one in alone]
        case.check(found.log_policy, [one.log_policy[0] for one in alone], atol=1e-9)
        share = np.bincount(prompts, weights) / sum(weights)
        np.testing.assert_allclose(found.infimum, share @ [one.infimum for one in alone], rtol=1e-11)
        cost = [plackett_luce.loss(one.log_ref, one, of) for (one, _), of in zip(case.alone, each, strict=True)]
        np.testing.assert_allclose(plackett_luce.loss(case.problem.log_ref, case.problem, rankings), share @ cost)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("orpo", "apo_down", "discopop")])  # searches
def test_labels_count_by_their_shares(name):
    """In parts, in another unit, beside labels of weight 0, even such as would join prompts' pieces."""
    loss = losses.typical(name)
    for seed in (1, 2):
        case = Apart(seed, beta=0.5, one_way=0.3)
        labels = case.preferences
        ends = np.array([labels.prompt, labels.winner, labels.loser])
        nothing = np.array([[k, place[0], place[-1]] for k, place in enumerate(case.place)]).T
        columns = np.concatenate([ends, nothing, ends], axis=1)
        weight = np.r_[0.25 * labels.weight, np.zeros(len(EACH)), 0.75 * labels.weight] * 2.0**-500
        found = losses.solve(case.problem, Preferences(*columns, weight), loss)
        whole = losses.solve(case.problem, labels, loss)
        assert found.statuses == whole.statuses
        assert found.infimum == pytest.approx(whole.infimum, rel=1e-9, abs=1e-12)
        if not {Status.LOCAL, Status.UNBOUNDED} & set(found.statuses):
            np.testing.assert_allclose(np.exp(found.log_policy), np.exp(whole.log_policy), atol=1e-7)
