"""A kernel as the one who asked for it holds it: when the lease is let go of, the kernel ends."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from workbench.pipeline.warm.place import place_of
from workbench.pipeline.warm.starting import connect
from workbench.pipeline.warm.wire import Unavailable, receive, send

if TYPE_CHECKING:
    import socket

READY_SECONDS: Final = 30.0
LOST: Final = -signal.SIGKILL
"""The exit status of a kernel whose warm process is gone: it went with it."""


class Lease:
    """A kernel that a warm process forked; to jupyter_client it looks like a :class:`subprocess.Popen`.

    Attributes
    ----------
    connection
        Where the kernel listens, if that is not where it was asked to.
    """

    stdin = stdout = stderr = None

    def __init__(self, wire: socket.socket, pid: int, connection: dict[str, Any] | None) -> None:
        self._wire = wire
        self.pid = pid
        self.connection = connection
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, None as long as the kernel lives."""
        return self._heard(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once there is one.

        Raises
        ------
        TimeoutExpired
            The kernel still lives.
        """
        status = self._heard(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0)
        return status

    async def ended(self, timeout: float | None = None) -> int | None:
        """Wait without blocking; None where the kernel still lives after ``timeout`` seconds."""
        if self.returncode is not None:
            return self.returncode
        loop, spoke = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._wire.fileno(), spoke.set)
        try:
            await asyncio.wait_for(spoke.wait(), timeout)
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(self._wire.fileno())
        return self.poll()

    def _heard(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._wire], [], [], timeout)[0]:
            try:
                message, _ = receive(self._wire)
                self.returncode = int(message["exit"])
            except EOFError:
                self.returncode = LOST
            self._wire.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel itself."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)


def ask(
    arguments: list[str],
    *,
    folder: str,
    environment: dict[str, str],
    files: tuple[int, int],
    litter: tuple[str, ...] = (),
    spares: int = 0,
) -> Lease:
    """Ask for a kernel, and wait until it listens.

    Parameters
    ----------
    arguments : list of str
        Of ``ipykernel_launcher``.
    folder : str
        Its working folder.
    files : tuple of int
        Its standard output and error.
    litter : tuple of str
        Beginnings of the names of files to be removed after it.
    spares : int
        How many kernels shall be ready before they are asked for; with none, none is used.

    Raises
    ------
    Unavailable
        There is no warm process, and none could be started, or it cannot fork.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    request = {
        "arguments": arguments, "folder": folder, "environment": environment, "umask": umask, "litter": litter, "spares": spares,
    }  # fmt: skip
    try:
        wire = connect(place_of(environment), environment)
    except OSError as error:
        raise Unavailable(str(error)) from error
    try:
        wire.settimeout(READY_SECONDS)
        send(wire, request, files)
        answer, _ = receive(wire)
    except (OSError, EOFError) as error:
        wire.close()
        raise Unavailable(f"the warm process does not answer: {error or 'it is gone'}") from error
    if not answer.get("ready"):
        wire.close()
        raise Unavailable(answer.get("refused") or f"the kernel ended with status {answer.get('exit')} before it listened")
    wire.settimeout(None)
    return Lease(wire, answer["pid"], answer["connection"])
