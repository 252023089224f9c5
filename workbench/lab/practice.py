"""A lab to practise in: the bundled sample, damaged in known places, so that a review has something to decide on."""

from __future__ import annotations

import shutil
from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out, shipped

if TYPE_CHECKING:
    from pathlib import Path

DATASET: Final = "us_equities"
SAMPLE: Final = "data/sample/stocks.csv.gz"
FIRST: Final = date(2010, 1, 4)
PRICES: Final = ("Open", "High", "Low", "Close")
LOST_DAY: Final = date(2011, 7, 13)
PENCE: Final = (date(2011, 9, 12), date(2011, 9, 30))
STANDS: Final = (date(2012, 2, 6), date(2012, 2, 14))


def practice(lab: Lab) -> Lab:
    """Make a lab to practise in, anew: ``<lake>/practice``, with ``us_equities`` damaged and ingested.

    Parameters
    ----------
    lab : Lab
        Nothing else in it is touched.

    Returns
    -------
    Lab
        Of the damaged sample: a low near zero, a close ten times too high, three weeks of one symbol in pence, a week that stands
        still, a day that all symbols lack and two that one lacks, a day that came twice, and a high below its close.
    """
    root = lab.lake.root / "practice"
    shutil.rmtree(root, ignore_errors=True)
    lay_out(root)
    _write(root / SAMPLE, shipped() / SAMPLE)
    made = open_lab(root)
    made[DATASET].update()
    return made


def _write(target: Path, source: Path) -> None:
    rows = pl.read_csv(source).with_columns(pl.col("Date").str.to_date())
    damaged(rows.filter(pl.col("Date") >= FIRST)).write_csv(target, compression="gzip")


def damaged(rows: pl.DataFrame) -> pl.DataFrame:
    """Damage the sample's rows in known places."""
    day, close = pl.col("Date"), pl.col("Close")

    def at(ticker: str, first: date, last: date | None = None) -> pl.Expr:
        return (pl.col("Ticker") == ticker) & day.is_between(first, last or first)

    stood = rows.filter(at("GOOG", STANDS[0])).row(0, named=True)
    pence = at("MSFT", *PENCE)
    spoilt = rows.filter(
        (day != LOST_DAY) & ~at("IBM", date(2011, 3, 22)) & ~at("IBM", date(2011, 3, 23))
    ).with_columns(
        pl.when(at("AAPL", date(2010, 10, 7))).then(pl.col("Low") / 100).when(pence).then(pl.col("Low") * 100)
        .otherwise("Low").alias("Low"),
        pl.when(at("IBM", date(2012, 5, 23))).then(close * 10).when(pence).then(close * 100).otherwise(close).alias("Close"),
        pl.when(at("AAPL", date(2011, 1, 25))).then(close * 0.99).when(pence).then(pl.col("High") * 100)
        .otherwise("High").alias("High"),
        pl.when(pence).then(pl.col("Open") * 100).otherwise("Open").alias("Open"),
    )  # fmt: skip
    still = at("GOOG", *STANDS)
    spoilt = spoilt.with_columns(pl.when(still).then(stood[name]).otherwise(name).alias(name) for name in PRICES)
    twice = rows.filter(at("MSFT", date(2012, 8, 15))).with_columns(pl.col("Close") + 0.35)
    return pl.concat([spoilt, twice.select(spoilt.columns)])
