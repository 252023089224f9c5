"""The one idea of an audit: each run is sealed by hashes of all it saw and made, and of the seal before it.

``metadata/seals/<dataset>/<number>-<run>-<hash>.json`` is written once. Its name carries its own hash, it holds the whole
hash of the seal before: nothing of a chain can be changed, left out, put in or moved without a seal behind it saying so.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from workbench.lake import TableRef
from workbench.model.errors import BadInput, LakeBroken, Transient

SCHEMA: Final = "workbench.seal/1"
KEPT: Final = "kept"
"""The folder beside the chains in which lies, by its hash, what a replay needs and no zone holds."""
SIGNATURE: Final = ".sig"
_NAME: Final = re.compile(r"(\d{8})-([A-Za-z0-9][A-Za-z0-9._-]*)-([0-9a-f]{16})\.json")
_SHOWN: Final = 16


@dataclass(frozen=True, slots=True)
class Seal:
    """What is said of one run.

    Attributes
    ----------
    number
        Its place in the dataset's chain, from 0.
    previous
        SHA-256 of the seal before it; None for the first.
    sealed_at
        UTC, ISO 8601.
    files
        The run's folder: name -> SHA-256.
    objects
        Files of the lake that no seal before it names: path -> SHA-256. Raw bytes and receipts; data files, log entries and
        checkpoints of tables.
    tables
        Table -> the version up to which it is sealed.
    arrivals, arrived_until
        How many arrivals are sealed by now, and the last of them: its moment and its id.
    made_from
        Name -> SHA-256 of what lies in ``kept/``: the package, the contract, the stage notebooks, files beside the lake.
    environment
        Interpreter and library versions.
    late
        Sealed by hand, some time after the run.
    """

    dataset: str
    number: int
    previous: str | None
    run: str
    session: str
    outcome: str
    sealed_at: str
    files: dict[str, str]
    objects: dict[str, str]
    tables: dict[str, int]
    arrivals: int
    arrived_until: str
    made_from: dict[str, str]
    environment: dict[str, str]
    late: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A seal as it lies in its chain: the file, what it says, and the hash of its bytes."""

    path: Path
    seal: Seal
    sha256: str


def chain_folder(metadata: Path, dataset: str) -> Path:
    """Return the folder of a dataset's chain."""
    return metadata / "seals" / dataset


def kept_folder(metadata: Path) -> Path:
    """Return the folder of what is kept by its hash."""
    return metadata / "seals" / f".{KEPT}"


def chained_datasets(metadata: Path) -> tuple[str, ...]:
    """Return the datasets that have a chain, sorted."""
    folders = (metadata / "seals").glob("[a-z]*") if (metadata / "seals").is_dir() else ()
    return tuple(sorted(folder.name for folder in folders if folder.is_dir()))


def links(metadata: Path, dataset: str) -> list[Path]:
    """Return the files of a chain in the order of their numbers; what is not named like a seal is passed over."""
    folder = chain_folder(metadata, dataset)
    return [folder / name for name in _names(folder)]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))  # noqa: PTH208 (a chain may be long)
    except FileNotFoundError:
        return []


def last_seal_of(metadata: Path, dataset: str, run: str) -> Path | None:
    """Return where the last seal of a run lies; None where it was never sealed."""
    folder, named = chain_folder(metadata, dataset), f"-{run}-"
    found = [name for name in _names(folder) if name[8:].startswith(named)]
    return folder / found[-1] if found else None


def number_of(path: Path) -> int:
    """Return the place that a seal's name says."""
    return int(path.name[:8])


def run_of(path: Path) -> str:
    """Return the run that a seal's name says."""
    named = _NAME.fullmatch(path.name)
    return named[2] if named else ""


def is_as_named(link: Link) -> bool:
    """Whether a seal's bytes and place are what its name says."""
    named = _NAME.fullmatch(link.path.name)
    said = (link.seal.number, link.seal.run, link.sha256[:_SHOWN])
    return named is not None and said == (int(named[1]), named[2], named[3])


