"""What a sweep costs beside the work itself, and what a second worker brings."""

import shutil
import statistics
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from tabular import sweep
from tests.benchmarks.timing import median_of, timed

MILLION = sweep.Grid({"delta_ref": np.linspace(-5, 3, 1000), "gain": np.linspace(0, 5, 1000)})
CHUNK = 25_000


def nothing(part):
    """No work at all: what is left is the sweep's own."""
    return {"zero": np.zeros(len(part))}


def afresh(out, *args, **kwargs):
    shutil.rmtree(out, ignore_errors=True)
    return sweep.run(*args, out, **kwargs)


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
        run = partial(afresh, tmp_path / "out", family, nothing, chunk=1, executor=executor)
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
        local = self._kept(distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
        return self._kept(sweep.cluster(local.scheduler_address))

    def _kept(self, context):
        self.open.append(context)
        return context.__enter__()

    def __exit__(self, *error):
        for context in reversed(self.open):
            context.__exit__(*error)


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_efficiency_of_two_workers(benchmark, tmp_path, kind):
    """The phase diagram of 10^6 problems: half the serial time over that of two workers, turn by turn."""

    def seconds(executor):
        begun = perf_counter()
        afresh(tmp_path / "out", MILLION, sweep.phases, chunk=CHUNK, executor=executor)
        return perf_counter() - begun

    with workers(kind) as executor:
        start_workers(executor, sweep.phases)
        rounds = [(seconds(None), seconds(executor)) for _ in range(3)]
        benchmark.pedantic(seconds, (executor,), rounds=1)
    size = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    efficiency = [serial / (2 * two) for serial, two in rounds]
    serial = statistics.median(serial for serial, _ in rounds)
    told = f"efficiency {statistics.median(efficiency):.2f} (best {max(efficiency):.2f}) of two workers"
    print(f"\nsweep of 10^6 phases, {kind}: {told}; serial {1e6 / serial:,.0f} problems/s, {size / 1e6:.0f} bytes each")
