"""Whether everything is still what was sealed: every file that is not is named, with what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from workbench.audit.packing import SUFFIX, packed_digest, packed_name
from workbench.audit.seals import (
    SIGNATURE,
    Link,
    Seal,
    chain_folder,
    chained_datasets,
    is_as_named,
    kept_folder,
    links,
    number_of,
    read_link,
    run_of,
)
from workbench.audit.shared import PATTERN
from workbench.audit.shared import is_as_named as is_as_its_name
from workbench.audit.signing import is_signed
from workbench.audit.store import run_folder, shelf
from workbench.lake import TableRef, Zone
from workbench.lake.contents import digest, is_receipt, log_files, raw_files
from workbench.model.contract import DATASET_PATTERN
from workbench.model.errors import BadInput, LakeBroken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from workbench.lake import Lake

ALTERED, MISSING, INSERTED, DAMAGED = "altered", "missing", "inserted", "cannot be read"
ABSENT: Final = "absent"
"""What a seal says of a file that was gone before."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was sealed.

    Attributes
    ----------
    what
        ``altered``, ``missing``, ``inserted``, ``reordered``, ``cannot be read``, ``not signed``, ``cut``.
    path
        The file, relative to the lake.
    says
        What was expected, and by whom.
    """

    what: str
    path: str
    says: str


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong with it; ``notes`` say what is odd, and no sign of tampering."""

    seals: int = 0
    files: int = 0
    size_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Look:
    """A lake that is being looked through; each file is hashed once."""

    lake: Lake
    found: Verified
    hashes: dict[Path, str | None] = field(default_factory=dict)
    told: set[Problem] = field(default_factory=set)

    def hash_of(self, path: Path) -> str | None:
        """Return a file's hash; None where it is not there, or cannot be read."""
        if path not in self.hashes:
            try:
                there = path if path.is_file() else packed_name(path)
                self.hashes[path] = digest(path) if there is path else packed_digest(path)
                self.found.files += 1
                self.found.size_bytes += there.stat().st_size
            except OSError:
                self.hashes[path] = None
        return self.hashes[path]

    def tell(self, what: str, path: Path, says: str) -> None:
        """Add a problem, once."""
        named = path.relative_to(self.lake.root).as_posix() if path.is_relative_to(self.lake.root) else str(path)
        problem = Problem(what, named, says)
        if problem not in self.told:
            self.told.add(problem)
            self.found.problems.append(problem)

    def compare(self, path: Path, expected: str, says: str) -> None:
        """Compare a file with the hash that was sealed."""
        if expected == ABSENT:
            return
        found = self.hash_of(path)
        if found is None and packed_name(path).is_file():
            self.tell(DAMAGED, packed_name(path), f"{says}; what is packed is damaged")
        elif found is None:
            self.tell(MISSING, path, says)
        elif found != expected:
            self.tell(ALTERED, path, f"{says}; expected sha256 {expected[:16]}…, found {found[:16]}…")


def verify_all(lake: Lake, datasets: Iterable[str] | None = None, *, public_key: Path | None = None) -> Verified:
    """Look through all that was sealed of some datasets (None: of all that have runs or seals).

    Raises
    ------
    BadInput
        The public key cannot be used.
    """
    _require_key(public_key)
    metadata, found = lake.zone(Zone.METADATA), Verified()
    held = shelf(metadata)
    for damage in held.damaged:
        look = _Look(lake, found)
        look.tell(DAMAGED, damage.path, damage.reason.split(": ", 1)[-1])
    look = _Look(lake, found)
    for path in sorted((metadata / "runs").glob(PATTERN)):
        if not is_as_its_name(path, look.hash_of(path) or ""):
            look.tell(ALTERED, path, "the script that draws the figures of reports is not what its name says")
    if not any((metadata / "runs").glob(PATTERN)) and any((metadata / "runs").glob("[0-9]*/[0-9]*/[0-9]*/*/report.html")):
        look.tell(MISSING, metadata / "runs" / PATTERN, "reports draw their figures with it; the next run writes it again")
    names = sorted({*chained_datasets(metadata), *(run.dataset for run in held.runs)}) if datasets is None else list(datasets)
    for name in names:
        look = _Look(lake, found)
        chain = _chain(look, name, public_key)
        _runs(look, chain)
        _objects(look, chain)
        _inserted(
            look, name, chain, {run.id: run_folder(metadata, run.id, run.session) for run in held.runs if run.dataset == name}
        )
    return found


