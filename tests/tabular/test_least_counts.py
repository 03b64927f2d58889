"""Whole numbers that are given: the least of each is allowed, and one less is refused."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, dpo, finite_samples, sweep
from tabular.choice import self_play, votes
from tests import sweeps

GAME = [[0.5, 0.7], [0.3, 0.5]]
PROBLEM = Problem.from_probabilities([0.3, 0.7], beta=0.5, reward=[1.0, 0.0])
RNG = np.random.default_rng(0)
SOLUTION = dpo.solve(PROBLEM, Preferences.from_pairs([(0, 1)]))
LEAST = {
    "steps of Nash-MD": (lambda count, _: self_play.nash_md_run(GAME, 0.5, count), 1),
    "steps of self-play": (lambda count, _: self_play.hedge_run(GAME, 0.5, count), 1),
    "responses of profiles": (lambda count, _: list(votes.profiles(count, 2)), 1),
    "voters of profiles": (lambda count, _: list(votes.profiles(2, count)), 1),
    "labels of a distribution": (lambda count, _: finite_samples.distribution(PROBLEM, count), 1),
    "labels of a sample": (lambda count, _: finite_samples.sampled(PROBLEM, count, RNG, 5), 1),
    "data sets of a sample": (lambda count, _: finite_samples.sampled(PROBLEM, 5, RNG, count), 1),
    "labels of a probability": (lambda count, _: finite_samples.status_probabilities(PROBLEM, count), 1),
    "members of a solution": (lambda count, _: SOLUTION.sample(RNG, count), 0),
    "a chunk of a sweep": (lambda count, out: sweep.run(range(2), sweeps.solutions, out, chunk=count), 1),
    "what a sweep hands out ahead": (lambda count, out: sweep.run(range(2), sweeps.solutions, out, ahead=count), 1),
    "the start of a grid": (lambda count, _: sweep.Grid({"beta": [0.1, 1.0]}, start=count), 0),
    "the stop of a grid": (lambda count, _: sweep.Grid({"beta": [0.1, 1.0]}, start=1, stop=count), 1),
}


@pytest.mark.parametrize("what", LEAST)
def test_the_least_is_allowed_and_one_less_is_refused(what, tmp_path):
    if "sweep" in what:
        pytest.importorskip("pyarrow")
    ask, least = LEAST[what]
    ask(least, tmp_path / "out")
    with pytest.raises(InputError, match=f"an int of {least} or more"):
        ask(least - 1, tmp_path / "less")
