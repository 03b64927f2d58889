"""A sweep's bytes: the same serial, in processes and on a Dask cluster, whoever dies on the way; nothing twice."""

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tabular import InputError, sweep
from tabular.sweeping import workers
from tabular.sweeping.partition import stands
from tests import sweeps

parquet = pytest.importorskip("pyarrow.parquet")
ROOT = Path(__file__).parents[2]
GRID = sweep.Grid({"delta_ref": np.linspace(-5, 3, 31), "gain": np.linspace(0, 5, 21)})


def contents(folder):
    """{file: bytes} of everything in a folder."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


class Backwards(Executor):
    """Does nothing until ``held`` calls wait, then answers the last first."""

    def __init__(self, held):
        self.held, self.waiting, self.most = held, [], 0

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, fn, args))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == self.held:
            while self.waiting:
                future_, fn_, args_ = self.waiting.pop()
                future_.set_result(fn_(*args_))
        return future


@pytest.fixture(scope="module")
def dask_cluster():
    distributed = pytest.importorskip("distributed")
    import dask

    soon = {"distributed.comm.timeouts.connect": "5s"}  # otherwise one that is killed is called for half a minute
    local = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "host": "127.0.0.1"}
    with dask.config.set(soon), distributed.LocalCluster(**local, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """``{name: bytes}`` of a sweep of random problems, computed in this process."""
    out = tmp_path_factory.mktemp("serial") / "out"
    sweep.run(range(40), sweeps.solutions, out, chunk=7)
    return contents(out)


def test_a_grid_is_the_product_of_its_axes_in_order():
    x, y = np.meshgrid(GRID.axes["delta_ref"], GRID.axes["gain"], indexing="ij")
    assert np.array_equal(GRID["delta_ref"], x.ravel())
    assert np.array_equal(GRID["gain"], y.ravel())
    assert np.array_equal(GRID[100:300][50:70]["gain"], y.ravel()[150:170])
    assert len(GRID[640:10_000]) == 11
    assert len(GRID[5:2]) == 0
    assert sweep.Grid.from_dict(json.loads(json.dumps(GRID[3:9].to_dict()))) == GRID[3:9]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: sweep.Grid({}), "give a dict of at least one name"),
        (lambda: sweep.Grid({"beta": []}), r"the axis beta has shape \(0,\)"),
        (lambda: sweep.Grid({"beta": [[1.0]]}), r"the axis beta has shape \(1, 1\)"),
        (lambda: sweep.Grid({"beta": ["low"]}), "give numbers"),
        (lambda: GRID[::2], "no slice with step 2"),
        (lambda: GRID["beta"], "there is no axis 'beta': choose one of delta_ref, gain"),
        (lambda: sweep.Grid({"beta": [1.0]}, stop=2), "stop is 2: the grid has 1 points"),
    ],
)
def test_what_is_no_grid_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_grid_of_any_size_is_its_axes_alone():
    axis = np.arange(100_000)
    grid = sweep.Grid({"a": axis, "b": axis, "c": axis[:100]})
    assert len(grid) == 10**12
    assert grid[10**12 - 2 :]["c"].tolist() == [98, 99]
    assert grid[10**12 - 200 : 10**12 - 198]["b"].tolist() == [99998, 99998]


def test_what_is_kept_is_what_the_function_says_of_each_problem(tmp_path):
    done = sweep.run(GRID, sweep.phases, tmp_path / "out", chunk=100)
    table = sweep.read(tmp_path / "out")
    assert (done.size, done.partitions, done.computed) == (651, 7, 7)
    assert table["index"].to_pylist() == list(range(651))
    delta_ref, gain = GRID["delta_ref"], GRID["gain"]
    assert np.array_equal(table["delta_ref"], delta_ref)
    assert np.array_equal(table["gain"], gain)
    np.testing.assert_allclose(table["delta_rlhf"], delta_ref + gain, atol=1e-12)
    np.testing.assert_allclose(table["threshold"], np.logaddexp(0, delta_ref), rtol=1e-12)
    inside = (delta_ref + gain < -1e-9) & (gain > 1e-9)
    assert np.array_equal(table["phase"], (delta_ref < -1e-9).astype(int) + inside)


def test_the_manifest_shows_names_as_they_are_written(tmp_path):
    sweep.run(sweep.Grid({"β": [0.1, 1.0]}), lambda points: {"2β": 2 * points["β"]}, tmp_path / "out")
    assert '"β"' in (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")


def test_the_manifest_names_every_partition_with_its_hash(tmp_path):
    done = sweep.run(range(25), sweeps.solutions, tmp_path / "out", chunk=10)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    rows = manifest["partitions"]
    assert [(row["start"], row["stop"]) for row in rows] == [(0, 10), (10, 20), (20, 25)]
    for row in rows:
        assert row["sha256"] == hashlib.sha256((tmp_path / "out" / row["file"]).read_bytes()).hexdigest()
    assert manifest["columns"] == done.columns
    assert done.columns == {"index": "int64", "value": "double", "status": "string", "infimum": "double"}
    assert set(contents(tmp_path / "out")) == {"plan.json", "manifest.json", *(row["file"] for row in rows)}


def test_two_processes_write_the_bytes_of_one(tmp_path, serial):
    with pool() as executor:
        sweep.run(range(40), sweeps.solutions, tmp_path / "out", chunk=7, executor=executor)
    assert contents(tmp_path / "out") == serial


def test_a_dask_cluster_writes_the_same_bytes(tmp_path, serial, dask_cluster):
    with sweep.cluster(dask_cluster.scheduler_address) as executor:
        sweep.run(range(40), sweeps.solutions, tmp_path / "out", chunk=7, executor=executor)
    assert contents(tmp_path / "out") == serial


def test_any_order_writes_the_same_bytes_and_no_more_is_handed_out_than_said(tmp_path, serial):
    executor = Backwards(held=3)
    sweep.run(range(40), sweeps.solutions, tmp_path / "out", chunk=7, executor=executor, ahead=3)
    assert contents(tmp_path / "out") == serial
    assert executor.most == 3


def test_a_killed_worker_of_a_cluster_loses_and_doubles_nothing(tmp_path, dask_cluster):
    log, other = tmp_path / "log", tmp_path / "other"
    deadly = partial(sweeps.deadly, log=str(log), at=31)
    with sweep.cluster(dask_cluster.scheduler_address) as executor:
        sweep.run(range(60), deadly, tmp_path / "out", chunk=5, executor=executor)
    assert (tmp_path / "log.killed").exists()
    assert sweep.read(tmp_path / "out").to_pydict() == {
        "index": list(range(60)),
        "square": [number**2 for number in range(60)],
    }
    (other.with_name("other.killed")).touch()
    sweep.run(range(60), partial(sweeps.deadly, log=str(other), at=31), tmp_path / "calm", chunk=5)
    files = [name for name in contents(tmp_path / "out") if name.startswith("part")]
    assert len(files) == 12
    for name in files:  # the plan differs in the log's name: compare what is held
        assert parquet.read_table(tmp_path / "out" / name).equals(parquet.read_table(tmp_path / "calm" / name))


def test_a_killed_process_of_a_pool_ends_the_run_and_the_next_takes_it_up(tmp_path):
    log, out = tmp_path / "log", tmp_path / "out"
    deadly = partial(sweeps.deadly, log=str(log), at=31)
    with pool() as executor, pytest.raises(BrokenExecutor):
        sweep.run(range(60), deadly, out, chunk=5, executor=executor)
    assert not (out / "manifest.json").exists()
    with pytest.raises(InputError, match="is not finished: run it again"):
        sweep.read(out)
    stood = sorted(out.glob("part-*"))
    before = len(sweeps.calls(log))
    with pool() as executor:
        done = sweep.run(range(60), deadly, out, chunk=5, executor=executor)
    assert done.computed == 12 - len(stood) == len(sweeps.calls(log)) - before
    assert sweep.read(out)["square"].to_pylist() == [number**2 for number in range(60)]


STARTED = """
import sys
from functools import partial
from tabular import sweep
from tests import sweeps
sweep.run(range(60), partial(sweeps.counted, log=sys.argv[1], pause=0.05), sys.argv[2], chunk=5)
"""


def test_a_start_after_a_kill_computes_only_what_is_missing(tmp_path):
    log, out = tmp_path / "log", tmp_path / "out"
    killed = subprocess.Popen([sys.executable, "-c", STARTED, str(log), str(out)], cwd=ROOT)
    while len(list(out.glob("part-*"))) < 3:
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    stood = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 3 <= len(stood) < 12
    (out / ".part-000011.parquet.part").write_bytes(b"half")
    log.unlink()
    seen = []
    slow = partial(sweeps.counted, log=str(log), pause=0.05)
    done = sweep.run(range(60), slow, out, chunk=5, progress=lambda *each: seen.append(each))
    assert sweeps.calls(log) == [start for start in range(0, 60, 5) if f"part-{start // 5:06d}.parquet" not in stood]
    assert done.computed == 12 - len(stood)
    assert seen == [(count, 12) for count in range(len(stood), 13)]
    assert all((out / name).stat().st_mtime_ns == written for name, written in stood.items())
    assert not list(out.glob(".*"))
    assert sweep.read(out)["square"].to_pylist() == [number**2 for number in range(60)]


@pytest.mark.parametrize("harm", ["truncated", "turned", "gone"])
def test_a_damaged_partition_is_computed_again(tmp_path, harm):
    log, out = tmp_path / "log", tmp_path / "out"
    function = partial(sweeps.counted, log=str(log))
    sweep.run(range(60), function, out, chunk=20)
    before, path = contents(out), out / "part-000001.parquet"
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "truncated":
        path.write_bytes(content[:-20])
    else:
        content[12] ^= 1  # within the data: the footer is whole, and only the hash can tell
        path.write_bytes(content)
        assert stands(path, 20, 20, fingerprint(path))
    log.unlink()
    assert sweep.run(range(60), function, out, chunk=20).computed == 1
    assert sweeps.calls(log) == [20]
    assert contents(out) == before


@pytest.mark.parametrize("content", [None, b"", b"PAR1"])
def test_a_damaged_partition_is_not_read(tmp_path, content):
    sweep.run(range(60), sweeps.solutions, tmp_path, chunk=20)
    path = tmp_path / "part-000001.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"part-000001\.parquet is gone or damaged: run the sweep again"):
        sweep.read(tmp_path)


@pytest.mark.parametrize(("content", "sentence"), [("{", "is not there or not JSON"), ("{}", "is no sweep's")])
def test_a_manifest_of_something_else_is_one_sentence(tmp_path, content, sentence):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=f"manifest.json {sentence}"):
        sweep.read(tmp_path)


def fingerprint(path):
    return parquet.read_metadata(path).metadata[b"sweep"].decode()


def test_a_partition_of_another_sweep_does_not_stand(tmp_path):
    sweep.run(range(0, 20), sweeps.solutions, tmp_path / "one", chunk=10)
    sweep.run(range(5, 25), sweeps.solutions, tmp_path / "other", chunk=10)
    (tmp_path / "one" / "manifest.json").unlink()
    before = contents(tmp_path / "one")
    (tmp_path / "one" / "part-000001.parquet").write_bytes(contents(tmp_path / "other")["part-000001.parquet"])
    assert sweep.run(range(0, 20), sweeps.solutions, tmp_path / "one", chunk=10).computed == 1
    assert {name: contents(tmp_path / "one")[name] for name in before} == before


@pytest.mark.parametrize(
    ("family", "function", "chunk", "sentence"),
    [
        (range(20), sweeps.solutions, 5, "its chunk is 10 and here it is 5"),
        (range(21), sweeps.solutions, 10, r"its family is range\(0, 20\) and here it is range\(0, 21\)"),
        (range(20), sweeps.short, 10, "its function is tests.sweeps.solutions and here it is tests.sweeps.short"),
    ],
)
def test_another_sweep_in_the_folder_is_refused(tmp_path, family, function, chunk, sentence):
    sweep.run(range(20), sweeps.solutions, tmp_path / "out", chunk=10)
    before = contents(tmp_path / "out")
    with pytest.raises(InputError, match=f"holds another sweep, {sentence}: name another folder"):
        sweep.run(family, function, tmp_path / "out", chunk=chunk)
    assert contents(tmp_path / "out") == before


def test_settings_of_the_function_and_values_of_the_family_belong_to_the_plan(tmp_path):
    first = sweep.Grid({"delta_ref": [-1.0, 1.0], "gain": [0.5]})
    sweep.run(first, partial(sweep.phases, beta=1.0), tmp_path / "out")
    with pytest.raises(InputError, match=r"phases\(beta=1.0\) and here it is .*phases\(beta=2.0\)"):
        sweep.run(first, partial(sweep.phases, beta=2.0), tmp_path / "out")
    close = sweep.Grid({"delta_ref": [-1.0, np.nextafter(1.0, 2)], "gain": [0.5]})
    with pytest.raises(InputError, match="its family is"):
        sweep.run(close, partial(sweep.phases, beta=1.0), tmp_path / "out")


@pytest.mark.parametrize(
    ("family", "function", "sentence"),
    [
        (range(0), sweeps.solutions, r"the family is range\(0, 0\): give at least one problem"),
        (iter([1]), sweeps.solutions, "give at least one problem, with a length and slices"),
        (range(9), None, "the function of a sweep is None"),
        (
            range(9),
            sweeps.short,
            r"the column 'square' of problem 0 on has shape \(4,\): give one entry for each of .* 5",
        ),
        (range(9), sweeps.changing, "have the columns index int64, square double, others index int64, square int64"),
        (range(9), len, "gave 5: give a dict"),
        (GRID, sweeps.refused, "beta is 0: it must be above 0"),
        (GRID, sweeps.overwriting, "gave a column 'gain', which the sweep writes: rename it"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, family, function, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        sweep.run(family, function, tmp_path / "out", chunk=5)
    assert "\n" not in str(caught.value)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match=r"holds thesis.tex, which is no sweep's"):
        sweep.run(range(9), sweeps.solutions, tmp_path)
    with pytest.raises(InputError, match="cannot be a sweep's folder"):
        sweep.run(range(9), sweeps.solutions, tmp_path / "thesis.tex")
    assert set(contents(tmp_path)) == {"thesis.tex"}
    with pytest.raises(InputError, match=r"manifest.json is not there"):
        sweep.read(tmp_path)


def test_an_error_of_the_function_says_where_and_what_stands_stays(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        sweep.run(range(20), partial(sweeps.bad_at, at=12), tmp_path / "out", chunk=5)
    assert caught.value.__notes__ == ["in the sweep's problems 10 to 14"]
    assert len(list((tmp_path / "out").glob("part-*"))) == 2


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:1", "127.0.0.1", "nonsense://here", "", None, "tcp://no.such.host.invalid:8786", "silent"],
)
def test_a_wrong_address_is_one_sentence(address, monkeypatch, capfd):
    """A closed port, no scheme, no such host, and somebody who listens and says nothing."""
    pytest.importorskip("distributed")
    assert workers.PATIENCE < 8  # ten seconds are promised, and a second or two go to other things
    monkeypatch.setattr(workers, "PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}" if address == "silent" else address
        with pytest.raises(InputError) as caught, sweep.cluster(address):
            pass
    told = f"no Dask scheduler answers at {address}: give the address that yours prints, tcp://HOST:PORT"
    assert str(caught.value) == told
    assert capfd.readouterr() == ("", "")


def test_a_server_of_another_kind_is_one_sentence(monkeypatch, capfd):
    """Its greeting is taken for the length of a message of three exabytes."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "PATIENCE", 1.0)

    def greets():
        with server.accept()[0] as there:
            there.sendall(b"HTTP/1.1 400 Bad Request\r\n" * 9)

    with socket.create_server(("127.0.0.1", 0)) as server:
        greet = threading.Thread(target=greets)
        greet.start()
        with (
            pytest.raises(InputError, match="no Dask scheduler answers"),
            sweep.cluster(f"tcp://127.0.0.1:{server.getsockname()[1]}"),
        ):
            pass
        greet.join()
    assert capfd.readouterr() == ("", "")


def test_equal_calls_on_a_cluster_are_each_made(tmp_path, dask_cluster):
    log = tmp_path / "log"
    with sweep.cluster(dask_cluster.scheduler_address) as executor:
        for future in [executor.submit(sweeps.counted, range(3), str(log)) for _ in range(4)]:
            future.result()
    assert sweeps.calls(log) == [0] * 4


def test_a_worker_is_no_scheduler(dask_cluster):
    address = dask_cluster.workers[0].worker_address
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address}"), sweep.cluster(address):
        pass
