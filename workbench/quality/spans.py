"""From flagged rows to findings: one kind, one symbol, one contiguous span."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.findings import Finding, Hypothesis, Severity
from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.detection import LEVEL
from workbench.quality.rules import ROW_ITSELF, RowRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.quality.evidence import Evidence
    from workbench.quality.tally import Tally

_RIVALS = {"bad_tick": "real_move", "stale": "no_trade", "zero_volume_move": "late_volume", "out_of_range": "unit_switch"}
_EVIDENCE = {
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


def row_findings(evidence: Evidence, tally: Tally) -> Iterator[Finding]:
    """Yield the findings of every row rule.

    Notes
    -----
    Rows that follow each other in one symbol and fail the same rule are one span; its observed
    values are those of its first row.
    """
    for rule in (rule for rule in tally.rules if rule.is_reported):
        yield from _of_rule(rule, evidence, tally.rows)


def _of_rule(rule: RowRule, evidence: Evidence, rows: pl.DataFrame) -> Iterator[Finding]:
    names = {field: rule.flag_name(field) for field in rule.fails}
    bad = pl.any_horizontal(names.values())
    flagged = rows.filter(bad & ~pl.col("is_placeholder") & pl.col(SYMBOL).is_not_null() & pl.col(EVENT_AT).is_not_null())
    if flagged.is_empty():
        return
    apart = (pl.col("position").diff() != 1) | (pl.col(SYMBOL) != pl.col(SYMBOL).shift())
    spans = flagged.with_columns(apart.fill_null(value=True).cum_sum().alias("span"))
    values = [name for name in evidence.fields if name in rows.columns]
    grouped = spans.group_by("span", maintain_order=True).agg(
        pl.col(SYMBOL).first(),
        pl.col(SESSION).first().alias("first_session"),
        pl.col(SESSION).last().alias("last_session"),
        pl.col(EVENT_AT).first().alias("start_at"),
        pl.col(EVENT_AT).last().alias("end_at"),
        pl.len().alias("rows"),
        *[pl.col(flag).any().alias(f"in {field}") for field, flag in names.items()],
        *[pl.col(name).first().alias(f"value {name}") for name in values],
        *([pl.col(LEVEL).first()] if LEVEL in spans.columns else []),
    )
    for row in grouped.iter_rows(named=True):
        yield _finding(rule, row, intraday=evidence.contract.is_intraday, values=values)


def _finding(rule: RowRule, row: dict[str, object], *, intraday: bool, values: list[str]) -> Finding:
    fields = tuple(field for field in rule.fails if field != ROW_ITSELF and row[f"in {field}"])
    first, last = ("start_at", "end_at") if intraday else ("first_session", "last_session")
    shown = fields or tuple(values)
    level = row.get(LEVEL) if rule.kind == "bad_tick" else None
    return Finding(
        kind=rule.kind,
        symbol=str(row[SYMBOL]),
        start=_moment(row[first]),
        end=_moment(row[last]),
        rows=int(str(row["rows"])),
        severity=rule.severity,
        confidence=rule.confidence,
        fields=fields,
        observed={name: row[f"value {name}"] for name in shown},
        proposed=dict.fromkeys(fields, _rounded(level)) if isinstance(level, float) and fields else None,
        hypotheses=_hypotheses(rule),
    )


def _hypotheses(rule: RowRule) -> tuple[Hypothesis, ...]:
    best = Hypothesis(rule.kind, rule.confidence, _EVIDENCE[rule.kind])
    rival = _RIVALS.get(rule.kind)
    if rival is None:
        return (best,)
    return (best, Hypothesis(rival, round(1 - rule.confidence, 6), "nothing in the neighbouring rows supports it"))


def _moment(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError(f"expected a date or a datetime, found {type(value).__name__}")
    return value


def _rounded(price: float) -> float:
    return float(f"{price:.6g}")


def severity_of_absence(sessions: int) -> Severity:
    """Return how much it matters that this many sessions in a row are not there."""
    return Severity.HIGH if sessions >= 3 else Severity.MEDIUM
