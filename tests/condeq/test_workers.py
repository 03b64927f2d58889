"""Two processes or a cluster compute what one process does: ``condeq sweep``, ``check`` and ``audit`` say the same."""

import json
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path

import pytest

from condeq import sweeps

pytest.importorskip("pyarrow")
GRID = ("--delta-ref", "-5", "3", "17", "--gain", "0", "5", "11", "--chunk", "50")
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


@pytest.fixture(scope="module")
def cluster():
    """The address of a Dask scheduler with two worker processes, which cost a tenth of a core as long as they are."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made:
        yield made.scheduler_address


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as made:
        yield made


@pytest.fixture
def elsewhere(cluster, pool, monkeypatch):
    """The options of two processes and of a cluster; the processes, which take seconds to import, are kept."""
    monkeypatch.setattr(sweeps, "ProcessPoolExecutor", lambda jobs, mp_context: {2: nullcontext(pool)}[jobs])
    return ("--jobs", "2"), ("--cluster", cluster)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sweep_keeps_the_same(condeq, tmp_path, elsewhere):
    kept = []
    for number, more in enumerate(((), *elsewhere)):
        assert condeq("sweep", *GRID, "--out", str(tmp_path / str(number)), *more)[0] == 0
        kept.append(contents(tmp_path / str(number)))
    assert len(kept[0]) > 1
    assert kept == [kept[0]] * 3


def test_conjectures_of_ones_own_are_found_the_same(condeq, elsewhere):
    Path("mine.py").write_text(OWN, encoding="utf-8")
    here, *there = (condeq("check", "mine.py", *more)[:2] for more in ((), *elsewhere))
    assert there == [here, here]
    assert here[1].startswith("falls: REFUTED")
    assert "stands: SUPPORTED: no violation among 2105 " in here[1]


@pytest.mark.parametrize("asked", [("--source", "schulman_2020"), ("def-3.3", "--latex")])
def test_statements_are_verified_the_same(condeq, elsewhere, asked):
    here, *there = (condeq("check", *asked, *more) for more in (("--jobs", "1"), *elsewhere))
    assert there == [here, here]
    assert here[0] == 0


@pytest.mark.parametrize("loss", [(), ("--loss", "kto", "--set", "z0=0.1")])
def test_an_audit_prints_the_same(condeq, parts, elsewhere, loss):
    here, *there = (
        condeq("audit", "parts", "--beta", "0.1", *loss, *more, "--json") for more in (("--stream",), *elsewhere)
    )
    assert (here[0], here[2]) == (0, "")
    assert json.loads(here[1])["n_pairs"] == 73_001
    assert there == [here, here]