def read_link(path: Path) -> Link:
    """Read a seal.

    Raises
    ------
    LakeBroken
        It cannot be read, or is no seal of ours.
    """
    try:
        content = path.read_bytes()
        document = json.loads(content)
        schema = document.pop("schema", None)
    except (OSError, ValueError, AttributeError) as error:
        raise LakeBroken(
            f"{path}: expected a seal, found something that cannot be read: {error}; bring it back from a backup (runs that have "
            "ended are kept as they are, and sealed then)"
        ) from error
    if schema != SCHEMA:
        raise LakeBroken(f"{path}: expected schema {SCHEMA!r}, found {schema!r}; a newer workbench may have written it")
    try:
        seal = _checked(Seal(**document))
    except (TypeError, ValueError, AttributeError, BadInput) as error:
        raise LakeBroken(f"{path}: the seal is damaged: {error}") from error
    return Link(path, seal, sha256(content).hexdigest())


def _checked(seal: Seal) -> Seal:
    """Return a seal whose values are what they must be; a text of unknown origin has made it.

    Raises
    ------
    TypeError, ValueError, BadInput
        One is not.
    """
    date.fromisoformat(seal.session)
    if _NAME.fullmatch(f"{seal.number:08d}-{seal.run}-{'0' * _SHOWN}.json") is None:
        raise ValueError(f"expected a run's id and a number, found {seal.run!r} and {seal.number!r}")
    for named in (seal.files, seal.objects, seal.made_from):
        if not all(isinstance(part, str) for pair in named.items() for part in pair):
            raise TypeError("expected names and hashes")
    for table, version in seal.tables.items():
        TableRef.named(table)
        if not isinstance(version, int):
            raise TypeError(f"expected a version of {table}, found {version!r}")
    return seal


def head(metadata: Path, dataset: str) -> Link | None:
    """Return the last seal of a chain; None where there is none.

    Raises
    ------
    LakeBroken
        It cannot be read.
    """
    folder = chain_folder(metadata, dataset)
    names = _names(folder)
    return read_link(folder / names[-1]) if names else None


def find_seal(metadata: Path, run_id: str) -> Seal:
    """Return the last seal of a run.

    Raises
    ------
    BadInput
        No seal names it.
    LakeBroken
        The seal cannot be read.
    """
    places = [last_seal_of(metadata, name, run_id) for name in chained_datasets(metadata)]
    found = [path for path in places if path is not None]
    if not found:
        raise BadInput(f"run {run_id[:60]} was never sealed; workbench audit seal seals what was left out")
    return read_link(found[0]).seal


def publish_seal(metadata: Path, seal: Seal) -> Link:
    """Write a seal, once: whole, and never in the place of another.

    Raises
    ------
    Transient
        Another process has taken its number meanwhile.
    """
    folder = chain_folder(metadata, seal.dataset)
    folder.mkdir(parents=True, exist_ok=True)
    content = (json.dumps({"schema": SCHEMA, **asdict(seal)}, indent=1, sort_keys=True) + "\n").encode()
    hashed = sha256(content).hexdigest()
    if any(name.startswith(f"{seal.number:08d}-") for name in _names(folder)[-1:]):
        raise Transient(f"{seal.dataset}: another process has sealed run {seal.number} meanwhile; run again")
    target = folder / f"{seal.number:08d}-{seal.run}-{hashed[:_SHOWN]}.json"
    publish_once(target, content)
    return Link(target, seal, hashed)


def publish_once(target: Path, content: bytes) -> None:
    """Write a file, read-only, unless it is there."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o444)
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def keep(metadata: Path, content: bytes) -> str:
    """Put bytes among what is kept by its hash, once; return the hash."""
    hashed = sha256(content).hexdigest()
    publish_once(kept_folder(metadata) / hashed, content)
    return hashed


def read_kept(metadata: Path, hashed: str, what: str) -> bytes:
    """Return what is kept under a hash, verified.

    Raises
    ------
    LakeBroken
        It is not there, or not what was kept.
    """
    path = kept_folder(metadata) / hashed
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LakeBroken(f"{path}: the {what} that was sealed is missing; restore it from a backup") from error
    if sha256(content).hexdigest() != hashed:
        raise LakeBroken(f"{path}: the {what} is not what was sealed; restore it from a backup")
    return content


def head_document(metadata: Path, *, at: str) -> dict[str, Any]:
    """Return the heads of all chains, to be kept elsewhere: a cut tail or a rewritten whole is seen against it."""
    heads = {name: head(metadata, name) for name in chained_datasets(metadata)}
    told = {name: {"number": h.seal.number, "run": h.seal.run, "sha256": h.sha256} for name, h in heads.items() if h}
    return {"schema": "workbench.head/1", "at": at, "heads": told}
