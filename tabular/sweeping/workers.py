"""Who computes: this process, any executor of ``concurrent.futures``, or a Dask cluster through its executor."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from tabular.base import checks
from tabular.base.extras import library
from tabular.errors import InputError

__all__ = ["PATIENCE", "cluster", "results"]

#: how long a scheduler may take to answer, in seconds: with what it takes to start the command, less than ten
PATIENCE = 4.0


def results(task: Callable, jobs: Iterable[tuple], executor: Executor | None, ahead: int) -> Iterator[Any]:
    """``task(*job)`` of every job, as they finish; at most ``ahead`` jobs are handed out and not yet used.

    Whatever ends it, an error or a reader that stops, cancels what has not begun.

    >>> list(results(pow, [(2, 3), (3, 2)], None, 1))
    [8, 9]
    """
    if executor is None:
        yield from (task(*job) for job in jobs)
        return
    waiting, done, left = set(), SimpleQueue[Future](), iter(jobs)

    def hand_out(count):
        for job in islice(left, count):
            future = executor.submit(task, *job)
            waiting.add(future)
            future.add_done_callback(done.put)

    try:
        hand_out(ahead)
        while waiting:
            future = done.get()
            waiting.remove(future)
            yield future.result()
            hand_out(1)
    finally:
        for future in waiting:
            future.cancel()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The executor of a running Dask scheduler, for ``with``; needs the extra ``cluster``.

    A task whose worker dies is computed by another.

    Args:
        address: as the scheduler prints it, such as ``"tcp://10.0.0.1:8786"``.

    Raises:
        InputError: nobody answers there as a Dask scheduler does; known within ten seconds.

    >>> with cluster("nowhere://1") as executor:
    ...     pass
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: no Dask scheduler answers at nowhere://1: give the address that yours prints, tcp://HOST:PORT
    """
    distributed = library("distributed", "cluster", "to use a cluster")
    log = logging.getLogger("distributed")
    said, log.disabled = log.disabled, True  # it would tell the same at length
    try:
        if not isinstance(address, str) or _kind(distributed, address) != "Scheduler":
            said_to = address if isinstance(address, str) else checks.brief(address)
            raise InputError(
                f"no Dask scheduler answers at {said_to}: give the address that yours prints, tcp://HOST:PORT"
            )
    finally:
        log.disabled = said
    with (
        distributed.Client(address, set_as_default=False) as client,
        client.get_executor(pure=False) as executor,  # pure, as it is by default, two equal calls would be one
    ):
        yield executor


def _kind(distributed, address):
    """What says that it listens at an address, "Scheduler" or "Worker"; ``None`` if nobody does in time.

    ``Client`` itself waits for ever for somebody who listens and is silent; a thread that is left behind waits for it,
    and for a slow look-up of the name, in its place.
    """

    import asyncio  # 20 ms that a library without a cluster need not wait for

    async def asked():
        async with distributed.rpc(address) as there:
            return await there.identity()

    def ask():
        try:
            answers.put(asyncio.run(asyncio.wait_for(asked(), PATIENCE)))
        except Exception:  # who listens there may speak anything, and its first bytes be taken for a length
            answers.put({})

    answers: SimpleQueue[dict] = SimpleQueue()
    threading.Thread(target=ask, daemon=True).start()
    with suppress(Empty):
        return answers.get(timeout=PATIENCE + 1).get("type")
