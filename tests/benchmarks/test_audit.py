"""The audit of large logs: against a bare Polars scan that computes the same sums, and how much memory it takes."""

import os
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from tabular import logs
from tabular.audit import audit
from tests.benchmarks.timing import in_turn, median_of

NAMES = ("ref_chosen_logps", "ref_rejected_logps", "policy_chosen_logps", "policy_rejected_logps")
BETA = 0.1


def written(path, n, text=False, seed=0):
    """A log of n pairs, in row groups of 10^5, with texts beside the numbers that nobody needs."""
    rng = np.random.default_rng(seed)
    ref = -rng.gamma(4, 30, (2, n))
    policy = np.minimum(ref + rng.normal([[0], [-20]], 15, (2, n)), 0)
    table = pl.DataFrame(dict(zip(NAMES, np.float32([*ref, *policy]), strict=True)))
    if text:
        table = table.with_columns(pl.lit("a prompt of some length " * 4).alias("prompt"))
    table.write_parquet(path, row_group_size=100_000)


def bare(path):
    """The sums of the audit as anyone would write them."""
    c = [pl.col(name).cast(pl.Float64) for name in NAMES]
    r, d = c[0] - c[1], c[2] - c[3]
    x = -BETA * (d - r)
    loss = x.clip(lower_bound=0) + (-x.abs()).exp().log1p()
    masks = [r < 0, d > r, d > 0, (d > r) & (d < 0), c[2] < c[0], (c[2] < c[0]) & (c[3] < c[1])]
    sums = [mask.mean().alias(str(i)) for i, mask in enumerate(masks)]
    return pl.scan_parquet(path).select(loss.mean().alias("loss"), *sums).collect(engine="streaming").row(0)


@pytest.mark.parametrize("way", ["scan", "read_pairs"])
def test_a_million_pairs_against_a_bare_scan(benchmark, tmp_path, way):
    """A column of texts stands beside the numbers, and nobody needs it."""
    path = tmp_path / "log.parquet"
    written(path, 1_000_000, text=True)

    def ours():
        return audit(getattr(logs, way)(path), BETA)

    found, theirs = benchmark.pedantic(ours, rounds=1), bare(path)
    assert abs(found.loss[-1] / theirs[0] - 1) < 1e-9
    assert found.share_in_u[-1] == theirs[4]
    ratio = in_turn(ours, lambda: bare(path), rounds=9 if way == "scan" else 2)
    print(f"\naudit by {way}, 10^6 pairs of Parquet: {ratio:.2f}x a bare Polars scan of its sums")


MEMORY = """
import resource, sys
from tabular import logs
from tabular.audit import audit
audit(logs.scan(sys.argv[1]), 0.1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.fixture(scope="module")
def a_hundred_parts(tmp_path_factory):
    """A directory of 100 parts of 10^6 pairs each, ten of them different and the others links; gone after the test."""
    folder = tmp_path_factory.mktemp("parts")
    for part in range(10):
        written(folder / f"{part:02d}.parquet", 1_000_000, seed=part)
    for part in range(10, 100):
        os.link(folder / f"{part % 10:02d}.parquet", folder / f"{part:02d}.parquet")
    yield folder
    shutil.rmtree(folder)


def test_memory_stays_flat_up_to_a_hundred_million_pairs(benchmark, a_hundred_parts):
    """Each size in a process of its own, whose library and modules alone take most of the memory."""

    def peak(pattern):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(a_hundred_parts / pattern)], capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    small, middle = peak("00.parquet"), peak("0?.parquet")
    large = benchmark.pedantic(peak, ("*.parquet",), rounds=1)
    assert middle < 1.0
    assert large < middle + 0.1
    print(
        f"\naudit by scan: at most {small:.2f} GB for 10^6 pairs, {middle:.2f} GB for 10^7, {large:.2f} GB for 10^8, "
        f"the last in {median_of(benchmark):.0f} s"
    )
