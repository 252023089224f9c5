"""What moved a score is told as a frame, as a figure and on the command line, and the parts add up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.cli.conftest import Say, say
from tests.quality.conftest import clean_year
from workbench.lab.layout import lay_out

__all__ = ["say"]


def test_two_checks_are_compared() -> None:
    year = clean_year()
    worse = year.with_columns(pl.when(pl.int_range(pl.len()).is_in([50, 90])).then(-1.0).otherwise("close").alias("close"))
    made = wb.compare(wb.check(year, calendar="XNYS"), wb.check(worse, calendar="XNYS"))
    frame = made.to_polars()
    assert frame["points"].sum() == pytest.approx(float(made.comparison.change))
    assert made.by("session")["points"].sum() == pytest.approx(frame["errors"].sum())
    assert made.by("session")["session"].to_list() == worse["date"].gather([50, 90]).to_list()
    assert len(made.to_pandas()) == len(frame)
    assert "points" in repr(made)
    assert "price_positive" in made._repr_html_()
    assert made.figure().layout.meta["alt"].startswith("Waterfall from 100.0")
    assert "Nothing moved" in wb.compare(wb.check(year), wb.check(year)).figure().layout.meta["alt"]


def test_the_command_line_says_what_moved_the_score_and_where(tmp_path: Path, say: Say) -> None:
    lay_out(tmp_path)
    data = wb.open(tmp_path)["us_equities"]
    data.update()
    then = datetime.now(UTC)
    (tmp_path / "fix.csv").write_text(
        "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n"
        + "".join(f"IBM,2008-09-1{day},116,117,115,0.5,7000000,100\n" for day in (0, 1, 2, 5, 6, 7, 8, 9))
    )
    data.update([tmp_path / "fix.csv"])
    said = say("score", "us_equities", "--lab", tmp_path, "--since", then.isoformat(), "--explain", "--json")
    assert said.status in (0, 1), said.err
    document = said.json
    assert document["since"]["before"] == 100
    assert document["since"]["change"] == pytest.approx(sum(row["points"] for row in document["since"]["checks"]))
    assert list(document["since"]["symbols"]) == ["IBM"]
    lost = 100 - document["score"]
    for by in ("check", "symbol", "session"):
        assert sum(row["points"] for row in document["losses"][by]) == pytest.approx(lost)
    part = say("score", "us_equities", "--lab", tmp_path, "--symbol", "IBM", "--start", "2008-09-01", "--end", "2008-10-31")
    assert part.status == 1
    assert "CRITICAL" in part.out
    assert "session 2008-09-1" in part.out
    assert say("score", "us_equities", "--lab", tmp_path, "--fresh", "--json").json["score"] == document["score"]
    assert "all from stored states" in say("score", "us_equities", "--lab", tmp_path).err


def test_one_ruined_symbol_is_an_alarm_and_not_a_rounding(tmp_path: Path, say: Say) -> None:
    """Of forty symbols one is ruined: the mean hardly moves, the alarm is there."""
    frames = [clean_year(f"S{n:02d}", seed=n) for n in range(40)]
    frames[7] = frames[7].with_columns(pl.lit(-1.0).alias("close"), pl.lit(-1.0).alias("open"))
    from workbench.monitor.alerts import Level, alarms

    checked = wb.check(pl.concat(frames), calendar="XNYS")
    told = alarms(checked.score)
    assert [(alarm.level, alarm.name) for alarm in told if alarm.what == "symbol"] == [(Level.HIGH, "S07")]
