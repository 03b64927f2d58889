"""``condeq sweep`` in one process: what it counts and keeps, and one sentence for bad input and lost workers."""

import json
import os

import numpy as np
import pytest

from condeq import sweeps
from tabular import InputError, sweep

pytest.importorskip("pyarrow")
SMALL = ("--delta-ref", "-5", "3", "17", "--gain", "0", "5", "11", "--chunk", "50")


def test_it_counts_the_phases_and_takes_up_what_stands(condeq, tmp_path):
    code, out, err = condeq("sweep", *SMALL, "--out", str(tmp_path / "out"), "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    delta_ref, gain = np.meshgrid(np.linspace(-5, 3, 17), np.linspace(0, 5, 11))
    inside = int(((delta_ref + gain < 0) & (gain > 0)).sum())
    assert list(told["phases"].values()) == [7 * 11, 10 * 11 - inside, inside]
    assert (told["problems"], told["partitions"], told["computed"]) == (187, 4, 4)
    (tmp_path / "out" / "part-000002.parquet").unlink()
    code, out, _ = condeq("sweep", *SMALL, "--out", str(tmp_path / "out"))
    assert code == 0
    assert "1 partitions computed, 3 stood" in out
    assert f"RLHF optimum in U{inside:>35,}" in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--gain", "0", "inf", "3"), "--gain is 0 inf 3: give two finite numbers"),
        (("--delta-ref", "0", "1", "0"), "--delta-ref is 0 1 0: give two finite numbers"),
        (("--beta", "0"), "beta is 0.0: it must be one number"),
        (("--cluster", "nowhere"), "no Dask scheduler answers at nowhere: give the address"),
    ],
)
def test_bad_input_is_one_sentence(condeq, tmp_path, options, sentence):
    code, out, err = condeq("sweep", *options, "--out", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert err.startswith(f"condeq: {sentence}")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("out/part*"))


def test_workers_that_are_gone_are_one_sentence():
    sentence = "what is finished is kept: give the same command again"
    with pytest.raises(InputError, match=sentence), sweeps.workers(2, None) as pool:
        pool.submit(os._exit, 1).result()


def test_what_is_said_is_what_is_kept(tmp_path):
    done = sweep.run(sweeps.grid(delta_ref=(-1, 1, 3), gain=(0.5, 2, 2)), sweep.phases, tmp_path / "out")
    told = sweeps.summary(done)
    assert sum(told["phases"].values()) == told["problems"] == 6
    assert sweeps.words(told).startswith("6 problems in ")
