"""The report page: what it says, that it is alive offline, and that a vendor's text stays text."""

from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.audit.report import ReportContent, render_report
from workbench.lab.check import Checked
from workbench.lab.report import write_check_report
from workbench.model.errors import BadInput
from workbench.model.findings import Finding, Severity
from workbench.model.score import score_text

HOSTILE = "</script><script>window.hacked = 1; alert(1)</script><img src=x onerror=alert(2)>"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture
def hostile() -> Checked:
    days = pl.date_range(date(2024, 1, 2), date(2024, 3, 28), eager=True)
    days = days.filter(days.dt.weekday() < 6)
    parts = [
        pl.DataFrame({"symbol": symbol, "date": days, "close": [10.0 + i % 7 for i in range(len(days))]}).with_columns(
            pl.when(pl.int_range(pl.len()) == 20).then(0.0).otherwise("close").alias("close")
        )
        for symbol in (HOSTILE, "=cmd()", "x" * 10_000)
    ]
    return wb.check(pl.concat(parts))


def test_the_page_names_the_score_and_every_costly_check(hostile: Checked, tmp_path: Path) -> None:
    page = write_check_report(hostile, tmp_path / "r.html").read_text()
    assert score_text(hostile.score.value) in page
    for check in hostile.score.checks:
        if check.points_lost:
            assert check.result.name in page
    assert HOSTILE not in page
    assert "<img src=x" not in page
    assert page.count('id="plotly"') == 1


def test_a_page_that_cannot_be_written_says_so(hostile: Checked, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        write_check_report(hostile, tmp_path / "nowhere" / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_nothing_wrong_is_said_plainly(sample: Path, tmp_path: Path) -> None:
    page = write_check_report(wb.check(sample), tmp_path / "r.html").read_text()
    assert "Nothing wrong was found." in page
    assert "no check lost a point" in page


def test_content_without_figures_renders() -> None:
    score = wb.check(pl.DataFrame({"date": [date(2024, 1, 2), date(2024, 1, 3)], "close": [1.0, 1.1]})).score
    page = render_report(ReportContent("title", "sub", score, (), datetime(2024, 1, 1, tzinfo=UTC), changes=("first run",)))
    assert "first run" in page
    assert "<script" not in page


def test_what_is_worst_is_shown_and_what_is_close_is_not_rounded_up(hostile: Checked) -> None:
    day = date(2024, 1, 2)
    mild = [Finding("mild", "A", day, day, 1, Severity.LOW, 0.5) for _ in range(250)]
    bad = Finding("bad", "worst\ud800\u202e", day, day, 1, Severity.CRITICAL, 0.9)
    score = replace(hostile.score, value=Fraction(8496, 100))
    page = render_report(
        ReportContent("t", "s", score, (*mild, bad), datetime(2024, 1, 1, tzinfo=UTC), facts=(("f", "A" * 10_000),))
    )
    assert "worst" in page.encode().decode()
    assert "\u202e" not in page
    assert "84.9 <small>" in page
    assert "A" * 1_000 not in page


@pytest.mark.browser
@pytest.mark.slow
def test_nothing_is_wider_than_a_phone(hostile: Checked, tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    path = write_check_report(hostile, tmp_path / "r.html")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.close()


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_is_alive_offline_and_inert(hostile: Checked, tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    path = write_check_report(hostile, tmp_path / "r.html")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        plots = page.locator(".plot")
        for number in range(plots.count()):
            plots.nth(number).scroll_into_view_if_needed()
            plots.nth(number).locator(".main-svg").first.wait_for(timeout=10_000)
        assert plots.count() >= 8
        assert page.evaluate("window.hacked") is None
        assert said == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        browser.close()
