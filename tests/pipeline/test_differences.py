"""What was known at a moment, and what is different between two runs: a bad price, a run, a corrected file, another run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Say, say
from workbench.lab.exact import exact_document, score_from
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lake.decisions import append_entries
from workbench.model.decisions import Action, LedgerEntry
from workbench.model.errors import BadInput
from workbench.pipeline.daily import run_daily

__all__ = ["say"]
NAME = "mine"
LAST = date(2024, 3, 28)
NOW = datetime(2024, 3, 29, tzinfo=UTC)
HOLIDAYS = (date(2024, 1, 15), date(2024, 2, 19))
pytestmark = pytest.mark.slow
CONTRACT = """dataset = "mine"
calendar = "XNYS"
[[sources]]
name = "vendor"
path = "incoming/*.csv"
"""
HOSTILE = "<img src=x onerror=window.hacked=1>"


def sessions() -> list[date]:
    days = pl.date_range(date(2024, 1, 2), LAST, eager=True).to_list()
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]


def bars(bad: bool) -> str:
    """Return three symbols' bars; in the bad file one has its high below its low on one day."""
    lines = ["Symbol,Date,Open,High,Low,Close,Volume"]
    for symbol, base in (("AAA", 10.0), ("BBB", 50.0), (HOSTILE, 30.0)):
        for number, day in enumerate(sessions()):
            close = base + (7 * number % 11) / 10
            high, low = close + 0.5, close - 0.5
            if bad and symbol == "AAA" and day == date(2024, 2, 6):
                high, low = low, high
            lines.append(f"{symbol},{day},{close},{high},{low},{close},{1000 + number}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, warm_processes: Path) -> tuple[Lab, str, datetime, str]:
    """Return a lab, its first run, a moment behind it, and the run behind the corrected file."""
    root = tmp_path_factory.mktemp("diff") / "lab"
    lay_out(root)
    (root / "contracts" / "mine.toml").write_text(CONTRACT)
    (root / "incoming").mkdir()
    (root / "incoming" / "first.csv").write_text(bars(bad=True))
    lab = open_lab(root)
    lab[NAME].update()
    first = run_daily(lab, lab[NAME], LAST, now=NOW)
    between = datetime.now(UTC)
    (root / "contracts" / "mine.toml").write_text(CONTRACT + "[freshness]\nmax_age_hours = 1\n")
    (root / "incoming" / "second.csv").write_text(bars(bad=False))
    append_entries(lab.lake, NAME, [LedgerEntry(datetime.now(UTC), "ann", Action.KEEP, HOSTILE, "f1")])
    lab[NAME].update()
    second = run_daily(lab, lab[NAME], LAST, now=NOW + timedelta(hours=6))
    return lab, first.manifest.id, between, second.manifest.id


def test_a_difference_says_what_and_why(made: tuple[Lab, str, datetime, str]) -> None:
    lab, first, _, second = made
    document = lab.diff(first, second).to_json()
    assert next(iter(document)) == "schema"
    assert document["parameters"] == {"now": ["2024-03-29T00:00:00+00:00", "2024-03-29T06:00:00+00:00"]}
    assert document["arrivals"]["gone"] == []
    assert len(document["arrivals"]["new"]) == 1
    assert [document["rows"][word] for word in ("added", "removed", "changed")] == [0, 0, 1]
    assert {(c["symbol"], c["field"], c["before"], c["after"]) for c in document["rows"]["cells"]} == {
        ("AAA", "high", "9.8", "10.8"), ("AAA", "low", "10.8", "9.8"),
    }  # fmt: skip
    assert [f["kind"] for f in document["findings"]["gone"] if f["symbol"] == "AAA"] == ["ohlc_order"]
    assert [line for line in document["contract"] if line.startswith("+")][1:] == ["+[freshness]", "+max_age_hours = 1"]
    assert document["code"] == document["notebooks"] == document["environment"] == {}
    assert document["unknown"] == []
    score = document["score"]
    assert score["change"] == pytest.approx(sum(row["points"] for row in score["checks"]))
    assert "ohlc_order" in {row["check"] for row in score["checks"]}
    assert lab.diff(first, first).to_json()["score"]["checks"] == []


def test_what_runs_recorded_gives_the_score_back_exactly(made: tuple[Lab, str, datetime, str]) -> None:
    lab, first, _, second = made
    for run in (first, second):
        recorded = lab.run(run).manifest.score
        assert recorded is not None
        score = score_from(recorded["exact"])
        assert exact_document(score) == recorded["exact"]
        assert float(score.value) == recorded["score"]
        assert 100 - score.value == sum((check.points_lost for check in score.checks), Fraction(0))
    made_again = lab.diff(first, second).compared
    assert made_again is not None
    assert made_again.comparison.by("symbol")["AAA"] > 0


def test_what_cannot_be_compared_is_said(made: tuple[Lab, str, datetime, str]) -> None:
    lab, first, _, second = made
    changed, older = lab.run(second), lab.run(first)
    object.__setattr__(changed.manifest, "inputs", changed.manifest.inputs | {"code": "another"})
    object.__setattr__(older.manifest, "score", {"score": 90.0, "findings": []})
    document = lab.diff(older, changed).to_json()
    assert document["code"] == {}, "the packages that were sealed are the same"
    assert document["score"] is None
    assert document["unknown"] == [f"run {first} recorded no exact score: it is older"]
    with pytest.raises(BadInput, match="no run 'nobody'"):
        lab.diff(first, "nobody")


def test_what_was_known_then_is_not_what_is_known_now(made: tuple[Lab, str, datetime, str], say: Say, tmp_path: Path) -> None:
    lab, first, between, second = made
    then, now = lab.asof(NAME, between), lab.asof(NAME, datetime.now(UTC))
    assert (then.run or {})["run"] == first
    assert (now.run or {})["run"] == second
    assert "ohlc_order" in {f["kind"] for f in then.open_findings}
    assert "ohlc_order" not in {f["kind"] for f in now.open_findings}
    assert (len(then.decisions), len(now.decisions)) == (0, 1)
    assert (then.arrivals, now.arrivals) == (1, 2)
    assert then.versions["processed/mine"] < now.versions["processed/mine"]
    page = tmp_path / "then.html"
    said = say("audit", "asof", NAME, between.isoformat(), "--html", page, "--lab", lab.root)
    assert said.status == 0
    assert first in said.out
    assert "Decisions that stood: 0" in said.out
    assert "<img" not in page.read_text()
    document = say("audit", "asof", NAME, "2100-01-01", "--lab", lab.root, "--json").json
    assert document["decisions"][0]["reason"] == HOSTILE
    assert say("audit", "asof", NAME, "2001-01-01", "--lab", lab.root).status == 2
    assert say("audit", "asof", NAME, "whenever", "--lab", lab.root).status == 2


def test_a_difference_on_the_command_line_and_as_a_page(made: tuple[Lab, str, datetime, str], say: Say, tmp_path: Path) -> None:
    lab, first, _, second = made
    page = tmp_path / "diff.html"
    said = say("audit", "diff", first, second, "--html", page, "--lab", lab.root)
    assert said.status == 0
    for part in (
        "Rows: 0 added, 0 removed, 1 changed",
        "AAA",
        "ohlc_order",
        "Contract: another",
        "+max_age_hours = 1",
        "Code: the same",
    ):
        assert part in said.out, part
    text = page.read_text()
    assert "What moved the score" in text
    assert "<img src=x" not in text
    assert "the parts below add up exactly" in text
    assert "1 changed" in text
    assert "What is different" in lab.diff(first, second)._repr_html_()
    assert say("audit", "diff", first, "nobody", "--lab", lab.root).status == 2
