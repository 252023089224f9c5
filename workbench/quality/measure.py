"""One pass over a chunk of rows: everything the checks of all five dimensions need, as a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.model.names import Kind
from workbench.quality.edges import edge_columns
from workbench.quality.grids import BINS, MOVE_STEP, SQUARE_STEP, on_grid, ratio_bins, size_bins
from workbench.quality.links import links_of, outermost
from workbench.quality.parts import parts_of
from workbench.quality.rows import NOWHERE, rows_of
from workbench.quality.rules import UNPRICED, failing
from workbench.quality.spotting import lone_prices, standing_prices
from workbench.quality.state import COUNTS, DAYS, SERIES, SESSIONS, State, empty_state, frame_of
from workbench.quality.terms import NEVER, NO_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.links import Links
    from workbench.quality.parts import Parts
    from workbench.quality.rows import Positions, Rows
    from workbench.quality.terms import Terms

PLACEHOLDER: Final = "placeholder"
"""Rows without any price on a day that is no session: a publisher's way of writing a holiday. They count for nothing."""
STRAY: Final = "stray"
"""Rows on a day that is no session."""
OUTSIDE: Final = "outside"
"""Priced rows of a session outside its regular hours, of data that has a known number of bars a session."""


@np.errstate(all="ignore")  # as IEEE 754 has it: what is no number fails every comparison
def measure(frame: pl.DataFrame, terms: Terms) -> State:
    """Measure a chunk of standard rows.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`workbench.quality.rows.rows_of`; any number of symbols and leaves, in any order.
    terms : Terms

    Returns
    -------
    State
        One part for each symbol and leaf, nothing merged yet; see :func:`workbench.quality.fold.fold`.
    """
    if frame.is_empty():
        return empty_state()
    rows = rows_of(frame, terms)
    parts = parts_of(rows, terms)
    links = links_of(rows, parts, terms)
    failed = list(failing(rows, terms))
    unpriced = next((at for what, _, at in failed if what == UNPRICED), NOWHERE)
    on_holiday = unpriced[parts.cell_is_stray[parts.cell_of(unpriced)]]
    priced = np.setdiff1d(np.arange(len(rows)), unpriced, assume_unique=True) if len(unpriced) else None
    names = pl.Series("symbol", rows.symbols, dtype=pl.String).gather(parts.symbol)
    cells = _Cells(rows, parts, names, terms, priced, on_holiday)
    spikes, pending = lone_prices(rows, links, parts, names, terms)
    runs, at_edges = standing_prices(links, parts, names, terms)
    columns = {
        "leaf": parts.leaf,
        "symbol": names,
        **cells.series(links),
        **_sums(rows, parts, links, terms),
        **edge_columns(links, terms),
        **at_edges,
        "pending_open": pending,
    }
    return State(frame_of(columns, SERIES), cells.sessions(links), cells.days(), cells.counts(failed), spikes, runs)


