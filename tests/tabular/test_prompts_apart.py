"""Prompts do not mix, absent responses do not count, and it does not matter how responses are numbered."""

import numpy as np
import pytest

from tabular import Preferences, Problem, Status, losses
from tabular.base.log_space import kl
from tabular.choice import best_of_n
from tabular.simplex import divergences

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
        share = np.array(case.weight) / sum(case.weight)
        wanted = share @ [each.infimum for each in alone]
        np.testing.assert_allclose(found.infimum, wanted, rtol=1e-7, atol=1e-9)
        if not {Status.LOCAL, Status.UNBOUNDED} & set(found.statuses):  # those have several ends
            case.check(found.log_policy, [each.log_policy[0] for each in alone], atol=1e-6)
