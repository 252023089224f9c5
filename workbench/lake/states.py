"""The store of leaf states: what was computed from a leaf, under the key of what it was computed from.

The lake knows nothing of what a state means: it is a few frames, each with a column ``leaf``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
from polars.exceptions import PolarsError

from workbench.lake.leaf_hash import LEAF
from workbench.lake.state_files import (
    DamagedFiles,
    by_age,
    packed,
    publish,
    read_sealed,
    remove,
    seal_of,
    size_bytes,
    to_bytes,
    unpacked,
)
from workbench.lake.state_parts import (
    STATE,
    Part,
    by_leaf,
    files_of,
    is_damaged,
    merged,
    part_if_sound,
    part_of,
    read_indexes,
    require_frames,
    require_once,
    take_out,
)
from workbench.lake.zones import Zone, checked_name
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.lake.zones import Lake

SMALL_PARTS: Final = 32
SMALL_BYTES: Final = 8 * 2**20  # larger parts are left alone, so that no state is written again very often
MERGED_BYTES: Final = 64 * 2**20  # no more become one at once, to bound memory
TOTALS_KEPT: Final = 8
TOTALS: Final = "totals"

_SEAL: Final = re.compile(r"[0-9a-f]{32}")
_FINGERPRINT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")


@dataclass(frozen=True, slots=True)
class StateStore:
    """The states of a dataset's leaves, in ``metadata/states/<dataset>/<terms>/``.

    ``terms`` is a fingerprint of how states are computed; two terms share nothing. A *part* is a
    folder with a file for each frame, named by a hash of its files, and never changes. A part that is
    damaged is taken out with one warning, and its states count as not stored.

    Raises
    ------
    BadInput
        The dataset's name is not one; in every method: ``terms`` is not a fingerprint.
    """

    lake: Lake
    dataset: str

    def __post_init__(self) -> None:
        checked_name(self.dataset)

    def keys(self, terms: str) -> pl.DataFrame:
        """Return every state that is stored.

        Returns
        -------
        DataFrame
            ``leaf`` (Date; null for rows without session), ``key``, ``part`` (the newest that has the
            state); sorted by leaf, then key.
        """
        damaged: set[Path] = set()
        while True:
            folders = [folder for folder in by_age(self._folder(terms), _SEAL) if folder not in damaged]
            try:
                return read_indexes(folders).unique(STATE, keep="last", maintain_order=True).sort(STATE)
            except (OSError, PolarsError):  # one of them is damaged, or went into a larger one just now
                more = {folder for folder in folders if is_damaged(folder)}
                if not more and all(folder.is_dir() for folder in folders):
                    raise
                damaged |= more

    def load(self, terms: str, wanted: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
        """Return the states of some leaves.

        Parameters
        ----------
        terms : str
        wanted : DataFrame
            ``leaf`` and ``key``, each leaf once.

        Returns
        -------
        DataFrame
            Those of ``wanted`` that were found, sorted by leaf.
        dict of str to DataFrame
            Their frames by name, sorted by leaf, within a leaf as they were saved; empty where no
            state was found.

        Raises
        ------
        BadInput
            A leaf is wanted twice.
        """
        require_once(wanted)
        missing, lost = wanted.select(STATE), list[str]()
        found: list[Part] = []
        while missing.height:
            stored = self.keys(terms).filter(~pl.col("part").is_in(lost))
            lost_before = len(lost)
            for (name,), states in missing.join(stored, on=STATE, nulls_equal=True).group_by("part", maintain_order=True):
                if (part := part_if_sound(self._folder(terms) / str(name), states)) is None:
                    lost.append(str(name))
                else:
                    found.append(part)
                    missing = missing.join(part[0], on=STATE, how="anti", nulls_equal=True)
            if len(lost) == lost_before:
                break
        is_found = wanted.select(STATE).join(missing, on=STATE, how="anti", nulls_equal=True)
        return is_found.sort(LEAF), by_leaf([frames for _, frames in found])

    def save(self, terms: str, leaves: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> None:
        """Store the states of some leaves; those that are stored already stay as they are.

        Parameters
        ----------
        terms : str
        leaves : DataFrame
            ``leaf`` and ``key``, each leaf once.
        frames : mapping of str to DataFrame
            Each with ``leaf`` (Date); a leaf may have no row in it. Names are as in a contract, and
            not ``leaves``.

        Raises
        ------
        BadInput
            A leaf comes twice; a frame has no ``leaf``, a row of another leaf, or a bad name.

        Notes
        -----
        One rename publishes. When more than ``SMALL_PARTS`` small parts are there, they become one,
        which is published before they are removed.
        """
        require_once(leaves)
        require_frames(leaves, frames)
        new = leaves.select(STATE).join(self.keys(terms), on=STATE, how="anti", nulls_equal=True)
        if new.height:
            self._publish(terms, part_of(new, frames))
            self._merge_small(terms)

    def totals(self, terms: str) -> frozenset[str]:
        """Return the digests of the merged states that are stored."""
        return frozenset(folder.name for folder in by_age(self._folder(terms) / TOTALS, _FINGERPRINT))

    def load_total(self, terms: str, digest: str) -> dict[str, pl.DataFrame] | None:
        """Return the frames of one merged state; None where it is not stored.

        Raises
        ------
        BadInput
            ``digest`` is not a fingerprint.
        """
        for folder in by_age(self._folder(terms) / TOTALS / _fingerprint(digest), _SEAL):
            try:
                files = read_sealed(folder, folder.name)
                return {name: unpacked(pl.scan_parquet(content)).collect() for name, content in files.items()}
            except FileNotFoundError:
                continue
            except (DamagedFiles, PolarsError) as error:
                take_out(folder, error)
        return None

    def save_total(self, terms: str, digest: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Store one merged state; all but the newest few are removed.

        Parameters
        ----------
        terms : str
        digest : str
            Fingerprint of the leaves that were merged, with their keys.
        frames : mapping of str to DataFrame
            Names as in a contract.

        Raises
        ------
        BadInput
            ``digest`` is not a fingerprint, or a frame's name is not one.
        """
        files = {checked_name(name): to_bytes(packed(frame)) for name, frame in frames.items()}
        totals = self._folder(terms) / TOTALS
        if not by_age(totals / _fingerprint(digest), _SEAL):
            publish(totals / digest / seal_of(files), files)
        for old in by_age(totals, _FINGERPRINT)[:-TOTALS_KEPT]:
            remove(old)

    def _folder(self, terms: str) -> Path:
        return self.lake.zone(Zone.METADATA) / "states" / self.dataset / _fingerprint(terms)

    def _publish(self, terms: str, part: Part) -> str:
        files = files_of(part)
        seal = seal_of(files)
        publish(self._folder(terms) / seal, files)
        return seal

    def _merge_small(self, terms: str) -> None:
        folders = by_age(self._folder(terms), _SEAL)
        if len(folders) <= SMALL_PARTS:
            return
        sizes = pl.DataFrame([(folder.name, size_bytes(folder)) for folder in folders], schema=["name", "bytes"], orient="row")
        small = sizes.filter(pl.col("bytes") <= SMALL_BYTES).sort("bytes", "name")
        if small.height <= SMALL_PARTS:
            return
        chosen = [self._folder(terms) / name for name in small.filter(pl.col("bytes").cum_sum() <= MERGED_BYTES)["name"]]
        parts = {folder: part for folder in chosen if (part := part_if_sound(folder)) is not None}
        whole = self._publish(terms, merged(list(parts.values()))) if parts else ""
        for folder in parts:
            if folder.name != whole:  # as it is when two processes have merged the same parts
                remove(folder)


def _fingerprint(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text) or text == TOTALS:
        raise BadInput(f"expected a fingerprint of letters, digits, '_' and '-' (at most 128), found {text[:40]!r}")
    return text
