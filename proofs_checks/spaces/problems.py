"""Generators of small problems with labels, and the library's objects made of them.

An instance holds plain numbers, so that a replay in Fractions is exact: ``ref`` positive weights that need not sum to
1, ``reward``, ``β``, ``labels`` as (winner, loser, weight), ``policy`` weights.
"""

import functools
from fractions import Fraction

import numpy as np

from tabular import Preferences, Problem

__all__ = ["label", "labels", "log_policy_of", "once", "preferences_of", "problem", "problem_of", "tree", "weights"]

_WEIGHT = (Fraction(1, 20), 20)


def weights(draw, size, between=_WEIGHT):
    """Positive weights, one a response."""
    return [draw.number(*between) for _ in range(size)]


def problem(draw, responses=(2, 4), reward=(-3, 3), β=(Fraction(1, 10), 5)):
    """A reference, a reward and β on a few responses, as parts of an instance."""
    size = draw.integer(*responses)
    rewards = [draw.number(*reward) for _ in range(size)]
    return {"ref": weights(draw, size), "reward": rewards, "β": draw.number(*β)}


def labels(draw, size, count=(1, 6), weight=(Fraction(1, 4), 4)):
    """Any labels: (winner, loser, weight), repeated and contradictory ones included."""
    return [label(draw, size, weight) for _ in range(draw.integer(*count))]


def label(draw, size, weight=(Fraction(1, 4), 4)):
    """One label between two different responses."""
    winner = draw.integer(0, size - 1)
    loser = (winner + draw.integer(1, size - 1)) % size
    return winner, loser, draw.number(*weight)


def tree(draw, size):
    """Pairs that connect all responses: each new response is paired with an earlier one."""
    return [(draw.integer(0, k - 1), k) for k in range(size) if k]


def once(function):
    """The function of an instance's numbers and lists of numbers, in floats: called once, whoever asks of an instance.

    >>> @once
    ... def total(weights):
    ...     print("computed")
    ...     return sum(weights)
    >>> total([1, Fraction(1, 2)]), total([1, 0.5])
    computed
    (1.5, 1.5)
    """
    known = functools.lru_cache(maxsize=1000)(function)

    @functools.wraps(function)
    def asked(*parts):
        return known(*map(_in_floats, parts))

    return asked


def _in_floats(part):
    """Fractions become floats, of which nothing is decided exactly; lists tuples, which can be looked up."""
    if isinstance(part, list | tuple):
        return tuple(map(_in_floats, part))
    return part if isinstance(part, int | str) else float(part)


def problem_of(ref, reward, β) -> Problem:
    """The library's problem of an instance's parts."""
    return _problem(tuple(map(float, ref)), tuple(map(float, reward)), float(β))


@functools.lru_cache(maxsize=1000)
def _problem(ref, reward, β):
    """Each instance's problem once, however many quantities ask for it."""
    return Problem.from_unnormalized(np.log(ref), β, reward)


def preferences_of(labels) -> Preferences:
    """The library's labels of an instance's parts."""
    return _preferences(tuple((0, winner, loser, float(weight)) for winner, loser, weight in labels))


@functools.lru_cache(maxsize=1000)
def _preferences(pairs):
    """Each instance's labels once, however many quantities ask for them."""
    return Preferences.from_pairs(pairs)


def log_policy_of(policy) -> np.ndarray:
    """Log-probabilities of policy weights, ``(1, n_responses)``."""
    logs = np.log([float(p) for p in policy])
    return (logs - np.logaddexp.reduce(logs))[None, :]