def verify_run(lake: Lake, run_id: str, *, public_key: Path | None = None) -> Verified:
    """Look through all that a run could see, and all that it left.

    Raises
    ------
    BadInput
        No seal names that run, or the public key cannot be used.
    """
    _require_key(public_key)
    metadata, found = lake.zone(Zone.METADATA), Verified()
    for name in chained_datasets(metadata):
        places = [number_of(path) for path in links(metadata, name) if run_of(path) == run_id]
        if places:
            look = _Look(lake, found)
            chain = _chain(look, name, public_key)
            _runs(look, [link for link in chain if link.seal.run == run_id])
            _objects(look, [link for link in chain if link.seal.number <= places[-1]])
            return found
    raise BadInput(
        f"no seal names a run '{run_id[:60]}'; workbench audit runs lists runs, workbench audit seal seals those left out"
    )


def _require_key(public_key: Path | None) -> None:
    """Refuse a key that cannot be used before anything is looked at."""
    if public_key is not None:
        is_signed(b"", "", public_key)


def _chain(look: _Look, dataset: str, public_key: Path | None) -> list[Link]:
    """Read a chain, and tell where it is broken."""
    metadata, read = look.lake.zone(Zone.METADATA), []
    before: tuple[int, Link | None] = (-1, None)
    for path in links(metadata, dataset):
        look.found.seals += 1
        number = number_of(path)
        for gap in range(before[0] + 1, number):
            look.tell(MISSING, chain_folder(metadata, dataset) / f"{gap:08d}", f"there is no seal {gap} of {dataset}")
        try:
            link = read_link(path)
        except LakeBroken as error:
            look.tell(DAMAGED, path, str(error).split(": ", 1)[-1])
            before = (number, None)
            continue
        _link(look, link, dataset, before)
        _signed(look, link, public_key)
        read.append(link)
        before = (number, link)
    return read


def _link(look: _Look, link: Link, dataset: str, before: tuple[int, Link | None]) -> None:
    """Compare a seal with its own name, and with the one before it."""
    number, last = before
    if not is_as_named(link) or link.seal.dataset != dataset:
        look.tell(ALTERED, link.path, "the seal is not what its name says")
    if number_of(link.path) == number:
        look.tell(INSERTED, link.path, f"there are two seals {number}")
    elif last is not None and number_of(link.path) == number + 1 and link.seal.previous != last.sha256:
        names = f"seal {link.seal.number} expects another before it: one was altered, put in, or moved"
        look.tell("reordered", last.path, names)
    elif last is not None and link.seal.sealed_at < last.seal.sealed_at:
        look.found.notes.append(
            f"{link.path.name}: sealed at {link.seal.sealed_at}, before seal {number}: the clock was set back"
        )
    elif number == -1 and link.seal.number == 0 and link.seal.previous is not None:
        look.tell("reordered", link.path, "the first seal expects another before it")


def _signed(look: _Look, link: Link, public_key: Path | None) -> None:
    if public_key is None:
        return
    path = link.path.with_name(link.path.name + SIGNATURE)
    try:
        is_good = is_signed(link.path.read_bytes(), path.read_text("ascii").strip(), public_key)
    except (OSError, UnicodeDecodeError):
        is_good = False
    if not is_good:
        look.tell("not signed", link.path, f"the seal carries no signature by the holder of {public_key.name}")


