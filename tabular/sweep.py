"""Sweeps over families of problems that are too many to hold: in any order, on any number of workers, the same bytes.

A *family* is anything with a length and slices: a ``range`` of seeds, a :class:`Grid` of parameters, a list of
problems. A *function* takes a slice of it and gives columns with one entry for each problem; how it makes and solves
the problems is its own affair, best all of the slice at once. :func:`run` hands out slices of one size, keeps what
comes back as Parquet partitions, and, started again after whatever stopped it, computes what is missing.

>>> import tempfile
>>> import numpy as np
>>> from tabular import Problem, rlhf
>>> def values(grid):
...     reward = np.column_stack([grid["gain"], np.zeros(len(grid))])
...     problems = Problem.from_unnormalized(np.zeros_like(reward), beta=1, reward=reward)
...     return {"value": rlhf.value(problems)}
>>> with tempfile.TemporaryDirectory() as folder:
...     swept = run(Grid({"gain": [0.0, 1.0, 2.0]}), values, folder, chunk=2)
...     print(swept.partitions, read(folder)["value"].to_numpy().round(6).tolist())
2 [0.0, 0.620115, 1.433781]
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from tabular.base import checks
from tabular.base.extras import library
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.sweeping import partition, workers
from tabular.sweeping.folder import MANIFEST, PLAN, Folder, written
from tabular.sweeping.grid import Grid
from tabular.sweeping.phases import phases
from tabular.sweeping.plan import plan
from tabular.sweeping.workers import cluster

__all__ = ["Grid", "Sweep", "cluster", "phases", "read", "run", "scan"]

#: partitions handed out and not yet written, unless told: enough for a hundred workers, and they fit into memory
_AHEAD = 256


class Sweep(Record):
    """A finished sweep.

    Args:
        folder: where it is.
        size: of the family.
        partitions: files that hold it.
        computed: partitions that this call computed; the others stood already.
        columns: name -> Arrow type.
    """

    folder: str
    size: int
    partitions: int
    computed: int
    columns: dict[str, str]


def run(
    family: Any,
    function: Callable[[Any], dict[str, Any]],
    out: Any,
    *,
    chunk: int = 10_000,
    executor: Executor | None = None,
    progress: Callable[[int, int], object] | None = None,
    ahead: int = _AHEAD,
) -> Sweep:
    """``function`` of every slice of ``family``, kept in the folder ``out``; needs the extra ``data``.

    The folder holds ``plan.json`` (what is swept, and the versions of the libraries), ``part-000000.parquet`` on, with
    the column ``index`` and the axes of a grid before those of the function, and at last ``manifest.json`` (the
    columns, and the hash of each partition). Its bytes depend on family, function, chunk, versions and processor, and
    on nothing else. A folder that is finished is looked over, hash by hash, and what is damaged is computed again.

    Args:
        family: has a length and slices; what is sent to a worker is a slice.
        function: of a slice, a dict of columns. Workers must be able to import it; ``functools.partial`` gives it
            settings. A changed body is not noticed: give its results another folder.
        out: a folder, new or of this sweep. One ``run`` at a time may write to it; workers need not see it.
        chunk: problems in a partition; the last may have fewer. Arrays of ten thousand numbers are small enough to be
            given out again and again; of larger ones a worker, Dask's above all, asks the system for memory each time.
        executor: of ``concurrent.futures``, or :func:`cluster`; this process by default.
        progress: called with the partitions that stand and their number, at the start and after each.
        ahead: partitions that may be handed out and not yet written; more than the workers, or some wait.

    Raises:
        InputError: a folder that holds something else, columns that do not fit, a library that is missing.
        concurrent.futures.BrokenExecutor: a process of the executor died. What stands stands: run again.

    >>> import tempfile
    >>> def squares(part):
    ...     return {"square": [number**2 for number in part]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(run(range(5), squares, folder, chunk=2).computed, run(range(5), squares, folder, chunk=2).computed)
    3 0
    """
    library("pyarrow", "data", partition.PURPOSE)
    chunk, ahead = checks.whole_number(chunk, "chunk", least=1), checks.whole_number(ahead, "ahead", least=1)
    checks.executor(executor)
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {checks.brief(progress)}: give a function of two numbers, or None")
    if not (hasattr(family, "__len__") and hasattr(family, "__getitem__") and getattr(family, "ndim", 1)) or not len(
        family
    ):
        raise InputError(f"the family is {checks.brief(family)}: give at least one problem, with a length and slices")
    folder = Folder(checks.path(out), plan(family, function, len(family), chunk))
    folder.start()
    missing, total = folder.missing(), len(folder.starts())
    tell = (lambda stand, total: None) if progress is None else progress
    tell(total - len(missing), total)
    jobs = ((function, family[start : folder.stop(start)], start, folder.key) for start in missing)
    for count, found in enumerate(workers.results(partition.computed, jobs, executor, ahead), total - len(missing) + 1):
        folder.keep(found)
        tell(count, total)
    folder.finish()
    return Sweep(str(folder.path), len(family), total, len(missing), folder.types)


def read(out: Any, columns: list[str] | None = None) -> Any:
    """A finished sweep as one ``pyarrow.Table``, in the order of the family; all columns unless some are named.

    Of one larger than memory :func:`scan` gives a partition at a time, and ``polars.scan_parquet(f"{out}/*.parquet")``
    asks of all.

    Raises:
        InputError: no sweep is there, it is not finished, or it has no such column.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     swept = run(range(3), lambda part: {"half": [k / 2 for k in part]}, folder)
    ...     print(read(folder, ["half"]).to_pydict())
    {'half': [0.0, 0.5, 1.0]}
    """
    arrow = library("pyarrow", "data", partition.PURPOSE)
    return arrow.concat_tables(scan(out, columns))


def scan(out: Any, columns: list[str] | None = None) -> Iterator[Any]:
    """The partitions of a finished sweep one after the other, as :func:`read` has them together.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     swept = run(range(5), lambda part: {"half": [k / 2 for k in part]}, folder, chunk=2)
    ...     print([part.num_rows for part in scan(folder)])
    [2, 2, 1]
    """
    folder = checks.path(out)
    arrow = library("pyarrow", "data", partition.PURPOSE)
    parquet = library("pyarrow.parquet", "data", partition.PURPOSE)
    if (folder / PLAN).is_file() and not (folder / MANIFEST).is_file():
        raise InputError(f"the sweep in {folder} is not finished: run it again, and it computes what is missing")
    manifest = written(folder, MANIFEST)
    for name in columns or ():
        checks.choice(name, manifest["columns"], "column")
    for row in manifest["partitions"]:
        try:
            with parquet.ParquetFile(folder / row["file"]) as file:
                part = file.read(columns).replace_schema_metadata(None)
        except (OSError, arrow.ArrowException):
            raise InputError(f"{folder / row['file']} is gone or damaged: run the sweep again, it is mended") from None
        yield part
