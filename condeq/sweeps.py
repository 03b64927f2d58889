"""What ``condeq sweep`` sweeps, who computes it, and what it says at the end."""

from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np

from tabular import InputError, sweep

__all__ = ["AGAIN", "PHASES", "grid", "summary", "words", "workers"]

#: what to do where workers are lost and nothing that they finished is kept
AGAIN = "give the same command again"
PHASES = ("U empty", "U there, without the RLHF optimum", "RLHF optimum in U")


def grid(**axes) -> sweep.Grid:
    """The grid of axes that are given as LOW HIGH COUNT.

    >>> len(grid(delta_ref=(-5, 3, 9), gain=(0, 5, 6)))
    54
    """
    for name, (low, high, count) in axes.items():
        if not (np.isfinite([low, high]).all() and count > 0):
            told = f"--{name.replace('_', '-')} is {low:g} {high:g} {count}"
            raise InputError(f"{told}: give two finite numbers and how many points, at least 1")
    return sweep.Grid({name: np.linspace(*axis) for name, axis in axes.items()})


@contextmanager
def workers(
    jobs: int, cluster: str | None, what_stands="what is finished is kept: give the same command again"
) -> Iterator[Executor | None]:
    """A cluster where one is named, else processes, else nothing; a worker that dies is told in one sentence."""
    try:
        if cluster is not None:
            with sweep.cluster(cluster) as executor:
                yield executor
        elif jobs > 1:
            with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
                yield executor
        else:
            yield None
    except (BrokenExecutor, CancelledError):
        raise InputError(f"the workers are gone; {what_stands}") from None


def summary(done: sweep.Sweep) -> dict:
    """The counts of a finished sweep, its problems by phase among them; read partition by partition."""
    count = np.zeros(len(PHASES), dtype=int)
    for part in sweep.scan(done.folder, ["phase"]):
        count += np.bincount(part["phase"].to_numpy(), minlength=len(PHASES))
    return {
        "folder": done.folder,
        "problems": done.size,
        "partitions": done.partitions,
        "computed": done.computed,
        "phases": dict(zip(PHASES, count.tolist(), strict=True)),
    }


def words(told: dict) -> str:
    """A summary in lines."""
    stood = told["partitions"] - told["computed"]
    lines = [
        f"{told['problems']:,} problems in {told['folder']}: {told['computed']} partitions computed, {stood} stood"
    ]
    lines += [f"  {name:<36}{count:>16,}  {count / told['problems']:7.2%}" for name, count in told["phases"].items()]
    return "\n".join(lines)
