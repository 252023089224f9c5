"""What was decided about a dataset, and what may be decided: by its contract, or by a person about rows in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from workbench.lab.learned import Learned
from workbench.lab.quarantine import ID, quarantined
from workbench.lab.review_json import ledger_frame, line_document
from workbench.lab.settling import Settlement, bring_in_line, settle
from workbench.lake.decisions import append_entries, read_entries
from workbench.model.decisions import NOBODY, Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.model.html import table, titled
from workbench.model.names import DECIDED, EVENT_AT, REASON, REJECTED, SESSION, SYMBOL
from workbench.review.corrections import standing
from workbench.review.learning import learn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import polars as pl

    from workbench.lab.dataset import Dataset

MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Decisions:
    """The ledger of a dataset, to which lines are only added."""

    dataset: Dataset

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """What was decided, in the order in which it was."""
        return read_entries(self.dataset.lake, self.dataset.name)

    def waiting(self) -> pl.DataFrame:
        """Return the rows in quarantine that wait for a person: not those released, dropped, or set aside by a decision."""
        rows = quarantined(self.dataset.lake, self.dataset.name)
        if rows.is_empty():
            return rows
        done = rows[REASON].str.starts_with(DECIDED) | rows[ID].is_in(list(standing(self.entries)))
        return rows.filter(~done)

    def settle(self, *, run: str | None = None, end: date | None = None, now: datetime | None = None) -> Settlement:
        """Decide what the contract decides without a person, and bring the tables in line with all decisions.

        Parameters
        ----------
        run : str, optional
            Written into the lineage.
        end : date, optional
            The last session that is looked at.
        now : datetime, optional
            UTC; the moment timeliness is judged at.
        """
        snap, judgement = self.dataset.judged(end=end, now=now)
        return settle(judgement, snap, self.dataset.reference_rows, run=run)

    def apply(self, *, run: str | None = None) -> tuple[tuple[date, date], ...]:
        """Bring the tables in line with the ledger; return the stretches of sessions that were written again."""
        return bring_in_line(self.dataset.lake, self.dataset.contract, run=run)

    def release(self, rows: Sequence[str], *, reason: str, by: str) -> None:
        """Put rows of quarantine among the processed ones; one that has their symbol and time makes way.

        Parameters
        ----------
        rows : sequence of str
            Their ids, as :meth:`waiting` gives them.
        reason, by : str
            Why, and who says so; both are kept.

        Raises
        ------
        BadInput
            There is no such row in quarantine, it has no symbol or no time, or no reason is given.
        """
        self._add(rows, Action.RELEASE, reason, by)

    def drop(self, rows: Sequence[str], *, reason: str, by: str) -> None:
        """Say of rows of quarantine that they were looked at and stay where they are; arguments and errors as :meth:`release`."""
        self._add(rows, Action.DROP, reason, by)

    def _add(self, rows: Sequence[str], action: Action, reason: str, by: str) -> None:
        name = self.dataset.name
        if not reason.strip() or by.strip() in NOBODY:
            raise BadInput(f"{name}: say why, and who says so; both are kept with the decision")
        held = quarantined(self.dataset.lake, name)
        there = {row[ID]: row for row in held.iter_rows(named=True)}
        entries = []
        for subject in rows:
            row = there.get(subject)
            if row is None:
                raise BadInput(
                    f"{name}: there is no row {subject[:60]!r} in quarantine; list them with workbench review quarantined"
                )
            is_none = row[SYMBOL] is None or row[EVENT_AT] is None or row[REASON].startswith((REJECTED, DECIDED))
            if action is Action.RELEASE and is_none:
                raise BadInput(f"{name}: row {subject} cannot be released ({row[REASON]}); have the source send it again")
            where = (row[REASON], row[SYMBOL], row[SESSION], row[SESSION])
            entries.append(LedgerEntry(datetime.now(UTC), by, action, reason, subject, *where))
        append_entries(self.dataset.lake, name, entries)
        self.apply()

    def learned(self, *, now: datetime | None = None) -> Learned:
        """Return what persons' decisions teach about the findings there are; ``now`` as for :meth:`settle`."""
        judgement = self.dataset.judge(now=now)
        lessons = learn(judgement.findings, standing(self.entries).values())
        return Learned(lessons, judgement.score, self.dataset.contract.title or self.dataset.name)

    def to_json(self) -> dict[str, Any]:
        """Return every line of the ledger as JSON values."""
        lines = [line_document(line) for line in self.entries]
        return {"schema": "workbench.ledger/1", "dataset": self.dataset.name, "lines": lines}

    def to_polars(self) -> pl.DataFrame:
        """Return one row a line of the ledger, as it was written; what has parts as JSON text."""
        return ledger_frame(self.entries)

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def __len__(self) -> int:
        return len(self.entries)

    def _repr_html_(self) -> str:
        rows = [(line.at.isoformat(" ", "milliseconds"), line.by, line.action.value, line.kind, line.symbol, line.start, line.end,
                 line.reason, line.note) for line in reversed(self.entries[-MOST_SHOWN:])]  # fmt: skip
        columns = ("at", "by", "action", "kind", "symbol", "start", "end", "reason", "note")
        return titled(f"Decisions about {self.dataset.name}: {len(self.entries):,}", table(columns, rows))

    def __repr__(self) -> str:
        return f"{len(self.entries):,} decisions about {self.dataset.name}"
