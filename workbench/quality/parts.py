"""Where one symbol's session, and one symbol's leaf, begin and end within a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.quality.terms import NO_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.rows import Positions, Rows
    from workbench.quality.terms import Terms


@dataclass(frozen=True, slots=True)
class Parts:
    """Two divisions of a chunk's rows: into *cells* of one symbol and session, and *parts* of one symbol and leaf.

    Attributes
    ----------
    cell_starts, starts
        Positions of first rows, ascending.
    cell_session, cell_month
        Days since 1970; ``NO_DAY`` where rows have no session.
    cell_part
        The part each cell belongs to; ``first_cell`` is its first.
    cell_table, cell_seat
        The timetable of the cell's symbol (-1: none), and the session's position in it (-1: no session).
    symbol, leaf
        For each part: position in the chunk's symbols, and days since 1970.
    size
        How many rows the chunk has.
    """

    cell_starts: Positions
    cell_session: NDArray[np.int32]
    cell_month: NDArray[np.int32]
    cell_part: Positions
    cell_table: NDArray[np.int64]
    cell_seat: NDArray[np.int64]
    first_cell: Positions
    starts: Positions
    symbol: Positions
    leaf: NDArray[np.int32]
    size: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def ends(self) -> Positions:
        """Positions behind the last row of each part."""
        return np.append(self.starts[1:], self.size)

    @property
    def cell_sizes(self) -> Positions:
        """How many rows each cell has."""
        return np.diff(self.cell_starts, append=self.size)

    @property
    def cell_is_stray(self) -> NDArray[np.bool_]:
        """Whether a cell's day is none of its symbol's sessions."""
        strays: NDArray[np.bool_] = (self.cell_table >= 0) & (self.cell_seat < 0) & (self.cell_session != NO_DAY)
        return strays

    def cell_of(self, at: Positions) -> Positions:
        """Return the cell of each row."""
        return np.searchsorted(self.cell_starts, at, side="right") - 1

    def part_of(self, at: Positions) -> Positions:
        """Return the part of each row."""
        return np.searchsorted(self.starts, at, side="right") - 1


def parts_of(rows: Rows, terms: Terms) -> Parts:
    """Divide a chunk."""
    changes = rows.session[1:] != rows.session[:-1]
    changes[rows.symbol_starts[1:] - 1] = True
    cell_starts = np.concatenate([rows.symbol_starts[:1], np.flatnonzero(changes) + 1])
    session = rows.session[cell_starts]
    month = months(session)
    symbol = np.searchsorted(rows.symbol_starts, cell_starts, side="right") - 1
    leaf = session if terms.is_intraday else month
    is_first = np.ones(len(cell_starts), dtype=bool)
    is_first[1:] = (symbol[1:] != symbol[:-1]) | (leaf[1:] != leaf[:-1])
    first_cell = np.flatnonzero(is_first)
    table = terms.timetable_of(rows.symbols)[symbol] if len(symbol) else symbol
    return Parts(
        cell_starts=cell_starts,
        cell_session=session,
        cell_month=month,
        cell_part=np.cumsum(is_first) - 1,
        cell_table=table,
        cell_seat=_seats(session, table, terms),
        first_cell=first_cell,
        starts=cell_starts[first_cell],
        symbol=symbol[first_cell],
        leaf=leaf[first_cell],
        size=len(rows),
    )


def months(days: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the first day of each day's month; ``NO_DAY`` stays."""
    first = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return np.where(days == NO_DAY, NO_DAY, first).astype(np.int32)


def _seats(session: NDArray[np.int32], table: NDArray[np.int64], terms: Terms) -> NDArray[np.int64]:
    seats = np.full(len(session), -1, dtype=np.int64)
    for number, timetable in enumerate(terms.timetables):
        mine = np.flatnonzero(table == number)
        seats[mine] = timetable.find(session[mine])
    return seats
