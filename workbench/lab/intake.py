"""Pieces of a feed into the lake: first their bytes, then their rows, each once, whatever is pulled out when.

Bytes are published before rows are written, and rows are written together with the position they reach. What a crash
leaves between the two is in the raw zone, and is taken in from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.lab.arrivals import filled_receipt, moment_behind, plain_receipt, read_arrived, standard_rows
from workbench.lab.contracts import contract_fingerprint
from workbench.lab.fingerprint import code_fingerprint
from workbench.lab.processing import tidy_up, transform
from workbench.lab.snapshots import leaf_by
from workbench.lab.sorting import sorted_out
from workbench.lake import (
    Appended,
    Lineage,
    Stand,
    TableRef,
    append_rows,
    find_receipt,
    merge_small_files,
    position_of,
    publish,
    read_raw,
    receipts,
    replace_receipts,
    scan,
    version_of,
)  # fmt: skip
from workbench.lake.decisions import read_entries
from workbench.model.errors import BadInput
from workbench.model.names import DECIDED, EVENT, EVENT_AT, RAW_TEXT, REASON, RECEIPT, REJECTED, ROW, SESSION, SYMBOL
from workbench.transform.events import line_hashes
from workbench.transform.standardise import STAMP

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
AROUND_THE_CLOCK = "24/7"


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
    _commits: int = 0
    _laid_out: int = 0

    def catch_up(self) -> tuple[int | None, list[Taken]]:
        """Take in what was published and not written, and return where to go on.

        Returns
        -------
        tuple of int or None, list of Taken
            The position of the last piece that is in; None where there is none yet.
        """
        mine = sorted((r for r in self._receipts() if r.position is not None), key=lambda r: r.position or 0)
        self._received_at = max((r.received_at for r in receipts(self.lake, self.contract.dataset)), default=None)
        written = position_of(self.lake, self._processed, self._name)
        waiting = [r for r in mine if written is None or (r.position or 0) > written]
        taken = [self._again(r) for r in waiting]
        last = [r.position for r in mine[-1:]] + ([written] if written is not None else [])
        return max((position for position in last if position is not None), default=None), taken

    def take(self, piece: Piece) -> Taken:
        """Publish a piece, and write its rows.

        Raises
        ------
        WorkbenchError
            The lake cannot be written to; what was published is taken in by :meth:`catch_up`.
        """
        self._received_at = moment_behind(self._received_at)
        plain = plain_receipt(piece.payload, self.contract.dataset, self.feed, piece.name, self._received_at)
        mine = replace(plain, position=piece.position, is_events=piece.is_events)
        known = find_receipt(self.lake, self.contract.dataset, mine.sha256)
        if known is not None:
            return self._known(mine, known)
        arrived = self._read(piece.payload, mine)
        recorded, _ = publish(self.lake, piece.payload, mine if arrived is None else filled_receipt(mine, arrived))
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

    def _receipts(self) -> list[Receipt]:
        return [r for r in receipts(self.lake, self.contract.dataset) if r.source == self.feed]

    def _known(self, mine: Receipt, known: Receipt) -> Taken:
        """Note how far the feed is, and no more: the very same bytes are there. A file stays where it is, and comes again."""
        if not mine.is_events:
            return Taken(0)
        self._append(None, mine)
        return Taken(known.rows, repeated=known.rows)

    def _again(self, receipt: Receipt) -> Taken:
        payload = read_raw(self.lake, receipt)
        return self._write(payload, receipt, self._read(payload, receipt))

    def _read(self, payload: bytes, receipt: Receipt) -> Arrived | None:
        """Read a piece; None where it is no data at all."""
        try:
            arrived = standard_rows(read_arrived(payload, receipt, self.contract), self.contract)
        except BadInput:
            return None
        return arrived if arrived.frame[STAMP].null_count() < len(arrived.frame) else None

    def _write(self, payload: bytes, receipt: Receipt, arrived: Arrived | None) -> Taken:
        if arrived is None:
            return self._refuse(payload, receipt)
        rows = sorted_out(arrived, _placing(self.contract), receipts=[receipt.id])
        self._quarantine(rows.bad, receipt)
        done = self._append(rows.good, receipt)
        self._decide_again(rows.good[SESSION])
        bad = {str(reason): int(count) for reason, count in rows.bad.group_by(REASON).len().sort(REASON).iter_rows()}
        again = done.repeated + receipt.rows - len(rows.good) - len(rows.bad)
        days = tuple(rows.good[SESSION].unique().sort().to_list()) if done.new + done.superseded else ()
        return Taken(receipt.rows, done.new, again, done.superseded, self._late(rows.good), bad, days)

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

    def _decide_again(self, sessions: pl.Series) -> None:
        """Make sessions again from all that arrived of them where a decision stands about one of their rows."""
        table = TableRef.quarantine(self.contract.dataset)
        if not read_entries(self.lake, self.contract.dataset) or version_of(self.lake, table) is None:
            return
        decided = pl.col(REASON).str.starts_with(DECIDED) & pl.col(SESSION).is_in(sessions.unique().implode())
        for day in scan(self.lake, table).filter(decided).select(SESSION).unique().collect()[SESSION].sort():
            transform(self.lake, self.contract, session=day, run=self.run)

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
        table = TableRef.quarantine(self.contract.dataset)
        if EVENT in bad.columns and version_of(self.lake, table) is not None:
            there = scan(self.lake, table)
            if EVENT in there.collect_schema():
                same = (
                    there.filter(pl.col(EVENT).is_in(bad[EVENT].implode()), pl.col(RECEIPT) != receipt.id).select(EVENT).collect()
                )
                bad = bad.filter(~pl.col(EVENT).is_in(same[EVENT].implode()).fill_null(value=False))
        replace_receipts(
            self.lake, table, bad, receipts=[receipt.id], lineage=self._lineage(receipt), leaf_by=leaf_by(self.contract)
        )

    def _lineage(self, receipt: Receipt) -> Lineage:
        return Lineage(
            stage="stream",
            run=self.run,
            receipts=(receipt.id,),
            contract=contract_fingerprint(self.contract),
            code=code_fingerprint(),
        )


def _placing(contract: Contract) -> Contract:
    """Return a contract that places rows alike in whatever pieces they come: some events name no calendar."""
    return contract if contract.calendar else contract.model_copy(update={"calendar": AROUND_THE_CLOCK})
