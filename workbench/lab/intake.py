"""Pieces of a feed into the lake: first their bytes, then their rows, each once, whatever is pulled out when.

Bytes are published before rows are written, and rows are written together with the position they reach. What a crash
leaves between the two is in the raw zone, and is taken in from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.lab.arrivals import filled_receipt, moment_behind, plain_receipt, readable
from workbench.lab.contracts import contract_fingerprint
from workbench.lab.decided import rows_of, touched_sessions
from workbench.lab.fingerprint import code_fingerprint
from workbench.lab.processing import made_again, tidy_up
from workbench.lab.quarantine import once_in_quarantine
from workbench.lab.snapshots import leaf_by
from workbench.lab.sorting import SortedOut, sorted_out
from workbench.lake import (
    Appended,
    Lineage,
    Stand,
    TableRef,
    append_rows,
    merge_small_files,
    position_of,
    publish,
    read_raw,
    receipts,
    replace_receipts,
    scan,
    version_of,
)  # fmt: skip
from workbench.lake.locks import alone
from workbench.model.errors import BadInput
from workbench.model.names import EVENT, EVENT_AT, RAW_TEXT, REASON, RECEIPT, REJECTED, ROW, SESSION, SYMBOL
from workbench.transform.events import line_hashes

if TYPE_CHECKING:
    from workbench.ingest.feeds.feed import Piece
    from workbench.lake import Lake
    from workbench.model.contract import Contract
    from workbench.model.receipts import Receipt
    from workbench.transform.standardise import Arrived

MERGE_EVERY = 64
"""Commits after which small files are put together."""
NOT_DATA = f"{REJECTED}:not_data"
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a piece.

    Attributes
    ----------
    events
        Lines, or rows of a file.
    rejected
        Reason -> events that went to quarantine.
    late
        Events of a time before one that had been there.
    sessions
        Those with new rows.
    """

    events: int
    new: int = 0
    repeated: int = 0
    superseded: int = 0
    late: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    sessions: tuple[date, ...] = ()


