"""Trends inside JupyterLab: the same figures as the site's, over any stretch, with what happened when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.audit.test_site import HOSTILE, kept, some_runs
from tests.lab.test_history import FIRST
from workbench.lab.layout import lay_out
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.lab.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lay_out(tmp_path)
    (tmp_path / "contracts" / "mine.toml").write_text('dataset = "mine"\n')
    lab = wb.open(tmp_path)
    kept(lab, some_runs("mine", 70))
    return lab


def test_trends_are_drawn_with_what_happened(lab: Lab) -> None:
    trends = lab.trends("mine")
    assert len(trends.to_pandas()) == len(trends.to_polars()) == 70
    assert trends.notes["what"].to_list().count("run failed") == 4
    assert "sessions missing" not in trends.notes["what"].to_list()
    assert trends.notes.filter(trends.notes["what"] == "contract changed")["session"].to_list() == [
        FIRST + timedelta(days=30), FIRST + timedelta(days=60),
    ]  # fmt: skip
    score = trends.figure()
    assert [trace.name for trace in score.data if trace.name == "events"] == ["events"]
    assert HOSTILE not in str(score.to_json())
    assert "bad tick" in [trace.name for trace in trends.figure("findings").data]
    assert "0.075" in trends.figure("close.missing_rate").layout.meta["alt"]
    shown = trends._repr_html_()
    assert (shown.count("<g><title>"), shown.count("<a ")) == (70, 0)  # JupyterLab stumbles over links within a drawing
    assert "70 sessions" in repr(trends)
    with pytest.raises(BadInput, match="did you mean 'close"):
        trends.figure("close.missing_rat")


def test_trends_of_a_stretch(lab: Lab) -> None:
    trends = lab.trends("mine", start="2024-02-01", end=date(2024, 2, 10))
    assert len(trends.to_polars()) == 10
    assert trends.figure().layout.meta["alt"]
    with pytest.raises(BadInput, match="no run of a session in that range"):
        lab.trends("mine", start="2030-01-01")
    with pytest.raises(BadInput, match="no contract for 'mind'"):
        lab.trends("mind")


def test_trends_without_runs_say_so(lab: Lab) -> None:
    trends = lab.trends("us_equities")
    assert "no run has ended yet" in trends._repr_html_()
    assert "last score none" in repr(trends)
    assert trends.figure().layout.meta["alt"]
    assert trends.figure("findings").layout.meta["alt"]
