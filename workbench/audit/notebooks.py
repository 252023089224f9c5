"""What an executed notebook says of itself: recorded values, declared parameters, where it failed."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.audit.packing import read_kept_file
from workbench.model.errors import BadInput

# What nbformat reads, or plain JSON: a NotebookNode is a dict, and no more is needed here.
Notebook = Mapping[str, Any]

MIME = "application/vnd.workbench.record+json"
RESOURCES = "application/vnd.workbench.resources+json"
"""Beside each recorded value: what the process had used by then."""
PARAMETERS = "parameters"
# Cells that papermill puts in: they are not part of the notebook a person wrote.
_PUT_IN = frozenset({"injected-parameters", "papermill-error-cell-tag"})

_LITERALS = "a number, a text, True, False, None, or a list, tuple, set or dict of these"


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook of format 4, plain or packed.

    Raises
    ------
    BadInput
        Not there, or not a notebook.
    """
    try:
        notebook: dict[str, Any] = json.loads(read_kept_file(path))
        cells = notebook["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: expected a Jupyter notebook, found something that cannot be read: {error}") from error
    if notebook.get("nbformat") != 4 or not isinstance(cells, list):
        raise BadInput(
            f"{path}: expected a notebook of format 4, found {notebook.get('nbformat')!r}; open and save it in JupyterLab"
        )
    return notebook


def records(notebook: Notebook | Path) -> dict[str, Any]:
    """Return what a notebook recorded: name -> JSON value.

    Parameters
    ----------
    notebook : mapping (a NotebookNode, or its JSON) or Path

    Returns
    -------
    dict
        Payloads ``{"name": str, "value": JSON}`` under our MIME type, in the order of cells and
        outputs; a name that comes again replaces the value from before. What is under the MIME
        type and has no such form is passed over.

    Raises
    ------
    BadInput
        The path does not lead to a notebook.
    """
    found: dict[str, Any] = {}
    for cell in _opened(notebook)["cells"]:
        for output in cell.get("outputs", []):
            payload = output.get("data", {}).get(MIME)
            if isinstance(payload, dict) and isinstance(payload.get("name"), str):
                found[payload["name"]] = _bare(payload.get("value"))
    return found


def resources_of(notebook: Notebook | Path) -> dict[str, float]:
    """Return what a notebook's process had used when it last recorded something; nothing if it never did."""
    outputs = (output for cell in _opened(notebook)["cells"] for output in cell.get("outputs", []))
    told = [output.get("data", {}).get(RESOURCES) for output in outputs]
    last: dict[str, float] = next((used for used in reversed(told) if isinstance(used, dict)), {})
    return dict(last)


def kernel_of(notebook: Notebook | Path) -> str:
    """Say where the kernel that executed a notebook came from: ``warm`` (forked) or ``cold`` (started for it)."""
    noted = _opened(notebook).get("metadata", {}).get("workbench", {})
    return "warm" if noted.get("kernel") == "warm" else "cold"


def _opened(notebook: Notebook | Path) -> Notebook:
    return read_notebook(notebook) if isinstance(notebook, Path) else notebook


def _bare(value: Any) -> Any:
    """Return plain dicts in place of nbformat's."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items()}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def declared_parameters(path: Path) -> dict[str, Any]:
    """Return the parameters a notebook declares, with their defaults.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        Name -> literal, in the order of the cell tagged ``parameters``.

    Raises
    ------
    BadInput
        Unreadable; no such cell or several; the cell holds anything but assignments of literals.
    """
    cells = read_notebook(path)["cells"]
    tagged = [i for i, cell in enumerate(cells) if PARAMETERS in _tags(cell)]
    if len(tagged) != 1:
        found = "none" if not tagged else f"{len(tagged)} (cells {', '.join(str(i) for i in tagged)})"
        raise BadInput(
            f"{path}: expected exactly one cell tagged '{PARAMETERS}', found {found}; tag it in JupyterLab's property inspector"
        )
    where = f"{path}, cell {tagged[0]}"
    try:
        statements = ast.parse(_source(cells[tagged[0]])).body
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{where}: the parameters cannot be parsed: {error}") from error
    return dict(_assignment(statement, where) for statement in statements)


def _assignment(statement: ast.stmt, where: str) -> tuple[str, Any]:
    where = f"{where}, line {statement.lineno}"
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    is_simple = isinstance(statement, ast.Assign | ast.AnnAssign) and len(targets) == 1 and isinstance(targets[0], ast.Name)
    if not is_simple or statement.value is None:  # type: ignore[attr-defined]
        raise BadInput(f"{where}: expected only 'name = value' or 'name: type = value', found '{ast.unparse(statement)[:60]}'")
    name = targets[0].id  # type: ignore[union-attr]
    try:
        return name, ast.literal_eval(statement.value)  # type: ignore[attr-defined]
    except (ValueError, TypeError) as error:
        raise BadInput(f"{where}: parameter '{name}' is not a literal; expected {_LITERALS}") from error


def failed_cell(notebook: Notebook | Path) -> tuple[int, str, str, str] | None:
    """Return where a notebook failed, or None.

    Returns
    -------
    tuple or None
        Index of the cell in the notebook as it was written (from 0; cells that papermill put in
        are not counted), first line of its source that is not empty, name and text of the error.
    """
    index = -1
    for cell in _opened(notebook)["cells"]:
        is_written = _PUT_IN.isdisjoint(_tags(cell))
        index += is_written
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                source = next((line.strip() for line in _source(cell).splitlines() if line.strip()), "")
                return max(index, 0), source, str(output.get("ename", "")), str(output.get("evalue", ""))
    return None


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags = cell.get("metadata", {}).get("tags", [])
    return list(tags) if isinstance(tags, list) else []


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)
