"""The one idea of this room: a track is one symbol's rows in order of time, judged by its own habits around each moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import EVENT_AT, REASON, SESSION, SYMBOL, fields_of
from workbench.quality.detectors.habits import local_scale, sides, smallest_around, usual_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workbench.quality.terms import Terms

    Floats = NDArray[np.float64]

ROUNDING: Final = 1e-9
"""Relative differences between prices that are no change of them."""


@dataclass(frozen=True)
class Track:
    """One symbol's rows that can be neighbours: trusted, timed, with a price greater than zero.

    Attributes
    ----------
    positions
        Of each row in the frame it was taken from.
    at, session
        Microseconds since 1970, UTC (int64); days since 1970 (int32); ascending.
    values
        Field -> Float64, NaN where the cell is empty.
    prices
        The price columns that came; the last one stands for the row.
    calendar
        The name of the calendar the symbol keeps; empty where none is known.
    adjustment
        What the contract says prices are adjusted for: ``none``, ``splits``, ``splits_dividends`` or ``unknown``.
    """

    symbol: str
    positions: NDArray[np.int64]
    at: NDArray[np.int64]
    session: NDArray[np.int32]
    values: dict[str, Floats]
    prices: tuple[str, ...]
    frequency: str
    calendar: str = ""
    adjustment: str = "unknown"

    def __len__(self) -> int:
        return len(self.at)

    @property
    def is_intraday(self) -> bool:
        """Whether rows come more often than once a session."""
        return self.frequency == "irregular" or self.frequency[-1] in "mh"

    @property
    def main(self) -> Floats:
        """The price that stands for each row."""
        return self.values[self.prices[-1]]

    @cached_property
    def level(self) -> Floats:
        """Logarithm of the main price."""
        return np.log(self.main)

    @cached_property
    def sides(self) -> tuple[Floats, Floats]:
        """The level before each row, and behind it."""
        return sides(self.level)

    @cached_property
    def moves(self) -> Floats:
        """Log return of each row on the one before; NaN for the first."""
        return np.diff(self.level, prepend=np.nan)

    @cached_property
    def scale(self) -> Floats:
        """The size of this symbol's usual moves around each row, as a log return; NaN where it is not known."""
        return local_scale(self.moves, _least_step(self.main))

    @cached_property
    def activity(self) -> Floats | None:
        """Volume over what is usual around it; None where there is no volume to speak of."""
        size = self.values.get("volume")
        if size is None or not np.any(size > 0):
            return None
        return size / usual_level(size)

    def part(self, start: int, stop: int) -> Track:
        """Return some of the rows, from ``start`` up to and without ``stop``, as if there were no others."""
        rows = slice(start, stop)
        cut = {name: values[rows] for name, values in self.values.items()}
        return replace(self, positions=self.positions[rows], at=self.at[rows], session=self.session[rows], values=cut)

    def mended(self, values: dict[str, Floats]) -> Track:
        """Return the same rows with other values in some fields."""
        return replace(self, values={**self.values, **values})  # what is cached of the old values stays behind


def day_of(track: Track, row: int) -> str:
    """Name the session of a row."""
    return str(np.datetime64(int(track.session[row]), "D"))


def _least_step(price: Floats) -> Floats:
    """Return the size of the smallest price change around each row, relative to its price: nobody moves by less than a tick.

    Notes
    -----
    Ticks change, as prices and exchanges' rules do: those within ``WINDOW`` rows on either side count. A lone price near
    zero is no price to be relative to: what lies on both sides of it is.
    """
    before, after = sides(price)
    level = np.fmax(price, np.fmin(before, after))
    return smallest_around(np.abs(np.diff(price, prepend=np.nan)), ROUNDING * level) / level


def tracks(frame: pl.DataFrame, terms: Terms, adjustment: str = "unknown") -> Iterator[Track]:
    """Cut rows into tracks.

    Parameters
    ----------
    frame : DataFrame
        Standard rows sorted by symbol, then time; within a day with ``stretch`` (rows of one stretch follow each other
        without a hole). Daily and slower rows are one track for each symbol, whatever is missing between them.
    terms : Terms
    adjustment : str
        What the contract says prices are adjusted for.
    """
    if terms.main is None or frame.is_empty():
        return
    main = pl.col(terms.main)
    good = main.is_not_null() & main.is_finite() & (main > 0) & pl.col(EVENT_AT).is_not_null() & pl.col(SYMBOL).is_not_null()
    if REASON in frame.columns:
        good &= pl.col(REASON).is_null()
    rows = frame.with_row_index("position").filter(good)
    fields = tuple(name for name in fields_of(terms.kind) if name in rows.columns)
    owner = rows["stretch"] if terms.is_intraday else rows.select(pl.col(SYMBOL).rle_id()).to_series()
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(owner.to_numpy())) + 1, [len(rows)]])
    columns = {name: rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in fields}
    at = rows[EVENT_AT].to_physical().to_numpy()
    session = rows[SESSION].to_physical().fill_null(0).to_numpy()
    position = rows["position"].to_numpy().astype(np.int64)
    names = rows[SYMBOL].gather(bounds[:-1]).to_list() if len(rows) else []
    tables = terms.timetable_of(names)
    for number, symbol in enumerate(names):
        part = slice(int(bounds[number]), int(bounds[number + 1]))
        kept = terms.timetables[tables[number]].name if tables[number] >= 0 else ""
        values = {name: column[part] for name, column in columns.items()}
        yield Track(symbol, position[part], at[part], session[part], values, terms.prices, terms.frequency, kept, adjustment)
