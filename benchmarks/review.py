"""How long a reviewer waits: ten thousand findings opened, the next one shown, a decision taken.

Seconds on a shared machine say little; beside them stands a peer of the same run: reading the same rows from the lake once.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.layout import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.lab.dataset import Dataset

CONTRACT = 'dataset = "many"\ncalendar = "XNYS"\n[[sources]]\nname = "vendor"\npath = "many.csv"\n'
EVERY = 11
"""Of so many bars one has a high below its body."""


def bars(symbols: int, seed: int = 0) -> pl.DataFrame:
    days = calendar("XNYS").sessions(date(2015, 1, 2), date(2019, 12, 31))
    random, parts = np.random.default_rng(seed), []
    for number in range(symbols):
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(days))))
        opened = np.concatenate([close[:1], close[:-1]])
        high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
        high[5::EVERY] = np.minimum(opened, close)[5::EVERY] * 0.999
        prices = {"Open": opened, "High": high, "Low": low, "Close": close}
        volume = random.integers(100_000, 1_000_000, len(days))
        parts.append(pl.DataFrame({"Symbol": f"S{number:03}", "Date": days, **prices, "Volume": volume}))
    return pl.concat(parts).with_columns(pl.col(pl.Float64).round(2))


def timed(work: Callable[[], object], repetitions: int) -> float:
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def a_dataset(root: Path, symbols: int) -> Dataset:
    lay_out(root)
    bars(symbols).write_csv(root / "many.csv")
    (root / "contracts" / "many.toml").write_text(CONTRACT)
    data = wb.open(root)["many"]
    data.update()
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=90)
    parser.add_argument("--repetitions", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = a_dataset(Path(folder), asked.symbols)
        print(f"{len(data.findings()):,} findings in {len(data.read().to_polars()):,} bars")
        view = data.review(by="bench")
        floor = timed(lambda: data.read().to_polars(), asked.repetitions)
        ways = {
            "open the queue": lambda: data.open_review(by="bench"),
            "open the widget": lambda: data.review(by="bench"),
            "show the next finding": lambda: view._press("j"),
            "decide, and show the next": lambda: view._press("r"),
            "take back": lambda: view._press("u"),
        }
        print(f"{'read all rows once':28}{floor * 1000:8.0f} ms")
        for name, work in ways.items():
            seconds = timed(work, asked.repetitions if name.startswith("open") else 4 * asked.repetitions)
            print(f"{name:28}{seconds * 1000:8.0f} ms{seconds / floor:8.1f} x")


if __name__ == "__main__":
    main()
