"""One at a time: locks that go when their holder does, however it goes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from workbench.lake.zones import Lake, Zone, safe_name
from workbench.model.errors import SystemFailure, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS: Final = 600.0


@contextmanager
def alone(
    lake: Lake, what: str, *, seconds: float = PATIENCE_SECONDS, waiting: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold a lock of a lake.

    Parameters
    ----------
    lake : Lake
    what : str
        What nobody else may do meanwhile.
    seconds : float
        How long to wait for another who does it.
    waiting : callable, optional
        Called once if there is somebody to wait for.

    Raises
    ------
    Transient
        The other is still at it.
    SystemFailure
        The lake cannot be written to.
    """
    from filelock import FileLock, Timeout

    folder = lake.zone(Zone.METADATA) / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{safe_name(what)}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting is not None:
                waiting()
            lock.acquire(timeout=seconds)
    except Timeout as error:
        raise Transient(f"{what}: another process is at it, and was for {seconds:g} s; let it finish, or stop it") from error
    except OSError as error:
        raise SystemFailure(f"{folder}: cannot be written to: {error}") from error
    try:
        yield
    finally:
        lock.release()
