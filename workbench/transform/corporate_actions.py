"""Splits and dividends: put beside the prices they belong to, and taken out of them.

Adjusted prices are a view, derived from prices as they were traded and from events; they are never the stored truth.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from workbench.model.names import EVENT_AT, PRICE_FIELDS, SESSION, SYMBOL
from workbench.transform.event_tables import EVENTS

LATEST: Final = "60d"
"""How long behind an event the row it belongs to may come: long holidays, and halts."""
SPLIT: Final = 1.1
"""Smaller ratios do not show in prices."""
AROUND: Final = 20
"""Rows whose median volume says whether it went along."""
SHOWN: Final = 0.35
"""How near a day's move must come to a split's ratio, of its logarithm, to show it."""


def with_events(frame: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Put events beside the first row of their symbol on their day, or behind it where it was no trading day.

    What happened more than ``LATEST`` before a symbol's next row is no event of that row.

    Parameters
    ----------
    frame : DataFrame
        Standard rows.
    events : DataFrame
        As ``EVENTS``; those without a symbol belong to all.

    Returns
    -------
    DataFrame
        With ``split`` (0 where there is none) and ``dividend``; what the data itself says of them is replaced, for the
        symbols that the table names.
    """
    own = {name: pl.col(name) if name in frame.columns else pl.lit(0.0) for name in ("split", "dividend")}
    days = frame.select(SYMBOL, SESSION).drop_nulls().unique().sort(SESSION)
    of_all = events.filter(pl.col(SYMBOL).is_null()).drop(SYMBOL)
    named = pl.concat([events.drop_nulls(SYMBOL), days.select(SYMBOL).unique().join(of_all, how="cross").select(EVENTS.keys())])
    there = days.with_columns(pl.col(SESSION).alias("day"))
    placed = named.sort(SESSION).join_asof(
        there, on=SESSION, by=SYMBOL, strategy="forward", tolerance=LATEST, check_sortedness=False
    )
    by_day = placed.drop_nulls("day").group_by(SYMBOL, pl.col("day").alias(SESSION))
    sums = by_day.agg(pl.col("split").product(), pl.col("dividend").sum())
    told = pl.col(SYMBOL).is_in(named[SYMBOL].unique().implode())
    rows = frame.with_columns(own[n].alias(f"own_{n}") for n in own).drop(*own, strict=False)
    rows = rows.join(sums, on=[SYMBOL, SESSION], how="left", maintain_order="left")
    is_first = (pl.col(SYMBOL) != pl.col(SYMBOL).shift()) | (pl.col(SESSION) != pl.col(SESSION).shift())
    first = is_first.fill_null(value=True)
    split = pl.when(first & (pl.col("split") != 1)).then("split").otherwise(0.0).fill_null(0.0)
    paid = pl.when(first).then("dividend").otherwise(0.0).fill_null(0.0)
    beside = {"split": split, "dividend": paid}
    put = [pl.when(told).then(value).otherwise(f"own_{name}").alias(name) for name, value in beside.items()]
    return rows.with_columns(put).drop("own_split", "own_dividend")


def unused_events(frame: pl.DataFrame, events: pl.DataFrame) -> int:
    """Count the events that belong to no symbol, or no time, of some rows."""
    spans = frame.drop_nulls([SYMBOL, SESSION]).group_by(SYMBOL).agg(
        pl.col(SESSION).min().alias("first"), pl.col(SESSION).max().alias("last")
    )  # fmt: skip
    first, last = spans["first"].min(), spans["last"].max()
    if first is None:
        return len(events)
    named = events.drop_nulls(SYMBOL).join(spans, on=SYMBOL, how="left")
    of_all = events.filter(pl.col(SYMBOL).is_null())
    beside = named.filter(pl.col(SESSION).is_between("first", "last").fill_null(value=False)).height
    return len(events) - beside - of_all.filter(pl.col(SESSION).is_between(first, last)).height


def shows_every_split(frame: pl.DataFrame) -> bool:
    """Whether prices are as they were traded: every split shows, and more than one does, or volumes went along.

    Parameters
    ----------
    frame : DataFrame
        Standard daily bars with ``split``, sorted by symbol, then time.
    """
    ratio = pl.max_horizontal("split", 1 / pl.col("split")).log()
    way = pl.col("split").log().sign()
    move = -(pl.col("close") / pl.col("close").shift()).log().over(SYMBOL) * way
    usual = pl.col("volume" if "volume" in frame.columns else "close").cast(pl.Float64).rolling_median(AROUND, min_samples=5)
    flow = (usual.shift(1 - AROUND) / usual.shift(1)).log().over(SYMBOL) * way
    told = frame.with_columns(
        ((move - ratio).abs() < SHOWN * ratio).fill_null(value=False).alias("shown"),
        ((flow - ratio).abs() < ratio / 2).fill_null(value=False).alias("along"),
    )
    splits = told.filter((pl.col("split") > 0) & (ratio > pl.lit(SPLIT).log()))
    return len(splits) > 0 and bool(splits["shown"].all()) and (len(splits) > 1 or bool(splits["along"].any()))


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
    before = pl.col("close").forward_fill().shift().over(SYMBOL)
    split = pl.when((pl.col("split") > 0) & (pl.col("split") != 1)).then(1 / pl.col("split")).otherwise(1.0)
    paid = pl.when((pl.col("dividend") > 0) & (before > pl.col("dividend"))).then(1 - pl.col("dividend") / before).otherwise(1.0)
    step = ((split if splits else pl.lit(1.0)) * (paid if dividends else pl.lit(1.0))).fill_null(1.0)
    behind = step.reverse().cum_prod().reverse() / step
    rows = frame.sort(SYMBOL, EVENT_AT).with_columns(behind.over(SYMBOL).alias("adjustment_factor"))
    prices = [(pl.col(n) * pl.col("adjustment_factor")).alias(f"adjusted_{n}") for n in PRICE_FIELDS if n in frame.columns]
    return rows.select(SYMBOL, EVENT_AT, SESSION, "adjustment_factor", *prices)
