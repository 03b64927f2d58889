"""What a sweep costs beside the work itself, and what a second worker brings."""

import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time, sleep

import numpy as np
import pytest

from tabular import sweep
from tests.benchmarks.timing import median_of, timed

MILLION = sweep.Grid({"delta_ref": np.linspace(-5, 3, 1000), "gain": np.linspace(0, 5, 1000)})
CHUNK = 10_000  # as it is by default


def nothing(part):
    """No work at all: what is left is the sweep's own."""
    return {"zero": np.zeros(len(part))}


def afresh(place, *args, **kwargs):
    """A sweep in a new folder of a place."""
    return sweep.run(*args, tempfile.mkdtemp(dir=place), **kwargs)


def start_workers(executor, function):
    """Both workers up, and what the function imports imported."""
    list(executor.map(function, [MILLION[:10]] * 8))


@pytest.mark.parametrize("kind", ["serial", "processes", "dask"])
def test_overhead_of_a_task(benchmark, tmp_path, kind):
    """200 empty tasks, against the same number of files written without a sweep."""
    family = range(200)

    def bare():
        for number in family:
            Path(tmp_path / f"{number}.bin").write_bytes(bytes(1000))

    def measured(executor):
        run = partial(afresh, tmp_path, family, nothing, chunk=1, executor=executor)
        benchmark.pedantic(run, rounds=3, warmup_rounds=1)

    with workers(kind) as executor:
        measured(executor)
    _, peer = timed(bare, rounds=3)
    ours = median_of(benchmark)
    print(f"\nsweep, {kind}: {1e3 * ours / 200:.1f} ms a task, {ours / peer:.0f}x writing a bare file of its size")


class workers:
    """Two workers of a kind, with ``with``; none for a serial run."""

    def __init__(self, kind):
        self.kind, self.open = kind, []

    def __enter__(self):
        if self.kind == "serial":
            return None
        if self.kind == "processes":
            return self._kept(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
        distributed = pytest.importorskip("distributed")
        local = self._kept(distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0"))
        return self._kept(sweep.cluster(local.scheduler_address))

    def _kept(self, context):
        self.open.append(context)
        return context.__enter__()

    def __exit__(self, *error):
        for context in reversed(self.open):
            context.__exit__(*error)


def spin(count):
    """Work that shares nothing: what two workers do of it is what the machine has to give."""
    return sum(range(count))


def used(pause):
    """(process, its processor time); the pause leaves time for the other worker to be asked."""
    sleep(pause)
    return os.getpid(), process_time()


def processor_time(executor):
    """Seconds of this process and of the workers so far."""
    return process_time() + sum(dict(executor.map(used, [0.2] * 6)).values())


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_efficiency_of_two_workers(benchmark, tmp_path, kind):
    """The phase diagram of 10^6 problems: half the serial time over that of two workers, and the same of bare loops.

    The clock on the wall says what the machine gave, the processors' own time what the sweep took besides the work.
    """

    def swept(executor):
        begun = perf_counter()
        afresh(tmp_path, MILLION, sweep.phases, chunk=CHUNK, executor=executor)
        return perf_counter() - begun

    def spun(executor):
        begun = perf_counter()
        list((executor.map if executor else map)(spin, [1_000_000] * 40))
        return perf_counter() - begun

    with workers(kind) as executor:
        start_workers(executor, sweep.phases)
        rounds = [(swept(None), swept(executor), spun(None), spun(executor)) for _ in range(3)]
        begun, _, work = process_time(), swept(None), process_time()
        before, _, after = processor_time(executor), swept(executor), processor_time(executor)
        benchmark.pedantic(swept, (executor,), rounds=1)
    last = max(tmp_path.iterdir(), key=lambda folder: folder.stat().st_mtime)
    size = sum(path.stat().st_size for path in last.iterdir())
    alone = statistics.median(row[0] for row in rounds)
    ours, machine = (statistics.median(row[k] / row[k + 1] / 2 for row in rounds) for k in (0, 2))
    told = f"efficiency {ours:.2f} of two workers, {ours / machine:.2f} of what bare loops reach here ({machine:.2f})"
    print(
        f"\nsweep of 10^6 phases, {kind}: {told}, {(work - begun) / (after - before):.2f} by processor time; "
        f"serial {1e6 / alone:,.0f} problems/s, {size / 1e6:.1f} bytes each"
    )
