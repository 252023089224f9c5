"""A lab as it was for one run: the same raw files, versions of tables, contract and notebooks, in a place of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.seals import find_seal, read_kept
from workbench.lab.arrivals import Arrival
from workbench.lab.contracts import SETTINGS_FILE
from workbench.lab.fingerprint import PACKAGE as INSTALLED
from workbench.lab.sealing import BESIDE, CONTRACT, NOTEBOOK, PACKAGE
from workbench.lake import Lake, TableRef, Zone, receipts
from workbench.lake.contents import files_of
from workbench.lake.raw import receipt_path
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from workbench.audit.seals import Seal
    from workbench.lab.lab import Lab
    from workbench.model.runs import RunManifest

MARK: Final = "replay.json"
"""In the metadata zone of a lab that replays a run: what its sources offered then. They are not asked again."""
CODE: Final = "code"


@dataclass(frozen=True, slots=True)
class Stage:
    """A scratch lab, ready for a run to be replayed.

    Attributes
    ----------
    code
        The folder that holds the package the run is replayed with.
    stages
        Those the run executed.
    """

    root: Path
    code: Path
    notebooks: Path
    stages: tuple[str, ...]


def set_up(lab: Lab, manifest: RunManifest, scratch: Path, *, current_code: bool = False, is_kept: bool = False) -> Stage:
    """Make a scratch lab in which a run can be done again; the lab itself is only read.

    Parameters
    ----------
    lab : Lab
    manifest : RunManifest
    scratch : Path
        An empty folder.
    current_code : bool
        With the package and the notebooks of today.
    is_kept : bool
        Whether it stays: then files are copied, as somebody may write into it; else they are linked.

    Raises
    ------
    BadInput
        The run was never sealed, or something that it was made from was not sealed with it.
    LakeBroken
        Something that was sealed is missing, or is not what it was.
    """
    seal = find_seal(lab.lake.zone(Zone.METADATA), manifest.id)
    stages = tuple(stage.name for stage in manifest.stages if stage.outcome is not Outcome.NOT_RUN)
    if not stages:
        raise BadInput(f"run {manifest.id} executed no stage; there is nothing to replay")
    kernel = json.dumps(lab.settings.kernel)
    (scratch / SETTINGS_FILE).write_text(f'lake = "data"\ncontracts = "contracts"\nnotebooks = "notebooks"\nkernel = {kernel}\n')
    _write(_inside(scratch, f"contracts/{manifest.dataset}.toml"), _kept(lab, seal, CONTRACT))
    for name in (name for name in seal.made_from if name.startswith(BESIDE)):
        _write(_inside(scratch, name.removeprefix(BESIDE)), _kept(lab, seal, name))
    notebooks = scratch / "notebooks" / "stages"
    for stage in stages:
        content = (lab.stages / f"{stage}.ipynb").read_bytes() if current_code else _kept(lab, seal, f"{NOTEBOOK}{stage}")
        _write(_inside(notebooks, f"{stage}.ipynb"), content)
    _fill(lab.lake, Lake(scratch / "data").create(), manifest, shutil.copy2 if is_kept else _linked)
    code = INSTALLED.parent
    if not current_code:
        code = scratch / CODE
        with zipfile.ZipFile(io.BytesIO(_kept(lab, seal, PACKAGE))) as archive:
            archive.extractall(code)
    return Stage(scratch, code, notebooks, stages)


def _kept(lab: Lab, seal: Seal, name: str) -> bytes:
    if name not in seal.made_from:
        hint = "; --with-current-code replays it with today's" if name == PACKAGE or name.startswith(NOTEBOOK) else ""
        raise BadInput(f"run {seal.run}: its {name.replace(':', ' ')} was not sealed, it had changed by then{hint}")
    return read_kept(lab.lake.zone(Zone.METADATA), seal.made_from[name], name)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _inside(root: Path, name: str) -> Path:
    """Return a path below a folder; a seal or a manifest that was altered must not lead out of it.

    Raises
    ------
    BadInput
        It would.
    """
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise BadInput(f"{name[:80]!r}: expected a path inside the lab; the seal or the manifest was altered")
    return path


def _fill(lake: Lake, scratch: Lake, manifest: RunManifest, put: Callable[[Path, Path], object]) -> None:
    """Put the arrivals that the run knew, and the versions it began with, into the scratch lake."""
    measured = {name: value for stage in manifest.stages for name, value in stage.measured.items()}
    known = {*manifest.inputs["arrivals"], *measured.get("transformed", {}).get("receipts", ())}
    arrived = [receipt for receipt in receipts(lake, manifest.dataset) if receipt.id in known]
    files = [path for receipt in arrived for path in (lake.root / receipt.path, receipt_path(lake, receipt))]
    for path in (*files, *_tables(lake, manifest)):
        target = _inside(scratch.root, path.relative_to(lake.root).as_posix())
        target.parent.mkdir(parents=True, exist_ok=True)
        put(path, target)
    offered = [{"id": arrival["id"], "is_new": arrival["is_new"]} for arrival in measured.get("arrivals", ())]
    (scratch.zone(Zone.METADATA) / MARK).write_text(json.dumps({"run": manifest.id, "arrivals": offered}))


def _tables(lake: Lake, manifest: RunManifest) -> Iterator[Path]:
    for name, version in manifest.versions.get("in", {}).items():
        if version is not None:
            yield from (path for path in files_of(lake, TableRef.named(name), after=-1, until=version) if path.is_file())


def _linked(source: Path, target: Path) -> None:
    """Make a file appear in the scratch lake; nothing there is ever written to in place, so a link is as good as a copy."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:  # another file system
        shutil.copy2(source, target)


def replayed_arrivals(lake: Lake, dataset: str) -> tuple[Arrival, ...] | None:
    """Return what a replayed run's sources offered; None in a lab that replays nothing.

    Raises
    ------
    BadInput
        The run's sources offered nothing then.
    """
    mark = lake.zone(Zone.METADATA) / MARK
    if not mark.is_file():
        return None
    offered: Iterable[dict[str, Any]] = json.loads(mark.read_text())["arrivals"]
    known = {receipt.id: receipt for receipt in receipts(lake, dataset)}
    found = tuple(Arrival(known[o["id"]], is_new=o["is_new"]) for o in offered if o["id"] in known)
    if not found and not known:
        raise BadInput(f"dataset {dataset}: its sources offered nothing then")
    return found
