"""Findings of a dataset: remembered, made anew when anything changes, and the same in whatever steps the data came."""

from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.lab.test_states import lay_out
from tests.quality.conftest import clean_year
from workbench.lab.dataset import Dataset
from workbench.model.findings import Finding
from workbench.quality import findings as room

PRICES = ("open", "high", "low", "close")
CONTRACT = 'dataset = "mine"\ncalendar = "XNYS"\n[[sources]]\nname = "v"\npath = "incoming/*.csv"\n'


def spoilt(symbol: str, seed: int) -> pl.DataFrame:
    """Return a year with a fault of several kinds in it."""
    year = clean_year(symbol, seed=seed)
    values = {name: year[name].to_numpy().copy() for name in PRICES}
    values["low"][40] *= 0.6
    values["close"][75] *= 1.3
    values["high"][75] = max(values["high"][75], values["close"][75])
    for name in PRICES:
        values[name][120:150] /= 2
        values[name][201:206] = values[name][200]
    return year.with_columns(pl.Series(name, np.round(column, 4)) for name, column in values.items())


@pytest.fixture
def rows() -> pl.DataFrame:
    return pl.concat([spoilt("AAA", 1), spoilt("BBB", 2)]).sort("date", "symbol")


def lab(root: Path) -> Dataset:
    lay_out(root)
    (root / "incoming").mkdir(exist_ok=True)
    (root / "contracts" / "mine.toml").write_text(CONTRACT)
    return wb.open(root)["mine"]


def bring(data: Dataset, name: str, rows: pl.DataFrame) -> None:
    path = data.root / "incoming" / f"{name}.csv"
    rows.rename({"date": "Date"}).write_csv(path)
    data.update([path])


def told(findings: tuple[Finding, ...]) -> list[object]:
    return sorted((f.kind, f.symbol, f.start, f.end, f.rows, f.fields, f.confidence, str(f.proposed)) for f in findings)


def test_a_batch_and_month_after_month_end_with_the_same_findings(tmp_path: Path, rows: pl.DataFrame) -> None:
    batch, grown = lab(tmp_path / "batch"), lab(tmp_path / "grown")
    bring(batch, "all", rows)
    for (month,), part in rows.group_by(pl.col("date").dt.month(), maintain_order=True):
        bring(grown, f"m{month:02}", part)
        grown.judge()
    whole = batch.judge()
    assert {f.kind for f in whole.findings} == {"bad_tick", "partial_split", "stale"}
    assert told(grown.judge().findings) == told(whole.findings)
    assert grown.judge().score.value == whole.score.value


def test_yesterdays_last_bar_is_judged_for_good_once_todays_is_there(tmp_path: Path, rows: pl.DataFrame) -> None:
    data = lab(tmp_path)
    days = rows["date"].unique().sort()
    bring(data, "early", rows.filter(pl.col("date") <= days[75]))
    last = [f for f in data.judge().findings if f.start == days[75]]
    assert last
    assert all(f.provisional for f in last if f.fields == ("close",))
    bring(data, "next", rows.filter(pl.col("date") == days[76]))
    settled = [f for f in data.judge().findings if f.start == days[75]]
    assert [(f.kind, f.provisional) for f in settled] == [("bad_tick", False)] * 2


def test_what_was_found_is_not_looked_for_again_until_something_changes(
    tmp_path: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = lab(tmp_path)
    bring(data, "all", rows)
    first = data.judge()
    asked: list[int] = []
    examined = room.examined
    monkeypatch.setattr(room, "examined", lambda *a: asked.append(1) or examined(*a))
    again = data.judge()
    assert asked == []
    assert (again.findings, again.incidents, again.explained) == (first.findings, first.incidents, first.explained)
    assert again.score.value == first.score.value
    bring(
        data,
        "fix",
        rows.filter((pl.col("symbol") == "AAA") & (pl.col("date") == date(2023, 3, 15))).with_columns(pl.col("low") * 0.5),
    )
    more = Counter(f.kind for f in data.judge().findings) - Counter(f.kind for f in first.findings)
    assert more == {"bad_tick": 1, "revision": 1}
    assert asked == [1]
    data.judge(fresh=True)
    assert asked == [1, 1]


def test_a_damaged_memory_is_none(tmp_path: Path, rows: pl.DataFrame) -> None:
    data = lab(tmp_path)
    bring(data, "all", rows)
    first = data.judge()
    (path,) = (data.lake.root / "metadata" / "findings" / "mine").glob("*.json")
    path.write_text(path.read_text().replace("bad_tick", "good_tick"))
    assert told(data.judge().findings) == told(first.findings)
