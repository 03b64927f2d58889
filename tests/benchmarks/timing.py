"""Timing of the named peers, in the same run as ours, and how long ours took."""

from statistics import median, quantiles
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


def quartiles_in_turn(ours, peer, prepared, rounds=15, repeated=20):
    """Quartiles of theirs over ours by processor and by wall clock: ``repeated`` calls of ours beside each of theirs.

    What ``prepared`` makes for the peer, afresh for each round and the first to warm up, is not timed.
    """
    found = []
    for _ in range(rounds + 1):
        program = prepared()
        start = process_time(), perf_counter()
        peer(program)
        middle = process_time(), perf_counter()
        for _ in range(repeated):
            ours()
        end = process_time(), perf_counter()
        found.append([repeated * (b - a) / (c - b) for a, b, c in zip(start, middle, end, strict=True)])
    by_processor, by_wall = (quantiles(column, n=4) for column in zip(*found[1:], strict=True))
    return by_processor, by_wall


def of_both(clocks):
    """The quartiles of two clocks in words."""
    return " and ".join(
        f"quartiles {low:.0f}, {middle:.0f}, {high:.0f} by {name}"
        for name, (low, middle, high) in zip(("processor", "wall clock"), clocks, strict=True)
    )


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
