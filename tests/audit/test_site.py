"""The site: what it shows, that only changes are written, that hostile text is inert, and that nothing leaves the machine."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from tests.cli.conftest import Say, say
from tests.lab.test_history import FIRST, SCORE, manifest, stored
from workbench.audit.shared import share_plotly
from workbench.audit.site.calendars import level, span_calendar
from workbench.audit.store import run_folder
from workbench.figures.over_time import thinned
from workbench.lab.history import keep_runs
from workbench.lab.lab import Lab
from workbench.lab.layout import lay_out
from workbench.lab.site import build_site
from workbench.lake.decisions import append_entries
from workbench.model.decisions import Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.model.runs import Outcome, RunManifest, StageRecord

__all__ = ["say"]
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u202e"
FINDING = {"id": "f", "kind": "bad_tick", "symbol": HOSTILE, "start": "2024-01-02", "end": "2024-01-03", "severity": "high",
           "observed": {"close": 1.5}}  # fmt: skip


def said(number: int) -> dict[str, Any]:
    found = [{**FINDING, "id": f"f{n}"} for n in range(number % 4)]
    return SCORE | {"score": 100.0 - number % 40, "findings": found, "symbols": {HOSTILE: 60.0 + number % 30, "AAA": 100.0},
                    "band": "medium" if number % 40 else "ok"}  # fmt: skip


def some_runs(dataset: str, count: int) -> list[RunManifest]:
    failed = StageRecord("ingest", Outcome.FAILED, 1.0, error=f"cell 3: {HOSTILE}")
    return [
        manifest(number, id=f"{dataset}{number}", dataset=dataset, score=said(number), inputs={"contract": f"c{number // 30}"})
        if number % 17 else
        manifest(number, id=f"{dataset}{number}", dataset=dataset, score=None, outcome=Outcome.FAILED, stages=(failed,))
        for number in range(1, count + 1)
    ]  # fmt: skip


def kept(lab: Lab, runs: list[RunManifest]) -> None:
    stored(lab.lake, runs[-1])
    keep_runs(lab.lake, runs[0].dataset, runs)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lay_out(tmp_path / "lab")
    contract = 'dataset = "mine"\ntitle = "Mine </title><script>window.hacked=1</script>"\n'
    (tmp_path / "lab" / "contracts" / "mine.toml").write_text(contract)
    lab = wb.open(tmp_path / "lab")
    kept(lab, some_runs("mine", 70))
    kept(lab, some_runs("orphan", 3))
    entry = LedgerEntry(manifest(5).now, "ann", Action.KEEP, HOSTILE, "f", "bad_tick", HOSTILE, FIRST, FIRST)
    append_entries(lab.lake, "mine", [entry])
    folder = run_folder(lab.root / "data" / "metadata", "mine70", FIRST + timedelta(days=70))
    share_plotly(folder.parents[3])
    (folder / "report.html").write_text("<p>the report</p>")
    return lab


def test_a_site_holds_pages_for_datasets_months_and_symbols(lab: Lab, tmp_path: Path) -> None:
    site = tmp_path / "site"
    built = build_site(lab, site)
    pages = {p.relative_to(site).as_posix() for p in site.rglob("*.html")}
    assert built.pages == len(pages) - 1, "the report is none of ours"
    listed = {f"d/mine/{name}.html" for name in ("index", "runs-2024-01", "runs-2024-03", "s/AAA")}
    assert {"index.html", "d/orphan/index.html"} | listed < pages
    assert (site / "runs" / "2024" / "03" / "12" / "mine70" / "report.html").read_text() == "<p>the report</p>"
    home, own = ((site / name).read_text() for name in ("index.html", "d/mine/index.html"))
    assert "73 runs" in home
    assert 'href="../../runs/2024/03/12/mine70/report.html"' in own
    assert "contract changed" in own
    assert "1 decision(s)" in own
    assert 'href="runs-2024-01.html#2024-01-08"' in own
    assert "cell 3: &lt;/script&gt;" in (site / "d/mine/runs-2024-01.html").read_text()
    assert len(list((site / "runs").glob("plotly-*.js"))) == 1
    for name in pages:
        text = (site / name).read_text()
        assert "<script>window" not in text, name
        assert "<img" not in text, name
        assert "\u202e" not in text, name
        assert "https://" not in text, name
        assert len(text) < 1_000_000, name


def test_only_what_has_changed_is_written_again(lab: Lab, tmp_path: Path, say: Say) -> None:
    site = tmp_path / "site"
    first = build_site(lab, site)
    assert first.written == first.pages
    times = {p: p.stat().st_mtime_ns for p in site.rglob("*.html")}
    again = say("audit", "site", site, "--lab", lab.root, "--json").json
    assert (again["pages"], again["written"], again["removed"], again["reports"]) == (first.pages, 0, 0, 0)
    assert times == {p: p.stat().st_mtime_ns for p in site.rglob("*.html")}
    kept(lab, [manifest(71, id="new", score=said(71))])
    assert "written now" in say("audit", "site", site, "--lab", lab.root).out
    written = {p.relative_to(site).as_posix() for p, at in times.items() if p.stat().st_mtime_ns != at}
    assert {"index.html", "d/mine/index.html", "d/mine/runs-2024-03.html"} <= written
    assert "d/mine/runs-2024-01.html" not in written
    assert not any(name.startswith("d/orphan") for name in written)
    state = json.loads((site / ".workbench-site.json").read_text())
    assert len(state) == first.pages


def test_a_site_is_not_built_over_something_else(lab: Lab, tmp_path: Path, say: Say) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="name another place"):
        build_site(lab, tmp_path / "mine")
    assert say("audit", "site", tmp_path / "mine" / "thesis.txt", "--lab", lab.root).status == 2
    for path in (lab.root / "data" / "metadata" / "history" / "orphan").rglob("*.json"):
        path.write_text("{torn")
    build_site(lab, tmp_path / "site")
    home = (tmp_path / "site" / "index.html").read_text()
    assert "cannot be shown" in home
    assert "d/mine/index.html" in home


def test_a_lab_without_runs_has_a_site_that_says_so(tmp_path: Path) -> None:
    lay_out(tmp_path / "lab")
    assert build_site(wb.open(tmp_path / "lab"), tmp_path / "site").pages == 1
    assert "No run has ended yet" in (tmp_path / "site" / "index.html").read_text()


def test_colours_and_weeks(lab: Lab) -> None:
    assert [level(s, "done") for s in (100.0, 99.5, 97.0, 90.0, 75.0, 10.0)] == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert level(100.0, "failed") == level(None, "done") == "sx"
    runs = lab.runs("mine").to_polars()
    svg = span_calendar(runs, date(2024, 1, 1), date(2024, 3, 31), lambda day: f"#{day}")
    assert svg.count("<a ") == 70
    assert svg.count('class="cross"') == 4
    for name in ("Jan", "Feb", "Mar"):
        assert f">{name}<" in svg
    worst = thinned(runs.drop_nulls("score").sort("session"), 12)
    assert len(worst) <= 12
    assert worst["score"].min() == runs["score"].min()


@pytest.mark.browser
@pytest.mark.slow
def test_the_site_is_alive_offline_and_inert_light_and_dark(lab: Lab, tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    site = tmp_path / "site"
    build_site(lab, site)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            told: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message, told=told: told.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error, told=told: told.append(str(error)))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            for name in ["index.html", *sorted(p.relative_to(site).as_posix() for p in site.glob("d/**/*.html"))]:
                page.goto((site / name).as_uri())
                for number in range(page.locator(".plot").count()):
                    page.locator(".plot").nth(number).scroll_into_view_if_needed()
                    page.locator(".plot").nth(number).locator(".main-svg").first.wait_for(timeout=10_000)
                assert page.evaluate("window.hacked") is None, name
                assert page.evaluate("document.documentElement.scrollWidth") <= 1280, name
            assert told == []
            assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        page.goto((site / "index.html").as_uri())
        page.locator("a", has_text="Mine").first.click()
        page.locator("svg.year a").first.click()
        assert "runs-2024-01.html#2024-01" in page.url
        browser.close()


def test_sessions_that_did_not_come_are_marked(lab: Lab) -> None:
    missing = FINDING | {"kind": "missing_session"}
    kept(lab, [manifest(n, id=f"late{n}", score=said(40) | {"findings": [missing] * (n - 79)}) for n in (80, 81)])
    notes = lab.trends("mine").notes
    assert notes.filter(notes["what"] == "sessions missing")["session"].to_list() == [FIRST + timedelta(days=n) for n in (80, 81)]
