"""From flagged rows to findings: one kind, one symbol, one contiguous span."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.model.findings import Finding, Hypothesis, Moment, Severity
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.attendance import days_of_masks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from workbench.quality.ledger import Ledger

ORDINAL: Final = "ordinal"
_RIVALS: Final = {"bad_tick": "real_move", "stale": "no_trade", "zero_volume_move": "late_volume", "out_of_range": "unit_switch"}
_EVIDENCE: Final = {
    "bad_tick": "the price leaves its neighbours by far more than this symbol moves, and returns at once",
    "stale": "the price repeats for longer than this symbol's own repeats explain",
    "zero_volume_move": "the bar has a range but no volume, in a symbol that hardly ever lacks volume",
    "missing_value": "the cell is empty or is no number",
    "non_positive": "the value is zero or negative, and the contract does not allow that",
    "ohlc_order": "the high is not the highest or the low not the lowest price of the bar",
    "duplicate_key": "the row repeats another one exactly",
    "conflicting_duplicate": "the row repeats symbol and time of another one with different values",
    "crossed_quote": "the bid lies above the ask",
    "out_of_range": "the value is infinite, absurdly large, or outside the contract's range",
    "phantom_session": "the calendar has no session on this day",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a finding says beside its place."""

    kind: str
    severity: Severity
    confidence: float


def numbered_sessions(ledger: Ledger, symbols: pl.Series) -> pl.DataFrame:
    """Return ``symbol, session, ordinal``: which of its symbol's sessions each one is, from zero."""
    days = ledger.state.days.filter(pl.col(SYMBOL).is_in(symbols.unique().implode()))
    there = [days_of_masks(days.select(SYMBOL, "month", "mask")).select(SYMBOL, SESSION), ledger.blank]
    return pl.concat(there).sort(SYMBOL, SESSION).with_columns(pl.int_range(pl.len()).over(SYMBOL).alias(ORDINAL))


def in_stretches(frame: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Number rows (``at``) and the stretches without a hole that they lie in (``stretch``).

    Parameters
    ----------
    frame : DataFrame
        Whole symbols' sessions, sorted by symbol, then time.
    ledger : Ledger
        Says which sessions of a symbol follow each other.
    """
    known = frame.join(
        numbered_sessions(ledger, frame[SYMBOL].drop_nulls()), on=[SYMBOL, SESSION], how="left", maintain_order="left"
    )
    step = pl.col(ORDINAL).diff()
    follows = (pl.col(SYMBOL) == pl.col(SYMBOL).shift()) & ((pl.col(SESSION) == pl.col(SESSION).shift()) | (step <= 1))
    return known.with_columns((~follows.fill_null(value=False)).cum_sum().alias("stretch")).drop(ORDINAL).with_row_index("at")


def spans_of(flagged: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Gather flagged cells into spans.

    Parameters
    ----------
    flagged : DataFrame
        ``at, field`` (empty where the row itself is meant), and ``level`` where a value is proposed.
    rows : DataFrame
        As :func:`in_stretches` gives them.

    Returns
    -------
    DataFrame
        One row for each span: ``symbol``, first and last ``session`` and time, ``rows``, ``fields``,
        ``level``, and the values of its first row.
    """
    cells = flagged.with_columns(pl.col("at").cast(pl.UInt32)).group_by("at").agg(
        pl.col("field").unique().sort(), *([pl.col("level").first()] if "level" in flagged.columns else [])
    )  # fmt: skip
    placed = (
        cells.join(rows, on="at", how="inner").sort("at").filter(pl.col(SYMBOL).is_not_null() & pl.col(EVENT_AT).is_not_null())
    )
    apart = (pl.col("at").cast(pl.Int64).diff() != 1) | (pl.col("stretch") != pl.col("stretch").shift())
    values = [name for name in placed.columns if placed.schema[name] == pl.Float64 and name != "level"]
    return placed.with_columns(apart.fill_null(value=True).cum_sum().alias("span")).group_by("span", maintain_order=True).agg(
        pl.col(SYMBOL).first(), pl.col(SESSION).first().alias("first_session"), pl.col(SESSION).last().alias("last_session"),
        pl.col(EVENT_AT).first().alias("start_at"), pl.col(EVENT_AT).last().alias("end_at"), pl.len().alias("rows"),
        pl.col("field").list.explode(keep_nulls=False, empty_as_null=False).unique().sort().alias("fields"),
        *([pl.col("level").first()] if "level" in placed.columns else []), *[pl.col(name).first() for name in values],
    )  # fmt: skip


def findings_of(spans: pl.DataFrame, told: Told, ledger: Ledger) -> Iterator[Finding]:
    """Yield one finding for each span."""
    order = {name: place for place, name in enumerate(ledger.terms.fields)}
    for row in spans.iter_rows(named=True):
        fields = tuple(sorted((name for name in row["fields"] if name), key=lambda name: order.get(name, 0)))
        level = row.get("level")
        yield Finding(
            kind=told.kind,
            symbol=str(row[SYMBOL]),
            start=_bound(row, "start_at", "first_session", ledger),
            end=_bound(row, "end_at", "last_session", ledger),
            rows=int(row["rows"]),
            severity=told.severity,
            confidence=told.confidence,
            fields=fields,
            observed={name: row[name] for name in (fields or ledger.terms.fields) if name in row},
            proposed=dict.fromkeys(fields, _rounded(level)) if isinstance(level, float) and fields else None,
            hypotheses=hypotheses(told),
        )


def _bound(row: dict[str, Any], moment: str, session: str, ledger: Ledger) -> Moment:
    value = row[moment if ledger.terms.is_intraday else session]
    if not isinstance(value, (date, datetime)):
        raise TypeError(f"expected a date or a datetime, found {type(value).__name__}")
    return value


def hypotheses(told: Told) -> tuple[Hypothesis, ...]:
    """Return what a kind is taken for, and its rival."""
    best = Hypothesis(told.kind, told.confidence, _EVIDENCE[told.kind])
    rival = _RIVALS.get(told.kind)
    if rival is None:
        return (best,)
    return (best, Hypothesis(rival, round(1 - told.confidence, 6), "nothing in the neighbouring rows supports it"))


def _rounded(price: float) -> float:
    return float(f"{price:.6g}")


def consecutive(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Gather rows of ``symbol, key, position`` whose positions follow each other: ``symbol, start, end, rows``."""
    apart = (pl.col("position").cast(pl.Int64).diff() != 1) | (pl.col(SYMBOL) != pl.col(SYMBOL).shift())
    spans = frame.with_columns(apart.fill_null(value=True).cum_sum().alias("span"))
    return spans.group_by("span", maintain_order=True).agg(
        pl.col(SYMBOL).first(), pl.col(key).first().alias("start"), pl.col(key).last().alias("end"), pl.len().alias("rows")
    )


def flags(at: np.ndarray[Any, Any], field: str) -> pl.DataFrame:
    """Return positions of one field as flagged cells."""
    return pl.DataFrame(
        {"at": pl.Series(at, dtype=pl.Int64), "field": pl.Series([field], dtype=pl.String).new_from_index(0, len(at))}
    )
