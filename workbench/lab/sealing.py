"""Sealing runs: what each saw and made, by hashes, chained to the dataset's run before it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from workbench.audit.manifest import FILE_NAME, HIDDEN, scrubbed
from workbench.audit.packing import SUFFIX, packed_digest
from workbench.audit.seals import (
    SIGNATURE,
    Link,
    Seal,
    head,
    keep,
    kept_folder,
    last_seal_of,
    links,
    publish_once,
    publish_seal,
    read_link,
    run_of,
)
from workbench.audit.signing import signature
from workbench.audit.store import run_folder, shelf
from workbench.lab.contracts import contract_fingerprint, find_contract, read_text
from workbench.lab.fingerprint import fingerprint_of, notebooks_fingerprint, package_files
from workbench.lake import TableRef, Zone, receipts
from workbench.lake.contents import digest, files_of
from workbench.lake.locks import alone
from workbench.lake.raw import receipt_path
from workbench.model.errors import BadInput, LakeBroken
from workbench.model.runs import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from workbench.lab.dataset import Dataset
    from workbench.lab.lab import Lab
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.receipts import Receipt
    from workbench.model.runs import RunManifest

PACKAGE, CONTRACT, NOTEBOOK, BESIDE = "package", "contract", "notebook:", "beside:"
"""The names under which a seal says what a run was made from."""
ABSENT: Final = "absent"
"""In the place of a hash: the file was gone before the run was sealed."""
_TIME_OF_NO_FILE: Final = (1980, 1, 1, 0, 0, 0)


def seal_runs(lab: Lab, dataset: Dataset, manifests: Sequence[RunManifest], *, late: bool = False) -> list[Link]:
    """Seal runs that have ended, in their order; one that is sealed is left alone, unless it had failed and was taken up again.

    Parameters
    ----------
    lab : Lab
    dataset : Dataset
    manifests : sequence of RunManifest
        Runs of the dataset. The first time, all that were kept before are sealed ahead of them.
    late : bool
        By hand, some time after the runs: the seals say so.

    Raises
    ------
    LakeBroken
        The last seal, or a table's log, cannot be read.
    Transient
        Another process goes on sealing.
    """
    metadata = lab.lake.zone(Zone.METADATA)
    made: list[Link] = []
    _require_key(lab)
    broken: list[str] = []
    with alone(lab.lake, f"seal {dataset.name}"):
        last = head(metadata, dataset.name)
        known = {m.id for m in manifests}
        before = [] if last else [m for m in shelf(metadata, dataset.name).runs if m.id not in known]
        for manifest in (*before, *manifests):
            folder = run_folder(metadata, manifest.id, manifest.session)
            sealed = last_seal_of(metadata, dataset.name, manifest.id)
            if sealed is not None and _stands(read_link(sealed).seal, folder):
                continue
            try:
                seal = _sealed(lab, dataset, manifest, last, late=late or manifest.id not in known)
            except LakeBroken as error:  # of another lab, say: the others are sealed all the same
                broken.append(f"run {manifest.id} is not sealed: {error}")
                continue
            last = publish_seal(metadata, seal)
            made.append(last)
        for path in links(metadata, dataset.name) if late else [link.path for link in made]:
            _sign(lab, path)
    if broken:
        raise LakeBroken("; ".join(broken))
    return made


def _stands(seal: Seal, folder: Path) -> bool:
    """Whether a run needs no other seal, as it had ended well or was not taken up again: what was altered is not sealed anew."""
    manifest = folder / FILE_NAME
    is_as_was = manifest.is_file() and digest(manifest) == seal.files.get(FILE_NAME)
    return seal.outcome == Outcome.DONE.value or is_as_was


def sealed_runs(lake: Lake, dataset: str) -> set[str]:
    """Return the runs of a dataset that were sealed, by the names of their seals."""
    return {run_of(path) for path in links(lake.zone(Zone.METADATA), dataset)}


def unsealed(lab: Lab, dataset: str) -> list[RunManifest]:
    """Return the runs of a dataset that have ended and were never sealed, oldest first."""
    sealed = sealed_runs(lab.lake, dataset)
    return [m for m in shelf(lab.lake.zone(Zone.METADATA), dataset).runs if m.id not in sealed]


def _sealed(lab: Lab, dataset: Dataset, manifest: RunManifest, last: Link | None, *, late: bool) -> Seal:
    lake, metadata = lab.lake, lab.lake.zone(Zone.METADATA)
    before = last.seal if last else None
    tables = _until(manifest, before)
    fresh = _fresh(lake, dataset.name, receipts(lake, dataset.name), before)
    paths = [*_raw(lake, fresh), *_tables(lake, tables, before)]
    return Seal(
        dataset=dataset.name,
        number=before.number + 1 if before else 0,
        previous=last.sha256 if last else None,
        run=manifest.id,
        session=manifest.session.isoformat(),
        outcome=manifest.outcome.value,
        sealed_at=datetime.now(UTC).isoformat(),
        files=_hashed(run_folder(metadata, manifest.id, manifest.session)),
        objects={path.relative_to(lake.root).as_posix(): digest(path) if path.is_file() else ABSENT for path in paths},
        tables=tables,
        arrivals=(before.arrivals if before else 0) + len(fresh),
        arrived_until=max([*(map(_moment, fresh)), before.arrived_until if before else ""]),
        made_from=_made_from(lab, dataset, manifest),
        environment=dict(manifest.environment),
        late=late,
    )


def _hashed(folder: Path) -> dict[str, str]:
    """Return name -> SHA-256 of what a run left."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    plain = [path for path in there if path.is_file() and not path.name.startswith(".") and path.suffix != SUFFIX]
    packed = [path.with_suffix("") for path in there if path.suffix == SUFFIX]
    return {path.name: digest(path) for path in plain} | {path.name: packed_digest(path) for path in packed if path not in plain}


