"""Verifying a lab: everything against its seals, the chains against heads kept elsewhere, the index against the manifests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.audit.seals import head_document
from workbench.audit.signing import canonical, is_signed, signature
from workbench.audit.store import shelf
from workbench.audit.verifying import Problem, Verified, against_head, verify_all, verify_run
from workbench.lab.contracts import read_text
from workbench.lab.history import rows_of
from workbench.lake import Zone
from workbench.lake.run_history import RUN, datasets_with_runs, history_table, read_runs
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from workbench.lab.lab import Lab


def verified(lab: Lab, run: str | None, *, head: Path | None = None, public_key: Path | None = None) -> Verified:
    """Verify a run, or everything.

    Parameters
    ----------
    lab : Lab
    run : str, optional
        None: everything.
    head : Path, optional
        Heads that were kept elsewhere.
    public_key : Path, optional
        Whose signature every seal must carry, and the heads where they are given.

    Raises
    ------
    BadInput
        There is no such run, or a file that cannot be used.
    """
    found = verify_all(lab.lake, public_key=public_key) if run is None else verify_run(lab.lake, run, public_key=public_key)
    if run is None:
        found.problems += _index(lab)
    if head is not None:
        found.problems += _head(lab, head, public_key)
    return found


def _head(lab: Lab, path: Path, public_key: Path | None) -> list[Problem]:
    try:
        document = json.loads(read_text(path, "file of heads"))
    except ValueError as error:
        raise BadInput(f"{path}: expected JSON as 'workbench audit head --json' writes it: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}: expected JSON as 'workbench audit head --json' writes it")
    problems = against_head(lab.lake, document)
    if public_key is not None and not is_signed(canonical(document), str(document.get("signature", "")), public_key):
        problems.append(Problem("not signed", str(path), f"the heads carry no signature by the holder of {public_key.name}"))
    return problems


def _index(lab: Lab) -> list[Problem]:
    """Compare the index of runs with what their manifests say; it can be made again at any time."""
    problems: list[Problem] = []
    for name in datasets_with_runs(lab.lake):
        said = rows_of(shelf(lab.lake.zone(Zone.METADATA), name).runs).sort("recorded_at", RUN)
        if not _is_read(lab, name, said):
            told = "the index of runs does not say what their manifests say; workbench audit runs --rebuild makes it again"
            problems.append(Problem("altered", str(history_table(name)), told))
    return problems


def _is_read(lab: Lab, dataset: str, said: pl.DataFrame) -> bool:
    """Whether the index can be read, and says what manifests say."""
    try:
        return said.equals(read_runs(lab.lake, dataset))
    except LakeBroken:
        return False


def heads(lab: Lab, *, sign: Path | None = None) -> dict[str, Any]:
    """Return the heads of all chains, signed where a key is given.

    Raises
    ------
    BadInput
        The key cannot be used.
    """
    document = head_document(lab.lake.zone(Zone.METADATA), at=datetime.now(UTC).isoformat())
    return document if sign is None else {**document, "signature": signature(canonical(document), sign)}


def verification_document(found: Verified) -> dict[str, Any]:
    """Return what ``workbench audit verify --json`` prints."""
    return {
        "schema": "workbench.verification/1",
        "is_sound": not found.problems,
        "seals": found.seals,
        "files": found.files,
        "size_bytes": found.size_bytes,
        "notes": found.notes,
        "problems": [{"what": p.what, "path": p.path, "says": p.says} for p in found.problems],
    }