@dataclass(slots=True)
class Intake:
    """A dataset that follows one feed.

    Attributes
    ----------
    feed
        Its name, as of a source.
    run
        Written into the lineage.
    """

    lake: Lake
    contract: Contract
    feed: str
    run: str
    _newest: datetime | None = None
    _received_at: datetime | None = None
    _newest_of: dict[str, str] = field(default_factory=dict)
    """Of each name the hash of what came last under it."""
    _commits: int = 0
    _laid_out: int = 0

    def catch_up(self) -> tuple[int | None, bytes | None, list[Taken]]:
        """Take in what was published and not written, and return where to go on.

        Returns
        -------
        tuple of int or None, bytes or None, list of Taken
            The position behind the last piece that is in, None where there is none yet; and that piece.
        """
        everything = receipts(self.lake, self.contract.dataset)
        mine = sorted((r for r in everything if r.source == self.feed and r.position is not None), key=lambda r: r.position or 0)
        self._received_at = max((r.received_at for r in everything), default=None)
        self._newest_of = {r.name: r.sha256 for r in mine}
        written = position_of(self.lake, self._processed, self._name)
        taken = []
        for receipt in (r for r in mine if written is None or (r.position or 0) > written):
            payload = read_raw(self.lake, receipt)
            is_late = any(r.received_at > receipt.received_at and r.source != self.feed for r in everything)
            taken.append(self._write(payload, receipt, readable(payload, receipt, self.contract), is_late=is_late))
        if not mine:
            return written, None, taken
        return mine[-1].position, read_raw(self.lake, mine[-1]), taken

    def take(self, piece: Piece) -> Taken:
        """Publish a piece, and write its rows; a file that is as it was the last time is left alone.

        Raises
        ------
        WorkbenchError
            The lake cannot be written to; what was published is taken in by :meth:`catch_up`.
        """
        received_at = moment_behind(self._received_at)
        receipt = plain_receipt(
            piece.payload, self.contract.dataset, self.feed, piece.name, received_at, position=piece.position,
            is_events=piece.is_events,
        )  # fmt: skip
        if not piece.is_events and self._newest_of.get(piece.name) == receipt.sha256:
            return Taken(0)
        self._received_at = received_at
        arrived = readable(piece.payload, receipt, self.contract)
        recorded, _ = publish(self.lake, piece.payload, receipt if arrived is None else filled_receipt(receipt, arrived))
        self._newest_of[piece.name] = receipt.sha256
        return self._write(piece.payload, recorded, arrived)

    def lay_out(self, *, few: bool = True) -> None:
        """Write the small files of pieces as large sorted ones; ``few``: even if there are only a few."""
        if self._commits - self._laid_out < (1 if few else MERGE_EVERY):
            return
        tidy_up(self.lake, self.contract)
        self._laid_out = self._commits

    @property
    def _processed(self) -> TableRef:
        return TableRef.processed(self.contract.dataset)

    @property
    def _name(self) -> str:
        return f"feed {self.feed}"

    def _write(self, payload: bytes, receipt: Receipt, arrived: Arrived | None, *, is_late: bool = False) -> Taken:
        """Write the rows of a piece; ``is_late``: others have arrived since it was published."""
        with alone(self.lake, rows_of(self.contract)):
            rows = None if arrived is None else self._sorted_out(arrived, receipt)
            if rows is None:
                return self._refuse(payload, receipt)
            days = rows.good[SESSION].unique().sort()
            again = days if is_late else pl.Series(touched_sessions(self.lake, self.contract, days), dtype=pl.Date)
            for day in again:  # from all that arrived of them, by its order, and with what was decided about it
                made_again(self.lake, self.contract, session=day, run=self.run)
            self._quarantine(rows.bad, receipt)
            in_sessions = pl.col(SESSION).is_in(again.implode())
            done = self._append(rows.good.filter(~in_sessions), receipt)
            table = scan(self.lake, self._processed) if len(again) else None
            mine = (
                0 if table is None else table.filter(pl.col(RECEIPT) == receipt.id, in_sessions).select(pl.len()).collect().item()
            )
        bad = {str(reason): int(count) for reason, count in rows.bad.group_by(REASON).len().sort(REASON).iter_rows()}
        new = done.new + mine
        repeated = receipt.rows - len(rows.bad) - new - done.superseded
        changed = tuple(days.to_list()) if new + done.superseded else ()
        return Taken(receipt.rows, new, repeated, done.superseded, self._late(rows.good), bad, changed)

    def _count(self, *which: pl.Expr) -> int:
        return int(scan(self.lake, self._processed).filter(*which).select(pl.len()).collect().item())

    def _sorted_out(self, arrived: Arrived, receipt: Receipt) -> SortedOut | None:
        try:
            return sorted_out(arrived, self.contract, receipts=[receipt.id])
        except BadInput:  # of days that no calendar knows
            return None

    def _late(self, good: pl.DataFrame) -> int:
        """Count the rows of a time before one that had been there."""
        times = good.sort(ROW)[EVENT_AT]
        seen = pl.concat([pl.Series(EVENT_AT, [self._newest], dtype=times.dtype), times]).cum_max()
        newest = seen.max()
        self._newest = newest if isinstance(newest, datetime) else None
        return int((times < seen.head(len(times))).sum())

    def _append(self, good: pl.DataFrame | None, receipt: Receipt) -> Appended:
        """Write rows, and how far the feed is with them; without rows, only that."""
        is_there = version_of(self.lake, self._processed) is not None
        if good is None or good.is_empty():
            if not is_there:
                return Appended(0, 0, 0, None)
            good = scan(self.lake, self._processed).head(0).collect()
        key = (SYMBOL, EVENT_AT, EVENT) if EVENT in good.columns else (SYMBOL, EVENT_AT)
        done = append_rows(
            self.lake, self._processed, good, key=key, stand=Stand(self._name, receipt.position or 0),
            lineage=self._lineage(receipt), partition_by=self.contract.storage.partition_by, leaf_by=leaf_by(self.contract),
        )  # fmt: skip
        self._commits += 1
        if self._commits % MERGE_EVERY == 0:
            merge_small_files(self.lake, self._processed)
        return done

    def _refuse(self, payload: bytes, receipt: Receipt) -> Taken:
        """Keep a record of bytes in which nothing can be read: for each line of a feed, or for the file."""
        lines = [line for line in payload.split(b"\n") if line.strip()] if receipt.is_events else [payload[:_SHOWN]]
        raw = [line.decode("utf-8", "backslashreplace") for line in lines]
        bad = pl.DataFrame(
            {ROW: range(len(lines)), RAW_TEXT: raw, EVENT: line_hashes(lines)},
            schema_overrides={ROW: pl.Int64, RAW_TEXT: pl.String},
        ).with_columns(
            pl.lit(None, dtype=pl.String).alias(SYMBOL), pl.lit(None, dtype=pl.Date).alias(SESSION),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(EVENT_AT),
            pl.lit(receipt.id).alias(RECEIPT), pl.lit(NOT_DATA).alias(REASON),
        )  # fmt: skip
        self._quarantine(bad, receipt)
        self._append(None, receipt)
        return Taken(len(lines), rejected={NOT_DATA: len(lines)})

    def _quarantine(self, bad: pl.DataFrame, receipt: Receipt) -> None:
        """Keep what cannot be trusted, the same bytes once."""
        if bad.is_empty():
            return
        table, by = TableRef.quarantine(self.contract.dataset), leaf_by(self.contract)
        once = once_in_quarantine(self.lake, self.contract, bad, [receipt.id])
        replace_receipts(self.lake, table, once, receipts=[receipt.id], lineage=self._lineage(receipt), leaf_by=by)

    def _lineage(self, receipt: Receipt) -> Lineage:
        return Lineage(
            stage="stream",
            run=self.run,
            receipts=(receipt.id,),
            contract=contract_fingerprint(self.contract),
            code=code_fingerprint(),
        )