def _until(manifest: RunManifest, before: Seal | None) -> dict[str, int]:
    """Return the version up to which each table is sealed with a run."""
    until = dict(before.tables) if before else {}
    for versions in manifest.versions.values():
        for table, version in versions.items():
            if version is not None:
                until[table] = max(version, until.get(table, -1))
    return until


def _moment(receipt: Receipt) -> str:
    return f"{receipt.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f} {receipt.id}"


def _fresh(lake: Lake, dataset: str, arrived: Sequence[Receipt], before: Seal | None) -> list[Receipt]:
    """Return the arrivals that no seal names: those behind the last one that is, unless one came late between them."""
    if before is None:
        return list(arrived)
    fresh = [r for r in arrived if _moment(r) > before.arrived_until]
    if len(arrived) - len(fresh) == before.arrivals:
        return fresh
    metadata = lake.zone(Zone.METADATA)
    named = {name for path in links(metadata, dataset) for name in read_link(path).seal.objects}
    return [r for r in arrived if r.path not in named]


def _raw(lake: Lake, fresh: Iterable[Receipt]) -> Iterator[Path]:
    for receipt in fresh:
        yield lake.root / receipt.path
        yield receipt_path(lake, receipt)


def _tables(lake: Lake, until: dict[str, int], before: Seal | None) -> Iterator[Path]:
    for name, version in sorted(until.items()):
        after = before.tables.get(name, -1) if before else -1
        yield from files_of(lake, TableRef.named(name), after=after, until=version)


def _made_from(lab: Lab, dataset: Dataset, manifest: RunManifest) -> dict[str, str]:
    """Keep what a replay needs and no zone holds, as far as it is still what the run used; return its hashes."""
    metadata = lab.lake.zone(Zone.METADATA)
    made: dict[str, str] = {}
    packed = _packed()
    if packed.fingerprint == manifest.inputs.get("code"):
        made[PACKAGE] = _kept(metadata, packed.content, packed.sha256)
    folder = lab.root / lab.settings.contracts
    contract = _contract_now(folder, dataset.name)
    if contract is not None and contract_fingerprint(contract) == manifest.inputs.get("contract"):
        text = without_keys(read_text(folder / f"{dataset.name}.toml", "contract"), contract)
        made[CONTRACT] = keep(metadata, text.encode())
    names = [stage.name for stage in manifest.stages]
    if notebooks_fingerprint(lab.stages, names) == manifest.inputs.get("notebooks"):
        there = (lab.stages / f"{name}.ipynb" for name in names)
        made |= {f"{NOTEBOOK}{path.stem}": keep(metadata, path.read_bytes()) for path in there if path.is_file()}
    made |= {f"{BESIDE}{name}": keep(metadata, path.read_bytes()) for name, path in _beside(lab.root, dataset.contract)}
    return made


def _contract_now(folder: Path, dataset: str) -> Contract | None:
    try:
        return find_contract(folder, dataset)
    except BadInput:  # it was taken away, or is being edited; the seal then says that it is not the run's
        return None


def _kept(metadata: Path, content: bytes, hashed: str) -> str:
    publish_once(kept_folder(metadata) / hashed, content)
    return hashed


def without_keys(text: str, contract: Contract) -> str:
    """Return a contract's text in which nothing can be read that opens a door."""
    for source in contract.sources:
        for value in source.headers.values():
            text = text if value.startswith("env:") else text.replace(value, HIDDEN)
    return scrubbed(text)


def _beside(root: Path, contract: Contract) -> Iterator[tuple[str, Path]]:
    """Yield the files beside the lake that a judgement looks at: events, and other sources of the same data."""
    patterns = [contract.events, contract.reference.path if contract.reference else None]
    patterns += [source.path for source in contract.sources if source.role == "reference"]
    for pattern in dict.fromkeys(p for p in patterns if p and "://" not in p):
        for path in sorted(root.glob(pattern)) if not pattern.startswith("/") else ():
            if path.is_file():
                yield path.relative_to(root).as_posix(), path


@dataclass(frozen=True, slots=True)
class _Packed:
    """The package as one file that is the same wherever it is made of the same sources."""

    content: bytes
    sha256: str
    fingerprint: str


@lru_cache(maxsize=1)
def _packed() -> _Packed:
    files = package_files()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"workbench/{name}", _TIME_OF_NO_FILE), content, zipfile.ZIP_DEFLATED)
    sources = {name: content for name, content in files.items() if name.endswith(".py")}
    return _Packed(buffer.getvalue(), sha256(buffer.getvalue()).hexdigest(), fingerprint_of(sources))


def _require_key(lab: Lab) -> None:
    """Refuse a key that cannot be used before anything is sealed."""
    if lab.settings.audit.sign_with is not None:
        signature(b"", lab.root / lab.settings.audit.sign_with)


def _sign(lab: Lab, seal: Path) -> None:
    key, signed = lab.settings.audit.sign_with, seal.with_name(seal.name + SIGNATURE)
    if key is not None and not signed.is_file():
        publish_once(signed, f"{signature(seal.read_bytes(), lab.root / key)}\n".encode())
