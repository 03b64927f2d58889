"""``condeq sweep``: the phase diagram on a grid of any size, kept in a folder."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from condeq.options import AsJson
from condeq.terminal import console, print_json, progress

__all__ = ["Axis", "sweep"]

Axis = tuple[float, float, int]


def sweep(
    out: Annotated[Path, typer.Option(help="The folder of the sweep: a new one, or one to go on with.")],
    delta_ref: Annotated[Axis, typer.Option(metavar="LOW HIGH COUNT", help="Reference log-ratios.")] = (-5, 3, 161),
    gain: Annotated[Axis, typer.Option(metavar="LOW HIGH COUNT", help="Reward differences over beta.")] = (0, 5, 101),
    beta: Annotated[float, typer.Option(help="The beta of every problem.")] = 1.0,
    chunk: Annotated[int, typer.Option(min=1, help="Problems in a partition.")] = 10_000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """The phase of every pair on a grid, as Parquet partitions; started again, it computes what is missing."""
    from condeq import sweeps
    from tabular import sweep as sweeping

    grid = sweeps.grid(delta_ref=delta_ref, gain=gain)
    with ExitStack() as stack:
        executor = stack.enter_context(sweeps.workers(jobs, cluster))
        tell = stack.enter_context(progress())
        done = sweeping.run(
            grid,
            partial(sweeping.phases, beta=beta),
            out,
            chunk=chunk,
            executor=executor,
            progress=lambda stand, total: tell(stand, total, "partitions"),
        )
    told = sweeps.summary(done)
    if as_json:
        print_json(told)
    else:
        console.print(sweeps.words(told), soft_wrap=True)
