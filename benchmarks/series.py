"""Clean real daily series, and why they are clean."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = ROOT.parent / "shared" / "data"
NAMES: Final = {
    "Date": "date",
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Adj Close": "adj_close",
}
TUNED: Final = frozenset(
    ["AAPL", "IBM", "sp500", "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "MTUM", "QUAL", "wti"]
)
"""Symbols that thresholds were chosen on; all others are held out."""


@dataclass(frozen=True, slots=True)
class Group:
    """Series of one source: symbol -> frame with ``date`` and Float64 columns, ascending."""

    name: str
    why: str
    calendar: str | None
    frames: dict[str, pl.DataFrame]


@cache
def clean_series(part: str) -> tuple[Group, ...]:
    """Return the groups, of ``tuned`` or of ``held_out`` symbols."""
    groups = [_adjusted_bars(), _raw_bars()]
    if SHARED.is_dir():
        groups += [_indices(), _adjusted_closes(), _values()]
    picked = []
    for group in groups:
        frames = {s: f for s, f in group.frames.items() if (s in TUNED) == (part == "tuned")}
        if frames:
            picked.append(Group(group.name, group.why, group.calendar, frames))
    return tuple(picked)


def _sample() -> dict[str, pl.DataFrame]:
    text = gzip.decompress((ROOT / "data" / "sample" / "stocks.csv.gz").read_bytes())
    frame = pl.read_csv(text, try_parse_dates=True).rename(NAMES)
    numbers = [name for name in NAMES.values() if name != "date"]
    return {
        str(symbol): rows.select("date", pl.col(numbers).cast(pl.Float64)).sort("date")
        for (symbol,), rows in frame.partition_by("Ticker", as_dict=True).items()
    }


def _adjusted_bars() -> Group:
    """Bars put on the scale of their adjusted close: no split, no dividend is left in them."""
    frames = {}
    for symbol, rows in _sample().items():
        factor = pl.col("adj_close") / pl.col("close")
        prices = [(pl.col(name) * factor).round(4).alias(name) for name in ("open", "high", "low", "close")]
        zero = [pl.lit(0.0).alias(name) for name in ("dividend", "split")]
        adjusted = rows.with_columns(*prices).with_columns(pl.col("close").alias("adj_close"), *zero)
        frames[symbol] = adjusted
    return Group("adjusted bars", "complete against XNYS, and another vendor agrees on every day but a few", "XNYS", frames)


def _raw_bars() -> Group:
    return Group(
        "bars as traded", "the same, with their real splits and dividends, seen only in the adjusted close", "XNYS", _sample()
    )


def _indices() -> Group:
    frames = {}
    for name in ("sp500", "nasdaq"):
        rows = pl.read_csv(SHARED / "arch_8.0.0" / f"{name}.csv.gz").rename(NAMES)
        frames[name] = rows.select(pl.col("date").str.to_date("%m/%d/%Y"), pl.exclude("date").cast(pl.Float64)).drop("adj_close")
    return Group("indices", "two other sources agree within a basis point", "XNYS", frames)


def _adjusted_closes() -> Group:
    frames = {}
    for name in ("sp500_dataset", "factors_dataset"):
        wide = pl.read_csv(SHARED / "skfolio_1.12.2" / f"{name}.csv.gz", try_parse_dates=True)
        day = wide.columns[0]
        for symbol in wide.columns[1:]:
            rows = wide.select(pl.col(day).alias("date"), pl.col(symbol).cast(pl.Float64).alias("value")).drop_nulls()
            frames[symbol] = rows
    return Group("adjusted closes", "complete against XNYS; through 2000, 2008 and 2020", "XNYS", frames)


def _values() -> Group:
    frames = {}
    for name, file in (("wti", "wti-daily"), ("brent", "brent-daily")):
        rows = pl.read_csv(SHARED / "eia_oil" / f"{file}.csv", try_parse_dates=True)
        frames[name] = rows.select(pl.col("Date").alias("date"), pl.col("Price").cast(pl.Float64).alias("value")).drop_nulls()
    return Group("spot prices", "the publisher's own, equal to another's copy to the last digit", "learned", frames)
