"""A user's own problem as the figures take it: prompt by prompt, or pair by pair."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tabular import InputError, Preferences, Problem
from tabular.base import checks

__all__ = ["MOST", "File", "Given", "Pair", "Prompt", "pairs", "parts", "prompts", "two_responses"]

#: panels that a figure has letters and room for
MOST = 8


class File(Protocol):
    """A problem file that was read."""

    @property
    def problem(self) -> Problem: ...

    @property
    def preferences(self) -> Preferences: ...

    @property
    def names(self) -> list[list[str]]: ...


#: what ``problem=`` takes
Given = File | tuple[Problem, Preferences]


@dataclass(frozen=True)
class Prompt:
    """One labelled prompt: a title, its problem and labels alone, and the names of its responses."""

    title: str
    problem: Problem
    preferences: Preferences
    names: list[str]


@dataclass(frozen=True)
class Pair:
    """One labelled pair: its label in words, and its log-ratio under the reference and its reward difference."""

    label: str
    delta_ref: float
    gain: float | None


def parts(given: Given) -> tuple[Problem, Preferences, list[list[str]]]:
    """Problem, labels and names of what ``problem=`` was given: a problem file that was read, or a pair of the two.

    >>> problem = Problem.from_probabilities([0.4, 0.6], beta=1.0)
    >>> parts((problem, Preferences.from_pairs([(0, 1)])))[2]
    [['0', '1']]
    """
    if isinstance(given, tuple) and len(given) == 2:
        problem, preferences = given
        names = None
    else:
        problem, preferences, names = (getattr(given, name, None) for name in ("problem", "preferences", "names"))
    if not isinstance(problem, Problem) or not isinstance(preferences, Preferences):
        raise InputError(f"problem is {checks.brief(given)}: give a problem file, or a Problem and its Preferences")
    preferences.check_against(problem)
    if names is None:
        names = [[str(y) for y in range(n)] for n in problem.present.shape[1] * np.ones(problem.n_prompts, int)]
    return problem, preferences, names


def prompts(given: Given) -> list[Prompt]:
    """The labelled prompts, each on its own.

    Raises:
        InputError: more of them than a figure has room for.
    """
    problem, preferences, names = parts(given)
    labelled = np.unique(preferences.prompt).tolist()
    if len(labelled) > MOST:
        raise InputError(f"the problem has {len(labelled)} labelled prompts and a figure room for {MOST}: give fewer")
    return [_alone(problem, preferences, names[i], i, len(labelled)) for i in labelled]


def _alone(problem, preferences, names, index, of):
    here, size = preferences.prompt == index, len(names)
    reward = None if problem.reward is None else problem.reward[index, :size]
    columns = (preferences.winner[here], preferences.loser[here])
    labels = Preferences(np.zeros_like(columns[0]), *columns, log_weight=preferences.log_weight[here])
    alone = Problem(problem.log_ref[index, :size], problem.beta, reward)
    return Prompt(f"prompt {index}" if of > 1 else "your problem", alone, labels, list(names))


def pairs(given: Given) -> list[Pair]:
    """The labelled pairs, each once in each direction it is labelled in, in the order of the file."""
    problem, preferences, names = parts(given)
    delta_ref = preferences.delta(problem.log_ref)
    gain = [None] * len(delta_ref)
    if problem.reward is not None:
        reward = problem.reward
        won, lost = (reward[preferences.prompt, y] for y in (preferences.winner, preferences.loser))
        gain = (won - lost).tolist()
    found = {}
    rows = zip(preferences.prompt, preferences.winner, preferences.loser, delta_ref.tolist(), gain, strict=True)
    for i, w, y, at, difference in rows:
        words = f"{names[i][w]} > {names[i][y]}"
        if problem.n_prompts > 1:
            words = f"{i}: {words}"
        found.setdefault((i, w, y), Pair(words, at, difference))
    return list(found.values())


def two_responses(given: Given, figure: str) -> tuple[float, float, float]:
    """beta, delta_ref and the reward difference of a problem that is one pair of two responses and nothing else.

    Raises:
        InputError: another problem, or one without a reward.
    """
    problem, _, names = parts(given)
    found = pairs(given)
    if problem.n_prompts > 1 or len(names[0]) != 2 or len(found) != 1:
        raise InputError(f"{figure} shows one pair of two responses: give a problem of one prompt and one label")
    if found[0].gain is None:
        raise InputError(f"{figure} shows the RLHF optimum too: give the problem a reward")
    return float(problem.beta), found[0].delta_ref, found[0].gain
