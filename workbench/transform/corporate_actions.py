"""Splits and dividends: read from a table of events, put beside the prices they belong to, and taken out of them.

Adjusted prices are a view, derived from prices as they were traded and from events; they are never the stored truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.errors import BadInput
from workbench.model.names import EVENT_AT, PRICE_FIELDS, SESSION, SYMBOL
from workbench.transform.numbers import number
from workbench.transform.times import parse_times

if TYPE_CHECKING:
    from workbench.transform.tables import RawTable

EVENTS: Final = {SYMBOL: pl.String, SESSION: pl.Date, "split": pl.Float64, "dividend": pl.Float64}
NAMES: Final = {
    SYMBOL: ("symbol", "ticker"),
    SESSION: ("exdate", "date", "session", "effectivedate"),
    "split": ("split", "splits", "stocksplits", "splitratio", "splitfactor", "ratio"),
    "dividend": ("dividend", "dividends", "divcash", "amount", "dividendamount"),
}
"""What columns of an events table are called, reduced to letters."""


def read_events(table: RawTable) -> pl.DataFrame:
    """Read a table of corporate actions.

    Parameters
    ----------
    table : RawTable
        A date, ``split`` (new shares for one old) or ``dividend`` (in the currency of the price) or both, and
        ``symbol`` where there are several.

    Returns
    -------
    DataFrame
        As ``EVENTS``: no split is 1, no dividend 0; the symbol is null where the table names none.

    Raises
    ------
    BadInput
        There is no date, or neither splits nor dividends; a date cannot be read.
    """
    bare = {"".join(c for c in name.lower() if c.isalpha()): name for name in table.frame.columns}
    found = {standard: bare[alias] for standard, aliases in NAMES.items() for alias in reversed(aliases) if alias in bare}
    if SESSION not in found or not {"split", "dividend"} & found.keys():
        columns = ", ".join(table.frame.columns[:12])
        raise BadInput(f"{table.origin}: expected a date, and split or dividend (and symbol); found {columns}")
    days = parse_times(table.frame[found[SESSION]]).local.dt.date()
    if days.null_count():
        cells = table.frame[found[SESSION]]
        bad = next(cell for cell in cells.unique(maintain_order=True) if parse_times(pl.Series([cell])).local.null_count())
        raise BadInput(f"{table.origin}: the date of an event cannot be read: {str(bad)[:40]!r}; expected one such as 2024-03-01")
    symbol = pl.col(found[SYMBOL]).cast(pl.String).str.strip_chars() if SYMBOL in found else pl.lit(None, dtype=pl.String)
    values = [
        (_number(table, found[name]) if name in found else pl.lit(otherwise)).fill_null(otherwise).alias(name)
        for name, otherwise in (("split", 1.0), ("dividend", 0.0))
    ]
    rows = table.frame.select(symbol.alias(SYMBOL), days.alias(SESSION), *values)
    sums = rows.group_by(SYMBOL, SESSION).agg(pl.col("split").product(), pl.col("dividend").sum())
    return sums.cast(pl.Schema(EVENTS)).sort(SYMBOL, SESSION)


def _number(table: RawTable, source: str) -> pl.Expr:
    if table.frame.schema[source] == pl.String:
        return number(pl.col(source), decimal=table.decimal)
    return pl.col(source).cast(pl.Float64, strict=False).fill_nan(None)


def with_events(frame: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Put events beside the first row of their symbol on their day, or behind it where it was no trading day.

    Parameters
    ----------
    frame : DataFrame
        Standard rows.
    events : DataFrame
        As ``EVENTS``; those without a symbol belong to all.

    Returns
    -------
    DataFrame
        With ``split`` (0 where there is none) and ``dividend``; what the data itself says of them is replaced.
    """
    days = frame.select(SYMBOL, SESSION).drop_nulls().unique().sort(SESSION)
    of_all = events.filter(pl.col(SYMBOL).is_null()).drop(SYMBOL)
    named = pl.concat([events.drop_nulls(SYMBOL), days.select(SYMBOL).unique().join(of_all, how="cross").select(EVENTS.keys())])
    there = days.with_columns(pl.col(SESSION).alias("day"))
    placed = named.sort(SESSION).join_asof(there, on=SESSION, by=SYMBOL, strategy="forward", check_sortedness=False)
    by_day = placed.drop_nulls("day").group_by(SYMBOL, pl.col("day").alias(SESSION))
    sums = by_day.agg(pl.col("split").product(), pl.col("dividend").sum())
    rows = frame.drop("split", "dividend", strict=False).join(sums, on=[SYMBOL, SESSION], how="left", maintain_order="left")
    is_first = (pl.col(SYMBOL) != pl.col(SYMBOL).shift()) | (pl.col(SESSION) != pl.col(SESSION).shift())
    first = is_first.fill_null(value=True)
    return rows.with_columns(
        pl.when(first & (pl.col("split") != 1)).then("split").otherwise(0.0).fill_null(0.0).alias("split"),
        pl.when(first).then("dividend").otherwise(0.0).fill_null(0.0).alias("dividend"),
    )


def adjusted_by_events(frame: pl.DataFrame, *, splits: bool = True, dividends: bool = True) -> pl.DataFrame:
    """Take splits, and dividends, out of prices.

    Parameters
    ----------
    frame : DataFrame
        Standard bars with ``split`` and ``dividend``, sorted by symbol, then time.
    splits, dividends : bool
        What is taken out. Prices that are adjusted for splits already keep them.

    Returns
    -------
    DataFrame
        ``symbol, event_at, session, adjustment_factor, adjusted_open … adjusted_close``; the last row of each symbol
        is as it was.

    Notes
    -----
    A row's factor is the product, over all events behind it, of ``1 / ratio`` and of ``1 - D / P``, P being the close
    of the row before the event (CRSP's method).
    """
    before = pl.col("close").shift().over(SYMBOL)
    split = pl.when((pl.col("split") > 0) & (pl.col("split") != 1)).then(1 / pl.col("split")).otherwise(1.0)
    paid = pl.when((pl.col("dividend") > 0) & (before > pl.col("dividend"))).then(1 - pl.col("dividend") / before).otherwise(1.0)
    step = ((split if splits else pl.lit(1.0)) * (paid if dividends else pl.lit(1.0))).fill_null(1.0)
    behind = step.reverse().cum_prod().reverse() / step
    rows = frame.sort(SYMBOL, EVENT_AT).with_columns(behind.over(SYMBOL).alias("adjustment_factor"))
    prices = [(pl.col(n) * pl.col("adjustment_factor")).alias(f"adjusted_{n}") for n in PRICE_FIELDS if n in frame.columns]
    return rows.select(SYMBOL, EVENT_AT, SESSION, "adjustment_factor", *prices)
