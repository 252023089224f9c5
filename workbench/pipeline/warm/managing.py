"""Starting and ending one kernel that nobody else speaks to, without pauses."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final

from jupyter_client.manager import AsyncKernelManager

from workbench.pipeline.warm.client import PromptClient
from workbench.pipeline.warm.provisioner import PROVISIONER

if TYPE_CHECKING:
    from jupyter_client.kernelspec import KernelSpec

SPARES: Final = 2
"""Kernels held ready: one notebook's end and the next one's begin overlap."""


class PromptManager(AsyncKernelManager):
    """Starts and ends a kernel at once: no pauses between steps, no interrupt of an idle kernel."""

    client_factory = PromptClient

    async def start_kernel(self, **kwargs: Any) -> None:
        """Start the kernel."""
        self._attempted_start = True
        command, rest = await self._async_pre_start_kernel(**kwargs)
        await self._async_launch_kernel(command, **rest)
        await self._async_post_start_kernel(**rest)

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """End the kernel: politely, or at once."""
        self.shutting_down = True
        self.stop_restarter()
        if now:
            await self._async_kill_kernel()
        else:
            await self._async_request_shutdown(restart=restart)
            await self._async_finish_shutdown(restart=restart)
        await self._async_cleanup_resources(restart=restart)


class WarmManager(PromptManager):
    """Gets any Python kernel of this interpreter from the warm process, whatever its kernelspec says of a provisioner."""

    spares = SPARES

    @property
    def kernel_spec(self) -> KernelSpec | None:
        """The kernel's specification, with the provisioner of warm kernels."""
        spec: KernelSpec | None = super().kernel_spec
        if spec is None:
            return None
        warm = copy(spec)
        warm.metadata = spec.metadata | {"kernel_provisioner": {"provisioner_name": PROVISIONER}}
        return warm
