"""Evidence made by hand: a year of clean daily bars, and ways to damage it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from workbench.calendars import calendar
from workbench.lab.check import judged_rows
from workbench.lab.judgement import Judgement
from workbench.lab.understanding import Understood, understand
from workbench.model.contract import Contract
from workbench.transform.formats import typed_table
from workbench.transform.standardise import Origin, standardise

Judge = Callable[..., Judgement]


def clean_year(symbol: str = "AAA", year: int = 2023, seed: int = 7) -> pl.DataFrame:
    """Return daily bars of one symbol on every session of a year: a random walk with honest bars."""
    sessions = calendar("XNYS").sessions(date(year, 1, 1), date(year, 12, 31))
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.012, len(sessions))))
    before = np.concatenate([[100.0], close[:-1]])
    opened = before * np.exp(random.normal(0, 0.004, len(sessions)))
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0, 0.004, len(sessions))))
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0, 0.004, len(sessions))))
    volume = random.integers(1_000_000, 3_000_000, len(sessions))
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    return pl.DataFrame({"symbol": symbol, "date": sessions, **columns}).with_columns(
        pl.col("open", "high", "low", "close").round(4)
    )


def understood(frame: pl.DataFrame, contract: Contract | None = None) -> Understood:
    table = typed_table(frame, origin="frame", label="frame")
    return understand(standardise([Origin(table)]), contract, "XNYS")


@pytest.fixture
def year() -> pl.DataFrame:
    return clean_year()


@pytest.fixture
def judged() -> Judge:
    def of(frame: pl.DataFrame, **more: object) -> Judgement:
        seen = understood(frame)
        return judged_rows(seen, **more)  # type: ignore[arg-type]

    return of


@pytest.fixture
def sample_frame(sample: Path) -> pl.DataFrame:
    import gzip

    return pl.read_csv(gzip.decompress(sample.read_bytes()), try_parse_dates=True)