def _runs(look: _Look, chain: list[Link]) -> None:
    """Compare what runs left with their last seals: one that was taken up again has several."""
    metadata = look.lake.zone(Zone.METADATA)
    latest = {link.seal.run: link.seal for link in chain}
    for seal in latest.values():
        folder = _folder(metadata, seal)
        for name, expected in seal.files.items():
            look.compare(folder / name, expected, f"run {seal.run} of {seal.dataset} {seal.session} left it")
        there = folder.iterdir() if folder.is_dir() else ()
        named = {*seal.files, *(f"{name}{SUFFIX}" for name in seal.files if not (folder / name).is_file())}
        for path in sorted(p for p in there if p.name not in named and not p.name.startswith(".")):
            look.tell(INSERTED, path, f"run {seal.run} did not leave it")


def _folder(metadata: Path, seal: Seal) -> Path:
    year, month, day = seal.session.split("-")
    return metadata / "runs" / year / month / day / seal.run


def _objects(look: _Look, chain: list[Link]) -> None:
    """Compare raw files, files of tables, and what is kept, with what seals say."""
    kept = kept_folder(look.lake.zone(Zone.METADATA))
    for link in chain:
        for name, expected in link.seal.objects.items():
            look.compare(look.lake.root / name, expected, f"sealed with run {link.seal.run}")
        for what, expected in link.seal.made_from.items():
            look.compare(kept / expected, expected, f"the {what.replace(':', ' ')} of run {link.seal.run}")


def _inserted(look: _Look, dataset: str, chain: list[Link], folders: dict[str, Path]) -> None:
    """Tell of what is there and was never sealed, among what is older than the last seal."""
    sealed = {link.seal.run for link in chain}
    for run_id, folder in folders.items():
        if run_id not in sealed:
            look.tell(INSERTED, folder, f"no seal names this run of {dataset}: put in, or never sealed (workbench audit seal)")
    if not chain:
        return
    known = {look.lake.root / name for link in chain for name in link.seal.objects}
    for table, version in chain[-1].seal.tables.items():
        logs = log_files(look.lake, TableRef.named(table), after=-1, until=version)
        for path in (path for paths in logs.values() for path in paths if path not in known):
            look.tell(INSERTED, path, f"no seal names it, and {table} is sealed up to version {version}")
    for path in (path for path in raw_files(look.lake, dataset) if is_receipt(path) and path not in known):
        _receipt(look, path, chain[-1].seal.arrived_until)


def _receipt(look: _Look, path: Path, arrived_until: str) -> None:
    """Tell of an arrival that no seal names and that says to have come before the last one that is named."""
    try:
        told = json.loads(path.read_text("utf-8"))
        came = datetime.fromisoformat(told["received_at"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError) as error:
        look.tell(DAMAGED, path, f"expected a receipt: {error}")
        return
    if f"{came:%Y-%m-%dT%H:%M:%S.%f} {told.get('id')}" <= arrived_until:
        look.tell(INSERTED, path, "no seal names this arrival, and later ones are sealed")


def _is_head(entry: tuple[object, object]) -> bool:
    """Whether a dataset's head says all that is looked at."""
    name, told = entry
    is_named = isinstance(name, str) and re.fullmatch(DATASET_PATTERN, name) is not None
    return is_named and isinstance(told, dict) and isinstance(told.get("number"), int) and {"run", "sha256"} <= set(told)


def against_head(lake: Lake, document: dict[str, Any]) -> list[Problem]:
    """Compare chains with heads that were kept elsewhere: whether they still contain them.

    Raises
    ------
    BadInput
        The document is none that ``workbench audit head`` writes.
    """
    heads = document.get("heads")
    if document.get("schema") != "workbench.head/1" or not isinstance(heads, dict) or not all(map(_is_head, heads.items())):
        raise BadInput(f"expected heads as 'workbench audit head --json' writes them, found schema {document.get('schema')!r}")
    look = _Look(lake, Verified())
    metadata = lake.zone(Zone.METADATA)
    for name, told in document["heads"].items():
        chain = links(metadata, name)
        there = [path for path in chain if number_of(path) == told["number"]]
        if not there:
            look.tell(
                "cut", chain_folder(metadata, name), f"the chain of {name} ends before seal {told['number']} ({told['run']})"
            )
        elif look.hash_of(there[0]) != told["sha256"]:
            look.tell(ALTERED, there[0], f"seal {told['number']} of {name} is not the one that was exported: rewritten")
    return look.found.problems
