"""A day on top of a long past: looking at the leaves it touches, against looking at every symbol as a whole.

Backs the choice to store what local detectors find by leaf (docs/adr/0009-what-detectors-see.md). Calm daily bars of
hundreds of symbols, one in ten of which once steps, so that its whole past is asked about each time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.layout import lay_out
from workbench.lab.memory import memory_of
from workbench.quality.findings import find
from workbench.quality.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.lab.dataset import Dataset

CONTRACT: Final = 'dataset = "daily"\ncalendar = "XNYS"\n[[sources]]\nname = "vendor"\npath = "*.parquet"\n'
LAST: Final = date(2023, 12, 29)
ONE_IN: Final = 10


def bars(symbols: int, years: int, seed: int = 0) -> pl.DataFrame:
    days = calendar("XNYS").sessions(date(LAST.year + 1 - years, 1, 1), LAST)
    random, parts = np.random.default_rng(seed), []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.012, len(days))))
        opened = np.concatenate([close[:1], close[:-1]]) * np.exp(random.normal(0, 0.004, len(days)))
        high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
        prices = {"open": opened, "high": high, "low": low, "close": close}
        if number % ONE_IN == 0:
            prices = {name: np.where(np.arange(len(days)) < len(days) // 2, 2 * price, price) for name, price in prices.items()}
        volume = np.round(1e6 * np.exp(random.normal(0, 0.4, len(days))))
        parts.append(pl.DataFrame({"symbol": f"S{number:04}", "date": days, **prices, "volume": volume}))
    return pl.concat(parts).with_columns(pl.col("open", "high", "low", "close").round(2))


def bring(data: Dataset, name: str, rows: pl.DataFrame) -> None:
    rows.write_parquet(data.root / f"{name}.parquet")
    data.update([data.root / f"{name}.parquet"])


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def looked(data: Dataset, *, by_leaf: bool) -> float:
    """Return the seconds that finding takes once states are there."""
    snap, evidence, _ = data.gather()
    leaves = memory_of(snap, evidence, None, {}).leaves if by_leaf else None
    return timed(lambda: find(Ledger(evidence), snap.rows, leaves))


def measured(symbols: int, years: int, days: int) -> tuple[int, dict[str, float]]:
    rows = bars(symbols, years)
    sessions = rows["date"].unique().sort()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lay_out(root)
        (root / "contracts" / "daily.toml").write_text(CONTRACT)
        data = wb.open(root)["daily"]
        bring(data, "past", rows.filter(pl.col("date") < sessions[-days]))
        seconds: dict[str, list[float]] = {"leaf by leaf, for the first time": [looked(data, by_leaf=True)]}
        for day in sessions[-days:]:
            bring(data, f"{day}", rows.filter(pl.col("date") == day))
            for what, work in (
                ("reading all rows", lambda: timed(data.gather()[0].rows)),
                ("a day more: whole symbols", lambda: looked(data, by_leaf=False)),
                ("a day more: the leaves it touches", lambda: looked(data, by_leaf=True)),
            ):
                seconds.setdefault(what, []).append(work())
    return len(rows), {what: statistics.median(times) for what, times in seconds.items()}


def main() -> None:
    """Print the table of docs/performance.md."""
    parser = argparse.ArgumentParser(description="Time a day's findings on top of a long past.")
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--years", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--days", type=int, default=3)
    asked = parser.parse_args()
    print(f"# backs findings by leaf; {asked.symbols} daily symbols, one in {ONE_IN} asked about as a whole\n")
    print("| years | rows | what | seconds | x reading all rows |\n|---|---|---|---|---|")
    for years in asked.years:
        rows, seconds = measured(asked.symbols, years, asked.days)
        for what, spent in seconds.items():
            print(f"| {years} | {rows:,} | {what} | {spent:.2f} | {spent / seconds['reading all rows']:.1f} |")


if __name__ == "__main__":
    main()
