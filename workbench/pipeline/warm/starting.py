"""Starting a warm process, once, whoever asks first."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from workbench.pipeline.warm.wire import SOCKET, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_SECONDS: Final = 60.0
LOG: Final = "log"
NO_THREADS: Final = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false", "_RJEM_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1", "NUMEXPR_MAX_THREADS": "1",
}  # fmt: skip
"""What keeps libraries from starting threads when they are imported."""


def connect(folder: Path, environment: dict[str, str]) -> socket.socket:
    """Return a connection to the warm process of a folder, started where there is none.

    Raises
    ------
    Unavailable
        It cannot be started.
    """
    connection = _connected(folder)
    if connection is not None:
        return connection
    with _alone(folder.parent):
        connection = _connected(folder)
        if connection is None:
            _sweep(folder.parent)
            _start(folder, environment)
            connection = _connected(folder)
    if connection is None:
        raise Unavailable("the warm process ended as soon as it had started")
    return connection


def _connected(folder: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(folder / SOCKET))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    return connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; it goes when its holder does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove what warm processes that were killed have left."""
    for folder in parent.iterdir():
        listening = _connected(folder)
        if listening is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            listening.close()


def _start(folder: Path, environment: dict[str, str]) -> None:
    folder.mkdir(mode=0o700)
    ready, theirs = os.pipe()
    command = [sys.executable, "-P", "-m", "workbench.pipeline.warm.keeper", str(folder), str(theirs)]
    surroundings = {name: value for name, value in environment.items() if not name.startswith("JPY_")} | NO_THREADS
    with (folder / LOG).open("wb") as log:
        subprocess.run(  # noqa: S603 (our own words)
            command, cwd="/", env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(theirs,),
            start_new_session=True, check=False,
        )  # fmt: skip
    os.close(theirs)
    try:
        if not select.select([ready], [], [], START_SECONDS)[0] or os.read(ready, 16) != b"ready":
            last = (folder / LOG).read_text(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable(f"the warm process did not start: {last or 'no word of it'}")
    finally:
        os.close(ready)
