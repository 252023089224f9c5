"""Rows as arrays: one chunk of a standard frame, sorted by symbol, then time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL, UNREADABLE
from workbench.quality.terms import NEVER, NO_DAY
from workbench.transform.structure import CONFLICTING_DUPLICATE, EXACT_DUPLICATE, INFINITE_VALUE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.terms import Terms

    Positions = NDArray[np.int64]

NOWHERE = np.zeros(0, dtype=np.int64)
NO_CODE = 2**32 - 1  # of a category that is none


@dataclass(frozen=True)
class Rows:
    """One chunk.

    Attributes
    ----------
    symbols, symbol_starts
        Each symbol (null for none) and the position of its first row; ascending positions.
    at
        Microseconds since 1970, UTC (int64); ``NEVER`` where the time cannot be read.
    session
        Days since 1970 (int32); ``NO_DAY`` where there is none.
    values
        Field -> Float64, NaN where the cell is empty; a field that did not come is NaN throughout.
    has_nulls
        The fields with at least one empty cell.
    untrusted, duplicates, conflicts
        Positions of rows that are no neighbours, and of those that share a key.
    unreadable
        Field -> positions of cells whose text is no number.
    has_ties
        Whether two rows of one symbol share a time.
    """

    symbols: tuple[str | None, ...]
    symbol_starts: Positions
    at: NDArray[np.int64]
    session: NDArray[np.int32]
    values: dict[str, NDArray[np.float64]]
    has_nulls: frozenset[str]
    untrusted: Positions
    duplicates: Positions
    conflicts: Positions
    unreadable: dict[str, Positions]
    has_ties: bool

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def body(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The higher and the lower of each bar's open and close; of the one that is there, where the other is not."""
        sides = [self.values[name] for name in ("open", "close") if name in self.values]
        if len(sides) == 1:
            return sides[0], sides[0]
        if self.has_nulls & {"open", "close"}:
            return np.fmax(*sides), np.fmin(*sides)
        return np.maximum(*sides), np.minimum(*sides)

    @property
    def nameless(self) -> Positions:
        """Positions of rows that name no symbol."""
        if None not in self.symbols:
            return NOWHERE
        bounds = np.append(self.symbol_starts, len(self))
        at = self.symbols.index(None)
        return np.arange(bounds[at], bounds[at + 1])


def rows_of(frame: pl.DataFrame, terms: Terms) -> Rows:
    """Turn a chunk into arrays, sorted if it is not yet.

    Parameters
    ----------
    frame : DataFrame
        ``symbol`` (String or Categorical), ``event_at`` (Datetime us, UTC), ``session`` (Date), numeric
        fields; ``quarantine_reason`` and ``unreadable`` (String) where there are any. Any order.
    terms : Terms

    Notes
    -----
    Rows that share symbol and time are put in the order of their values, so that the order of
    arrival changes nothing.
    """
    starts, names = _symbol_runs(frame)
    at = _physical(frame[EVENT_AT], NEVER)
    is_sorted = _is_sorted(at, starts, names)
    if not is_sorted:
        frame = in_order(frame, terms)
        starts, names = _symbol_runs(frame)
        at = _physical(frame[EVENT_AT], NEVER)
    reasons = _reasons(frame)
    return Rows(
        symbols=names,
        symbol_starts=starts,
        at=at,
        session=_physical(frame[SESSION], NO_DAY),
        values={name: _floats(frame, name) for name in terms.fields},
        has_nulls=frozenset(n for n in terms.fields if n not in frame.columns or frame[n].null_count()),
        untrusted=_positions(reasons != INFINITE_VALUE) if len(reasons) else NOWHERE,
        duplicates=_positions(reasons == EXACT_DUPLICATE) if len(reasons) else NOWHERE,
        conflicts=_positions(reasons == CONFLICTING_DUPLICATE) if len(reasons) else NOWHERE,
        unreadable=_unreadable(frame, terms),
        has_ties=not is_sorted and bool((at[1:] == at[:-1]).any()),
    )


def in_order(frame: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Sort rows by symbol, time, and then their values; what has no symbol or time comes last."""
    order = [SYMBOL, EVENT_AT, *(name for name in terms.fields if name in frame.columns)]
    return frame.with_columns(pl.col(SYMBOL).cast(pl.String)).sort(order, nulls_last=True)


def _symbol_runs(frame: pl.DataFrame) -> tuple[Positions, tuple[str | None, ...]]:
    symbol = frame[SYMBOL]
    if symbol.dtype == pl.Categorical:
        codes = _physical(symbol.to_physical(), NO_CODE)
    else:
        codes = frame.select(pl.col(SYMBOL).rle_id()).to_series().to_numpy()
    starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1]) if len(codes) else NOWHERE
    return starts, tuple(symbol.gather(starts).cast(pl.String).to_list())


def _is_sorted(at: NDArray[np.int64], starts: Positions, names: tuple[str | None, ...]) -> bool:
    """Whether each symbol is one run in which time only grows; ties count as unsorted, null times too."""
    if len(set(names)) != len(names):
        return False
    grows = at[1:] > at[:-1]
    grows[starts[1:] - 1] = True
    return len(at) == 0 or (bool(grows.all()) and at.min() != NEVER)


def _physical(series: pl.Series, unknown: int) -> NDArray[Any]:
    """Return dates or moments as integers."""
    numbers = series.to_physical()
    return (numbers.fill_null(unknown) if numbers.null_count() else numbers).to_numpy()


def _floats(frame: pl.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy()


def _reasons(frame: pl.DataFrame) -> pl.Series:
    """Return why rows are in quarantine, null for those that are not; empty where none is."""
    if REASON not in frame.columns or frame[REASON].null_count() == len(frame):
        return pl.Series(REASON, [], dtype=pl.String)
    return frame[REASON]


def _positions(flags: pl.Series) -> Positions:
    return flags.fill_null(value=False).arg_true().to_numpy().astype(np.int64)


def _unreadable(frame: pl.DataFrame, terms: Terms) -> dict[str, Positions]:
    if UNREADABLE not in frame.columns or frame[UNREADABLE].null_count() == len(frame):
        return {}
    named = ("," + frame[UNREADABLE] + ",").rename(UNREADABLE)
    found = {name: _positions(named.str.contains(f",{name},", literal=True)) for name in terms.fields}
    return {name: at for name, at in found.items() if len(at)}
