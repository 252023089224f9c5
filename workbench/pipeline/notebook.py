"""One notebook, executed by papermill: refused before it runs when it would run on the wrong values."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.notebooks import declared_parameters, failed_cell, kernel_of, records, resources_of
from workbench.audit.privacy import Cleaner, clean_notebook
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.failures import Category, category_of_named
from workbench.model.runs import Outcome, StageRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from traitlets.config import Config

ENGINE: Final = "workbench"
"""papermill's name for our engine (``warm/engine.py``), as ``pyproject.toml`` registers it."""
MOST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Execution:
    """What to execute, where to keep it, and in which kernel.

    Attributes
    ----------
    is_cold
        Start a kernel of its own from nothing, rather than have a warm process fork one.
    timeout
        Seconds a cell may take.
    """

    notebook: Path
    output: Path
    parameters: Mapping[str, Any]
    kernel: str
    folder: Path
    is_cold: bool = False
    timeout: int | None = None


def refuse_wrong_parameters(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a notebook does not declare.

    papermill itself only warns, and runs on with the defaults.

    Raises
    ------
    BadInput
        The notebook is not there, declares no parameters, or not these.
    """
    declared = declared_parameters(notebook)
    for name in parameters:
        if name not in declared:
            hint = did_you_mean(name, declared)
            raise BadInput(
                f"{notebook.name}: parameter '{name}' is not declared; its parameters cell has {', '.join(declared)}{hint}"
            )


def execute(execution: Execution) -> StageRecord:
    """Execute a notebook and keep what came of it, complete or partial.

    Returns
    -------
    StageRecord
        With the error in one line where a cell raised.

    Notes
    -----
    papermill saves in place while it runs; here it writes a temporary file, published in one step.
    """
    import papermill as pm

    name = execution.notebook.stem
    temporary = execution.output.with_name(f".{name}.partial.ipynb")
    started = time.perf_counter()
    error: str | None = None
    category: Category | None = None
    try:
        pm.execute_notebook(
            str(execution.notebook),
            str(temporary),
            parameters=dict(execution.parameters),
            kernel_name=execution.kernel,
            cwd=str(execution.folder),
            engine_name=ENGINE,
            is_cold=execution.is_cold,
            progress_bar=False,
            request_save_on_cell_execute=False,
            execution_timeout=execution.timeout,
            config=_kernel_config(),
        )
    except pm.PapermillExecutionError as failure:
        error = Cleaner(execution.folder).text(_one_line(temporary) or f"{failure.ename}: {failure.evalue}")
        category = category_of_named(failure.ename, str(failure.evalue))
    except (RuntimeError, TimeoutError) as failure:  # the kernel died, never came up, or did not end
        error = f"the kernel failed: {' '.join(str(failure).split())[:MOST_TEXT]}"
        category = category_of_named(type(failure).__name__, "")
    seconds = round(time.perf_counter() - started, 3)
    told = category.value if category else None
    if not temporary.exists():
        return StageRecord(name, Outcome.FAILED, seconds, error=error, category=told)
    clean_notebook(temporary, execution.folder)
    temporary.replace(execution.output)
    return StageRecord(
        name=name,
        outcome=Outcome.FAILED if error else Outcome.DONE,
        seconds=seconds,
        notebook=execution.output.name,
        sha256=sha256(execution.output.read_bytes()).hexdigest(),
        error=error,
        category=told,
        resources=resources_of(execution.output),
        kernel=kernel_of(execution.output),
        measured=records(execution.output),
    )


def _kernel_config() -> Config:
    """Speak to kernels through files rather than ports, where the system has them."""
    from traitlets.config import Config

    return Config() if sys.platform == "win32" else Config({"KernelManager": {"transport": "ipc"}})


def _one_line(notebook: Path) -> str | None:
    failed = failed_cell(notebook)
    if failed is None:
        return None
    index, source, ename, evalue = failed
    return f"cell {index} ({source}): {ename}: {' '.join(evalue.split())}"
