"""Speaking to a kernel without waits of a fixed length."""

from __future__ import annotations

import time
from queue import Empty
from typing import Any, Final

from jupyter_client.asynchronous import AsyncKernelClient

FIRST_PATIENCE: Final = 0.05
LONGEST_PATIENCE: Final = 1.0


class PromptClient(AsyncKernelClient):
    """A client that knows a kernel to be ready by its own question: answered, and heard to be answered.

    Notes
    -----
    jupyter_client ends with a wait of 200 ms for messages that may still come. That the status of our own question has
    come proves that the subscription works and that nothing older is on its way.
    """

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        ends, patience = time.monotonic() + (timeout if timeout is not None else float("inf")), FIRST_PATIENCE
        while not await self._is_heard(self.kernel_info(), patience):
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > ends:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")
            patience = min(2 * patience, LONGEST_PATIENCE)

    wait_for_ready = _async_wait_for_ready

    async def _is_heard(self, asked: str, patience: float) -> bool:
        """Wait for the reply to a question, and for the word that the kernel is idle behind it."""
        until = time.monotonic() + patience
        reply = await _message(self.shell_channel, until, lambda m: m["parent_header"].get("msg_id") == asked)
        if reply is None:
            return False
        self._handle_kernel_info_reply(reply)
        idle = await _message(
            self.iopub_channel,
            until,
            lambda m: m["parent_header"].get("msg_id") == asked and m["content"].get("execution_state") == "idle",
        )
        return idle is not None


async def _message(channel: Any, until: float, is_wanted: Any) -> dict[str, Any] | None:
    """Return the first wanted message of a channel; None where it does not come in time."""
    while (left := until - time.monotonic()) > 0:
        try:
            message: dict[str, Any] = await channel.get_msg(timeout=left)
        except Empty:
            return None
        if is_wanted(message):
            return message
    return None
