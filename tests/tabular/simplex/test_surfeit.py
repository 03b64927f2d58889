"""Case 3 of the allocation: nothing lower by descents or on a fine path, every side of every loss, and its own ends."""

import numpy as np
import pytest

from tabular import Preferences, Problem, losses
from tabular.base.log_space import softplus
from tabular.simplex import absolute, allocation, local, surfeit
from tabular.simplex.wishes import Logistic, Wishes
from tests.tabular.simplex.routes import random_case

NAMES = ["nca_pair", "bco_pair", "sppo_hard", "kto"]


def undecided(name, rng, beta, **case):
    """A random problem of one prompt whose responses together want too little, its labels and the loss."""
    while True:
        problem, labels = random_case(rng, 5, 20, beta=beta, **case)
        shift = {"bco_pair": {"shift": float(rng.normal(0, 4))}, "kto": {"z0": float(rng.exponential()), "l_u": 20.0}}
        loss = losses.get(name, **shift.get(name, {}))
        wishes = absolute.wishes(problem, labels.counted(), loss.form)
        found = allocation.allocate(wishes)
        if not found.decided[0]:
            return problem, labels.counted(), loss, wishes, found.log_policy


CASES = [(0.3, 10.0), (1.0, 1.0), (3.0, 10.0), (10.0, 1.0)]


@pytest.mark.parametrize(
    ("name", "beta", "log_weights"),
    [(name, *case) for name in NAMES for case in CASES if name != "kto" or case[0] <= 1],  # beyond, KTO rises first
)
def test_as_low_as_descents_and_stationary(name, beta, log_weights):
    rng = np.random.default_rng(round(100 * beta))
    for _ in range(4):
        problem, labels, loss, wishes, goal = undecided(
            name, rng, beta, log_weight_range=log_weights, spread=float(rng.choice([0.0, 1.0, 5.0]))
        )
        columns = labels.prompt, labels.winner, labels.loser, labels.log_weight
        prompts = local.Prompts(loss.form, beta, problem.log_ref, *columns)
        (value,), x = surfeit.lowest(prompts, wishes, goal)
        assert value <= local.lowest(prompts, rng)[0][0] * (1 + 1e-13)
        assert np.exp(x).sum() == pytest.approx(1, abs=1e-14)
        found = absolute.solve(problem, labels, loss)
        assert found.infimum == pytest.approx(value, rel=1e-14)
        assert found.residual < 1e-12
        assert found.multiplier[0] > 0


@pytest.mark.parametrize("name", ["nca_pair", "bco_pair"])
@pytest.mark.parametrize(("beta", "log_weights"), [(0.1, 10.0), (1.0, 1.0), (10.0, 40.0)])
def test_newton_finds_both_sides_where_bracketing_does_and_soon(monkeypatch, name, beta, log_weights):
    """The pushes' roots on their rising and falling sides, next to goals, near tops and far down, at many prices."""
    rng, asked = np.random.default_rng(round(10 * beta)), []
    sides_of = Logistic._sides
    for _ in range(6):
        _, _, _, wishes, goal = undecided(name, rng, beta, log_weight_range=log_weights, spread=5.0)
        both = surfeit._Sides(wishes, goal, surfeit._tops(wishes, goal))
        log_nu = both.grid()[0]
        both = both.of(np.zeros(len(log_nu), dtype=int))
        with monkeypatch.context() as patch:
            patch.setattr(Logistic, "pushed", Wishes.pushed)
            slow = both.at(log_nu, 1e-15)
        with monkeypatch.context() as patch:
            patch.setattr(Logistic, "_sides", lambda self, x: asked.append(1) or sides_of(self, x))
            quick = both.at(log_nu, 1e-15)
        for ours, other in zip(quick, slow, strict=True):
            np.testing.assert_array_equal(ours == -np.inf, other == -np.inf)
            there = other > -np.inf
            ours, other = (np.where(there, x, -1.0) for x in (ours, other))
            near = np.abs(ours - other) <= 1e-13 * np.maximum(1, np.abs(other))
            again, flat = both.wishes.push(ours), both.wishes.push(other)  # at a top x is anywhere
            assert (near | ~there | (np.abs(again - flat) <= 1e-12 * np.maximum(1, np.abs(flat)))).all()
    assert len(asked) < 6 * 36


def test_two_responses_by_the_path_between_them():
    """BCO at a shift of -4: each of the two may have the surfeit; the lower of the two ends is far from the other."""
    problem = Problem.from_probabilities([0.55, 0.45], beta=1.0)
    labels = Preferences.from_pairs([(0, 0, 1, 1.0), (0, 1, 0, 1.2)])
    loss = losses.get("bco_pair", shift=-4.0)
    found = absolute.solve(problem, labels, loss)
    odds = np.linspace(-12, 12, 240_001)
    path = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    ref, (up, down) = problem.log_ref[0], np.array([1.0, 1.2]) / 2.2
    first, second = path[0] - ref[0] + 4, path[1] - ref[1] + 4
    cost = up * (softplus(-first) + softplus(second)) + down * (softplus(-second) + softplus(first))
    dips = (cost[1:-1] < cost[:-2]) & (cost[1:-1] < cost[2:])
    assert dips.sum() == 2
    assert found.infimum == pytest.approx(cost.min(), abs=1e-8)
    assert found.infimum <= cost.min()


def test_who_never_wins_has_nothing_or_everything():
    """KTO at beta <= 1, nobody wanted: the mass is where it costs least, at one response."""
    problem = Problem.from_probabilities([0.2, 0.5, 0.3], beta=0.6)
    labels = Preferences.from_pairs([(0, 0, 1), (0, 1, 2), (0, 2, 0)])
    loss = losses.get("kto", l_u=2.0)
    found = absolute.solve(problem, labels, loss)
    alone = [losses.mean(np.where(np.arange(3) == y, 0.0, -800.0)[None], problem, labels, loss) for y in range(3)]
    assert np.exp(found.log_policy[0]).tolist() == (np.arange(3) == np.argmin(alone)).tolist()
    assert found.infimum == pytest.approx(min(alone), rel=1e-14)


def test_prompts_together_are_as_alone():
    rng = np.random.default_rng(0)
    parts = [undecided("bco_pair", rng, 1.0)[:3] for _ in range(3)]
    loss, n = parts[0][2], 9
    log_ref = np.full((3, n), -np.inf)
    for row, (problem, _, _) in enumerate(parts):
        log_ref[row, : problem.n_responses] = problem.log_ref[0]
    columns = [np.concatenate([getattr(labels, end) for _, labels, _ in parts]) for end in ("winner", "loser")]
    prompt = np.repeat(np.arange(3), [labels.n_pairs for _, labels, _ in parts])
    weight = np.concatenate([labels.log_weight for _, labels, _ in parts])
    together = absolute.solve(Problem(log_ref, 1.0), Preferences(prompt, *columns, log_weight=weight), loss)
    for row, (problem, labels, _) in enumerate(parts):
        alone = absolute.solve(problem, labels, loss)
        np.testing.assert_allclose(together.log_policy[row, : problem.n_responses], alone.log_policy[0], atol=1e-9)
