"""Which rows cannot be trusted structurally: they go to quarantine with a reason, never away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT, EVENT_AT, RAW_TEXT, REASON, RECEIPT, REJECTED, ROW, SYMBOL, Kind, fields_of
from workbench.transform.events import NOT_JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.model.contract import Policies
    from workbench.transform.standardise import Origin

EXACT_DUPLICATE = "exact_duplicate"
CONFLICTING_DUPLICATE = "conflicting_duplicate"
TIME_UNREADABLE = "time_unreadable"
SYMBOL_MISSING = "symbol_missing"
INFINITE_VALUE = "infinite_value"

_MOST_ROWS = 1 << 32
KEYED_KINDS = (Kind.BARS, Kind.VALUES)
"""Kinds of which one symbol has one row at one time; trades and quotes may share a moment."""


def sort_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Order rows by symbol, then time, then arrival; what has no time comes last."""
    same = pl.col(SYMBOL) == pl.col(SYMBOL).shift()
    follows = (pl.col(SYMBOL) > pl.col(SYMBOL).shift()) | (same & (pl.col(EVENT_AT) > pl.col(EVENT_AT).shift()))
    if frame.select(follows.slice(1).all(ignore_nulls=False)).item():
        return frame
    return frame.sort(SYMBOL, EVENT_AT, RECEIPT, ROW, nulls_last=True, maintain_order=True)


def newest_of_each_key(frame: pl.DataFrame, receipts: Sequence[str], kind: Kind) -> pl.DataFrame:
    """Where several arrivals hold the same symbol and time, keep the rows of the newest.

    Parameters
    ----------
    frame : DataFrame
        With ``symbol, event_at, receipt, row``; of a feed with ``event``, and each is an arrival of its own.
    receipts : sequence of str
        Ids of arrivals, oldest first.
    kind : Kind
        Trades and quotes may share a moment: of a feed they are told by ``event``, and the same one counts once.
    """
    order = {receipt: position for position, receipt in enumerate(receipts)}
    if EVENT not in frame.columns:
        return frame if len(order) < 2 else frame.filter(_is_newest(_age(order)) | _has_no_key())
    is_event = pl.col(EVENT).is_not_null()
    by_line = is_event & (_has_no_key() if kind in KEYED_KINDS else pl.lit(value=True))
    each_for_itself = pl.when(is_event).then(pl.col(ROW) + 1).otherwise(0)
    by_key = frame.filter(~by_line).filter(_is_newest(_age(order) + each_for_itself) | _has_no_key())
    return pl.concat([by_key, frame.filter(by_line).unique(EVENT, keep="first", maintain_order=True)])


def _age(order: dict[str, int]) -> pl.Expr:
    return pl.col(RECEIPT).replace_strict(order, return_dtype=pl.Int64) * _MOST_ROWS


def _is_newest(age: pl.Expr) -> pl.Expr:
    return age == age.max().over(SYMBOL, EVENT_AT)


def _has_no_key() -> pl.Expr:
    return pl.col(EVENT_AT).is_null() | pl.col(SYMBOL).is_null()


def mark_quarantine(frame: pl.DataFrame, kind: Kind, policies: Policies) -> pl.DataFrame:
    """Add the reason a row cannot be trusted, null for those that can.

    Parameters
    ----------
    frame : DataFrame
        Sorted as :func:`sort_rows` does.
    kind : Kind
    policies : Policies
        Which of several rows with one key stays.

    Returns
    -------
    DataFrame
        With ``quarantine_reason`` (String): ``time_unreadable``, ``symbol_missing``,
        ``infinite_value``, ``exact_duplicate``, ``conflicting_duplicate``.
    """
    fields = [name for name in fields_of(kind) if name in frame.columns]
    infinite = pl.any_horizontal([pl.col(name).is_infinite().fill_null(value=False) for name in fields])
    plain = (
        pl.when(pl.col(EVENT_AT).is_null())
        .then(pl.lit(TIME_UNREADABLE))
        .when(pl.col(SYMBOL).is_null())
        .then(pl.lit(SYMBOL_MISSING))
        .when(infinite)
        .then(pl.lit(INFINITE_VALUE))
    )
    marked = frame.with_columns(plain.alias(REASON))
    if kind not in KEYED_KINDS:
        return marked
    return marked.with_columns(pl.coalesce(REASON, _duplicate_reason(marked, fields, policies)).alias(REASON))


