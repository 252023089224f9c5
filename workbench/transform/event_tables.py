"""Tables of corporate actions, as people keep them and as vendors send them, read into splits and dividends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.errors import BadInput
from workbench.model.names import SESSION, SYMBOL
from workbench.transform.numbers import is_missing, number
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
NONE: Final = {"split": 1.0, "dividend": 0.0}
RATIO: Final = r"^\s*(\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?)\s*(\d+(?:\.\d+)?)\s*$"
"""Splits as people write them: 2:1, 3/2, 7-for-1."""
FACTORS: Final = ("column_0", "column_1", "column_2", "column_3")
FOREVER: Final = 2050
"""The year of a factor file's last row, which stands for the time since the last event."""


def read_events(table: RawTable) -> pl.DataFrame:
    """Read a table of corporate actions, or a factor file.

    Parameters
    ----------
    table : RawTable
        A date, ``split`` (new shares for one old, or a ratio such as 2:1) or ``dividend`` (in the currency of the price) or
        both, and ``symbol`` where there are several. Or, without a header, the last day before an event, price factor, split
        factor and the close of that day, as LEAN's factor files have them.

    Returns
    -------
    DataFrame
        As ``EVENTS``: no split is 1, no dividend 0; the symbol is null where the table names none. A row that stands twice
        counts once.

    Raises
    ------
    BadInput
        There is no date, or neither splits nor dividends; a cell cannot be read; a split is below zero.
    """
    if tuple(table.frame.columns) == FACTORS:
        return _of_factors(table)
    bare = {"".join(c for c in name.lower() if c.isalpha()): name for name in table.frame.columns}
    found = {standard: bare[alias] for standard, aliases in NAMES.items() for alias in reversed(aliases) if alias in bare}
    if SESSION not in found or not {"split", "dividend"} & found.keys():
        columns = ", ".join(table.frame.columns[:12])
        raise BadInput(f"{table.origin}: expected a date, and split or dividend (and symbol); found {columns}")
    symbol = pl.col(found[SYMBOL]).cast(pl.String).str.strip_chars() if SYMBOL in found else pl.lit(None, dtype=pl.String)
    values = [_numbers(table, name, found.get(name)).alias(name) for name in NONE]
    rows = table.frame.select(symbol.alias(SYMBOL), _days(table, found[SESSION]).alias(SESSION), *values).unique()
    below = rows.filter(pl.col("split") < 0)["split"].to_list()
    if below:
        raise BadInput(f"{table.origin}: a split of {below[0]:g}; expected new shares for one old, such as 2 or 2:1")
    one = rows.with_columns(pl.when(pl.col("split") == 0).then(1.0).otherwise("split").alias("split"))
    sums = one.group_by(SYMBOL, SESSION).agg(pl.col("split").product(), pl.col("dividend").sum())
    return sums.cast(pl.Schema(EVENTS)).sort(SYMBOL, SESSION)


def _days(table: RawTable, source: str) -> pl.Series:
    cells = table.frame[source]
    days = parse_times(cells).local.dt.date()
    if days.null_count():
        bad = next(cell for cell in cells.unique(maintain_order=True) if parse_times(pl.Series([cell])).local.null_count())
        raise BadInput(f"{table.origin}: the date of an event cannot be read: {str(bad)[:40]!r}; expected one such as 2024-03-01")
    return days


def _numbers(table: RawTable, name: str, source: str | None) -> pl.Series:
    """Read one column; what is empty is no event, and what cannot be read is refused."""
    if source is None:
        return pl.Series([NONE[name]], dtype=pl.Float64).new_from_index(0, len(table.frame))
    cells = table.frame[source]
    if cells.dtype != pl.String:
        return cells.cast(pl.Float64, strict=False).fill_nan(None).fill_null(NONE[name])
    text = pl.col(source)
    ratio = text.str.extract(RATIO, 1).cast(pl.Float64) / text.str.extract(RATIO, 2).cast(pl.Float64)
    read = number(text, decimal=table.decimal)
    values, empty = table.frame.select(pl.coalesce(ratio, read).alias("value"), is_missing(text).alias("empty"))
    bad = cells.filter(values.is_null() & ~empty)
    if len(bad):
        raise BadInput(
            f"{table.origin}: a {name} cannot be read: {str(bad[0])[:40]!r}; expected a number{', or 2:1' * (name == 'split')}"
        )
    return values.fill_null(NONE[name])


def _of_factors(table: RawTable) -> pl.DataFrame:
    """Read a factor file: what its factors step by on the day behind each row is a split, or a dividend.

    Notes
    -----
    The split is the later split factor over the earlier one; the dividend ``ref * (1 - earlier / later)`` of the price
    factors, ``ref`` being the close of the row's day.
    """
    day, price, split, close = table.frame.columns
    columns = {name: _numbers(table, name, source) for name, source in (("dividend", price), ("split", split))}
    rows = pl.DataFrame({
        SESSION: _days(table, day), "price": columns["dividend"], "factor": columns["split"],
        "close": _numbers(table, "dividend", close),
    }).sort(SESSION)  # fmt: skip
    ahead = {name: pl.col(name).shift(-1) / pl.col(name) for name in ("factor", "price")}
    found = rows.select(
        pl.lit(None, dtype=pl.String).alias(SYMBOL), pl.col(SESSION).dt.offset_by("1d"), ahead["factor"].alias("split"),
        (pl.col("close") * (1 - 1 / ahead["price"])).round(6).alias("dividend"),
    ).drop_nulls("split")  # fmt: skip
    changed = (pl.col("split") != 1) | (pl.col("dividend") != 0)
    return found.filter(changed & (pl.col(SESSION).dt.year() < FOREVER)).cast(pl.Schema(EVENTS)).sort(SESSION)
