"""An empty lake, the sample as a standard frame, and a lineage to sign commits with."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from workbench.lake import Lake, Lineage, commits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

FIELDS = ("open", "high", "low", "close", "volume", "adj_close")
RECEIPT = "0123456789abcdef"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake").create()


@pytest.fixture
def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let writers come between, as other software does that knows no lock of ours."""
    monkeypatch.setattr(commits, "alone", lambda *_: nullcontext())


@pytest.fixture
def lineage() -> Lineage:
    return Lineage("transform", run="r1", receipts=(RECEIPT,), contract="c0", code="k0")


@pytest.fixture(scope="session")
def standard(sample: Path) -> pl.DataFrame:
    """The bundled real bars, as ``transform`` would hand them over."""
    rows = pl.read_csv(sample, try_parse_dates=True).rename(lambda name: name.lower().replace(" ", "_"))
    return rows.select(
        pl.col("ticker").alias("symbol"),
        pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("event_at"),
        pl.col("date").alias("session"),
        *(pl.col(name).cast(pl.Float64) for name in FIELDS),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        pl.lit(RECEIPT).alias("receipt"),
        pl.lit(None, dtype=pl.String).alias("unreadable"),
    )


@pytest.fixture(scope="session")
def bars() -> Callable[..., pl.DataFrame]:
    """Return a maker of small standard frames: one row for each symbol and session."""

    def make(symbols: list[str], sessions: list[date | None], close: float = 1.0, **columns: Any) -> pl.DataFrame:
        pairs = [(symbol, session) for session in sessions for symbol in symbols]
        schema: Any = {"symbol": pl.String, "session": pl.Date}
        frame = pl.DataFrame(pairs, schema=schema, orient="row")
        midnight = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return frame.select(
            "symbol",
            midnight.alias("event_at"),
            "session",
            pl.lit(close).alias("close"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
            pl.lit(columns.pop("receipt", RECEIPT)).alias("receipt"),
            *(pl.lit(value).alias(name) for name, value in columns.items()),
        )

    return make
