"""Who works: this process, several of this machine, or a Dask cluster that shares the lake."""

from __future__ import annotations

import signal
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, TypeVar

from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

SCHEDULER_SECONDS: Final = 5
Given = TypeVar("Given")
Between = TypeVar("Between")
Made = TypeVar("Made")


def in_turn(
    pool: Executor | None, first: Callable[[Given], Between], then: Callable[[Between], Made], tasks: Iterable[Given]
) -> Iterator[Made]:
    """Do the first part of each task in their order, the second when somebody has time; yield what comes of it.

    Parameters
    ----------
    tasks : iterable
        The next one is asked for once the first part of the one before is done.
    pool : Executor, optional
        Without one, this process does all of it, one task after the other.
    """
    if pool is None:
        yield from (then(first(task)) for task in tasks)
        return
    going: list[Future[Made]] = []
    try:
        for task in tasks:
            going.append(pool.submit(then, pool.submit(first, task).result()))
            yield from _ready(going)
        yield from (future.result() for future in as_completed(going))
    finally:
        for future in going:
            future.cancel()


def _ready(going: list[Future[Made]]) -> Iterator[Made]:
    """Yield what is there already, and forget it."""
    for future in [future for future in going if future.done()]:
        going.remove(future)
        yield future.result()


@contextmanager
def workers_of(count: int, cluster: str | None) -> Iterator[Executor | None]:
    """Provide what tasks are handed to; None: this process works itself.

    Parameters
    ----------
    count : int
        Processes of this machine.
    cluster : str, optional
        Address of a Dask scheduler, instead.

    Raises
    ------
    BadInput
        Dask is not installed, or no scheduler answers.
    """
    if cluster is not None:
        yield from _dask(cluster)
    elif count <= 1:
        yield None
    else:
        with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_leave_interrupts) as pool:
            try:
                yield pool
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise BadInput("--cluster needs Dask; install it: pip install 'workbench[cluster]'") from error
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS)
    except (OSError, ValueError) as error:
        raise BadInput(f"--cluster {address}: no Dask scheduler answers there: {error}") from error
    with client:
        yield client.get_executor(pure=False)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that hands out the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
