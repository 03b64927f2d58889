"""Timing of the named peers, in the same run as ours, and how long ours took."""

from statistics import median
from time import perf_counter


def timed(function, *args, rounds=5, **kwargs):
    """The result of the last call and the median seconds of ``rounds`` calls after one to warm up."""
    result, seconds = function(*args, **kwargs), []
    for _ in range(rounds):
        start = perf_counter()
        result = function(*args, **kwargs)
        seconds.append(perf_counter() - start)
    return result, median(seconds)


def median_of(benchmark):
    """The median seconds of what pytest-benchmark timed."""
    return benchmark.stats.stats.median
