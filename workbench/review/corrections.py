"""What was decided, done to rows: some are taken out, some corrected, some made, some released. Frame -> frame; pure.

What arrived is not lost: a row that is taken out or corrected is set aside as it was, and a row that is not as it arrived
says so, and why, in ``correction``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.model.decisions import DATA, TAKING, Action
from workbench.model.names import CORRECTION, DECIDED, EVENT_AT, RAW_TEXT, REASON, RECEIPT, ROW, SESSION, SYMBOL
from workbench.review.policies import STRUCTURAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workbench.model.decisions import LedgerEntry

CORRECTED: Final = f"{DECIDED}:corrected"
DISPLACED: Final = f"{DECIDED}:displaced"
_WHEN: Final = "__when"


@dataclass(frozen=True, slots=True)
class Placing:
    """How rows that are made get their place in time.

    Attributes
    ----------
    by_session
        Daily and slower data goes by its session, all else by its time.
    other
        Adds ``event_at`` to rows that have a session, or ``session`` to those that have a time.
    """

    by_session: bool
    other: Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows after decisions.

    Attributes
    ----------
    good
        With ``correction``, where there is any.
    aside
        Rows that arrived and are not among them as they were, with ``quarantine_reason``.
    """

    good: pl.DataFrame
    aside: pl.DataFrame


def standing(entries: Iterable[LedgerEntry]) -> dict[str, LedgerEntry]:
    """Return what is decided of each subject: the last line about it that was not taken back.

    Notes
    -----
    Whoever takes back takes back what they said: what somebody else had said before stands again. Where the data has changed,
    all that was said of it is taken back.
    """
    said: dict[str, dict[str, LedgerEntry]] = {}
    for entry in entries:
        lines = said.setdefault(entry.subject, {})
        lines.pop(entry.by, None)
        if entry.action is not Action.WITHDRAW:
            lines[entry.by] = entry
        elif entry.by == DATA:
            lines.clear()
    return {subject: list(lines.values())[-1] for subject, lines in said.items() if lines}


def settled(
    good: pl.DataFrame, bad: pl.DataFrame, entries: Iterable[LedgerEntry], *, placing: Placing, is_keyed: bool = True
) -> Settled:
    """Do to rows what was decided about them.

    Parameters
    ----------
    good : DataFrame
        Standard rows as they arrived.
    bad : DataFrame
        Rows in quarantine, which may have been released.
    entries : iterable of LedgerEntry
        Those that stand.
    placing : Placing
        Whether rows go by session or time, and how rows that are made get the other.
    is_keyed : bool
        Whether a symbol has one row at one time, so that a released one displaces another.
    """
    chosen = list(entries)
    when = pl.col(SESSION) if placing.by_session else pl.col(EVENT_AT)
    rows = good.with_columns(when.alias(_WHEN), pl.lit(None, dtype=pl.String).alias(CORRECTION))
    rows, taken = _taken_out(rows, [e for e in chosen if e.action is Action.QUARANTINE and e.kind not in STRUCTURAL])
    rows, corrected = _corrected(rows, [entry for entry in chosen if entry.action in TAKING], placing)
    rows, displaced = _released(rows, bad, [entry for entry in chosen if entry.action is Action.RELEASE], is_keyed=is_keyed)
    aside = pl.concat([taken, corrected, displaced], how="diagonal_relaxed").drop(_WHEN, CORRECTION)
    untouched = rows[CORRECTION].null_count() == len(rows)
    return Settled(rows.drop(_WHEN, *([CORRECTION] if untouched else [])), aside)


