"""Every run is a row of its dataset's history, and a score that left its own is in the run's manifest."""

import gzip
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from workbench.lab.lab import Lab
from workbench.pipeline.daily import run_daily

LAST = date(2013, 3, 1)
pytestmark = pytest.mark.slow


def test_a_run_of_a_ruined_session_tells_its_drift_and_is_recorded(lab: Lab) -> None:
    path = lab.root / "data" / "sample" / "stocks.csv.gz"
    rows = pl.read_csv(gzip.decompress(path.read_bytes()), try_parse_dates=True)
    is_last = pl.col("Date") == LAST
    ruined = rows.with_columns(pl.when(is_last).then(pl.col("Low")).otherwise(pl.col("High")).alias("High"),
                               pl.when(is_last).then(pl.col("High")).otherwise(pl.col("Low")).alias("Low"))  # fmt: skip
    path.write_bytes(gzip.compress(ruined.write_csv().encode()))
    data = lab["us_equities"]
    data.update()
    ran = run_daily(lab, data, LAST, now=datetime(2013, 3, 2, tzinfo=UTC))
    document = json.loads((ran.folder / "run.json").read_text())
    assert [f["start"] for f in document["score"]["findings"] if f["kind"] == "score_drift"] == ["2013-03-01"]
    assert document["score"]["band"] == "medium"
    assert "score_drift" in (ran.folder / "report.html").read_text()

    history = data.history()
    assert history.to_polars().select("run", "session", "drift").rows() == [
        (ran.manifest.id, LAST, next(f["severity"] for f in document["score"]["findings"] if f["kind"] == "score_drift"))
    ]
    run = lab.runs(verdict="medium")[-1]
    assert run.id == ran.manifest.id
    assert run.figure("waterfall").layout.meta["alt"].startswith("Waterfall")
    assert set(run.figures) == {"coverage", "missing", "returns", "waterfall", "losses"}
    assert run["quality"].records["quality"] == document["score"]
    assert "recorded: quality" in run["quality"].html()
    assert lab.runs().metric("close.missing_rate").rows() == [("us_equities", LAST, 0.0)]
    assert history.metric("ohlc_order.failures")["value"].to_list() == [5.0]
    assert history.metric("close.missing_rate")["value"].to_list() == [0.0]
    assert not run_daily(lab, data, LAST, now=datetime(2013, 3, 2, tzinfo=UTC)).is_new
    assert_frame_equal(data.history().frame, history.frame)
    assert_frame_equal(data.history(fresh=True).frame, history.frame)