class _Cells:
    """What is counted for each symbol and session."""

    def __init__(
        self, rows: Rows, parts: Parts, names: pl.Series, terms: Terms, priced: Positions | None, on_holiday: Positions
    ) -> None:
        self.rows, self.parts, self.names, self.terms, self.on_holiday = rows, parts, names, terms, on_holiday
        self.priced_at = priced
        self.priced = self._of_cells(priced)
        self.real = parts.cell_sizes - self._of_cells(on_holiday)
        self.inside = self._within_hours()

    def _of_cells(self, positions: Positions | None) -> Positions:
        """Count some ascending positions in each cell; None: all rows."""
        if positions is None:
            return self.parts.cell_sizes
        return np.diff(np.searchsorted(positions, np.append(self.parts.cell_starts, self.parts.size)))

    def _by_part(self, cells: NDArray[Any]) -> NDArray[Any]:
        return np.add.reduceat(cells, self.parts.first_cell)

    def series(self, links: Links) -> dict[str, Any]:
        """Return counts and bounds of each part."""
        rows, parts = self.rows, self.parts
        timed = None if rows.at.min() != NEVER else np.flatnonzero(rows.at != NEVER)
        seen = self.priced_at if timed is None else timed if self.priced_at is None else np.intersect1d(timed, self.priced_at)
        nameless = np.array([name is None for name in rows.symbols])[parts.symbol]
        from_at, to_at = self._moments(timed, nameless)
        first_at, last_at = self._moments(seen, nameless)
        first, last = (np.where(nameless, -1, cell) for cell in self._outer_cells())
        day = np.append(parts.cell_session, NO_DAY)
        bars = np.append(self._bars(), 0)
        return {
            "rows": self._by_part(self.real), "priced": self._by_part(self.priced), "links": links.counts,
            "from_at": from_at, "to_at": to_at, "first_at": first_at, "last_at": last_at,
            "first_session": day[first], "last_session": day[last], "first_bars": bars[first], "last_bars": bars[last],
        }  # fmt: skip

    def _moments(self, positions: Positions | None, nameless: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        first, last, count = outermost(positions, self.parts.starts, self.parts.ends)
        absent = (count == 0) | nameless  # rows that name no symbol do not follow each other
        return tuple(np.where(absent, NEVER, self.rows.at[at]) for at in (first, last))  # type: ignore[return-value]

    def _outer_cells(self) -> tuple[Positions, Positions]:
        """Return the first and last cell of each part that has a priced row and a session; -1 where none has."""
        parts = self.parts
        good = np.flatnonzero((self.priced > 0) & (parts.cell_session != NO_DAY))
        ends = np.append(parts.first_cell[1:], len(parts.cell_starts))
        first, last, count = outermost(good, parts.first_cell, ends)
        return np.where(count > 0, first, -1), np.where(count > 0, last, -1)

    def _bars(self) -> NDArray[np.int64]:
        """Count the distinct times of priced rows within regular hours, for each cell."""
        if self.inside is None:
            return self.parts.cell_sizes if self._counts_bars() else np.zeros(len(self.parts.cell_starts), dtype=np.int64)
        cell, at, inside = self.inside
        distinct = inside.copy()
        distinct[1:] &= (at[1:] != at[:-1]) | (cell[1:] != cell[:-1])
        return np.bincount(cell[distinct], minlength=len(self.parts.cell_starts))

    def _outside(self) -> NDArray[np.int64]:
        """Count priced rows outside regular hours, for each cell that is a session."""
        none = np.zeros(len(self.parts.cell_starts), dtype=np.int64)
        if self.inside is None:
            return none
        cell, _, inside = self.inside
        return np.where(self.parts.cell_seat >= 0, np.bincount(cell[~inside], minlength=len(none)), 0)

    def _counts_bars(self) -> bool:
        return self.terms.counts_bars and bool((self.parts.cell_seat >= 0).any())

    def _within_hours(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]] | None:
        """Return of every priced row its cell, its time, and whether it lies within hours; None where no row lies outside.

        None, too, where bars are not counted: nothing asks for hours then.
        """
        rows, parts, terms = self.rows, self.parts, self.terms
        if not self._counts_bars():
            return None
        opens, closes = self._hours()
        low, high = (opens + 1, closes + 1) if terms.stamp == "end" else (opens, closes)
        ends = np.append(parts.cell_starts[1:], parts.size) - 1
        inside = (rows.at[parts.cell_starts] >= low) & (rows.at[ends] < high)
        if self.priced_at is None and not rows.has_ties and inside.all():
            return None
        at = rows.at if self.priced_at is None else rows.at[self.priced_at]
        cell = np.repeat(np.arange(len(low)), self.priced)
        return cell, at, (at >= low[cell]) & (at < high[cell])

    def _hours(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when each cell's session opens and closes; never, where it is no session."""
        parts = self.parts
        opens, closes = np.full((2, len(parts.cell_starts)), NEVER + 1)
        for number, table in enumerate(self.terms.timetables):
            mine = np.flatnonzero((parts.cell_table == number) & (parts.cell_seat >= 0))
            opens[mine], closes[mine] = table.opens[parts.cell_seat[mine]], table.closes[parts.cell_seat[mine]]
        return opens, closes

    def sessions(self, links: Links) -> pl.DataFrame:
        """Return counts of each session over all symbols of the chunk."""
        parts = self.parts
        leaf = parts.leaf[parts.cell_part]
        key, cell, inverse = np.unique(leaf.astype(np.int64) * 2**32 + parts.cell_session, return_index=True, return_inverse=True)
        counts = {"rows": self.real, "priced": self.priced, "links": self._of_cells(links.rows)}
        summed = {name: np.bincount(inverse, weights=c, minlength=len(key)).astype(np.int64) for name, c in counts.items()}
        return frame_of({"leaf": leaf[cell], "session": parts.cell_session[cell], **summed}, SESSIONS)

    def days(self) -> pl.DataFrame:
        """Return on which days of a month each symbol has a price."""
        parts = self.parts
        seen = np.flatnonzero((self.priced > 0) & (parts.cell_session != NO_DAY))
        bit = np.left_shift(np.uint32(1), (parts.cell_session[seen] - parts.cell_month[seen]).astype(np.uint32))
        part, month = parts.cell_part[seen], parts.cell_month[seen]
        first = np.ones(len(seen), dtype=bool)
        first[1:] = (part[1:] != part[:-1]) | (month[1:] != month[:-1])
        at = np.flatnonzero(first)
        mask = np.bitwise_or.reduceat(bit, at) if len(at) else bit
        owner = part[at]
        return frame_of({"leaf": parts.leaf[owner], "symbol": self.names.gather(owner), "month": month[at], "mask": mask}, DAYS)

    def counts(self, failed: list[tuple[str, str, Positions]]) -> pl.DataFrame:
        """Return what failed, for each symbol and session."""
        stray = self.parts.cell_is_stray
        counted = [(what, field, self._of_cells(self._but_holidays(at))) for what, field, at in failed]
        counted.append((PLACEHOLDER, "", self._of_cells(self.on_holiday)))
        counted.append((STRAY, "", np.where(stray, self.real, 0)))
        counted.append((OUTSIDE, "", self._outside()))
        cells = [np.flatnonzero(counts) for _, _, counts in counted]
        kind = np.repeat(np.arange(len(counted)), [len(at) for at in cells])
        at = np.concatenate(cells)
        if not len(at):
            return pl.DataFrame(schema=COUNTS)
        part = self.parts.cell_part[at]
        whats, fields = (pl.Series(text, dtype=pl.String).gather(kind) for text in zip(*(c[:2] for c in counted), strict=True))
        columns = {
            "leaf": self.parts.leaf[part], "symbol": self.names.gather(part), "session": self.parts.cell_session[at],
            "what": whats, "field": fields,
            "count": np.concatenate([counts[at] for (_, _, counts), at in zip(counted, cells, strict=True)]),
        }  # fmt: skip
        return frame_of(columns, COUNTS)

    def _but_holidays(self, at: Positions) -> Positions:
        """Leave placeholders out: they count for nothing, in no rule."""
        return np.setdiff1d(at, self.on_holiday, assume_unique=True) if len(self.on_holiday) else at


def _sums(rows: Rows, parts: Parts, links: Links, terms: Terms) -> dict[str, Any]:
    """Return sums and histograms of each part."""
    count = len(parts)
    first_bin = np.arange(count) * BINS
    of_links = np.repeat(first_bin, links.counts)
    of_rows = of_links if links.rows is None else np.repeat(first_bin, parts.ends - parts.starts)
    returns = _histogram(of_links, ratio_bins(links.distance), count)
    returns[:, 0] -= np.bincount(links.part[links.void], minlength=count)
    is_far = len(links.move) > 0 and links.distance.max() > 1
    move = np.clip(links.move, -1.0, 1.0) if is_far else links.move
    volume = rows.values[terms.sizes[0]] if terms.sizes else None
    if volume is not None and terms.sizes[0] in rows.has_nulls:
        volume = np.nan_to_num(volume, nan=0.0)
    spread = _spreads(rows) if terms.kind is Kind.QUOTES and len(terms.prices) == 2 else None
    none = np.zeros((count, BINS), dtype=np.uint32)
    return {
        "moves": _part_sums(on_grid(move, MOVE_STEP), links),
        "squares": _part_sums(on_grid(move * move, SQUARE_STEP), links),
        "returns": returns.astype(np.uint32),
        "volumes": none if volume is None else _histogram(of_rows, size_bins(volume), count).astype(np.uint32),
        "spreads": none if spread is None else _histogram(of_rows, ratio_bins(spread), count).astype(np.uint32),
    }


def _histogram(first_bin: NDArray[np.int64], bins: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    bins += first_bin
    return np.bincount(bins, minlength=count * BINS).reshape(count, BINS)


def _part_sums(values: NDArray[np.int64], links: Links) -> NDArray[np.int64]:
    sums = np.zeros(len(links.counts), dtype=np.int64)
    if len(values):
        sums[links.counts > 0] = np.add.reduceat(values, links.firsts)
    return sums


def _spreads(rows: Rows) -> NDArray[np.float64]:
    """Return relative spreads; zero where a side is missing or the quote is crossed."""
    bid, ask = rows.values["bid"], rows.values["ask"]
    spread = (ask - bid) / ((ask + bid) / 2)
    return np.nan_to_num(np.maximum(spread, 0.0), nan=0.0, posinf=0.0, neginf=0.0)