def _duplicate_reason(frame: pl.DataFrame, fields: list[str], policies: Policies) -> pl.Series:
    """Say of rows that share symbol and time whether they agree, and which of them must go."""
    same_key = pl.col(SYMBOL).eq(pl.col(SYMBOL).shift()) & pl.col(EVENT_AT).eq(pl.col(EVENT_AT).shift())
    usable = pl.col(REASON).is_null()
    follows = (same_key & usable & usable.shift()).fill_null(value=False)
    if not frame.select(follows.any()).item():
        return pl.Series(REASON, [None], dtype=pl.String).new_from_index(0, len(frame))
    differs = follows & ~pl.all_horizontal([pl.col(name).eq_missing(pl.col(name).shift()) for name in fields])
    keyed = frame.with_columns(follows.alias("follows"), differs.alias("differs"), (~follows).cum_sum().alias("key"))
    keyed = keyed.with_columns(
        pl.col("differs").any().over("key").alias("conflict"),
        (pl.len().over("key") > 1).alias("shared"),
        (~pl.col("follows").shift(-1, fill_value=False)).alias("is_last"),
    )
    keeps = {"keep_first": pl.col("follows"), "keep_last": ~pl.col("is_last"), "quarantine_all": pl.lit(value=True)}
    conflict_goes = pl.col("shared") & pl.col("conflict") & keeps[policies.conflicting_duplicates]
    exact_goes = pl.col("shared") & ~pl.col("conflict") & keeps[policies.exact_duplicates]
    reason = pl.when(conflict_goes).then(pl.lit(CONFLICTING_DUPLICATE)).when(exact_goes).then(pl.lit(EXACT_DUPLICATE))
    return keyed.select(reason.alias(REASON)).to_series()


def mark_rejected(frame: pl.DataFrame, origins: Iterable[Origin]) -> pl.DataFrame:
    """Say of events that cannot be trusted that they were rejected, and of those that are no JSON that they are none.

    Parameters
    ----------
    frame : DataFrame
        With ``quarantine_reason``; unchanged where it has no ``event``.
    origins : iterable of Origin
        The raw tables the rows came from.
    """
    if EVENT not in frame.columns:
        return frame
    unreadable = [(o.receipt, o.first_row + line) for o in origins if o.lines is not None for line in o.lines.unreadable]
    told = pl.DataFrame(unreadable, schema={RECEIPT: pl.String, ROW: pl.Int64}, orient="row").with_columns(
        pl.lit(NOT_JSON).alias("not_json")
    )
    why = pl.concat_str(pl.lit(f"{REJECTED}:"), pl.coalesce("not_json", REASON))
    marked = pl.when(pl.col(EVENT).is_not_null() & pl.col(REASON).is_not_null()).then(why).otherwise(REASON)
    joined = frame.join(told, on=[RECEIPT, ROW], how="left", maintain_order="left")
    return joined.with_columns(marked.alias(REASON)).drop("not_json")


def with_raw_text(quarantined: pl.DataFrame, origins: Iterable[Origin]) -> pl.DataFrame:
    """Put the vendor's own cells beside quarantined rows, as one JSON object a row; of a feed, the line as it came.

    Parameters
    ----------
    quarantined : DataFrame
        With ``receipt`` and ``row``.
    origins : iterable of Origin
        The raw tables the rows came from.
    """
    parts = [_raw_text(origin, quarantined.filter(pl.col(RECEIPT) == origin.receipt)[ROW].unique()) for origin in origins]
    found = pl.concat(parts).unique([RECEIPT, ROW], keep="first", maintain_order=True)
    return quarantined.join(found, on=[RECEIPT, ROW], how="left", maintain_order="left")


def _raw_text(origin: Origin, rows: pl.Series) -> pl.DataFrame:
    """Return ``receipt, row, raw_text`` of some rows of an arrival, as far as this table holds them."""
    receipt = pl.lit(origin.receipt).alias(RECEIPT)
    if origin.lines is not None:
        lines = [origin.lines.raw[row - origin.first_row].decode("utf-8", "backslashreplace") for row in rows]
        return pl.DataFrame({ROW: rows, RAW_TEXT: pl.Series(lines, dtype=pl.String)}).select(receipt, ROW, RAW_TEXT)
    number = pl.int_range(pl.len(), dtype=pl.Int64) + origin.first_row
    cells = origin.table.frame.with_columns(number.alias("__row")).filter(pl.col("__row").is_in(rows.implode()))
    text = pl.struct(pl.exclude("__row").cast(pl.String)).struct.json_encode().alias(RAW_TEXT)
    return cells.select(receipt, pl.col("__row").alias(ROW), text)
