"""Functions that sweeps are tested with: workers import them."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from tabular import InputError, Preferences, Problem, dpo, rlhf


def solutions(seeds):
    """A random problem for every seed: RLHF's value, and what DPO's status and infimum are on random labels."""
    found = [_solved(np.random.default_rng(seed)) for seed in seeds]
    return dict(zip(("value", "status", "infimum"), map(list, zip(*found, strict=True)), strict=True))


def _solved(rng):
    problem = Problem.from_unnormalized(rng.normal(size=3), 0.5, rng.normal(size=3))
    labels = Preferences.from_pairs([rng.permutation(3)[:2].tolist() for _ in range(4)])
    fit = dpo.solve(problem, labels)
    return float(rlhf.value(problem)[0]), fit.status.value, fit.infimum


def counted(seeds, log, pause=0.0):
    """The squares of some numbers; one line a call in a file."""
    with Path(log).open("a") as file:
        file.write(f"{seeds.start}\n")
    time.sleep(pause)
    return {"square": np.array(seeds) ** 2}


def deadly(seeds, log, at):
    """As :func:`counted`; the first worker that is given the problem ``at`` is killed on the spot."""
    mark = Path(f"{log}.killed")
    if at in seeds and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return counted(seeds, log)


def calls(log):
    """Where the parts began that were computed, sorted."""
    return sorted(map(int, Path(log).read_text().split())) if Path(log).exists() else []


def bad_at(seeds, at):
    """An error of the function's own at one problem."""
    if at in seeds:
        raise ZeroDivisionError("by nothing")
    return {"square": np.array(seeds) ** 2}


def short(seeds):
    """One entry too few."""
    return {"square": np.array(seeds)[1:]}


def changing(seeds):
    """Whole numbers in the first part, floats in the others."""
    return {"square": np.array(seeds) ** (2.0 if seeds.start else 2)}


def refused(seeds):
    """Bad input of the function's own making."""
    raise InputError("beta is 0: it must be above 0")


def overwriting(grid):
    """A column that the sweep itself writes."""
    return {"gain": grid["gain"]}
