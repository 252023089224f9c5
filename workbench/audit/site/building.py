"""A site built, or brought up to date: what has not changed is left alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from workbench.audit.shared import PATTERN, share_plotly
from workbench.audit.site.pages import card_of, pages_of
from workbench.audit.site.writing import Page, Writer, known_pages, put, site_script
from workbench.audit.store import run_folder
from workbench.lake import Zone
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from workbench.audit.site.facts import Facts
    from workbench.lake import Lake

REPORT: Final = "report.html"


@dataclass(frozen=True, slots=True)
class Built:
    """What was done: pages in all, written now, taken away; reports copied now."""

    pages: int
    written: int
    removed: int
    reports: int


def build(lake: Lake, folder: Path, datasets: Sequence[Facts], *, damaged: Sequence[str] = ()) -> Built:
    """Build a site, or bring it up to date.

    Parameters
    ----------
    lake : Lake
        Whose reports are copied.
    folder : Path
        Made if it is not there.
    datasets : sequence of Facts
        Those without runs are left out.
    damaged : sequence of str
        What could not be read; told on the first page.

    Raises
    ------
    BadInput
        The folder cannot be written to, or holds something else.
    """
    known = known_pages(folder)
    if folder.is_dir() and not known and any(folder.iterdir()):
        raise BadInput(f"{folder}: expected an empty folder, or a site that was built before; name another place")
    try:
        return _build(lake, folder, datasets, known, damaged)
    except OSError as error:
        raise BadInput(f"{folder}: the site cannot be written: {error.strerror or error}; name another place") from error


def _build(lake: Lake, folder: Path, datasets: Sequence[Facts], known: dict[str, str], damaged: Sequence[str]) -> Built:
    script = site_script().encode()
    name = f"site-{sha256(script).hexdigest()[:16]}.js"
    put(folder / name, script)
    reports = _Reports(lake.zone(Zone.METADATA), folder)
    writer = Writer(folder, share_plotly(folder / "runs"), name, known)
    shown = [facts for facts in datasets if len(facts.runs)]
    for facts in shown:
        for page in pages_of(facts, reports.copied):
            writer.write(page)
    last = max((facts.sessions["session"][-1] for facts in shown), default=None)
    cards, total = [card_of(facts) for facts in shown], sum(len(facts.runs) for facts in shown)
    first = {"cards": cards, "total": total, "damaged": list(damaged)}
    writer.write(Page("index.html", "site_index.html.j2", {**first, "last": last.isoformat() if last else None}))
    for other in (path for path in folder.glob("site-*.js") if path.name != name):
        other.unlink()
    return Built(len(writer.seen), writer.written, writer.finish(), reports.count)


class _Reports:
    """Reports of runs, copied once, beside the scripts that they name."""

    def __init__(self, metadata: Path, folder: Path) -> None:
        self.metadata = metadata
        self.folder = folder
        self.count = 0
        self.places: dict[str, str | None] = {}
        for script in (metadata / "runs").glob(PATTERN):
            if not (folder / "runs" / script.name).exists():
                (folder / "runs").mkdir(parents=True, exist_ok=True)
                shutil.copyfile(script, folder / "runs" / script.name)

    def copied(self, run: str, session: date) -> str | None:
        """Return where a run's report lies in the site, copied if it was not there as it is; None where the run has none."""
        if run not in self.places:
            self.places[run] = self._copy(run_folder(self.metadata, run, session) / REPORT)
        return self.places[run]

    def _copy(self, source: Path) -> str | None:
        try:
            size = source.stat().st_size
        except OSError:
            return None
        place = source.relative_to(self.metadata).as_posix()
        target = self.folder / place
        if not target.is_file() or target.stat().st_size != size or target.stat().st_mtime < source.stat().st_mtime:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            self.count += 1
        return place
