"""Where things lie: the five zones of a lake, the tables in them, and names that are safe as paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING

from workbench.model.contract import DATASET_PATTERN
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_SAFE = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,63}")
_UNSAFE_RUN = re.compile(r"[^A-Za-z0-9_.-]+|__+")
_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?")  # on Windows these are devices, whatever the extension


class Zone(StrEnum):
    """The five parts of a lake."""

    RAW = "raw"
    PROCESSED = "processed"
    DERIVED = "derived"
    METADATA = "metadata"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class TableRef:
    """The name of one table: ``processed/<dataset>``, ``derived/<feature>/<dataset>``, ``quarantine/<dataset>``.

    Raises
    ------
    BadInput
        A dataset or a feature whose name could not stand in a contract.

    Examples
    --------
    >>> str(TableRef.derived("returns", "us_equities"))
    'derived/returns/us_equities'
    """

    zone: Zone
    dataset: str
    feature: str | None = None

    def __post_init__(self) -> None:
        checked_name(self.dataset)
        if self.feature is not None:
            checked_name(self.feature)

    @classmethod
    def processed(cls, dataset: str) -> TableRef:
        """Return the table of a dataset's standard rows."""
        return cls(Zone.PROCESSED, dataset)

    @classmethod
    def derived(cls, feature: str, dataset: str) -> TableRef:
        """Return the table of one feature of a dataset."""
        return cls(Zone.DERIVED, dataset, feature)

    @classmethod
    def quarantine(cls, dataset: str) -> TableRef:
        """Return the table of rows that could not be trusted."""
        return cls(Zone.QUARANTINE, dataset)

    @classmethod
    def named(cls, text: str) -> TableRef:
        """Return a table by its name, as ``str`` writes it.

        Raises
        ------
        BadInput
            It is no table's name.

        Examples
        --------
        >>> TableRef.named("derived/returns/us_equities").feature
        'returns'
        """
        zone, *rest = text.split("/")
        if zone not in list(Zone) or len(rest) not in (1, 2):
            raise BadInput(f"{text[:80]!r}: expected a table's name, such as processed/us_equities")
        return cls(Zone(zone), rest[-1], rest[0] if len(rest) == 2 else None)

    def __str__(self) -> str:
        return "/".join(part for part in (self.zone.value, self.feature, self.dataset) if part)


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder with five zones. Nothing is made until :meth:`create` or the first write."""

    root: Path

    def zone(self, zone: Zone) -> Path:
        """Return the folder of a zone."""
        return self.root / zone.value

    def path(self, table: TableRef) -> Path:
        """Return the folder of a table."""
        return self.root / str(table)

    def create(self) -> Lake:
        """Make the folders of all zones; those that are there stay as they are."""
        for zone in Zone:
            self.zone(zone).mkdir(parents=True, exist_ok=True)
        return self


def checked_name(name: str) -> str:
    """Return the name of a dataset, a feature or a source, if it is one.

    Raises
    ------
    BadInput
        Anything but lower-case letters, digits and underscores, a letter first, 64 at most.
    """
    if not re.fullmatch(DATASET_PATTERN.removeprefix("^").removesuffix("$"), name):
        raise BadInput(
            f"{name[:80]!r}: expected a name of lower-case letters, digits and '_' (a letter first, at most 64), as in a contract"
        )
    return name


def safe_name(text: str) -> str:
    """Make one path segment of any text; different texts give different segments.

    Parameters
    ----------
    text : str
        Whatever a vendor calls a symbol: empty, with slashes, NUL, lone surrogates, of any length.

    Returns
    -------
    str
        ``text`` itself if it is upper-case letters, digits and single ``_ . -`` (at most 64); else
        what is recognisable of it, two underscores, and 16 hex digits of its hash. Lower case
        counts as a change, so that ``aapl`` and ``AAPL`` differ on file systems that fold case.

    Examples
    --------
    >>> safe_name("BRK.B")
    'BRK.B'
    >>> safe_name("BRK/B")
    'BRK_B__116a7aaedb06f860'
    """
    if _SAFE.fullmatch(text) and "__" not in text and not text.endswith(".") and not _DEVICES.fullmatch(text):
        return text
    shown = tame_name(text).replace(".", "_")[:40].strip("_-")
    return f"{shown}__{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def tame_name(text: str) -> str:
    """Make one path segment of any text, keeping its end (an extension); different texts may give the same one."""
    return _UNSAFE_RUN.sub("_", text)[-80:].strip("._-") or "x"
