"""A run is done again as it was: after a correction it gives the old score, to the bit, and leaves the lab alone."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Say, say
from tests.feeds import MINUTES, bars, write
from tests.pipeline.test_differences import LAST, NAME, made
from workbench.audit.seals import links, read_kept
from workbench.ingest.feeds.opening import open_feed
from workbench.lab import replays
from workbench.lab.lab import Lab, open_lab
from workbench.lab.layout import lay_out
from workbench.lab.verifying import verified
from workbench.lake import Zone
from workbench.model.errors import BadInput
from workbench.pipeline import replaying
from workbench.pipeline.backfill import Notebooks, backfill
from workbench.pipeline.replaying import differences, replay
from workbench.pipeline.streaming import Ending, follow

__all__ = ["made", "say"]
pytestmark = pytest.mark.slow
Made = tuple[Lab, str, Any, str]


def everything(root: Path) -> dict[str, tuple[int, int]]:
    """Return every file of a lab, with its size and time; locks and bytecode apart."""
    files = (p for p in root.rglob("*") if p.is_file() and not {"locks", "__pycache__"} & set(p.parts))
    return {str(p.relative_to(root)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def test_a_run_before_a_correction_gives_the_old_score_after_it(made: Made, say: Say, tmp_path: Path) -> None:
    lab, first, _, second = made
    scores = [(lab.run(run).manifest.score or {})["score"] for run in (first, second)]
    assert scores[0] < scores[1]
    before = everything(lab.root)
    said = say("audit", "replay", first, "--lab", lab.root, "--json")
    assert said.status == 0, (said.out, said.err)
    assert said.json["is_same"]
    assert said.json["differences"] == said.json["reasons"] == []
    assert said.json["score"] == {"then": scores[0], "now": scores[0]}
    assert said.json["state"]["then"] == said.json["state"]["now"]
    assert everything(lab.root) == before
    again = replay(lab, second, keep=tmp_path / "kept")
    assert again.is_same, again.differences
    assert (tmp_path / "kept" / "data" / "metadata" / "runs" / "2024" / "03" / "28" / second / "quality.ipynb").is_file()
    assert everything(lab.root) == before
    kept = [path for path in (tmp_path / "kept").rglob("*.parquet") if path.is_file()]
    assert kept
    assert all(path.stat().st_nlink == 1 for path in kept)
    for taken in (tmp_path / "kept", lab.root, lab.root / "workbench.toml"):
        refused = say("audit", "replay", first, "--keep", taken, "--lab", lab.root)
        assert (refused.status, "expected an empty folder" in refused.err) == (2, True)
    assert everything(lab.root) == before


def test_the_notebooks_and_the_contract_of_that_time_are_used(made: Made) -> None:
    lab, first, _, _ = made
    notebook, contract = lab.stages / "quality.ipynb", lab.root / "contracts" / "mine.toml"
    kept = notebook.read_text(), contract.read_text()
    try:
        notebook.write_text(kept[0].replace("scored.quality_record(session)", "{**scored.quality_record(session), 'score': 1.5}"))
        contract.write_text(kept[1] + "[score]\nmin_score = 99\n")
        assert replay(lab, first).is_same
        today = replay(lab, first, current_code=True)
        assert today.differences == (f"score.score: {(lab.run(first).manifest.score or {})['score']} then, 1.5 now",)
        assert today.reasons == ("replayed with today's code and notebooks",)
    finally:
        notebook.write_text(kept[0])
        contract.write_text(kept[1])


def test_the_package_of_that_time_is_used(made: Made, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    lab, first, _, _ = made

    def other(metadata: Path, hashed: str, what: str) -> bytes:
        content = read_kept(metadata, hashed, what)
        if what != "package":
            return content
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
            for name in old.namelist():
                text = old.read(name)
                new.writestr(
                    name, text.replace(b"Fraction(20, 100)", b"Fraction(60, 100)") if name.endswith("score.py") else text
                )
        return buffer.getvalue()

    monkeypatch.setattr(replays, "read_kept", other)
    said = say("audit", "replay", first, "--lab", lab.root)
    assert said.status == 1
    assert "score.score: " in said.out
    assert "not the same" in said.out


def test_a_run_without_notebooks_is_replayed_by_them(made: Made) -> None:
    lab = made[0]
    backfill(lab, lab[NAME], date(2024, 3, 26), date(2024, 3, 27), notebooks=Notebooks.NONE)
    for run in lab.runs(start="2024-03-26", end="2024-03-27").to_polars()["run"]:
        done = replay(lab, run)
        assert done.is_same, done.differences


def test_what_cannot_be_replayed_says_why(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab, first, _, _ = made
    with pytest.raises(BadInput, match="no run 'nobody'"):
        replay(lab, "nobody")
    monkeypatch.setattr(
        replaying, "environment", lambda: {**lab.run(first).manifest.environment, "python": "9.9", "polars": "0.0.1"}
    )
    monkeypatch.setattr(replaying.sys, "executable", "/bin/false")
    overlay, told = replaying._libraries(tmp_path, lab.run(first).manifest.environment)
    assert overlay is None
    assert told[0].startswith("python was 3.")
    assert "polars was" in told[1]
    assert "could not be brought" in told[1]


def test_a_file_that_was_altered_is_a_reason(made: Made) -> None:
    lab, first, _, _ = made
    report = next((lab.lake.zone(Zone.METADATA) / "runs").glob(f"*/*/*/{first}/report.html"))
    kept = report.read_bytes()
    try:
        report.write_bytes(b"all is well")
        assert [reason for reason in replay(lab, first).reasons if "report.html: altered" in reason]
    finally:
        report.write_bytes(kept)
    assert len(links(lab.lake.zone(Zone.METADATA), NAME)) >= 2


def test_differences_name_their_place(made: Made) -> None:
    manifest = made[0].run(made[1]).manifest
    other = json.loads(json.dumps(manifest.score))
    other["findings"][0]["confidence"] = 0.123
    other["findings"].append({"id": "new", "kind": "stale"})
    changed = manifest.__class__(**{**{f: getattr(manifest, f) for f in manifest.__slots__}, "score": other})
    lines = differences(manifest, changed)
    assert lines[0].startswith(f"score.findings[{other['findings'][0]['id']}].confidence: ")
    assert lines[1] == 'score.findings[new]: nothing then, {"id": "new", "kind": "stale"} now'
    assert manifest.session == LAST


def test_a_session_that_came_through_a_feed_is_replayed(tmp_path: Path) -> None:
    lay_out(tmp_path / "lab")
    (tmp_path / "lab/contracts/minutes.toml").write_text(MINUTES)
    lab = open_lab(tmp_path / "lab")
    source = write(tmp_path / "feed.jsonl", [*bars(60), "no json"])
    feed = open_feed(str(source), root=Path(), dataset="minutes")
    done = follow(lab, lab["minutes"], feed, Ending(lambda: False, 0.0), judges=True)
    (run,) = (run for run, _ in done.judged.values())
    again = replay(lab, run)
    assert again.is_same, again.differences
    assert verified(lab, run).problems == []
