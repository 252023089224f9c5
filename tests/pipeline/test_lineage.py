"""OpenLineage: what each stage read and made, in the run's folder, without secrets, and to a server that is named."""

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from workbench.model.runs import Outcome, StageRecord
from workbench.pipeline import lineage
from workbench.pipeline.lineage import FILE_NAME, note_lineage
from workbench.pipeline.planning import Plan

VERSIONS = {"processed/bars": 4, "quarantine/bars": None, "derived/returns/bars": 2}
ARRIVAL = {"id": "0123456789abcdef", "source": "vendor", "name": "bars.csv", "path": "raw/vendor/bars/2024/01/02/0123-bars.csv"}
CHECKS = [
    {"name": "ohlc_order", "verdict": "FAIL", "failures": 2},
    {"name": "unique_key", "verdict": "PASS", "failures": 0},
    {"name": "freshness", "verdict": "NOT_APPLICABLE", "failures": 0},
]
TRANSFORMED = {"receipts": [ARRIVAL["id"]], "versions": {"processed/bars": 4}}
QUALITY = {"score": 91.5, "band": "ok", "dimensions": {"consistency": {"checks": CHECKS}}}
STAGES = (
    StageRecord("ingest", Outcome.DONE, 1.5, measured={"arrivals": [ARRIVAL]}),
    StageRecord("transform", Outcome.DONE, measured={"transformed": TRANSFORMED}),
    StageRecord("quality", Outcome.DONE, measured={"quality": QUALITY}),
    StageRecord("report", Outcome.FAILED, error="cell 1: OSError: https://me:pw@host/x?token=abc"),
)


@pytest.fixture(autouse=True)
def surroundings() -> Iterator[None]:
    """Take back what OpenLineage's client writes into the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(lineage, "_server", lineage._Server())
    moment = datetime(2024, 1, 3, tzinfo=UTC)
    return Plan("20240103T000000Z-abc", "bars", date(2024, 1, 2), moment, moment, {}, tmp_path)


def noted(plan: Plan) -> list[dict[str, Any]]:
    for stage in STAGES:
        note_lineage(plan, stage, VERSIONS)
    return [json.loads(line) for line in (plan.folder / FILE_NAME).read_text().splitlines()]


def test_each_stage_begins_and_ends_with_what_it_read_and_made(plan: Plan) -> None:
    events = noted(plan)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 3 + ["START", "FAIL"]
    ingest, transform, quality, report = events[1::2]
    assert [d["name"] for d in ingest["inputs"]] == ["source/vendor/bars.csv"]
    assert ingest["outputs"][0]["facets"]["version"]["datasetVersion"] == ARRIVAL["id"]
    assert [d["name"] for d in transform["inputs"]] == [f"receipt/{ARRIVAL['id']}"]
    assert transform["outputs"][0]["facets"]["version"]["datasetVersion"] == "4"
    assert [(d["name"], d["facets"]["version"]["datasetVersion"]) for d in quality["inputs"]] == [("processed/bars", "4")]
    told = quality["outputs"][0]["facets"]["dataQualityAssertions"]["assertions"]
    assert [(a["assertion"], a["success"]) for a in told] == [("ohlc_order", False), ("unique_key", True), ("score", True)]
    assert report["run"]["facets"]["parent"]["run"] == ingest["run"]["facets"]["parent"]["run"]
    assert {event["run"]["runId"] for event in events[:2]} == {ingest["run"]["runId"]}
    assert events[0]["eventTime"] < events[1]["eventTime"]


def test_secrets_do_not_reach_an_event(plan: Plan) -> None:
    noted(plan)
    text = (plan.folder / FILE_NAME).read_text()
    assert "me:pw" not in text
    assert "token=abc" not in text
    assert "OSError" in text


@pytest.fixture
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []

    class Marquez(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Marquez) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()


def test_events_go_to_a_server_that_is_named(
    plan: Plan, server: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", server[0])
    note_lineage(plan, STAGES[0], VERSIONS)
    assert [event["eventType"] for event in server[1]] == ["START", "COMPLETE"]


def test_a_server_that_does_not_answer_holds_up_nothing_and_is_told(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        assert len(noted(plan)) == 2 * len(STAGES)
    assert caplog.text.count("could not be sent") == 1