def _taken_out(rows: pl.DataFrame, entries: Sequence[LedgerEntry]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set the rows of spans aside: of sessions, or of moments."""
    if not entries:
        return rows, _none(rows)
    ordered = rows.sort(_WHEN, nulls_last=True).with_row_index("__index")
    of_moments = [entry for entry in entries if isinstance(entry.start, datetime)]
    of_sessions = [entry for entry in entries if not isinstance(entry.start, datetime)]
    parts = [_hit(ordered, some, by) for some, by in ((of_sessions, SESSION), (of_moments, _WHEN)) if some]
    hit = pl.concat(parts).unique("__index", keep="first", maintain_order=True)
    aside = ordered.join(hit, on="__index").drop("__index")
    return ordered.join(hit, on="__index", how="anti").drop("__index").sort(SYMBOL, EVENT_AT, nulls_last=True), aside


def _hit(ordered: pl.DataFrame, entries: Sequence[LedgerEntry], by: str) -> pl.DataFrame:
    """Return ``__index, quarantine_reason`` of the rows that lie in a span."""
    kind = ordered.schema[by]
    spans = pl.DataFrame(
        {
            SYMBOL: [entry.symbol for entry in entries],
            "start": pl.Series([entry.start for entry in entries]).cast(kind),
            "end": pl.Series([entry.end for entry in entries]).cast(kind),
            "kind": [entry.kind for entry in entries],
        }
    ).sort(SYMBOL, "start")
    spans = spans.with_columns(pl.col("end").cum_max().over(SYMBOL))
    near = ordered.drop_nulls(by).sort(by, maintain_order=True).join_asof(
        spans.sort("start"), left_on=by, right_on="start", by=SYMBOL, strategy="backward", check_sortedness=False
    )  # fmt: skip
    return near.filter(pl.col(by) <= pl.col("end")).select("__index", pl.format(f"{DECIDED}:{{}}", "kind").alias(REASON))


def _corrected(rows: pl.DataFrame, entries: Sequence[LedgerEntry], placing: Placing) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put values in the place of those that were observed, and make rows where there were none."""
    cells = _cells(entries, rows)
    if cells.is_empty():
        return rows, _none(rows)
    key = [SYMBOL, _WHEN]
    there = rows.join(cells.select(key).unique(), on=key, how="semi")
    changed, notes = there, []
    for name in cells["field"].unique(maintain_order=True):
        one = cells.filter(pl.col("field") == name).unique(key, keep="last", maintain_order=True)
        joined = changed.join(one.select(*key, "value", "was", "note", "is_new"), on=key, how="left", maintain_order="left")
        fits = pl.col("note").is_not_null() & ~pl.col("is_new") & pl.col(name).eq_missing(pl.col("was"))
        marked = joined.with_columns(fits.fill_null(value=False).alias("fits"))
        notes.append(marked.filter("fits").select(*key, "note"))
        changed = marked.with_columns(pl.when("fits").then("value").otherwise(pl.col(name)).alias(name)).select(changed.columns)
    told = pl.concat(notes).group_by(key, maintain_order=True).agg(_together("note").alias("told"))
    changed = changed.join(told, on=key).with_columns(pl.col("told").alias(CORRECTION)).drop("told")
    before = there.join(told, on=key, how="semi").with_columns(pl.lit(CORRECTED).alias(REASON))
    made = _made(rows, cells.filter("is_new"), placing)
    rest = rows.join(told, on=key, how="anti")
    return pl.concat([rest, changed, made], how="diagonal_relaxed").sort(SYMBOL, EVENT_AT, nulls_last=True), before


def _cells(entries: Sequence[LedgerEntry], rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each value that is to be put somewhere, with what is to be said of it."""
    found = []
    for entry, cell in [(one, cell) for one in entries for cell in one.cells]:
        for name in [name for name in cell.values if name in rows.columns]:
            was = None if cell.was is None else cell.was.get(name)
            found.append((entry.symbol, cell.at, name, cell.values[name], was, cell.was is None, _note(entry, name, was)))
    schema: dict[str, Any] = {
        SYMBOL: pl.String, _WHEN: rows.schema[_WHEN], "field": pl.String, "value": pl.Float64, "was": pl.Float64,
        "is_new": pl.Boolean, "note": pl.String,
    }  # fmt: skip
    return pl.DataFrame(found, schema=schema, orient="row")


def _made(rows: pl.DataFrame, cells: pl.DataFrame, placing: Placing) -> pl.DataFrame:
    """Return rows where there were none, as far as there are none still."""
    missing = cells.join(rows.select(SYMBOL, _WHEN), on=[SYMBOL, _WHEN], how="anti")
    if missing.is_empty():
        return rows.clear()
    told = missing.group_by(SYMBOL, _WHEN, maintain_order=True).agg(_together("note").alias(CORRECTION))
    wide = missing.pivot("field", index=[SYMBOL, _WHEN], values="value", aggregate_function="last").join(told, on=[SYMBOL, _WHEN])
    return placing.other(wide.with_columns(pl.col(_WHEN).alias(SESSION if placing.by_session else EVENT_AT)))


def _released(
    rows: pl.DataFrame, bad: pl.DataFrame, entries: Sequence[LedgerEntry], *, is_keyed: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put rows in quarantine among the others; one that has their symbol and time makes way."""
    if not entries or bad.is_empty():
        return rows, _none(rows)
    last = {entry.subject: number for number, entry in enumerate(entries)}
    told = pl.DataFrame(
        [(entry.subject, _together_now([_note(entry)]), last[entry.subject]) for entry in entries],
        schema={"id": pl.String, CORRECTION: pl.String, "line": pl.Int64}, orient="row",
    )  # fmt: skip
    back = bad.with_columns(id_of_row().alias("id")).join(told, on="id").drop_nulls([SYMBOL, EVENT_AT]).sort("line")
    if is_keyed:  # of two rows of one symbol and time that were released the one that was last
        back = back.unique([SYMBOL, EVENT_AT], keep="last", maintain_order=True)
    back = back.drop(REASON, RAW_TEXT, "id", "line", strict=False)
    key = [SYMBOL, EVENT_AT]
    displaced = rows.join(back.select(key), on=key, how="semi") if is_keyed else rows.clear()
    stays = rows.join(back.select(key), on=key, how="anti") if is_keyed else rows
    together = pl.concat([stays, back.select(name for name in back.columns if name in rows.columns)], how="diagonal_relaxed")
    return together.sort(SYMBOL, EVENT_AT, nulls_last=True), displaced.with_columns(pl.lit(DISPLACED).alias(REASON))


def id_of_row() -> pl.Expr:
    """Return the id of a row in quarantine: its receipt, its row, and its symbol if it has one."""
    symbol = pl.when(pl.col(SYMBOL).is_not_null()).then(pl.format(":{}", SYMBOL)).otherwise(pl.lit(""))
    return pl.concat_str(pl.format("{}:{}", RECEIPT, ROW), symbol)


def _note(entry: LedgerEntry, field: str | None = None, was: float | None = None) -> str:
    told: dict[str, Any] = {"action": entry.action.value, "by": entry.by, "reason": entry.reason, "subject": entry.subject}
    return json.dumps(told if field is None else {"field": field, "was": was, **told})


def _together(name: str) -> pl.Expr:
    return pl.format("[{}]", pl.col(name).str.join(", "))


def _together_now(notes: Sequence[str]) -> str:
    return f"[{', '.join(notes)}]"


def _none(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear().with_columns(pl.lit(None, dtype=pl.String).alias(REASON))
