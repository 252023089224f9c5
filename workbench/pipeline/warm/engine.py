"""papermill's engine ``workbench``: the same executor and the same notebooks, in a kernel from a warm process.

papermill loads this module by its entry point, and while it is itself being imported; nobody else may.
"""

from __future__ import annotations

from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from workbench.pipeline.warm.managing import WarmManager


class WarmClient(PapermillNotebookClient):
    """Executes cells, and notes in the notebook where its kernel came from."""

    def papermill_execute_cells(self) -> None:
        """Execute all cells."""
        is_warm = getattr(self.km.provisioner, "is_warm", False)
        self.nb.metadata["workbench"] = {"kernel": "warm" if is_warm else "cold"}  # audit/notebooks.kernel_of reads it
        super().papermill_execute_cells()


class WarmEngine(NBClientEngine):
    """As papermill's own engine, with :class:`WarmManager`."""

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
            remove_args(["timeout", "startup_timeout", "input_path"], **kwargs),
            timeout=execution_timeout or kwargs.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            kernel_manager_class=WarmManager,
        )
        return WarmClient(nb_man, **settings).execute()
