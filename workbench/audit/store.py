"""Where runs are kept: ``runs/YYYY/MM/DD/<run id>/`` under the lake's metadata, one folder each, for good."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.audit.manifest import FILE_NAME, read_manifest
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from workbench.model.runs import Outcome, RunManifest

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Damage:
    """A manifest that is there and cannot be used, with the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every run that can be read, oldest first, and every manifest that cannot."""

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


def shelf(metadata: Path, dataset: str | None = None) -> Shelf:
    """Read every manifest, in order of start and then identifier.

    Notes
    -----
    A folder without a manifest is a run that has not ended and is passed over. One that is
    damaged is returned as such, whatever dataset was asked for, and hides none of the others.
    """
    read: list[RunManifest] = []
    damaged: list[Damage] = []
    for path in sorted((metadata / "runs").glob(f"[0-9]*/[0-9]*/[0-9]*/*/{FILE_NAME}")):
        try:
            read.append(read_manifest(path))
        except LakeBroken as error:
            damaged.append(Damage(path, str(error)))
    wanted = (run for run in read if dataset is None or run.dataset == dataset)
    return Shelf(tuple(sorted(wanted, key=lambda run: (run.started_at, run.id))), tuple(damaged))


def runs(metadata: Path, dataset: str | None = None) -> list[RunManifest]:
    """Return the runs that can be read, newest last; :func:`shelf` also says which cannot."""
    return list(shelf(metadata, dataset).runs)


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
