"""The kernel ``workbench-warm``, as jupyter_client provides it: to JupyterLab, to papermill, to anybody."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_client.provisioning import LocalProvisioner

from workbench.pipeline.warm.birth import SPARE_ARGUMENTS
from workbench.pipeline.warm.client import PromptClient
from workbench.pipeline.warm.lease import Lease, ask
from workbench.pipeline.warm.place import place_of
from workbench.pipeline.warm.wire import Unavailable

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

PROVISIONER: Final = "workbench-warm"
"""The name it is registered under, and that of the kernel."""
SHUTDOWN_SECONDS: Final = 2.0
KILL_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)
STREAMS: Final = {"stdout": 1, "stderr": 2}


class WarmProvisioner(LocalProvisioner):
    """Gets kernels from a warm process; where there is none to be had it says why, and starts an ordinary one.

    A manager may say how many ``spares`` shall be ready before they are asked for; with none, a kernel is forked when it
    is asked for.
    """

    process: Any

    @property
    def is_warm(self) -> bool:
        """Whether the kernel came from a warm process."""
        return isinstance(self.process, Lease)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Let kernels be spoken to through files rather than ports, by a client that waits no longer than needed."""
        manager = self.parent
        if manager is not None and sys.platform == "linux":
            environment = dict(kwargs.get("env") or os.environ)
            if manager.transport == "tcp":
                self._through_files(environment)
            if issubclass(PromptClient, manager.client_factory):
                manager.client_factory = PromptClient
        prepared: dict[str, Any] = await super().pre_launch(**kwargs)
        return prepared

    def _through_files(self, environment: dict[str, str]) -> None:
        try:
            place = place_of(environment)
        except (Unavailable, OSError):
            return  # an ordinary kernel, on ports; launching says why
        self.parent.transport = "ipc"
        self.parent.ip = str(place.parent / f"k{self.kernel_id[:12]}")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Ask the warm process for a kernel."""
        try:
            lease = await asyncio.to_thread(self._asked, cmd, kwargs)
        except Unavailable as reason:
            _log.warning("no warm kernel (%s): starting an ordinary one", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process, self.pid, self.pgid = lease, lease.pid, lease.pid
        self.cwd = kwargs.get("cwd")
        if lease.connection:
            self.connection_info = lease.connection | {"key": lease.connection["key"].encode()}
        return self.connection_info

    def _asked(self, cmd: list[str], kwargs: dict[str, Any]) -> Lease:
        if sys.platform != "linux":
            raise Unavailable(f"there is no safe fork on {sys.platform}")
        if cmd[:3] != [sys.executable, "-m", "ipykernel_launcher"]:
            raise Unavailable(f"{' '.join(cmd[:3])} is not this interpreter's own kernel")
        files = tuple(_descriptor(kwargs.get(name), number) for name, number in STREAMS.items())
        info = self.connection_info
        litter = (str(self.parent.connection_file), f"{info['ip']}-") if info.get("transport") == "ipc" else ()
        environment = dict(kwargs.get("env") or os.environ)
        folder = str(Path(kwargs.get("cwd") or ".").absolute())
        fits_spare = "curve_publickey" not in info and tuple(cmd[5:]) == SPARE_ARGUMENTS
        return ask(
            cmd[3:],
            folder=folder,
            environment=environment,
            files=(files[0], files[1]),
            litter=litter,
            spares=getattr(self.parent, "spares", 0) if fits_spare else 0,
        )

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: ARG002 (jupyter_client's interface)
        """Wait for the end rather than ask for it ten times a second."""
        if isinstance(self.process, Lease):
            await self.process.ended(SHUTDOWN_SECONDS)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel, and see it ended."""
        await super().kill(restart=restart)
        if isinstance(self.process, Lease):
            await self.process.ended(KILL_SECONDS)

    async def wait(self) -> int | None:
        """Wait until the kernel has ended."""
        if isinstance(self.process, Lease):
            status = await self.process.ended()
            self.process = None
        else:
            status = await super().wait()
        return status


def _descriptor(stream: Any, own: int) -> int:
    """Return the descriptor of what a process is given as standard output or error.

    Raises
    ------
    Unavailable
        It is to be a pipe: nobody here would read it.
    """
    if stream is None:
        return own
    if hasattr(stream, "fileno"):
        return int(stream.fileno())
    if stream in (subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL):
        raise Unavailable("its output is wanted through a pipe")
    return int(stream)
