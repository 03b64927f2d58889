"""``condeq sweep``, serial, in processes and on a cluster, where ``condeq check`` of one's own file searches too."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from condeq import sweeps
from tabular import InputError, sweep

pytest.importorskip("pyarrow")
#: what no process can be sent: functions of a file that no process has imported
OWN = """
from proofs_checks import conjecture
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.quantities import Quantity, Δr, δ_rlhf
from tabular.testing import labelled_problems

(twice,) = named("twice")
doubled = Quantity(twice, lambda problem, labels: 2 * labels.delta(problem.log_ref)[0])


def small(reward):
    \"\"\"Three responses at most.\"\"\"
    return len(reward[0]) <= 3


SPACE = labelled_problems("one-way", responses=(2, 4), pairs=(1, 1))
TIGHT = Effort(draws=2100, climbs=1, steps=5)
FALLS = conjecture("falls", SPACE, relation(δ_rlhf, ">", 0), [small, relation(Δr, ">", 0)], effort=TIGHT)
STANDS = conjecture("stands", SPACE, relation(twice, "<", 20), quantities=[doubled], effort=TIGHT)
"""
SMALL = ("--delta-ref", "-5", "3", "17", "--gain", "0", "5", "11", "--chunk", "50")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


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


def test_processes_and_a_cluster_keep_and_find_the_same(condeq, tmp_path, two_workers):
    assert condeq("sweep", *SMALL, "--out", str(tmp_path / "serial"))[0] == 0
    assert condeq("sweep", *SMALL, "--out", str(tmp_path / "jobs"), "--jobs", "2")[0] == 0
    assert condeq("sweep", *SMALL, "--out", str(tmp_path / "dask"), "--cluster", two_workers)[0] == 0
    Path("mine.py").write_text(OWN, encoding="utf-8")
    alone, *others = (
        condeq("check", "mine.py", *more)[:2] for more in ((), ("--jobs", "2"), ("--cluster", two_workers))
    )
    assert others == [alone, alone]
    everywhere = (("--jobs", "1"), ("--jobs", "2"), ("--cluster", two_workers))
    for asked in (("--source", "schulman_2020"), ("def-3.3", "--latex")):
        here, *there = (condeq("check", *asked, *more) for more in everywhere)
        assert there == [here, here]
        assert here[0] == 0
    assert alone[1].startswith("falls: REFUTED")
    assert "stands: SUPPORTED: no violation among 2105 " in alone[1]
    assert contents(tmp_path / "serial") == contents(tmp_path / "jobs") == contents(tmp_path / "dask")


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
