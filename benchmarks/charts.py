"""How long a chart of a million minute bars takes to draw, whole and where one zooms in."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.calendars import calendar
from workbench.figures.charts import Beside, chart, window_of
from workbench.figures.prices import Axes
from workbench.figures.theme import restyle
from workbench.model.names import Kind

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROWS = 1_000_000
RUNS = 5
AXES = Axes("America/New_York", "USD")
WAYS = {
    "everything": AXES,
    "everything, by 5 minutes at least": replace(AXES, every="5m"),
    "six weeks of it": replace(AXES, window=window_of("2015-03-01", "2015-04-15")),
    "one afternoon": replace(AXES, window=window_of("2015-03-02 12:00", "2015-03-02 16:00")),
}


def minutes(rows: int) -> pl.DataFrame:
    """Return a random walk in the hours of XNYS."""
    hours = calendar("XNYS").schedule(date(2012, 1, 3), date(2023, 12, 29)).head(rows // 385)
    due = hours.select("session", pl.datetime_ranges("open_at", "close_at", "1m", closed="left").alias("event_at"))
    frame = due.explode("event_at").head(rows)
    close = pl.Series(100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 5e-4, len(frame)))))
    return frame.with_columns(symbol=pl.lit("A"), open=close, high=close * 1.001, low=close * 0.999, close=close, volume=1.0)


def main() -> None:
    frame = minutes(ROWS)
    print(f"{len(frame):,} rows; median of {RUNS} in milliseconds, the colours of a notebook included")
    for name, axes in WAYS.items():
        took = []
        for _ in range(RUNS):
            start = time.perf_counter()
            drawn: go.Figure = restyle(chart(frame, Beside(), kind=Kind.BARS, symbol="A", frequency="1m", axes=axes), "notebook")
            took.append(1000 * (time.perf_counter() - start))
        print(f"  {name:36} {np.median(took):6.0f}   {len(drawn.data[0].x):,} candles")


if __name__ == "__main__":
    main()
