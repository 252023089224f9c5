"""Who is told of a run, what, and how soon; and that nothing fails with the telling."""

import json
import logging
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from workbench.model.runs import Outcome, RunManifest, StageRecord
from workbench.monitor.alerts import Level
from workbench.monitor.telling import Alert, tell
from workbench.pipeline.notify import alert_of

MOMENT = datetime(2024, 1, 3, tzinfo=UTC)
ALARM = {"level": "high", "what": "symbol", "name": "A", "score": 80.0}
GOOD: dict[str, Any] = {"score": 99.0, "band": "ok", "findings": [], "alarms": []}


def ran(score: dict[str, Any] | None = None, *, failed: bool = False, seconds: float = 10.0) -> RunManifest:
    outcome = Outcome.FAILED if failed else Outcome.DONE
    stage = StageRecord("quality", outcome, seconds, error="cell 3: KeyError: close" if failed else None)
    return RunManifest(
        "r1",
        "bars",
        date(2024, 1, 2),
        outcome,
        MOMENT,
        MOMENT,
        MOMENT,
        {},
        {},
        {},
        {},
        (stage,),
        None if failed else score or GOOD,
    )


@pytest.mark.parametrize(
    ("manifest", "usual", "level", "words"),
    [
        (ran(), None, None, ""),
        (ran(failed=True), None, Level.CRITICAL, "stage quality failed: cell 3: KeyError: close"),
        (ran({**GOOD, "band": "critical", "score": 61.25}), None, Level.CRITICAL, "score 61.2"),
        (ran({**GOOD, "band": "medium", "findings": [{"kind": "stale", "symbol": "A"}]}), None, Level.MEDIUM, "stale of A"),
        (
            ran({**GOOD, "alarms": [{"level": "high", "what": "symbol", "name": "A", "score": 80.0}]}),
            None,
            Level.HIGH,
            "symbol A",
        ),
        (ran(seconds=41), 20.0, Level.HIGH, "it took 41 s, 2.0 times the usual 20 s"),
        (ran(seconds=39), 20.0, None, ""),
        (ran(seconds=3), 1.0, None, ""),
    ],
)
def test_the_missions_thresholds(manifest: RunManifest, usual: float | None, level: Level | None, words: str) -> None:
    alert = alert_of(manifest, usual)
    assert (alert.level if alert else None) == level
    assert words in (alert.reasons[0] if alert else "")


def test_the_most_urgent_reason_comes_first() -> None:
    worst = {**GOOD, "band": "medium", "alarms": [{**ALARM, "level": "critical"}]}
    alert = alert_of(ran(worst, seconds=100), 20.0)
    assert alert is not None
    assert [reason.split()[0] for reason in alert.reasons] == ["symbol", "it", "score"]


ALERT = Alert(Level.HIGH, "bars", date(2024, 1, 2), "r1", MOMENT, ("score 80.0",))


def test_an_alert_is_a_line_in_a_file_and_handed_to_the_command(tmp_path: Path) -> None:
    keep = f"import sys, pathlib; pathlib.Path({str(tmp_path / 'told')!r}).write_text(sys.stdin.read())"
    tell(ALERT, tmp_path / "alerts", [sys.executable, "-c", keep])
    line = (tmp_path / "alerts" / "2024-01.ndjson").read_text()
    assert json.loads(line) == {
        "schema": "workbench.alert/1", "level": "high", "dataset": "bars", "session": "2024-01-02", "run": "r1",
        "at": "2024-01-03T00:00:00+00:00", "reasons": ["score 80.0"],
    }  # fmt: skip
    assert (tmp_path / "told").read_text() == line.strip()


@pytest.mark.parametrize(
    ("command", "why"), [(["/no/such/program"], "No such file"), ([sys.executable, "-c", "raise SystemExit(4)"], "ended with 4")]
)
def test_a_command_that_fails_is_logged_and_the_alert_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, command: list[str], why: str
) -> None:
    with caplog.at_level(logging.WARNING):
        tell(ALERT, tmp_path, command)
    assert why in caplog.text
    assert (tmp_path / "2024-01.ndjson").exists()
