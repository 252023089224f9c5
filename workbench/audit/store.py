"""Where runs are kept: ``runs/YYYY/MM/DD/<run id>/`` under the lake's metadata, one folder each, for good."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.audit.manifest import FILE_NAME, read_manifest
from workbench.model.errors import BadInput, LakeBroken
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from workbench.model.runs import RunManifest

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Damage:
    """A manifest that is there and cannot be used, with the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every run that has ended and can be read, oldest first, and every manifest that cannot."""

    runs: tuple[RunManifest, ...]
    damaged: tuple[Damage, ...]


def run_folder(metadata: Path, run_id: str, day: date) -> Path:
    """Return the folder of a run; nothing is made.

    Parameters
    ----------
    metadata : Path
        The lake's ``metadata/``.
    run_id : str
        Letters, digits, dot, dash and underscore, at most 128.
    day : date
        The session the run is about (a backfill's folders then lie by session, not all on one day).

    Raises
    ------
    BadInput
        The identifier would not stay one folder.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise BadInput(
            f"run id {run_id[:60]!r}: expected letters, digits, '.', '-' and '_', at most 128, starting with a letter or digit"
        )
    return metadata / "runs" / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}" / run_id


def shelf(metadata: Path, dataset: str | None = None, *, unfinished: bool = False) -> Shelf:
    """Read every manifest, in order of start and then identifier.

    Notes
    -----
    A run that has not ended is passed over unless ``unfinished`` ones are asked for. One that is
    damaged is returned as such, whatever dataset was asked for, and hides none of the others.
    """
    read: list[RunManifest] = []
    damaged: list[Damage] = []
    for path in sorted((metadata / "runs").glob(f"[0-9]*/[0-9]*/[0-9]*/*/{FILE_NAME}")):
        try:
            read.append(_in_its_place(metadata, path))
        except LakeBroken as error:
            damaged.append(Damage(path, str(error)))
    ended = (run for run in read if unfinished or run.outcome is not Outcome.UNFINISHED)
    wanted = (run for run in ended if dataset is None or run.dataset == dataset)
    return Shelf(tuple(sorted(wanted, key=lambda run: (run.started_at, run.id))), tuple(damaged))


def runs(metadata: Path, dataset: str | None = None) -> list[RunManifest]:
    """Return the runs that can be read, newest last; :func:`shelf` also says which cannot."""
    return list(shelf(metadata, dataset).runs)


def runs_of_session(metadata: Path, dataset: str, day: date) -> list[RunManifest]:
    """Return a session's runs that can be read, ended or not, newest last."""
    read: list[RunManifest] = []
    for path in (metadata / "runs" / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}").glob(f"*/{FILE_NAME}"):
        try:
            read.append(_in_its_place(metadata, path))
        except LakeBroken:  # told by shelf
            continue
    return sorted((run for run in read if run.dataset == dataset), key=lambda run: (run.started_at, run.id))


def find_run(metadata: Path, run_id: str) -> RunManifest:
    """Return a run by its id, ended or not.

    Raises
    ------
    BadInput
        There is none.
    LakeBroken
        Its manifest cannot be read.
    """
    found = sorted((metadata / "runs").glob(f"[0-9]*/[0-9]*/[0-9]*/{run_id}/{FILE_NAME}")) if _RUN_ID.fullmatch(run_id) else []
    if not found:
        raise BadInput(f"no run {run_id[:60]!r} is kept here; `workbench run` names its run when it ends")
    broken: LakeBroken | None = None
    for path in found:
        try:
            return _in_its_place(metadata, path)
        except LakeBroken as error:
            broken = error
    raise broken or LakeBroken(f"{found[0]}: cannot be read")


def _in_its_place(metadata: Path, path: Path) -> RunManifest:
    """Read a manifest that lies where its run belongs.

    Raises
    ------
    LakeBroken
        It cannot be read, or lies elsewhere: it is a copy.
    """
    manifest = read_manifest(path)
    belongs = run_folder(metadata, manifest.id, manifest.session)
    if path.parent != belongs:
        where = belongs.relative_to(metadata).as_posix()
        raise LakeBroken(f"{path}: run {manifest.id} of session {manifest.session} does not belong here but in {where}: a copy")
    return manifest


def latest(metadata: Path, dataset: str, *, before: datetime | None = None, outcome: Outcome | None = None) -> RunManifest | None:
    """Return a dataset's newest run, or None.

    Parameters
    ----------
    metadata : Path
    dataset : str
    before : datetime, optional
        UTC; only runs that started earlier.
    outcome : Outcome, optional
        Only runs that ended so.
    """
    wanted = (r for r in reversed(runs(metadata, dataset)) if before is None or r.started_at < before)
    return next((r for r in wanted if outcome is None or r.outcome is outcome), None)
