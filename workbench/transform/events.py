"""Lines of a feed to a raw table: one event a line, and no line that cannot be read takes another with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import inf
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.model.names import EVENT, PRICES, SYMBOL, fields_of
from workbench.transform.columns import columns_by_name
from workbench.transform.formats import label_of
from workbench.transform.tables import RawTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.model.names import Kind

NOT_JSON = "not_a_json_object"
DAY_AND_HOUR = ("date", "time")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a piece of a feed.

    Attributes
    ----------
    table
        One row a line; a line that is no JSON object is a row of nulls.
    columns
        Standard name -> column; told by each event's own keys, so that it does not depend on what comes together.
    raw
        The lines, as they came.
    unreadable
        Numbers of the lines that are no JSON object.
    """

    table: RawTable
    columns: dict[str, str]
    raw: tuple[bytes, ...]
    unreadable: tuple[int, ...]

    @property
    def hashes(self) -> pl.Series:
        """What tells an event from another; see :func:`line_hashes`."""
        return line_hashes(self.raw)


def line_hashes(lines: Iterable[bytes]) -> pl.Series:
    """Return ``event`` (Int64): 64 bits of BLAKE2b of each line."""
    found = [int.from_bytes(blake2b(line, digest_size=8).digest(), "little", signed=True) for line in lines]
    return pl.Series(EVENT, found, dtype=pl.Int64)


def read_lines(payload: bytes, *, origin: str, declared: Mapping[str, str], kind: Kind, only_symbol: str | None = None) -> Lines:
    """Read one event a line.

    Parameters
    ----------
    payload : bytes
        JSON objects, each on a line of its own; lines without anything on them are no events.
    origin : str
        The name of the piece, for messages.
    declared : mapping of standard name to key
        From a contract.
    kind : Kind
    only_symbol : str, optional
        Whose events they are where no key says.
    """
    raw = tuple(line for line in payload.split(b"\n") if line.strip())
    records = [_record(line) for line in raw]
    frame = _frame([_named(record or {}, declared, kind) for record in records])
    columns = {name: name for name in (SYMBOL, *PRICES[kind], "time", *fields_of(kind)) if name in frame.columns}
    columns |= {name: name for name in (SYMBOL, *PRICES[kind])}
    absent = {key: only_symbol if key == SYMBOL else None for key in columns if key not in frame.columns}
    frame = frame.with_columns(pl.lit(value, dtype=pl.String).alias(key) for key, value in absent.items())
    unreadable = tuple(number for number, record in enumerate(records) if record is None)
    return Lines(RawTable(frame, origin, label_of(origin)), columns, raw, unreadable)


def _named(record: Record, declared: Mapping[str, str], kind: Kind) -> Record:
    """Return an event under standard names; without what has none. Each goes by its own keys, whatever it comes with."""
    names = _names(tuple(record), tuple(declared.items()), kind)
    return {standard: record[key] for standard, key in names}


@lru_cache(maxsize=4096)
def _names(keys: tuple[str, ...], declared: tuple[tuple[str, str], ...], kind: Kind) -> tuple[tuple[str, str], ...]:
    """Return standard name and key of those keys that have one; a day and its hour in two keys stay what they are."""
    found = columns_by_name(keys, dict(declared), kind)
    known = {standard: key for standard, key in found.items() if key in keys}
    is_told = "time" in known or "time" in dict(declared)
    parts = {} if is_told else {part: key for key in keys if (part := key.lower()) in DAY_AND_HOUR}
    return (*known.items(), *parts.items())


def _record(line: bytes) -> Record | None:
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return found if type(found) is dict else None


def _frame(records: list[Record]) -> pl.DataFrame:
    """Put records side by side: keys that differ give nulls, and a key with values of several types is text."""
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: _column([record.get(name) for record in records]) for name in names}
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=len(records))


def _column(values: list[Any]) -> pl.Series:
    types = {type(value) for value in values} - {type(None)}
    if types == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pl.Series(values, dtype=pl.Int64)
    if types and types <= {int, float}:
        return pl.Series([None if value is None else _float(value) for value in values], dtype=pl.Float64)
    return pl.Series([None if value is None else _text(value) for value in values], dtype=pl.String)


def _float(value: float) -> float:
    """Return a number as a float; one that is larger than any is infinite."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _text(value: object) -> str:
    """Return a value as text that any file could hold: half of a character becomes a question mark."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
