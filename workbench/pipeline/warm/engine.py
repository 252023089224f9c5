"""papermill's engine ``workbench``: the same executor and the same notebooks, in a kernel from a warm process or a cold one.

papermill loads this module by its entry point, and while it is itself being imported; nobody else may.
"""

from __future__ import annotations

from typing import Any, Final

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from workbench.pipeline.warm.managing import PromptManager, WarmManager

MOST_CHARACTERS: Final = 2_000_000
"""Of what a cell prints; a notebook that holds more opens nowhere."""
CUT: Final = "\n[what this cell printed beyond {:,} characters was not kept]\n"


class WorkbenchClient(PapermillNotebookClient):
    """Executes cells, notes in the notebook where its kernel came from, and keeps no more output than a person can look at."""

    def papermill_execute_cells(self) -> None:
        """Execute all cells."""
        is_warm = getattr(self.km.provisioner, "is_warm", False)
        self.nb.metadata["workbench"] = {"kernel": "warm" if is_warm else "cold"}  # audit/notebooks.kernel_of reads it
        self.printed: dict[int, int] = {}
        super().papermill_execute_cells()

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel's; what is printed in pieces becomes one output, cut where it is too much.

        Notes
        -----
        nbclient's own ``coalesce_streams`` takes time in the square of a line's length.
        """
        if msg["msg_type"] == "stream":
            before = self.printed.get(cell_index, 0)
            if before > MOST_CHARACTERS:
                return None
            self.printed[cell_index] = before + len(msg["content"]["text"])
            if self.printed[cell_index] > MOST_CHARACTERS:
                msg["content"]["text"] = msg["content"]["text"][: MOST_CHARACTERS - before] + CUT.format(MOST_CHARACTERS)
        output = super().process_message(msg, cell, cell_index)
        return _joined(cell.outputs) if msg["msg_type"] == "stream" else output


def _joined(outputs: list[Any]) -> Any:
    """Join the last output to the one before where both were printed to the same stream; return the last."""
    if (
        len(outputs) > 1
        and all(o["output_type"] == "stream" for o in outputs[-2:])
        and outputs[-1]["name"] == outputs[-2]["name"]
    ):
        outputs[-2]["text"] += outputs.pop()["text"]
    return outputs[-1] if outputs else None


class WorkbenchEngine(NBClientEngine):
    """As papermill's own engine, with kernels that start and end without pauses, from a warm process unless ``is_cold``."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute a parameterised notebook."""
        settings = merge_kwargs(
            remove_args(["timeout", "startup_timeout", "input_path", "is_cold"], **kwargs),
            timeout=execution_timeout or kwargs.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            kernel_manager_class=PromptManager if kwargs.get("is_cold") else WarmManager,
        )
        return WorkbenchClient(nb_man, **settings).execute()
