"""The audit of large logs: against a bare Polars scan that computes the same sums, and how much memory it takes."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from tabular import logs
from tabular.audit import audit
from tests.benchmarks.timing import median_of, timed

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
    written(tmp_path / "log.parquet", 1_000_000, text=True)
    ways = {"scan": logs.scan, "read_pairs": logs.read_pairs}
    found = benchmark.pedantic(lambda: audit(ways[way](tmp_path / "log.parquet"), BETA), rounds=5, warmup_rounds=1)
    theirs, seconds = timed(bare, tmp_path / "log.parquet", rounds=5)
    assert abs(found.loss[-1] / theirs[0] - 1) < 1e-9
    assert found.share_in_u[-1] == theirs[4]
    print(
        f"\naudit by {way}, 10^6 pairs of Parquet: {median_of(benchmark) / seconds:.2f}x a bare Polars scan of its sums"
    )


MEMORY = """
import resource, sys
from tabular import logs
from tabular.audit import audit
audit(logs.scan(sys.argv[1]), 0.1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def test_memory_of_ten_million_pairs(benchmark, tmp_path):
    """In a process of its own; a tenth of the rows beside it, to tell what the library itself takes."""
    for part in range(10):
        written(tmp_path / f"{part}.parquet", 1_000_000, seed=part)

    def peak(path):
        done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True)
        return float(done.stdout)

    small = peak(str(tmp_path / "0.parquet"))
    large = benchmark.pedantic(peak, (str(tmp_path),), rounds=1)
    assert large < 1.0
    print(f"\naudit by scan: {large:.2f} GB at most for 10^7 pairs, {small:.2f} GB for 10^6")
