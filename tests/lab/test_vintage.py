"""A file that says again what an earlier one had said: what it changed is told, as what it is."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.quality.conftest import clean_year
from workbench.lab.dataset import Dataset
from workbench.lab.lab import open_lab

CONTRACT = """
dataset = "bars"
calendar = "XNYS"
[[sources]]
name = "vendor"
path = "incoming/*.csv"
"""
DAY = date(2023, 6, 15)


@pytest.fixture
def bars(tmp_path: Path) -> Dataset:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "bars.toml").write_text(CONTRACT)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "workbench.toml").write_text("")
    return open_lab(tmp_path)["bars"]


def bring(bars: Dataset, name: str, rows: pl.DataFrame) -> None:
    path = bars.root / f"{name}.csv"
    rows.write_csv(path)
    bars.ingest([path])
    bars.transform()


def damaged(rows: pl.DataFrame, factor: float) -> pl.DataFrame:
    prices = pl.col("open", "high", "low", "close")
    return rows.with_columns(pl.when(pl.col("date") == DAY).then(prices * factor).otherwise(prices).name.keep())


def revisions(bars: Dataset, **which: object) -> list[tuple[date, str]]:
    found = [f for f in bars.judge(**which).findings if f.kind == "revision"]
    return [(f.start, max(f.hypotheses, key=lambda h: h.probability).kind) for f in found]  # type: ignore[misc]


def vintage_check(bars: Dataset) -> str:
    return next(c.result.verdict.value for c in bars.score().score.checks if c.result.name == "vintage_stability")


def test_files_of_different_days_are_no_vintages(bars: Dataset) -> None:
    year = clean_year()
    bring(bars, "first", year.filter(pl.col("date") < DAY))
    bring(bars, "second", year.filter(pl.col("date") >= DAY))
    assert vintage_check(bars) == "NOT_APPLICABLE"


def test_a_file_that_says_the_same_again_changes_nothing(bars: Dataset) -> None:
    year = clean_year()
    bring(bars, "first", year.head(200))
    bring(bars, "second", year)
    assert (vintage_check(bars), revisions(bars)) == ("PASS", [])


def test_damage_and_correction_are_told_apart(bars: Dataset) -> None:
    year = clean_year()
    bring(bars, "first", year)
    bring(bars, "damaged", damaged(year, 1.4))
    assert revisions(bars) == [(DAY, "damage")]
    assert revisions(bars, end=date(2023, 6, 14)) == []
    assert revisions(bars, symbols=["AAA"]) == [(DAY, "damage")]


def test_a_correction_is_no_fault(bars: Dataset) -> None:
    year = clean_year()
    bring(bars, "first", damaged(year, 1.4))
    bring(bars, "corrected", year)
    assert revisions(bars) == [(DAY, "correction")]
    assert vintage_check(bars) == "PASS"
