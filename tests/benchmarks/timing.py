"""Timing of the named peers, in the same run as ours, and how long ours took."""

from statistics import median
from time import perf_counter, process_time


def timed(function, *args, rounds=5, **kwargs):
    """The result of the last call and the median seconds of ``rounds`` calls after one to warm up."""
    result, seconds = function(*args, **kwargs), []
    for _ in range(rounds):
        start = perf_counter()
        result = function(*args, **kwargs)
        seconds.append(perf_counter() - start)
    return result, median(seconds)


def processor(function, *args, rounds=5):
    """The result of the last call and the median processor seconds of ``rounds`` calls after one to warm up."""
    result, seconds = function(*args), []
    for _ in range(rounds):
        start = process_time()
        result = function(*args)
        seconds.append(process_time() - start)
    return result, median(seconds)


def median_of(benchmark):
    """The median seconds of what pytest-benchmark timed."""
    return benchmark.stats.stats.median


def in_turn(ours, peer, rounds=9):
    """The median of ours over theirs, each pair one right after the other, so that a noisy machine is noisy to both."""
    ratios = []
    for _ in range(rounds + 1):
        start = perf_counter()
        ours()
        middle = perf_counter()
        peer()
        ratios.append((middle - start) / (perf_counter() - middle))
    return median(ratios[1:])
